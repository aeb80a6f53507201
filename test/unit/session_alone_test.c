/* SPDX-License-Identifier: Apache-2.0 */
/* The program's side of a session, its ends, its patience and its figures; the peer is played by the test. */
#include <errno.h>

#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (1u << 20)
#define RTT   (20 * NS_PER_MS)

static struct solo *solo;
static struct session *s;

static void begin(enum session_mode mode, unsigned paths)
{
	struct session_config config = world_config(mode);

	config.receive_limit_bytes = config.send_limit_bytes = LIMIT;
	solo = solo_new(&config, LIMIT);
	s = solo->s;
	for (unsigned i = 0; i < paths; i++)
		solo_path(solo, i, RTT, true);
	for (unsigned i = 0; i < paths; i++) {
		solo_carry_all(solo);
		CHECK_EQ(solo_ack(solo, i, 0, NULL, 0), 0);
	}
}

static void pass(time_ns time)
{
	solo->now += time;
	session_tick(s, solo->now);
}

static void lose(unsigned path)
{
	session_path_lost(s, &solo->path[path], REASON_PATH_RESET, false, solo->now);
	session_remove_path(s, &solo->path[path], solo->now);
	free(solo->out[path].bytes);
	solo->out[path].bytes = NULL;
}

/* Both streams ended; the peer has all of ours and has not said yet that it knows. */
static void finish(void)
{
	solo_write(solo, 100);
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(solo_ack(solo, 0, 101, NULL, 0), 0);
	CHECK_EQ(session_state(s), SESSION_FINISHED);
}

/* --- patience --- */

/* Nothing is owed: a session may be silent for ever. */
static void an_idle_session_never_ends(void)
{
	begin(MODE_STRIPE, 2);
	s->config.probe_interval_ns = TIME_NEVER;
	for (unsigned i = 0; i < 2; i++)
		solo->path[i].ping_at = TIME_NEVER;
	CHECK_EQ(session_deadline(s, solo->now), TIME_NEVER);
	pass(10 * s->config.resume_timeout_ns);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	/* One owes something and is silent, the other owes nothing: that one may still be alive. */
	solo_write(solo, 100);
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 0);
	pass(10 * s->config.resume_timeout_ns);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	solo_free(solo);
}

/* Something is owed on all: since it was sent, or since the last sign of life on any of them. */
static void silence_on_all_paths(void)
{
	time_ns since;

	begin(MODE_STRIPE, 2);
	solo->now += NS_PER_S;
	solo_write(solo, 100);
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 0);
	solo->now += NS_PER_S;
	solo->path[1].ping_due = true;
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	since = solo->now;
	solo->now = since + s->config.resume_timeout_ns - 1;
	session_tick(s, solo->now);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	solo->now = health_due_at(&solo->path[1].health, 0) + s->config.resume_timeout_ns;
	session_tick(s, solo->now);
	CHECK_EQ(session_state(s), SESSION_RESET);
	CHECK_EQ(session_reason(s), REASON_RESUME_TIMEOUT);
	CHECK_EQ(session_deadline(s, solo->now), TIME_NEVER);
	pass(NS_PER_S);
	CHECK_EQ(session_state(s), SESSION_RESET);
	solo_free(solo);
}

/* The smaller of both ends' timeouts counts; for ever is the largest. */
static void whose_timeout_counts(void)
{
	begin(MODE_STRIPE, 0);
	CHECK_EQ(session_deadline(s, solo->now), solo->now + 300 * NS_PER_S);
	session_peer_declared(s, LIMIT, 5, 400 * NS_PER_S);
	CHECK_EQ(session_deadline(s, solo->now), solo->now + 300 * NS_PER_S);
	session_peer_declared(s, LIMIT + 1, 6, 30 * NS_PER_S);
	CHECK_EQ(session_deadline(s, solo->now), solo->now + 30 * NS_PER_S);
	CHECK_EQ(s->sender.peer_limit, LIMIT + 1);
	CHECK_EQ(s->sender.peer_credit, 6);
	pass(30 * NS_PER_S - 1);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	pass(1);
	CHECK_EQ(session_state(s), SESSION_RESET);
	solo_free(solo);

	begin(MODE_STRIPE, 0);
	s->resume_timeout_ns = TIME_NEVER;
	CHECK_EQ(session_deadline(s, solo->now), TIME_NEVER);
	pass(INT64_C(1000000) * NS_PER_S);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	/* A timeout that ends beyond all time does not come round. */
	s->resume_timeout_ns = TIME_NEVER - 1;
	CHECK_EQ(session_deadline(s, solo->now), TIME_NEVER);
	solo_free(solo);
}

