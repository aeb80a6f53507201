/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once from many threads: sessions of both faces, and others that ask, change modes and end. */
#include "ends.h"

#include <stdatomic.h>

#define PAIRS      6u
#define MEDDLERS   3u
#define CHURNERS   3u
#define ROUNDS     60u
#define TOTAL      (4u << 20)
#define MESSAGES   60u

/* Two ends of one session, a thread for each direction of each end; all are driven at the same time. */
struct pair {
	unsigned number;
	bool handles, messages;
	int listening;
	char address[32];
	int fds[2];             /* dialled, accepted; of handles what hawser_fd says */
	hawser_t *handle[2];
};

struct end {
	pthread_t sends, receives;
	struct pair *pair;
	unsigned side;
};

static struct pair pairs[PAIRS];
static atomic_bool over;

static void start(pthread_t *thread, void *(*function)(void *), void *argument)
{
	CHECK_EQ(pthread_create(thread, NULL, function, argument), 0);
}

static void finish(pthread_t thread)
{
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static uint8_t seed_of(const struct end *e, bool sending)
{
	return (uint8_t)(2 * e->pair->number + (e->side ^ (sending ? 0 : 1)));
}

static size_t message_bytes(unsigned number)
{
	return number * 7919u % 60000u;
}

/* --- one end of a session --- */

static void open_pair(struct pair *p)
{
	const char *kind = p->messages ? "message" : "stream";

	p->listening = listen_here(kind, p->address);
	if (p->handles) {
		hawser_options *o = options_of(kind);

		p->handle[0] = hawser_open(p->address, o);
		p->handle[1] = hawser_accept(p->listening);
		hawser_options_free(o);
		CHECK(p->handle[0] && p->handle[1]);
		p->fds[0] = hawser_fd(p->handle[0]);
		p->fds[1] = hawser_fd(p->handle[1]);
	} else {
		p->fds[0] = dial_there(kind, p->address);
		p->fds[1] = accept(p->listening, NULL, NULL);
		CHECK(p->fds[1] >= 0);
	}
}

static void close_pair(struct pair *p)
{
	for (unsigned side = 0; side < 2; side++) {
		if (p->handles)
			CHECK_EQ(hawser_close(p->handle[side]), 0);
		else
			CHECK_EQ(close(p->fds[side]), 0);
	}
	close(p->listening);
}

static void send_messages(hawser_t *h, uint8_t seed)
{
	static _Thread_local uint8_t bytes[60000];

	for (unsigned i = 0; i < MESSAGES; i++) {
		size_t length = message_bytes(i);

		fill(bytes, length, i, seed);
		CHECK_EQ(hawser_send(h, bytes, length, 0), length);
	}
}

static void receive_messages(hawser_t *h, uint8_t seed)
{
	static _Thread_local uint8_t bytes[60001];

	for (unsigned i = 0; i < MESSAGES; i++) {
		size_t have = 0;

		for (int flags = 0; !(flags & HAWSER_END);) {
			flags = 0;
			ssize_t n = hawser_recv(h, bytes + have, sizeof bytes - have, &flags);
			CHECK(n >= 0);
			have += (size_t)n;
		}
		CHECK_EQ(have, message_bytes(i));
		verify(bytes, have, i, seed);
	}
}

static void send_stream(hawser_t *h, uint8_t seed)
{
	uint8_t bytes[20000];

	for (size_t at = 0; at < TOTAL;) {
		size_t want = TOTAL - at < sizeof bytes ? TOTAL - at : sizeof bytes;

		fill(bytes, want, at, seed);
		ssize_t n = hawser_send(h, bytes, want, 0);
		CHECK(n > 0);
		at += (size_t)n;
	}
}

static void receive_stream(hawser_t *h, uint8_t seed)
{
	uint8_t bytes[30000];

	for (size_t at = 0; at < TOTAL;) {
		ssize_t n = hawser_recv(h, bytes, sizeof bytes, NULL);

		CHECK(n > 0);
		verify(bytes, (size_t)n, at, seed);
		at += (size_t)n;
	}
}

static void *sends(void *argument)
{
	struct end *e = argument;
	struct pair *p = e->pair;
	uint8_t seed = seed_of(e, true);

	if (!p->handles) {
		write_content(p->fds[e->side], TOTAL, seed);
		CHECK_EQ(shutdown(p->fds[e->side], SHUT_WR), 0);
		return NULL;
	}
	if (p->messages)
		send_messages(p->handle[e->side], seed);
	else
		send_stream(p->handle[e->side], seed);
	CHECK_EQ(hawser_drain(p->fds[e->side], 20000), 0);
	CHECK_EQ(hawser_shutdown(p->handle[e->side]), 0);
	return NULL;
}

static void *receives(void *argument)
{
	struct end *e = argument;
	struct pair *p = e->pair;
	uint8_t seed = seed_of(e, false);
	char byte;
	int flags = 0;

	if (!p->handles) {
		read_content(p->fds[e->side], TOTAL, seed);
		read_end(p->fds[e->side]);
		return NULL;
	}
	if (p->messages)
		receive_messages(p->handle[e->side], seed);
	else
		receive_stream(p->handle[e->side], seed);
	CHECK_EQ(hawser_recv(p->handle[e->side], &byte, 1, &flags), 0);
	CHECK_EQ(flags, 0);
	return NULL;
}

/* --- those who interfere --- */

/* Asks and changes whatever can be, of sessions that others drive. */
static void *meddles(void *argument)
{
	unsigned turn = *(unsigned *)argument;
	struct hawser_path_info paths[8];
	struct hawser_info info;
	char text[256];

	for (; !atomic_load(&over); turn++) {
		int fd = pairs[turn / 2 % PAIRS].fds[turn % 2];

		CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
		CHECK(info.state == HAWSER_ESTABLISHED || info.state == HAWSER_CLOSING ||
		      info.state == HAWSER_CLOSED);
		CHECK(hawser_paths(fd, paths, 8, sizeof paths[0]) >= 0);
		CHECK_EQ(hawser_error(fd), 0);
		CHECK_EQ(hawser_reason(fd, text, sizeof text), 0);
		CHECK(hawser_peer(fd, text, sizeof text) > 0);
		if (hawser_set_mode(fd, HAWSER_BOTH, (enum hawser_mode)(turn % 4)) < 0)
			CHECK_EQ(errno, ENOTCONN);
		if (hawser_drain(fd, (int)(turn % 3)) < 0)
			CHECK_EQ(errno, EAGAIN);
		usleep(1000);
	}
	return NULL;
}

static void *receives_until_reset(void *argument)
{
	hawser_t *h = argument;
	uint8_t bytes[4096];
	ssize_t n;

	while ((n = hawser_recv(h, bytes, sizeof bytes, NULL)) > 0)
		;
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, ECONNRESET);
	return NULL;
}

