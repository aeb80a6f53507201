/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: what is accepted and how it is understood, what is refused, and text of socket addresses. */
#include "driver/address.h"

#include <errno.h>

#include "test.h"

struct good {
	const char *text;
	unsigned count;
	unsigned port;
	const char *first, *last;
};

static void dial_accepts(void)
{
	static const struct good table[] = {
		{ "db.example", 1, 4297, "db.example", "db.example" },
		{ "db.example:7000", 1, 7000, "db.example", "db.example" },
		{ "10.0.0.1,10.1.0.1:1", 2, 1, "10.0.0.1", "10.1.0.1" },
		{ "[::1]", 1, 4297, "::1", "::1" },
		{ "[::1]:65535", 1, 65535, "::1", "::1" },
		{ "[fe80::1%eth0]:80", 1, 80, "fe80::1%eth0", "fe80::1%eth0" },
		{ "[::ffff:10.0.0.1],x_y-z.:9", 2, 9, "::ffff:10.0.0.1", "x_y-z." },
		{ "a,b,c,d,e,f,g,h", 8, 4297, "a", "h" },
		{ "10.0.0.1,[::1]", 2, 4297, "10.0.0.1", "::1" },
	};

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct address a;
		struct failure failure = { 0 };

		CHECK_EQ(address_parse_dial(&a, table[i].text, &failure), 0);
		CHECK_EQ(a.count, table[i].count);
		CHECK_EQ(a.port, table[i].port);
		CHECK(strcmp(a.host[0], table[i].first) == 0);
		CHECK(strcmp(a.host[a.count - 1], table[i].last) == 0);
	}
}

static void dial_refuses(void)
{
	static const char *const table[] = {
		"", ":", ":80", "a:", "a:0", "a:65536", "a:000080", "a:8x", "a:+8", "a: 8", "a,", ",a", "a,,b:1",
		"a:1,b", "a:1:2", "::1", "::1:80", "[::1", "::1]", "[]", "[10.0.0.1]", "[::g]", "[fe80::1%]",
		"[fe80::1%0123456789abcdef]", "[::1]x", "[::1]x:1", "a b", "a/b", "a%eth0", "a,b,c,d,e,f,g,h,i",
		"\xff", "a\n", "[::1]:80:80", "[[::1]]", "[::%(]ce::%(]", "[fe80::1%a b]", "[fe80::1%a%b]",
	};

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct address a;
		struct failure failure = { 0 };

		memset(&a, 0x55, sizeof a);
		CHECK_EQ(address_parse_dial(&a, table[i], &failure), -EINVAL);
		CHECK_EQ(failure.error, EINVAL);
		CHECK(failure.text[0] && a.count == 0x55555555u);
		CHECK_EQ(address_parse_dial(&a, table[i], NULL), -EINVAL);
	}
}

static void listen_parses(void)
{
	static const char *const bad[] = {
		"", ":", ":80", "127.0.0.1", "127.0.0.1:", "::1", "[::1]", "x", "65536", "a:1,b:2", "-1", "80:",
	};
	struct address a;
	struct failure failure;

	CHECK_EQ(address_parse_listen(&a, "4297", &failure), 0);
	CHECK(a.count == 0 && a.port == 4297);
	CHECK_EQ(address_parse_listen(&a, "0", &failure), 0);
	CHECK(a.count == 0 && a.port == 0);
	CHECK_EQ(address_parse_listen(&a, "127.0.0.1,[::1]:0", &failure), 0);
	CHECK(a.count == 2 && a.port == 0 && strcmp(a.host[1], "::1") == 0);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_EQ(address_parse_listen(&a, bad[i], &failure), -EINVAL);
}

