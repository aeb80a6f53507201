/* SPDX-License-Identifier: Apache-2.0 */
/* See attack.h: paths, memory, bytes to and from the session. */
#include "fuzz/attack.h"

#include <errno.h>

#include "fuzz/fuzz.h"

#define WRITES_MAX 20000u               /* of one pump: more would be a loop */
#define SPARE_MAX  128u
#define OWN_BYTES  20000u

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

static void *spare[SPARE_MAX];
static unsigned spare_count;

/* Blocks are kept from input to input: allocating them under a sanitizer would take most of the time. */
static void *block_take(void)
{
	void *block = spare_count > 0 ? spare[--spare_count] : malloc(BLOCK_BYTES);

	HOLDS(block != NULL);
	ASAN_UNPOISON_MEMORY_REGION(block, BLOCK_BYTES);
	return block;
}

void attack_block_give(void *block)
{
	if (spare_count == SPARE_MAX) {
		free(block);
		return;
	}
	ASAN_POISON_MEMORY_REGION(block, BLOCK_BYTES);
	spare[spare_count++] = block;
}

void attack_lend(struct attack *w)
{
	for (unsigned wanted = w->lends ? session_blocks_wanted(w->s) : 0; wanted > 0; wanted--) {
		session_lend(w->s, block_take());
		w->lent++;
	}
	HOLDS(w->lent <= w->blocks_max);
}

void attack_lose(struct attack *w, unsigned i, enum reason reason, bool ended)
{
	if (w->path[i] == NULL || !w->path[i]->up)
		return;
	session_path_lost(w->s, &w->path[i]->path, reason, ended, w->now);
	w->path[i]->up = false;
}

void attack_take_out(struct attack *w, unsigned i)
{
	if (w->path[i] == NULL)
		return;
	session_remove_path(w->s, &w->path[i]->path, w->now);
	free(w->path[i]->queue);
	free(w->path[i]);
	w->path[i] = NULL;
	memset(&w->judge.path[i], 0, sizeof w->judge.path[i]);
}

void attack_add_path(struct attack *w, uint16_t id, unsigned rank, time_ns rtt_ns)
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
	HOLDS(i < PATHS_MAX);
	judge_id(&w->judge, id);
	c->up = true;
	w->path[i] = c;
	w->judge.path[i].known = true;
	w->judge.path[i].id = id;
}

/* One write of at most `most` bytes; how many went. */
size_t attack_write(struct attack *w, unsigned i, size_t most)
{
	struct path *p = &w->path[i]->path;
	struct iovec iov[32];
	unsigned used;
	size_t moved = 0, planned = 0;

	attack_lend(w);
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
	if (session_path_halved(p) && p->work->out.half.end > w->judge.sent_top)
		w->judge.sent_top = p->work->out.half.end;
	if (moved < planned)
		session_path_room(w->s, p, false);
	return moved;
}

static unsigned index_of(const struct attack *w, const struct path *p)
{
	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		if (w->path[i] != NULL && &w->path[i]->path == p)
			return i;
	HOLDS(!"a path of this session");
	return 0;
}

bool attack_all_roomy(const struct attack *w)
{
	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		if (w->path[i] != NULL && w->path[i]->up && !w->path[i]->path.roomy)
			return false;
	return true;
}

void attack_pump(struct attack *w)
{
	struct path *p;
	unsigned writes = 0;

	attack_lend(w);
	while ((p = session_next_writer(w->s, w->now)) != NULL) {
		if (session_asleep(w->s) && !w->lends)
			return;
		HOLDS(attack_write(w, index_of(w, p), SIZE_MAX) > 0);
		HOLDS(++writes < WRITES_MAX);
	}
}

