/* SPDX-License-Identifier: Apache-2.0 */
/* A connection has the options of the socket that it was accepted from, and can tell by which interface it came. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/test.h"

static const struct {
	int level, name, value;
} inherited[] = {
	{ IPPROTO_TCP, TCP_NODELAY, 1 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 12345 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 54321 },
	{ IPPROTO_IP, IP_PKTINFO, 1 },
};

#define INHERITED (sizeof inherited / sizeof inherited[0])

static int accept_one(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int dialled = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;
	socklen_t length = sizeof address;

	for (size_t i = 0; i < INHERITED; i++)
		CHECK_EQ(setsockopt(listening, inherited[i].level, inherited[i].name, &inherited[i].value,
				    sizeof inherited[i].value), 0);
	CHECK_EQ(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
	CHECK_EQ(listen(listening, 1), 0);
	CHECK_EQ(getsockname(listening, (struct sockaddr *)&address, &length), 0);
	CHECK_EQ(connect(dialled, (struct sockaddr *)&address, sizeof address), 0);
	accepted = accept(listening, NULL, NULL);
	CHECK(accepted >= 0);
	close(listening);
	close(dialled);
	return accepted;
}

static void options_are_inherited(void)
{
	int fd = accept_one();

	for (size_t i = 0; i < INHERITED; i++) {
		int value = 0;
		socklen_t length = sizeof value;

		CHECK_EQ(getsockopt(fd, inherited[i].level, inherited[i].name, &value, &length), 0);
		CHECK_EQ(value, inherited[i].value);
	}
	close(fd);
}

static void the_interface_is_told(void)
{
	union {
		struct cmsghdr header;
		char bytes[256];
	} control;
	struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(&control.header);
	socklen_t length = sizeof control;
	int fd = accept_one();

	memset(&control, 0, sizeof control);
	CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_PKTOPTIONS, &control, &length), 0);
	CHECK(length >= CMSG_LEN(sizeof *info));
	CHECK_EQ(control.header.cmsg_level, IPPROTO_IP);
	CHECK_EQ(control.header.cmsg_type, IP_PKTINFO);
	CHECK(info->ipi_ifindex > 0);
	close(fd);
}

int main(void)
{
	RUN(options_are_inherited);
	RUN(the_interface_is_told);
	return 0;
}
