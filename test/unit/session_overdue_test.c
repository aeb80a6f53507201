/* SPDX-License-Identifier: Apache-2.0 */
/* Mode converge: what a path carries for too long goes by the other one before anything new, at a time that is told. */
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT       (1u << 20)
#define RTT         (20 * NS_PER_MS)
#define MORE_BYTES  300000
#define LARGE_BYTES (2 * FRAME_PAYLOAD_MAX)     /* what is watched together at the least, without an end within */

/* Of one session with nothing but those bytes under way, one after the other. */
#define DEADLINES_MOST 10u

static struct solo *solo;
static struct session *s;

struct trial {
	uint64_t bytes;
	bool message;                   /* ends with them */
	bool overdue_off;
};

/*
 * One path takes so many bytes and no more after them, more wait, and the other one has room so long before the last of
 * so many deadlines of the session: where what it takes begins.
 */
static uint64_t other_begins_at(const struct trial *trial, unsigned deadlines, time_ns before_ns)
{
	struct session_config config = world_config(MODE_CONVERGE);
	struct solo_frame frame;
	uint64_t start, end;

	config.send_limit_bytes = config.receive_limit_bytes = LIMIT;
	config.overdue_off = trial->overdue_off;
	solo = solo_new(&config, LIMIT);
	s = solo->s;
	for (unsigned i = 0; i < 2; i++) {
		solo_path(solo, i, RTT, true);
		solo->path[i].health.rate_bytes = 12500000;
	}
	session_path_room(s, &solo->path[1], false);
	solo_write(solo, trial->bytes);
	if (trial->message)
		session_send_boundary(s);
	solo_carry_all(solo);
	CHECK_EQ(solo->path[0].stream_bytes_sent, trial->bytes);
	session_path_room(s, &solo->path[0], false);
	solo_write(solo, MORE_BYTES);
	while (deadlines-- > 0) {
		time_ns deadline = session_deadline(s, solo->now);

		CHECK(deadline > solo->now && deadline < TIME_NEVER);
		solo_pass(solo, deadline - solo->now - (deadlines == 0 ? before_ns : 0));
	}
	session_path_room(s, &solo->path[1], true);
	CHECK(session_next_writer(s, solo->now) == &solo->path[1]);
	solo_carry(solo, 1, SIZE_MAX);
	CHECK(solo_take_type(solo, 1, FRAME_DATA, &frame));
	solo_data_range(&frame, &start, &end);
	solo_free(solo);
	return start;
}

/* At one of the deadlines those bytes have come to be first, and a nanosecond before they were not. */
static void check_first_in_time(const struct trial *trial)
{
	unsigned deadlines = 1;

	while (other_begins_at(trial, deadlines, 0) >= trial->bytes)
		CHECK(++deadlines < DEADLINES_MOST);
	CHECK(other_begins_at(trial, deadlines, 1) >= trial->bytes);
}

static void a_late_message_goes_first(void)
{
	const struct trial message = { 1000, true, false };

	check_first_in_time(&message);
}

/* Bytes without ends are watched as well, in parts. */
static void late_bytes_go_first(void)
{
	const struct trial bytes = { LARGE_BYTES, false, false };

	check_first_in_time(&bytes);
}

/* Without that rule what is new comes first at any time. */
static void new_bytes_first(void)
{
	const struct trial message = { 1000, true, true };

	for (unsigned deadlines = 1; deadlines < DEADLINES_MOST; deadlines++)
		CHECK(other_begins_at(&message, deadlines, 0) >= message.bytes);
}

int main(void)
{
	RUN(a_late_message_goes_first);
	RUN(late_bytes_go_first);
	RUN(new_bytes_first);
	return 0;
}
