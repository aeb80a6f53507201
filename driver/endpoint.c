/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint's life: its table, its links coming and going, its pump and its end. */
#include "driver/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/face_descriptor.h"
#include "driver/face_handle.h"
#include "driver/link.h"

#define BUCKETS      4096u
#define WRITES_MAX   256u                       /* in one turn of the loop */
#define RETRY_NS     (20 * NS_PER_MS)           /* after memory was refused */
#define TELL_END_NS (2 * NS_PER_S)              /* to get RESET or CLOSE written, at most */

/*
 *   buckets[hash(id)] -> endpoint -> endpoint       live or over
 *   live -> ...                                     all that are not over
 *   over -> newest -> ... -> oldest                 at most TOMBSTONES_MAX without a user
 */
struct endpoints {
	struct endpoint *buckets[BUCKETS];
	struct endpoint *live, *over;
	struct endpoint **over_end;
	unsigned over_count;
};

static struct endpoint **bucket(struct engine *e, const uint8_t id[SESSION_ID_BYTES])
{
	uint32_t hash;

	memcpy(&hash, id, sizeof hash);         /* ids are random */
	return &e->endpoints->buckets[hash % BUCKETS];
}

struct endpoint *endpoint_find_any(struct engine *e, const uint8_t id[SESSION_ID_BYTES], bool dialler)
{
	if (!e->endpoints)
		return NULL;
	for (struct endpoint *ep = *bucket(e, id); ep; ep = ep->hash_next)
		if (ep->is_dialler == dialler && memcmp(ep->id, id, SESSION_ID_BYTES) == 0)
			return ep;
	return NULL;
}

struct endpoint *endpoint_find(struct engine *e, const uint8_t id[SESSION_ID_BYTES], bool dialler)
{
	struct endpoint *ep = endpoint_find_any(e, id, dialler);

	return ep && ep->stage != ENDPOINT_OVER ? ep : NULL;
}

struct endpoint *endpoint_next(struct engine *e, struct endpoint *ep)
{
	if (!ep)
		return e->endpoints ? e->endpoints->live : NULL;
	return ep->all_next;
}

static void unlink_all(struct endpoint *ep)
{
	struct endpoints *all = ep->engine->endpoints;

	*ep->all_link = ep->all_next;
	if (ep->all_next)
		ep->all_next->all_link = ep->all_link;
	else if (ep->stage == ENDPOINT_OVER)
		all->over_end = ep->all_link;
}

static void link_live(struct endpoint *ep)
{
	struct endpoints *all = ep->engine->endpoints;

	ep->all_next = all->live;
	ep->all_link = &all->live;
	if (ep->all_next)
		ep->all_next->all_link = &ep->all_next;
	all->live = ep;
}

static void link_over(struct endpoint *ep)
{
	struct endpoints *all = ep->engine->endpoints;

	ep->all_next = NULL;
	ep->all_link = all->over_end;
	*all->over_end = ep;
	all->over_end = &ep->all_next;
	all->over_count++;
}

static void pump(struct task *t);
static void deadline_expired(struct timer *t, time_ns now);
static void retry_expired(struct timer *t, time_ns now);
static void linger_expired(struct timer *t, time_ns now);
static void kicked(struct engine *e, struct request *r);

static struct endpoints *table(struct engine *e)
{
	if (!e->endpoints) {
		e->endpoints = calloc(1, sizeof *e->endpoints);
		if (e->endpoints)
			e->endpoints->over_end = &e->endpoints->over;
	}
	return e->endpoints;
}

