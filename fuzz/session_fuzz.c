/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole session and its hostile peer. The input is a program: the session's configuration, then
 * actions of the peer (frames of every kind with any value, in any pieces, on several paths, or plain
 * garbage), of the program above (write, read, end, modes), of the driver (paths come and go, room,
 * memory, time). judge.c says what must follow. In the end an honest peer takes over: whatever was
 * legal up to then must not have wedged the session.
 */
#include <errno.h>

#include "core/session.h"
#include "core/session_internal.h"
#include "fuzz/fuzz.h"
#include "fuzz/judge.h"

#define QUEUE_BYTES   (2u * (FRAME_DATA_HEAD_BYTES + FRAME_PAYLOAD_MAX))
#define ACTIONS_MAX   600u
#define FED_BYTES_MAX (2u << 20)        /* what one input may have copied */
#define WRITES_MAX    20000u            /* of one pump: more would be a loop */
#define HEAL_ROUNDS   600u
#define SPARE_MAX     128u

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

struct carried {
	struct path path;
	bool up;                        /* not reported lost */
	uint8_t *queue;                 /* what the peer sent and the session has not read */
	size_t queued, queue_at;
};

struct world {
	struct session *s;
	struct judge judge;
	struct carried *path[JUDGE_PATHS];
	struct session_config config;
	time_ns now;
	bool lends;                     /* the driver has memory */
	bool quiet;                     /* the driver does not write by itself */
	bool reset_here;                /* by the program or by time, not for anything the peer did */
	bool violated;
	size_t piece;                   /* bytes of one reading at most */
	unsigned iovecs;
	unsigned lent, blocks_max;
	size_t fed;
	uint16_t next_id;
};

static void *spare[SPARE_MAX];
static unsigned spare_count;

static uint64_t pick(struct draw *d, const uint64_t *values, unsigned count)
{
	unsigned which = draw_below(d, count + 1);

	return which < count ? values[which] : draw_u32(d);
}
#define PICK(d, ...) pick(d, (const uint64_t[]){ __VA_ARGS__ }, \
			  sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/* --- the driver --- */

/* Blocks are kept from input to input: allocating them under a sanitizer would take most of the time. */
static void *block_take(void)
{
	void *block = spare_count > 0 ? spare[--spare_count] : malloc(BLOCK_BYTES);

	HOLDS(block != NULL);
	ASAN_UNPOISON_MEMORY_REGION(block, BLOCK_BYTES);
	return block;
}

static void block_give(void *block)
{
	if (spare_count == SPARE_MAX) {
		free(block);
		return;
	}
	ASAN_POISON_MEMORY_REGION(block, BLOCK_BYTES);
	spare[spare_count++] = block;
}

static void lend(struct world *w)
{
	for (unsigned wanted = w->lends ? session_blocks_wanted(w->s) : 0; wanted > 0; wanted--) {
		session_lend(w->s, block_take());
		w->lent++;
	}
	HOLDS(w->lent <= w->blocks_max);
}

static void lose(struct world *w, unsigned i, enum reason reason, bool ended)
{
	if (w->path[i] == NULL || !w->path[i]->up)
		return;
	session_path_lost(w->s, &w->path[i]->path, reason, ended, w->now);
	w->path[i]->up = false;
}

static void take_out(struct world *w, unsigned i)
{
	if (w->path[i] == NULL)
		return;
	session_remove_path(w->s, &w->path[i]->path, w->now);
	free(w->path[i]->queue);
	free(w->path[i]);
	w->path[i] = NULL;
	memset(&w->judge.path[i], 0, sizeof w->judge.path[i]);
}

static void add_path(struct world *w, uint16_t id, unsigned rank, time_ns rtt_ns)
{
	struct carried *c = calloc(1, sizeof *c);
	unsigned i = 0;
	int error;

	HOLDS(c != NULL);
	while (i < JUDGE_PATHS && w->path[i] != NULL)
		i++;
	error = i < JUDGE_PATHS ? session_add_path(w->s, &c->path, id, rank, rtt_ns, w->now) : -ENOSPC;
	if (error < 0) {
		HOLDS(error == -ENOSPC || error == -EEXIST);
		free(c);
		return;
	}
	HOLDS(i < PATHS_MAX && id != PATH_ID_NONE);
	for (unsigned k = 0; k < JUDGE_PATHS; k++)
		HOLDS(!w->judge.path[k].known || w->judge.path[k].id != id);
	c->up = true;
	w->path[i] = c;
	w->judge.path[i].known = true;
	w->judge.path[i].id = id;
}

