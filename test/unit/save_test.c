/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions saved and loaded: nothing of the state is forgotten, and a stream goes on where it was with
 * a peer, played by the test, that did not restart.
 */
#include "core/save.h"

#include <errno.h>

#include "test/saved.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

/* The session of a solo becomes the one loaded from its image; its paths are gone. */
static void restart(struct solo *solo, time_ns away_ns)
{
	struct saved image = saved_new(solo->s, solo->now);
	int error;

	for (unsigned i = 0; i < SOLO_PATHS; i++) {
		if (solo->out[i].bytes != NULL)
			session_remove_path(solo->s, &solo->path[i], solo->now);
		free(solo->out[i].bytes);
		solo->out[i].bytes = NULL;
		solo->out[i].length = solo->out[i].parsed = 0;
	}
	saved_unload(solo->s);
	solo->now += away_ns;
	solo->s = saved_load(&image, solo->now, &error);
	CHECK_EQ(error, 0);
	solo->blocks = solo->s->stock.lent;
	free(image.bytes);
}

/* Bytes unacknowledged, some of them selectively; bytes unread, some of them ahead; odd times. */
static struct solo *busy(void)
{
	struct session_config config = saved_config();
	struct solo *solo = solo_new(&config, 100000);
	struct range acked[] = { { 30000, 40000 }, { 50000, 50001 } };

	session_peer_declared(solo->s, 100000, 77, 6 * NS_PER_S);
	solo_path(solo, 0, 10 * NS_PER_MS, true);
	solo_path(solo, 1, 20 * NS_PER_MS, true);
	solo_write(solo, 10000);
	session_send_boundary(solo->s);
	solo_write(solo, 50000);
	session_send_boundary(solo->s);
	solo_write(solo, 40000);
	session_send_boundary(solo->s);
	solo_write(solo, 30000);
	solo_carry_all(solo);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 100000);
	CHECK_EQ(solo_ack(solo, 0, 12345, acked, 2), 0);
	CHECK_EQ(solo_data(solo, 0, 0, 65000, false), 0);
	CHECK_EQ(solo_data(solo, 0, 65000, 5000, false), 0);
	CHECK_EQ(solo_data(solo, 1, 80000, 1000, false), 0);
	CHECK_EQ(solo_data(solo, 1, 199000, 500, true), 0);
	session_receive_consume(solo->s, 65600, solo->now);
	session_set_mode(solo->s, MODE_STRIPE, solo->now);
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	CHECK_EQ(solo->s->duplicate_received, 100);
	solo->s->peer_consumed = 99;
	solo->s->longest_gap_ns = 98;
	solo->now += 3 * NS_PER_MS;
	return solo;
}

/*
 * A member that is added and not saved shows here: save it, bump SAVE_VERSION, correct the number. (Of what is
 * not saved: heard_at, for a session without paths is not heard; woken_from, for what is loaded is awake; held, which is lost like a half read frame;
 * the loans, for their bytes are.)
 */
static void no_member_is_new(void)
{
	const struct session *s = NULL;

	if (sizeof(void *) != 8)
		return;
	CHECK_EQ(sizeof(struct session_config), 96);
	CHECK_EQ(sizeof *s - sizeof s->sender - sizeof s->receive, 440);
	CHECK_EQ(sizeof s->sender - sizeof s->sender.buffer - sizeof s->sender.flight -
		 sizeof s->sender.converge, 120);
	CHECK_EQ(sizeof s->sender.buffer - sizeof s->sender.buffer.loans, 64);
	CHECK_EQ(sizeof s->receive, 80);
}

