/* SPDX-License-Identifier: Apache-2.0 */
/* See solo.h. */
#include "test/solo.h"

#include <errno.h>

#include "test/test.h"
#include "test/world.h"

uint8_t solo_byte(uint64_t offset)
{
	return (uint8_t)(offset * 7 + offset / 251);
}

struct solo *solo_new(const struct session_config *config, uint64_t peer_limit)
{
	struct solo *solo = calloc(1, sizeof *solo);
	void *memory = malloc(session_bytes(config));

	CHECK(solo != NULL && memory != NULL);
	solo->now = NS_PER_S;
	solo->s = session_init(memory, config, solo->now);
	session_peer_declared(solo->s, peer_limit, RANGE_CREDIT, TIME_NEVER);
	return solo;
}

void solo_free(struct solo *solo)
{
	void *block;

	for (unsigned i = 0; i < SOLO_PATHS; i++) {
		if (solo->out[i].bytes != NULL)
			session_remove_path(solo->s, &solo->path[i], solo->now);
		free(solo->out[i].bytes);
	}
	session_fini(solo->s);
	while ((block = session_reclaim(solo->s)) != NULL) {
		free(block);
		solo->blocks--;
	}
	CHECK_EQ(solo->blocks, 0);
	free(solo->s);
	free(solo);
}

void solo_lend(struct solo *solo)
{
	for (unsigned wanted = session_blocks_wanted(solo->s); wanted > 0; wanted--) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block != NULL);
		session_lend(solo->s, block);
		solo->blocks++;
	}
}

void solo_path(struct solo *solo, unsigned index, time_ns rtt_ns, bool active)
{
	/* In the place of one that is gone it begins anew. */
	free(solo->out[index].bytes);
	solo->out[index].bytes = malloc(SOLO_OUT);
	CHECK(solo->out[index].bytes != NULL);
	solo->out[index].length = solo->out[index].parsed = 0;
	CHECK_EQ(session_add_path(solo->s, &solo->path[index], solo->next_id++, index, rtt_ns, solo->now),
		 0);
	CHECK_EQ(solo->path[index].slot, index);
	if (!active)
		return;
	/* Proved sooner than it would be by itself. */
	solo->path[index].ping_due = true;
	solo_carry(solo, index, SIZE_MAX);
	solo->now += rtt_ns;
	CHECK_EQ(solo_ack(solo, index, solo->s->sender.flight.base, NULL, 0), 0);
	CHECK_EQ(solo->path[index].health.state, HEALTH_ACTIVE);
}

int solo_feed(struct solo *solo, unsigned index, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	int error = 0;

	while (length > 0 && error == 0) {
		struct iovec iov[4];
		unsigned used;
		size_t moved = 0;

		solo_lend(solo);
		used = session_place(solo->s, &solo->path[index], iov, 4);
		if (used == 0)
			return 0;
		for (unsigned i = 0; i < used && length > 0; i++) {
			size_t count = iov[i].iov_len < length ? iov[i].iov_len : length;

			memcpy(iov[i].iov_base, from, count);
			from += count;
			length -= count;
			moved += count;
		}
		error = session_arrived(solo->s, &solo->path[index], moved, solo->now);
		while (error == -ENOMEM) {
			solo_lend(solo);
			error = session_read_on(solo->s, solo->now);
		}
	}
	return error;
}

int solo_data(struct solo *solo, unsigned index, uint64_t offset, uint32_t length, bool fin)
{
	struct frame_data data = { .offset = offset, .length = length, .fin = fin };
	uint8_t *frame = malloc(FRAME_DATA_HEAD_BYTES + length);
	int error;

	CHECK(frame != NULL);
	frame_data_encode(frame, FRAME_DATA_HEAD_BYTES, &data);
	for (uint32_t i = 0; i < length; i++)
		frame[FRAME_DATA_HEAD_BYTES + i] = solo_byte(offset + i);
	error = solo_feed(solo, index, frame, FRAME_DATA_HEAD_BYTES + length);
	free(frame);
	return error;
}

int solo_ack(struct solo *solo, unsigned index, uint64_t cumulative, const struct range *ranges,
	     unsigned count)
{
	struct frame_ack ack = {
		.cumulative = cumulative,
		.receive_limit = solo->s->sender.peer_limit,
		.range_credit = (uint16_t)solo->s->sender.peer_credit,
		.range_count = count,
	};
	uint8_t frame[FRAME_HEADER_BYTES + FRAME_ACK_MAX];

	for (unsigned i = 0; i < SOLO_PATHS; i++) {
		if (solo->out[i].bytes == NULL)
			continue;
		ack.paths[ack.path_count].path_id = solo->path[i].id;
		ack.paths[ack.path_count++].received_bytes = solo->path[i].health.sent_bytes;
	}
	for (unsigned i = 0; i < count; i++)
		ack.ranges[i] = ranges[i];
	return solo_feed(solo, index, frame, frame_ack_encode(frame, sizeof frame, &ack));
}

