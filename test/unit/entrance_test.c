/* SPDX-License-Identifier: Apache-2.0 */
/* Which networks of a listener's address have a door of their own. */
#include "driver/entrance.h"

#include <string.h>

#include "driver/address.h"
#include "test/test.h"

static struct host host;
static struct networks networks;

static union inet_address address_of(const char *text)
{
	union inet_address address;

	CHECK_EQ(address_numeric(&address, text), 0);
	return address;
}

static void add(const char *interface, unsigned index, const char *text)
{
	struct host_address *a = &host.address[host.count++];

	*a = (struct host_address){ .index = index, .flags = IFF_UP | IFF_RUNNING };
	strcpy(a->interface, interface);
	a->flags |= strcmp(interface, "lo") == 0 ? IFF_LOOPBACK : 0;
	a->address = address_of(text);
	a->bits = 24;
}

/* Networks 0 to 2: eth0 and eth1 with both families, eth2 with IPv4 only. */
static void begin(const char *via)
{
	struct options options;

	host.count = 0;
	add("lo", 1, "127.0.0.1");
	add("lo", 1, "::1");
	add("eth0", 2, "10.0.0.1");
	add("eth1", 3, "10.1.0.1");
	add("eth2", 4, "10.2.0.1");
	add("eth0", 2, "fd00::1");
	add("eth1", 3, "fd01::1");
	options_init(&options);
	CHECK_EQ(options_set(&options, "via", via, NULL), 0);
	networks_choose(&networks, &host, options.via, options.via_count);
}

static void expect(const char *address, unsigned leads, bool named, unsigned keep, unsigned open)
{
	union inet_address at = address_of(address);
	struct door_wishes wishes = entrance_wishes(&at, &host, &networks, leads, named);

	CHECK_EQ(wishes.keep, keep);
	CHECK_EQ(wishes.open, open);
}

static void those_that_lead_everywhere(void)
{
	begin("auto");
	CHECK_EQ(networks.count, 3);
	expect("0.0.0.0", 3, false, 3, 3);
	expect("0.0.0.0", 5, false, 5, 5);
	expect("::", 3, false, 3, 3);
	/* eth2 has no such address. */
	expect("::", 7, false, 3, 3);
	/* Only its peers are there: who else came in by it could not be answered. */
	expect("0.0.0.0", 0, false, 0, 0);
}

/* With one default route the routing does it; a door that is there need not be closed for that. */
static void one_alone(void)
{
	begin("auto");
	expect("0.0.0.0", 2, false, 2, 0);
	expect("10.1.0.1", 2, false, 2, 0);
}

static void an_address_of_one_network(void)
{
	begin("auto");
	expect("10.1.0.1", 3, false, 2, 2);
	expect("fd00::1", 3, false, 1, 1);
	/* That of a network which leads to its own peers only. */
	expect("10.2.0.1", 3, false, 0, 0);
	expect("10.9.0.1", 3, false, 0, 0);
	expect("127.0.0.1", 3, false, 0, 0);
	/* The kernel has bound it to its interface already. */
	add("eth0", 2, "fe80::1");
	expect("fe80::1", 3, false, 0, 0);
}

static void those_that_are_named(void)
{
	begin("eth2");
	CHECK_EQ(networks.count, 1);
	expect("0.0.0.0", 0, true, 1, 1);
	expect("10.0.0.1", 0, true, 0, 0);
	/* An interface named twice has one door; loopback answers by itself. */
	begin("eth1,10.1.0.0/16,lo");
	CHECK_EQ(networks.count, 3);
	expect("0.0.0.0", 0, true, 1, 1);
	begin("127.0.0.1");
	expect("0.0.0.0", 0, true, 0, 0);
}

int main(void)
{
	RUN(those_that_lead_everywhere);
	RUN(one_alone);
	RUN(an_address_of_one_network);
	RUN(those_that_are_named);
	return 0;
}
