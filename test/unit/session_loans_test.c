/* SPDX-License-Identifier: Apache-2.0 */
/* What a session has on loan: where its frames point to, and when the program's memory is its own again. */
#include <errno.h>

#include "core/save.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LENDS_MOST 64u

/* The program's memory: wiped and freed the moment it comes back. */
static struct {
	uint8_t *bytes[LENDS_MOST];
	size_t length[LENDS_MOST];
	unsigned lent, back;
} program;

static struct solo *solo_with_paths(enum session_mode mode, unsigned paths)
{
	struct session_config config = world_config(mode);
	struct solo *solo;

	config.receive_limit_bytes = config.send_limit_bytes = 1 << 20;
	solo = solo_new(&config, 64 << 20);
	memset(&program, 0, sizeof program);
	for (unsigned i = 0; i < paths; i++) {
		struct solo_frame frame;

		solo_path(solo, i, 10 * NS_PER_MS, true);
		solo_carry_all(solo);
		while (solo_take(solo, i, &frame))
			;
	}
	return solo;
}

static void borrow(struct solo *solo, size_t head_length, size_t length)
{
	uint64_t offset = solo->s->sender.buffer.end;
	uint8_t head[64], *bytes = malloc(length);

	CHECK(bytes != NULL && head_length <= sizeof head && program.lent < LENDS_MOST);
	for (size_t i = 0; i < head_length; i++)
		head[i] = solo_byte(offset + i);
	for (size_t i = 0; i < length; i++)
		bytes[i] = solo_byte(offset + head_length + i);
	solo_lend(solo);
	CHECK_EQ(session_borrow(solo->s, head, head_length, bytes, length, solo->now), 0);
	program.bytes[program.lent] = bytes;
	program.length[program.lent++] = length;
}

static unsigned take_back(struct solo *solo)
{
	uint64_t returned = session_loans_returned(solo->s);
	unsigned before = program.back;

	CHECK(returned <= program.lent);
	for (; program.back < returned; program.back++) {
		memset(program.bytes[program.back], 0xdd, program.length[program.back]);
		free(program.bytes[program.back]);
	}
	return program.back - before;
}

static void finish(struct solo *solo)
{
	solo_free(solo);
	for (; program.back < program.lent; program.back++)
		free(program.bytes[program.back]);
}

/* Every byte on all paths together, once at least. */
static void check_covered(struct solo *solo, unsigned paths, uint64_t end)
{
	static struct range storage[1000];
	struct ranges got;
	struct solo_frame frame;
	uint64_t from, to;

	ranges_init(&got, storage, 1000);
	for (unsigned i = 0; i < paths; i++) {
		while (solo_take_type(solo, i, FRAME_DATA, &frame)) {
			solo_data_range(&frame, &from, &to);
			CHECK_EQ(ranges_add(&got, from, to), 0);
		}
		CHECK(solo->path[i].health.state == HEALTH_DOWN || solo->out[i].parsed == solo->out[i].length);
	}
	CHECK_EQ(ranges_covered_until(&got, 0), end);
}

/* The plan points to where the bytes lie: nothing is copied on the way. */
static void is_sent_from_where_it_lies(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct iovec iov[32];
	unsigned used, found = 0;

	borrow(solo, 4, 5000);
	used = session_plan(solo->s, &solo->path[0], iov, 32, solo->now);
	for (unsigned i = 0; i < used; i++)
		if (iov[i].iov_base == program.bytes[0] && iov[i].iov_len == 5000)
			found++;
	CHECK_EQ(found, 1);
	session_wrote(solo->s, &solo->path[0], 0, solo->now);
	solo_carry_all(solo);
	check_covered(solo, 1, 5004);
	CHECK_EQ(take_back(solo), 0);
	CHECK_EQ(solo_ack(solo, 0, 5003, NULL, 0), 0);
	CHECK_EQ(take_back(solo), 0);
	CHECK_EQ(solo_ack(solo, 0, 5004, NULL, 0), 0);
	CHECK_EQ(take_back(solo), 1);
	CHECK_EQ(solo->s->sender.buffer.table.held, 0);
	finish(solo);
}

