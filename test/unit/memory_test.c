/* SPDX-License-Identifier: Apache-2.0 */
/* The budget: how large it is, what windows it gives, and when it is tight. */
#include "driver/memory.h"

#include "test.h"

#define MIB (UINT64_C(1) << 20)

static void size_of_the_budget(void)
{
	CHECK_EQ(memory_budget(8192 * MIB, NULL), 2048 * MIB);
	CHECK_EQ(memory_budget(100 * MIB, NULL), 64 * MIB);
	CHECK_EQ(memory_budget(0, NULL), 64 * MIB);
	CHECK_EQ(memory_budget(8192 * MIB, "64M"), 64 * MIB);
	CHECK_EQ(memory_budget(0, "3G"), 3072 * MIB);
	CHECK_EQ(memory_budget(8192 * MIB, "63M"), 2048 * MIB);
	CHECK_EQ(memory_budget(8192 * MIB, ""), 2048 * MIB);
	CHECK_EQ(memory_budget(8192 * MIB, "much"), 2048 * MIB);
	CHECK_EQ(memory_budget(UINT64_MAX, "999999999999G"), UINT64_MAX / 4);
}

#define SESSIONS 480u           /* 1 MiB each: 32 MiB are left */

/* Each begins small; then they grow, in turn, as far as there is something left. */
static void windows(void)
{
	struct memory m;
	uint64_t has[SESSIONS], sum = 0;

	memory_init(&m);
	m.budget_bytes = 1024 * MIB;
	CHECK_EQ(memory_promise(&m, 100), 100);
	memory_withdraw(&m, 100);
	for (unsigned i = 0; i < SESSIONS; i++) {
		has[i] = memory_promise(&m, 8 * MIB);
		CHECK_EQ(has[i], MEMORY_START_BYTES);
		sum += has[i];
		CHECK_EQ(m.promised_bytes, sum);
	}
	for (unsigned i = 0; i < SESSIONS; i++) {
		uint64_t more = memory_promise_more(&m, has[i], 8 * MIB);

		CHECK(more >= has[i] && more <= 8 * MIB);
		CHECK_EQ((more - has[i]) % BLOCK_BYTES, 0);
		sum += more - has[i];
		has[i] = more;
		CHECK_EQ(m.promised_bytes, sum);
		/* Asking again brings nothing. */
		CHECK_EQ(memory_promise_more(&m, has[i], 8 * MIB), has[i]);
		CHECK(sum <= 512 * MIB);
	}
	CHECK_EQ(has[0], (32 * MIB + MEMORY_START_BYTES) / 8);
	CHECK_EQ(has[SESSIONS - 1], MEMORY_START_BYTES);
	/* Beyond what is left a share is a share, and nobody grows, or shrinks. */
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(memory_promise(&m, MIB), MEMORY_SHARE_BYTES);
	CHECK_EQ(memory_promise_more(&m, MEMORY_SHARE_BYTES, MIB), MEMORY_SHARE_BYTES);
	CHECK_EQ(memory_promise_more(&m, 2 * MIB, 4 * MIB), 2 * MIB);
	memory_withdraw(&m, m.promised_bytes);
	/* One that wants all leaves most. */
	CHECK_EQ(memory_promise(&m, 8 * MIB), MEMORY_START_BYTES);
	CHECK_EQ(memory_promise_more(&m, MEMORY_START_BYTES, 1024 * MIB), 64 * MIB);
	memory_withdraw(&m, m.promised_bytes);
	memory_fini(&m);
}

static void promised_again(void)
{
	struct memory m;

	memory_init(&m);
	m.budget_bytes = 64 * MIB;
	CHECK(memory_promise_again(&m, 20 * MIB));
	CHECK(!memory_promise_again(&m, 12 * MIB + 1));
	CHECK_EQ(m.promised_bytes, 20 * MIB);
	CHECK(memory_promise_again(&m, 12 * MIB));
	CHECK_EQ(m.promised_bytes, 32 * MIB);
	/* A share is to be had always. */
	CHECK(!memory_promise_again(&m, MEMORY_SHARE_BYTES + 1));
	CHECK(memory_promise_again(&m, MEMORY_SHARE_BYTES));
	CHECK(!memory_promise_again(&m, MEMORY_SHARE_BYTES + 1));
	memory_withdraw(&m, m.promised_bytes);
	memory_fini(&m);
}

/* What nobody wanted for a while is given back to the system; what was wanted again stays. */
static void trimmed(void)
{
	void *blocks[8];
	struct memory m;

	memory_init(&m);
	memory_trim(&m, MEMORY_SPARE_NS);
	for (unsigned i = 0; i < 8; i++)
		CHECK((blocks[i] = memory_take(&m)) != NULL);
	for (unsigned i = 0; i < 8; i++)
		memory_give(&m, blocks[i]);
	/* A moment ago all of them were lent. */
	memory_trim(&m, 2 * MEMORY_SPARE_NS);
	CHECK_EQ(m.spare_count, 8);
	CHECK_EQ(memory_take(&m), blocks[7]);
	CHECK_EQ(memory_take(&m), blocks[6]);
	CHECK_EQ(memory_take(&m), blocks[5]);
	for (unsigned i = 5; i < 8; i++)
		memory_give(&m, blocks[i]);
	memory_trim(&m, 3 * MEMORY_SPARE_NS - 1);
	CHECK_EQ(m.spare_count, 8);
	memory_trim(&m, 3 * MEMORY_SPARE_NS);
	CHECK_EQ(m.spare_count, 3);
	/* Those that were used last. */
	CHECK_EQ(memory_take(&m), blocks[7]);
	memory_give(&m, blocks[7]);
	memory_trim(&m, 4 * MEMORY_SPARE_NS);
	CHECK_EQ(m.spare_count, 1);
	memory_trim(&m, 5 * MEMORY_SPARE_NS);
	CHECK_EQ(m.spare_count, 0);
	CHECK(m.spare == NULL);
	memory_trim(&m, 6 * MEMORY_SPARE_NS);
	memory_fini(&m);
}

static void tight(void)
{
	void *blocks[512];
	struct memory m;

	memory_init(&m);
	m.budget_bytes = 64 * MIB;
	for (unsigned i = 0; i < 512; i++) {
		CHECK(!memory_tight(&m));
		blocks[i] = memory_take(&m);
		CHECK(blocks[i]);
	}
	CHECK(memory_tight(&m));
	memory_give(&m, blocks[0]);
	CHECK(!memory_tight(&m));
	for (unsigned i = 1; i < 512; i++)
		memory_give(&m, blocks[i]);
	memory_fini(&m);
}

int main(void)
{
	RUN(size_of_the_budget);
	RUN(windows);
	RUN(promised_again);
	RUN(trimmed);
	RUN(tight);
	return 0;
}
