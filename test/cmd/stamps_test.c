/* SPDX-License-Identifier: Apache-2.0 */
/* A stream that is checked by stamps: bytes lost, repeated or moved are seen, however it is cut into parts. */
#include <stdarg.h>

#include "cmd/bench_work.h"
#include "cmd/pattern.h"
#include "test/test.h"

#define SEED   UINT64_C(0x5eed)
#define LENGTH (8 * BENCH_STAMP_BYTES)

static unsigned complaints;

/* What the bench has of cmd/common.c. */
void complain(const struct common *common, const char *format, ...)
{
	(void)common;
	(void)format;
	complaints++;
}

uint64_t clock_ns(void)
{
	return 0;
}

static const struct bench_plan stamped = { .stamped = true }, full = { .stamped = false };
static const struct channel channel;

static int check(const struct bench_plan *plan, uint64_t offset, const uint8_t *data, size_t length)
{
	return bench_check_part(&channel, plan, SEED, offset, data, length);
}

static void parts_of_any_size_fit(void)
{
	static const size_t sizes[] = { 1, 3, 100, 4095, 4096, 4097, LENGTH };
	static uint8_t data[LENGTH];
	for (unsigned made = 0; made < 7; made++) {
		memset(data, 0xa5, sizeof data);
		for (size_t at = 0; at < LENGTH; at += sizes[made]) {
			size_t part = LENGTH - at < sizes[made] ? LENGTH - at : sizes[made];
			bench_fill(&stamped, SEED, at, data + at, part);
		}
		for (unsigned taken = 0; taken < 7; taken++) {
			for (size_t at = 0; at < LENGTH; at += sizes[taken]) {
				size_t part = LENGTH - at < sizes[taken] ? LENGTH - at : sizes[taken];
				CHECK_EQ(check(&stamped, at, data + at, part), 0);
			}
		}
	}
	CHECK_EQ(complaints, 0);
}

static void every_stamp_counts(void)
{
	static uint8_t data[LENGTH];
	bench_fill(&stamped, SEED, 0, data, LENGTH);
	for (size_t at = 0; at < LENGTH; at++) {
		bool in_stamp = at % BENCH_STAMP_BYTES < 8;
		data[at] ^= 1;
		CHECK_EQ(check(&stamped, 0, data, LENGTH), in_stamp ? -1 : 0);
		data[at] ^= 1;
	}
}

static void shifted_streams_are_seen(void)
{
	static uint8_t data[LENGTH + 2 * BENCH_STAMP_BYTES];
	bench_fill(&stamped, SEED, 0, data, sizeof data);
	for (size_t shift = 1; shift <= 2 * BENCH_STAMP_BYTES; shift++) {
		CHECK_EQ(check(&stamped, 0, data + shift, LENGTH), -1);
		CHECK_EQ(check(&stamped, shift, data, LENGTH), -1);
	}
}

static void without_stamps_every_byte_counts(void)
{
	static uint8_t data[LENGTH];
	bench_fill(&full, SEED, 5, data, LENGTH);
	CHECK_EQ(check(&full, 5, data, LENGTH), 0);
	for (size_t at = 0; at < LENGTH; at += 97) {
		data[at] ^= 1;
		CHECK_EQ(check(&full, 5, data, LENGTH), -1);
		data[at] ^= 1;
	}
}

int main(void)
{
	RUN(parts_of_any_size_fit);
	RUN(every_stamp_counts);
	RUN(shifted_streams_are_seen);
	RUN(without_stamps_every_byte_counts);
	return 0;
}
