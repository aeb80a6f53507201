/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The carrier's acknowledgement clock (Jacobson 1988): while bytes are under way, acknowledgements keep
 * coming, each within the usual spacing of the one before. A clock that stopped tells a dead network
 * well before any round-trip timer, also where losses or a filling queue have made round trips uncertain.
 *
 *     heard_at                    report           report
 *        |  . . . silence . . . . . |                |         a silence counts as usual, and is
 *        |<------- pending -------->|<-- heard again |         remembered, once it has ended
 */
#ifndef HAWSER_CORE_ACK_CLOCK_H
#define HAWSER_CORE_ACK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/carrier_report.h"
#include "core/limits.h"

struct ack_clock {
	bool running;                   /* something was under way at the last report */
	uint64_t delivered;
	time_ns began_at;               /* what was under way then had been given by this time */
	time_ns heard_at;               /* last news of delivery */
	time_ns report_at;
	time_ns pending_ns;             /* longest silence seen since heard_at */
	time_ns spacing_ns;             /* longest usual silence, fading */
};

/* rtt_ns: what is taken for the usual spacing until it is known better. */
void ack_clock_init(struct ack_clock *c, time_ns rtt_ns);
/* That was too long, as far as is known now. */
void ack_clock_hasten(struct ack_clock *c, time_ns rtt_ns);
/* sent_at: when the carrier was last given bytes. */
void ack_clock_report(struct ack_clock *c, const struct carrier_report *report, time_ns sent_at,
		      time_ns now);
/* When it counts as stopped unless it is heard before; TIME_NEVER: nothing is expected. */
time_ns ack_clock_stops_at(const struct ack_clock *c, time_ns floor_ns);
/* Whether it had stopped by the last report. */
bool ack_clock_stopped(const struct ack_clock *c, time_ns floor_ns);

#endif
