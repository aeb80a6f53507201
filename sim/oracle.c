/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold after every step, at every end, and in the long run. */
#include "core/session_internal.h"
#include "sim/world.h"

#define SEGMENTS_EACH_TIME 24u
#define DELIVER_BASE_NS    (20 * NS_PER_S)
#define CLOSE_BASE_NS      (60 * NS_PER_S)
#define IDLE_GRACE_NS      (5 * NS_PER_S)
#define IDLE_HOLD_NS       (2 * NS_PER_S)
/* A dialler that is let through so soon finds its answered HELLO: a listener keeps it 10 s. */
#define CONFIRM_WITHIN_NS  (6 * NS_PER_S)

/* What host has received of the peer's stream, now or at its end; FIN counts one. */
static uint64_t received_of(const struct host *host)
{
	if (host->session == NULL)
		return host->final_received + 1;
	return receive_buffer_cumulative(&host->session->receive);
}

static void check_blocks(const struct world *w, const struct host *host)
{
	/* Its own: what was on loan when it was saved it has to hold itself afterwards. */
	const struct session_config *config = &host->session->config;
	unsigned slots = buffer_slots_for(config->send_limit_bytes) +
			 buffer_slots_for(config->receive_limit_bytes);

	/* Both windows, the spare ones, a tail for every path, one to read into, one to list loans, one to work in. */
	world_must(w, host->blocks <= slots + STOCK_BLOCKS + PATHS_MAX + 3,
		   "memory: host %u holds %u blocks", host->number, host->blocks);
}

static void check_flow(const struct world *w, const struct host *host, const struct host *peer)
{
	const struct session *s = host->session;

	world_must(w, s->receive.ahead.count <= RANGE_CREDIT, "credit: host %u holds %u ranges",
		   host->number, s->receive.ahead.count);
	world_must(w, flight_runs(&s->sender.flight) <= RANGE_CREDIT + 1,
		   "credit: host %u sends %u runs", host->number, flight_runs(&s->sender.flight));
	world_must(w, s->sender.peer_limit <= peer->told_limit,
		   "limit: host %u believes in %llu of %llu", host->number,
		   (unsigned long long)s->sender.peer_limit, (unsigned long long)peer->told_limit);
	world_must(w, session_receive_promised(s) <= host->promised_bytes,
		   "memory: host %u promises %llu bytes and has %llu in reserve", host->number,
		   (unsigned long long)session_receive_promised(s),
		   (unsigned long long)host->promised_bytes);
	world_must(w, host->promised_bytes <= s->config.receive_limit_bytes,
		   "memory: host %u has more in reserve than its limit", host->number);
	world_must(w, s->receive.contiguous - s->receive.consumed <= host->promised_bytes,
		   "memory: host %u keeps more than its reserve", host->number);
	world_must(w, s->sender.buffer.limit_bytes <= s->config.send_limit_bytes,
		   "memory: host %u buffers more than its limit", host->number);
	world_must(w, s->sender.buffer.acknowledged <= received_of(peer),
		   "ack: host %u believes %llu acknowledged, of %llu that came", host->number,
		   (unsigned long long)s->sender.buffer.acknowledged,
		   (unsigned long long)received_of(peer));
}

/* What the sender takes for received must have been. Looks at some segments each time, in turn. */
static void check_selective(const struct world *w, const struct host *host, const struct host *peer)
{
	const struct flight *f = &host->session->sender.flight;
	const struct receive_buffer *b;
	unsigned first = f->count > SEGMENTS_EACH_TIME ? (unsigned)(w->steps % f->count) : 0;

	if (peer->session == NULL)
		return;
	b = &peer->session->receive;
	for (unsigned i = 0; i < SEGMENTS_EACH_TIME && i < f->count; i++) {
		unsigned k = (first + i) % f->count;
		uint64_t start = k == 0 ? f->base : f->at[k - 1].end, end = f->at[k].end;

		if ((f->at[k].carriers & FLIGHT_ACKED) == 0)
			continue;
		if (start < b->contiguous)
			start = b->contiguous;
		if (end > host->program.written)
			end = host->program.written;
		world_must(w, start >= end || ranges_contains(&b->ahead, start, end),
			   "ack: host %u takes bytes from %llu for received that are not",
			   host->number, (unsigned long long)start);
	}
}

