/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the session share: session.c, session_paths.c, input.c, output.c, acknowledge.c. */
#ifndef HAWSER_CORE_SESSION_INTERNAL_H
#define HAWSER_CORE_SESSION_INTERNAL_H

#include "core/receive_buffer.h"
#include "core/sender.h"
#include "core/session.h"
#include "core/window.h"
#include "core/work.h"

#define STAGING_BYTES BLOCK_BYTES
/* Within large frames only so much is read beyond the end of one: the next is to go straight to its place. */
#define STAGING_BYTES_BULK 512u
#define BULK_FRAME_BYTES   16384u

struct session {
	struct session_config config;
	enum session_state state;
	enum reason reason;
	struct stock stock;
	struct sender sender;
	struct receive_buffer receive;
	struct window window;           /* of receiving, as it should be */
	struct work *work;              /* a block of the stock; NULL: asleep */
	uint64_t woken_from;            /* what had been written and received, together, when it woke */
	time_ns resume_timeout_ns;      /* the smaller of both ends' */
	time_ns finished_at;            /* when the state became FINISHED */
	time_ns pathless_at;            /* since when there is no path; TIME_NEVER: there is one */
	time_ns heard_at;               /* last sign of life of the peer, on whatever path */
	uint64_t ids_seen;              /* bit n: highest_id - n was used */
	uint16_t highest_id;            /* of all paths so far */
	bool pathless_ended;            /* the last carriers were ended by the peer's host */
	bool slots_in_work;
	bool peer_done;                 /* CLOSE(done) came: the peer has everything and wants no more */
	bool discard;                   /* the program reads no more */
	bool into_placed;               /* the bytes placed go into the program's memory */
	bool mode_wished;               /* the peer is to be asked for mode_wish as soon as there is a path */
	enum session_mode mode_wish;
	uint64_t peer_consumed;         /* of our bytes, by the peer's program */
	time_ns reported_at;            /* when a carrier last did */
	time_ns moved_at;               /* when bytes last went in or out at the program's side */
	uint64_t limit_announced;       /* our receive limit as last told */
	uint8_t *staging;               /* a block in use between place and arrived, and while it is held */
	size_t placed_bytes;            /* how many bytes of that reading go straight into the receive buffer */
	struct {                        /* the program's memory for what comes next in order */
		uint8_t *at;
		size_t left, taken;
	} into;
	unsigned expected;              /* so many frames are, in that reading, behind the one at hand; see expect.c */
	struct {                        /* the part of staging that waits for blocks, */
		struct path *path;      /* that brought it; NULL: nothing waits */
		const uint8_t *bytes;
		size_t length;
		uint8_t *more[HELD_BLOCKS_MAX]; /* and what follows it, on blocks of its own, full ones but the last */
		unsigned more_count;
		size_t last_bytes;
	} held;
	uint64_t duplicate_received;
	time_ns waiting_at;             /* bytes are missing since then; TIME_NEVER: none are */
	time_ns longest_gap_ns;
};

/* session.c */
void session_move(struct session *s, enum session_state state, enum reason reason, time_ns now);
/* Both directions ended and acknowledged: goes on to FINISHED, or CLOSED when the peer knows too. */
void session_settle(struct session *s, time_ns now);

/* session_paths.c */
void path_queue_note(struct path *p, const uint8_t *bytes, size_t length);
void path_queue_last(struct path *p, const uint8_t *bytes, size_t length);
void path_queue_close(struct path *p, enum reason reason, uint16_t detail);
void path_queue_mode(struct path *p, enum session_mode mode);
void path_quiet_from(const struct session *s, struct path *p, time_ns now);
void path_pinged(const struct session *s, struct path *p, time_ns now);
void session_evidence(struct session *s, struct path *p, uint64_t received_bytes, time_ns age_ns,
		      time_ns now, bool *valid);
void session_suspect_check(struct session *s, time_ns now);
time_ns session_paths_deadline(const struct session *s, time_ns now);
void session_paths_tick(struct session *s, time_ns now);

/* acknowledge.c */
void acknowledge_arrived(struct session *s, struct path *p, uint64_t bytes, bool urgent, time_ns now);
bool acknowledge_due(const struct session *s, const struct path *p, time_ns now);
time_ns acknowledge_deadline(const struct path *p);
/* Our window grew so far that the peer should hear of it. */
void acknowledge_window(struct session *s, time_ns now);
size_t acknowledge_encode(const struct session *s, const struct path *p, uint8_t *out, size_t capacity,
			  time_ns now);
/* That ACK has begun to be written. */
void acknowledge_written(struct session *s, struct path *p);
int acknowledge_received(struct session *s, const struct frame_ack *ack, time_ns now);

/* input.c: bytes of one carrier, in order; both go on to what is left. 0, -EPROTO, or -ENOMEM: blocks are wanted. */
int session_input(struct session *s, struct path *p, const uint8_t **bytes, size_t *length, time_ns now);
/* placement.c. This path is over: what it brought and is held goes with it. */
void session_drop_held(struct session *s, const struct path *p);
/* Gives the block at hand back for the next one that is held. False: it is the last. */
bool session_held_next(struct session *s);
/* So many bytes more of the frame at hand went to the program's memory. */
void session_took(struct session *s, struct path *p, size_t length, time_ns now);

/* expect.c. place: iovecs for the frames expected next, where the program has that memory. */
void expect_began(struct path *p, const struct frame_data *data);
unsigned expect_place(struct session *s, const struct path *p, uint8_t *at, size_t room, struct iovec *iov,
		     unsigned max);
int expect_arrived(struct session *s, struct path *p, time_ns now);

/* -EPROTO resets the session. Returns the error. */
int session_broken(struct session *s, int error, time_ns now);
/* So many bytes of the stream are here for the first time. The program has consumed more. */
void session_count_arrived(struct session *s, struct path *p, uint64_t bytes, bool advanced,
			   time_ns now);
void session_count_consumed(struct session *s, time_ns now);
/* The bytes of a DATA frame, or a part of them, are in. */
void session_data_arrived(struct session *s, struct path *p, uint64_t bytes, time_ns now);
/* Marks stream bytes [start, end), now stored, as arrived. */
int session_stored(struct session *s, struct path *p, uint64_t start, uint64_t end, time_ns now);

#endif
