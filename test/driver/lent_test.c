/* SPDX-License-Identifier: Apache-2.0 */
/* Lent buffers: nothing is read of them once they are back, nothing is lost by giving them back. */
#include <sys/mman.h>

#include "ends.h"

#define TOTAL   (24u << 20)
#define BUFFERS 12u
#define BIGGEST 300000u

static uint64_t random_state = 3;

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 8) % limit;
}

static hawser_t *near_end, *far_end;

static void open_pair(const char *kind, const char *name, const char *value)
{
	hawser_options *o = options_of(kind);
	char address[32];
	int listening;

	CHECK_EQ(hawser_options_set(o, "receive_buffer", "256K"), 0);
	if (name)
		CHECK_EQ(hawser_options_set(o, name, value), 0);
	listening = hawser_listen("127.0.0.1:0", o);
	CHECK(listening >= 0);
	snprintf(address, sizeof address, "127.0.0.1:%d", hawser_port(listening));
	near_end = hawser_open(address, o);
	far_end = hawser_accept(listening);
	CHECK(near_end && far_end);
	close(listening);
	hawser_options_free(o);
}

static void close_pair(void)
{
	CHECK_EQ(hawser_close(near_end), 0);
	CHECK_EQ(hawser_close(far_end), 0);
}

/* A buffer is a token. What comes back is wiped and freed at once. */
struct buffer {
	struct buffer *next;
	size_t length;
	uint8_t bytes[];
};

static struct buffer *buffer_new(size_t length, uint64_t at)
{
	struct buffer *b = malloc(sizeof *b + length);

	CHECK(b);
	b->next = NULL;
	b->length = length;
	fill(b->bytes, length, at, 1);
	return b;
}

static void buffer_free(struct buffer *b)
{
	memset(b->bytes, 0xdd, b->length);
	free(b);
}

/* Those that are out, in order. */
struct out {
	struct buffer *first, **end;
	unsigned count;
};

static void out_add(struct out *out, struct buffer *b)
{
	if (!out->first)
		out->end = &out->first;
	*out->end = b;
	out->end = &b->next;
	out->count++;
}

static void took_back(struct out *out, void *token)
{
	struct buffer *b = out->first;

	CHECK(b && token == b);
	out->first = b->next;
	out->count--;
	buffer_free(b);
}

/* Takes back until no more than `most` are out. */
static void take_back(hawser_t *h, struct out *out, unsigned most)
{
	void *tokens[5];

	while (out->count > most) {
		int taken = hawser_returned(h, tokens, 1 + (int)random_below(5), WAIT_MS);

		CHECK(taken > 0);
		for (int i = 0; i < taken; i++)
			took_back(out, tokens[i]);
	}
}

static size_t random_length(void)
{
	return 1 + random_below(random_below(3) ? BIGGEST : 20000);
}

/* --- streams --- */

static void *lends_stream(void *unused)
{
	struct out out = { 0 };
	uint8_t small[3000];

	for (uint64_t at = 0; at < TOTAL;) {
		size_t length = random_length();

		if (length > TOTAL - at)
			length = (size_t)(TOTAL - at);
		if (random_below(8) == 0) {
			length = length < sizeof small ? length : sizeof small;
			fill(small, length, at, 1);
			ssize_t sent = hawser_send(near_end, small, length, 0);
			CHECK(sent > 0);
			at += (uint64_t)sent;
			continue;
		}
		struct buffer *b = buffer_new(length, at);
		CHECK_EQ(hawser_lend(near_end, b->bytes, length, b, 0), length);
		out_add(&out, b);
		at += length;
		take_back(near_end, &out, BUFFERS);
	}
	CHECK_EQ(hawser_shutdown(near_end), 0);
	take_back(near_end, &out, 0);
	return unused;
}

static void receive_from(hawser_t *h, uint64_t at, uint64_t until)
{
	static uint8_t bytes[100000];
	ssize_t n;

	for (; at < until; at += (uint64_t)n) {
		n = hawser_recv(h, bytes, until - at < sizeof bytes ? (size_t)(until - at) : sizeof bytes, NULL);
		CHECK(n > 0);
		verify(bytes, (size_t)n, at, 1);
	}
}

static void receive_stream(hawser_t *h, uint64_t total)
{
	receive_from(h, 0, total);
}

