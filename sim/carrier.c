/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a connection, and the program's side of it. See carrier.h. */
#include "sim/carrier.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define SYN_TIMEOUT_NS   (1 * NS_PER_S)
#define SYN_TRIES_MAX    6u
#define FINISHING_NS (3 * NS_PER_S) /* as the driver does: then bytes are answered by a reset */
#define DETACHED_NS      (120 * NS_PER_S)

static struct stream_store *stores_free;

static struct stream_store *store_new(void)
{
	struct stream_store *store = stores_free;

	if (store != NULL)
		stores_free = store->next;
	else
		store = malloc(sizeof *store);
	if (store == NULL)
		abort();
	store->gaps.count = 0;
	return store;
}

static void end_init(struct carrier_end *e, const struct world *w)
{
	*e = (struct carrier_end){
		.open = true,
		.fin_at = UINT64_MAX,
		.timer_at = TIME_NEVER,
		.event_at = TIME_NEVER,
		.heard_at = w->now,
		.srtt_ns = 0,
		.congestion_bytes = 10 * (uint64_t)w->plan.packet_bytes,
		.threshold_bytes = UINT64_MAX,
		.window_end = w->plan.receive_kernel_bytes,
		.window_told = w->plan.receive_kernel_bytes,
		.backlog_bytes = 32768,
		.store = store_new(),
	};
}

static void store_free(struct carrier_end *e)
{
	if (e->store == NULL)
		return;
	e->store->next = stores_free;
	stores_free = e->store;
	e->store = NULL;
}

struct carrier *carrier_of(struct world *w, struct carrier_id id)
{
	struct carrier *c = &w->carrier[id.index];

	return c->used && c->serial == id.serial ? c : NULL;
}

static uint32_t index_of(const struct world *w, const struct carrier *c)
{
	return (uint32_t)(c - w->carrier);
}

void carrier_emit(struct world *w, struct carrier *c, unsigned h, struct packet *packet)
{
	packet->from = (uint8_t)h;
	packet->carrier = index_of(w, c);
	packet->serial = c->serial;
	packet->address[0] = c->address[0];
	packet->address[1] = c->address[1];
	/* An address that is gone sends nothing. */
	if (c->address[h] == w->network[c->network].address[h])
		network_send(w, c->network, packet);
}

static void emit_plain(struct world *w, struct carrier *c, unsigned h, enum packet_type type)
{
	struct packet packet = { .type = type };

	carrier_emit(w, c, h, &packet);
}

void carrier_arm(struct world *w, struct carrier *c, unsigned h, time_ns at)
{
	struct carrier_end *e = &c->end[h];

	e->timer_at = at;
	if (at >= e->event_at)
		return;
	e->event_at = at;
	events_add(&w->events, at, EVENT_CARRIER, index_of(w, c) * SIM_HOSTS + h);
}

void carrier_signal(struct world *w, struct carrier *c, unsigned h, bool readable, bool writable)
{
	struct carrier_end *e = &c->end[h];

	if (!e->attached)
		return;
	e->readable_event |= readable;
	e->writable_event |= writable;
	world_wake(w, h);
}

int carrier_dial(struct world *w, unsigned network, struct carrier_id *id)
{
	struct network *n = &w->network[network];
	uint32_t i = 0;

	if (!n->attached)
		return -ENETUNREACH;
	while (i < CARRIERS_MAX && w->carrier[i].used)
		i++;
	if (i == CARRIERS_MAX)
		return -ENOBUFS;
	struct carrier *c = &w->carrier[i];
	c->used = true;
	c->serial = ++w->carrier_serial;
	c->network = network;
	c->address[0] = n->address[0];
	c->address[1] = n->address[1];
	c->syn_count = 1;
	end_init(&c->end[0], w);
	end_init(&c->end[1], w);
	c->end[1].open = false;
	c->end[0].attached = true;
	*id = (struct carrier_id){ i, c->serial };
	emit_plain(w, c, 0, PACKET_SYN);
	carrier_arm(w, c, 0, w->now + SYN_TIMEOUT_NS);
	return 0;
}

