/* SPDX-License-Identifier: Apache-2.0 */
/* Drives core/handshake over a carrier. */
#include "driver/lobby.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Moves of one handshake are few; a peer that dribbles bytes gets its turns with the others. */
#define ROUNDS_MAX 16u

int random_bytes(void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length > 0) {
		ssize_t got = getrandom(at, length, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		at += got;
		length -= (size_t)got;
	}
	return 0;
}

static void failed(struct greeting *g, int error)
{
	g->error = error;
	g->stage = GREETING_STAGE_OVER;
	g->event(g, GREETING_FAILED);
}

/* Writes what waits. False: the carrier failed; what the peer said before may still be read. */
static bool write_out(struct greeting *g)
{
	const uint8_t *bytes;
	size_t length;

	while (g->error == 0 && (length = handshake_output(&g->handshake, &bytes)) > 0) {
		struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
		ssize_t sent = g->carrier->ops->send(g->carrier, &iov, 1, false);

		if (sent == -EAGAIN)
			return true;
		if (sent < 0)
			g->error = (int)sent;
		else
			handshake_sent(&g->handshake, (size_t)sent, engine_now(g->engine));
	}
	return g->error == 0;
}

/* The carrier's next bytes: how many; 0: none now; -errno: the carrier is over. */
static ssize_t read_ahead(struct greeting *g)
{
	struct greeting_input *in = &g->input;
	struct iovec iov = { .iov_base = in->bytes, .iov_len = sizeof in->bytes };
	ssize_t received = in->readable ? g->carrier->ops->receive(g->carrier, &iov, 1) : -EAGAIN;

	if (received == -EAGAIN)
		in->readable = in->ending = false;
	if (received == -EAGAIN)
		return 0;
	if (received <= 0)
		return received < 0 ? received : -ECONNRESET;
	/* There was no more; what comes now is a new edge, but for an end that came with it. */
	if ((size_t)received < sizeof in->bytes && !in->ending)
		in->readable = false;
	in->at = 0;
	in->end = (size_t)received;
	g->heard = true;
	return received;
}

/* 1: took something in; 0: nothing there, or not wanted; -errno: the carrier is over. */
static int read_in(struct greeting *g)
{
	struct greeting_input *in = &g->input;
	uint8_t *space;
	size_t length = handshake_input_space(&g->handshake, &space);

	if (length == 0)
		return 0;
	if (in->at == in->end) {
		ssize_t received = read_ahead(g);

		if (received <= 0)
			return (int)received;
	}
	if (length > in->end - in->at)
		length = in->end - in->at;
	memcpy(space, in->bytes + in->at, length);
	in->at += length;
	handshake_received(&g->handshake, length, engine_now(g->engine));
	return 1;
}

static void tell(struct greeting *g, enum handshake_state state)
{
	g->told = state;
	switch (state) {
	case HANDSHAKE_IN_PROGRESS:
		break;
	case HANDSHAKE_NEEDS_DECISION:
	case HANDSHAKE_ACCEPTED:
		g->event(g, GREETING_DECIDE);
		break;
	case HANDSHAKE_DONE:
		g->stage = GREETING_STAGE_OVER;
		timer_stop(g->engine, &g->timer);
		g->event(g, GREETING_DONE);
		break;
	case HANDSHAKE_FAILED:
		failed(g, 0);
		break;
	}
}

static void talk(struct greeting *g)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		bool writable = write_out(g);
		enum handshake_state state = handshake_state(&g->handshake);
		int got;

		if (!writable)
			g->input.readable = true;
		if (state != HANDSHAKE_IN_PROGRESS) {
			if (state != g->told)
				tell(g, state);
			return;
		}
		got = read_in(g);
		if (got < 0 || (got == 0 && !writable)) {
			failed(g, writable ? got : g->error);
			return;
		}
		if (got == 0)
			return;
	}
	engine_post(g->engine, &g->task);
}

static void go_on(struct greeting *g)
{
	int established;

	switch (g->stage) {
	case GREETING_STAGE_CONNECTING:
		established = g->carrier->ops->established(g->carrier);
		if (established < 0) {
			failed(g, established);
		} else if (established > 0) {
			g->stage = GREETING_STAGE_WAITING;
			g->event(g, GREETING_CONNECTED);
		}
		break;
	case GREETING_STAGE_TALKING:
		talk(g);
		break;
	case GREETING_STAGE_NONE:
	case GREETING_STAGE_WAITING:
	case GREETING_STAGE_OVER:
	case GREETING_STAGE_KEPT:
		break;
	}
}

static void ready(struct watch *w, uint32_t events)
{
	struct greeting *g = container_of(w, struct greeting, watch);
	bool ending = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);

	g->input.ending |= ending;
	g->input.readable |= ending || (events & EPOLLIN);
	go_on(g);
}

static void posted(struct task *t)
{
	go_on(container_of(t, struct greeting, task));
}

static void expired(struct timer *t, time_ns now)
{
	struct greeting *g = container_of(t, struct greeting, timer);

	(void)now;
	if (g->stage != GREETING_STAGE_OVER)
		failed(g, -ETIMEDOUT);
}

