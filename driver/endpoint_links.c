/* SPDX-License-Identifier: Apache-2.0 */
/* The links of an endpoint: coming, going, and what became of them. */
#include <errno.h>
#include <stdlib.h>

#include "driver/endpoint_internal.h"
#include "driver/link.h"
#include "driver/lobby.h"

static struct link *find_link(struct endpoint *ep, int id)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->path.id == id)
			return ep->links[i];
	return NULL;
}

bool endpoint_has_links(const struct endpoint *ep)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i])
			return true;
	return false;
}

/* Under the lock. The carrier finishes when our CLOSE got out, else it is dropped. */
void endpoint_take_out(struct endpoint *ep, struct link *l, enum reason reason, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] == l)
			ep->links[i] = NULL;
	session_path_lost(ep->session, &l->path, reason, l->ended, now);
	session_remove_path(ep->session, &l->path, now);
	drive_lost(l);
	if (l->outcome != LINK_LOST && (l->finished || l->outcome == LINK_CLOSED_BY_PEER))
		link_free_finishing(l);
	else
		link_free(l, !l->finished);
}

static void remember_lost(struct endpoint *ep, const struct link *l, enum reason reason)
{
	if (!ep->dialler || session_state(ep->session) >= SESSION_CLOSED)
		return;
	struct lost_link *lost = calloc(1, sizeof *lost);
	if (!lost)
		return;         /* the dialler sees by endpoint_links that it is gone */
	lost->id = l->path.id;
	lost->reason = reason;
	lost->error = l->error;
	lost->ended = l->ended;
	lost->closed_by_peer = l->outcome == LINK_CLOSED_BY_PEER;
	lost->next = ep->lost_links;
	ep->lost_links = lost;
}

/* Memory that the program lent is not there: a frame begun with it is never finished, nor anything told after it. */
static void lent_is_gone(struct endpoint *ep, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && session_path_halved(&ep->links[i]->path))
			endpoint_take_out(ep, ep->links[i], REASON_LENT_IS_GONE, now);
	session_reset(ep->session, REASON_LENT_IS_GONE, now);
}

/* What became of the links: takes out those that do not go on. */
void endpoint_settle_links(struct endpoint *ep, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->outcome == LINK_LOST && ep->links[i]->error == EFAULT)
			lent_is_gone(ep, now);

	enum session_state state = session_state(ep->session);
	bool told_long_enough = ep->ended_at && now - ep->ended_at >= TELL_END_NS;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];
		enum reason reason = REASON_PATH_CLOSED_BY_PEER;

		if (!l)
			continue;
		if (l->outcome == LINK_CLOSED_BY_PEER)
			session_path_closed_by_peer(&l->path, &reason);
		else if (l->outcome == LINK_LOST)
			reason = l->error == ENOMEM ? REASON_OUT_OF_MEMORY :
				 l->error == EFAULT ? REASON_LENT_IS_GONE :
				 l->error ? link_reason(l->error) : REASON_PATH_LOST;
		else if (!told_long_enough && (!l->finished || state < SESSION_CLOSED))
			continue;
		if (!l->finished)
			remember_lost(ep, l, reason);
		endpoint_take_out(ep, l, reason, now);
	}
}

static int add_link(struct endpoint *ep, const struct link_config *config, time_ns now)
{
	unsigned slot = 0;
	struct link *old, *l;

	if (!ep->session || session_state(ep->session) >= SESSION_CLOSED)
		return -ENOTCONN;
	old = config->replaces >= 0 ? find_link(ep, config->replaces) : NULL;
	while (slot < PATHS_MAX && ep->links[slot])
		slot++;
	if (slot == PATHS_MAX && !old)
		return -ENOSPC;
	int error = link_new(ep, config, &l);
	if (error < 0)
		return error;
	unsigned rank = old ? old->path.rank : config->rank;
	if (old) {
		/* Its bytes go on the new one. */
		endpoint_take_out(ep, old, REASON_REPLACED, now);
		for (slot = 0; ep->links[slot];)
			slot++;
	}
	error = session_add_path(ep->session, &l->path, config->id, rank, config->rtt_ns, now);
	if (error < 0) {
		watch_move(ep->engine, config->watch, &l->watch, NULL);
		free(l->chosen);
		free(l);
		return error;
	}
	ep->links[slot] = l;
	link_report(l, l->carrier, now);
	link_feed(l, config->input->bytes + config->input->at, config->input->end - config->input->at, now);
	return 0;
}

/* Its handshake is done, so that the peer reads frames: it is told why this carrier ends. */
static void turn_away(struct carrier *carrier, int error)
{
	struct frame_close close = { .reason = REASON_BUSY };
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_CLOSE_BYTES];
	struct iovec iov = { .iov_base = bytes };

	if (error == -EEXIST)
		close.reason = REASON_PROTOCOL_ERROR;
	else if (error == -ENOTCONN)
		close.reason = REASON_GOING_AWAY;
	iov.iov_len = frame_close_encode(bytes, sizeof bytes, &close);
	(void)carrier->ops->send(carrier, &iov, 1, false);
	carrier->ops->close(carrier, false);
}

int endpoint_attach(struct endpoint *ep, const struct link_config *config)
{
	pthread_mutex_lock(&ep->lock);
	int error = add_link(ep, config, clock_now());
	if (error == 0 && ep->stage == ENDPOINT_DIALLING) {
		ep->stage = ENDPOINT_LIVE;
		ep->established = true;
		pthread_cond_broadcast(&ep->changed);
	}
	pthread_mutex_unlock(&ep->lock);
	if (error < 0) {
		watch_stop(ep->engine, config->watch);
		turn_away(config->carrier, error);
	}
	/* Also after an error: the one that was to be replaced is gone. */
	endpoint_post(ep);
	return error;
}

void endpoint_drop_link(struct endpoint *ep, uint16_t id, enum reason reason)
{
	pthread_mutex_lock(&ep->lock);
	struct link *l = ep->session ? find_link(ep, id) : NULL;
	if (l)
		endpoint_take_out(ep, l, reason, clock_now());
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

unsigned endpoint_links(struct endpoint *ep, struct link_view views[PATHS_MAX])
{
	unsigned count = 0;

	pthread_mutex_lock(&ep->lock);
	time_ns now = clock_now();
	for (unsigned i = 0; ep->session && i < PATHS_MAX; i++) {
		const struct link *l = ep->links[i];

		if (!l)
			continue;
		views[count++] = (struct link_view){
			.id = l->path.id,
			.state = l->path.health.state,
			.reason = session_path_reason(ep->session, &l->path, now),
			.silent_since = session_path_silent_since(ep->session, &l->path, now),
		};
	}
	pthread_mutex_unlock(&ep->lock);
	return count;
}
