/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session under attack: the session, its judge, and a driver in between that does what the fuzzer says.
 * The peer's bytes wait in a queue for each path until the session reads them.
 */
#ifndef HAWSER_FUZZ_ATTACK_H
#define HAWSER_FUZZ_ATTACK_H

#include "core/session.h"
#include "core/session_internal.h"
#include "fuzz/judge.h"

/* As much as one reading may take, and more. */
#define QUEUE_BYTES   ((EXPECT_MAX + 2) * (FRAME_DATA_HEAD_BYTES + FRAME_PAYLOAD_MAX))
#define WAITS_MAX     ((EXPECT_MAX + 1) * FRAME_PAYLOAD_MAX)

struct carried {
	struct path path;
	bool up;                        /* not reported lost */
	bool garbage;                   /* nobody knows what the frames here say */
	uint8_t *queue;                 /* what the peer sent and the session has not read */
	size_t queued, queue_at;
};

struct attack_loan {
	struct attack_loan *next;
	size_t length;
	uint8_t bytes[];
};

struct attack {
	struct session *s;
	struct judge judge;
	struct carried *path[JUDGE_PATHS];
	struct session_config config;
	time_ns now;
	bool lends;                     /* the driver has memory */
	struct attack_loan *loan, **loan_end;   /* the program's memory that is out, the oldest first */
	uint64_t loans_back, loan_bytes;
	bool quiet;                     /* the driver does not write by itself */
	bool reset_here;                /* by the program or by time, not for anything the peer did */
	bool violated;
	size_t piece;                   /* bytes of one reading at most */
	unsigned iovecs;
	size_t waits_bytes;             /* the program waits, with so much memory; 0: as the offset has it */
	unsigned lent, blocks_max;
	size_t fed;
	uint16_t next_id;
};

/* The driver: memory; paths come, are lost, are taken out; a block comes back when the session is over. */
void attack_lend(struct attack *w);
void attack_block_give(void *block);
void attack_add_path(struct attack *w, uint16_t id, unsigned rank, time_ns rtt_ns);
void attack_lose(struct attack *w, unsigned i, enum reason reason, bool ended);
void attack_take_out(struct attack *w, unsigned i);
bool attack_all_roomy(const struct attack *w);
/* One write of at most `most` bytes; how many went. pump: all that wants to go. */
size_t attack_write(struct attack *w, unsigned i, size_t most);
void attack_pump(struct attack *w);
/* The program reads up to `length` bytes of what is there. */
void attack_read(struct attack *w, uint64_t length);

/* The peer says something on a path; feed: the session reads up to `most` bytes of it. */
void attack_say(struct attack *w, unsigned i, const uint8_t *bytes, size_t length);
void attack_say_data(struct attack *w, unsigned i, uint64_t offset, uint32_t length, bool fin);
void attack_feed(struct attack *w, unsigned i, size_t most);

/* attack_peer.c: the peer does one of eight things, drawn from the input; or sends much to a program that waits. */
struct draw;
void attack_peer_acts(struct attack *w, struct draw *d, unsigned what, unsigned i);
void attack_peer_runs(struct attack *w, struct draw *d, unsigned i);

#endif
