/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path as the core sees it: a carrier's two byte streams, framed, and what is known of its health.
 * The driver owns the memory of struct path and lends it between session_add_path and
 * session_remove_path; its members are the core's.
 */
#ifndef HAWSER_CORE_PATH_H
#define HAWSER_CORE_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/health.h"
#include "core/limits.h"

/* DATA frames planned for one write, and short control frames waiting for it. */
#define PATH_FRAMES_MAX 8u
#define PATH_NOTES_MAX  4u
#define PATH_NOTE_BYTES (FRAME_HEADER_BYTES + FRAME_RESET_BYTES)    /* the longest of them */

struct path_frame {
	uint8_t head[FRAME_DATA_HEAD_BYTES];
	unsigned head_sent;
	uint64_t start, end;            /* of the stream, the FIN's phantom included */
	uint64_t at;                    /* first stream byte not written yet */
	uint64_t duplicate_bytes;       /* of them sent before */
};

struct path_note {
	uint8_t bytes[PATH_NOTE_BYTES];
	uint8_t length;
};

/* What it needs only while bytes go in or out; see work.h. */
struct path_work {
	/* Reading: a header, then a control payload whole, or DATA straight into the receive buffer. */
	struct {
		uint8_t header[FRAME_DATA_HEAD_BYTES];
		unsigned header_have, payload_have;
		bool in_payload;
		struct frame_header frame;
		uint64_t at, end;       /* DATA: stream bytes still to come */
		bool bulk;              /* DATA frames have been large lately, */
		uint8_t streak;         /* and so many of the largest came one behind the other, at most EXPECT_STREAK */
	} in;
	uint8_t payload[CONTROL_PAYLOAD_MAX];   /* of the control frame that is being read */

	/*
	 * Writing, in this order: what remains of a half written DATA frame; control frames; planned
	 * DATA frames. What has not begun to be written is planned anew each time.
	 */
	struct {
		struct path_frame half;         /* head_sent < head bytes, or at < its bytes' end */
		bool halved;                    /* half is in use */
		uint8_t *tail;                  /* a block with half's bytes from tail_start on, once they */
		uint64_t tail_start;            /* were acknowledged through another path */
		unsigned control_length, control_sent;
		bool control_elicits;
		unsigned control_notes;         /* how many of the notes are in it, until it has begun */
		bool control_ack, control_ping;
		unsigned frames_count;
		bool planned;                   /* a plan was given out, and not yet told what became of it */
	} out;
	uint8_t control[FRAME_HEADER_BYTES + FRAME_ACK_MAX + FRAME_HEADER_BYTES + FRAME_PING_MAX +
			(PATH_NOTES_MAX + 1) * PATH_NOTE_BYTES];
	struct path_frame frames[PATH_FRAMES_MAX];
	struct health_stamp stamps[HEALTH_STAMPS];
};

struct path {
	struct path_work *work;         /* the session's; NULL while it sleeps */
	uint16_t id;                    /* on the wire; never used twice in a session */
	uint8_t slot;                   /* index and bit of this path in the session */
	bool roomy;                     /* the carrier takes bytes */
	unsigned rank;                  /* order of preference in mode backup */
	struct health health;
	struct path_note notes[PATH_NOTES_MAX + 1];     /* the last place is the last frame's */
	uint8_t notes_count;

	/* Acknowledging what came in here. */
	time_ns ack_since;              /* when the first of what wants an ACK arrived */
	uint64_t ack_bytes;             /* how much of it */
	uint64_t received_bytes;        /* all bytes in, since the handshake */
	time_ns received_at;
	bool ack_due;                   /* something that wants an ACK arrived since the last one left here */
	bool ack_urgent;

	/* Probing. */
	bool ping_due;
	bool asked;                     /* the last one was for another's sake */
	bool probed;                    /* once at least, in the size of data */
	time_ns ping_at;                /* when an idle path is probed next */
	time_ns ping_wait_ns;           /* grows from PROBE_FIRST_NS to the interval while all is quiet */

	/* Its end. */
	bool closing;                   /* CLOSE is queued: nothing else follows it */
	bool close_sent;
	bool closed_by_peer;            /* by a CLOSE frame */
	uint16_t close_reason;          /* that this said */
	uint16_t lost_reason;           /* when health is DOWN: enum reason */

	/* Figures for people. */
	uint64_t stream_bytes_sent, stream_bytes_received;
	uint64_t duplicate_bytes_sent, duplicate_bytes_received;
};

#endif
