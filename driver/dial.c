/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The race: every network connects to its best address at once, other addresses follow 250 ms apart
 * (RFC 8305). A HELLO goes on the first that is connected, and on the next one only when no answer
 * has come for 250 ms: addresses of one name may be different hosts, and none but one shall hold a
 * session. The first ACCEPT is confirmed; the rest are closed unconfirmed.
 */
#include "driver/dial.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/address.h"
#include "driver/changes.h"
#include "driver/congestion.h"
#include "driver/redial.h"
#include "driver/survey.h"

struct race {
	struct pairs pairs;
	struct attempt *attempt[PAIRS_MAX];     /* of the pair of that index; NULL: not begun, or failed */
	unsigned begun;                 /* pairs begun so far, in their order */
	unsigned connected;             /* how many connected so far */
	struct attempt *winner;         /* its CONFIRM is being written */
	time_ns begin_at;               /* when the next pair begins */
	time_ns hello_at;               /* when the next HELLO may go */
	struct failure failure;         /* the most telling one, with words for each */
};

/* How much an errno tells of why a dial failed; the list is in order. */
static unsigned telling(int error)
{
	static const int order[] = {
		EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, ETIMEDOUT, ECONNRESET, ECONNREFUSED, EACCES, EPERM,
		EPROTO, ENOMEM, ENOBUFS, ENFILE, EMFILE,
	};

	for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++)
		if (order[i] == error)
			return i + 1;
	return 0;
}

static void note(struct failure *all, const struct pair *pair, const struct attempt_failure *failure)
{
	size_t length = strlen(all->text);
	char text[ADDRESS_TEXT_MAX + IF_NAMESIZE + 8];

	if (all->error == 0 || telling(failure->error) > telling(all->error))
		all->error = failure->error;
	attempt_pair_text(pair, text, sizeof text);
	snprintf(all->text + length, sizeof all->text - length, "%s%s: %s", length > 0 ? "; " : "", text,
		 failure->words);
}

static struct race *race_of(struct dialler *d)
{
	assert(d->race);
	return d->race;
}

void race_free(struct dialler *d)
{
	if (!d->race)
		return;
	for (unsigned i = 0; i < PAIRS_MAX; i++)
		attempt_free(d->race->attempt[i]);
	free(d->race);
	d->race = NULL;
}

/* Whether the words begin with the name, or with the host of it: then nobody needs to hear it twice. */
static bool begins_with_host(const char *words, const char *name)
{
	const char *colon = strstr(words, ": ");
	size_t host = colon ? (size_t)(colon - words) : strlen(words);
	size_t length = strlen(name);

	return strncmp(words, name, host < length ? host : length) == 0;
}

/* The dial came to nothing. The dialler is gone afterwards. */
static void give_up(struct dialler *d, const struct failure *why)
{
	struct failure failure = *why;

	if (!begins_with_host(why->text, d->name))
		failure_set(&failure, why->error, "%s: %s", d->name, why->text);
	endpoint_fail(d->endpoint, REASON_NONE, &failure);
}

static void race_event(struct greeting *g, enum greeting_event event);

static void begin_pair(struct dialler *d)
{
	struct race *race = race_of(d);
	const struct pair *pair = &race->pairs.pair[race->begun];
	int err = attempt_new(d, pair, race_event, &race->attempt[race->begun]);

	race->begun++;
	if (err < 0) {
		struct attempt_failure failure = attempt_failure_of(err);

		note(&race->failure, pair, &failure);
	}
}

/* The primaries at once, then one alternate each time; a failure brings the next one forward. */
static void begin_due(struct dialler *d, time_ns now)
{
	struct race *race = race_of(d);
	const struct pairs *pairs = &race->pairs;

	while (race->begun < pairs->count &&
	       (pairs->pair[race->begun].primary || now >= race->begin_at)) {
		if (!pairs->pair[race->begun].primary)
			race->begin_at = now + DIAL_PATIENCE_NS;
		begin_pair(d);
	}
}

/* The connected attempt that has waited longest for its HELLO. */
static struct attempt *next_to_greet(const struct race *race)
{
	struct attempt *first = NULL;

