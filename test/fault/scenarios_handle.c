/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios on handles. */
#include "test/fault/scenarios.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/fault/scenario.h"

#define SOME  (400u << 10)
#define LARGE 700000u           /* a message larger than the window */
#define PIECE 30000u

/* Two handles and their listener. */
struct handles {
	struct ends ends;
	hawser_t *dialled, *accepted;
};

/* A handle that was dialled has its descriptor made for the first who asks: who gets none asks again. */
static int notifier(hawser_t *h)
{
	int fd;

	while ((fd = hawser_fd(h)) < 0)
		refused("hawser_fd");
	return fd;
}

static void handles_close(struct handles *h)
{
	if (h->dialled)
		hawser_close(h->dialled);
	if (h->accepted)
		hawser_close(h->accepted);
	ends_close(&h->ends);
}

static bool handles_open(struct handles *h, hawser_options *o)
{
	char address[64];

	*h = (struct handles){ .ends = { .listening = -1, .dialled = -1, .accepted = -1 } };
	if (!ends_listen(&h->ends, "127.0.0.1:0", o)) {
		hawser_options_free(o);
		return false;
	}
	ends_address(&h->ends, "127.0.0.1", address);
	h->dialled = hawser_open(address, o);
	hawser_options_free(o);
	if (!h->dialled) {
		refused("hawser_open");
		ends_never_were(&h->ends);
		handles_close(h);
		return false;
	}
	struct pollfd p[2] = {
		{ .fd = h->ends.listening, .events = POLLIN },
		{ .fd = notifier(h->dialled), .events = POLLIN },
	};
	int flags = HAWSER_DONTWAIT;
	char byte;
	for (;;) {
		if (poll(p, 2, -1) < 0)
			lie("poll: %s", strerror(errno));
		if (p[0].revents)
			break;
		if (hawser_recv(h->dialled, &byte, 1, &flags) >= 0)
			lie("a session that was never accepted ends cleanly");
		if (errno == EAGAIN)
			continue;
		refused("hawser_recv");
		handles_close(h);
		return false;
	}
	h->accepted = hawser_accept(h->ends.listening);
	if (!h->accepted) {
		refused("hawser_accept");
		close(h->ends.listening);       /* it may wait there still: then it is reset */
		h->ends.listening = -1;
		if (hawser_recv(h->dialled, &byte, 1, NULL) == 0)
			lie("a session that could not be accepted ends cleanly for its peer");
		handles_close(h);
		return false;
	}
	return true;
}

/* A direction: what it wants next decides whether its descriptor is waited for. */
struct side {
	hawser_t *h;
	uint8_t seed, other_seed;
	uint64_t written, read;
	bool shut, over, failed;
};

/* True: something moved. */
static bool send_some(struct side *s, uint64_t total)
{
	uint8_t bytes[PIECE];
	size_t want = total - s->written < PIECE ? (size_t)(total - s->written) : PIECE;

	if (s->shut)
		return false;
	fill(bytes, want, s->written, s->seed);
	ssize_t n = hawser_send(s->h, bytes, want, HAWSER_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0) {
		refused("hawser_send");
		s->shut = s->failed = true;
		return true;
	}
	s->written += (uint64_t)n;
	if (s->written == total) {
		s->shut = true;
		if (hawser_shutdown(s->h) < 0) {
			refused("hawser_shutdown");
			s->failed = true;
		}
	}
	return true;
}

static bool receive_some(struct side *s, uint64_t total)
{
	uint8_t bytes[PIECE];
	int flags = HAWSER_DONTWAIT;

	if (s->over)
		return false;
	ssize_t n = hawser_recv(s->h, bytes, sizeof bytes, &flags);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0) {
		verify(bytes, (size_t)n, s->read, s->other_seed);
		s->read += (uint64_t)n;
		return true;
	}
	s->over = true;
	if (n == 0 && s->read != total)
		lie("a clean end after %llu of %llu bytes", (unsigned long long)s->read,
		    (unsigned long long)total);
	if (n < 0) {
		refused("hawser_recv");
		s->failed = true;
	}
	return true;
}

/* Both ways, waiting on both descriptors. */
void run_handle(void)
{
	struct handles h;

	if (!handles_open(&h, options_with("send_buffer", "256K", "receive_buffer", "256K", NULL)))
		return;
	struct side sides[2] = {
		{ .h = h.dialled, .seed = 1, .other_seed = 2 }, { .h = h.accepted, .seed = 2, .other_seed = 1 },
	};
	while (!sides[0].over || !sides[0].shut || !sides[1].over || !sides[1].shut) {
		bool moved = false;
		struct pollfd p[2];

		for (unsigned i = 0; i < 2; i++) {
			moved |= send_some(&sides[i], SOME);
			moved |= receive_some(&sides[i], SOME);
			p[i] = (struct pollfd){ .fd = notifier(sides[i].h), .events = POLLIN };
			if (sides[i].over && sides[i].shut)
				p[i].fd = -1;
		}
		if (!moved && poll(p, 2, -1) < 0)
			lie("poll: %s", strerror(errno));
	}
	handles_close(&h);
}

/* --- calls that wait --- */

static void *sends(void *argument)
{
	hawser_t *h = argument;
	uint8_t bytes[PIECE];

	for (uint64_t at = 0; at < SOME;) {
		size_t want = SOME - at < PIECE ? (size_t)(SOME - at) : PIECE;

		fill(bytes, want, at, 4);
		ssize_t n = hawser_send(h, bytes, want, 0);
		if (n <= 0) {
			refused("hawser_send");
			return NULL;
		}
		at += (uint64_t)n;
	}
	if (hawser_shutdown(h) < 0)
		refused("hawser_shutdown");
	return NULL;
}

