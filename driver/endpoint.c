/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint at work: its making, its memory, and the pump that moves everything. */
#include "driver/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/endpoint_internal.h"
#include "driver/face_descriptor.h"
#include "driver/face_handle.h"
#include "driver/lent.h"
#include "driver/link.h"

static void pump(struct task *t);
static void deadline_expired(struct timer *t, time_ns now);
static void retry_expired(struct timer *t, time_ns now);
static void kicked(struct engine *e, struct request *r);

int endpoint_new(struct engine *e, const struct endpoint_config *config, struct endpoint **out)
{
	struct endpoint *ep = calloc(1, sizeof *ep);
	void *memory = malloc(session_bytes(&config->session));
	bool messages = config->session.kind == SESSION_MESSAGES;
	struct packets *packets = messages ? calloc(1, sizeof *packets) : NULL;
	int error = -ENOMEM;

	if (ep) {
		ep->engine = e;
		memcpy(ep->id, config->session.id, sizeof ep->id);
		ep->is_dialler = config->session.dialler;
	}
	assert(session_bytes(&config->session) >= sizeof *ep->last);
	if (ep && memory && (packets || !messages) && timers_reserve(&e->timers, 5) == 0)
		error = endpoint_table_add(ep);
	if (error < 0) {
		free(ep);
		free(memory);
		free(packets);
		return error;
	}
	ep->promised_bytes = ep->window_bytes = ep->start_bytes = config->promised_bytes;
	memcpy(ep->secret, config->secret, sizeof ep->secret);
	ep->messages = messages;
	snprintf(ep->peer, sizeof ep->peer, "%s", config->peer);
	ep->dialler = config->dialler;
	ep->linger_ns = config->linger_ns;
	ep->exit_linger_ns = config->exit_linger_ns;
	memcpy(ep->congestion, config->congestion, sizeof ep->congestion);
	ep->spin_ns = config->spin_ns;
	ep->began = engine_now(e);
	ep->session = session_init(memory, &config->session, engine_now(e));
	ep->mode_asked = config->session.mode;
	ep->face.fd = -1;
	ep->face.packets = packets;
	if (packets) {
		packets->face = &ep->face;
		record_reader_init(&packets->reader, UINT64_MAX);
	}
	drive_init(&ep->drive);
	coalesce_init(&ep->coalesce);
	pthread_mutex_init(&ep->lock, NULL);
	pthread_cond_init(&ep->changed, NULL);
	ep->pump.run = pump;
	ep->deadline.expired = deadline_expired;
	ep->retry.expired = retry_expired;
	ep->linger.expired = endpoint_linger_expired;
	ep->kick.run = kicked;
	*out = ep;
	return 0;
}

void endpoint_post(struct endpoint *ep)
{
	engine_post(ep->engine, &ep->pump);
}

static void kicked(struct engine *e, struct request *r)
{
	struct endpoint *ep = container_of(r, struct endpoint, kick);

	atomic_store(&ep->kicked, false);
	engine_post(e, &ep->pump);
}

void endpoint_kick(struct endpoint *ep)
{
	if (!atomic_exchange(&ep->kicked, true))
		engine_submit(ep->engine, &ep->kick);
}

void endpoint_wait_changed(struct endpoint *ep, time_ns until)
{
	struct timespec at = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };

	if (until == TIME_NEVER)
		pthread_cond_wait(&ep->changed, &ep->lock);
	else
		pthread_cond_clockwait(&ep->changed, &ep->lock, CLOCK_MONOTONIC, &at);
}

void endpoint_peer_declared(struct endpoint *ep, uint64_t receive_limit, unsigned range_credit,
			    time_ns resume_timeout_ns)
{
	pthread_mutex_lock(&ep->lock);
	if (ep->session)
		session_peer_declared(ep->session, receive_limit, range_credit, resume_timeout_ns);
	pthread_mutex_unlock(&ep->lock);
}

void endpoint_set_peer(struct endpoint *ep, const char *text)
{
	snprintf(ep->peer, sizeof ep->peer, "%s", text);
}

enum session_state endpoint_state(struct endpoint *ep)
{
	enum session_state state;

	pthread_mutex_lock(&ep->lock);
	state = ep->session ? session_state(ep->session) : ep->last->state;
	pthread_mutex_unlock(&ep->lock);
	return state;
}

/* The window of receiving: as large as it should be and the budget allows, and no more in reserve than that. */
static void settle_window(struct endpoint *ep)
{
	struct memory *m = &ep->engine->memory;
	uint64_t wish = session_receive_wish(ep->session), held;

	if (wish > ep->promised_bytes)
		ep->promised_bytes = memory_promise_more(m, ep->promised_bytes, wish);
	if (wish > ep->promised_bytes)
		wish = ep->promised_bytes;
	if (wish != ep->window_bytes)
		session_receive_grant(ep->session, wish, clock_now());
	ep->window_bytes = wish;
	held = session_receive_promised(ep->session);
	if (held < wish)
		held = wish;
	if (held < ep->promised_bytes) {
		memory_withdraw(m, ep->promised_bytes - held);
		ep->promised_bytes = held;
	}
}

bool endpoint_lend(struct endpoint *ep)
{
	settle_window(ep);
	for (unsigned wanted = session_blocks_wanted(ep->session); wanted > 0; wanted--) {
		void *block = memory_take(&ep->engine->memory);

		if (!block) {
			ep->refused = true;
			return false;
		}
		session_lend(ep->session, block);
		ep->blocks++;
	}
	return true;
}

