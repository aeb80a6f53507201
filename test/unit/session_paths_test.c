/* SPDX-License-Identifier: Apache-2.0 */
/* Paths coming and going, suspicion, readmission, probes. */
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
	struct session_config config = world_config(mode);

	config.receive_limit_bytes = config.send_limit_bytes = LIMIT;
	solo = solo_new(&config, LIMIT);
	for (unsigned i = 0; i < paths; i++)
		solo_path(solo, i, RTT, true);
	for (unsigned i = 0; i < paths; i++) {
		solo_carry_all(solo);
		CHECK_EQ(solo_ack(solo, i, 0, NULL, 0), 0);
	}
}

static enum health_state state_of(unsigned path)
{
	return solo->path[path].health.state;
}

/* The peer says how much of one path has arrived there: all but `missing` bytes. */
static void prove(unsigned path, uint64_t missing)
{
	struct frame_ack ack = {
		.cumulative = solo->s->sender.flight.base,
		.range_credit = RANGE_CREDIT,
		.path_count = 1,
		.paths = { { solo->path[path].id, 0, solo->path[path].health.sent_bytes - missing } },
	};

	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
}

static void pass(time_ns time)
{
	solo->now += time;
	session_tick(solo->s, solo->now);
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

	begin(MODE_STRIPE, 1);
	CHECK_EQ(solo->path[0].id, 0);
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(add(&path[i], leaps[i]), 0);
	CHECK_EQ(add(&path[2], 0), -EEXIST);
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

/* Silent, and another path has newer evidence: suspect. Its bytes go elsewhere at once. */
static void suspicion_is_relative(void)
{
	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 8000);
	pass(RTT + 100 * NS_PER_MS);
	/* All are silent: perhaps the peer is. The idle one is asked. */
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	CHECK(solo->path[1].ping_due);
	CHECK(session_next_writer(solo->s, solo->now) == &solo->path[1]);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	CHECK(session_next_writer(solo->s, solo->now) == NULL);
	pass(RTT);
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	prove(1, 0);
	pass(1);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[0], solo->now), REASON_PATH_SUSPECT);
	CHECK(session_next_writer(solo->s, solo->now) == &solo->path[1]);
	solo_free(solo);
}

static void make_suspect(void)
{
	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	solo_carry(solo, 0, SIZE_MAX);
	pass(RTT + 100 * NS_PER_MS);
	solo_carry_all(solo);
	prove(1, 0);
	pass(1);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	solo_carry_all(solo);
	prove(1, 0);
}

/* Out of SUSPECT slowly, through a probe of its own, with new evidence. */
static void readmission(void)
{
	make_suspect();
	/* Too soon. */
	pass(NS_PER_MS);
	prove(0, 10);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	pass(solo->path[0].health.dwell_ns);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	prove(0, 0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	CHECK(solo->path[0].ping_due);
	/* Only what is sent now can prove it. */
	prove(0, 0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	solo_carry_all(solo);
	pass(RTT);
	prove(0, 0);
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	solo_free(solo);
}

/* All evidence came while it was too soon: time alone readmits it then, there is nothing to wait for. */
static void readmission_when_nothing_is_owed(void)
{
	time_ns deadline;

	make_suspect();
	prove(0, 0);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	deadline = session_deadline(solo->s, solo->now);
	CHECK(deadline > solo->now);
	CHECK(deadline <= solo->now + solo->path[0].health.dwell_ns);
	solo->now = deadline;
	session_tick(solo->s, solo->now);
	solo->now = solo->path[0].health.state_at + solo->path[0].health.dwell_ns;
	session_tick(solo->s, solo->now);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	solo_free(solo);
}

static void alone_it_is_never_suspect(void)
{
	begin(MODE_STRIPE, 1);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 45; i++) {
		time_ns deadline = session_deadline(solo->s, solo->now);

		CHECK(deadline > solo->now);
		pass(deadline - solo->now);
		CHECK_EQ(state_of(0), HEALTH_ACTIVE);
		CHECK(session_next_writer(solo->s, solo->now) == NULL);
	}
	/* Looked at ever more rarely. */
	CHECK(solo->now > 30 * NS_PER_S);
	CHECK(session_path_silent_since(solo->s, &solo->path[0], solo->now) > 0);
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
		pass(100 * NS_PER_MS);
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

		pass(100 * NS_PER_MS);
		CHECK_EQ(solo_feed(solo, 1, ping, frame_ping_encode(ping, sizeof ping, &frame)), 0);
		solo_carry_all(solo);
	}
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
	session_remove_path(solo->s, &solo->path[1], solo->now);
	pass(100 * NS_PER_MS);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	for (unsigned i = 0; i < 60; i++)
		pass(100 * NS_PER_MS);
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
	pass(0);
	pass(RTT / 2);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	CHECK(session_deadline(solo->s, solo->now) > solo->now);
	pass(NS_PER_S);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	solo_free(solo);
}

