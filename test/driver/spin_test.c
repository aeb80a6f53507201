/* SPDX-License-Identifier: Apache-2.0 */
/* The option spin: who waits for a reply does not sleep, by either face, and who waits for nothing does. */
#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>
#include <time.h>

#include "ends.h"

#define ROUNDS   500u
#define QUIET_MS 300

static hawser_options *options_with(const char *spin)
{
	hawser_options *o = options_of("stream");

	CHECK_EQ(hawser_options_set(o, "spin", spin), 0);
	return o;
}

struct pair {
	int listening;
	int fd[2];              /* dialled, accepted */
	hawser_t *handle[2];
};

static struct pair open_pair(const char *addresses, const char *spin, bool handles)
{
	hawser_options *o = options_with(spin);
	char address[64];
	struct pair p = { 0 };

	snprintf(address, sizeof address, "%s:0", addresses);
	p.listening = hawser_listen(address, o);
	CHECK(p.listening >= 0);
	snprintf(address, sizeof address, "%s:%d", addresses, hawser_port(p.listening));
	if (handles) {
		p.handle[0] = hawser_open(address, o);
		p.handle[1] = hawser_accept(p.listening);
		CHECK(p.handle[0] && p.handle[1]);
	} else {
		p.fd[0] = hawser_dial(address, o);
		p.fd[1] = accept(p.listening, NULL, NULL);
		CHECK(p.fd[0] >= 0 && p.fd[1] >= 0);
	}
	hawser_options_free(o);
	return p;
}

static void close_pair(struct pair *p)
{
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(p->handle[i] ? hawser_close(p->handle[i]) : close(p->fd[i]), 0);
	close(p->listening);
}

static void put(struct pair *p, unsigned end, const uint8_t *bytes, size_t length)
{
	ssize_t n = p->handle[end] ? hawser_send(p->handle[end], bytes, length, 0) :
				     write(p->fd[end], bytes, length);

	CHECK_EQ(n, (ssize_t)length);
}

static void get(struct pair *p, unsigned end, uint8_t *bytes, size_t length)
{
	for (size_t have = 0; have < length;) {
		ssize_t n = p->handle[end] ? hawser_recv(p->handle[end], bytes + have, length - have, NULL) :
					     read(p->fd[end], bytes + have, length - have);

		CHECK(n > 0);
		have += (size_t)n;
	}
}

static void *replies(void *argument)
{
	uint8_t bytes[1000];

	for (unsigned round = 0; round < ROUNDS; round++) {
		get(argument, 1, bytes, sizeof bytes);
		verify(bytes, sizeof bytes, round, 1);
		fill(bytes, sizeof bytes, round, 2);
		put(argument, 1, bytes, sizeof bytes);
	}
	return NULL;
}

/* How often the engine's thread has gone to sleep. */
static long engine_slept(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	long slept = -1;

	CHECK(tasks);
	while ((entry = readdir(tasks))) {
		char path[300], line[200], name[32] = "";
		long count = 0;

		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		FILE *in = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (in && fgets(line, sizeof line, in))
			if (sscanf(line, "Name: %31s", name) != 1)
				(void)sscanf(line, "voluntary_ctxt_switches: %ld", &count);
		if (in)
			fclose(in);
		if (strcmp(name, "hawser") == 0)
			slept = count;
	}
	closedir(tasks);
	CHECK(slept >= 0);
	return slept;
}

static long this_thread_slept(void)
{
	struct rusage usage;

	CHECK_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nvcsw;
}

/* Requests and replies; how often who waits for them slept, the engine or this thread. */
static long exchange(struct pair *p)
{
	long (*slept)(void) = p->handle[0] ? this_thread_slept : engine_slept;
	uint8_t bytes[1000];
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, replies, p), 0);
	long before = slept();
	for (unsigned round = 0; round < ROUNDS; round++) {
		fill(bytes, sizeof bytes, round, 1);
		put(p, 0, bytes, sizeof bytes);
		get(p, 0, bytes, sizeof bytes);
		verify(bytes, sizeof bytes, round, 2);
	}
	long count = slept() - before;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	return count;
}

/* An idle session comes to rest: some time passes in which the process does as good as nothing. */
static void rests(void)
{
	for (unsigned i = 0; i < WAIT_MS / QUIET_MS; i++) {
		struct timespec before, after;

		CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before), 0);
		(void)poll(NULL, 0, QUIET_MS);
		CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
		if ((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec < 10000000)
			return;
	}
	fprintf(stderr, "it never rests\n");
	exit(1);
}

static void *waits(void *argument)
{
	uint8_t byte;

	get(argument, 1, &byte, 1);
	return NULL;
}

static void spins_then_rests(const char *addresses, bool handles)
{
	struct pair p = open_pair(addresses, "100ms", handles);
	pthread_t thread;

	CHECK(exchange(&p) < ROUNDS / 4);
	/* Also with somebody in a call that waits. */
	CHECK_EQ(pthread_create(&thread, NULL, waits, &p), 0);
	rests();
	put(&p, 0, (const uint8_t *)"x", 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	close_pair(&p);
	rests();
}

static void handles(void)
{
	spins_then_rests("127.0.0.1", true);
	spins_then_rests("127.0.0.1,127.0.0.2", true);
}

static void descriptors(void)
{
	spins_then_rests("127.0.0.1", false);
	spins_then_rests("127.0.0.1,127.0.0.2", false);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(handles);
	RUN(descriptors);
	return 0;
}
