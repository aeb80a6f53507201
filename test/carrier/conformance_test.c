/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every carrier must do, as transport/carrier.h says. One suite; a carrier is one row of the table
 * of subjects, which tells how its accepting end comes about.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "transport/carrier.h"

#define WAIT_MS 20000           /* longer than anything takes: only a hang meets it */

struct subject {
	const struct carrier_ops *ops;
	bool on_ip;             /* routes are interfaces and IP addresses */
	/* Makes a listening descriptor, and the route that leads to it. */
	int (*listen)(struct carrier_route *route);
	int (*accept)(int listener);
	/* Routes that fail; NULL: there is no such thing. */
	void (*refused)(struct carrier_route *route);
	void (*unreachable)(struct carrier_route *route);       /* with no network at all */
	void (*itself)(struct carrier_route *route);
};

static const struct subject *subject;

/* --- TCP --- */

static void tcp_address(union inet_address *address, uint32_t host, uint16_t port)
{
	memset(address, 0, sizeof *address);
	address->v4.sin_family = AF_INET;
	address->v4.sin_addr.s_addr = htonl(host);
	address->v4.sin_port = htons(port);
}

static int tcp_listen(struct carrier_route *route)
{
	socklen_t length = sizeof route->remote;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(route, 0, sizeof *route);
	tcp_address(&route->remote, INADDR_LOOPBACK, 0);
	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, &route->remote.any, sizeof(struct sockaddr_in)), 0);
	CHECK_EQ(listen(fd, 8), 0);
	CHECK_EQ(getsockname(fd, &route->remote.any, &length), 0);
	return fd;
}

static int tcp_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* A port that is bound and not listened on refuses. */
static void tcp_refused(struct carrier_route *route)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof route->remote;

	memset(route, 0, sizeof *route);
	tcp_address(&route->remote, INADDR_LOOPBACK, 0);
	CHECK_EQ(bind(fd, &route->remote.any, sizeof(struct sockaddr_in)), 0);
	CHECK_EQ(getsockname(fd, &route->remote.any, &length), 0);
	close(fd);
}

static void tcp_unreachable(struct carrier_route *route)
{
	memset(route, 0, sizeof *route);
	tcp_address(&route->remote, 0xc0000201, 9);     /* 192.0.2.1: documentation, RFC 5737 */
}

static void tcp_itself(struct carrier_route *route)
{
	tcp_refused(route);
	route->local = route->remote;
}

static const struct subject subjects[] = {
	{ &carrier_tcp, true, tcp_listen, tcp_accept, tcp_refused, tcp_unreachable, tcp_itself },
};

/* --- What the tests are made of --- */

static void wait_for(struct carrier *c, short events)
{
	struct pollfd p = { .fd = subject->ops->descriptor(c), .events = events };

	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
}

static int establish(struct carrier *c)
{
	int result;

	while ((result = subject->ops->established(c)) == 0)
		wait_for(c, POLLOUT);
	return result;
}

struct ends {
	struct carrier *dialled, *accepted;
};

static struct ends connected(void)
{
	struct carrier_route route;
	struct ends ends;
	int listener = subject->listen(&route), fd;

	subject->ops->prepare(listener);
	CHECK_EQ(subject->ops->open(&ends.dialled, &route), 0);
	fd = subject->accept(listener);
	CHECK(fd >= 0);
	CHECK_EQ(subject->ops->adopt(&ends.accepted, fd, ""), 0);
	CHECK_EQ(establish(ends.dialled), 1);
	CHECK_EQ(subject->ops->established(ends.accepted), 1);
	close(listener);
	return ends;
}

static void close_both(struct ends *ends)
{
	subject->ops->close(ends->dialled, false);
	subject->ops->close(ends->accepted, true);
}

static uint8_t pattern(uint64_t offset)
{
	return (uint8_t)(offset * 2654435761u >> 13);
}

