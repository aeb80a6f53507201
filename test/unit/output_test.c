/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on a carrier: whole frames, in order, however few bytes it takes at a time. */
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (1u << 20)

static struct solo *solo_with_paths(enum session_mode mode, unsigned paths)
{
	struct session_config config = world_config(mode);
	struct solo *solo;

	config.receive_limit_bytes = config.send_limit_bytes = LIMIT;
	solo = solo_new(&config, LIMIT);
	for (unsigned i = 0; i < paths; i++) {
		struct solo_frame frame;

		solo_path(solo, i, 10 * NS_PER_MS, true);
		solo_carry_all(solo);
		while (solo_take(solo, i, &frame))
			;
	}
	return solo;
}

static void check_all_taken(const struct solo *solo, unsigned index)
{
	CHECK_EQ(solo->out[index].parsed, solo->out[index].length);
}

/* The union of what came on all paths, each byte checked by solo_take. */
static uint64_t covered(struct solo *solo, unsigned paths, bool *fin)
{
	static struct range storage[1000];
	struct ranges got;
	struct solo_frame frame;
	uint64_t start, end;

	ranges_init(&got, storage, 1000);
	for (unsigned i = 0; i < paths; i++) {
		while (solo_take_type(solo, i, FRAME_DATA, &frame)) {
			solo_data_range(&frame, &start, &end);
			CHECK_EQ(ranges_add(&got, start, end), 0);
			if (frame.header.flags & FRAME_FLAG_FIN)
				*fin = true;
		}
		check_all_taken(solo, i);
	}
	CHECK(got.count <= 1);
	return ranges_covered_until(&got, 0);
}

/* First so many bytes, then the rest in pieces of that size: every border is hit. */
static void partial_writes_at_every_count(void)
{
	for (size_t most = 1; most < 300; most += most < 60 ? 1 : 7) {
		struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
		bool fin = false;

		solo_write(solo, 200);
		CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
		session_ask_mode(solo->s, MODE_BACKUP, solo->now);
		session_send_finish(solo->s, solo->now);
		for (unsigned turns = 0; session_next_writer(solo->s, solo->now) != NULL; turns++) {
			CHECK(solo_carry(solo, 0, most) > 0);
			CHECK(turns < 1000);
		}
		CHECK_EQ(covered(solo, 1, &fin), 200);
		CHECK(fin);
		CHECK_EQ(solo->path[0].stream_bytes_sent, 200);
		CHECK_EQ(solo->path[0].health.sent_bytes, solo->out[0].length);
		CHECK_EQ(solo->path[0].duplicate_bytes_sent, 0);
		solo_free(solo);
	}
}

/* Large frames over several blocks, in odd pieces; what was planned and not begun is planned anew. */
static void large_writes_in_pieces(void)
{
	static const size_t pieces[] = { 1, 15, 16, 17, 4096, 65536, 100000 };

	for (unsigned k = 0; k < 7; k++) {
		struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
		bool fin = false;

		solo->path[0].health.rate_bytes = 1000000000;
		solo_write(solo, 300000);
		solo_carry(solo, 0, pieces[k]);
		CHECK_EQ(solo_carry(solo, 0, 0), 0);
		solo_carry(solo, 0, 70000);
		solo_carry_all(solo);
		CHECK_EQ(covered(solo, 1, &fin), 300000);
		CHECK_EQ(solo->s->sender.duplicate_bytes, 0);
		CHECK_EQ(flight_top(&solo->s->sender.flight), 300000);
		solo_free(solo);
	}
}

/* What was only planned leaves no trace. */
static void nothing_written_is_nothing_sent(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 2);

	time_ns sent_at = solo->path[0].health.sent_at;
	solo_write(solo, 100000);
	solo->now += NS_PER_MS;
	CHECK_EQ(solo_carry(solo, 0, 0), 0);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 0);
	CHECK_EQ(solo->s->sender.flight.count, 0);
	CHECK_EQ(solo->path[0].health.sent_at, sent_at);
	solo_free(solo);
}

