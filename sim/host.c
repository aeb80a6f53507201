/* SPDX-License-Identifier: Apache-2.0 */
/* One look of a driver at everything, and its clockwork. See host.h. */
#include "sim/host.h"

#include <stdlib.h>
#include <string.h>

#include "core/session_internal.h"
#include "sim/world.h"

#define RETRY_NS (20 * NS_PER_MS)               /* after memory was refused */
#define IDLE_NS  NS_PER_S                       /* without bytes so long: the blocks go back */
#define DOZE_NS  (12 * NS_PER_MS)               /* the same of one that woke for a probe alone */
#define TURNS_MAX 32u                           /* of the timer, at one moment */

time_ns host_now(const struct world *w, const struct host *host)
{
	return w->now + host->leap_ns;
}

static void config_init(struct world *w, struct host *host)
{
	const struct plan_host *plan = &w->plan.host[host->number];
	struct random r;

	random_init(&r, w->plan.seed, 300);
	host->config = (struct session_config){
		.dialler = host->number == 0,
		.kind = w->plan.kind,
		.mode = plan->mode,
		.send_limit_bytes = plan->send_limit_bytes,
		.receive_limit_bytes = plan->receive_limit_bytes,
		.start_bytes = plan->start_bytes,
		.resume_timeout_ns = w->plan.resume_timeout_ns,
		.orphan_timeout_ns = w->plan.orphan_timeout_ns,
		.probe_interval_ns = plan->probe_interval_ns,
		.suspect_floor_ns = 10 * NS_PER_MS,
		.overdue_off = plan->overdue_off,
	};
	random_fill(&r, host->config.id, sizeof host->config.id);
	random_fill(&r, host->secret, sizeof host->secret);
	/* Serial numbers that wrap are worth a look. */
	host->next_path_id = random_one_in(&r, 4) ? (uint16_t)(0xfffe - random_below(&r, 8)) : 0;
}

uint64_t host_start_bytes(const struct host *host)
{
	return host->config.start_bytes > 0 ? host->config.start_bytes : host->config.receive_limit_bytes;
}

void host_init(struct world *w, unsigned number)
{
	struct host *host = &w->host[number];

	memset(host, 0, sizeof *host);
	host->number = number;
	random_init(&host->random, w->plan.seed, 200 + number);
	random_init(&host->budget, w->plan.seed, 410 + number);
	config_init(w, host);
	host->memory = malloc(session_bytes(&host->config));
	if (host->memory == NULL)
		abort();
	host->wake_at = host->deadline = TIME_NEVER;
	host->told_limit = host->promised_bytes = host_start_bytes(host);
	host->heard_at = host->pathless_at = w->now;
	program_init(w, host);
	for (unsigned i = 0; i < SIM_NETWORKS; i++)
		host->wants[i].link = -1;
	if (number == 0)
		host->session = session_init(host->memory, &host->config, w->now);
}

void host_fini(struct world *w, unsigned number)
{
	struct host *host = &w->host[number];

	if (host->session != NULL)
		host_kill(w, host, true, true);
	free(host->image);
	free(host->memory);
}

struct carrier *host_carrier(struct world *w, const struct host_link *link)
{
	return carrier_of(w, link->carrier);
}

struct host_link *host_link_on(struct host *host, unsigned network)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (host->links[i].used && host->links[i].network == network)
			return &host->links[i];
	return NULL;
}

struct host_link *host_link_of(struct host *host, uint16_t path_id)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (host->links[i].used && host->links[i].path.id == path_id)
			return &host->links[i];
	return NULL;
}

bool host_has_links(const struct host *host)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (host->links[i].used)
			return true;
	return false;
}

static bool holds_idle(const struct host *host)
{
	return (host->blocks > 0 || host->promised_bytes > host_start_bytes(host)) &&
	       session_unacknowledged(host->session) == 0 && session_readable(host->session) == 0;
}

/* What the carriers signalled. */
static void collect_events(struct world *w, struct host *host)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct host_link *link = &host->links[i];
		struct carrier_end *e;

		if (!link->used)
			continue;
		e = &host_carrier(w, link)->end[host->number];
		if (e->writable_event)
			session_path_room(host->session, &link->path, true);
		link->readable |= e->readable_event;
		e->readable_event = e->writable_event = false;
	}
}

static void fall_asleep(struct world *w, struct host *host)
{
	host_reclaim(host);
	session_rest(host->session, host_now(w, host));
	host_settle_window(w, host);
}

static void tick(struct world *w, struct host *host)
{
	host_links_report(w, host);
	session_tick(host->session, host_now(w, host));
	if (holds_idle(host))
		fall_asleep(w, host);
}

static void pump_once(struct world *w, struct host *host)
{
	host_links_read(w, host);
	program_read(w, host);
	program_write(w, host);
	if (session_report_due(host->session, host_now(w, host)))
		host_links_report(w, host);
	host_links_write(w, host);
	host_links_settle(w, host);
	if (session_state(host->session) >= SESSION_CLOSED && host->ended_at == 0)
		host->ended_at = host_now(w, host);
}

/*
 * Between two runs nothing happened to the session. If it has something to write now, before the
 * time it asked to be woken at, then nobody would have woken it: a lost wake-up.
 */
