/* SPDX-License-Identifier: Apache-2.0 */
/* Wrappers: descriptors, sockets and the raw system calls. */
#include "test/fault/wrap.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define WATCHED_MOST 1024

/* What the engine waits for, by descriptor: an EAGAIN that we make up needs an edge to follow it. */
static struct {
	int epoll_fd;                   /* + 1; 0: not watched */
	struct epoll_event event;
} watched[WATCHED_MOST];

static int get(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
}

static bool is_network(int fd)
{
	int domain = get(fd, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) && get(fd, SO_TYPE) == SOCK_STREAM;
}

/* The kernel says EAGAIN only when it will say later that it goes on. True: so it will. */
static bool says_again_later(int fd)
{
	if (!is_network(fd) || fd >= WATCHED_MOST || !watched[fd].epoll_fd)
		return false;
	return epoll_ctl(watched[fd].epoll_fd - 1, EPOLL_CTL_MOD, fd, &watched[fd].event) == 0;
}

/* What a transfer through this socket can fail with, nearest to `error`. */
static int fitting(int fd, int error)
{
	switch (error) {
	case EAGAIN:
		return says_again_later(fd) ? EAGAIN : ENOMEM;
	case ECONNRESET:
	case EPIPE:
	case ETIMEDOUT:
	case EPERM:
		return is_network(fd) ? error : ENOMEM;
	default:
		return error;
	}
}

/* What a scenario asked for: the connection breaks for both ends. */
static bool cut_here(int fd)
{
	unsigned one = 1;

	if (!fault_run || !atomic_load(&fault_run->cut) || !is_network(fd) ||
	    !atomic_compare_exchange_strong(&fault_run->cut, &one, 0))
		return false;
	shutdown(fd, SHUT_RDWR);
	return true;
}

WRAP(int, socket, int domain, int type, int protocol)
{
	int error = DUE(socket);

	return error ? failed(error) : socket(domain, type, protocol);
}

WRAP(int, socketpair, int domain, int type, int protocol, int pair[2])
{
	int error = DUE(socketpair);

	return error ? failed(error) : socketpair(domain, type, protocol, pair);
}

WRAP(int, bind, int fd, const struct sockaddr *address, socklen_t length)
{
	int error = DUE(bind);

	return error ? failed(error) : bind(fd, address, length);
}

WRAP(int, listen, int fd, int backlog)
{
	int error = DUE(listen);

	return error ? failed(error) : listen(fd, backlog);
}

/* A local socket that refuses says that nobody listens: that is not made up. */
WRAP(int, connect, int fd, const struct sockaddr *address, socklen_t length)
{
	int error = DUE(connect);

	if (error && !is_network(fd) && error != EAGAIN)
		error = error == EPERM ? EACCES : ENOMEM;
	return error ? failed(error) : connect(fd, address, length);
}

WRAP(int, accept4, int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	int error = DUE(accept4);

	return error ? failed(error) : accept4(fd, address, length, flags);
}

WRAP(int, getsockname, int fd, struct sockaddr *address, socklen_t *length)
{
	int error = DUE(getsockname);

	return error ? failed(error) : getsockname(fd, address, length);
}

WRAP(int, getpeername, int fd, struct sockaddr *address, socklen_t *length)
{
	int error = DUE(getpeername);

	return error ? failed(error) : getpeername(fd, address, length);
}

WRAP(int, getsockopt, int fd, int level, int name, void *value, socklen_t *length)
{
	int error = DUE(getsockopt);

	return error ? failed(error) : getsockopt(fd, level, name, value, length);
}

WRAP(int, setsockopt, int fd, int level, int name, const void *value, socklen_t length)
{
	int error = DUE(setsockopt);

	return error ? failed(error) : setsockopt(fd, level, name, value, length);
}

/* Of a local pair it cannot fail. */
WRAP(int, shutdown, int fd, int how)
{
	int error = DUE(shutdown);

	return error && is_network(fd) ? failed(error) : shutdown(fd, how);
}

WRAP(ssize_t, send, int fd, const void *bytes, size_t length, int flags)
{
	int error = DUE(send);

	return error ? failed(fitting(fd, error)) : send(fd, bytes, length, flags);
}

WRAP(ssize_t, recv, int fd, void *bytes, size_t size, int flags)
{
	int error = DUE(recv);

	return error ? failed(fitting(fd, error)) : recv(fd, bytes, size, flags);
}

/* What _FORTIFY_SOURCE makes of it. */
WRAP(ssize_t, __recv_chk, int fd, void *bytes, size_t size, size_t room, int flags)
{
	int error = DUE(recv);

	return error || size > room ? failed(fitting(fd, error)) : recv(fd, bytes, size, flags);
}

WRAP(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags)
{
	int error = DUE(sendmsg);
	struct msghdr less = *message;
	struct iovec byte = { .iov_base = message->msg_iov[0].iov_base, .iov_len = 1 };

	if (cut_here(fd))
		return failed(ECONNRESET);
	if (error == FAULT_SHORT) {
		less.msg_iov = &byte;
		less.msg_iovlen = 1;
		return sendmsg(fd, &less, flags);
	}
	return error ? failed(fitting(fd, error)) : sendmsg(fd, message, flags);
}

