/* SPDX-License-Identifier: Apache-2.0 */
/* Which network dials which address: a table of situations, each with the pairs that must come out. */
#include "driver/pairs.h"

#include <errno.h>

#include "driver/address.h"
#include "test.h"

/*
 * networks: "INTERFACE ADDRESS/BITS [ADDRESS/BITS ...]; ...", those that begin with ! were named by the
 * program. remotes: "ADDRESS[*]; ..." one host each, joined by + when they are one host's; * is an
 * address of this host itself. reach: a string for each network, a letter for each remote: d direct,
 * r routed, - none, ? unknown.
 * want: the pairs in order, "INTERFACE LOCAL>REMOTE", alternates in parentheses; = for left to routing.
 */
struct situation {
	const char *name, *networks, *remotes, *reach, *want;
	unsigned paths_max;
};

static const struct situation table[] = {
	{ "two networks, two addresses", "eth0 10.0.0.2/24; eth1 10.1.0.2/24", "10.1.0.1; 10.0.0.1", "-d d-",
	  "eth0 10.0.0.2>10.0.0.1 eth1 10.1.0.2>10.1.0.1", 8 },
	{ "two networks, one routed", "eth0 10.0.0.2/24; eth1 10.1.0.2/24", "10.0.0.1; 192.0.2.1", "dr -r",
	  "eth0 10.0.0.2>10.0.0.1 eth1 10.1.0.2>192.0.2.1 (eth0 10.0.0.2>192.0.2.1)", 8 },
	{ "two networks, one address far away", "eth0 10.0.0.2/24; eth1 10.1.0.2/24", "192.0.2.1", "r r",
	  "eth0 10.0.0.2>192.0.2.1 eth1 10.1.0.2>192.0.2.1", 8 },
	{ "the second network leads nowhere", "eth0 10.0.0.2/24; eth1 10.1.0.2/24", "10.0.0.1", "d -",
	  "eth0 10.0.0.2>10.0.0.1", 8 },
	{ "it does not when named, but is tried", "!eth0 10.0.0.2/24; !eth1 10.1.0.2/24", "10.0.0.1", "d -",
	  "eth0 10.0.0.2>10.0.0.1 eth1 10.1.0.2>10.0.0.1", 8 },
	{ "one network, two addresses", "eth0 10.0.0.2/24", "10.0.0.1; 10.0.0.9", "dd",
	  "eth0 10.0.0.2>10.0.0.1 (eth0 10.0.0.2>10.0.0.9)", 8 },
	{ "one network, both families", "eth0 10.0.0.2/24 fd00::2/64 fe80::2/64", "fd00::1+10.0.0.1", "dd",
	  "eth0 fd00::2>fd00::1 (eth0 10.0.0.2>10.0.0.1)", 8 },
	{ "families are not mixed", "eth0 10.0.0.2/24; eth1 fd00::2/64", "fd00::1; 10.0.0.1", "?? ??",
	  "eth0 10.0.0.2>10.0.0.1 eth1 fd00::2>fd00::1", 8 },
	{ "only link-local IPv6 here", "eth0 fe80::2/64", "2001:db8::1", "?",
	  "= ->2001:db8::1", 8 },
	{ "the source is of the same subnet", "eth0 10.9.0.2/24 10.0.0.2/24", "10.0.0.1", "d",
	  "eth0 10.0.0.2>10.0.0.1", 8 },
	{ "no network at all: routing decides", "", "192.0.2.1; 192.0.2.2", "",
	  "= ->192.0.2.1 (= ->192.0.2.2)", 8 },
	{ "the tables cannot be asked", "eth0 10.0.0.2/24", "192.0.2.1", "?", "eth0 10.0.0.2>192.0.2.1", 8 },
	{ "loopback", "eth0 10.0.0.2/24", "127.0.0.1", "-", "= ->127.0.0.1", 8 },
	{ "localhost: one path, one spare", "", "127.0.0.1+::1", "", "= ->127.0.0.1 (= ->::1)", 8 },
	{ "two loopback addresses: two paths", "eth0 10.0.0.2/24", "127.0.0.1; 127.0.0.2", "--",
	  "= ->127.0.0.1 = ->127.0.0.2", 8 },
	{ "two loopback networks, two addresses", "!lo 127.0.0.1/8; !lo 127.0.0.2/8", "127.0.0.1; 127.0.0.2",
	  "?? ??", "= 127.0.0.1>127.0.0.1 = 127.0.0.2>127.0.0.2 (= 127.0.0.2>127.0.0.1) "
	  "(= 127.0.0.1>127.0.0.2)", 8 },
	{ "two loopback networks, one address", "!lo 127.0.0.1/8; !lo 127.0.0.2/8", "127.0.0.1", "? ?",
	  "= 127.0.0.1>127.0.0.1 = 127.0.0.2>127.0.0.1", 8 },
	{ "this host by its own address", "eth0 10.0.0.2/24; eth1 10.1.0.2/24", "10.0.0.2*", "d -",
	  "= ->10.0.0.2", 8 },
	{ "no more paths than wanted", "eth0 10.0.0.2/24; eth1 10.1.0.2/24", "10.0.0.1; 10.1.0.1", "d- -d",
	  "eth0 10.0.0.2>10.0.0.1", 1 },
	{ "three networks, two addresses: shared in the end", "a 10.0.0.2/24; b 10.1.0.2/24; c 10.2.0.2/24",
	  "192.0.2.1; 192.0.2.2", "rr rr rr",
	  "a 10.0.0.2>192.0.2.1 b 10.1.0.2>192.0.2.2 c 10.2.0.2>192.0.2.1 (b 10.1.0.2>192.0.2.1) "
	  "(a 10.0.0.2>192.0.2.2) (c 10.2.0.2>192.0.2.2)", 8 },
};

