/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session: what both programs hold, over any number of paths. Pull style: the driver gives bytes,
 * path events, memory and `now`; it asks for bytes, deadlines and readiness. Nothing here calls back.
 *
 *   program bytes --> session_send_space/commit                session_receive_peek/consume --> program
 *                          |                                          ^
 *                     send buffer                               receive buffer
 *                          v  session_plan/wrote    session_place/arrived  |
 *                     +--------- path 0 ---------- path 1 ---------- ... --+
 *
 * After any call the driver looks, in this order: session_blocks_wanted (lend), session_next_writer
 * until it is NULL (plan, write, wrote), session_readable/room (wake the program), session_state,
 * session_deadline (arm a timer, then session_tick).
 */
#ifndef HAWSER_CORE_SESSION_H
#define HAWSER_CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/limits.h"
#include "core/path.h"
#include "core/reason.h"

enum session_kind { SESSION_STREAM = 0, SESSION_MESSAGES = 1 };

/* Values as in hawser.h and on the wire. */
enum session_mode { MODE_CONVERGE = 0, MODE_STRIPE = 1, MODE_DUPLICATE = 2, MODE_BACKUP = 3 };

/*
 *   OPEN -----> FINISHED -----> CLOSED      OPEN: bytes flow; either direction may have ended.
 *     \            \                        FINISHED: both directions ended and all is acknowledged
 *      `------------`---------> RESET       here; the peer may not know it yet.
 */
enum session_state { SESSION_OPEN = 0, SESSION_FINISHED = 1, SESSION_CLOSED = 2, SESSION_RESET = 3 };

struct session_config {
	bool dialler;
	enum session_kind kind;
	enum session_mode mode;         /* of sending */
	uint8_t id[SESSION_ID_BYTES];
	uint64_t send_limit_bytes;      /* most bytes kept until acknowledged */
	uint64_t receive_limit_bytes;   /* most bytes kept until consumed */
	/*
	 * The window of receiving begins with so much and then grows as it is granted, that of sending with
	 * WINDOW_SEND_STARTS of it, as it is needed. 0: both are their limits from the start.
	 */
	uint64_t start_bytes;
	time_ns resume_timeout_ns;      /* without any path this long: reset. TIME_NEVER: never */
	time_ns orphan_timeout_ns;      /* the same when every carrier was ended by the peer's host */
	time_ns probe_interval_ns;      /* an idle path is probed this often */
	time_ns suspect_floor_ns;       /* liveness timer: never suspect sooner than this. TIME_NEVER: never suspect */
	bool overdue_off;               /* converge without its overdue rule (for tests of the mode itself) */
};

struct session;

/* How much memory a session of this configuration needs, and making one in it. The memory is the caller's. */
size_t session_bytes(const struct session_config *config);
struct session *session_init(void *memory, const struct session_config *config, time_ns now);
/* Before freeing the memory: all paths removed; then take blocks back with session_reclaim until NULL. */
void session_fini(struct session *s);

/* What the peer declared in the handshake (HELLO or ACCEPT): its window, credit, and timeouts (the smaller counts). */
void session_peer_declared(struct session *s, uint64_t receive_limit, unsigned range_credit,
			   time_ns resume_timeout_ns);
/* What to declare ourselves. */
uint64_t session_receive_limit(const struct session *s);

/*
 * The window of receiving. wish: what it should be by what the program consumes; grant: what it may be, up to
 * its limit, from now on. promised: what the peer may still send that is not consumed; it follows the
 * grant, but a promise is not taken back: after a smaller grant only consuming lowers it.
 */
uint64_t session_receive_wish(const struct session *s);
void session_receive_grant(struct session *s, uint64_t bytes, time_ns now);
uint64_t session_receive_promised(const struct session *s);
/*
 * True when the carriers should report: for the sake of that window, since who only receives asks nothing else of
 * them; or because what waits could go by several paths, and it is not known well enough by which it comes sooner.
 */
bool session_report_due(const struct session *s, time_ns now);
/* When nothing was to do for a while: gives back what the windows grew to. */
void session_rest(struct session *s, time_ns now);

/* Memory: blocks of BLOCK_BYTES. wanted: how many more it can use now. reclaim: a spare one, or NULL. */
unsigned session_blocks_wanted(const struct session *s);
void session_lend(struct session *s, void *block);
void *session_reclaim(struct session *s);
/*
 * Without a block, as at first and when the last was reclaimed while nothing was under way, it sleeps: place,
 * send_space and plan return 0, for it must be lent one first. All else goes on, next_writer too.
 */
bool session_asleep(const struct session *s);
/* Awake for a probe alone, and that is over: no byte of the stream has moved since, and nothing is under way. */
bool session_may_doze(const struct session *s);

/* The program's bytes. space: where the next ones go (iovecs used, 0: no room or no blocks lent). */
uint64_t session_room(const struct session *s);
unsigned session_send_space(struct session *s, uint64_t want, struct iovec *iov, unsigned max);
void session_send_commit(struct session *s, uint64_t length, time_ns now);
/* A message ended with what was committed so far (bounds a block of converge). */
void session_send_boundary(struct session *s);

/*
 * Loans: bytes that are sent from where they lie, in the program's memory, not to be changed before they
 * are counted as returned, in the order in which they were lent. room: how long a loan may be now (0:
 * none, for the time being). borrow: copies head (a record's, or nothing) and puts the loan behind
 * it, all or nothing: 0, -ENOBUFS (no room), -ENOMEM (no block: lend what is wanted).
 */
uint64_t session_loan_room(const struct session *s);
int session_borrow(struct session *s, const void *head, size_t head_length, const void *bytes,
		   uint64_t length, time_ns now);
