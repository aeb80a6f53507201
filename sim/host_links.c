/* SPDX-License-Identifier: Apache-2.0 */
/* The links of a host: bytes between the core and the carriers, as driver/link.c moves them. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "sim/world.h"

#define IOV_MOST    64u
#define WRITES_MAX  100000u
#define TELL_END_NS (2 * NS_PER_S)

static size_t most(const struct host *host)
{
	return host->tiny_bytes > 0 ? (size_t)host->tiny_bytes : SIZE_MAX;
}

static void lost(struct host_link *link, int error, bool ended)
{
	link->outcome = OUTCOME_LOST;
	link->error = error;
	link->ended = ended;
	link->readable = false;
}

static void look_closed(struct world *w, struct host_link *link)
{
	enum reason reason;

	if (!session_path_closed_by_peer(&link->path, &reason) || link->path.closing)
		return;
	link->outcome = OUTCOME_CLOSED_BY_PEER;
	world_must(w, reason != REASON_PROTOCOL_ERROR, "frame: path %u closed for a protocol error",
		   link->path.id);
}

static bool ready_to_read(struct world *w, struct host *host, time_ns now)
{
	int error;

	do {
		if (!host_lend(w, host))
			return false;
		error = session_read_on(host->session, now);
		world_must(w, error != -EPROTO, "frame: host %u finds a protocol error in held bytes",
			   host->number);
	} while (error == -ENOMEM);
	return true;
}

static void read_link(struct world *w, struct host *host, struct host_link *link)
{
	time_ns now = host_now(w, host);

	while (link->readable && link->outcome == OUTCOME_NONE) {
		struct iovec iov[IOV_MOST];
		unsigned used;
		ssize_t got;
		int error;

		if (!ready_to_read(w, host, now))
			return;
		look_closed(w, link);
		if (link->outcome != OUTCOME_NONE)
			return;
		program_waits(w, host);
		used = session_place(host->session, &link->path, iov, IOV_MOST);
		if (used == 0) {
			world_must(w,
				   host->refused || session_state(host->session) >= SESSION_CLOSED,
				   "memory: nowhere to read to");
			return;
		}
		got = carrier_receive(w, host_carrier(w, link), host->number, iov, used,
				      most(host));
		if (got > 0) {
			link->taken_bytes += (uint64_t)got;
			host->heard_at = now;
		}
		error = session_arrived(host->session, &link->path, got > 0 ? (size_t)got : 0, now);
		program_waited(w, host);
		world_must(w, error != -EPROTO, "frame: host %u finds a protocol error on path %u",
			   host->number, link->path.id);
		if (got == -EAGAIN)
			link->readable = false;
		else if (got <= 0)
			lost(link, (int)-got, got == 0 || got == -ECONNRESET || got == -EPIPE);
		else
			look_closed(w, link);
	}
}

void host_links_read(struct world *w, struct host *host)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (host->links[i].used && host->links[i].outcome == OUTCOME_NONE)
			read_link(w, host, &host->links[i]);
}

static void witness(struct world *w, struct host *host, struct host_link *link,
		    const struct iovec *iov, size_t length)
{
	host->writes++;
	while (length > 0) {
		size_t count = iov->iov_len < length ? iov->iov_len : length;

		wire_written(w, host->number, link, iov->iov_base, count);
		length -= count;
		iov++;
	}
	world_digest(w, link->path.id);
}

static void write_link(struct world *w, struct host *host, struct host_link *link)
{
	time_ns now = host_now(w, host);
	struct iovec iov[IOV_MOST];
	size_t planned = 0;
	unsigned used = session_plan(host->session, &link->path, iov, IOV_MOST, now);
	ssize_t sent;

	for (unsigned i = 0; i < used; i++)
		planned += iov[i].iov_len;
	world_must(w, planned > 0, "output: path %u of host %u has nothing to write after all",
		   link->path.id, host->number);
	sent = carrier_send(w, host_carrier(w, link), host->number, iov, used, most(host));
	if (sent > 0)
		witness(w, host, link, iov, (size_t)sent);
	session_wrote(host->session, &link->path, sent > 0 ? (size_t)sent : 0, now);
	if (sent < (ssize_t)planned)
		session_path_room(host->session, &link->path, false);
	if (sent < 0 && sent != -EAGAIN) {
		/* What the peer said last may still be there to read. */
		link->readable = true;
		read_link(w, host, link);
		if (link->outcome == OUTCOME_NONE && !link->readable)
			lost(link, (int)-sent, sent == -EPIPE || sent == -ECONNRESET);
	}
	if (session_path_done(host->session, &link->path) && !link->finished) {
		link->finished = true;
		carrier_finish(w, host_carrier(w, link), host->number);
	}
}

