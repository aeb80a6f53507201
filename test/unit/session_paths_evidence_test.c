/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each path: suspicion, readmission, probes, what a carrier tells, when a fresh one is wanted. */
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

/* Silent, and another path has newer evidence: suspect. Its bytes go elsewhere at once. */
static void suspicion_is_relative(void)
{
	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 8000);
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	/* All are silent: perhaps the peer is. The idle one is asked. */
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	CHECK(solo->path[1].ping_due);
	CHECK(session_next_writer(solo->s, solo->now) == &solo->path[1]);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	CHECK(session_next_writer(solo->s, solo->now) == NULL);
	solo_pass(solo, RTT);
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	solo_prove(solo, 1, 0);
	solo_pass(solo, 1);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	CHECK_EQ(session_path_reason(solo->s, &solo->path[0], solo->now), REASON_PATH_SUSPECT);
	CHECK(session_next_writer(solo->s, solo->now) == &solo->path[1]);
	solo_free(solo);
}

/* An idle path that is late with its answer to such a question does not put one in turn: that would never end. */
static void who_was_asked_asks_nobody(void)
{
	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	solo_carry(solo, 0, SIZE_MAX);
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	CHECK(solo->path[1].ping_due);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	solo_prove(solo, 0, 0);
	CHECK_EQ(health_outstanding(&solo->path[0].health), 0);
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	CHECK(health_silent(&solo->path[1].health, solo->s->sender.floor_ns, solo->now));
	CHECK(!solo->path[0].ping_due);
	/* With bytes of the stream it does. */
	solo_prove(solo, 1, 0);
	solo_write(solo, 8000);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 8000);
	solo_pass(solo, RTT + 180 * NS_PER_MS);
	CHECK(solo->path[0].ping_due && solo->path[0].asked);
	solo_free(solo);
}

/* Unless it has been silent for much longer: it may be dead. */
static void who_was_asked_asks_in_the_end(void)
{
	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	solo_carry(solo, 0, SIZE_MAX);
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	solo_prove(solo, 0, 0);
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	CHECK(!solo->path[0].ping_due);
	solo_pass(solo, 3 * solo->path[1].health.srtt_ns);
	CHECK(solo->path[0].ping_due && solo->path[0].asked);
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 0);
	solo_prove(solo, 0, 0);
	solo_pass(solo, NS_PER_MS);
	CHECK_EQ(state_of(1), HEALTH_SUSPECT);
	solo_free(solo);
}

static void make_suspect(void)
{
	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	solo_carry(solo, 0, SIZE_MAX);
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	solo_carry_all(solo);
	solo_prove(solo, 1, 0);
	solo_pass(solo, 1);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	solo_carry_all(solo);
	solo_prove(solo, 1, 0);
}

