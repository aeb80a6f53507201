/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came before the program made a handle of the session, in the backlog or just after: among it messages
 * that only a handle can be given. And that a program with a descriptor is told of those.
 */
#include <stdatomic.h>
#include <sys/un.h>
#include <time.h>

#include "driver/other_end.h"
#include "ends.h"

#define LARGE_BYTES (3u << 20)          /* more than PACKET_BYTES_MAX */
#define MAIN_BYTES  900000u             /* less, but by Linux's defaults more than a packet of the system */
#define SENT_MAX    8u
/* Less than a window begins with: so much of what is larger comes before anybody reads. */
#define HELD_BYTES  900000u

/* A message, in parts of `part` bytes; 0: in one call. */
struct sent {
	uint32_t bytes, part;
};

struct early {
	unsigned count;
	struct sent sent[SENT_MAX];
	const char *words;              /* of the reset that a descriptor reads */
};

/* Each has a message that no packet can hold, and others behind it. One begins with parts that a packet could hold. */
static const struct early all[] = {
	{ 4, { { 0, 0 }, { LARGE_BYTES, 0 }, { 3, 0 }, { 0, 0 } }, "a message of 0 bytes came" },
	{ 3, { { 5, 0 }, { 0, 0 }, { 7, 0 } }, "a message of 0 bytes came" },
	{ 3, { { LARGE_BYTES, 0 }, { 0, 0 }, { 3, 0 } }, "larger than a packet may be" },
	{ 3, { { 5, 0 }, { LARGE_BYTES, 600000 }, { 3, 0 } }, "larger than a packet may be" },
	{ 3, { { MAIN_BYTES, 0 }, { MAIN_BYTES, 0 }, { 3, 0 } }, NULL },
};
#define EARLY_COUNT (sizeof all / sizeof all[0])

static char address[32], stream_address[32];
static int listening, stream_listening;
static uint8_t *bytes;

static void wait_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static hawser_t *open_there(const char *kind, const char *where)
{
	hawser_options *o = options_of(kind);
	hawser_t *h = hawser_open(where, o);

	CHECK(h);
	hawser_options_free(o);
	return h;
}

/* The dialler's end. Its thread writes: what no window takes waits for a reader, as with TCP. */
struct dialled {
	hawser_t *h;
	struct early what;
	uint8_t seed;
	pthread_t thread;
	atomic_bool written;
	bool broken;                    /* before it was all taken; read after the thread's end */
};

static bool write_one(struct dialled *d, const uint8_t *from, const struct sent *s)
{
	uint32_t at = 0;

	for (; s->part && s->bytes - at > s->part; at += s->part)
		if (hawser_send(d->h, from + at, s->part, HAWSER_MORE) != s->part)
			return false;
	return hawser_send(d->h, from + at, s->bytes - at, 0) == s->bytes - at;
}

static void *write_all(void *of)
{
	struct dialled *d = of;
	uint8_t *from = malloc(LARGE_BYTES);

	CHECK(from);
	for (unsigned i = 0; i < d->what.count && !d->broken; i++) {
		fill(from, d->what.sent[i].bytes, i, d->seed);
		d->broken = !write_one(d, from, &d->what.sent[i]);
	}
	free(from);
	d->written = true;
	return NULL;
}

/* What is acknowledged, the acceptor's engine has had in its hand: all, or as much as it takes unread. */
static void wait_held(struct dialled *d)
{
	struct hawser_info info;

	for (;;) {
		bool written = d->written;

		CHECK(hawser_info(hawser_fd(d->h), &info, sizeof info) >= 0);
		if (info.bytes_acknowledged >= HELD_BYTES ||
		    (written && info.bytes_acknowledged == info.bytes_written))
			return;
		wait_ms(1);
	}
}

static struct dialled *dial_and_write(const char *kind, const char *where, const struct early *e, uint8_t seed)
{
	struct dialled *d = calloc(1, sizeof *d);

	CHECK(d);
	d->h = open_there(kind, where);
	d->what = *e;
	d->seed = seed;
	CHECK_EQ(pthread_create(&d->thread, NULL, write_all, d), 0);
	wait_held(d);
	return d;
}

static struct dialled *dial_and_send(const struct early *e)
{
	return dial_and_write("message", address, e, 1);
}

/* True: it all went in. */
static bool written_all(struct dialled *d)
{
	CHECK_EQ(pthread_join(d->thread, NULL), 0);
	return !d->broken;
}

static void dialled_close(struct dialled *d)
{
	hawser_close(d->h);
	free(d);
}

