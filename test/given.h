/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler gives: one session whose paths are alike, with nothing under way on them yet. */
#ifndef HAWSER_TEST_GIVEN_H
#define HAWSER_TEST_GIVEN_H

#include "core/scheduler.h"
#include "test/solo.h"

#define FAST        UINT64_C(12500000)  /* bytes per second, of every path */
#define GIVEN_LIMIT (4u << 20)          /* what the peer lets the session send */

extern struct solo *solo;
extern struct sender *sender;          /* its sending direction */
extern struct chunk chunk;             /* what was given last */

/* The paths are ACTIVE and of one round trip; the program has written so many bytes. */
void given_begin(enum session_mode mode, unsigned paths, uint64_t bytes);
void given_end(void);

/* Asks for a path; false: it is given nothing. */
bool given_next(unsigned path);
/* Asks, and holds what it is given to [want_start, want_end). */
void given_check(unsigned path, uint64_t want_start, uint64_t want_end);
/* Asks, and sends what it is given. */
void given_carry(unsigned path);
void given_suspect(unsigned path);

#endif