/* A dialler tries for as long as it may resume, also when its peer vanished; an orphan is given up sooner. */
static void orphans_and_diallers(void)
{
	for (unsigned dialler = 0; dialler < 2; dialler++) {
		begin(MODE_STRIPE, 1);
		s->config.dialler = dialler;
		session_path_lost(s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
		pass(3 * NS_PER_S - 1);
		CHECK_EQ(session_state(s), SESSION_OPEN);
		pass(1);
		CHECK_EQ(session_state(s), dialler ? SESSION_OPEN : SESSION_RESET);
		pass(300 * NS_PER_S);
		CHECK_EQ(session_state(s), SESSION_RESET);
		CHECK_EQ(session_reason(s), dialler ? REASON_RESUME_TIMEOUT : REASON_PEER_VANISHED);
		solo_free(solo);
	}
	/* A resume timeout below the orphan's counts for orphans as well. */
	begin(MODE_STRIPE, 1);
	s->resume_timeout_ns = NS_PER_S;
	session_path_lost(s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
	CHECK_EQ(session_deadline(s, solo->now), solo->now + NS_PER_S);
	solo_free(solo);
}

/* --- the ends --- */

static void a_finished_session_waits_for_its_peer(void)
{
	time_ns finished_at;

	begin(MODE_STRIPE, 1);
	solo->now += NS_PER_S;
	finish();
	finished_at = solo->now;
	for (unsigned i = 1; i < 3; i++) {
		solo->now = finished_at + i * NS_PER_S;
		session_tick(s, solo->now);
		CHECK_EQ(session_state(s), SESSION_FINISHED);
	}
	solo->now = finished_at + 3 * NS_PER_S - 1;
	session_tick(s, solo->now);
	CHECK_EQ(session_state(s), SESSION_FINISHED);
	CHECK(session_deadline(s, solo->now) <= solo->now + 1);
	pass(1);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	CHECK_EQ(session_reason(s), REASON_NONE);
	pass(NS_PER_S);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	solo_free(solo);
}

/* Everything has arrived: an abort comes too late to be one. */
static void a_finished_session_is_not_reset(void)
{
	begin(MODE_STRIPE, 1);
	finish();
	session_reset(s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	CHECK_EQ(session_reason(s), REASON_NONE);
	CHECK_EQ(session_deadline(s, solo->now), TIME_NEVER);
	session_reset(s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	solo_free(solo);
}

/* RESET goes out on all paths, with the reason and what the program had consumed, once. */
static void a_reset_is_told_on_every_path(void)
{
	struct solo_frame frame;
	struct frame_reset reset;

	begin(MODE_STRIPE, 2);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_receive_consume(s, 60, solo->now);
	session_reset(s, REASON_ABORTED, solo->now);
	session_reset(s, REASON_PROTOCOL_ERROR, solo->now);
	CHECK_EQ(session_reason(s), REASON_ABORTED);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(solo_take_type(solo, i, FRAME_RESET, &frame));
		CHECK_EQ(frame_reset_decode(frame.payload, frame.header.length, &reset), 0);
		CHECK_EQ(reset.reason, REASON_ABORTED);
		CHECK_EQ(reset.consumed, 60);
		CHECK(!solo_take(solo, i, &frame));
		CHECK(session_path_done(s, &solo->path[i]));
	}
	/* What had arrived in order is still the program's; it can write no more. */
	CHECK_EQ(session_readable(s), 40);
	CHECK_EQ(session_room(s), 0);
	session_send_finish(s, solo->now);
	CHECK(!session_send_finished(s));
	solo_free(solo);
}

/* Each direction ends for itself, and what it lacks keeps the session open. */
static void open_until_both_ends_are_known(void)
{
	begin(MODE_STRIPE, 1);
	solo_write(solo, 100);
	CHECK(!session_send_finished(s));
	session_send_finish(s, solo->now);
	CHECK(session_send_finished(s));
	CHECK_EQ(session_unacknowledged(s), 101);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 100, NULL, 0), 0);
	CHECK_EQ(session_unacknowledged(s), 1);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK(!session_receive_ended(s));
	session_receive_consume(s, 10, solo->now);
	CHECK(session_receive_ended(s));
	CHECK_EQ(session_state(s), SESSION_OPEN);
	CHECK_EQ(solo_ack(solo, 0, 101, NULL, 0), 0);
	CHECK_EQ(session_state(s), SESSION_FINISHED);
	solo_free(solo);

	/* The peer's end is known, and a byte before it is missing. */
	begin(MODE_STRIPE, 1);
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	CHECK_EQ(solo_data(solo, 0, 1, 9, true), 0);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	CHECK_EQ(solo_data(solo, 0, 0, 1, false), 0);
	CHECK_EQ(session_state(s), SESSION_FINISHED);
	solo_free(solo);
}

/* --- the program's bytes --- */

/* Space is as much as was asked for, cut where blocks end, and never beyond the room. */
static void space_for_what_is_wanted(void)
{
	struct iovec iov[8];
	uint64_t sum = 0;
	unsigned used;

	begin(MODE_STRIPE, 1);
	solo_lend(solo);
	CHECK_EQ(session_room(s), LIMIT);
	CHECK_EQ(session_send_space(s, 1000, iov, 8), 1);
	CHECK_EQ(iov[0].iov_len, 1000);
	session_send_commit(s, 1000, solo->now);
	CHECK_EQ(session_room(s), LIMIT - 1000);
	CHECK_EQ(session_send_space(s, BLOCK_BYTES - 1000, iov, 8), 1);
	CHECK_EQ(iov[0].iov_len, BLOCK_BYTES - 1000);
	session_send_commit(s, 0, solo->now);
	CHECK_EQ(session_send_space(s, BLOCK_BYTES, iov, 8), 2);
	CHECK_EQ(iov[0].iov_len, BLOCK_BYTES - 1000);
	CHECK_EQ(iov[1].iov_len, 1000);
	session_send_commit(s, 0, solo->now);
	CHECK_EQ(session_send_space(s, 0, iov, 8), 0);
	session_send_commit(s, 0, solo->now);
	CHECK_EQ(session_send_space(s, 2 * LIMIT, iov, 8), STOCK_BLOCKS_FIRST);
	/* It has used up what it woke with. */
	solo_lend(solo);
	used = session_send_space(s, 2 * LIMIT, iov, 8);
	CHECK_EQ(used, 8);
	for (unsigned i = 0; i < used; i++)
		sum += iov[i].iov_len;
	CHECK_EQ(sum, 8 * BLOCK_BYTES - 1000);
	session_send_commit(s, 0, solo->now);
	CHECK_EQ(s->sender.buffer.end, 1000);
	solo_free(solo);
}

static void reading_nothing(void)
{
	struct iovec iov[2];

	begin(MODE_STRIPE, 1);
	CHECK_EQ(session_receive_peek(s, iov, 2), 0);
	CHECK_EQ(solo_data(solo, 0, 10, 10, false), 0);
	CHECK_EQ(session_receive_peek(s, iov, 2), 0);
	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	CHECK_EQ(session_receive_peek(s, iov, 2), 1);
	CHECK_EQ(iov[0].iov_len, 20);
	solo_free(solo);
}

/* A program that reads no more: what waits is dropped at once, and what comes as it comes. */
static void a_program_that_reads_no_more(void)
{
	struct session_figures figures;

	begin(MODE_STRIPE, 1);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_receive_discard(s, solo->now);
	CHECK_EQ(session_readable(s), 0);
	CHECK_EQ(solo_data(solo, 0, 100, 50, false), 0);
	CHECK_EQ(session_readable(s), 0);
	session_figures(s, &figures);
	CHECK_EQ(figures.received, 150);
	CHECK_EQ(figures.consumed, 150);
	solo_free(solo);
}

/* Blocks are wanted by who has a path, or a program that may write; never more than the stock, and few at first. */
static void how_many_blocks(void)
{
	begin(MODE_STRIPE, 0);
	/* And one to work in. */
	CHECK(session_asleep(s));
	CHECK_EQ(session_blocks_wanted(s), STOCK_BLOCKS_FIRST + 1);
	solo_lend(solo);
	CHECK_EQ(session_blocks_wanted(s), 0);
	solo_write(solo, BLOCK_BYTES - 1);
	CHECK_EQ(session_blocks_wanted(s) + s->stock.free, STOCK_BLOCKS_FIRST);
	solo_write(solo, 1);
	CHECK_EQ(session_blocks_wanted(s) + s->stock.free, STOCK_BLOCKS);
	solo_write(solo, LIMIT - BLOCK_BYTES);
	while (s->stock.free > 0) {
		free(session_reclaim(s));
		solo->blocks--;
	}
	CHECK_EQ(session_room(s), 0);
	CHECK_EQ(session_blocks_wanted(s), 0);
	/* Whichever slot its path has. */
	solo_path(solo, 0, RTT, false);
	solo_path(solo, 1, RTT, false);
	lose(0);
	CHECK_EQ(session_blocks_wanted(s) + s->stock.free, STOCK_BLOCKS);
	session_reset(s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_blocks_wanted(s), 0);
	solo_free(solo);
}

/* Asleep, it is woken to say its last word. */
static void a_sleeper_says_that_it_ends(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 1);
	solo_carry_all(solo);
	while (!session_asleep(s)) {
		void *block = session_reclaim(s);

		CHECK(block != NULL);
		free(block);
		solo->blocks--;
	}
	CHECK_EQ(s->stock.lent, 0);
	session_reset(s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_blocks_wanted(s), 1);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_RESET, &frame));
	solo_free(solo);
}