static void same_session(const struct session *a, const struct session *b)
{
	const struct sender *x = &a->sender, *y = &b->sender;

	CHECK_MEM(a->config.id, b->config.id, SESSION_ID_BYTES);
	CHECK_EQ(a->config.dialler, b->config.dialler);
	CHECK_EQ(a->config.kind, b->config.kind);
	CHECK_EQ(a->config.send_limit_bytes, b->config.send_limit_bytes);
	CHECK_EQ(a->config.receive_limit_bytes, b->config.receive_limit_bytes);
	CHECK_EQ(a->config.resume_timeout_ns, b->config.resume_timeout_ns);
	CHECK_EQ(a->config.orphan_timeout_ns, b->config.orphan_timeout_ns);
	CHECK_EQ(a->config.probe_interval_ns, b->config.probe_interval_ns);
	CHECK_EQ(a->config.suspect_floor_ns, b->config.suspect_floor_ns);
	CHECK_EQ(a->config.overdue_off, b->config.overdue_off);
	CHECK_EQ(a->state, b->state);
	CHECK_EQ(a->reason, b->reason);
	CHECK_EQ(a->resume_timeout_ns, b->resume_timeout_ns);
	CHECK_EQ(a->highest_id, b->highest_id);
	CHECK_EQ(a->ids_seen, b->ids_seen);
	CHECK_EQ(a->discard, b->discard);
	CHECK_EQ(a->mode_wish, b->mode_wish);
	CHECK_EQ(a->peer_consumed, b->peer_consumed);
	CHECK_EQ(a->config.start_bytes, b->config.start_bytes);
	CHECK_EQ(a->limit_announced, b->limit_announced);
	CHECK_EQ(a->duplicate_received, b->duplicate_received);
	CHECK_EQ(a->waiting_at, b->waiting_at);
	CHECK_EQ(a->longest_gap_ns, b->longest_gap_ns);
	CHECK_EQ(x->mode, y->mode);
	CHECK_EQ(x->overdue_off, y->overdue_off);
	CHECK_EQ(x->floor_ns, y->floor_ns);
	CHECK_EQ(x->peer_limit, y->peer_limit);
	CHECK_EQ(x->peer_credit, y->peer_credit);
	CHECK_EQ(x->duplicate_bytes, y->duplicate_bytes);
	CHECK_EQ(x->buffer.acknowledged, y->buffer.acknowledged);
	CHECK_EQ(x->buffer.end, y->buffer.end);
	CHECK_EQ(x->buffer.finished, y->buffer.finished);
	CHECK_EQ(x->flight.base, y->flight.base);
	CHECK_EQ(flight_top(&x->flight), flight_top(&y->flight));
	CHECK_EQ(x->converge.begin, y->converge.begin);
	CHECK_EQ(x->converge.begin, 10000);
	CHECK_EQ(x->converge.count, y->converge.count);
	for (unsigned i = 0; i < x->converge.count; i++)
		CHECK_EQ(x->converge.at[i].end, y->converge.at[i].end);
	CHECK_EQ(a->receive.consumed, b->receive.consumed);
	CHECK_EQ(a->receive.contiguous, b->receive.contiguous);
	CHECK_EQ(a->receive.limit, b->receive.limit);
	CHECK_EQ(a->receive.limit_bytes, b->receive.limit_bytes);
	CHECK_EQ(a->receive.fin_offset, b->receive.fin_offset);
	CHECK_EQ(a->receive.ahead.count, b->receive.ahead.count);
	for (unsigned i = 0; i < a->receive.ahead.count; i++)
		CHECK_MEM(&a->receive.ahead.at[i], &b->receive.ahead.at[i], sizeof(struct range));
}

static void nothing_is_forgotten(void)
{
	struct solo *solo = busy();
	struct saved first = saved_new(solo->s, solo->now), second;
	struct session_saved saved;
	struct session *s;
	uint8_t want[20000], got[20000];
	int error;

	CHECK_EQ(session_saved(first.bytes, first.length, &saved), 0);
	CHECK_EQ(saved.next_path_id, 2);
	CHECK_EQ(saved.state, SESSION_OPEN);
	CHECK_EQ(saved.config.mode, MODE_STRIPE);
	s = saved_load(&first, solo->now, &error);
	CHECK_EQ(error, 0);
	same_session(solo->s, s);
	CHECK(s->mode_wished);
	CHECK_EQ(s->pathless_at, solo->now);
	/* Carried by nobody now, but sent and acknowledged as it was. */
	for (unsigned i = 0; i < s->sender.flight.count; i++)
		CHECK((s->sender.flight.at[i].carriers & ~(FLIGHT_SENT | FLIGHT_ACKED)) == 0);
	CHECK_EQ(flight_bytes(&s->sender.flight, 0, UINT64_MAX, FLIGHT_ACKED), 10001);
	CHECK_EQ(flight_bytes(&s->sender.flight, 0, UINT64_MAX, FLIGHT_SENT), 100000 - 12345);
	send_buffer_copy(&solo->s->sender.buffer, 60000, 80000, want);
	send_buffer_copy(&s->sender.buffer, 60000, 80000, got);
	CHECK_MEM(got, want, sizeof got);
	second = saved_new(s, solo->now);
	CHECK_EQ(second.length, first.length);
	CHECK_MEM(second.bytes, first.bytes, first.length);
	saved_unload(s);
	free(first.bytes);
	free(second.bytes);
	solo_free(solo);
}