/* A session that lives for a moment; aborted while a thread waits in it, or closed with bytes under way. */
static void churn(int listening, const char *address, unsigned round)
{
	hawser_t *a = hawser_open(address, NULL), *b = hawser_accept(listening);
	pthread_t waiting;
	char bytes[300] = "";

	CHECK(a && b);
	CHECK_EQ(hawser_send(a, bytes, sizeof bytes, 0), sizeof bytes);
	switch (round % 3) {
	case 0:
		start(&waiting, receives_until_reset, b);
		CHECK_EQ(hawser_abort(hawser_fd(round % 2 ? a : b)), 0);
		finish(waiting);
		break;
	case 1:
		CHECK_EQ(hawser_recv(b, bytes, sizeof bytes, NULL), sizeof bytes);
		CHECK_EQ(hawser_send(b, bytes, sizeof bytes, 0), sizeof bytes);
		break;
	default:
		break;
	}
	CHECK_EQ(hawser_close(round % 2 ? b : a), 0);
	CHECK_EQ(hawser_close(round % 2 ? a : b), 0);
}

static void *churns(void *unused)
{
	char address[32];
	int listening = -1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		if (round % 8 == 0) {
			if (listening >= 0)
				close(listening);
			listening = listen_here("stream", address);
		}
		churn(listening, address, round);
	}
	close(listening);
	return unused;
}

static void all_at_once(void)
{
	struct end ends[2 * PAIRS];
	pthread_t meddlers[MEDDLERS], churners[CHURNERS];
	unsigned first[MEDDLERS];

	for (unsigned i = 0; i < PAIRS; i++) {
		pairs[i] = (struct pair){ .number = i, .handles = i % 3 > 0, .messages = i % 3 > 1 };
		open_pair(&pairs[i]);
	}
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		ends[i] = (struct end){ .pair = &pairs[i / 2], .side = i % 2 };
		start(&ends[i].sends, sends, &ends[i]);
		start(&ends[i].receives, receives, &ends[i]);
	}
	for (unsigned i = 0; i < MEDDLERS; i++) {
		first[i] = 4 * i;
		start(&meddlers[i], meddles, &first[i]);
	}
	for (unsigned i = 0; i < CHURNERS; i++)
		start(&churners[i], churns, NULL);
	for (unsigned i = 0; i < CHURNERS; i++)
		finish(churners[i]);
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		finish(ends[i].sends);
		finish(ends[i].receives);
	}
	atomic_store(&over, true);
	for (unsigned i = 0; i < MEDDLERS; i++)
		finish(meddlers[i]);
	for (unsigned i = 0; i < PAIRS; i++)
		close_pair(&pairs[i]);
}

int main(void)
{
	alarm(120);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	RUN(all_at_once);
	return 0;
}