/* Nothing more comes of this end: it is gone, or its kernel has sent and received everything. */
static bool end_is_over(const struct carrier_end *e)
{
	return !e->attached &&
	       (!e->open || (e->fin && e->acked == e->end + 1 && e->arrived > e->fin_at));
}

void carrier_settle(struct world *w, struct carrier *c)
{
	(void)w;
	if (!end_is_over(&c->end[0]) || !end_is_over(&c->end[1]))
		return;
	store_free(&c->end[0]);
	store_free(&c->end[1]);
	c->used = false;
}

uint64_t carrier_room(const struct world *w, const struct carrier *c, unsigned h)
{
	const struct carrier_end *e = &c->end[h];
	uint64_t unsent = e->end - (e->next < e->end ? e->next : e->end), held = e->end - e->acked;
	uint64_t room = unsent < e->backlog_bytes ? e->backlog_bytes - unsent : 0;
	uint64_t buffer = held < w->plan.send_kernel_bytes ? w->plan.send_kernel_bytes - held : 0;

	return room < buffer ? room : buffer;
}

bool carrier_writable(const struct world *w, const struct carrier *c, unsigned h)
{
	const struct carrier_end *e = &c->end[h];
	uint64_t unsent = e->end - (e->next < e->end ? e->next : e->end), held = e->end - e->acked;

	return 2 * unsent <= e->backlog_bytes &&
	       3 * held <= 2 * (uint64_t)w->plan.send_kernel_bytes;
}

static void ring_write(struct carrier_end *e, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		size_t at = e->end % CARRIER_RING_BYTES, count = CARRIER_RING_BYTES - at;

		if (count > length)
			count = length;
		memcpy(e->store->ring + at, bytes, count);
		bytes += count;
		e->end += count;
		length -= count;
	}
}

ssize_t carrier_send(struct world *w, struct carrier *c, unsigned h, const struct iovec *iov,
		     unsigned count, size_t most)
{
	struct carrier_end *e = &c->end[h];
	uint64_t room;
	size_t sent = 0;

	if (e->error != 0)
		return -e->error;
	if (!e->open || e->fin)
		return -EPIPE;
	room = carrier_room(w, c, h);
	if (room > most)
		room = most;
	for (unsigned i = 0; i < count && sent < room; i++) {
		size_t length = iov[i].iov_len < room - sent ? iov[i].iov_len : (size_t)room - sent;

		ring_write(e, iov[i].iov_base, length);
		sent += length;
		if (length < iov[i].iov_len)
			e->wants_room = true;
	}
	if (sent == room)
		e->wants_room = true;
	if (sent > 0)
		carrier_output(w, c, h);
	/* The system call took little for a reason of its own, and soon takes more. */
	if (e->wants_room && carrier_room(w, c, h) > 0 && room == most) {
		e->wants_room = false;
		carrier_signal(w, c, h, false, true);
	}
	return sent > 0 ? (ssize_t)sent : -EAGAIN;
}

ssize_t carrier_receive(struct world *w, struct carrier *c, unsigned h, const struct iovec *iov,
			unsigned count, size_t most)
{
	struct carrier_end *e = &c->end[h];
	const struct carrier_end *from = &c->end[!h];
	uint64_t ready = (e->arrived < e->fin_at ? e->arrived : e->fin_at) - e->taken;
	size_t got = 0;

	if (ready == 0 && e->arrived > e->fin_at)
		return 0;
	if (ready == 0)
		return e->error != 0 ? -e->error : -EAGAIN;
	if (ready > most)
		ready = most;
	for (unsigned i = 0; i < count && got < ready; i++) {
		uint8_t *to = iov[i].iov_base;
		size_t left = iov[i].iov_len < ready - got ? iov[i].iov_len : (size_t)ready - got;

		while (left > 0) {
			size_t at = e->taken % CARRIER_RING_BYTES, piece = CARRIER_RING_BYTES - at;

			if (piece > left)
				piece = left;
			memcpy(to, from->store->ring + at, piece);
			to += piece;
			e->taken += piece;
			got += piece;
			left -= piece;
		}
	}
	/* Tells the sender when the window has opened by half the buffer. */
	if (e->open && e->taken + w->plan.receive_kernel_bytes >=
			       e->window_told + w->plan.receive_kernel_bytes / 2) {
		struct packet packet = { .type = PACKET_ACK, .acknowledged = e->arrived,
					 .window_end = e->taken + w->plan.receive_kernel_bytes };

		e->window_told = packet.window_end;
		carrier_emit(w, c, h, &packet);
	}
	return (ssize_t)got;
}

