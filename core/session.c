/* SPDX-License-Identifier: Apache-2.0 */
/* The session: its states, and the program's side of it. */
#include "core/session.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "core/scheduler.h"
#include "core/session_internal.h"

static size_t struct_bytes(void)
{
	size_t align = alignof(void *);

	return (sizeof(struct session) + align - 1) / align * align;
}

static size_t slots_of(const struct session_config *config)
{
	return (size_t)buffer_slots_for(config->send_limit_bytes) + buffer_slots_for(config->receive_limit_bytes);
}

size_t session_bytes(const struct session_config *config)
{
	size_t slots = slots_of(config);

	return struct_bytes() + (slots > WORK_SLOTS ? slots * sizeof(void *) : 0);
}

static uint64_t send_start(const struct session_config *config)
{
	uint64_t start = config->start_bytes, limit = config->send_limit_bytes;

	if (start == 0 || start >= limit)
		return limit;
	if (start >= WINDOW_SEND_START_MAX)
		return start;
	start = start > WINDOW_SEND_START_MAX / WINDOW_SEND_STARTS ? WINDOW_SEND_START_MAX :
								     WINDOW_SEND_STARTS * start;
	return start < limit ? start : limit;
}

struct session *session_init(void *memory, const struct session_config *config, time_ns now)
{
	struct session *s = memory;
	void **slots = (void **)((char *)memory + struct_bytes());
	bool in_work = slots_of(config) <= WORK_SLOTS;
	unsigned send_slots = buffer_slots_for(config->send_limit_bytes);
	unsigned receive_slots = buffer_slots_for(config->receive_limit_bytes);

	memset(memory, 0, session_bytes(config));
	s->config = *config;
	s->resume_timeout_ns = config->resume_timeout_ns;
	s->pathless_at = s->heard_at = s->moved_at = s->reported_at = now;
	s->waiting_at = TIME_NEVER;
	stock_init(&s->stock);
	window_init(&s->window, config->start_bytes, config->receive_limit_bytes, now);
	s->sender.most_bytes = config->send_limit_bytes;
	s->sender.start_bytes = send_start(config);
	s->slots_in_work = in_work;
	send_buffer_init(&s->sender.buffer, in_work ? NULL : slots, send_slots, s->sender.start_bytes);
	receive_buffer_init(&s->receive, in_work ? NULL : slots + send_slots, receive_slots, NULL,
			    RANGES_HELD_MAX, s->window.wish_bytes);
	s->limit_announced = receive_buffer_limit(&s->receive);
	flight_init(&s->sender.flight, NULL, 0);
	converge_init(&s->sender.converge, NULL);
	s->sender.mode = config->mode;
	s->sender.overdue_off = config->overdue_off;
	s->sender.floor_ns = config->suspect_floor_ns;
	return s;
}

void session_fini(struct session *s)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		assert(s->sender.paths[i] == NULL);
	assert(s->held.path == NULL);
	if (s->staging != NULL)
		stock_give(&s->stock, s->staging);
	s->staging = NULL;
	send_buffer_fini(&s->sender.buffer, &s->stock);
	receive_buffer_fini(&s->receive, &s->stock);
	if (s->work != NULL)
		stock_give(&s->stock, s->work);
	s->work = NULL;
}

void session_peer_declared(struct session *s, uint64_t receive_limit, unsigned range_credit,
			   time_ns resume_timeout_ns)
{
	s->sender.peer_limit = receive_limit;
	s->sender.peer_credit = range_credit;
	if (resume_timeout_ns < s->resume_timeout_ns)
		s->resume_timeout_ns = resume_timeout_ns;
}

uint64_t session_receive_limit(const struct session *s)
{
	return receive_buffer_limit(&s->receive);
}

uint64_t session_receive_wish(const struct session *s)
{
	return s->window.wish_bytes;
}

void session_receive_grant(struct session *s, uint64_t bytes, time_ns now)
{
	if (bytes > s->config.receive_limit_bytes)
		bytes = s->config.receive_limit_bytes;
	if (bytes == s->receive.limit_bytes)
		return;
	receive_buffer_set_limit(&s->receive, bytes);
	acknowledge_window(s, now);
}

uint64_t session_receive_promised(const struct session *s)
{
	return receive_buffer_limit(&s->receive) - s->receive.consumed;
}

