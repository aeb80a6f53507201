/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's tests share: a listener and a dialler over loopback, and content that can be verified. */
#ifndef HAWSER_TEST_ENDS_H
#define HAWSER_TEST_ENDS_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hawser.h"
#include "test/test.h"

#define WAIT_MS 30000           /* only a hang meets it */

static inline hawser_options *options_of(const char *kind)
{
	hawser_options *o = hawser_options_new();

	CHECK(o);
	CHECK_EQ(hawser_options_set(o, "kind", kind), 0);
	return o;
}

static inline int listen_here(const char *kind, char address[32])
{
	hawser_options *o = options_of(kind);
	int fd = hawser_listen("127.0.0.1:0", o);

	if (fd < 0) {
		char why[256];

		hawser_reason(-1, why, sizeof why);
		fprintf(stderr, "hawser_listen: %s\n", why);
	}
	CHECK(fd >= 0);
	snprintf(address, 32, "127.0.0.1:%d", hawser_port(fd));
	hawser_options_free(o);
	return fd;
}

static inline int dial_there(const char *kind, const char *address)
{
	hawser_options *o = options_of(kind);
	int fd = hawser_dial(address, o);

	if (fd < 0) {
		char why[256];

		hawser_reason(-1, why, sizeof why);
		fprintf(stderr, "hawser_dial: %s\n", why);
	}
	CHECK(fd >= 0);
	hawser_options_free(o);
	return fd;
}

/* Byte number `at` of every test's stream; the seed tells directions apart. */
static inline uint8_t content(uint64_t at, uint8_t seed)
{
	uint64_t word = (at / 8 + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)(word >> (at % 8 * 8)) ^ (uint8_t)(at >> 3);
}

static inline void fill(uint8_t *bytes, size_t length, uint64_t at, uint8_t seed)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = content(at + i, seed);
}

static inline void verify(const uint8_t *bytes, size_t length, uint64_t at, uint8_t seed)
{
	for (size_t i = 0; i < length; i++)
		CHECK_EQ(bytes[i], content(at + i, seed));
}

static inline void write_content(int fd, uint64_t total, uint8_t seed)
{
	uint8_t bytes[32768];

	for (uint64_t at = 0; at < total;) {
		size_t want = total - at < sizeof bytes ? (size_t)(total - at) : sizeof bytes;

		fill(bytes, want, at, seed);
		ssize_t n = write(fd, bytes, want);
		CHECK(n > 0);
		at += (uint64_t)n;
	}
}

/* Reads exactly `total` bytes. */
static inline void read_content(int fd, uint64_t total, uint8_t seed)
{
	uint8_t bytes[32768];

	for (uint64_t at = 0; at < total;) {
		size_t want = total - at < sizeof bytes ? (size_t)(total - at) : sizeof bytes;
		ssize_t n = read(fd, bytes, want);

		if (n < 0)
			perror("read");
		CHECK(n > 0);
		verify(bytes, (size_t)n, at, seed);
		at += (uint64_t)n;
	}
}

/* The next read says the clean end. */
static inline void read_end(int fd)
{
	char byte;

	CHECK_EQ(read(fd, &byte, 1), 0);
}

/* The next read that says something other than bytes says ECONNRESET. */
static inline void read_reset(int fd)
{
	uint8_t bytes[32768];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		;
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, ECONNRESET);
}

/*
 * Asked by LeakSanitizer, which cannot tell in a child: what the parent's engine had in hand at the fork is
 * known to a thread only that the child does not have.
 */
__attribute__((weak)) bool in_child;

int __lsan_is_turned_off(void);
__attribute__((weak, visibility("default"))) int __lsan_is_turned_off(void)
{
	return in_child;
}

/* A child process that runs `function` and must exit with 0 (or die by the signal that is expected). */
static inline pid_t child(void (*function)(void *), void *argument)
{
	fflush(NULL);
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		in_child = true;
		function(argument);
		exit(0);
	}
	return pid;
}

static inline void expect_exit(pid_t pid, int status)
{
	int got = 0;

	CHECK_EQ(waitpid(pid, &got, 0), pid);
	if (WIFSIGNALED(got))
		fprintf(stderr, "child ended by signal %d\n", WTERMSIG(got));
	CHECK(WIFEXITED(got));
	CHECK_EQ(WEXITSTATUS(got), status);
}

static inline void expect_signal(pid_t pid, int signal)
{
	int got = 0;

	CHECK_EQ(waitpid(pid, &got, 0), pid);
	CHECK(WIFSIGNALED(got));
	CHECK_EQ(WTERMSIG(got), signal);
}

#endif
