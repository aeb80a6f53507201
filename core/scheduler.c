/* SPDX-License-Identifier: Apache-2.0 */
/* The modes; see scheduler.h. */
#include "core/scheduler.h"

#include <errno.h>

#define FRAME_TIME_NS      (2 * NS_PER_MS)
#define BACKLOG_TIME_NS    (2 * NS_PER_MS)
#define BACKLOG_BYTES_MIN  (32u * 1024)
#define BACKLOG_BYTES_MAX  (512u * 1024)
#define LAST_RESORT_BYTES  65536u       /* outstanding on a suspect path when there is no better one */
#define SUSPECT_COPY_BYTES 16384u       /* outstanding, of copies that it may carry when there is */
#define DUE_LEAST_NS       (5 * NS_PER_MS)

static uint32_t bit(const struct path *p)
{
	return FLIGHT_BIT(p->slot);
}

/* The paths whose bytes we count on: the usable ones, or the suspect ones if there are no others. */
static uint32_t trusted(const struct sender *s)
{
	uint32_t usable = 0, suspect = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = s->paths[i];

		if (p == NULL || p->closing)
			continue;
		if (health_usable(&p->health))
			usable |= bit(p);
		else if (p->health.state == HEALTH_SUSPECT)
			suspect |= bit(p);
	}
	return usable != 0 ? usable : suspect;
}

uint64_t scheduler_frame_bytes(const struct path *p)
{
	uint64_t bytes = p->health.rate_bytes / (uint64_t)(NS_PER_S / FRAME_TIME_NS);

	if (bytes < FRAME_CHUNK_MIN)
		bytes = FRAME_CHUNK_MIN;
	return bytes < FRAME_PAYLOAD_MAX ? bytes : FRAME_PAYLOAD_MAX;
}

uint32_t scheduler_backlog_bytes(const struct path *p)
{
	uint64_t bytes = p->health.rate_bytes / (uint64_t)(NS_PER_S / BACKLOG_TIME_NS);

	if (bytes < BACKLOG_BYTES_MIN)
		return BACKLOG_BYTES_MIN;
	return bytes < BACKLOG_BYTES_MAX ? (uint32_t)bytes : BACKLOG_BYTES_MAX;
}

/* What this write is to carry already, before the payload of a frame that is taken now. */
static uint64_t planned_bytes(const struct path *p)
{
	uint64_t bytes = FRAME_DATA_HEAD_BYTES;

	for (unsigned i = 0; p->work != NULL && i < p->work->out.frames_count; i++)
		bytes += FRAME_DATA_HEAD_BYTES + p->work->frames[i].end - p->work->frames[i].start;
	return bytes;
}

static uint64_t control_left(const struct path *p)
{
	return p->work != NULL ? p->work->out.control_length - p->work->out.control_sent : 0;
}

/* How much this path may have outstanding. */
static uint64_t most_outstanding(const struct sender *s, uint32_t trust, const struct path *p)
{
	if (p->health.state != HEALTH_SUSPECT)
		return health_most_outstanding(&p->health, trust == bit(p));
	if (s->mode == MODE_DUPLICATE)
		return UINT64_MAX;
	if ((trust & bit(p)) != 0)
		return LAST_RESORT_BYTES;
	return s->mode == MODE_CONVERGE ? SUSPECT_COPY_BYTES : 0;
}

/* How much it may take now. */
static uint64_t allowance(const struct sender *s, uint32_t trust, const struct path *p)
{
	uint64_t outstanding = health_outstanding(&p->health) + control_left(p) + planned_bytes(p);
	uint64_t most = most_outstanding(s, trust, p);

	return outstanding < most ? most - outstanding : 0;
}

/*
 * Earliest completion first (the idea of ECF: Lim, Nahum, Towsley, Gibbens 2017): a path that would
 * deliver its next chunk after another could deliver everything that waits makes delivery later.
 */
static bool makes_later(const struct sender *s, uint32_t trust, const struct path *p,
			uint64_t waiting_bytes)
{
	uint64_t next_bytes = scheduler_frame_bytes(p);
	time_ns own;

	if (next_bytes > waiting_bytes)
		next_bytes = waiting_bytes;
	own = health_arrival_ns(&p->health, planned_bytes(p) + next_bytes);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *other = s->paths[i];

		if (other == NULL || other == p || (trust & bit(other)) == 0)
			continue;
		if (other->health.state != HEALTH_ACTIVE || !health_predictable(&other->health))
			continue;
		if (own > health_arrival_ns(&other->health, FRAME_DATA_HEAD_BYTES + waiting_bytes) +
				  other->health.rttvar_ns)
			return true;
	}
	return false;
}

