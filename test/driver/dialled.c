/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling, talking, looking. */
#include "dialled.h"

#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

int dial_with(const char *address, const char *const *set)
{
	hawser_options *options = hawser_options_new();
	int fd, error;

	CHECK(options);
	/* What a test leaves open need not be waited for at its end. */
	CHECK_REASON(hawser_options_set(options, "exit_linger", "100ms") == 0);
	for (; set && set[0]; set += 2)
		CHECK_REASON(hawser_options_set(options, set[0], set[1]) == 0);
	fd = hawser_dial(address, options);
	error = errno;
	hawser_options_free(options);
	errno = error;
	return fd;
}

int dialf(const char *const *set, const char *format, ...)
{
	char address[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(address, sizeof address, format, arguments);
	va_end(arguments);
	return dial_with(address, set);
}

/* For the one who reads a failure. */
static void show(int fd)
{
	struct hawser_info info = { 0 };
	struct hawser_path_info paths[8];
	int count = hawser_paths(fd, paths, 8, sizeof paths[0]);

	hawser_info(fd, &info, sizeof info);
	fprintf(stderr, "state %u, written %llu, acknowledged %llu, received %llu, consumed %llu\n", info.state,
		(unsigned long long)info.bytes_written, (unsigned long long)info.bytes_acknowledged,
		(unsigned long long)info.bytes_received, (unsigned long long)info.bytes_consumed);
	for (int i = 0; i < count; i++)
		fprintf(stderr, "path %u to %s: state %u, %s, sent %llu, received %llu, outstanding %llu\n",
			paths[i].id, paths[i].remote, paths[i].state, hawser_reason_text(paths[i].reason),
			(unsigned long long)paths[i].bytes_sent, (unsigned long long)paths[i].bytes_received,
			(unsigned long long)paths[i].outstanding_bytes);
}

static void read_whole(int fd, void *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ready = poll(&p, 1, WAIT_MS);
		ssize_t got;

		if (ready != 1)
			show(fd);
		CHECK_EQ(ready, 1);
		got = read(fd, (char *)bytes + at, length - at);
		CHECK(got > 0);
		at += (size_t)got;
	}
}

void talk(int fd)
{
	static uint32_t round;
	uint8_t out[5000], in[5000];

	round++;
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (uint8_t)(i * 31 + round * 7 + (i >> 8));
	CHECK_EQ(write(fd, out, sizeof out), sizeof out);
	read_whole(fd, in, sizeof in);
	CHECK_MEM(in, out, sizeof in);
}

void wait_for_paths(int fd, unsigned wanted)
{
	for (unsigned i = 0; i < WAIT_MS / 10; i++) {
		struct hawser_path_info paths[8];
		int count = hawser_paths(fd, paths, 8, sizeof paths[0]);
		unsigned in_use = 0;

		CHECK(count >= 0);
		for (int j = 0; j < count; j++)
			in_use += paths[j].state != HAWSER_PATH_DOWN;
		if (in_use == wanted)
			return;
		usleep(10000);
	}
	CHECK(!"the paths came up");
}

void expect_failure(int fd, int error, const char *words)
{
	char reason[400];
	int got = errno;

	CHECK(fd < 0);
	hawser_reason(-1, reason, sizeof reason);
	if (got != error || !strstr(reason, words)) {
		fprintf(stderr, "errno %d (%s), wanted %d; reason \"%s\", wanted \"%s\" in it\n", got,
			strerror(got), error, reason, words);
		exit(1);
	}
}