	for (unsigned i = 0; i < race->begun; i++) {
		struct attempt *a = race->attempt[i];

		if (a && a->order > 0 && !a->offered && (!first || a->order < first->order))
			first = a;
	}
	return first;
}

static void drop(struct race *race, struct attempt *a)
{
	for (unsigned i = 0; i < race->begun; i++)
		if (race->attempt[i] == a)
			race->attempt[i] = NULL;
	attempt_free(a);
}

static void greet_due(struct dialler *d, time_ns now)
{
	struct race *race = race_of(d);
	struct attempt *a;

	while (!race->winner && now >= race->hello_at && (a = next_to_greet(race))) {
		int err = attempt_offer(a, false, -1, false);

		if (err == 0) {
			race->hello_at = now + DIAL_PATIENCE_NS;
		} else {
			struct attempt_failure failure = attempt_failure_of(err);

			note(&race->failure, &a->pair, &failure);
			drop(race, a);
		}
	}
}

static bool running(const struct race *race)
{
	for (unsigned i = 0; i < race->begun; i++)
		if (race->attempt[i])
			return true;
	return race->begun < race->pairs.count;
}

static void out_of_time(struct dialler *d)
{
	struct failure failure = { 0 };

	if (!d->race) {
		failure_set(&failure, ETIMEDOUT, "looking up the address took too long");
		give_up(d, &failure);
		return;
	}
	for (unsigned i = 0; i < d->race->begun; i++) {
		const struct attempt *a = d->race->attempt[i];
		struct attempt_failure late = attempt_failure_of(-ETIMEDOUT);

		if (!a)
			continue;
		late.words = a->offered ? "connected, but no answer" : a->order > 0 ? "connected" : "no answer";
		note(&d->race->failure, &a->pair, &late);
	}
	d->race->failure.error = ETIMEDOUT;
	failure = d->race->failure;
	give_up(d, &failure);
}

/* Does what is due, and arms the timer for what comes next. May end the dialler. */
static void race_step(struct dialler *d, time_ns now)
{
	struct race *race = d->race;
	time_ns next = d->deadline;

	if (now >= d->deadline) {
		out_of_time(d);
		return;
	}
	if (race) {
		begin_due(d, now);
		greet_due(d, now);
		if (!running(race)) {
			struct failure failure = race->failure;

			give_up(d, &failure);
			return;
		}
		if (race->begun < race->pairs.count && race->begin_at < next)
			next = race->begin_at;
		if (next_to_greet(race) && !race->winner && race->hello_at < next)
			next = race->hello_at;
	}
	if (timer_start(d->engine, &d->timer, next) < 0) {
		struct failure failure = { .error = ENOMEM, .text = "out of memory" };

		give_up(d, &failure);
	}
}

static void race_expired(struct timer *t, time_ns now)
{
	race_step(container_of(t, struct dialler, timer), now);
}

/* Hands what else the race has begun to the wants; what has said HELLO is closed unconfirmed. */
static void hand_over(struct dialler *d, struct race *race)
{
	for (unsigned i = 0; i < race->begun; i++) {
		struct attempt *a = race->attempt[i];
		struct want *want = a ? redial_want(d, &a->pair.group) : NULL;

		if (!want || a->offered || want->link >= 0 || want->attempt)
			continue;
		race->attempt[i] = NULL;
		redial_adopt(want, a);
	}
}

