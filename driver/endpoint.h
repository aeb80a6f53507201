/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint: one session of this process, with its links below and its face above.
 *
 *      program  --- face (descriptor or handle) --- endpoint --- session (core)
 *                                                      |
 *                                          link (struct path + carrier) x 0..PATHS_MAX
 *
 * It is made by a dial, before any link, or by a listener once the dialler has confirmed. It ends when
 * the session is over and everything is handed to the program; a tombstone remains that tells why.
 *
 * Threads: everything declared here is called in the engine thread, with ep->lock not held, and the
 * dialler_* hooks are called that way too. The session itself (ep->session) is touched only under
 * ep->lock, which the handle's calls take in the program's threads: use the functions here instead.
 */
#ifndef HAWSER_DRIVER_ENDPOINT_H
#define HAWSER_DRIVER_ENDPOINT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/reason.h"
#include "core/session.h"
#include "driver/coalesce.h"
#include "driver/drive.h"
#include "driver/engine.h"
#include "driver/failure.h"
#include "driver/face.h"
#include "hawser.h"
#include "transport/carrier.h"

#define PEER_TEXT_BYTES 64u     /* "ADDRESS:PORT" and its NUL */

/* How sessions that have ended are kept, the latest ones: to tell why. */
#define TOMBSTONES_MAX 1024u

struct greeting_input;
struct link;
struct lost_link;
struct lent;
struct endpoint_wait;
struct dialler;                 /* redial.c's, for one endpoint */

struct endpoint_config {
	/* as session_init takes it; id is filled in by the caller */
	struct session_config session;
	/* of memory_promise, what its window begins with: the endpoint's from now on, if it is made */
	uint64_t promised_bytes;
	uint8_t secret[SECRET_BYTES];           /* proves JOINs */
	char peer[PEER_TEXT_BYTES];             /* what hawser_peer says; a dial may set it later */
	/* how long it goes on after the program closed it */
	time_ns linger_ns;
	/* how long exit(3) waits for this session's bytes */
	time_ns exit_linger_ns;
	char congestion[CONGESTION_NAME_BYTES]; /* as the option; "" is "host" */
	time_ns spin_ns;                        /* as the option */
	struct dialler *dialler;                /* NULL: this end accepts */
};

enum endpoint_stage {
	ENDPOINT_DIALLING,      /* no link yet; the program may write already */
	ENDPOINT_LIVE,
	ENDPOINT_OVER,          /* session closed, reset or never established: see failure, final */
};

/* What is still told of a session that is over. */
struct session_last {
	enum session_state state;
	enum session_mode mode;
	struct session_figures figures;
	bool complete;                  /* RESET, but everything had arrived, both ways */
	time_ns at;
};

struct endpoint {
	struct engine *engine;
	struct endpoint *hash_next;
	/* every endpoint that is not over, or every one that is */
	struct endpoint *all_next, **all_link;
	uint8_t id[SESSION_ID_BYTES];
	uint8_t secret[SECRET_BYTES];
	char peer[PEER_TEXT_BYTES];
	char congestion[CONGESTION_NAME_BYTES];
	bool is_dialler, messages;
	atomic_bool kicked;
	uint32_t mode_asked;            /* what this end asked the peer to send in */
	struct dialler *dialler;
	time_ns linger_ns, exit_linger_ns;
	time_ns spin_ns;
	time_ns moved_at;               /* the last bytes of its paths, either way */
	time_ns began;

	/* session, face, stage: the engine holds it while it pumps */
	pthread_mutex_t lock;
	/* room, bytes to read, the end: for blocking calls of the handle */
	pthread_cond_t changed;
	enum endpoint_stage stage;
	bool established;               /* it had a link once */
	bool waited;                    /* there are waits */
	bool consider;                  /* the dialler is to look at its paths */
	bool refused;                   /* memory was: a retry is due */
	bool retrying;                  /* it runs */
	unsigned joins;                 /* so many JOINs came in the second since joins_since */
	time_ns joins_since;
	enum reason reason;             /* when over by a reset or a dial that failed, */
	int error;                      /* as errno, */
	char *words;                    /* and in words, if there was memory for them */
	struct session *session;        /* NULL once over */
	struct session_last *last;      /* NULL until it is over */
	struct link *links[PATHS_MAX];  /* NULL: free */
	struct face face;
	struct lent *lent;              /* buffers of the program's; NULL: none ever */