/* Of a datagram that brings a descriptor: the table had no room for it. */
static ssize_t without_rights(int fd, struct msghdr *message, int flags)
{
	ssize_t got = recvmsg(fd, message, flags);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); got >= 0 && c; c = CMSG_NXTHDR(message, c)) {
		int brought;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(&brought, CMSG_DATA(c), sizeof brought);
		close(brought);
		c->cmsg_type = 0;
		message->msg_flags |= MSG_CTRUNC;
	}
	return got;
}

WRAP(ssize_t, recvmsg, int fd, struct msghdr *message, int flags)
{
	int error = DUE(recvmsg);
	struct iovec byte = { .iov_base = message->msg_iov[0].iov_base, .iov_len = 1 };

	if (cut_here(fd))
		return failed(ECONNRESET);
	if (error == FAULT_SHORT && message->msg_control)
		return without_rights(fd, message, flags);
	if (error == FAULT_SHORT && byte.iov_base && message->msg_iov[0].iov_len > 0) {
		struct msghdr less = *message;

		less.msg_iov = &byte;
		less.msg_iovlen = 1;
		return recvmsg(fd, &less, flags);
	}
	error = error == FAULT_SHORT ? ENOMEM : error;
	return error ? failed(fitting(fd, error)) : recvmsg(fd, message, flags);
}

WRAP(ssize_t, read, int fd, void *bytes, size_t size)
{
	int error = DUE(read);

	return error ? failed(error) : read(fd, bytes, size);
}

WRAP(ssize_t, __read_chk, int fd, void *bytes, size_t size, size_t room)
{
	int error = DUE(read);

	return error || size > room ? failed(error) : read(fd, bytes, size);
}

/* --- descriptors --- */

WRAP(int, close, int fd)
{
	int error = DUE(close);

	if (fd >= 0 && fd < WATCHED_MOST)
		watched[fd].epoll_fd = 0;
	int result = close(fd);         /* Linux closes it whatever it says */
	return error ? failed(error) : result;
}

WRAP(int, dup, int fd)
{
	int error = DUE(dup);

	return error ? failed(error) : dup(fd);
}

/* Only making a descriptor can fail. */
WRAP(int, fcntl64, int fd, int command, ...)
{
	va_list arguments;

	va_start(arguments, command);
	long argument = va_arg(arguments, long);
	va_end(arguments);
	int error = command == F_DUPFD_CLOEXEC ? DUE(fcntl64) : 0;
	return error ? failed(error) : fcntl(fd, command, argument);
}

WRAP(int, ioctl, int fd, unsigned long request, void *argument)
{
	int error = DUE(ioctl);

	return error ? failed(error) : ioctl(fd, request, argument);
}

WRAP(int, poll, struct pollfd *polled, nfds_t count, int timeout_ms)
{
	int error = DUE(poll);

	return error ? failed(error) : poll(polled, count, timeout_ms);
}

WRAP(int, ppoll, struct pollfd *polled, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	int error = DUE(ppoll);

	return error ? failed(error) : ppoll(polled, count, timeout, mask);
}

WRAP(int, eventfd, unsigned start, int flags)
{
	int error = DUE(eventfd);

	return error ? failed(error) : eventfd(start, flags);
}

WRAP(int, epoll_create1, int flags)
{
	int error = DUE(epoll_create1);

	return error ? failed(error) : epoll_create1(flags);
}

/* Only adding a descriptor can fail. */
WRAP(int, epoll_ctl, int epoll_fd, int what, int fd, struct epoll_event *event)
{
	int error = what == EPOLL_CTL_ADD ? DUE(epoll_ctl) : 0;

	if (error)
		return failed(error);
	if (fd >= 0 && fd < WATCHED_MOST) {
		watched[fd].epoll_fd = event ? epoll_fd + 1 : 0;
		if (event)
			watched[fd].event = *event;
	}
	return epoll_ctl(epoll_fd, what, fd, event);
}

WRAP(int, epoll_wait, int fd, struct epoll_event *events, int most, int timeout_ms)
{
	int error = DUE(epoll_wait);

	return error ? failed(error) : epoll_wait(fd, events, most, timeout_ms);
}

WRAP(int, signalfd, int fd, const sigset_t *set, int flags)
{
	int error = DUE(signalfd);

	return error ? failed(error) : signalfd(fd, set, flags);
}

WRAP(int, unshare, int flags)
{
	int error = DUE(unshare);

	return error ? failed(error) : unshare(flags);
}

/* Numbers whose call cannot fail go through; a new one wants a line here. */
WRAP(long, syscall, long number, ...)
{
	long a[6];
	va_list arguments;
	int error = 0;

	va_start(arguments, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	switch (number) {
	case SYS_gettid:
	case SYS_close:         /* of numbers that are let go whatever it says */
	case SYS_tgkill:        /* to a thread of our own, a signal that is not queued */
		break;
	case SYS_close_range:
		error = DUE(syscall);
		break;
	case SYS_epoll_pwait2:
		error = DUE(syscall);
		error = error == ENOMEM ? EINTR : error;
		break;
	default:
		fprintf(stderr, "fault: no rule for system call %ld\n", number);
		abort();
	}
	return error ? failed(error) : syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