static uint64_t waiting_bytes(const struct sender *s, uint32_t trust, uint64_t from, uint64_t reach)
{
	return reach - from - flight_bytes(&s->flight, from, reach, trust | FLIGHT_ACKED);
}

/* Cuts a run to one chunk for this path, from its low or its high end, within its allowance. */
static bool cut(const struct sender *s, uint32_t trust, const struct path *p, uint64_t start,
		uint64_t end, bool from_high, struct chunk *chunk)
{
	uint64_t most = scheduler_frame_bytes(p), allowed = allowance(s, trust, p);

	if (most > allowed)
		most = allowed;
	if (most == 0)
		return false;
	if (end - start > most) {
		if (from_high)
			start = end - most;
		else
			end = start + most;
	}
	/* The phantom of FIN rides on the byte before it where that goes out too. */
	chunk->start = start;
	chunk->end = end;
	return true;
}

/* Obeys the peer's range credit: beyond half of it only runs that open no new range. */
static bool within_credit(const struct sender *s, const struct path *p, const struct chunk *chunk)
{
	unsigned runs = flight_runs(&s->flight);

	if (2 * (runs + PATHS_MAX) < s->peer_credit &&
	    s->flight.count + SEGMENTS_SPARE < SEGMENTS_MAX)
		return true;
	if (chunk->start == s->flight.base)
		return true;
	return (flight_carriers(&s->flight, chunk->start - 1, chunk->start) &
		(bit(p) | FLIGHT_ACKED)) != 0;
}

static bool first_copy(const struct sender *s, uint32_t trust, const struct path *p,
		       struct chunk *chunk)
{
	uint64_t start, end, reach = sender_reach(s);

	if (!flight_first(&s->flight, s->flight.base, reach, trust | FLIGHT_ACKED, &start, &end))
		return false;
	if (makes_later(s, trust, p, waiting_bytes(s, trust, start, reach)))
		return false;
	return cut(s, trust, p, start, end, false, chunk);
}

static bool next_stripe(const struct sender *s, uint32_t trust, const struct path *p,
			struct chunk *chunk)
{
	return (trust & bit(p)) != 0 && first_copy(s, trust, p, chunk);
}

/* The lowest bytes that this path has not carried and nobody has delivered. */
static bool own_copy(const struct sender *s, uint32_t trust, const struct path *p, uint64_t from,
		     uint64_t to, struct chunk *chunk)
{
	uint64_t start, end;

	return flight_first(&s->flight, from, to, bit(p) | FLIGHT_ACKED, &start, &end) &&
	       cut(s, trust, p, start, end, false, chunk);
}

static bool next_duplicate(const struct sender *s, uint32_t trust, const struct path *p,
			   struct chunk *chunk)
{
	return own_copy(s, trust, p, s->flight.base, sender_reach(s), chunk);
}

struct path *scheduler_preferred(const struct sender *s)
{
	struct path *best = NULL;
	uint32_t trust = trusted(s);

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *p = s->paths[i];

		if (p == NULL || (trust & bit(p)) == 0)
			continue;
		if (best == NULL || p->rank < best->rank)
			best = p;
	}
	return best;
}

/* The path that would carry were it not suspect: while it is, or its answer is overdue, both do. */
static const struct path *wavering(const struct sender *s, const struct path *preferred, time_ns now)
{
	if (health_silent(&preferred->health, s->floor_ns, now))
		return preferred;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = s->paths[i];

		if (p != NULL && p->rank < preferred->rank && !p->closing &&
		    p->health.state == HEALTH_SUSPECT)
			return p;
	}
	return NULL;
}

static bool next_backup(const struct sender *s, uint32_t trust, const struct path *p, time_ns now,
			struct chunk *chunk)
{
	const struct path *preferred = scheduler_preferred(s);

	if (preferred == NULL)
		return false;
	if (p != preferred && wavering(s, preferred, now) == NULL)
		return false;
	return own_copy(s, trust, p, s->flight.base, sender_reach(s), chunk);
}