/* Woken for a probe it may sleep when that is answered; not so soon when bytes of the stream have moved. */
static void awake_for_a_probe(void)
{
	begin(MODE_STRIPE, 1);
	CHECK(session_asleep(s) || session_may_doze(s));
	solo->path[0].ping_due = true;
	solo_carry_all(solo);
	CHECK(health_outstanding(&solo->path[0].health) > 0);
	CHECK(!session_may_doze(s));
	solo->now += RTT;
	CHECK_EQ(solo_ack(solo, 0, 0, NULL, 0), 0);
	CHECK_EQ(health_outstanding(&solo->path[0].health), 0);
	CHECK(session_may_doze(s));
	CHECK_EQ(solo_data(solo, 0, 0, 1, false), 0);
	session_receive_consume(s, 1, solo->now);
	CHECK(!session_may_doze(s));
	solo_free(solo);
}

/* What has come of a frame lies where the session works: it stays awake until the rest is here. */
static void awake_within_a_frame(void)
{
	struct frame_ping ping = { .token = 5 };
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PING_MAX];
	struct solo_frame frame;
	size_t length = frame_ping_encode(bytes, sizeof bytes, &ping);

	for (size_t cut = 1; cut < length; cut++) {
		void *block;

		begin(MODE_STRIPE, 1);
		CHECK_EQ(solo_feed(solo, 0, bytes, cut), 0);
		while ((block = session_reclaim(s)) != NULL) {
			free(block);
			solo->blocks--;
		}
		CHECK(!session_asleep(s));
		CHECK_EQ(solo_feed(solo, 0, bytes + cut, length - cut), 0);
		solo_carry_all(solo);
		CHECK(solo_take_type(solo, 0, FRAME_PONG, &frame));
		solo_free(solo);
	}
}