static void parse_networks(struct networks *networks, const char *text)
{
	char copy[512], *rest = copy, *entry;

	memset(networks, 0, sizeof *networks);
	snprintf(copy, sizeof copy, "%s", text);
	while ((entry = strsep(&rest, ";"))) {
		struct network *n = &networks->network[networks->count];
		char *words = entry + strspn(entry, " "), *word = strsep(&words, " ");

		if (!*word)
			continue;
		networks->count++;
		if (*word == '!') {
			n->via = networks->count;
			word++;
		}
		snprintf(n->interface, sizeof n->interface, "%s", word);
		n->index = networks->count;
		n->loopback = strcmp(word, "lo") == 0;
		while ((word = strsep(&words, " "))) {
			char *slash = strchr(word, '/');

			*slash = 0;
			CHECK_EQ(address_numeric(&n->address[n->count].address, word), 0);
			n->address[n->count++].bits = (unsigned)atoi(slash + 1);
		}
	}
}

static void parse_remotes(struct pairs_question *q, struct remote *remotes, const char *text)
{
	char copy[512], *rest = copy, *entry;
	unsigned host = 0;

	q->remote = remotes;
	snprintf(copy, sizeof copy, "%s", text);
	while ((entry = strsep(&rest, ";"))) {
		char *words = entry + strspn(entry, " "), *word;

		while ((word = strsep(&words, "+"))) {
			char *star = strchr(word, '*');

			if (star)
				*star = 0;
			q->self[q->remote_count] = star;
			CHECK_EQ(address_numeric(&remotes[q->remote_count].address, word), 0);
			remotes[q->remote_count++].host = host;
		}
		host++;
	}
}

static void parse_reach(struct pairs_question *q, const char *text)
{
	static const char letters[] = "?-rd";

	for (unsigned n = 0, r = 0; *text; text++) {
		if (*text == ' ') {
			n++;
			r = 0;
		} else {
			q->reach[n][r++] = (uint8_t)(strchr(letters, *text) - letters);
		}
	}
}

static void describe(const struct pairs *pairs, char *text, size_t size)
{
	size_t length = 0;

	*text = 0;
	for (unsigned i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->pair[i];
		char local[80], remote[80];

		address_text_host(&pair->route.local, local, sizeof local);
		address_text_host(&pair->route.remote, remote, sizeof remote);
		length += (size_t)snprintf(text + length, size - length, "%s%s%s %s>%s%s", i > 0 ? " " : "",
					   pair->primary ? "" : "(",
					   pair->route.interface[0] ? pair->route.interface : "=", local,
					   remote, pair->primary ? "" : ")");
	}
}

static void situations(void)
{
	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct pairs_question q = { .paths_max = table[i].paths_max };
		struct networks networks;
		struct remote remotes[REMOTES_MAX] = { 0 };
		struct pairs pairs;
		char text[1024];

		parse_networks(&networks, table[i].networks);
		q.networks = &networks;
		parse_remotes(&q, remotes, table[i].remotes);
		parse_reach(&q, table[i].reach);
		pairs_choose(&pairs, &q);
		describe(&pairs, text, sizeof text);
		if (strcmp(text, table[i].want) != 0) {
			fprintf(stderr, "%s:\n got    %s\n wanted %s\n", table[i].name, text, table[i].want);
			exit(1);
		}
	}
}

/* Whatever the tables say: bounds hold, no network has two primaries, no pair comes twice. */
static void anything(void)
{
	static struct networks networks;
	static struct remote remotes[REMOTES_MAX];
	static struct pairs pairs;
	uint32_t state = 7;

	for (unsigned round = 0; round < 2000; round++) {
		struct pairs_question q = { .networks = &networks, .remote = remotes };

		memset(&networks, 0, sizeof networks);
		state = state * 1664525 + 1013904223;
		networks.count = (state >> 8) % (NETWORKS_MAX + 1);
		q.remote_count = (state >> 16) % (REMOTES_MAX + 1);
		q.paths_max = 1 + (state >> 24) % PATHS_MAX;
		for (unsigned n = 0; n < networks.count; n++) {
			struct network *network = &networks.network[n];

			snprintf(network->interface, sizeof network->interface, "if%u", n);
			network->count = 1;
			address_numeric(&network->address[0].address, n % 3 ? "10.0.0.2" : "fd00::2");
			network->address[0].bits = 24;
		}
		for (unsigned r = 0; r < q.remote_count; r++) {
			char text[40];

			snprintf(text, sizeof text, r % 4 ? "10.0.0.%u" : "fd00::%u", r + 10);
			CHECK_EQ(address_numeric(&remotes[r].address, text), 0);
			remotes[r].host = r;
			for (unsigned n = 0; n < networks.count; n++) {
				state = state * 1664525 + 1013904223;
				q.reach[n][r] = (uint8_t)(state >> 30);
			}
		}
		pairs_choose(&pairs, &q);
		CHECK(pairs.count <= PAIRS_MAX);
		for (unsigned i = 0, primaries = 0; i < pairs.count; i++) {
			primaries += pairs.pair[i].primary;
			CHECK(primaries <= q.paths_max);
			CHECK(i == 0 || pairs.pair[i - 1].primary || !pairs.pair[i].primary);
			for (unsigned j = 0; j < i; j++) {
				bool same = pair_group_same(&pairs.pair[i].group, &pairs.pair[j].group);

				CHECK(!same || !pairs.pair[i].primary);
				CHECK(!same || !address_same(&pairs.pair[i].route.remote,
							     &pairs.pair[j].route.remote));
			}
		}
	}
}

int main(void)
{
	RUN(situations);
	RUN(anything);
	return 0;
}
