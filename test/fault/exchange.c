/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios: bytes and packets both ways between two descriptors, and what their ends may say. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/fault/scenario.h"

#define PIECE 30000u

/* One end. Bytes: writes content with its seed, reads content with the other's. Packets: all are alike. */
struct side {
	int fd;
	uint8_t seed, other_seed;
	uint64_t written, read, total;  /* bytes, or packets */
	bool shut;                      /* no more is written */
	bool failed;                    /* ... because the session was reset */
	bool over;                      /* nothing more to read */
};

/* What a send or a receive said that did not move anything: the end, or not yet. */
static void not_sent(struct side *s)
{
	if (errno == EAGAIN)
		return;
	if (errno != EPIPE && errno != ECONNRESET)
		lie("send: %s", strerror(errno));
	s->shut = s->failed = true;
}

static void sent(struct side *s, uint64_t count)
{
	s->written += count;
	if (s->written == s->total) {
		shutdown(s->fd, SHUT_WR);
		s->shut = true;
	}
}

static void not_received(struct side *s, ssize_t n)
{
	if (n < 0 && errno == EAGAIN)
		return;
	s->over = true;
	if (n == 0 && s->read < s->total)
		lie("a clean end after %llu of %llu", (unsigned long long)s->read,
		    (unsigned long long)s->total);
	if (n < 0) {
		s->failed = true;
		ended_abnormally(s->fd, "recv");
	}
}

static void write_some(struct side *s)
{
	uint8_t bytes[PIECE];
	size_t want = s->total - s->written < PIECE ? (size_t)(s->total - s->written) : PIECE;

	fill(bytes, want, s->written, s->seed);
	ssize_t n = send(s->fd, bytes, want, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		not_sent(s);
	else
		sent(s, (uint64_t)n);
}

static void read_some(struct side *s)
{
	uint8_t bytes[PIECE];
	ssize_t n = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (n <= 0) {
		not_received(s, n);
		return;
	}
	verify(bytes, (size_t)n, s->read, s->other_seed);
	s->read += (uint64_t)n;
	if (s->read > s->total)
		lie("more bytes came than were sent");
}

static bool done(const struct side *s)
{
	return s->shut && s->over;
}

static void step(struct side *sides, void (*write)(struct side *), void (*read)(struct side *))
{
	struct pollfd p[2];

	for (unsigned i = 0; i < 2; i++)
		p[i] = (struct pollfd){
			.fd = done(&sides[i]) ? -1 : sides[i].fd,
			.events = (short)((sides[i].shut ? 0 : POLLOUT) | (sides[i].over ? 0 : POLLIN)),
		};
	if (poll(p, 2, -1) < 0)
		lie("poll: %s", strerror(errno));
	for (unsigned i = 0; i < 2; i++) {
		if (!sides[i].shut && (p[i].revents & (POLLOUT | POLLHUP | POLLERR)))
			write(&sides[i]);
		if (!sides[i].over && (p[i].revents & (POLLIN | POLLHUP | POLLERR)))
			read(&sides[i]);
	}
}

/* After a clean end: everything has arrived, and the library says so. */
static bool drained(int fd)
{
	struct hawser_info info;

	if (hawser_drain(fd, -1) < 0)
		return refused("hawser_drain");
	if (hawser_info(fd, &info, sizeof info) < 0)
		return refused("hawser_info");
	if (info.bytes_acknowledged != info.bytes_written)
		lie("drained, but %llu of %llu bytes are acknowledged",
		    (unsigned long long)info.bytes_acknowledged, (unsigned long long)info.bytes_written);
	return true;
}

bool exchange(struct ends *e, uint64_t total, void (*at_half)(struct ends *e))
{
	struct side sides[2] = {
		{ .fd = e->dialled, .seed = 1, .other_seed = 2, .total = total },
		{ .fd = e->accepted, .seed = 2, .other_seed = 1, .total = total },
	};

	while (!done(&sides[0]) || !done(&sides[1])) {
		step(sides, write_some, read_some);
		if (at_half && sides[0].read >= total / 2) {
			at_half(e);
			at_half = NULL;
		}
	}
	return !sides[0].failed && !sides[1].failed && drained(e->dialled) && drained(e->accepted);
}

bool pass_bytes(int from, int to, uint64_t total, uint8_t seed)
{
	uint8_t bytes[5000];

	for (uint64_t wrote = 0, at = 0; at < total;) {
		size_t want = total - wrote < sizeof bytes ? (size_t)(total - wrote) : sizeof bytes;
		ssize_t n;

		if (want > 0) {
			fill(bytes, want, wrote, seed);
			n = send(from, bytes, want, MSG_NOSIGNAL);
			if (n < 0) {
				ended_abnormally(from, "send");
				return false;
			}
			wrote += (uint64_t)n;
		}
		n = recv(to, bytes, sizeof bytes, 0);
		if (n == 0)
			lie("a clean end that nobody asked for");
		if (n < 0) {
			ended_abnormally(to, "recv");
			return false;
		}
		verify(bytes, (size_t)n, at, seed);
		at += (uint64_t)n;
	}
	return true;
}

/* --- packets --- */

static size_t packet_bytes(uint64_t number)
{
	return number % 3 == 0 ? 1 + number % 7 : 1 + (number * 7919u) % 60000u;
}

static void send_packet(struct side *s)
{
	static uint8_t bytes[60000];
	size_t length = packet_bytes(s->written);

	fill(bytes, length, s->written, 3);
	if (send(s->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		not_sent(s);
	else
		sent(s, 1);
}

static void take_packet(struct side *s)
{
	static uint8_t bytes[60001];
	ssize_t n = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (n <= 0) {
		not_received(s, n);
		return;
	}
	if ((size_t)n != packet_bytes(s->read))
		lie("packet %llu has %zd bytes", (unsigned long long)s->read, n);
	verify(bytes, (size_t)n, s->read, 3);
	s->read++;
}

bool exchange_packets(struct ends *e, unsigned count)
{
	struct side sides[2] = {
		{ .fd = e->dialled, .total = count }, { .fd = e->accepted, .total = count },
	};

	while (!done(&sides[0]) || !done(&sides[1]))
		step(sides, send_packet, take_packet);
	return !sides[0].failed && !sides[1].failed && drained(e->dialled) && drained(e->accepted);
}