/* More pieces than a plan has iovecs: the frame is cut short and goes on with the next write. */
static void many_small_pieces(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);

	solo->path[0].health.rate_bytes = 1000000000;
	for (unsigned i = 0; i < 60; i++)
		borrow(solo, 1 + i % 3, 1 + i * 13 % 50);
	solo_carry_all(solo);
	CHECK(!solo->path[0].work->out.halved);
	check_covered(solo, 1, solo->s->sender.buffer.end);
	CHECK_EQ(solo_ack(solo, 0, solo->s->sender.buffer.end, NULL, 0), 0);
	CHECK_EQ(take_back(solo), 60);
	finish(solo);
}

/* A frame is half written when its bytes are acknowledged through another path and given back. */
static void half_written_and_given_back(void)
{
	for (size_t written = 1; written < 5020; written += written < 40 ? 1 : 211) {
		struct solo *solo = solo_with_paths(MODE_DUPLICATE, 2);

		borrow(solo, 2, 2000);
		borrow(solo, 2, 3000);
		CHECK_EQ(solo_carry(solo, 0, written), written);
		session_path_room(solo->s, &solo->path[0], false);
		solo_carry_all(solo);
		CHECK_EQ(solo_ack(solo, 1, 5004, NULL, 0), 0);
		CHECK_EQ(take_back(solo), 2);
		borrow(solo, 0, 1000);
		session_path_room(solo->s, &solo->path[0], true);
		for (struct path *p; (p = session_next_writer(solo->s, solo->now)) != NULL;)
			CHECK(solo_carry(solo, p->slot, 100) > 0);
		/* Each path by itself: both have carried everything but what they skipped. */
		check_covered(solo, 2, 6004);
		CHECK_EQ(solo_ack(solo, 1, 6004, NULL, 0), 0);
		CHECK_EQ(take_back(solo), 1);
		finish(solo);
	}
}

/* Its path is gone in the middle of a frame: the bytes go on the other, and come back then. */
static void path_lost_in_the_middle(void)
{
	for (size_t written = 1; written < 9000; written += 511) {
		struct solo *solo = solo_with_paths(MODE_STRIPE, 2);

		session_path_room(solo->s, &solo->path[1], false);
		borrow(solo, 4, 4000);
		solo_write(solo, 300);
		borrow(solo, 0, 20000);
		solo_carry(solo, 0, written);
		session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
		session_path_room(solo->s, &solo->path[1], true);
		solo_carry_all(solo);
		check_covered(solo, 2, 24304);
		CHECK_EQ(solo_ack(solo, 1, 4100, NULL, 0), 0);
		CHECK_EQ(take_back(solo), 1);
		CHECK_EQ(solo_ack(solo, 1, 24304, NULL, 0), 0);
		CHECK_EQ(take_back(solo), 1);
		finish(solo);
	}
}

/* A selective acknowledgement gives nothing back, and the hole below it is filled from the right place. */
static void acknowledged_out_of_order(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 2);
	struct range ranges[2] = { { 1000, 2000 }, { 2500, 3000 } };

	for (unsigned i = 0; i < 3; i++)
		borrow(solo, 0, 1000);
	session_path_room(solo->s, &solo->path[1], false);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 500, ranges, 2), 0);
	CHECK_EQ(take_back(solo), 0);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	session_path_room(solo->s, &solo->path[1], true);
	solo_carry_all(solo);
	CHECK_EQ(solo->path[1].stream_bytes_sent, 1000);
	CHECK_EQ(solo_ack(solo, 1, 2000, NULL, 0), 0);
	CHECK_EQ(take_back(solo), 2);
	CHECK_EQ(solo_ack(solo, 1, 3000, NULL, 0), 0);
	CHECK_EQ(take_back(solo), 1);
	finish(solo);
}

/* A reset gives everything back at once; what was half written is still written to its end. */
static void reset_with_loans_out(void)
{
	for (size_t written = 0; written < 5020; written += 251) {
		struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
		struct solo_frame frame;
		uint64_t start, end;

		borrow(solo, 0, 5000);
		borrow(solo, 0, 100000);
		CHECK_EQ(solo_carry(solo, 0, written), written);
		session_reset(solo->s, REASON_ABORTED, solo->now);
		CHECK_EQ(take_back(solo), 2);
		CHECK_EQ(session_loan_room(solo->s), 0);
		solo_carry_all(solo);
		if (written > 0) {
			CHECK(solo_take_type(solo, 0, FRAME_DATA, &frame));
			solo_data_range(&frame, &start, &end);
			CHECK_EQ(start, 0);
		}
		CHECK(solo_take_type(solo, 0, FRAME_RESET, &frame));
		CHECK_EQ(solo->out[0].parsed, solo->out[0].length);
		finish(solo);
	}
}

