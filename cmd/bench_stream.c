/* SPDX-License-Identifier: Apache-2.0 */
/* The stream work: as many bytes as fit, or a given number of them. */
#include <stdlib.h>
#include <string.h>

#include "cmd/bench_lender.h"
#include "cmd/bench_work.h"

static int send_part(struct lender *lender, const struct bench_plan *plan, uint64_t seed,
		     uint64_t offset, uint64_t length)
{
	uint8_t *buffer = lender_take(lender);
	if (buffer == NULL)
		return -1;
	bench_fill(plan, seed, offset, buffer, length);
	return lender_send(lender, buffer, length);
}

/* Fills up to the next cell and puts the mark. */
static int send_mark(struct lender *lender, const struct bench_plan *plan, uint64_t seed,
		     uint64_t offset)
{
	while (offset % BENCH_CELL_BYTES != 0) {
		uint64_t length = BENCH_CELL_BYTES - offset % BENCH_CELL_BYTES;
		if (length > lender->size)
			length = lender->size;
		if (send_part(lender, plan, seed, offset, length) < 0)
			return -1;
		offset += length;
	}
	uint64_t mark = bench_mark(seed, offset);
	if (channel_send(lender->channel, &mark, sizeof mark) == 0)
		return 0;
	channel_complain(lender->channel, "sending");
	return -1;
}

int bench_stream_send(struct channel *channel, const struct bench_plan *plan, uint64_t seed)
{
	struct lender lender;
	uint64_t offset = 0;
	int result = 0;
	if (plan->lent && !channel_lends(channel)) {
		complain(channel->common, "buffers can be lent to a handle of hawser only");
		return -1;
	}
	if (lender_init(&lender, channel, plan, seed) < 0)
		return -1;
	uint64_t deadline_ns = bench_deadline_ns(plan);
	while (result == 0 && offset < plan->bytes && clock_ns() < deadline_ns) {
		uint64_t left = plan->bytes - offset;
		uint64_t length = left < lender.size ? left : lender.size;
		result = send_part(&lender, plan, seed, offset, length);
		offset += length;
	}
	if (result == 0 && plan->bytes == BENCH_UNBOUNDED)
		result = send_mark(&lender, plan, seed, offset);
	/* After a failure nobody may ever acknowledge what is out. */
	if (result < 0)
		channel_abort(channel);
	if (lender_fini(&lender) < 0)
		result = -1;
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
