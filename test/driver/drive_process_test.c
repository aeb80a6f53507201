/* SPDX-License-Identifier: Apache-2.0 */
/* Handles driven by their callers, and what a process may do around them: fork, exit, limits. */
#include <fcntl.h>

#include "rendezvous.h"
#include "twins.h"

/* A handle at either end, driven by the calls of either; the peer is the test's process. */
static hawser_t *driven_home(void)
{
	hawser_t *h = hawser_open(rendezvous, NULL);
	char byte = 0;

	CHECK(h);
	for (unsigned i = 0; i < 20; i++) {
		CHECK_EQ(hawser_send(h, &byte, 1, 0), 1);
		CHECK_EQ(hawser_recv(h, &byte, 1, NULL), 1);
	}
	return h;
}

static hawser_t *accept_driven(void)
{
	hawser_t *h = hawser_handle(accept_one());

	CHECK(h);
	echoes_bytes(h);
	return h;
}

static void receive_all(hawser_t *h, size_t total)
{
	uint8_t bytes[32768];

	for (size_t at = 0; at < total;) {
		ssize_t n = hawser_recv(h, bytes, total - at < sizeof bytes ? total - at : sizeof bytes, NULL);

		CHECK(n > 0);
		verify(bytes, (size_t)n, at, 1);
		at += (size_t)n;
	}
}

static void send_all(hawser_t *h, size_t total)
{
	uint8_t bytes[32768];

	for (size_t at = 0; at < total; at += sizeof bytes) {
		fill(bytes, sizeof bytes, at, 1);
		CHECK_EQ(hawser_send(h, bytes, sizeof bytes, 0), sizeof bytes);
	}
}

/* --- fork --- */

/* It lives until `hold` is closed. */
static void child_holds_nothing(const int hold[2])
{
	char byte;

	close(hold[1]);
	(void)!read(hold[0], &byte, 1);
	_exit(0);
}

static void forks_and_goes(void *argument)
{
	const int *hold = argument;
	hawser_t *h = driven_home();

	CHECK(twins_each(NULL) > 0);
	CHECK(h);
	fflush(NULL);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		child_holds_nothing(hold);
	_exit(0);
}

/* The connections end with the parent, although a child lives: the peer is told of the death. */
static void fork_keeps_no_connection(void)
{
	int hold[2];
	char byte;

	CHECK_EQ(pipe(hold), 0);
	pid_t pid = child(forks_and_goes, hold);
	hawser_t *h = accept_driven();
	expect_exit(pid, 0);
	CHECK_EQ(hawser_recv(h, &byte, 1, NULL), -1);
	CHECK_EQ(errno, ECONNRESET);
	close(hold[0]);
	close(hold[1]);
	CHECK_EQ(hawser_close(h), 0);
}

/* A number that the program has closed and taken for something else stays open in its child. */
static void forks_with_a_number_reused(void *unused)
{
	int taken = -1, number = twins_begin();
	hawser_t *h = driven_home();

	(void)unused;
	while (!is_twin(number))
		number++;
	taken = open("/dev/null", O_RDONLY);
	CHECK(taken >= 0);
	CHECK_EQ(dup2(taken, number), number);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(fcntl(number, F_GETFD) < 0);
	expect_exit(pid, 0);
	CHECK(h);
	CHECK_EQ(hawser_close(h), 0);
	CHECK(fcntl(number, F_GETFD) >= 0);
}

static void fork_closes_nothing_of_the_program(void)
{
	pid_t pid = child(forks_with_a_number_reused, NULL);
	hawser_t *h = accept_driven();

	expect_exit(pid, 0);
	CHECK_EQ(hawser_close(h), 0);
}

/* --- exit --- */

static void *waits_for_ever(void *argument)
{
	char byte;

	(void)hawser_recv(argument, &byte, 1, NULL);
	return NULL;
}

static void exits_beside_a_waiting_thread(void *unused)
{
	static hawser_t *h;
	pthread_t thread;

	(void)unused;
	h = driven_home();
	CHECK_EQ(pthread_create(&thread, NULL, waits_for_ever, h), 0);
	usleep(50000);
	send_all(h, LOTS);
}

/* What was written arrives although the thread that drives waits for something else when the process ends. */
static void exit_delivers(void)
{
	pid_t pid = child(exits_beside_a_waiting_thread, NULL);
	hawser_t *h = accept_driven();

	receive_all(h, LOTS);
	CHECK_EQ(hawser_close(h), 0);
	expect_exit(pid, 0);
}

/* --- limits --- */

/* What it was. */
static rlim_t limit(rlim_t descriptors)
{
	struct rlimit limit;
	rlim_t before;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = descriptors;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

static void exchanges(hawser_t *h)
{
	uint8_t bytes[1000];

	for (unsigned i = 0; i < 20; i++) {
		CHECK_EQ(hawser_send(h, "x", 1, 0), 1);
		CHECK_EQ(hawser_recv(h, bytes, 1, NULL), 1);
	}
	receive_all(h, LOTS);
	CHECK_EQ(hawser_close(h), 0);
}

/* poll(2) takes no more descriptors than the limit says. */
static void drops_its_limit(void *unused)
{
	hawser_t *h = driven_home();

	(void)unused;
	CHECK(twins_each(NULL) > 0);
	rlim_t before = limit(0);
	exchanges(h);
	limit(before);          /* a leak checker at exit opens files */
}

static void with_a_small_limit(void *unused)
{
	(void)unused;
	rlim_t before = limit(64);
	hawser_t *h = driven_home();
	CHECK(twins_each(NULL) > 0);
	exchanges(h);
	limit(before);
}

/* Every number of the last quarter is taken: the engine serves. */
static void with_a_full_table(void *unused)
{
	(void)unused;
	rlim_t before = limit(64);
	for (int fd = twins_begin(); fd < 64; fd++)
		CHECK_EQ(dup2(STDERR_FILENO, fd), fd);
	hawser_t *h = driven_home();
	CHECK_EQ(twins_each(NULL), 0);
	exchanges(h);
	limit(before);
}

static void limited(void (*function)(void *))
{
	pid_t pid = child(function, NULL);
	hawser_t *h = accept_driven();

	echoes_bytes(h);
	send_all(h, LOTS);
	expect_exit(pid, 0);
	CHECK_EQ(hawser_close(h), 0);
}

static void limits(void)
{
	limited(with_a_small_limit);
	limited(with_a_full_table);
	limited(drops_its_limit);
}

int main(void)
{
	rendezvous_open();
	RUN(fork_keeps_no_connection);
	RUN(fork_closes_nothing_of_the_program);
	RUN(exit_delivers);
	RUN(limits);
	return 0;
}
