/* SPDX-License-Identifier: Apache-2.0 */
/* Images of sessions: whatever their bytes, they make an error, or a session that works. */
#include "core/image.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/session_internal.h"
#include "test/random.h"
#include "test/saved.h"
#include "test/solo.h"
#include "test/test.h"

/* An image with something of everything, but few bytes. */
static struct saved small_image(bool finished)
{
	struct session_config config = saved_config();
	struct solo *solo = solo_new(&config, 1000);
	struct range acked[] = { { 8, 12 }, { 14, 16 } };
	struct saved image;

	solo_path(solo, 0, NS_PER_MS, true);
	solo_write(solo, 10);
	session_send_boundary(solo->s);
	solo_write(solo, 10);
	session_send_boundary(solo->s);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, finished ? 21 : 5, acked, finished ? 0 : 2), 0);
	CHECK_EQ(solo_data(solo, 0, 0, 6, false), 0);
	session_receive_consume(solo->s, 3, solo->now);
	CHECK_EQ(solo_data(solo, 0, 8, 2, false), 0);
	CHECK_EQ(solo_data(solo, 0, 12, 2, true), 0);
	if (finished)
		CHECK_EQ(solo_data(solo, 0, 6, 6, false), 0);
	CHECK_EQ(session_state(solo->s), finished ? SESSION_FINISHED : SESSION_OPEN);
	image = saved_new(solo->s, solo->now);
	solo_free(solo);
	return image;
}

static void damage_is_refused(void)
{
	struct saved image = small_image(false);
	int error;

	for (size_t length = 0; length < image.length; length++) {
		/* Memory of just that length, so that a sanitizer sees a byte too many. */
		struct saved cut = { malloc(length > 0 ? length : 1), length };

		memcpy(cut.bytes, image.bytes, length);
		CHECK(saved_load(&cut, 0, &error) == NULL);
		CHECK_EQ(error, -EBADMSG);
		free(cut.bytes);
	}
	for (size_t at = 0; at < image.length; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			image.bytes[at] ^= (uint8_t)(1u << bit);
			CHECK(saved_load(&image, 0, &error) == NULL);
			CHECK(error == -EBADMSG || (error == -EPROTONOSUPPORT && at >= 8 && at < 12));
			image.bytes[at] ^= (uint8_t)(1u << bit);
		}
	}
	image.bytes[11]++;
	saved_seal(&image);
	CHECK(saved_load(&image, 0, &error) == NULL);
	CHECK_EQ(error, -EPROTONOSUPPORT);
	free(image.bytes);
}

/* Where the numbers of an image stand. */
#define NARROW(index) (48 + 4 * (index))
#define WIDE(index)   (80 + 8 * (index))