/* Out of SUSPECT slowly, through a probe of its own, with new evidence. */
static void readmission(void)
{
	make_suspect();
	/* Too soon. */
	solo_pass(solo, NS_PER_MS);
	solo_prove(solo, 0, 10);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	solo_pass(solo, solo->path[0].health.dwell_ns);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	solo_prove(solo, 0, 0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	CHECK(solo->path[0].ping_due);
	/* Only what is sent now can prove it. */
	solo_prove(solo, 0, 0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	solo_carry_all(solo);
	solo_pass(solo, RTT);
	solo_prove(solo, 0, 0);
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	solo_free(solo);
}

/* All evidence came while it was too soon: time alone readmits it then, there is nothing to wait for. */
static void readmission_when_nothing_is_owed(void)
{
	time_ns deadline;

	make_suspect();
	solo_prove(solo, 0, 0);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	deadline = session_deadline(solo->s, solo->now);
	CHECK(deadline > solo->now);
	CHECK(deadline <= solo->now + solo->path[0].health.dwell_ns);
	session_tick(solo->s, solo->now);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
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
		solo_pass(solo, deadline - solo->now);
		CHECK_EQ(state_of(0), HEALTH_ACTIVE);
		CHECK(session_next_writer(solo->s, solo->now) == NULL);
	}
	/* Looked at ever more rarely. */
	CHECK(solo->now > 30 * NS_PER_S);
	CHECK(session_path_silent_since(solo->s, &solo->path[0], solo->now) > 0);
	solo_free(solo);
}

/* A path is readmitted on a probe; where no probe can go it stays suspect, and nobody waits in a circle. */
static void without_room_there_is_no_readmission(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1 };

	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	solo_prove(solo, 0, 0);
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	session_path_room(solo->s, &solo->path[0], false);
	for (unsigned i = 0; i < 100 && state_of(0) != HEALTH_SUSPECT; i++) {
		solo_pass(solo, 50 * NS_PER_MS);
		solo_carry_all(solo);
		solo_prove(solo, 1, 0);
		report.ack_age_ns += 50 * NS_PER_MS;
		session_path_report(solo->s, &solo->path[0], &report, solo->now);
	}
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	solo_pass(solo, 5 * NS_PER_S);
	CHECK_EQ(state_of(0), HEALTH_SUSPECT);
	session_path_room(solo->s, &solo->path[0], true);
	CHECK(session_deadline(solo->s, solo->now) <= solo->now);
	solo_pass(solo, 0);
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
		solo_pass(solo, 100 * NS_PER_MS);
		report.acked_bytes += 1000;
		session_path_report(solo->s, &solo->path[0], &report, solo->now);
		CHECK_EQ(session_path_silent_since(solo->s, &solo->path[0], solo->now), 0);
	}
	solo_pass(solo, 500 * NS_PER_MS);
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
		solo_pass(solo, deadline - solo->now);
		solo_carry_all(solo);
		CHECK(solo_take_type(solo, 0, FRAME_PING, &frame));
		CHECK_EQ(frame.header.length, FRAME_PING_MAX);
		CHECK(solo->now - last >= wait);
		wait = solo->now - last;
		CHECK(wait <= solo->s->config.probe_interval_ns);
		last = solo->now;
		solo_prove(solo, 0, 0);
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
	solo_pass(solo, 60 * NS_PER_S);
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
		solo_pass(solo, 0);
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
	solo_pass(solo, NS_PER_S);
	deadline = session_deadline(solo->s, solo->now);
	for (unsigned i = 0; i < 2000; i++) {
		solo->now += NS_PER_MS;
		looks += solo->now >= deadline;
		deadline = session_deadline(solo->s, solo->now);
	}
	CHECK(looks >= 2);
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
		solo_prove(solo, 0, 0);
		for (unsigned i = 0; i < 8; i++) {
			CHECK_EQ(session_deadline(solo->s, solo->now), last + waits_ms[i] * NS_PER_MS);
			solo_pass(solo, last + waits_ms[i] * NS_PER_MS - solo->now);
			CHECK(solo->path[0].ping_due);
			last = solo->now;
			solo_carry_all(solo);
			CHECK(!solo->path[0].ping_due);
			solo_prove(solo, 0, 0);
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
	solo_prove(solo, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		time_ns deadline = session_deadline(solo->s, solo->now);

		CHECK_EQ(deadline, solo->now + 300 * NS_PER_MS);
		solo_pass(solo, deadline - solo->now);
		solo_carry_all(solo);
		solo_prove(solo, 0, 0);
	}
	solo->s->config.probe_interval_ns = TIME_NEVER;
	path_quiet_from(solo->s, &solo->path[0], solo->now);
	CHECK_EQ(solo->path[0].ping_wait_ns, 500 * NS_PER_MS);
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
		solo_pass(solo, RTT + 100 * NS_PER_MS);
		solo_carry_all(solo);
		if (gone == 1)
			path_queue_close(&solo->path[1], REASON_GOING_AWAY, 0);
		solo_prove(solo, 1, 0);
		if (gone == 2)
			session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
		solo_pass(solo, 1);
		CHECK_EQ(state_of(0), gone == 0 ? HEALTH_SUSPECT : HEALTH_ACTIVE);
		solo_free(solo);
	}
}

