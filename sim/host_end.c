/* SPDX-License-Identifier: Apache-2.0 */
/* How a session ends at a host, and how it goes from one process into the next. */
#include <stdlib.h>
#include <string.h>

#include "core/save.h"
#include "sim/world.h"

bool host_at_its_end(const struct host *host)
{
	if (session_state(host->session) < SESSION_CLOSED || host_has_links(host))
		return false;
	if (session_state(host->session) == SESSION_RESET)
		return session_readable(host->session) == 0 || host->aborted;
	return session_receive_ended(host->session);
}

static void record_end(struct world *w, struct host *host)
{
	struct session_figures figures;

	/* Also when it is saved: the peer may be told of it meanwhile. */
	session_figures(host->session, &figures);
	host->final_state = session_state(host->session);
	host->final_reason = session_reason(host->session);
	host->final_received = figures.received;
	host->final_written = figures.written;
	host->final_finished = session_send_finished(host->session);
	world_say(w, "host %u: ends in state %d, reason %d", host->number, (int)host->final_state,
		  (int)host->final_reason);
}

static void release(struct world *w, struct host *host)
{
	for (unsigned i = 0; i < HOST_GREETINGS; i++)
		if (host->greetings[i].used)
			greeting_end(w, host, &host->greetings[i], true);
	for (unsigned i = 0; i < SIM_NETWORKS; i++)
		host->wants[i].attempt = NULL;
	session_fini(host->session);
	lending_takes_back(w, host, true);
	host_reclaim(host);
	world_must(w, host->blocks == 0, "memory: %u blocks of host %u are lost", host->blocks,
		   host->number);
	host->session = NULL;
	host->deadline = TIME_NEVER;
	host->ended_at = 0;
}

void host_end_session(struct world *w, struct host *host)
{
	record_end(w, host);
	release(w, host);
	host->over = true;
	oracle_ends(w, host);
}

/* The process is gone: its kernel closes what it had, or has gone with it. */
static void drop_links(struct world *w, struct host *host, bool resets, bool crash)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct host_link *link = &host->links[i];

		if (!link->used)
			continue;
		session_remove_path(host->session, &link->path, host_now(w, host));
		if (crash)
			carrier_vanish(w, host_carrier(w, link), host->number);
		else
			carrier_close(w, host_carrier(w, link), host->number, resets);
		link->used = false;
		host->pathless_at = host->heard_at = host_now(w, host);
		host->pathless_ended = false;
	}
}

void host_kill(struct world *w, struct host *host, bool resets, bool crash)
{
	if (host->session != NULL) {
		record_end(w, host);
		drop_links(w, host, resets, crash);
		release(w, host);
	}
	host->killed = true;
	host->crashed = crash;
	if (!crash)
		return;
	for (unsigned i = 0; i < CARRIERS_MAX; i++)
		if (w->carrier[i].used)
			carrier_vanish(w, &w->carrier[i], host->number);
}

void host_save(struct world *w, struct host *host, bool resets)
{
	size_t bytes = session_save_bytes(host->session);
	int64_t length;

	host->image = malloc(bytes);
	if (host->image == NULL)
		abort();
	length = session_save(host->session, host->image, bytes, host_now(w, host));
	world_must(w, length > 0 && (uint64_t)length <= bytes, "save: %lld bytes of at most %zu",
		   (long long)length, bytes);
	host->image_bytes = (size_t)length;
	record_end(w, host);
	drop_links(w, host, resets, false);
	release(w, host);
	/* Nothing of what was there may be needed. */
	memset(host->memory, 0xa5, session_bytes(&host->config));
}

static void lend_for(struct stock *lent, unsigned blocks, struct host *host)
{
	stock_init(lent);
	for (unsigned i = 0; i < blocks; i++) {
		void *block;

		if (posix_memalign(&block, 64, BLOCK_BYTES) != 0)
			abort();
		stock_lend(lent, block);
		host->blocks++;
	}
}

void host_load(struct world *w, struct host *host)
{
	struct session_saved saved;
	struct stock lent;
	int error = session_saved(host->image, host->image_bytes, &saved);

	world_must(w, error == 0, "save: the image of host %u cannot be read: %d", host->number,
		   error);
	free(host->memory);
	host->memory = malloc(session_bytes(&saved.config));
	if (host->memory == NULL)
		abort();
	lend_for(&lent, saved.blocks, host);
	error = session_load(host->memory, host->image, host->image_bytes, &lent, host_now(w, host),
			     &host->session);
	world_must(w, error == 0, "save: the image of host %u cannot be loaded: %d", host->number,
		   error);
	host->promised_bytes = session_receive_promised(host->session);
	free(host->image);
	host->image = NULL;
	host->touched = true;
	host->state_seen = session_state(host->session);
	for (unsigned i = 0; i < SIM_NETWORKS; i++) {
		struct want *want = &host->wants[i];

		if (want->known)
			*want = (struct want){ .known = true,
					       .link = -1,
					       .lost_at = host_now(w, host),
					       .next_at = host_now(w, host) };
	}
	if (host->number == 0)
		host->next_path_id = saved.next_path_id;
	world_wake(w, host->number);
}
