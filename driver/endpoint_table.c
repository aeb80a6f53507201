/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all endpoints of an engine: those that live, and the latest that have ended. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/endpoint_internal.h"

#define BUCKETS   4096u
#define LOOKS_MAX 8u

/*
 * The engine's thread alone changes it, and reads it without a lock. Program threads look sessions up, too
 * (endpoint_find_held): so the buckets change, and users count, under engine.endpoints_lock.
 *
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

struct endpoint *endpoint_find_held(struct engine *e, const uint8_t id[SESSION_ID_BYTES], bool dialler)
{
	pthread_mutex_lock(&e->endpoints_lock);
	struct endpoint *ep = endpoint_find_any(e, id, dialler);
	if (ep)
		ep->users++;
	pthread_mutex_unlock(&e->endpoints_lock);
	return ep;
}

void endpoint_hold(struct endpoint *ep)
{
	pthread_mutex_lock(&ep->engine->endpoints_lock);
	ep->users++;
	pthread_mutex_unlock(&ep->engine->endpoints_lock);
}

void endpoint_release(struct endpoint *ep)
{
	struct engine *e = ep->engine;

	pthread_mutex_lock(&e->endpoints_lock);
	assert(ep->users > 0);
	ep->users--;
	pthread_mutex_unlock(&e->endpoints_lock);
	endpoint_table_forget(e);
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

static struct endpoints *table(struct engine *e)
{
	if (!e->endpoints) {
		e->endpoints = calloc(1, sizeof *e->endpoints);
		if (e->endpoints)
			e->endpoints->over_end = &e->endpoints->over;
	}
	return e->endpoints;
}

int endpoint_table_add(struct endpoint *ep)
{
	struct engine *e = ep->engine;
	int error = 0;

	pthread_mutex_lock(&e->endpoints_lock);
	if (!table(e)) {
		error = -ENOMEM;
	} else if (endpoint_find_any(e, ep->id, ep->is_dialler)) {
		error = -EEXIST;
	} else {
		ep->hash_next = *bucket(e, ep->id);
		*bucket(e, ep->id) = ep;
		link_live(ep);
	}
	pthread_mutex_unlock(&e->endpoints_lock);
	return error;
}

void endpoint_table_over(struct endpoint *ep)
{
	unlink_all(ep);
	ep->stage = ENDPOINT_OVER;
	link_over(ep);
}

/* Out of the buckets, unless somebody uses it: nobody finds it any more then. */
static bool take_out(struct endpoint *ep)
{
	struct endpoint **at = bucket(ep->engine, ep->id);

	pthread_mutex_lock(&ep->engine->endpoints_lock);
	bool used = ep->users > 0 || ep->face.fd >= 0 || ep->face.priming;
	if (!used) {
		while (*at != ep)
			at = &(*at)->hash_next;
		*at = ep->hash_next;
	}
	pthread_mutex_unlock(&ep->engine->endpoints_lock);
	return !used;
}

static void endpoint_free(struct endpoint *ep)
{
	assert(ep->stage == ENDPOINT_OVER && !ep->waits);
	assert(!timer_started(&ep->deadline) && !timer_started(&ep->retry) && !timer_started(&ep->linger));
	unlink_all(ep);
	ep->engine->endpoints->over_count--;
	engine_unpost(ep->engine, &ep->pump);
	pthread_cond_destroy(&ep->changed);
	pthread_mutex_destroy(&ep->lock);
	free(ep->words);
	free(ep->last);
	free(ep->face.packets);
	free(ep);
}

/*
 * Forgets the oldest that ended, until no more than the limit are kept. Those that somebody still holds go to
 * the end of the list, and few are looked at in one call: thousands may be held.
 */
void endpoint_table_forget(struct engine *e)
{
	struct endpoints *all = e->endpoints;

	for (unsigned i = 0; i < LOOKS_MAX && all->over_count > TOMBSTONES_MAX; i++) {
		struct endpoint *ep = all->over;

		if (take_out(ep)) {
			endpoint_free(ep);
			continue;
		}
		unlink_all(ep);
		all->over_count--;
		link_over(ep);
	}
}