static void receive_end(hawser_t *h)
{
	char byte;

	CHECK_EQ(hawser_recv(h, &byte, 1, NULL), 0);
}

static void a_stream_from_many_buffers(void)
{
	pthread_t thread;
	void *token;

	open_pair("stream", NULL, NULL);
	CHECK_EQ(pthread_create(&thread, NULL, lends_stream, NULL), 0);
	receive_stream(far_end, TOTAL);
	receive_end(far_end);
	pthread_join(thread, NULL);
	CHECK_EQ(hawser_returned(near_end, &token, 1, -1), 0);
	close_pair();
}

/* One thread lends, another takes back, both wait. */
static struct {
	pthread_mutex_t lock;
	struct out out;
	bool done;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *takes_back(void *unused)
{
	void *tokens[3];
	bool done = false;

	while (!done) {
		int taken = hawser_returned(near_end, tokens, 3, 1);

		CHECK(taken >= 0 || errno == EAGAIN);
		pthread_mutex_lock(&shared.lock);
		for (int i = 0; i < taken; i++)
			took_back(&shared.out, tokens[i]);
		done = shared.done && shared.out.count == 0;
		pthread_mutex_unlock(&shared.lock);
	}
	return unused;
}

static void *lends_only(void *unused)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct buffer *b = buffer_new(100000, at);

		pthread_mutex_lock(&shared.lock);
		out_add(&shared.out, b);
		CHECK_EQ(hawser_lend(near_end, b->bytes, b->length, b, 0), b->length);
		at += b->length;
		pthread_mutex_unlock(&shared.lock);
	}
	pthread_mutex_lock(&shared.lock);
	shared.done = true;
	pthread_mutex_unlock(&shared.lock);
	return unused;
}

static void one_lends_another_takes_back(void)
{
	pthread_t lender, taker;

	open_pair("stream", NULL, NULL);
	CHECK_EQ(pthread_create(&lender, NULL, lends_only, NULL), 0);
	CHECK_EQ(pthread_create(&taker, NULL, takes_back, NULL), 0);
	receive_stream(far_end, 100 * 100000);
	pthread_join(lender, NULL);
	pthread_join(taker, NULL);
	close_pair();
}

/* --- messages --- */

#define MESSAGES 150u

/* Message i: its parts, lent or sent; 0 bytes is a length too. */
static size_t part_bytes(unsigned i, unsigned part)
{
	return (i * 7919u + part * 104729u) % (i % 3 ? 90000u : 18000u) * (i % 7 > 0);
}

static void *lends_messages(void *unused)
{
	struct out out = { 0 };

	for (unsigned i = 0; i < MESSAGES; i++) {
		unsigned parts = 1 + i % 3;
		size_t at = 0;

		for (unsigned part = 0; part < parts; part++) {
			size_t length = part_bytes(i, part);
			struct buffer *b = buffer_new(length, i + at);
			int flags = part + 1 < parts ? HAWSER_MORE : 0;

			at += length;
			if ((i + part) % 4 == 3) {
				CHECK_EQ(hawser_send(near_end, b->bytes, length, flags), length);
				buffer_free(b);
				continue;
			}
			CHECK_EQ(hawser_lend(near_end, b->bytes, length, b, flags), length);
			out_add(&out, b);
		}
		take_back(near_end, &out, BUFFERS);
	}
	CHECK_EQ(hawser_shutdown(near_end), 0);
	take_back(near_end, &out, 0);
	return unused;
}

static void messages_from_lent_parts(void)
{
	static uint8_t bytes[400000];
	pthread_t thread;

	open_pair("message", NULL, NULL);
	CHECK_EQ(pthread_create(&thread, NULL, lends_messages, NULL), 0);
	for (unsigned i = 0; i < MESSAGES; i++) {
		size_t have = 0, want = 0;

		for (unsigned part = 0; part < 1 + i % 3; part++)
			want += part_bytes(i, part);
		for (int flags = 0; !(flags & HAWSER_END);) {
			flags = 0;
			ssize_t n = hawser_recv(far_end, bytes + have, sizeof bytes - have, &flags);
			CHECK(n >= 0);
			have += (size_t)n;
		}
		CHECK_EQ(have, want);
		verify(bytes, have, i, 1);
	}
	pthread_join(thread, NULL);
	receive_end(far_end);
	close_pair();
}

