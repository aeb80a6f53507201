/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stranger at a listener's door: a TCP connection, what it has said, what it has heard, and by a second
 * reading of PROTOCOL.md, "Handshake", what must come of it.
 */
#ifndef HAWSER_FUZZ_STRANGER_H
#define HAWSER_FUZZ_STRANGER_H

#include <stdbool.h>

#include "core/offer.h"
#include "core/proof.h"
#include "fuzz/fuzz.h"

#define SAID_MAX  2400u         /* bytes of the handshake that are looked at: the longest offer, and a CONFIRM */
#define HEARD_MAX 128u          /* of a frame's payload */

/* What what was said so far asks for. */
enum due {
	DUE_NOTHING,            /* more of it */
	DUE_END,                /* the end without a word */
	DUE_CLOSE,              /* a CLOSE, for the reason in due_reason */
	DUE_DECISION,           /* ACCEPT, or a refusal */
	DUE_SESSION,            /* nothing any more: CONFIRM was right */
};

struct stranger {
	int fd;
	unsigned number;        /* in the order of connecting */
	bool shut;              /* finished or reset by itself */
	bool over;              /* by the listener */
	bool settled;           /* that has been judged */
	int64_t opened_at, accepted_at;

	uint8_t said[SAID_MAX];
	size_t said_length;     /* at most SAID_MAX; more is not looked at */
	struct handshake_offer offer;   /* of DUE_DECISION and later */
	bool opened;            /* it was a HELLO, and has been confirmed */
	uint16_t due_reason;

	uint8_t head[FRAME_HEADER_BYTES], payload[HEARD_MAX];
	struct frame_header header;
	size_t head_have, payload_have;
	bool greeted, accepted, closed;
	uint16_t close_reason;
	struct frame_accept accept;
	uint8_t accept_payload[FRAME_ACCEPT_BYTES];
	uint8_t data[HEARD_MAX];        /* of the last DATA frame, from its stream bytes on */
	size_t data_length;
};

/*
 * Connects from that address of this host. False: refused, or the queue is full. (Loopback: what one end
 * does the other sees at once.)
 */
bool stranger_open(struct stranger *s, unsigned place, unsigned port);
void stranger_say(struct stranger *s, const void *bytes, size_t length);
/* Says no more; reset: the connection is gone. */
void stranger_leave(struct stranger *s, bool reset);
void stranger_free(struct stranger *s);

/* Reads all there is. What cannot be of this protocol breaks an invariant. */
void stranger_hear(struct stranger *s);

/* Up to DUE_DECISION; and from there when ACCEPT has come, with the secret of the session. */
enum due stranger_due(struct stranger *s);
enum due stranger_due_accepted(struct stranger *s, const uint8_t *secret);

/* After ACCEPT: the CONFIRM that proves the secret. */
void stranger_confirm(struct stranger *s, const uint8_t *secret);

#endif
