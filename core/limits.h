/* SPDX-License-Identifier: Apache-2.0 */
/* Every constant bound of the core, in one place. Sizes in bytes, times in nanoseconds. */
#ifndef HAWSER_CORE_LIMITS_H
#define HAWSER_CORE_LIMITS_H

#include <stdint.h>

/* Time is a count of nanoseconds on a clock that never steps back; the caller says what time it is. */
typedef int64_t time_ns;

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_S   INT64_C(1000000000)
#define TIME_NEVER INT64_MAX

/* Memory: the driver lends blocks of this one size. */
#define BLOCK_BYTES 65536u
/* Either window of a session that can be saved. */
#define SAVE_WINDOW_MAX (UINT64_C(1) << 30)
/* In an ACK a window is told in these units, in 24 bits. */
#define WINDOW_UNIT_BYTES 1024u
#define WINDOW_UNITS_MAX  ((1u << 24) - 1)
/* What a session may send begins with so many times what it may receive: a buffer for sending promises nothing. */
#define WINDOW_SEND_STARTS 4u
/* ... but with no more than this, unless that is more by itself: larger ones leave the processor's cache. */
#define WINDOW_SEND_START_MAX (UINT64_C(1) << 20)
/* How often carriers are asked about round trips for the sake of windows. */
#define WINDOW_REPORT_NS (50 * NS_PER_MS)
/* After so long without bytes a session rests: its windows are as at the start. */
#define WINDOW_REST_NS NS_PER_S
/* Spare ones that a session at work has: a reading that is more scattered goes on when more were lent. */
#define STOCK_BLOCKS 16u
/* ... and one that has just woken, until it has moved a block or used these up: most wake for a probe. */
#define STOCK_BLOCKS_FIRST 3u

/*
 * Loans: parts of the send window that lie in the program's memory, and their bytes together. They cost
 * the session no memory of its own, so that they come on top of the send buffer's limit.
 */
#define LOANS_MAX      1024u
#define LOAN_BYTES_MAX (UINT64_C(1) << 30)

/* Wire. */
#define FRAME_HEADER_BYTES   8u
#define FRAME_PAYLOAD_MAX    65536u      /* stream bytes in one DATA frame */
#define FRAME_CHUNK_MIN      8192u       /* smallest chunk cut while more data waits */
#define CONTROL_PAYLOAD_MAX  2048u       /* any frame but DATA */
#define PROBE_PADDING_MAX    1400u
#define STREAM_OFFSET_MAX    (UINT64_C(1) << 62)

#define SESSION_ID_BYTES 16u
#define SECRET_BYTES     32u
#define NONCE_BYTES      16u
#define MAC_BYTES        32u

/* After so many of the largest DATA frames, each the next of the stream, so many more are read in one go. */
#define EXPECT_STREAK    8u
#define EXPECT_MAX       4u
#define HELD_BLOCKS_MAX (EXPECT_MAX + 1)

/* Paths of one session at one time; path ids grow and are never used twice. */
#define PATHS_MAX 8u

/* Reassembly: separate ranges a receiver holds (its credit), and how many of them one ACK names. */
#define RANGE_CREDIT     256u
#define RANGES_HELD_MAX  (RANGE_CREDIT + PATHS_MAX)
#define ACK_RANGES_MAX   32u

/*
 * Segments of the send window that differ in who carries them. The spare ones are for what continues
 * runs and for marks that must not fail: neither new runs nor the peer's acknowledgements take them.
 */
#define SEGMENTS_MAX   384u
#define SEGMENTS_SPARE 64u

#endif