static void established(struct dialler *d, struct attempt *winner)
{
	struct race *race = race_of(d);
	struct endpoint *endpoint = d->endpoint;
	const struct handshake_terms *terms = &handshake_peer(&winner->greeting.handshake)->terms;
	struct pair pair = winner->pair;
	char text[ADDRESS_TEXT_MAX];
	struct want *want;
	int err;

	for (unsigned i = 0; i < race->begun; i++)
		if (race->attempt[i] == winner)
			race->attempt[i] = NULL;
	memcpy(d->confirmed, handshake_accept_nonce(&winner->greeting.handshake), NONCE_BYTES);
	timer_stop(d->engine, &d->timer);
	redial_begin(d, &race->pairs, engine_now(d->engine));
	want = redial_want(d, &pair.group);
	if (!want) {
		struct failure failure = { .error = ENOMEM, .text = "out of memory" };

		attempt_free(winner);
		give_up(d, &failure);
		return;
	}
	redial_note(d, want, &pair);
	want->link = winner->path_id;
	want->rtt_ns = handshake_rtt_ns(&winner->greeting.handshake);
	want->connects = 1;
	want->started = winner->started;

	address_text(&pair.route.remote, text, sizeof text);
	endpoint_set_peer(endpoint, text);
	endpoint_peer_declared(endpoint, terms->receive_limit, terms->range_credit,
			       time_of_ms(terms->resume_timeout_ms));
	err = attempt_attach(winner, -1, want->rank, want->connects);
	if (err < 0) {
		struct failure failure;

		failure_system(&failure, -err, "%s", text);
		endpoint_fail(endpoint, REASON_NONE, &failure);
		return;
	}
	hand_over(d, race);
	race_free(d);
	redial_soon(d);
	/* Whoever waits for it goes on, while this thread sees to the other paths. */
	endpoint_finish_waits(endpoint);
}

/* Confirms one that was accepted, unless another is being confirmed. */
static void confirm_one(struct race *race)
{
	for (unsigned i = 0; i < race->begun && !race->winner; i++) {
		struct attempt *a = race->attempt[i];

		if (a && a->greeting.stage == GREETING_STAGE_TALKING &&
		    handshake_state(&a->greeting.handshake) == HANDSHAKE_ACCEPTED) {
			race->winner = a;
			greeting_confirm(&a->greeting);
		}
	}
}

static void lost(struct dialler *d, struct attempt *a, time_ns now)
{
	struct race *race = race_of(d);
	struct attempt_failure failure = attempt_failure(a);

	note(&race->failure, &a->pair, &failure);
	race->begin_at = now;
	if (a->offered)
		race->hello_at = now;
	if (race->winner == a)
		race->winner = NULL;
	drop(race, a);
	confirm_one(race);
}

static void race_event(struct greeting *g, enum greeting_event event)
{
	struct attempt *a = container_of(g, struct attempt, greeting);
	struct dialler *d = a->dialler;
	time_ns now = engine_now(d->engine);

	switch (event) {
	case GREETING_CONNECTED:
		a->order = ++race_of(d)->connected;
		a->connected_at = now;
		break;
	case GREETING_DECIDE:
		confirm_one(race_of(d));
		break;
	case GREETING_DONE:
		established(d, a);
		return;
	case GREETING_FAILED:
		lost(d, a, now);
		break;
	}
	race_step(d, now);
}

static bool allowed(const struct dialler *d, const struct remote *remote)
{
	return d->insecure_allowed || address_is_loopback(&remote->address);
}

/* The addresses that policy allows, and the others. False: no memory. */
static bool keep_addresses(struct dialler *d, const struct resolve_result *result)
{
	unsigned peers = 0, others;

	for (unsigned i = 0; i < result->count; i++)
		peers += allowed(d, &result->remote[i]);
	others = result->count - peers;
	d->peer = peers > 0 ? calloc(peers, sizeof d->peer[0]) : NULL;
	d->insecure = others > 0 ? calloc(others, sizeof d->insecure[0]) : NULL;
	if ((peers > 0 && !d->peer) || (others > 0 && !d->insecure))
		return false;
	for (unsigned i = 0; i < result->count; i++) {
		const struct remote *remote = &result->remote[i];

		if (allowed(d, remote))
			d->peer[d->peer_count++].remote = *remote;
		else
			d->insecure[d->insecure_count++] = remote->address;
	}
	return true;
}

/* 0, or -errno with words: no address is left. */
static int take_result(struct dialler *d, const struct resolve_result *result, struct failure *failure)
{
	char text[ADDRESS_TEXT_MAX];

	if (!keep_addresses(d, result))
		return failure_set(failure, ENOMEM, "out of memory");
	if (d->peer_count > 0)
		return 0;
	if (d->insecure_count == 0)
		return failure_set(failure, result->failure.error, "%s", result->failure.text);
	address_text_host(&d->insecure[0], text, sizeof text);
	return failure_set(failure, EACCES, "%s is beyond loopback and would be reached in clear text; "
			   "the option insecure allows it", text);
}