/*
 * A frame is half written when its range is acknowledged through another path: the rest must come
 * from the tail, byte for byte, at every place where it can break, and the window must go on.
 */
static void a_half_written_frame_keeps_its_tail(void)
{
	for (size_t written = 1; written < 5016; written += written < 40 ? 1 : 311) {
		struct solo *solo = solo_with_paths(MODE_DUPLICATE, 2);
		struct solo_frame frame;
		uint64_t start, end;

		solo_write(solo, 5000);
		CHECK_EQ(solo_carry(solo, 0, written), written);
		session_path_room(solo->s, &solo->path[0], false);
		solo_carry_all(solo);
		CHECK_EQ(solo_ack(solo, 1, 5000, NULL, 0), 0);
		CHECK_EQ(session_unacknowledged(solo->s), 0);
		CHECK_EQ(solo->s->sender.buffer.table.held, 0);
		CHECK(written == 5016 || solo->path[0].work->out.tail != NULL);
		/* Newer bytes follow behind the tail. */
		solo_write(solo, 5000);
		session_path_room(solo->s, &solo->path[0], true);
		for (struct path *p; (p = session_next_writer(solo->s, solo->now)) != NULL;)
			CHECK(solo_carry(solo, p->slot, 100) > 0);
		CHECK(solo->path[0].work->out.tail == NULL);
		CHECK(solo_take_type(solo, 0, FRAME_DATA, &frame));
		solo_data_range(&frame, &start, &end);
		CHECK_EQ(start, 0);
		CHECK_EQ(end, 5000);
		CHECK(solo_take_type(solo, 0, FRAME_DATA, &frame));
		solo_data_range(&frame, &start, &end);
		CHECK_EQ(start, 5000);
		check_all_taken(solo, 0);
		solo_free(solo);
	}
}

/* The acknowledgement ends inside the half written frame. */
static void a_tail_acknowledged_in_part(void)
{
	struct solo *solo = solo_with_paths(MODE_DUPLICATE, 2);
	bool fin = false;

	solo_write(solo, 8000);
	solo_carry(solo, 0, 1000);
	session_path_room(solo->s, &solo->path[0], false);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 1, 3000, NULL, 0), 0);
	CHECK_EQ(solo_ack(solo, 1, 6000, NULL, 0), 0);
	session_path_room(solo->s, &solo->path[0], true);
	solo_carry_all(solo);
	CHECK_EQ(covered(solo, 1, &fin), 8000);
	solo_free(solo);
}

/* Without a block for the tail the bytes stay where they are, and are freed by a later ACK. */
static void no_memory_for_a_tail(void)
{
	struct solo *solo = solo_with_paths(MODE_DUPLICATE, 2);
	struct frame_ack ack = { .cumulative = 5000 };
	bool fin = false;
	void *block;

	solo_write(solo, 5000);
	solo_carry(solo, 0, 1016);
	session_path_room(solo->s, &solo->path[0], false);
	solo_carry_all(solo);
	while ((block = session_reclaim(solo->s)) != NULL) {
		free(block);
		solo->blocks--;
	}
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(session_unacknowledged(solo->s), 4000);
	session_path_room(solo->s, &solo->path[0], true);
	solo_carry_all(solo);
	CHECK_EQ(covered(solo, 1, &fin), 5000);
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	solo_free(solo);
}

/* A path that is down needs no tail, also when it stays in the session. */
static void no_tail_for_a_lost_path(void)
{
	struct solo *solo = solo_with_paths(MODE_DUPLICATE, 2);

	solo_write(solo, 5000);
	solo_carry(solo, 0, 1016);
	session_path_room(solo->s, &solo->path[0], false);
	solo_carry_all(solo);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	CHECK_EQ(solo_ack(solo, 1, 5000, NULL, 0), 0);
	CHECK(solo->path[0].work->out.tail == NULL);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	solo_free(solo);
}