/* --- modes and figures --- */

/* A wish without a path waits for one, and goes out on that one alone. */
static void a_wish_waits_for_a_path(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 0);
	session_ask_mode(s, MODE_DUPLICATE, solo->now);
	for (unsigned i = 0; i < 2; i++) {
		solo_path(solo, i, RTT, false);
		solo_carry_all(solo);
		CHECK_EQ(solo_take_type(solo, i, FRAME_MODE, &frame), i == 0);
		if (i == 0)
			CHECK_EQ(frame.payload[0], MODE_DUPLICATE);
	}
	/* With paths it goes on all of them at once, and no later one repeats it. */
	session_ask_mode(s, MODE_BACKUP, solo->now);
	solo_path(solo, 2, RTT, false);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(solo_take_type(solo, i, FRAME_MODE, &frame), i < 2);
	CHECK_EQ(session_mode(s), MODE_STRIPE);
	solo_free(solo);
}

static void what_was_written_and_copied(void)
{
	struct session_figures figures;

	begin(MODE_DUPLICATE, 2);
	solo_write(solo, 5000);
	solo_carry_all(solo);
	session_figures(s, &figures);
	CHECK_EQ(figures.written, 5000);
	CHECK_EQ(figures.acknowledged, 0);
	CHECK_EQ(figures.duplicate_sent, 5000);
	CHECK_EQ(solo->path[0].duplicate_bytes_sent + solo->path[1].duplicate_bytes_sent, 5000);
	CHECK_EQ(solo_ack(solo, 0, 3000, NULL, 0), 0);
	session_figures(s, &figures);
	CHECK_EQ(figures.acknowledged, 3000);
	/* The end is no byte. */
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 5001, NULL, 0), 0);
	session_figures(s, &figures);
	CHECK_EQ(figures.written, 5000);
	CHECK_EQ(figures.acknowledged, 5000);
	solo_free(solo);
}