/* A path that was readmitted is proved by the first byte sent since, and by none before. */
static void proved_by_one_byte(void)
{
	make_suspect();
	solo_pass(solo, solo->path[0].health.dwell_ns);
	solo_prove(solo, 0, 0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	health_sent(&solo->path[0].health, 1, true, solo->now);
	solo_prove(solo, 0, 1);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	solo_prove(solo, 0, 0);
	CHECK_EQ(state_of(0), HEALTH_ACTIVE);
	solo_free(solo);
}

/* Whatever is left of what was sent before the readmission, suspect or not yet, proves nothing. */
static void what_was_sent_before_proves_nothing(void)
{
	make_suspect();
	health_sent(&solo->path[0].health, 10, true, solo->now);
	solo_pass(solo, solo->path[0].health.dwell_ns);
	solo_prove(solo, 0, 10);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	solo_prove(solo, 0, 0);
	CHECK_EQ(state_of(0), HEALTH_FRESH);
	solo_free(solo);
}

/* Of a path that is new any byte is enough. */
static void the_first_byte_proves_a_new_path(void)
{
	begin(MODE_STRIPE, 1);
	solo_path(solo, 1, RTT, false);
	solo->path[1].ping_due = true;
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 1);
	solo_prove(solo, 1, solo->path[1].health.sent_bytes - 1);
	CHECK_EQ(state_of(1), HEALTH_ACTIVE);
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

/* A carrier that carried a moment ago is slow and not silent: a moment is shorter where the path is suspect. */
static void who_carries_slowly_is_kept(void)
{
	struct path *p;
	time_ns since, due_at;

	make_suspect();
	p = &solo->path[0];
	since = p->health.state_at;
	p->health.carried_at = since + NS_PER_S;
	CHECK_EQ(session_path_silent_since(solo->s, p, since + 1200 * NS_PER_MS - 1), 0);
	CHECK_EQ(session_path_silent_since(solo->s, p, since + 1200 * NS_PER_MS), since);
	solo_free(solo);

	begin(MODE_STRIPE, 1);
	p = &solo->path[0];
	solo_write(solo, 8000);
	solo_carry_all(solo);
	due_at = health_due_at(&p->health, solo->s->sender.floor_ns);
	p->health.carried_at = due_at + NS_PER_S;
	CHECK_EQ(session_path_silent_since(solo->s, p, due_at + 1500 * NS_PER_MS - 1), 0);
	CHECK_EQ(session_path_silent_since(solo->s, p, due_at + 1500 * NS_PER_MS), due_at);
	solo_free(solo);
}

/* The next look at a path is when its answer is due; of a full one that owes nothing, a tenth of a second on. */
static void when_silence_is_looked_at(void)
{
	struct carrier_report report = { .known = true, .ack_age_ns = -1 };

	begin(MODE_STRIPE, 1);
	solo_write(solo, 8000);
	solo_carry_all(solo);
	CHECK_EQ(session_deadline(solo->s, solo->now),
		 health_due_at(&solo->path[0].health, solo->s->sender.floor_ns));
	session_path_room(solo->s, &solo->path[0], false);
	CHECK_EQ(session_deadline(solo->s, solo->now),
		 health_due_at(&solo->path[0].health, solo->s->sender.floor_ns));
	/* A report from before, or of the same instant, may not know of what was sent. */
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK_EQ(solo->path[0].health.report_at, solo->path[0].health.sent_at);
	solo_prove(solo, 0, 0);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->path[0].health.sent_at + 100 * NS_PER_MS);
	solo_free(solo);
}