/* A path is readmitted on a probe; where no probe can go it stays suspect, and nobody waits in a circle. */
static void without_room_there_is_no_readmission(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1 };

	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	prove(0, 0);
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	session_path_room(solo->s, &solo->path[0], false);
	for (unsigned i = 0; i < 100 && state_of(0) != HEALTH_SUSPECT; i++) {
		pass(50 * NS_PER_MS);
		solo_carry_all(solo);
		prove(1, 0);
		report.ack_age_ns += 50 * NS_PER_MS;
		session_path_report(solo->s, &solo->path[0], &report, solo->now);
	}
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	pass(5 * NS_PER_S);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	session_path_room(solo->s, &solo->path[0], true);
	CHECK(session_deadline(solo->s, solo->now) <= solo->now);
	pass(0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	solo_free(solo);
}

/* A fresh connection is wanted when nothing moves, not when the network is slow. */
static void silence_asks_for_a_fresh_connection(void)
{
	struct carrier_report report = { .known = true, .acked_bytes = 1000, .ack_age_ns = 0 };

	begin(MODE_STRIPE, 1);
	CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], solo->now), 0);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 30; i++) {
		pass(100 * NS_PER_MS);
		report.acked_bytes += 1000;
		session_path_report(solo->s, &solo->path[0], &report, solo->now);
		CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], solo->now), 0);
	}
	pass(500 * NS_PER_MS);
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK(session_path_silent_since(solo->s, &solo->path[0], solo->now) > 0);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], solo->now), solo->now);
	solo_free(solo);
}

/* An idle path is probed soon after its last bytes, then ever more rarely, up to the interval. */
static void idle_probes(void)
{
	struct solo_frame frame;
	time_ns last, wait = 0;

	begin(MODE_STRIPE, 1);
	while (solo_take(solo, 0, &frame))
		;
	last = solo->now;
	for (unsigned i = 0; i < 12; i++) {
		time_ns deadline = session_deadline(solo->s, solo->now);

		CHECK(deadline > solo->now && deadline != TIME_NEVER);
		pass(deadline - solo->now);
		solo_carry_all(solo);
		CHECK(solo_take_type(solo, 0, FRAME_PING, &frame));
		CHECK_EQ(frame.header.length, FRAME_PING_MAX);
		CHECK(solo->now - last >= wait);
		wait = solo->now - last;
		CHECK(wait <= solo->s->config.probe_interval_ns);
		last = solo->now;
		prove(0, 0);
	}
	CHECK_EQ(wait, solo->s->config.probe_interval_ns);
	solo_free(solo);
}

/* A probe that cannot be written yet: the carrier is asked once, and is nothing to wake up for if all went. */
static void a_full_carrier_is_not_waited_for(void)
{
	struct carrier_report report = { .known = true };
	time_ns deadline;

	begin(MODE_STRIPE, 1);
	session_path_room(solo->s, &solo->path[0], false);
	deadline = session_deadline(solo->s, solo->now);
	CHECK(deadline > solo->now && deadline < solo->now + NS_PER_S);
	solo->now = deadline;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	pass(60 * NS_PER_S);
	CHECK(solo->path[0].ping_due);
	CHECK(session_deadline(solo->s, solo->now) > solo->now);
	solo_free(solo);
}

/* Full, with everything proven through a path that is gone: its carrier's silence must be seen all the same. */
static void a_full_carrier_in_silence(void)
{
	struct carrier_report report = { .known = true, .waiting = true };
	time_ns began;

	begin(MODE_STRIPE, 1);
	session_path_room(solo->s, &solo->path[0], false);
	began = solo->now;
	while (session_state(solo->s) == SESSION_OPEN && solo->now < began + 600 * NS_PER_S) {
		time_ns deadline = session_deadline(solo->s, solo->now);

		CHECK(deadline > solo->now && deadline != TIME_NEVER);
		report.ack_age_ns += deadline - solo->now;
		solo->now = deadline;
		session_path_report(solo->s, &solo->path[0], &report, solo->now);
		pass(0);
		if (solo->now > began + 3 * NS_PER_S)
			CHECK(session_path_silent_since(solo->s, &solo->path[0], solo->now) > 0);
	}
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	solo_free(solo);
}

