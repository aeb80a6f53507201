/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages work. The bytes of all messages, one after the other, are the pattern; their sizes
 * follow from the seed and their number. So content, order, count and bounds are all checked.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/bench_work.h"
#include "cmd/pattern.h"

/* A message goes in parts: a descriptor takes it only whole. */
static uint64_t part_bytes(const struct channel *channel, const struct bench_plan *plan)
{
	if (channel->kind == CHANNEL_HAWSER && channel->handle == NULL)
		return plan->size_most > 8 ? plan->size_most : 8;
	return BENCH_PART_BYTES;
}

static int send_message(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
			uint64_t offset, uint64_t size, uint8_t *buffer, uint64_t part)
{
	uint64_t at = 0;
	do {
		uint64_t length = size - at < part ? size - at : part;
		bench_fill(plan, seed, offset + at, buffer, length);
		if (channel_send_part(channel, size, at, buffer, length) < 0) {
			channel_complain(channel, "sending a message");
			return -1;
		}
		at += length;
	} while (at < size);
	return 0;
}

int bench_messages_send(struct channel *channel, const struct bench_plan *plan, uint64_t seed)
{
	uint64_t part = part_bytes(channel, plan);
	uint64_t deadline_ns = bench_deadline_ns(plan);
	uint64_t offset = 0;
	int result = 0;
	uint8_t *buffer = bench_buffer(channel, part);
	if (buffer == NULL)
		return -1;
	/* Every page of its own, also where nothing will be stamped. */
	pattern_fill(seed, 0, buffer, part);
	for (uint64_t i = 0; result == 0 && i < plan->messages && clock_ns() < deadline_ns; i++) {
		uint64_t size = pattern_size(seed, i, plan->size_least, plan->size_most);
		result = send_message(channel, plan, seed, offset, size, buffer, part);
		offset += size;
	}
	uint64_t mark = bench_mark(seed, offset);
	if (result == 0 && plan->messages == BENCH_UNBOUNDED &&
	    channel_send_part(channel, sizeof mark, 0, &mark, sizeof mark) < 0) {
		channel_complain(channel, "sending a message");
		result = -1;
	}
	free(buffer);
	return result;
}

/* Where the receiver stands: in message number `index`, `at` bytes of it came. */
struct reader {
	uint64_t seed;
	uint64_t index, at;
	uint64_t offset; /* of the next byte in the pattern */
	uint64_t mark;   /* the first 8 bytes of this message, as far as they came */
};

/* 1: this was the end mark. 0: a fine part. -1: not what was sent. */
static int take_part(struct reader *reader, const struct channel *channel,
		     const struct bench_plan *plan, const uint8_t *data, size_t length, bool ended)
{
	uint64_t size =
		pattern_size(reader->seed, reader->index, plan->size_least, plan->size_most);
	if (plan->messages == BENCH_UNBOUNDED && reader->at + length <= sizeof reader->mark) {
		memcpy((uint8_t *)&reader->mark + reader->at, data, length);
		if (ended && reader->at + length == sizeof reader->mark &&
		    reader->mark == bench_mark(reader->seed, reader->offset - reader->at))
			return 1;
	}
	if (reader->at + length > size || (ended && reader->at + length != size)) {
		complain(channel->common, "message %llu has %llu bytes%s, %llu were sent",
			 (unsigned long long)reader->index,
			 (unsigned long long)(reader->at + length), ended ? "" : " or more",
			 (unsigned long long)size);
		return -1;
	}
	if (bench_check_part(channel, plan, reader->seed, reader->offset, data, length) < 0)
		return -1;
	reader->offset += length;
	reader->at = ended ? 0 : reader->at + length;
	reader->index += ended ? 1 : 0;
	return 0;
}

static int receive_all(struct reader *reader, struct channel *channel,
		       const struct bench_plan *plan, uint8_t *buffer, uint64_t part,
		       struct delivery *delivery)
{
	int taken = 0;
	while (taken == 0 && reader->index < plan->messages) {
		bool ended;
		ssize_t got = channel_recv_part(channel, buffer, part, &ended);
		if (got < 0) {
			channel_complain(channel, "receiving a message");
			return -1;
		}
		if (got == 0 && !ended) {
			complain(channel->common,
				 "the session ended after %llu messages, before all came",
				 (unsigned long long)reader->index);
			return -1;
		}
		delivery_note(delivery, clock_ns(), (uint64_t)got);
		taken = take_part(reader, channel, plan, buffer, (size_t)got, ended);
	}
	delivery->messages = reader->index;
	return taken < 0 ? -1 : 0;
}

int bench_messages_receive(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
			   struct delivery *delivery)
{
	struct reader reader = { .seed = seed };
	uint64_t part = part_bytes(channel, plan);
	uint8_t *buffer = bench_buffer(channel, part);
	if (buffer == NULL)
		return -1;
	int result = receive_all(&reader, channel, plan, buffer, part, delivery);
	free(buffer);
	return result;
}
