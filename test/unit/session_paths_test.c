/* SPDX-License-Identifier: Apache-2.0 */
/* Paths coming and going: their ids, what they carried, wishes and ends that wait for one. */
#include <errno.h>

#include "core/scheduler.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (1u << 20)
#define RTT   (20 * NS_PER_MS)

static struct solo *solo;

static void begin(enum session_mode mode, unsigned paths)
{
	solo = solo_alike(mode, LIMIT, paths, RTT);
}

static enum health_state state_of(unsigned path)
{
	return solo->path[path].health.state;
}

static int add(struct path *path, uint16_t id)
{
	return session_add_path(solo->s, path, id, 0, RTT, solo->now);
}

/* Ids may come in another order than they were given out; none is used twice. */
static void ids_are_used_once(void)
{
	struct path path;
	unsigned used[] = { 100, 101, 99, 50, 164 }, refused[] = { 100, 99, 50, 101, 36, 164, PATH_ID_NONE };

	begin(MODE_STRIPE, 1);
	for (unsigned i = 0; i < 5; i++) {
		CHECK_EQ(add(&path, (uint16_t)used[i]), 0);
		session_remove_path(solo->s, &path, solo->now);
	}
	for (unsigned i = 0; i < 7; i++)
		CHECK_EQ(add(&path, (uint16_t)refused[i]), -EEXIST);
	solo_free(solo);
}

/* A peer that leaps comes round to an id that lives: two of a kind would make an ACK impossible. */
static void an_id_in_use_is_refused_after_a_leap(void)
{
	static const uint16_t leaps[] = { 30000, 60000 };
	struct path path[3];

	begin(MODE_STRIPE, 2);
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(add(&path[i], leaps[i]), 0);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(solo->path[i].id, i);
		CHECK_EQ(add(&path[2], (uint16_t)i), -EEXIST);
	}
	solo->path[0].ack_due = solo->path[0].ack_urgent = true;
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 0);
	for (unsigned i = 0; i < 2; i++)
		session_remove_path(solo->s, &path[i], solo->now);
	solo_free(solo);
}

static void no_more_than_there_is_room_for(void)
{
	struct path path;

	begin(MODE_STRIPE, PATHS_MAX);
	CHECK_EQ(add(&path, 1000), -ENOSPC);
	session_remove_path(solo->s, &solo->path[3], solo->now);
	free(solo->out[3].bytes);
	solo->out[3].bytes = NULL;
	CHECK_EQ(add(&path, 1000), 0);
	CHECK_EQ(path.slot, 3);
	session_remove_path(solo->s, &path, solo->now);
	solo_free(solo);
}

static void a_lost_path_gives_back_what_it_carried(void)
{
	struct chunk chunk;

	begin(MODE_STRIPE, 2);
	solo_write(solo, 10000);
	solo_carry(solo, 0, SIZE_MAX);
	CHECK(flight_carriers(&solo->s->sender.flight, 0, 10000) & FLIGHT_BIT(0));
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	CHECK_EQ(state_of(0), HEALTH_DOWN);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[0], solo->now), REASON_PATH_RESET);
	CHECK(scheduler_next(&solo->s->sender, &solo->path[1], solo->now, &chunk));
	CHECK_EQ(chunk.start, 0);
	/* Twice is once. */
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[0], solo->now), REASON_PATH_RESET);
	solo_free(solo);
}

/* Once a path is back, the outage that every carrier's end made is over: silence is not the peer's end. */
static void an_ended_outage_is_forgotten(void)
{
	begin(MODE_STRIPE, 1);
	solo->s->config.dialler = false;
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
	session_remove_path(solo->s, &solo->path[0], solo->now);
	solo_path(solo, 0, 20 * NS_PER_MS, true);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 100; i++)
		solo_pass(solo, 100 * NS_PER_MS);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	solo_free(solo);
}

