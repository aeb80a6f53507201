/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling and redialling, as driver/dial.c and driver/redial.c do it: one want for each
 * network. */
#include <errno.h>
#include <string.h>

#include "sim/world.h"

#define INTERVAL_LEAST_NS    (400 * NS_PER_MS)
#define INTERVAL_SHARE       12
#define SILENCE_LEAST_NS     (200 * NS_PER_MS)
#define SUSPECT_LOOK_NS      (100 * NS_PER_MS)
#define ANSWER_PATIENCE_NS   (2 * NS_PER_S)
#define STRANGER_INTERVAL_NS (60 * NS_PER_S)
#define REFUSED_TIMEOUT_NS   (10 * NS_PER_S)
#define HELLO_PATIENCE_NS    (250 * NS_PER_MS)

static time_ns later(time_ns a, time_ns b)
{
	return a > b ? a : b;
}

static time_ns sooner(time_ns a, time_ns b)
{
	return a < b ? a : b;
}

static time_ns interval(struct host *host, time_ns outage_ns)
{
	time_ns whole = later(INTERVAL_LEAST_NS, outage_ns / INTERVAL_SHARE);

	return whole - whole / 10 * (time_ns)random_below(&host->random, 256) / 256;
}

static time_ns alone_since(const struct world *w, const struct host *host, time_ns now)
{
	time_ns last = 0;

	for (unsigned i = 0; i < w->plan.networks; i++)
		if (host->wants[i].known)
			last = later(last, host->wants[i].link >= 0 ? now : host->wants[i].lost_at);
	return last;
}

static time_ns row_gap(const struct world *w, const struct host *host, time_ns now)
{
	time_ns outage = now - alone_since(w, host, now);

	return later(REFUSED_TIMEOUT_NS / 2, 2 * (INTERVAL_LEAST_NS + outage / INTERVAL_SHARE));
}

static void note_failure(struct world *w, struct host *host, struct want *want, int error,
			 bool stranger, time_ns now)
{
	want->strangers = stranger ? want->strangers + 1 : 0;
	if (!stranger && error != ECONNREFUSED)
		return;
	if (want->refused_since == 0 || now - want->refused_at > row_gap(w, host, now))
		want->refused_since = now;
	want->refused_at = now;
}

static void end_attempt(struct world *w, struct host *host, struct want *want)
{
	if (want->attempt != NULL)
		greeting_end(w, host, want->attempt, true);
	want->attempt = NULL;
}

static void begin_attempt(struct world *w, struct host *host, struct want *want, time_ns outage_ns,
			  time_ns now)
{
	unsigned network = (unsigned)(want - host->wants);
	struct carrier_id id;
	int error = carrier_dial(w, network, &id);

	want->started = now;
	want->next_at = now + interval(host, outage_ns);
	if (error < 0)
		note_failure(w, host, want, -error, false, now);
	else
		want->attempt = greeting_new(w, host, id, network);
}

static void offer(struct world *w, struct host *host, struct want *want, bool join)
{
	struct greeting *g = want->attempt;
	struct handshake_offer offered = {
		.join = join,
		.carrier = 1,
		.kind = (uint8_t)w->plan.kind,
		.mode = (uint8_t)w->plan.host[1].mode,
		.receive_limit = host_start_bytes(host),
		.range_credit = RANGE_CREDIT,
		.resume_timeout_ms = host->config.resume_timeout_ns == TIME_NEVER
					     ? TIMEOUT_MS_NEVER
					     : (uint32_t)(host->config.resume_timeout_ns /
							  NS_PER_MS),
		.orphan_timeout_ms = (uint32_t)(w->plan.orphan_timeout_ns / NS_PER_MS),
		.replaces = want->link < 0 ? PATH_ID_NONE : (uint16_t)want->link,
		.resume = !host_has_links(host),
	};
	uint8_t nonce[NONCE_BYTES];

	if (host->next_path_id == PATH_ID_NONE)
		host->next_path_id = 0;
	offered.path_id = g->path_id = host->next_path_id++;
	memcpy(offered.id, host->config.id, sizeof offered.id);
	memcpy(offered.secret, host->secret, sizeof offered.secret);
	memcpy(offered.confirmed, host->confirmed, sizeof offered.confirmed);
	random_fill(&host->random, nonce, sizeof nonce);
	handshake_dial(&g->handshake, PROTOCOL_VERSIONS, &offered, nonce);
	g->talking = g->offered = true;
	g->joins = join;
	if (!join)
		host->hello_at = host_now(w, host);
}