/* Sends pattern from *offset on, in `parts` pieces of uneven size. As send. */
static ssize_t send_pattern(struct carrier *c, uint64_t *offset, unsigned parts)
{
	static uint8_t bytes[3][30011];
	struct iovec iov[3];
	size_t total = 0;
	ssize_t sent;

	CHECK(parts <= 3);
	for (unsigned i = 0; i < parts; i++) {
		iov[i].iov_base = bytes[i];
		iov[i].iov_len = i == 1 ? 1 : sizeof bytes[i] - i * 7;
		for (size_t j = 0; j < iov[i].iov_len; j++)
			bytes[i][j] = pattern(*offset + total + j);
		total += iov[i].iov_len;
	}
	sent = subject->ops->send(c, iov, parts, false);
	CHECK(sent > 0 ? (size_t)sent <= total : sent < 0);
	if (sent > 0)
		*offset += (uint64_t)sent;
	return sent;
}

/* Receives and compares with pattern. As receive. */
static ssize_t receive_pattern(struct carrier *c, uint64_t *offset)
{
	static uint8_t bytes[2][4099];
	struct iovec iov[2] = { { bytes[0], 17 }, { bytes[1], sizeof bytes[1] } };
	ssize_t received = subject->ops->receive(c, iov, 2);

	for (ssize_t i = 0; i < received; i++)
		CHECK_EQ(i < 17 ? bytes[0][i] : bytes[1][i - 17], pattern(*offset + (uint64_t)i));
	if (received > 0)
		*offset += (uint64_t)received;
	return received;
}

static uint64_t fill(struct carrier *c)
{
	uint64_t offset = 0;
	ssize_t sent;

	while ((sent = send_pattern(c, &offset, 3)) > 0)
		;
	CHECK_EQ(sent, -EAGAIN);
	return offset;
}

/* Reads until the end or an error, and returns that; *offset counts the bytes. */
static ssize_t drain(struct carrier *c, uint64_t *offset)
{
	for (;;) {
		ssize_t received = receive_pattern(c, offset);

		if (received == -EAGAIN)
			wait_for(c, POLLIN);
		else if (received <= 0)
			return received;
	}
}

/* --- The tests --- */

static void connects(void)
{
	struct ends ends = connected();
	struct carrier_route near, far;

	CHECK(ends.dialled->ops == subject->ops && subject->ops->name[0]);
	subject->ops->route(ends.dialled, &near);
	subject->ops->route(ends.accepted, &far);
	CHECK_MEM(&near.local, &far.remote, sizeof(struct sockaddr_in));
	CHECK_MEM(&near.remote, &far.local, sizeof(struct sockaddr_in));
	CHECK(near.interface[0] && strcmp(near.interface, far.interface) == 0);
	close_both(&ends);
}

static int outcome(const struct carrier_route *route)
{
	struct carrier *c = (struct carrier *)&subjects, *untouched = c;
	int result = subject->ops->open(&c, route);

	if (result < 0) {
		CHECK(c == untouched);
		return result;
	}
	result = establish(c);
	CHECK_EQ(subject->ops->established(c), result);         /* told again, not forgotten */
	subject->ops->close(c, true);
	return result;
}

static void refused(void)
{
	struct carrier_route route;

	if (!subject->refused)
		return;
	subject->refused(&route);
	CHECK_EQ(outcome(&route), -ECONNREFUSED);
}

static void meets_itself(void)
{
	struct carrier_route route;

	if (!subject->itself)
		return;
	subject->itself(&route);
	CHECK_EQ(outcome(&route), -ECONNREFUSED);
}

static void unreachable(void)
{
	struct carrier_route route;
	int status;
	pid_t child;

	if (!subject->unreachable)
		return;
	subject->unreachable(&route);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0)
			_exit(TEST_SKIP);
		_exit(outcome(&route) == -ENETUNREACH ? 0 : 1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == TEST_SKIP)
		printf("skipped: no network namespaces here\n");
	else
		CHECK_EQ(WEXITSTATUS(status), 0);
}

