/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios on descriptors, both ends in this process. The list of all is at the end of scenarios_more.c. */
#include "test/fault/scenarios.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/fault/fault.h"
#include "test/fault/scenario.h"

#define SOME (200u << 10)
#define MUCH (3u << 20)

void run_stream(void)
{
	struct ends e;

	if (ends_open(&e, options_with(NULL))) {
		exchange(&e, SOME, NULL);
		ends_close(&e);
	}
}

/* Buffers fill up, and a writer may have to be woken. */
void run_bulk(void)
{
	struct ends e;

	if (ends_open(&e, options_with("send_buffer", "256K", "receive_buffer", "256K", "congestion", "auto", "spin",
				     "1ms", NULL))) {
		exchange(&e, MUCH, NULL);
		ends_close(&e);
	}
}

void run_packets(void)
{
	struct ends e;

	if (ends_open(&e, options_with("kind", "message", NULL))) {
		exchange_packets(&e, 30);
		ends_close(&e);
	}
}

/* Every address of this host, and a name that is known without a look-up. */
void run_everywhere(void)
{
	struct ends e;
	hawser_options *o = options_with(NULL);
	char address[64];

	if (ends_listen(&e, "0", o)) {
		ends_address(&e, "localhost", address);
		if (ends_dial(&e, address, o) && ends_accept(&e)) {
			exchange(&e, SOME / 4, NULL);
			ends_close(&e);
		}
	}
	hawser_options_free(o);
}

void run_resolve(void)
{
	struct ends e;
	hawser_options *o = options_with(NULL);
	char address[64];

	if (ends_listen(&e, "127.0.0.1:0", o)) {
		ends_address(&e, "peer.test", address);
		if (ends_dial(&e, address, o) && ends_accept(&e)) {
			exchange(&e, SOME / 4, NULL);
			ends_close(&e);
		}
	}
	hawser_options_free(o);
}

/* What is written before the session stands arrives when it does. */
void run_nonblock(void)
{
	struct ends e;
	hawser_options *o = options_with("nonblock", "yes", NULL);
	char address[64];

	if (ends_listen(&e, "127.0.0.1:0", o)) {
		ends_address(&e, "127.0.0.1", address);
		if (ends_dial(&e, address, o)) {
			if (hawser_wait(e.dialled, -1) < 0)
				refused("hawser_wait");
			else if (ends_accept(&e))
				exchange(&e, SOME / 4, NULL);
			ends_close(&e);
		}
	}
	hawser_options_free(o);
}

/* Until both paths are up: one that failed is dialled again. False: the session is over. */
static bool both_paths(struct ends *e)
{
	struct hawser_path_info paths[16];
	struct hawser_info info;

	for (;;) {
		unsigned up = 0;
		int count = hawser_paths(e->dialled, paths, 16, sizeof paths[0]);

		if (count < 0)
			return refused("hawser_paths");
		if (hawser_info(e->dialled, &info, sizeof info) < 0)
			return refused("hawser_info");
		if (info.state >= HAWSER_CLOSED)
			return true;    /* the exchange finds that out */
		for (int i = 0; i < count; i++)
			up += paths[i].state < HAWSER_PATH_DOWN;
		if (up == 2)
			return true;
		poll(NULL, 0, 2);
	}
}

static void on_two_paths(const char *mode)
{
	struct ends e;

	if (!ends_open(&e, options_with("via", "127.0.0.1,127.0.0.2", "mode", mode, NULL)))
		return;
	if (both_paths(&e))
		exchange(&e, SOME, NULL);
	ends_close(&e);
}

void run_two_paths(void)
{
	on_two_paths("converge");
}

void run_two_stripes(void)
{
	on_two_paths("stripe");
}

static void cut(struct ends *e)
{
	(void)e;
	fault_cut();
}

/* The only path breaks in the middle, and comes back. */
void run_redial(void)
{
	struct ends e;

	if (!ends_open(&e, options_with(NULL)))
		return;
	exchange(&e, 2 * SOME, cut);
	ends_close(&e);
}

/* One of two paths breaks; both are there again before the end. */
void run_path_lost(void)
{
	struct ends e;

	if (!ends_open(&e, options_with("via", "127.0.0.1,127.0.0.2", NULL)))
		return;
	if (both_paths(&e)) {
		fault_cut();
		if (pass_bytes(e.dialled, e.accepted, SOME / 4, 5) && both_paths(&e))
			exchange(&e, SOME / 4, NULL);
	}
	ends_close(&e);
}