static void put_number(struct saved *image, size_t at, size_t bytes, uint64_t value)
{
	for (size_t i = 0; i < bytes; i++)
		image->bytes[at + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* 5 of 20 bytes acknowledged; 3 consumed, 6 in order, 8 to 10 and 12 to 14 ahead, the end at 14. */
static void each_lie_is_refused(void)
{
	static const struct {
		size_t at, bytes;
		uint64_t value;
	} lies[] = {
		{ 12, 4, 2 }, { 16, 4, 3 }, { 20, 4, 1 }, { 24, 8, 0 },
		{ NARROW(0), 4, 256 }, { NARROW(1), 4, 2 }, { NARROW(2), 4, 4 }, { NARROW(3), 4, 4 },
		/* Segments that reach beyond a stream that is not finished. */
		{ NARROW(0), 4, IMAGE_DIALLER },
		{ NARROW(4), 4, SESSION_FINISHED }, { NARROW(4), 4, SESSION_CLOSED }, { NARROW(4), 4, 4 },
		{ NARROW(5), 4, 1 }, { NARROW(6), 4, 65535 }, { NARROW(7), 4, 65536 },
		{ WIDE(1), 8, SAVE_WINDOW_MAX + 1 },
		{ WIDE(2), 8, 10 }, { WIDE(2), 8, SAVE_WINDOW_MAX + 1 },
		{ WIDE(3), 8, 0 }, { WIDE(3), 8, INT64_MAX - 1 }, { WIDE(4), 8, INT64_MAX },
		{ WIDE(5), 8, INT64_MAX - 1 }, { WIDE(6), 8, INT64_MAX - 1 }, { WIDE(7), 8, UINT64_MAX },
		{ WIDE(8), 8, INT64_MAX }, { WIDE(9), 8, INT64_MAX }, { WIDE(10), 8, UINT64_MAX },
		{ WIDE(11), 8, UINT64_MAX }, { WIDE(12), 8, 19 }, { WIDE(12), 8, STREAM_OFFSET_MAX + 1 },
		{ WIDE(13), 8, SAVE_WINDOW_MAX + 1 }, { WIDE(14), 8, STREAM_OFFSET_MAX + 1 }, { WIDE(15), 8, 200007 },
		{ WIDE(18), 8, 8 }, { WIDE(18), 8, 22 }, { WIDE(19), 8, STREAM_OFFSET_MAX },
		{ WIDE(20), 8, 6 }, { WIDE(21), 8, 7 }, { WIDE(22), 8, 8 }, { WIDE(23), 8, 13 },
		{ WIDE(23), 8, 5 }, { WIDE(23), 8, STREAM_OFFSET_MAX + 1 },
		/* Segments: to 8, 12, 14, 16, 21. */
		{ 272, 8, 5 }, { 281, 8, 8 }, { 272 + 4 * 9, 8, 22 }, { 280, 1, 3 }, { 280, 1, 4 },
		{ 272 + 4 * 9 + 8, 1, 0 },
		/* Stretches: to 10, 20. Ranges behind. */
		{ 317, 8, 5 }, { 325, 8, 10 }, { 325, 8, 21 },
		{ 333, 8, 6 }, { 341, 8, 8 }, { 349, 8, 10 }, { 357, 8, 15 },
	};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct saved image = small_image(false);
		struct session *s;
		int error;

		CHECK_EQ(image.length, 272 + 5 * 9 + 2 * 8 + 2 * 16 + 15 + 3 + 4 + 32);
		put_number(&image, lies[i].at, lies[i].bytes, lies[i].value);
		saved_seal(&image);
		s = saved_load(&image, 0, &error);
		if (s != NULL)
			printf("  lie %zu, at byte %zu, was believed\n", i, lies[i].at);
		CHECK(s == NULL);
		CHECK_EQ(error, -EBADMSG);
		free(image.bytes);
	}
}

/* Two or three numbers that would be right alone. */
static void agreed_lies_are_refused(void)
{
	static const struct {
		bool finished;
		struct {
			size_t at;
			uint64_t value;
		} number[3];
	} lies[] = {
		/* Ahead without a hole, twice; empty; beyond the window that consumed and limit give. */
		{ false, { { 333, 6 }, { 341, 8 } } },
		{ false, { { 349, 10 }, { 357, 12 } } },
		{ false, { { 341, 8 }, { 349, 10 } } },
		{ false, { { WIDE(23), UINT64_MAX }, { 349, 200005 }, { 357, 200007 } } },
		/* Open (state and reason), with more in order than the stream has. */
		{ true, { { NARROW(4), 0 }, { WIDE(23), 13 } } },
		/* Finished, with one direction that is not. */
		{ true, { { WIDE(21), 2 }, { WIDE(22), 13 } } },
		{ true, { { WIDE(18), 20 } } },
	};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct saved image = small_image(lies[i].finished);
		int error;

		for (unsigned k = 0; k < 3 && lies[i].number[k].at > 0; k++)
			put_number(&image, lies[i].number[k].at, 8, lies[i].number[k].value);
		saved_seal(&image);
		CHECK(saved_load(&image, 0, &error) == NULL);
		CHECK_EQ(error, -EBADMSG);
		free(image.bytes);
	}
}

/* The small image with so many entries in its three tables instead of its own. */
static struct saved with_tables(unsigned segments, unsigned stretches, unsigned ranges)
{
	struct saved old = small_image(false), image = { .length = 272 + SHA256_BYTES };
	uint8_t *at;

	image.length += segments * 9u + stretches * 8u + ranges * 16u + 1000 - 5 + 3 + ranges;
	image.bytes = calloc(1, image.length);
	CHECK(image.bytes != NULL);
	memcpy(image.bytes, old.bytes, 272);
	free(old.bytes);
	put_number(&image, 12, 4, segments);
	put_number(&image, 16, 4, stretches);
	put_number(&image, 20, 4, ranges);
	put_number(&image, 24, 8, image.length);
	put_number(&image, WIDE(19), 8, 1000);
	put_number(&image, WIDE(23), 8, UINT64_MAX);
	at = image.bytes + 272;
	for (unsigned i = 0; i < segments; i++, at += 9) {
		put_number(&image, (size_t)(at - image.bytes), 8, 6 + i);
		at[8] = (uint8_t)(1 + i % 2);
	}
	for (unsigned i = 0; i < stretches; i++, at += 8)
		put_number(&image, (size_t)(at - image.bytes), 8, 6 + i);
	for (unsigned i = 0; i < ranges; i++, at += 16) {
		put_number(&image, (size_t)(at - image.bytes), 8, 8 + 2 * i);
		put_number(&image, (size_t)(at - image.bytes) + 8, 8, 9 + 2 * i);
	}
	saved_seal(&image);
	return image;
}

