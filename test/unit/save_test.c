/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions saved and loaded: nothing of the state is forgotten, a stream goes on with a peer that did
 * not restart, and no image, however damaged, makes more than an error.
 *
 *   save_test [SEED [COUNT]]: the random restarts only
 */
#include "core/save.h"

#include <errno.h>

#include "core/sha256.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 8) % limit;
}

static bool one_in(unsigned count)
{
	return random_below(count) == 0;
}

struct image {
	uint8_t *bytes;
	size_t length;
};

static struct image save(const struct session *s, time_ns now)
{
	struct image image = { .length = session_save_bytes(s) };

	image.bytes = malloc(image.length);
	CHECK(image.bytes != NULL);
	CHECK_EQ(session_save(s, image.bytes, image.length, now), image.length);
	return image;
}

/* Makes the sum right again, so that what is inside must be refused for itself. */
static void seal(struct image *image)
{
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, image->bytes, image->length - SHA256_BYTES);
	sha256_final(&sha, image->bytes + image->length - SHA256_BYTES);
}

static void lend_new(struct stock *stock, unsigned blocks)
{
	stock_init(stock);
	while (blocks-- > 0) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block != NULL);
		stock_lend(stock, block);
	}
}

/* Loads, with no block more than asked for; NULL: refused, *error says how, and nothing was kept. */
static struct session *load(const struct image *image, time_ns now, int *error)
{
	struct session_saved saved;
	struct session *s = NULL;
	struct stock lent;
	void *memory, *block;

	*error = session_saved(image->bytes, image->length, &saved);
	if (*error < 0)
		return NULL;
	memory = malloc(session_bytes(&saved.config));
	CHECK(memory != NULL);
	lend_new(&lent, saved.blocks);
	*error = session_load(memory, image->bytes, image->length, &lent, now, &s);
	CHECK_EQ(lent.free, s != NULL ? 0 : saved.blocks);
	CHECK((*error == 0) == (s != NULL));
	while ((block = stock_reclaim(&lent)) != NULL)
		free(block);
	if (s == NULL)
		free(memory);
	return s;
}

static void unload(struct session *s)
{
	void *block;

	session_fini(s);
	while ((block = session_reclaim(s)) != NULL)
		free(block);
	CHECK_EQ(s->stock.lent, 0);
	free(s);
}

/* The session of a solo becomes the one loaded from its image; its paths are gone. */
static void restart(struct solo *solo, time_ns away_ns)
{
	struct image image = save(solo->s, solo->now);
	int error;

	for (unsigned i = 0; i < SOLO_PATHS; i++) {
		if (solo->out[i].bytes != NULL)
			session_remove_path(solo->s, &solo->path[i], solo->now);
		free(solo->out[i].bytes);
		solo->out[i].bytes = NULL;
		solo->out[i].length = solo->out[i].parsed = 0;
	}
	unload(solo->s);
	solo->now += away_ns;
	solo->s = load(&image, solo->now, &error);
	CHECK_EQ(error, 0);
	solo->blocks = solo->s->stock.lent;
	free(image.bytes);
}

static struct session_config odd_config(void)
{
	struct session_config config = {
		.dialler = true,
		.kind = SESSION_MESSAGES,
		.mode = MODE_DUPLICATE,
		.id = { 1, 2, 3, [15] = 16 },
		.send_limit_bytes = 300001,
		.receive_limit_bytes = 200003,
		.resume_timeout_ns = 7 * NS_PER_S,
		.orphan_timeout_ns = 5 * NS_PER_S,
		.probe_interval_ns = 11 * NS_PER_S,
		.suspect_floor_ns = 13 * NS_PER_MS,
		.overdue_off = true,
	};
	return config;
}

/* Bytes unacknowledged, some of them selectively; bytes unread, some of them ahead; odd times. */
static struct solo *busy(void)
{
	struct session_config config = odd_config();
	struct solo *solo = solo_new(&config, 100000);
	struct range acked[] = { { 30000, 40000 }, { 50000, 50001 } };

