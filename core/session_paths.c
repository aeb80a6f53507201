/* SPDX-License-Identifier: Apache-2.0 */
/* Paths coming and going, evidence, suspicion and probes. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/scheduler.h"
#include "core/session_internal.h"

#define PROVE_NS          (20 * NS_PER_MS)    /* a new path is probed then: what is over sooner needs no probe */
#define PROBE_FIRST_NS    (500 * NS_PER_MS)   /* quiet this long after bytes moved: first idle probe */
#define ASKED_ROUND_TRIPS 3                   /* late by so many, and ASKED_NS: asks though it was asked itself */
#define ASKED_NS          (100 * NS_PER_MS)
#define RECHECK_MIN_NS    (5 * NS_PER_MS)
#define FULL_REPORT_NS    (100 * NS_PER_MS)
#define REDIAL_SUSPECT_NS (200 * NS_PER_MS)
#define REDIAL_SILENT_NS  (500 * NS_PER_MS)

static void append_note(struct path *p, const uint8_t *bytes, size_t length)
{
	struct path_note *note = &p->notes[p->notes_count++];

	assert(length > 0 && length <= PATH_NOTE_BYTES);
	memcpy(note->bytes, bytes, length);
	note->length = (uint8_t)length;
}

void path_queue_note(struct path *p, const uint8_t *bytes, size_t length)
{
	if (p->notes_count < PATH_NOTES_MAX)
		append_note(p, bytes, length);
}

/* The last frame of this carrier: nothing is queued behind it, and it always finds room. */
void path_queue_last(struct path *p, const uint8_t *bytes, size_t length)
{
	if (p->closing)
		return;
	p->closing = true;
	append_note(p, bytes, length);
}

void path_queue_close(struct path *p, enum reason reason, uint16_t detail)
{
	uint8_t note[PATH_NOTE_BYTES];
	struct frame_close close = { .reason = (uint16_t)reason, .detail = detail };

	path_queue_last(p, note, frame_close_encode(note, sizeof note, &close));
}

void path_queue_mode(struct path *p, enum session_mode mode)
{
	uint8_t note[PATH_NOTE_BYTES];
	struct frame_mode frame = { .mode = (uint8_t)mode };
	size_t length = frame_mode_encode(note, sizeof note, &frame);
	unsigned written = p->work != NULL && p->work->out.planned ? p->work->out.control_notes : 0;

	if (p->closing)
		return;
	/* The newest wish takes the place of the last one that still waits, unless that is being written. */
	for (unsigned i = p->notes_count; i-- > written;) {
		if (p->notes[i].bytes[0] == FRAME_MODE) {
			memcpy(p->notes[i].bytes, note, length);
			return;
		}
	}
	path_queue_note(p, note, length);
}

static time_ns smaller(time_ns a, time_ns b)
{
	return a < b ? a : b;
}

static time_ns after(time_ns now, time_ns wait_ns)
{
	return wait_ns == TIME_NEVER ? TIME_NEVER : now + wait_ns;
}

/* Stream bytes moved on this path: it is probed soon after it falls quiet, then ever more rarely. */
void path_quiet_from(const struct session *s, struct path *p, time_ns now)
{
	p->asked = false;
	if (!p->probed)
		return;
	p->ping_wait_ns = smaller(PROBE_FIRST_NS, s->config.probe_interval_ns);
	p->ping_at = after(now, p->ping_wait_ns);
}

void path_pinged(const struct session *s, struct path *p, time_ns now)
{
	p->ping_due = false;
	p->probed = true;
	p->ping_at = after(now, p->ping_wait_ns);
	if (p->ping_wait_ns < s->config.probe_interval_ns / 2)
		p->ping_wait_ns *= 2;
	else
		p->ping_wait_ns = s->config.probe_interval_ns;
}

static bool present(const struct path *p)
{
	return p != NULL && p->health.state != HEALTH_DOWN;
}

/* Everybody who is left tells the peer what has arrived: its ACKs may have been lost with a path. */
static void acknowledge_everywhere(struct session *s, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (present(s->sender.paths[i]))
			acknowledge_arrived(s, s->sender.paths[i], 0, true, now);
}

/*
 * Ids grow, but paths that are joined at once may come in any order: remembers the highest and the
 * ids just below it, in 16-bit serial numbers (RFC 1982). False: used before, or too old to tell.
 */
static bool note_id(struct session *s, uint16_t id)
{
	int16_t ahead = (int16_t)(uint16_t)(id - s->highest_id);

	/* A peer that skips ids comes round to those of paths that still live. */
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL && s->sender.paths[i]->id == id)
			return false;
	if (s->ids_seen == 0 || ahead > 0) {
		s->ids_seen = s->ids_seen != 0 && ahead < 64 ? s->ids_seen << ahead : 0;
		s->ids_seen |= 1;
		s->highest_id = id;
		return true;
	}
	if (ahead <= -64 || (s->ids_seen >> -ahead & 1) != 0)
		return false;
	s->ids_seen |= UINT64_C(1) << -ahead;
	return true;
}

