/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redialling: whenever something may have changed, each want is looked at once and says when to look
 * again. An outage is dialled at intervals that grow with it, never above a tenth of it (or 0.5 s).
 */
#include "driver/redial.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/address.h"
#include "driver/changes.h"
#include "driver/survey.h"

#define INTERVAL_LEAST_NS   (400 * NS_PER_MS)
#define INTERVAL_SHARE      12                  /* of the outage: one part in so many */
/* A link that fell silent is not dialled afresh before this long: most silences end by themselves. */
#define SILENCE_LEAST_NS    (200 * NS_PER_MS)
/* A suspect link is looked at this often, to see whether it falls silent or recovers. */
#define SUSPECT_LOOK_NS     (100 * NS_PER_MS)
/* Connected, so the network is proved: the peer gets this long to answer the JOIN. */
#define ANSWER_PATIENCE_NS  (2 * NS_PER_S)
/* An address that leads to another host is asked again this rarely, while the session has a path. */
#define STRANGER_INTERVAL_NS (60 * NS_PER_S)
/* So much of an address is said again. */
#define NAME_MAX_BYTES 127u

static void join_event(struct greeting *g, enum greeting_event event);
static void look(struct dialler *d, time_ns now);

static time_ns later(time_ns a, time_ns b)
{
	return a > b ? a : b;
}

static time_ns sooner(time_ns a, time_ns b)
{
	return a < b ? a : b;
}

/* How long after the start of one attempt the next one starts: with jitter, so that sessions spread. */
static time_ns interval(time_ns outage_ns)
{
	time_ns whole = later(INTERVAL_LEAST_NS, outage_ns / INTERVAL_SHARE);
	uint8_t jitter = 0;

	/* Without randomness there is no jitter; nothing depends on it. */
	(void)random_bytes(&jitter, sizeof jitter);
	return whole - whole / 10 * jitter / 256;
}

struct dialler *dialler_new(struct engine *e, const char *name, const struct options *options)
{
	size_t length = strnlen(name, NAME_MAX_BYTES);
	struct dialler *d = calloc(1, sizeof *d + length + 1);

	if (!d)
		return NULL;
	memcpy(d->name, name, length);
	d->engine = e;
	d->refused_timeout_ns = options->refused_timeout_ns;
	d->resume_timeout_ms = time_to_ms(options->resume_timeout_ns);
	d->orphan_timeout_ms = time_to_ms(options->orphan_timeout_ns);
	d->paths_max = (uint8_t)options->paths_max;
	d->insecure_allowed = options->insecure;
	if (options->via_count > 0)
		d->via = calloc(options->via_count, sizeof d->via[0]);
	if (options->via_count > 0 && !d->via) {
		dialler_discard(d);
		return NULL;
	}
	for (; d->via_count < options->via_count; d->via_count++)
		memcpy(&d->via[d->via_count], &options->via[d->via_count], sizeof d->via[0]);
	return d;
}

void dialler_discard(struct dialler *d)
{
	while (d->want) {
		struct want *want = d->want;

		d->want = want->next;
		free(want);
	}
	free(d->insecure);
	free(d->peer);
	free(d->via);
	explicit_bzero(d, sizeof *d);
	free(d);
}

const struct pairs *dialler_survey(struct dialler *d, int *error)
{
	struct survey_question question;

	memset(&question, 0, sizeof question);
	for (unsigned i = 0; i < d->via_count; i++)
		memcpy(&question.via[i], &d->via[i], sizeof d->via[0]);
	for (unsigned i = 0; i < d->peer_count; i++)
		question.remote[i] = d->peer[i].remote;
	question.via_count = d->via_count;
	question.remote_count = d->peer_count;
	question.paths_max = d->paths_max;
	return survey(d->engine, &question, error);
}

struct want *redial_want(struct dialler *d, const struct pair_group *group)
{
	for (struct want *want = d->want; want; want = want->next)
		if (pair_group_same(&want->group, group))
			return want;
	return NULL;
}

