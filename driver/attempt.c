/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts: what the race and the redialling have in common. */
#include "driver/attempt.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/address.h"
#include "driver/redial.h"
#include "driver/survey.h"

int attempt_new(struct dialler *d, const struct pair *pair,
		void (*event)(struct greeting *g, enum greeting_event event), struct attempt **out)
{
	struct attempt *a = calloc(1, sizeof *a);
	int err;

	if (!a)
		return -ENOMEM;
	err = greeting_connect(&a->greeting, d->engine, &carrier_tcp, &pair->route, event);
	if (err < 0) {
		free(a);
		return err;
	}
	a->dialler = d;
	a->pair = *pair;
	a->started = engine_now(d->engine);
	*out = a;
	return 0;
}

void attempt_free(struct attempt *a)
{
	if (!a)
		return;
	greeting_end(&a->greeting);
	free(a);
}

int attempt_offer(struct attempt *a, bool join, int replaces, bool resume)
{
	struct dialler *d = a->dialler;
	const struct endpoint *ep = d->endpoint;
	struct handshake_offer offer = {
		.join = join,
		.carrier = CARRIER_TCP,
		.kind = ep->messages ? SESSION_MESSAGES : SESSION_STREAM,
		.mode = (uint8_t)ep->mode_asked,
		.receive_limit = ep->start_bytes,
		.range_credit = RANGE_CREDIT,
		.resume_timeout_ms = d->resume_timeout_ms,
		.orphan_timeout_ms = d->orphan_timeout_ms,
		.replaces = replaces < 0 ? PATH_ID_NONE : (uint16_t)replaces,
		.resume = resume,
	};
	int err;

	/* Serial numbers: after the highest comes 0. One that a path still has is refused, and the next taken. */
	if (d->next_path_id == PATH_ID_NONE)
		d->next_path_id = 0;
	offer.path_id = d->next_path_id;
	memcpy(offer.id, ep->id, sizeof offer.id);
	memcpy(offer.secret, ep->secret, sizeof offer.secret);
	memcpy(offer.confirmed, d->confirmed, sizeof offer.confirmed);
	err = greeting_offer(&a->greeting, &offer);
	explicit_bzero(&offer, sizeof offer);
	if (err < 0)
		return err;
	a->path_id = d->next_path_id++;
	a->offered = true;
	return 0;
}

int attempt_attach(struct attempt *a, int replaces, unsigned rank, uint32_t connects)
{
	struct endpoint *endpoint = a->dialler->endpoint;
	struct greeting_input input;
	struct watch watch;
	struct carrier_route route;
	struct link_config config = {
		.watch = &watch,
		.input = &input,
		.id = a->path_id,
		.replaces = replaces,
		.rank = rank,
		.connects = connects,
	};

	config.rtt_ns = handshake_rtt_ns(&a->greeting.handshake);
	config.carrier = greeting_take(&a->greeting, &watch, &input);
	config.carrier->ops->route(config.carrier, &route);
	config.replies_elsewhere = survey_leaves_elsewhere(a->dialler->engine, &route);
	attempt_free(a);
	return endpoint_attach(endpoint, &config);
}

struct attempt_failure attempt_failure_of(int error)
{
	switch (-error) {
	case ECONNREFUSED:
		return (struct attempt_failure){ -error, REASON_PATH_REFUSED, "refused" };
	case ETIMEDOUT:
		return (struct attempt_failure){ -error, REASON_PATH_TIMED_OUT, "no answer" };
	case ENETUNREACH:
	case ENETDOWN:
		return (struct attempt_failure){ ENETUNREACH, REASON_PATH_UNREACHABLE, "network unreachable" };
	case EHOSTUNREACH:
	case EHOSTDOWN:
		return (struct attempt_failure){ EHOSTUNREACH, REASON_PATH_UNREACHABLE, "host unreachable" };
	case EADDRNOTAVAIL:
		return (struct attempt_failure){ -error, REASON_PATH_NO_ROUTE, "address or port not available" };
	case ENODEV:
		return (struct attempt_failure){ ENETUNREACH, REASON_PATH_NO_ROUTE, "the interface is gone" };
	case EACCES:
	case EPERM:
		return (struct attempt_failure){ -error, REASON_PATH_PERMISSION, "not permitted" };
	case EMFILE:
	case ENFILE:
		return (struct attempt_failure){ -error, REASON_PATH_LOST, "too many open files" };
	case ENOMEM:
	case ENOBUFS:
		return (struct attempt_failure){ -error, REASON_PATH_LOST, "out of memory" };
	default:
		return (struct attempt_failure){ -error, REASON_PATH_LOST, strerror(-error) };
	}
}

struct attempt_failure attempt_failure(const struct attempt *a)
{
	enum reason reason;
	int error = greeting_failure(&a->greeting, &reason);

	if (reason == REASON_UNKNOWN_SESSION)
		return (struct attempt_failure){ -error, REASON_PATH_OTHER_HOST, reason_text(reason) };
	if (reason == REASON_GOING_AWAY)
		return (struct attempt_failure){ -error, REASON_PATH_REFUSED, reason_text(reason) };
	if (reason != REASON_NONE)
		return (struct attempt_failure){ -error, REASON_PATH_LOST, reason_text(reason) };
	if (!a->offered || (error != -ECONNRESET && error != -EPIPE))
		return attempt_failure_of(error);
	if (a->greeting.heard)
		return (struct attempt_failure){ ECONNRESET, REASON_PATH_RESET, "connection reset" };
	return (struct attempt_failure){ EPROTO, REASON_PATH_RESET,
					 "closed without an answer: perhaps not a hawser peer" };
}

void attempt_pair_text(const struct pair *pair, char *text, size_t size)
{
	char remote[ADDRESS_TEXT_MAX];

	address_text(&pair->route.remote, remote, sizeof remote);
	if (pair->route.interface[0])
		snprintf(text, size, "%s via %s", remote, pair->route.interface);
	else
		snprintf(text, size, "%s", remote);
}
