/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver sees of a stream in order. */
#include "cmd/delivery.h"

void delivery_init(struct delivery *delivery, uint64_t warm_up_ns)
{
	*delivery = (struct delivery){ .warm_up_ns = warm_up_ns };
}

void delivery_note(struct delivery *delivery, uint64_t now_ns, uint64_t length)
{
	uint64_t bytes = atomic_load_explicit(&delivery->bytes, memory_order_relaxed) + length;
	atomic_store_explicit(&delivery->bytes, bytes, memory_order_relaxed);
	if (delivery->first_ns == 0) {
		delivery->first_ns = delivery->last_ns = now_ns;
	} else if (delivery->counted_from_ns != 0 &&
		   now_ns - delivery->last_ns > delivery->longest_gap_ns) {
		delivery->longest_gap_ns = now_ns - delivery->last_ns;
		delivery->longest_gap_at_ns = delivery->last_ns;
	}
	if (delivery->counted_from_ns == 0 && now_ns - delivery->first_ns >= delivery->warm_up_ns) {
		delivery->counted_from_ns = now_ns;
		delivery->counted_from_bytes = bytes;
	}
	delivery->last_ns = now_ns;
}

double delivery_bits_per_s(const struct delivery *delivery)
{
	if (delivery->counted_from_ns == 0 || delivery->last_ns <= delivery->counted_from_ns)
		return 0;
	uint64_t bytes = atomic_load(&delivery->bytes) - delivery->counted_from_bytes;
	return (double)bytes * 8e9 / (double)(delivery->last_ns - delivery->counted_from_ns);
}