static void tables_have_limits(void)
{
	static const unsigned most[] = { SEGMENTS_MAX, STRETCHES_MAX, RANGES_HELD_MAX };

	for (unsigned i = 0; i < 4; i++) {
		struct saved image = with_tables(most[0] + (i == 1), most[1] + (i == 2), most[2] + (i == 3));
		int error;
		struct session *s = saved_load(&image, 0, &error);

		CHECK((s != NULL) == (i == 0));
		if (s != NULL) {
			CHECK_EQ(s->sender.flight.count, SEGMENTS_MAX);
			CHECK_EQ(s->sender.converge.count, STRETCHES_MAX);
			CHECK_EQ(s->receive.ahead.count, RANGES_HELD_MAX);
			saved_unload(s);
		}
		free(image.bytes);
	}
}

/* The stream's own end: a sender that wrote up to it, a receiver just before it. */
static void at_the_end_of_the_offsets(void)
{
	static const struct {
		uint64_t end, announced, flags;
		bool right;
	} ends[] = {
		{ STREAM_OFFSET_MAX - 1, STREAM_OFFSET_MAX, IMAGE_SEND_FINISHED, true },
		{ STREAM_OFFSET_MAX, STREAM_OFFSET_MAX, IMAGE_SEND_FINISHED, false },
		{ STREAM_OFFSET_MAX, STREAM_OFFSET_MAX, 0, true },
		{ STREAM_OFFSET_MAX - 1, STREAM_OFFSET_MAX + 1, IMAGE_SEND_FINISHED, false },
	};

	for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct saved image = with_tables(0, 0, 0);
		struct session_saved saved;

		image.length = 272 + SHA256_BYTES;
		put_number(&image, 24, 8, image.length);
		put_number(&image, NARROW(0), 4, ends[i].flags);
		put_number(&image, WIDE(12), 8, STREAM_OFFSET_MAX);
		put_number(&image, WIDE(15), 8, ends[i].announced);
		put_number(&image, WIDE(18), 8, ends[i].end);
		put_number(&image, WIDE(19), 8, ends[i].end);
		put_number(&image, WIDE(21), 8, STREAM_OFFSET_MAX - 10);
		put_number(&image, WIDE(22), 8, STREAM_OFFSET_MAX - 10);
		saved_seal(&image);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), ends[i].right ? 0 : -EBADMSG);
		free(image.bytes);
	}
}

/* The end of the peer's stream has an offset, which an ACK names with one more: it is below the last offset. */
static void the_last_end_of_the_peers_stream(void)
{
	for (unsigned beyond = 0; beyond < 2; beyond++) {
		struct saved image = with_tables(0, 0, 0);
		uint64_t fin = STREAM_OFFSET_MAX - 1 + beyond;
		struct solo solo = { .now = 5 * NS_PER_S, .next_id = 77 };
		struct solo_frame frame;
		struct frame_ack ack;
		int error;

		image.length = 272 + SHA256_BYTES;
		put_number(&image, 24, 8, image.length);
		put_number(&image, WIDE(15), 8, STREAM_OFFSET_MAX);
		put_number(&image, WIDE(18), 8, 1000);
		put_number(&image, WIDE(20), 8, 1000);
		put_number(&image, WIDE(21), 8, fin);
		put_number(&image, WIDE(22), 8, fin);
		put_number(&image, WIDE(23), 8, fin);
		saved_seal(&image);
		solo.s = saved_load(&image, 0, &error);
		free(image.bytes);
		CHECK_EQ(error, beyond ? -EBADMSG : 0);
		if (solo.s == NULL)
			continue;
		solo_path(&solo, 0, NS_PER_MS, false);
		solo_carry_all(&solo);
		solo.now += NS_PER_S;
		solo_carry_all(&solo);
		CHECK(solo_take_type(&solo, 0, FRAME_ACK, &frame));
		CHECK_EQ(frame_ack_decode(frame.payload, frame.header.length, &ack), 0);
		CHECK_EQ(ack.cumulative, STREAM_OFFSET_MAX);
		session_remove_path(solo.s, &solo.path[0], solo.now);
		free(solo.out[0].bytes);
		saved_unload(solo.s);
	}
}

