/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing and printing of addresses: text in, bounded structures out, and back. */
#include "driver/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "hawser.h"

/* The longest text that can be meant: every host at its longest, and a port. */
#define TEXT_MAX (ADDRESS_HOSTS_MAX * (ADDRESS_HOST_MAX + 3u) + 6u)

static int refuse(struct failure *failure, const char *text, const char *what)
{
	return failure_set(failure, EINVAL, "address \"%.120s\": %s", text, what);
}

/* Digits only, all of [text, text + length). -1: not a port. */
static int parse_port(const char *text, size_t length)
{
	int port = 0;

	if (length == 0 || length > 5)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		port = port * 10 + (text[i] - '0');
	}
	return port <= 65535 ? port : -1;
}

static bool name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

/* What stands after % in an address: an interface, or its number. */
static bool is_scope(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("/%[],", text[i]))
			return false;
	return length > 0 && length < IF_NAMESIZE;
}

/* True for an IPv6 address in digits, with or without an interface after %. */
static bool is_ipv6(const char *host)
{
	char digits[INET6_ADDRSTRLEN];
	const char *scope = strchr(host, '%');
	size_t length = scope ? (size_t)(scope - host) : strlen(host);
	struct in6_addr ignored;

	if (length >= sizeof digits)
		return false;
	if (scope && !is_scope(scope + 1))
		return false;
	memcpy(digits, host, length);
	digits[length] = 0;
	return inet_pton(AF_INET6, digits, &ignored) == 1;
}

/* One host, [text, text + length), into out. NULL, or what is wrong. */
static const char *parse_host(char *out, const char *text, size_t length)
{
	bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';

	if (length == 0)
		return "a host is empty";
	if (bracketed) {
		text++;
		length -= 2;
	}
	if (length >= ADDRESS_HOST_MAX)
		return "a host is too long";
	memcpy(out, text, length);
	out[length] = 0;
	if (bracketed)
		return is_ipv6(out) ? NULL : "what stands in brackets is not an IPv6 address";
	for (size_t i = 0; i < length; i++)
		if (!name_character(out[i]))
			return out[i] == ':' ? "an IPv6 address needs brackets: [::1]"
					     : "a host holds a character that cannot be in one";
	return NULL;
}

/* HOST,HOST... in [text, text + length). NULL, or what is wrong. */
static const char *parse_hosts(struct address *out, const char *text, size_t length)
{
	const char *wrong = NULL;
	size_t from = 0;

	out->count = 0;
	while (!wrong && from <= length) {
		const char *comma = memchr(text + from, ',', length - from);
		size_t end = comma ? (size_t)(comma - text) : length;

		if (out->count == ADDRESS_HOSTS_MAX)
			return "too many hosts";
		wrong = parse_host(out->host[out->count++], text + from, end - from);
		from = end + 1;
	}
	return wrong;
}

/* The colon before the port: the last one outside brackets. length when there is none. */
static size_t find_port(const char *text, size_t length)
{
	for (size_t i = length; i > 0; i--) {
		if (text[i - 1] == ']' || text[i - 1] == ',')
			break;
		if (text[i - 1] == ':')
			return i - 1;
	}
	return length;
}

int address_parse_dial(struct address *out, const char *text, struct failure *failure)
{
	struct address parsed;
	size_t length = strnlen(text, TEXT_MAX + 1);
	size_t colon = find_port(text, length);
	int port = HAWSER_DEFAULT_PORT;
	const char *wrong;

	if (length > TEXT_MAX)
		return refuse(failure, text, "too long");
	if (length == 0)
		return refuse(failure, text, "a host is missing");
	if (colon < length) {
		if (memchr(text, ':', colon) && !memchr(text, '[', colon))
			return refuse(failure, text, "an IPv6 address needs brackets: [::1]");
		port = parse_port(text + colon + 1, length - colon - 1);
		if (port <= 0)
			return refuse(failure, text, "the port is not a number from 1 to 65535");
	}
	wrong = parse_hosts(&parsed, text, colon);
	if (wrong)
		return refuse(failure, text, wrong);
	parsed.port = (uint16_t)port;
	*out = parsed;
	return 0;
}

int address_parse_listen(struct address *out, const char *text, struct failure *failure)
{
	struct address parsed;
	size_t length = strnlen(text, TEXT_MAX + 1);
	size_t colon = find_port(text, length);
	size_t digits = colon < length ? colon + 1 : 0;
	const char *wrong = NULL;
	int port;

	if (length > TEXT_MAX)
		return refuse(failure, text, "too long");
	if (colon < length && memchr(text, ':', colon) && !memchr(text, '[', colon))
		return refuse(failure, text, "an IPv6 address needs brackets: [::1]:PORT");
	port = parse_port(text + digits, length - digits);
	if (port < 0)
		return refuse(failure, text,
			      "[ADDRESS[,ADDRESS...]:]PORT is wanted, the port from 0 to 65535");
	parsed.count = 0;
	if (colon < length)
		wrong = parse_hosts(&parsed, text, colon);
	if (wrong)
		return refuse(failure, text, wrong);
	parsed.port = (uint16_t)port;
	*out = parsed;
	return 0;
}

