/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The works of a measurement, over any channel. Each returns 0, or -1 after an error message. What
 * is received is checked byte for byte; a byte that is not as it should be is a failure.
 *
 * A stream or a run of messages that is bounded by time ends with a mark: in place of the pattern's
 * next 8 bytes (in a stream: at a multiple of BENCH_CELL_BYTES), their complement.
 *
 * Where making and checking every byte would be what limits, a stream or a run of messages is stamped: the pattern stands
 * only in the word at each multiple of BENCH_STAMP_BYTES, and only there it is checked. Lost, repeated
 * and reordered bytes still show; a byte changed between two stamps does not.
 */
#ifndef HAWSER_CMD_BENCH_WORK_H
#define HAWSER_CMD_BENCH_WORK_H

#include "cmd/bench_plan.h"
#include "cmd/channel.h"
#include "cmd/delivery.h"
#include "cmd/histogram.h"

#define BENCH_CELL_BYTES  ((uint64_t)1 << 16)
#define BENCH_STAMP_BYTES ((uint64_t)1 << 12)

int bench_stream_send(struct channel *channel, const struct bench_plan *plan, uint64_t seed);
int bench_stream_receive(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
			 struct delivery *delivery);

int bench_messages_send(struct channel *channel, const struct bench_plan *plan, uint64_t seed);
int bench_messages_receive(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
			   struct delivery *delivery);

/* Asks and notes each latency; and the other side, which gives back what comes until its end. */
int bench_rr_ask(struct channel *channel, const struct bench_plan *plan, struct histogram *latency,
		 struct delivery *delivery);
int bench_rr_answer(struct channel *channel, const struct bench_plan *plan,
		    struct delivery *delivery);

/* To be freed; NULL after an error message. */
uint8_t *bench_buffer(const struct channel *channel, uint64_t size);
/* Checks a received part; -1 after an error message that says at which offset it differs. */
int bench_check(const struct channel *channel, uint64_t seed, uint64_t offset, const void *data,
		size_t length);
/* The same for a stream's bytes, stamped or not as the plan says; and to make them. */
void bench_fill(const struct bench_plan *plan, uint64_t seed, uint64_t offset, uint8_t *data,
		uint64_t length);
int bench_check_part(const struct channel *channel, const struct bench_plan *plan, uint64_t seed,
		     uint64_t offset, const uint8_t *data, size_t length);
/* The mark at this offset. */
uint64_t bench_mark(uint64_t seed, uint64_t offset);
/* When a sender that begins now stops. */
uint64_t bench_deadline_ns(const struct bench_plan *plan);

#endif
