/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP carrier: one non-blocking connection, bound to its source address and interface, with
 * little unsent data in the kernel.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/carrier.h"
#include "transport/congestion.h"

/* The session decides when a path is dead; the kernel would give up after a quarter of an hour. */
#define USER_TIMEOUT_MS 86400000u
/* How much unread input close() throws away, so that the kernel ends the connection without a reset. */
#define DISCARD_ROUNDS 16u
/* The longest wait in a read; a tick or two of the kernel's, which a timer costs nothing for. */
#define AWAIT_US 5000

/* There are several for each idle session: without what only some have. */
struct tcp {
	struct carrier carrier;
	int fd;
	int failure;                    /* -errno of a failed connect; SO_ERROR tells it only once */
	bool connected;
	bool ended;                     /* all is read that will come */
	bool lent;                      /* there may be a twin of it */
	bool twin;                      /* it is one */
	struct carrier_route route;     /* as far as it is known */
};

struct tcp_twin {
	struct tcp tcp;
	uint64_t cookie;                /* of its socket */
};

static struct tcp *tcp_of(struct carrier *c)
{
	assert(c->ops == &carrier_tcp);
	return (struct tcp *)c;
}

static socklen_t length_of(const union inet_address *address)
{
	return address->family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static bool is_loopback(const union inet_address *address)
{

	if (address->family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr) && address->v6.sin6_addr.s6_addr[12] == 127);
	return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

static void set(int fd, int level, int name, int value)
{
	/* All of these are wishes: without them the connection works less well, but works. */
	(void)setsockopt(fd, level, name, &value, sizeof value);
}

static void tune(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, CARRIER_BACKLOG_BYTES);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

/*
 * IP_PKTINFO is for arrival(). Of IPv6 it would make each packet carry its copy of what came with it, so it
 * is asked for then.
 */
static void tcp_prepare(int fd)
{
	tune(fd);
	set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static int bind_interface(int fd, const char *interface)
{
	size_t length = strnlen(interface, IF_NAMESIZE - 1);

	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)length) < 0 ? -errno : 0;
}

static void tcp_init(struct tcp *tcp, int fd)
{
	tcp->carrier.ops = &carrier_tcp;
	tcp->fd = fd;
}

static struct tcp *tcp_new(int fd)
{
	struct tcp *tcp = calloc(1, sizeof *tcp);

	if (tcp)
		tcp_init(tcp, fd);
	return tcp;
}

/* Source address and interface as the route says, then connect. */
static int begin(int fd, const struct carrier_route *route, bool *bound)
{
	int err;

	*bound = false;
	if (route->interface[0]) {
		err = bind_interface(fd, route->interface);
		/* Not permitted: the source address alone decides, if the host routes by it. */
		if (err < 0 && err != -EPERM)
			return err;
		*bound = err == 0;
	}
	if (route->local.family != AF_UNSPEC) {
		set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		if (bind(fd, &route->local.any, length_of(&route->local)) < 0)
			return -errno;
	}
	if (connect(fd, &route->remote.any, length_of(&route->remote)) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return 0;
}

static int tcp_open(struct carrier **out, const struct carrier_route *route)
{
	struct tcp *tcp;
	bool bound;
	int fd, err;

	if (route->remote.family != AF_INET && route->remote.family != AF_INET6)
		return -EAFNOSUPPORT;
	fd = socket(route->remote.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	tune(fd);
	err = begin(fd, route, &bound);
	if (err < 0)
		goto out;
	tcp = tcp_new(fd);
	if (!tcp) {
		err = -ENOMEM;
		goto out;
	}
	tcp->route = *route;
	tcp->route.bound = bound;
	*out = &tcp->carrier;
	return 0;
out:
	close(fd);
	return err;
}

/* The interface by which the connection's first packet came in; 0: the kernel does not say. */
static unsigned came_in_by(int fd, int family)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[256];
	} control;
	struct msghdr message = { .msg_control = &control };
	socklen_t length = sizeof control;
	bool v4 = family == AF_INET;
	struct cmsghdr *c;

	if (!v4)
		set(fd, IPPROTO_IPV6, IPV6_2292PKTINFO, 1);
	if (getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS,
		       &control, &length) < 0)
		length = 0;
	if (!v4)
		set(fd, IPPROTO_IPV6, IPV6_2292PKTINFO, 0);
	message.msg_controllen = length;
	for (c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (v4 && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo)))
			return (unsigned)((struct in_pktinfo *)CMSG_DATA(c))->ipi_ifindex;
		if (!v4 && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_2292PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo)))
			return ((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex;
	}
	return 0;
}

static unsigned tcp_arrival(struct carrier *c, struct carrier_route *route)
{
	struct tcp *tcp = tcp_of(c);

	*route = tcp->route;
	if (tcp->route.bound || is_loopback(&tcp->route.local) || is_loopback(&tcp->route.remote))
		return 0;
	return came_in_by(tcp->fd, tcp->route.local.family);
}