/* Of what it holds a share at least goes on being sent, and acknowledging it takes no memory. */
bool endpoint_may_grow(struct endpoint *ep)
{
	if (session_unacknowledged(ep->session) < MEMORY_SHARE_BYTES || !memory_tight(&ep->engine->memory))
		return true;
	ep->refused = true;
	return false;
}

size_t endpoint_fits(struct endpoint *ep, size_t want)
{
	struct iovec iov[64];
	size_t fits = 0;

	endpoint_lend(ep);
	unsigned count = session_send_space(ep->session, want, iov, 64);
	for (unsigned i = 0; i < count; i++)
		fits += iov[i].iov_len;
	if (count > 0)
		session_send_commit(ep->session, 0, clock_now());
	return fits;
}

void endpoint_reclaim(struct endpoint *ep)
{
	void *block;

	while ((block = session_reclaim(ep->session))) {
		memory_give(&ep->engine->memory, block);
		ep->blocks--;
	}
}

void endpoint_rest(struct endpoint *ep, time_ns now)
{
	endpoint_reclaim(ep);
	session_rest(ep->session, now);
	settle_window(ep);
}

static void tell_dialler(struct endpoint *ep, bool consider)
{
	while (ep->lost_links && ep->dialler) {
		struct lost_link lost = *ep->lost_links;

		free(ep->lost_links);
		ep->lost_links = lost.next;
		dialler_link_lost(ep, lost.id, lost.reason, lost.error, lost.ended, lost.closed_by_peer);
		consider = true;
	}
	if (consider && ep->dialler)
		dialler_consider(ep, engine_now(ep->engine));
}

static void arm(struct endpoint *ep, time_ns now)
{
	coalesce_look(ep, now);
	bool driven = drive_look(ep, now), telling = ep->ended_at && endpoint_has_links(ep);
	time_ns again = telling ? ep->ended_at + TELL_END_NS : TIME_NEVER;

	timer_start(ep->engine, &ep->deadline, driven ? TIME_NEVER : endpoint_deadline(ep, now));
	/* Telling takes memory, too, of a session that sleeps. */
	if (ep->refused && now + RETRY_NS < again)
		again = now + RETRY_NS;
	if (telling || (ep->refused && !timer_started(&ep->retry)))
		timer_start(ep->engine, &ep->retry, again);
	ep->retrying = timer_started(&ep->retry);
	ep->refused = false;
}

/* One look at everything; true when there is more to do at once. */
static bool pump_once(struct endpoint *ep, time_ns now)
{
	bool more = endpoint_read_links(ep, false, now);

	more |= face_descriptor_give(ep, now);
	more |= face_descriptor_take(ep, now);
	endpoint_refuse_unread(ep, now);
	more |= endpoint_write_links(ep, false, now).left;
	endpoint_settle_links(ep, now);
	if (session_state(ep->session) >= SESSION_CLOSED && !ep->ended_at)
		ep->ended_at = now;
	if (session_state(ep->session) == SESSION_RESET)
		face_descriptor_reset(ep);
	if (memory_tight(&ep->engine->memory))
		endpoint_reclaim(ep);
	if (!more)
		endpoint_doze(ep, now);
	arm(ep, now);
	if (ep->spin_ns > 0 && ep->face.kind == FACE_SOCKET)
		engine_spin(ep->engine, ep->moved_at + ep->spin_ns);
	return more;
}

static void pump(struct task *t)
{
	struct endpoint *ep = container_of(t, struct endpoint, pump);
	bool over = false, more = false, closed, consider, wakes;

	/* Read under the lock: the program's threads give the session times, too, and none goes back. */
	pthread_mutex_lock(&ep->lock);
	time_ns now = clock_now();
	if (ep->session) {
		more = pump_once(ep, now);
		over = endpoint_at_its_end(ep);
		if (over)
			endpoint_end_session(ep, now);
	}
	face_descriptor_settle(ep);
	lent_look(ep);
	face_handle_notify(ep);
	wakes = face_handle_awaited(ep);
	drive_ring(ep);
	consider = ep->consider;
	ep->consider = false;
	closed = ep->face.kind == FACE_SOCKET && ep->face.closed && ep->face.input_ended;
	pthread_mutex_unlock(&ep->lock);
	engine_trim_later(ep->engine);

	/* Who is woken wants the lock first of all. Nobody is missed: who waits let go of it before it was taken here. */
	if (wakes)
		pthread_cond_broadcast(&ep->changed);
	if (closed) {
		face_descriptor_close(ep);
		endpoint_closed(ep);
	}
	tell_dialler(ep, consider);
	if (over)
		endpoint_told_over(ep);
	else
		endpoint_finish_waits(ep);
	if (more && !over)
		endpoint_post(ep);
}

static void deadline_expired(struct timer *t, time_ns now)
{
	struct endpoint *ep = container_of(t, struct endpoint, deadline);

	(void)now;
	pthread_mutex_lock(&ep->lock);
	if (ep->session)
		endpoint_tick(ep, false, clock_now());
	pthread_mutex_unlock(&ep->lock);
	tell_dialler(ep, true);
	endpoint_post(ep);
}

static void retry_expired(struct timer *t, time_ns now)
{
	struct endpoint *ep = container_of(t, struct endpoint, retry);

	(void)now;
	pthread_mutex_lock(&ep->lock);
	ep->retrying = false;
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}