int endpoint_new(struct engine *e, const struct endpoint_config *config, struct endpoint **out)
{
	bool dialler = config->session.dialler;

	if (!table(e))
		return -ENOMEM;
	struct endpoint *old = endpoint_find_any(e, config->session.id, dialler);
	if (old)
		return -EEXIST;
	struct endpoint *ep = calloc(1, sizeof *ep);
	void *memory = malloc(session_bytes(&config->session));
	if (!ep || !memory || timers_reserve(&e->timers, 4) < 0) {
		free(ep);
		free(memory);
		return -ENOMEM;
	}
	ep->engine = e;
	memcpy(ep->id, config->session.id, sizeof ep->id);
	memcpy(ep->secret, config->secret, sizeof ep->secret);
	ep->is_dialler = dialler;
	ep->messages = config->session.kind == SESSION_MESSAGES;
	snprintf(ep->peer, sizeof ep->peer, "%s", config->peer);
	ep->dialler = config->dialler;
	ep->linger_ns = config->linger_ns;
	ep->exit_linger_ns = config->exit_linger_ns;
	ep->began = engine_now(e);
	ep->session = session_init(memory, &config->session, engine_now(e));
	ep->mode_asked = config->session.mode;
	ep->face.fd = -1;
	pthread_mutex_init(&ep->lock, NULL);
	pthread_cond_init(&ep->changed, NULL);
	ep->pump.run = pump;
	ep->deadline.expired = deadline_expired;
	ep->retry.expired = retry_expired;
	ep->linger.expired = linger_expired;
	ep->kick.run = kicked;
	ep->hash_next = *bucket(e, ep->id);
	*bucket(e, ep->id) = ep;
	link_live(ep);
	*out = ep;
	return 0;
}

static void endpoint_free(struct endpoint *ep)
{
	struct endpoint **at = bucket(ep->engine, ep->id);

	assert(ep->stage == ENDPOINT_OVER && !ep->users && !ep->waits && ep->face.fd < 0);
	while (*at != ep)
		at = &(*at)->hash_next;
	*at = ep->hash_next;
	unlink_all(ep);
	ep->engine->endpoints->over_count--;
	engine_unpost(ep->engine, &ep->pump);
	pthread_cond_destroy(&ep->changed);
	pthread_mutex_destroy(&ep->lock);
	free(ep);
}

/* Forgets the oldest that ended, until no more than the limit are kept. */
static void forget_oldest(struct engine *e)
{
	struct endpoints *all = e->endpoints;
	struct endpoint *ep = all->over;

	while (ep && all->over_count > TOMBSTONES_MAX) {
		struct endpoint *next = ep->all_next;

		if (!ep->users && ep->face.fd < 0)
			endpoint_free(ep);
		ep = next;
	}
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

void endpoint_hold(struct endpoint *ep)
{
	ep->users++;
}

void endpoint_release(struct endpoint *ep)
{
	assert(ep->users > 0);
	ep->users--;
	forget_oldest(ep->engine);
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
	state = ep->session ? session_state(ep->session) : ep->last.state;
	pthread_mutex_unlock(&ep->lock);
	return state;
}

/* --- memory --- */

bool endpoint_lend(struct endpoint *ep)
{
	for (unsigned wanted = session_blocks_wanted(ep->session); wanted > 0; wanted--) {
		void *block = memory_take(&ep->engine->memory);

		if (!block)
			return false;
		session_lend(ep->session, block);
	}
	return true;
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

static void reclaim_all(struct endpoint *ep)
{
	void *block;

	while ((block = session_reclaim(ep->session)))
		memory_give(&ep->engine->memory, block);
}

/* An idle session holds no blocks: those it does not use go back when nothing happened for a while. */
static void reclaim_idle(struct endpoint *ep)
{
	if (session_unacknowledged(ep->session) == 0 && session_readable(ep->session) == 0)
		reclaim_all(ep);
}

/* --- links --- */

static struct link *find_link(struct endpoint *ep, int id)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->path.id == id)
			return ep->links[i];
	return NULL;
}

static bool any_links(const struct endpoint *ep)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i])
			return true;
	return false;
}

/* Under the lock. The carrier finishes when our CLOSE got out, else it is dropped. */
static void take_out(struct endpoint *ep, struct link *l, enum reason reason, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] == l)
			ep->links[i] = NULL;
	session_path_lost(ep->session, &l->path, reason, l->ended, now);
	session_remove_path(ep->session, &l->path, now);
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

