/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule of a world's faults: each is armed a while after the one before, waits for bytes in
 * flight on a path that it hits (and for the state that it wishes to meet), fires, lasts, heals.
 */
#include <errno.h>

#include "sim/world.h"

#define PATIENCE_NS      (300 * NS_PER_MS)      /* for bytes in flight */
#define WISH_PATIENCE_NS (4 * NS_PER_S)         /* for a state */

void schedule_init(struct world *w)
{
	w->active_count = w->next_fault = 0;
	w->fault_at = w->fault_event_at = w->armed_until = TIME_NEVER;
}

bool schedule_is_over(const struct world *w)
{
	return w->next_fault == w->plan.fault_count && w->active_count == 0;
}

/* Whether host sends by this network just now, and in what state the path is. */
static bool in_flight(struct world *w, struct host *host, unsigned network,
		      enum health_state *state)
{
	struct host_link *link = host_link_on(host, network);

	if (host->session == NULL || !host->established)
		return false;
	if (link == NULL) {
		*state = HEALTH_DOWN;
		return session_unacknowledged(host->session) > 0;
	}
	*state = link->path.health.state;
	return carrier_under_way(host_carrier(w, link), host->number) > 0;
}

static bool in_scope(const struct fault *fault, unsigned network)
{
	return fault_traits[fault->kind].scope != SCOPE_NETWORK || fault->network == network;
}

/* A path that it would hit as it wishes. A fault of one network looks for one where that is so. */
static bool finds_target(struct world *w, struct fault *fault)
{
	bool moves = fault_traits[fault->kind].scope == SCOPE_NETWORK && fault->wish != WISH_NONE &&
		     fault->kind != FAULT_PATH_ADD;

	for (unsigned n = 0; n < w->plan.networks; n++) {
		if (!moves && !in_scope(fault, n))
			continue;
		for (unsigned i = 0; i < SIM_HOSTS; i++) {
			enum health_state state;

			if (!in_flight(w, &w->host[i], n, &state))
				continue;
			if (fault->wish == WISH_NONE
				    ? state == HEALTH_DOWN && fault->kind != FAULT_PATH_ADD
				    : state != (enum health_state)fault->wish)
				continue;
			if (moves)
				fault->network = (uint8_t)n;
			return true;
		}
	}
	return false;
}

static void count(struct world *w, const struct fault *fault)
{
	bool met = false;

	for (unsigned n = 0; n < w->plan.networks; n++) {
		for (unsigned i = 0; in_scope(fault, n) && i < SIM_HOSTS; i++) {
			enum health_state state;

			if (!in_flight(w, &w->host[i], n, &state))
				continue;
			w->coverage.hits[fault->kind][session_mode(w->host[i].session)][state]++;
			met |= state != HEALTH_DOWN || fault->kind == FAULT_PATH_ADD;
		}
	}
	w->fired++;
	w->counted += met;
}

static void note_disruption(struct world *w, const struct fault *fault)
{
	if (fault_traits[fault->kind].disrupts)
		w->disrupted_until = w->now;
}

static void touch(struct world *w, struct host *host)
{
	host->touched = true;
	world_wake(w, host->number);
}

/* Both ends, or that of one host, lose every connection of a network. */
static void break_carriers(struct world *w, const struct fault *fault, bool both, int error)
{
	for (unsigned i = 0; i < CARRIERS_MAX; i++) {
		struct carrier *c = &w->carrier[i];

		for (unsigned h = 0; h < SIM_HOSTS; h++)
			if (c->used && c->network == fault->network && (both || h == fault->host))
				carrier_break(w, c, h, error);
	}
}

/* As news from netlink: dials again at once, not more often than the shortest interval. */
static void networks_changed(struct world *w)
{
	struct host *host = &w->host[0];

	for (unsigned i = 0; i < w->plan.networks; i++) {
		struct want *want = &host->wants[i];
		time_ns soon = want->started + 400 * NS_PER_MS, now = host_now(w, host);

		soon = soon > now ? soon : now;
		if (want->known && want->next_at > soon)
			want->next_at = soon;
	}
	touch(w, host);
}

