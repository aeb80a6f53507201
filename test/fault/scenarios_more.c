/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of more than one process, and the table of all. */
#include "test/fault/scenarios.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/control.h"
#include "test/fault/fault.h"
#include "test/fault/scenario.h"

#define SOME (60u << 10)

/*
 * The next session of a listener, or -1: the child that would have dialled it has ended without. `gone` is
 * a pipe that ends with the child.
 */
static int accept_from(int listening, int gone)
{
	struct pollfd p[2] = {
		{ .fd = listening, .events = POLLIN }, { .fd = gone, .events = POLLIN },
	};

	if (poll(p, 2, -1) < 0)
		lie("poll: %s", strerror(errno));
	return p[0].revents ? accept(listening, NULL, NULL) : -1;
}

/* A child and, in *gone, the pipe that ends with it. */
static int child_with_pipe(void (*function)(void *), void *argument, int *gone)
{
	int ends[2];

	if (pipe(ends) < 0)
		lie("pipe: %s", strerror(errno));
	int pid = child_begin(function, argument);
	close(ends[1]);
	*gone = ends[0];
	return pid;
}

/* --- a child, of fork, uses its parent's session and dials one of its own --- */

static void writes_as_child(void *argument)
{
	struct ends *e = argument, own;
	hawser_options *o = options_with(NULL);
	struct hawser_info info;
	uint8_t bytes[3000];
	char address[64];

	if (hawser_info(e->dialled, &info, sizeof info) < 0)
		refused("hawser_info");
	else if (info.state != HAWSER_ESTABLISHED && info.state != HAWSER_RESET)
		lie("the parent's session is in state %u", info.state);
	fill(bytes, sizeof bytes, 0, 8);
	if (send(e->dialled, bytes, sizeof bytes, MSG_NOSIGNAL) < 0)
		ended_abnormally(e->dialled, "send");
	ends_address(e, "127.0.0.1", address);
	own = *e;
	own.listening = own.accepted = -1;
	if (o && ends_dial(&own, address, o)) {
		if (send(own.dialled, bytes, sizeof bytes, MSG_NOSIGNAL) < 0)
			ended_abnormally(own.dialled, "send");
		close(own.dialled);
	}
	hawser_options_free(o);
}

/* Reads what a child wrote, or that the session is over. */
static void read_childs(int fd)
{
	uint8_t bytes[3000];
	size_t at = 0;

	while (at < sizeof bytes) {
		ssize_t n = recv(fd, bytes + at, sizeof bytes - at, 0);

		if (n < 0) {
			ended_abnormally(fd, "recv");
			return;
		}
		if (n == 0)
			lie("a clean end after %zu of %zu bytes", at, sizeof bytes);
		at += (size_t)n;
	}
	verify(bytes, sizeof bytes, 0, 8);
}

void run_fork(void)
{
	struct ends e;
	char byte;
	int gone;

	if (!ends_open(&e, options_with(NULL)))
		return;
	int pid = child_with_pipe(writes_as_child, &e, &gone);
	int second = accept_from(e.listening, gone);
	if (second >= 0) {
		read_childs(second);
		close(second);
	}
	child_end(pid);
	shutdown(e.dialled, SHUT_WR);   /* the child may have been refused: then nothing was written */
	ssize_t n = recv(e.accepted, &byte, 1, MSG_PEEK);
	if (n < 0)
		ended_abnormally(e.accepted, "recv");
	else if (n > 0)
		read_childs(e.accepted);
	close(gone);
	ends_close(&e);
}

/* --- a descriptor goes to another process by SCM_RIGHTS --- */

static void send_descriptor(int channel, int fd)
{
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	if (sendmsg(channel, &message, MSG_NOSIGNAL) != 1)
		lie("sendmsg: %s", strerror(errno));
}

static int receive_descriptor(int channel)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
	};
	int fd = -1;

	if (recvmsg(channel, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

static void takes_descriptor(void *argument)
{
	int *channel = argument;
	struct hawser_path_info paths[16];
	uint8_t bytes[3000];

	close(channel[1]);
	int fd = receive_descriptor(channel[0]);
	if (fd < 0)
		return;                 /* the session never came to be */
	fill(bytes, sizeof bytes, 0, 8);
	if (hawser_paths(fd, paths, 16, sizeof paths[0]) < 0)
		refused("hawser_paths");
	else if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) < 0)
		ended_abnormally(fd, "send");
	else if (hawser_drain(fd, -1) < 0)
		refused("hawser_drain");
	else if (hawser_set_mode(fd, HAWSER_SENDING, HAWSER_BACKUP) < 0)
		refused("hawser_set_mode");
	close(fd);
}

void run_pass(void)
{
	struct ends e;
	int channel[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel) < 0)
		lie("socketpair: %s", strerror(errno));
	int pid = child_begin(takes_descriptor, channel);
	close(channel[0]);
	if (ends_open(&e, options_with(NULL))) {
		send_descriptor(channel[1], e.dialled);
		close(e.dialled);
		e.dialled = -1;
		ssize_t n = recv(e.accepted, &byte, 1, MSG_PEEK);
		if (n > 0)
			read_childs(e.accepted);
		else if (n < 0)
			ended_abnormally(e.accepted, "recv");
		else if (!atomic_load(&fault_run->refused))
			lie("nothing came, and nothing was refused");
		ends_close(&e);
	}
	close(channel[1]);
	child_end(pid);
}

/* --- exit(3) delivers what was written --- */

static const char *exit_address;