/* A path silent for longer than a session waits, another that works and is lost: that is no outage yet. */
static void patience_counts_from_the_last_sign_of_life(void)
{
	struct session_config config = world_config(MODE_STRIPE);

	config.resume_timeout_ns = 5 * NS_PER_S;
	config.suspect_floor_ns = TIME_NEVER;
	solo = solo_new(&config, 1u << 20);
	solo_path(solo, 0, 20 * NS_PER_MS, true);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	solo_path(solo, 1, 20 * NS_PER_MS, true);
	for (unsigned i = 0; i < 100; i++) {
		uint8_t ping[64];
		struct frame_ping frame = { .token = i };

		solo_pass(solo, 100 * NS_PER_MS);
		CHECK_EQ(solo_feed(solo, 1, ping, frame_ping_encode(ping, sizeof ping, &frame)), 0);
		solo_carry_all(solo);
	}
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
	session_remove_path(solo->s, &solo->path[1], solo->now);
	solo_pass(solo, 100 * NS_PER_MS);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	for (unsigned i = 0; i < 60; i++)
		solo_pass(solo, 100 * NS_PER_MS);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	solo_free(solo);
}

/* What the program asks of the peer is asked although the path is lost before it could be told. */
static void a_wish_outlives_its_path(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 1);
	session_ask_mode(solo->s, MODE_DUPLICATE, solo->now);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	solo_path(solo, 1, RTT, false);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 1, FRAME_MODE, &frame));
	CHECK_EQ(frame.payload[0], MODE_DUPLICATE);
	solo_free(solo);
}

/* However short the patience: with a path present it counts from when an answer is due. */
static void no_patience_at_all(void)
{
	struct session_config config = world_config(MODE_STRIPE);

	config.resume_timeout_ns = 0;
	solo = solo_new(&config, 1u << 20);
	solo_path(solo, 0, RTT, true);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	solo_pass(solo, 0);
	solo_pass(solo, RTT / 2);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	CHECK(session_deadline(solo->s, solo->now) > solo->now);
	solo_pass(solo, NS_PER_S);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	solo_free(solo);
}

static void patience_without_a_path(void)
{
	for (unsigned ended = 0; ended < 2; ended++) {
		begin(MODE_STRIPE, 2);
		session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, ended, solo->now);
		CHECK_EQ(solo->s->pathless_at, TIME_NEVER);
		session_path_lost(solo->s, &solo->path[1], REASON_PATH_LOST, ended, solo->now);
		CHECK_EQ(session_deadline(solo->s, solo->now),
			 solo->now + (ended ? solo->s->config.orphan_timeout_ns :
					      solo->s->config.resume_timeout_ns));
		solo_pass(solo, solo->s->config.orphan_timeout_ns);
		CHECK_EQ(session_state(solo->s), ended ? SESSION_RESET : SESSION_OPEN);
		if (ended)
			CHECK_EQ(session_reason(solo->s), REASON_PEER_VANISHED);
		solo_pass(solo, solo->s->config.resume_timeout_ns);
		CHECK_EQ(session_state(solo->s), SESSION_RESET);
		CHECK_EQ(session_deadline(solo->s, solo->now), TIME_NEVER);
		solo_free(solo);
	}
}

static void a_path_that_comes_after_the_end_is_told(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 1);
	solo_write(solo, 100);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(solo_ack(solo, 0, 101, NULL, 0), 0);
	CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	solo_path(solo, 1, RTT, false);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 1, FRAME_CLOSE, &frame));
	CHECK_EQ(frame.payload[1], REASON_DONE);
	CHECK_EQ(frame.payload[2] | frame.payload[3], 0);
	CHECK(session_path_done(solo->s, &solo->path[1]));
	solo_free(solo);
}

/* Ids far ahead: the memory of those just below begins anew, also after a leap as long as it. */
static void leaps_of_ids(void)
{
	static const uint16_t used[] = { 10, 11, 75, 74, 12, 76, 139, 138 }, refused[] = { 75, 74, 12, 11, 75 };
	struct path path;

	begin(MODE_STRIPE, 1);
	for (unsigned i = 0; i < 8; i++) {
		CHECK_EQ(add(&path, used[i]), 0);
		session_remove_path(solo->s, &path, solo->now);
		CHECK_EQ(add(&path, used[i]), -EEXIST);
	}
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(add(&path, refused[i]), -EEXIST);
	solo_free(solo);
}