/* Without a block for the rest of the frame the memory comes back when the frame is written. */
static void reset_without_blocks(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	void *taken[STOCK_BLOCKS + 8], *block;
	unsigned count = 0;

	borrow(solo, 0, 5000);
	CHECK_EQ(solo_carry(solo, 0, 1000), 1000);
	while ((block = stock_take(&solo->s->stock)) != NULL)
		taken[count++] = block;
	session_reset(solo->s, REASON_ABORTED, solo->now);
	CHECK_EQ(take_back(solo), 0);
	solo_carry(solo, 0, SIZE_MAX);
	CHECK_EQ(take_back(solo), 1);
	while (count > 0)
		stock_give(&solo->s->stock, taken[--count]);
	finish(solo);
}

/* Between plan and wrote somebody reads the memory. */
static void nothing_is_given_back_under_a_plan(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct iovec iov[32];
	uint64_t bytes;
	size_t length;

	borrow(solo, 0, 5000);
	CHECK(session_plan(solo->s, &solo->path[0], iov, 32, solo->now) > 0);
	session_reset(solo->s, REASON_ABORTED, solo->now);
	CHECK_EQ(take_back(solo), 0);
	CHECK(session_loan(solo->s, 0, &length) == NULL);
	CHECK_EQ(session_loans_out(solo->s, &bytes), 1);
	CHECK_EQ(bytes, 5000);
	session_wrote(solo->s, &solo->path[0], 100, solo->now);
	CHECK_EQ(take_back(solo), 1);
	CHECK_EQ(session_loans_out(solo->s, &bytes), 0);
	CHECK_EQ(bytes, 0);
	solo_carry_all(solo);
	finish(solo);
}

/* The program gets its memory back, the session a copy: also of what is half written. */
static void moved_under_way(void)
{
	struct solo *solo = solo_with_paths(MODE_DUPLICATE, 2);
	uint8_t *copies[2];

	borrow(solo, 3, 5000);
	borrow(solo, 3, 7000);
	solo_carry(solo, 0, 2000);
	session_path_room(solo->s, &solo->path[0], false);
	solo_carry(solo, 1, 4000);
	CHECK_EQ(solo_ack(solo, 1, 1003, NULL, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		size_t length;
		const void *bytes = session_loan(solo->s, i, &length);

		CHECK_EQ(length, i == 0 ? 4000 : 7000);
		copies[i] = malloc(length);
		CHECK(copies[i] != NULL);
		memcpy(copies[i], bytes, length);
		session_loan_moved(solo->s, i, copies[i]);
		free(program.bytes[i]);
		program.bytes[i] = NULL;
	}
	session_path_room(solo->s, &solo->path[0], true);
	solo_carry_all(solo);
	check_covered(solo, 2, 12006);
	CHECK_EQ(solo_ack(solo, 0, 12006, NULL, 0), 0);
	CHECK_EQ(session_loans_returned(solo->s), 2);
	free(copies[0]);
	free(copies[1]);
	program.back = 2;
	finish(solo);
}

/* A loan beyond all stretches is cut as what is below it goes. */
static void longer_than_all_stretches(void)
{
	struct solo *solo = solo_with_paths(MODE_CONVERGE, 1);
	uint64_t length = 2 * STRETCHES_MAX * 128 * 1024, start, end, at;

	borrow(solo, 0, length);
	CHECK_EQ(solo->s->sender.converge.count, STRETCHES_MAX);
	for (at = 0; at < length / 2 + 1000000;) {
		session_path_room(solo->s, &solo->path[0], true);
		solo->out[0].length = solo->out[0].parsed = 0;
		CHECK(session_next_writer(solo->s, solo->now) != NULL);
		solo_carry(solo, 0, SIZE_MAX);
		at = flight_top(&solo->s->sender.flight);
		solo->now += NS_PER_MS;
		CHECK_EQ(solo_ack(solo, 0, at, NULL, 0), 0);
	}
	converge_stretch(&solo->s->sender.converge, at, length, &start, &end);
	CHECK(end - start <= 2 << 20);
	finish(solo);
}

/* The last acknowledgement has FIN's phantom in it: nothing is left to be cut into stretches. */
static void acknowledged_with_the_end(void)
{
	struct solo *solo = solo_with_paths(MODE_CONVERGE, 1);

	borrow(solo, 0, 5000);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 5001, NULL, 0), 0);
	CHECK_EQ(take_back(solo), 1);
	CHECK_EQ(solo->s->sender.converge.count, 0);
	finish(solo);
}