/* The addresses are known: looks which networks lead to them, and begins. May end the dialler. */
static void race_begin(struct dialler *d)
{
	struct failure failure = { 0 };
	int err;
	const struct pairs *pairs = dialler_survey(d, &err);

	d->race = pairs ? calloc(1, sizeof *d->race) : NULL;
	if (d->race)
		d->race->pairs = *pairs;
	else if (pairs)
		err = -ENOMEM;
	if (err == -ENODEV)
		failure_set(&failure, ENODEV, "the option via names no network that this host has now");
	else if (err < 0)
		failure_system(&failure, -err, "reading the local networks");
	else if (d->race->pairs.count == 0)
		failure_set(&failure, ENETUNREACH, "no local network leads there");
	if (failure.error != 0) {
		give_up(d, &failure);
		return;
	}
	d->race->begin_at = engine_now(d->engine) + DIAL_PATIENCE_NS;
	race_step(d, engine_now(d->engine));
}

static void resolved(void *owner, const struct resolve_result *result)
{
	struct dialler *d = owner;
	struct failure failure;

	d->resolve = NULL;
	if (take_result(d, result, &failure) < 0)
		give_up(d, &failure);
	else
		race_begin(d);
}

static void start(struct task *t)
{
	struct dialler *d = container_of(t, struct dialler, task);

	if (d->peer_count > 0)
		race_begin(d);
	else
		race_step(d, engine_now(d->engine));
}

/* Addresses in digits at once, names by a look-up. 0 or -errno. */
static int find_peer(struct dialler *d, const struct address *address, struct failure *failure)
{
	struct resolve_result result;
	int err = resolve_now(address, &result);

	if (err == -EAGAIN) {
		err = resolve_start(d->engine, address, resolved, d, &d->resolve);
		if (err < 0)
			failure_system(failure, -err, "%s: looking up the name", d->name);
		return err;
	}
	return take_result(d, &result, failure);
}

static int make_endpoint(struct dialler *d, const struct options *options, struct failure *failure)
{
	struct endpoint_config config = {
		.session = options_session(options, true),
		.linger_ns = options_linger_ns(options),
		.exit_linger_ns = options->exit_linger_ns,
		.spin_ns = options->spin_ns,
		.dialler = d,
	};
	int err = random_bytes(config.session.id, sizeof config.session.id);

	if (err == 0)
		err = random_bytes(config.secret, sizeof config.secret);
	if (err < 0)
		return failure_system(failure, -err, "getting random bytes");
	config.promised_bytes = memory_promise(&d->engine->memory, options->receive_buffer_bytes);
	config.session.start_bytes = config.promised_bytes;
	memcpy(config.congestion, options->congestion, sizeof config.congestion);
	snprintf(config.peer, sizeof config.peer, "%.63s", d->name);
	err = endpoint_new(d->engine, &config, &d->endpoint);
	if (err < 0)
		memory_withdraw(&d->engine->memory, config.promised_bytes);
	explicit_bzero(&config, sizeof config);
	return err < 0 ? failure_system(failure, -err, "%s", d->name) : 0;
}

int dial_begin(struct engine *e, const char *address, const struct options *options,
	       struct endpoint **out, struct failure *failure)
{
	struct options defaults;
	struct address parsed;
	struct dialler *d;
	int err = address_parse_dial(&parsed, address, failure);

	if (!options) {
		options_init(&defaults);
		options = &defaults;
	}
	if (err == 0)
		err = congestion_check(options->congestion, failure);
	if (err < 0)
		return err;
	d = dialler_new(e, address, options);
	if (!d)
		return failure_set(failure, ENOMEM, "out of memory");
	d->timer.expired = race_expired;
	d->task.run = start;
	d->deadline = options->connect_timeout_ns == TIME_NEVER ?
		TIME_NEVER : engine_now(e) + options->connect_timeout_ns;
	err = changes_start(e) < 0 ? failure_set(failure, ENOMEM, "out of memory") : find_peer(d, &parsed, failure);
	if (err == 0)
		err = make_endpoint(d, options, failure);
	if (err < 0) {
		resolve_cancel(d->resolve);
		dialler_discard(d);
		return err;
	}
	changes_join(d);
	engine_post(e, &d->task);
	*out = d->endpoint;
	return 0;
}