static bool has_group(const struct pairs *pairs, const struct pair_group *group)
{
	for (unsigned i = 0; i < pairs->count; i++)
		if (pair_group_same(&pairs->pair[i].group, group))
			return true;
	return false;
}

/* One more, the last. NULL: no memory. */
static struct want *add_want(struct dialler *d)
{
	struct want *want = calloc(1, sizeof *want), **end = &d->want;

	if (!want)
		return NULL;
	while (*end)
		end = &(*end)->next;
	*end = want;
	want->rank = d->want_count++;
	return want;
}

/* A free want: a new one, or one whose network is gone and that holds nothing. NULL: none. */
static struct want *free_want(struct dialler *d, const struct pairs *pairs)
{
	if (d->want_count < d->paths_max)
		return add_want(d);
	for (struct want *want = d->want; want; want = want->next)
		if (want->link < 0 && !want->attempt && !has_group(pairs, &want->group))
			return want;
	return NULL;
}

/* Takes in networks that are new. */
static void merge(struct dialler *d, const struct pairs *pairs, time_ns now)
{
	d->incomplete = false;
	for (unsigned i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->pair[i];
		struct want *want;

		if (!pair->primary || redial_want(d, &pair->group))
			continue;
		/* No network at this moment is no reason for a path that would share one later. */
		if (pair->group.host == PAIR_GROUP_ROUTING && d->want_count > 0)
			continue;
		want = free_want(d, pairs);
		if (!want) {
			d->incomplete = d->want_count < d->paths_max;
			return;
		}
		*want = (struct want){
			.next = want->next,
			.rank = want->rank,
			.group = pair->group,
			.link = -1,
			.lost_at = now,
			.next_at = now,
			.reason = REASON_PATH_DIALLING,
		};
		redial_note(d, want, pair);
	}
}

static const struct pairs *survey_now(struct dialler *d, time_ns now, int *error)
{
	const struct pairs *pairs = dialler_survey(d, error);

	if (pairs)
		merge(d, pairs, now);
	else
		/* For want of memory or descriptors, unless the networks named are not there. */
		d->incomplete = *error != -ENODEV;
	return pairs;
}

/* A pair's remote end is one of them: survey chose from nothing else. */
static uint8_t peer_index(const struct dialler *d, const union inet_address *remote)
{
	uint8_t i = 0;

	while (i < d->peer_count && !address_same(&d->peer[i].remote.address, remote))
		i++;
	assert(i < d->peer_count);
	return i;
}

void redial_note(struct dialler *d, struct want *want, const struct pair *pair)
{
	want->local = pair->route.local;
	want->peer = peer_index(d, &pair->route.remote);
}

/* The want's next pair, of `choices`; NULL: its network leads nowhere now. */
static const struct pair *choose_pair(struct dialler *d, struct want *want, const struct pairs *pairs)
{
	const struct pair *of_group[PAIRS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < pairs->count; i++)
		if (pair_group_same(&pairs->pair[i].group, &want->group))
			of_group[count++] = &pairs->pair[i];
	want->choices = (uint8_t)count;
	if (count == 0)
		return NULL;
	redial_note(d, want, of_group[want->turn % count]);
	return of_group[want->turn % count];
}

/* Since when there has been no link at all; now when there is one. */
static time_ns alone_since(const struct dialler *d, time_ns now)
{
	time_ns last = 0;

	for (const struct want *want = d->want; want; want = want->next)
		last = later(last, want->link >= 0 ? now : want->lost_at);
	return last;
}

/* Refusals further apart than attempts are, are not one row: something else happened between them. */
static time_ns row_gap(const struct dialler *d, time_ns now)
{
	time_ns outage = now - alone_since(d, now);

	return later(d->refused_timeout_ns / 2, 2 * (INTERVAL_LEAST_NS + outage / INTERVAL_SHARE));
}

/* A refusal is the word of the peer's host; that one network does not lead there says nothing against it. */
static void note_refusal(struct dialler *d, struct peer_address *peer, time_ns now)
{
	if (peer->refused_since == 0 || now - peer->refused_at > row_gap(d, now))
		peer->refused_since = now;
	peer->refused_at = now;
}