/* Calls in between do not put off the look at a silent path: a program may write all the time. */
static void a_busy_program_does_not_put_off_the_check(void)
{
	time_ns deadline;
	unsigned looks = 0;

	begin(MODE_STRIPE, 1);
	solo_write(solo, 100000);
	solo_carry_all(solo);
	pass(NS_PER_S);
	deadline = session_deadline(solo->s, solo->now);
	for (unsigned i = 0; i < 2000; i++) {
		solo->now += NS_PER_MS;
		looks += solo->now >= deadline;
		deadline = session_deadline(solo->s, solo->now);
	}
	CHECK(looks >= 2);
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
		pass(solo->s->config.orphan_timeout_ns);
		CHECK_EQ(session_state(solo->s), ended ? SESSION_RESET : SESSION_OPEN);
		if (ended)
			CHECK_EQ(session_reason(solo->s), REASON_PEER_VANISHED);
		pass(solo->s->config.resume_timeout_ns);
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

/* Not known how far: a tenth of a second is assumed; and the first ACK and the first probe go at once. */
static void a_path_begins(void)
{
	struct path path;

	begin(MODE_STRIPE, 1);
	CHECK_EQ(session_add_path(solo->s, &path, 77, 5, -1, solo->now), 0);
	CHECK_EQ(path.health.srtt_ns, 100 * NS_PER_MS);
	CHECK_EQ(path.rank, 5);
	CHECK(path.ping_due && path.roomy);
	CHECK_EQ(path.received_at, solo->now);
	CHECK(session_next_writer(solo->s, solo->now) != NULL);
	session_remove_path(solo->s, &path, solo->now);
	CHECK_EQ(session_add_path(solo->s, &path, 79, 5, 0, solo->now), 0);
	CHECK_EQ(path.health.srtt_ns, 100 * NS_PER_MS);
	session_remove_path(solo->s, &path, solo->now);
	CHECK_EQ(session_add_path(solo->s, &path, 78, 5, 1, solo->now), 0);
	CHECK_EQ(path.health.srtt_ns, NS_PER_US);
	session_remove_path(solo->s, &path, solo->now);
	solo_free(solo);
}

/* Probes of a quiet path: half a second, twice; one, two, four, eight; then the interval. Data begins it anew. */
static void probes_grow_rare(void)
{
	static const unsigned waits_ms[] = { 500, 500, 1000, 2000, 4000, 8000, 10000, 10000 };

	begin(MODE_STRIPE, 1);
	for (unsigned round = 0; round < 2; round++) {
		time_ns last = solo->now;

		solo_write(solo, 10);
		solo_carry_all(solo);
		prove(0, 0);
		for (unsigned i = 0; i < 8; i++) {
			CHECK_EQ(session_deadline(solo->s, solo->now), last + waits_ms[i] * NS_PER_MS);
			pass(last + waits_ms[i] * NS_PER_MS - solo->now);
			CHECK(solo->path[0].ping_due);
			last = solo->now;
			solo_carry_all(solo);
			CHECK(!solo->path[0].ping_due);
			prove(0, 0);
		}
	}
	solo_free(solo);
}

/* An interval shorter than the first wait, and none at all. */
static void probes_by_the_interval(void)
{
	begin(MODE_STRIPE, 1);
	solo->s->config.probe_interval_ns = 300 * NS_PER_MS;
	solo_write(solo, 10);
	solo_carry_all(solo);
	prove(0, 0);
	for (unsigned i = 0; i < 3; i++) {
		time_ns deadline = session_deadline(solo->s, solo->now);

		CHECK_EQ(deadline, solo->now + 300 * NS_PER_MS);
		pass(deadline - solo->now);
		solo_carry_all(solo);
		prove(0, 0);
	}
	solo->s->config.probe_interval_ns = TIME_NEVER;
	path_quiet_from(solo->s, &solo->path[0], solo->now);
	CHECK_EQ(solo->path[0].ping_wait_ns, 500 * NS_PER_MS);
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

/* A suspect path asks for a fresh connection after a fifth of a second, any other after half of one. */
static void when_a_fresh_connection_is_wanted(void)
{
	time_ns due_at, since;

	make_suspect();
	since = solo->path[0].health.state_at;
	CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], since + 200 * NS_PER_MS - 1), 0);
	CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], since + 200 * NS_PER_MS), since);
	/* The driver is woken for that, once. */
	CHECK_EQ(session_paths_deadline(solo->s, solo->now), since + 200 * NS_PER_MS);
	CHECK(session_paths_deadline(solo->s, since + 200 * NS_PER_MS) > since + 200 * NS_PER_MS);
	solo_free(solo);

	begin(MODE_STRIPE, 1);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	due_at = health_due_at(&solo->path[0].health, solo->s->sender.floor_ns);
	CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], due_at + 500 * NS_PER_MS - 1), 0);
	CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], due_at + 500 * NS_PER_MS), due_at);
	solo_free(solo);
}

