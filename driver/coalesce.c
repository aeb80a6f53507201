/* SPDX-License-Identifier: Apache-2.0 */
/* Small sends gathered; see coalesce.h. */
#include "driver/coalesce.h"

#include "driver/endpoint_internal.h"

#define FLUSH_NS    (50 * NS_PER_US)
#define SMALL_BYTES 4096u       /* larger ones are worth a system call */
#define STREAK_MIN  16u         /* fewer are an exchange, of which each is waited for */

static struct endpoint *endpoint_of(struct coalesce *c)
{
	return container_of(c, struct endpoint, coalesce);
}

static void flush(struct timer *t, time_ns now)
{
	struct coalesce *c = container_of(t, struct coalesce, flush);
	struct endpoint *ep = endpoint_of(c);

	/* Held: somebody is in a call, which may be the next send. (Its place among the timers is free still.) */
	if (pthread_mutex_trylock(&ep->lock) != 0) {
		timer_start(ep->engine, t, now + FLUSH_NS);
		return;
	}
	if (c->held_bytes > 0 || now - c->sent_at < FLUSH_NS)
		timer_start(ep->engine, t, now + FLUSH_NS);
	else
		c->streak = 0;
	c->on = timer_started(t);
	if (c->held_bytes > 0)
		endpoint_post(ep);
	pthread_mutex_unlock(&ep->lock);
}

void coalesce_init(struct coalesce *c)
{
	c->flush.expired = flush;
}

bool coalesce_holds(struct endpoint *ep, size_t bytes)
{
	struct coalesce *c = &ep->coalesce;
	bool quick = bytes <= SMALL_BYTES && ep->drive.now - c->sent_at < FLUSH_NS;

	c->sent_at = ep->drive.now;
	if (!quick)
		c->streak = 0;
	else if (c->streak < STREAK_MIN && ++c->streak == STREAK_MIN)
		endpoint_kick(ep);
	/*
	 * Who spins, or waits for bytes meanwhile, is not to be woken again and again for this. And the engine
	 * writes only: what the peer says is read by a call.
	 */
	if (c->streak < STREAK_MIN || !c->on || ep->drive.polling || ep->spin_ns > 0 ||
	    c->held_bytes + bytes > FRAME_PAYLOAD_MAX || drive_harvests(ep)) {
		c->held_bytes = 0;
		return false;
	}
	c->held_bytes += (uint32_t)bytes;
	return true;
}

void coalesce_look(struct endpoint *ep, time_ns now)
{
	struct coalesce *c = &ep->coalesce;

	c->held_bytes = 0;
	if (c->on || c->streak < STREAK_MIN || !engine_is_prompt(ep->engine))
		return;
	c->on = timer_start(ep->engine, &c->flush, now + FLUSH_NS) == 0;
}

void coalesce_fini(struct endpoint *ep)
{
	timer_stop(ep->engine, &ep->coalesce.flush);
	ep->coalesce.on = false;
}