bool session_report_due(const struct session *s, time_ns now)
{
	if (scheduler_report_due(&s->sender, now - s->reported_at))
		return true;
	return s->window.wish_bytes < s->window.most_bytes && s->moved_at > s->reported_at &&
	       now - s->reported_at >= WINDOW_REPORT_NS;
}

void session_rest(struct session *s, time_ns now)
{
	if (now - s->moved_at < WINDOW_REST_NS || session_unacknowledged(s) > 0 ||
	    session_readable(s) > 0 || s->receive.ahead.count > 0)
		return;
	window_rest(&s->window, s->receive.consumed, s->receive.contiguous, now);
	receive_buffer_set_limit(&s->receive, s->window.start_bytes);
	sender_rest(&s->sender);
}

static bool has_path(const struct session *s)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL)
			return true;
	return false;
}

static unsigned stock_wanted(const struct session *s)
{
	uint64_t moved;

	if (s->work == NULL)
		return STOCK_BLOCKS_FIRST + 1;
	moved = s->receive.contiguous + s->sender.buffer.end - s->woken_from;
	return moved < BLOCK_BYTES && s->stock.free > 0 ? STOCK_BLOCKS_FIRST : STOCK_BLOCKS;
}

unsigned session_blocks_wanted(const struct session *s)
{
	unsigned spare = s->stock.free + (s->held.path != NULL) + s->held.more_count, most = stock_wanted(s);

	/* The peer is still to be told. */
	if (s->state >= SESSION_CLOSED)
		return session_asleep(s) && has_path(s);
	if (spare >= most)
		return 0;
	if (!has_path(s) && session_room(s) == 0)
		return 0;
	return most - spare;
}

void session_lend(struct session *s, void *block)
{
	stock_lend(&s->stock, block);
	if (s->work == NULL)
		work_begin(s);
}

bool session_asleep(const struct session *s)
{
	return s->work == NULL;
}

void *session_reclaim(struct session *s)
{
	if (s->stock.free == 0)
		(void)work_end(s);
	return stock_reclaim(&s->stock);
}

/*
 *   from       to         allowed
 *   OPEN       FINISHED   both directions ended, ours acknowledged
 *   OPEN       CLOSED     never: CLOSE(done) of the peer settles OPEN through FINISHED
 *   OPEN       RESET      always
 *   FINISHED   CLOSED     the peer knows, or cannot be told any more
 *   FINISHED   RESET      never: everything has arrived
 */
void session_move(struct session *s, enum session_state state, enum reason reason, time_ns now)
{
	switch (s->state) {
	case SESSION_OPEN:
		assert(state == SESSION_FINISHED || state == SESSION_RESET);
		break;
	case SESSION_FINISHED:
		assert(state == SESSION_CLOSED);
		break;
	case SESSION_CLOSED:
	case SESSION_RESET:
		assert(false);
		break;
	}
	s->state = state;
	if (state == SESSION_FINISHED)
		s->finished_at = now;
	if (state == SESSION_RESET)
		s->reason = reason;
}

static void close_paths(struct session *s, enum reason reason)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL)
			path_queue_close(s->sender.paths[i], reason, 0);
}

void session_settle(struct session *s, time_ns now)
{
	const struct send_buffer *b = &s->sender.buffer;

	/* Again, where a frame that was half written had no block to keep its rest in. */
	if (s->state == SESSION_OPEN && s->peer_done)
		(void)sender_acknowledge(&s->sender, &s->stock, send_buffer_end(b));
	if (s->state == SESSION_OPEN) {
		if (!b->finished || b->acknowledged != send_buffer_end(b))
			return;
		if (s->receive.fin_offset == FIN_UNKNOWN || s->receive.contiguous != s->receive.fin_offset)
			return;
		session_move(s, SESSION_FINISHED, REASON_NONE, now);
		close_paths(s, REASON_DONE);
	}
	if (s->state == SESSION_FINISHED && s->peer_done)
		session_move(s, SESSION_CLOSED, REASON_NONE, now);
}

void session_reset(struct session *s, enum reason reason, time_ns now)
{
	uint8_t note[PATH_NOTE_BYTES];
	struct frame_reset reset = { .reason = (uint16_t)reason, .consumed = s->receive.consumed };
	size_t length;

	if (s->state == SESSION_FINISHED)
		session_move(s, SESSION_CLOSED, REASON_NONE, now);
	if (s->state != SESSION_OPEN)
		return;
	session_move(s, SESSION_RESET, reason, now);
	length = frame_reset_encode(note, sizeof note, &reset);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL)
			path_queue_last(s->sender.paths[i], note, length);
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