static void exits_open(void *unused)
{
	struct ends e = { .listening = -1, .accepted = -1 };
	hawser_options *o;

	(void)unused;
	fault_arm(true);
	o = options_with(NULL);
	if (!o || !ends_dial(&e, exit_address, o)) {
		hawser_options_free(o);
		return;
	}
	hawser_options_free(o);
	uint8_t bytes[SOME];
	fill(bytes, sizeof bytes, 0, 9);
	for (size_t at = 0; at < sizeof bytes;) {
		ssize_t n = send(e.dialled, bytes + at, sizeof bytes - at, MSG_NOSIGNAL);

		if (n < 0) {
			ended_abnormally(e.dialled, "send");
			return;
		}
		at += (size_t)n;
	}
	exit(0);
}

/* Only the child meets faults; the one it writes to is sound. */
void run_exit(void)
{
	struct ends e;
	char address[64];
	uint8_t bytes[4096];

	fault_arm(false);
	hawser_options *o = options_with(NULL);
	if (!ends_listen(&e, "127.0.0.1:0", o))
		lie("no listener");
	hawser_options_free(o);
	ends_address(&e, "127.0.0.1", address);
	exit_address = address;
	int gone, pid = child_with_pipe(exits_open, NULL, &gone);
	e.accepted = accept_from(e.listening, gone);
	if (e.accepted >= 0) {
		uint64_t at = 0;
		ssize_t n;

		while ((n = recv(e.accepted, bytes, sizeof bytes, 0)) > 0) {
			verify(bytes, (size_t)n, at, 9);
			at += (uint64_t)n;
		}
		if (n == 0 && at != SOME)
			lie("a clean end after %llu of %u bytes", (unsigned long long)at, SOME);
		if (n < 0)
			ended_abnormally(e.accepted, "recv");
	} else if (!atomic_load(&fault_run->fired)) {
		lie("nobody dialled, and nothing failed");
	}
	ends_close(&e);
	child_end(pid);
	close(gone);
}

/* --- the control socket --- */

static int control_connect(int pid)
{
	for (unsigned which = 0; which < 2; which++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		if (control_path(address.sun_path, which, pid) &&
		    connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
			return fd;
		close(fd);
	}
	return -1;
}

/* A document that is whole names both ends of the session; one that is not can be told by its end. */
static void asks_status(void *argument)
{
	static char text[1 << 20];
	const struct ends *e = argument;
	size_t length = 0;
	ssize_t n;

	(void)e;
	int fd = control_connect(getppid());
	if (fd < 0)
		return;                 /* there was no place for it: the process is not seen */
	if (send(fd, "status", 6, MSG_NOSIGNAL) == 6) {
		while ((n = recv(fd, text + length, sizeof text - 1 - length, 0)) > 0)
			length += (size_t)n;
		text[length] = '\0';
		bool whole = length > 2 && strcmp(text + length - 2, "]}") == 0;
		if (whole && (!strstr(text, "\"dialler\":true") || !strstr(text, "\"dialler\":false")))
			lie("a whole document without the sessions: %s", text);
		if (!whole && !atomic_load(&fault_run->fired))
			lie("no status");
	}
	close(fd);
}

static void asks_session(void *argument)
{
	struct ends *e = argument;
	struct hawser_info info;
	char text[128];

	if (hawser_info(e->dialled, &info, sizeof info) < 0)
		refused("hawser_info");
	else if (!info.dialler || info.bytes_written != 0)
		lie("that is not the session");
	if (hawser_peer(e->dialled, text, sizeof text) < 0)
		refused("hawser_peer");
	else if (strncmp(text, "127.0.0.1:", 10) != 0)
		lie("the peer is %s", text);
	if (hawser_set_mode(e->dialled, HAWSER_SENDING, HAWSER_STRIPE) < 0)
		refused("hawser_set_mode");
	/* Not looked at here: without a table of its own the engine's end is open in this process, too. */
	if (hawser_abort(e->accepted) < 0)
		refused("hawser_abort");
}

void run_control(void)
{
	struct ends e;
	char byte;

	if (!ends_open(&e, options_with(NULL)))
		return;
	child_end(child_begin(asks_status, &e));
	unsigned before = atomic_load(&fault_run->refused);
	child_end(child_begin(asks_session, &e));
	/* Unless it could not even be asked to. */
	if (atomic_load(&fault_run->refused) == before &&
	    (recv(e.dialled, &byte, 1, 0) >= 0 || errno != ECONNRESET))
		lie("aborted, and the peer does not know");
	ends_close(&e);
}

const struct scenario scenarios[] = {
	{ "stream", run_stream },
	{ "bulk", run_bulk },
	{ "packets", run_packets },
	{ "everywhere", run_everywhere },
	{ "resolve", run_resolve },
	{ "nonblock", run_nonblock },
	{ "two_paths", run_two_paths },
	{ "two_stripes", run_two_stripes },
	{ "redial", run_redial },
	{ "path_lost", run_path_lost },
	{ "mode", run_mode },
	{ "abort", run_abort },
	{ "unaccepted", run_unaccepted },
	{ "refusals", run_refusals },
	{ "handle", run_handle },
	{ "handle_blocking", run_handle_blocking },
	{ "handle_lends", run_handle_lends },
	{ "handle_messages", run_handle_messages },
	{ "handle_adopts", run_handle_adopts },
	{ "fork", run_fork },
	{ "pass", run_pass },
	{ "exit", run_exit },
	{ "control", run_control },
	{ "networks", run_networks },
	{ "networks_early", run_networks_early },
	{ NULL, NULL },
};
