/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors from the engine's table to the program's. */
#include "driver/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams of strangers that are passed over. */
#define STRANGERS_MAX 64

int handover_open(struct handover *h, const struct engine *e, struct failure *failure)
{
	int on = 1;

	*h = (struct handover){ .fd = -1, .shared = -1 };
	if (!e->private_table)
		return 0;
	h->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0)
		return failure_system(failure, errno, "socket for a descriptor to arrive");
	h->name.sun_family = AF_UNIX;
	h->name_length = sizeof h->name;
	/* A name of the family alone asks the kernel for a free one. */
	if (setsockopt(h->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
	    bind(h->fd, (struct sockaddr *)&h->name, sizeof h->name.sun_family) == 0 &&
	    getsockname(h->fd, (struct sockaddr *)&h->name, &h->name_length) == 0)
		return 0;
	int error = errno;
	handover_close(h);
	return failure_system(failure, error, "socket for a descriptor to arrive");
}

int handover_send(struct handover *h, int fd, struct failure *failure)
{
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr message = {
		.msg_name = &h->name, .msg_namelen = h->name_length,
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (h->fd < 0) {
		h->shared = fd;
		return 0;
	}
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);

	int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = sender < 0 ? errno : 0;
	if (!error && sendmsg(sender, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		error = errno;
	if (sender >= 0)
		close(sender);
	close(fd);
	return error ? failure_system(failure, error, "handing a descriptor to the program") : 0;
}

/*
 * Room for one descriptor is room for two: what a datagram brought, of which ours has one. Keeps the
 * first one, -1: none.
 */
static int take_rights(const struct cmsghdr *c)
{
	int kept = -1, fd;

	for (size_t at = 0; CMSG_LEN(at + sizeof fd) <= c->cmsg_len; at += sizeof fd) {
		memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
		if (kept < 0)
			kept = fd;
		else
			close(fd);
	}
	return kept;
}

/* One datagram: the descriptor, or -errno; 0 when it was a stranger's. */
static int take_one(const struct handover *h, bool *stranger)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
	};
	struct ucred who = { 0 };
	int fd = -1;

	if (recvmsg(h->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&who, CMSG_DATA(c), sizeof who);
		else if (c->cmsg_type == SCM_RIGHTS)
			fd = take_rights(c);
	}
	*stranger = who.pid != getpid();
	if (*stranger && fd >= 0)
		close(fd);
	/* Ours, but nothing in it: the program's table had no room. */
	return *stranger ? 0 : fd >= 0 ? fd : -EMFILE;
}

int handover_take(struct handover *h, struct failure *failure)
{
	int fd = h->shared;
	bool stranger = true;

	if (h->fd < 0) {
		h->shared = -1;
		return fd;
	}
	for (int i = 0; i < STRANGERS_MAX && stranger; i++) {
		stranger = false;
		fd = take_one(h, &stranger);
	}
	if (stranger)
		fd = -EAGAIN;
	return fd >= 0 ? fd : failure_system(failure, -fd, "taking the session's descriptor");
}

void handover_close(struct handover *h)
{
	if (h->fd >= 0)
		close(h->fd);
	if (h->shared >= 0)
		close(h->shared);
	h->fd = h->shared = -1;
}