static int begin(struct greeting *g, struct engine *e, struct carrier *carrier, enum greeting_stage stage,
		 void (*event)(struct greeting *g, enum greeting_event event))
{
	int err;

	memset(g, 0, sizeof *g);
	err = watch_start(e, &g->watch, carrier->ops->descriptor(carrier), EPOLLIN | EPOLLOUT | EPOLLRDHUP,
			  ready);
	if (err < 0) {
		carrier->ops->close(carrier, true);
		return err;
	}
	g->engine = e;
	g->carrier = carrier;
	g->event = event;
	g->stage = stage;
	g->timer.expired = expired;
	g->task.run = posted;
	return 0;
}

int greeting_connect(struct greeting *g, struct engine *e, const struct carrier_ops *ops,
		     const struct carrier_route *route,
		     void (*event)(struct greeting *g, enum greeting_event event))
{
	struct carrier *carrier;
	int err = ops->open(&carrier, route);

	if (err < 0)
		return err;
	return begin(g, e, carrier, GREETING_STAGE_CONNECTING, event);
}

int greeting_adopt(struct greeting *g, struct engine *e, const struct carrier_ops *ops, int fd,
		   const char *interface,
		   void (*event)(struct greeting *g, enum greeting_event event))
{
	struct carrier *carrier;
	int err = ops->adopt(&carrier, fd, interface);

	if (err < 0)
		return err;
	err = begin(g, e, carrier, GREETING_STAGE_TALKING, event);
	if (err == 0)
		handshake_answer(&g->handshake, PROTOCOL_VERSIONS);
	return err;
}

int greeting_deadline(struct greeting *g, time_ns at)
{
	return timer_start(g->engine, &g->timer, at);
}

int greeting_offer(struct greeting *g, const struct handshake_offer *offer)
{
	uint8_t nonce[NONCE_BYTES];
	int err = random_bytes(nonce, sizeof nonce);

	assert(g->stage == GREETING_STAGE_WAITING);
	if (err < 0)
		return err;
	handshake_dial(&g->handshake, PROTOCOL_VERSIONS, offer, nonce);
	g->stage = GREETING_STAGE_TALKING;
	g->told = HANDSHAKE_IN_PROGRESS;
	engine_post(g->engine, &g->task);
	return 0;
}

int greeting_admit(struct greeting *g, const uint8_t *secret, const struct handshake_terms *terms)
{
	uint8_t nonce[NONCE_BYTES];
	int err = random_bytes(nonce, sizeof nonce);

	if (err < 0)
		return err;
	handshake_admit(&g->handshake, secret, nonce, terms);
	g->told = HANDSHAKE_IN_PROGRESS;
	engine_post(g->engine, &g->task);
	return 0;
}

void greeting_confirm(struct greeting *g)
{
	handshake_confirm(&g->handshake);
	g->told = HANDSHAKE_IN_PROGRESS;
	engine_post(g->engine, &g->task);
}

void greeting_refuse(struct greeting *g, enum reason reason)
{
	handshake_refuse(&g->handshake, reason, 0);
	g->told = HANDSHAKE_IN_PROGRESS;
	engine_post(g->engine, &g->task);
}

void greeting_keep(struct greeting *g)
{
	assert(g->stage == GREETING_STAGE_OVER && g->error < 0 && timer_started(&g->timer));
	watch_stop(g->engine, &g->watch);
	engine_unpost(g->engine, &g->task);
	g->carrier->ops->close(g->carrier, true);
	g->carrier = NULL;
	g->stage = GREETING_STAGE_KEPT;
}

int greeting_failure(const struct greeting *g, enum reason *reason)
{
	*reason = REASON_NONE;
	if (g->error < 0)
		return g->error;
	*reason = (enum reason)handshake_failure(&g->handshake)->reason;
	switch (*reason) {
	case REASON_UNKNOWN_SESSION:
	case REASON_BUSY:
	case REASON_GOING_AWAY:
		return -ECONNREFUSED;
	default:
		return -EPROTO;
	}
}

static void stop(struct greeting *g)
{
	watch_stop(g->engine, &g->watch);
	timer_stop(g->engine, &g->timer);
	engine_unpost(g->engine, &g->task);
	handshake_fini(&g->handshake);
	explicit_bzero(g->input.bytes, sizeof g->input.bytes);
	g->stage = GREETING_STAGE_NONE;
}

struct carrier *greeting_take(struct greeting *g, struct watch *watch, struct greeting_input *input)
{
	struct carrier *carrier = g->carrier;

	assert(g->told == HANDSHAKE_DONE && carrier);
	g->carrier = NULL;
	/* Not what is used already: secrets may be in it. */
	input->at = 0;
	input->end = g->input.end - g->input.at;
	memcpy(input->bytes, g->input.bytes + g->input.at, input->end);
	input->readable = g->input.readable;
	input->ending = g->input.ending;
	watch_move(g->engine, watch, &g->watch, NULL);
	stop(g);
	return carrier;
}

void greeting_end(struct greeting *g)
{
	bool said_why;

	if (g->stage == GREETING_STAGE_NONE)
		return;
	said_why = g->stage == GREETING_STAGE_OVER && g->error == 0;
	stop(g);
	if (g->carrier)
		g->carrier->ops->close(g->carrier, !said_why);
	g->carrier = NULL;
}