static int tcp_bind(struct carrier *c, const char *interface)
{
	struct tcp *tcp = tcp_of(c);
	int err = bind_interface(tcp->fd, interface);

	if (err < 0)
		return err;
	snprintf(tcp->route.interface, sizeof tcp->route.interface, "%s", interface);
	tcp->route.bound = true;
	return 0;
}

static int tcp_adopt(struct carrier **out, int fd, const char *interface)
{
	struct tcp *tcp = tcp_new(fd);
	socklen_t local_length = sizeof tcp->route.local, remote_length = local_length;
	int err;

	if (!tcp) {
		close(fd);
		return -ENOMEM;
	}
	if (getsockname(fd, &tcp->route.local.any, &local_length) < 0 ||
	    getpeername(fd, &tcp->route.remote.any, &remote_length) < 0) {
		err = -errno;
		close(fd);
		free(tcp);
		return err;
	}
	tcp->connected = true;
	snprintf(tcp->route.interface, sizeof tcp->route.interface, "%s", interface);
	tcp->route.bound = interface[0];
	*out = &tcp->carrier;
	return 0;
}

/* The error of a connect that is not, or no longer, connected; 0: it goes on. */
static int connect_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof error;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

static int tcp_established(struct carrier *c)
{
	struct tcp *tcp = tcp_of(c);
	union inet_address local, remote;
	socklen_t local_length = sizeof local, remote_length = sizeof remote;
	int error = 0;

	if (tcp->connected || tcp->failure < 0)
		return tcp->connected ? 1 : tcp->failure;
	memset(&local, 0, sizeof local);
	memset(&remote, 0, sizeof remote);
	if (getpeername(tcp->fd, &remote.any, &remote_length) < 0) {
		error = connect_error(tcp->fd);
		if (error == 0)
			return 0;
	} else if (getsockname(tcp->fd, &local.any, &local_length) < 0) {
		error = errno;
	} else if (local_length == remote_length && memcmp(&local, &remote, local_length) == 0) {
		/* It met itself (simultaneous open) on a free port of this host: nobody listens there. */
		error = ECONNREFUSED;
	}
	if (error != 0) {
		tcp->failure = -error;
		return tcp->failure;
	}
	tcp->route.local = local;
	tcp->connected = true;
	return 1;
}

/* What is no socket any more was closed, and its number taken. */
static int failed_with(struct carrier *c, int error)
{
	return tcp_of(c)->twin && error == ENOTSOCK ? -EBADF : -error;
}

static ssize_t tcp_send(struct carrier *c, const struct iovec *iov, unsigned count, bool last)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (last ? MSG_MORE : 0);
	ssize_t sent;

	do
		sent = sendmsg(tcp_of(c)->fd, &message, flags);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? failed_with(c, errno) : sent;
}

static ssize_t tcp_receive(struct carrier *c, const struct iovec *iov, unsigned count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ssize_t received;

	do
		received = recvmsg(tcp_of(c)->fd, &message, MSG_DONTWAIT);
	while (received < 0 && errno == EINTR);
	if (received == 0)
		tcp_of(c)->ended = true;
	return received < 0 ? failed_with(c, errno) : received;
}

static void tcp_report(struct carrier *c, struct carrier_report *report)
{
	struct tcp_info info;
	socklen_t length = sizeof info;

	memset(report, 0, sizeof *report);
	report->ack_age_ns = -1;
	memset(&info, 0, sizeof info);
	/* Older kernels fill less: what is needed came with Linux 4.6. */
	if (getsockopt(tcp_of(c)->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
	    length < offsetof(struct tcp_info, tcpi_notsent_bytes) + sizeof info.tcpi_notsent_bytes)
		return;
	report->known = true;
	report->window_bytes = (uint64_t)info.tcpi_snd_cwnd * info.tcpi_snd_mss;
	report->unsent_bytes = info.tcpi_notsent_bytes;
	report->acked_bytes = info.tcpi_bytes_acked;
	/* Since Linux 4.18. It grows with selective acknowledgements too: without it a loss under repair
	 * would be taken for silence. */
	report->delivered = info.tcpi_delivered;
	report->waiting = info.tcpi_unacked > 0 &&
			  length >= offsetof(struct tcp_info, tcpi_delivered) + sizeof info.tcpi_delivered;
	report->ack_age_ns = info.tcpi_last_ack_recv * NS_PER_MS;
	report->rtt_ns = info.tcpi_rtt * NS_PER_US;
	/* Before the first sample it reads as for ever. */
	if (info.tcpi_min_rtt != UINT32_MAX)
		report->rtt_min_ns = info.tcpi_min_rtt * NS_PER_US;
}

static void tcp_backlog(struct carrier *c, uint32_t bytes)
{
	set(tcp_of(c)->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes > INT32_MAX ? INT32_MAX : (int)bytes);
}

static int tcp_congestion_set(struct carrier *c, const char *name)
{
	return congestion_set(tcp_of(c)->fd, name);
}

static void tcp_congestion_get(struct carrier *c, char name[CONGESTION_NAME_BYTES])
{
	congestion_get(tcp_of(c)->fd, name);
}

static void tcp_losses(struct carrier *c, struct carrier_losses *losses)
{
	congestion_losses(tcp_of(c)->fd, losses);
}

/* The interface that owns an address of this host; untouched when none does. */
static void find_interface(char interface[IF_NAMESIZE], const union inet_address *local)
{
	bool v4 = local->family == AF_INET;
	size_t at = v4 ? offsetof(struct sockaddr_in, sin_addr) : offsetof(struct sockaddr_in6, sin6_addr);
	size_t length = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) < 0)
		return;
	for (i = all; i; i = i->ifa_next) {
		if (i->ifa_addr && i->ifa_addr->sa_family == local->family &&
		    memcmp((char *)i->ifa_addr + at, (const char *)local + at, length) == 0) {
			strncpy(interface, i->ifa_name, IF_NAMESIZE - 1);
			interface[IF_NAMESIZE - 1] = 0;
			break;
		}
	}
	freeifaddrs(all);
}