static bool path_add(struct world *w, struct fault *fault)
{
	if (w->network[fault->network].attached)
		return false;
	for (unsigned i = 0; i < w->active_count; i++)
		if (w->active[i].fault.kind == FAULT_PATH_REMOVE &&
		    w->active[i].fault.network == fault->network)
			return false;
	w->network[fault->network].attached = true;
	networks_changed(w);
	return true;
}

static bool path_remove(struct world *w, const struct fault *fault)
{
	struct host *host = &w->host[0];
	struct host_link *link = host_link_on(host, fault->network);
	struct want *want = &host->wants[fault->network];

	if (!w->network[fault->network].attached || host->session == NULL)
		return false;
	w->network[fault->network].attached = false;
	if (want->attempt != NULL)
		greeting_end(w, host, want->attempt, true);
	want->attempt = NULL;
	if (link != NULL) {
		dialler_link_lost(w, host, link);
		host_link_take_out(w, host, link, REASON_PATH_UNREACHABLE);
	}
	touch(w, host);
	return true;
}

static bool end_host(struct world *w, const struct fault *fault, struct host *host)
{
	if (host->session == NULL || !host->established)
		return false;
	w->ending = true;
	if (fault->kind == FAULT_ABORT) {
		if (session_state(host->session) != SESSION_OPEN)
			return false;
		session_reset(host->session,
			      fault->argument != 0 ? REASON_PROCESS_EXITS : REASON_ABORTED,
			      host_now(w, host));
		session_receive_discard(host->session, host_now(w, host));
		host->program.discards = true;
		host->aborted = true;
		touch(w, host);
		return true;
	}
	host_kill(w, host, fault->argument != 0, fault->kind == FAULT_CRASH);
	return true;
}

static bool strike_host(struct world *w, const struct fault *fault)
{
	struct host *host = &w->host[fault->host];

	if (host->session == NULL || !host->established)
		return false;
	switch (fault->kind) {
	case FAULT_SLOW_READER:
		host->slow_bytes = fault->argument;
		break;
	case FAULT_DEAF:
		host->deaf = true;
		break;
	case FAULT_STOP:
		host->stopped++;
		return true;
	case FAULT_LEAP:
		host->leap_ns += (time_ns)fault->argument;
		break;
	case FAULT_MEMORY:
		host->refuse_percent = (unsigned)fault->argument;
		break;
	case FAULT_TINY:
		host->tiny_bytes = fault->argument;
		break;
	case FAULT_SAVE:
		if (host->stopped > 0 || session_state(host->session) > SESSION_FINISHED)
			return false;
		host_save(w, host, fault->argument != 0);
		break;
	case FAULT_MODE:
		session_set_mode(host->session, (enum session_mode)fault->argument,
				 host_now(w, host));
		break;
	case FAULT_ASK_MODE:
		session_ask_mode(host->session, (enum session_mode)fault->argument,
				 host_now(w, host));
		break;
	default:
		return end_host(w, fault, host);
	}
	touch(w, host);
	return true;
}

/* False: there is nothing for it to hit. */
static bool strike(struct world *w, struct fault *fault)
{
	switch (fault->kind) {
	case FAULT_RESET:
		break_carriers(w, fault, fault->argument != 0, ECONNRESET);
		return true;
	case FAULT_ADDRESS:
		w->network[fault->network].address[fault->host]++;
		break_carriers(w, fault, false, EHOSTUNREACH);
		networks_changed(w);
		return true;
	case FAULT_PATH_ADD:
		return path_add(w, fault);
	case FAULT_PATH_REMOVE:
		return path_remove(w, fault);
	default:
		return fault_traits[fault->kind].scope != SCOPE_HOST || strike_host(w, fault);
	}
}

static void refresh(struct world *w)
{
	for (unsigned i = 0; i < w->plan.networks; i++)
		network_refresh(w, i);
}