void carrier_finish(struct world *w, struct carrier *c, unsigned h)
{
	struct carrier_end *e = &c->end[h];

	if (!e->open || e->fin)
		return;
	e->fin = true;
	carrier_output(w, c, h);
}

void carrier_break(struct world *w, struct carrier *c, unsigned h, int error)
{
	struct carrier_end *e = &c->end[h];

	if (!e->open)
		return;
	e->open = false;
	e->timer_at = TIME_NEVER;
	if (e->error == 0)
		e->error = error;
	carrier_signal(w, c, h, true, true);
	carrier_settle(w, c);
}

void carrier_vanish(struct world *w, struct carrier *c, unsigned h)
{
	struct carrier_end *e = &c->end[h];

	e->attached = e->open = false;
	e->timer_at = TIME_NEVER;
	carrier_settle(w, c);
}

void carrier_close(struct world *w, struct carrier *c, unsigned h, bool abort)
{
	struct carrier_end *e = &c->end[h];

	e->attached = false;
	e->detached_at = w->now;
	if (e->open && (abort || !e->established)) {
		emit_plain(w, c, h, PACKET_RESET);
		e->open = false;
		e->timer_at = TIME_NEVER;
	} else if (e->open) {
		e->taken = e->arrived < e->fin_at ? e->arrived : e->fin_at;
		e->fin = true;
		carrier_output(w, c, h);
		if (e->timer_at > w->now + DETACHED_NS)
			carrier_arm(w, c, h, w->now + DETACHED_NS);
	}
	carrier_settle(w, c);
}

void carrier_report(const struct world *w, const struct carrier *c, unsigned h,
		    struct carrier_report *report)
{
	const struct carrier_end *e = &c->end[h];

	*report = (struct carrier_report){
		.known = true,
		.window_bytes = e->congestion_bytes,
		.waiting = e->segment_first < e->segment_end,
		.delivered = e->delivered,
		.unsent_bytes = (uint32_t)(e->next < e->end ? e->end - e->next : 0),
		.acked_bytes = e->acked,
		/* The kernel counts in milliseconds. */
		.ack_age_ns = (w->now - e->heard_at) / NS_PER_MS * NS_PER_MS,
		.rtt_ns = e->srtt_ns,
	};
}

void carrier_backlog(struct world *w, struct carrier *c, unsigned h, uint32_t bytes)
{
	(void)w;
	c->end[h].backlog_bytes = bytes;
}

uint64_t carrier_under_way(const struct carrier *c, unsigned h)
{
	return c->end[h].end -
	       (c->end[!h].taken < c->end[h].end ? c->end[!h].taken : c->end[h].end);
}

static void dial_timer(struct world *w, struct carrier *c)
{
	if (c->syn_count == SYN_TRIES_MAX) {
		carrier_break(w, c, 0, ETIMEDOUT);
		return;
	}
	emit_plain(w, c, 0, PACKET_SYN);
	carrier_arm(w, c, 0, w->now + (SYN_TIMEOUT_NS << c->syn_count++));
}

void carrier_event(struct world *w, uint32_t which)
{
	struct carrier *c = &w->carrier[which / SIM_HOSTS];
	unsigned h = which % SIM_HOSTS;
	struct carrier_end *e = &c->end[h];

	if (!c->used || e->event_at > w->now)
		return;
	e->event_at = TIME_NEVER;
	if (e->timer_at > w->now) {
		if (e->timer_at != TIME_NEVER)
			carrier_arm(w, c, h, e->timer_at);
		return;
	}
	e->timer_at = TIME_NEVER;
	if (!e->open)
		return;
	if (!e->established && h == 0)
		dial_timer(w, c);
	else if (!e->attached && w->now - e->detached_at >= DETACHED_NS)
		carrier_vanish(w, c, h);
	else
		carrier_output_timer(w, c, h);
}