	session_peer_declared(solo->s, 100000, 77, 6 * NS_PER_S);
	solo_path(solo, 0, 10 * NS_PER_MS, true);
	solo_path(solo, 1, 20 * NS_PER_MS, true);
	solo_write(solo, 10000);
	session_send_boundary(solo->s);
	solo_write(solo, 50000);
	session_send_boundary(solo->s);
	solo_write(solo, 70000);
	solo_carry_all(solo);
	CHECK_EQ(flight_top(&solo->s->sender.flight), 100000);
	CHECK_EQ(solo_ack(solo, 0, 12345, acked, 2), 0);
	CHECK_EQ(solo_data(solo, 0, 0, 65000, false), 0);
	CHECK_EQ(solo_data(solo, 0, 65000, 5000, false), 0);
	CHECK_EQ(solo_data(solo, 1, 80000, 1000, false), 0);
	CHECK_EQ(solo_data(solo, 1, 199000, 500, true), 0);
	session_receive_consume(solo->s, 65600, solo->now);
	session_set_mode(solo->s, MODE_STRIPE, solo->now);
	session_ask_mode(solo->s, MODE_BACKUP, solo->now);
	solo->now += 3 * NS_PER_MS;
	return solo;
}

/*
 * A member that is added and not saved shows here: save it, bump SAVE_VERSION, correct the number. (Of what is
 * not saved: heard_at, for a session without paths is not heard.)
 */
static void no_member_is_new(void)
{
	const struct session *s = NULL;

	if (sizeof(void *) != 8)
		return;
	CHECK_EQ(sizeof(struct session_config), 88);
	CHECK_EQ(sizeof *s - sizeof s->sender - sizeof s->receive - sizeof s->receive_ranges, 240);
	CHECK_EQ(sizeof s->sender - sizeof s->sender.buffer - sizeof s->sender.flight -
		 sizeof s->sender.converge, 104);
	CHECK_EQ(sizeof s->sender.buffer, 64);
	CHECK_EQ(sizeof s->receive, 80);
}

static void same_session(const struct session *a, const struct session *b)
{
	const struct sender *x = &a->sender, *y = &b->sender;

	CHECK_MEM(a->config.id, b->config.id, SESSION_ID_BYTES);
	CHECK_EQ(a->config.dialler, b->config.dialler);
	CHECK_EQ(a->config.kind, b->config.kind);
	CHECK_EQ(a->config.send_limit_bytes, b->config.send_limit_bytes);
	CHECK_EQ(a->config.receive_limit_bytes, b->config.receive_limit_bytes);
	CHECK_EQ(a->config.resume_timeout_ns, b->config.resume_timeout_ns);
	CHECK_EQ(a->config.orphan_timeout_ns, b->config.orphan_timeout_ns);
	CHECK_EQ(a->config.probe_interval_ns, b->config.probe_interval_ns);
	CHECK_EQ(a->config.suspect_floor_ns, b->config.suspect_floor_ns);
	CHECK_EQ(a->config.overdue_off, b->config.overdue_off);
	CHECK_EQ(a->state, b->state);
	CHECK_EQ(a->reason, b->reason);
	CHECK_EQ(a->resume_timeout_ns, b->resume_timeout_ns);
	CHECK_EQ(a->highest_id, b->highest_id);
	CHECK_EQ(a->ids_seen, b->ids_seen);
	CHECK_EQ(a->discard, b->discard);
	CHECK_EQ(a->reset_by_peer, b->reset_by_peer);
	CHECK_EQ(a->mode_wish, b->mode_wish);
	CHECK_EQ(a->peer_consumed, b->peer_consumed);
	CHECK_EQ(a->peer_window, b->peer_window);
	CHECK_EQ(a->limit_announced, b->limit_announced);
	CHECK_EQ(a->duplicate_received, b->duplicate_received);
	CHECK_EQ(a->waiting_at, b->waiting_at);
	CHECK_EQ(a->longest_gap_ns, b->longest_gap_ns);
	CHECK_EQ(x->mode, y->mode);
	CHECK_EQ(x->overdue_off, y->overdue_off);
	CHECK_EQ(x->floor_ns, y->floor_ns);
	CHECK_EQ(x->peer_limit, y->peer_limit);
	CHECK_EQ(x->peer_credit, y->peer_credit);
	CHECK_EQ(x->duplicate_bytes, y->duplicate_bytes);
	CHECK_EQ(x->buffer.acknowledged, y->buffer.acknowledged);
	CHECK_EQ(x->buffer.end, y->buffer.end);
	CHECK_EQ(x->buffer.finished, y->buffer.finished);
	CHECK_EQ(x->flight.base, y->flight.base);
	CHECK_EQ(flight_top(&x->flight), flight_top(&y->flight));
	CHECK_EQ(x->converge.begin, y->converge.begin);
	CHECK_EQ(x->converge.begin, 10000);
	CHECK_EQ(x->converge.count, y->converge.count);
	for (unsigned i = 0; i < x->converge.count; i++)
		CHECK_EQ(x->converge.at[i].end, y->converge.at[i].end);
	CHECK_EQ(a->receive.consumed, b->receive.consumed);
	CHECK_EQ(a->receive.contiguous, b->receive.contiguous);
	CHECK_EQ(a->receive.limit, b->receive.limit);
	CHECK_EQ(a->receive.limit_bytes, b->receive.limit_bytes);
	CHECK_EQ(a->receive.fin_offset, b->receive.fin_offset);
	CHECK_EQ(a->receive.ahead.count, b->receive.ahead.count);
	for (unsigned i = 0; i < a->receive.ahead.count; i++)
		CHECK_MEM(&a->receive.ahead.at[i], &b->receive.ahead.at[i], sizeof(struct range));
}

