/* SPDX-License-Identifier: Apache-2.0 */
/* How a session ends, by the table of hawser(7): close, shutdown, exit, _exit, a crash, an abort. */
#include "rendezvous.h"

#include "raw.h"

/* All arrives, then the end, although the program is gone long before. */
static void close_delivers(void)
{
	child_and(delivers, expect_delivery);
}

static void shuts_and_reads(void *unused)
{
	int fd = dial_home();

	(void)unused;
	write_content(fd, LOTS, 1);
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	read_content(fd, LOTS, 2);
	read_end(fd);
	CHECK_EQ(hawser_drain(fd, WAIT_MS), 0);
	CHECK_EQ(hawser_error(fd), 0);
	close(fd);
}

/* Half-close keeps its meaning: the other direction goes on. */
static void shutdown_is_half_close(void)
{
	pid_t pid = child(shuts_and_reads, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	read_end(fd);
	write_content(fd, LOTS, 2);
	close(fd);
	expect_exit(pid, 0);
}

static void leaves_unread(void *unused)
{
	int fd = dial_home();
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)unused;
	write_content(fd, LOTS, 1);
	CHECK_EQ(poll(&p, 1, -1), 1);
	close(fd);
}

/* Closed with bytes unread: what was written arrives all the same, then the peer is told by a reset. */
static void close_with_unread_bytes(void)
{
	pid_t pid = child(leaves_unread, NULL);
	int fd = accept_one();

	write_content(fd, 1000, 2);
	read_content(fd, LOTS, 1);
	read_end(fd);
	expect_exit(pid, 0);
	close(fd);
}

static void exits_open(void *unused)
{
	int fd = dial_home();

	(void)unused;
	write_content(fd, LOTS, 1);
	exit(0);        /* without close */
}

static void exit_delivers(void)
{
	child_and(exits_open, expect_delivery);
}

/* The reader takes the last part only when the writer's process is gone. */
static void exit_delivers_to_a_slow_reader(void)
{
	pid_t pid = child(exits_open, NULL);
	int fd = accept_one();

	/* More would stay with the writer, who waits for it to fit: in both ends' buffers. */
	read_content(fd, LOTS - SLOW, 1);
	expect_exit(pid, 0);
	usleep(3500000);        /* longer than orphan_timeout: only a wrong driver or core would notice */
	uint8_t *rest = malloc(SLOW);
	CHECK(rest);
	for (size_t have = 0; have < SLOW;) {
		ssize_t n = read(fd, rest + have, SLOW - have);

		CHECK(n > 0);
		have += (size_t)n;
	}
	verify(rest, SLOW, LOTS - SLOW, 1);
	free(rest);
	read_end(fd);
	close(fd);
}

static void exits_at_once(void *unused)
{
	(void)unused;
	dial_home_and_arrive();
	_exit(0);
}

/* Also for a program that only reads, and never a clean end. */
static void quick_exit_is_a_reset(void)
{
	child_and(exits_at_once, expect_reset);
}

static void crashes(void *unused)
{
	(void)unused;
	dial_home_and_arrive();
	raise(SIGKILL);
}

static void crash_is_a_reset(void)
{
	pid_t pid = child(crashes, NULL);
	int fd = accept_one();
	char why[256] = "";

	read_reset(fd);
	CHECK(hawser_reason(fd, why, sizeof why) > 0);
	CHECK(strstr(why, "vanished") || strstr(why, "reset"));
	expect_signal(pid, SIGKILL);
	close(fd);
}

static void aborts(void *unused)
{
	int fd = dial_home_and_arrive();

	(void)unused;
	CHECK_EQ(hawser_abort(fd), 0);
	read_reset(fd);
	CHECK_EQ(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	CHECK_EQ(hawser_error(fd), ECONNRESET);
	close(fd);
}

static void abort_is_a_reset_at_both_ends(void)
{
	child_and(aborts, expect_reset);
}

static void exits_while_it_dials(void *argument)
{
	hawser_options *o = options_of("stream");

	alarm(6);       /* the dial would take 10 s */
	CHECK_EQ(hawser_options_set(o, "nonblock", "yes"), 0);
	int fd = hawser_dial(argument, o);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	exit(0);
}

static void exit_does_not_wait_for_a_dial(void)
{
	unsigned port = 0;
	int silent = raw_listen("127.0.0.1", &port, 4);
	char there[32];

	snprintf(there, sizeof there, "127.0.0.1:%u", port);
	expect_exit(child(exits_while_it_dials, there), 0);
	close(silent);
}

static void *dials(void *address_of_peer)
{
	(void)hawser_dial(address_of_peer, NULL);
	return NULL;
}

static void exits_while_a_thread_dials(void *argument)
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, dials, argument), 0);
	usleep(100000);
	exit(0);
}

/* Carries bytes between two connections until one ends. */
static void relay(int a, int b)
{
	struct pollfd p[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };

	while (poll(p, 2, 10000) > 0)
		for (unsigned i = 0; i < 2; i++)
			if (p[i].revents && !pass_on(p[i].fd, p[1 - i].fd))
				return;
}

/* The answer comes when the process is about to end: the dial that waits for it has no use for it. */
static void exit_while_a_thread_dials(void)
{
	char here[32], there[32];
	unsigned port = 0;
	int l = listen_here("stream", here), silent = raw_listen("127.0.0.1", &port, 4), near, far;

	snprintf(there, sizeof there, "127.0.0.1:%u", port);
	pid_t pid = child(exits_while_a_thread_dials, there);
	near = accept(silent, NULL, NULL);
	CHECK(near >= 0);
	usleep(300000);
	far = raw_connect("127.0.0.1", (unsigned)hawser_port(l));
	relay(near, far);
	expect_exit(pid, 0);
	close(near);
	close(far);
	close(silent);
	close(l);
}

static void closed_listener_refuses(void)
{
	char here[32];
	int l = listen_here("stream", here);

	close(l);
	/* The engine hears of it at once, but not within this call. */
	for (int i = 0; i < 200; i++) {
		int fd = hawser_dial(here, NULL);

		if (fd < 0)
			break;
		close(fd);
		CHECK(i < 199);
		usleep(10000);
	}
	CHECK(errno == ECONNREFUSED || errno == ECONNRESET);
}

int main(void)
{
	rendezvous_open();
	RUN(close_delivers);
	RUN(shutdown_is_half_close);
	RUN(close_with_unread_bytes);
	RUN(exit_delivers);
	RUN(exit_delivers_to_a_slow_reader);
	RUN(quick_exit_is_a_reset);
	RUN(crash_is_a_reset);
	RUN(abort_is_a_reset_at_both_ends);
	RUN(exit_does_not_wait_for_a_dial);
	RUN(exit_while_a_thread_dials);
	RUN(closed_listener_refuses);
	return 0;
}
