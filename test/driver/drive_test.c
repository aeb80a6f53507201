/* SPDX-License-Identifier: Apache-2.0 */
/* Handles whose calling threads drive them: what comes between a call and its bytes. */
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "twins.h"

#define TOTAL (6u << 20)
#define CUTS  6u

struct pair {
	hawser_t *handle[2];    /* dialled, accepted */
	int listening;
};

static atomic_uint sending;     /* threads that still do */

static struct pair open_over(const char *addresses)
{
	hawser_options *listener = options_of("stream"), *dialler = options_of("stream");
	char address[64];

	snprintf(address, sizeof address, "%s:0", addresses);
	struct pair p = { .listening = hawser_listen(address, listener) };
	CHECK(p.listening >= 0);
	CHECK_EQ(hawser_options_set(dialler, "via", addresses), 0);
	snprintf(address, sizeof address, "%s:%d", addresses, hawser_port(p.listening));
	p.handle[0] = hawser_open(address, dialler);
	p.handle[1] = hawser_accept(p.listening);
	CHECK(p.handle[0] && p.handle[1]);
	hawser_options_free(listener);
	hawser_options_free(dialler);
	warm_up(p.handle[0], p.handle[1]);
	return p;
}

/* Over two paths. */
static struct pair open_pair(void)
{
	return open_over("127.0.0.1,127.0.0.2");
}

static void close_pair(struct pair *p)
{
	CHECK_EQ(hawser_close(p->handle[0]), 0);
	CHECK_EQ(hawser_close(p->handle[1]), 0);
	close(p->listening);
	CHECK_EQ(twins_each(NULL), 0);
}

static pthread_t start(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, function, argument), 0);
	return thread;
}

static void finish(pthread_t thread)
{
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* --- both ways, with interference --- */

static void *sends(void *argument)
{
	uint8_t bytes[50000];

	for (size_t at = 0, n; at < TOTAL; at += n) {
		n = TOTAL - at < sizeof bytes ? TOTAL - at : 1 + at % sizeof bytes;
		fill(bytes, n, at, 1);
		CHECK_EQ(hawser_send(argument, bytes, n, 0), n);
	}
	CHECK_EQ(hawser_shutdown(argument), 0);
	atomic_fetch_sub(&sending, 1);
	return NULL;
}

static const char *why(hawser_t *h)
{
	static char text[256];

	return hawser_reason(hawser_fd(h), text, sizeof text) >= 0 ? text : strerror(errno);
}

static void *receives(void *argument)
{
	uint8_t bytes[70000];
	ssize_t n;
	size_t at = 0;

	while ((n = hawser_recv(argument, bytes, 1 + at % sizeof bytes, NULL)) > 0) {
		verify(bytes, (size_t)n, at, 1);
		at += (size_t)n;
	}
	if (n < 0)
		fprintf(stderr, "after %zu bytes: %s\n", at, why(argument));
	CHECK_EQ(n, 0);
	CHECK_EQ(at, TOTAL);
	return NULL;
}

static void both_ways(const char *addresses, void (*interferes)(void))
{
	struct pair p = open_over(addresses);
	pthread_t threads[4];

	atomic_store(&sending, 2);
	for (unsigned i = 0; i < 4; i++)
		threads[i] = start(i % 2 ? receives : sends, p.handle[i / 2]);
	for (unsigned i = 0; i < CUTS && atomic_load(&sending) > 0; i++) {
		usleep(20000);
		interferes();
	}
	for (unsigned i = 0; i < 4; i++)
		finish(threads[i]);
	close_pair(&p);
}

static void shut(int fd)
{
	static unsigned count;

	/* Now one, now more of them. */
	if (count++ % 3)
		(void)shutdown(fd, SHUT_RDWR);
}

static void cuts_paths(void)
{
	twins_each(shut);
}

static void both_ways_with_cuts(void)
{
	both_ways("127.0.0.1,127.0.0.2", cuts_paths);
	both_ways("127.0.0.1", cuts_paths);
}

#define ROUNDS 3000u

static void *replies(void *argument)
{
	uint8_t bytes[5000];

	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t have = 0, want = round % sizeof bytes + 1; have < want;) {
			ssize_t n = hawser_recv(argument, bytes + have, want - have, NULL);

			CHECK(n > 0);
			verify(bytes + have, (size_t)n, have, (uint8_t)round);
			have += (size_t)n;
		}
		CHECK_EQ(hawser_send(argument, bytes, 1, 0), 1);
	}
	atomic_store(&sending, 0);
	return NULL;
}