static void rejoins(void)
{
	struct solo *solo = busy();
	struct solo_frame frame;
	struct frame_ack ack;
	uint64_t start, end, lowest = UINT64_MAX;
	struct path again;

	restart(solo, NS_PER_S);
	CHECK_EQ(session_next_writer(solo->s, solo->now) == NULL, true);
	CHECK_EQ(session_add_path(solo->s, &again, 1, 0, -1, solo->now), -EEXIST);
	CHECK_EQ(session_add_path(solo->s, &again, 0, 0, -1, solo->now), -EEXIST);
	solo_path(solo, 0, 10 * NS_PER_MS, true);
	solo_carry_all(solo);
	/* What was promised is said again. */
	CHECK(solo_take_type(solo, 0, FRAME_ACK, &frame));
	CHECK_EQ(frame_ack_decode(frame.payload, frame.header.length, &ack), 0);
	CHECK_EQ(ack.cumulative, 70000);
	CHECK_EQ(ack.receive_limit, 65600 + 200003);
	CHECK_EQ(ack.range_count, 2);
	CHECK_EQ(ack.ranges[1].start, 199000);
	CHECK(solo_take_type(solo, 0, FRAME_MODE, &frame));
	CHECK_EQ(frame.payload[0], MODE_BACKUP);
	/* What the peer has not acknowledged comes again, and nothing that it has. */
	while (solo_take_type(solo, 0, FRAME_DATA, &frame)) {
		solo_data_range(&frame, &start, &end);
		lowest = start < lowest ? start : lowest;
		CHECK(end <= 30000 || start >= 40000);
	}
	CHECK_EQ(lowest, 12345);
	/* It may acknowledge what was sent before the restart. */
	CHECK_EQ(solo_ack(solo, 0, 100000, NULL, 0), 0);
	/* The hole closes, and the program reads on where it was. */
	CHECK_EQ(solo_data(solo, 0, 70000, 10000, false), 0);
	CHECK_EQ(session_readable(solo->s), 81000 - 65600);
	for (uint64_t at = 65600; at < 81000;) {
		struct iovec iov;

		CHECK_EQ(session_receive_peek(solo->s, &iov, 1), 1);
		for (size_t i = 0; i < iov.iov_len; i++)
			CHECK_EQ(((uint8_t *)iov.iov_base)[i], solo_byte(at + i));
		at += iov.iov_len;
		session_receive_consume(solo->s, iov.iov_len, solo->now);
	}
	solo_free(solo);
}

static void timeouts_go_on(void)
{
	struct solo *solo = busy();

	/* Lost two seconds before; six are allowed, by the peer's word. */
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_LOST, true, solo->now);
	solo->now += 2 * NS_PER_S;
	restart(solo, 1000 * NS_PER_S);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 4 * NS_PER_S);
	solo->now += 4 * NS_PER_S;
	session_tick(solo->s, solo->now);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_RESUME_TIMEOUT);
	/* What had been acknowledged is still for the program. */
	restart(solo, 0);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_RESUME_TIMEOUT);
	CHECK_EQ(session_readable(solo->s), 70000 - 65600);
	CHECK_EQ(session_deadline(solo->s, solo->now), TIME_NEVER);
	solo_free(solo);
}

/* An acceptor whose carriers the peer's host had ended still counts the shorter time. */
static void orphans_stay_orphans(void)
{
	struct session_config config = saved_config();
	struct solo *solo;

	config.dialler = false;
	solo = solo_new(&config, 100000);
	solo_path(solo, 0, NS_PER_MS, true);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
	restart(solo, 0);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 5 * NS_PER_S);
	solo_path(solo, 0, NS_PER_MS, true);
	/* A restart with a path is no loss by the peer. */
	restart(solo, 0);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 7 * NS_PER_S);
	solo_free(solo);
}

