/* SPDX-License-Identifier: Apache-2.0 */
/* The acceptor's guests, as the driver has them: carriers before the end of their handshake. */
#include <string.h>

#include "sim/world.h"

#define GUEST_PATIENCE_NS    (10 * NS_PER_S)
#define JOINS_PER_SECOND_MAX 64u

static uint32_t to_ms(time_ns time)
{
	return time == TIME_NEVER ? TIMEOUT_MS_NEVER : (uint32_t)(time / NS_PER_MS);
}

static time_ns from_ms(uint32_t ms)
{
	return ms == TIMEOUT_MS_NEVER ? TIME_NEVER : (time_ns)ms * NS_PER_MS;
}

/* The HELLO whose ACCEPT this JOIN names, not confirmed yet. */
static struct greeting *hello_of(struct host *host, const struct handshake_offer *join)
{
	for (unsigned i = 0; i < HOST_GREETINGS; i++) {
		struct greeting *g = &host->greetings[i];

		if (g->used && g->answered && !g->opened &&
		    memcmp(handshake_offer(&g->handshake)->id, join->id, sizeof join->id) == 0 &&
		    memcmp(handshake_accept_nonce(&g->handshake), join->confirmed, NONCE_BYTES) == 0)
			return g;
	}
	return NULL;
}

static bool join_allowed(const struct world *w, const struct host *host)
{
	return host->joins < JOINS_PER_SECOND_MAX ||
	       host_now(w, host) - host->joins_since >= NS_PER_S;
}

static void count_join(const struct world *w, struct host *host)
{
	time_ns now = host_now(w, host);

	if (now - host->joins_since >= NS_PER_S) {
		host->joins_since = now;
		host->joins = 0;
	}
	host->joins++;
}

static void decide_join(struct world *w, struct host *host, struct greeting *g,
			const struct handshake_offer *offer, const uint8_t nonce[NONCE_BYTES])
{
	const struct handshake_terms terms = { .kind = (uint8_t)w->plan.kind };
	const struct greeting *hello = hello_of(host, offer);
	const uint8_t *secret = NULL;

	if (host->session != NULL && memcmp(offer->id, host->config.id, sizeof offer->id) == 0)
		secret = host->secret;
	else if (hello != NULL && !host->over)
		secret = handshake_offer(&hello->handshake)->secret;
	if (secret == NULL)
		handshake_refuse(&g->handshake, REASON_UNKNOWN_SESSION, 0);
	else if (!join_allowed(w, host))
		handshake_refuse(&g->handshake, REASON_BUSY, 0);
	else
		handshake_admit(&g->handshake, secret, nonce, &terms);
}

static void decide(struct world *w, struct host *host, struct greeting *g)
{
	const struct handshake_offer *offer = handshake_offer(&g->handshake);
	struct handshake_terms terms = { .kind = (uint8_t)w->plan.kind };
	uint8_t nonce[NONCE_BYTES];

	g->offered = true;
	random_fill(&host->random, nonce, sizeof nonce);
	if (offer->join) {
		decide_join(w, host, g, offer, nonce);
		return;
	}
	if (host->session != NULL || host->over) {
		handshake_refuse(&g->handshake, REASON_DUPLICATE_SESSION, 0);
		return;
	}
	terms.receive_limit = host_start_bytes(host);
	terms.range_credit = RANGE_CREDIT;
	terms.resume_timeout_ms = to_ms(host->config.resume_timeout_ns);
	handshake_admit(&g->handshake, NULL, nonce, &terms);
	g->answered = true;
}

static void open_session(struct world *w, struct host *host, const struct handshake_offer *offer)
{
	host->config.mode = (enum session_mode)offer->mode;
	host->config.orphan_timeout_ns = from_ms(offer->orphan_timeout_ms);
	memcpy(host->config.id, offer->id, sizeof host->config.id);
	memcpy(host->secret, offer->secret, sizeof host->secret);
	host->session = session_init(host->memory, &host->config, host_now(w, host));
	session_peer_declared(host->session, offer->receive_limit, offer->range_credit,
			      from_ms(offer->resume_timeout_ms));
	host->established = true;
	host->touched = true;
	host->state_seen = SESSION_OPEN;
	host->heard_at = host->pathless_at = host_now(w, host);
	world_say(w, "host %u: session established", host->number);
}

static void forget_kept(struct world *w, struct host *host)
{
	for (unsigned i = 0; i < HOST_GREETINGS; i++)
		if (host->greetings[i].used && host->greetings[i].kept)
			greeting_end(w, host, &host->greetings[i], true);
}

static void done(struct world *w, struct host *host, struct greeting *g)
{
	struct handshake_offer offer = *handshake_offer(&g->handshake);
	int replaces = offer.join && offer.replaces != PATH_ID_NONE ? offer.replaces : -1;
	struct greeting *hello = offer.join ? hello_of(host, &offer) : g;

	if (host->session == NULL && !host->over && hello != NULL) {
		if (hello != g)
			world_say(w, "host %u: a JOIN confirms", host->number);
		open_session(w, host, handshake_offer(&hello->handshake));
		hello->opened = true;
		forget_kept(w, host);
	} else if (host->session == NULL || !(offer.join || g->opened)) {
		greeting_end(w, host, g, true);
		return;
	}
	if (offer.join)
		count_join(w, host);
	(void)host_attach(w, host, g, offer.path_id, replaces, offer.path_id);
}

/* The handshake or its carrier has failed; an answered HELLO is kept for a JOIN. */
static void failed(struct world *w, struct host *host, struct greeting *g)
{
	bool spoken = handshake_state(&g->handshake) == HANDSHAKE_FAILED;
	struct carrier *c = carrier_of(w, g->carrier);

	if (!g->answered || g->opened || spoken || host->session != NULL || host->over) {
		/* What was said in a CLOSE must not be swept away by a reset. */
		greeting_end(w, host, g, !spoken);
		return;
	}
	if (c != NULL && c->end[host->number].attached)
		carrier_close(w, c, host->number, true);
	g->kept = true;
}

static void look_at(struct world *w, struct host *host, struct greeting *g)
{
	enum handshake_state state;

	if (host_now(w, host) >= g->deadline) {
		greeting_end(w, host, g, true);
		return;
	}
	if (g->kept)
		return;
	/* A decision is followed by talk. */
	do {
		state = greeting_talk(w, host, g);
		if (state == HANDSHAKE_NEEDS_DECISION)
			decide(w, host, g);
	} while (state == HANDSHAKE_NEEDS_DECISION);
	if (state == HANDSHAKE_DONE)
		done(w, host, g);
	else if (state == HANDSHAKE_FAILED)
		failed(w, host, g);
}

time_ns listener_look(struct world *w, struct host *host)
{
	time_ns next = TIME_NEVER;

	for (unsigned i = 0; i < host->accept_count; i++) {
		struct carrier *c = carrier_of(w, host->accepts[i]);
		struct greeting *g;

		if (c == NULL)
			continue;
		g = greeting_new(w, host, host->accepts[i], c->network);
		g->deadline = host_now(w, host) + GUEST_PATIENCE_NS;
		g->talking = true;
		handshake_answer(&g->handshake, PROTOCOL_VERSIONS);
	}
	host->accept_count = 0;
	for (unsigned i = 0; i < HOST_GREETINGS; i++) {
		struct greeting *g = &host->greetings[i];

		if (g->used)
			look_at(w, host, g);
		if (g->used && g->deadline < next)
			next = g->deadline;
	}
	return next;
}
