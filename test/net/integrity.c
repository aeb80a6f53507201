/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many bytes and many messages, both directions at once, over networks that work: intact, once, in
 * order. For every mode, messages and a stream through the handle and through the descriptor.
 *
 *	integrity NETNS-A|- NETNS-B|- ADDRESS MESSAGES LARGEST STREAM-BYTES [MODE]
 *
 * ADDRESS is without a port. The size of message n is a function of n that both ends know.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/pattern.h"
#include "test/net/common.h"

#define RECORD_MAX 65536u       /* of a descriptor's message */

struct work {
	const char *name, *kind;
	bool descriptor;
};

static const struct work works[] = {
	{ "messages, handle", "message", false },
	{ "stream, handle", "stream", false },
	{ "messages, descriptor", "message", true },
	{ "stream, descriptor", "stream", true },
};
#define WORKS (sizeof works / sizeof works[0])

struct board {
	_Atomic unsigned port, turn;
};

static struct board *board;
static const char *address, *only_mode;
static uint64_t messages, largest, stream_bytes;

/* One end of one session. */
struct end {
	const struct work *work;
	hawser_t *h;
	int fd;
	unsigned direction;     /* in which this end sends */
	uint64_t bytes_received;
};

/* Of every power of two some, of the large ones few; the first are 0 and 1, one is the largest. */
static uint64_t size_of_message(uint64_t n, uint64_t least, uint64_t most)
{
	uint64_t random = payload_seed(7, n), power = 64;

	if (n < 2)
		return least + n;
	if (n == messages / 2)
		return most;
	random ^= random >> 31;
	for (unsigned draw = 0; draw < 2; draw++) {
		uint64_t bits = most < 2 ? 1 : 64 - (uint64_t)__builtin_clzll(most - 1);
		uint64_t drawn = (random >> (16 * draw) & 0xffff) * (bits + 1) >> 16;

		power = drawn < power ? drawn : power;
	}
	random = random * UINT64_C(0x9e3779b97f4a7c15) >> 8;
	random = (UINT64_C(1) << power) / 2 + random % ((UINT64_C(1) << power) / 2 + 1);
	return random < least ? least : random > most ? most : random;
}

/* --- The handle --- */

static void send_handle(struct end *end)
{
	if (strcmp(end->work->kind, "stream") == 0)
		payload_send(end->h, payload_seed(end->direction, 0), 0, stream_bytes, true);
	else
		for (uint64_t n = 0; n < messages; n++)
			message_send(end->h, payload_seed(end->direction, n),
				     size_of_message(n, 0, largest));
	end_sending(end->h);
}

static void receive_handle(struct end *end)
{
	static _Thread_local uint8_t part[PART_BYTES];

	if (strcmp(end->work->kind, "message") == 0) {
		for (uint64_t n = 0; n < messages; n++) {
			uint64_t size = size_of_message(n, 0, largest);

			message_receive(end->h, payload_seed(!end->direction, n), 0, size);
			end->bytes_received += size;
		}
		receive_end(end->h);
		return;
	}
	for (;;) {
		ssize_t got = hawser_recv(end->h, part, sizeof part, NULL);

		if (got < 0)
			fail_reason(end->fd, "receiving");
		if (got == 0)
			break;
		payload_check(payload_seed(!end->direction, 0), end->bytes_received, part, (size_t)got);
		end->bytes_received += (uint64_t)got;
		alive();
	}
	if (end->bytes_received != stream_bytes)
		fail("%llu bytes came of %llu", (unsigned long long)end->bytes_received,
		     (unsigned long long)stream_bytes);
}

/* --- The descriptor --- */

static void send_descriptor(struct end *end)
{
	static _Thread_local uint8_t part[PART_BYTES];
	bool stream = strcmp(end->work->kind, "stream") == 0;
	uint64_t at = 0;

	for (uint64_t n = 0; stream ? at < stream_bytes : n < messages; n++) {
		uint64_t size = stream ? PART_BYTES : size_of_message(n, 1, RECORD_MAX), seed;
		ssize_t sent;

		if (stream && size > stream_bytes - at)
			size = stream_bytes - at;
		seed = payload_seed(end->direction, stream ? 0 : n);
		pattern_fill(seed, stream ? at : 0, part, size);
		sent = send(end->fd, part, size, MSG_NOSIGNAL);
		if (sent <= 0 || (!stream && (uint64_t)sent != size))
			fail_reason(end->fd, "send of %llu: %zd", (unsigned long long)size, sent);
		at += (uint64_t)sent;
		alive();
	}
	if (shutdown(end->fd, SHUT_WR) < 0)
		fail_reason(end->fd, "shutdown");
}

