/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a path loses what it carries because its queue is full, or although there is none: then slowing
 * down, as the host's congestion control does, helps nobody, and one that takes no single loss for a sign
 * (BBR) is chosen. A rule of counts and times; no I/O.
 *
 * A path is judged by stretches of sending. Losses are clear where fewer than 3 segments of the window wait in a
 * queue when they show, which are window x (RTT - least RTT) / RTT (C. P. Fu, S. C. Liew, "TCP Veno", IEEE JSAC
 * 21(2), 2003, with its constant), or the RTT is within an eighth of the least. So says the network where
 * losses come in spite of that (S. Cen, P. Cosman, G. Voelker, "End-to-end differentiation of congestion and
 * wireless losses", IEEE/ACM ToN 11(5), 2003, which compares such rules). But none tells a short queue from noise
 * (S. Biaz, N. Vaidya, "Distinguishing congestion losses from wireless transmission losses: a negative result",
 * IC3N 1998). So the choice is a trial, kept by what came of it (as M. Dong and others do, "PCC", NSDI 2015).
 *
 *                     clear losses in a row of stretches
 *      the host's  ------------------------------------->  the tolerant one
 *                  <-------------------------------------
 *      for a while     in a row: nothing is lost any more, it is not faster than before, or much
 *      whatever comes, more is lost than before (twice and 2 %, BBR's own limit: draft-ietf-ccwg-bbr, BBR.LossThresh)
 *
 * Where the program gives less than the path could take, no rate can tell: then losses alone decide. What the
 * tolerant one gains there is time: each loss costs the host's a part of a window of few segments, and the next
 * message waits for a round trip. To others it makes no difference, as no more is sent. But one chosen so has no
 * rate to be measured by, and goes once the path is filled.
 */
#ifndef HAWSER_DRIVER_CHOICE_H
#define HAWSER_DRIVER_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"
#include "transport/carrier.h"

struct choice {
	bool tolerant;                  /* chosen now */
	bool begun;                     /* there is a stretch: */
	time_ns from;                   /* since then, */
	struct carrier_losses first;    /* what there was then, */
	struct carrier_losses last;     /* and at the last look */
	time_ns looked_at;
	unsigned looks, unfilled;       /* of all looks, those that found the window unfilled */
	unsigned episodes;              /* looks that showed losses */
	uint32_t lost, lost_clear;      /* segments; those without a queue */
	unsigned row;                   /* stretches that spoke for a change */
	bool settling;                  /* the first stretch after a change is not judged */
	/* of the last stretch under the host's, to compare with */
	uint64_t rate_before;           /* bytes acknowledged in a second of sending; 0: unfilled, it says nothing */
	uint32_t loss_before_ppm;
	time_ns changed_at, quiet_until, quiet_ns;
};

void choice_init(struct choice *c);

/* Whether it is time to ask the carrier, which costs a system call. */
bool choice_due(const struct choice *c, time_ns now);

/* Takes in what the carrier knows. True: `tolerant` has changed. */
bool choice_look(struct choice *c, const struct carrier_losses *losses, time_ns now);

#endif
