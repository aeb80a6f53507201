/* SPDX-License-Identifier: Apache-2.0 */
/* What peers make a process hold stays within its budget, however little the program reads; nothing is lost by it. */
#include <fcntl.h>

#include "driver/engine.h"
#include "ends.h"

#define SESSIONS      128u
#define SESSION_BYTES (UINT64_C(2) << 20)
#define BUDGET_BYTES  (UINT64_C(64) << 20)
#define WINDOWS_BYTES (BUDGET_BYTES / 2 + SESSIONS * (uint64_t)MEMORY_SHARE_BYTES)
/* Spare blocks of sessions that were at work before memory was tight, and of the one that is at work. */
#define SPARE_BYTES   (BUDGET_BYTES / 2 + STOCK_BLOCKS * (uint64_t)BLOCK_BYTES)

struct use {
	uint64_t lent_bytes, promised_bytes;
};

static struct use use_now(void)
{
	struct memory *m = &engine_running()->memory;
	struct use use;

	pthread_mutex_lock(&m->lock);
	use = (struct use){ (uint64_t)m->lent * BLOCK_BYTES, m->promised_bytes };
	pthread_mutex_unlock(&m->lock);
	return use;
}

static unsigned writers_left;
static uint64_t written[SESSIONS];

static void write_some(struct pollfd *p, uint64_t *at)
{
	uint8_t bytes[32768];

	fill(bytes, sizeof bytes, *at, 5);
	ssize_t n = write(p->fd, bytes, SESSION_BYTES - *at < sizeof bytes ? SESSION_BYTES - *at : sizeof bytes);
	CHECK(n > 0 || errno == EAGAIN);
	*at += n > 0 ? (uint64_t)n : 0;
	if (*at < SESSION_BYTES)
		return;
	CHECK_EQ(shutdown(p->fd, SHUT_WR), 0);
	p->events = 0;
	writers_left--;
}

/* All of them write at the same time. */
static void dial_and_write(void *address)
{
	struct pollfd polls[SESSIONS];

	for (unsigned i = 0; i < SESSIONS; i++) {
		polls[i] = (struct pollfd){ .fd = dial_there("stream", address), .events = POLLOUT };
		fcntl(polls[i].fd, F_SETFL, O_NONBLOCK);
	}
	for (writers_left = SESSIONS; writers_left > 0;) {
		CHECK(poll(polls, SESSIONS, WAIT_MS) > 0);
		for (unsigned i = 0; i < SESSIONS; i++)
			if (polls[i].revents & POLLOUT)
				write_some(&polls[i], &written[i]);
		/* Those that are done are left out, or their hang-ups would keep it awake. */
		for (unsigned i = 0; i < SESSIONS; i++)
			if (polls[i].fd >= 0 && polls[i].events == 0) {
				fcntl(polls[i].fd, F_SETFL, 0);
				polls[i].fd = -1 - polls[i].fd;
			}
	}
	for (unsigned i = 0; i < SESSIONS; i++)
		read_end(-1 - polls[i].fd);
}

static void within_bounds(const struct use *use)
{
	CHECK(use->promised_bytes <= WINDOWS_BYTES);
	CHECK(use->lent_bytes <= WINDOWS_BYTES + SPARE_BYTES);
}

/* Until nothing has come for a second: then the windows are full. */
static void let_them_fill(void)
{
	struct use use = { 0 }, before;

	for (unsigned quiet = 0; quiet < 20;) {
		before = use;
		usleep(50000);
		use = use_now();
		within_bounds(&use);
		quiet = use.lent_bytes > 0 && use.lent_bytes == before.lent_bytes ? quiet + 1 : 0;
	}
}

static void sessions_that_nobody_accepts(void)
{
	char address[32];
	int pipes[2];

	CHECK_EQ(pipe(pipes), 0);
	/* Before there is an engine here: the child has one of its own. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_EQ(read(pipes[0], address, sizeof address), sizeof address);
		dial_and_write(address);
		exit(0);
	}
	int listener = listen_here("stream", address);
	CHECK_EQ(write(pipes[1], address, sizeof address), sizeof address);
	let_them_fill();
	for (unsigned i = 0; i < SESSIONS; i++) {
		int fd = accept(listener, NULL, NULL);
		struct use use;

		CHECK(fd >= 0);
		read_content(fd, SESSION_BYTES, 5);
		read_end(fd);
		close(fd);
		use = use_now();
		within_bounds(&use);
	}
	expect_exit(pid, 0);
	close(listener);
}

/* When they are over, nothing is kept and nothing counts. */
static void all_is_given_back(void)
{
	struct use use = use_now();

	for (unsigned i = 0; use.lent_bytes + use.promised_bytes > 0; i++) {
		CHECK(i < WAIT_MS / 10);
		usleep(10000);
		use = use_now();
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	setenv("HAWSER_MEMORY", "64M", 1);
	RUN(sessions_that_nobody_accepts);
	RUN(all_is_given_back);
	return 0;
}
