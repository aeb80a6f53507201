/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assumed of the kernel: an AF_UNIX socket closed with something unread gives its peer
 * ECONNRESET, never an end of file, and the peer still knows the name that it was bound to. A stream's
 * reader gets first what was sent to it, a reader of packets gets the error first.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/test.h"

static void name_of(struct sockaddr_un *name, socklen_t *length, int type)
{
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int n = snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "hawser-test-%d-%d",
			 (int)getpid(), type);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static void closed_with_unread(int type)
{
	int pair[2];
	char byte;
	struct sockaddr_un name, got;
	socklen_t length, got_length = sizeof got;

	CHECK_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	name_of(&name, &length, type);
	CHECK_EQ(bind(pair[0], (struct sockaddr *)&name, length), 0);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	CHECK_EQ(recv(pair[0], &byte, 1, MSG_PEEK), 1);
	CHECK_EQ(send(pair[0], "last", 4, 0), 4);
	CHECK_EQ(close(pair[0]), 0);

	char text[8];
	struct pollfd p = { .fd = pair[1], .events = POLLIN };
	CHECK_EQ(poll(&p, 1, 0), 1);
	if (type == SOCK_STREAM)
		CHECK_EQ(recv(pair[1], text, sizeof text, 0), 4);
	CHECK_EQ(recv(pair[1], text, sizeof text, 0), -1);
	CHECK_EQ(errno, ECONNRESET);
	if (type == SOCK_SEQPACKET)
		CHECK_EQ(recv(pair[1], text, sizeof text, 0), 4);
	CHECK_EQ(getpeername(pair[1], (struct sockaddr *)&got, &got_length), 0);
	CHECK_EQ(got_length, length);
	CHECK_MEM(&got, &name, length);
	CHECK_EQ(send(pair[1], "x", 1, MSG_NOSIGNAL), -1);
	CHECK_EQ(errno, EPIPE);
	close(pair[1]);
}

/* All consumed, the same close is a clean end. */
static void closed_with_all_read(int type)
{
	int pair[2];
	char byte;

	CHECK_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	CHECK_EQ(recv(pair[0], &byte, 1, 0), 1);
	CHECK_EQ(close(pair[0]), 0);
	CHECK_EQ(recv(pair[1], &byte, 1, 0), 0);
	close(pair[1]);
}

/* After SHUT_WR and a later close with unread data, a reader that came to the end first keeps its end. */
static void shut_then_closed(int type)
{
	int pair[2];
	char byte;

	CHECK_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	CHECK_EQ(shutdown(pair[0], SHUT_WR), 0);
	CHECK_EQ(recv(pair[1], &byte, 1, 0), 0);
	CHECK_EQ(close(pair[0]), 0);
	CHECK_EQ(recv(pair[1], &byte, 1, 0), -1);
	CHECK_EQ(errno, ECONNRESET);
	close(pair[1]);
}

static void streams(void)
{
	closed_with_unread(SOCK_STREAM);
	closed_with_all_read(SOCK_STREAM);
	shut_then_closed(SOCK_STREAM);
}

static void packets(void)
{
	closed_with_unread(SOCK_SEQPACKET);
	closed_with_all_read(SOCK_SEQPACKET);
	shut_then_closed(SOCK_SEQPACKET);
}

int main(void)
{
	RUN(streams);
	RUN(packets);
	return 0;
}