/* What the last reading had no blocks for goes on while blocks are lent, each time some bytes further. */
static int read_on(struct attack *w)
{
	const struct session *s = w->s;
	int error = -ENOMEM;

	while (error == -ENOMEM && w->lends) {
		size_t left = s->held.length;

		HOLDS(session_blocks_wanted(w->s) > 0);
		attack_lend(w);
		error = session_read_on(w->s, w->now);
		HOLDS(error != -ENOMEM || s->held.length < left);
	}
	HOLDS((error == -ENOMEM) == (s->held.path != NULL));
	return error;
}

/* A reading stopped in the middle: how much of it was kept only the session knows. */
static void believe_kept(struct attack *w)
{
	struct judge *j = &w->judge;
	const struct receive_buffer *b = &w->s->receive;

	HOLDS(b->contiguous >= j->contiguous && b->contiguous <= b->limit && b->contiguous <= b->fin_offset);
	ranges_trim_below(&j->ahead, UINT64_MAX);
	for (unsigned i = 0; i < b->ahead.count; i++)
		HOLDS(ranges_add(&j->ahead, b->ahead.at[i].start, b->ahead.at[i].end) == 0);
	j->contiguous = b->contiguous;
	if (j->discard)
		judge_consumed(j, j->contiguous - j->consumed);
}

/* Memory ran out: nor how far it understood the frames. */
static void believe(struct attack *w)
{
	struct judge *j = &w->judge;
	const struct receive_buffer *b = &w->s->receive;

	believe_kept(w);
	j->fin = b->fin_offset;
	if (w->s->sender.peer_limit > j->peer_limit)
		j->peer_limit = w->s->sender.peer_limit;
	j->peer_consumed = w->s->peer_consumed;
}

/* So much of the program's memory, up to the end of it: a sanitizer sees what goes beyond. */
static uint8_t *own_at(size_t bytes)
{
	static uint8_t own[WAITS_MAX];

	return own + WAITS_MAX - bytes;
}

/*
 * The first `taken` bytes of the stream went to the program, which waited for them with memory of its own, before
 * the rest was looked at: what they make room for may be in the same reading. They are those of DATA frames in a
 * row, each the next of the stream. How many bytes of the carrier these are.
 */
static size_t judge_taken(struct attack *w, unsigned i, const uint8_t *bytes, size_t length, const uint8_t *own,
			  size_t taken)
{
	struct judged_path *p = &w->judge.path[i];
	size_t used = 0;

	while (taken > 0) {
		uint64_t left = p->in.inside ? p->in.end - p->in.at : FRAME_DATA_HEAD_BYTES - p->in.head_have;
		size_t step = p->in.inside && left > taken ? taken : (size_t)left;
		bool payload = p->in.inside;

		HOLDS(!payload || (p->in.header.type == FRAME_DATA && p->in.at == w->judge.consumed));
		HOLDS(step <= length - used);
		HOLDS(judge_heard(&w->judge, p, bytes + used, step) == VERDICT_FINE);
		used += step;
		if (!payload)
			continue;
		judge_read(&w->judge, own, step);
		own += step;
		taken -= step;
	}
	return used;
}

static void judge_reading(struct attack *w, unsigned i, const uint8_t *bytes, size_t length, const uint8_t *own,
			  size_t taken, int error)
{
	enum verdict verdict;
	size_t used;

	if (error == -ENOMEM) {
		if (w->path[i]->garbage)
			judge_strange(&w->judge, w->judge.consumed, w->judge.limit + taken);
		believe(w);
		judge_read(&w->judge, own, taken);
		w->judge.path[i].in_bytes += length;
		attack_lose(w, i, REASON_PATH_LOST, false);
		return;
	}
	used = judge_taken(w, i, bytes, length, own, taken);
	verdict = judge_heard(&w->judge, &w->judge.path[i], bytes + used, length - used);
	HOLDS(error == (verdict == VERDICT_VIOLATION ? -EPROTO : 0));
	if (error == -EPROTO) {
		w->violated = true;
		/* Bytes with a right to be there may have come before, in the same reading. */
		believe_kept(w);
		HOLDS(session_state(w->s) == SESSION_CLOSED ||
		      session_reason(w->s) == REASON_PROTOCOL_ERROR);
	}
}