static void note_failure(struct dialler *d, struct want *want, const struct attempt_failure *failure,
			 time_ns now)
{
	bool stranger = failure->reason == REASON_PATH_OTHER_HOST;

	want->reason = (uint16_t)failure->reason;
	want->error = (uint16_t)failure->error;
	want->turn++;
	if (!stranger)
		want->strangers = 0;
	else if (want->strangers < UINT16_MAX)
		want->strangers++;
	if (stranger || failure->reason == REASON_PATH_REFUSED)
		note_refusal(d, &d->peer[want->peer], now);
}

static void end_attempt(struct want *want)
{
	attempt_free(want->attempt);
	want->attempt = NULL;
}

static bool offer_join(struct dialler *d, struct want *want, time_ns now)
{
	struct link_view views[PATHS_MAX];
	int err = attempt_offer(want->attempt, true, want->link, endpoint_links(d->endpoint, views) == 0);
	struct attempt_failure failure;

	if (err == 0)
		return true;
	failure = attempt_failure_of(err);
	end_attempt(want);
	note_failure(d, want, &failure, now);
	return false;
}

static void begin_attempt(struct dialler *d, struct want *want, time_ns outage_ns, time_ns now)
{
	int err;
	const struct pairs *pairs = survey_now(d, now, &err);
	const struct pair *pair = pairs ? choose_pair(d, want, pairs) : NULL;

	want->started = now;
	want->next_at = now + interval(outage_ns);
	if (pairs && !pair)
		err = -ENODEV;
	if (err == 0)
		err = attempt_new(d, pair, join_event, &want->attempt);
	if (err < 0) {
		struct attempt_failure failure = attempt_failure_of(err);

		note_failure(d, want, &failure, now);
	}
}

/* How long the attempt may still take. */
static time_ns attempt_limit(const struct want *want)
{
	const struct attempt *a = want->attempt;

	if (a->order > 0)
		return a->connected_at + ANSWER_PATIENCE_NS;
	/* Not while an answer of a peer as far away as it was could still be under way. */
	return later(want->next_at, a->started + want->rtt_ns + want->rtt_ns / 2 + 50 * NS_PER_MS);
}

/*
 * One want. view: its link, or NULL. alive: links of the session that are not silent. Returns when to
 * look again.
 */
static time_ns look_at(struct dialler *d, struct want *want, const struct link_view *view, unsigned alive,
		       time_ns now)
{
	time_ns since = view ? view->silent_since : want->lost_at;
	time_ns due = view ? since + SILENCE_LEAST_NS : since;

	if (view && view->silent_since == 0) {
		end_attempt(want);
		want->next_at = sooner(want->next_at, want->started + INTERVAL_LEAST_NS);
		return view->state == HAWSER_PATH_SUSPECT ? now + SUSPECT_LOOK_NS : TIME_NEVER;
	}
	if (want->attempt) {
		struct attempt_failure late = attempt_failure_of(-ETIMEDOUT);
		time_ns limit = attempt_limit(want);

		if (now < limit)
			return limit;
		end_attempt(want);
		note_failure(d, want, &late, now);
	}
	due = later(due, want->next_at);
	if (alive > 0 && want->strangers > 0 && want->strangers >= want->choices)
		due = later(due, want->started + STRANGER_INTERVAL_NS);
	if (alive > 0 && endpoint_state(d->endpoint) != SESSION_OPEN)
		return TIME_NEVER;
	if (now < due)
		return due;
	begin_attempt(d, want, now - since, now);
	return want->attempt ? attempt_limit(want) : want->next_at;
}

static const struct link_view *find_view(const struct link_view *views, unsigned count, int link)
{
	for (unsigned i = 0; i < count; i++)
		if (views[i].id == link)
			return &views[i];
	return NULL;
}

