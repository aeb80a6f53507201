/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile peer does: frames of every kind with any value, floods, the end, garbage. */
#include "fuzz/attack.h"
#include "fuzz/fuzz.h"

#define RUN_PIECE_MIN 5000u     /* readings of less would take their time */

/* An offset near one that matters. */
static uint64_t draw_offset(struct attack *w, struct draw *d)
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

static void peer_data(struct attack *w, struct draw *d, unsigned i)
{
	uint64_t offset = draw_offset(w, d);
	uint32_t length = (uint32_t)PICK(d, 1, 2, 100, 8192, 65535, 65536, 1000, 0) % 65537;

	attack_say_data(w, i, offset, length, draw_below(d, 8) == 0);
}

/* Many small frames: scattered over the window, or each overlapping the one before. */
static void peer_flood(struct attack *w, struct draw *d, unsigned i)
{
	uint64_t step = PICK(d, 1, 2, 65536, 3), offset = draw_offset(w, d), length = 1 + draw_below(d, 3);

	for (unsigned k = draw_u8(d) * 2u; k > 0; k--, offset += step)
		attack_say_data(w, i, offset, (uint32_t)length, false);
}

static void peer_ack(struct attack *w, struct draw *d, unsigned i)
{
	const struct judge *j = &w->judge;
	bool honest = draw_u8(d) & 1, narrow;
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
		a->received_bytes = p->out_bytes - draw_u8(d) % (p->out_bytes + 1);
		if (!honest && draw_below(d, 4) == 0)
			a->received_bytes = p->out_bytes + draw_below(d, 3);
		ack.path_count++;
	}
	if (honest && draw_u8(d) & 1)
		ack.cumulative += draw_u32(d) % (j->sent_top - ack.cumulative + 1);
	at = ack.cumulative;
	/* A window that shrinks, or lies before all that was read; by the credit, so that no input means another thing. */
	if (!honest)
		ack.window_units = (uint32_t)ack.range_credit << ack.range_credit % 9;
	/* Anywhere in what was sent, and many of them: a table full of segments. */
	narrow = draw_u8(d) & 1;
	if (honest && narrow && at < j->sent_top)
		at += draw_u32(d) % (j->sent_top - at);
	for (unsigned k = draw_below(d, ACK_RANGES_MAX + 1); k > 0; k--) {
		struct range *r = &ack.ranges[ack.range_count];

		r->start = at + 1 + (narrow ? draw_below(d, 8) : draw_u16(d));
		r->end = r->start + 1 + (narrow ? draw_below(d, 8) : draw_u16(d));
		if (honest && r->end > j->sent_top)
			break;
		at = r->end;
		ack.range_count++;
	}
	/* Just beyond what was sent, or just not. */
	if (!honest && ack.range_count > 0 && draw_below(d, 3) == 0) {
		ack.cumulative = w->s->sender.flight.base;
		ack.range_count = 1;
		ack.ranges[0] = (struct range){ ack.cumulative + 1, j->sent_top + draw_below(d, 3) };
		at = ack.ranges[0].end;
		if (at <= ack.ranges[0].start)
			return;
	}
	if (ack.cumulative <= STREAM_OFFSET_MAX && ack.receive_limit <= STREAM_OFFSET_MAX &&
	    at <= STREAM_OFFSET_MAX && at >= ack.cumulative)
		attack_say(w, i, bytes, frame_ack_encode(bytes, sizeof bytes, &ack));
}

static void peer_control(struct attack *w, struct draw *d, unsigned i)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PING_MAX];
	struct frame_ping ping = { .token = draw_u8(d), .padding = draw_u16(d) % (PROBE_PADDING_MAX + 1) };
	struct frame_pong pong = { .token = ping.token };
	struct frame_mode mode = { .mode = draw_below(d, FRAME_MODE_LAST + 1) };

	switch (draw_below(d, 3)) {
	case 0:
		attack_say(w, i, bytes, frame_ping_encode(bytes, sizeof bytes, &ping));
		break;
	case 1:
		attack_say(w, i, bytes, frame_pong_encode(bytes, sizeof bytes, &pong));
		break;
	default:
		attack_say(w, i, bytes, frame_mode_encode(bytes, sizeof bytes, &mode));
		break;
	}
}

static void peer_end(struct attack *w, struct draw *d, unsigned i)
{
	uint8_t bytes[32];
	struct frame_reset reset = { .reason = draw_u8(d), .consumed = draw_offset(w, d) };
	struct frame_close close = { .reason = (uint16_t)PICK(d, REASON_DONE, REASON_BUSY, 0) };

	if (reset.consumed > STREAM_OFFSET_MAX)
		reset.consumed = draw_u8(d);
	if (draw_u8(d) & 1)
		attack_say(w, i, bytes, frame_reset_encode(bytes, sizeof bytes, &reset));
	else
		attack_say(w, i, bytes, frame_close_encode(bytes, sizeof bytes, &close));
}

/* Bytes as they come; or a header of any type and flags with a payload of its length. */
static void peer_garbage(struct attack *w, struct draw *d, unsigned i)
{
	uint8_t bytes[FRAME_HEADER_BYTES + 300];
	size_t length = draw_below(d, 300);

	w->path[i]->garbage = true;
	memset(bytes, 0, FRAME_HEADER_BYTES);
	if (draw_u8(d) & 1) {
		draw_fill(d, bytes, length);
		attack_say(w, i, bytes, length);
		return;
	}
	bytes[0] = draw_u8(d);
	bytes[1] = draw_u8(d);
	bytes[6] = (uint8_t)(length >> 8);
	bytes[7] = (uint8_t)length;
	draw_fill(d, bytes + FRAME_HEADER_BYTES, length);
	attack_say(w, i, bytes, FRAME_HEADER_BYTES + length);
}

static void peer_says(struct attack *w, struct draw *d, unsigned what, unsigned i)
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
}

void attack_peer_acts(struct attack *w, struct draw *d, unsigned what, unsigned i)
{
	peer_says(w, d, what, i);
	attack_feed(w, i, draw_below(d, 4) == 0 ? draw_u16(d) : SIZE_MAX);
}

/*
 * Largest frames in a row, which the session soon takes to go on: it reads several at once, into the memory of the
 * program. Something else may come before one of them, and a reading may end anywhere.
 */
void attack_peer_runs(struct attack *w, struct draw *d, unsigned i)
{
	unsigned frames = 1 + draw_below(d, 24), odd_one = draw_below(d, 32);
	size_t piece = w->piece;
	uint64_t at = w->judge.contiguous;

	w->waits_bytes = 1 + PICK(d, WAITS_MAX - 1, FRAME_PAYLOAD_MAX, 3 * FRAME_PAYLOAD_MAX - 1) % WAITS_MAX;
	w->piece = RUN_PIECE_MIN + PICK(d, QUEUE_BYTES - 1, 2 * FRAME_PAYLOAD_MAX) % QUEUE_BYTES;
	for (unsigned k = 0; k < frames; k++, at += FRAME_PAYLOAD_MAX) {
		if (k == odd_one)
			peer_says(w, d, draw_below(d, 8), i);
		if (w->path[i]->queued + FRAME_DATA_HEAD_BYTES + FRAME_PAYLOAD_MAX > QUEUE_BYTES)
			attack_feed(w, i, SIZE_MAX);
		attack_say_data(w, i, at, FRAME_PAYLOAD_MAX, false);
	}
	attack_feed(w, i, SIZE_MAX);
	w->waits_bytes = 0;
	w->piece = piece;
}