/* What became of the links: takes out those that do not go on. */
static void settle_links(struct endpoint *ep, time_ns now)
{
	enum session_state state = session_state(ep->session);

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];
		enum reason reason = REASON_PATH_CLOSED_BY_PEER;

		if (!l)
			continue;
		if (l->outcome == LINK_CLOSED_BY_PEER)
			session_path_closed_by_peer(&l->path, &reason);
		else if (l->outcome == LINK_LOST)
			reason = l->error == ENOMEM ? REASON_OUT_OF_MEMORY :
				 l->error ? link_reason(l->error) : REASON_PATH_LOST;
		else if (!l->finished || state < SESSION_CLOSED)
			continue;
		if (!l->finished)
			remember_lost(ep, l, reason);
		take_out(ep, l, reason, now);
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
		take_out(ep, old, REASON_REPLACED, now);
		for (slot = 0; ep->links[slot];)
			slot++;
	}
	error = session_add_path(ep->session, &l->path, config->id, rank, config->rtt_ns, now);
	if (error < 0) {
		watch_stop(ep->engine, &l->watch);
		free(l);
		return error;
	}
	ep->links[slot] = l;
	return 0;
}

int endpoint_attach(struct endpoint *ep, const struct link_config *config)
{
	time_ns now = engine_now(ep->engine);

	pthread_mutex_lock(&ep->lock);
	int error = add_link(ep, config, now);
	if (error == 0 && ep->stage == ENDPOINT_DIALLING) {
		ep->stage = ENDPOINT_LIVE;
		ep->established = true;
		pthread_cond_broadcast(&ep->changed);
	}
	pthread_mutex_unlock(&ep->lock);
	if (error < 0) {
		config->carrier->ops->close(config->carrier, true);
		return error;
	}
	endpoint_post(ep);
	return 0;
}

void endpoint_drop_link(struct endpoint *ep, uint16_t id, enum reason reason)
{
	pthread_mutex_lock(&ep->lock);
	struct link *l = ep->session ? find_link(ep, id) : NULL;
	if (l)
		take_out(ep, l, reason, engine_now(ep->engine));
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

unsigned endpoint_links(struct endpoint *ep, struct link_view views[PATHS_MAX])
{
	time_ns now = engine_now(ep->engine);
	unsigned count = 0;

	pthread_mutex_lock(&ep->lock);
	for (unsigned i = 0; ep->session && i < PATHS_MAX; i++) {
		const struct link *l = ep->links[i];

		if (!l)
			continue;
		views[count++] = (struct link_view){
			.id = l->path.id,
			.state = l->path.health.state,
			.reason = session_path_reason(ep->session, &l->path, now),
			.silent_since = session_path_silent_since(ep->session, &l->path, now),
			.route = &l->route,
		};
	}
	pthread_mutex_unlock(&ep->lock);
	return count;
}

/* --- the end --- */

static const char *words_of_reset(const struct endpoint *ep)
{
	return ep->failure.text[0] ? ep->failure.text : reason_text(ep->reason);
}

/* One table: how a session's reason reads as an errno. */
int endpoint_reset_error(enum reason reason)
{
	switch (reason) {
	case REASON_OUT_OF_MEMORY:
		return ENOMEM;
	case REASON_PROTOCOL_ERROR:
	case REASON_KIND_MISMATCH:
	case REASON_VERSION:
	case REASON_NOT_A_PEER:
		return EPROTO;
	case REASON_RESUME_TIMEOUT:
		return ETIMEDOUT;
	case REASON_REFUSED_EVERYWHERE:
		return ECONNREFUSED;
	default:
		return ECONNRESET;
	}
}

/* Under the lock, once: the session is CLOSED or RESET and nothing of it is needed any more. */
static void end_session(struct endpoint *ep, time_ns now)
{
	struct session *s = ep->session;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i])
			take_out(ep, ep->links[i], REASON_GOING_AWAY, now);
	ep->last.state = session_state(s);
	ep->last.mode = session_mode(s);
	ep->last.at = now;
	session_figures(s, &ep->last.figures);
	ep->last.complete = session_receive_ended(s) &&
			    ep->last.figures.acknowledged == ep->last.figures.written;
	if (ep->last.state == SESSION_RESET && !ep->failure.error) {
		ep->reason = session_reason(s);
		failure_set(&ep->failure, endpoint_reset_error(ep->reason), "session with %s: %s",
			    ep->peer[0] ? ep->peer : "the peer", words_of_reset(ep));
	}
	session_fini(s);
	reclaim_all(ep);
	free(s);
	ep->session = NULL;
	explicit_bzero(ep->secret, sizeof ep->secret);
	timer_stop(ep->engine, &ep->deadline);
	timer_stop(ep->engine, &ep->linger);
	free(ep->face.in.bytes);
	ep->face.in = (struct parcel){ 0 };
	unlink_all(ep);
	ep->stage = ENDPOINT_OVER;
	link_over(ep);
	pthread_cond_broadcast(&ep->changed);
}

