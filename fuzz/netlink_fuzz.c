/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells of networks. The input's first byte says what follows: an answer to a question
 * of a route; an answer about a socket; or a host's table of addresses, what "via" names, and routes, from
 * which pairs to dial are chosen.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>

#include "driver/address.h"
#include "driver/network.h"
#include "driver/other_end.h"
#include "driver/pairs.h"
#include "fuzz/fuzz.h"
#include "transport/route.h"

static int read_route(const uint8_t *bytes, size_t size, struct route_answer *answer)
{
	uint8_t *exact = malloc(size > 0 ? size : 1);   /* aligned, and not a byte larger */
	struct route_answer before;
	int error;

	HOLDS(exact != NULL);
	memcpy(exact, bytes, size);
	memset(answer, 0, sizeof *answer);
	before = *answer;
	error = route_read(answer, exact, size);
	HOLDS(error == 0 || (error < 0 && error >= -4095 && memcmp(answer, &before, sizeof before) == 0));
	free(exact);
	return error;
}

/* A true answer with attributes as the input has them, each of a length of its own. */
static void routes(struct draw *d)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
		uint8_t attributes[512];
	} message;
	struct route_answer answer;
	size_t length = d->left < sizeof message.attributes ? d->left : sizeof message.attributes;

	(void)read_route(d->at, d->left, &answer);
	memset(&message, 0, sizeof message);
	message.header.nlmsg_type = RTM_NEWROUTE;
	message.route.rtm_type = RTN_UNICAST;
	draw_fill(d, message.attributes, length);
	message.header.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof message.route) + length);
	HOLDS(read_route((uint8_t *)&message, message.header.nlmsg_len, &answer) == 0);
}

static bool read_socket(const uint8_t *bytes, size_t size, int attribute, uint8_t *out, size_t wanted)
{
	uint8_t *exact = malloc(size > 0 ? size : 1);
	bool told;

	HOLDS(exact != NULL);
	memcpy(exact, bytes, size);
	memset(out, 0xa5, wanted);
	told = other_end_read(out, wanted, attribute, exact, size);
	for (size_t i = 0; !told && i < wanted; i++)
		HOLDS(out[i] == 0xa5);
	free(exact);
	return told;
}

/* Anything; and a true answer with attributes as the input has them, behind which is what was asked for. */
static void sockets(struct draw *d)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_msg socket;
		uint8_t attributes[256];
	} message;
	uint8_t out[40];
	size_t wanted = 4 + 4 * (size_t)draw_below(d, 10), length;
	int attribute = draw_u8(d);
	struct rtattr asked = { .rta_len = (uint16_t)RTA_LENGTH(wanted), .rta_type = (uint16_t)attribute };

	(void)read_socket(d->at, d->left, attribute, out, wanted);
	memset(&message, 0, sizeof message);
	message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	length = d->left < 160 ? d->left & ~(size_t)3 : 160;
	draw_fill(d, message.attributes, length);
	message.header.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof message.socket) + length);
	(void)read_socket((uint8_t *)&message, message.header.nlmsg_len, attribute, out, wanted);
	/* Alone it is found, unless the message is said to end before it does. */
	memcpy(message.attributes, &asked, sizeof asked);
	for (unsigned less = 0; less < 2; less++) {
		message.header.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof message.socket) + asked.rta_len - less);
		HOLDS(read_socket((uint8_t *)&message, NLMSG_LENGTH(sizeof message.socket) + asked.rta_len,
				  attribute, out, wanted) == (less == 0));
	}
}

static void draw_address(struct draw *d, union inet_address *address)
{
	static const char *const often[] = { "127.0.0.1", "::1", "10.0.0.1", "10.0.1.1", "169.254.0.1",
					     "fe80::1", "::ffff:10.0.0.1", "fd00::1", "0.0.0.0", "127.7.0.1" };
	unsigned which = draw_below(d, 14);

	memset(address, 0, sizeof *address);
	if (which < sizeof often / sizeof often[0]) {
		HOLDS(address_numeric(address, often[which]) == 0);
	} else if (which < 12) {
		address->family = AF_INET;
		draw_fill(d, &address->v4.sin_addr, 4);
	} else {
		address->family = AF_INET6;
		draw_fill(d, &address->v6.sin6_addr, 16);
	}
	address_set_port(address, draw_u8(d));
}