/* An ACK that repeats what was known is no sign of life: somebody may play it again. */
static void old_news_is_no_sign_of_life(void)
{
	time_ns heard_at;

	begin(MODE_STRIPE, 1);
	heard_at = s->heard_at;
	struct frame_ack ack = { .receive_limit = LIMIT, .path_count = 1, .paths = { { 0, 0, 0 } } };
	ack.paths[0].path_id = solo->path[0].id;
	ack.paths[0].received_bytes = solo->path[0].health.proven_bytes;
	solo->now += NS_PER_S;
	CHECK_EQ(acknowledge_received(s, &ack, solo->now), 0);
	CHECK_EQ(s->heard_at, heard_at);
	solo_free(solo);
}

/* The last byte that waits goes too. */
static void a_byte_is_dropped_as_well(void)
{
	begin(MODE_STRIPE, 1);
	CHECK_EQ(solo_data(solo, 0, 0, 1, false), 0);
	session_receive_discard(s, solo->now);
	CHECK_EQ(session_readable(s), 0);
	solo_free(solo);
}

/* The first bytes of a session end no wait: nothing was missing. */
static void no_gap_before_the_first_bytes(void)
{
	struct session_figures figures;

	begin(MODE_STRIPE, 1);
	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	session_figures(s, &figures);
	CHECK_EQ(figures.received, 10);
	CHECK_EQ(figures.longest_gap_ns, 0);
	solo_free(solo);
}

/* The end is told on all paths. */
static void a_finished_session_closes_every_path(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 3);
	finish();
	solo_carry_all(solo);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(solo_take_type(solo, i, FRAME_CLOSE, &frame));
		CHECK_EQ(frame.payload[0] << 8 | frame.payload[1], REASON_DONE);
		CHECK_EQ(frame.payload[2] | frame.payload[3], 0);
		CHECK(session_path_done(s, &solo->path[i]));
	}
	solo_free(solo);
}

/* Whoever writes the program's memory: as long as any path does, it is not given back. */
static void any_plan_keeps_the_loans(void)
{
	static const uint8_t lent[100];
	struct iovec iov[8];
	size_t length;

	begin(MODE_STRIPE, 2);
	solo_lend(solo);
	CHECK_EQ(session_borrow(s, NULL, 0, lent, sizeof lent, solo->now), 0);
	CHECK(session_plan(s, &solo->path[1], iov, 8, solo->now) > 0);
	CHECK(session_loan(s, 0, &length) == NULL);
	session_reset(s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_loans_returned(s), 0);
	session_wrote(s, &solo->path[1], 0, solo->now);
	CHECK_EQ(session_loans_returned(s), 1);
	solo_free(solo);
}

/*
 * The peer wants no more while a frame is half written, and no block is there to keep its rest in: the
 * session ends once the rest is written.
 */
static void an_end_that_half_a_frame_put_off(void)
{
	void *block;

	begin(MODE_DUPLICATE, 2);
	solo_write(solo, 5000);
	session_send_finish(s, solo->now);
	CHECK_EQ(solo_data(solo, 1, 0, 10, true), 0);
	CHECK_EQ(solo_carry(solo, 0, 1016), 1016);
	session_path_room(s, &solo->path[0], false);
	solo_carry_all(solo);
	while ((block = session_reclaim(s)) != NULL) {
		free(block);
		solo->blocks--;
	}
	s->peer_done = true;
	session_settle(s, solo->now);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	CHECK(session_unacknowledged(s) > 0);
	session_path_room(s, &solo->path[0], true);
	solo_carry_all(solo);
	session_tick(s, solo->now);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	solo_free(solo);
}

int main(void)
{
	RUN(an_idle_session_never_ends);
	RUN(silence_on_all_paths);
	RUN(whose_timeout_counts);
	RUN(orphans_and_diallers);
	RUN(a_finished_session_waits_for_its_peer);
	RUN(a_finished_session_is_not_reset);
	RUN(a_reset_is_told_on_every_path);
	RUN(open_until_both_ends_are_known);
	RUN(space_for_what_is_wanted);
	RUN(reading_nothing);
	RUN(a_program_that_reads_no_more);
	RUN(how_many_blocks);
	RUN(a_sleeper_says_that_it_ends);
	RUN(awake_for_a_probe);
	RUN(awake_within_a_frame);
	RUN(a_wish_waits_for_a_path);
	RUN(what_was_written_and_copied);
	RUN(old_news_is_no_sign_of_life);
	RUN(a_byte_is_dropped_as_well);
	RUN(no_gap_before_the_first_bytes);
	RUN(a_finished_session_closes_every_path);
	RUN(any_plan_keeps_the_loans);
	RUN(an_end_that_half_a_frame_put_off);
	return 0;
}