static void told_over(struct endpoint *ep)
{
	while (ep->lost_links) {
		struct lost_link *lost = ep->lost_links;

		ep->lost_links = lost->next;
		free(lost);
	}
	if (ep->dialler)
		dialler_free(ep);
	else if (!ep->is_dialler)
		listener_session_over(ep);
	ep->dialler = NULL;
	endpoint_finish_waits(ep);
	forget_oldest(ep->engine);
}

/* Under the lock: whether everything is done that can be done for this session. */
static bool at_its_end(struct endpoint *ep, time_ns now)
{
	enum session_state state = session_state(ep->session);

	if (state < SESSION_CLOSED || (any_links(ep) && now - ep->ended_at < TELL_END_NS))
		return false;
	/* What arrived before a reset is read first, as of TCP. */
	switch (ep->face.kind) {
	case FACE_SOCKET:
		return ep->face.output_ended || ep->face.deaf || ep->face.ending;
	case FACE_COPY:
		if (state == SESSION_RESET)
			return session_readable(ep->session) == 0;
		return session_receive_ended(ep->session) && !ep->face.out.length;
	case FACE_ABSENT:
		return state == SESSION_RESET && session_readable(ep->session) == 0;
	case FACE_GONE:
		return true;
	}
	return true;
}

void endpoint_fail(struct endpoint *ep, enum reason reason, const struct failure *failure)
{
	time_ns now = engine_now(ep->engine);

	pthread_mutex_lock(&ep->lock);
	if (ep->stage == ENDPOINT_OVER) {
		pthread_mutex_unlock(&ep->lock);
		return;
	}
	bool dialling = ep->stage == ENDPOINT_DIALLING;
	if (!ep->failure.error) {
		ep->reason = reason;
		ep->failure = *failure;
	}
	session_reset(ep->session, reason, now);
	if (dialling && session_state(ep->session) >= SESSION_CLOSED) {
		ep->ended_at = now;
		face_descriptor_reset(ep);
		end_session(ep, now);
	}
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
	if (dialling)
		told_over(ep);
}

void endpoint_abort(struct endpoint *ep, enum reason reason)
{
	pthread_mutex_lock(&ep->lock);
	if (ep->session) {
		session_reset(ep->session, reason, engine_now(ep->engine));
		session_receive_discard(ep->session, engine_now(ep->engine));
		ep->face.out.length = 0;
		ep->face.out.whole = false;
	}
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

static void linger_expired(struct timer *t, time_ns now)
{
	struct endpoint *ep = container_of(t, struct endpoint, linger);

	(void)now;
	pthread_mutex_lock(&ep->lock);
	if (ep->session && !ep->failure.error)
		failure_set(&ep->failure, ECONNRESET,
			    "session with %s: closed, and not everything arrived within the linger time",
			    ep->peer);
	pthread_mutex_unlock(&ep->lock);
	endpoint_abort(ep, REASON_ABORTED);
}

void endpoint_closed(struct endpoint *ep)
{
	time_ns now = engine_now(ep->engine), end;

	pthread_mutex_lock(&ep->lock);
	ep->face.kind = FACE_GONE;
	if (ep->session) {
		struct session_figures figures;

		session_figures(ep->session, &figures);
		ep->refused_from = session_readable(ep->session) > 0 || ep->face.out.length > 0 ?
				   0 : figures.received;
		session_send_finish(ep->session, now);
		session_receive_discard(ep->session, now);
		if (!__builtin_add_overflow(now, ep->linger_ns, &end))
			timer_start(ep->engine, &ep->linger, end);
	}
	free(ep->face.out.bytes);
	ep->face.out = (struct parcel){ 0 };
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

/*
 * Bytes came, or were left unread, that the program has closed the door to. As TCP would, it tells the
 * peer by a reset, but not before all that the program wrote has arrived.
 */
static void refuse_unread(struct endpoint *ep, time_ns now)
{
	struct session_figures figures;

	if (ep->face.kind != FACE_GONE || session_state(ep->session) != SESSION_OPEN ||
	    session_unacknowledged(ep->session) > 0)
		return;
	session_figures(ep->session, &figures);
	if (figures.received <= ep->refused_from)
		return;
	if (!ep->failure.error)
		failure_set(&ep->failure, ECONNRESET, "session with %s: closed with bytes unread", ep->peer);
	session_reset(ep->session, REASON_ABORTED, now);
}

/* --- the pump --- */

static bool read_links(struct endpoint *ep, time_ns now)
{
	bool more = false;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->outcome == LINK_GOES_ON)
			more |= link_read(ep->links[i], now);
	return more;
}

static bool write_links(struct endpoint *ep, time_ns now)
{
	struct path *p;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i])
			link_backlog(ep->links[i]);
	for (unsigned i = 0; i < WRITES_MAX; i++) {
		p = session_next_writer(ep->session, now);
		if (!p)
			return false;
		if (!link_write(container_of(p, struct link, path), now))
			return false;
	}
	return true;
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

