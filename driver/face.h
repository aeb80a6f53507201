/* SPDX-License-Identifier: Apache-2.0 */
/* The two faces of a session towards the program, as the endpoint holds them. */
#ifndef HAWSER_DRIVER_FACE_H
#define HAWSER_DRIVER_FACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record.h"
#include "driver/engine.h"
#include "driver/parcel.h"

/* The largest message that a descriptor may be given; the system's socket buffers may set a lower limit. */
#define PACKET_BYTES_MAX (1u << 20)

enum face_kind {
	FACE_ABSENT,            /* none yet: bytes stay in the session */
	FACE_SOCKET,            /* a descriptor: bytes go through a kernel socket */
	FACE_COPY,              /* a handle: hawser_send and hawser_recv copy them */
	FACE_GONE,              /* the program closed it */
};

/* What a session of messages has besides. */
struct packets {
	struct face *face;
	struct parcel in, out;          /* from and to the program */
	struct record_reader reader;    /* of what goes to the program */
	struct timer misfit_look;       /* misfit.h */
	unsigned misfit_looks;
};

/*
 * The engine's end of an AF_UNIX pair, and what is known of it. Closing it with something unread reads
 * as ECONNRESET at the program's end, also when this process is killed, so the last byte (or packet) of
 * the program's stays unread, the "stale" one, after it has been forwarded:
 *
 *      receive queue:   [stale] [new] [new] [new]      before reading
 *                                           [stale]    after: taken off but for the last, which was peeked
 */
struct face {
	enum face_kind kind;

	int fd;                         /* the engine's end; -1: closed */
	struct watch watch;
	bool readable, writable;        /* edges seen, not used up */
	bool watches_room;              /* it was full lately: an edge is wanted when it is not */
	size_t stale_bytes;             /* at the head of the receive queue: have been forwarded */
	time_ns bulk_at;                /* the last large write came; 0: it has been looked at */
	bool shut;                      /* the program writes no more (shutdown or close) */
	bool deaf;                      /* the program reads no more */
	bool dropped;                   /* closed with something unread, or before it was accepted */
	bool closed;                    /* both: it closed its end */
	bool input_ended;               /* all it wrote is in the session, and the FIN */
	bool output_ended;              /* it has been told the end */
	time_ns muted_until;            /* reset: its writing has been ended, and its writers leave; 0: not */
	/* reset: the engine's end is closed as soon as that reads as one */
	bool ending;
	bool complete;                  /* ending, and nothing is lost by it: a clean end to read */
	bool priming;                   /* a job of the primer's is under way */
	struct timer again;             /* when an ending, or what is stale, is looked at again */
	time_ns prime_wait_ns;
	struct packets *packets;        /* NULL: a stream */

	/* The handle: which of its calls said EAGAIN, and whether its descriptor shows that it can go on. */
	/* what the program wrote into its descriptor is still taken */
	bool adopting;
	bool notifies;                  /* nothing of the stream is left in the descriptor */
	bool wants_read, wants_write, notified;
	bool sending, receiving;        /* a thread is in such a call */
	bool in_message;                /* sending: a part of a message has been written */
};

/* Whether something of a message is on its way to the program. */
static inline bool face_gathered(const struct face *f)
{
	return f->packets && parcel_holds(&f->packets->out);
}

/* ... and all of it. */
static inline bool face_gathered_whole(const struct face *f)
{
	return f->packets && f->packets->out.whole;
}

/* What is there of it goes nowhere. */
static inline void face_drop_gathered(struct face *f)
{
	if (!f->packets)
		return;
	f->packets->out.length = 0;
	f->packets->out.whole = false;
}

#endif