/* When every address will have refused for long enough; TIME_NEVER: one does not, or a link is there. */
static time_ns refused_until(const struct dialler *d, time_ns now)
{
	time_ns last = alone_since(d, now);

	if (d->refused_timeout_ns == TIME_NEVER)
		return TIME_NEVER;
	for (const struct want *want = d->want; want; want = want->next)
		if (want->link >= 0)
			return TIME_NEVER;
	for (unsigned i = 0; i < d->peer_count; i++) {
		const struct peer_address *peer = &d->peer[i];

		if (peer->refused_since == 0 || now - peer->refused_at > row_gap(d, now))
			return TIME_NEVER;
		/* A row of refusals, not one and then a time asleep. */
		if (peer->refused_at - peer->refused_since < d->refused_timeout_ns)
			return TIME_NEVER;
	}
	return last + d->refused_timeout_ns;
}

static void give_up(struct dialler *d)
{
	struct failure failure;

	failure_set(&failure, ECONNRESET, "%s: %s", d->name, reason_text(REASON_REFUSED_EVERYWHERE));
	endpoint_fail(d->endpoint, REASON_REFUSED_EVERYWHERE, &failure);
}

static void look(struct dialler *d, time_ns now)
{
	struct link_view views[PATHS_MAX];
	unsigned count, alive = 0;
	time_ns next;
	int error;

	if (d->race || d->want_count == 0)
		return;
	next = refused_until(d, now);
	if (now >= next) {
		give_up(d);
		return;
	}
	count = endpoint_links(d->endpoint, views);
	for (unsigned i = 0; i < count; i++)
		alive += views[i].silent_since == 0;
	if (d->incomplete && (!survey_now(d, now, &error) || d->incomplete))
		next = sooner(next, now + INTERVAL_LEAST_NS);
	for (struct want *want = d->want; want; want = want->next) {
		const struct link_view *view = find_view(views, count, want->link);

		if (want->link >= 0 && !view) {
			want->link = -1;
			want->lost_at = now;
		}
		next = sooner(next, look_at(d, want, view, alive, now));
	}
	/* No memory for a timer: the hooks, which the session's own deadlines call, look again. */
	(void)timer_start(d->engine, &d->timer, next);
}

static void expired(struct timer *t, time_ns now)
{
	look(container_of(t, struct dialler, timer), now);
}

static void look_soon(struct task *t)
{
	struct dialler *d = container_of(t, struct dialler, task);

	look(d, engine_now(d->engine));
}

void redial_soon(struct dialler *d)
{
	engine_post(d->engine, &d->task);
}

static struct want *want_of(struct dialler *d, const struct attempt *a)
{
	for (struct want *want = d->want; want; want = want->next)
		if (want->attempt == a)
			return want;
	assert(!"every attempt after the race has its want");
	return NULL;
}

static void joined(struct dialler *d, struct want *want, time_ns now)
{
	struct attempt *a = want->attempt;
	uint16_t id = a->path_id;
	time_ns rtt_ns = handshake_rtt_ns(&a->greeting.handshake);
	int err;

	want->attempt = NULL;
	err = attempt_attach(a, want->link, want->rank, want->connects + 1);
	if (err < 0) {
		struct attempt_failure failure = attempt_failure_of(err);

		note_failure(d, want, &failure, now);
		return;
	}
	want->link = id;
	want->rtt_ns = rtt_ns;
	want->connects++;
	want->strangers = 0;
	want->reason = REASON_NONE;
	want->error = 0;
	d->peer[want->peer].refused_since = 0;
}

static void join_event(struct greeting *g, enum greeting_event event)
{
	struct attempt *a = container_of(g, struct attempt, greeting);
	struct dialler *d = a->dialler;
	struct want *want = want_of(d, a);
	struct attempt_failure failure;
	time_ns now = engine_now(d->engine);

	switch (event) {
	case GREETING_CONNECTED:
		a->order = 1;
		a->connected_at = now;
		(void)offer_join(d, want, now);
		break;
	case GREETING_DECIDE:
		assert(!"a JOIN is confirmed by the handshake itself");
		break;
	case GREETING_DONE:
		joined(d, want, now);
		break;
	case GREETING_FAILED:
		failure = attempt_failure(a);
		end_attempt(want);
		note_failure(d, want, &failure, now);
		break;
	}
	redial_soon(d);
}

