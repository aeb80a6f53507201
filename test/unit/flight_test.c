/* SPDX-License-Identifier: Apache-2.0 */
/* The interval map of the send window, against an array with one word a byte. */
#include <errno.h>

#include "core/flight.h"
#include "test/test.h"

#define SPAN 600u               /* the array holds offsets [0, SPAN) */

static uint64_t state = 1;

static unsigned random_below(unsigned limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 11) % limit);
}

static struct flight flight;
static struct flight_segment segments[SEGMENTS_MAX];
static uint32_t oracle[SPAN];
static unsigned base;

static void start_anew(unsigned offset)
{
	flight_init(&flight, segments, offset);
	memset(oracle, 0, sizeof oracle);
	base = offset;
}

/* Ascending, no two neighbours alike, nothing uncarried at the end. */
static void check_form(void)
{
	uint64_t before = flight.base;

	CHECK(flight.count <= SEGMENTS_MAX);
	for (unsigned i = 0; i < flight.count; i++) {
		CHECK(flight.at[i].end > before);
		CHECK(i == 0 || flight.at[i].carriers != flight.at[i - 1].carriers);
		before = flight.at[i].end;
	}
	CHECK(flight.count == 0 || flight.at[flight.count - 1].carriers != 0);
}

static void check_top_and_runs(void)
{
	unsigned top = base, runs = 0;

	for (unsigned i = base; i < SPAN; i++) {
		if (oracle[i] != 0)
			top = i + 1;
		runs += oracle[i] != 0 && (i == base || oracle[i] != oracle[i - 1]);
	}
	CHECK_EQ(flight_top(&flight), top);
	CHECK_EQ(flight_runs(&flight), runs);
}

static void check_first(unsigned from, unsigned to, uint32_t bits)
{
	unsigned start = from > base ? from : base, end;
	uint64_t got_start = 0, got_end = 0;
	bool found = flight_first(&flight, from, to, bits, &got_start, &got_end);

	while (start < to && (oracle[start] & bits) != 0)
		start++;
	CHECK_EQ(found, start < to);
	for (end = start; end < to && (oracle[end] & bits) == 0; end++)
		;
	if (found) {
		CHECK_EQ(got_start, start);
		CHECK_EQ(got_end, end);
	}
}

static void check_last(unsigned from, unsigned to, uint32_t bits)
{
	unsigned low = from > base ? from : base, start, end = to;
	uint64_t got_start = 0, got_end = 0;
	bool found = flight_last(&flight, from, to, bits, &got_start, &got_end);

	while (end > low && (oracle[end - 1] & bits) != 0)
		end--;
	CHECK_EQ(found, end > low);
	for (start = end; start > low && (oracle[start - 1] & bits) == 0; start--)
		;
	if (found) {
		CHECK_EQ(got_start, start);
		CHECK_EQ(got_end, end);
	}
}

static void check_sums(unsigned from, unsigned to, uint32_t bits)
{
	uint32_t carriers = 0;
	uint64_t bytes = 0;

	for (unsigned i = from > base ? from : base; i < to; i++) {
		bytes += (oracle[i] & bits) != 0;
		carriers |= oracle[i];
	}
	CHECK_EQ(flight_bytes(&flight, from, to, bits), bytes);
	if (from < to)
		CHECK_EQ(flight_carriers(&flight, from, to), carriers);
}

static uint32_t random_bits(void)
{
	static const uint32_t some[] = { 1, 2, 4, 1, 2, 3, 7, FLIGHT_SENT, FLIGHT_ACKED, 5 | FLIGHT_ACKED };

	return some[random_below(sizeof some / sizeof some[0])];
}

static void change(void)
{
	unsigned from = base + random_below(SPAN - base), to = from + random_below(SPAN - from + 1);
	uint32_t bits = random_bits();
	unsigned action = random_below(20);
	bool cleared = false;

	if (action < 12) {
		if (flight_mark(&flight, from, to, bits) == 0)
			for (unsigned i = from; i < to; i++)
				oracle[i] |= bits;
		else
			CHECK(!flight_has_room(&flight));
	} else if (action < 19) {
		/* Also from below the base and to the end of everything. */
		bool all = action == 18;

		cleared = flight_clear(&flight, all ? 0 : from, all ? UINT64_MAX : to, bits) == 0;
		CHECK(cleared || (!all && flight.count + 2 > SEGMENTS_MAX));
		for (unsigned i = all ? base : from; cleared && i < (all ? SPAN : to); i++)
			oracle[i] &= ~bits;
	} else if (random_below(4) == 0) {
		base += random_below(10);
		flight_trim(&flight, base);
	}
}