static void no_room_after_copies_either(void)
{
	struct path path;

	begin(MODE_DUPLICATE, PATHS_MAX);
	solo_write(solo, 1000);
	solo_carry_all(solo);
	CHECK_EQ(add(&path, 1000), -ENOSPC);
	solo_free(solo);
}

/* What is over by then needs no probe; small data does not take its place. */
static void a_new_path_is_probed_once_it_has_lived_a_little(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 0);
	solo_path(solo, 0, RTT, false);
	session_tick(solo->s, solo->now);
	CHECK(!solo->path[0].ping_due);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 20 * NS_PER_MS);
	solo_write(solo, 1);
	solo_carry_all(solo);
	CHECK(!solo_take_type(solo, 0, FRAME_PING, &frame));
	solo->now += 10 * NS_PER_MS;
	session_tick(solo->s, solo->now);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	CHECK(session_deadline(solo->s, solo->now) <= solo->now + 10 * NS_PER_MS);
	solo->now += 10 * NS_PER_MS;
	session_tick(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_PING, &frame));
	CHECK(frame.header.length > 1400);
	solo_free(solo);
}

static void a_new_path_tells_what_has_come(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 1);
	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	solo_path(solo, 1, RTT, false);
	solo_carry_all(solo);
	CHECK(!solo_take_type(solo, 1, FRAME_ACK, &frame));
	/* Soon, and at once where there is no other path. */
	CHECK(session_deadline(solo->s, solo->now) <= solo->now + RTT / 4);
	session_remove_path(solo->s, &solo->path[0], solo->now);
	session_remove_path(solo->s, &solo->path[1], solo->now);
	solo_path(solo, 0, RTT, false);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_ACK, &frame));
	solo_free(solo);
}

/* Not known how far: a tenth of a second is assumed. Where nothing has come nothing is to be said. */
static void a_path_begins(void)
{
	struct path path;

	begin(MODE_STRIPE, 1);
	CHECK_EQ(session_add_path(solo->s, &path, 77, 5, -1, solo->now), 0);
	CHECK_EQ(path.health.srtt_ns, 100 * NS_PER_MS);
	CHECK_EQ(path.rank, 5);
	CHECK(path.roomy);
	CHECK_EQ(path.received_at, solo->now);
	CHECK(!path.ack_due);
	CHECK(session_next_writer(solo->s, solo->now) == NULL);
	session_remove_path(solo->s, &path, solo->now);
	CHECK_EQ(session_add_path(solo->s, &path, 79, 5, 0, solo->now), 0);
	CHECK_EQ(path.health.srtt_ns, 100 * NS_PER_MS);
	session_remove_path(solo->s, &path, solo->now);
	CHECK_EQ(session_add_path(solo->s, &path, 78, 5, 1, solo->now), 0);
	CHECK_EQ(path.health.srtt_ns, NS_PER_US);
	session_remove_path(solo->s, &path, solo->now);
	solo_free(solo);
}

/* Why a path carries nothing, in words that a person can read. */
static void reasons(void)
{
	begin(MODE_BACKUP, 2);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[0], solo->now), REASON_NONE);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[1], solo->now), REASON_PATH_STANDBY);
	session_set_mode(solo->s, MODE_STRIPE, solo->now);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[1], solo->now), REASON_NONE);
	solo_write(solo, 1000);
	for (unsigned i = 0; i < 2; i++)
		solo->path[i].health.rate_bytes = 10000000;
	solo->path[1].health.rtt_min_ns = NS_PER_S;
	CHECK_EQ(session_path_reason(solo->s, &solo->path[1], solo->now), REASON_PATH_SLOWER);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[0], solo->now), REASON_NONE);
	solo_path(solo, 2, RTT, false);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[2], solo->now), REASON_PATH_PROVING);
	solo_free(solo);
}

