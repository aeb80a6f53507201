/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network in place of a real one, for machines where none can be made: connections are carried
 * from an address of the loopback to 127.0.0.1 at a given rate, and on a signal nothing moves any
 * more while nothing is closed. Each direction has one buffer, read when empty, written when not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/demo.h"

#define LINKS_MAX    16u
#define PIECE_BYTES  16384u
#define SOCKET_BYTES 65536
#define TICK_MS      2

struct flow {
	int from, to;
	uint8_t buffer[PIECE_BYTES];
	size_t at, end;
	bool ended; /* from has no more, and to was told */
};

struct link {
	bool used;
	struct flow flows[2];
};

struct relay {
	const struct common *common;
	struct in_addr address;
	int listening[2];
	uint16_t ports[2];
	uint64_t bytes_per_s;
	uint64_t credit[2], credited_ns; /* bytes that each direction may carry now */
	struct link links[LINKS_MAX];
};

static volatile sig_atomic_t silent;

static void on_signal(int number)
{
	silent = number == SIGUSR1;
}

static void earn(struct relay *relay)
{
	uint64_t now = clock_ns();
	uint64_t earned = (now - relay->credited_ns) / 1000 * relay->bytes_per_s / 1000000;
	uint64_t most = relay->bytes_per_s / 100;
	for (unsigned i = 0; i < 2; i++) {
		relay->credit[i] += earned;
		if (relay->credit[i] > most)
			relay->credit[i] = most;
	}
	if (earned > 0)
		relay->credited_ns = now;
}

static void drop(struct link *link)
{
	close(link->flows[0].from);
	close(link->flows[0].to);
	link->used = false;
}

/* Both ways of a TCP socket's life: bytes, end, or loss. False: the link is gone. */
static bool pass(struct flow *flow, uint64_t *credit)
{
	for (;;) {
		if (flow->at == flow->end && !flow->ended) {
			ssize_t got = recv(flow->from, flow->buffer, PIECE_BYTES, MSG_DONTWAIT);
			if (got < 0 && errno == EAGAIN)
				return true;
			if (got < 0)
				return false;
			if (got == 0) {
				flow->ended = true;
				return shutdown(flow->to, SHUT_WR) == 0;
			}
			flow->at = 0;
			flow->end = (size_t)got;
		}
		size_t length = flow->end - flow->at;
		if (length > *credit)
			length = (size_t)*credit;
		if (length == 0)
			return true;
		ssize_t sent = send(flow->to, flow->buffer + flow->at, length,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		flow->at += (size_t)sent;
		*credit -= (uint64_t)sent;
	}
}

static void small_buffers(int fd)
{
	int bytes = SOCKET_BYTES, one = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* From the relay's own address, so that the receiver can tell the networks apart. */
static int dial(const struct relay *relay, uint16_t port)
{
	struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr = relay->address };
	struct sockaddr_in target = { .sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	small_buffers(fd);
	if (bind(fd, (struct sockaddr *)&source, sizeof source) == 0 &&
	    connect(fd, (struct sockaddr *)&target, sizeof target) == 0)
		return fd;
	close(fd);
	return -1;
}

static void accept_one(struct relay *relay, unsigned which)
{
	int fd = accept4(relay->listening[which], NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	small_buffers(fd);
	int target = dial(relay, relay->ports[which]);
	for (unsigned i = 0; i < LINKS_MAX && target >= 0; i++) {
		struct link *link = &relay->links[i];
		if (link->used)
			continue;
		link->used = true;
		link->flows[0] = (struct flow){ .from = fd, .to = target };
		link->flows[1] = (struct flow){ .from = target, .to = fd };
		return;
	}
	if (target >= 0)
		close(target);
	close(fd);
}

static int open_listener(const struct relay *relay, uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = relay->address };
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	small_buffers(fd);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0 || listen(fd, 16) < 0) {
		complain(relay->common, "listening on %s:%u: %s", inet_ntoa(relay->address), port,
			 strerror(errno));
		return -1;
	}
	return fd;
}

static void turn(struct relay *relay)
{
	struct pollfd polled[2] = { { relay->listening[0], POLLIN, 0 },
				    { relay->listening[1], POLLIN, 0 } };
	poll(polled, silent ? 0 : 2, TICK_MS);
	earn(relay);
	if (silent)
		return;
	for (unsigned i = 0; i < 2; i++)
		if ((polled[i].revents & POLLIN) != 0)
			accept_one(relay, i);
	for (unsigned i = 0; i < LINKS_MAX; i++) {
		struct link *link = &relay->links[i];
		if (!link->used)
			continue;
		if (!pass(&link->flows[0], &relay->credit[0]) ||
		    !pass(&link->flows[1], &relay->credit[1]) ||
		    (link->flows[0].ended && link->flows[1].ended))
			drop(link);
	}
}

int demo_relay(const struct common *common, const char *address, const uint16_t ports[2],
	       uint64_t bytes_per_s)
{
	static struct relay relay;
	relay = (struct relay){ .common = common,
				.bytes_per_s = bytes_per_s,
				.credited_ns = clock_ns() };
	inet_pton(AF_INET, address, &relay.address);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	for (unsigned i = 0; i < 2; i++) {
		relay.ports[i] = ports[i];
		relay.listening[i] = open_listener(&relay, ports[i]);
		if (relay.listening[i] < 0)
			return STATUS_FAILED;
	}
	for (;;)
		turn(&relay);
}