/* How many loans were returned so far: acknowledged, or not needed any more after a reset. */
uint64_t session_loans_returned(struct session *s);
/*
 * To take the program's memory back sooner: how many loans are out and how many bytes of them are not
 * acknowledged; those bytes of the i-th, the oldest first; and where they lie from now on. loan
 * is NULL while a plan is not written, which may point there.
 */
unsigned session_loans_out(const struct session *s, uint64_t *bytes);
const void *session_loan(const struct session *s, unsigned i, size_t *length);
void session_loan_moved(struct session *s, unsigned i, const void *bytes);

void session_send_finish(struct session *s, time_ns now);
bool session_send_finished(const struct session *s);        /* FIN was asked for */
uint64_t session_unacknowledged(const struct session *s);   /* written, not yet acknowledged (FIN counts one) */

unsigned session_receive_peek(struct session *s, struct iovec *iov, unsigned max);
uint64_t session_readable(const struct session *s);
void session_receive_consume(struct session *s, uint64_t length, time_ns now);
/*
 * The program waits with memory for what comes next in order: readings of carriers may go there instead
 * of to blocks. taken ends that and tells how many bytes came, which count as consumed; what is readable
 * then follows them.
 */
void session_receive_into(struct session *s, void *at, size_t length);
bool session_receiving_into(const struct session *s);      /* some came that way, and there is room for more */
size_t session_receive_taken(struct session *s);
bool session_receive_ended(const struct session *s);        /* FIN reached and all consumed */
/* The program will read no more: what arrives is dropped and acknowledged. */
void session_receive_discard(struct session *s, time_ns now);

void session_set_mode(struct session *s, enum session_mode mode, time_ns now);   /* sending */
void session_ask_mode(struct session *s, enum session_mode mode, time_ns now);   /* the peer's sending */
enum session_mode session_mode(const struct session *s);

/*
 * Paths. add: -ENOSPC (PATHS_MAX), -EEXIST (id used before). rank: order of preference in mode
 * backup, lower first; a path that replaces another inherits its rank. rtt_ns is what the handshake
 * measured (< 0: nothing).
 * lost: the carrier is gone; ended: it ended by the peer's host closing it (not a fault of the network).
 * remove takes the path out at once, also a lost one; its memory is the driver's again.
 */
int session_add_path(struct session *s, struct path *p, uint16_t id, unsigned rank, time_ns rtt_ns,
		     time_ns now);
void session_path_lost(struct session *s, struct path *p, enum reason reason, bool ended, time_ns now);
void session_remove_path(struct session *s, struct path *p, time_ns now);
void session_path_report(struct session *s, struct path *p, const struct carrier_report *report,
			 time_ns now);
/* The driver's wish for a fresh connection: this path is silent (suspect or down) since then; 0 when not. */
time_ns session_path_silent_since(const struct session *s, const struct path *p, time_ns now);
/* Why it carries nothing (REASON_NONE: it does or may). */
enum reason session_path_reason(const struct session *s, const struct path *p, time_ns now);
/* How much the carrier should hold unsent. */
uint32_t session_path_backlog(const struct session *s, const struct path *p);

/*
 * Reading a carrier: where its next bytes go, then how many came. place returns iovecs used; 0 means no
 * memory: read again when blocks were lent. After each place arrived must follow, with 0 if nothing
 * came. It returns 0; -EPROTO: the session has been reset by that; -ENOMEM: a part of the bytes waits
 * for blocks. Then place gives nothing, for any path, until read_on, called after what is wanted was
 * lent, returns something else, as arrived would: 0 also when nothing waited. Each block takes it
 * further. What waits is lost with its path.
 */
unsigned session_place(struct session *s, struct path *p, struct iovec *iov, unsigned max);
int session_arrived(struct session *s, struct path *p, size_t length, time_ns now);
int session_read_on(struct session *s, time_ns now);
/* True when the peer closed this carrier by a CLOSE frame; reason tells which. */
bool session_path_closed_by_peer(const struct path *p, enum reason *reason);

/*
 * Writing: next_writer gives the path that should write next, among those whose carrier has room, or
 * NULL. plan fills iovecs with the bytes to write now; wrote says how many went (0..sum). When fewer
 * than planned went, call session_path_room(p, false) until the carrier has room again.
 */
void session_path_room(struct session *s, struct path *p, bool roomy);
struct path *session_next_writer(struct session *s, time_ns now);
unsigned session_plan(struct session *s, struct path *p, struct iovec *iov, unsigned max, time_ns now);
void session_wrote(struct session *s, struct path *p, size_t length, time_ns now);
/* After plan: what it gave is the last for this carrier, and session_path_done will follow. */
bool session_path_last(const struct path *p);
/* Large DATA frames come in there. */
bool session_path_bulk(const struct path *p);
/* A frame has been written in part: nothing else can be said on this path before the rest of it. */
bool session_path_halved(const struct path *p);
/* Everything for this carrier is written, CLOSE included: finish and close it. */
bool session_path_done(const struct session *s, const struct path *p);

time_ns session_deadline(const struct session *s, time_ns now);   /* TIME_NEVER: none */
void session_tick(struct session *s, time_ns now);                /* reports should be fresh before it */

enum session_state session_state(const struct session *s);
enum reason session_reason(const struct session *s);
/* Ends it abnormally here; RESET goes to the peer on every path. */
void session_reset(struct session *s, enum reason reason, time_ns now);

struct session_figures {
	uint64_t written, acknowledged, received, consumed, peer_consumed;
	uint64_t duplicate_sent, duplicate_received;
	time_ns longest_gap_ns;
};
void session_figures(const struct session *s, struct session_figures *figures);

#endif
