/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: what they ask is decided, and those that are done become sessions or their paths. */
#include "driver/guest.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/hmac.h"
#include "driver/accept_queue.h"
#include "driver/address.h"
#include "driver/endpoint.h"
#include "driver/lobby.h"
#include "driver/survey.h"

struct guest {
	struct guest *newer, **link;
	struct listener *listener;      /* of its door; NULL: only JOINs are welcome */
	struct greeting greeting;
	uint64_t place;                 /* where it comes from */
	unsigned beside;                /* other guests from there */
	uint64_t window_bytes;          /* declared to its HELLO */
	uint64_t promised_bytes;        /* of memory_promise: that, or 0 while it is kept without a carrier */
	bool offered;
	bool answered;                  /* a HELLO: its ACCEPT may be confirmed, by a JOIN too */
	bool opened;                    /* and a JOIN has done so: its CONFIRM brings a further path */
};

static void guest_event(struct greeting *g, enum greeting_event event);

/* An IPv4 address, or the network of an IPv6 one: whoever has one address there has them all. */
static uint64_t place_of(struct carrier *carrier)
{
	struct carrier_route route;
	uint64_t place = 0;

	carrier->ops->route(carrier, &route);
	address_unmap(&route.remote);
	if (route.remote.family == AF_INET6)
		memcpy(&place, &route.remote.v6.sin6_addr, sizeof place);
	else if (route.remote.family == AF_INET)
		place = route.remote.v4.sin_addr.s_addr;
	return place;
}

static void count_beside(struct guest *guest, int change)
{
	struct listeners *all = guest->greeting.engine->listeners;

	for (struct guest *other = all->oldest; other; other = other->newer) {
		if (other == guest || other->place != guest->place)
			continue;
		other->beside += (unsigned)change;
		guest->beside += (unsigned)change;
	}
}

/* The first that is better than all before it: so the oldest of those that are as good. */
static struct guest *least_welcome(struct listeners *all, bool with_carrier)
{
	struct guest *least = NULL;

	for (struct guest *guest = all->oldest; guest; guest = guest->newer) {
		if (with_carrier && !guest->greeting.carrier)
			continue;
		if (!least || guest->beside > least->beside ||
		    (guest->place == least->place && least->offered && !guest->offered))
			least = guest;
	}
	return least;
}

static void guest_free(struct guest *guest)
{
	struct engine *e = guest->greeting.engine;
	struct listeners *all = e->listeners;

	count_beside(guest, -1);
	memory_withdraw(&e->memory, guest->promised_bytes);
	*guest->link = guest->newer;
	if (guest->newer)
		guest->newer->link = guest->link;
	else
		all->newest_link = guest->link;
	all->guest_count--;
	greeting_end(&guest->greeting);
	free(guest);
}

void guest_new(struct engine *e, struct listener *listener, int fd, const char *interface)
{
	struct listeners *all = e->listeners;
	struct guest *guest = calloc(1, sizeof *guest);

	if (!guest) {
		close(fd);
		return;
	}
	if (greeting_adopt(&guest->greeting, e, &carrier_tcp, fd, interface, guest_event) < 0) {
		free(guest);
		return;
	}
	if (all->guest_count == GUESTS_MAX)
		guest_free(least_welcome(all, false));
	guest->listener = listener;
	survey_bind_arrival(e, guest->greeting.carrier);
	guest->place = place_of(guest->greeting.carrier);
	guest->link = all->newest_link;
	*guest->link = guest;
	all->newest_link = &guest->newer;
	all->guest_count++;
	count_beside(guest, 1);
	if (greeting_deadline(&guest->greeting, engine_now(e) + GUEST_PATIENCE_NS) < 0)
		guest_free(guest);
}

/* Its offer, when it has made one. */
static const struct handshake_offer *offer_of(const struct guest *guest)
{
	return guest->offered ? handshake_offer(&guest->greeting.handshake) : NULL;
}

static bool join_allowed(const struct endpoint *ep)
{
	return ep->joins < JOINS_PER_SECOND_MAX || engine_now(ep->engine) - ep->joins_since >= NS_PER_S;
}

/* Only what was proved counts: who knows no more than a session's id cannot use up its JOINs. */
static void count_join(struct endpoint *ep)
{
	time_ns now = engine_now(ep->engine);

	if (now - ep->joins_since >= NS_PER_S) {
		ep->joins_since = now;
		ep->joins = 0;
	}
	ep->joins++;
}

/* The HELLO whose ACCEPT this JOIN names: it was answered, and is not confirmed yet. */
static struct guest *hello_of(struct listeners *all, const struct handshake_offer *join)
{
	for (struct guest *guest = all->oldest; guest; guest = guest->newer)
		if (guest->answered && !guest->opened && guest->listener &&
		    memcmp(offer_of(guest)->id, join->id, SESSION_ID_BYTES) == 0 &&
		    memcmp(handshake_accept_nonce(&guest->greeting.handshake), join->confirmed,
			   NONCE_BYTES) == 0)
			return guest;
	return NULL;
}

