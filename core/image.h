/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a session: where its parts stand, and what can be true of them. Each byte of an image may be
 * anything; image_open checks all of it, but the sum, before anything is made of it. save.h draws it.
 */
#ifndef HAWSER_CORE_IMAGE_H
#define HAWSER_CORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/session.h"
#include "core/sha256.h"

#define IMAGE_HEAD_BYTES     32u
#define IMAGE_FIXED_BYTES    240u
#define IMAGE_SEGMENT_BYTES  9u
#define IMAGE_STRETCH_BYTES  8u
#define IMAGE_RANGE_BYTES    16u

#define IMAGE_SEGMENT_SENT   1u
#define IMAGE_SEGMENT_ACKED  2u

/* The longest duration that is a time; above it stands TIME_NEVER. 36 years. */
#define IMAGE_DURATION_MAX   (INT64_C(1) << 60)

enum {
	IMAGE_DIALLER        = 1 << 0,
	IMAGE_OVERDUE_OFF    = 1 << 1,
	IMAGE_SEND_FINISHED  = 1 << 2,
	IMAGE_PEER_DONE      = 1 << 3,
	IMAGE_DISCARD        = 1 << 4,
	IMAGE_MODE_WISHED    = 1 << 5,
	IMAGE_PATHLESS_ENDED = 1 << 6,
	IMAGE_FLAGS_ALL      = (1 << 7) - 1,
};

/* The fixed part. */
struct image_fixed {
	uint8_t id[SESSION_ID_BYTES];
	uint64_t flags, kind, mode, mode_wish, state, reason, highest_id, ids_seen;
	uint64_t send_limit_bytes, receive_limit_bytes;
	uint64_t resume_own_ns, resume_ns, orphan_ns, probe_ns, floor_ns;
	uint64_t finished_age_ns, pathless_age_ns, waiting_age_ns, longest_gap_ns;
	uint64_t peer_limit, peer_credit, start_bytes, peer_consumed, limit_announced;
	uint64_t duplicate_sent, duplicate_received;
	uint64_t acknowledged, end, stretches_begin;
	uint64_t consumed, contiguous, fin_offset;
};

/* An image taken apart; the pointers go into it. */
struct image_opened {
	struct image_fixed fixed;
	unsigned segments, stretches, ranges;
	const uint8_t *segment, *stretch, *range, *bytes;
	unsigned blocks;                /* that its bytes need */
};

/* Where the bytes kept for sending begin: the phantom of FIN may be acknowledged, but is none. */
uint64_t image_bytes_from(uint64_t acknowledged, uint64_t end);
/* How many there are. What was on loan is among them, so that they may be more than the limit. */
uint64_t image_bytes_kept(const struct image_fixed *f);

/* Each writes its part and returns where the next one stands. */
uint8_t *image_put_head(uint8_t *out, unsigned segments, unsigned stretches, unsigned ranges, size_t length);
uint8_t *image_put_fixed(uint8_t *out, struct image_fixed *fixed);
/* The sum stands last in an image of length bytes, over all before it: makes it right; whether it is. */
void image_seal(uint8_t *image, size_t length);
bool image_is_sealed(const uint8_t *image, size_t length);

/* 0, -EBADMSG or -EPROTONOSUPPORT, as session_saved. The sum is not looked at. */
int image_open(const uint8_t *image, size_t length, struct image_opened *o);

#endif