	struct drive drive;
	struct coalesce coalesce;
	struct task pump;
	struct timer deadline;          /* the session's, or sooner: to take back blocks that lie idle */
	uint64_t promised_bytes;        /* of memory_promise: the window, and what is promised beyond it still */
	uint64_t window_bytes;          /* as granted to the session */
	uint64_t start_bytes;           /* what that was at first */
	unsigned blocks;                /* lent to the session */
	/* handles: it may not be freed before they let go; under the table's lock */
	unsigned users;
	struct timer retry;             /* memory was refused, or a reset is still to be told */
	struct timer linger;            /* the program has closed it */
	uint64_t refused_from;          /* GONE: bytes received beyond this are refused */
	time_ns ended_at;               /* when the session was seen CLOSED or RESET; 0: not */
	/* at exit: all is delivered, and the peer goes on; 0: not so */
	time_ns alone_since;
	struct request kick;            /* of the handle's calls */
	struct endpoint_wait *waits;
	struct lost_link *lost_links;   /* to be told to the dialler */
};

/*
 * Makes the session and enters it into the table: 0, -ENOMEM, -EEXIST (that id and role live here).
 * The face is opened by whoever wants one (api_dial.c for dials, accept_queue.c for listeners).
 */
int endpoint_new(struct engine *e, const struct endpoint_config *config, struct endpoint **out);

/* A session that is not over, by id and role; NULL: none. (Both ends may live in one process.) */
struct endpoint *endpoint_find(struct engine *e, const uint8_t id[SESSION_ID_BYTES], bool dialler);
/* The same, and also those that are over. */
struct endpoint *endpoint_find_any(struct engine *e, const uint8_t id[SESSION_ID_BYTES], bool dialler);

/* What the peer's HELLO or ACCEPT declared; once, before the first attach. */
void endpoint_peer_declared(struct endpoint *ep, uint64_t receive_limit, unsigned range_credit,
			    time_ns resume_timeout_ns);
void endpoint_set_peer(struct endpoint *ep, const char *text);

struct link_config {
	/* after the handshake; the endpoint's from now on, also on failure */
	struct carrier *carrier;
	struct watch *watch;            /* on its descriptor, as link.c's; likewise */
	const struct greeting_input *input;     /* what was read behind the handshake */
	uint16_t id;                    /* on the wire, never used before in this session */
	/* id of the link that this one is a fresh connection for; -1: none */
	int replaces;
	/* order of preference in mode backup, lower first; a replaced one's is kept */
	unsigned rank;
	time_ns rtt_ns;                 /* of the handshake */
	/* how often this path was established, this time included */
	uint32_t connects;
	bool replies_elsewhere;         /* see hawser_path_info */
};

/*
 * The handshake on this carrier is complete: it carries the session from now on. The first attach makes
 * the session established. On success a replaced link is gone. -ENOSPC, -EEXIST, -ENOMEM, -ENOTCONN
 * (over already), or what the watch failed with; the carrier is closed then.
 */
int endpoint_attach(struct endpoint *ep, const struct link_config *config);

/* The dial came to nothing (before any attach), or a final refusal afterwards: ends it with that. */
void endpoint_fail(struct endpoint *ep, enum reason reason, const struct failure *failure);

/* The core's state of the session, CLOSED or RESET once over. */
enum session_state endpoint_state(struct endpoint *ep);

/* How a link does, for redialling and for telling people. */
struct link_view {
	uint16_t id;
	uint32_t state;                 /* enum hawser_path_state */
	enum reason reason;             /* why it carries nothing, or REASON_NONE */
	/* a fresh connection is wanted: silent since then; 0: it is not silent */
	time_ns silent_since;
};
/* Fills at most PATHS_MAX; returns how many links there are. */
unsigned endpoint_links(struct endpoint *ep, struct link_view views[PATHS_MAX]);

/* Takes a link out (its interface or address is gone, say) with that reason. No hook is called for it. */
void endpoint_drop_link(struct endpoint *ep, uint16_t id, enum reason reason);

/* Makes the engine look at it soon: any thread may kick, the engine thread may also post. */
void endpoint_kick(struct endpoint *ep);
void endpoint_post(struct endpoint *ep);