static void what_may_be_at_the_most(void)
{
	struct saved image = with_tables(0, 0, 0);
	struct session_saved saved;

	CHECK(memcmp(image.bytes, "hawser\0S", 8) == 0);
	put_number(&image, NARROW(0), 4, IMAGE_FLAGS_ALL);
	put_number(&image, NARROW(7), 4, UINT16_MAX);
	put_number(&image, WIDE(13), 8, SAVE_WINDOW_MAX);
	put_number(&image, WIDE(14), 8, STREAM_OFFSET_MAX);
	saved_seal(&image);
	CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
	free(image.bytes);
}

/* 2 bytes ahead, the end unknown: up to the last byte of the window, and with a block to themselves or two. */
static void where_ranges_may_lie(void)
{
	static const struct {
		uint64_t start;
		unsigned blocks;
		bool right;
	} ranges[] = {
		/* One to work in, one for what is sent, one for what is in order and the first range. */
		{ 11, 3, true }, { BLOCK_BYTES - 2, 3, true }, { BLOCK_BYTES - 1, 4, true }, { BLOCK_BYTES, 4, true },
		{ 200003 + 3 - 2, 4, true }, { 200003 + 3 - 1, 0, false },
	};

	for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
		struct saved image = small_image(false);
		struct session_saved saved;
		struct session *s;
		int error;

		put_number(&image, WIDE(23), 8, UINT64_MAX);
		put_number(&image, 349, 8, ranges[i].start);
		put_number(&image, 357, 8, ranges[i].start + 2);
		saved_seal(&image);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), ranges[i].right ? 0 : -EBADMSG);
		if (ranges[i].right)
			CHECK_EQ(saved.blocks, ranges[i].blocks);
		s = saved_load(&image, 0, &error);
		CHECK_EQ(s != NULL, ranges[i].right);
		if (s != NULL) {
			CHECK_EQ(s->receive.ahead.at[1].start, ranges[i].start);
			saved_unload(s);
		}
		free(image.bytes);
	}
}

/* Nor beyond the last offset, although the window would reach there. */
static void no_range_beyond_the_end_of_the_offsets(void)
{
	for (unsigned beyond = 0; beyond < 2; beyond++) {
		struct saved image = small_image(false);
		struct session_saved saved;

		put_number(&image, WIDE(15), 8, STREAM_OFFSET_MAX);
		put_number(&image, WIDE(21), 8, STREAM_OFFSET_MAX - 20);
		put_number(&image, WIDE(22), 8, STREAM_OFFSET_MAX - 17);
		put_number(&image, WIDE(23), 8, UINT64_MAX);
		put_number(&image, 333, 8, STREAM_OFFSET_MAX - 10);
		put_number(&image, 341, 8, STREAM_OFFSET_MAX - 8);
		put_number(&image, 349, 8, STREAM_OFFSET_MAX - 2 + beyond);
		put_number(&image, 357, 8, STREAM_OFFSET_MAX + beyond);
		saved_seal(&image);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), beyond ? -EBADMSG : 0);
		free(image.bytes);
	}
}

/* An image that ends where memory does, is as long as it says, and has, it says, so many segments. */
static void ends_with_memory(size_t length, unsigned segments)
{
	struct saved whole = small_image(false), image = { .length = length };
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct session_saved saved;

	CHECK(pages != MAP_FAILED && mprotect(pages + page, (size_t)page, PROT_NONE) == 0);
	put_number(&whole, 12, 4, segments);
	put_number(&whole, 16, 4, 0);
	put_number(&whole, 20, 4, 0);
	put_number(&whole, 24, 8, length);
	/* As far as there is memory the segments are right. */
	for (unsigned i = 0; i < SHA256_BYTES / 9; i++) {
		put_number(&whole, 272 + 9 * i, 8, 6 + i);
		whole.bytes[272 + 9 * i + 8] = (uint8_t)(1 + i % 2);
	}
	image.bytes = pages + page - length;
	memcpy(image.bytes, whole.bytes, length);
	CHECK_EQ(session_saved(image.bytes, length, &saved), -EBADMSG);
	munmap(pages, 2 * (size_t)page);
	free(whole.bytes);
}

