/* SPDX-License-Identifier: Apache-2.0 */
/* The rule by which a path's congestion control is chosen: stretches, and what they speak for. */
#include "driver/choice.h"

#include <string.h>

#define LOOK_NS           (50 * NS_PER_MS)
#define STRETCH_NS        (500 * NS_PER_MS)     /* at least, */
#define STRETCH_RTTS      25                    /* and so many round trips */
#define STRETCH_MOST_NS   (10 * NS_PER_S)
#define QUEUE_SEGMENTS    3u                    /* Veno's beta */
#define QUEUE_RTT_PART    8                     /* of the least RTT: less is noise */
#define EPISODES_LEAST    4u                    /* of a stretch whose losses count */
#define LOSS_PART         500u                  /* 0.2 %: full queues lose less, but for small windows */
#define HARDLY_PART       2500u                 /* less is as good as nothing */
#define LOSS_MORE_PPM     20000u                /* 2 % */
#define ROW_TOLERANT      2u
#define ROW_HOST          8u
#define QUIET_LEAST_NS    (60 * NS_PER_S)       /* after a trial in vain; twice as long each time */
#define QUIET_MOST_NS     (16 * QUIET_LEAST_NS)

void choice_init(struct choice *c)
{
	memset(c, 0, sizeof *c);
	c->quiet_ns = QUIET_LEAST_NS;
}

bool choice_due(const struct choice *c, time_ns now)
{
	return now >= c->quiet_until && (!c->begun || now - c->looked_at >= LOOK_NS);
}

static bool queued(const struct carrier_losses *l)
{
	time_ns above = l->rtt_ns - l->rtt_min_ns;

	if (l->rtt_ns <= 0 || l->rtt_min_ns <= 0)
		return true;            /* not known */
	if (above < l->rtt_min_ns / QUEUE_RTT_PART)
		return false;
	return (uint64_t)l->window * (uint64_t)above >= QUEUE_SEGMENTS * (uint64_t)l->rtt_ns;
}

static void begin(struct choice *c, const struct carrier_losses *losses, time_ns now)
{
	c->begun = losses->known;
	c->from = c->looked_at = now;
	c->first = c->last = *losses;
	c->looks = c->unfilled = 0;
	c->episodes = 0;
	c->lost = c->lost_clear = 0;
}

/* The losses since the last look. They may have emptied the queue by now: it is looked at before, too. */
static void count(struct choice *c, const struct carrier_losses *losses, time_ns now)
{
	uint32_t repeated = losses->repeated - c->last.repeated;
	uint32_t needless = losses->needless - c->last.needless;

	if (repeated > needless) {
		c->episodes++;
		c->lost += repeated - needless;
		if (!queued(&c->last) && !queued(losses))
			c->lost_clear += repeated - needless;
	}
	c->looks++;
	c->unfilled += losses->unfilled;
	c->last = *losses;
	c->looked_at = now;
}

static uint32_t sent_in(const struct choice *c)
{
	return c->last.sent - c->first.sent;
}

static bool stretch_ends(const struct choice *c, time_ns now)
{
	time_ns passed = now - c->from;

	if (passed < STRETCH_NS || passed < STRETCH_RTTS * c->last.rtt_min_ns)
		return passed >= STRETCH_MOST_NS;
	return c->episodes >= EPISODES_LEAST || sent_in(c) >= EPISODES_LEAST * LOSS_PART ||
	       passed >= STRETCH_MOST_NS;
}

static uint32_t loss_ppm(const struct choice *c)
{
	return sent_in(c) ? (uint32_t)((uint64_t)c->lost * 1000000 / sent_in(c)) : 0;
}

static uint64_t rate(const struct choice *c)
{
	uint64_t busy_us = (uint64_t)(c->last.busy_ns - c->first.busy_ns) / NS_PER_US;

	return busy_us ? (c->last.acked_bytes - c->first.acked_bytes) * 1000000 / busy_us : 0;
}

/* The program sent less than the path would have taken, but for moments. */
static bool unfilled(const struct choice *c)
{
	return c->unfilled * 4 >= c->looks * 3;
}

/* Losses that slow the host's down, without a queue. */
static bool speaks_for_tolerant(const struct choice *c)
{
	return c->episodes >= EPISODES_LEAST && loss_ppm(c) >= 1000000 / LOSS_PART &&
	       (uint64_t)c->lost_clear * 4 >= (uint64_t)c->lost * 3;
}

/* Nothing to be tolerant of, nothing gained, or a price paid. */
static bool speaks_for_host(const struct choice *c)
{
	bool faster = c->rate_before > 0 && rate(c) >= c->rate_before / 4 * 5;

	return loss_ppm(c) < 1000000 / HARDLY_PART || (!faster && !unfilled(c)) ||
	       loss_ppm(c) > 2 * (uint64_t)c->loss_before_ppm + LOSS_MORE_PPM;
}

static void change(struct choice *c, time_ns now)
{
	c->tolerant = !c->tolerant;
	c->row = 0;
	c->settling = true;
	c->begun = false;
	if (!c->tolerant) {
		/* One that served for long was not in vain. */
		if (now - c->changed_at > c->quiet_ns)
			c->quiet_ns = QUIET_LEAST_NS;
		c->quiet_until = now + c->quiet_ns;
		c->quiet_ns = c->quiet_ns < QUIET_MOST_NS ? 2 * c->quiet_ns : QUIET_MOST_NS;
	}
	c->changed_at = now;
}

/* The end of a stretch: whether the row is long enough. */
static bool judge(struct choice *c, time_ns now)
{
	/* Who sends now and then is not slowed down by losses, and says nothing of a rate. */
	bool busy = (c->last.busy_ns - c->first.busy_ns) * 2 >= now - c->from;
	bool settling = c->settling;

	c->settling = false;
	if (!busy || settling)
		return false;
	if (!(c->tolerant ? speaks_for_host(c) : speaks_for_tolerant(c))) {
		c->row = 0;
		return false;
	}
	if (!c->tolerant) {
		c->rate_before = unfilled(c) ? 0 : rate(c);
		c->loss_before_ppm = loss_ppm(c);
	}
	return ++c->row >= (c->tolerant ? ROW_HOST : ROW_TOLERANT);
}

bool choice_look(struct choice *c, const struct carrier_losses *losses, time_ns now)
{
	/* Nobody looked for long: the time between was no sending. */
	if (!c->begun || !losses->known || now - c->looked_at > STRETCH_NS) {
		begin(c, losses, now);
		return false;
	}
	count(c, losses, now);
	if (!stretch_ends(c, now))
		return false;
	bool changes = judge(c, now);
	if (changes)
		change(c, now);
	else
		begin(c, losses, now);
	return changes;
}
