/* SPDX-License-Identifier: Apache-2.0 */
/* One path of an endpoint: the core's struct path, and the carrier that moves its bytes. */
#ifndef HAWSER_DRIVER_LINK_H
#define HAWSER_DRIVER_LINK_H

#include "driver/endpoint.h"

/* How a link does not go on. */
enum link_outcome {
	LINK_GOES_ON,
	LINK_LOST,              /* see error and ended */
	LINK_CLOSED_BY_PEER,    /* by a CLOSE frame, and nothing is left to be said to it */
};

/* So fine, and up to a quarter of a terabyte per second. */
#define METER_RATE_BYTES 64u

struct link {
	struct path path;
	struct endpoint *endpoint;
	struct carrier *carrier;
	struct carrier *twin;           /* of the carrier, for the program's threads (drive.h); NULL: none */
	struct watch watch;             /* on the carrier's descriptor */
	struct chosen *chosen;          /* the session's option is auto; NULL: nothing is chosen */
	short polled;                   /* what the thread in poll(2) waits for of the twin; 0: it does not */
	uint16_t error;                 /* LOST: errno, 0 for a plain end */
	bool twin_refused;              /* there was none to be had */
	bool asleep;                    /* the watch is stopped while the program's threads wait themselves */
	bool readable;                  /* an edge seen, not used up */
	bool ending;                    /* and perhaps the peer's end, which is no edge again */
	bool finished;                  /* our CLOSE is written, and the carrier was told so */
	bool ended;                     /* LOST: the peer's host closed it */
	bool replies_elsewhere;
	uint8_t outcome;                /* enum link_outcome */
	uint32_t backlog_bytes;         /* as the carrier was told last */
	uint32_t connects;
	uint32_t rate_received;         /* for people: in METER_RATE_BYTES per second, between two looks */
	struct {                        /* the last of them */
		time_ns at;
		uint64_t bytes;
	} meter;
};

/* What is told to the dialler once the lock is let go. */
struct lost_link {
	struct lost_link *next;
	uint16_t id;
	enum reason reason;
	int error;
	bool ended, closed_by_peer;
};

/*
 * Makes one, with the watch that there is; the session does not know it yet. The carrier and the watch stay
 * the caller's on failure. `ready` of the watch sets readable or room and posts the endpoint.
 */
int link_new(struct endpoint *ep, const struct link_config *config, struct link **out);

/* Stops the watch and frees; the carrier is closed (abort: dropping what is unsent), or left to finish. */
void link_free(struct link *l, bool abort);
void link_free_finishing(struct link *l);

/* Lets the watch sleep or look again; what is ready already is told anew. Engine thread. */
void link_sleep(struct link *l);
void link_wake(struct link *l);

/*
 * Under ep->lock, by the carrier in the engine's thread, by its twin in the program's. They read or
 * write what there is, within a bound (true: there is more), and set outcome.
 */
bool link_read(struct link *l, struct carrier *by, time_ns now);
bool link_write(struct link *l, struct carrier *by, time_ns now);

/* Under ep->lock: the carrier's next bytes, which have been read already. Without memory for them it is lost. */
void link_feed(struct link *l, const uint8_t *bytes, size_t length, time_ns now);

/*
 * Waits a little for bytes by the twin, which nobody else polls, and takes in what came; without sleeping if
 * spin_until is still to come, until then. -EAGAIN: nothing did. Lets go of ep->lock meanwhile: the link may be gone afterwards.
 */
int link_await(struct endpoint *ep, struct link *l, time_ns spin_until);

void link_report(struct link *l, struct carrier *by, time_ns now);
/* What is looked at when something is to be written: its backlog, its congestion control. */
void link_tend(struct link *l, struct carrier *by, time_ns now);

/* The reason for people of an errno that a carrier or a connect failed with. */
enum reason link_reason(int error);

#endif
