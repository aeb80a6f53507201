/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large the windows should be: twice what the paths together move in the largest round trip of those
 * that are of use. From small beginnings, grown only; given back when the session rests.
 *
 * Receiving: dynamic right-sizing (Fisk, Feng: Dynamic Right-Sizing in TCP, LACSI 2001; as in Linux,
 * tcp_rcv_space_adjust): what arrives and is consumed in a round trip says what the peer should have under
 * way. Nothing else does: a peer whose bytes are not consumed gets no more, whatever it sends; nor one whose
 * program comes rarely and takes all at once, for that came in many round trips.
 *
 *     round_at                       round_at + round trip
 *        | consumed ... consumed ... |        wish = 2 x (that + its growth since the round before)
 *
 * Sending: the rate that evidence shows, on all paths. It is not larger than that needs: bytes that wait in
 * it are late, and at the rates of memory a buffer beyond the processor's cache halves the speed.
 */
#ifndef HAWSER_CORE_WINDOW_H
#define HAWSER_CORE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

struct window {
	uint64_t start_bytes, most_bytes;
	uint64_t wish_bytes;            /* from start to most */
	uint64_t round_from;            /* what was consumed when the round began */
	uint64_t arrived_from;          /* what had arrived in order then */
	uint64_t before_bytes;          /* consumed in the round before */
	time_ns round_at;
	time_ns rtt_ns;                 /* the largest of the paths that brought bytes in this round */
};

/* start_bytes 0: all of it from the start on. */
void window_init(struct window *w, uint64_t start_bytes, uint64_t most_bytes, time_ns now);
/* Bytes of the stream came by a path of that round trip. */
void window_arrived(struct window *w, time_ns rtt_ns);
/* The program has consumed the stream up to `consumed`, of which it is here up to `arrived`. True: the wish grew. */
bool window_consumed(struct window *w, uint64_t consumed, uint64_t arrived, time_ns now);
/* Nothing moves: back to the start. */
void window_rest(struct window *w, uint64_t consumed, uint64_t arrived, time_ns now);

/*
 * What the paths want to be filled, at rate_bytes per second together. several: one of them may lose bytes,
 * and the others should not wait for what it is given to make up for that.
 */
uint64_t window_for_paths(uint64_t rate_bytes, time_ns rtt_ns, bool several);

#endif
