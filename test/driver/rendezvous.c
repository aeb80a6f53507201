/* SPDX-License-Identifier: Apache-2.0 */
/* The peer of the children. */
#include "rendezvous.h"

char rendezvous[32];
static int listening;

void rendezvous_open(void)
{
#if defined(__SANITIZE_THREAD__)
	exit(TEST_SKIP);        /* it allows no threads in a child of a program with threads */
#endif
	alarm(120);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	listening = listen_here("stream", rendezvous);
}

int accept_one(void)
{
	int fd = accept(listening, NULL, NULL);

	CHECK(fd >= 0);
	return fd;
}

int dial_home(void)
{
	return dial_there("stream", rendezvous);
}

void delivers(void *unused)
{
	int fd = dial_home();

	(void)unused;
	write_content(fd, LOTS, 1);
	CHECK_EQ(close(fd), 0);
}

int dial_home_and_arrive(void)
{
	int fd = dial_home();

	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, WAIT_MS), 0);
	return fd;
}

void expect_delivery(void)
{
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	read_end(fd);
	close(fd);
}

void expect_exchange(void)
{
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	write_content(fd, LOTS, 2);
	read_end(fd);
	close(fd);
}

void expect_reset(void)
{
	int fd = accept_one();

	read_reset(fd);
	CHECK_EQ(hawser_error(fd), ECONNRESET);
	close(fd);
}

void child_and(void (*function)(void *), void (*expectation)(void))
{
	pid_t pid = child(function, NULL);

	expectation();
	expect_exit(pid, 0);
}
