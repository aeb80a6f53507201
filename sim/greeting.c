/* SPDX-License-Identifier: Apache-2.0 */
/* A carrier until its handshake is done, at either end: the real handshake on simulated bytes. */
#include <errno.h>
#include <string.h>

#include "sim/world.h"

#define ROUNDS_MAX 64u

struct greeting *greeting_new(struct world *w, struct host *host, struct carrier_id id,
			      unsigned network)
{
	struct greeting *g = NULL;

	for (unsigned i = 0; i < HOST_GREETINGS; i++) {
		struct greeting *other = &host->greetings[i];

		if (!other->used) {
			g = other;
			break;
		}
		if (g == NULL || other->order < g->order)
			g = other;
	}
	if (g->used)
		greeting_end(w, host, g, true);
	*g = (struct greeting){
		.used = true,
		.carrier = id,
		.network = network,
		.started = host_now(w, host),
		.deadline = TIME_NEVER,
		.order = host->greeting_order++,
	};
	return g;
}

void greeting_end(struct world *w, struct host *host, struct greeting *g, bool abort)
{
	struct carrier *c = carrier_of(w, g->carrier);

	if (c != NULL && c->end[host->number].attached)
		carrier_close(w, c, host->number, abort);
	if (g->talking)
		handshake_fini(&g->handshake);
	g->used = false;
}

/* False: the carrier takes no more. */
static bool write_out(struct world *w, struct host *host, struct greeting *g, struct carrier *c)
{
	const uint8_t *bytes;
	size_t length;

	while ((length = handshake_output(&g->handshake, &bytes)) > 0) {
		struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
		ssize_t sent = carrier_send(w, c, host->number, &iov, 1, SIZE_MAX);

		if (sent == -EAGAIN)
			return true;
		if (sent < 0)
			return false;
		handshake_sent(&g->handshake, (size_t)sent, host_now(w, host));
	}
	return true;
}

/* 1: something came, 0: not now, < 0: the end. */
static int read_in(struct world *w, struct host *host, struct greeting *g, struct carrier *c)
{
	uint8_t *space;
	size_t length = handshake_input_space(&g->handshake, &space);
	struct iovec iov = { .iov_base = space, .iov_len = length };
	ssize_t got;

	if (length == 0)
		return 0;
	got = carrier_receive(w, c, host->number, &iov, 1, SIZE_MAX);
	if (got == -EAGAIN)
		return 0;
	if (got <= 0)
		return -1;
	g->heard = true;
	handshake_received(&g->handshake, (size_t)got, host_now(w, host));
	return 1;
}

enum handshake_state greeting_talk(struct world *w, struct host *host, struct greeting *g)
{
	struct carrier *c = carrier_of(w, g->carrier);

	if (c == NULL || !c->end[host->number].attached)
		return HANDSHAKE_FAILED;
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		bool alive = write_out(w, host, g, c);
		enum handshake_state state = handshake_state(&g->handshake);
		int got;

		if (state != HANDSHAKE_IN_PROGRESS)
			return state;
		got = read_in(w, host, g, c);
		if (got < 0 || (got == 0 && !alive))
			return HANDSHAKE_FAILED;
		if (got == 0)
			return state;
	}
	world_fail(w, "handshake: host %u talks without end", host->number);
}
