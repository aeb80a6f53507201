/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host: a session, and around it what the driver does (endpoint.c, link.c, redial.c, listen.c),
 * step for step, on the carriers of the world. It runs only for what would wake the driver.
 */
#ifndef HAWSER_SIM_HOST_H
#define HAWSER_SIM_HOST_H

#include "core/handshake.h"
#include "core/record.h"
#include "core/session.h"
#include "sim/carrier.h"
#include "sim/random.h"

#define HOST_GREETINGS 64u
#define ACCEPTS_MAX    32u

enum link_outcome { OUTCOME_NONE, OUTCOME_CLOSED_BY_PEER, OUTCOME_LOST };

struct host_link {
	bool used;
	struct path path;
	struct carrier_id carrier;
	unsigned network;
	bool readable;
	bool finished;                  /* our CLOSE is written */
	enum link_outcome outcome;
	int error;
	bool ended;                     /* by the peer's host */
	uint64_t taken_bytes;           /* read from the carrier since the handshake */
	enum health_state state_seen;   /* by the oracle */
};

/* A carrier until its handshake is done. */
struct greeting {
	bool used;
	bool talking, offered, joins, heard;
	bool answered, opened;          /* a HELLO: ACCEPT went out; a JOIN has confirmed it */
	bool kept;                      /* without its carrier */
	struct carrier_id carrier;
	unsigned network;
	struct handshake handshake;
	enum handshake_state told;
	uint16_t path_id;
	time_ns started, connected_at, deadline;
	uint64_t order;                 /* among guests: the oldest makes room */
};

/* Dialler: one network, its link or the attempt to get one. */
struct want {
	bool known;
	int link;                       /* path id; -1: none */
	struct greeting *attempt;
	time_ns lost_at, next_at, started, rtt_ns;
	time_ns refused_since, refused_at;
	unsigned strangers;
};

/* The program's memory while it is out; wiped when it comes back. */
struct lent {
	struct lent *next;
	size_t length;
	uint8_t bytes[];
};

#define PROGRAM_ROOM_BYTES 32768u
#define FAST_ROOM_BYTES    (5 * FRAME_PAYLOAD_MAX)

struct program {
	struct random random, lending;
	struct lent *lent, **lent_end;  /* the oldest first */
	struct random waiting;
	uint8_t room[FAST_ROOM_BYTES];  /* for what comes next, while it waits */
	uint64_t lent_bytes, lends_back;        /* of this process */
	uint64_t to_write, written, read;
	time_ns write_at, read_at;      /* not before */
	uint64_t message_left;          /* of the message being written, its header included */
	uint64_t message_index, message_read_index;
	struct record_reader reader;
	uint64_t next_message_end;
	bool discards, ended;           /* has seen the end of the peer's stream */
};

struct host {
	unsigned number;
	struct session_config config;
	void *memory;
	struct session *session;        /* NULL: not begun, or over */
	struct random random;
	struct host_link links[PATHS_MAX];
	struct greeting greetings[HOST_GREETINGS];
	uint64_t greeting_order;
	struct carrier_id accepts[ACCEPTS_MAX];
	unsigned accept_count;
	struct want wants[SIM_NETWORKS];
	uint16_t next_path_id;
	bool established, dialled;
	time_ns hello_at, confirmed_at; /* the latter by the world's clock */
	unsigned joins;
	time_ns joins_since;
	uint8_t secret[SECRET_BYTES], confirmed[NONCE_BYTES];

	struct program program;

	/* Faults. */
	bool killed, crashed;
	unsigned stopped, refuse_percent;
	uint64_t tiny_bytes, slow_bytes;
	bool deaf;
	time_ns leap_ns;
	uint8_t *image;                 /* saved; the process does not run */
	size_t image_bytes;

	/* The driver's clockwork. */
	time_ns wake_at;                /* of the event that waits; TIME_NEVER: none */
	time_ns deadline, retry_at, ended_at, next_at;
	bool refused;
	bool touched; /* by something that is not the driver's business to be woken for */