static void receive_until_end(hawser_t *h, uint64_t total)
{
	uint8_t bytes[PIECE];
	uint64_t at = 0;
	ssize_t n;

	while ((n = hawser_recv(h, bytes, sizeof bytes, NULL)) > 0) {
		verify(bytes, (size_t)n, at, 4);
		at += (uint64_t)n;
	}
	if (n == 0 && at != total)
		lie("a clean end after %llu of %llu bytes", (unsigned long long)at, (unsigned long long)total);
	if (n < 0)
		refused("hawser_recv");
}

void run_handle_blocking(void)
{
	struct handles h;
	pthread_t thread;

	if (!handles_open(&h, options_with("send_buffer", "256K", "receive_buffer", "256K", NULL)))
		return;
	if (pthread_create(&thread, NULL, sends, h.dialled) != 0)
		lie("pthread_create");
	receive_until_end(h.accepted, SOME);
	pthread_join(thread, NULL);
	handles_close(&h);
}

/* Lent from one buffer, which is wiped each time that it is back, and freed as soon as close returns. */
void run_handle_lends(void)
{
	struct handles h;
	uint8_t *bytes = malloc(PIECE);
	void *token;
	uint64_t at = 0;

	if (!handles_open(&h, options_with("send_buffer", "256K", "receive_buffer", "256K", NULL))) {
		free(bytes);
		return;
	}
	for (; at < 4 * PIECE; at += PIECE) {
		fill(bytes, PIECE, at, 4);
		if (hawser_lend(h.dialled, bytes, PIECE, bytes, 0) < 0) {
			refused("hawser_lend");
			break;
		}
		if (at == 3 * PIECE)
			continue;       /* out when it is closed */
		if (hawser_returned(h.dialled, &token, 1, -1) != 1 || token != bytes)
			lie("a token did not come back");
		memset(bytes, 0xdd, PIECE);
	}
	hawser_close(h.dialled);
	h.dialled = NULL;
	memset(bytes, 0xdd, PIECE);
	free(bytes);
	receive_until_end(h.accepted, at);
	handles_close(&h);
}

/* --- messages --- */

static const size_t message_bytes[] = { 1, 0, 5000, LARGE, 60000, 3 };
#define MESSAGES (sizeof message_bytes / sizeof message_bytes[0])

static void *sends_messages(void *argument)
{
	hawser_t *h = argument;
	uint8_t *bytes = malloc(LARGE);

	for (unsigned i = 0; i < MESSAGES; i++) {
		fill(bytes, message_bytes[i], i, 6);
		ssize_t n = hawser_send(h, bytes, message_bytes[i], 0);
		if (n < 0) {
			refused("hawser_send");
			goto out;
		}
		if ((size_t)n != message_bytes[i])
			lie("a message of %zu bytes was sent as %zd", message_bytes[i], n);
	}
	if (hawser_shutdown(h) < 0)
		refused("hawser_shutdown");
out:
	free(bytes);
	return NULL;
}

static void receive_messages(hawser_t *h)
{
	uint8_t bytes[PIECE];
	unsigned number = 0;
	size_t at = 0;

	for (;;) {
		int flags = 0;
		ssize_t n = hawser_recv(h, bytes, sizeof bytes, &flags);

		if (n < 0) {
			refused("hawser_recv");
			return;
		}
		if (n == 0 && !(flags & HAWSER_END))
			break;
		if (number == MESSAGES)
			lie("more messages came than were sent");
		verify(bytes, (size_t)n, number + at, 6);
		at += (size_t)n;
		if (!(flags & HAWSER_END))
			continue;
		if (at != message_bytes[number])
			lie("message %u has %zu bytes", number, at);
		number++;
		at = 0;
	}
	if (number != MESSAGES || at != 0)
		lie("a clean end after %u of %zu messages", number, MESSAGES);
}

void run_handle_messages(void)
{
	struct handles h;
	pthread_t thread;

	if (!handles_open(&h, options_with("kind", "message", "receive_buffer", "256K", NULL)))
		return;
	if (pthread_create(&thread, NULL, sends_messages, h.dialled) != 0)
		lie("pthread_create");
	receive_messages(h.accepted);
	pthread_join(thread, NULL);
	handles_close(&h);
}

/* --- a descriptor becomes a handle --- */

/* Bytes wait in the descriptor's socket in both directions when it becomes one. */
void run_handle_adopts(void)
{
	struct ends e;
	uint8_t bytes[20000];
	uint64_t at = 0;

	if (!ends_open(&e, options_with(NULL)))
		return;
	fill(bytes, sizeof bytes, 0, 1);
	if (send(e.accepted, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes ||
	    recv(e.dialled, bytes, 1000, MSG_WAITALL) != 1000) {
		ended_abnormally(e.dialled, "send");
		ends_close(&e);
		return;
	}
	verify(bytes, 1000, 0, 1);
	at = 1000;
	hawser_t *h = hawser_handle(e.dialled);
	if (!h) {
		refused("hawser_handle");
		ends_close(&e);
		return;
	}
	e.dialled = -1;
	shutdown(e.accepted, SHUT_WR);
	for (;;) {
		ssize_t n = hawser_recv(h, bytes, sizeof bytes, NULL);

		if (n < 0) {
			refused("hawser_recv");
			break;
		}
		if (n == 0 && at != sizeof bytes)
			lie("a clean end after %llu of %zu bytes", (unsigned long long)at, sizeof bytes);
		if (n == 0)
			break;
		verify(bytes, (size_t)n, at, 1);
		at += (uint64_t)n;
	}
	hawser_close(h);
	ends_close(&e);
}
