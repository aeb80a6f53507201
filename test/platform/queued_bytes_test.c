/* SPDX-License-Identifier: Apache-2.0 */
/* Assumed of the kernel: SIOCINQ on an AF_UNIX socket counts all that is queued, of packets their sum. */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/test.h"

static void counts(int type)
{
	int pair[2], queued = -1;
	char text[16];

	CHECK_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	CHECK_EQ(send(pair[1], "hello", 5, 0), 5);
	CHECK_EQ(send(pair[1], "abc", 3, 0), 3);
	CHECK_EQ(ioctl(pair[0], SIOCINQ, &queued), 0);
	CHECK_EQ(queued, 9);
	CHECK_EQ(recv(pair[0], text, 1, 0), 1);
	CHECK_EQ(ioctl(pair[0], SIOCINQ, &queued), 0);
	CHECK_EQ(queued, 8);
	/* What was sent stays readable after the sender shut down and after it closed. */
	close(pair[1]);
	CHECK_EQ(ioctl(pair[0], SIOCINQ, &queued), 0);
	CHECK_EQ(queued, 8);
	close(pair[0]);
}

static void streams(void)
{
	counts(SOCK_STREAM);
}

static void packets(void)
{
	counts(SOCK_SEQPACKET);
}

static void truncation_tells_length(void)
{
	int pair[2];
	char text[16];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_EQ(send(pair[1], "hello", 5, 0), 5);
	CHECK_EQ(recv(pair[0], text, 0, MSG_PEEK | MSG_TRUNC), 5);
	CHECK_EQ(recv(pair[0], text, sizeof text, MSG_PEEK), 5);
	CHECK_EQ(recv(pair[0], text, 0, 0), 0);
	CHECK_EQ(recv(pair[0], text, sizeof text, MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	RUN(streams);
	RUN(packets);
	RUN(truncation_tells_length);
	return 0;
}