static void attach(struct world *w, struct host *host, struct want *want)
{
	struct greeting *g = want->attempt;
	const struct handshake_peer *peer = handshake_peer(&g->handshake);
	time_ns rtt_ns = handshake_rtt_ns(&g->handshake);
	bool join = g->joins;
	uint16_t id = g->path_id;

	if (!join) {
		session_peer_declared(host->session, peer->terms.receive_limit,
				      peer->terms.range_credit,
				      peer->terms.resume_timeout_ms == TIMEOUT_MS_NEVER
					      ? TIME_NEVER
					      : (time_ns)peer->terms.resume_timeout_ms * NS_PER_MS);
		world_say(w, "host %u: session established", host->number);
	}
	want->attempt = NULL;
	if (host_attach(w, host, g, id, want->link, (unsigned)(want - host->wants)) < 0)
		return;
	want->link = id;
	want->rtt_ns = rtt_ns;
	want->strangers = 0;
	want->refused_since = 0;
}

/* Only one dial of a HELLO is confirmed: those that wait for their answer are nothing any more. */
static void lose_race(struct world *w, struct host *host, const struct want *winner)
{
	for (unsigned i = 0; i < w->plan.networks; i++) {
		struct want *want = &host->wants[i];

		if (want != winner && want->attempt != NULL && want->attempt->offered)
			end_attempt(w, host, want);
	}
}

static void failed(struct world *w, struct host *host, struct want *want, int error, time_ns now)
{
	struct greeting *g = want->attempt;
	bool stranger = false;

	if (error == 0 && g->talking && handshake_state(&g->handshake) == HANDSHAKE_FAILED) {
		enum reason reason = (enum reason)handshake_failure(&g->handshake)->reason;

		stranger = reason == REASON_UNKNOWN_SESSION;
		world_must(w, reason == REASON_UNKNOWN_SESSION || reason == REASON_BUSY ||
			   reason == REASON_DUPLICATE_SESSION || reason == REASON_NOT_CONFIRMED,
			   "handshake: refused for reason %d", (int)reason);
	}
	end_attempt(w, host, want);
	note_failure(w, host, want, error, stranger, now);
}

/* The attempt goes on as far as it can. */
static void progress(struct world *w, struct host *host, struct want *want, time_ns now)
{
	struct greeting *g = want->attempt;
	struct carrier *c = carrier_of(w, g->carrier);

	if (c == NULL || (!g->offered && c->end[0].error != 0)) {
		failed(w, host, want, c != NULL ? c->end[0].error : ECONNRESET, now);
		return;
	}
	if (!c->end[0].established)
		return;
	if (g->connected_at == 0)
		g->connected_at = now;
	if (!g->offered) {
		if (!host->established && host->hello_at > 0 &&
		    now - host->hello_at < HELLO_PATIENCE_NS)
			return;
		offer(w, host, want, host->established);
	}
	for (;;) {
		switch (greeting_talk(w, host, g)) {
		case HANDSHAKE_IN_PROGRESS:
			return;
		case HANDSHAKE_ACCEPTED:
			host->established = true;
			host->confirmed_at = w->now;
			memcpy(host->confirmed, handshake_accept_nonce(&g->handshake), NONCE_BYTES);
			handshake_confirm(&g->handshake);
			lose_race(w, host, want);
			break;
		case HANDSHAKE_DONE:
			attach(w, host, want);
			return;
		case HANDSHAKE_NEEDS_DECISION:
		case HANDSHAKE_FAILED:
			failed(w, host, want, 0, now);
			return;
		}
	}
}

static time_ns attempt_limit(const struct want *want)
{
	const struct greeting *g = want->attempt;

	if (g->offered)
		return g->connected_at + ANSWER_PATIENCE_NS;
	return later(want->next_at, g->started + want->rtt_ns + want->rtt_ns / 2 + 50 * NS_PER_MS);
}

