/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor crosses over; what strangers send to the same place is closed. */
#include "driver/handover.h"

#include <dirent.h>
#include <fcntl.h>

#include "ends.h"

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

/* Another process: two descriptors, for which there is room where one is expected. */
static void sends_two(void *argument)
{
	struct handover *h = argument;
	int fds[2] = { 0, 1 };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof fds)];
	} control = { .bytes = { 0 } };
	struct msghdr message = {
		.msg_name = &h->name, .msg_namelen = h->name_length,
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	CHECK_EQ(sendmsg(fd, &message, 0), 1);
}

static void strangers_leave_nothing(void)
{
	struct engine e = { .private_table = true };
	struct failure failure;
	struct handover h;
	unsigned before = open_descriptors();

	CHECK_EQ(handover_open(&h, &e, &failure), 0);
	expect_exit(child(sends_two, &h), 0);
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);
	CHECK_EQ(handover_send(&h, fd, &failure), 0);
	fd = handover_take(&h, &failure);
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	handover_close(&h);
	CHECK_EQ(open_descriptors(), before);
}

int main(void)
{
	alarm(60);
	RUN(strangers_leave_nothing);
	return 0;
}
