/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "sim/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/session_internal.h"
#include "sim/report.h"

#define STEPS_MAX UINT64_C(20000000)

/* For what fails in the core itself. */
static const struct world *current;

static void describe(const struct world *w)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		const struct host *host = &w->host[i];
		const struct session *s = host->session;

		fprintf(stderr,
			"  host %u: written %" PRIu64 " of %" PRIu64 ", read %" PRIu64 "%s%s%s%s\n",
			i, host->program.written, host->program.to_write, host->program.read,
			host->killed ? ", killed" : "", host->stopped ? ", stopped" : "",
			host->image ? ", saved" : "", host->over ? ", over" : "");
		if (s == NULL)
			continue;
		fprintf(stderr,
			"    state %d mode %d base %" PRIu64 " top %" PRIu64 " limit %" PRIu64
			" segments %u ahead %u"
			" received %" PRIu64 " blocks %u deadline %lld us\n",
			(int)s->state, (int)s->sender.mode, s->sender.flight.base,
			flight_top(&s->sender.flight), s->sender.peer_limit, s->sender.flight.count,
			s->receive.ahead.count, s->receive.contiguous, host->blocks,
			(long long)(host->deadline == TIME_NEVER
					    ? -1
					    : (host->deadline - host_now(w, host)) / 1000));
		for (unsigned k = 0; k < PATHS_MAX; k++) {
			const struct host_link *link = &host->links[k];
			const struct carrier *c = &w->carrier[link->carrier.index];

			if (!link->used)
				continue;
			fprintf(stderr,
				"    path %u network %u: health %d roomy %d readable %d "
				"outstanding %" PRIu64 " carrier %" PRIu64 "/%" PRIu64 "/%" PRIu64
				"/%" PRIu64 " taken %" PRIu64 " srtt %lld us"
				" backoff %u\n",
				link->path.id, link->network, (int)link->path.health.state,
				link->path.roomy, link->readable,
				health_outstanding(&link->path.health), c->end[i].acked,
				c->end[i].next, c->end[i].end, c->end[i].window_end,
				c->end[!i].taken, (long long)(c->end[i].srtt_ns / 1000),
				c->end[i].backoff);
		}
	}
}

static __attribute__((noreturn)) void fail_text(const struct world *w, const char *text)
{
	report_failure(text);
	if (w != NULL) {
		fprintf(stderr, "seed %" PRIu64 " at %.6f s, step %" PRIu64 ": %s\n", w->plan.seed,
			(double)w->now / 1e9, w->steps, text);
		describe(w);
	}
	_exit(WORLD_FAILED);
}

void world_fail(const struct world *w, const char *format, ...)
{
	char text[REPORT_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	fail_text(w, text);
}

/* An assert of the core is a finding like others: in place of the C library's. */
void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
	char text[REPORT_TEXT_BYTES];
	const char *name = strrchr(file, '/');

	snprintf(text, sizeof text, "assert: %s in %s, %s:%u", assertion, function,
		 name ? name + 1 : file, line);
	fail_text(current, text);
}

void world_say(const struct world *w, const char *format, ...)
{
	va_list arguments;

	if (!w->verbose)
		return;
	printf("%12.6f  ", (double)w->now / 1e9);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

void world_digest(struct world *w, uint64_t value)
{
	w->digest = random_mix(w->digest ^ value ^ (uint64_t)w->now);
}

void world_wake(struct world *w, unsigned number)
{
	struct host *host = &w->host[number];
	time_ns latency_ns = w->plan.host[number].latency_ns, at;

	at = w->now + latency_ns / 2 + (time_ns)random_below(&host->random, (uint64_t)latency_ns);
	if (at >= host->wake_at)
		return;
	host->wake_at = at;
	events_add(&w->events, at, EVENT_HOST, number);
}

bool world_listens(const struct world *w, unsigned number)
{
	const struct host *host = &w->host[number];

	return !host->killed && host->image == NULL && !(host->over && host->established);
}

bool world_accept(struct world *w, struct carrier_id id)
{
	struct host *host = &w->host[1];

	if (host->accept_count == ACCEPTS_MAX)
		return false;
	host->accepts[host->accept_count++] = id;
	return true;
}

static void begin(struct world *w, const struct plan *plan, bool verbose)
{
	w->plan = *plan;
	w->now = NS_PER_S;
	w->steps = w->digest = 0;
	w->verbose = verbose;
	events_init(&w->events);
	networks_init(w);
	for (unsigned i = 0; i < CARRIERS_MAX; i++)
		w->carrier[i].used = false;
	w->carrier_serial = 0;
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		w->key[i] = random_mix(plan->seed * SIM_HOSTS + i + 1);
		host_init(w, i);
	}
	schedule_init(w);
	w->disrupted_until = 0;
	w->ending = false;
	w->phase = PHASE_FAULTS;
	w->phase_limit = TIME_NEVER;
	w->fired = w->counted = 0;
	w->rtt_most_ns = 0;
	memset(&w->coverage, 0, sizeof w->coverage);
	world_wake(w, 0);
	events_add(&w->events, w->now, EVENT_FAULT, 0);
}

static void step(struct world *w, const struct event *event)
{
	switch (event->kind) {
	case EVENT_NETWORK:
		network_event(w, event->which);
		return;
	case EVENT_CARRIER:
		carrier_event(w, event->which);
		return;
	case EVENT_HOST:
		host_run(w, event->which);
		/* What waits for bytes in flight, or for a state, may have come to it. */
		if (w->next_fault < w->plan.fault_count &&
		    (w->fault_at == TIME_NEVER || w->now >= w->fault_at))
			schedule_event(w);
		break;
	case EVENT_FAULT:
		w->fault_event_at = TIME_NEVER;
		schedule_event(w);
		break;
	case EVENT_KINDS:
		break;
	}
	oracle_phase(w);
}

void world_run(struct world *w, const struct plan *plan, bool verbose, struct world_result *result)
{
	struct event event;

	current = w;
	begin(w, plan, verbose);
	while (w->phase != PHASE_DONE) {
		if (!events_take(&w->events, &event))
			world_fail(w, "liveness: nothing will ever happen in phase %d",
				   (int)w->phase);
		world_must(w, event.at >= w->now, "events: time goes back");
		w->now = event.at;
		w->steps++;
		step(w, &event);
		world_must(w, w->steps < STEPS_MAX, "liveness: %" PRIu64 " steps in phase %d",
			   w->steps, (int)w->phase);
		/* Silence has no events of its own. */
		if (w->phase == PHASE_IDLE && w->events.count == 0)
			events_add(&w->events, w->now + NS_PER_S, EVENT_FAULT, 0);
	}
	*result = (struct world_result){
		.digest = w->digest,
		.steps = w->steps,
		.bytes = w->host[0].program.read + w->host[1].program.read,
		.virtual_ns = w->now - NS_PER_S,
		.rtt_most_ns = w->rtt_most_ns,
		.fired = w->fired,
		.counted = w->counted,
		.hard = plan->hard,
		.coverage = w->coverage,
	};
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		host_fini(w, i);
	for (unsigned i = 0; i < CARRIERS_MAX; i++)
		if (w->carrier[i].used)
			for (unsigned h = 0; h < SIM_HOSTS; h++)
				carrier_vanish(w, &w->carrier[i], h);
	current = NULL;
}
