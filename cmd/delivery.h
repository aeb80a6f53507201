/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver sees of a stream in order: how much, how fast, and the longest wait between two
 * deliveries while the stream was going.
 */
#ifndef HAWSER_CMD_DELIVERY_H
#define HAWSER_CMD_DELIVERY_H

#include <stdatomic.h>
#include <stdint.h>

struct delivery {
	_Atomic uint64_t bytes; /* read by other threads while it grows */
	uint64_t messages;
	uint64_t first_ns, last_ns; /* when the first and the last byte came; 0: none yet */
	uint64_t longest_gap_ns;
	uint64_t longest_gap_at_ns; /* when that wait began */

	/* Goodput and gaps count from here: the first byte, or the first after the warming up. */
	uint64_t warm_up_ns;
	uint64_t counted_from_ns, counted_from_bytes;
};

void delivery_init(struct delivery *delivery, uint64_t warm_up_ns);
void delivery_note(struct delivery *delivery, uint64_t now_ns, uint64_t length);

/* Over the time that counts; 0 when there was none. */
double delivery_bits_per_s(const struct delivery *delivery);

#endif