static void draw_host(struct draw *d, struct host *host)
{
	static const char *const names[] = { "eth0", "eth1", "lo", "wlan0", "docker0", "br-1", "veth3",
					     "abcdefghijklmno" };

	host->count = draw_below(d, 24);
	for (unsigned i = 0; i < host->count; i++) {
		struct host_address *a = &host->address[i];

		memset(a, 0, sizeof *a);
		a->index = 1 + draw_below(d, sizeof names / sizeof names[0]);
		snprintf(a->interface, sizeof a->interface, "%s", names[a->index - 1]);
		a->flags = draw_u8(d);
		draw_address(d, &a->address);
		a->bits = draw_below(d, a->address.family == AF_INET ? 33 : 129);
	}
}

static void draw_via(struct draw *d, struct options *options)
{
	char *text = draw_text(d);

	options_init(options);
	(void)options_set(options, "via", text, NULL);
	options->paths_max = 1 + draw_below(d, PATHS_MAX);
	free(text);
}

static void check_networks(const struct networks *networks, const struct host *host, unsigned via_count)
{
	HOLDS(networks->count <= NETWORKS_MAX);
	for (unsigned i = 0; i < networks->count; i++) {
		const struct network *n = &networks->network[i];

		HOLDS(n->count >= 1 && n->count <= NETWORK_ADDRESSES_MAX);
		HOLDS(via_count == 0 ? n->via == 0 && !n->loopback : n->via >= 1 && n->via <= via_count);
		for (unsigned k = 0; k < n->count; k++)
			HOLDS(address_is_loopback(&n->address[k].address) ||
			      host_owns(host, &n->address[k].address));
	}
}

static void check_pairs(const struct pairs *pairs, const struct pairs_question *question)
{
	unsigned primaries = 0;

	HOLDS(pairs->count <= PAIRS_MAX && pairs->unused_count <= NETWORKS_MAX);
	for (unsigned i = 0; i < pairs->count; i++) {
		const struct pair *p = &pairs->pair[i];
		bool known = false;

		/* The primaries come first, one of each group. */
		HOLDS(!p->primary || primaries == i);
		primaries += p->primary;
		for (unsigned k = 0; k < i; k++)
			HOLDS(!p->primary || !pair_group_same(&p->group, &pairs->pair[k].group));
		for (unsigned r = 0; r < question->remote_count; r++)
			known |= address_same(&p->route.remote, &question->remote[r].address);
		HOLDS(known);
		HOLDS(p->route.local.family == AF_UNSPEC ||
		      p->route.local.family == p->route.remote.family);
	}
	HOLDS(primaries <= question->paths_max);
	HOLDS(question->remote_count == 0 || pairs->count == 0 || primaries > 0);
}

static void choose(struct draw *d)
{
	static struct remote remote[REMOTES_MAX];
	struct pairs_question *question = calloc(1, sizeof *question);
	struct networks *networks = calloc(1, sizeof *networks);
	struct host *host = calloc(1, sizeof *host);
	struct pairs *pairs = calloc(1, sizeof *pairs);
	struct options options;

	HOLDS(question != NULL && networks != NULL && host != NULL && pairs != NULL);
	draw_host(d, host);
	draw_via(d, &options);
	networks_choose(networks, host, options.via, options.via_count);
	check_networks(networks, host, options.via_count);
	question->networks = networks;
	question->remote = remote;
	question->remote_count = draw_below(d, REMOTES_MAX + 1);
	question->paths_max = options.paths_max;
	for (unsigned r = 0; r < question->remote_count; r++) {
		draw_address(d, &remote[r].address);
		remote[r].host = draw_below(d, 3);
		question->self[r] = host_owns(host, &remote[r].address);
		for (unsigned n = 0; n < networks->count; n++)
			question->reach[n][r] = (uint8_t)draw_below(d, REACH_DIRECT + 1);
	}
	pairs_choose(pairs, question);
	check_pairs(pairs, question);
	free(pairs);
	free(host);
	free(networks);
	free(question);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct draw d = { data, size };
	uint8_t what = draw_u8(&d);

	if (what == 254)
		sockets(&d);
	else if (what & 1)
		routes(&d);
	else
		choose(&d);
	return 0;
}