void host_links_write(struct world *w, struct host *host)
{
	struct path *p;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct host_link *link = &host->links[i];

		if (link->used)
			carrier_backlog(w, host_carrier(w, link), host->number,
					session_path_backlog(host->session, &link->path));
	}
	for (unsigned i = 0; (p = session_next_writer(host->session, host_now(w, host))) != NULL;
	     i++) {
		if (session_asleep(host->session))
			(void)host_lend(w, host);
		if (session_asleep(host->session))
			return;
		world_must(w, i < WRITES_MAX, "output: host %u writes without end", host->number);
		write_link(w, host,
			   (struct host_link *)((char *)p - offsetof(struct host_link, path)));
	}
}

void host_links_report(struct world *w, struct host *host)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct host_link *link = &host->links[i];
		struct carrier_report report;

		if (!link->used)
			continue;
		carrier_report(w, host_carrier(w, link), host->number, &report);
		session_path_report(host->session, &link->path, &report, host_now(w, host));
	}
}

void host_link_take_out(struct world *w, struct host *host, struct host_link *link,
			enum reason reason)
{
	time_ns now = host_now(w, host);
	bool finishes = link->outcome != OUTCOME_LOST &&
			(link->finished || link->outcome == OUTCOME_CLOSED_BY_PEER);

	world_say(w, "host %u: path %u on network %u out, reason %d", host->number, link->path.id,
		  link->network, (int)reason);
	session_path_lost(host->session, &link->path, reason, link->ended, now);
	session_remove_path(host->session, &link->path, now);
	carrier_close(w, host_carrier(w, link), host->number, !finishes && !link->finished);
	link->used = false;
	host->touched = true;
	if (!host_has_links(host)) {
		host->pathless_at = now;
		host->pathless_ended = link->ended;
	}
}

void host_links_settle(struct world *w, struct host *host)
{
	time_ns now = host_now(w, host);
	bool told_long_enough = host->ended_at > 0 && now - host->ended_at >= TELL_END_NS;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct host_link *link = &host->links[i];
		enum reason reason = REASON_PATH_LOST;

		if (!link->used)
			continue;
		if (link->outcome == OUTCOME_CLOSED_BY_PEER)
			(void)session_path_closed_by_peer(&link->path, &reason);
		else if (link->outcome == OUTCOME_LOST)
			reason = REASON_PATH_LOST;
		else if (!told_long_enough &&
			 (!link->finished || session_state(host->session) < SESSION_CLOSED))
			continue;
		if (!link->finished && host->number == 0)
			dialler_link_lost(w, host, link);
		host_link_take_out(w, host, link, reason);
	}
	/* What is left may now carry what those did. */
	if (host->touched && session_next_writer(host->session, now) != NULL)
		host_links_write(w, host);
}

int host_attach(struct world *w, struct host *host, struct greeting *g, uint16_t id, int replaces,
		unsigned rank)
{
	struct host_link *old = replaces >= 0 ? host_link_of(host, (uint16_t)replaces) : NULL,
			 *link = host->links;
	struct carrier_id carrier = g->carrier;
	unsigned network = g->network;
	time_ns rtt_ns = handshake_rtt_ns(&g->handshake);
	struct carrier *c = carrier_of(w, carrier);
	int error = session_state(host->session) >= SESSION_CLOSED ? -ENOTCONN : 0;

	handshake_fini(&g->handshake);
	g->used = false;
	if (old != NULL && error == 0) {
		rank = old->path.rank;
		host_link_take_out(w, host, old, REASON_REPLACED);
	}
	while (link < host->links + PATHS_MAX && link->used)
		link++;
	if (error == 0 && link == host->links + PATHS_MAX)
		error = -ENOSPC;
	if (error == 0) {
		*link = (struct host_link){ .carrier = carrier,
					    .network = network,
					    .readable = true };
		error = session_add_path(host->session, &link->path, id, rank, rtt_ns,
					 host_now(w, host));
	}
	world_say(w, "host %u: path %u on network %u joins: %d", host->number, id, network, error);
	host->touched = true;
	if (error < 0) {
		carrier_close(w, c, host->number, false);
		return error;
	}
	link->used = true;
	link->state_seen = HEALTH_FRESH;
	host->heard_at = host_now(w, host);
	return 0;
}