static void ends_are_told(void)
{
	struct session_config config = saved_config();
	struct solo *solo = solo_new(&config, 100000);
	struct solo_frame frame;
	struct frame_close close;

	solo_path(solo, 0, NS_PER_MS, true);
	solo_write(solo, 1000);
	session_send_finish(solo->s, solo->now);
	restart(solo, 0);
	CHECK(session_send_finished(solo->s));
	CHECK_EQ(session_room(solo->s), 0);
	solo_path(solo, 0, NS_PER_MS, true);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(solo_ack(solo, 0, 1001, NULL, 0), 0);
	CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
	solo->now += NS_PER_S;
	restart(solo, 0);
	CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 4 * NS_PER_S);
	solo_path(solo, 0, NS_PER_MS, false);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_CLOSE, &frame));
	CHECK_EQ(frame_close_decode(frame.payload, frame.header.length, &close), 0);
	CHECK_EQ(close.reason, REASON_DONE);
	CHECK_EQ(session_readable(solo->s), 10);
	solo_free(solo);
}

/* All is here and all is acknowledged, but the last frame's end was still to come on a path. */
static void waits_for_no_lost_frame(void)
{
	struct session_config config = saved_config();
	struct solo *solo = solo_new(&config, 100000);
	struct frame_data data = { .length = 100, .fin = true };
	uint8_t frame[FRAME_DATA_HEAD_BYTES + 50];

	solo_path(solo, 0, NS_PER_MS, true);
	solo_path(solo, 1, NS_PER_MS, true);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	CHECK_EQ(solo_data(solo, 1, 50, 50, false), 0);
	memset(frame, 0, sizeof frame);
	frame_data_encode(frame, FRAME_DATA_HEAD_BYTES, &data);
	CHECK_EQ(solo_feed(solo, 0, frame, sizeof frame), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	restart(solo, 0);
	CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
	CHECK_EQ(session_readable(solo->s), 100);
	solo_free(solo);
}

/* Bytes that waited for blocks are the peer's again; what had found its place is not. */
static void held_bytes_are_not_saved(void)
{
	struct session_config config = saved_config();
	uint8_t frames[40 * (FRAME_DATA_HEAD_BYTES + 1)] = { 0 };
	size_t length = 0;
	struct iovec iov[1];
	struct solo *solo;

	config.receive_limit_bytes = 4u << 20;
	solo = solo_new(&config, 100000);
	solo_path(solo, 0, NS_PER_MS, true);
	for (unsigned k = 0; k < 40; k++) {
		struct frame_data data = { .offset = k * 65536u + 1, .length = 1 };

		frame_data_encode(frames + length, FRAME_DATA_HEAD_BYTES, &data);
		length += FRAME_DATA_HEAD_BYTES;
		frames[length++] = solo_byte(data.offset);
	}
	solo_lend(solo);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 1), 1);
	memcpy(iov[0].iov_base, frames, length);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], length, solo->now), -ENOMEM);
	restart(solo, 0);
	CHECK_EQ(solo->s->receive.ahead.count, STOCK_BLOCKS_FIRST - 1);
	CHECK_EQ(session_read_on(solo->s, solo->now), 0);
	solo_free(solo);
}

static void wants_its_room(void)
{
	struct solo *solo = busy();
	struct saved image = saved_new(solo->s, solo->now);
	uint8_t *small = malloc(image.length);
	struct session_saved saved;
	struct session *s = NULL;
	struct stock lent;
	void *memory, *block;

	memset(small, 0xaa, image.length);
	CHECK_EQ(session_save(solo->s, small, image.length - 1, solo->now), -ENOBUFS);
	CHECK_EQ(small[0], 0xaa);
	CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
	/* 12345 to 130000; 65600 to 70000, 80000 to 81000 in one with it, 199000 to 199500. */
	CHECK_EQ(saved.blocks, 2 + 1 + 1 + 1);
	memory = malloc(session_bytes(&saved.config));
	saved_lend(&lent, saved.blocks - 1);
	CHECK_EQ(session_load(memory, image.bytes, image.length, &lent, 0, &s), -ENOMEM);
	CHECK(s == NULL);
	CHECK_EQ(lent.free, saved.blocks - 1);
	while ((block = stock_reclaim(&lent)) != NULL)
		free(block);
	free(memory);
	free(small);
	free(image.bytes);
	solo_free(solo);
}