static void nothing_is_read_beyond_the_image(void)
{
	for (size_t length = 0; length < 272 + SHA256_BYTES; length++)
		ends_with_memory(length, 0);
	/* Segments that begin where the sum should, and end just beyond it, or far. */
	ends_with_memory(272 + SHA256_BYTES, 4);
	ends_with_memory(272 + SHA256_BYTES, 7);
	ends_with_memory(272 + SHA256_BYTES, 50);
}

/* A loaded session is used a little, whatever it says of itself. */
static void use(struct session *s)
{
	struct solo solo = { .s = s, .now = 5 * NS_PER_S, .next_id = (uint16_t)random_below(70000) };
	struct iovec iov[32];
	struct path *p;

	if (session_save_bytes(s) < 1 << 20) {
		struct saved image = saved_new(s, solo.now);

		free(image.bytes);
	}
	solo.blocks = s->stock.lent;
	if (solo.next_id == PATH_ID_NONE || session_add_path(s, &solo.path[0], solo.next_id, 0, -1, solo.now) < 0)
		return;
	for (unsigned i = 0; i < 20; i++) {
		solo_lend(&solo);
		if (session_send_space(s, 100, iov, 4) > 0)
			session_send_commit(s, 1, solo.now);
		if ((p = session_next_writer(s, solo.now)) != NULL) {
			size_t planned = 0;

			for (unsigned k = session_plan(s, p, iov, 32, solo.now); k > 0; k--)
				planned += iov[k - 1].iov_len;
			session_wrote(s, p, planned - random_below(2) * planned / 2, solo.now);
		}
		if (session_readable(s) > 0)
			session_receive_consume(s, 1 + random_below(session_readable(s)), solo.now);
		(void)session_deadline(s, solo.now);
		solo.now += 1 + (time_ns)random_below(NS_PER_S);
		session_tick(s, solo.now);
	}
	solo.out[0].bytes = (uint8_t *)1;       /* the path counts in ACKs */
	(void)solo_ack(&solo, 0, s->sender.flight.base, NULL, 0);
	(void)solo_data(&solo, 0, s->receive.contiguous, 1, false);
	session_send_finish(s, solo.now);
	session_remove_path(s, &solo.path[0], solo.now);
}

static const uint64_t strange[] = {
	0, 1, 2, 255, 256, 65535, 65536, INT32_MAX, UINT32_MAX, SAVE_WINDOW_MAX, STREAM_OFFSET_MAX - 1,
	STREAM_OFFSET_MAX, STREAM_OFFSET_MAX + 1, INT64_MAX - 1, INT64_MAX, UINT64_MAX - 1, UINT64_MAX,
};

static void strange_number(struct saved *image)
{
	uint64_t value = strange[random_below(sizeof strange / sizeof strange[0])];
	size_t bytes = one_in(2) ? 8 : 4;
	size_t at = random_below(image->length - SHA256_BYTES - bytes);

	if (one_in(2))
		value = random_below(40);
	if (one_in(2))
		at -= at % 4;
	for (size_t i = 0; i < bytes; i++)
		image->bytes[at + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* With the sum made right: refused, or a session that can be used. */
static void lies_are_harmless(void)
{
	unsigned loaded = 0, tried = 0;

	for (unsigned round = 0; round < 20000; round++) {
		struct saved image = small_image(round % 2 != 0);
		struct session *s;
		int error;

		if (round < 4 * image.length)
			image.bytes[round / 4] ^= (uint8_t)(1 + random_below(255));
		else
			for (unsigned i = 1 + (unsigned)random_below(3); i > 0; i--)
				strange_number(&image);
		saved_seal(&image);
		s = saved_load(&image, (time_ns)strange[random_below(15)], &error);
		tried++;
		if (s != NULL) {
			loaded++;
			use(s);
			saved_unload(s);
		} else {
			CHECK(error == -EBADMSG || error == -EPROTONOSUPPORT);
		}
		free(image.bytes);
	}
	printf("  %u of %u lies were loaded\n", loaded, tried);
	CHECK(loaded > 0 && loaded < tried);
}

int main(void)
{
	RUN(damage_is_refused);
	RUN(each_lie_is_refused);
	RUN(agreed_lies_are_refused);
	RUN(tables_have_limits);
	RUN(at_the_end_of_the_offsets);
	RUN(the_last_end_of_the_peers_stream);
	RUN(what_may_be_at_the_most);
	RUN(where_ranges_may_lie);
	RUN(no_range_beyond_the_end_of_the_offsets);
	RUN(nothing_is_read_beyond_the_image);
	RUN(lies_are_harmless);
	return 0;
}