/* Lost while all others are lost too: since then, and never moved by what is lost later. */
static void without_any_path(void)
{
	time_ns since;

	begin(MODE_STRIPE, 2);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	solo->now += NS_PER_S;
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, true, solo->now);
	since = solo->now;
	CHECK_EQ(solo->s->pathless_at, since);
	CHECK(!solo->path[1].roomy);
	session_path_room(solo->s, &solo->path[1], true);
	CHECK(!solo->path[1].roomy);
	/* Those who are out of it are asked nothing. */
	CHECK(session_next_writer(solo->s, solo->now) == NULL);
	solo->now += NS_PER_S;
	solo_path(solo, 2, RTT, false);
	CHECK_EQ(solo->s->pathless_at, TIME_NEVER);
	CHECK(!solo->s->pathless_ended);
	solo_free(solo);
}

/* Four notes may wait; a wish for a mode takes the place of the last one, wherever it stands. */
static void notes_have_a_limit(void)
{
	uint8_t note[PATH_NOTE_BYTES];
	struct frame_pong pong = { .token = 1 };
	size_t length = frame_pong_encode(note, sizeof note, &pong);
	struct path *p;

	begin(MODE_STRIPE, 1);
	p = &solo->path[0];
	path_queue_mode(p, MODE_BACKUP);
	path_queue_mode(p, MODE_STRIPE);
	CHECK_EQ(p->notes_count, 1);
	CHECK_EQ(p->notes[0].bytes[FRAME_HEADER_BYTES], MODE_STRIPE);
	solo_carry_all(solo);
	/* One that was told leaves nothing to replace. */
	path_queue_mode(p, MODE_BACKUP);
	CHECK_EQ(p->notes_count, 1);
	solo_carry_all(solo);
	path_queue_note(p, note, length);
	path_queue_mode(p, MODE_BACKUP);
	path_queue_note(p, note, length);
	path_queue_mode(p, MODE_DUPLICATE);
	CHECK_EQ(p->notes_count, 3);
	CHECK_EQ(p->notes[1].bytes[FRAME_HEADER_BYTES], MODE_DUPLICATE);
	path_queue_note(p, note, length);
	path_queue_note(p, note, length);
	CHECK_EQ(p->notes_count, PATH_NOTES_MAX);
	/* The end of this carrier always finds room, once. */
	path_queue_close(p, REASON_GOING_AWAY, 7);
	path_queue_close(p, REASON_DONE, 0);
	CHECK_EQ(p->notes_count, PATH_NOTES_MAX + 1);
	CHECK_EQ(p->notes[PATH_NOTES_MAX].bytes[0], FRAME_CLOSE);
	CHECK_EQ(p->notes[PATH_NOTES_MAX].bytes[FRAME_HEADER_BYTES + 1], REASON_GOING_AWAY);
	CHECK_EQ(p->notes[PATH_NOTES_MAX].bytes[FRAME_HEADER_BYTES + 3], 7);
	path_queue_mode(p, MODE_STRIPE);
	CHECK_EQ(p->notes[1].bytes[FRAME_HEADER_BYTES], MODE_DUPLICATE);
	solo_free(solo);
}

/* Two ids alone, the first of a session among them: either is remembered. */
static void the_first_ids_are_remembered(void)
{
	struct path path;

	begin(MODE_STRIPE, 0);
	for (uint16_t id = 5; id < 7; id++) {
		CHECK_EQ(add(&path, id), 0);
		session_remove_path(solo->s, &path, solo->now);
	}
	CHECK_EQ(add(&path, 5), -EEXIST);
	solo_free(solo);
}

/* The ACKs of what came may have been lost with a path: all that are left say it, at once. */
static void who_is_left_tells_what_has_come(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 3);
	CHECK_EQ(solo_data(solo, 1, 0, 10, false), 0);
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
	for (unsigned i = 0; i < 3; i += 2) {
		while (solo_take(solo, i, &frame))
			;
		CHECK_EQ(solo->path[i].ack_bytes, 0);
	}
	solo_carry_all(solo);
	for (unsigned i = 0; i < 3; i += 2)
		CHECK(solo_take(solo, i, &frame) && frame.header.type == FRAME_ACK);
	solo_free(solo);
}

