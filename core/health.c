/* SPDX-License-Identifier: Apache-2.0 */
/* Estimators and state of one path; see health.h. */
#include "core/health.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define FRESH_BYTES 65536u
#define DELAYED_ACK_MAX_NS    (500 * NS_PER_MS)   /* RFC 1122, 4.2.3.2 */
#define RTT_MIN_LIFE_NS       (10 * NS_PER_S)
#define FIRST_PART            4                   /* of a round trip counts for what begins from rest */
#define DWELL_FIRST_NS        (20 * NS_PER_MS)
#define DWELL_MAX_NS          NS_PER_S
#define DWELL_FORGET_NS       (30 * NS_PER_S)     /* this long without suspicion forgives flapping */

static time_ns larger(time_ns a, time_ns b)
{
	return a > b ? a : b;
}

static time_ns serialization_ns(const struct health *h, uint64_t bytes)
{
	/* A rate that the carrier never limited is that of the program, and says too little. */
	uint64_t free_bytes = h->full_bytes > 0 ? 0 : HEALTH_FREE_FLIGHT;

	if (bytes <= free_bytes || h->rate_bytes == 0)
		return 0;
	bytes -= free_bytes;
	if (bytes > UINT32_MAX)
		bytes = UINT32_MAX;
	return (time_ns)(bytes * (uint64_t)NS_PER_S / h->rate_bytes);
}

static void first_rtt(struct health *h, time_ns rtt_ns)
{
	if (rtt_ns < NS_PER_US)
		rtt_ns = NS_PER_US;
	h->srtt_ns = h->rtt_min_ns = rtt_ns;
	h->rttvar_ns = h->late_ns = rtt_ns / 2;
}

void health_init(struct health *h, struct health_stamp *stamps, time_ns rtt_ns, time_ns now)
{
	memset(h, 0, sizeof *h);
	h->stamps = stamps;
	h->state = HEALTH_FRESH;
	h->state_at = now;
	h->proving_bytes = 1;
	h->dwell_ns = DWELL_FIRST_NS;
	h->rtt_at = h->rtt_min_at = now;
	h->proven_at = h->busy_at = now;
	h->report.ack_age_ns = -1;
	first_rtt(h, rtt_ns);
	ack_clock_init(&h->clock, h->srtt_ns);
}

void health_move(struct health *h, enum health_state state, time_ns now)
{
	if (state == h->state)
		return;
	assert(h->state != HEALTH_DOWN);
	assert(state != HEALTH_ACTIVE || h->state == HEALTH_FRESH);
	if (state == HEALTH_SUSPECT) {
		if (now - h->state_at > DWELL_FORGET_NS)
			h->dwell_ns = DWELL_FIRST_NS;
		else if (h->dwell_ns < DWELL_MAX_NS)
			h->dwell_ns *= 2;
	}
	if (state == HEALTH_FRESH)
		h->proving_bytes = h->sent_bytes + 1;
	h->state = state;
	h->state_at = now;
}

static void add_stamp(struct health *h, time_ns now)
{
	struct health_stamp *stamp;

	if (h->stamps_count == HEALTH_STAMPS) {
		/* Thin out, keeping the oldest, so that what is overdue is known exactly. */
		for (unsigned i = 1; i < HEALTH_STAMPS / 2; i++)
			h->stamps[i] = h->stamps[2 * i];
		h->stamps_count = HEALTH_STAMPS / 2;
	}
	stamp = &h->stamps[h->stamps_count++];
	stamp->sent_bytes = h->sent_bytes;
	stamp->at = now;
	stamp->proven_bytes = h->proven_bytes;
	stamp->proven_at = larger(h->proven_at, h->busy_at + h->rtt_min_ns - h->rtt_min_ns / FIRST_PART);
	stamp->expected_at = now + serialization_ns(h, health_outstanding(h)) + h->rtt_min_ns;
}

void health_sent(struct health *h, uint64_t bytes, bool eliciting, time_ns now)
{
	if (eliciting && health_outstanding(h) == 0)
		h->busy_at = now;
	h->sent_bytes += bytes;
	h->sent_at = now;
	if (!eliciting)
		return;
	h->eliciting_bytes = h->sent_bytes;
	add_stamp(h, now);
}

void health_full(struct health *h)
{
	h->full_bytes = h->sent_bytes;
}