static struct session *load(struct solo *solo, const uint8_t *image, size_t length)
{
	struct session_saved saved;
	struct session *s;
	struct stock lent;
	void *memory;

	CHECK_EQ(session_saved(image, length, &saved), 0);
	memory = malloc(session_bytes(&saved.config));
	CHECK(memory != NULL);
	stock_init(&lent);
	for (unsigned i = 0; i < saved.blocks; i++) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block != NULL);
		stock_lend(&lent, block);
	}
	CHECK_EQ(session_load(memory, image, length, &lent, solo->now, &s), 0);
	return s;
}

/* More than the send buffer's limit is on loan: the image has it, and no room is left before it went. */
static void saved_with_loans_out(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	static uint8_t bytes[5000000];
	uint8_t *image;
	size_t length;
	struct session *s;
	void *block;

	borrow(solo, 4, 3000000);
	solo_write(solo, 1000);
	borrow(solo, 4, 1000000);
	solo_carry(solo, 0, 100000);
	CHECK_EQ(solo_ack(solo, 0, 20000, NULL, 0), 0);
	length = session_save_bytes(solo->s);
	image = malloc(length);
	CHECK(image != NULL);
	CHECK_EQ(session_save(solo->s, image, length, solo->now), length);
	s = load(solo, image, length);
	CHECK_EQ(s->sender.buffer.limit_bytes, 1 << 20);
	CHECK_EQ(s->sender.buffer.acknowledged, 20000);
	CHECK_EQ(s->sender.buffer.end, 4001008);
	CHECK_EQ(session_room(s), 0);
	CHECK_EQ(session_loans_returned(s), 0);
	send_buffer_copy(&s->sender.buffer, 20000, 4001008, bytes);
	for (uint64_t i = 20000; i < 4001008; i++)
		CHECK_EQ(bytes[i - 20000], solo_byte(i));
	CHECK_EQ(session_loan_room(s), LOAN_BYTES_MAX - (4001008 - 20000 - (1 << 20)));
	session_fini(s);
	while ((block = session_reclaim(s)) != NULL)
		free(block);
	free(s);
	free(image);
	finish(solo);
}

static void take_blocks_back(struct solo *solo)
{
	void *block;

	while ((block = session_reclaim(solo->s)) != NULL) {
		free(block);
		solo->blocks--;
	}
}

static void asleep_once_all_is_back(void)
{
	struct solo *solo = solo_with_paths(MODE_CONVERGE, 1);
	uint8_t bytes[1000] = { 0 };

	take_blocks_back(solo);
	CHECK(session_asleep(solo->s));
	CHECK_EQ(session_borrow(solo->s, NULL, 0, bytes, sizeof bytes, solo->now), -ENOMEM);
	borrow(solo, 0, 50000);
	take_blocks_back(solo);
	CHECK(!session_asleep(solo->s));
	solo_carry_all(solo);
	check_covered(solo, 1, 50000);
	CHECK_EQ(solo_ack(solo, 0, 50000, NULL, 0), 0);
	CHECK_EQ(take_back(solo), 1);
	take_blocks_back(solo);
	CHECK(session_asleep(solo->s));
	CHECK_EQ(solo->blocks, 0);
	finish(solo);
}

int main(void)
{
	RUN(is_sent_from_where_it_lies);
	RUN(many_small_pieces);
	RUN(half_written_and_given_back);
	RUN(path_lost_in_the_middle);
	RUN(acknowledged_out_of_order);
	RUN(reset_with_loans_out);
	RUN(reset_without_blocks);
	RUN(nothing_is_given_back_under_a_plan);
	RUN(moved_under_way);
	RUN(longer_than_all_stretches);
	RUN(acknowledged_with_the_end);
	RUN(saved_with_loans_out);
	RUN(asleep_once_all_is_back);
	return 0;
}