static void receive_descriptor(struct end *end)
{
	static _Thread_local uint8_t part[PART_BYTES];
	bool stream = strcmp(end->work->kind, "stream") == 0;
	uint64_t n;

	for (n = 0;; n++) {
		ssize_t got = recv(end->fd, part, sizeof part, 0);

		if (got < 0)
			fail_reason(end->fd, "recv");
		if (got == 0)
			break;
		if (!stream && (uint64_t)got != size_of_message(n, 1, RECORD_MAX))
			fail("message %llu came with %zd bytes", (unsigned long long)n, got);
		payload_check(payload_seed(!end->direction, stream ? 0 : n),
			      stream ? end->bytes_received : 0, part, (size_t)got);
		end->bytes_received += (uint64_t)got;
		alive();
	}
	if (stream ? end->bytes_received != stream_bytes : n != messages)
		fail("%llu bytes, %llu messages came", (unsigned long long)end->bytes_received,
		     (unsigned long long)n);
}

/* --- Both ends alike --- */

static void *send_all(void *argument)
{
	struct end *end = argument;

	(end->work->descriptor ? send_descriptor : send_handle)(end);
	return NULL;
}

static void run_end(struct end *end)
{
	pthread_t sender = start_thread(send_all, end);
	uint64_t limit_ns;

	(end->work->descriptor ? receive_descriptor : receive_handle)(end);
	join_thread(sender);
	if (!end->work->descriptor) {
		close_cleanly(end->h);
		return;
	}
	limit_ns = hung_ns();
	while (info_of(end->fd).state != HAWSER_CLOSED && hawser_error(end->fd) == 0)
		pause_until(limit_ns, "the session to be closed");
	if (hawser_error(end->fd) != 0)
		fail_reason(end->fd, "at the end");
	close(end->fd);
}

static hawser_options *work_options(const struct work *work, unsigned mode)
{
	return options_of("kind", work->kind, "mode", mode_names[mode], NULL);
}

static void dial_work(const struct work *work, unsigned mode)
{
	struct end end = { .work = work, .direction = 0 };
	hawser_options *options = work_options(work, mode);
	char text[256];
	uint64_t start_ns;

	snprintf(text, sizeof text, "%s:%u", address, (unsigned)board->port);
	start_ns = now_ns();
	if (work->descriptor) {
		end.fd = hawser_dial(text, options);
		if (end.fd < 0)
			fail_reason(-1, "dialling %s", text);
		hawser_options_free(options);
	} else {
		end.h = dial(text, options);
		end.fd = hawser_fd(end.h);
	}
	run_end(&end);
	printf("%-10s %-20s %6.1f MB each way, %6.1f s\n", mode_names[mode], work->name,
	       (double)end.bytes_received / 1e6, (double)(now_ns() - start_ns) / (double)NS_PER_S);
	fflush(stdout);
}

static void accept_work(const struct work *work, int listening_fd)
{
	struct end end = { .work = work, .direction = 1 };

	if (work->descriptor) {
		end.fd = accept(listening_fd, NULL, NULL);
		if (end.fd < 0)
			fail_reason(listening_fd, "accept");
	} else {
		end.h = await_session(listening_fd);
		end.fd = hawser_fd(end.h);
	}
	run_end(&end);
}

static void all_works(bool accepts)
{
	unsigned turn = 0;

	for (unsigned mode = 0; mode < MODES; mode++) {
		for (unsigned i = 0; i < WORKS; i++) {
			const struct work *work = &works[i];
			uint64_t limit_ns = hung_ns();
			hawser_options *options;
			int listening_fd;

			if (only_mode && strcmp(only_mode, mode_names[mode]) != 0)
				continue;
			turn++;
			if (!accepts) {
				while (board->turn != turn)
					pause_until(limit_ns, "the listener");
				dial_work(work, mode);
				continue;
			}
			options = work_options(work, mode);
			listening_fd = hawser_listen("0", options);
			if (listening_fd < 0)
				fail_reason(-1, "listening");
			hawser_options_free(options);
			board->port = (unsigned)hawser_port(listening_fd);
			board->turn = turn;
			accept_work(work, listening_fd);
			close(listening_fd);
		}
	}
}

static void dialler(void)
{
	all_works(false);
}

static void acceptor(void)
{
	all_works(true);
}

int main(int argc, char **argv)
{
	struct ends ends = { .dialler = dialler, .acceptor = acceptor };

	if (argc < 7)
		fail("usage: see the top of integrity.c");
	ends.dialler_network = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
	ends.acceptor_network = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
	address = argv[3];
	messages = strtoull(argv[4], NULL, 10);
	largest = strtoull(argv[5], NULL, 10);
	stream_bytes = strtoull(argv[6], NULL, 10);
	only_mode = argc > 7 ? argv[7] : NULL;
	board = ends_shared(sizeof *board);
	ends_run(&ends);
	return 0;
}