static void *asks(void *argument)
{
	uint8_t bytes[5000];

	for (size_t round = 0; round < ROUNDS; round++) {
		size_t length = round % sizeof bytes + 1;

		fill(bytes, length, 0, (uint8_t)round);
		CHECK_EQ(hawser_send(argument, bytes, length, 0), length);
		CHECK_EQ(hawser_recv(argument, bytes, sizeof bytes, NULL), 1);
		CHECK_EQ(bytes[0], content(0, (uint8_t)round));
	}
	return NULL;
}

/* On one path a quick exchange waits in reading. */
static void exchange_with_cuts(void)
{
	struct pair p = open_over("127.0.0.1");
	pthread_t threads[2];

	atomic_store(&sending, 1);
	threads[0] = start(asks, p.handle[0]);
	threads[1] = start(replies, p.handle[1]);
	for (unsigned i = 0; i < 3 * CUTS && atomic_load(&sending) > 0; i++) {
		usleep(5000);
		cuts_paths();
	}
	finish(threads[0]);
	finish(threads[1]);
	close_pair(&p);
}

#if defined(__SANITIZE_THREAD__)
#define MAY_CLOSE false         /* it calls a closing beside a reading a race, which this is */
#else
#define MAY_CLOSE true
#endif

/* The program closes all that it does not know. */
static void closes_twins(void)
{
	for (int fd = twins_begin(); MAY_CLOSE && fd < twins_begin() + 64; fd++)
		(void)close(fd);
}

static void both_ways_with_closefrom(void)
{
	both_ways("127.0.0.1,127.0.0.2", closes_twins);
	both_ways("127.0.0.1", closes_twins);
}

/* --- waking --- */

/* A receiver that computes: its acknowledgements do not wait for its next call. */
static void engine_takes_over(void)
{
	struct pair p = open_pair();
	char bytes[1000] = "";

	CHECK(twins_each(NULL) > 0);
	CHECK_EQ(hawser_send(p.handle[1], bytes, sizeof bytes, 0), sizeof bytes);
	CHECK_EQ(hawser_drain(hawser_fd(p.handle[1]), WAIT_MS), 0);
	close_pair(&p);
}

static void *blocks_in_send(void *argument)
{
	static const uint8_t bytes[1 << 20];

	for (unsigned i = 0; i < 64; i++)
		CHECK_EQ(hawser_send(argument, bytes, sizeof bytes, 0), sizeof bytes);
	return NULL;
}

/* One thread waits in a call and drives; the notifier that another polls is told all the same. */
static void one_blocks_another_polls(void)
{
	struct pair p = open_pair();
	struct pollfd polled = { .fd = hawser_fd(p.handle[0]), .events = POLLIN };
	static uint8_t bytes[1 << 20];
	pthread_t thread = start(blocks_in_send, p.handle[0]);
	int flags = HAWSER_DONTWAIT;
	char byte;

	usleep(100000);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(hawser_recv(p.handle[0], &byte, 1, &flags), -1);
		CHECK_EQ(errno, EAGAIN);
		CHECK_EQ(poll(&polled, 1, 50), 0);
		CHECK_EQ(hawser_send(p.handle[1], "x", 1, 0), 1);
		CHECK_EQ(poll(&polled, 1, WAIT_MS), 1);
		CHECK_EQ(hawser_recv(p.handle[0], &byte, 1, &flags), 1);
	}
	for (size_t left = 64u << 20; left > 0;) {
		ssize_t n = hawser_recv(p.handle[1], bytes, sizeof bytes, NULL);

		CHECK(n > 0);
		left -= (size_t)n;
	}
	finish(thread);
	close_pair(&p);
}

static void *receives_one(void *argument)
{
	char byte;

	CHECK_EQ(hawser_recv(argument, &byte, 1, NULL), 1);
	return NULL;
}

