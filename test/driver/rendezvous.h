/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test's process listens at the rendezvous and is the peer of what its children dial. What a child
 * does with its session is what a test is about; what the peer sees of it is much the same each time.
 */
#ifndef HAWSER_TEST_RENDEZVOUS_H
#define HAWSER_TEST_RENDEZVOUS_H

#include "ends.h"

#define LOTS (8u << 20)
#define SLOW (2u << 20)         /* fits in a receiver's buffers */

extern char rendezvous[32];

/* main calls it before any test; exits with a skip where children may have no threads. */
void rendezvous_open(void);
int accept_one(void);

/* For children: a session with the test's process; one that is written LOTS into and closed. */
int dial_home(void);
void delivers(void *unused);

/* A session on which one byte arrived, so that the peer has it. */
int dial_home_and_arrive(void);

/* For the peer: the next session brings LOTS and its end; is answered by as much first; is reset. */
void expect_delivery(void);
void expect_exchange(void);
void expect_reset(void);

/* A child, and at the same time what its session is expected to bring. */
void child_and(void (*function)(void *), void (*expectation)(void));

#endif
