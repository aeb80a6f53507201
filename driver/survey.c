/* SPDX-License-Identifier: Apache-2.0 */
/* Has pairs chosen from addresses and routes. */
#include "driver/survey.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/address.h"

static enum reach reach(struct engine *e, const struct network *network, const union inet_address *remote)
{
	struct route_answer answer;
	int err;

	if (network->loopback)
		return REACH_UNKNOWN;
	err = tables_route(e, &answer, remote, NULL, network->index);
	if (err == -ENETUNREACH || err == -EHOSTUNREACH)
		return REACH_NONE;
	if (err < 0 || answer.interface_index != network->index)
		return REACH_UNKNOWN;
	return answer.gateway ? REACH_ROUTED : REACH_DIRECT;
}

struct choice {
	struct networks networks;
	struct pairs_question question;
};

static int choose(struct engine *e, struct pairs *out, const struct survey_question *asked, struct choice *c)
{
	const struct host *host;
	int err;

	host = tables_host(e, &err);
	if (!host)
		return err;
	networks_choose(&c->networks, host, asked->via, asked->via_count);
	/* Never by a network that the program did not name. */
	if (asked->via_count > 0 && c->networks.count == 0)
		return -ENODEV;
	c->question.networks = &c->networks;
	c->question.remote = asked->remote;
	c->question.remote_count = asked->remote_count;
	c->question.paths_max = asked->paths_max;
	for (unsigned r = 0; r < asked->remote_count; r++)
		c->question.self[r] = host_owns(host, &asked->remote[r].address);
	for (unsigned r = 0; r < asked->remote_count; r++)
		for (unsigned n = 0; n < c->networks.count; n++)
			c->question.reach[n][r] = (uint8_t)reach(e, &c->networks.network[n],
								 &asked->remote[r].address);
	pairs_choose(out, &c->question);
	return 0;
}

const struct pairs *survey(struct engine *e, const struct survey_question *asked, int *error)
{
	struct pairs *pairs;
	struct choice *c;
	bool fresh;

	assert(asked->remote_count <= REMOTES_MAX);
	pairs = tables_pairs(e, asked, &fresh);
	*error = pairs ? 0 : -ENOMEM;
	if (!pairs || !fresh)
		return pairs;
	c = calloc(1, sizeof *c);
	*error = c ? choose(e, pairs, asked, c) : -ENOMEM;
	free(c);
	if (*error < 0)
		return NULL;
	tables_chosen(e);
	return pairs;
}

void survey_bind_arrival(struct engine *e, struct carrier *carrier)
{
	struct carrier_route route;
	struct route_answer answer;
	char name[IF_NAMESIZE];
	unsigned index = carrier->ops->arrival(carrier, &route);

	if (index == 0 || !tables_interface(e, name, index))
		return;
	if (tables_route(e, &answer, &route.remote, &route.local, index) < 0 || answer.local)
		return;
	(void)carrier->ops->bind(carrier, name);
}

bool survey_leaves_elsewhere(struct engine *e, const struct carrier_route *route)
{
	struct route_answer answer;
	char name[IF_NAMESIZE];

	if (route->bound || !route->interface[0] || address_is_loopback(&route->local))
		return false;
	if (tables_route(e, &answer, &route->remote, &route->local, 0) < 0 || answer.local)
		return false;
	return !tables_interface(e, name, answer.interface_index) || strcmp(name, route->interface) != 0;
}
