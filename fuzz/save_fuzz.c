/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved sessions. The input makes a session with something in every part of it and saves that; changes
 * the image anywhere, and makes its sum right again, or is an image itself. What loads must save to the
 * same bytes, and then be a session that lives: it sends, hears, is read and ends.
 */
#include <errno.h>

#include "core/frame.h"
#include "core/save.h"
#include "core/session_internal.h"
#include "core/sha256.h"
#include "fuzz/fuzz.h"

#define IMAGE_MAX  ((size_t)1 << 20)
#define BLOCKS_MAX 40u                  /* images that want more are left alone */
#define NOW        (1000 * NS_PER_S)
#define WRITES_MAX 5000u

static uint8_t image[IMAGE_MAX], again[IMAGE_MAX];
static unsigned lent;

static void lend(struct session *s)
{
	for (unsigned wanted = session_blocks_wanted(s); wanted > 0; wanted--, lent++)
		session_lend(s, calloc(1, BLOCK_BYTES));
}

static void end(struct session *s, struct path *p)
{
	void *block;

	if (p != NULL)
		session_remove_path(s, p, NOW);
	session_fini(s);
	for (; (block = session_reclaim(s)) != NULL; lent--)
		free(block);
	HOLDS(lent == 0);
	free(s);
}

static void feed(struct session *s, struct path *p, const uint8_t *bytes, size_t length)
{
	struct iovec iov[1];

	lend(s);
	if (session_place(s, p, iov, 1) == 0)
		return;
	HOLDS(iov[0].iov_len >= length);
	memcpy(iov[0].iov_base, bytes, length);
	(void)session_arrived(s, p, length, NOW);
}

static void feed_data(struct session *s, struct path *p, uint64_t offset, uint32_t length, bool fin)
{
	uint8_t bytes[FRAME_DATA_HEAD_BYTES + 255] = { 0 };
	struct frame_data data = { .offset = offset, .length = length, .fin = fin };

	if (offset > STREAM_OFFSET_MAX - 300 || (length == 0 && !fin))
		return;
	frame_data_encode(bytes, sizeof bytes, &data);
	feed(s, p, bytes, FRAME_DATA_HEAD_BYTES + length);
}

static void feed_ack(struct session *s, struct path *p, uint64_t cumulative)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_ACK_MAX];
	struct frame_ack ack = { .cumulative = cumulative, .receive_limit = STREAM_OFFSET_MAX,
				 .range_credit = RANGE_CREDIT, .path_count = 1 };

	ack.paths[0].path_id = p->id;
	ack.paths[0].received_bytes = p->health.sent_bytes;
	feed(s, p, bytes, frame_ack_encode(bytes, sizeof bytes, &ack));
}

static void carry(struct session *s, size_t most)
{
	struct path *p;
	struct iovec iov[16];

	lend(s);
	for (unsigned i = 0; (p = session_next_writer(s, NOW)) != NULL; i++) {
		unsigned used = session_plan(s, p, iov, 16, NOW);
		size_t planned = 0;

		HOLDS(used > 0 && i < WRITES_MAX);
		for (unsigned k = 0; k < used; k++)
			planned += iov[k].iov_len;
		session_wrote(s, p, planned < most ? planned : most, NOW);
		if (planned >= most)
			session_path_room(s, p, false);
		lend(s);
	}
	if (s->sender.paths[0] != NULL)
		session_path_room(s, s->sender.paths[0], true);
}

static void write_some(struct session *s, size_t length)
{
	struct iovec iov[4];
	unsigned used;
	uint64_t moved = 0;

	lend(s);
	used = session_send_space(s, length, iov, 4);
	for (unsigned i = 0; i < used; i++) {
		memset(iov[i].iov_base, 'x', iov[i].iov_len);
		moved += iov[i].iov_len;
	}
	session_send_commit(s, moved, NOW);
}

static struct session *make(struct draw *d, struct path *p)
{
	struct session_config config = {
		.dialler = draw_u8(d) & 1, .kind = draw_u8(d) & 1, .mode = draw_u8(d) & 3,
		.send_limit_bytes = 262144, .receive_limit_bytes = 262144,
		.resume_timeout_ns = draw_u8(d) & 1 ? TIME_NEVER : 300 * NS_PER_S,
		.orphan_timeout_ns = 3 * NS_PER_S, .probe_interval_ns = 10 * NS_PER_S,
		.suspect_floor_ns = 10 * NS_PER_MS,
	};
	struct session *s = session_init(malloc(session_bytes(&config)), &config, NOW);

	session_peer_declared(s, 200000, RANGE_CREDIT, TIME_NEVER);
	HOLDS(session_add_path(s, p, draw_u8(d), 0, NS_PER_MS, NOW) == 0);
	for (unsigned acts = draw_below(d, 30); acts > 0; acts--) {
		switch (draw_below(d, 8)) {
		case 0:
			write_some(s, (size_t)draw_u16(d) + 1);
			break;
		case 1:
			session_send_boundary(s);
			break;
		case 2:
			carry(s, draw_u16(d) + 1u);
			break;
		case 3:
			feed_data(s, p, draw_u16(d), draw_u8(d), false);
			break;
		case 4:
			feed_data(s, p, s->receive.contiguous, draw_u8(d), draw_below(d, 4) == 0);
			break;
		case 5:
			feed_ack(s, p, s->sender.flight.base + draw_u16(d) %
				 (flight_top(&s->sender.flight) - s->sender.flight.base + 1));
			break;
		case 6:
			session_receive_consume(s, draw_u16(d) % (session_readable(s) + 1), NOW);
			break;
		default:
			if (draw_below(d, 3) == 0)
				session_send_finish(s, NOW);
			break;
		}
	}
	return s;
}

