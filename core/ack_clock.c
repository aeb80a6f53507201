/* SPDX-License-Identifier: Apache-2.0 */
/* The spacing of acknowledgements; see ack_clock.h. */
#include "core/ack_clock.h"

#include <string.h>

/* No healthy carrier is usually silent for longer than this and two round trips. */
#define SPACING_SLACK_NS (50 * NS_PER_MS)
#define SPACINGS_STOPPED 3      /* a silence of so many usual ones, and the floor, is none of them */

void ack_clock_init(struct ack_clock *c, time_ns rtt_ns)
{
	memset(c, 0, sizeof *c);
	c->spacing_ns = rtt_ns;
}

void ack_clock_hasten(struct ack_clock *c, time_ns rtt_ns)
{
	if (rtt_ns < c->spacing_ns)
		c->spacing_ns = rtt_ns;
}

static time_ns silent_since(const struct ack_clock *c)
{
	return c->heard_at > c->began_at ? c->heard_at : c->began_at;
}

void ack_clock_report(struct ack_clock *c, const struct carrier_report *report, time_ns sent_at,
		      time_ns now)
{
	bool heard = report->delivered > c->delivered;
	time_ns silence_ns;

	if (!report->known || report->ack_age_ns < 0) {
		c->running = false;
		return;
	}
	c->report_at = now;
	c->delivered = report->delivered;
	if (heard) {
		time_ns usual_max_ns = 2 * report->rtt_ns + SPACING_SLACK_NS;

		c->heard_at = now - report->ack_age_ns;
		if (report->rtt_ns > 0 && c->pending_ns > usual_max_ns)
			c->pending_ns = usual_max_ns;
		if (c->pending_ns > c->spacing_ns)
			c->spacing_ns = c->pending_ns;
		else
			c->spacing_ns -= (c->spacing_ns - c->pending_ns) / 8;
		c->pending_ns = 0;
	}
	if (report->waiting && !c->running)
		c->began_at = sent_at;
	c->running = report->waiting;
	silence_ns = now - silent_since(c);
	if (c->running && silence_ns > c->pending_ns)
		c->pending_ns = silence_ns;
}

time_ns ack_clock_stops_at(const struct ack_clock *c, time_ns floor_ns)
{
	if (!c->running || floor_ns == TIME_NEVER)
		return TIME_NEVER;
	return silent_since(c) + SPACINGS_STOPPED * c->spacing_ns + floor_ns;
}

bool ack_clock_stopped(const struct ack_clock *c, time_ns floor_ns)
{
	return c->report_at >= ack_clock_stops_at(c, floor_ns);
}