enum reason session_reason(const struct session *s)
{
	return s->reason;
}

/* --- the program's bytes --- */

uint64_t session_room(const struct session *s)
{
	return s->state == SESSION_OPEN ? send_buffer_room(&s->sender.buffer) : 0;
}

unsigned session_send_space(struct session *s, uint64_t want, struct iovec *iov, unsigned max)
{
	unsigned used;

	if (session_room(s) == 0 || s->work == NULL)
		return 0;
	used = send_buffer_space(&s->sender.buffer, &s->stock, iov, max);
	for (unsigned i = 0; i < used; i++) {
		if (iov[i].iov_len >= want) {
			iov[i].iov_len = (size_t)want;
			return want > 0 ? i + 1 : i;
		}
		want -= iov[i].iov_len;
	}
	return used;
}

void session_send_commit(struct session *s, uint64_t length, time_ns now)
{
	send_buffer_commit(&s->sender.buffer, &s->stock, length);
	if (length == 0)
		return;
	s->moved_at = now;
	sender_extend(&s->sender);
}

void session_send_boundary(struct session *s)
{
	converge_boundary(&s->sender.converge, s->sender.buffer.end);
}

uint64_t session_loan_room(const struct session *s)
{
	return s->state == SESSION_OPEN ? send_buffer_loan_room(&s->sender.buffer) : 0;
}

int session_borrow(struct session *s, const void *head, size_t head_length, const void *bytes,
		   uint64_t length, time_ns now)
{
	int error = -ENOBUFS;

	if (s->state == SESSION_OPEN)
		error = s->work == NULL ? -ENOMEM : send_buffer_borrow(&s->sender.buffer, &s->stock, head,
								       head_length, bytes, length);
	if (error < 0)
		return error;
	s->moved_at = now;
	sender_extend(&s->sender);
	return 0;
}

/* Somebody writes what was planned: the bytes it points to must stay. */
static bool planned(const struct session *s)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL && s->work != NULL && s->sender.paths[i]->work->out.planned)
			return true;
	return false;
}

uint64_t session_loans_returned(struct session *s)
{
	if (s->state == SESSION_RESET && !planned(s))
		sender_drop_loans(&s->sender, &s->stock);
	return loans_returned(&s->sender.buffer.loans);
}

unsigned session_loans_out(const struct session *s, uint64_t *bytes)
{
	const struct loans *l = &s->sender.buffer.loans;
	size_t length;

	*bytes = 0;
	for (unsigned i = 0; !l->dropped && i < l->count; i++) {
		send_buffer_loan(&s->sender.buffer, i, &length);
		*bytes += length;
	}
	return l->dropped ? 0 : l->count;
}

const void *session_loan(const struct session *s, unsigned i, size_t *length)
{
	return planned(s) ? NULL : send_buffer_loan(&s->sender.buffer, i, length);
}

void session_loan_moved(struct session *s, unsigned i, const void *bytes)
{
	assert(!planned(s));
	send_buffer_loan_moved(&s->sender.buffer, i, bytes);
}

void session_send_finish(struct session *s, time_ns now)
{
	if (s->state != SESSION_OPEN)
		return;
	send_buffer_finish(&s->sender.buffer);
	session_settle(s, now);
}

bool session_send_finished(const struct session *s)
{
	return s->sender.buffer.finished;
}

uint64_t session_unacknowledged(const struct session *s)
{
	return send_buffer_end(&s->sender.buffer) - s->sender.buffer.acknowledged;
}

/* After a reset too: what arrived in order was acknowledged, so the program must get it first. */
uint64_t session_readable(const struct session *s)
{
	return receive_buffer_readable_bytes(&s->receive);
}

unsigned session_receive_peek(struct session *s, struct iovec *iov, unsigned max)
{
	return session_readable(s) > 0 ? receive_buffer_readable(&s->receive, iov, max) : 0;
}

void session_count_consumed(struct session *s, time_ns now)
{
	s->moved_at = now;
	if (!s->discard)
		window_consumed(&s->window, s->receive.consumed, s->receive.contiguous, now);
	acknowledge_window(s, now);
}