/* --- what the calls say --- */

static bool readable(hawser_t *h, int timeout_ms)
{
	struct pollfd p = { .fd = hawser_fd(h), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

/* Nobody reads at the other end: the window is 256 KiB, and what is beyond it stays out. */
static void the_descriptor_tells_of_it(void)
{
	struct buffer *b = buffer_new(1 << 20, 0);
	int flags = HAWSER_DONTWAIT;
	void *token = NULL;
	char byte;

	open_pair("stream", NULL, NULL);
	CHECK_EQ(hawser_returned(near_end, &token, 1, 0), 0);
	CHECK_EQ(hawser_lend(near_end, b->bytes, b->length, b, HAWSER_DONTWAIT), b->length);
	/* No byte to receive: only the token makes it readable. */
	CHECK_EQ(hawser_recv(near_end, &byte, 1, &flags), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(hawser_returned(near_end, &token, 1, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(hawser_returned(near_end, &token, 1, 20), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK(!readable(near_end, 0));
	receive_stream(far_end, 1 << 20);
	CHECK(readable(near_end, WAIT_MS));
	/* A program that receives in between is not told again and again, and loses nothing. */
	CHECK_EQ(hawser_recv(near_end, &byte, 1, &flags), -1);
	CHECK_EQ(hawser_recv(near_end, &byte, 1, &flags), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK(!readable(near_end, 0));
	CHECK_EQ(hawser_returned(near_end, &token, 1, 0), 1);
	CHECK(token == b);
	CHECK_EQ(hawser_returned(near_end, &token, 1, 0), 0);
	buffer_free(b);
	close_pair();
}

#define ROUNDS 60u

static void *receives_all(void *unused)
{
	receive_stream(far_end, (uint64_t)ROUNDS << 20);
	return unused;
}

/* Calls that wait drive the session, and go on to when one asks in passing what is back: it is told all the same. */
static void the_descriptor_tells_of_it_to_who_drove(void)
{
	struct buffer *b = buffer_new(ROUNDS << 20, 0);
	pthread_t thread;
	void *token;

	open_pair("stream", NULL, NULL);
	CHECK_EQ(pthread_create(&thread, NULL, receives_all, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		CHECK_EQ(hawser_lend(near_end, b->bytes + ((size_t)i << 20), 1 << 20, b, 0), 1 << 20);
		int taken = hawser_returned(near_end, &token, 1, i < ROUNDS / 2 ? WAIT_MS : 0);
		if (taken < 0) {
			CHECK(i >= ROUNDS / 2);
			CHECK_EQ(errno, EAGAIN);
			CHECK(readable(near_end, WAIT_MS));
			taken = hawser_returned(near_end, &token, 1, 0);
		}
		CHECK_EQ(taken, 1);
		CHECK(token == b);
	}
	pthread_join(thread, NULL);
	buffer_free(b);
	close_pair();
}

static void what_cannot_be_lent(void)
{
	void *token = &token, *back[1025];
	static uint8_t bytes[20000];

	open_pair("stream", NULL, NULL);
	CHECK_EQ(hawser_lend(near_end, bytes, (size_t)HAWSER_LEND_MAX + 1, token, 0), -1);
	CHECK_EQ(errno, EMSGSIZE);
	CHECK_EQ(hawser_lend(near_end, bytes, 1, token, HAWSER_END), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(hawser_returned(near_end, back, 0, 0), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(hawser_returned(near_end, back, 1, -2), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(hawser_returned(near_end, back, 1, -1), 0);
	for (unsigned i = 0; i < 1024; i++)
		CHECK_EQ(hawser_lend(near_end, bytes, i % 2, token, 0), i % 2);
	CHECK_EQ(hawser_lend(near_end, bytes, 1, token, 0), -1);
	CHECK_EQ(errno, ENOBUFS);
	CHECK_EQ(hawser_returned(near_end, back, 1025, -1), 1024);
	CHECK_EQ(hawser_lend(near_end, bytes, sizeof bytes, token, 0), sizeof bytes);
	CHECK_EQ(hawser_shutdown(near_end), 0);
	CHECK_EQ(hawser_lend(near_end, bytes, sizeof bytes, token, 0), -1);
	CHECK_EQ(errno, EPIPE);
	CHECK_EQ(hawser_returned(near_end, back, 5, WAIT_MS), 1);
	CHECK(back[0] == token);
	close_pair();
}

/* --- ends --- */

/* The peer reads only afterwards: what the window does not take is copied, and the memory is ours again. */
static void closed_with_a_little_out(void)
{
	struct buffer *b[4];

	open_pair("stream", NULL, NULL);
	for (unsigned i = 0; i < 4; i++) {
		b[i] = buffer_new(500000, i * 500000);
		CHECK_EQ(hawser_lend(near_end, b[i]->bytes, b[i]->length, b[i], 0), 500000);
	}
	CHECK_EQ(hawser_close(near_end), 0);
	for (unsigned i = 0; i < 4; i++)
		buffer_free(b[i]);
	receive_stream(far_end, 4 * 500000);
	receive_end(far_end);
	CHECK_EQ(hawser_close(far_end), 0);
}

static void *closes(void *unused)
{
	CHECK_EQ(hawser_close(near_end), 0);
	return unused;
}

/* Too much to copy: close waits until little enough is left. */
static void closed_with_much_out(void)
{
	struct buffer *b = buffer_new(20 << 20, 0);
	pthread_t thread;

	open_pair("stream", NULL, NULL);
	CHECK_EQ(hawser_lend(near_end, b->bytes, b->length, b, 0), b->length);
	CHECK_EQ(pthread_create(&thread, NULL, closes, NULL), 0);
	receive_stream(far_end, 13 << 20);
	pthread_join(thread, NULL);
	buffer_free(b);
	receive_from(far_end, 13 << 20, 20 << 20);
	receive_end(far_end);
	CHECK_EQ(hawser_close(far_end), 0);
}

/* Nobody reads: the linger time ends it. */
static void closed_and_never_read(void)
{
	struct buffer *b = buffer_new(20 << 20, 0);
	uint8_t byte[1000];
	ssize_t n;

	open_pair("stream", "linger", "300ms");
	CHECK_EQ(hawser_lend(near_end, b->bytes, b->length, b, 0), b->length);
	CHECK_EQ(hawser_close(near_end), 0);
	buffer_free(b);
	while ((n = hawser_recv(far_end, byte, sizeof byte, NULL)) > 0)
		;
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK_EQ(hawser_close(far_end), 0);
}

/* By either end, with bytes unread at this one. */
static void a_reset_gives_all_back(void)
{
	for (unsigned ours = 0; ours < 2; ours++) {
		struct buffer *b[3];
		struct out out = { 0 };
		void *token;

		open_pair("stream", NULL, NULL);
		CHECK_EQ(hawser_send(far_end, "unread", 6, 0), 6);
		for (unsigned i = 0; i < 3; i++) {
			b[i] = buffer_new(i == 1 ? 10 : 3 << 20, 0);
			CHECK_EQ(hawser_lend(near_end, b[i]->bytes, b[i]->length, b[i], 0), b[i]->length);
			out_add(&out, b[i]);
		}
		CHECK(readable(near_end, WAIT_MS));
		CHECK_EQ(hawser_abort(hawser_fd(ours ? near_end : far_end)), 0);
		take_back(near_end, &out, 0);
		CHECK_EQ(hawser_returned(near_end, &token, 1, -1), 0);
		CHECK_EQ(hawser_lend(near_end, &ours, sizeof ours, NULL, 0), -1);
		CHECK_EQ(errno, ECONNRESET);
		close_pair();
	}
}

static void *reads_until_reset(void *unused)
{
	static uint8_t got[100000];
	ssize_t n;

	(void)unused;
	while ((n = hawser_recv(far_end, got, sizeof got, 0)) > 0)
		;
	CHECK(n < 0 && errno == ECONNRESET);
	return NULL;
}

/* What is out is taken away: both ends are told, whether the engine writes it or a call that waits. */
static void memory_that_is_taken_away(void)
{
	size_t length = 32u << 20;

	for (unsigned own = 0; own < 2; own++) {
		uint8_t *lent = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct hawser_info info;
		pthread_t reader;
		void *token = NULL;
		char byte;

		CHECK(lent != MAP_FAILED);
		open_pair("stream", NULL, NULL);
		CHECK_EQ(hawser_lend(near_end, lent, length, lent, 0), length);
		CHECK_EQ(mprotect(lent, length, PROT_NONE), 0);
		CHECK_EQ(pthread_create(&reader, NULL, reads_until_reset, NULL), 0);
		if (own)
			CHECK(hawser_recv(near_end, &byte, 1, 0) == -1 && errno == ECONNRESET);
		CHECK_EQ(pthread_join(reader, NULL), 0);
		CHECK_EQ(hawser_returned(near_end, &token, 1, WAIT_MS), 1);
		CHECK(token == lent);
		CHECK_EQ(hawser_send(near_end, "x", 1, 0), -1);
		CHECK_EQ(errno, ECONNRESET);
		CHECK_EQ(hawser_info(hawser_fd(near_end), &info, sizeof info), 0);
		CHECK_EQ(info.reason, 8);
		close_pair();
		munmap(lent, length);
	}
}

/* Lent before there is a path, and the dial fails. */
static void a_dial_that_fails_gives_all_back(void)
{
	hawser_options *o = options_of("stream");
	struct buffer *b = buffer_new(100000, 0);
	struct out out = { 0 };
	hawser_t *h;

	CHECK_EQ(hawser_options_set(o, "nonblock", "yes"), 0);
	CHECK_EQ(hawser_options_set(o, "connect_timeout", "2s"), 0);
	h = hawser_open("127.0.0.1:1", o);
	CHECK(h);
	hawser_options_free(o);
	if (hawser_lend(h, b->bytes, b->length, b, 0) < 0) {
		CHECK_EQ(errno, ECONNREFUSED);
		buffer_free(b);
	} else {
		out_add(&out, b);
		take_back(h, &out, 0);
	}
	CHECK_EQ(hawser_close(h), 0);
}

/* The child has copies of handle and memory; the session is its parent's. */
static void a_child_does_not_disturb(void)
{
	struct buffer *b = buffer_new(1 << 20, 0);
	struct out out = { 0 };
	int status;

	open_pair("stream", NULL, NULL);
	CHECK_EQ(hawser_lend(near_end, b->bytes, b->length, b, 0), b->length);
	out_add(&out, b);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		void *token;

		CHECK_EQ(hawser_returned(near_end, &token, 1, -1), -1);
		CHECK_EQ(errno, ENOTCONN);
		CHECK_EQ(hawser_lend(near_end, b->bytes, 1, b, 0), -1);
		CHECK_EQ(errno, ENOTCONN);
		CHECK_EQ(hawser_close(near_end), 0);
		buffer_free(b);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	receive_stream(far_end, 1 << 20);
	take_back(near_end, &out, 0);
	close_pair();
}

/* exit(3) waits for what is lent as for what is written. */
static void exit_with_buffers_out(void)
{
	char address[32];
	int ready[2], status;

	CHECK_EQ(pipe(ready), 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK_EQ(read(ready[0], address, sizeof address), sizeof address);
		struct buffer *b = buffer_new(3 << 20, 0);

		near_end = hawser_open(address, NULL);
		CHECK(near_end);
		CHECK_EQ(hawser_lend(near_end, b->bytes, b->length, b, 0), b->length);
		exit(0);
	}
	int listening = listen_here("stream", address);
	CHECK_EQ(write(ready[1], address, sizeof address), sizeof address);
	hawser_t *h = hawser_accept(listening);
	CHECK(h);
	receive_stream(h, 3 << 20);
	receive_end(h);
	CHECK_EQ(hawser_close(h), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	close(listening);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	alarm(200);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	/* First: its child must not have an engine's threads to lose. */
	RUN(exit_with_buffers_out);
	RUN(a_stream_from_many_buffers);
	RUN(one_lends_another_takes_back);
	RUN(messages_from_lent_parts);
	RUN(the_descriptor_tells_of_it);
	RUN(the_descriptor_tells_of_it_to_who_drove);
	RUN(what_cannot_be_lent);
	RUN(closed_with_a_little_out);
	RUN(closed_with_much_out);
	RUN(closed_and_never_read);
	RUN(a_reset_gives_all_back);
	RUN(memory_that_is_taken_away);
	RUN(a_dial_that_fails_gives_all_back);
	RUN(a_child_does_not_disturb);
	return 0;
}