static struct handshake_terms terms_of(const struct options *options, uint64_t window_bytes, unsigned kind)
{
	return (struct handshake_terms){
		.receive_limit = window_bytes,
		.range_credit = RANGE_CREDIT,
		.resume_timeout_ms = time_to_ms(options->resume_timeout_ns),
		.kind = (uint8_t)kind,
	};
}

static void decide_hello(struct guest *guest, const struct handshake_offer *offer)
{
	struct listener *listener = guest->listener;
	struct engine *e = guest->greeting.engine;
	struct handshake_terms terms;

	if (!listener || !accept_queue_open(listener->queue)) {
		greeting_refuse(&guest->greeting, REASON_GOING_AWAY);
	} else if (endpoint_find_any(e, offer->id, false)) {
		greeting_refuse(&guest->greeting, REASON_DUPLICATE_SESSION);
	} else if (offer->kind != listener->options.kind) {
		greeting_refuse(&guest->greeting, REASON_KIND_MISMATCH);
	} else if (accept_queue_waiting(listener->queue) >= WAITING_MAX) {
		greeting_refuse(&guest->greeting, REASON_BUSY);
	} else {
		guest->window_bytes = memory_promise(&e->memory, listener->options.receive_buffer_bytes);
		guest->promised_bytes = guest->window_bytes;
		terms = terms_of(&listener->options, guest->window_bytes, offer->kind);
		if (greeting_admit(&guest->greeting, NULL, &terms) < 0)
			guest_free(guest);
		else
			guest->answered = true;
	}
}

static void decide_join(struct guest *guest, const struct handshake_offer *offer)
{
	struct engine *e = guest->greeting.engine;
	struct endpoint *ep = endpoint_find(e, offer->id, false);
	const struct guest *hello = ep ? NULL : hello_of(e->listeners, offer);
	const uint8_t *secret = ep ? ep->secret : hello ? offer_of(hello)->secret : NULL;
	/* Nothing is declared again, but the kind is part of the answer. */
	struct handshake_terms terms = { .kind = SESSION_STREAM };

	if (hello)
		terms.kind = offer_of(hello)->kind;
	else if (ep && ep->messages)
		terms.kind = SESSION_MESSAGES;
	/* One that was reset waits only for its program to read: no path can bring it back. */
	if (!secret || (ep && endpoint_state(ep) == SESSION_RESET))
		greeting_refuse(&guest->greeting, REASON_UNKNOWN_SESSION);
	else if (ep && !join_allowed(ep))
		greeting_refuse(&guest->greeting, REASON_BUSY);
	else if (greeting_admit(&guest->greeting, secret, &terms) < 0)
		guest_free(guest);
}

static bool has_its_window(struct guest *hello)
{
	if (hello->promised_bytes == 0 &&
	    memory_promise_again(&hello->greeting.engine->memory, hello->window_bytes))
		hello->promised_bytes = hello->window_bytes;
	return hello->promised_bytes > 0;
}

/* What a HELLO asked for. */
static int make_endpoint(struct guest *guest, const struct carrier_route *route, struct endpoint **out)
{
	const struct handshake_offer *offer = offer_of(guest);
	const struct options *options = &guest->listener->options;
	struct engine *e = guest->greeting.engine;
	time_ns orphan_timeout_ns = time_of_ms(offer->orphan_timeout_ms);
	struct endpoint_config config = {
		.session = options_session(options, false),
		.linger_ns = options_linger_ns(options),
		.exit_linger_ns = options->exit_linger_ns,
		.spin_ns = options->spin_ns,
		.promised_bytes = guest->promised_bytes,
	};
	int err;

	config.session.start_bytes = guest->promised_bytes;
	/* The listener's own mode is for what it sends; without one it does as the dialler asks. */
	if (!options->mode_named)
		config.session.mode = (enum session_mode)offer->mode;
	if (orphan_timeout_ns < config.session.orphan_timeout_ns)
		config.session.orphan_timeout_ns = orphan_timeout_ns;
	memcpy(config.congestion, options->congestion, sizeof config.congestion);
	memcpy(config.session.id, offer->id, sizeof config.session.id);
	memcpy(config.secret, offer->secret, sizeof config.secret);
	address_text(&route->remote, config.peer, sizeof config.peer);
	err = endpoint_new(e, &config, out);
	explicit_bzero(&config, sizeof config);
	if (err < 0)
		return err;
	guest->promised_bytes = 0;
	(*out)->mode_asked = offer->mode;
	e->listeners->session_count++;
	endpoint_peer_declared(*out, offer->receive_limit, offer->range_credit,
			       time_of_ms(offer->resume_timeout_ms));
	return 0;
}