/* --- packets --- */

static void answer_syn(struct world *w, struct carrier *c)
{
	struct carrier_end *e = &c->end[1];

	if (!e->open && !e->established) {
		if (!world_listens(w, 1)) {
			emit_plain(w, c, 1, PACKET_RESET);
			return;
		}
		if (!world_accept(w, (struct carrier_id){ index_of(w, c), c->serial }))
			return;         /* the queue is full: the dialler will ask again */
		e->open = e->established = e->attached = true;
		e->heard_at = w->now;
		world_wake(w, 1);
	}
	if (e->open)
		emit_plain(w, c, 1, PACKET_SYN_ACK);
}

static void answer_data(struct world *w, struct carrier *c, unsigned h, const struct packet *packet)
{
	struct carrier_end *e = &c->end[h];
	uint64_t start = packet->sequence, end = start + packet->length + packet->fin;
	uint64_t limit = e->taken + w->plan.receive_kernel_bytes, before = e->arrived;
	struct spans *gaps = &e->store->gaps;
	struct packet answer = { .type = PACKET_ACK, .stamp = packet->stamp };

	if (!e->attached && end > e->arrived && w->now - e->detached_at > FINISHING_NS) {
		emit_plain(w, c, h, PACKET_RESET);
		carrier_break(w, c, h, ECONNRESET);
		return;
	}
	if (packet->fin)
		e->fin_at = start + packet->length;
	if (end > e->arrived && end <= limit + packet->fin && start < end) {
		if (start <= e->arrived)
			e->arrived = end;
		else
			(void)spans_add(gaps, start, end, CARRIER_GAPS_MAX);
		while (gaps->count > 0 && gaps->at[0].start <= e->arrived) {
			if (gaps->at[0].end > e->arrived)
				e->arrived = gaps->at[0].end;
			gaps->count--;
			memmove(gaps->at, gaps->at + 1, gaps->count * sizeof gaps->at[0]);
		}
	}
	if (start > e->arrived) {
		struct span kept = spans_find(gaps, start);

		answer.selective_start = kept.start;
		answer.selective_end = kept.end;
	}
	if (!e->attached)
		e->taken = e->arrived < e->fin_at ? e->arrived : e->fin_at;
	answer.acknowledged = e->arrived;
	answer.window_end = e->window_told = e->taken + w->plan.receive_kernel_bytes;
	carrier_emit(w, c, h, &answer);
	if (e->arrived > before)
		carrier_signal(w, c, h, true, false);
	if (!e->attached)
		carrier_settle(w, c);
}

static void established(struct world *w, struct carrier *c)
{
	struct carrier_end *e = &c->end[0];

	if (!e->open || e->established)
		return;
	e->established = true;
	e->timer_at = TIME_NEVER;
	carrier_signal(w, c, 0, true, true);
}

void carrier_packet(struct world *w, unsigned network, const struct packet *packet)
{
	unsigned h = !packet->from;
	const struct network *n = &w->network[network];
	struct carrier *c = carrier_of(w, (struct carrier_id){ packet->carrier, packet->serial });

	/* Nobody has that address now, or the host has lost power. */
	if (packet->address[h] != n->address[h] || w->host[h].crashed || c == NULL)
		return;
	c->end[h].heard_at = w->now;
	if (!c->end[h].open && packet->type != PACKET_RESET && packet->type != PACKET_SYN) {
		emit_plain(w, c, h, PACKET_RESET);
		return;
	}
	switch (packet->type) {
	case PACKET_SYN:
		answer_syn(w, c);
		break;
	case PACKET_SYN_ACK:
		established(w, c);
		break;
	case PACKET_DATA:
		answer_data(w, c, h, packet);
		break;
	case PACKET_ACK:
		carrier_output_acked(w, c, h, packet);
		break;
	case PACKET_RESET:
		carrier_break(w, c, h, c->end[h].established ? ECONNRESET : ECONNREFUSED);
		break;
	}
}