void solo_write(struct solo *solo, uint64_t length)
{
	while (length > 0) {
		uint64_t offset = solo->s->sender.buffer.end, moved = 0;
		struct iovec iov[4];
		unsigned used;

		solo_lend(solo);
		used = session_send_space(solo->s, length, iov, 4);
		CHECK(used > 0);
		for (unsigned i = 0; i < used; i++) {
			uint8_t *to = iov[i].iov_base;

			for (size_t k = 0; k < iov[i].iov_len; k++)
				to[k] = solo_byte(offset + moved + k);
			moved += iov[i].iov_len;
		}
		session_send_commit(solo->s, moved, solo->now);
		length -= moved;
	}
}

size_t solo_plan(struct solo *solo, unsigned index, size_t most)
{
	struct iovec iov[32];
	unsigned used;
	size_t moved = 0;

	solo_lend(solo);
	used = session_plan(solo->s, &solo->path[index], iov, 32, solo->now);
	for (unsigned i = 0; i < used; i++) {
		size_t count = iov[i].iov_len < most - moved ? iov[i].iov_len : most - moved;

		CHECK(solo->out[index].length + count <= SOLO_OUT);
		memcpy(solo->out[index].bytes + solo->out[index].length, iov[i].iov_base, count);
		solo->out[index].length += count;
		moved += count;
	}
	return moved;
}

size_t solo_carry(struct solo *solo, unsigned index, size_t most)
{
	size_t moved = solo_plan(solo, index, most);

	session_wrote(solo->s, &solo->path[index], moved, solo->now);
	return moved;
}

void solo_carry_all(struct solo *solo)
{
	struct path *p;

	while ((p = session_next_writer(solo->s, solo->now)) != NULL)
		CHECK(solo_carry(solo, p->slot, SIZE_MAX) > 0);
}

void solo_data_range(const struct solo_frame *frame, uint64_t *start, uint64_t *end)
{
	struct frame_data data;

	CHECK_EQ(frame_data_decode(&frame->header, frame->payload, &data), 0);
	*start = data.offset;
	*end = data.offset + data.length;
}

bool solo_take(struct solo *solo, unsigned index, struct solo_frame *frame)
{
	const uint8_t *at = solo->out[index].bytes + solo->out[index].parsed;
	size_t left = solo->out[index].length - solo->out[index].parsed;
	uint64_t start, end;

	if (left < FRAME_HEADER_BYTES)
		return false;
	CHECK_EQ(frame_header_decode(at, &frame->header), 0);
	if (left < FRAME_HEADER_BYTES + frame->header.length)
		return false;
	frame->payload = at + FRAME_HEADER_BYTES;
	solo->out[index].parsed += FRAME_HEADER_BYTES + frame->header.length;
	if (frame->header.type == FRAME_DATA) {
		solo_data_range(frame, &start, &end);
		for (uint64_t i = start; i < end; i++)
			CHECK_EQ(frame->payload[FRAME_DATA_MIN + i - start], solo_byte(i));
	}
	return true;
}

bool solo_take_type(struct solo *solo, unsigned index, enum frame_type type, struct solo_frame *frame)
{
	while (solo_take(solo, index, frame))
		if (frame->header.type == type)
			return true;
	return false;
}

void solo_prove(struct solo *solo, unsigned index, uint64_t missing)
{
	struct frame_ack ack = {
		.cumulative = solo->s->sender.flight.base,
		.range_credit = RANGE_CREDIT,
		.path_count = 1,
		.paths = { { solo->path[index].id, 0, solo->path[index].health.sent_bytes - missing } },
	};

	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
}

void solo_pass(struct solo *solo, time_ns duration_ns)
{
	solo->now += duration_ns;
	session_tick(solo->s, solo->now);
}

struct solo *solo_alike(enum session_mode mode, uint64_t limit_bytes, unsigned paths, time_ns rtt_ns)
{
	struct session_config config = world_config(mode);
	struct solo *solo;

	config.receive_limit_bytes = config.send_limit_bytes = limit_bytes;
	solo = solo_new(&config, limit_bytes);
	for (unsigned i = 0; i < paths; i++)
		solo_path(solo, i, rtt_ns, true);
	for (unsigned i = 0; i < paths; i++) {
		solo_carry_all(solo);
		CHECK_EQ(solo_ack(solo, i, 0, NULL, 0), 0);
	}
	return solo;
}

struct solo *solo_fresh(uint64_t limit_bytes)
{
	struct session_config config = world_config(MODE_STRIPE);
	struct solo *solo;

	config.receive_limit_bytes = config.send_limit_bytes = limit_bytes;
	solo = solo_new(&config, limit_bytes);
	solo_path(solo, 0, NS_PER_MS, false);
	return solo;
}

void solo_check_readable(struct solo *solo, uint64_t bytes)
{
	struct iovec iov[32];
	uint64_t at = solo->s->receive.consumed;
	unsigned used;

	CHECK_EQ(session_readable(solo->s), bytes);
	used = session_receive_peek(solo->s, iov, 32);
	for (unsigned i = 0; i < used; i++)
		for (size_t k = 0; k < iov[i].iov_len; k++)
			CHECK_EQ(((uint8_t *)iov[i].iov_base)[k], solo_byte(at++));
}