static void nothing_is_forgotten(void)
{
	struct solo *solo = busy();
	struct image first = save(solo->s, solo->now), second;
	struct session_saved saved;
	struct session *s;
	uint8_t want[20000], got[20000];
	int error;

	CHECK_EQ(session_saved(first.bytes, first.length, &saved), 0);
	CHECK_EQ(saved.next_path_id, 2);
	CHECK_EQ(saved.state, SESSION_OPEN);
	CHECK_EQ(saved.config.mode, MODE_STRIPE);
	s = load(&first, solo->now, &error);
	CHECK_EQ(error, 0);
	same_session(solo->s, s);
	CHECK(s->mode_wished);
	CHECK_EQ(s->pathless_at, solo->now);
	/* Carried by nobody now, but sent and acknowledged as it was. */
	for (unsigned i = 0; i < s->sender.flight.count; i++)
		CHECK((s->sender.flight.at[i].carriers & ~(FLIGHT_SENT | FLIGHT_ACKED)) == 0);
	CHECK_EQ(flight_bytes(&s->sender.flight, 0, UINT64_MAX, FLIGHT_ACKED), 10001);
	CHECK_EQ(flight_bytes(&s->sender.flight, 0, UINT64_MAX, FLIGHT_SENT), 100000 - 12345);
	send_buffer_copy(&solo->s->sender.buffer, 60000, 80000, want);
	send_buffer_copy(&s->sender.buffer, 60000, 80000, got);
	CHECK_MEM(got, want, sizeof got);
	second = save(s, solo->now);
	CHECK_EQ(second.length, first.length);
	CHECK_MEM(second.bytes, first.bytes, first.length);
	unload(s);
	free(first.bytes);
	free(second.bytes);
	solo_free(solo);
}

