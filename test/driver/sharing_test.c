/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and more than one process, by the table of hawser(7): fork, exec, daemon, SCM_RIGHTS. */
#include "rendezvous.h"

#include <fcntl.h>
#include <sys/uio.h>

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
	CHECK_EQ(hawser_drain(fd, WAIT_MS), 0);
	read_content(fd, LOTS, 2);
}

/* The child inherited it; the parent's engine serves it. */
static void forks(void *unused)
{
	int fd = dial_home();

	(void)unused;
	expect_exit(child(uses_inherited, &fd), 0);
	close(fd);
}

static void fork_shares(void)
{
	child_and(forks, expect_exchange);
}

/* A child that dials for itself has an engine of its own. */
static void forks_and_dials(void *unused)
{
	int fd = dial_home();

	(void)unused;
	expect_exit(child(delivers, NULL), 0);
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
	struct leave l = { .fd = dial_home(), .told = h->told[0] };

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
	int fd = dial_home();
	char command[64];

	(void)unused;
	CHECK_EQ(fcntl(fd, F_SETFD, 0), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, WAIT_MS), 0);
	/* What is executed reads an error, not an end. */
	snprintf(command, sizeof command, "if cat <&%d; then exit 1; else exit 0; fi 2>/dev/null", fd);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(9);
}

static void exec_is_a_reset(void)
{
	child_and(execs, expect_reset);
}

static void becomes_daemon(void *unused)
{
	(void)unused;
	CHECK_EQ(daemon(1, 1), 0);
	delivers(NULL);           /* after daemon(3) all is as ever */
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
	int fd = dial_home();
	send_descriptor(pair[0], fd);
	close(fd);              /* the other process's is the last one */
	expect_exit(pid, 0);
}

static void passed_descriptor(void)
{
	child_and(passes, expect_exchange);
}

/* A session whose reset only the primer can tell of: accepted, and nothing was written into it. */
static void reset_of_a_reader(int l, const char *here)
{
	int dialled = dial_there("stream", here), accepted = accept(l, NULL, NULL);

	CHECK(accepted >= 0);
	CHECK_EQ(write(dialled, "x", 1), 1);
	CHECK_EQ(hawser_drain(dialled, WAIT_MS), 0);
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
	int fd = dial_home(), accepted = accept_one();
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

int main(void)
{
	rendezvous_open();
	RUN(fork_shares);
	RUN(fork_then_own_engine);
	RUN(parent_exit_resets_child);
	RUN(exec_is_a_reset);
	RUN(daemon_then_dial);
	RUN(passed_descriptor);
	RUN(child_of_a_listener_listens);
	RUN(askers_that_died);
	return 0;
}