static void check_paths(struct world *w, struct host *host, struct host *peer)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct host_link *link = &host->links[i], *other;
		enum health_state state = link->path.health.state;

		if (!link->used)
			continue;
		/* In one step a path may go round, but not from down, nor to active but by way of
		 * fresh. */
		world_must(w, link->state_seen != HEALTH_DOWN || state == HEALTH_DOWN,
			   "state: path %u of host %u comes back from down", link->path.id,
			   host->number);
		if (state == HEALTH_FRESH && link->state_seen == HEALTH_ACTIVE)
			world_must(w, false, "state: path %u of host %u goes from active to fresh",
				   link->path.id, host->number);
		link->state_seen = state;
		if (host_carrier(w, link)->end[host->number].srtt_ns > w->rtt_most_ns)
			w->rtt_most_ns = host_carrier(w, link)->end[host->number].srtt_ns;
		other = peer->session != NULL ? host_link_of(peer, link->path.id) : NULL;
		if (other != NULL)
			world_must(w, link->path.health.proven_bytes <= other->taken_bytes,
				   "evidence: host %u has %llu bytes proven on path %u, %llu came",
				   host->number, (unsigned long long)link->path.health.proven_bytes,
				   link->path.id, (unsigned long long)other->taken_bytes);
		world_digest(w, (uint64_t)state << 32 | link->path.id);
	}
}

static time_ns patience(time_ns timeout_ns)
{
	return timeout_ns == TIME_NEVER ? TIME_NEVER : timeout_ns;
}

/* It was reset for this reason, and says so to its peer. */
static bool was_reset_for(const struct host *host, enum reason reason)
{
	if (host->session != NULL)
		return session_state(host->session) == SESSION_RESET &&
		       session_reason(host->session) == reason;
	return host->final_state == SESSION_RESET && host->final_reason == reason;
}

/* A session may be reset only for a reason that what happened explains. */
static void check_reset(const struct world *w, const struct host *host)
{
	const struct host *peer = &w->host[!host->number];
	time_ns now = host_now(w, host), quiet_ns = now - host->heard_before;
	bool disrupted = now - w->disrupted_until - host->leap_ns <= 120 * NS_PER_S || w->ending;

	if (was_reset_for(peer, session_reason(host->session)))
		return;
	switch (session_reason(host->session)) {
	case REASON_ABORTED:
	case REASON_PROCESS_EXITS:
		world_must(w, host->aborted, "end: host %u aborted by itself", host->number);
		return;
	case REASON_PEER_VANISHED:
		world_must(w, host->number == 1 && host->pathless_ended && disrupted &&
			   now - host->pathless_at >= w->plan.orphan_timeout_ns,
			   "end: host %u says that the peer vanished", host->number);
		return;
	case REASON_RESUME_TIMEOUT:
		world_must(w, disrupted && quiet_ns >= patience(w->plan.resume_timeout_ns),
			   "end: host %u gives up %lld ms after it heard something, of %lld",
			   host->number, (long long)(quiet_ns / NS_PER_MS),
			   (long long)(w->plan.resume_timeout_ns / NS_PER_MS));
		return;
	case REASON_REFUSED_EVERYWHERE:
		world_must(w, host->number == 0 && (peer->session == NULL || !peer->established),
			   "end: host %u refused by a peer that has the session", host->number);
		world_must(w, peer->established || peer->killed ||
			   w->disrupted_until - host->confirmed_at >= CONFIRM_WITHIN_NS,
			   "end: host %u refused by a peer that answered it and took no JOIN for its CONFIRM",
			   host->number);
		return;
	default:
		world_fail(w, "end: host %u is reset for reason %d", host->number,
			   (int)session_reason(host->session));
	}
}

static void check_state(const struct world *w, struct host *host)
{
	enum session_state before = host->state_seen, state = session_state(host->session);

	if (state == before)
		return;
	host->state_seen = state;
	world_say(w, "host %u: state %d", host->number, (int)state);
	world_must(w,
		   before < SESSION_CLOSED && state > before &&
			   !(before == SESSION_FINISHED && state == SESSION_RESET),
		   "state: host %u goes from %d to %d", host->number, (int)before, (int)state);
	if (state == SESSION_RESET) {
		check_reset(w, host);
		world_must(w, w->plan.hard || w->plan.early,
			   "end: host %u is reset (reason %d) in a world where nothing ends",
			   host->number, (int)session_reason(host->session));
	}
}

