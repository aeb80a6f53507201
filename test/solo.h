/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session alone, its peer played by the test: frames made by hand go in, what the session writes
 * comes out as bytes and is cut into frames.
 */
#ifndef HAWSER_TEST_SOLO_H
#define HAWSER_TEST_SOLO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"
#include "core/session_internal.h"

#define SOLO_PATHS 8u
#define SOLO_OUT   (4u << 20)

struct solo {
	struct session *s;
	time_ns now;
	struct path path[SOLO_PATHS];
	unsigned blocks;                /* lent to the session */
	uint16_t next_id;
	struct {
		uint8_t *bytes;         /* everything written on this path */
		size_t length, parsed;
	} out[SOLO_PATHS];
};

struct solo_frame {
	struct frame_header header;
	const uint8_t *payload;
};

/* The peer declared peer_limit and a credit of RANGE_CREDIT. */
struct solo *solo_new(const struct session_config *config, uint64_t peer_limit);
void solo_free(struct solo *solo);
/* A path in slot `index`, proven by an answered probe when `active`. */
void solo_path(struct solo *solo, unsigned index, time_ns rtt_ns, bool active);
/* A session of one window, in mode stripe, with a path that has yet to prove itself. */
struct solo *solo_fresh(uint64_t limit_bytes);
/* A session of one window, whose paths are alike, ACTIVE, and have nothing under way. */
struct solo *solo_alike(enum session_mode mode, uint64_t limit_bytes, unsigned paths, time_ns rtt_ns);
void solo_lend(struct solo *solo);
uint8_t solo_byte(uint64_t offset);

/* Bytes of the carrier come in: what session_arrived returned last (it stops at an error). */
int solo_feed(struct solo *solo, unsigned index, const void *bytes, size_t length);
int solo_data(struct solo *solo, unsigned index, uint64_t offset, uint32_t length, bool fin);
/* So many bytes wait for the program, and they are the right ones. */
void solo_check_readable(struct solo *solo, uint64_t bytes);
/* An ACK with the true count of bytes of every path, and so many ranges. */
int solo_ack(struct solo *solo, unsigned index, uint64_t cumulative, const struct range *ranges,
	     unsigned count);
/* The peer says how much of one path has arrived there: all but `missing` bytes. */
void solo_prove(struct solo *solo, unsigned index, uint64_t missing);
/* So much later. */
void solo_pass(struct solo *solo, time_ns duration_ns);
/* The program writes length bytes of the pattern. */
void solo_write(struct solo *solo, uint64_t length);

/* One plan, of which at most `most` bytes go: how many went. The session is yet to be told. */
size_t solo_plan(struct solo *solo, unsigned index, size_t most);
/* ... and it is told. */
size_t solo_carry(struct solo *solo, unsigned index, size_t most);
/* Everything that wants to go, on all paths. */
void solo_carry_all(struct solo *solo);
/* The next whole frame that this path has written; false: none. Checks the bytes of DATA. */
bool solo_take(struct solo *solo, unsigned index, struct solo_frame *frame);
/* The same, skipping frames of other types. */
bool solo_take_type(struct solo *solo, unsigned index, enum frame_type type, struct solo_frame *frame);
/* Where a DATA frame lies in the stream. */
void solo_data_range(const struct solo_frame *frame, uint64_t *start, uint64_t *end);

#endif
