/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing local networks, on made-up tables of a host. */
#include "driver/network.h"

#include <errno.h>

#include "driver/address.h"
#include "test.h"

#define UP (IFF_UP | IFF_RUNNING)

static void add(struct host *host, const char *interface, unsigned flags, const char *address, unsigned bits)
{
	struct host_address *a = &host->address[host->count++];

	memset(a, 0, sizeof *a);
	snprintf(a->interface, sizeof a->interface, "%s", interface);
	for (const char *c = interface; *c; c++)
		a->index = a->index * 31 + (unsigned char)*c;
	a->flags = flags;
	a->bits = bits;
	CHECK_EQ(address_numeric(&a->address, address), 0);
}

static struct host usual(void)
{
	struct host host = { 0 };

	add(&host, "lo", UP | IFF_LOOPBACK, "127.0.0.1", 8);
	add(&host, "lo", UP | IFF_LOOPBACK, "::1", 128);
	add(&host, "eth0", UP, "10.0.0.2", 24);
	add(&host, "wlan0", UP, "10.1.0.2", 24);
	add(&host, "eth0", UP, "fd00::2", 64);
	add(&host, "eth0", UP, "fe80::2", 64);
	add(&host, "veth7", UP, "10.2.0.2", 24);
	add(&host, "docker0", UP, "172.17.0.1", 16);
	add(&host, "br-3fa9", UP, "172.18.0.1", 16);
	add(&host, "virbr0", UP, "192.168.122.1", 24);
	add(&host, "eth1", IFF_UP, "10.3.0.2", 24);
	add(&host, "eth2", IFF_RUNNING, "10.4.0.2", 24);
	add(&host, "eth3", UP, "169.254.3.3", 16);
	add(&host, "tun0", UP | IFF_POINTOPOINT, "10.8.0.2", 32);
	return host;
}

static struct options with_via(const char *value)
{
	struct options o;

	options_init(&o);
	CHECK_EQ(options_set(&o, "via", value, NULL), 0);
	return o;
}

static void chosen_by_itself(void)
{
	static const char *const want[] = { "eth0", "wlan0", "veth7", "tun0" };
	struct host host = usual();
	struct networks networks;

	networks_choose(&networks, &host, NULL, 0);
	CHECK_EQ(networks.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(strcmp(networks.network[i].interface, want[i]) == 0);
		CHECK_EQ(networks.network[i].via, 0);
		CHECK(!networks.network[i].loopback);
	}
	CHECK_EQ(networks.network[0].count, 3);
	CHECK_EQ(networks.network[0].address[0].bits, 24);
}

static void named(void)
{
	struct host host = usual();
	struct options o = with_via("docker0,10.1.0.2,10.0.0.0/8,nothing0");
	struct networks networks;

	networks_choose(&networks, &host, o.via, o.via_count);
	/* The prefix names eth0, wlan0, veth7, eth1 and tun0; an interface may be named twice on purpose. */
	CHECK_EQ(networks.count, 7);
	CHECK(strcmp(networks.network[0].interface, "docker0") == 0);
	CHECK_EQ(networks.network[0].via, 1);
	CHECK(strcmp(networks.network[1].interface, "wlan0") == 0);
	CHECK_EQ(networks.network[1].via, 2);
	CHECK_EQ(networks.network[1].count, 1);
	CHECK(strcmp(networks.network[2].interface, "eth0") == 0);
	CHECK_EQ(networks.network[2].count, 1);
	CHECK_EQ(networks.network[2].via, 3);
}

static void named_loopback(void)
{
	struct host host = usual();
	struct options o = with_via("127.0.0.1,127.0.0.2,::1");
	struct networks networks;

	networks_choose(&networks, &host, o.via, o.via_count);
	CHECK_EQ(networks.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(networks.network[i].loopback);
		CHECK_EQ(networks.network[i].via, i + 1);
		CHECK_EQ(networks.network[i].count, 1);
		CHECK(address_same(&networks.network[i].address[0].address, &o.via[i].prefix));
	}
}

static void bounded(void)
{
	struct host host = { 0 };
	struct networks networks;
	struct options o = with_via("10.0.0.0/8,10.0.0.0/8,10.0.0.0/8");

	for (unsigned i = 0; i < HOST_ADDRESSES_MAX; i++) {
		char name[IF_NAMESIZE], address[32];

		snprintf(name, sizeof name, "eth%u", i % 40);
		snprintf(address, sizeof address, "10.%u.%u.1", i % 40, i / 40);
		add(&host, name, UP, address, 24);
	}
	networks_choose(&networks, &host, NULL, 0);
	CHECK_EQ(networks.count, NETWORKS_MAX);
	networks_choose(&networks, &host, o.via, o.via_count);
	CHECK_EQ(networks.count, NETWORKS_MAX);
	for (unsigned i = 0; i < networks.count; i++)
		CHECK(networks.network[i].count <= NETWORK_ADDRESSES_MAX);
}

static void own_addresses(void)
{
	struct host host = usual();
	union inet_address address;

	address_numeric(&address, "10.1.0.2");
	CHECK(host_owns(&host, &address));
	address_numeric(&address, "10.1.0.3");
	CHECK(!host_owns(&host, &address));
}

static void this_host(void)
{
	static struct host host;

	CHECK_EQ(host_read(&host), 0);
	CHECK(host.count <= HOST_ADDRESSES_MAX);
	for (unsigned i = 0; i < host.count; i++)
		CHECK(host.address[i].interface[0] && host.address[i].bits <= 128);
}

int main(void)
{
	RUN(chosen_by_itself);
	RUN(named);
	RUN(named_loopback);
	RUN(bounded);
	RUN(own_addresses);
	RUN(this_host);
	return 0;
}