/* The peer said that it is done while there was no memory to let go of what it has. */
static void done_is_done(void)
{
	struct session_config config = saved_config();
	struct solo *solo = solo_new(&config, 100000);
	struct saved image;
	struct session *s;
	int error;

	solo_path(solo, 0, NS_PER_MS, true);
	solo_write(solo, 1000);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	solo->s->peer_done = true;
	image = saved_new(solo->s, solo->now);
	s = saved_load(&image, 0, &error);
	CHECK_EQ(error, 0);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	CHECK_EQ(session_readable(s), 10);
	saved_unload(s);
	free(image.bytes);
	solo_free(solo);
}

/* Who it is and how it works, each switch for itself. */
static void what_can_be_known_before_loading(void)
{
	for (unsigned i = 0; i < 4; i++) {
		struct session_config config = world_config(MODE_BACKUP);
		struct solo *solo;
		struct session_saved saved;
		struct saved image;

		config.dialler = i & 1;
		config.overdue_off = i >> 1;
		config.kind = SESSION_MESSAGES;
		solo = solo_new(&config, 1u << 20);
		image = saved_new(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.config.dialler, i & 1);
		CHECK_EQ(saved.config.overdue_off, i >> 1);
		CHECK_EQ(saved.config.kind, SESSION_MESSAGES);
		CHECK_EQ(saved.config.mode, MODE_BACKUP);
		CHECK_EQ(saved.config.send_limit_bytes, config.send_limit_bytes);
		CHECK_EQ(saved.config.probe_interval_ns, config.probe_interval_ns);
		CHECK_EQ(saved.blocks, 1);
		/* No path yet: the first id is 0. It comes again behind the last, PATH_ID_NONE left out. */
		CHECK_EQ(saved.next_path_id, 0);
		free(image.bytes);
		solo->s->ids_seen = 1;
		solo->s->highest_id = PATH_ID_NONE - 1;
		image = saved_new(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.next_path_id, 0);
		free(image.bytes);
		solo->s->highest_id = PATH_ID_NONE - 2;
		image = saved_new(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.next_path_id, PATH_ID_NONE - 1);
		free(image.bytes);
		solo_free(solo);
	}
}

/* Ranges that share a block need it once. */
static void blocks_are_counted_once(void)
{
	static const struct { uint64_t start; uint32_t length; } pieces[] = {
		{ 0, 5 }, { 10, 10 }, { 30, 10 }, { BLOCK_BYTES - 10, 10 }, { BLOCK_BYTES + 5, 10 },
		{ 2 * BLOCK_BYTES - 5, 10 }, { 3 * BLOCK_BYTES + 100, 10 }, { 3 * BLOCK_BYTES + 200, 10 },
	};
	static const unsigned want[] = { 1, 1, 1, 1, 2, 3, 4, 4 };
	struct session_config config = world_config(MODE_STRIPE);
	struct solo *solo = solo_new(&config, 1u << 20);

	solo_path(solo, 0, NS_PER_MS, true);
	for (unsigned i = 0; i < 8; i++) {
		struct session_saved saved;
		struct saved image;
		struct session *s;
		int error;

		CHECK_EQ(solo_data(solo, 0, pieces[i].start, pieces[i].length, false), 0);
		image = saved_new(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.blocks, want[i] + 1);
		s = saved_load(&image, solo->now, &error);
		CHECK_EQ(error, 0);
		CHECK_EQ(s->receive.table.held, want[i]);
		saved_unload(s);
		free(image.bytes);
	}
	solo_free(solo);
}