int address_numeric(union inet_address *out, const char *text)
{
	union inet_address parsed;

	memset(&parsed, 0, sizeof parsed);
	if (inet_pton(AF_INET, text, &parsed.v4.sin_addr) == 1)
		parsed.family = AF_INET;
	else if (inet_pton(AF_INET6, text, &parsed.v6.sin6_addr) == 1)
		parsed.family = AF_INET6;
	else
		return -EINVAL;
	*out = parsed;
	return 0;
}

/* The bytes of an address, IPv4 in four and IPv6 in sixteen. Their count; 0 for other families. */
static size_t raw(const union inet_address *address, const uint8_t **bytes)
{
	if (address->family == AF_INET) {
		*bytes = (const uint8_t *)&address->v4.sin_addr;
		return 4;
	}
	if (address->family != AF_INET6)
		return 0;
	*bytes = address->v6.sin6_addr.s6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
		return 16;
	*bytes += 12;
	return 4;
}

void address_text_host(const union inet_address *address, char *text, size_t size)
{
	const uint8_t *bytes;
	char digits[INET6_ADDRSTRLEN];
	size_t length = raw(address, &bytes);

	if (length == 0 || !inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, digits, sizeof digits))
		snprintf(text, size, "-");
	else if (length == 16 && address->v6.sin6_scope_id != 0)
		snprintf(text, size, "%s%%%u", digits, address->v6.sin6_scope_id);
	else
		snprintf(text, size, "%s", digits);
}

void address_text(const union inet_address *address, char *text, size_t size)
{
	char host[ADDRESS_TEXT_MAX];

	address_text_host(address, host, sizeof host);
	if (strchr(host, ':'))
		snprintf(text, size, "[%s]:%u", host, address_port(address));
	else
		snprintf(text, size, "%s:%u", host, address_port(address));
}

socklen_t address_length(const union inet_address *address)
{
	return address->family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

uint16_t address_port(const union inet_address *address)
{
	if (address->family == AF_INET)
		return ntohs(address->v4.sin_port);
	if (address->family == AF_INET6)
		return ntohs(address->v6.sin6_port);
	return 0;
}

void address_set_port(union inet_address *address, uint16_t port)
{
	if (address->family == AF_INET)
		address->v4.sin_port = htons(port);
	else if (address->family == AF_INET6)
		address->v6.sin6_port = htons(port);
}

bool address_same(const union inet_address *a, const union inet_address *b)
{
	const uint8_t *bytes_a, *bytes_b;
	size_t length = raw(a, &bytes_a);

	if (length == 0 || raw(b, &bytes_b) != length || memcmp(bytes_a, bytes_b, length) != 0)
		return false;
	return length == 4 || a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

bool address_in_prefix(const union inet_address *address, const union inet_address *prefix,
		       unsigned bits)
{
	const uint8_t *a, *p;
	size_t length = raw(address, &a);
	unsigned whole = bits / 8, rest = bits % 8;

	if (length == 0 || raw(prefix, &p) != length || bits > length * 8)
		return false;
	if (memcmp(a, p, whole) != 0)
		return false;
	return rest == 0 || (uint8_t)(a[whole] ^ p[whole]) >> (8 - rest) == 0;
}

bool address_is_loopback(const union inet_address *address)
{
	const uint8_t *bytes;
	size_t length = raw(address, &bytes);

	if (length == 4)
		return bytes[0] == 127;
	return length == 16 && IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

bool address_is_link_local(const union inet_address *address)
{
	const uint8_t *bytes;
	size_t length = raw(address, &bytes);

	if (length == 4)
		return bytes[0] == 169 && bytes[1] == 254;
	return length == 16 && IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr);
}

bool address_is_any(const union inet_address *address)
{
	static const uint8_t zero[16];
	const uint8_t *bytes;
	size_t length = raw(address, &bytes);

	return length > 0 && memcmp(bytes, zero, length) == 0;
}

void address_unmap(union inet_address *address)
{
	const uint8_t *bytes;
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (address->family != AF_INET6 || raw(address, &bytes) != 4)
		return;
	v4.sin_port = address->v6.sin6_port;
	memcpy(&v4.sin_addr, bytes, 4);
	memset(address, 0, sizeof *address);
	memcpy(address, &v4, sizeof v4);
}