static void heal_host(struct world *w, const struct fault *fault)
{
	struct host *host = &w->host[fault->host];

	switch (fault->kind) {
	case FAULT_SLOW_READER:
		host->slow_bytes = 0;
		host->program.read_at = 0;
		break;
	case FAULT_DEAF:
		host->deaf = false;
		break;
	case FAULT_STOP:
		host->stopped--;
		break;
	case FAULT_MEMORY:
		host->refuse_percent = 0;
		break;
	case FAULT_TINY:
		host->tiny_bytes = 0;
		break;
	case FAULT_SAVE:
		if (host->image != NULL)
			host_load(w, host);
		break;
	default:
		return;
	}
	touch(w, host);
}

static void heal(struct world *w, const struct fault *fault)
{
	world_say(w, "%s heals", fault_traits[fault->kind].name);
	note_disruption(w, fault);
	if (fault->kind == FAULT_PATH_REMOVE) {
		w->network[fault->network].attached = true;
		networks_changed(w);
	}
	heal_host(w, fault);
}

static void fire(struct world *w)
{
	struct fault fault = w->plan.fault[w->next_fault++];
	struct active_fault *active = &w->active[w->active_count];
	struct coverage before = w->coverage;
	unsigned fired = w->fired, counted = w->counted;

	(void)finds_target(w, &fault);
	if (w->verbose) {
		world_say(w, "fault:");
		fault_print(&fault);
	}
	count(w, &fault);
	if (!strike(w, &fault)) {
		w->coverage = before;
		w->fired = fired;
		w->counted = counted;
		return;
	}
	world_digest(w, fault.kind);
	note_disruption(w, &fault);
	if (fault_traits[fault.kind].lasts) {
		*active = (struct active_fault){ .fault = fault,
						 .until = w->now + fault.duration_ns,
						 .flapped = true };
		active->flap_at = fault.kind == FAULT_FLAP ? w->now + (time_ns)fault.argument
							   : TIME_NEVER;
		w->active_count++;
	}
	refresh(w);
}

static void go_on(struct world *w)
{
	bool changed = false;

	for (unsigned i = 0; i < w->active_count;) {
		struct active_fault *active = &w->active[i];

		if (w->now >= active->until) {
			struct fault fault = active->fault;

			*active = w->active[--w->active_count];
			heal(w, &fault);
			changed = true;
			continue;
		}
		note_disruption(w, &active->fault);
		if (w->now >= active->flap_at) {
			active->flapped = !active->flapped;
			active->flap_at = w->now + (time_ns)active->fault.argument;
			changed = true;
		}
		i++;
	}
	if (changed)
		refresh(w);
}

/* The next one is armed a while from now. */
static void arm(struct world *w)
{
	struct fault *fault = &w->plan.fault[w->next_fault];

	w->fault_at = w->now + fault->gap_ns;
	w->armed_until = w->fault_at + (fault->wish == WISH_NONE ? PATIENCE_NS : WISH_PATIENCE_NS);
}

static void schedule_next(struct world *w)
{
	time_ns at = TIME_NEVER;

	if (w->next_fault < w->plan.fault_count)
		at = w->fault_at > w->now ? w->fault_at : w->armed_until;
	for (unsigned i = 0; i < w->active_count; i++) {
		at = w->active[i].until < at ? w->active[i].until : at;
		at = w->active[i].flap_at < at ? w->active[i].flap_at : at;
	}
	if (at >= w->fault_event_at && w->fault_event_at > w->now)
		return;
	w->fault_event_at = at;
	if (at != TIME_NEVER)
		events_add(&w->events, at, EVENT_FAULT, 0);
}

void schedule_event(struct world *w)
{
	bool ready = w->plan.early || (w->host[0].established && w->host[1].established);

	go_on(w);
	if (w->next_fault < w->plan.fault_count && w->fault_at == TIME_NEVER && ready)
		arm(w);
	while (w->next_fault < w->plan.fault_count && w->now >= w->fault_at &&
	       (w->now >= w->armed_until || finds_target(w, &w->plan.fault[w->next_fault]))) {
		fire(w);
		if (w->next_fault < w->plan.fault_count)
			arm(w);
	}
	schedule_next(w);
}