/* Works upwards from the low end; the others come down from the far end. */
static bool goes_up(const struct sender *s, uint32_t trust, const struct path *p)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *other = s->paths[i];

		if (other == NULL || other == p || (trust & bit(other)) == 0)
			continue;
		if (other->health.rtt_min_ns < p->health.rtt_min_ns ||
		    (other->health.rtt_min_ns == p->health.rtt_min_ns && other->slot < p->slot))
			return false;
	}
	return true;
}

/* Paths whose carrier waits in vain: what they carry may be dead, whatever was expected of them. */
static uint32_t stopped(const struct sender *s)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->paths[i] != NULL && health_stopped(&s->paths[i]->health, DUE_LEAST_NS))
			bits |= FLIGHT_BIT(i);
	return bits;
}

/* What is overdue is copied whoever carries it; what only dead paths carry, at once and by one path. */
static bool overdue_copy(const struct sender *s, uint32_t trust, const struct path *p, time_ns now,
			 struct chunk *chunk)
{
	uint64_t start = s->converge.begin, from, to;
	uint32_t dead = stopped(s), alive = trust & ~dead;

	for (unsigned i = 0; i < s->converge.dated; i++) {
		uint64_t end = s->converge.at[i].end;

		if (s->converge.at[i].due_at <= now && own_copy(s, trust, p, start, end, chunk))
			return true;
		if ((dead & bit(p)) == 0 && (dead & flight_carriers(&s->flight, start, end)) != 0 &&
		    flight_first(&s->flight, start, end, alive | FLIGHT_ACKED, &from, &to) &&
		    cut(s, trust, p, from, to, false, chunk))
			return true;
		start = end;
	}
	return false;
}

/* A run of the lowest stretch that has bytes carried by none of the bits; from this path's end of it. */
static bool from_own_end(const struct sender *s, uint32_t trust, const struct path *p, uint32_t bits,
			 struct chunk *chunk)
{
	uint64_t start, end, stretch_start, stretch_end, reach = sender_reach(s);
	bool up = goes_up(s, trust, p);

	if (!flight_first(&s->flight, s->flight.base, reach, bits, &start, &end))
		return false;
	if (!up) {
		converge_stretch(&s->converge, start, reach, &stretch_start, &stretch_end);
		if (!flight_last(&s->flight, start, stretch_end, bits, &start, &end))
			return false;
	}
	return cut(s, trust, p, start, end, !up, chunk);
}

static bool next_converge(const struct sender *s, uint32_t trust, const struct path *p, time_ns now,
			  struct chunk *chunk)
{
	uint64_t start, end, reach = sender_reach(s);
	uint32_t taken = trust | FLIGHT_ACKED;

	/* Most suspects repair a loss. Copies of what the others carry cost little and need not wait for that. */
	if ((trust & bit(p)) == 0) {
		if (!flight_first(&s->flight, s->flight.base, reach, taken, &start, &end))
			start = reach;
		return own_copy(s, trust, p, s->flight.base, start, chunk);
	}
	if (!s->overdue_off && overdue_copy(s, trust, p, now, chunk))
		return true;
	if (flight_first(&s->flight, s->flight.base, reach, taken, &start, &end) &&
	    !makes_later(s, trust, p, waiting_bytes(s, trust, start, reach)))
		return from_own_end(s, trust, p, taken, chunk);
	return from_own_end(s, trust, p, bit(p) | FLIGHT_ACKED, chunk);
}

bool scheduler_next(struct sender *s, const struct path *p, time_ns now, struct chunk *chunk)
{
	bool found = false;
	uint64_t start, end;

	/* Whatever the mode, nothing goes twice on one path. */
	if (!flight_first(&s->flight, s->flight.base, sender_reach(s), bit(p) | FLIGHT_ACKED, &start, &end))
		return false;
	if (p->closing || p->health.state == HEALTH_DOWN || !flight_has_room(&s->flight))
		return false;
	uint32_t trust = trusted(s);
	if (allowance(s, trust, p) == 0)
		return false;
	switch (s->mode) {
	case MODE_STRIPE:
		found = next_stripe(s, trust, p, chunk);
		break;
	case MODE_DUPLICATE:
		found = next_duplicate(s, trust, p, chunk);
		break;
	case MODE_CONVERGE:
		found = next_converge(s, trust, p, now, chunk);
		break;
	case MODE_BACKUP:
		found = next_backup(s, trust, p, now, chunk);
		break;
	}
	if (found && !within_credit(s, p, chunk)) {
		/* The lowest hole is always welcome: it extends what the peer has in order. */
		found = flight_first(&s->flight, s->flight.base, sender_reach(s),
				     trust | FLIGHT_ACKED, &chunk->start, &chunk->end) &&
			chunk->start == s->flight.base &&
			cut(s, trust, p, chunk->start, chunk->end, false, chunk);
	}
	return found;
}