void redial_adopt(struct want *want, struct attempt *a)
{
	want->attempt = a;
	redial_note(a->dialler, want, &a->pair);
	want->started = a->started;
	want->next_at = a->started + INTERVAL_LEAST_NS;
	a->greeting.event = join_event;
	if (a->order > 0)
		(void)offer_join(a->dialler, want, engine_now(a->dialler->engine));
}

void redial_begin(struct dialler *d, const struct pairs *pairs, time_ns now)
{
	d->timer.expired = expired;
	d->task.run = look_soon;
	merge(d, pairs, now);
	d->incomplete |= d->outdated;
}

void redial_networks_changed(struct dialler *d)
{
	time_ns now = engine_now(d->engine);
	int err;

	/* The race goes on by the networks that it began with. */
	d->outdated = d->race != NULL;
	if (d->race || d->want_count == 0)
		return;
	if (!survey_now(d, now, &err)) {
		redial_soon(d);
		return;
	}
	for (struct want *want = d->want; want; want = want->next) {
		/* Not more often than the shortest interval, however fast a network flaps. */
		want->next_at = sooner(want->next_at, later(now, want->started + INTERVAL_LEAST_NS));
	}
	redial_soon(d);
}

void dialler_link_lost(struct endpoint *ep, uint16_t id, enum reason reason, int error, bool ended,
		       bool closed_by_peer)
{
	struct dialler *d = ep->dialler;
	time_ns now = engine_now(d->engine);

	(void)ended;
	for (struct want *want = d->want; want; want = want->next) {
		if (want->link != id)
			continue;
		want->link = -1;
		want->lost_at = now;
		want->reason = (uint16_t)(closed_by_peer ? REASON_PATH_CLOSED_BY_PEER : reason);
		want->error = (uint16_t)(error < 0 ? -error : error);
		/* At once, unless it comes up only to be lost again. */
		want->next_at = later(now, want->started + INTERVAL_LEAST_NS);
	}
	redial_soon(d);
}

void dialler_consider(struct endpoint *ep, time_ns now)
{
	(void)now;
	if (ep->dialler->want_count > 0)
		redial_soon(ep->dialler);
}

static void describe(struct hawser_path_info *info, const union inet_address *remote)
{
	memset(info, 0, sizeof *info);
	info->id = PATH_ID_NONE;
	info->state = HAWSER_PATH_DOWN;
	snprintf(info->carrier, sizeof info->carrier, "%s", carrier_tcp.name);
	address_text(remote, info->remote, sizeof info->remote);
}

unsigned dialler_paths(struct endpoint *ep, struct hawser_path_info *paths, unsigned max)
{
	const struct dialler *d = ep->dialler;
	unsigned count = 0;

	for (const struct want *want = d->want; want && count < max; want = want->next) {
		if (want->link >= 0)
			continue;
		describe(&paths[count], &d->peer[want->peer].remote.address);
		memcpy(paths[count].interface, want->group.interface, sizeof want->group.interface);
		if (want->local.family != AF_UNSPEC)
			address_text_host(&want->local, paths[count].local, sizeof paths[count].local);
		paths[count].reason = want->reason == REASON_NONE ? REASON_PATH_DIALLING : want->reason;
		paths[count].error = want->error;
		paths[count].connects = want->connects;
		paths[count].state_age_ns = (uint64_t)(engine_now(d->engine) - want->lost_at);
		count++;
	}
	for (unsigned i = 0; i < d->insecure_count && count < max; i++) {
		describe(&paths[count], &d->insecure[i]);
		paths[count].reason = REASON_PATH_INSECURE;
		count++;
	}
	return count;
}

void dialler_free(struct endpoint *ep)
{
	struct dialler *d = ep->dialler;

	if (!d)
		return;
	ep->dialler = NULL;
	changes_leave(d);
	resolve_cancel(d->resolve);
	race_free(d);
	for (struct want *want = d->want; want; want = want->next)
		end_attempt(want);
	timer_stop(d->engine, &d->timer);
	engine_unpost(d->engine, &d->task);
	dialler_discard(d);
}