static void sample_rtt(struct health *h, time_ns rtt_ns, time_ns now)
{
	time_ns difference;

	if (rtt_ns < NS_PER_US)
		rtt_ns = NS_PER_US;
	difference = h->srtt_ns > rtt_ns ? h->srtt_ns - rtt_ns : rtt_ns - h->srtt_ns;
	h->rttvar_ns += (difference - h->rttvar_ns) / 4;
	h->srtt_ns += (rtt_ns - h->srtt_ns) / 8;
	if (rtt_ns <= h->rtt_min_ns || now - h->rtt_min_at > RTT_MIN_LIFE_NS) {
		h->rtt_min_ns = rtt_ns;
		h->rtt_min_at = now;
	}
	h->rtt_at = now;
}

/* The deviation of what was expected, which knows of the queue that a round trip's deviation calls noise. */
static void sample_lateness(struct health *h, const struct health_stamp *stamp, time_ns arrived_at)
{
	time_ns late_ns = larger(arrived_at - stamp->expected_at, 0);

	h->late_ns += (late_ns - h->late_ns) / 4;
}

/*
 * Of what began from rest the first round trip, but for a part of it, is no time in which bytes came: else no
 * short transfer would show what a path can do. All of it cannot be left out: the least round trip may be one
 * whose ACK came back by a faster path, or a slower one. Bytes that waited for others in at least half of the
 * time came as fast as the network let them, if they are more than go out at once.
 */
static void sample_rate(struct health *h, const struct health_stamp *stamp, time_ns age_ns, time_ns now)
{
	time_ns interval_ns = now - stamp->proven_at, waited_ns = now - age_ns - stamp->at - h->rtt_min_ns;
	bool from_rest = stamp->proven_at > stamp->at;
	uint64_t bytes = h->proven_bytes - stamp->proven_bytes, rate;

	interval_ns = larger(interval_ns, from_rest ? h->rtt_min_ns / FIRST_PART : h->rtt_min_ns);
	if (bytes > UINT32_MAX)
		bytes = UINT32_MAX;
	rate = bytes * (uint64_t)NS_PER_S / (uint64_t)interval_ns;
	if (rate > h->rate_bytes)
		h->rate_bytes += h->rate_bytes == 0 ? rate : (rate - h->rate_bytes) / 2;
	else if (h->full_bytes > stamp->proven_bytes || (bytes > HEALTH_FREE_FLIGHT && 2 * waited_ns > interval_ns))
		h->rate_bytes -= (h->rate_bytes - rate) / 8;
}

int health_proven(struct health *h, uint64_t received_bytes, time_ns age_ns, time_ns now)
{
	struct health_stamp newest;
	unsigned passed = 0;

	if (received_bytes > h->sent_bytes)
		return -EPROTO;
	if (received_bytes <= h->proven_bytes)
		return 0;
	while (passed < h->stamps_count && h->stamps[passed].sent_bytes <= received_bytes)
		passed++;
	h->proven_bytes = received_bytes;
	if (passed > 0) {
		newest = h->stamps[passed - 1];
		h->stamps_count -= passed;
		memmove(h->stamps, h->stamps + passed, h->stamps_count * sizeof h->stamps[0]);
		age_ns = larger(age_ns, 0);
		sample_lateness(h, &newest, now - age_ns);
		sample_rate(h, &newest, age_ns, now);
		sample_rtt(h, now - newest.at - age_ns, now);
	}
	h->proven_at = now;
	return 1;
}

void health_report(struct health *h, const struct carrier_report *report, time_ns now)
{
	if (report->known && report->acked_bytes > h->report.acked_bytes)
		h->carried_at = now;
	/* Before the first sample: the handshake's round trip may be a standstill of one's own. */
	if (report->known && report->rtt_ns > 0 && report->rtt_ns < h->srtt_ns && h->proven_bytes == 0) {
		first_rtt(h, report->rtt_ns);
		ack_clock_hasten(&h->clock, h->srtt_ns);
	}
	ack_clock_report(&h->clock, report, h->sent_at, now);
	h->report = *report;
	h->report_at = now;
}

uint64_t health_outstanding(const struct health *h)
{
	return h->eliciting_bytes > h->proven_bytes ? h->sent_bytes - h->proven_bytes : 0;
}

/* The carrier knows round trips without what waits for a loss to be repaired. */
static time_ns network_rtt_ns(const struct health *h)
{
	return h->report.known && h->report.rtt_ns > 0 && h->report.rtt_ns < h->srtt_ns ?
		       h->report.rtt_ns : h->srtt_ns;
}

static time_ns oldest_at(const struct health *h)
{
	return h->stamps_count > 0 ? h->stamps[0].at : larger(h->proven_at, h->busy_at);
}

time_ns health_owed_at(const struct health *h)
{
	return larger(oldest_at(h) + network_rtt_ns(h), h->proven_at);
}

