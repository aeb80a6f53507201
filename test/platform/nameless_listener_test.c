/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assumed of the kernel: a listening AF_UNIX socket whose name was unlinked is still reached through
 * an O_PATH descriptor and /proc/thread-self/fd; its backlog being full is EAGAIN, its closing
 * ECONNREFUSED; and getpeername of what was accepted tells the name that the connector bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/test.h"

static int connect_to(int path_fd, int type, const char *bound)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	CHECK(fd >= 0);
	if (bound) {
		strcpy(name.sun_path + 1, bound);
		CHECK_EQ(bind(fd, (struct sockaddr *)&name,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(bound))), 0);
	}
	memset(name.sun_path, 0, sizeof name.sun_path);
	snprintf(name.sun_path, sizeof name.sun_path, "/proc/thread-self/fd/%d", path_fd);
	if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

static void reached(int type)
{
	char directory[] = "/tmp/hawser-test-XXXXXX", bound[64];
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t length = sizeof name;

	CHECK(mkdtemp(directory));
	snprintf(name.sun_path, sizeof name.sun_path, "%s/s", directory);
	int listening = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(listening, (struct sockaddr *)&name, sizeof name), 0);
	CHECK_EQ(listen(listening, 0), 0);
	int path_fd = open(name.sun_path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	CHECK(path_fd >= 0);
	CHECK_EQ(unlink(name.sun_path), 0);
	CHECK_EQ(rmdir(directory), 0);

	snprintf(bound, sizeof bound, "hawser-test-%d-%d", (int)getpid(), type);
	int client = connect_to(path_fd, type, bound);
	CHECK(client >= 0);
	CHECK_EQ(connect_to(path_fd, type, NULL), -EAGAIN);
	CHECK_EQ(send(client, "x", 1, 0), 1);          /* before accept */
	int accepted = accept4(listening, (struct sockaddr *)&name, &length, SOCK_CLOEXEC);
	CHECK(accepted >= 0);
	CHECK_EQ(length, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(bound));
	CHECK_MEM(name.sun_path + 1, bound, strlen(bound));
	close(listening);
	CHECK_EQ(connect_to(path_fd, type, NULL), -ECONNREFUSED);
	close(client);
	close(accepted);
	close(path_fd);
}

static void streams(void)
{
	reached(SOCK_STREAM);
}

static void packets(void)
{
	reached(SOCK_SEQPACKET);
}

int main(void)
{
	RUN(streams);
	RUN(packets);
	return 0;
}