/* A whole message; false: 0 or an error came, as *result. */
static bool receive_message(hawser_t *h, size_t *have, ssize_t *result)
{
	for (*have = 0;;) {
		int flags = 0;

		*result = hawser_recv(h, bytes + *have, LARGE_BYTES + 1 - *have, &flags);
		if (*result > 0)
			*have += (size_t)*result;
		if (flags & HAWSER_END)
			return true;
		if (*result <= 0)
			return false;
	}
}

static void receive_all(hawser_t *h, const struct early *e)
{
	ssize_t result;
	size_t have;

	for (unsigned i = 0; i < e->count; i++) {
		CHECK(receive_message(h, &have, &result));
		CHECK_EQ(have, e->sent[i].bytes);
		verify(bytes, have, i, 1);
	}
}

/* A message each way, then both ends. */
static void say_farewell(hawser_t *dialled, hawser_t *accepted)
{
	ssize_t result;
	size_t have;

	CHECK_EQ(hawser_send(accepted, "yes", 3, 0), 3);
	CHECK_EQ(hawser_shutdown(accepted), 0);
	CHECK(receive_message(dialled, &have, &result));
	CHECK_EQ(have, 3);
	CHECK_EQ(hawser_shutdown(dialled), 0);
	CHECK(!receive_message(accepted, &have, &result));
	CHECK_EQ(result, 0);
	CHECK(!receive_message(dialled, &have, &result));
	CHECK_EQ(result, 0);
	CHECK_EQ(hawser_close(dialled), 0);
	CHECK_EQ(hawser_close(accepted), 0);
}

/* Everything that was sent, and what follows. */
static void finish(struct dialled *d, hawser_t *accepted)
{
	CHECK(accepted);
	receive_all(accepted, &d->what);
	CHECK(written_all(d));
	say_farewell(d->h, accepted);
	free(d);
}

static void accepted_as_a_handle(void)
{
	for (unsigned i = 0; i < EARLY_COUNT; i++) {
		struct dialled *dialled = dial_and_send(&all[i]);

		finish(dialled, hawser_accept(listening));
	}
}

static void accepted_and_then_made_one(void)
{
	for (unsigned i = 0; i < EARLY_COUNT; i++) {
		struct dialled *dialled = dial_and_send(&all[i]);
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

		CHECK(fd >= 0);
		wait_ms(200);
		finish(dialled, hawser_handle(fd));
	}
}

static void dialled_and_then_made_one(void)
{
	const struct early empty = { .count = 1, .sent = { { 0, 0 } } };
	int dialled = dial_there("message", address);
	hawser_t *accepted = hawser_accept(listening);

	CHECK(accepted);
	CHECK_EQ(hawser_send(accepted, "", 0, 0), 0);
	CHECK_EQ(hawser_drain(hawser_fd(accepted), WAIT_MS), 0);
	hawser_t *made = hawser_handle(dialled);
	CHECK(made);
	receive_all(made, &empty);
	say_farewell(accepted, made);
}

static void streams(void)
{
	const struct early large = { .count = 1, .sent = { { LARGE_BYTES, 0 } } };

	for (unsigned late = 0; late < 2; late++) {
		struct dialled *dialled = dial_and_write("stream", stream_address, &large, 2);
		hawser_t *h;
		if (late) {
			int fd = accept4(stream_listening, NULL, NULL, SOCK_CLOEXEC);

			wait_ms(200);
			h = hawser_handle(fd);
		} else {
			h = hawser_accept(stream_listening);
		}
		CHECK(h);
		for (size_t at = 0; at < LARGE_BYTES;) {
			ssize_t n = hawser_recv(h, bytes, LARGE_BYTES, NULL);

			CHECK(n > 0);
			verify(bytes, (size_t)n, at, 2);
			at += (size_t)n;
		}
		CHECK(written_all(dialled));
		CHECK_EQ(hawser_shutdown(dialled->h), 0);
		CHECK_EQ(hawser_recv(h, bytes, 1, NULL), 0);
		dialled_close(dialled);
		hawser_close(h);
	}
}

/* The messages that came before the reset, and as much of the last as the window took. */
static void receive_until_reset(hawser_t *h, const struct early *e)
{
	ssize_t result;
	size_t have;

	for (unsigned i = 0;; i++) {
		bool whole = receive_message(h, &have, &result);

		verify(bytes, have, i, 1);
		if (!whole) {
			CHECK(i == e->count || (i + 1 == e->count && have >= HELD_BYTES));
			break;
		}
		CHECK_EQ(have, e->sent[i].bytes);
	}
	CHECK_EQ(result, -1);
	CHECK_EQ(errno, ECONNRESET);
}