static void check_slept_rightly(struct world *w, struct host *host)
{
	if (host->touched || host_now(w, host) >= host->deadline ||
	    session_mode(host->session) == MODE_BACKUP)
		return;
	world_must(w, session_next_writer(host->session, host_now(w, host)) == NULL,
		   "wake-up: host %u has something to write since some time before its deadline",
		   host->number);
}

/* Silence that becomes suspicious, and probes, are times that it must ask to be woken at. */
static void check_alarm_is_set(struct world *w, const struct host *host)
{
	time_ns now = host_now(w, host);

	for (unsigned i = 0; i < PATHS_MAX && session_state(host->session) < SESSION_CLOSED; i++) {
		const struct path *p = &host->links[i].path;
		time_ns due_at;

		if (!host->links[i].used || p->health.state == HEALTH_DOWN)
			continue;
		due_at = health_due_at(&p->health, host->config.suspect_floor_ns);
		world_must(w,
			   !health_usable(&p->health) || due_at <= now || host->deadline <= due_at,
			   "wake-up: host %u sleeps through the silence of path %u", host->number,
			   p->id);
		world_must(w,
			   p->closing || p->ping_due || health_outstanding(&p->health) > 0 ||
				   p->ping_at <= now || host->deadline <= p->ping_at,
			   "wake-up: host %u sleeps through a probe of path %u", host->number,
			   p->id);
	}
}

/* Of what came, so many bytes have been dealt with: no more wait for blocks, in the carriers or in the session. */
static uint64_t dealt_with_bytes(const struct host *host)
{
	const struct session *s = host->session;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		bytes += host->links[i].used ? host->links[i].taken_bytes : 0;
	if (s->held.path == NULL)
		return bytes;
	for (unsigned i = 1; i < s->held.more_count; i++)
		bytes -= BLOCK_BYTES;
	return bytes - s->held.length - (s->held.more_count > 0 ? s->held.last_bytes : 0);
}

/*
 * The timer's turn, after which nothing may be due. But bytes that had waited for blocks, and are read only now,
 * may be the answer that a path's next probe waited for, which is due at once: then it has another turn.
 */
static void pump_due(struct world *w, struct host *host)
{
	time_ns now = host_now(w, host);
	bool again = true;

	for (unsigned turn = 0; again && host->deadline <= now && turn < TURNS_MAX; turn++) {
		uint64_t before = dealt_with_bytes(host);
		bool refused = host->refused;

		tick(w, host);
		pump_once(w, host);
		host->deadline = session_deadline(host->session, now);
		again = refused && dealt_with_bytes(host) != before;
	}
}

static void pump(struct world *w, struct host *host)
{
	time_ns now = host_now(w, host), idle_ns;
	bool starved;

	check_slept_rightly(w, host);
	host->heard_before = host->heard_at;
	host->touched = false;
	collect_events(w, host);
	if (now >= host->deadline)
		tick(w, host);
	pump_once(w, host);
	host->deadline = session_deadline(host->session, now);
	pump_due(w, host);
	starved = host->refused && session_asleep(host->session);
	host->touched |= starved;
	world_must(w, starved || host->deadline > now, "wake-up: host %u keeps a deadline %lld ns in the past",
		   host->number, (long long)(now - host->deadline));
	world_must(w, starved || session_next_writer(host->session, now) == NULL,
		   "wake-up: host %u has more to write after writing all", host->number);
	check_alarm_is_set(w, host);
	/* It cannot wake for want of memory, and looks again after a while. */
	if (host->deadline <= now)
		host->deadline = now + RETRY_NS;
	/* A probe is over, and nothing is owed soon. */
	if (session_may_doze(host->session) && holds_idle(host) && host->deadline > now + DOZE_NS)
		fall_asleep(w, host);
	idle_ns = session_may_doze(host->session) ? DOZE_NS : IDLE_NS;
	if (holds_idle(host) && host->deadline > now + idle_ns)
		host->deadline = now + idle_ns;
}

static void rest(struct world *w, struct host *host, time_ns next)
{
	time_ns own = TIME_NEVER;

	if (host->session != NULL) {
		if (host->deadline < next)
			next = host->deadline;
		if (host->refused)
			own = host_now(w, host) + RETRY_NS;
		if (host->ended_at > 0)
			own = host->ended_at + 2 * NS_PER_S;
		if (own <= host_now(w, host))
			own = host_now(w, host) + RETRY_NS;
		if (own < next)
			next = own;
		own = program_next(w, host);
		if (own < next)
			next = own;
	}
	host->refused = false;
	if (next == TIME_NEVER)
		return;
	next -= host->leap_ns;
	if (next < w->now)
		next = w->now;
	if (next >= host->wake_at)
		return;
	host->wake_at = next;
	events_add(&w->events, next, EVENT_HOST, host->number);
}

void host_run(struct world *w, unsigned number)
{
	struct host *host = &w->host[number];
	time_ns next;

	if (host->wake_at > w->now)
		return;         /* an event that an earlier one made needless */
	host->wake_at = TIME_NEVER;
	if (host->stopped > 0 || host->killed || host->image != NULL)
		return;
	next = number == 0 ? dialler_look(w, host) : listener_look(w, host);
	if (host->session != NULL) {
		pump(w, host);
		oracle_host(w, host);
		if (host_at_its_end(host))
			host_end_session(w, host);
	}
	/* What the pump found may be the dialler's business at once. */
	if (number == 0 && host->session != NULL)
		next = dialler_look(w, host);
	rest(w, host, next);
}