/* Of the first byte, of one that leaves a gap, of the end alone. */
static void whatever_has_come_is_told(void)
{
	static const struct { uint64_t offset; uint32_t length; bool fin; } come[] = {
		{ 0, 1, false }, { 5, 1, false }, { 0, 0, true },
	};

	for (unsigned i = 0; i < 3; i++) {
		begin(MODE_STRIPE, 1);
		CHECK_EQ(solo_data(solo, 0, come[i].offset, come[i].length, come[i].fin), 0);
		solo_path(solo, 1, RTT, false);
		CHECK(solo->path[1].ack_due);
		CHECK_EQ(solo->path[1].ack_bytes, 0);
		solo_free(solo);
	}
}

/* Joined, or heard of, and then lost: the peer was there until then, however long another path is silent. */
static void a_sign_of_life_begins_patience_anew(void)
{
	for (unsigned proved = 0; proved < 2; proved++) {
		time_ns heard_at;

		begin(MODE_STRIPE, 1);
		solo_write(solo, 8000);
		solo_carry_all(solo);
		solo->now += 200 * NS_PER_S;
		solo_path(solo, 1, RTT, false);
		if (proved) {
			solo->path[1].ping_due = true;
			CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
			solo->now += 50 * NS_PER_S;
			solo_prove(solo, 1, 0);
		}
		heard_at = solo->now;
		session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
		solo->now = heard_at + solo->s->config.resume_timeout_ns - 1;
		session_tick(solo->s, solo->now);
		CHECK_EQ(session_state(solo->s), SESSION_OPEN);
		solo_pass(solo, 1);
		CHECK_EQ(session_state(solo->s), SESSION_RESET);
		solo_free(solo);
	}
}

/* As long as any path is there it is no outage; one that is taken out was not ended by the peer. */
static void an_outage_is_of_all_paths(void)
{
	begin(MODE_STRIPE, 2);
	solo->s->config.dialler = false;
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_LOST, true, solo->now);
	CHECK_EQ(solo->s->pathless_at, TIME_NEVER);
	session_remove_path(solo->s, &solo->path[0], solo->now);
	free(solo->out[0].bytes);
	solo->out[0].bytes = NULL;
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + solo->s->config.resume_timeout_ns);
	solo_free(solo);
}

/* A path that comes in the place of a lost one has carried nothing of what that had. */
static void a_path_in_the_place_of_another_sends_anew(void)
{
	struct solo_frame frame;
	uint64_t start, end;

	begin(MODE_DUPLICATE, 2);
	solo_write(solo, 5000);
	solo_carry_all(solo);
	session_remove_path(solo->s, &solo->path[0], solo->now);
	solo_path(solo, 0, RTT, false);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_DATA, &frame));
	solo_data_range(&frame, &start, &end);
	CHECK_EQ(start, 0);
	CHECK_EQ(end, 5000);
	solo_free(solo);
}

/* A wish that waits behind other notes is told on the next path, one that was told is not told again. */
static void only_a_wish_that_was_not_told_is_told_again(void)
{
	for (unsigned told = 0; told < 2; told++) {
		uint8_t note[PATH_NOTE_BYTES];
		struct frame_pong pong = { .token = 1 };
		struct solo_frame frame;

		begin(MODE_STRIPE, 1);
		if (!told)
			path_queue_note(&solo->path[0], note, frame_pong_encode(note, sizeof note, &pong));
		session_ask_mode(solo->s, MODE_DUPLICATE, solo->now);
		if (told)
			solo_carry_all(solo);
		session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
		solo_path(solo, 1, RTT, false);
		solo_carry_all(solo);
		CHECK_EQ(solo_take_type(solo, 1, FRAME_MODE, &frame), !told);
		solo_free(solo);
	}
}

/* The rest of a half written frame goes with its path; solo_free misses the block otherwise. */
static void a_tail_goes_with_its_path(void)
{
	begin(MODE_DUPLICATE, 2);
	solo_write(solo, 5000);
	CHECK_EQ(solo_carry(solo, 0, 1000), 1000);
	session_path_room(solo->s, &solo->path[0], false);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 1, 5000, NULL, 0), 0);
	CHECK(solo->path[0].work->out.tail != NULL);
	session_remove_path(solo->s, &solo->path[0], solo->now);
	CHECK(solo->path[0].work == NULL);
	free(solo->out[0].bytes);
	solo->out[0].bytes = NULL;
	solo_free(solo);
}