static void control_goes_before_data(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct solo_frame frame;

	solo_write(solo, 100000);
	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	solo->path[0].ping_due = true;
	session_ask_mode(solo->s, MODE_DUPLICATE, solo->now);
	solo_carry(solo, 0, SIZE_MAX);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_ACK);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_PING);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_MODE);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_DATA);
	solo_free(solo);
}

/* Control frames that come up while a DATA frame is half written go right behind it. */
static void control_waits_for_half_a_frame(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct solo_frame frame;

	solo_write(solo, 30000);
	solo_carry(solo, 0, 100);
	session_ask_mode(solo->s, MODE_DUPLICATE, solo->now);
	solo_carry_all(solo);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_DATA);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_MODE);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_DATA);
	solo_free(solo);
}

/* After CLOSE or RESET nothing: whatever was queued, and whatever the peer asks then. */
static void check_last(struct solo *solo, enum frame_type type)
{
	struct frame_ping ping = { .token = 1 };
	uint8_t bytes[64];
	struct solo_frame frame;
	unsigned last = 0;

	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(solo_feed(solo, 0, bytes, frame_ping_encode(bytes, sizeof bytes, &ping)), 0);
	session_ask_mode(solo->s, MODE_STRIPE, solo->now);
	CHECK(!session_path_done(solo->s, &solo->path[0]));
	solo->now += NS_PER_S;
	session_tick(solo->s, solo->now);
	while (session_next_writer(solo->s, solo->now) != NULL)
		CHECK(solo_carry(solo, 0, 7) > 0);
	while (solo_take(solo, 0, &frame))
		last = frame.header.type;
	CHECK_EQ(last, type);
	check_all_taken(solo, 0);
	CHECK(session_path_done(solo->s, &solo->path[0]));
	CHECK_EQ(solo_carry(solo, 0, SIZE_MAX), 0);
	CHECK(session_deadline(solo->s, solo->now) > solo->now);
}

static void fill_notes(struct solo *solo)
{
	struct frame_pong pong = { .token = 0 };
	uint8_t note[PATH_NOTE_BYTES];

	for (unsigned i = 0; i < PATH_NOTES_MAX; i++)
		path_queue_note(&solo->path[0], note, frame_pong_encode(note, sizeof note, &pong));
}

static void reset_is_the_last_frame(void)
{
	for (size_t half = 0; half < 200; half += 50) {
		struct solo *solo = solo_with_paths(MODE_STRIPE, 1);

		solo_write(solo, 30000);
		solo_carry(solo, 0, half);
		fill_notes(solo);
		session_reset(solo->s, REASON_ABORTED, solo->now);
		check_last(solo, FRAME_RESET);
		solo_free(solo);
	}
}

static void close_is_the_last_frame(void)
{
	for (unsigned full = 0; full < 2; full++) {
		struct solo *solo = solo_with_paths(MODE_STRIPE, 1);

		solo_write(solo, 30000);
		session_send_finish(solo->s, solo->now);
		solo_carry_all(solo);
		CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
		if (full)
			fill_notes(solo);
		CHECK_EQ(solo_ack(solo, 0, 30001, NULL, 0), 0);
		CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
		/* A copy that comes late wants an ACK, which must not follow. */
		CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
		check_last(solo, FRAME_CLOSE);
		solo_free(solo);
	}
}

/* A wish that waits is replaced by a newer one. */
static void the_newest_mode_counts(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct solo_frame frame;
	uint8_t mode = 99;

	for (unsigned i = 0; i < 9; i++)
		session_ask_mode(solo->s, (enum session_mode)(i % 4), solo->now);
	session_ask_mode(solo->s, MODE_DUPLICATE, solo->now);
	solo_carry_all(solo);
	while (solo_take_type(solo, 0, FRAME_MODE, &frame))
		mode = frame.payload[0];
	CHECK_EQ(mode, MODE_DUPLICATE);
	solo_free(solo);
}