time_ns health_stops_at(const struct health *h, time_ns floor_ns)
{
	time_ns stops_at = ack_clock_stops_at(&h->clock, floor_ns);

	if (stops_at == TIME_NEVER)
		return TIME_NEVER;
	/* The peer has it all, but its carrier does not say so: soon there will be no room for more. */
	if (health_outstanding(h) == 0)
		return stops_at + DELAYED_ACK_MAX_NS;
	return larger(stops_at, oldest_at(h) + network_rtt_ns(h) + floor_ns);
}

time_ns health_look_at(const struct health *h, time_ns floor_ns)
{
	time_ns look_at;

	if (health_outstanding(h) == 0 || floor_ns == TIME_NEVER || h->clock.running || !h->report.known)
		return TIME_NEVER;
	look_at = oldest_at(h) + network_rtt_ns(h) + floor_ns;
	return look_at > h->report_at ? look_at : TIME_NEVER;
}

bool health_stopped(const struct health *h, time_ns floor_ns)
{
	return h->report_at >= health_stops_at(h, floor_ns);
}

/* By the evidence alone, whatever the carrier says. */
static time_ns evidence_due_at(const struct health *h, time_ns floor_ns)
{
	time_ns late_ns, quiet_ns;

	if (health_outstanding(h) == 0 || floor_ns == TIME_NEVER)
		return TIME_NEVER;
	late_ns = h->srtt_ns + larger(4 * h->rttvar_ns, floor_ns);
	/* Acknowledgements that stopped coming: a peer sends one at least every srtt/4. */
	quiet_ns = larger(h->srtt_ns / 4, floor_ns);
	return larger(oldest_at(h) + late_ns, larger(h->proven_at, h->busy_at) + quiet_ns);
}

time_ns health_due_at(const struct health *h, time_ns floor_ns)
{
	time_ns stops_at = health_stops_at(h, floor_ns), due_at = evidence_due_at(h, floor_ns);

	return stops_at < due_at ? stops_at : due_at;
}

bool health_silent(const struct health *h, time_ns floor_ns, time_ns now)
{
	time_ns due_at = evidence_due_at(h, floor_ns), age_ns;

	if (health_stopped(h, floor_ns))
		return true;
	if (due_at == TIME_NEVER || now < due_at)
		return false;
	if (!h->report.known || h->report.ack_age_ns < 0)
		return true;
	if (now >= due_at + h->srtt_ns)
		return true;
	/* The carrier still hears its peer: it is repairing a loss, or the peer's program is slow. */
	age_ns = h->report.ack_age_ns + (now - h->report_at);
	return age_ns >= floor_ns / 2;
}

static time_ns least_rtt_ns(const struct health *h)
{
	return larger(h->rtt_min_ns, h->report.rtt_min_ns);
}

/* What the carrier sends without waiting; 0: unknown, also where it was another many round trips ago. */
static uint64_t known_window_bytes(const struct health *h)
{
	return least_rtt_ns(h) < HEALTH_REPORT_AGE_NS ? 0 : h->report.window_bytes;
}

/* What goes beyond the carrier's window waits for a round trip; after each there is room for twice as much. */
static time_ns rounds_ns(const struct health *h, uint64_t bytes)
{
	uint64_t window_bytes = known_window_bytes(h);
	time_ns wait_ns = 0;

	while (window_bytes > 0 && bytes > window_bytes) {
		bytes -= window_bytes;
		window_bytes *= 2;
		wait_ns += least_rtt_ns(h);
	}
	return wait_ns;
}

time_ns health_arrival_ns(const struct health *h, uint64_t bytes)
{
	uint64_t ahead_bytes = health_outstanding(h) + bytes;

	return larger(serialization_ns(h, ahead_bytes), rounds_ns(h, ahead_bytes)) + least_rtt_ns(h) / 2;
}

bool health_predictable(const struct health *h)
{
	return h->rate_bytes > 0 || known_window_bytes(h) > 0;
}

time_ns health_completion_ns(const struct health *h)
{
	return serialization_ns(h, health_outstanding(h)) + h->rtt_min_ns + 4 * h->late_ns;
}

uint64_t health_most_outstanding(const struct health *h, bool alone)
{
	uint64_t window_bytes = alone ? 0 : known_window_bytes(h);

	if (h->state == HEALTH_ACTIVE)
		return UINT64_MAX;
	if (h->state != HEALTH_FRESH)
		return 0;
	return window_bytes > 0 && window_bytes < FRESH_BYTES ? window_bytes : FRESH_BYTES;
}

bool health_usable(const struct health *h)
{
	return h->state == HEALTH_FRESH || h->state == HEALTH_ACTIVE;
}