/* What was sent when the carrier took no more tells its rate; that there is room again tells nothing. */
static void a_full_carrier_is_noted(void)
{
	begin(MODE_STRIPE, 1);
	session_path_room(solo->s, &solo->path[0], true);
	CHECK_EQ(solo->path[0].health.full_bytes, 0);
	session_path_room(solo->s, &solo->path[0], false);
	CHECK(solo->path[0].health.full_bytes > 0);
	CHECK_EQ(solo->path[0].health.full_bytes, solo->path[0].health.sent_bytes);
	solo_free(solo);
}

/* Whether the peer closed this carrier, and only then why. */
static void what_the_peer_closed(void)
{
	struct frame_close close = { .reason = REASON_GOING_AWAY };
	enum reason reason = REASON_ABORTED;
	uint8_t note[PATH_NOTE_BYTES];
	size_t length = frame_close_encode(note, sizeof note, &close);

	begin(MODE_STRIPE, 2);
	CHECK(!session_path_closed_by_peer(&solo->path[1], &reason));
	CHECK_EQ(reason, REASON_ABORTED);
	CHECK_EQ(solo_feed(solo, 1, note, length), 0);
	CHECK(session_path_closed_by_peer(&solo->path[1], &reason));
	CHECK_EQ(reason, REASON_GOING_AWAY);
	solo_free(solo);
}

static void queue_pongs(unsigned count)
{
	struct frame_pong pong = { .token = 7 };
	uint8_t note[PATH_NOTE_BYTES];
	size_t length = frame_pong_encode(note, sizeof note, &pong);

	for (unsigned i = 0; i < count; i++)
		path_queue_note(&solo->path[0], note, length);
}

/* What ends a carrier goes, however many notes are being written when it comes. */
static void the_last_frame_is_not_taken_for_one_under_way(void)
{
	struct solo_frame frame;

	for (unsigned notes = 0; notes <= PATH_NOTES_MAX; notes++) {
		size_t moved;

		begin(MODE_STRIPE, 1);
		solo_carry_all(solo);
		while (solo_take(solo, 0, &frame))
			;
		queue_pongs(notes);
		moved = solo_plan(solo, 0, SIZE_MAX);
		session_reset(solo->s, REASON_ABORTED, solo->now);
		session_wrote(solo->s, &solo->path[0], moved, solo->now);
		CHECK(!session_path_done(solo->s, &solo->path[0]));
		solo_carry_all(solo);
		CHECK(session_path_done(solo->s, &solo->path[0]));
		for (unsigned i = 0; i < notes; i++) {
			CHECK(solo_take(solo, 0, &frame));
			CHECK_EQ(frame.header.type, FRAME_PONG);
		}
		CHECK(solo_take(solo, 0, &frame));
		CHECK_EQ(frame.header.type, FRAME_RESET);
		CHECK(!solo_take(solo, 0, &frame));
		solo_free(solo);
	}
}

/* The mode that was wished last is told last, whether the one before is under way or still waits. */
static void a_wish_behind_one_under_way(void)
{
	struct solo_frame frame;
	struct frame_mode mode;

	for (unsigned begun = 0; begun < 2; begun++) {
		static const enum session_mode told[] = { MODE_BACKUP, MODE_CONVERGE };
		size_t moved;

		begin(MODE_STRIPE, 1);
		solo_carry_all(solo);
		while (solo_take(solo, 0, &frame))
			;
		path_queue_mode(&solo->path[0], MODE_DUPLICATE);
		path_queue_mode(&solo->path[0], MODE_BACKUP);
		queue_pongs(2);
		moved = solo_plan(solo, 0, begun ? 1 : SIZE_MAX);
		if (begun) {
			session_wrote(solo->s, &solo->path[0], moved, solo->now);
			path_queue_mode(&solo->path[0], MODE_STRIPE);
			moved = solo_plan(solo, 0, 1);
		}
		path_queue_mode(&solo->path[0], MODE_DUPLICATE);
		path_queue_mode(&solo->path[0], MODE_CONVERGE);
		session_wrote(solo->s, &solo->path[0], moved, solo->now);
		solo_carry_all(solo);
		for (unsigned i = 0; i < 2; i++) {
			CHECK(solo_take_type(solo, 0, FRAME_MODE, &frame));
			CHECK_EQ(frame_mode_decode(frame.payload, frame.header.length, &mode), 0);
			CHECK_EQ(mode.mode, told[i]);
		}
		CHECK(!solo_take_type(solo, 0, FRAME_MODE, &frame));
		solo_free(solo);
	}
}