/* FIN alone, FIN with bytes, FIN of an empty stream; nothing beyond the peer's limit. */
static void the_end_of_the_stream(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	bool fin = false;

	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(covered(solo, 1, &fin), 0);
	CHECK(fin);
	solo_free(solo);

	fin = false;
	solo = solo_with_paths(MODE_STRIPE, 1);
	solo->s->sender.peer_limit = 500;
	solo_write(solo, 501);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(covered(solo, 1, &fin), 500);
	CHECK(!fin);
	solo->s->sender.peer_limit = 501;
	solo_carry_all(solo);
	CHECK(covered(solo, 1, &fin) == 0 && fin);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 502);
	solo_free(solo);
}

/* The first byte of a probe asks for an answer; what goes before it does not. */
static void a_probe_begins_with_its_first_byte(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);

	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 0, NULL, 0), 0);
	CHECK_EQ(health_outstanding(&solo->path[0].health), 0);
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(health_outstanding(&solo->path[0].health), 0);
	solo->path[0].ping_due = true;
	CHECK_EQ(solo_carry(solo, 0, 1), 1);
	CHECK(health_outstanding(&solo->path[0].health) > 0);
	CHECK(!solo->path[0].ping_due);
	solo_free(solo);
}

/* The path where bytes arrive first writes first. */
static void the_nearest_writes_first(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 3);

	solo_carry_all(solo);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(solo_ack(solo, i, 0, NULL, 0), 0);
		solo->path[i].health.rtt_min_ns = (i == 1 ? 9 : 10) * NS_PER_MS;
	}
	solo_write(solo, 1000);
	CHECK(session_next_writer(solo->s, solo->now) == &solo->path[1]);
	/* Not one without room, nor one that has written its CLOSE. */
	session_path_room(solo->s, &solo->path[1], false);
	CHECK(session_next_writer(solo->s, solo->now) != &solo->path[1]);
	session_path_room(solo->s, &solo->path[1], true);
	solo->path[1].close_sent = true;
	CHECK(session_next_writer(solo->s, solo->now) != &solo->path[1]);
	solo->path[1].close_sent = false;
	solo_free(solo);
}

/* One write takes several frames, up to the backlog that the path's rate allows. */
static void one_write_fills_the_backlog(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct solo_frame frame;
	uint64_t start, end, next = 0;
	unsigned frames = 0;

	solo_write(solo, 500000);
	solo->path[0].health.rate_bytes = 100000000;
	CHECK_EQ(session_path_backlog(solo->s, &solo->path[0]), 200000);
	solo_carry(solo, 0, SIZE_MAX);
	while (solo_take_type(solo, 0, FRAME_DATA, &frame)) {
		solo_data_range(&frame, &start, &end);
		CHECK_EQ(start, next);
		next = end;
		frames++;
	}
	/* Whole frames: the one that reaches the bound goes too. */
	CHECK_EQ(frames, 4);
	CHECK_EQ(next, 4 * FRAME_PAYLOAD_MAX);
	CHECK_EQ(solo->path[0].work->out.frames_count, 0);
	solo_free(solo);
}

/* A FIN of no bytes has no tail to keep. */
static void no_tail_for_no_bytes(void)
{
	struct solo *solo = solo_with_paths(MODE_DUPLICATE, 2);

	session_send_finish(solo->s, solo->now);
	CHECK_EQ(solo_carry(solo, 0, 3), 3);
	session_path_room(solo->s, &solo->path[0], false);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 1, 1, NULL, 0), 0);
	CHECK(solo->path[0].work->out.tail == NULL);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	session_path_room(solo->s, &solo->path[0], true);
	solo_carry_all(solo);
	struct solo_frame frame;
	CHECK(solo_take_type(solo, 0, FRAME_DATA, &frame));
	CHECK_EQ(frame.header.length, FRAME_DATA_MIN);
	check_all_taken(solo, 0);
	solo_free(solo);
}

