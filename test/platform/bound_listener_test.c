/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening socket bound to an interface stands beside one that is not, on the same port: it is taken
 * first, its connections are bound from the start, nobody else can join in, and no privilege is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/test.h"

static struct sockaddr_in address = { .sin_family = AF_INET };

static void share(int fd, int on)
{
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
}

static int make_socket(const char *interface)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	CHECK(fd >= 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	if (interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, strlen(interface)) < 0) {
		CHECK_EQ(errno, EPERM);
		printf("binding to an interface is not permitted here\n");
		exit(TEST_SKIP);
	}
	return fd;
}

static int listen_on(int fd)
{
	socklen_t length = sizeof address;

	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
		return -errno;
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	return 0;
}

static int beside(int main_fd)
{
	int fd = make_socket("lo");

	share(main_fd, 1);
	share(fd, 1);
	CHECK_EQ(listen_on(fd), 0);
	share(fd, 0);
	share(main_fd, 0);
	return fd;
}

/* Which of the two takes a connection by lo; and to what that is bound. */
static int taken_by(int first, int other, char bound[IF_NAMESIZE])
{
	int listening[2] = { first, other }, client = make_socket(NULL), taken = -1;
	struct sockaddr_in to = address;
	socklen_t length = IF_NAMESIZE;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(connect(client, (struct sockaddr *)&to, sizeof to), 0);
	for (int i = 0; i < 2; i++) {
		int fd = listening[i] < 0 ? -1 : accept4(listening[i], NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0)
			continue;
		CHECK_EQ(taken, -1);
		taken = i;
		memset(bound, 0, IF_NAMESIZE);
		CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bound, &length), 0);
		close(fd);
	}
	close(client);
	return taken;
}

static void stands_beside(void)
{
	int main_fd = make_socket(NULL), bound_fd, other;
	char bound[IF_NAMESIZE];

	CHECK_EQ(listen_on(main_fd), 0);
	CHECK_EQ(fcntl(main_fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(taken_by(main_fd, -1, bound), 0);
	CHECK_EQ(bound[0], 0);
	/* Not without both saying so. */
	other = make_socket("lo");
	CHECK_EQ(listen_on(other), -EADDRINUSE);
	close(other);
	bound_fd = beside(main_fd);
	CHECK_EQ(fcntl(bound_fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(taken_by(main_fd, bound_fd, bound), 1);
	CHECK(strcmp(bound, "lo") == 0);
	/* The port is as much in use as ever. */
	other = make_socket(NULL);
	CHECK_EQ(listen_on(other), -EADDRINUSE);
	close(other);
	close(bound_fd);
	CHECK_EQ(taken_by(main_fd, -1, bound), 0);
	/* It can go and come. */
	bound_fd = beside(main_fd);
	close(bound_fd);
	close(main_fd);
}

int main(void)
{
	if (getuid() == 0 && setuid(65534) < 0)
		perror("setuid");
	RUN(stands_beside);
	return 0;
}
