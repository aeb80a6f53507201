/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that a program gives: addresses to dial and to listen at, addresses in digits, options. Input:
 * texts, each ended by a zero byte: an address, then names and values of options in turn.
 */
#include <errno.h>

#include "driver/address.h"
#include "driver/options.h"
#include "fuzz/fuzz.h"

/* Sorted out of the hosts: digits in brackets where they need them. */
static void put_back(char *text, size_t size, const struct address *a)
{
	size_t at = 0;

	for (unsigned i = 0; i < a->count; i++)
		at += (size_t)snprintf(text + at, size - at, strchr(a->host[i], ':') ? "%s[%s]" : "%s%s",
				       i > 0 ? "," : "", a->host[i]);
	snprintf(text + at, size - at, "%s%u", a->count > 0 ? ":" : "", a->port);
}

static void check_hosts(const struct address *a, unsigned least)
{
	HOLDS(a->count >= least && a->count <= ADDRESS_HOSTS_MAX);
	for (unsigned i = 0; i < a->count; i++) {
		size_t length = strnlen(a->host[i], ADDRESS_HOST_MAX);

		HOLDS(length > 0 && length < ADDRESS_HOST_MAX);
		HOLDS(strpbrk(a->host[i], "[], \n/") == NULL);
	}
}

static bool same(const struct address *a, const struct address *b)
{
	bool equal = a->count == b->count && a->port == b->port;

	for (unsigned i = 0; equal && i < a->count; i++)
		equal = strcmp(a->host[i], b->host[i]) == 0;
	return equal;
}

/* What is understood can be said again, and means the same. */
static void parse(const char *text, int (*parser)(struct address *, const char *, struct failure *),
		  unsigned least)
{
	struct address a, again, before;
	struct failure failure = { 0 };
	char back[ADDRESS_HOSTS_MAX * (ADDRESS_HOST_MAX + 3) + 16];

	memset(&a, 0xa5, sizeof a);
	before = a;
	if (parser(&a, text, &failure) < 0) {
		HOLDS(memcmp(&a, &before, sizeof a) == 0);
		HOLDS(failure.error == EINVAL && failure.text[0] != 0);
		HOLDS(strnlen(failure.text, sizeof failure.text) < sizeof failure.text);
		return;
	}
	check_hosts(&a, least);
	put_back(back, sizeof back, &a);
	HOLDS(parser(&again, back, NULL) == 0 && same(&a, &again));
}

static void numeric(const char *text)
{
	union inet_address a, again;
	char host[ADDRESS_TEXT_MAX], whole[ADDRESS_TEXT_MAX + 8];

	if (address_numeric(&a, text) < 0)
		return;
	address_set_port(&a, 443);
	HOLDS(address_port(&a) == 443 && address_same(&a, &a));
	address_text_host(&a, host, sizeof host);
	address_text(&a, whole, sizeof whole);
	HOLDS(address_numeric(&again, host) == 0 && address_same(&a, &again));
	HOLDS(strstr(whole, host) != NULL && strcmp(whole + strlen(whole) - 4, ":443") == 0);
	for (unsigned bits = 0; bits <= 128; bits++) {
		bool inside = address_in_prefix(&a, &a, bits);

		HOLDS(inside == (bits <= 32 || (a.family == AF_INET6 && strchr(host, ':') != NULL)));
	}
	(void)address_is_link_local(&a);
	HOLDS(!(address_is_loopback(&a) && address_is_any(&a)));
	address_unmap(&a);
	HOLDS(address_same(&a, &again) && address_port(&a) == 443);
	HOLDS(address_length(&a) > 0);
}

/* The options must be such as the core can live with, whatever was said. */
static void check_options(const struct options *o)
{
	struct session_config config = options_session(o, true);

	HOLDS(o->via_count <= VIA_MAX && o->paths_max >= 1 && o->paths_max <= PATHS_MAX);
	for (unsigned i = 0; i < o->via_count; i++) {
		const struct via *v = &o->via[i];

		HOLDS(strnlen(v->interface, IF_NAMESIZE) < IF_NAMESIZE);
		HOLDS(v->interface[0] != 0 || v->bits <= (v->prefix.family == AF_INET ? 32u : 128u));
	}
	HOLDS(o->send_buffer_bytes >= 256 << 10 && o->send_buffer_bytes <= 1u << 30);
	HOLDS(o->receive_buffer_bytes >= 256 << 10 && o->receive_buffer_bytes <= 1u << 30);
	HOLDS(config.resume_timeout_ns >= 0 && config.orphan_timeout_ns >= 0);
	HOLDS(config.probe_interval_ns >= 10 * NS_PER_MS && config.suspect_floor_ns >= NS_PER_MS);
	HOLDS(options_linger_ns(o) >= 0 && o->exit_linger_ns >= 0 && o->connect_timeout_ns > 0);
	HOLDS(config.mode <= MODE_BACKUP && config.kind <= SESSION_MESSAGES);
	/* What goes on the wire never grows: the peer may count on less, not on more. */
	HOLDS(time_of_ms(time_to_ms(config.resume_timeout_ns)) <= config.resume_timeout_ns);
	HOLDS(session_bytes(&config) < (size_t)1 << 20);
}

static void set_options(struct draw *d)
{
	struct options *o = options_new(), *before = options_new();
	struct failure failure;

	HOLDS(o != NULL && before != NULL);
	while (d->left > 0) {
		/* A number for a known name, else the name itself. */
		const char *known = options_name(*d->at);
		char *name = draw_text(d), *value = draw_text(d);

		*before = *o;
		memset(&failure, 0, sizeof failure);
		if (options_set(o, known != NULL ? known : name, value, &failure) < 0) {
			HOLDS(memcmp(o, before, sizeof *o) == 0);
			HOLDS(failure.error == EINVAL && failure.text[0] != 0);
		}
		check_options(o);
		free(name);
		free(value);
	}
	options_free(o);
	options_free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct draw d = { data, size };
	char *text = draw_text(&d);

	parse(text, address_parse_dial, 1);
	parse(text, address_parse_listen, 0);
	numeric(text);
	free(text);
	set_options(&d);
	return 0;
}
