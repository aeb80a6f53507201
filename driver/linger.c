/* SPDX-License-Identifier: Apache-2.0 */
/* exit(3) waits for what was written. */
#include "driver/linger.h"

#include <stdbool.h>
#include <stdlib.h>

#include "driver/call.h"
#include "driver/control.h"
#include "driver/endpoint.h"
#include "driver/face_descriptor.h"

#define LOOK_NS  NS_PER_MS
#define GRACE_NS (500 * NS_PER_MS)      /* for the peer to end its direction as well */

struct leaving {
	struct call call;
	struct engine *engine;
	struct timer timer;
	time_ns began, wait_ns;
};

/* All that is in the program's descriptor first, then it counts as closed. */
static void close_by_exit(struct endpoint *ep, time_ns now)
{
	bool taken = true;

	pthread_mutex_lock(&ep->lock);
	bool absent = ep->face.kind == FACE_ABSENT || ep->stage == ENDPOINT_DIALLING;
	bool closes = !absent && ep->session && ep->face.kind != FACE_GONE;
	if (closes) {
		ep->face.readable = ep->face.fd >= 0;
		while (face_descriptor_take(ep, now))
			;
		taken = !face_descriptor_pending(ep);
	}
	pthread_mutex_unlock(&ep->lock);
	/* Not waited for: the program has it not yet, or there is none yet. */
	if (absent && endpoint_state(ep) < SESSION_CLOSED)
		endpoint_abort(ep, REASON_PROCESS_EXITS);
	else if (!taken)
		endpoint_post(ep);              /* no room yet: again at the next look */
	else if (closes)
		endpoint_closed(ep);
}

/*
 * All of ours has arrived and the peer's program goes on: it is told that nobody is there, rather than
 * left to find out.
 */
static void leave_peer(struct endpoint *ep, time_ns now)
{
	bool alone;

	pthread_mutex_lock(&ep->lock);
	alone = ep->session && ep->face.kind == FACE_GONE && session_state(ep->session) == SESSION_OPEN &&
		session_unacknowledged(ep->session) == 0;
	pthread_mutex_unlock(&ep->lock);
	if (!alone)
		ep->alone_since = 0;
	else if (!ep->alone_since)
		ep->alone_since = now;
	else if (now - ep->alone_since >= GRACE_NS)
		endpoint_abort(ep, REASON_PROCESS_EXITS);
}

/* Whether this session still has something to deliver, and time to do so. */
static bool owes(struct endpoint *ep, const struct leaving *leaving, time_ns now)
{
	bool delivered;

	if (now - leaving->began >= ep->exit_linger_ns)
		return false;
	pthread_mutex_lock(&ep->lock);
	/* CLOSED: the peer knows as well. */
	delivered = !ep->session ||
		    (session_state(ep->session) >= SESSION_CLOSED &&
		     (ep->face.kind == FACE_GONE || ep->face.kind == FACE_ABSENT));
	for (unsigned i = 0; i < PATHS_MAX; i++)
		delivered = delivered && !ep->links[i];
	pthread_mutex_unlock(&ep->lock);
	return !delivered;
}

static void look(struct timer *t, time_ns now)
{
	struct leaving *leaving = container_of(t, struct leaving, timer);
	bool owing = false;

	for (struct endpoint *ep = endpoint_next(leaving->engine, NULL), *next; ep; ep = next) {
		next = endpoint_next(leaving->engine, ep);
		close_by_exit(ep, now);
		leave_peer(ep, now);
		owing = owing || owes(ep, leaving, now);
	}
	leaving->wait_ns = leaving->wait_ns * 2 < 20 * NS_PER_MS ? leaving->wait_ns * 2 : 20 * NS_PER_MS;
	if (!owing || timer_start(leaving->engine, t, now + leaving->wait_ns) < 0)
		call_done(&leaving->call, 0);
}

static void leave(struct engine *e, struct call *c)
{
	struct leaving *leaving = container_of(c, struct leaving, call);

	leaving->engine = e;
	leaving->began = engine_now(e);
	leaving->wait_ns = LOOK_NS;
	leaving->timer = (struct timer){ .expired = look };
	look(&leaving->timer, leaving->began);
}

static void at_exit(void)
{
	struct engine *e = engine_running();
	struct leaving leaving;

	if (!e || engine_is_current(e))
		return;
	call_run(e, &leaving.call, leave);
	control_remove(e);
}

void linger_prepare_once(void)
{
	static bool prepared;

	if (!prepared && atexit(at_exit) == 0)
		prepared = true;
}
