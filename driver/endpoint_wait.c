/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for something of a session to happen, without a thread. */
#include "driver/endpoint.h"

#include <errno.h>

#include "driver/face_descriptor.h"

/* 1: not yet; 0 or -errno: what to tell. */
static int wait_outcome(struct endpoint *ep, const struct endpoint_wait *w)
{
	int result = 1;

	pthread_mutex_lock(&ep->lock);
	bool over = ep->stage == ENDPOINT_OVER;
	bool reset = over && ep->last->state == SESSION_RESET;
	switch (w->event) {
	case ENDPOINT_ESTABLISHED:
		if (reset)
			result = ep->error ? -ep->error : -ECONNRESET;
		else if (ep->stage != ENDPOINT_DIALLING)
			result = 0;
		break;
	case ENDPOINT_DRAINED:
		if (over || session_state(ep->session) != SESSION_OPEN)
			result = reset || (!over && session_state(ep->session) == SESSION_RESET) ?
				 -ECONNRESET : 0;
		else if (!face_descriptor_pending(ep) && session_unacknowledged(ep->session) == 0)
			result = 0;
		break;
	case ENDPOINT_INPUT_TAKEN:
		if (over || session_state(ep->session) != SESSION_OPEN || !face_descriptor_pending(ep))
			result = 0;
		break;
	}
	pthread_mutex_unlock(&ep->lock);
	return result;
}

/* For threads that drive the session: the waits themselves are the engine's. */
static void tell_waited(struct endpoint *ep)
{
	pthread_mutex_lock(&ep->lock);
	ep->waited = ep->waits != NULL;
	pthread_mutex_unlock(&ep->lock);
}

static void wait_end(struct endpoint_wait *w, int result)
{
	struct endpoint_wait **at = &w->endpoint->waits;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	tell_waited(w->endpoint);
	timer_stop(w->endpoint->engine, &w->timer);
	w->done(w, result);
}

void endpoint_wait_stop(struct endpoint_wait *w)
{
	wait_end(w, -EAGAIN);
}

static void wait_expired(struct timer *t, time_ns now)
{
	(void)now;
	wait_end(container_of(t, struct endpoint_wait, timer), -EAGAIN);
}

void endpoint_wait(struct endpoint *ep, struct endpoint_wait *w, enum endpoint_event event,
		   time_ns timeout_ns, void (*done)(struct endpoint_wait *w, int result))
{
	time_ns end;

	*w = (struct endpoint_wait){
		.next = ep->waits, .endpoint = ep, .event = event, .done = done,
		.timer = { .expired = wait_expired },
	};
	ep->waits = w;
	tell_waited(ep);
	int outcome = wait_outcome(ep, w);
	if (outcome <= 0 || timeout_ns <= 0) {
		wait_end(w, outcome <= 0 ? outcome : -EAGAIN);
		return;
	}
	if (!__builtin_add_overflow(engine_now(ep->engine), timeout_ns, &end) &&
	    timer_start(ep->engine, &w->timer, end) < 0)
		wait_end(w, -ENOMEM);
}

/* Tells those whose time has come. A `done` may start other waits: begin again after each. */
void endpoint_finish_waits(struct endpoint *ep)
{
	struct endpoint_wait *w = ep->waits;

	while (w) {
		int outcome = wait_outcome(ep, w);

		if (outcome > 0) {
			w = w->next;
			continue;
		}
		wait_end(w, outcome);
		w = ep->waits;
	}
}
