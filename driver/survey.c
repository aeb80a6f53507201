/* SPDX-License-Identifier: Apache-2.0 */
/* Reads addresses and routes, and has pairs chosen from them. */
#include "driver/survey.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "driver/address.h"
#include "transport/route.h"

static enum reach reach(const struct network *network, const struct sockaddr_storage *remote)
{
	struct route_answer answer;
	int err;

	if (network->loopback)
		return REACH_UNKNOWN;
	err = route_ask(&answer, remote, NULL, network->index);
	if (err == -ENETUNREACH || err == -EHOSTUNREACH)
		return REACH_NONE;
	if (err < 0 || answer.interface_index != network->index)
		return REACH_UNKNOWN;
	return answer.gateway ? REACH_ROUTED : REACH_DIRECT;
}

struct tables {
	struct host host;
	struct networks networks;
	struct pairs_question question;
};

int survey(struct pairs *out, const struct options *options, const struct remote *remote,
	   unsigned remote_count)
{
	struct tables *t = calloc(1, sizeof *t);
	int err;

	assert(remote_count <= REMOTES_MAX);
	if (!t)
		return -ENOMEM;
	err = host_read(&t->host);
	if (err < 0)
		goto out;
	networks_choose(&t->networks, &t->host, options->via, options->via_count);
	/* Never by a network that the program did not name. */
	if (options->via_count > 0 && t->networks.count == 0) {
		err = -ENODEV;
		goto out;
	}
	t->question.networks = &t->networks;
	t->question.remote = remote;
	t->question.remote_count = remote_count;
	t->question.paths_max = options->paths_max;
	for (unsigned r = 0; r < remote_count; r++) {
		t->question.self[r] = host_owns(&t->host, &remote[r].address);
		for (unsigned n = 0; n < t->networks.count; n++)
			t->question.reach[n][r] =
				(uint8_t)reach(&t->networks.network[n], &remote[r].address);
	}
	pairs_choose(out, &t->question);
out:
	free(t);
	return err;
}

bool survey_leaves_elsewhere(struct carrier *carrier, const struct carrier_route *route)
{
	char bound[IF_NAMESIZE] = "";
	socklen_t length = sizeof bound;
	struct route_answer answer;
	int fd = carrier->ops->descriptor(carrier);

	if (fd < 0 || !route->interface[0] || address_is_loopback(&route->local))
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bound, &length) == 0 && bound[0])
		return false;
	if (route_ask(&answer, &route->remote, &route->local, 0) < 0 || answer.local)
		return false;
	return answer.interface_index != if_nametoindex(route->interface);
}