/* A wish that waits behind other notes is kept, and so is that the program reads no more. */
static void wishes_are_kept(void)
{
	struct session_config config = saved_config();
	struct frame_pong pong = { .token = 1 };
	uint8_t note[PATH_NOTE_BYTES];
	struct solo *solo = solo_new(&config, 100000);

	solo_path(solo, 0, NS_PER_MS, true);
	path_queue_note(&solo->path[0], note, frame_pong_encode(note, sizeof note, &pong));
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	session_receive_discard(solo->s, solo->now);
	restart(solo, 0);
	CHECK(solo->s->mode_wished);
	CHECK_EQ(solo->s->mode_wish, MODE_BACKUP);
	solo_path(solo, 0, NS_PER_MS, true);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	CHECK_EQ(session_readable(solo->s), 0);
	CHECK_EQ(solo->s->receive.consumed, 100);
	solo_free(solo);
}

/* Holes that nobody sent, below what a path sent from the far end, and above it what was only planned. */
static void what_was_never_sent_is_not_sent(void)
{
	struct session_config config = saved_config();
	struct solo *solo;
	struct iovec iov[32];
	uint64_t sent;

	config.mode = MODE_CONVERGE;
	solo = solo_new(&config, 100000);
	solo_path(solo, 0, 10 * NS_PER_MS, true);
	solo_path(solo, 1, 10 * NS_PER_MS, true);
	solo_write(solo, 40000);
	CHECK(solo_carry(solo, 1, 8000) > 0);
	sent = flight_bytes(&solo->s->sender.flight, 0, UINT64_MAX, FLIGHT_SENT);
	CHECK(sent > 0 && flight_carriers(&solo->s->sender.flight, 0, 1) == 0);
	solo_write(solo, 1000);
	CHECK(session_plan(solo->s, &solo->path[1], iov, 32, solo->now) > 0);
	restart(solo, 0);
	CHECK_EQ(flight_bytes(&solo->s->sender.flight, 0, UINT64_MAX, FLIGHT_SENT), sent);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 40000);
	/* Nor by a path that takes the place of one of before. */
	CHECK_EQ(flight_bytes(&solo->s->sender.flight, 0, UINT64_MAX, ~(FLIGHT_SENT | FLIGHT_ACKED)), 0);
	solo_free(solo);
}

/* One that waits on the second path, and on no other. */
static void a_wish_on_any_path(void)
{
	struct session_config config = saved_config();
	struct solo *solo = solo_new(&config, 100000);

	solo_path(solo, 0, NS_PER_MS, true);
	solo_path(solo, 1, NS_PER_MS, true);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, false, solo->now);
	session_remove_path(solo->s, &solo->path[0], solo->now);
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	CHECK(!solo->s->mode_wished);
	restart(solo, 1);
	CHECK(solo->s->mode_wished);
	/* And one that has been told is none. */
	solo_path(solo, 0, NS_PER_MS, true);
	solo_carry_all(solo);
	CHECK(!solo->s->mode_wished);
	restart(solo, 2);
	CHECK(!solo->s->mode_wished);
	solo_free(solo);
}

/* Windows as large as they may be, and one that is full to the last byte. */
static void windows_at_their_limits(void)
{
	struct session_config config = saved_config();
	struct solo *solo;

	config.send_limit_bytes = config.receive_limit_bytes = SAVE_WINDOW_MAX;
	solo = solo_new(&config, 100000);
	restart(solo, 0);
	CHECK_EQ(session_room(solo->s), SAVE_WINDOW_MAX);
	solo_free(solo);

	config.receive_limit_bytes = 1000;
	solo = solo_new(&config, 100000);
	solo_path(solo, 0, NS_PER_MS, true);
	CHECK_EQ(solo_data(solo, 0, 0, 1000, false), 0);
	restart(solo, 0);
	CHECK_EQ(session_readable(solo->s), 1000);
	solo_free(solo);

	/* The end rides on the last byte that the peer takes. */
	solo = solo_new(&config, 1000);
	solo_path(solo, 0, NS_PER_MS, true);
	solo_write(solo, 1000);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 1001);
	restart(solo, 0);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 1001);
	solo_free(solo);
}