static void lengths_are_bounded(void)
{
	char text[8192];
	struct address a;
	struct failure failure;

	memset(text, 'a', sizeof text);
	text[253] = 0;
	CHECK_EQ(address_parse_dial(&a, text, &failure), 0);
	text[253] = 'a';
	text[254] = 0;
	CHECK_EQ(address_parse_dial(&a, text, &failure), -EINVAL);
	text[254] = 'a';
	text[sizeof text - 1] = 0;
	CHECK_EQ(address_parse_dial(&a, text, &failure), -EINVAL);
	CHECK_EQ(address_parse_listen(&a, text, &failure), -EINVAL);
	memset(text, ',', sizeof text - 1);
	CHECK_EQ(address_parse_dial(&a, text, &failure), -EINVAL);
}

/* Every short text over the characters that mean something, and noise: no crash, and one of two answers. */
static void garbage(void)
{
	static const char characters[] = "a1:,[]%./-\xff";
	uint32_t state = 1;

	for (unsigned round = 0; round < 200000; round++) {
		char text[48];
		unsigned length;
		struct address a;

		state = state * 1664525 + 1013904223;
		length = state >> 27;
		for (unsigned i = 0; i < length; i++) {
			state = state * 1664525 + 1013904223;
			text[i] = characters[(state >> 16) % (sizeof characters - 1)];
		}
		text[length] = 0;
		if (address_parse_dial(&a, text, NULL) == 0)
			CHECK(a.count >= 1 && a.count <= ADDRESS_HOSTS_MAX && a.port > 0 && a.host[0][0]);
		if (address_parse_listen(&a, text, NULL) == 0)
			CHECK(a.count <= ADDRESS_HOSTS_MAX);
	}
}

static union inet_address of(const char *text)
{
	union inet_address address;

	CHECK_EQ(address_numeric(&address, text), 0);
	return address;
}

static void texts(void)
{
	static const char *const table[][3] = {
		{ "10.0.0.1", "10.0.0.1", "10.0.0.1:99" },
		{ "::1", "::1", "[::1]:99" },
		{ "::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1:99" },
	};

	for (unsigned i = 0; i < 3; i++) {
		union inet_address address = of(table[i][0]);
		char text[ADDRESS_TEXT_MAX];

		address_set_port(&address, 99);
		CHECK_EQ(address_port(&address), 99);
		address_text_host(&address, text, sizeof text);
		CHECK(strcmp(text, table[i][1]) == 0);
		address_text(&address, text, sizeof text);
		CHECK(strcmp(text, table[i][2]) == 0);
		address_text(&address, text, 5);
		CHECK_EQ(strlen(text), 4);
	}
}

static void kinds(void)
{
	union inet_address a = of("10.1.2.3"), mapped = of("::ffff:10.1.2.3"), b = of("10.1.2.4");
	union inet_address none = { 0 };

	CHECK(address_same(&a, &mapped) && !address_same(&a, &b) && !address_same(&none, &none));
	address_unmap(&mapped);
	CHECK(mapped.family == AF_INET && address_same(&a, &mapped));
	CHECK(address_in_prefix(&a, &b, 24) && address_in_prefix(&a, &b, 0) && address_in_prefix(&a, &b, 29));
	CHECK(!address_in_prefix(&a, &b, 30) && !address_in_prefix(&a, &b, 32) && !address_in_prefix(&a, &b, 33));
	b = of("fe80::1");
	CHECK(!address_in_prefix(&a, &b, 0) && address_is_link_local(&b));
	b = of("127.9.9.9");
	CHECK(address_is_loopback(&b) && !address_is_loopback(&a));
	b = of("::ffff:127.0.0.1");
	CHECK(address_is_loopback(&b));
	b = of("::1");
	CHECK(address_is_loopback(&b) && !address_is_any(&b));
	b = of("::");
	CHECK(address_is_any(&b) && !address_is_loopback(&b));
	b = of("169.254.1.1");
	CHECK(address_is_link_local(&b));
	CHECK(!address_is_loopback(&none) && !address_is_any(&none));
}

int main(void)
{
	RUN(dial_accepts);
	RUN(dial_refuses);
	RUN(listen_parses);
	RUN(lengths_are_bounded);
	RUN(garbage);
	RUN(texts);
	RUN(kinds);
	return 0;
}