/* Every path has its own time, whichever place it has. */
static void any_path_wakes(void)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		time_ns ping_at;

		begin(MODE_STRIPE, PATHS_MAX);
		ping_at = solo->now + 3 * NS_PER_S;
		for (unsigned k = 0; k < PATHS_MAX; k++)
			solo->path[k].ping_at = k == i ? ping_at : TIME_NEVER;
		CHECK_EQ(session_deadline(solo->s, solo->now), ping_at);
		solo_pass(solo, 3 * NS_PER_S - 1);
		CHECK(!solo->path[i].ping_due);
		solo_pass(solo, 1);
		CHECK(solo->path[i].ping_due);
		solo_free(solo);
	}
}

/* One that was asked once, long ago, and is silent now of itself: the other is asked as soon as at any time. */
static void who_was_asked_before_asks_again(bool readmitted)
{
	begin(MODE_STRIPE, 2);
	solo_write(solo, 8000);
	solo_carry(solo, 0, SIZE_MAX);
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	CHECK(solo->path[1].ping_due && solo->path[1].asked);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	solo_prove(solo, 0, 0);
	if (readmitted) {
		health_move(&solo->path[1].health, HEALTH_SUSPECT, solo->now);
		solo_pass(solo, solo->path[1].health.dwell_ns);
		solo_prove(solo, 1, 0);
		CHECK_EQ(state_of(1), HEALTH_FRESH);
	} else {
		solo_prove(solo, 1, 0);
		while (!solo->path[1].ping_due) {
			solo_pass(solo, 10 * NS_PER_MS);
			if (solo->path[0].ping_due && solo_carry(solo, 0, SIZE_MAX) > 0)
				solo_prove(solo, 0, 0);
		}
	}
	CHECK(solo->path[1].ping_due);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
	solo->path[0].ping_at = TIME_NEVER;
	solo_pass(solo, RTT + 100 * NS_PER_MS);
	CHECK(health_silent(&solo->path[1].health, solo->s->sender.floor_ns, solo->now));
	CHECK(solo->path[0].ping_due && solo->path[0].asked);
	solo_free(solo);
}

static void who_was_asked_before_asks(void)
{
	who_was_asked_before_asks_again(true);
	who_was_asked_before_asks_again(false);
}

/* What its carrier told a moment ago is not asked for again. */
static void a_report_is_not_asked_for_again(void)
{
	struct carrier_report report = { .known = true };

	begin(MODE_STRIPE, 2);
	solo_write(solo, 100000);
	solo_pass(solo, NS_PER_S);
	CHECK(session_report_due(solo->s, solo->now));
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK(!session_report_due(solo->s, solo->now));
	solo_pass(solo, RTT / 2);
	CHECK(session_report_due(solo->s, solo->now));
	solo_free(solo);
}

int main(void)
{
	RUN(suspicion_is_relative);
	RUN(who_was_asked_asks_nobody);
	RUN(who_was_asked_asks_in_the_end);
	RUN(readmission);
	RUN(readmission_when_nothing_is_owed);
	RUN(alone_it_is_never_suspect);
	RUN(without_room_there_is_no_readmission);
	RUN(silence_asks_for_a_fresh_connection);
	RUN(idle_probes);
	RUN(a_full_carrier_is_not_waited_for);
	RUN(a_full_carrier_in_silence);
	RUN(a_busy_program_does_not_put_off_the_check);
	RUN(probes_grow_rare);
	RUN(probes_by_the_interval);
	RUN(when_a_fresh_connection_is_wanted);
	RUN(who_may_testify);
	RUN(proved_by_one_byte);
	RUN(what_was_sent_before_proves_nothing);
	RUN(the_first_byte_proves_a_new_path);
	RUN(when_a_carrier_is_asked);
	RUN(who_carries_slowly_is_kept);
	RUN(when_silence_is_looked_at);
	RUN(any_path_wakes);
	RUN(who_was_asked_before_asks);
	RUN(a_report_is_not_asked_for_again);
	return 0;
}