/* One write of at most `most` bytes; how many went. */
static size_t write_out(struct world *w, unsigned i, size_t most)
{
	struct path *p = &w->path[i]->path;
	struct iovec iov[32];
	unsigned used;
	size_t moved = 0, planned = 0;

	lend(w);
	used = session_plan(w->s, p, iov, w->iovecs >= 8 ? w->iovecs : 8, w->now);
	HOLDS(used <= 32);
	for (unsigned k = 0; k < used; k++) {
		size_t count = iov[k].iov_len < most - moved ? iov[k].iov_len : most - moved;

		judge_wrote(&w->judge, &w->judge.path[i], iov[k].iov_base, count);
		planned += iov[k].iov_len;
		moved += count;
	}
	session_wrote(w->s, p, moved, w->now);
	/* As soon as the head of a frame has begun to go the peer may know of its bytes. */
	if (p->out.halved && p->out.half.end > w->judge.sent_top)
		w->judge.sent_top = p->out.half.end;
	if (moved < planned)
		session_path_room(w->s, p, false);
	return moved;
}

static unsigned index_of(const struct world *w, const struct path *p)
{
	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		if (w->path[i] != NULL && &w->path[i]->path == p)
			return i;
	HOLDS(!"a path of this session");
	return 0;
}

static bool all_roomy(const struct world *w)
{
	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		if (w->path[i] != NULL && w->path[i]->up && !w->path[i]->path.roomy)
			return false;
	return true;
}

static void pump(struct world *w)
{
	struct path *p;
	unsigned writes = 0;

	lend(w);
	while ((p = session_next_writer(w->s, w->now)) != NULL) {
		HOLDS(write_out(w, index_of(w, p), SIZE_MAX) > 0);
		HOLDS(++writes < WRITES_MAX);
	}
}

/* --- what must hold after every action --- */

static void check(struct world *w)
{
	const struct session *s = w->s;
	const struct judge *j = &w->judge;
	enum session_state state = session_state(s);

	HOLDS(s->stock.lent == w->lent && w->lent <= w->blocks_max);
	HOLDS(s->receive.contiguous == j->contiguous && s->receive.consumed == j->consumed);
	HOLDS(s->receive.fin_offset == j->fin && session_receive_limit(s) == j->limit);
	HOLDS(s->receive.ahead.count <= RANGES_HELD_MAX);
	HOLDS(session_readable(s) == j->contiguous - j->consumed);
	HOLDS(session_unacknowledged(s) <= w->config.send_limit_bytes + 1);
	HOLDS(s->sender.flight.base <= j->sent_top && flight_top(&s->sender.flight) == j->sent_top);
	if (s->sender.buffer.acknowledged >= s->sender.buffer.end)
		HOLDS(s->sender.buffer.table.held == 0);
	if (w->violated)
		HOLDS(state == SESSION_RESET || state == SESSION_CLOSED);
	if (state == SESSION_CLOSED)
		HOLDS(judge_complete(j));
	if (state == SESSION_OPEN)
		HOLDS(!j->over);
	if (state >= SESSION_CLOSED)
		HOLDS(session_deadline(s, w->now) == TIME_NEVER && session_blocks_wanted(s) == 0);
	if (state == SESSION_RESET && !w->violated && !j->over)
		HOLDS(w->reset_here);
}

static void tick(struct world *w)
{
	bool open = session_state(w->s) == SESSION_OPEN;

	session_tick(w->s, w->now);
	if (!open || session_state(w->s) != SESSION_RESET)
		return;
	HOLDS(session_reason(w->s) == REASON_RESUME_TIMEOUT ||
	      session_reason(w->s) == REASON_PEER_VANISHED);
	w->reset_here = true;
}

