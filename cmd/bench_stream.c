/* SPDX-License-Identifier: Apache-2.0 */
/* The stream work: as many bytes as fit, or a given number of them. */
#include <stdlib.h>
#include <string.h>

#include "cmd/bench_work.h"
#include "cmd/pattern.h"

static int send_part(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
		     uint64_t offset, uint8_t *buffer, uint64_t length)
{
	bench_fill(plan, seed, offset, buffer, length);
	if (channel_send(channel, buffer, length) == 0)
		return 0;
	channel_complain(channel, "sending");
	return -1;
}

/* Fills up to the next cell and puts the mark. */
static int send_mark(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
		     uint64_t offset, uint8_t *buffer)
{
	while (offset % BENCH_CELL_BYTES != 0) {
		uint64_t length = BENCH_CELL_BYTES - offset % BENCH_CELL_BYTES;
		if (length > plan->size_most)
			length = plan->size_most;
		if (send_part(channel, plan, seed, offset, buffer, length) < 0)
			return -1;
		offset += length;
	}
	uint64_t mark = bench_mark(seed, offset);
	if (channel_send(channel, &mark, sizeof mark) == 0)
		return 0;
	channel_complain(channel, "sending");
	return -1;
}

int bench_stream_send(struct channel *channel, const struct bench_plan *plan, uint64_t seed)
{
	uint64_t size = plan->size_most;
	uint64_t offset = 0;
	int result = 0;
	uint8_t *buffer = bench_buffer(channel, size);
	if (buffer == NULL)
		return -1;
	/* Every page of its own, also where nothing will be stamped. */
	pattern_fill(seed, 0, buffer, size);
	uint64_t deadline_ns = bench_deadline_ns(plan);
	while (result == 0 && offset < plan->bytes && clock_ns() < deadline_ns) {
		uint64_t length = plan->bytes - offset < size ? plan->bytes - offset : size;
		result = send_part(channel, plan, seed, offset, buffer, length);
		offset += length;
	}
	if (result == 0 && plan->bytes == BENCH_UNBOUNDED)
		result = send_mark(channel, plan, seed, offset, buffer);
	free(buffer);
	return result;
}

/* What was received and not yet checked: buffer[at, end) begins at offset of the stream. */
struct reader {
	uint8_t *buffer;
	size_t at, end;
	uint64_t offset;
	bool marked; /* the end mark was met */
};

/* Checks all that can be; what remains, less than a mark, is moved to the front. */
static int digest(struct reader *reader, const struct channel *channel,
		  const struct bench_plan *plan, uint64_t seed)
{
	while (reader->at < reader->end) {
		size_t have = reader->end - reader->at;
		uint64_t length = BENCH_CELL_BYTES - reader->offset % BENCH_CELL_BYTES;
		if (plan->bytes == BENCH_UNBOUNDED && length == BENCH_CELL_BYTES) {
			uint64_t word;
			if (have < sizeof word)
				break;
			memcpy(&word, reader->buffer + reader->at, sizeof word);
			if (word == bench_mark(seed, reader->offset)) {
				reader->at += sizeof word;
				reader->marked = true;
				return 0;
			}
		}
		if (length > have)
			length = have;
		if (bench_check_part(channel, plan, seed, reader->offset,
				     reader->buffer + reader->at, length) < 0)
			return -1;
		reader->at += length;
		reader->offset += length;
	}
	memmove(reader->buffer, reader->buffer + reader->at, reader->end - reader->at);
	reader->end -= reader->at;
	reader->at = 0;
	return 0;
}

static int receive_all(struct reader *reader, struct channel *channel,
		       const struct bench_plan *plan, uint64_t seed, struct delivery *delivery)
{
	while (!reader->marked && reader->offset < plan->bytes) {
		uint64_t size = BENCH_PART_BYTES - reader->end;
		if (size > plan->bytes - reader->offset)
			size = plan->bytes - reader->offset;
		ssize_t got = channel_recv(channel, reader->buffer + reader->end, size);
		if (got == 0)
			complain(channel->common,
				 "the stream ended after %llu bytes, before all of it came",
				 (unsigned long long)(reader->offset + reader->end));
		else if (got < 0)
			channel_complain(channel, "receiving");
		if (got <= 0)
			return -1;
		delivery_note(delivery, clock_ns(), (uint64_t)got);
		reader->end += (size_t)got;
		if (digest(reader, channel, plan, seed) < 0)
			return -1;
	}
	if (reader->at < reader->end)
		return channel_unread(channel, reader->buffer + reader->at,
				      reader->end - reader->at);
	return 0;
}

int bench_stream_receive(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
			 struct delivery *delivery)
{
	struct reader reader = { .buffer = bench_buffer(channel, BENCH_PART_BYTES) };
	if (reader.buffer == NULL)
		return -1;
	int result = receive_all(&reader, channel, plan, seed, delivery);
	free(reader.buffer);
	return result;
}