/* Two threads of one handle, one of which waits for the other's bytes to come back. */
static void one_blocks_another_sends(void)
{
	struct pair p = open_pair();

	for (unsigned i = 0; i < 50; i++) {
		pthread_t thread = start(receives_one, p.handle[0]);

		if (i % 2)
			usleep(1000);
		CHECK_EQ(hawser_send(p.handle[0], "x", 1, 0), 1);
		finish(start(receives_one, p.handle[1]));
		CHECK_EQ(hawser_send(p.handle[1], "y", 1, 0), 1);
		finish(thread);
	}
	close_pair(&p);
}

/* Sends that are small and many, after which the sender makes no call until all has come. */
static void bursts_arrive(void)
{
	struct pair p = open_pair();
	uint8_t bytes[1000];
	size_t at = 0;

	for (unsigned burst = 0; burst < 300; burst++) {
		unsigned end = burst / 10 % 2;
		size_t sends = 1 + burst * 7 % 200, from = at;

		for (size_t i = 0; i < sends; i++) {
			size_t length = 1 + (burst + i) % 100;

			fill(bytes, length, at, 1);
			CHECK_EQ(hawser_send(p.handle[end], bytes, length, 0), length);
			at += length;
		}
		while (from < at) {
			ssize_t n = hawser_recv(p.handle[!end], bytes, sizeof bytes, NULL);

			CHECK(n > 0 && (size_t)n <= at - from);
			verify(bytes, (size_t)n, from, 1);
			from += (size_t)n;
		}
	}
	close_pair(&p);
}

struct rest {
	hawser_t *handle;
	long switches;
};

static void *rests(void *argument)
{
	struct rest *rest = argument;
	struct rusage before, after;
	char byte;

	CHECK_EQ(getrusage(RUSAGE_THREAD, &before), 0);
	CHECK_EQ(hawser_recv(rest->handle, &byte, 1, NULL), 1);
	CHECK_EQ(getrusage(RUSAGE_THREAD, &after), 0);
	rest->switches = after.ru_nvcsw - before.ru_nvcsw;
	return NULL;
}

/* A call that waits for nothing sleeps: it is woken for probes, some times in a second. */
static void waiting_is_sleeping(void)
{
	struct pair p = open_pair();
	struct rest rest = { .handle = p.handle[0] };
	pthread_t thread = start(rests, &rest);

	usleep(2000000);
	CHECK_EQ(hawser_send(p.handle[1], "x", 1, 0), 1);
	finish(thread);
	CHECK(rest.switches < 100);
	close_pair(&p);
}

/* --- memory of the program's that cannot be written to yet --- */

static uint8_t *page;
static size_t page_bytes;

static void opens_page(int signal)
{
	(void)signal;
	if (mprotect(page, page_bytes, PROT_READ | PROT_WRITE) < 0)
		_exit(1);
}

/* A fault is the program's as with any copy, and no path is lost for it. */
static void memory_that_faults(void)
{
	struct pair p = open_pair();
	struct sigaction action = { .sa_handler = opens_page }, old;
	struct hawser_path_info paths[8];

	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	page = mmap(NULL, page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	CHECK_EQ(sigaction(SIGSEGV, &action, &old), 0);
	pthread_t thread = start(blocks_in_send, p.handle[1]);
	for (size_t left = 64u << 20; left > 0;) {
		CHECK_EQ(mprotect(page, page_bytes, PROT_NONE), 0);
		ssize_t n = hawser_recv(p.handle[0], page, page_bytes, NULL);

		CHECK(n > 0);
		left -= (size_t)n;
	}
	finish(thread);
	CHECK_EQ(sigaction(SIGSEGV, &old, NULL), 0);
	int count = hawser_paths(hawser_fd(p.handle[0]), paths, 8, sizeof paths[0]);
	for (int i = 0; i < count; i++)
		CHECK_EQ(paths[i].connects, 1);
	CHECK_EQ(munmap(page, page_bytes), 0);
	close_pair(&p);
}

int main(void)
{
	alarm(250);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	RUN(engine_takes_over);
	RUN(one_blocks_another_sends);
	RUN(one_blocks_another_polls);
	RUN(bursts_arrive);
	RUN(waiting_is_sleeping);
	RUN(memory_that_faults);
	RUN(both_ways_with_cuts);
	RUN(exchange_with_cuts);
	RUN(both_ways_with_closefrom);
	return 0;
}