static time_ns look_at(struct world *w, struct host *host, struct want *want, unsigned alive,
		       time_ns now)
{
	struct host_link *link = want->link >= 0 ? host_link_of(host, (uint16_t)want->link) : NULL;
	time_ns since = link != NULL ? session_path_silent_since(host->session, &link->path, now)
				     : want->lost_at;
	time_ns due = link != NULL ? since + SILENCE_LEAST_NS : since;

	if (link != NULL && since == 0) {
		end_attempt(w, host, want);
		want->next_at = sooner(want->next_at, want->started + INTERVAL_LEAST_NS);
		return link->path.health.state == HEALTH_SUSPECT ? now + SUSPECT_LOOK_NS
								 : TIME_NEVER;
	}
	if (want->attempt != NULL) {
		time_ns limit = attempt_limit(want);

		if (now < limit)
			return want->attempt->offered || host->established
				       ? limit
				       : sooner(limit, later(now + NS_PER_MS,
							     host->hello_at + HELLO_PATIENCE_NS));
		end_attempt(w, host, want);
		note_failure(w, host, want, ETIMEDOUT, false, now);
	}
	due = later(due, want->next_at);
	if (alive > 0 && want->strangers > 0)
		due = later(due, want->started + STRANGER_INTERVAL_NS);
	if (alive > 0 && session_state(host->session) != SESSION_OPEN)
		return TIME_NEVER;
	if (now < due)
		return due;
	begin_attempt(w, host, want, now - since, now);
	return want->attempt != NULL ? attempt_limit(want) : want->next_at;
}

static time_ns refused_until(const struct world *w, const struct host *host, time_ns now)
{
	time_ns last = alone_since(w, host, now);

	for (unsigned i = 0; i < w->plan.networks; i++) {
		const struct want *want = &host->wants[i];

		if (!want->known)
			continue;
		if (want->link >= 0 || want->refused_since == 0 ||
		    now - want->refused_at > row_gap(w, host, now))
			return TIME_NEVER;
		/* Time that the process slept through is no refusal. */
		if (want->refused_at - want->refused_since < REFUSED_TIMEOUT_NS)
			return TIME_NEVER;
	}
	return last + REFUSED_TIMEOUT_NS;
}

static void drop_all(struct world *w, struct host *host)
{
	for (unsigned i = 0; i < w->plan.networks; i++)
		end_attempt(w, host, &host->wants[i]);
}

/* Links that are gone; networks that are new. Returns how many links are not silent. */
static unsigned survey(struct world *w, struct host *host, time_ns now)
{
	unsigned alive = 0;

	for (unsigned i = 0; i < w->plan.networks; i++) {
		struct want *want = &host->wants[i];
		struct host_link *link = want->link >= 0 ? host_link_of(host, (uint16_t)want->link)
							 : NULL;

		if (!want->known && w->network[i].attached)
			*want = (struct want){
				.known = true, .link = -1, .lost_at = now, .next_at = now
			};
		if (want->known && want->link >= 0 && link == NULL) {
			want->link = -1;
			want->lost_at = now;
		}
		if (link != NULL && session_path_silent_since(host->session, &link->path, now) == 0)
			alive++;
	}
	return alive;
}

time_ns dialler_look(struct world *w, struct host *host)
{
	time_ns now = host_now(w, host), next;
	unsigned alive;

	if (host->session == NULL || session_state(host->session) >= SESSION_CLOSED) {
		drop_all(w, host);
		return TIME_NEVER;
	}
	for (unsigned i = 0; i < w->plan.networks; i++)
		if (host->wants[i].attempt != NULL)
			progress(w, host, &host->wants[i], now);
	next = refused_until(w, host, now);
	if (now >= next) {
		world_say(w, "host %u: refused at every address", host->number);
		session_reset(host->session, REASON_REFUSED_EVERYWHERE, now);
		host->touched = true;
		return now;
	}
	alive = survey(w, host, now);
	for (unsigned i = 0; i < w->plan.networks; i++)
		if (host->wants[i].known)
			next = sooner(next, look_at(w, host, &host->wants[i], alive, now));
	return next;
}

void dialler_link_lost(struct world *w, struct host *host, const struct host_link *link)
{
	time_ns now = host_now(w, host);

	for (unsigned i = 0; i < w->plan.networks; i++) {
		struct want *want = &host->wants[i];

		if (!want->known || want->link != link->path.id)
			continue;
		want->link = -1;
		want->lost_at = now;
		want->next_at = later(now, want->started + INTERVAL_LEAST_NS);
	}
}
