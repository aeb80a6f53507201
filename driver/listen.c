/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners: what the program asks for, until it closes its descriptor. */
#include "driver/listen.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "driver/address.h"
#include "driver/changes.h"
#include "driver/congestion.h"
#include "driver/endpoint.h"
#include "driver/entrance.h"
#include "driver/guest.h"
#include "driver/resolve.h"

#define PORT_TRIES_MAX 8u       /* to find a port that is free on every address */

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

void listener_session_over(struct endpoint *ep)
{
	struct listeners *all = ep->engine->listeners;

	assert(all->session_count > 0);
	all->session_count--;
	entrances_leave(all, NULL);
}

static void listener_free(struct listener *listener)
{
	struct listeners *all = listener->engine->listeners;

	guests_forget(all, listener);
	if (listener->queue)
		accept_queue_free(listener->queue);
	entrances_leave(all, listener);
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

static bool make_room(void *owner, int error)
{
	struct listener *listener = owner;

	return guests_make_room(listener->engine->listeners, error);
}

/* A program that has closed its descriptor while accepted ones live has not told: its ports are free all the same. */
static void free_closed(struct listeners *all)
{
	struct entrance *entrance = all->entrances;

	while (entrance) {
		struct listener *listener = entrance->listener;

		if (listener && !accept_queue_open(listener->queue)) {
			listener_free(listener);
			entrance = all->entrances;
		} else {
			entrance = entrance->next;
		}
	}
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

static bool beyond_loopback(const struct resolve_result *result)
{
	for (unsigned i = 0; i < result->count; i++)
		if (!address_is_loopback(&result->remote[i].address))
			return true;
	return false;
}

/* Opens all entrances on one port. 0 and the port, or -errno with words. */
static int open_entrances(struct listener *listener, const struct resolve_result *result, bool named,
			  uint16_t *port, struct failure *failure)
{
	unsigned opened = 0;
	int err = 0;

	for (unsigned i = 0; i < result->count; i++) {
		union inet_address address = result->remote[i].address;
		char text[ADDRESS_TEXT_MAX];

		if (opened > 0)
			address_set_port(&address, *port);
		err = entrance_open(listener, &address, port);
		opened += err == 0;
		/* A host without IPv6, or without IPv4, is served by what it has. */
		if (err == 0 || (!named && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)))
			continue;
		address_text(&address, text, sizeof text);
		entrances_leave(listener->engine->listeners, listener);
		return failure_system(failure, -err, "listen on %s", text);
	}
	return opened > 0 ? 0 : failure_system(failure, -err, "listen");
}

int listen_begin(struct engine *e, const char *address, const struct options *options, int *program_fd,
		 struct failure *failure)
{
	struct accept_queue_config config = { .backlog = SOMAXCONN, .closed = closed_by_program,
					      .make_room = make_room };
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
	if (err == 0)
		err = congestion_check(listener->options.congestion, failure);
	if (err < 0)
		goto out;
	free_closed(e->listeners);
	any_port = address_port(&result.remote[0].address) == 0;
	for (unsigned i = 0; i < PORT_TRIES_MAX; i++) {
		err = open_entrances(listener, &result, named, &port, failure);
		if (err != -EADDRINUSE || !any_port)
			break;
	}
	if (err < 0)
		goto out;
	if (beyond_loopback(&result) && changes_start(e) < 0) {
		err = failure_set(failure, ENOMEM, "out of memory");
		goto out;
	}
	config.owner = listener;
	config.port = port;
	config.messages = listener->options.kind == SESSION_MESSAGES;
	err = accept_queue_new(e, &config, &listener->queue, program_fd, failure);
	if (err < 0)
		goto out;
	if (beyond_loopback(&result))
		entrances_follow(e->listeners);
	return 0;
out:
	listener_free(listener);
	return err;
}

bool listen_view(struct engine *e, unsigned index, struct listen_view *view)
{
	const struct entrance *entrance = e->listeners ? e->listeners->entrances : NULL;

	for (; entrance; entrance = entrance->next)
		if (entrance->listener && index-- == 0)
			break;
	if (!entrance)
		return false;
	address_text(&entrance->address, view->address, sizeof view->address);
	view->count = entrance->count;
	for (unsigned i = 0; i < entrance->count; i++)
		view->interface[i] = entrance->beside[i]->interface;
	view->error = entrance->error;
	return true;
}

void listen_networks_changed(struct engine *e)
{
	if (e->listeners)
		entrances_follow(e->listeners);
}