int scheduler_sent(struct sender *s, const struct path *p, const struct chunk *chunk)
{
	return flight_mark(&s->flight, chunk->start, chunk->end, bit(p));
}

void scheduler_undo(struct sender *s, const struct path *p, const struct chunk *chunk)
{
	/* Without room for the border all of this path's go: that costs copies, never a byte. */
	if (flight_clear(&s->flight, chunk->start, chunk->end, bit(p)) < 0)
		(void)flight_clear(&s->flight, 0, UINT64_MAX, bit(p));
}

void scheduler_date(struct sender *s, time_ns now)
{
	struct converge *c = &s->converge;
	uint32_t taken = trusted(s) | FLIGHT_ACKED;

	while (c->dated < c->count) {
		uint64_t begin = c->dated == 0 ? c->begin : c->at[c->dated - 1].end, start, end;
		struct stretch *stretch = &c->at[c->dated];
		time_ns wait_ns = DUE_LEAST_NS;
		uint32_t carriers;

		if (flight_first(&s->flight, begin, stretch->end, taken, &start, &end))
			return;
		carriers = flight_carriers(&s->flight, begin, stretch->end);
		for (unsigned i = 0; i < PATHS_MAX; i++) {
			time_ns path_ns;

			if (s->paths[i] == NULL || (carriers & FLIGHT_BIT(i)) == 0)
				continue;
			path_ns = health_completion_ns(&s->paths[i]->health);
			if (path_ns > wait_ns)
				wait_ns = path_ns;
		}
		stretch->due_at = now + wait_ns;
		c->dated++;
	}
}

time_ns scheduler_deadline(const struct sender *s, time_ns now)
{
	time_ns deadline = TIME_NEVER;

	if (s->mode != MODE_CONVERGE || s->overdue_off || s->converge.dated == 0)
		return deadline;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		time_ns stops_at;

		if (s->paths[i] == NULL)
			continue;
		stops_at = health_stops_at(&s->paths[i]->health, DUE_LEAST_NS);
		if (stops_at == TIME_NEVER)
			stops_at = health_look_at(&s->paths[i]->health, DUE_LEAST_NS);
		if (stops_at > now && stops_at < deadline)
			deadline = stops_at;
	}
	for (unsigned i = 0; i < s->converge.dated; i++)
		if (s->converge.at[i].due_at > now && s->converge.at[i].due_at < deadline)
			deadline = s->converge.at[i].due_at;
	return deadline;
}

bool scheduler_report_due(const struct sender *s, time_ns age_ns)
{
	time_ns least_ns = TIME_NEVER, largest_ns = 0;
	unsigned usable = 0;

	if ((s->mode != MODE_STRIPE && s->mode != MODE_CONVERGE) || age_ns < HEALTH_REPORT_AGE_NS ||
	    sender_reach(s) - s->flight.base < HEALTH_FREE_FLIGHT)
		return false;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = s->paths[i];

		if (p == NULL || p->closing || !health_usable(&p->health))
			continue;
		usable++;
		if (p->health.rtt_min_ns < least_ns)
			least_ns = p->health.rtt_min_ns;
		if (p->health.rtt_min_ns > largest_ns)
			largest_ns = p->health.rtt_min_ns;
	}
	return usable > 1 && largest_ns >= HEALTH_REPORT_AGE_NS && age_ns >= least_ns / 2;
}

bool scheduler_slower(const struct sender *s, const struct path *p)
{
	uint32_t trust = trusted(s);
	uint64_t reach = sender_reach(s), waiting = waiting_bytes(s, trust, s->flight.base, reach);

	return waiting > 0 && makes_later(s, trust, p, waiting);
}