static void rejoins(void)
{
	struct solo *solo = busy();
	struct solo_frame frame;
	struct frame_ack ack;
	uint64_t start, end, lowest = UINT64_MAX;
	struct path again;

	restart(solo, NS_PER_S);
	CHECK_EQ(session_next_writer(solo->s, solo->now) == NULL, true);
	CHECK_EQ(session_add_path(solo->s, &again, 1, 0, -1, solo->now), -EEXIST);
	CHECK_EQ(session_add_path(solo->s, &again, 0, 0, -1, solo->now), -EEXIST);
	solo_path(solo, 0, 10 * NS_PER_MS, true);
	solo_carry_all(solo);
	/* What was promised is said again. */
	CHECK(solo_take_type(solo, 0, FRAME_ACK, &frame));
	CHECK_EQ(frame_ack_decode(frame.payload, frame.header.length, &ack), 0);
	CHECK_EQ(ack.cumulative, 70000);
	CHECK_EQ(ack.receive_limit, 65600 + 200003);
	CHECK_EQ(ack.range_count, 2);
	CHECK_EQ(ack.ranges[1].start, 199000);
	CHECK(solo_take_type(solo, 0, FRAME_MODE, &frame));
	CHECK_EQ(frame.payload[0], MODE_BACKUP);
	/* What the peer has not acknowledged comes again, and nothing that it has. */
	while (solo_take_type(solo, 0, FRAME_DATA, &frame)) {
		solo_data_range(&frame, &start, &end);
		lowest = start < lowest ? start : lowest;
		CHECK(end <= 30000 || start >= 40000);
	}
	CHECK_EQ(lowest, 12345);
	/* It may acknowledge what was sent before the restart. */
	CHECK_EQ(solo_ack(solo, 0, 100000, NULL, 0), 0);
	/* The hole closes, and the program reads on where it was. */
	CHECK_EQ(solo_data(solo, 0, 70000, 10000, false), 0);
	CHECK_EQ(session_readable(solo->s), 81000 - 65600);
	for (uint64_t at = 65600; at < 81000;) {
		struct iovec iov;

		CHECK_EQ(session_receive_peek(solo->s, &iov, 1), 1);
		for (size_t i = 0; i < iov.iov_len; i++)
			CHECK_EQ(((uint8_t *)iov.iov_base)[i], solo_byte(at + i));
		at += iov.iov_len;
		session_receive_consume(solo->s, iov.iov_len, solo->now);
	}
	solo_free(solo);
}

static void timeouts_go_on(void)
{
	struct solo *solo = busy();

	/* Lost two seconds before; six are allowed, by the peer's word. */
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_LOST, true, solo->now);
	solo->now += 2 * NS_PER_S;
	restart(solo, 1000 * NS_PER_S);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 4 * NS_PER_S);
	solo->now += 4 * NS_PER_S;
	session_tick(solo->s, solo->now);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_RESUME_TIMEOUT);
	/* What had been acknowledged is still for the program. */
	restart(solo, 0);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_RESUME_TIMEOUT);
	CHECK_EQ(session_readable(solo->s), 70000 - 65600);
	CHECK_EQ(session_deadline(solo->s, solo->now), TIME_NEVER);
	solo_free(solo);
}

/* An acceptor whose carriers the peer's host had ended still counts the shorter time. */
static void orphans_stay_orphans(void)
{
	struct session_config config = odd_config();
	struct solo *solo;

	config.dialler = false;
	solo = solo_new(&config, 100000);
	solo_path(solo, 0, NS_PER_MS, true);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, true, solo->now);
	restart(solo, 0);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 5 * NS_PER_S);
	solo_path(solo, 0, NS_PER_MS, true);
	/* A restart with a path is no loss by the peer. */
	restart(solo, 0);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 7 * NS_PER_S);
	solo_free(solo);
}

static void ends_are_told(void)
{
	struct session_config config = odd_config();
	struct solo *solo = solo_new(&config, 100000);
	struct solo_frame frame;
	struct frame_close close;

	solo_path(solo, 0, NS_PER_MS, true);
	solo_write(solo, 1000);
	session_send_finish(solo->s, solo->now);
	restart(solo, 0);
	CHECK(session_send_finished(solo->s));
	CHECK_EQ(session_room(solo->s), 0);
	solo_path(solo, 0, NS_PER_MS, true);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(solo_ack(solo, 0, 1001, NULL, 0), 0);
	CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
	solo->now += NS_PER_S;
	restart(solo, 0);
	CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
	CHECK_EQ(session_deadline(solo->s, solo->now), solo->now + 4 * NS_PER_S);
	solo_path(solo, 0, NS_PER_MS, false);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_CLOSE, &frame));
	CHECK_EQ(frame_close_decode(frame.payload, frame.header.length, &close), 0);
	CHECK_EQ(close.reason, REASON_DONE);
	CHECK_EQ(session_readable(solo->s), 10);
	solo_free(solo);
}