int session_add_path(struct session *s, struct path *p, uint16_t id, unsigned rank, time_ns rtt_ns,
		     time_ns now)
{
	unsigned slot = 0;

	while (slot < PATHS_MAX && s->sender.paths[slot] != NULL)
		slot++;
	if (slot == PATHS_MAX)
		return -ENOSPC;
	if (id == PATH_ID_NONE || !note_id(s, id))
		return -EEXIST;
	memset(p, 0, sizeof *p);
	p->id = id;
	p->slot = (uint8_t)slot;
	p->rank = rank;
	p->roomy = true;
	p->received_at = now;
	p->ping_wait_ns = smaller(PROBE_FIRST_NS, s->config.probe_interval_ns);
	p->ping_at = now + PROVE_NS;
	health_init(&p->health, NULL, rtt_ns > 0 ? rtt_ns : 100 * NS_PER_MS, now);
	work_path(s, p);
	/* The ACKs of what arrived may have been lost with the paths that there were. */
	bool alone = s->pathless_at != TIME_NEVER;
	s->sender.paths[slot] = p;
	s->pathless_at = TIME_NEVER;
	s->pathless_ended = false;
	s->heard_at = now;
	if (s->receive.contiguous > 0 || s->receive.ahead.count > 0 || s->receive.fin_offset != FIN_UNKNOWN)
		acknowledge_arrived(s, p, 0, alone, now);
	if (s->mode_wished)
		path_queue_mode(p, s->mode_wish);
	s->mode_wished = false;
	if (s->state == SESSION_FINISHED)
		path_queue_close(p, REASON_DONE, 0);
	return 0;
}

static void note_pathless(struct session *s, bool ended, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (present(s->sender.paths[i]))
			return;
	if (s->pathless_at == TIME_NEVER)
		s->pathless_at = now;
	s->pathless_ended = ended;
}

void session_path_lost(struct session *s, struct path *p, enum reason reason, bool ended, time_ns now)
{
	session_drop_held(s, p);
	if (p->health.state == HEALTH_DOWN)
		return;
	health_move(&p->health, HEALTH_DOWN, now);
	p->lost_reason = (uint16_t)reason;
	p->roomy = false;
	(void)flight_clear(&s->sender.flight, 0, UINT64_MAX, FLIGHT_BIT(p->slot));
	note_pathless(s, ended, now);
	/* A wish that no path has told, nor can tell now, is told on the next. */
	for (unsigned i = 0; s->pathless_at != TIME_NEVER && i < p->notes_count; i++)
		if (p->notes[i].bytes[0] == FRAME_MODE)
			s->mode_wished = true;
	acknowledge_everywhere(s, now);
}

void session_remove_path(struct session *s, struct path *p, time_ns now)
{
	session_path_lost(s, p, REASON_PATH_LOST, false, now);
	if (p->work != NULL && p->work->out.tail != NULL)
		stock_give(&s->stock, p->work->out.tail);
	p->work = NULL;
	s->sender.paths[p->slot] = NULL;
}

void session_path_report(struct session *s, struct path *p, const struct carrier_report *report,
			 time_ns now)
{
	s->reported_at = now;
	health_report(&p->health, report, now);
}

void session_path_room(struct session *s, struct path *p, bool roomy)
{
	(void)s;
	if (!roomy)
		health_full(&p->health);
	p->roomy = roomy && p->health.state != HEALTH_DOWN;
}

uint32_t session_path_backlog(const struct session *s, const struct path *p)
{
	(void)s;
	return scheduler_backlog_bytes(p);
}

time_ns session_path_silent_since(const struct session *s, const struct path *p, time_ns now)
{
	const struct health *h = &p->health;
	time_ns due_at = health_due_at(h, s->sender.floor_ns);
	time_ns wait_ns = h->state == HEALTH_SUSPECT ? REDIAL_SUSPECT_NS : REDIAL_SILENT_NS;

	if (h->state == HEALTH_DOWN)
		return h->state_at;
	/* The network carries, slowly: a fresh connection would throw away what is under way. */
	if (h->carried_at > 0 && now - h->carried_at < wait_ns)
		return 0;
	if (h->state == HEALTH_SUSPECT)
		return now - h->state_at >= REDIAL_SUSPECT_NS ? h->state_at : 0;
	if (due_at != TIME_NEVER && now - due_at >= REDIAL_SILENT_NS)
		return due_at;
	return 0;
}

enum reason session_path_reason(const struct session *s, const struct path *p, time_ns now)
{
	(void)now;
	switch (p->health.state) {
	case HEALTH_DOWN:
		return (enum reason)p->lost_reason;
	case HEALTH_SUSPECT:
		return REASON_PATH_SUSPECT;
	case HEALTH_FRESH:
		return REASON_PATH_PROVING;
	case HEALTH_ACTIVE:
		break;
	}
	if (s->sender.mode == MODE_BACKUP && scheduler_preferred(&s->sender) != p)
		return REASON_PATH_STANDBY;
	if (scheduler_slower(&s->sender, p))
		return REASON_PATH_SLOWER;
	return REASON_NONE;
}