/* The peer has reset the session: what came before is read first. */
static void reset_while_it_waits(void)
{
	for (unsigned i = 0; i < EARLY_COUNT; i++) {
		struct early first = all[i];

		/* Those that are in the acceptor's face, or in its socket. */
		first.count = first.sent[0].bytes == 5 && first.sent[1].bytes == 0 ? 2 : 1;
		struct dialled *dialled = dial_and_send(&first);
		CHECK_EQ(hawser_abort(hawser_fd(dialled->h)), 0);
		(void)written_all(dialled);
		wait_ms(50);
		hawser_t *h = hawser_accept(listening);
		CHECK(h);
		wait_ms(50);
		receive_until_reset(h, &first);
		dialled_close(dialled);
		hawser_close(h);
	}
}

/* Whether the kernel tells that a session waits in a backlog. */
static bool kernel_tells(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t length = sizeof name;
	int door = socket(AF_UNIX, SOCK_SEQPACKET, 0), fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	/* A name of the family alone asks for a free one. */
	CHECK_EQ(bind(door, (struct sockaddr *)&name, sizeof name.sun_family), 0);
	CHECK_EQ(listen(door, 1), 0);
	CHECK_EQ(getsockname(door, (struct sockaddr *)&name, &length), 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&name, length), 0);
	bool tells = !other_end_accepted(fd);
	int accepted = accept(door, NULL, NULL);
	CHECK(accepted >= 0);
	CHECK(other_end_accepted(fd));
	close(accepted);
	close(fd);
	close(door);
	return tells;
}

/* Longer than the grace: in the backlog, and with something before it that nobody has read. */
static void no_clock_before_its_turn(void)
{
	const struct early *unread = &all[1], *backlog = &all[0];
	struct dialled *dialled[2] = { dial_and_send(unread), NULL };
	int fd = accept(listening, NULL, NULL);

	CHECK(fd >= 0);
	dialled[1] = dial_and_send(backlog);
	if (!kernel_tells())
		printf("this kernel does not tell whether a session has been accepted\n");
	else
		wait_ms(3500);
	finish(dialled[0], hawser_handle(fd));
	finish(dialled[1], hawser_accept(listening));
}

static void descriptors_are_told(void)
{
	struct dialled *dialled[EARLY_COUNT];
	int fds[EARLY_COUNT];
	char words[256];

	for (unsigned i = 0; i < EARLY_COUNT; i++) {
		dialled[i] = dial_and_send(&all[i]);
		fds[i] = accept(listening, NULL, NULL);
		CHECK(fds[i] >= 0);
	}
	for (unsigned i = 0; i < EARLY_COUNT; i++) {
		const struct early *e = &all[i];

		/* A system with large packets: they are given. */
		if (e->words) {
			if (e->sent[0].bytes == 5)
				CHECK_EQ(read(fds[i], bytes, LARGE_BYTES), 5);
			CHECK_EQ(read(fds[i], bytes, LARGE_BYTES), -1);
			CHECK_EQ(errno, ECONNRESET);
			hawser_reason(fds[i], words, sizeof words);
			CHECK(strstr(words, e->words));
			CHECK_EQ(hawser_recv(dialled[i]->h, bytes, 1, NULL), -1);
			CHECK_EQ(errno, ECONNRESET);
		}
		close(fds[i]);
		(void)written_all(dialled[i]);
		dialled_close(dialled[i]);
	}
}

/* Closed with such a message unread: a reset, as with any other. */
static void closed_while_it_waits(void)
{
	struct dialled *dialled = dial_and_send(&all[1]);
	int fd = accept(listening, NULL, NULL);

	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(hawser_recv(dialled->h, bytes, 1, NULL), -1);
	CHECK_EQ(errno, ECONNRESET);
	(void)written_all(dialled);
	dialled_close(dialled);
}

int main(void)
{
	alarm(120);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	bytes = malloc(LARGE_BYTES + 1);
	CHECK(bytes);
	listening = listen_here("message", address);
	stream_listening = listen_here("stream", stream_address);
	RUN(accepted_as_a_handle);
	RUN(accepted_and_then_made_one);
	RUN(dialled_and_then_made_one);
	RUN(streams);
	RUN(reset_while_it_waits);
	RUN(no_clock_before_its_turn);
	RUN(descriptors_are_told);
	RUN(closed_while_it_waits);
	free(bytes);
	return 0;
}