static void same_as_the_array(void)
{
	for (unsigned run = 0; run < 200; run++) {
		start_anew(random_below(50));
		for (unsigned step = 0; step < 150 && base + 60 < SPAN; step++) {
			unsigned from = random_below(SPAN), to = from + random_below(SPAN - from + 1);
			uint32_t bits = random_bits();

			change();
			check_form();
			check_top_and_runs();
			check_first(from, to, bits);
			check_last(from, to, bits);
			check_sums(from, to, bits);
		}
	}
}

/* Alternating bytes until no room is left: refused with nothing changed, and a whole clear works. */
static void a_full_table(void)
{
	static struct flight before;
	unsigned offset = 0;

	start_anew(0);
	while (flight_mark(&flight, offset, offset + 1, 1) == 0) {
		oracle[offset] |= 1;
		offset += 2;
		CHECK(offset < SPAN);
	}
	CHECK(!flight_has_room(&flight));
	CHECK(flight.count + 3 > SEGMENTS_MAX);
	check_form();
	check_top_and_runs();
	before = flight;
	CHECK_EQ(flight_mark(&flight, 1, 2, 2), -ENOSPC);
	CHECK_MEM(&flight, &before, sizeof flight);
	CHECK_EQ(flight_mark(&flight, 5, 5, 2), 0);
	for (unsigned i = 0; i + 1 < offset; i++) {
		check_first(i, offset, 1);
		check_last(i, offset, 1);
	}
	CHECK_EQ(flight_clear(&flight, 0, UINT64_MAX, 1), 0);
	CHECK_EQ(flight.count, 0);
	CHECK_EQ(flight_top(&flight), 0);
}

/* A border inside a segment needs room, and is refused with nothing changed. */
static void a_clear_without_room(void)
{
	static struct flight before;
	uint64_t start, end;

	start_anew(0);
	CHECK_EQ(flight_mark(&flight, 0, 100, 1), 0);
	for (unsigned offset = 100; flight_has_room(&flight); offset += 2)
		CHECK_EQ(flight_mark(&flight, offset, offset + 1, 2), 0);
	for (unsigned offset = 50; flight.count + 2 <= SEGMENTS_MAX; offset += 2)
		CHECK_EQ(flight_clear(&flight, offset, offset + 1, 1), 0);
	before = flight;
	CHECK_EQ(flight_clear(&flight, 10, 20, 1), -ENOSPC);
	CHECK_MEM(&flight, &before, sizeof flight);
	/* To the last segment that there is place for, and no further. */
	CHECK_EQ(flight.count, SEGMENTS_MAX);
	CHECK(flight_first(&flight, flight_top(&flight) - 1, SPAN * 2, 1, &start, &end));
	CHECK_EQ(start, flight_top(&flight) - 1);
	CHECK_EQ(end, SPAN * 2);
	CHECK_EQ(flight_clear(&flight, 0, UINT64_MAX, 2), 0);
	CHECK_EQ(flight_bytes(&flight, 0, UINT64_MAX, 2), 0);
}

static void trimmed_beyond_its_top(void)
{
	start_anew(0);
	CHECK_EQ(flight_mark(&flight, 10, 20, 1), 0);
	flight_trim(&flight, 15);
	CHECK_EQ(flight_bytes(&flight, 0, 100, 1), 5);
	flight_trim(&flight, 40);
	CHECK_EQ(flight.count, 0);
	CHECK_EQ(flight_top(&flight), 40);
	flight_trim(&flight, 30);
	CHECK_EQ(flight.base, 40);
}

static void at_the_end_of_the_offsets(void)
{
	uint64_t start, end, last = STREAM_OFFSET_MAX;

	flight_init(&flight, segments, last - 10);
	CHECK_EQ(flight_mark(&flight, last - 10, last, 1), 0);
	CHECK(!flight_first(&flight, 0, last, 1, &start, &end));
	CHECK(flight_last(&flight, 0, last, 2, &start, &end));
	CHECK_EQ(start, last - 10);
	CHECK_EQ(end, last);
	CHECK_EQ(flight_bytes(&flight, 0, UINT64_MAX, 1), 10);
}

int main(void)
{
	RUN(same_as_the_array);
	RUN(a_full_table);
	RUN(a_clear_without_room);
	RUN(trimmed_beyond_its_top);
	RUN(at_the_end_of_the_offsets);
	return 0;
}