/* Once all that is due is done nothing is due: else the driver would run in circles. */
static void check_rest(struct world *w)
{
	if (!w->lends || !all_roomy(w))
		return;
	/* What is sent in the first round may, with timeouts of nothing, be overdue at once. */
	for (unsigned round = 0; round < 2; round++) {
		tick(w);
		pump(w);
	}
	HOLDS(session_deadline(w->s, w->now) > w->now);
}

/* The peer broke the protocol: every path that still writes says so, as its last word. */
static void check_told(struct world *w)
{
	pump(w);
	for (unsigned i = 0; i < JUDGE_PATHS; i++) {
		const struct judged_path *p = &w->judge.path[i];

		if (w->path[i] == NULL || !w->path[i]->up || !w->path[i]->path.roomy)
			continue;
		HOLDS(p->out.over && (p->last_type == FRAME_RESET || p->last_type == FRAME_CLOSE));
		if (p->last_type == FRAME_RESET)
			HOLDS(p->last_reason == REASON_PROTOCOL_ERROR);
		HOLDS(session_path_done(w->s, &w->path[i]->path));
	}
}

/* --- the peer --- */

/* Memory ran out in the middle of a reading: how far it got only the session knows. */
static void believe(struct world *w)
{
	struct judge *j = &w->judge;
	const struct receive_buffer *b = &w->s->receive;

	ranges_trim_below(&j->ahead, UINT64_MAX);
	for (unsigned i = 0; i < b->ahead.count; i++)
		HOLDS(ranges_add(&j->ahead, b->ahead.at[i].start, b->ahead.at[i].end) == 0);
	j->contiguous = b->contiguous;
	j->consumed = b->consumed;
	j->fin = b->fin_offset;
	j->limit = b->limit;
	if (w->s->sender.peer_limit > j->peer_limit)
		j->peer_limit = w->s->sender.peer_limit;
}

static void judge_reading(struct world *w, unsigned i, const uint8_t *bytes, size_t length, int error)
{
	enum verdict verdict;

	if (error == -ENOMEM) {
		believe(w);
		w->judge.path[i].in_bytes += length;
		lose(w, i, REASON_PATH_LOST, false);
		return;
	}
	verdict = judge_heard(&w->judge, &w->judge.path[i], bytes, length);
	HOLDS(error == (verdict == VERDICT_VIOLATION ? -EPROTO : 0));
	if (error == -EPROTO) {
		w->violated = true;
		HOLDS(session_state(w->s) == SESSION_CLOSED ||
		      session_reason(w->s) == REASON_PROTOCOL_ERROR);
	}
}

/* Reads up to `most` bytes of what the peer sent on this path. */
static void feed(struct world *w, unsigned i, size_t most)
{
	struct carried *c = w->path[i];

	while (c->up && c->queue_at < c->queued && most > 0) {
		const uint8_t *from = c->queue + c->queue_at;
		size_t length = c->queued - c->queue_at, moved = 0;
		bool deaf = session_state(w->s) >= SESSION_CLOSED;
		struct iovec iov[8];
		unsigned used;
		int error;

		length = length < most ? length : most;
		length = length < w->piece ? length : w->piece;
		lend(w);
		used = session_place(w->s, &c->path, iov, 1 + w->iovecs % 8);
		if (used == 0)
			return;
		for (unsigned k = 0; k < used && moved < length; k++) {
			size_t count = iov[k].iov_len < length - moved ? iov[k].iov_len : length - moved;

			memcpy(iov[k].iov_base, from + moved, count);
			moved += count;
		}
		HOLDS(moved > 0);
		error = session_arrived(w->s, &c->path, moved, w->now);
		c->queue_at += moved;
		w->fed += moved;
		most -= moved;
		if (deaf) {
			HOLDS(error == 0);
			w->judge.path[i].in_bytes += moved;
		}
		if (!deaf)
			judge_reading(w, i, from, moved, error);
		if (w->judge.path[i].in.over && !c->path.closing)
			lose(w, i, REASON_PATH_LOST, false);
	}
	if (c->queue_at == c->queued)
		c->queue_at = c->queued = 0;
}

