/* SPDX-License-Identifier: Apache-2.0 */
/* The two faces: streams and messages through descriptors and handles, in this process alone. */
#include "ends.h"


#define LOTS       (24u << 20)
#define PACKET_MAX 131072u

static char stream_address[32], message_address[32];
static int stream_listening, message_listening;

struct pair {
	int dialled, accepted;
};

static struct pair stream_pair(void)
{
	struct pair p = { .dialled = dial_there("stream", stream_address) };

	p.accepted = accept(stream_listening, NULL, NULL);
	CHECK(p.accepted >= 0);
	return p;
}

static struct pair message_pair(void)
{
	struct pair p = { .dialled = dial_there("message", message_address) };

	p.accepted = accept(message_listening, NULL, NULL);
	CHECK(p.accepted >= 0);
	return p;
}

struct work {
	pthread_t thread;
	int fd;
	hawser_t *h;
	uint64_t total;
	uint8_t seed;
};

static void *writes(void *argument)
{
	struct work *w = argument;

	write_content(w->fd, w->total, w->seed);
	CHECK_EQ(shutdown(w->fd, SHUT_WR), 0);
	return NULL;
}

static void start(struct work *w, void *(*function)(void *))
{
	CHECK_EQ(pthread_create(&w->thread, NULL, function, w), 0);
}

static void finish(struct work *w)
{
	CHECK_EQ(pthread_join(w->thread, NULL), 0);
}

/* --- descriptors --- */

static void stream_both_ways(void)
{
	struct pair p = stream_pair();
	struct work out = { .fd = p.dialled, .total = LOTS, .seed = 1 };
	struct work back = { .fd = p.accepted, .total = LOTS, .seed = 2 };

	start(&out, writes);
	start(&back, writes);
	/* One thread reads both, in turns, as they are ready. */
	uint64_t at[2] = { 0, 0 };
	int ended = 0;
	while (ended < 2) {
		struct pollfd polls[2] = {
			{ .fd = at[0] > LOTS ? -1 : p.dialled, .events = POLLIN },
			{ .fd = at[1] > LOTS ? -1 : p.accepted, .events = POLLIN },
		};
		CHECK(poll(polls, 2, -1) > 0);
		for (int i = 0; i < 2; i++) {
			uint8_t bytes[50000];

			if (!(polls[i].revents & POLLIN))
				continue;
			ssize_t n = read(polls[i].fd, bytes, sizeof bytes);
			CHECK(n >= 0);
			verify(bytes, (size_t)n, at[i], i == 0 ? 2 : 1);
			at[i] += (uint64_t)n;
			if (n == 0) {
				CHECK_EQ(at[i], LOTS);
				at[i]++;
				ended++;
			}
		}
	}
	finish(&out);
	finish(&back);
	close(p.dialled);
	close(p.accepted);
}

/* What stays unread at the engine's end must not keep a writer with a small buffer asleep. */
static void small_send_buffers(void)
{
	for (int bytes = 2048; bytes <= 131072; bytes *= 4) {
		struct pair p = stream_pair();
		struct work out = { .fd = p.accepted, .total = 2u << 20, .seed = 3 };

		CHECK_EQ(setsockopt(p.accepted, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
		start(&out, writes);
		read_content(p.dialled, out.total, 3);
		read_end(p.dialled);
		finish(&out);
		close(p.dialled);
		close(p.accepted);
	}
}

static uint32_t message_size(unsigned i)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4095, 4096, 4097, 60000, 65536, 65537, 100000, PACKET_MAX };
	uint32_t random = (i * 2654435761u) >> 8;

	if (i < sizeof sizes / sizeof sizes[0])
		return sizes[i];
	return i % 16 == 0 ? 1 + random % PACKET_MAX : 1 + random % 3000;
}

#define MESSAGES 2000u

static void *sends_packets(void *argument)
{
	struct work *w = argument;
	uint8_t *bytes = malloc(PACKET_MAX);

	CHECK(bytes);
	for (unsigned i = 0; i < MESSAGES; i++) {
		uint32_t size = message_size(i);

		fill(bytes, size, i, w->seed);
		CHECK_EQ(send(w->fd, bytes, size, 0), size);
	}
	CHECK_EQ(shutdown(w->fd, SHUT_WR), 0);
	free(bytes);
	return NULL;
}