/* The rest of a frame asks for an answer too; a frame that only was planned does not. */
static void what_has_begun_wants_an_answer(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	const struct health *h = &solo->path[0].health;
	struct frame_mode mode = { .mode = MODE_BACKUP };
	uint8_t note[PATH_NOTE_BYTES];

	solo_write(solo, 1000);
	CHECK_EQ(solo_carry(solo, 0, 100), 100);
	CHECK_EQ(solo_ack(solo, 0, 0, NULL, 0), 0);
	CHECK_EQ(health_outstanding(h), 0);
	CHECK_EQ(solo_carry(solo, 0, 1), 1);
	CHECK(health_outstanding(h) > 0);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 1000, NULL, 0), 0);

	solo_write(solo, 1000);
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	(void)solo_carry(solo, 0, frame_mode_encode(note, sizeof note, &mode));
	CHECK_EQ(health_outstanding(h), 0);
	CHECK_EQ(solo_carry(solo, 0, 1), 1);
	CHECK(health_outstanding(h) > 0);
	solo_free(solo);
}

/* Without data to go with, it waits for its own time, whatever else is written. */
static void an_acknowledgement_goes_with_data(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct solo_frame frame;

	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	CHECK(solo->path[0].ack_due && !acknowledge_due(solo->s, &solo->path[0], solo->now));
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	solo_carry(solo, 0, SIZE_MAX);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_MODE);
	CHECK(!solo_take(solo, 0, &frame));
	solo_write(solo, 10);
	solo_carry(solo, 0, SIZE_MAX);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_ACK);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_DATA);
	solo_free(solo);
}

/* Heads are bytes of the carrier too. */
static void heads_count_in_the_backlog(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);

	solo_write(solo, 100000);
	solo->path[0].health.rate_bytes = 0;
	CHECK_EQ(session_path_backlog(solo->s, &solo->path[0]), 4 * FRAME_CHUNK_MIN);
	CHECK_EQ(solo_carry(solo, 0, SIZE_MAX), 4 * (FRAME_CHUNK_MIN + FRAME_DATA_HEAD_BYTES));
	solo_free(solo);
}

/* The holes that a lost path leaves are many frames; one write takes so many and no more. */
static void one_write_takes_so_many_frames(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 2);
	struct solo_frame frame;
	unsigned frames = 0;
	bool fin = false;

	for (unsigned i = 0; i < 24; i++) {
		solo_write(solo, 100);
		CHECK(solo_carry(solo, i % 2, SIZE_MAX) > 0);
	}
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
	while (solo_take(solo, 0, &frame))
		;
	solo_carry(solo, 0, SIZE_MAX);
	while (solo_take_type(solo, 0, FRAME_DATA, &frame))
		frames++;
	CHECK_EQ(frames, PATH_FRAMES_MAX);
	solo->out[0].parsed = 0;
	solo_carry_all(solo);
	CHECK_EQ(covered(solo, 1, &fin), 2400);
	solo_free(solo);
}

/* A path that works from the far end writes what nobody wrote before, and leaves the rest as new. */
static void what_goes_first_is_no_copy(void)
{
	struct solo *solo = solo_with_paths(MODE_CONVERGE, 2);

	solo_write(solo, 4 * FRAME_CHUNK_MIN);
	CHECK(solo_carry(solo, 1, FRAME_CHUNK_MIN) > 0);
	CHECK(flight_top(&solo->s->sender.flight) > FRAME_CHUNK_MIN);
	CHECK_EQ(flight_carriers(&solo->s->sender.flight, 0, 1), 0);
	CHECK(solo_carry(solo, 0, FRAME_CHUNK_MIN) > 0);
	CHECK_EQ(solo->s->sender.duplicate_bytes, 0);
	solo_free(solo);
}

#define SMALL_LOANS 60u
#define SMALL_BYTES 10u