/* All is here and all is acknowledged, but the last frame's end was still to come on a path. */
static void waits_for_no_lost_frame(void)
{
	struct session_config config = odd_config();
	struct solo *solo = solo_new(&config, 100000);
	struct frame_data data = { .length = 100, .fin = true };
	uint8_t frame[FRAME_DATA_HEAD_BYTES + 50];

	solo_path(solo, 0, NS_PER_MS, true);
	solo_path(solo, 1, NS_PER_MS, true);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	CHECK_EQ(solo_data(solo, 1, 50, 50, false), 0);
	memset(frame, 0, sizeof frame);
	frame_data_encode(frame, FRAME_DATA_HEAD_BYTES, &data);
	CHECK_EQ(solo_feed(solo, 0, frame, sizeof frame), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	restart(solo, 0);
	CHECK_EQ(session_state(solo->s), SESSION_FINISHED);
	CHECK_EQ(session_readable(solo->s), 100);
	solo_free(solo);
}

static void wants_its_room(void)
{
	struct solo *solo = busy();
	struct image image = save(solo->s, solo->now);
	uint8_t *small = malloc(image.length);
	struct session_saved saved;
	struct session *s = NULL;
	struct stock lent;
	void *memory, *block;

	memset(small, 0xaa, image.length);
	CHECK_EQ(session_save(solo->s, small, image.length - 1, solo->now), -ENOBUFS);
	CHECK_EQ(small[0], 0xaa);
	CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
	/* 12345 to 130000; 65600 to 70000, 80000 to 81000 in one with it, 199000 to 199500. */
	CHECK_EQ(saved.blocks, 2 + 1 + 1);
	memory = malloc(session_bytes(&saved.config));
	lend_new(&lent, saved.blocks - 1);
	CHECK_EQ(session_load(memory, image.bytes, image.length, &lent, 0, &s), -ENOMEM);
	CHECK(s == NULL);
	CHECK_EQ(lent.free, saved.blocks - 1);
	while ((block = stock_reclaim(&lent)) != NULL)
		free(block);
	free(memory);
	free(small);
	free(image.bytes);
	solo_free(solo);
}

/* An image with something of everything, but few bytes. */
static struct image small_image(bool finished)
{
	struct session_config config = odd_config();
	struct solo *solo = solo_new(&config, 1000);
	struct range acked[] = { { 8, 12 }, { 14, 16 } };
	struct image image;

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
	image = save(solo->s, solo->now);
	solo_free(solo);
	return image;
}

static void damage_is_refused(void)
{
	struct image image = small_image(false);
	int error;

	for (size_t length = 0; length < image.length; length++) {
		/* Memory of just that length, so that a sanitizer sees a byte too many. */
		struct image cut = { malloc(length > 0 ? length : 1), length };

		memcpy(cut.bytes, image.bytes, length);
		CHECK(load(&cut, 0, &error) == NULL);
		CHECK_EQ(error, -EBADMSG);
		free(cut.bytes);
	}
	for (size_t at = 0; at < image.length; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			image.bytes[at] ^= (uint8_t)(1u << bit);
			CHECK(load(&image, 0, &error) == NULL);
			CHECK(error == -EBADMSG || (error == -EPROTONOSUPPORT && at >= 8 && at < 12));
			image.bytes[at] ^= (uint8_t)(1u << bit);
		}
	}
	image.bytes[11]++;
	seal(&image);
	CHECK(load(&image, 0, &error) == NULL);
	CHECK_EQ(error, -EPROTONOSUPPORT);
	free(image.bytes);
}

/* Where the numbers of an image stand. */
#define NARROW(index) (48 + 4 * (index))
#define WIDE(index)   (80 + 8 * (index))