bool session_path_closed_by_peer(const struct path *p, enum reason *reason)
{
	if (p->closed_by_peer)
		*reason = (enum reason)p->close_reason;
	return p->closed_by_peer;
}

/* Back into service, a little at a time, on a data-sized probe. */
static void readmit(struct path *p, time_ns now)
{
	health_move(&p->health, HEALTH_FRESH, now);
	p->ping_due = true;
	p->asked = false;
}

void session_evidence(struct session *s, struct path *p, uint64_t received_bytes, time_ns age_ns,
		      time_ns now, bool *valid)
{
	struct health *h = &p->health;
	int grew = health_proven(h, received_bytes, age_ns, now);

	*valid = grew >= 0;
	if (grew <= 0)
		return;
	s->heard_at = now;
	if (h->state == HEALTH_SUSPECT && now - h->state_at >= h->dwell_ns)
		readmit(p, now);
	else if (h->state == HEALTH_FRESH && h->proven_bytes >= h->proving_bytes)
		health_move(h, HEALTH_ACTIVE, now);
}

/*
 * Another path proved itself after the time when this one should have: the peer is alive. The idle ones are
 * asked; but two of them that are often late, by the measure of answers on a faster one, must not ask each
 * other for ever. Who was asked itself is given the time that the answer on its own path may take.
 */
static bool others_know_better(struct session *s, const struct path *p, time_ns now)
{
	time_ns owed_at = health_owed_at(&p->health);
	bool asks = !p->asked || now - owed_at >= ASKED_ROUND_TRIPS * p->health.srtt_ns + ASKED_NS;
	bool better = false;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *other = s->sender.paths[i];

		if (other == p || !present(other) || other->closing)
			continue;
		if (other->health.proven_at > owed_at)
			better = true;
		else if (asks && !other->ping_due && health_outstanding(&other->health) == 0)
			other->ping_due = other->asked = true;
	}
	return better;
}

void session_suspect_check(struct session *s, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *p = s->sender.paths[i];

		if (p == NULL || !health_usable(&p->health))
			continue;
		if (health_silent(&p->health, s->sender.floor_ns, now) && others_know_better(s, p, now))
			health_move(&p->health, HEALTH_SUSPECT, now);
	}
}

/* When this path's silence is looked at next: at fixed times, that calls in between do not put off. */
static time_ns silence_check_at(const struct session *s, const struct path *p, time_ns now)
{
	time_ns due_at = health_due_at(&p->health, s->sender.floor_ns);
	time_ns suspect_at = p->health.state_at, again_ns = RECHECK_MIN_NS;

	if (p->health.state == HEALTH_SUSPECT) {
		/* Without room no probe can go: it would prove nothing. Room comes by an event. */
		if (health_outstanding(&p->health) == 0 && p->roomy)
			return suspect_at + p->health.dwell_ns;
		return suspect_at + REDIAL_SUSPECT_NS > now ? suspect_at + REDIAL_SUSPECT_NS : TIME_NEVER;
	}
	/* A carrier that takes no more is asked why, lest nobody ever does. */
	if (due_at == TIME_NEVER && !p->roomy && p->health.report_at <= p->health.sent_at)
		return p->health.sent_at + FULL_REPORT_NS;
	if (due_at == TIME_NEVER || due_at > now)
		return due_at;
	while (due_at + again_ns <= now)
		again_ns += again_ns / 4;
	return due_at + again_ns;
}

/* And when the carrier is asked whether its clock runs. */
static time_ns check_at(const struct session *s, const struct path *p, time_ns now)
{
	time_ns look_at = TIME_NEVER;

	if (health_usable(&p->health))
		look_at = health_look_at(&p->health, s->sender.floor_ns);
	if (look_at <= now)
		look_at = now + RECHECK_MIN_NS;
	return smaller(silence_check_at(s, p, now), look_at);
}

time_ns session_paths_deadline(const struct session *s, time_ns now)
{
	time_ns deadline = TIME_NEVER;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = s->sender.paths[i];

		if (!present(p))
			continue;
		deadline = smaller(deadline, check_at(s, p, now));
		if (p->closing)
			continue;
		if (p->roomy)
			deadline = smaller(deadline, acknowledge_deadline(p));
		if (health_outstanding(&p->health) == 0 && !p->ping_due)
			deadline = smaller(deadline, p->ping_at);
	}
	return deadline;
}

void session_paths_tick(struct session *s, time_ns now)
{
	session_suspect_check(s, now);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *p = s->sender.paths[i];

		if (!present(p) || health_outstanding(&p->health) > 0)
			continue;
		if (p->health.state == HEALTH_SUSPECT && p->roomy &&
		    now - p->health.state_at >= p->health.dwell_ns)
			readmit(p, now);
		if (now >= p->ping_at) {
			p->ping_due = true;
			p->asked = false;
		}
	}
}