/* One write with place for so many pieces. */
static void carry_in_pieces(struct solo *solo, unsigned max, size_t most)
{
	static const char untouched;
	struct iovec iov[64];
	size_t moved = 0;
	unsigned used;

	for (unsigned i = 0; i < 64; i++)
		iov[i].iov_base = (void *)&untouched;
	used = session_plan(solo->s, &solo->path[0], iov, max, solo->now);
	CHECK(used <= max);
	for (unsigned i = max; i < 64; i++)
		CHECK(iov[i].iov_base == &untouched);
	for (unsigned i = 0; i < used && moved < most; i++) {
		size_t count = iov[i].iov_len < most - moved ? iov[i].iov_len : most - moved;

		memcpy(solo->out[0].bytes + solo->out[0].length, iov[i].iov_base, count);
		solo->out[0].length += count;
		moved += count;
	}
	session_wrote(solo->s, &solo->path[0], moved, solo->now);
}

/* Half a frame, control frames and whole frames share the place there is, however scattered the bytes are. */
static void no_more_pieces_than_there_is_place_for(void)
{
	static const size_t mosts[] = { 7, 33, 129, 9000, SIZE_MAX };
	static uint8_t lent[SMALL_LOANS * SMALL_BYTES];

	for (unsigned i = 0; i < sizeof lent; i++)
		lent[i] = solo_byte(FRAME_CHUNK_MIN + i);
	for (unsigned max = 8; max < 14; max++) {
		for (unsigned k = 0; k < 5; k++) {
			struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
			bool fin = false;

			solo_write(solo, FRAME_CHUNK_MIN);
			for (unsigned i = 0; i < SMALL_LOANS; i++)
				CHECK_EQ(session_borrow(solo->s, NULL, 0, lent + i * SMALL_BYTES,
							SMALL_BYTES, solo->now), 0);
			for (unsigned turns = 0; session_next_writer(solo->s, solo->now) != NULL; turns++) {
				if (turns % 3 == 2)
					session_ask_mode(solo->s, MODE_BACKUP, solo->now);
				carry_in_pieces(solo, max, mosts[k]);
				CHECK(turns < 5000);
			}
			CHECK_EQ(covered(solo, 1, &fin), FRAME_CHUNK_MIN + sizeof lent);
			CHECK_EQ(solo_ack(solo, 0, FRAME_CHUNK_MIN + sizeof lent, NULL, 0), 0);
			CHECK_EQ(session_loans_returned(solo->s), SMALL_LOANS);
			solo_free(solo);
		}
	}
}

/* Whoever finishes the carrier with the last bytes must know them, however many plans it takes. */
static void the_last_plan_is_known(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct path *p = &solo->path[0];
	struct iovec iov[32];

	solo_write(solo, 100);
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	CHECK(session_plan(solo->s, p, iov, 32, solo->now) > 0);
	CHECK(!session_path_last(p));
	session_wrote(solo->s, p, 0, solo->now);
	CHECK_EQ(solo_carry(solo, 0, 3), 3);
	session_reset(solo->s, REASON_ABORTED, solo->now);
	CHECK(session_plan(solo->s, p, iov, 32, solo->now) > 0);
	CHECK(!session_path_last(p));
	session_wrote(solo->s, p, 0, solo->now);
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 0);
	for (unsigned left = 2; left > 0; left--) {
		CHECK(session_plan(solo->s, p, iov, 32, solo->now) > 0);
		CHECK(session_path_last(p));
		session_wrote(solo->s, p, 0, solo->now);
		CHECK(!session_path_done(solo->s, p));
		CHECK(solo_carry(solo, 0, left == 2 ? 1 : SIZE_MAX) > 0);
	}
	CHECK(session_path_done(solo->s, p));
	CHECK_EQ(session_plan(solo->s, p, iov, 32, solo->now), 0);
	CHECK(!session_path_last(p));
	session_wrote(solo->s, p, 0, solo->now);
	solo_free(solo);
}

/* A reset session has no data for a path that comes then. */
static void no_data_after_a_reset(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct solo_frame frame;

	solo_write(solo, 100);
	session_reset(solo->s, REASON_ABORTED, solo->now);
	solo_path(solo, 1, 10 * NS_PER_MS, false);
	solo->path[1].ping_due = true;
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	CHECK(solo_take(solo, 1, &frame) && frame.header.type == FRAME_PING);
	check_all_taken(solo, 1);
	solo_free(solo);
}

