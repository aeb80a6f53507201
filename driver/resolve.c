/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up names, and merging the answers into one bounded list. */
#include "driver/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct resolve {
	struct request request;
	struct engine *engine;
	struct address address;
	struct resolve_result result;
	void (*done)(void *owner, const struct resolve_result *result);
	void *owner;
	bool cancelled;                 /* engine thread only */
};

static void add(struct resolve_result *result, const struct addrinfo *info, unsigned host, uint16_t port,
		unsigned limit)
{
	struct remote *remote = &result->remote[result->count];

	if (result->count >= limit)
		return;
	memset(remote, 0, sizeof *remote);
	memcpy(&remote->address, info->ai_addr, info->ai_addrlen);
	address_unmap(&remote->address);
	address_set_port(&remote->address, port);
	remote->host = host;
	for (unsigned i = 0; i < result->count; i++)
		if (address_same(&result->remote[i].address, &remote->address))
			return;
	result->count++;
}

static const struct addrinfo *next_of(const struct addrinfo *info, int family)
{
	while (info && info->ai_family != family)
		info = info->ai_next;
	return info;
}

/* The answers for one host, in their order, IPv4 and IPv6 taking turns. */
static void interleave(struct resolve_result *result, const struct addrinfo *all, unsigned host, uint16_t port,
		       unsigned limit)
{
	int first = all->ai_family == AF_INET6 ? AF_INET6 : AF_INET;
	const struct addrinfo *here = next_of(all, first);
	const struct addrinfo *there = next_of(all, first == AF_INET ? AF_INET6 : AF_INET);

	while (here || there) {
		const struct addrinfo *swap = there;

		if (here) {
			add(result, here, host, port, limit);
			here = next_of(here->ai_next, here->ai_family);
		}
		there = here;
		here = swap;
	}
}

/* What getaddrinfo's errors mean to a socket programmer. */
static int error_of(int answer)
{
	switch (answer) {
	case EAI_AGAIN:
		return EAGAIN;
	case EAI_MEMORY:
		return ENOMEM;
	case EAI_SYSTEM:
		return errno ? errno : EIO;
	default:
		return EHOSTUNREACH;
	}
}

static void look_up(const struct address *address, struct resolve_result *result, int flags)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags
	};

	for (unsigned i = 0; i < address->count; i++) {
		/* Every host may have its share, and what those before it left. */
		unsigned limit = REMOTES_MAX - (address->count - 1 - i);
		struct addrinfo *all = NULL;
		int answer = getaddrinfo(address->host[i], NULL, &hints, &all);

		if (answer == 0 && all)
			interleave(result, all, i, address->port, limit);
		else
			failure_set(&result->failure, error_of(answer), "%.100s: %s", address->host[i],
				    gai_strerror(answer));
		if (all)
			freeaddrinfo(all);
	}
}

static void add_numeric(struct resolve_result *result, const char *text, unsigned host, uint16_t port)
{
	struct remote *remote = &result->remote[result->count];

	if (result->count == REMOTES_MAX || address_numeric(&remote->address, text) < 0)
		return;
	address_set_port(&remote->address, port);
	remote->host = host;
	result->count++;
}

int resolve_now(const struct address *address, struct resolve_result *result)
{
	struct address one = { .count = 1, .port = address->port };

	memset(result, 0, sizeof *result);
	for (unsigned i = 0; i < address->count; i++) {
		const char *host = address->host[i];
		union inet_address ignored;
		unsigned before = result->count;

		if (strcasecmp(host, "localhost") == 0) {
			add_numeric(result, "127.0.0.1", i, address->port);
			add_numeric(result, "::1", i, address->port);
		} else if (address_numeric(&ignored, host) == 0) {
			add_numeric(result, host, i, address->port);
		} else if (strchr(host, '%')) {
			/* The interface's number; no look-up over the network for digits. */
			memcpy(one.host[0], host, sizeof one.host[0]);
			look_up(&one, result, AI_NUMERICHOST);
			if (result->count == before)
				return -EINVAL;
			result->remote[before].host = i;
		} else {
			return -EAGAIN;
		}
	}
	return 0;
}

static void finished(struct engine *e, struct request *request)
{
	struct resolve *r = container_of(request, struct resolve, request);

	e->resolves_count--;
	if (!r->cancelled)
		r->done(r->owner, &r->result);
	free(r);
}

static void *run(void *argument)
{
	struct resolve *r = argument;

	look_up(&r->address, &r->result, AI_ADDRCONFIG);
	engine_submit(r->engine, &r->request);
	return NULL;
}

int resolve_start(struct engine *e, const struct address *address,
		  void (*done)(void *owner, const struct resolve_result *result), void *owner,
		  struct resolve **out)
{
	struct resolve *r;
	pthread_t thread;
	pthread_attr_t attributes;
	int err;

	if (e->resolves_count == RESOLVES_MAX)
		return -EAGAIN;
	r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	r->request.run = finished;
	r->engine = e;
	r->address = *address;
	r->done = done;
	r->owner = owner;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attributes, run, r);
	pthread_attr_destroy(&attributes);
	if (err != 0) {
		free(r);
		return err == EAGAIN ? -ENOMEM : -err;
	}
	e->resolves_count++;
	*out = r;
	return 0;
}

void resolve_cancel(struct resolve *r)
{
	if (r)
		r->cancelled = true;
}
