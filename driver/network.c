/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing local networks from the host's addresses. */
#include "driver/network.h"

#include <errno.h>
#include <fnmatch.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "driver/address.h"

/* Interfaces by whose names their makers show that they lead to containers or guests on this host. */
static const char *const inner[] = {
	"docker*", "br-*", "virbr*", "vnet*", "cni*", "flannel*", "lxc*", "lxdbr*", "podman*", "cali*", "kube-*",
};

static unsigned prefix_bits(const struct sockaddr *mask)
{
	const uint8_t *bytes;
	unsigned length, bits = 0;

	if (mask->sa_family == AF_INET) {
		bytes = (const uint8_t *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr;
		length = 4;
	} else {
		bytes = ((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr.s6_addr;
		length = 16;
	}
	while (bits < length * 8 && (bytes[bits / 8] >> (7 - bits % 8) & 1))
		bits++;
	return bits;
}

int host_read(struct host *out)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) < 0)
		return -errno;
	out->count = 0;
	for (i = all; i && out->count < HOST_ADDRESSES_MAX; i = i->ifa_next) {
		struct host_address *a = &out->address[out->count];
		bool v6 = i->ifa_addr && i->ifa_addr->sa_family == AF_INET6;

		if (!v6 && !(i->ifa_addr && i->ifa_addr->sa_family == AF_INET))
			continue;
		memset(a, 0, sizeof *a);
		strncpy(a->interface, i->ifa_name, sizeof a->interface - 1);
		a->index = if_nametoindex(i->ifa_name);
		a->flags = i->ifa_flags;
		memcpy(&a->address, i->ifa_addr,
		       v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		a->bits = i->ifa_netmask ? prefix_bits(i->ifa_netmask) : v6 ? 128 : 32;
		out->count++;
	}
	freeifaddrs(all);
	return 0;
}

bool host_owns(const struct host *host, const union inet_address *address)
{
	for (unsigned i = 0; i < host->count; i++)
		if (address_same(&host->address[i].address, address))
			return true;
	return false;
}

static bool leads_outside(const struct host_address *a)
{
	if (!(a->flags & IFF_UP) || !(a->flags & IFF_RUNNING) || (a->flags & IFF_LOOPBACK))
		return false;
	if (a->address.family == AF_INET && address_is_link_local(&a->address))
		return false;
	for (unsigned i = 0; i < sizeof inner / sizeof inner[0]; i++)
		if (fnmatch(inner[i], a->interface, 0) == 0)
			return false;
	return true;
}

static void add_address(struct network *network, const union inet_address *address, unsigned bits)
{
	if (network->count == NETWORK_ADDRESSES_MAX)
		return;
	network->address[network->count].address = *address;
	address_set_port(&network->address[network->count].address, 0);
	network->address[network->count].bits = bits;
	network->count++;
}

/* The network of this interface among those from `first` on; a new one when there is none; NULL: full. */
static struct network *network_of(struct networks *out, unsigned first, unsigned via,
				  const struct host_address *a)
{
	struct network *network;

	for (unsigned i = first; i < out->count; i++)
		if (strcmp(out->network[i].interface, a->interface) == 0)
			return &out->network[i];
	if (out->count == NETWORKS_MAX)
		return NULL;
	network = &out->network[out->count++];
	memset(network, 0, sizeof *network);
	memcpy(network->interface, a->interface, sizeof network->interface);
	network->index = a->index;
	network->via = via;
	network->loopback = a->flags & IFF_LOOPBACK;
	return network;
}

static bool named_by(const struct via *via, const struct host_address *a)
{
	if (!(a->flags & IFF_UP))
		return false;
	if (via->interface[0])
		return strcmp(via->interface, a->interface) == 0;
	return address_in_prefix(&a->address, &via->prefix, via->bits);
}

/* Every address below 127/8 is this host's, though the system's table names only one. */
static const struct host_address *loopback_owner(const struct host *host, const struct via *via)
{
	for (unsigned i = 0; i < host->count; i++) {
		const struct host_address *a = &host->address[i];

		if ((a->flags & IFF_LOOPBACK) && via->single && !via->interface[0] &&
		    address_is_loopback(&via->prefix) &&
		    address_in_prefix(&via->prefix, &a->address, a->bits))
			return a;
	}
	return NULL;
}

static void add_via(struct networks *out, const struct host *host, const struct via *via, unsigned number)
{
	const struct host_address *owner = loopback_owner(host, via);
	unsigned first = out->count;
	struct network *network;

	if (owner) {
		network = network_of(out, first, number, owner);
		if (network)
			add_address(network, &via->prefix, owner->bits);
		return;
	}
	for (unsigned i = 0; i < host->count; i++) {
		const struct host_address *a = &host->address[i];

		if (!named_by(via, a))
			continue;
		network = network_of(out, first, number, a);
		if (network)
			add_address(network, &a->address, a->bits);
	}
}

void networks_choose(struct networks *out, const struct host *host, const struct via *via,
		     unsigned via_count)
{
	out->count = 0;
	for (unsigned i = 0; i < via_count; i++)
		add_via(out, host, &via[i], i + 1);
	if (via_count > 0)
		return;
	for (unsigned i = 0; i < host->count; i++) {
		const struct host_address *a = &host->address[i];
		struct network *network;

		if (!leads_outside(a))
			continue;
		network = network_of(out, 0, 0, a);
		if (network)
			add_address(network, &a->address, a->bits);
	}
}