void session_receive_consume(struct session *s, uint64_t length, time_ns now)
{
	receive_buffer_consume(&s->receive, &s->stock, length);
	session_count_consumed(s, now);
}

bool session_receive_ended(const struct session *s)
{
	return receive_buffer_finished(&s->receive);
}

void session_receive_discard(struct session *s, time_ns now)
{
	s->discard = true;
	if (session_readable(s) > 0)
		session_receive_consume(s, session_readable(s), now);
}

void session_set_mode(struct session *s, enum session_mode mode, time_ns now)
{
	(void)now;
	s->sender.mode = mode;
}

enum session_mode session_mode(const struct session *s)
{
	return s->sender.mode;
}

void session_ask_mode(struct session *s, enum session_mode mode, time_ns now)
{
	(void)now;
	s->mode_wish = mode;
	s->mode_wished = !has_path(s);
	/* On every path, in case one of them is about to be lost: asking twice is asking once. */
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL)
			path_queue_mode(s->sender.paths[i], mode);
}

void session_figures(const struct session *s, struct session_figures *figures)
{
	figures->written = s->sender.buffer.end;
	figures->acknowledged = s->sender.buffer.acknowledged;
	if (figures->acknowledged > figures->written)
		figures->acknowledged = figures->written;
	figures->received = s->receive.contiguous;
	figures->consumed = s->receive.consumed;
	figures->peer_consumed = s->peer_consumed;
	if (figures->peer_consumed > figures->written)
		figures->peer_consumed = figures->written;
	figures->duplicate_sent = s->sender.duplicate_bytes;
	figures->duplicate_received = s->duplicate_received;
	figures->longest_gap_ns = s->longest_gap_ns;
}

/* --- time --- */

/* Without any path, or with all of them finished: how long that may last. */
static time_ns patience_ns(const struct session *s)
{
	time_ns patience = s->resume_timeout_ns;

	if (s->state == SESSION_FINISHED ||
	    (!s->config.dialler && s->pathless_ended && s->config.orphan_timeout_ns < patience))
		patience = s->config.orphan_timeout_ns;
	return patience;
}

/* Since when nothing has been heard although something is owed, on all paths; TIME_NEVER: not so. */
static time_ns unheard_at(const struct session *s)
{
	time_ns latest = s->pathless_at, due_at;

	if (latest != TIME_NEVER)
		return latest;
	latest = s->heard_at;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = s->sender.paths[i];

		if (p == NULL || p->health.state == HEALTH_DOWN)
			continue;
		/* An answer is missed only once it is due, however short the patience. */
		due_at = health_due_at(&p->health, 0);
		if (due_at == TIME_NEVER)
			return TIME_NEVER;
		if (due_at > latest)
			latest = due_at;
	}
	return latest;
}

static time_ns patience_ends_at(const struct session *s)
{
	time_ns since = unheard_at(s), patience = patience_ns(s), end;

	if (s->state == SESSION_FINISHED)
		since = s->finished_at;
	if (s->state >= SESSION_CLOSED || since == TIME_NEVER || patience == TIME_NEVER)
		return TIME_NEVER;
	return __builtin_add_overflow(since, patience, &end) ? TIME_NEVER : end;
}

time_ns session_deadline(const struct session *s, time_ns now)
{
	time_ns deadline = patience_ends_at(s), other;

	if (s->state >= SESSION_CLOSED)
		return TIME_NEVER;
	other = session_paths_deadline(s, now);
	if (other < deadline)
		deadline = other;
	other = scheduler_deadline(&s->sender, now);
	return other < deadline ? other : deadline;
}

void session_tick(struct session *s, time_ns now)
{
	if (s->state >= SESSION_CLOSED)
		return;
	session_paths_tick(s, now);
	if (s->peer_done)
		session_settle(s, now);
	if (s->state >= SESSION_CLOSED || now < patience_ends_at(s))
		return;
	if (s->state == SESSION_FINISHED)
		session_move(s, SESSION_CLOSED, REASON_NONE, now);
	else if (!s->config.dialler && s->pathless_at != TIME_NEVER && s->pathless_ended)
		session_reset(s, REASON_PEER_VANISHED, now);
	else
		session_reset(s, REASON_RESUME_TIMEOUT, now);
}