/* Under ep->lock: sleeps until the engine has looked at it again, or the time (TIME_NEVER: none). */
void endpoint_wait_changed(struct endpoint *ep, time_ns until);

/* Under ep->lock: why it is about to be over. Who says so first is right. */
void endpoint_failed(struct endpoint *ep, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Under ep->lock, or over: that again. */
void endpoint_failure(const struct endpoint *ep, struct failure *failure);
/* How it ended: what was said then, or what its reason says if there was no memory for that; "" before. */
const char *endpoint_words(const struct endpoint *ep);

/* The errno that a session's reason reads as. */
int endpoint_reset_error(enum reason reason);

/* Ends it as a reset by this end's program or process; the peer is told. */
void endpoint_abort(struct endpoint *ep, enum reason reason);

/* The program has closed it, whatever its face: goes on in the background until everything arrived. */
void endpoint_closed(struct endpoint *ep);

/* Under ep->lock: lends the session the blocks it wants. False: memory was refused, the pump retries. */
bool endpoint_lend(struct endpoint *ep);
/* Under ep->lock: whether it may take more from its program. False: memory is tight, the pump looks again. */
bool endpoint_may_grow(struct endpoint *ep);
/* Under ep->lock: how many of `want` bytes the session can take now, with the memory there is. */
size_t endpoint_fits(struct endpoint *ep, size_t want);

/* Waiting for something, without a thread: embedded in what waits. */
enum endpoint_event {
	ENDPOINT_ESTABLISHED,   /* done(0), or -errno of the failed dial */
	ENDPOINT_DRAINED,       /* everything written is acknowledged: done(0), or -ECONNRESET */
	ENDPOINT_INPUT_TAKEN,   /* all the program wrote into its descriptor is in the session, or it is over: done(0) */
};

struct endpoint_wait {
	struct endpoint_wait *next;
	struct endpoint *endpoint;
	enum endpoint_event event;
	struct timer timer;
	/* -EAGAIN: the time is over. w is the caller's again */
	void (*done)(struct endpoint_wait *w, int result);
};

/* timeout_ns TIME_NEVER: for ever; 0: only looks. May call done at once. Several may wait. */
void endpoint_wait(struct endpoint *ep, struct endpoint_wait *w, enum endpoint_event event,
		   time_ns timeout_ns, void (*done)(struct endpoint_wait *w, int result));

/* Ends a wait that has begun: done(-EAGAIN). */
void endpoint_wait_stop(struct endpoint_wait *w);

/* Tells those whose time has come; endpoint.c calls it after whatever may have changed something. */
void endpoint_finish_waits(struct endpoint *ep);

/* A handle holds it, lets it go. */
void endpoint_hold(struct endpoint *ep);
/* Any thread: endpoint_find_any, and holds what it finds. */
struct endpoint *endpoint_find_held(struct engine *e, const uint8_t id[SESSION_ID_BYTES], bool dialler);
void endpoint_release(struct endpoint *ep);

/* Every endpoint that is not over, one after the other (NULL: first, none left). */
struct endpoint *endpoint_next(struct engine *e, struct endpoint *ep);

/*
 * Implemented by redial.c for endpoints with a dialler, called in the engine thread. endpoint_fail and
 * endpoint_abort may call dialler_free before they return; endpoint_attach and the others never do.
 */

/* A link was lost and is gone already. ended: the peer's host closed it without our CLOSE frame. error:
 * errno of the loss, 0 for a plain end. closed_by_peer: reason is what the peer's CLOSE frame said. */
void dialler_link_lost(struct endpoint *ep, uint16_t id, enum reason reason, int error, bool ended,
		       bool closed_by_peer);
/* Links or their health may have changed (the session's deadline ran, say): look for silent ones. */
void dialler_consider(struct endpoint *ep, time_ns now);
/* Paths that have no link now (dialling, refused, ...): fills at most max, returns how many. */
unsigned dialler_paths(struct endpoint *ep, struct hawser_path_info *paths, unsigned max);
/* The session is over: stop everything and free ep->dialler. */
void dialler_free(struct endpoint *ep);

/* Implemented by listen.c: an endpoint without a dialler is over. */
void listener_session_over(struct endpoint *ep);

#endif
