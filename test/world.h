/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small deterministic world for tests of the core: two sessions, ordered carriers with rate, delay and
 * limited backlog, silent cuts and losses; virtual time, no threads. The bytes written are a function
 * of their offset, and every byte read is compared with it.
 */
#ifndef HAWSER_TEST_WORLD_H
#define HAWSER_TEST_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"

#define WORLD_LINKS 4u

/* One direction of a carrier: bytes in order, with the times when they come out. */
struct pipe_segment {
	uint64_t end;                   /* bytes up to here ... */
	time_ns at;                     /* ... arrive at this time */
};

struct world_pipe {
	uint8_t *bytes;                 /* ring */
	uint64_t written, sent, arrived;
	struct pipe_segment segments[4096];
	unsigned first, count;
	time_ns busy_until;
	time_ns heard_at;
};

struct world_link {
	uint64_t rate_bytes;            /* per second */
	time_ns delay_ns;
	bool cut;
	bool mute[2];                   /* cut for what host i sends only */
	bool up;                        /* a carrier exists */
	uint16_t path_id;
	struct path path[2];
	struct world_pipe pipe[2];      /* pipe[i]: from host i to the other */
};

struct world_lent {
	struct world_lent *next;
	size_t length;
	uint8_t bytes[];
};

struct world_host {
	struct session *session;
	void *memory;
	uint64_t to_write, written, read;
	bool finish;                    /* FIN when to_write is reached */
	bool stopped;                   /* the process does not run */
	bool deaf;                      /* the program does not read */
	uint64_t read_most;             /* bytes it reads in one turn; 0: all */
	uint64_t message_bytes;         /* writes in messages of this size; 0: not */
	uint64_t lend_bytes;            /* lends pieces of up to this size, some of them; 0: writes all */
	struct world_lent *lent, **lent_end;    /* the program's memory that is out, the oldest first */
	uint64_t lends_back;            /* how many came back, of this session */
	bool woken;                     /* world.strict: has something to look at */
	time_ns deadline;
	time_ns last_delivery_at, longest_gap_ns;
	bool measure;
	unsigned blocks;
};

struct world {
	time_ns now;
	struct world_host host[2];
	struct world_link link[WORLD_LINKS];
	unsigned links;
	uint16_t next_path_id;
	bool redial;                    /* silent carriers are replaced, as the driver does */
	/*
	 * A host runs only for what would wake a driver: bytes, room, its deadline, an event of a path or
	 * of its program. And no deadline may lie in the past once everything due was done.
	 */
	bool strict;
};

struct world *world_new(const struct session_config *a, const struct session_config *b);
void world_free(struct world *w);
struct session_config world_config(enum session_mode mode);
void world_add_link(struct world *w, uint64_t rate_bytes, time_ns delay_ns);
/* A fresh carrier on the link, replacing what was there. */
void world_connect(struct world *w, unsigned link);
void world_cut(struct world *w, unsigned link, bool cut);
/* Silently, in one direction: what host `from` sends. */
void world_mute(struct world *w, unsigned link, unsigned from, bool mute);
/* Something was changed by hand. */
void world_wake(struct world *w);
/*
 * The host is saved, is away for so long, and is loaded: its carriers then break. What was under way
 * to the peer still arrives meanwhile, and what the peer sends is lost.
 */
void world_restart(struct world *w, unsigned host, time_ns away_ns);
/* The carrier breaks at both ends. */
void world_break(struct world *w, unsigned link, bool ended);
/* Runs until done(w) or the time; true when done. */
bool world_run(struct world *w, time_ns until, bool (*done)(struct world *w));
bool world_all_read(struct world *w);
bool world_closed(struct world *w);

#endif