/* Nothing of a plan went: both wishes in it and behind it wait, and the last of them gives way to a newer one. */
static void a_wish_behind_one_that_did_not_go(void)
{
	static const enum session_mode told[] = { MODE_DUPLICATE, MODE_CONVERGE };
	struct solo_frame frame;
	struct frame_mode mode;

	begin(MODE_STRIPE, 1);
	solo_carry_all(solo);
	while (solo_take(solo, 0, &frame))
		;
	path_queue_mode(&solo->path[0], MODE_DUPLICATE);
	(void)solo_plan(solo, 0, 0);
	path_queue_mode(&solo->path[0], MODE_BACKUP);
	session_wrote(solo->s, &solo->path[0], 0, solo->now);
	path_queue_mode(&solo->path[0], MODE_CONVERGE);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(solo_take_type(solo, 0, FRAME_MODE, &frame));
		CHECK_EQ(frame_mode_decode(frame.payload, frame.header.length, &mode), 0);
		CHECK_EQ(mode.mode, told[i]);
	}
	solo_free(solo);
}

/* The driver's memory may hold anything. */
static void a_path_in_used_memory(void)
{
	enum reason reason;
	struct path path;

	begin(MODE_STRIPE, 1);
	memset(&path, 0xff, sizeof path);
	CHECK_EQ(add(&path, 7), 0);
	CHECK(!session_path_closed_by_peer(&path, &reason));
	CHECK(!session_path_done(solo->s, &path));
	CHECK_EQ(session_path_reason(solo->s, &path, solo->now), REASON_PATH_PROVING);
	CHECK_EQ(path.received_bytes, 0);
	CHECK_EQ(path.notes_count, 0);
	session_remove_path(solo->s, &path, solo->now);
	solo_free(solo);
}

int main(void)
{
	RUN(ids_are_used_once);
	RUN(an_id_in_use_is_refused_after_a_leap);
	RUN(no_more_than_there_is_room_for);
	RUN(a_lost_path_gives_back_what_it_carried);
	RUN(an_ended_outage_is_forgotten);
	RUN(patience_counts_from_the_last_sign_of_life);
	RUN(a_wish_outlives_its_path);
	RUN(no_patience_at_all);
	RUN(patience_without_a_path);
	RUN(a_path_that_comes_after_the_end_is_told);
	RUN(leaps_of_ids);
	RUN(no_room_after_copies_either);
	RUN(a_path_begins);
	RUN(a_new_path_is_probed_once_it_has_lived_a_little);
	RUN(a_new_path_tells_what_has_come);
	RUN(reasons);
	RUN(without_any_path);
	RUN(notes_have_a_limit);
	RUN(the_first_ids_are_remembered);
	RUN(who_is_left_tells_what_has_come);
	RUN(whatever_has_come_is_told);
	RUN(a_sign_of_life_begins_patience_anew);
	RUN(an_outage_is_of_all_paths);
	RUN(a_path_in_the_place_of_another_sends_anew);
	RUN(only_a_wish_that_was_not_told_is_told_again);
	RUN(a_tail_goes_with_its_path);
	RUN(a_full_carrier_is_noted);
	RUN(what_the_peer_closed);
	RUN(the_last_frame_is_not_taken_for_one_under_way);
	RUN(a_wish_behind_one_under_way);
	RUN(a_wish_behind_one_that_did_not_go);
	RUN(a_path_in_used_memory);
	return 0;
}