static uint8_t *queue_room(struct carried *c, size_t length)
{
	uint8_t *at;

	if (c->queue == NULL)
		c->queue = malloc(QUEUE_BYTES);
	HOLDS(c->queue != NULL);
	if (c->queued + length > QUEUE_BYTES)
		return NULL;
	at = c->queue + c->queued;
	c->queued += length;
	return at;
}

static void say(struct world *w, unsigned i, const uint8_t *bytes, size_t length)
{
	uint8_t *at = queue_room(w->path[i], length);

	if (at != NULL && length > 0)
		memcpy(at, bytes, length);
}

static void say_data(struct world *w, unsigned i, uint64_t offset, uint32_t length, bool fin)
{
	uint32_t payload = FRAME_DATA_MIN + length;
	uint8_t head[FRAME_DATA_HEAD_BYTES] = {
		FRAME_DATA, fin ? FRAME_FLAG_FIN : 0, 0, 0,
		(uint8_t)(payload >> 24), (uint8_t)(payload >> 16), (uint8_t)(payload >> 8), (uint8_t)payload,
	};
	uint8_t *body;

	if (w->path[i]->queued + sizeof head + length > QUEUE_BYTES)
		return;
	for (unsigned k = 0; k < 8; k++)
		head[FRAME_HEADER_BYTES + k] = (uint8_t)(offset >> (56 - 8 * k));
	say(w, i, head, sizeof head);
	body = queue_room(w->path[i], length);
	judge_fill(body, offset, length);
}

/* An offset near one that matters. */
static uint64_t draw_offset(struct world *w, struct draw *d)
{
	const struct judge *j = &w->judge;
	uint64_t base;

	switch (draw_below(d, 10)) {
	case 0:
		base = j->contiguous;
		break;
	case 1:
		base = j->limit;
		break;
	case 2:
		base = j->fin;
		break;
	case 3:
		base = j->ahead.count > 0 ? j->ahead.at[draw_below(d, j->ahead.count)].end : j->contiguous;
		break;
	case 4:
		base = j->ahead.count > 0 ? j->ahead.at[draw_below(d, j->ahead.count)].start : j->consumed;
		break;
	case 5:
		base = w->s->sender.flight.base;
		break;
	case 6:
		base = j->sent_top;
		break;
	case 7:
		return j->contiguous + draw_u32(d) % (j->limit_bytes + 1);
	case 8:
		base = STREAM_OFFSET_MAX;
		break;
	default:
		base = draw_u64(d);
		break;
	}
	return base + (uint64_t)(int64_t)(int8_t)draw_u8(d);
}

static void peer_data(struct world *w, struct draw *d, unsigned i)
{
	uint64_t offset = draw_offset(w, d);
	uint32_t length = (uint32_t)PICK(d, 1, 2, 100, 8192, 65535, 65536, 1000, 0) % 65537;

	say_data(w, i, offset, length, draw_below(d, 8) == 0);
}

/* Many small frames: scattered over the window, or each overlapping the one before. */
static void peer_flood(struct world *w, struct draw *d, unsigned i)
{
	uint64_t step = PICK(d, 1, 2, 65536, 3), offset = draw_offset(w, d), length = 1 + draw_below(d, 3);

	for (unsigned k = draw_u8(d) * 2u; k > 0; k--, offset += step)
		say_data(w, i, offset, (uint32_t)length, false);
}

