/* SPDX-License-Identifier: Apache-2.0 */
/* The range set against a plain array of flags, one an offset. */
#include "../../core/ranges.h"

#include <errno.h>

#include "../test.h"

#define OFFSETS  96u
#define CAPACITY 12u

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* How many ranges the flags amount to. */
static unsigned runs(const bool *held)
{
	unsigned count = 0;

	for (unsigned i = 0; i < OFFSETS; i++)
		count += held[i] && (i == 0 || !held[i - 1]);
	return count;
}

static void check_shape(const struct ranges *r)
{
	CHECK(r->count <= r->capacity);
	for (unsigned i = 0; i < r->count; i++) {
		CHECK(r->at[i].start < r->at[i].end);
		CHECK(i == 0 || r->at[i - 1].end < r->at[i].start);
	}
}

static void check_queries(const struct ranges *r, const bool *held, unsigned start, unsigned end)
{
	unsigned total = 0, until = start, first = start, past;
	bool all = true;

	for (unsigned i = 0; i < OFFSETS; i++)
		total += held[i];
	for (unsigned i = start; i < end; i++)
		all = all && held[i];
	while (until < OFFSETS && held[until])
		until++;
	while (first < end && held[first])
		first++;
	for (past = first; past < end && !held[past];)
		past++;

	CHECK_EQ(ranges_bytes(r), total);
	CHECK_EQ(ranges_contains(r, start, end), all);
	CHECK_EQ(ranges_covered_until(r, start), until);

	uint64_t missing_start = start, missing_end = end;
	if (ranges_first_missing(r, &missing_start, &missing_end)) {
		CHECK(first < end);
		CHECK_EQ(missing_start, first);
		CHECK_EQ(missing_end, past);
	} else {
		CHECK(first == end);
		CHECK_EQ(missing_start, start);
		CHECK_EQ(missing_end, end);
	}
}

/* One random change of both; what would need too many ranges must fail and change nothing. */
static void change_both(struct ranges *r, bool *held, uint64_t *seed)
{
	bool changed[OFFSETS];
	unsigned start = next_random(seed) % (OFFSETS + 1), choice = next_random(seed) % 8;
	unsigned length = next_random(seed) % (choice == 0 ? OFFSETS : 6);
	unsigned end = start + length < OFFSETS ? start + length : OFFSETS;
	int error = 0;

	memcpy(changed, held, sizeof changed);
	if (choice < 5) {
		error = ranges_add(r, start, end);
		memset(changed + start, true, end - start);
	} else if (choice < 7 || next_random(seed) % 8 != 0) {
		error = ranges_remove(r, start, end);
		memset(changed + start, false, end - start);
	} else {
		ranges_trim_below(r, start);
		memset(changed, false, start);
	}
	CHECK_EQ(error, runs(changed) > CAPACITY ? -ENOSPC : 0);
	if (error == 0)
		memcpy(held, changed, sizeof changed);
	check_shape(r);
	CHECK_EQ(r->count, runs(held));
	for (unsigned i = 0; i < OFFSETS; i++)
		CHECK_EQ(ranges_contains(r, i, i + 1), held[i]);
	check_queries(r, held, start, end);
}

static void behaves_like_an_array_of_flags(void)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct range storage[CAPACITY + 1];
		struct ranges r;
		bool held[OFFSETS] = { false };
		uint64_t state = seed;

		storage[CAPACITY] = (struct range){ 77, 77 };
		ranges_init(&r, storage, CAPACITY);
		for (unsigned step = 0; step < 1500; step++)
			change_both(&r, held, &state);
		CHECK_EQ(storage[CAPACITY].start, 77);
		CHECK_EQ(storage[CAPACITY].end, 77);
	}
}

static void merges_neighbours_when_full(void)
{
	struct range storage[2];
	struct ranges r;

	ranges_init(&r, storage, 2);
	CHECK_EQ(ranges_add(&r, 10, 20), 0);
	CHECK_EQ(ranges_add(&r, 30, 40), 0);
	CHECK_EQ(ranges_add(&r, 50, 60), -ENOSPC);
	CHECK_EQ(ranges_remove(&r, 12, 14), -ENOSPC);
	CHECK_EQ(ranges_bytes(&r), 20);
	CHECK_EQ(ranges_add(&r, 20, 25), 0);
	CHECK_EQ(ranges_add(&r, 25, 30), 0);
	CHECK_EQ(r.count, 1);
	CHECK(ranges_contains(&r, 10, 40));
}

/* Nothing behind the storage is changed when all of it is in use. */
static void a_full_set_keeps_to_its_storage(void)
{
	struct range storage[3];
	struct ranges r;

	memset(storage, 0, sizeof storage);
	ranges_init(&r, storage, 2);
	CHECK_EQ(ranges_add(&r, 10, 20), 0);
	CHECK_EQ(ranges_add(&r, 30, 40), 0);
	ranges_trim_below(&r, 50);
	CHECK_EQ(r.count, 0);
	CHECK_EQ(storage[2].start, 0);
	CHECK_EQ(storage[2].end, 0);
}

static void holds_the_ends_of_the_number_line(void)
{
	struct range storage[3];
	struct ranges r;

	ranges_init(&r, storage, 3);
	CHECK_EQ(ranges_covered_until(&r, UINT64_MAX), UINT64_MAX);
	CHECK_EQ(ranges_add(&r, UINT64_MAX - 1, UINT64_MAX), 0);
	CHECK_EQ(ranges_add(&r, 0, 1), 0);
	CHECK(ranges_contains(&r, UINT64_MAX - 1, UINT64_MAX));
	CHECK(!ranges_contains(&r, 0, UINT64_MAX));
	CHECK_EQ(ranges_add(&r, 0, UINT64_MAX), 0);
	CHECK_EQ(r.count, 1);
	CHECK(ranges_bytes(&r) == UINT64_MAX);
	CHECK_EQ(ranges_remove(&r, 5, UINT64_MAX), 0);
	CHECK_EQ(ranges_bytes(&r), 5);
	ranges_trim_below(&r, UINT64_MAX);
	CHECK_EQ(r.count, 0);
}

int main(void)
{
	RUN(behaves_like_an_array_of_flags);
	RUN(merges_neighbours_when_full);
	RUN(a_full_set_keeps_to_its_storage);
	RUN(holds_the_ends_of_the_number_line);
	return 0;
}