static void no_such_interface_or_address(void)
{
	struct carrier_route route;
	int listener;

	if (!subject->on_ip)
		return;
	listener = subject->listen(&route);
	snprintf(route.interface, sizeof route.interface, "nosuch0");
	CHECK_EQ(outcome(&route), -ENODEV);
	route.interface[0] = 0;
	tcp_address(&route.local, 0xc0000201, 0);
	CHECK_EQ(outcome(&route), -EADDRNOTAVAIL);
	close(listener);
}

static void source_address_is_used(void)
{
	struct carrier_route route, used;
	struct carrier *c;
	int listener;

	if (!subject->on_ip)
		return;
	listener = subject->listen(&route);
	tcp_address(&route.local, INADDR_LOOPBACK + 5, 0);
	CHECK_EQ(subject->ops->open(&c, &route), 0);
	CHECK_EQ(establish(c), 1);
	subject->ops->route(c, &used);
	CHECK_EQ(ntohl(used.local.v4.sin_addr.s_addr), INADDR_LOOPBACK + 5);
	CHECK(used.local.v4.sin_port != 0);
	subject->ops->close(c, true);
	close(listener);
}

static void adopt_closes_what_it_refuses(void)
{
	struct carrier *c = NULL;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	CHECK(subject->ops->adopt(&c, fd, "") < 0);
	CHECK(!c && fcntl(fd, F_GETFD) < 0);
}

static void nothing_to_read_yet(void)
{
	struct ends ends = connected();
	uint64_t offset = 0;

	CHECK_EQ(receive_pattern(ends.dialled, &offset), -EAGAIN);
	CHECK_EQ(receive_pattern(ends.accepted, &offset), -EAGAIN);
	close_both(&ends);
}

static void end_of_one_direction(void)
{
	struct ends ends = connected();
	uint64_t sent = 0, received = 0, back = 0, back_received = 0;

	CHECK(send_pattern(ends.dialled, &sent, 2) > 0);
	subject->ops->finish(ends.dialled);
	CHECK_EQ(drain(ends.accepted, &received), 0);
	CHECK_EQ(received, sent);
	CHECK(send_pattern(ends.accepted, &back, 1) > 0);
	subject->ops->finish(ends.accepted);
	CHECK_EQ(drain(ends.dialled, &back_received), 0);
	CHECK_EQ(back_received, back);
	close_both(&ends);
}

static void send_after_the_peer_is_gone(void)
{
	struct ends ends = connected();
	uint64_t offset = 0;
	ssize_t result;

	subject->ops->close(ends.accepted, true);
	CHECK_EQ(drain(ends.dialled, &offset), -ECONNRESET);
	result = send_pattern(ends.dialled, &offset, 1);
	CHECK(result == -EPIPE || result == -ECONNRESET);
	subject->ops->close(ends.dialled, false);
}

static void abort_is_a_reset(void)
{
	struct ends ends = connected();
	uint64_t sent = fill(ends.dialled), received = 0;

	subject->ops->close(ends.dialled, true);
	CHECK_EQ(drain(ends.accepted, &received), -ECONNRESET);
	CHECK(received <= sent);
	subject->ops->close(ends.accepted, false);
}

static void finish_delivers(void)
{
	struct ends ends = connected();
	uint64_t sent = fill(ends.dialled), received = 0, back = 0;

	/* Unread input must not cost the peer what is under way. */
	CHECK(send_pattern(ends.accepted, &back, 1) > 0);
	wait_for(ends.dialled, POLLIN);
	subject->ops->finish(ends.dialled);
	subject->ops->close(ends.dialled, false);
	CHECK_EQ(drain(ends.accepted, &received), 0);
	CHECK_EQ(received, sent);
	subject->ops->close(ends.accepted, false);
}

static void watch(int epoll, struct carrier *c)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, subject->ops->descriptor(c), &event), 0);
}

