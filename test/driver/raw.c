/* SPDX-License-Identifier: Apache-2.0 */
/* TCP as it is without hawser. */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/test.h"

struct sockaddr_in ipv4(const char *host, unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	CHECK_EQ(inet_pton(AF_INET, host, &address.sin_addr), 1);
	return address;
}

int raw_listen(const char *host, unsigned *port, int backlog)
{
	struct sockaddr_in address = ipv4(host, *port);
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	CHECK(fd >= 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	CHECK_EQ(listen(fd, backlog), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

int raw_connect(const char *host, unsigned port)
{
	struct sockaddr_in address = ipv4(host, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

unsigned free_port(void)
{
	unsigned port = 0;

	close(raw_listen("127.0.0.1", &port, 1));
	return port;
}

bool pass_on(int from, int to)
{
	char bytes[65536];
	ssize_t length = recv(from, bytes, sizeof bytes, MSG_DONTWAIT);

	if (length <= 0)
		return length < 0 && errno == EAGAIN;
	return send(to, bytes, (size_t)length, MSG_NOSIGNAL) == length;
}

void raw_reset(int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

struct dead dead_address(const char *host, unsigned port)
{
	struct sockaddr_in address = ipv4(host, port);
	struct dead dead;

	dead.listener = raw_listen(host, &port, 0);
	for (unsigned i = 0; i < 8; i++) {
		dead.filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(dead.filler[i], (struct sockaddr *)&address, sizeof address);
	}
	return dead;
}

void dead_end(struct dead *dead)
{
	for (unsigned i = 0; i < 8; i++)
		close(dead->filler[i]);
	close(dead->listener);
}