static void receive_packets(int fd, uint8_t seed)
{
	uint8_t *bytes = malloc(PACKET_MAX + 1);

	CHECK(bytes);
	for (unsigned i = 0; i < MESSAGES; i++) {
		uint32_t size = message_size(i);

		CHECK_EQ(recv(fd, bytes, PACKET_MAX + 1, 0), size);
		verify(bytes, size, i, seed);
	}
	CHECK_EQ(recv(fd, bytes, 1, 0), 0);
	free(bytes);
}

static void packets_both_ways(void)
{
	struct pair p = message_pair();
	struct work out = { .fd = p.dialled, .seed = 4 }, back = { .fd = p.accepted, .seed = 5 };

	start(&out, sends_packets);
	receive_packets(p.accepted, 4);
	finish(&out);
	start(&back, sends_packets);
	receive_packets(p.dialled, 5);
	finish(&back);
	close(p.dialled);
	close(p.accepted);
}

static void packets_then_reset(void)
{
	struct pair p = message_pair();
	char text[8];

	CHECK_EQ(send(p.dialled, "one", 3, 0), 3);
	CHECK_EQ(hawser_drain(p.dialled, 10000), 0);
	CHECK_EQ(recv(p.accepted, text, sizeof text, 0), 3);
	CHECK_EQ(hawser_abort(p.dialled), 0);
	CHECK_EQ(recv(p.accepted, text, sizeof text, 0), -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK_EQ(recv(p.dialled, text, sizeof text, 0), -1);
	CHECK_EQ(errno, ECONNRESET);
	close(p.dialled);
	close(p.accepted);
}

static void oversized_packet(void)
{
	struct pair p = message_pair();
	size_t size = 8u << 20;
	uint8_t *bytes = calloc(1, size);

	CHECK(bytes);
	CHECK_EQ(send(p.dialled, bytes, size, 0), -1);
	CHECK_EQ(errno, EMSGSIZE);
	free(bytes);
	close(p.dialled);
	close(p.accepted);
}

/* --- handles --- */

static hawser_t *handle(int fd)
{
	hawser_t *h = hawser_handle(fd);

	CHECK(h);
	return h;
}

static void *handle_writes(void *argument)
{
	struct work *w = argument;
	uint8_t bytes[100000];

	for (uint64_t at = 0; at < w->total;) {
		size_t want = w->total - at < sizeof bytes ? (size_t)(w->total - at) : sizeof bytes;

		fill(bytes, want, at, w->seed);
		for (size_t done = 0; done < want;) {
			ssize_t n = hawser_send(w->h, bytes + done, want - done, 0);

			CHECK(n > 0);
			done += (size_t)n;
		}
		at += want;
	}
	CHECK_EQ(hawser_shutdown(w->h), 0);
	return NULL;
}

static void handle_reads(hawser_t *h, uint64_t total, uint8_t seed)
{
	uint8_t bytes[70000];
	uint64_t at = 0;
	ssize_t n;

	while ((n = hawser_recv(h, bytes, sizeof bytes, NULL)) > 0) {
		verify(bytes, (size_t)n, at, seed);
		at += (uint64_t)n;
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(at, total);
}

static void handle_stream(void)
{
	hawser_t *a = hawser_open(stream_address, NULL), *b = hawser_accept(stream_listening);

	CHECK(a && b);
	struct work out = { .h = a, .total = LOTS, .seed = 6 }, back = { .h = b, .total = LOTS, .seed = 7 };
	start(&out, handle_writes);
	handle_reads(b, LOTS, 6);
	finish(&out);
	start(&back, handle_writes);
	handle_reads(a, LOTS, 7);
	finish(&back);
	CHECK_EQ(hawser_close(a), 0);
	CHECK_EQ(hawser_close(b), 0);
}

/* Bytes that were in the descriptors when they became handles are neither lost nor out of order. */
static void handle_made_in_mid_stream(void)
{
	struct pair p = stream_pair();
	uint8_t bytes[1000];

	write_content(p.dialled, 500000, 8);
	hawser_t *a = handle(p.dialled);
	read_content(p.accepted, 1000, 8);
	hawser_t *b = handle(p.accepted);
	fill(bytes, sizeof bytes, 500000, 8);
	CHECK_EQ(hawser_send(a, bytes, sizeof bytes, 0), sizeof bytes);
	CHECK_EQ(hawser_shutdown(a), 0);
	uint64_t at = 1000;
	ssize_t n;
	while ((n = hawser_recv(b, bytes, sizeof bytes, NULL)) > 0) {
		verify(bytes, (size_t)n, at, 8);
		at += (uint64_t)n;
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(at, 501000);
	hawser_close(a);
	hawser_close(b);
}

static hawser_t *open_messages(void)
{
	hawser_options *o = options_of("message");
	hawser_t *h = hawser_open(message_address, o);

	CHECK(h);
	hawser_options_free(o);
	return h;
}

static const uint32_t handle_sizes[] = { 0, 1, 0, 5, 70000, 0, 1000000, 20000000, 3, 0 };
#define HANDLE_MESSAGES (sizeof handle_sizes / sizeof handle_sizes[0])

static void *handle_sends_messages(void *argument)
{
	struct work *w = argument;

	for (unsigned i = 0; i < HANDLE_MESSAGES; i++) {
		uint8_t *bytes = malloc(handle_sizes[i] + 1);

		CHECK(bytes);
		fill(bytes, handle_sizes[i], i, w->seed);
		CHECK_EQ(hawser_send(w->h, bytes, handle_sizes[i], 0), handle_sizes[i]);
		free(bytes);
	}
	/* In three calls, and with an empty end. */
	CHECK_EQ(hawser_send(w->h, "ab", 2, HAWSER_MORE), 2);
	CHECK_EQ(hawser_send(w->h, "c", 1, HAWSER_MORE), 1);
	CHECK_EQ(hawser_send(w->h, "", 0, 0), 0);
	CHECK_EQ(hawser_shutdown(w->h), 0);
	return NULL;
}

/* One whole message; returns its size, -1 at the end. */
static int64_t receive_message(hawser_t *h, uint8_t *bytes, size_t size)
{
	size_t have = 0;

	for (;;) {
		int flags = 0;
		ssize_t n = hawser_recv(h, bytes + have, size - have, &flags);

		CHECK(n >= 0);
		have += (size_t)n;
		if (flags & HAWSER_END)
			return (int64_t)have;
		if (n == 0) {
			CHECK_EQ(have, 0);
			return -1;
		}
	}
}

/* Of 0 bytes and of more than any window. */
static void handle_messages(void)
{
	hawser_t *a = open_messages(), *b = hawser_accept(message_listening);
	struct work out = { .h = a, .seed = 9 };
	uint8_t *bytes = malloc(20000001);

	CHECK(b && bytes);
	start(&out, handle_sends_messages);
	for (unsigned i = 0; i < HANDLE_MESSAGES; i++) {
		CHECK_EQ(receive_message(b, bytes, 20000001), handle_sizes[i]);
		verify(bytes, handle_sizes[i], i, 9);
	}
	CHECK_EQ(receive_message(b, bytes, 100), 3);
	CHECK_MEM(bytes, "abc", 3);
	CHECK_EQ(receive_message(b, bytes, 100), -1);
	finish(&out);
	free(bytes);
	hawser_close(a);
	hawser_close(b);
}

/* HAWSER_DONTWAIT and the notifier, for both directions, until all is through. */
static void handle_without_waiting(void)
{
	hawser_t *a = hawser_open(stream_address, NULL), *b = hawser_accept(stream_listening);
	uint8_t out[30000], in[20000];
	uint64_t sent = 0, got = 0;
	bool ended = false, shut = false;

	CHECK(a && b);
	while (!ended) {
		int flags = HAWSER_DONTWAIT;
		bool stuck = true;
		ssize_t n = -1;

		if (!shut) {
			size_t want = LOTS - sent < sizeof out ? (size_t)(LOTS - sent) : sizeof out;

			fill(out, want, sent, 10);
			n = hawser_send(a, out, want, HAWSER_DONTWAIT);
			CHECK(n > 0 || errno == EAGAIN);
		}
		if (n > 0) {
			sent += (uint64_t)n;
			stuck = false;
			if (sent == LOTS) {
				CHECK_EQ(hawser_shutdown(a), 0);
				shut = true;
			}
		}
		n = hawser_recv(b, in, sizeof in, &flags);
		CHECK(n >= 0 || errno == EAGAIN);
		if (n >= 0) {
			verify(in, (size_t)n, got, 10);
			got += (uint64_t)n;
			ended = n == 0;
			stuck = false;
		}
		if (stuck) {
			struct pollfd polls[2] = {
				{ .fd = shut ? -1 : hawser_fd(a), .events = POLLIN },
				{ .fd = hawser_fd(b), .events = POLLIN },
			};
			CHECK(poll(polls, 2, 20000) > 0);
		}
	}
	CHECK_EQ(got, LOTS);
	hawser_close(a);
	hawser_close(b);
}

/* Bytes to read keep it readable when a send says EAGAIN; a program that leaves them is told only once. */
static void one_notifier_for_both_directions(void)
{
	hawser_t *a = hawser_open(stream_address, NULL), *b = hawser_accept(stream_listening);
	struct pollfd p = { .events = POLLIN };
	static uint8_t bytes[65536];
	char word[8];

	CHECK(a && b);
	p.fd = hawser_fd(a);
	for (unsigned full = 0; full < 20; full++) {
		while (hawser_send(a, bytes, sizeof bytes, HAWSER_DONTWAIT) > 0)
			full = 0;
		usleep(10000);
	}
	CHECK_EQ(hawser_send(b, "hello", 5, 0), 5);
	CHECK_EQ(hawser_drain(hawser_fd(b), 10000), 0);
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(hawser_send(a, bytes, 1, HAWSER_DONTWAIT), -1);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(hawser_send(a, bytes, 1, HAWSER_DONTWAIT), -1);
	CHECK_EQ(poll(&p, 1, 0), 0);
	/* Who reads some of it wants the rest too. */
	CHECK_EQ(hawser_recv(a, word, 2, NULL), 2);
	CHECK_EQ(hawser_set_mode(p.fd, HAWSER_SENDING, HAWSER_STRIPE), 0);
	CHECK_EQ(poll(&p, 1, 10000), 1);
	hawser_close(a);
	hawser_close(b);
}

/* --- Reset while the descriptor is full --- */

static void *reads_for_ever(void *argument)
{
	struct work *w = argument;
	char byte;

	CHECK_EQ(read(w->fd, &byte, 1), -1);
	CHECK_EQ(errno, ECONNRESET);
	return NULL;
}

static void *writes_for_ever(void *argument)
{
	static char bytes[LOTS];
	struct work *w = argument;
	ssize_t n;

	while ((n = send(w->fd, bytes, sizeof bytes, MSG_NOSIGNAL)) > 0)
		;
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, EPIPE);
	return NULL;
}

/* Until nothing more goes into it. */
static void await_full(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (poll(&p, 1, 0) > 0)
		usleep(1000);
}

/* The kernel keeps one error for both threads: it is the reader's, and the writer, asleep, has another. */
static void reset_beside_a_sleeping_writer(void)
{
	struct pair p = stream_pair();
	struct work out = { .fd = p.dialled }, in = { .fd = p.dialled };

	start(&in, reads_for_ever);
	start(&out, writes_for_ever);
	await_full(p.dialled);
	CHECK_EQ(hawser_abort(p.accepted), 0);
	finish(&out);
	finish(&in);
	close(p.dialled);
	close(p.accepted);
}

static void reset_of_a_polling_writer(void)
{
	struct pair p = stream_pair();
	struct pollfd poller = { .fd = p.dialled, .events = POLLIN };
	static char bytes[PACKET_MAX];
	char byte;

	do
		while (send(p.dialled, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
			;
	while (poll(&(struct pollfd){ .fd = p.dialled, .events = POLLOUT }, 1, 100) > 0);
	CHECK_EQ(hawser_abort(p.accepted), 0);
	CHECK_EQ(poll(&poller, 1, WAIT_MS), 1);
	CHECK_EQ(read(p.dialled, &byte, 1), -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK_EQ(send(p.dialled, bytes, 1, MSG_NOSIGNAL), -1);
	CHECK_EQ(errno, EPIPE);
	close(p.dialled);
	close(p.accepted);
}

static void *receives_for_ever(void *argument)
{
	char byte;

	CHECK_EQ(hawser_recv(argument, &byte, 1, NULL), -1);
	CHECK_EQ(errno, ECONNRESET);
	return argument;
}

/* A thread is not cancelled while it holds what the engine needs. */
static void cancelled_in_a_call(void)
{
	hawser_t *a = hawser_open(stream_address, NULL), *b = hawser_accept(stream_listening);
	struct hawser_info info;
	pthread_t thread;

	CHECK(a && b);
	CHECK_EQ(pthread_create(&thread, NULL, receives_for_ever, a), 0);
	usleep(20000);
	CHECK_EQ(pthread_cancel(thread), 0);
	usleep(20000);
	CHECK_EQ(hawser_info(hawser_fd(a), &info, sizeof info), 0);
	CHECK_EQ(hawser_abort(hawser_fd(a)), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	hawser_close(a);
	hawser_close(b);
}

static void handle_reads_reset(void)
{
	hawser_t *a = hawser_open(stream_address, NULL), *b = hawser_accept(stream_listening);
	char byte;

	CHECK(a && b);
	CHECK_EQ(hawser_abort(hawser_fd(a)), 0);
	CHECK_EQ(hawser_recv(b, &byte, 1, NULL), -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK_EQ(hawser_send(b, &byte, 1, 0), -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK_EQ(hawser_recv(a, &byte, 1, NULL), -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK_EQ(hawser_error(hawser_fd(b)), ECONNRESET);
	hawser_close(a);
	hawser_close(b);
}

/* --- by descriptor --- */

static void asks_from_outside(void *argument)
{
	int fd = *(int *)argument;
	struct hawser_info info;
	struct hawser_path_info paths[8];
	char text[128];

	CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
	CHECK_EQ(info.state, HAWSER_ESTABLISHED);
	CHECK_EQ(info.dialler, 1);
	CHECK_EQ(info.bytes_written, 5);
	CHECK(info.paths >= 1);
	CHECK(hawser_paths(fd, paths, 8, sizeof paths[0]) >= 1);
	CHECK(strcmp(paths[0].carrier, "tcp") == 0);
	CHECK(strncmp(paths[0].local, "127.", 4) == 0);
	CHECK(hawser_peer(fd, text, sizeof text) > 0);
	CHECK_EQ(hawser_set_mode(fd, HAWSER_BOTH, HAWSER_DUPLICATE), 0);
	CHECK_EQ(hawser_drain(fd, 10000), 0);
	CHECK_EQ(hawser_error(fd), 0);
	CHECK_EQ(hawser_abort(fd), 0);
}

static void info_from_another_process(void)
{
	struct pair p = stream_pair();
	struct hawser_info info;
	char small[8] = "";

	CHECK_EQ(write(p.dialled, "hello", 5), 5);
	CHECK_EQ(hawser_drain(p.dialled, 10000), 0);
	expect_exit(child(asks_from_outside, &p.dialled), 0);
	read_reset(p.dialled);
	read_reset(p.accepted);
	/* How it ended stays known; a smaller structure gets what it has room for. */
	CHECK_EQ(hawser_info(p.dialled, &info, sizeof info), 0);
	CHECK_EQ(info.state, HAWSER_RESET);
	CHECK_EQ(info.error, ECONNRESET);
	CHECK_EQ(info.mode_sending, HAWSER_DUPLICATE);
	CHECK_EQ(hawser_info(p.accepted, (struct hawser_info *)small, sizeof small), 0);
	CHECK_MEM(small, info.id, sizeof small);
	close(p.dialled);
	close(p.accepted);
	CHECK_EQ(hawser_info(p.dialled, &info, sizeof info), -1);
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(hawser_info(STDIN_FILENO, &info, sizeof info), -1);
}

static void dial_without_waiting(void)
{
	hawser_options *o = options_of("stream");

	CHECK_EQ(hawser_options_set(o, "nonblock", "yes"), 0);
	int fd = hawser_dial(stream_address, o);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "early", 5), 5);
	CHECK_EQ(hawser_wait(fd, 10000), 0);
	int accepted = accept(stream_listening, NULL, NULL);
	char text[8];
	CHECK_EQ(read(accepted, text, sizeof text), 5);
	CHECK_MEM(text, "early", 5);
	close(fd);
	close(accepted);

	/* Nobody there: the descriptor reads the failure. */
	fd = hawser_dial("127.0.0.1:1", o);
	CHECK(fd >= 0);
	CHECK_EQ(hawser_wait(fd, 10000), -1);
	CHECK_EQ(errno, ECONNREFUSED);
	CHECK_EQ(hawser_error(fd), ECONNREFUSED);
	read_reset(fd);
	close(fd);
	hawser_options_free(o);
}

int main(void)
{
	alarm(120);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	stream_listening = listen_here("stream", stream_address);
	message_listening = listen_here("message", message_address);
	RUN(stream_both_ways);
	RUN(small_send_buffers);
	RUN(packets_both_ways);
	RUN(packets_then_reset);
	RUN(oversized_packet);
	RUN(reset_beside_a_sleeping_writer);
	RUN(reset_of_a_polling_writer);
	RUN(handle_stream);
	RUN(handle_made_in_mid_stream);
	RUN(handle_messages);
	RUN(handle_without_waiting);
	RUN(one_notifier_for_both_directions);
	RUN(cancelled_in_a_call);
	RUN(handle_reads_reset);
	RUN(info_from_another_process);
	RUN(dial_without_waiting);
	return 0;
}