static void put_number(struct image *image, size_t at, size_t bytes, uint64_t value)
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
		{ NARROW(4), 4, SESSION_FINISHED }, { NARROW(4), 4, SESSION_CLOSED }, { NARROW(4), 4, 4 },
		{ NARROW(5), 4, 1 }, { NARROW(6), 4, 65535 }, { NARROW(7), 4, 65536 },
		{ WIDE(1), 8, 14 }, { WIDE(1), 8, SAVE_WINDOW_MAX + 1 },
		{ WIDE(2), 8, 10 }, { WIDE(2), 8, SAVE_WINDOW_MAX + 1 },
		{ WIDE(3), 8, 0 }, { WIDE(3), 8, INT64_MAX - 1 }, { WIDE(4), 8, INT64_MAX },
		{ WIDE(5), 8, INT64_MAX - 1 }, { WIDE(6), 8, INT64_MAX - 1 }, { WIDE(7), 8, UINT64_MAX },
		{ WIDE(8), 8, INT64_MAX }, { WIDE(9), 8, INT64_MAX }, { WIDE(10), 8, UINT64_MAX },
		{ WIDE(11), 8, UINT64_MAX }, { WIDE(12), 8, 19 }, { WIDE(12), 8, STREAM_OFFSET_MAX + 1 },
		{ WIDE(13), 8, 1001 }, { WIDE(14), 8, STREAM_OFFSET_MAX + 1 }, { WIDE(15), 8, 200007 },
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
		struct image image = small_image(false);
		struct session *s;
		int error;

		CHECK_EQ(image.length, 272 + 5 * 9 + 2 * 8 + 2 * 16 + 15 + 3 + 4 + 32);
		put_number(&image, lies[i].at, lies[i].bytes, lies[i].value);
		seal(&image);
		s = load(&image, 0, &error);
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
		/* Ahead without a hole; empty; beyond the window that consumed and limit give. */
		{ false, { { 333, 6 }, { 341, 8 } } },
		{ false, { { 341, 8 }, { 349, 10 } } },
		{ false, { { WIDE(23), UINT64_MAX }, { 349, 200005 }, { 357, 200007 } } },
		/* Open (state and reason), with more in order than the stream has. */
		{ true, { { NARROW(4), 0 }, { WIDE(23), 13 } } },
	};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct image image = small_image(lies[i].finished);
		int error;

		for (unsigned k = 0; k < 3 && lies[i].number[k].at > 0; k++)
			put_number(&image, lies[i].number[k].at, 8, lies[i].number[k].value);
		seal(&image);
		CHECK(load(&image, 0, &error) == NULL);
		CHECK_EQ(error, -EBADMSG);
		free(image.bytes);
	}
}

/* The peer said that it is done while there was no memory to let go of what it has. */
static void done_is_done(void)
{
	struct session_config config = odd_config();
	struct solo *solo = solo_new(&config, 100000);
	struct image image;
	struct session *s;
	int error;

	solo_path(solo, 0, NS_PER_MS, true);
	solo_write(solo, 1000);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	solo->s->peer_done = true;
	image = save(solo->s, solo->now);
	s = load(&image, 0, &error);
	CHECK_EQ(error, 0);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	CHECK_EQ(session_readable(s), 10);
	unload(s);
	free(image.bytes);
	solo_free(solo);
}

/* The small image with so many entries in its three tables instead of its own. */
static struct image with_tables(unsigned segments, unsigned stretches, unsigned ranges)
{
	struct image old = small_image(false), image = { .length = 272 + SHA256_BYTES };
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
	seal(&image);
	return image;
}

static void tables_have_limits(void)
{
	static const unsigned most[] = { SEGMENTS_MAX, STRETCHES_MAX, RANGES_HELD_MAX };

	for (unsigned i = 0; i < 4; i++) {
		struct image image = with_tables(most[0] + (i == 1), most[1] + (i == 2), most[2] + (i == 3));
		int error;
		struct session *s = load(&image, 0, &error);

		CHECK((s != NULL) == (i == 0));
		if (s != NULL) {
			CHECK_EQ(s->sender.flight.count, SEGMENTS_MAX);
			CHECK_EQ(s->sender.converge.count, STRETCHES_MAX);
			CHECK_EQ(s->receive.ahead.count, RANGES_HELD_MAX);
			unload(s);
		}
		free(image.bytes);
	}
}