static void peer_ack(struct world *w, struct draw *d, unsigned i)
{
	const struct judge *j = &w->judge;
	bool honest = draw_u8(d) & 1;
	struct frame_ack ack = {
		.cumulative = honest ? w->s->sender.flight.base : draw_offset(w, d),
		.receive_limit = honest ? j->peer_limit + draw_u16(d) : draw_offset(w, d),
		.range_credit = honest ? RANGE_CREDIT : draw_u16(d),
	};
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_ACK_MAX];
	uint64_t at;

	for (unsigned k = 0; k < JUDGE_PATHS && ack.path_count < PATHS_MAX; k++) {
		const struct judged_path *p = &j->path[k];
		struct ack_path *a = &ack.paths[ack.path_count];

		if (!p->known || (!honest && draw_below(d, 3) == 0))
			continue;
		a->path_id = p->id;
		a->age_us = honest ? 0 : draw_u32(d);
		a->received_bytes = p->out_bytes - draw_u8(d) % (p->out_bytes + 1) + (honest ? 0 : draw_u8(d) / 200);
		ack.path_count++;
	}
	if (honest && draw_u8(d) & 1)
		ack.cumulative += draw_u32(d) % (j->sent_top - ack.cumulative + 1);
	at = ack.cumulative;
	for (unsigned k = draw_below(d, ACK_RANGES_MAX + 1); k > 0; k--) {
		struct range *r = &ack.ranges[ack.range_count];

		r->start = at + 1 + draw_u16(d);
		r->end = r->start + 1 + draw_u16(d);
		if (honest && r->end > j->sent_top)
			break;
		at = r->end;
		ack.range_count++;
	}
	if (ack.cumulative <= STREAM_OFFSET_MAX && ack.receive_limit <= STREAM_OFFSET_MAX &&
	    at <= STREAM_OFFSET_MAX && at >= ack.cumulative)
		say(w, i, bytes, frame_ack_encode(bytes, sizeof bytes, &ack));
}

static void peer_control(struct world *w, struct draw *d, unsigned i)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PING_MAX];
	struct frame_ping ping = { .token = draw_u8(d), .padding = draw_u16(d) % (PROBE_PADDING_MAX + 1) };
	struct frame_pong pong = { .token = ping.token };
	struct frame_mode mode = { .mode = draw_below(d, FRAME_MODE_LAST + 1) };

	switch (draw_below(d, 3)) {
	case 0:
		say(w, i, bytes, frame_ping_encode(bytes, sizeof bytes, &ping));
		break;
	case 1:
		say(w, i, bytes, frame_pong_encode(bytes, sizeof bytes, &pong));
		break;
	default:
		say(w, i, bytes, frame_mode_encode(bytes, sizeof bytes, &mode));
		break;
	}
}

static void peer_end(struct world *w, struct draw *d, unsigned i)
{
	uint8_t bytes[32];
	struct frame_reset reset = { .reason = draw_u8(d), .consumed = draw_offset(w, d) };
	struct frame_close close = { .reason = (uint16_t)PICK(d, REASON_DONE, REASON_BUSY, 0) };

	if (reset.consumed > STREAM_OFFSET_MAX)
		reset.consumed = draw_u8(d);
	if (draw_u8(d) & 1)
		say(w, i, bytes, frame_reset_encode(bytes, sizeof bytes, &reset));
	else
		say(w, i, bytes, frame_close_encode(bytes, sizeof bytes, &close));
}

/* Bytes as they come; or a header of any type and flags with a payload of its length. */
static void peer_garbage(struct world *w, struct draw *d, unsigned i)
{
	uint8_t bytes[FRAME_HEADER_BYTES + 300];
	size_t length = draw_below(d, 300);

	memset(bytes, 0, FRAME_HEADER_BYTES);
	if (draw_u8(d) & 1) {
		draw_fill(d, bytes, length);
		say(w, i, bytes, length);
		return;
	}
	bytes[0] = draw_u8(d);
	bytes[1] = draw_u8(d);
	bytes[6] = (uint8_t)(length >> 8);
	bytes[7] = (uint8_t)length;
	draw_fill(d, bytes + FRAME_HEADER_BYTES, length);
	say(w, i, bytes, FRAME_HEADER_BYTES + length);
}

/* --- the program --- */

static void program_writes(struct world *w, uint64_t length)
{
	while (length > 0) {
		uint64_t moved = 0;
		struct iovec iov[4];
		unsigned used;

		lend(w);
		used = session_send_space(w->s, length, iov, 4);
		for (unsigned k = 0; k < used; k++) {
			judge_fill(iov[k].iov_base, w->judge.written + moved, iov[k].iov_len);
			moved += iov[k].iov_len;
		}
		if (moved == 0)
			return;
		HOLDS(moved <= length);
		session_send_commit(w->s, moved, w->now);
		w->judge.written += moved;
		w->fed += moved;
		length -= moved;
	}
}

