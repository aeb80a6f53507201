/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: what they ask is decided, and those that are done become sessions or their paths. */
#include "driver/guest.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	uint64_t promised_bytes;        /* of memory_promise: for the session that it asks for */
	bool offered;
	bool parked;                    /* a JOIN that waits for its session's HELLO to be confirmed */
};

static void guest_event(struct greeting *g, enum greeting_event event);

static void guest_failed(struct guest *guest);

/* An IPv4 address, or the network of an IPv6 one: whoever has one address there has them all. */
static uint64_t place_of(struct carrier *carrier)
{
	struct carrier_route route;
	uint64_t place = 0;

	carrier->ops->route(carrier, &route);
	address_unmap(&route.remote);
	if (route.remote.ss_family == AF_INET6)
		memcpy(&place, &((struct sockaddr_in6 *)(void *)&route.remote)->sin6_addr, sizeof place);
	else if (route.remote.ss_family == AF_INET)
		place = ((struct sockaddr_in *)(void *)&route.remote)->sin_addr.s_addr;
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
static struct guest *least_welcome(struct listeners *all)
{
	struct guest *least = all->oldest;

	for (struct guest *guest = all->oldest; guest; guest = guest->newer)
		if (guest->beside > least->beside ||
		    (guest->place == least->place && least->offered && !guest->offered))
			least = guest;
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
		guest_failed(least_welcome(all));
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

/* A HELLO of this session that was accepted and is not confirmed yet. */
static bool hello_pending(struct listeners *all, const uint8_t id[SESSION_ID_BYTES])
{
	for (struct guest *guest = all->oldest; guest; guest = guest->newer) {
		const struct handshake_offer *offer = offer_of(guest);

		if (offer && !offer->join && memcmp(offer->id, id, SESSION_ID_BYTES) == 0)
			return true;
	}
	return false;
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

/* A program that leaves sessions waiting gets no more than a share of each further one. */
static uint64_t window_wish(const struct listener *listener)
{
	return accept_queue_waiting(listener->queue) > 0 ? MEMORY_SHARE_BYTES :
							   listener->options.receive_buffer_bytes;
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
		guest->promised_bytes = memory_promise(&e->memory, window_wish(listener));
		terms = terms_of(&listener->options, guest->promised_bytes, offer->kind);
		if (greeting_admit(&guest->greeting, NULL, &terms) < 0)
			guest_free(guest);
	}
}

static void decide_join(struct guest *guest, const struct handshake_offer *offer)
{
	struct engine *e = guest->greeting.engine;
	struct endpoint *ep = endpoint_find(e, offer->id, false);
	/* Of a session that exists nothing is declared again, but its kind is part of the answer. */
	struct handshake_terms terms = { .kind = ep && ep->messages ? SESSION_MESSAGES : SESSION_STREAM };

	guest->parked = false;
	if (!ep && hello_pending(e->listeners, offer->id))
		guest->parked = true;
	/* One that was reset waits only for its program to read: no path can bring it back. */
	else if (!ep || endpoint_state(ep) == SESSION_RESET)
		greeting_refuse(&guest->greeting, REASON_UNKNOWN_SESSION);
	else if (!join_allowed(ep))
		greeting_refuse(&guest->greeting, REASON_BUSY);
	else if (greeting_admit(&guest->greeting, ep->secret, &terms) < 0)
		guest_free(guest);
}

/* A HELLO of this session was confirmed, or came to nothing: those that waited for it are decided. */
static void unpark(struct listeners *all, const uint8_t id[SESSION_ID_BYTES])
{
	struct guest *guest, *newer;

	for (guest = all->oldest; guest; guest = newer) {
		newer = guest->newer;
		if (guest->parked && memcmp(offer_of(guest)->id, id, SESSION_ID_BYTES) == 0)
			decide_join(guest, offer_of(guest));
	}
}

static int make_endpoint(struct guest *guest, const struct handshake_offer *offer,
			 const struct carrier_route *route, struct endpoint **out)
{
	const struct options *options = &guest->listener->options;
	struct engine *e = guest->greeting.engine;
	time_ns orphan_timeout_ns = time_of_ms(offer->orphan_timeout_ms);
	struct endpoint_config config = {
		.session = options_session(options, false),
		.linger_ns = options_linger_ns(options),
		.exit_linger_ns = options->exit_linger_ns,
		.promised_bytes = guest->promised_bytes,
	};
	int err;

	config.session.receive_limit_bytes = guest->promised_bytes;
	/* The listener's own mode is for what it sends; without one it does as the dialler asks. */
	if (!options->mode_named)
		config.session.mode = (enum session_mode)offer->mode;
	if (orphan_timeout_ns < config.session.orphan_timeout_ns)
		config.session.orphan_timeout_ns = orphan_timeout_ns;
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
	struct watch watch;
	struct link_config config = {
		.watch = &watch,
		.id = offer->path_id,
		.replaces = offer->join && offer->replaces != PATH_ID_NONE ? offer->replaces : -1,
		.rank = offer->path_id,
		.rtt_ns = handshake_rtt_ns(&guest->greeting.handshake),
		.connects = 1,
	};

	config.carrier = greeting_take(&guest->greeting, &watch);
	config.carrier->ops->route(config.carrier, &config.route);
	config.replies_elsewhere = survey_leaves_elsewhere(ep->engine, &config.route);
	guest_free(guest);
	return endpoint_attach(ep, &config);
}

static void open_session(struct guest *guest, const struct handshake_offer *offer)
{
	struct listener *listener = guest->listener;
	struct carrier *carrier = guest->greeting.carrier;
	struct listeners *all = guest->greeting.engine->listeners;
	struct carrier_route route;
	struct endpoint *ep;
	struct failure failure;
	int err;

	carrier->ops->route(carrier, &route);
	if (!listener || make_endpoint(guest, offer, &route, &ep) < 0) {
		guest_free(guest);
		unpark(all, offer->id);
		return;
	}
	err = attach(guest, ep, offer);
	if (err < 0) {
		failure_system(&failure, -err, "the session's first path");
		endpoint_fail(ep, REASON_OUT_OF_MEMORY, &failure);
	} else {
		accept_queue_deliver(listener->queue, ep);
	}
	unpark(all, offer->id);
}

static void guest_done(struct guest *guest)
{
	struct handshake_offer offer = *offer_of(guest);
	struct endpoint *ep;

	if (!offer.join) {
		open_session(guest, &offer);
	} else {
		ep = endpoint_find(guest->greeting.engine, offer.id, false);
		if (ep) {
			count_join(ep);
			(void)attach(guest, ep, &offer);
		} else {
			guest_free(guest);
		}
	}
	explicit_bzero(&offer, sizeof offer);
}

static void guest_failed(struct guest *guest)
{
	struct listeners *all = guest->greeting.engine->listeners;
	const struct handshake_offer *offer = offer_of(guest);
	bool hello = offer && !offer->join;
	uint8_t id[SESSION_ID_BYTES];

	if (hello)
		memcpy(id, offer->id, sizeof id);
	guest_free(guest);
	if (hello)
		unpark(all, id);
}

bool guests_make_room(struct listeners *all, int error)
{
	switch (error) {
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		break;
	default:
		return false;
	}
	if (!all->oldest)
		return false;
	guest_failed(least_welcome(all));
	return true;
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