/* What comes up between a plan and its writing goes with the next. */
static void what_is_queued_during_a_write_follows(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct path *p = &solo->path[0];
	struct frame_pong pong = { .token = 7 };
	uint8_t note[PATH_NOTE_BYTES];
	struct solo_frame frame;
	struct iovec iov[32];
	size_t length = frame_pong_encode(note, sizeof note, &pong);

	path_queue_note(p, note, length);
	CHECK_EQ(session_plan(solo->s, p, iov, 32, solo->now), 1);
	CHECK_EQ(iov[0].iov_len, length);
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	session_wrote(solo->s, p, length, solo->now);
	CHECK_EQ(p->notes_count, 1);
	solo_carry_all(solo);
	CHECK(solo_take(solo, 0, &frame) && frame.header.type == FRAME_MODE);
	CHECK_EQ(frame.payload[0], MODE_BACKUP);
	check_all_taken(solo, 0);
	solo_free(solo);
}

/* Asleep it has nothing to write, and hears of nothing written. */
static void asleep_nothing_is_planned(void)
{
	struct solo *solo = solo_new(&(struct session_config){ .send_limit_bytes = LIMIT, .receive_limit_bytes = LIMIT,
							       .probe_interval_ns = NS_PER_S }, LIMIT);
	struct iovec iov[8];

	solo_path(solo, 0, NS_PER_MS, false);
	session_send_finish(solo->s, solo->now);
	CHECK(session_asleep(solo->s));
	CHECK(session_next_writer(solo->s, solo->now) == &solo->path[0]);
	CHECK_EQ(session_plan(solo->s, &solo->path[0], iov, 8, solo->now), 0);
	session_wrote(solo->s, &solo->path[0], 0, solo->now);
	CHECK(session_asleep(solo->s));
	CHECK_EQ(solo->path[0].health.sent_bytes, 0);
	solo_carry_all(solo);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 1);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	solo_free(solo);
}

/* A stretch that has gone whole is waited for from then on, where that matters. */
static void what_went_whole_has_its_time(void)
{
	static const enum session_mode modes[] = { MODE_CONVERGE, MODE_STRIPE };

	for (unsigned i = 0; i < 2; i++) {
		struct solo *solo = solo_with_paths(modes[i], 1);

		solo_write(solo, 5000);
		session_send_boundary(solo->s);
		CHECK_EQ(solo->s->sender.converge.dated, 0);
		CHECK(solo_carry(solo, 0, SIZE_MAX) > 5000);
		CHECK_EQ(solo->s->sender.converge.dated, modes[i] == MODE_CONVERGE);
		solo_free(solo);
	}
}

int main(void)
{
	RUN(partial_writes_at_every_count);
	RUN(large_writes_in_pieces);
	RUN(nothing_written_is_nothing_sent);
	RUN(a_half_written_frame_keeps_its_tail);
	RUN(a_tail_acknowledged_in_part);
	RUN(no_memory_for_a_tail);
	RUN(no_tail_for_a_lost_path);
	RUN(control_goes_before_data);
	RUN(control_waits_for_half_a_frame);
	RUN(reset_is_the_last_frame);
	RUN(close_is_the_last_frame);
	RUN(the_newest_mode_counts);
	RUN(the_end_of_the_stream);
	RUN(a_probe_begins_with_its_first_byte);
	RUN(the_nearest_writes_first);
	RUN(one_write_fills_the_backlog);
	RUN(no_tail_for_no_bytes);
	RUN(what_has_begun_wants_an_answer);
	RUN(an_acknowledgement_goes_with_data);
	RUN(heads_count_in_the_backlog);
	RUN(one_write_takes_so_many_frames);
	RUN(what_goes_first_is_no_copy);
	RUN(no_more_pieces_than_there_is_place_for);
	RUN(the_last_plan_is_known);
	RUN(no_data_after_a_reset);
	RUN(what_is_queued_during_a_write_follows);
	RUN(asleep_nothing_is_planned);
	RUN(what_went_whole_has_its_time);
	return 0;
}