/* A loaded session is used a little, whatever it says of itself. */
static void use(struct session *s)
{
	struct solo solo = { .s = s, .now = 5 * NS_PER_S, .next_id = (uint16_t)random_below(70000) };
	struct iovec iov[32];
	struct path *p;

	if (session_save_bytes(s) < 1 << 20) {
		struct image image = save(s, solo.now);

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

static void strange_number(struct image *image)
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
		struct image image = small_image(round % 2 != 0);
		struct session *s;
		int error;

		if (round < 4 * image.length)
			image.bytes[round / 4] ^= (uint8_t)(1 + random_below(255));
		else
			for (unsigned i = 1 + (unsigned)random_below(3); i > 0; i--)
				strange_number(&image);
		seal(&image);
		s = load(&image, (time_ns)strange[random_below(15)], &error);
		tried++;
		if (s != NULL) {
			loaded++;
			use(s);
			unload(s);
		} else {
			CHECK(error == -EBADMSG || error == -EPROTONOSUPPORT);
		}
		free(image.bytes);
	}
	printf("  %u of %u lies were loaded\n", loaded, tried);
	CHECK(loaded > 0 && loaded < tried);
}

/* --- with a peer that does not restart --- */

static struct world *random_world(void)
{
	struct session_config config[2];
	struct world *w;

	for (unsigned i = 0; i < 2; i++) {
		config[i] = world_config((enum session_mode)random_below(4));
		config[i].send_limit_bytes = (UINT64_C(16384) << random_below(7)) - random_below(100);
		config[i].receive_limit_bytes = (UINT64_C(16384) << random_below(7)) - random_below(100);
	}
	w = world_new(&config[0], &config[1]);
	w->strict = true;
	for (unsigned i = 0, links = 1 + (unsigned)random_below(3); i < links; i++)
		world_add_link(w, UINT64_C(500000) << random_below(6), (time_ns)random_below(30 * NS_PER_MS));
	for (unsigned i = 0; i < 2; i++) {
		w->host[i].to_write = random_below(one_in(3) ? 3000 : 1500000);
		w->host[i].message_bytes = one_in(3) ? 1 + random_below(20000) : 0;
		w->host[i].read_most = one_in(3) ? 1 + random_below(20000) : 0;
		w->host[i].finish = one_in(2);
	}
	return w;
}

static void random_restarts(uint64_t seed)
{
	struct world *w;

	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w = random_world();
	for (unsigned restarts = 1 + (unsigned)random_below(8); restarts > 0; restarts--) {
		unsigned victim = (unsigned)random_below(2);

		if (one_in(4))
			world_cut(w, (unsigned)random_below(w->links), one_in(2));
		w->host[victim].deaf = one_in(4);
		/* Long enough for several turns, short enough to fall into the middle of something. */
		world_run(w, w->now + (time_ns)random_below(one_in(2) ? 300 * NS_PER_MS : 20 * NS_PER_MS), NULL);
		world_restart(w, victim, (time_ns)random_below(one_in(3) ? 2 * NS_PER_S : 30 * NS_PER_MS));
		if (one_in(4))
			world_restart(w, !victim, 0);
		if (one_in(2) && !w->link[0].up)
			world_connect(w, 0);
	}
	for (unsigned i = 0; i < w->links; i++)
		world_cut(w, i, false);
	for (unsigned i = 0; i < 2; i++) {
		w->host[i].deaf = false;
		w->host[i].finish = true;
		w->host[i].read_most = 0;
	}
	world_wake(w);
	if (!world_run(w, w->now + 60 * NS_PER_S, world_closed) || !world_all_read(w)) {
		fprintf(stderr, "seed %" PRIu64 ": state %d and %d, read %" PRIu64 " of %" PRIu64 ", %" PRIu64
			" of %" PRIu64 "\n", seed, (int)session_state(w->host[0].session),
			(int)session_state(w->host[1].session), w->host[0].read, w->host[1].to_write,
			w->host[1].read, w->host[0].to_write);
		exit(1);
	}
	world_free(w);
}

