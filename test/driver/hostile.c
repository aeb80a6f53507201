/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hostile.py attacks, and the honest peer beside it.
 *
 *   hostile serve KIND                  prints its address, echoes every session's bytes until it is killed
 *   hostile dial ADDRESS                writes, reads to the end, prints the outcome as "errno: reason"
 *   hostile talk ADDRESS MILLISECONDS   verifies echoes all that time, prints the longest in milliseconds
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "test/driver/ends.h"

#define SESSIONS_MAX 16384u
#define ECHO_BYTES   65536u
#define TALK_BYTES   1024u

struct echo {
	uint8_t *bytes;
	size_t length, at;
};

static struct pollfd polled[SESSIONS_MAX];
static struct echo echoes[SESSIONS_MAX];
static unsigned count = 1;

static void drop(unsigned i)
{
	close(polled[i].fd);
	free(echoes[i].bytes);
	count--;
	polled[i] = polled[count];
	echoes[i] = echoes[count];
}

/* False: this session is over. */
static bool echo(struct pollfd *p, struct echo *e)
{
	ssize_t n;

	if (e->at == e->length) {
		if (!e->bytes)
			e->bytes = malloc(ECHO_BYTES);
		CHECK(e->bytes);
		n = recv(p->fd, e->bytes, ECHO_BYTES, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		e->length = (size_t)n;
		e->at = 0;
	}
	n = send(p->fd, e->bytes + e->at, e->length - e->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return false;
	e->at += n > 0 ? (size_t)n : 0;
	p->events = e->at < e->length ? POLLOUT : POLLIN;
	return true;
}

static void take_in(void)
{
	while (count < SESSIONS_MAX) {
		int fd = accept4(polled[0].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		polled[count] = (struct pollfd){ .fd = fd, .events = POLLIN };
		echoes[count++] = (struct echo){ 0 };
	}
}

static void serve(const char *kind)
{
	char address[32];

	polled[0] = (struct pollfd){ .fd = listen_here(kind, address), .events = POLLIN };
	fcntl(polled[0].fd, F_SETFL, O_NONBLOCK);
	printf("%s\n", address);
	fflush(stdout);
	for (;;) {
		CHECK(poll(polled, count, -1) > 0);
		for (unsigned i = count; i-- > 1;)
			if (polled[i].revents && !echo(&polled[i], &echoes[i]))
				drop(i);
		if (polled[0].revents)
			take_in();
	}
}

static void dial(const char *address)
{
	int fd = hawser_dial(address, NULL), error = errno;
	uint8_t bytes[4096];
	char why[256];
	ssize_t n;

	if (fd >= 0) {
		error = 0;
		if (write(fd, "hello", 5) < 0 || shutdown(fd, SHUT_WR) < 0)
			error = errno;
		while (error == 0 && (n = read(fd, bytes, sizeof bytes)) != 0)
			error = n < 0 ? errno : 0;
	}
	hawser_reason(fd, why, sizeof why);
	printf("%d: %s\n", error, why);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void talk(const char *address, double for_ms)
{
	double end = now_ms() + for_ms, longest = 0;
	int fd = dial_there("stream", address);

	for (uint64_t at = 0; now_ms() < end; at += TALK_BYTES) {
		uint8_t bytes[TALK_BYTES];
		double began = now_ms();

		fill(bytes, sizeof bytes, at, 7);
		CHECK_EQ(write(fd, bytes, sizeof bytes), sizeof bytes);
		for (size_t have = 0; have < sizeof bytes;) {
			ssize_t n = read(fd, bytes + have, sizeof bytes - have);

			CHECK(n > 0);
			have += (size_t)n;
		}
		verify(bytes, sizeof bytes, at, 7);
		if (now_ms() - began > longest)
			longest = now_ms() - began;
		usleep(5000);
	}
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	read_end(fd);
	printf("%.0f\n", longest);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "dial") == 0)
		dial(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "talk") == 0)
		talk(argv[2], atof(argv[3]));
	else
		return 2;
	return 0;
}