	/* Memory. */
	unsigned blocks, blocks_most;
	uint64_t promised_bytes;        /* what the window of receiving has in reserve */
	struct random budget;           /* how much more it gets */

	/* For the oracle. */
	enum session_state state_seen, final_state;
	enum reason final_reason;
	bool over, aborted;
	uint64_t final_received, final_written;
	bool final_finished, final_peer_finished;
	time_ns heard_at, heard_before; /* the latter: until this run of the driver */
	time_ns pathless_at;
	bool pathless_ended;
	uint64_t writes;                /* non-empty ones to carriers */
	time_ns held_since;             /* in silence: blocks, though no path owes an answer */
	struct spans sent;              /* of its stream, by whichever path */
	uint64_t told_limit;            /* of receiving, as the peer can know it */
};

void host_init(struct world *w, unsigned number);
void host_fini(struct world *w, unsigned number);
void host_run(struct world *w, unsigned number);
/* What the window of receiving begins with. */
uint64_t host_start_bytes(const struct host *host);
time_ns host_now(const struct world *w, const struct host *host);
struct carrier *host_carrier(struct world *w, const struct host_link *link);
struct host_link *host_link_on(struct host *host, unsigned network);
struct host_link *host_link_of(struct host *host, uint16_t path_id);
bool host_has_links(const struct host *host);

/* host_memory.c: blocks between the world and the core, and the window's reserve. */
void host_settle_window(struct world *w, struct host *host);
bool host_lend(struct world *w, struct host *host);
void host_reclaim(struct host *host);

/* host_links.c */
void host_links_read(struct world *w, struct host *host);
void host_links_write(struct world *w, struct host *host);
void host_links_settle(struct world *w, struct host *host);
void host_links_report(struct world *w, struct host *host);
void host_link_take_out(struct world *w, struct host *host, struct host_link *link,
			enum reason reason);
/* A carrier whose handshake is done. 0, or as session_add_path. */
int host_attach(struct world *w, struct host *host, struct greeting *greeting, uint16_t id,
		int replaces, unsigned rank);

/* greeting.c */
struct greeting *greeting_new(struct world *w, struct host *host, struct carrier_id id,
			      unsigned network);
void greeting_end(struct world *w, struct host *host, struct greeting *g, bool abort);
/* Moves bytes; the state that it has come to, HANDSHAKE_FAILED also when the carrier is gone. */
enum handshake_state greeting_talk(struct world *w, struct host *host, struct greeting *g);

/* dialler.c, listener.c: look at everything, return when to look again. */
time_ns dialler_look(struct world *w, struct host *host);
void dialler_link_lost(struct world *w, struct host *host, const struct host_link *link);
time_ns listener_look(struct world *w, struct host *host);

/* program.c */
void program_init(struct world *w, struct host *host);
void program_read(struct world *w, struct host *host);
/* Around one reading of a carrier: sometimes it waits with memory of its own for what comes next. */
void program_waits(struct world *w, struct host *host);
void program_waited(struct world *w, struct host *host);
void program_write(struct world *w, struct host *host);
/* When it does something by itself; TIME_NEVER: only when it can. */
time_ns program_next(struct world *w, struct host *host);

/* lending.c: true: so many bytes were lent; or none, and they are to be written. */
bool lending_gives(struct world *w, struct host *host, uint64_t length);
/* Takes back what the session does not need any more; over: there is no session any more. */
void lending_takes_back(struct world *w, struct host *host, bool over);

/* program.c: the next `length` bytes of host's stream. */
void program_compose(struct world *w, struct host *host, uint8_t *out, size_t length);

/* host_end.c: how a session ends, and how it goes from one process into another. */
void host_end_session(struct world *w, struct host *host);
bool host_at_its_end(const struct host *host);
void host_kill(struct world *w, struct host *host, bool resets, bool crash);
void host_save(struct world *w, struct host *host, bool resets);
void host_load(struct world *w, struct host *host);

#endif