/* The carrier goes to the endpoint; the guest is gone. */
static int attach(struct guest *guest, struct endpoint *ep, const struct handshake_offer *offer)
{
	struct greeting_input input;
	struct watch watch;
	struct carrier_route route;
	struct link_config config = {
		.watch = &watch,
		.input = &input,
		.id = offer->path_id,
		.replaces = offer->join && offer->replaces != PATH_ID_NONE ? offer->replaces : -1,
		.rank = offer->path_id,
		.rtt_ns = handshake_rtt_ns(&guest->greeting.handshake),
		.connects = 1,
	};

	config.carrier = greeting_take(&guest->greeting, &watch, &input);
	config.carrier->ops->route(config.carrier, &route);
	config.replies_elsewhere = survey_leaves_elsewhere(ep->engine, &route);
	guest_free(guest);
	return endpoint_attach(ep, &config);
}

/* The session exists: what is left of its HELLOs can open nothing any more. */
static void forget_kept(struct listeners *all, const uint8_t id[SESSION_ID_BYTES])
{
	struct guest *guest, *newer;

	for (guest = all->oldest; guest; guest = newer) {
		newer = guest->newer;
		if (guest->greeting.stage == GREETING_STAGE_KEPT &&
		    memcmp(offer_of(guest)->id, id, SESSION_ID_BYTES) == 0)
			guest_free(guest);
	}
}

/* The session of that HELLO, which `guest` has confirmed: itself, or a JOIN that brings the first path. */
static void open_session(struct guest *hello, struct guest *guest, const struct handshake_offer *offer)
{
	struct listener *listener = hello->listener;
	struct carrier *carrier = guest->greeting.carrier;
	struct listeners *all = guest->greeting.engine->listeners;
	struct carrier_route route;
	struct endpoint *ep;
	struct failure failure;
	int err;

	carrier->ops->route(carrier, &route);
	if (!listener || !has_its_window(hello) || make_endpoint(hello, &route, &ep) < 0) {
		guest_free(guest);
		return;
	}
	hello->opened = true;
	err = attach(guest, ep, offer);
	forget_kept(all, offer->id);
	if (err < 0) {
		failure_system(&failure, -err, "the session's first path");
		endpoint_fail(ep, REASON_OUT_OF_MEMORY, &failure);
	} else {
		accept_queue_deliver(listener->queue, ep);
	}
}

static void guest_done(struct guest *guest)
{
	struct handshake_offer offer = *offer_of(guest);
	struct engine *e = guest->greeting.engine;
	struct guest *hello = offer.join ? hello_of(e->listeners, &offer) : guest;
	struct endpoint *ep = offer.join || guest->opened ? endpoint_find(e, offer.id, false) : NULL;

	if (ep && !mac_equal(offer.secret, ep->secret)) {
		/* Proved to a HELLO that lost its id to another's. */
		guest_free(guest);
	} else if (ep) {
		if (offer.join)
			count_join(ep);
		(void)attach(guest, ep, &offer);
	} else if (hello && !hello->opened) {
		open_session(hello, guest, &offer);
	} else {
		guest_free(guest);
	}
	explicit_bzero(&offer, sizeof offer);
}

/* Its carrier is gone, which may have taken the CONFIRM along: a JOIN can confirm it until its patience ends. */
static bool worth_keeping(const struct guest *guest)
{
	return guest->answered && !guest->opened && guest->listener && guest->greeting.error < 0 &&
	       timer_started(&guest->greeting.timer) &&
	       !endpoint_find_any(guest->greeting.engine, offer_of(guest)->id, false);
}

static void guest_failed(struct guest *guest)
{
	if (!worth_keeping(guest)) {
		guest_free(guest);
		return;
	}
	greeting_keep(&guest->greeting);
	memory_withdraw(&guest->greeting.engine->memory, guest->promised_bytes);
	guest->promised_bytes = 0;
}

bool guests_make_room(struct listeners *all, int error)
{
	struct guest *least;

	switch (error) {
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		break;
	default:
		return false;
	}
	least = least_welcome(all, true);
	if (least)
		guest_free(least);
	return least != NULL;
}

static void guest_event(struct greeting *g, enum greeting_event event)
{
	struct guest *guest = container_of(g, struct guest, greeting);
	const struct handshake_offer *offer;

	switch (event) {
	case GREETING_CONNECTED:
		break;
	case GREETING_DECIDE:
		guest->offered = true;
		offer = offer_of(guest);
		if (offer->carrier != g->carrier->ops->kind)
			greeting_refuse(g, REASON_PROTOCOL_ERROR);
		else if (offer->join)
			decide_join(guest, offer);
		else
			decide_hello(guest, offer);
		break;
	case GREETING_DONE:
		guest_done(guest);
		break;
	case GREETING_FAILED:
		guest_failed(guest);
		break;
	}
}

void guests_forget(struct listeners *all, const struct listener *listener)
{
	for (struct guest *guest = all->oldest; guest; guest = guest->newer)
		if (guest->listener == listener)
			guest->listener = NULL;
}