static void arm(struct endpoint *ep, bool refused, time_ns now)
{
	timer_start(ep->engine, &ep->deadline, session_deadline(ep->session, now));
	if (ep->ended_at && any_links(ep))
		timer_start(ep->engine, &ep->retry, ep->ended_at + TELL_END_NS);
	else if (refused && !timer_started(&ep->retry))
		timer_start(ep->engine, &ep->retry, now + RETRY_NS);
}

/* One look at everything; true when there is more to do at once. */
static bool pump_once(struct endpoint *ep, time_ns now)
{
	bool more = read_links(ep, now);
	bool refused = !endpoint_lend(ep);

	more |= face_descriptor_give(ep, now);
	more |= face_descriptor_take(ep, now);
	refuse_unread(ep, now);
	more |= write_links(ep, now);
	settle_links(ep, now);
	refused |= !endpoint_lend(ep);
	if (session_state(ep->session) >= SESSION_CLOSED && !ep->ended_at)
		ep->ended_at = now;
	if (session_state(ep->session) == SESSION_RESET)
		face_descriptor_reset(ep);
	arm(ep, refused, now);
	return more;
}

static void pump(struct task *t)
{
	struct endpoint *ep = container_of(t, struct endpoint, pump);
	time_ns now = clock_now();
	bool over = false, more = false, closed;

	pthread_mutex_lock(&ep->lock);
	if (ep->session) {
		more = pump_once(ep, now);
		over = at_its_end(ep, now);
		if (over)
			end_session(ep, now);
	}
	face_descriptor_settle(ep);
	face_handle_notify(ep);
	pthread_cond_broadcast(&ep->changed);
	closed = ep->face.kind == FACE_SOCKET && ep->face.closed && ep->face.input_ended;
	pthread_mutex_unlock(&ep->lock);

	if (closed) {
		face_descriptor_close(ep);
		endpoint_closed(ep);
	}
	tell_dialler(ep, false);
	if (over)
		told_over(ep);
	else
		endpoint_finish_waits(ep);
	if (more && !over)
		endpoint_post(ep);
}

static void deadline_expired(struct timer *t, time_ns now)
{
	struct endpoint *ep = container_of(t, struct endpoint, deadline);

	pthread_mutex_lock(&ep->lock);
	if (ep->session) {
		for (unsigned i = 0; i < PATHS_MAX; i++)
			if (ep->links[i])
				link_report(ep->links[i], now);
		session_tick(ep->session, now);
		reclaim_idle(ep);
	}
	pthread_mutex_unlock(&ep->lock);
	tell_dialler(ep, true);
	endpoint_post(ep);
}

static void retry_expired(struct timer *t, time_ns now)
{
	(void)now;
	endpoint_post(container_of(t, struct endpoint, retry));
}
