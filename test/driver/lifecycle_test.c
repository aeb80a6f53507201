/* SPDX-License-Identifier: Apache-2.0 */
/* The table of hawser(7): what close, shutdown, exit, _exit, crash, fork, daemon, exec and SCM_RIGHTS do. */
#include "ends.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/uio.h>

#include "driver/engine.h"

#define LOTS (8u << 20)
#define SLOW (2u << 20)         /* fits in a receiver's buffers */

/* The test's process is the peer, which listens; the child does what the line of the table says. */
static char address[32];
static int listening;

static int accept_one(void)
{
	int fd = accept(listening, NULL, NULL);

	CHECK(fd >= 0);
	return fd;
}

/* --- close and shutdown --- */

static void closes(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	write_content(fd, LOTS, 1);
	CHECK_EQ(close(fd), 0);
}

/* All arrives, then the end, although the program is gone long before. */
static void close_delivers(void)
{
	pid_t pid = child(closes, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	read_end(fd);
	close(fd);
	expect_exit(pid, 0);
}

static void shuts_and_reads(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	write_content(fd, LOTS, 1);
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	read_content(fd, LOTS, 2);
	read_end(fd);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
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
	int fd = dial_there("stream", address);
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

/* --- exit, _exit, crash --- */

static void exits_open(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	write_content(fd, LOTS, 1);
	exit(0);        /* without close */
}

static void exit_delivers(void)
{
	pid_t pid = child(exits_open, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	read_end(fd);
	close(fd);
	expect_exit(pid, 0);
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
	int fd = dial_there("stream", address);

	(void)unused;
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	_exit(0);
}

/* Also for a program that only reads, and never a clean end. */
static void quick_exit_is_a_reset(void)
{
	pid_t pid = child(exits_at_once, NULL);
	int fd = accept_one();

	read_reset(fd);
	CHECK_EQ(hawser_error(fd), ECONNRESET);
	expect_exit(pid, 0);
	close(fd);
}

static void crashes(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
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

/* --- abort --- */

static void aborts(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	CHECK_EQ(hawser_abort(fd), 0);
	read_reset(fd);
	CHECK_EQ(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	CHECK_EQ(hawser_error(fd), ECONNRESET);
	close(fd);
}

static void abort_is_a_reset_at_both_ends(void)
{
	pid_t pid = child(aborts, NULL);
	int fd = accept_one();

	read_reset(fd);
	CHECK_EQ(hawser_error(fd), ECONNRESET);
	close(fd);
	expect_exit(pid, 0);
}

/* --- fork, exec, daemon, SCM_RIGHTS: other processes use the session, its process serves it --- */

static void uses_inherited(void *argument)
{
	int fd = *(int *)argument;
	struct hawser_info info;
	char peer[64];

	CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
	CHECK_EQ(info.state, HAWSER_ESTABLISHED);
	CHECK(hawser_peer(fd, peer, sizeof peer) > 0);
	CHECK(strncmp(peer, "127.0.0.1:", 10) == 0);
	write_content(fd, LOTS, 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	read_content(fd, LOTS, 2);
}

/* The child inherited it; the parent's engine serves it. */
static void forks(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	expect_exit(child(uses_inherited, &fd), 0);
	close(fd);
}

static void fork_shares(void)
{
	pid_t pid = child(forks, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	write_content(fd, LOTS, 2);
	read_end(fd);
	close(fd);
	expect_exit(pid, 0);
}

/* A child that dials for itself has an engine of its own. */
static void forks_and_dials(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	expect_exit(child(closes, NULL), 0);
	close(fd);
}

static void fork_then_own_engine(void)
{
	pid_t pid = child(forks_and_dials, NULL);
	int first = accept_one(), second = accept_one();

	read_content(second, LOTS, 1);
	read_end(second);
	read_end(first);
	close(first);
	close(second);
	expect_exit(pid, 0);
}

struct leave {
	int fd;
	int told;
};

static void reads_reset_later(void *argument)
{
	const struct leave *l = argument;
	char byte;

	CHECK_EQ(read(l->told, &byte, 1), 0);
	read_reset(l->fd);
}

struct holder {
	int told[2];            /* closed when the first process is gone */
	int outcome[2];
};

static void exits_while_child_holds(void *argument)
{
	struct holder *h = argument;
	struct leave l = { .fd = dial_there("stream", address), .told = h->told[0] };

	CHECK_EQ(write(l.fd, "c", 1), 1);
	fflush(NULL);
	if (fork() == 0) {
		close(h->told[1]);
		reads_reset_later(&l);
		CHECK_EQ(write(h->outcome[1], "k", 1), 1);
		_exit(0);
	}
}

/* The engine ends with its process: a child that still holds the session reads a reset. */
static void parent_exit_resets_child(void)
{
	struct holder h;
	char byte;

	CHECK_EQ(pipe(h.told), 0);
	CHECK_EQ(pipe(h.outcome), 0);
	pid_t pid = child(exits_while_child_holds, &h);
	int fd = accept_one();

	CHECK_EQ(read(fd, &byte, 1), 1);
	expect_exit(pid, 0);
	close(h.told[1]);
	close(h.outcome[1]);
	CHECK_EQ(read(h.outcome[0], &byte, 1), 1);
	close(h.told[0]);
	close(h.outcome[0]);
	close(fd);
}

static void execs(void *unused)
{
	int fd = dial_there("stream", address);
	char command[64];

	(void)unused;
	CHECK_EQ(fcntl(fd, F_SETFD, 0), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	/* What is executed reads an error, not an end. */
	snprintf(command, sizeof command, "if cat <&%d; then exit 1; else exit 0; fi 2>/dev/null", fd);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(9);
}

static void exec_is_a_reset(void)
{
	pid_t pid = child(execs, NULL);
	int fd = accept_one();

	read_reset(fd);
	close(fd);
	expect_exit(pid, 0);
}

static void becomes_daemon(void *unused)
{
	(void)unused;
	CHECK_EQ(daemon(1, 1), 0);
	closes(NULL);           /* after daemon(3) all is as ever */
}

static void daemon_then_dial(void)
{
	pid_t pid = child(becomes_daemon, NULL);
	int fd = accept_one();

	expect_exit(pid, 0);
	read_content(fd, LOTS, 1);
	read_end(fd);
	close(fd);
}

static void send_descriptor(int over, int fd)
{
	char byte = 'f', control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	CHECK_EQ(sendmsg(over, &message, 0), 1);
}

static void uses_passed(void *argument)
{
	int over = *(int *)argument, fd;
	char byte, control[CMSG_SPACE(sizeof fd)];
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control,
	};

	CHECK_EQ(recvmsg(over, &message, 0), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	uses_inherited(&fd);
	close(fd);
}

static void passes(void *unused)
{
	int pair[2];

	(void)unused;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid_t pid = child(uses_passed, &pair[1]);
	int fd = dial_there("stream", address);
	send_descriptor(pair[0], fd);
	close(fd);              /* the other process's is the last one */
	expect_exit(pid, 0);
}

static void passed_descriptor(void)
{
	pid_t pid = child(passes, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	write_content(fd, LOTS, 2);
	read_end(fd);
	close(fd);
	expect_exit(pid, 0);
}

/* --- a rude closefrom --- */

static void closes_everything(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	for (int i = 3; i < 256; i++)
		if (i != fd)
			close(i);
	write_content(fd, LOTS, 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	int other = dial_there("stream", address);
	close(other);
	close(fd);
}

static void closefrom_does_not_hurt(void)
{
	pid_t pid = child(closes_everything, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	int other = accept_one();
	read_end(other);
	read_end(fd);
	close(other);
	close(fd);
	expect_exit(pid, 0);
}

/* --- the listener's side --- */

static void server_reads(void *argument)
{
	int *report = argument;
	char here[32];
	int l = listen_here("stream", here);

	CHECK_EQ(write(report[1], here, sizeof here), sizeof here);
	int fd = accept(l, NULL, NULL);
	read_reset(fd);
	CHECK_EQ(hawser_error(fd), ECONNRESET);
}

static void dies_after_dial(void *argument)
{
	int fd = dial_there("stream", argument);

	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	_exit(0);
}

/* A server that only reads what it accepted by plain accept(2). */
static void reading_server_sees_reset(void)
{
	int report[2];
	char there[32];

	CHECK_EQ(pipe(report), 0);
	pid_t server = child(server_reads, report);
	CHECK_EQ(read(report[0], there, sizeof there), sizeof there);
	pid_t dialler = child(dies_after_dial, there);
	expect_exit(dialler, 0);
	expect_exit(server, 0);
	close(report[0]);
	close(report[1]);
}

/* A session whose reset only the primer can tell of: accepted, and nothing was written into it. */
static void reset_of_a_reader(int l, const char *here)
{
	int dialled = dial_there("stream", here), accepted = accept(l, NULL, NULL);

	CHECK(accepted >= 0);
	CHECK_EQ(write(dialled, "x", 1), 1);
	CHECK_EQ(hawser_drain(dialled, 10000), 0);
	CHECK_EQ(hawser_abort(dialled), 0);
	read_reset(accepted);
	close(accepted);
	close(dialled);
}

static void serves_after_fork(void *unused)
{
	char here[32];

	(void)unused;
	alarm(20);
	int l = listen_here("stream", here);
	for (unsigned i = 0; i < 4; i++)
		reset_of_a_reader(l, here);
}

/* The child's engine and primer are its own, although the parent's were waiting when it was made. */
static void child_of_a_listener_listens(void)
{
	expect_exit(child(serves_after_fork, NULL), 0);
}

static void changes_root(void *argument)
{
	int *report = argument;

	alarm(20);
	char here[32], directory[] = "/tmp/hawser-test-XXXXXX";
	int l = listen_here("stream", here);

	CHECK(mkdtemp(directory));
	/* Only root may; without it the rest is tried in the old root. */
	bool changed = chroot(directory) == 0;
	CHECK_EQ(chdir("/"), 0);
	CHECK(!changed || access("/proc", F_OK) < 0);
	CHECK_EQ(write(report[1], here, sizeof here), sizeof here);
	int fd = accept(l, NULL, NULL);
	CHECK(fd >= 0);
	read_content(fd, SLOW, 1);
	read_end(fd);
	CHECK_EQ(write(report[1], directory, sizeof directory), sizeof directory);
	_exit(0);       /* LeakSanitizer would look into /proc */
}

static void server_changes_root(void)
{
	char here[32], directory[sizeof "/tmp/hawser-test-XXXXXX"];
	int report[2];

	CHECK_EQ(pipe(report), 0);
	pid_t pid = child(changes_root, report);
	CHECK_EQ(read(report[0], here, sizeof here), sizeof here);
	int fd = dial_there("stream", here);
	write_content(fd, SLOW, 1);
	close(fd);
	CHECK_EQ(read(report[0], directory, sizeof directory), sizeof directory);
	expect_exit(pid, 0);
	rmdir(directory);
	close(report[0]);
	close(report[1]);
}

/* --- what is not established yet is not waited for --- */

/* Takes connections, and says nothing until it is told to. */
static int silent_listener(char here[32])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	CHECK_EQ(listen(fd, 4), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &length), 0);
	snprintf(here, 32, "127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
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
	char here[32];
	int silent = silent_listener(here);

	expect_exit(child(exits_while_it_dials, here), 0);
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
	char bytes[4096];

	while (poll(p, 2, 10000) > 0) {
		for (unsigned i = 0; i < 2; i++) {
			ssize_t n = p[i].revents ? read(p[i].fd, bytes, sizeof bytes) : -2;

			if (n == 0 || n == -1 || (n > 0 && send(p[1 - i].fd, bytes, (size_t)n, MSG_NOSIGNAL) != n))
				return;
		}
	}
}

/* The answer comes when the process is about to end: the dial that waits for it has no use for it. */
static void exit_while_a_thread_dials(void)
{
	char here[32], there[32];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int l = listen_here("stream", here), silent = silent_listener(there);
	pid_t pid = child(exits_while_a_thread_dials, there);
	int near = accept(silent, NULL, NULL), far = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(near >= 0);
	usleep(300000);
	a.sin_port = htons((uint16_t)hawser_port(l));
	CHECK_EQ(connect(far, (struct sockaddr *)&a, sizeof a), 0);
	relay(near, far);
	expect_exit(pid, 0);
	close(near);
	close(far);
	close(silent);
	close(l);
}

/* --- what the process is to others, and to itself --- */

static void drains_for_ever(void *argument)
{
	hawser_drain(*(int *)argument, -1);
}

static void asks(void *argument)
{
	struct hawser_info info;

	CHECK_EQ(hawser_info(*(int *)argument, &info, sizeof info), 0);
}

/* Processes that are gone do not keep the places of those that ask. */
static void askers_that_died(void)
{
	int fd = dial_there("stream", address), accepted = accept_one();
	char bytes[65536] = "";

	for (unsigned full = 0; full < 20; full++) {
		while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
			full = 0;
		usleep(10000);
	}
	for (unsigned i = 0; i < 20; i++) {
		pid_t pid = child(drains_for_ever, &fd);

		usleep(20000);
		CHECK_EQ(kill(pid, SIGKILL), 0);
		expect_signal(pid, SIGKILL);
	}
	expect_exit(child(asks, &fd), 0);
	CHECK_EQ(hawser_abort(fd), 0);
	close(fd);
	close(accepted);
}

static size_t blocks_lent(void)
{
	struct memory *m = &engine_running()->memory;

	pthread_mutex_lock(&m->lock);
	size_t lent = m->lent;
	pthread_mutex_unlock(&m->lock);
	return lent;
}

static void falls_idle(void *unused)
{
	int fd = dial_there("stream", address);

	(void)unused;
	alarm(20);
	write_content(fd, LOTS, 1);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	read_content(fd, LOTS, 2);
	while (blocks_lent() > 0)
		usleep(20000);
	/* It is as good as new. */
	write_content(fd, LOTS, 3);
	close(fd);
}

static void an_idle_session_holds_no_memory(void)
{
	pid_t pid = child(falls_idle, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	write_content(fd, LOTS, 2);
	read_content(fd, LOTS, 3);
	read_end(fd);
	close(fd);
	expect_exit(pid, 0);
}

static void *resets_signals(void *unused)
{
	for (;;)
		for (int i = 1; i < 32; i++)
			if (i != SIGALRM)
				signal(i, SIG_DFL);
	return unused;
}

static void has_signals_of_its_own(void *unused)
{
	int fd = dial_there("stream", address);
	struct hawser_info info;
	pthread_t thread;
	sigset_t set;

	(void)unused;
	alarm(20);
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(kill(getpid(), SIGURG), 0);
	CHECK_EQ(kill(getpid(), SIGIO), 0);
	usleep(50000);
	CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
	CHECK_EQ(sigpending(&set), 0);
	CHECK(sigismember(&set, SIGURG) && sigismember(&set, SIGIO));
	CHECK_EQ(pthread_create(&thread, NULL, resets_signals, NULL), 0);
	for (unsigned i = 0; i < 20000; i++)
		CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
	_exit(0);
}

/* The engine takes none of the program's signals, and the program that sets them anew none of the engine's. */
static void signals_stay_apart(void)
{
	pid_t pid = child(has_signals_of_its_own, NULL);
	int fd = accept_one();

	read_reset(fd);
	close(fd);
	expect_exit(pid, 0);
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
#if defined(__SANITIZE_THREAD__)
	return TEST_SKIP;       /* it allows no threads in a child of a program with threads */
#endif
	alarm(120);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	RUN(reading_server_sees_reset);
	listening = listen_here("stream", address);
	RUN(close_delivers);
	RUN(shutdown_is_half_close);
	RUN(close_with_unread_bytes);
	RUN(exit_delivers);
	RUN(exit_delivers_to_a_slow_reader);
	RUN(quick_exit_is_a_reset);
	RUN(crash_is_a_reset);
	RUN(abort_is_a_reset_at_both_ends);
	RUN(fork_shares);
	RUN(fork_then_own_engine);
	RUN(parent_exit_resets_child);
	RUN(exec_is_a_reset);
	RUN(daemon_then_dial);
	RUN(passed_descriptor);
	RUN(closefrom_does_not_hurt);
	RUN(child_of_a_listener_listens);
	RUN(server_changes_root);
	RUN(exit_does_not_wait_for_a_dial);
	RUN(exit_while_a_thread_dials);
	RUN(askers_that_died);
	RUN(an_idle_session_holds_no_memory);
	RUN(signals_stay_apart);
	RUN(closed_listener_refuses);
	return 0;
}