static void tcp_route(struct carrier *c, struct carrier_route *route)
{
	struct tcp *tcp = tcp_of(c);

	if (!tcp->route.interface[0] && tcp->connected) {
		if (is_loopback(&tcp->route.local))
			memcpy(tcp->route.interface, "lo", sizeof "lo");
		else
			find_interface(tcp->route.interface, &tcp->route.local);
	}
	*route = tcp->route;
}

static void tcp_finish(struct carrier *c)
{
	(void)shutdown(tcp_of(c)->fd, SHUT_WR);
}

/* Unread input would make the kernel reset the connection and drop what is unsent. */
static void discard_input(int fd)
{
	char bytes[4096];

	for (unsigned i = 0; i < DISCARD_ROUNDS; i++)
		if (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
			break;
}

static int tcp_lend(struct carrier *c)
{
	int fd = fcntl(tcp_of(c)->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	tcp_of(c)->lent = true;
	return fd;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

static struct carrier *tcp_twin(int fd)
{
	const struct timeval await = { .tv_usec = AWAIT_US };
	uint64_t cookie = cookie_of(fd);
	struct tcp_twin *twin = cookie ? calloc(1, sizeof *twin) : NULL;

	if (!twin) {
		close(fd);
		return NULL;
	}
	tcp_init(&twin->tcp, fd);
	twin->tcp.connected = twin->tcp.twin = true;
	twin->cookie = cookie;
	/* Every other call says MSG_DONTWAIT, whoever makes it. */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &await, sizeof await);
	return &twin->tcp.carrier;
}

static bool tcp_still(struct carrier *c)
{
	struct tcp *tcp = tcp_of(c);
	uint64_t cookie = cookie_of(tcp->fd);

	assert(tcp->twin);
	/* A system that does not tell has not closed it. */
	return cookie ? cookie == ((struct tcp_twin *)tcp)->cookie : errno != EBADF && errno != ENOTSOCK;
}

static ssize_t tcp_await(struct carrier *twin, void *bytes, size_t size)
{
	ssize_t received = recv(tcp_of(twin)->fd, bytes, size, 0);

	if (received < 0)
		return errno == EINTR ? -EAGAIN : failed_with(twin, errno);
	return received;
}

/* The connection ends now, although a twin's descriptor keeps the socket: close(2) alone would not end it. */
static void end_lent(int fd, bool abort)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	if (abort)
		(void)connect(fd, &nowhere, sizeof nowhere);
	else
		(void)shutdown(fd, SHUT_RDWR);
}

static void tcp_close(struct carrier *c, bool abort)
{
	struct tcp *tcp = tcp_of(c);
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (tcp->twin) {
		if (tcp_still(c))
			close(tcp->fd);
		free(tcp);
		return;
	}
	if (abort)
		(void)setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	else if (!tcp->ended)
		discard_input(tcp->fd);
	if (tcp->lent)
		end_lent(tcp->fd, abort);
	close(tcp->fd);
	free(tcp);
}

static int tcp_descriptor(struct carrier *c)
{
	return tcp_of(c)->fd;
}

const struct carrier_ops carrier_tcp = {
	.kind = CARRIER_TCP,
	.name = "tcp",
	.ordered = true,
	.open = tcp_open,
	.prepare = tcp_prepare,
	.adopt = tcp_adopt,
	.arrival = tcp_arrival,
	.bind = tcp_bind,
	.established = tcp_established,
	.send = tcp_send,
	.receive = tcp_receive,
	.report = tcp_report,
	.backlog = tcp_backlog,
	.congestion_set = tcp_congestion_set,
	.congestion_get = tcp_congestion_get,
	.congestion_allowed = congestion_allowed,
	.losses = tcp_losses,
	.route = tcp_route,
	.finish = tcp_finish,
	.close = tcp_close,
	.descriptor = tcp_descriptor,
	.lend = tcp_lend,
	.twin = tcp_twin,
	.still = tcp_still,
	.await = tcp_await,
};
