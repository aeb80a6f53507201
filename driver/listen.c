/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listeners --- door (a listening socket) x n ---> listener (options, accept queue), NULL: JOINs only
 *          `--- guest (a carrier before the end of its handshake), oldest first
 */
#include "driver/listen.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/accept_queue.h"
#include "driver/address.h"
#include "driver/endpoint.h"
#include "driver/lobby.h"
#include "driver/resolve.h"
#include "driver/survey.h"

#define ACCEPTS_MAX      32u                    /* in one turn of the loop */
#define PAUSE_NS         (100 * NS_PER_MS)      /* after accept failed for want of descriptors or memory */
#define PORT_TRIES_MAX   8u                     /* to find a port that is free on every address */

struct listener {
	struct engine *engine;
	struct options options;
	struct accept_queue *queue;
	struct task farewell;           /* the program has closed it */
};

struct door {
	struct door *next;
	struct engine *engine;
	struct listener *listener;      /* NULL: closed by the program, JOINs are still served */
	int fd;
	struct sockaddr_storage address;
	struct watch watch;
	struct timer pause;
	struct task more;
};

struct guest {
	struct guest *newer, **link;
	struct listener *listener;      /* of its door; NULL: only JOINs are welcome */
	struct greeting greeting;
	bool offered;
	bool parked;                    /* a JOIN that waits for its session's HELLO to be confirmed */
};

struct listeners {
	struct engine *engine;
	struct door *doors;
	struct guest *oldest, **newest_link;
	unsigned guest_count;
	unsigned session_count;         /* accepted sessions that are not over */
};

static void guest_event(struct greeting *g, enum greeting_event event);

static struct listeners *listeners_of(struct engine *e)
{
	struct listeners *all = e->listeners;

	if (!all) {
		all = calloc(1, sizeof *all);
		if (!all)
			return NULL;
		all->engine = e;
		all->newest_link = &all->oldest;
		e->listeners = all;
	}
	return all;
}

/* --- Guests --- */

static void guest_free(struct guest *guest)
{
	struct listeners *all = guest->greeting.engine->listeners;

	*guest->link = guest->newer;
	if (guest->newer)
		guest->newer->link = guest->link;
	else
		all->newest_link = guest->link;
	all->guest_count--;
	greeting_end(&guest->greeting);
	free(guest);
}

/* Takes over fd. */
static void guest_new(struct door *door, int fd)
{
	struct listeners *all = door->engine->listeners;
	struct guest *guest = calloc(1, sizeof *guest);

	if (!guest) {
		close(fd);
		return;
	}
	if (greeting_adopt(&guest->greeting, door->engine, &carrier_tcp, fd, guest_event) < 0) {
		free(guest);
		return;
	}
	if (all->guest_count == GUESTS_MAX)
		guest_free(all->oldest);
	guest->listener = door->listener;
	guest->link = all->newest_link;
	*guest->link = guest;
	all->newest_link = &guest->newer;
	all->guest_count++;
	if (greeting_deadline(&guest->greeting, engine_now(door->engine) + GUEST_PATIENCE_NS) < 0)
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

/* -- Offers -- */

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

static struct handshake_terms terms_of(const struct options *options, unsigned kind)
{
	return (struct handshake_terms){
		.receive_limit = options->receive_buffer_bytes,
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
		terms = terms_of(&listener->options, offer->kind);
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
	else if (!ep)
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

/* -- Carriers that are done -- */

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
	};
	int err;

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
	e->listeners->session_count++;
	endpoint_peer_declared(*out, offer->receive_limit, offer->range_credit,
			       time_of_ms(offer->resume_timeout_ms));
	return 0;
}

/* The carrier goes to the endpoint; the guest is gone. */
static int attach(struct guest *guest, struct endpoint *ep, const struct handshake_offer *offer)
{
	struct link_config config = {
		.id = offer->path_id,
		.replaces = offer->join && offer->replaces != PATH_ID_NONE ? offer->replaces : -1,
		.rank = offer->path_id,
		.rtt_ns = handshake_rtt_ns(&guest->greeting.handshake),
		.connects = 1,
	};

	config.carrier = greeting_take(&guest->greeting);
	config.carrier->ops->route(config.carrier, &config.route);
	config.replies_elsewhere = survey_leaves_elsewhere(config.carrier, &config.route);
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

/* --- Doors --- */

static void accept_some(struct door *door)
{
	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			guest_new(door, fd);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			/* They stay in the kernel's queue until something is free. */
			(void)timer_start(door->engine, &door->pause, engine_now(door->engine) + PAUSE_NS);
			return;
		default:
			/* That connection was lost before it was accepted; see accept(2). */
			break;
		}
	}
	engine_post(door->engine, &door->more);
}

static void door_ready(struct watch *w, uint32_t events)
{
	struct door *door = container_of(w, struct door, watch);

	(void)events;
	if (!timer_started(&door->pause))
		accept_some(door);
}

static void door_paused(struct timer *t, time_ns now)
{
	(void)now;
	accept_some(container_of(t, struct door, pause));
}

static void door_more(struct task *t)
{
	accept_some(container_of(t, struct door, more));
}

static void door_free(struct door *door)
{
	struct door **link = &door->engine->listeners->doors;

	while (*link != door)
		link = &(*link)->next;
	*link = door->next;
	watch_stop(door->engine, &door->watch);
	timer_stop(door->engine, &door->pause);
	engine_unpost(door->engine, &door->more);
	close(door->fd);
	free(door);
}

static int open_socket(const struct sockaddr_storage *address)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP), on = 1, err;

	if (fd < 0)
		return -errno;
	if (address->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		goto out;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, (const struct sockaddr *)address, address_length(address)) < 0 || listen(fd, SOMAXCONN) < 0)
		goto out;
	return fd;
out:
	err = -errno;
	close(fd);
	return err;
}

/* A door that a listener has left, at exactly this address. */
static struct door *left_door(struct listeners *all, const struct sockaddr_storage *address)
{
	for (struct door *door = all->doors; door; door = door->next)
		if (!door->listener && address_same(&door->address, address) &&
		    address_port(&door->address) == address_port(address))
			return door;
	return NULL;
}

/* 0 and the door's port, or -errno. */
static int open_door(struct listener *listener, const struct sockaddr_storage *address, uint16_t *port)
{
	struct listeners *all = listener->engine->listeners;
	struct door *door = left_door(all, address);
	socklen_t length = sizeof door->address;
	int err;

	if (door) {
		door->listener = listener;
		*port = address_port(address);
		return 0;
	}
	door = calloc(1, sizeof *door);
	if (!door)
		return -ENOMEM;
	door->engine = listener->engine;
	door->listener = listener;
	door->pause.expired = door_paused;
	door->more.run = door_more;
	door->fd = open_socket(address);
	err = door->fd < 0 ? door->fd : 0;
	if (err == 0 && getsockname(door->fd, (struct sockaddr *)&door->address, &length) < 0)
		err = -errno;
	if (err == 0)
		err = watch_start(door->engine, &door->watch, door->fd, EPOLLIN, door_ready);
	if (err < 0) {
		if (door->fd >= 0)
			close(door->fd);
		free(door);
		return err;
	}
	door->next = all->doors;
	all->doors = door;
	*port = address_port(&door->address);
	return 0;
}

/* Takes the listener from its doors. Those stay open that sessions may need for their JOINs. */
static void leave_doors(struct listeners *all, struct listener *listener)
{
	struct door *door, *next;

	for (door = all->doors; door; door = next) {
		next = door->next;
		if (door->listener == listener)
			door->listener = NULL;
		if (!door->listener && all->session_count == 0)
			door_free(door);
	}
}

void listener_session_over(struct endpoint *ep)
{
	struct listeners *all = ep->engine->listeners;

	assert(all->session_count > 0);
	all->session_count--;
	leave_doors(all, NULL);
}

/* --- Listeners --- */

static void listener_free(struct listener *listener)
{
	struct listeners *all = listener->engine->listeners;
	struct guest *guest, *newer;

	for (guest = all->oldest; guest; guest = newer) {
		newer = guest->newer;
		if (guest->listener == listener)
			guest->listener = NULL;
	}
	if (listener->queue)
		accept_queue_free(listener->queue);
	leave_doors(all, listener);
	engine_unpost(listener->engine, &listener->farewell);
	free(listener);
}

static void said_farewell(struct task *t)
{
	listener_free(container_of(t, struct listener, farewell));
}

static void closed_by_program(void *owner)
{
	struct listener *listener = owner;

	engine_post(listener->engine, &listener->farewell);
}

/* What is named, or every address that the policy allows. */
static int choose_addresses(struct resolve_result *result, bool *named, const char *text, bool insecure,
			    struct failure *failure)
{
	struct address address;
	char host[ADDRESS_TEXT_MAX];
	int err = address_parse_listen(&address, text, failure);

	if (err < 0)
		return err;
	*named = address.count > 0;
	if (!*named) {
		address.count = 2;
		snprintf(address.host[0], ADDRESS_HOST_MAX, insecure ? "0.0.0.0" : "127.0.0.1");
		snprintf(address.host[1], ADDRESS_HOST_MAX, insecure ? "::" : "::1");
	}
	err = resolve_now(&address, result);
	if (err == -EAGAIN)
		return failure_set(failure, EINVAL, "listen on %.100s: addresses in digits are wanted", text);
	if (err < 0)
		return failure_set(failure, EINVAL, "listen on %.100s: %s", text, result->failure.text);
	for (unsigned i = 0; i < result->count && !insecure; i++) {
		if (address_is_loopback(&result->remote[i].address))
			continue;
		address_text_host(&result->remote[i].address, host, sizeof host);
		return failure_set(failure, EACCES, "listen on %s: it is beyond loopback, in clear text; "
				   "the option insecure allows it", host);
	}
	return 0;
}

/* Opens all doors on one port. 0 and the port, or -errno with words. */
static int open_doors(struct listener *listener, const struct resolve_result *result, bool named,
		      uint16_t *port, struct failure *failure)
{
	unsigned opened = 0;
	int err = 0;

	for (unsigned i = 0; i < result->count; i++) {
		struct sockaddr_storage address = result->remote[i].address;
		char text[ADDRESS_TEXT_MAX];

		if (opened > 0)
			address_set_port(&address, *port);
		err = open_door(listener, &address, port);
		opened += err == 0;
		/* A host without IPv6, or without IPv4, is served by what it has. */
		if (err == 0 || (!named && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)))
			continue;
		address_text(&address, text, sizeof text);
		leave_doors(listener->engine->listeners, listener);
		return failure_system(failure, -err, "listen on %s", text);
	}
	return opened > 0 ? 0 : failure_system(failure, -err, "listen");
}

int listen_begin(struct engine *e, const char *address, const struct options *options, int *program_fd,
		 struct failure *failure)
{
	struct accept_queue_config config = { .backlog = SOMAXCONN, .closed = closed_by_program };
	struct listener *listener = calloc(1, sizeof *listener);
	struct resolve_result result;
	bool named, any_port;
	uint16_t port = 0;
	int err = -ENOMEM;

	if (!listener || !listeners_of(e)) {
		failure_set(failure, ENOMEM, "out of memory");
		free(listener);
		return err;
	}
	listener->engine = e;
	listener->farewell.run = said_farewell;
	options_init(&listener->options);
	if (options)
		listener->options = *options;
	err = choose_addresses(&result, &named, address, listener->options.insecure, failure);
	if (err < 0)
		goto out;
	any_port = address_port(&result.remote[0].address) == 0;
	for (unsigned i = 0; i < PORT_TRIES_MAX; i++) {
		err = open_doors(listener, &result, named, &port, failure);
		if (err != -EADDRINUSE || !any_port)
			break;
	}
	if (err < 0)
		goto out;
	config.owner = listener;
	config.port = port;
	config.messages = listener->options.kind == SESSION_MESSAGES;
	err = accept_queue_new(e, &config, &listener->queue, program_fd, failure);
	if (err < 0)
		goto out;
	return 0;
out:
	listener_free(listener);
	return err;
}

bool listen_address(struct engine *e, unsigned index, char *text, size_t size)
{
	const struct door *door = e->listeners ? e->listeners->doors : NULL;

	for (; door; door = door->next) {
		if (door->listener && index-- == 0) {
			address_text(&door->address, text, size);
			return true;
		}
	}
	return false;
}