static void change_mode(struct ends *e)
{
	struct hawser_info info;

	if (hawser_set_mode(e->dialled, HAWSER_BOTH, HAWSER_STRIPE) < 0) {
		refused("hawser_set_mode");
		return;
	}
	if (hawser_info(e->dialled, &info, sizeof info) < 0)
		refused("hawser_info");
	else if (info.state == HAWSER_ESTABLISHED &&
		 (info.mode_sending != HAWSER_STRIPE || info.mode_receiving != HAWSER_STRIPE))
		lie("the mode was set, and is another");
}

void run_mode(void)
{
	struct ends e;

	if (!ends_open(&e, options_with("mode", "duplicate", "congestion", "reno", NULL)))
		return;
	if (pass_bytes(e.dialled, e.accepted, SOME / 8, 5)) {
		change_mode(&e);
		exchange(&e, SOME / 4, NULL);
	}
	ends_close(&e);
}

/* A reader hears of its peer's abort: after what came before, and never as a clean end. */
static void expect_reset(int fd, uint64_t most, uint8_t seed)
{
	uint8_t bytes[4096];
	uint64_t at = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
		verify(bytes, (size_t)n, at, seed);
		at += (uint64_t)n;
		if (at > most)
			lie("more bytes came than were sent");
	}
	if (n == 0)
		lie("an abort reads as a clean end");
	if (errno != ECONNRESET)
		lie("recv: %s", strerror(errno));
	if (hawser_error(fd) < 0 && errno != ENOTCONN)
		refused("hawser_error");
}

/* Written, drained, aborted. The accepted end has never written: the primer has to help. */
void run_abort(void)
{
	struct ends e;
	uint8_t bytes[3000];

	if (!ends_open(&e, options_with(NULL)))
		return;
	fill(bytes, sizeof bytes, 0, 7);
	if (send(e.dialled, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes) {
		ended_abnormally(e.dialled, "send");
	} else if (hawser_drain(e.dialled, -1) < 0) {
		refused("hawser_drain");
	} else if (hawser_abort(e.dialled) < 0) {
		refused("hawser_abort");
	} else {
		expect_reset(e.dialled, 0, 0);
		expect_reset(e.accepted, sizeof bytes, 7);
	}
	ends_close(&e);
}

/* A session that nobody has accepted when its listener is closed is reset. */
void run_unaccepted(void)
{
	struct ends e;
	hawser_options *o = options_with(NULL);
	char address[64];

	if (ends_listen(&e, "127.0.0.1:0", o)) {
		ends_address(&e, "127.0.0.1", address);
		if (ends_dial(&e, address, o)) {
			struct pollfd p[2] = {
				{ .fd = e.listening, .events = POLLIN }, { .fd = e.dialled, .events = POLLIN },
			};

			if (poll(p, 2, -1) < 0)
				lie("poll: %s", strerror(errno));
			close(e.listening);
			e.listening = -1;
			expect_reset(e.dialled, 0, 0);
			ends_close(&e);
		}
	}
	hawser_options_free(o);
}

/* Sessions that come when the listener has just been closed, and a port that is taken. */
void run_refusals(void)
{
	struct ends e, other = { .listening = -1, .dialled = -1, .accepted = -1 };
	hawser_options *o = options_with(NULL);
	char address[64];

	if (ends_listen(&e, "127.0.0.1:0", o)) {
		ends_address(&e, "127.0.0.1", address);
		other.listening = hawser_listen(address, o);
		if (other.listening >= 0)
			lie("two listeners on one port");
		else if (errno != EADDRINUSE)
			refused("hawser_listen");
		if (ends_dial(&e, address, o) && ends_accept(&e)) {
			close(e.listening);
			e.listening = -1;
			other.dialled = hawser_dial(address, o);
			/* Not known in time to be closed: then it is told at once. */
			if (other.dialled >= 0)
				expect_reset(other.dialled, 0, 0);
			else if (errno != ECONNREFUSED)
				refused("hawser_dial");
			if (other.dialled >= 0 && !atomic_load(&fault_run->fired))
				lie("dialled where nobody listens");
			ends_close(&other);
			exchange(&e, SOME / 4, NULL);
			ends_close(&e);
		}
	}
	hawser_options_free(o);
}