/* Who it is and how it works, each switch for itself. */
static void what_can_be_known_before_loading(void)
{
	for (unsigned i = 0; i < 4; i++) {
		struct session_config config = world_config(MODE_BACKUP);
		struct solo *solo;
		struct session_saved saved;
		struct image image;

		config.dialler = i & 1;
		config.overdue_off = i >> 1;
		config.kind = SESSION_MESSAGES;
		solo = solo_new(&config, 1u << 20);
		image = save(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.config.dialler, i & 1);
		CHECK_EQ(saved.config.overdue_off, i >> 1);
		CHECK_EQ(saved.config.kind, SESSION_MESSAGES);
		CHECK_EQ(saved.config.mode, MODE_BACKUP);
		CHECK_EQ(saved.config.send_limit_bytes, config.send_limit_bytes);
		CHECK_EQ(saved.config.probe_interval_ns, config.probe_interval_ns);
		CHECK_EQ(saved.blocks, 0);
		/* No path yet: the first id is 0. It comes again behind the last, PATH_ID_NONE left out. */
		CHECK_EQ(saved.next_path_id, 0);
		free(image.bytes);
		solo->s->ids_seen = 1;
		solo->s->highest_id = PATH_ID_NONE - 1;
		image = save(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.next_path_id, 0);
		free(image.bytes);
		solo->s->highest_id = PATH_ID_NONE - 2;
		image = save(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.next_path_id, PATH_ID_NONE - 1);
		free(image.bytes);
		solo_free(solo);
	}
}

/* Ranges that share a block need it once. */
static void blocks_are_counted_once(void)
{
	static const struct { uint64_t start; uint32_t length; } pieces[] = {
		{ 0, 5 }, { 10, 10 }, { 30, 10 }, { BLOCK_BYTES - 10, 10 }, { BLOCK_BYTES + 5, 10 },
		{ 2 * BLOCK_BYTES - 5, 10 }, { 3 * BLOCK_BYTES + 100, 10 }, { 3 * BLOCK_BYTES + 200, 10 },
	};
	static const unsigned want[] = { 1, 1, 1, 1, 2, 3, 4, 4 };
	struct session_config config = world_config(MODE_STRIPE);
	struct solo *solo = solo_new(&config, 1u << 20);

	solo_path(solo, 0, NS_PER_MS, true);
	for (unsigned i = 0; i < 8; i++) {
		struct session_saved saved;
		struct image image;
		struct session *s;
		int error;

		CHECK_EQ(solo_data(solo, 0, pieces[i].start, pieces[i].length, false), 0);
		image = save(solo->s, solo->now);
		CHECK_EQ(session_saved(image.bytes, image.length, &saved), 0);
		CHECK_EQ(saved.blocks, want[i]);
		s = load(&image, solo->now, &error);
		CHECK_EQ(error, 0);
		CHECK_EQ(s->receive.table.held, want[i]);
		unload(s);
		free(image.bytes);
	}
	solo_free(solo);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 150;

	if (argc == 1) {
		RUN(no_member_is_new);
		RUN(what_can_be_known_before_loading);
	RUN(blocks_are_counted_once);
	RUN(nothing_is_forgotten);
		RUN(rejoins);
		RUN(timeouts_go_on);
		RUN(orphans_stay_orphans);
		RUN(ends_are_told);
		RUN(waits_for_no_lost_frame);
		RUN(wants_its_room);
		RUN(damage_is_refused);
		RUN(each_lie_is_refused);
		RUN(agreed_lies_are_refused);
		RUN(done_is_done);
		RUN(tables_have_limits);
		RUN(lies_are_harmless);
	}
	for (uint64_t seed = first; seed < first + count; seed++)
		random_restarts(seed);
	printf("ok %" PRIu64 " seeds from %" PRIu64 "\n", count, first);
	return 0;
}