void oracle_host(struct world *w, struct host *host)
{
	struct host *peer = &w->host[!host->number];

	check_state(w, host);
	check_blocks(w, host);
	check_flow(w, host, peer);
	check_selective(w, host, peer);
	check_paths(w, host, peer);
	world_digest(w, host->session->receive.contiguous ^
				host->session->sender.buffer.acknowledged << 20);
}

/* A clean end tells the truth: everything arrived, both ways. */
void oracle_ends(struct world *w, struct host *host)
{
	const struct host *peer = &w->host[!host->number];

	if (host->final_state != SESSION_CLOSED)
		return;
	world_must(w, host->final_finished && received_of(peer) == host->final_written + 1,
		   "end: host %u ends cleanly, the peer has %llu of %llu", host->number,
		   (unsigned long long)received_of(peer),
		   (unsigned long long)host->final_written + 1);
	world_must(w, host->final_received == peer->program.written,
		   "end: host %u ends cleanly with %llu of %llu", host->number,
		   (unsigned long long)host->final_received,
		   (unsigned long long)peer->program.written);
}

/* --- the long run --- */

static bool delivered(const struct world *w)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		const struct host *host = &w->host[i], *peer = &w->host[!i];
		const struct program *writer = &peer->program;
		uint64_t got = host->program.discards ? received_of(host) : host->program.read;

		if (writer->written < writer->to_write || writer->message_left > 0 ||
		    got < writer->written)
			return false;
	}
	return true;
}

/* What one network gives at the least: its rate, or what loss and distance leave of it. */
static uint64_t pace_bytes(const struct world *w, unsigned number)
{
	const struct plan_network *plan = &w->plan.network[number];
	uint64_t round_trips = (uint64_t)(NS_PER_S / (2 * plan->delay_ns + 2 * plan->jitter_ns +
						      2 * NS_PER_MS));
	uint64_t window = w->plan.receive_kernel_bytes / 4;

	if (plan->loss_ppm > 0 || plan->queue_bytes < 4 * w->plan.packet_bytes)
		window = 4 * w->plan.packet_bytes < window ? 4 * w->plan.packet_bytes : window;
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		uint64_t start = w->plan.host[i].start_bytes;

		if (w->plan.host[i].send_limit_bytes / 4 < window)
			window = w->plan.host[i].send_limit_bytes / 4;
		if (w->plan.host[i].receive_limit_bytes / 4 < window)
			window = w->plan.host[i].receive_limit_bytes / 4;
		if (start > 0 && start / 4 < window)
			window = start / 4;
	}
	if (round_trips == 0)
		round_trips = 1;
	return window * round_trips < plan->rate_bytes / 2 ? window * round_trips
							   : plan->rate_bytes / 2;
}

static time_ns deliver_limit(const struct world *w)
{
	uint64_t left = 0, pace = UINT64_MAX;
	time_ns longest_ns = 0;

	for (unsigned i = 0; i < SIM_HOSTS; i++)
		left += w->host[!i].program.to_write - w->host[i].program.read +
			w->plan.message_most + 2 * w->plan.send_kernel_bytes;
	for (unsigned i = 0; i < w->plan.networks; i++)
		if (w->network[i].attached && pace_bytes(w, i) < pace)
			pace = pace_bytes(w, i);
	for (unsigned i = 0; i < w->plan.fault_count; i++)
		if (w->plan.fault[i].duration_ns > longest_ns)
			longest_ns = w->plan.fault[i].duration_ns;
	/* Redials come at intervals of up to a tenth of the outage. */
	return DELIVER_BASE_NS + longest_ns / 4 + (time_ns)(2 * left * 1000 / pace) * NS_PER_MS;
}