/* Changes in the image, each one byte, a number of eight, or where it ends. */
static size_t change(struct draw *d, size_t length)
{
	static const uint64_t numbers[] = { 0, 1, UINT64_MAX, STREAM_OFFSET_MAX, STREAM_OFFSET_MAX + 1, 65536,
					    INT64_MAX, UINT64_C(1) << 30 };

	for (unsigned changes = draw_below(d, 6); changes > 0; changes--) {
		size_t at = draw_below(d, 4) == 0 ? draw_u32(d) % length : draw_u16(d) % 700u % length;
		uint64_t value;

		switch (draw_below(d, 4)) {
		case 0:
			length = at + 1;
			break;
		case 1:
			at = at / 8 * 8;
			value = draw_below(d, 2) == 0 ? draw_u64(d) : numbers[draw_below(d, 8)];
			for (unsigned i = 0; i < 8 && at + i < length; i++)
				image[at + i] = (uint8_t)(value >> (56 - 8 * i));
			break;
		default:
			image[at] ^= draw_u8(d);
			break;
		}
	}
	return length;
}

static void make_sum_right(size_t length)
{
	struct sha256 sha;

	if (length < SHA256_BYTES)
		return;
	sha256_init(&sha);
	sha256_update(&sha, image, length - SHA256_BYTES);
	sha256_final(&sha, image + length - SHA256_BYTES);
}

/* It came from bytes that anybody may have written: now it does all that a session does. */
static void live(struct session *s, uint16_t next_id)
{
	struct path path;
	enum session_state state = session_state(s);
	struct iovec iov[4];
	struct session_figures figures;

	session_figures(s, &figures);
	HOLDS(session_unacknowledged(s) <= s->config.send_limit_bytes + 1);
	/* Without a path nothing is due but its end, however long ago: ages may go back to before the clock began. */
	if (session_deadline(s, NOW) <= NOW) {
		session_tick(s, NOW);
		state = session_state(s);
		HOLDS(state >= SESSION_CLOSED);
	}
	if (state >= SESSION_CLOSED)
		HOLDS(session_blocks_wanted(s) == 0);
	if (session_readable(s) > 0)
		HOLDS(session_receive_peek(s, iov, 4) > 0);
	HOLDS(session_add_path(s, &path, next_id, 0, NS_PER_MS, NOW) == 0);
	carry(s, SIZE_MAX);
	feed_data(s, &path, s->receive.contiguous, 200, false);
	feed_ack(s, &path, flight_top(&s->sender.flight));
	write_some(s, 1000);
	session_send_finish(s, NOW);
	carry(s, SIZE_MAX);
	feed_ack(s, &path, flight_top(&s->sender.flight));
	session_receive_consume(s, session_readable(s), NOW);
	feed_data(s, &path, s->receive.contiguous, 0, true);
	carry(s, SIZE_MAX);
	session_tick(s, NOW + 10000 * NS_PER_S);
	end(s, &path);
}

/* NULL: refused, as images may be; else *saved tells of it. */
static struct session *load(const uint8_t *bytes, size_t length, struct session_saved *saved)
{
	struct session *s;
	struct stock stock;
	void *memory, *block;
	int error = session_saved(bytes, length, saved);

	HOLDS(error == 0 || error == -EBADMSG || error == -EPROTONOSUPPORT);
	if (error < 0 || saved->blocks > BLOCKS_MAX)
		return NULL;
	HOLDS(session_bytes(&saved->config) < (size_t)1 << 20);
	memory = malloc(session_bytes(&saved->config));
	stock_init(&stock);
	for (unsigned i = 0; i < saved->blocks; i++, lent++)
		stock_lend(&stock, malloc(BLOCK_BYTES));
	error = session_load(memory, bytes, length, &stock, NOW, &s);
	if (error == 0) {
		HOLDS(s->stock.lent == lent && stock.lent == 0);
		return s;
	}
	HOLDS(error == -EBADMSG);
	for (; (block = stock_reclaim(&stock)) != NULL; lent--)
		free(block);
	free(memory);
	HOLDS(lent == 0);
	return NULL;
}

/* true_image: as session_save made it. */
static void check(size_t length, bool true_image)
{
	struct session_saved saved;
	struct session *s = load(image, length, &saved);
	size_t again_length;

	HOLDS(s != NULL || !true_image);
	if (s == NULL)
		return;
	/* What does not matter in a state may be told otherwise the next time, but then no more. */
	again_length = session_save_bytes(s);
	HOLDS(again_length <= IMAGE_MAX && session_save(s, again, IMAGE_MAX, NOW) == (int64_t)again_length);
	if (true_image)
		HOLDS(again_length == length && memcmp(again, image, length) == 0);
	end(s, NULL);
	s = load(again, again_length, &saved);
	HOLDS(s != NULL && session_save_bytes(s) == again_length);
	HOLDS(session_save(s, image, IMAGE_MAX, NOW) == (int64_t)again_length);
	HOLDS(memcmp(again, image, again_length) == 0);
	live(s, saved.next_path_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct draw d = { data, size };
	struct path path;
	struct session *s;
	size_t length = size < IMAGE_MAX ? size : IMAGE_MAX, changed;

	if ((draw_u8(&d) & 7) == 0) {
		memcpy(image, data, length);
		check(length, false);
		return 0;
	}
	s = make(&d, &path);
	length = session_save_bytes(s);
	HOLDS(length <= IMAGE_MAX);
	if (length > 0)
		HOLDS(session_save(s, image, length - 1, NOW) == -ENOBUFS);
	HOLDS(session_save(s, image, length, NOW) == (int64_t)length);
	end(s, &path);
	memcpy(again, image, length);
	changed = change(&d, length);
	make_sum_right(changed);
	check(changed, changed == length && memcmp(again, image, length) == 0);
	return 0;
}