/* The peer may use what it was told, and send again what it has sent, after any number of restarts. */
static void promises_are_kept(void)
{
	struct session_config config = world_config(MODE_STRIPE);
	struct solo *solo;

	config.start_bytes = BLOCK_BYTES;
	solo = solo_new(&config, 100000);
	solo_path(solo, 0, NS_PER_MS, true);
	session_receive_grant(solo->s, 300000, solo->now);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 2; i++) {
		restart(solo, 0);
		CHECK_EQ(session_receive_promised(solo->s), 300000);
	}
	solo_path(solo, 0, NS_PER_MS, true);
	CHECK_EQ(solo_data(solo, 0, 299000, 1000, false), 0);
	solo_free(solo);

	/* More than it was told, and no more than it might have been. */
	solo = solo_new(&config, 100000);
	solo_path(solo, 0, NS_PER_MS, true);
	session_receive_grant(solo->s, 300000, solo->now);
	CHECK_EQ(solo_data(solo, 0, 200000, 100, false), 0);
	restart(solo, 0);
	CHECK_EQ(session_receive_promised(solo->s), 200100);
	solo_path(solo, 0, NS_PER_MS, true);
	CHECK_EQ(solo_data(solo, 0, 200000, 100, false), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	solo_free(solo);
}

/* Segments that differed by who carried them are one, and the last is among them whatever lay behind it. */
static void segments_that_are_alike_are_one(void)
{
	struct solo *solo = solo_alike(MODE_STRIPE, 1u << 20, 2, 10 * NS_PER_MS);

	for (unsigned i = 0; i < 4; i++) {
		solo_write(solo, 5000);
		CHECK(solo_carry(solo, i % 2, SIZE_MAX) > 5000);
	}
	CHECK_EQ(solo->s->sender.flight.count, 4);
	CHECK_EQ(solo_ack(solo, 0, 5000, NULL, 0), 0);
	CHECK_EQ(solo->s->sender.flight.count, 3);
	restart(solo, 0);
	CHECK_EQ(solo->s->sender.flight.count, 1);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 20000);
	solo_path(solo, 0, NS_PER_MS, true);
	CHECK_EQ(solo_ack(solo, 0, 20000, NULL, 0), 0);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	solo_free(solo);
}

/* Streams that went on for many windows; and the window of receiving begins anew, where they are. */
static void far_on_in_the_streams(void)
{
	struct session_config config = saved_config();
	uint64_t at = 0;
	struct solo *solo;

	config.start_bytes = BLOCK_BYTES;
	solo = solo_new(&config, 10u << 20);
	solo_path(solo, 0, NS_PER_MS, true);
	for (unsigned i = 0; i < 30; i++) {
		solo_write(solo, 50000);
		solo_carry_all(solo);
		CHECK_EQ(solo_data(solo, 0, at, 50000, false), 0);
		session_receive_consume(solo->s, 50000, solo->now);
		at += 50000;
		CHECK_EQ(solo_ack(solo, 0, at, NULL, 0), 0);
	}
	CHECK(session_receive_wish(solo->s) > BLOCK_BYTES);
	solo_write(solo, 1000);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, at, 1000, false), 0);
	restart(solo, 0);
	solo_check_readable(solo, 1000);
	CHECK_EQ(session_unacknowledged(solo->s), 1000);
	session_receive_consume(solo->s, 1000, solo->now);
	CHECK_EQ(session_receive_wish(solo->s), BLOCK_BYTES);
	solo_path(solo, 0, NS_PER_MS, true);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, at + 1000, NULL, 0), 0);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	solo_free(solo);
}

int main(void)
{
	RUN(no_member_is_new);
	RUN(what_can_be_known_before_loading);
	RUN(blocks_are_counted_once);
	RUN(nothing_is_forgotten);
	RUN(rejoins);
	RUN(timeouts_go_on);
	RUN(orphans_stay_orphans);
	RUN(ends_are_told);
	RUN(waits_for_no_lost_frame);
	RUN(held_bytes_are_not_saved);
	RUN(wants_its_room);
	RUN(done_is_done);
	RUN(wishes_are_kept);
	RUN(a_wish_on_any_path);
	RUN(what_was_never_sent_is_not_sent);
	RUN(windows_at_their_limits);
	RUN(promises_are_kept);
	RUN(segments_that_are_alike_are_one);
	RUN(far_on_in_the_streams);
	return 0;
}