static void program_reads(struct world *w, uint64_t length)
{
	while (length > 0 && session_readable(w->s) > 0) {
		struct iovec iov[4];
		unsigned used = session_receive_peek(w->s, iov, 4);
		uint64_t moved = 0;

		HOLDS(used > 0);
		for (unsigned k = 0; k < used && moved < length; k++) {
			size_t count = iov[k].iov_len < length - moved ? iov[k].iov_len : length - moved;

			judge_compare(iov[k].iov_base, w->judge.consumed + moved, count);
			moved += count;
		}
		session_receive_consume(w->s, moved, w->now);
		judge_consumed(&w->judge, moved);
		length -= moved;
	}
}

static void program_ends(struct world *w, struct draw *d)
{
	switch (draw_below(d, 8)) {
	case 0:
		session_reset(w->s, REASON_ABORTED, w->now);
		w->reset_here = true;
		break;
	case 1:
		session_receive_discard(w->s, w->now);
		w->judge.discard = true;
		judge_consumed(&w->judge, w->judge.contiguous - w->judge.consumed);
		break;
	case 2:
	case 3:
		session_send_boundary(w->s);
		break;
	default:
		if (session_state(w->s) == SESSION_OPEN)
			w->judge.finished = true;
		session_send_finish(w->s, w->now);
		break;
	}
}

/* --- actions --- */

static void time_passes(struct world *w, struct draw *d)
{
	time_ns deadline = session_deadline(w->s, w->now);

	if (draw_u8(d) & 1 && deadline != TIME_NEVER && deadline > w->now &&
	    deadline < w->now + 1000 * NS_PER_S)
		w->now = deadline;
	else
		w->now += (time_ns)PICK(d, 0, NS_PER_MS, 20 * NS_PER_MS, NS_PER_S, 20 * NS_PER_S, 4000 * NS_PER_S);
	tick(w);
}

static void carrier_tells(struct world *w, struct draw *d, unsigned i)
{
	struct carrier_report report = {
		.known = draw_u8(d) & 1,
		.acked_bytes = draw_u16(d),
		.ack_age_ns = (time_ns)draw_u16(d) * NS_PER_US - NS_PER_MS,
	};

	session_path_report(w->s, &w->path[i]->path, &report, w->now);
	(void)session_path_silent_since(w->s, &w->path[i]->path, w->now);
	(void)session_path_reason(w->s, &w->path[i]->path, w->now);
	(void)session_path_backlog(w->s, &w->path[i]->path);
}

static void driver_acts(struct world *w, struct draw *d, unsigned i)
{
	switch (draw_below(d, 10)) {
	case 0:
		lose(w, i, REASON_PATH_RESET, draw_u8(d) & 1);
		break;
	case 1:
		take_out(w, i);
		break;
	case 2:
		session_path_room(w->s, &w->path[i]->path, draw_u8(d) & 1);
		break;
	case 3:
		carrier_tells(w, d, i);
		break;
	case 4:
		w->piece = (size_t)PICK(d, 1, 7, 1000, SIZE_MAX) + 1;
		w->piece += w->piece == 0 ? SIZE_MAX : 0;
		break;
	case 5:
		w->iovecs = draw_below(d, 33);
		break;
	case 6:
		w->lends = draw_u8(d) & 1;
		break;
	case 7:
		w->quiet = draw_u8(d) & 1;
		break;
	default:
		if (w->path[i]->up && !w->path[i]->path.close_sent)
			write_out(w, i, (size_t)PICK(d, 1, 9, 17, 5000, 70000));
		break;
	}
}

static void joins(struct world *w, struct draw *d)
{
	uint16_t id = w->next_id;
	unsigned many = 1;

	switch (draw_below(d, 6)) {
	case 0:
		id = draw_u16(d);
		break;
	case 1:
		id = (uint16_t)(w->next_id - draw_below(d, 70));
		break;
	case 2:
		many = draw_below(d, 100);
		break;
	default:
		break;
	}
	while (many-- > 0)
		add_path(w, id++, draw_u8(d), (time_ns)PICK(d, 0, NS_PER_MS, 60 * NS_PER_MS) - 1);
	if ((int16_t)(uint16_t)(id - w->next_id) > 0)
		w->next_id = id;
}

