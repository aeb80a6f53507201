/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing pairs: primaries by how well a network fits an address, then everything else that could work. */
#include "driver/pairs.h"

#include <assert.h>
#include <string.h>

#include "driver/address.h"

/* How well they fit, best first; UNFIT: never. */
enum fit { FIT_DIRECT, FIT_ROUTED, FIT_NO_ROUTE, UNFIT };

struct choice {
	const struct pairs_question *question;
	struct pairs *out;
	unsigned groups;
	bool network_used[NETWORKS_MAX];
	bool remote_used[REMOTES_MAX];
};

bool pair_group_same(const struct pair_group *a, const struct pair_group *b)
{
	return a->via == b->via && a->host == b->host && strcmp(a->interface, b->interface) == 0;
}

/* The network's address to dial this one from: one of its subnet first. NULL: it has none of the kind. */
static const union inet_address *source(const struct network *network,
					     const union inet_address *remote)
{
	const union inet_address *any = NULL;
	bool link_local = address_is_link_local(remote) && remote->family == AF_INET6;

	for (unsigned i = 0; i < network->count; i++) {
		const union inet_address *local = &network->address[i].address;

		if (local->family != remote->family)
			continue;
		if (local->family == AF_INET6 && address_is_link_local(local) != link_local)
			continue;
		if (address_in_prefix(remote, local, network->address[i].bits))
			return local;
		if (!any)
			any = local;
	}
	return any;
}

static enum fit fit(const struct pairs_question *q, unsigned n, unsigned r)
{
	const struct network *network = &q->networks->network[n];
	const union inet_address *remote = &q->remote[r].address;

	if (!source(network, remote) || network->loopback != address_is_loopback(remote))
		return UNFIT;
	if (network->loopback)
		return FIT_DIRECT;
	if (q->self[r])
		return UNFIT;
	switch ((enum reach)q->reach[n][r]) {
	case REACH_DIRECT:
		return FIT_DIRECT;
	case REACH_NONE:
		/* Named by the program: it is tried, and the failure says why. */
		return network->via ? FIT_NO_ROUTE : UNFIT;
	default:
		return FIT_ROUTED;
	}
}

static void add(struct choice *c, const struct pair_group *group, bool primary,
		const union inet_address *local, const union inet_address *remote)
{
	struct pair *pair = &c->out->pair[c->out->count];

	if (c->out->count == PAIRS_MAX)
		return;
	memset(pair, 0, sizeof *pair);
	pair->group = *group;
	pair->primary = primary;
	pair->route.remote = *remote;
	if (local)
		pair->route.local = *local;
	/* Loopback needs no binding to its interface, and other addresses of this host arrive by it. */
	if (local && !address_is_loopback(local))
		memcpy(pair->route.interface, group->interface, sizeof group->interface);
	c->out->count++;
}

static struct pair_group group_of(const struct network *network)
{
	struct pair_group group = { .via = network->via };

	memcpy(group.interface, network->interface, sizeof group.interface);
	return group;
}

static void add_network(struct choice *c, unsigned n, unsigned r, bool primary)
{
	const struct network *network = &c->question->networks->network[n];
	const union inet_address *remote = &c->question->remote[r].address;
	struct pair_group group = group_of(network);

	add(c, &group, primary, source(network, remote), remote);
}

/* Primaries of one quality: each network once, and addresses of the peer once too when `distinct`. */
static void choose_primaries(struct choice *c, enum fit wanted, bool distinct)
{
	const struct pairs_question *q = c->question;

	for (unsigned n = 0; n < q->networks->count; n++) {
		for (unsigned r = 0; r < q->remote_count && !c->network_used[n]; r++) {
			if (c->groups == q->paths_max || (distinct && c->remote_used[r]) ||
			    fit(q, n, r) != wanted)
				continue;
			add_network(c, n, r, true);
			c->network_used[n] = c->remote_used[r] = true;
			c->groups++;
		}
	}
}

/* A network fits this address: for loopback, one that was named. */
static bool has_network(const struct pairs_question *q, unsigned r)
{
	for (unsigned n = 0; n < q->networks->count; n++)
		if (fit(q, n, r) != UNFIT)
			return true;
	return false;
}

static bool stays_here(const struct pairs_question *q, unsigned r)
{
	return (q->self[r] || address_is_loopback(&q->remote[r].address)) && !has_network(q, r);
}

static bool host_has_group(const struct pairs *pairs, unsigned host)
{
	for (unsigned i = 0; i < pairs->count; i++)
		if (pairs->pair[i].group.host == host)
			return true;
	return false;
}

/* The pairs left to routing. With primary: the first address of each host, else the other ones. */
static void choose_routing(struct choice *c, bool primary, bool everything)
{
	const struct pairs_question *q = c->question;

	for (unsigned r = 0; r < q->remote_count; r++) {
		struct pair_group group = {
			.host = everything ? PAIR_GROUP_ROUTING : q->remote[r].host + 1
		};

		if (!everything && !stays_here(q, r))
			continue;
		if (primary && !host_has_group(c->out, group.host) && c->groups < q->paths_max) {
			add(c, &group, true, NULL, &q->remote[r].address);
			c->remote_used[r] = true;
			c->groups++;
		} else if (!primary && !c->remote_used[r] && host_has_group(c->out, group.host)) {
			add(c, &group, false, NULL, &q->remote[r].address);
		}
	}
}

static bool is_pair(const struct pairs *pairs, const struct pair_group *group,
		    const union inet_address *remote)
{
	for (unsigned i = 0; i < pairs->count; i++)
		if (pair_group_same(&pairs->pair[i].group, group) &&
		    address_same(&pairs->pair[i].route.remote, remote))
			return true;
	return false;
}

static void choose_alternates(struct choice *c)
{
	const struct pairs_question *q = c->question;

	for (unsigned r = 0; r < q->remote_count; r++) {
		for (unsigned n = 0; n < q->networks->count; n++) {
			struct pair_group group = group_of(&q->networks->network[n]);

			if (c->network_used[n] && fit(q, n, r) != UNFIT &&
			    !is_pair(c->out, &group, &q->remote[r].address))
				add_network(c, n, r, false);
		}
	}
}

static bool leads_anywhere(const struct pairs_question *q, unsigned n)
{
	for (unsigned r = 0; r < q->remote_count; r++)
		if (fit(q, n, r) != UNFIT)
			return true;
	return false;
}

void pairs_choose(struct pairs *out, const struct pairs_question *question)
{
	struct choice c = { .question = question, .out = out };
	bool everything;

	assert(question->remote_count <= REMOTES_MAX && question->networks->count <= NETWORKS_MAX);
	out->count = out->unused_count = 0;
	choose_primaries(&c, FIT_DIRECT, true);
	choose_primaries(&c, FIT_ROUTED, true);
	choose_primaries(&c, FIT_DIRECT, false);
	choose_primaries(&c, FIT_ROUTED, false);
	choose_primaries(&c, FIT_NO_ROUTE, false);
	choose_routing(&c, true, false);
	everything = out->count == 0 && (question->networks->count == 0 || !question->networks->network[0].via);
	if (everything)
		choose_routing(&c, true, true);
	choose_alternates(&c);
	choose_routing(&c, false, everything);
	for (unsigned n = 0; n < question->networks->count; n++)
		if (!leads_anywhere(question, n))
			out->unused[out->unused_count++] = group_of(&question->networks->network[n]);
}
