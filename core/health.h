/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health of one path: what is known from evidence on that path, and how old it is.
 *
 * The evidence is the peer's count of bytes that arrived on the path, carried by ACK frames over
 * whichever path; inbound bytes prove nothing. Round trips are sampled by stamps: "when the path had
 * sent this many bytes it was then". Smoothing: RFC 6298, section 2; delivery rate: the sampling of
 * draft-cheng-iccrg-delivery-rate-estimation, with an exponential average in place of the maximum.
 *
 *   FRESH ---proven---> ACTIVE ---silent---> SUSPECT ---carrier gone---> DOWN
 *     ^  \________________|___________________^ |
 *     `------------- evidence again ------------'        any state ---carrier gone---> DOWN
 */
#ifndef HAWSER_CORE_HEALTH_H
#define HAWSER_CORE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ack_clock.h"
#include "core/limits.h"

#define HEALTH_STAMPS 32u
/* Goes out at once on any carrier, in bytes (RFC 6928). */
#define HEALTH_FREE_FLIGHT 14600u
/* A carrier is not asked oftener how much it may send at once: where round trips are shorter that says nothing. */
#define HEALTH_REPORT_AGE_NS NS_PER_MS

/* Values as in hawser.h. */
enum health_state { HEALTH_FRESH = 0, HEALTH_ACTIVE = 1, HEALTH_SUSPECT = 2, HEALTH_DOWN = 3 };

struct health_stamp {
	uint64_t sent_bytes;            /* the path had sent so many ... */
	time_ns at;                     /* ... at this time, */
	uint64_t proven_bytes;          /* when so many were proven, */
	time_ns proven_at;              /* the last of them then. */
	time_ns expected_at;            /* When they should be proven. */
};

struct health {
	enum health_state state;
	unsigned stamps_count;
	time_ns state_at;
	time_ns dwell_ns;               /* least time in SUSPECT before readmission; doubles when flapping */
	uint64_t sent_bytes;            /* all bytes given to the carrier */
	uint64_t eliciting_bytes;       /* sent_bytes after the last frame that asks for evidence */
	uint64_t proven_bytes;          /* the peer's count */
	uint64_t proving_bytes;         /* FRESH ends when proven_bytes reaches this */
	uint64_t full_bytes;            /* sent_bytes when the carrier last refused more */
	time_ns proven_at;              /* when proven_bytes last grew */
	time_ns sent_at;                /* when bytes were last given to the carrier */
	time_ns busy_at;                /* when the path last went from nothing outstanding to something */
	time_ns srtt_ns, rttvar_ns, rtt_min_ns, rtt_at, rtt_min_at;
	time_ns late_ns;                /* how much later than expected evidence comes, on the average */
	uint64_t rate_bytes;            /* per second; 0: not known */
	struct carrier_report report;
	time_ns report_at;
	struct ack_clock clock;
	time_ns carried_at;             /* when the carrier's acknowledged bytes were seen to grow */
	struct health_stamp *stamps;    /* room for HEALTH_STAMPS; not needed while there are none */
};

void health_init(struct health *h, struct health_stamp *stamps, time_ns rtt_ns, time_ns now);
/* The one place where the state changes; asserts that the move is legal. */
void health_move(struct health *h, enum health_state state, time_ns now);

/* Bytes went to the carrier; eliciting: they hold a frame that asks for evidence. */
void health_sent(struct health *h, uint64_t bytes, bool eliciting, time_ns now);
/* The carrier refused more: samples taken now measure the network and not the program. */
void health_full(struct health *h);
/* The peer's count, and how long before its ACK the last byte came. 1: grew, 0: old news, -EPROTO. */
int health_proven(struct health *h, uint64_t received_bytes, time_ns age_ns, time_ns now);
void health_report(struct health *h, const struct carrier_report *report, time_ns now);

/* Bytes sent and not proven, when evidence was asked for; else 0. */
uint64_t health_outstanding(const struct health *h);
/* When silence becomes overdue (TIME_NEVER: nothing is owed). */
time_ns health_due_at(const struct health *h, time_ns floor_ns);
/* Overdue, and the carrier's own acknowledgements do not contradict it. */
bool health_silent(const struct health *h, time_ns floor_ns, time_ns now);
/* How long until bytes sent now would have arrived (one way). */
time_ns health_arrival_ns(const struct health *h, uint64_t bytes);
/* Whether that rests on more than the round trip. */
bool health_predictable(const struct health *h);
/* When the oldest of what is outstanding was owed; when something is. */
time_ns health_owed_at(const struct health *h);
/* The carrier's acknowledgements stopped coming, as of the last report, although something is owed. */
bool health_stopped(const struct health *h, time_ns floor_ns);
/* When the carrier must be asked whether its clock runs, which was last seen at rest; TIME_NEVER: no need. */
time_ns health_look_at(const struct health *h, time_ns floor_ns);
/* When that is to be looked at next; TIME_NEVER: nothing is owed, by the peer or by its carrier. */
time_ns health_stops_at(const struct health *h, time_ns floor_ns);
/* When what is outstanding should be proven at the latest: bytes ahead / rate + least RTT + 4 deviations. */
time_ns health_completion_ns(const struct health *h);
/* How many bytes it may have outstanding in its state; alone: no other path could take them. */
uint64_t health_most_outstanding(const struct health *h, bool alone);
bool health_usable(const struct health *h);   /* may be trusted with bytes: FRESH or ACTIVE */

#endif
