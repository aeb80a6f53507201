/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second reading of PROTOCOL.md, apart from the session's own: says of every byte that a peer sends
 * whether the session must go on, is over, or must be reset; and checks every byte that it answers.
 */
#ifndef HAWSER_FUZZ_JUDGE_H
#define HAWSER_FUZZ_JUDGE_H

#include "core/frame.h"
#include "core/session.h"

#define JUDGE_PATHS     12u
#define IDS_MAX         128u
#define NO_FIN          UINT64_MAX

/* One direction of a carrier, cut into frames. */
struct reader {
	uint8_t head[FRAME_DATA_HEAD_BYTES], payload[CONTROL_PAYLOAD_MAX];
	unsigned head_have, payload_have;
	struct frame_header header;
	uint64_t at, end;               /* DATA: stream bytes still to come */
	bool inside;                    /* the header, and of DATA the offset, is whole */
	bool over;                      /* CLOSE or RESET was read: nothing may follow */
};

struct judged_path {
	bool known;                     /* added to the session and not removed */
	uint16_t id;
	struct reader in, out;
	uint64_t in_bytes, out_bytes;
	uint64_t told_limit, told_cumulative;   /* by the session's ACKs here */
	uint8_t last_type;              /* of the frames that the session wrote here */
	uint16_t last_reason;
};

struct judge {
	struct judged_path path[JUDGE_PATHS];

	/* The peer's stream. */
	struct ranges ahead;
	struct range ahead_storage[RANGES_HELD_MAX + 2];
	uint64_t contiguous, consumed, limit, limit_bytes, fin;
	struct range strange;           /* here frames may have said other bytes than judge_fill does */
	bool discard;

	/* The session's. */
	uint64_t written, sent_top;     /* sent_top counts the phantom byte */
	bool finished;
	uint64_t peer_limit;            /* the greatest that the peer declared */
	uint64_t peer_consumed;         /* the most that it claimed its program has read */

	bool over;                      /* RESET, or CLOSE(done), came and was right */

	/* The ids of all paths so far, counted on where they wrap; the oldest are forgotten first. */
	int64_t serials[IDS_MAX], highest_serial;
	unsigned ids_count;
};

enum verdict { VERDICT_FINE, VERDICT_VIOLATION };

/* The bytes of both streams are a function of their offset, but for what garbage of the peer happened to say. */
void judge_fill(uint8_t *to, uint64_t offset, size_t length);
void judge_init(struct judge *j, uint64_t receive_limit_bytes, uint64_t peer_limit);
/* The session took a path of this id. */
void judge_id(struct judge *j, uint16_t id);
void judge_consumed(struct judge *j, uint64_t length);
/* The program reads these: the next that the peer's frames said, or it dies. They are consumed. */
void judge_read(struct judge *j, const uint8_t *bytes, size_t length);
/* Here frames may have said anything. */
void judge_strange(struct judge *j, uint64_t start, uint64_t end);
/* The peer's bytes, which the session has read too. */
enum verdict judge_heard(struct judge *j, struct judged_path *p, const uint8_t *bytes, size_t length);
/* The session's bytes. */
void judge_wrote(struct judge *j, struct judged_path *p, const uint8_t *bytes, size_t length);
/* The phantom byte of the peer's FIN, and the session's, have arrived. */
bool judge_complete(const struct judge *j);

#endif