/* A path that is there, or JUDGE_PATHS. */
static unsigned draw_path(const struct world *w, struct draw *d)
{
	unsigned from = draw_below(d, JUDGE_PATHS);

	for (unsigned k = 0; k < JUDGE_PATHS; k++)
		if (w->path[(from + k) % JUDGE_PATHS] != NULL)
			return (from + k) % JUDGE_PATHS;
	return JUDGE_PATHS;
}

static void peer_acts(struct world *w, struct draw *d, unsigned what, unsigned i)
{
	switch (what) {
	case 0:
	case 1:
		peer_data(w, d, i);
		break;
	case 2:
		peer_flood(w, d, i);
		break;
	case 3:
	case 4:
		peer_ack(w, d, i);
		break;
	case 5:
		peer_control(w, d, i);
		break;
	case 6:
		peer_end(w, d, i);
		break;
	default:
		peer_garbage(w, d, i);
		break;
	}
	feed(w, i, draw_below(d, 4) == 0 ? draw_u16(d) : SIZE_MAX);
}

static void act(struct world *w, struct draw *d)
{
	unsigned what = draw_below(d, 20), i = what < 10 ? draw_path(w, d) : JUDGE_PATHS;
	bool violated = w->violated;

	if (what < 8 && i < JUDGE_PATHS)
		peer_acts(w, d, what, i);
	else if (what < 10 && i < JUDGE_PATHS)
		driver_acts(w, d, i);
	else if (what < 13)
		program_writes(w, PICK(d, 1, 100, 65536, 200000) % 1000000);
	else if (what < 15)
		program_reads(w, PICK(d, 1, 65536, UINT64_MAX));
	else if (what == 15)
		program_ends(w, d);
	else if (what == 16)
		session_set_mode(w->s, draw_below(d, 4), w->now);
	else if (what == 17)
		session_ask_mode(w->s, draw_below(d, 4), w->now);
	else if (what == 18)
		joins(w, d);
	else
		time_passes(w, d);
	check(w);
	if (w->violated && !violated)
		check_told(w);
	if (!w->quiet)
		pump(w);
}

/* --- healing: a fresh path, an honest peer, a program that reads and ends --- */

static void honest_ack(struct world *w, unsigned i)
{
	const struct judge *j = &w->judge;
	struct frame_ack ack = {
		.cumulative = j->sent_top,
		.receive_limit = STREAM_OFFSET_MAX,
		.range_credit = RANGE_CREDIT,
		.path_count = 1,
	};
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_ACK_MAX];

	ack.paths[0].path_id = j->path[i].id;
	ack.paths[0].received_bytes = j->path[i].out_bytes;
	say(w, i, bytes, frame_ack_encode(bytes, sizeof bytes, &ack));
}

static void honest_data(struct world *w, unsigned i)
{
	const struct judge *j = &w->judge;
	uint64_t end = j->fin, left;

	if (j->fin == NO_FIN)
		end = j->ahead.count > 0 ? j->ahead.at[j->ahead.count - 1].end : j->contiguous;
	left = (end < j->limit ? end : j->limit) - j->contiguous;
	if (left > FRAME_PAYLOAD_MAX)
		left = FRAME_PAYLOAD_MAX;
	if (left > 0 || j->contiguous == end)
		say_data(w, i, j->contiguous, (uint32_t)left, j->contiguous + left == end);
}

