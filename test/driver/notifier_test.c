/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor of a handle: made when it is asked for, and telling then what there is already. */
#include "ends.h"

#include <fcntl.h>
#include <sys/resource.h>

#if defined(__SANITIZE_THREAD__)
static const bool shares_tables = true;
#else
static const bool shares_tables = false;
#endif
static char address[32];
static int listening;

struct ends {
	hawser_t *dialled, *accepted;
};

static struct ends handles(void)
{
	struct ends e = { .dialled = hawser_open(address, NULL), .accepted = hawser_accept(listening) };

	CHECK(e.dialled && e.accepted);
	return e;
}

static void close_both(struct ends *e)
{
	CHECK_EQ(hawser_close(e->dialled), 0);
	CHECK_EQ(hawser_close(e->accepted), 0);
}

static void readable(hawser_t *h)
{
	struct pollfd p = { .fd = hawser_fd(h), .events = POLLIN };

	CHECK(p.fd >= 0);
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
}

static void quiet(hawser_t *h)
{
	struct pollfd p = { .fd = hawser_fd(h), .events = POLLIN };

	CHECK_EQ(poll(&p, 1, 0), 0);
}

/* Bytes that had come before anybody asked, and before the first call that would have said EAGAIN. */
static void tells_what_came_before(void)
{
	char byte;

	for (int accepted = 0; accepted < 2; accepted++) {
		struct ends e = handles();
		hawser_t *from = accepted ? e.dialled : e.accepted, *to = accepted ? e.accepted : e.dialled;

		CHECK_EQ(hawser_send(from, "x", 1, 0), 1);
		CHECK_EQ(hawser_drain(hawser_fd(from), WAIT_MS), 0);
		readable(to);
		CHECK_EQ(hawser_recv(to, &byte, 1, NULL), 1);
		int flags = HAWSER_DONTWAIT;
		CHECK_EQ(hawser_recv(to, &byte, 1, &flags), -1);
		CHECK_EQ(errno, EAGAIN);
		quiet(to);
		CHECK_EQ(hawser_send(from, "y", 1, 0), 1);
		readable(to);
		close_both(&e);
	}
}

static void tells_an_end_that_came_before(void)
{
	struct ends e = handles();
	char byte;

	CHECK_EQ(hawser_abort(hawser_fd(e.accepted)), 0);
	CHECK_EQ(hawser_recv(e.dialled, &byte, 1, NULL), -1);
	CHECK_EQ(errno, ECONNRESET);
	readable(e.dialled);
	CHECK_EQ(hawser_error(hawser_fd(e.dialled)), ECONNRESET);
	close_both(&e);
}

static void *asks(void *h)
{
	return (void *)(intptr_t)hawser_fd(h);
}

/* One for each handle, whoever asks, and how often. */
static void is_one(void)
{
	for (int round = 0; round < 20; round++) {
		struct ends e = handles();
		pthread_t threads[4];
		void *fd;

		for (int i = 0; i < 4; i++)
			CHECK_EQ(pthread_create(&threads[i], NULL, asks, e.dialled), 0);
		for (int i = 0; i < 4; i++) {
			CHECK_EQ(pthread_join(threads[i], &fd), 0);
			CHECK_EQ((int)(intptr_t)fd, hawser_fd(e.dialled));
		}
		CHECK(hawser_fd(e.dialled) >= 0);
		close_both(&e);
	}
}

/* How many descriptors this process has. */
static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void is_not_made_unasked(void)
{
	hawser_t *a, *b;
	int before;

	/* The engine is there, and what it keeps. */
	struct ends first = handles();
	close_both(&first);
	before = open_descriptors();
	a = hawser_open(address, NULL);
	CHECK(a);
	/* Where the engine's are in the same table there is no telling. */
	CHECK(shares_tables || open_descriptors() == before);
	CHECK((b = hawser_accept(listening)));
	CHECK_EQ(hawser_close(a), 0);
	CHECK_EQ(hawser_close(b), 0);
}

/* Without a number for it: later there is one, and the session has not suffered. */
static void fails_and_is_asked_again(void)
{
	struct ends e = handles();
	struct rlimit before, none;
	char byte;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(hawser_fd(e.dialled), -1);
		CHECK_EQ(errno, EMFILE);
	}
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	CHECK_EQ(hawser_send(e.accepted, "x", 1, 0), 1);
	readable(e.dialled);
	CHECK_EQ(hawser_recv(e.dialled, &byte, 1, NULL), 1);
	close_both(&e);
}

/* There is room for what brings it, and none for it: the engine's end has been made by then. */
static void fails_on_its_way(void)
{
	struct ends e = handles();
	struct rlimit before, few;
	int most = 0;

	for (int fd = 0; fd < 1024; fd++)
		most = fcntl(fd, F_GETFD) >= 0 ? fd : most;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	/* All numbers below the limit are taken but one, which is the handover's. */
	int filler[1024], count = 0, last = most + 3;
	few = before;
	few.rlim_cur = (rlim_t)last;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (count < 1024 && (filler[count] = dup(0)) >= 0)
		count++;
	CHECK(count > 0 && count < 1024);
	close(filler[--count]);
	int fd = hawser_fd(e.dialled);
	CHECK(fd >= 0 || errno == EMFILE);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	while (count > 0)
		close(filler[--count]);
	CHECK_EQ(hawser_send(e.accepted, "x", 1, 0), 1);
	readable(e.dialled);
	close_both(&e);
}

int main(void)
{
	listening = listen_here("stream", address);
	RUN(tells_what_came_before);
	RUN(tells_an_end_that_came_before);
	RUN(is_one);
	RUN(is_not_made_unasked);
	RUN(fails_and_is_asked_again);
	RUN(fails_on_its_way);
	return 0;
}