static void begin_phase(struct world *w, enum world_phase phase, time_ns limit_ns)
{
	w->phase = phase;
	w->phase_at = w->now;
	w->phase_limit = limit_ns == TIME_NEVER ? TIME_NEVER : w->now + limit_ns;
	w->idle_writes = UINT64_MAX;
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		w->host[i].held_since = w->now;
	world_say(w, "phase %d, at most %.3f s", (int)phase, (double)limit_ns / 1e9);
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		w->host[i].touched = true;
		world_wake(w, i);
	}
}

static uint64_t writes_of(const struct world *w)
{
	return w->host[0].writes + w->host[1].writes;
}

/* Probes, their answers and acknowledgements, and what a network that loses packets adds. */
static uint64_t idle_writes_most(const struct world *w)
{
	uint64_t most = 50;

	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		uint64_t probes = (uint64_t)(w->plan.idle_ns / w->plan.host[i].probe_interval_ns) +
				  8;

		for (unsigned n = 0; n < w->plan.networks; n++)
			most += probes * (w->plan.network[n].loss_ppm > 0 ? 24 : 6);
	}
	return most;
}

/* It waits for an answer by a path, or has begun a frame there. */
static bool path_owes(const struct host *host)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = &host->links[i].path;

		if (host->links[i].used && (health_outstanding(&p->health) > 0 || session_path_halved(p)))
			return true;
	}
	return false;
}

/* An idle session holds no blocks, but for a while after it has seen to a probe, or while a path is silent. */
static void check_holds_nothing(const struct world *w, struct host *host)
{
	if (w->now < w->phase_at + IDLE_GRACE_NS || host->session == NULL || host->blocks == 0 || path_owes(host))
		host->held_since = w->now;
	world_must(w, w->now - host->held_since <= IDLE_HOLD_NS, "memory: host %u is idle and holds %u blocks",
		   host->number, host->blocks);
}

static void idle(struct world *w)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		check_holds_nothing(w, &w->host[i]);
	if (w->idle_writes == UINT64_MAX && w->now >= w->phase_at + IDLE_GRACE_NS)
		w->idle_writes = writes_of(w);
	if (w->now < w->phase_at + w->plan.idle_ns)
		return;
	world_must(w, writes_of(w) - w->idle_writes <= idle_writes_most(w),
		   "idle: %llu writes in %lld s of silence, at most %llu expected",
		   (unsigned long long)(writes_of(w) - w->idle_writes),
		   (long long)(w->plan.idle_ns / NS_PER_S),
		   (unsigned long long)idle_writes_most(w));
	begin_phase(w, PHASE_CLOSE, w->plan.orphan_timeout_ns + CLOSE_BASE_NS);
}

static bool is_over(const struct host *host)
{
	return host->over || (host->killed && host->image == NULL);
}

static time_ns hard_limit(const struct world *w)
{
	return w->plan.hard || w->plan.early
		       ? w->plan.resume_timeout_ns + w->plan.orphan_timeout_ns + 60 * NS_PER_S
		       : 0;
}

void oracle_phase(struct world *w)
{
	if (is_over(&w->host[0]) && (is_over(&w->host[1]) || !w->host[1].established)) {
		w->phase = PHASE_DONE;
		return;
	}
	switch (w->phase) {
	case PHASE_FAULTS:
		if (schedule_is_over(w) && (w->host[1].established || w->now > 60 * NS_PER_S)) {
			w->healed_at = w->now;
			w->plan.host[0].think_ns = w->plan.host[1].think_ns = 0;
			begin_phase(w, PHASE_DELIVER, deliver_limit(w) + hard_limit(w));
		}
		break;
	case PHASE_DELIVER:
		if (delivered(w) && w->plan.idle_ns > 0)
			begin_phase(w, PHASE_IDLE, w->plan.idle_ns + 2 * DELIVER_BASE_NS);
		else if (delivered(w))
			begin_phase(w, PHASE_CLOSE,
				    w->plan.orphan_timeout_ns + CLOSE_BASE_NS + hard_limit(w));
		break;
	case PHASE_IDLE:
		idle(w);
		break;
	case PHASE_CLOSE:
	case PHASE_DONE:
		break;
	}
	if (w->now > w->phase_limit)
		world_fail(w, "liveness: phase %d lasts longer than %.3f s", (int)w->phase,
			   (double)(w->phase_limit - w->phase_at) / 1e9);
}