/* The newest evidence of another decides; what closes, or is lost, cannot testify. */
static void who_may_testify(void)
{
	for (unsigned gone = 0; gone < 3; gone++) {
		begin(MODE_STRIPE, 2);
		solo_write(solo, 8000);
		solo_carry(solo, 0, SIZE_MAX);
		pass(RTT + 100 * NS_PER_MS);
		solo_carry_all(solo);
		if (gone == 1)
			path_queue_close(&solo->path[1], REASON_GOING_AWAY, 0);
		prove(1, 0);
		if (gone == 2)
			session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
		pass(1);
		CHECK_EQ(state_of(0), gone == 0 ? HEALTH_SUSPECT : HEALTH_ACTIVE);
		solo_free(solo);
	}
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
	path_queue_note(p, note, length);
	path_queue_mode(p, MODE_BACKUP);
	path_queue_note(p, note, length);
	path_queue_mode(p, MODE_DUPLICATE);
	CHECK_EQ(p->out.notes_count, 3);
	CHECK_EQ(p->out.notes[1].bytes[FRAME_HEADER_BYTES], MODE_DUPLICATE);
	path_queue_note(p, note, length);
	path_queue_note(p, note, length);
	CHECK_EQ(p->out.notes_count, PATH_NOTES_MAX);
	/* The end of this carrier always finds room, once. */
	path_queue_close(p, REASON_GOING_AWAY, 7);
	path_queue_close(p, REASON_DONE, 0);
	CHECK_EQ(p->out.notes_count, PATH_NOTES_MAX);
	CHECK_EQ(p->out.notes[3].bytes[0], FRAME_CLOSE);
	CHECK_EQ(p->out.notes[3].bytes[FRAME_HEADER_BYTES + 1], REASON_GOING_AWAY);
	CHECK_EQ(p->out.notes[3].bytes[FRAME_HEADER_BYTES + 3], 7);
	path_queue_mode(p, MODE_STRIPE);
	CHECK_EQ(p->out.notes[1].bytes[FRAME_HEADER_BYTES], MODE_DUPLICATE);
	solo_free(solo);
}

/* A path that was readmitted is proved by the first byte sent since, and by none before. */
static void proved_by_one_byte(void)
{
	make_suspect();
	pass(solo->path[0].health.dwell_ns);
	prove(0, 0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	health_sent(&solo->path[0].health, 1, true, solo->now);
	prove(0, 1);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	prove(0, 0);
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	solo_free(solo);
}

/* A carrier at rest is asked, when the first answer is missed, whether its clock runs. */
static void when_a_carrier_is_asked(void)
{
	struct carrier_report report = { .known = true, .ack_age_ns = 0 };
	time_ns look_at;

	begin(MODE_STRIPE, 1);
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	look_at = health_look_at(&solo->path[0].health, solo->s->sender.floor_ns);
	CHECK(look_at < health_due_at(&solo->path[0].health, solo->s->sender.floor_ns));
	CHECK_EQ(session_deadline(solo->s, solo->now), look_at);
	/* Asked too late it is asked soon, and not at once for ever. */
	CHECK_EQ(session_deadline(solo->s, look_at), look_at + 5 * NS_PER_MS);
	solo_free(solo);
}

int main(void)
{
	RUN(ids_are_used_once);
	RUN(an_id_in_use_is_refused_after_a_leap);
	RUN(no_more_than_there_is_room_for);
	RUN(a_lost_path_gives_back_what_it_carried);
	RUN(suspicion_is_relative);
	RUN(readmission);
	RUN(readmission_when_nothing_is_owed);
	RUN(alone_it_is_never_suspect);
	RUN(an_ended_outage_is_forgotten);
	RUN(patience_counts_from_the_last_sign_of_life);
	RUN(a_wish_outlives_its_path);
	RUN(no_patience_at_all);
	RUN(without_room_there_is_no_readmission);
	RUN(silence_asks_for_a_fresh_connection);
	RUN(idle_probes);
	RUN(a_full_carrier_is_not_waited_for);
	RUN(a_full_carrier_in_silence);
	RUN(a_busy_program_does_not_put_off_the_check);
	RUN(patience_without_a_path);
	RUN(a_path_that_comes_after_the_end_is_told);
	RUN(leaps_of_ids);
	RUN(no_room_after_copies_either);
	RUN(a_path_begins);
	RUN(probes_grow_rare);
	RUN(probes_by_the_interval);
	RUN(reasons);
	RUN(when_a_fresh_connection_is_wanted);
	RUN(who_may_testify);
	RUN(without_any_path);
	RUN(notes_have_a_limit);
	RUN(proved_by_one_byte);
	RUN(when_a_carrier_is_asked);
	return 0;
}
