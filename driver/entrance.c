/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which networks have a door of their own. A reply to a network that is directly there leaves by it
 * anyway. A host with several default routes sends all other replies by one of them, the SYN-ACK of a
 * connection that came in by another one too: there a door is needed. It must not be where a network
 * leads to some peers only, since what is bound to it could not answer the others.
 */
#include "driver/entrance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/address.h"
#include "driver/changes.h"
#include "driver/tables.h"

/* Whether connections to the entrance's address can come in by this interface and be answered there. */
static bool has_address(const struct host *host, unsigned index, const union inet_address *address)
{
	for (unsigned i = 0; i < host->count; i++) {
		const struct host_address *a = &host->address[i];

		if (a->index == index && a->address.family == address->family &&
		    (address_is_any(address) || address_same(&a->address, address)))
			return true;
	}
	return false;
}

/* Whether an earlier network of the list is the same interface (named twice, say). */
static bool repeated(const struct networks *networks, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (networks->network[i].index == networks->network[n].index)
			return true;
	return false;
}

struct door_wishes entrance_wishes(const union inet_address *address, const struct host *host,
				   const struct networks *networks, unsigned leads, bool named)
{
	struct door_wishes wishes = { 0, 0 };

	/* An address that means something on one interface only has been bound to it by the kernel. */
	if (address_is_link_local(address))
		return wishes;
	for (unsigned n = 0; n < networks->count; n++) {
		const struct network *network = &networks->network[n];

		if (!network->loopback && !repeated(networks, n) && (named || (leads >> n & 1)) &&
		    has_address(host, network->index, address))
			wishes.keep |= 1u << n;
	}
	/* Where one network leads everywhere, routing answers by it. */
	if (named || (leads & (leads - 1)) != 0)
		wishes.open = wishes.keep;
	return wishes;
}

static bool has_door(const struct entrance *entrance, unsigned index)
{
	for (unsigned i = 0; i < entrance->count; i++)
		if (entrance->beside[i]->index == index)
			return true;
	return false;
}

/*
 * Asks with an address that stands for all that no nearer route is known to. Where the kernel does not
 * say, for want of memory or descriptors, things stay as they are.
 */
static unsigned leading(const struct entrance *entrance, const struct networks *networks)
{
	union inet_address anywhere;
	struct route_answer answer;
	unsigned leads = 0;

	(void)address_numeric(&anywhere, entrance->address.family == AF_INET ? "192.0.2.1" : "2001:db8::1");
	for (unsigned n = 0; n < networks->count; n++) {
		unsigned index = networks->network[n].index;
		int err = tables_route(entrance->engine, &answer, &anywhere, NULL, index);
		bool leads_there = err == 0 && !answer.local && answer.interface_index == index;
		bool unknown = err < 0 && err != -ENETUNREACH && err != -EHOSTUNREACH;

		if (leads_there || (unknown && has_door(entrance, index)))
			leads |= 1u << n;
	}
	return leads;
}

static void close_besides(struct entrance *entrance, const struct networks *networks, unsigned keep)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < entrance->count; i++) {
		struct door *door = entrance->beside[i];
		bool stays = false;

		for (unsigned n = 0; n < networks->count; n++)
			stays = stays || ((keep >> n & 1) && networks->network[n].index == door->index);
		if (stays) {
			entrance->beside[kept++] = door;
			continue;
		}
		door_drain(door);
		door_free(door);
	}
	entrance->count = kept;
}

static void follow(struct entrance *entrance, const struct host *host, struct networks *networks)
{
	struct door_wishes wishes;

	networks_choose(networks, host, entrance->via, entrance->via_count);
	wishes = entrance_wishes(&entrance->address, host, networks, leading(entrance, networks),
				 entrance->via_count > 0);
	close_besides(entrance, networks, wishes.keep);
	entrance->error = 0;
	for (unsigned n = 0; n < networks->count && entrance->count < LISTEN_NETWORKS_MAX; n++) {
		const struct network *network = &networks->network[n];
		int err;

		if (!(wishes.open >> n & 1) || has_door(entrance, network->index))
			continue;
		err = door_new(&entrance->beside[entrance->count], entrance, network->interface,
			       network->index);
		if (err == 0)
			entrance->count++;
		else
			entrance->error = err;
	}
}

/* Every interface was found; one that was not has just gone, which will be news, or is hidden by an error. */
static bool whole(const struct host *host)
{
	for (unsigned i = 0; i < host->count; i++)
		if (host->address[i].index == 0)
			return false;
	return true;
}

void entrances_follow(struct listeners *all)
{
	struct networks *networks = calloc(1, sizeof *networks);
	int err;
	const struct host *host = networks ? tables_host(all->engine, &err) : NULL;

	/* Things stay as they are until then. */
	if (!host)
		changes_again(all->engine);
	if (host && whole(host))
		for (struct entrance *entrance = all->entrances; entrance; entrance = entrance->next)
			if (!address_is_loopback(&entrance->address))
				follow(entrance, host, networks);
	free(networks);
}

static void entrance_free(struct listeners *all, struct entrance *entrance)
{
	struct entrance **link = &all->entrances;

	while (*link != entrance)
		link = &(*link)->next;
	*link = entrance->next;
	for (unsigned i = 0; i < entrance->count; i++)
		door_free(entrance->beside[i]);
	door_free(entrance->main);
	free(entrance);
}

/* One that a listener has left, at exactly this address. */
static struct entrance *left_entrance(struct listeners *all, const union inet_address *address)
{
	for (struct entrance *entrance = all->entrances; entrance; entrance = entrance->next)
		if (!entrance->listener && address_same(&entrance->address, address) &&
		    address_port(&entrance->address) == address_port(address))
			return entrance;
	return NULL;
}

int entrance_open(struct listener *listener, const union inet_address *address, uint16_t *port)
{
	struct listeners *all = listener->engine->listeners;
	struct entrance *entrance = left_entrance(all, address);
	int err;

	if (!entrance) {
		entrance = calloc(1, sizeof *entrance);
		if (!entrance)
			return -ENOMEM;
		entrance->engine = listener->engine;
		entrance->address = *address;
		err = door_new(&entrance->main, entrance, NULL, 0);
		if (err < 0) {
			free(entrance);
			return err;
		}
		entrance->next = all->entrances;
		all->entrances = entrance;
	}
	entrance->listener = listener;
	entrance->via_count = listener->options.via_count;
	memcpy(entrance->via, listener->options.via, sizeof entrance->via);
	*port = address_port(&entrance->address);
	return 0;
}

void entrances_leave(struct listeners *all, struct listener *listener)
{
	struct entrance *entrance, *next;

	for (entrance = all->entrances; entrance; entrance = next) {
		next = entrance->next;
		if (entrance->listener == listener)
			entrance->listener = NULL;
		if (!entrance->listener && all->session_count == 0)
			entrance_free(all, entrance);
	}
}