/* At times the program waits with memory of its own, as the offset has it: no input means another thing for that. */
static size_t own_bytes(const struct attack *w)
{
	if (w->waits_bytes > 0)
		return w->waits_bytes;
	return w->judge.consumed / 7 % 3 == 0 ? 1 + (size_t)(w->judge.consumed % OWN_BYTES) : 0;
}

void attack_read(struct attack *w, uint64_t length)
{
	while (length > 0 && session_readable(w->s) > 0) {
		struct iovec iov[4];
		unsigned used = session_receive_peek(w->s, iov, 4);
		uint64_t moved = 0;

		HOLDS(used > 0);
		for (unsigned k = 0; k < used && moved < length; k++) {
			size_t count = iov[k].iov_len < length - moved ? iov[k].iov_len : length - moved;

			judge_read(&w->judge, iov[k].iov_base, count);
			moved += count;
		}
		session_receive_consume(w->s, moved, w->now);
		length -= moved;
	}
}

/* Reads up to `most` bytes of what the peer sent on this path. */
void attack_feed(struct attack *w, unsigned i, size_t most)
{
	struct carried *c = w->path[i];
	const struct reader *in = &w->judge.path[i].in;

	while (c->up && c->queue_at < c->queued && most > 0) {
		const uint8_t *from = c->queue + c->queue_at;
		size_t length = c->queued - c->queue_at, moved = 0, taken, own;
		bool deaf = session_state(w->s) >= SESSION_CLOSED;
		struct iovec iov[16];
		unsigned used, max = 16 - w->iovecs % 16;
		int error;

		length = length < most ? length : most;
		length = length < w->piece ? length : w->piece;
		/* Who waits has read what there is. */
		if (w->waits_bytes > 0)
			attack_read(w, UINT64_MAX);
		own = own_bytes(w);
		/* A payload is placed in a reading of its own, but for those that are expected. */
		if (w->waits_bytes == 0 && own > 0 && !in->inside && in->head_have < FRAME_DATA_HEAD_BYTES &&
		    length > FRAME_DATA_HEAD_BYTES - in->head_have)
			length = FRAME_DATA_HEAD_BYTES - in->head_have;
		attack_lend(w);
		session_receive_into(w->s, own_at(own), own);
		used = session_place(w->s, &c->path, iov, max);
		HOLDS(used <= max);
		if (used == 0) {
			HOLDS(session_receive_taken(w->s) == 0);
			return;
		}
		for (unsigned k = 0; k < used && moved < length; k++) {
			size_t count = iov[k].iov_len < length - moved ? iov[k].iov_len : length - moved;

			memcpy(iov[k].iov_base, from + moved, count);
			moved += count;
		}
		HOLDS(moved > 0);
		error = session_arrived(w->s, &c->path, moved, w->now);
		if (error == -ENOMEM)
			error = read_on(w);
		taken = session_receive_taken(w->s);
		HOLDS(taken <= own && taken <= moved);
		c->queue_at += moved;
		w->fed += moved;
		most -= moved;
		if (deaf) {
			HOLDS(error == 0 && taken == 0);
			w->judge.path[i].in_bytes += moved;
		}
		if (!deaf)
			judge_reading(w, i, from, moved, own_at(own), taken, error);
		if (w->judge.path[i].in.over && !c->path.closing)
			attack_lose(w, i, REASON_PATH_LOST, false);
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

void attack_say(struct attack *w, unsigned i, const uint8_t *bytes, size_t length)
{
	uint8_t *at = queue_room(w->path[i], length);

	if (at != NULL && length > 0)
		memcpy(at, bytes, length);
}

void attack_say_data(struct attack *w, unsigned i, uint64_t offset, uint32_t length, bool fin)
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
	attack_say(w, i, head, sizeof head);
	body = queue_room(w->path[i], length);
	judge_fill(body, offset, length);
}