static void heal(struct world *w)
{
	const uint8_t done[] = { FRAME_CLOSE, 0, 0, 0, 0, 0, 0, FRAME_CLOSE_BYTES, 0, REASON_DONE, 0, 0 };
	uint16_t id = (uint16_t)(w->s->highest_id + 1);

	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		take_out(w, i);
	w->lends = true;
	w->piece = SIZE_MAX;
	w->iovecs = 8;
	add_path(w, id == PATH_ID_NONE ? 0 : id, 0, NS_PER_MS);
	HOLDS(w->path[0] != NULL);
	for (unsigned round = 0; session_state(w->s) == SESSION_OPEN && round < HEAL_ROUNDS; round++) {
		program_reads(w, UINT64_MAX);
		w->judge.finished = true;
		session_send_finish(w->s, w->now);
		pump(w);
		honest_ack(w, 0);
		honest_data(w, 0);
		feed(w, 0, SIZE_MAX);
		check(w);
	}
	HOLDS(session_state(w->s) == SESSION_FINISHED);
	pump(w);
	HOLDS(w->judge.path[0].out.over && w->judge.path[0].last_reason == REASON_DONE);
	say(w, 0, done, sizeof done);
	feed(w, 0, SIZE_MAX);
	HOLDS(session_state(w->s) == SESSION_CLOSED);
	program_reads(w, UINT64_MAX);
	HOLDS(session_receive_ended(w->s));
}

static void begin(struct world *w, struct draw *d)
{
	uint64_t peer_limit = PICK(d, 65536, 1000000, 0, 1, STREAM_OFFSET_MAX);
	uint8_t flags = draw_u8(d);

	w->now = NS_PER_S;
	w->lends = true;
	w->piece = SIZE_MAX;
	w->iovecs = 8;
	w->config = (struct session_config){
		.dialler = flags & 1,
		.kind = flags >> 1 & 1,
		.overdue_off = flags >> 2 & 1,
		.mode = flags >> 3 & 3,
		.send_limit_bytes = PICK(d, 65536, 262144, 1) % 262145 + 1,
		.receive_limit_bytes = PICK(d, 65536, 262144, 2097152, 1) % 4000000 + 1,
		.resume_timeout_ns = (time_ns)PICK(d, TIME_NEVER, NS_PER_S, 0),
		.orphan_timeout_ns = (time_ns)PICK(d, 3 * NS_PER_S, 0, TIME_NEVER),
		.probe_interval_ns = (time_ns)PICK(d, 10 * NS_PER_S, 10 * NS_PER_MS, TIME_NEVER) + 0,
		.suspect_floor_ns = (time_ns)PICK(d, 10 * NS_PER_MS, NS_PER_MS, TIME_NEVER),
	};
	if (w->config.probe_interval_ns < 10 * NS_PER_MS)
		w->config.probe_interval_ns = 10 * NS_PER_MS;
	w->s = session_init(malloc(session_bytes(&w->config)), &w->config, w->now);
	session_peer_declared(w->s, peer_limit, (unsigned)PICK(d, 256, 0, 1, 65535) & 65535,
			      (time_ns)PICK(d, TIME_NEVER, NS_PER_S, 0));
	judge_init(&w->judge, w->config.receive_limit_bytes, peer_limit);
	/* In the two tables, in stock, saved tails, and the one that is being read into. */
	w->blocks_max = buffer_slots_for(w->config.send_limit_bytes) +
			buffer_slots_for(w->config.receive_limit_bytes) + STOCK_BLOCKS + PATHS_MAX + 1;
	w->next_id = draw_u16(d) % PATH_ID_NONE;
	for (unsigned paths = draw_below(d, 4); paths > 0; paths--)
		add_path(w, w->next_id++, 0, NS_PER_MS);
}

static void end(struct world *w)
{
	void *block;

	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		take_out(w, i);
	session_fini(w->s);
	while ((block = session_reclaim(w->s)) != NULL) {
		block_give(block);
		w->lent--;
	}
	HOLDS(w->lent == 0);
	free(w->s);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct draw d = { data, size };
	struct world *w = calloc(1, sizeof *w);

	HOLDS(w != NULL);
	begin(w, &d);
	for (unsigned n = 0; d.left > 0 && n < ACTIONS_MAX && w->fed < FED_BYTES_MAX; n++)
		act(w, &d);
	check_rest(w);
	check(w);
	if (session_state(w->s) == SESSION_OPEN)
		heal(w);
	end(w);
	return 0;
}