/* Both ways at once, each end touched only when an edge said so; every call may move less than asked. */
static void edges_are_enough(void)
{
	const uint64_t total = 24 << 20;
	struct ends ends = connected();
	struct carrier *end[2] = { ends.dialled, ends.accepted };
	uint64_t sent[2] = { 0 }, received[2] = { 0 };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	watch(epoll, end[0]);
	watch(epoll, end[1]);
	while (received[0] < total || received[1] < total) {
		struct epoll_event event;
		unsigned i;
		ssize_t result = 1;

		CHECK_EQ(epoll_wait(epoll, &event, 1, WAIT_MS), 1);
		i = event.data.ptr == end[1];
		while ((result = receive_pattern(end[i], &received[i])) > 0)
			;
		CHECK_EQ(result, -EAGAIN);
		while (sent[i] < total && (result = send_pattern(end[i], &sent[i], 1 + sent[i] % 3)) > 0)
			;
		CHECK(sent[i] >= total || result == -EAGAIN);
		if (sent[0] >= total && sent[1] >= total && received[0] == sent[1] && received[1] == sent[0])
			break;
	}
	CHECK(received[0] >= total && received[1] >= total);
	close(epoll);
	close_both(&ends);
}

static void backlog_is_kept(void)
{
	static const uint32_t backlogs[] = { 16384, 262144, 1048576 };
	struct ends ends = connected();
	struct carrier_report report;
	uint64_t sent = 0;
	uint32_t unsent = 0;

	for (unsigned i = 0; i < 3; i++) {
		subject->ops->backlog(ends.dialled, backlogs[i]);
		while (send_pattern(ends.dialled, &sent, 1) > 0)
			;
		subject->ops->report(ends.dialled, &report);
		CHECK(report.known);
		/* What one call was given may go over it, and a segment that was begun. */
		CHECK(report.unsent_bytes <= backlogs[i] + 2 * 65536);
		CHECK(i == 0 || report.unsent_bytes > unsent);
		unsent = report.unsent_bytes;
	}
	close_both(&ends);
}

static void reports_grow(void)
{
	struct ends ends = connected();
	struct carrier_report report;
	uint64_t sent = 0, received = 0, acked;

	subject->ops->report(ends.dialled, &report);
	CHECK(report.known);
	/* A window of bytes, not of segments: a fresh connection may send several (RFC 6928), a loopback's are large. */
	CHECK(report.window_bytes > 4096 && report.window_bytes < 64 << 20);
	acked = report.acked_bytes;
	while (sent < 4 << 20) {
		if (send_pattern(ends.dialled, &sent, 2) == -EAGAIN)
			wait_for(ends.accepted, POLLIN);
		while (receive_pattern(ends.accepted, &received) > 0)
			;
		subject->ops->report(ends.dialled, &report);
		CHECK(report.acked_bytes >= acked);
		CHECK(report.acked_bytes + report.unsent_bytes <= sent + 1);    /* TCP counts its SYN too */
		acked = report.acked_bytes;
	}
	for (unsigned i = 0; report.acked_bytes < sent; i++) {
		CHECK(i < WAIT_MS);
		if (receive_pattern(ends.accepted, &received) == -EAGAIN)
			usleep(1000);
		subject->ops->report(ends.dialled, &report);
	}
	CHECK_EQ(report.unsent_bytes, 0);
	CHECK(report.ack_age_ns >= 0 && report.rtt_ns > 0);
	close_both(&ends);
}

static unsigned open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

int main(void)
{
	unsigned before = open_descriptors();

	for (unsigned i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
		subject = &subjects[i];
		printf("carrier %s\n", subject->ops->name);
		RUN(connects);
		RUN(refused);
		RUN(meets_itself);
		RUN(unreachable);
		RUN(no_such_interface_or_address);
		RUN(source_address_is_used);
		RUN(adopt_closes_what_it_refuses);
		RUN(nothing_to_read_yet);
		RUN(end_of_one_direction);
		RUN(send_after_the_peer_is_gone);
		RUN(abort_is_a_reset);
		RUN(finish_delivers);
		RUN(edges_are_enough);
		RUN(backlog_is_kept);
		RUN(reports_grow);
		CHECK_EQ(open_descriptors(), before);
	}
	return 0;
}
