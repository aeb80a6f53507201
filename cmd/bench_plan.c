/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of one measurement, and its form on the wire. */
#include "cmd/bench_plan.h"

#include <endian.h>
#include <string.h>

#define MAGIC UINT64_C(0x3368636e65627768) /* "hwbench3" */

enum {
	AT_MAGIC,
	AT_WORK,
	AT_FORWARD,
	AT_REVERSE,
	AT_SEED,
	AT_BYTES,
	AT_MESSAGES,
	AT_TIME,
	AT_WARM_UP,
	AT_LEAST,
	AT_MOST,
	AT_REQUEST,
	AT_RATE,
	AT_IDLE,
	AT_STAMPED,
	AT_SPIN,
	AT_LENT,
	WORDS
};

_Static_assert(WORDS * 8 == BENCH_PLAN_BYTES, "the plan's size on the wire");

void bench_plan_encode(const struct bench_plan *plan, uint8_t bytes[BENCH_PLAN_BYTES])
{
	uint64_t words[WORDS] = {
		[AT_MAGIC] = MAGIC,
		[AT_WORK] = plan->work,
		[AT_FORWARD] = plan->forward,
		[AT_REVERSE] = plan->reverse,
		[AT_SEED] = plan->seed,
		[AT_BYTES] = plan->bytes,
		[AT_MESSAGES] = plan->messages,
		[AT_TIME] = plan->time_ns,
		[AT_WARM_UP] = plan->warm_up_ns,
		[AT_LEAST] = plan->size_least,
		[AT_MOST] = plan->size_most,
		[AT_REQUEST] = plan->request_bytes,
		[AT_RATE] = plan->rate,
		[AT_IDLE] = plan->idle,
		[AT_STAMPED] = plan->stamped,
		[AT_SPIN] = plan->spin,
		[AT_LENT] = plan->lent,
	};
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = htole64(words[i]);
	memcpy(bytes, words, BENCH_PLAN_BYTES);
}

static bool can_be_done(const struct bench_plan *plan)
{
	if (plan->size_most < 1 || plan->size_least > plan->size_most ||
	    plan->size_most > BENCH_SIZE_MAX || plan->idle > BENCH_IDLE_MAX)
		return false;
	if (plan->work == BENCH_SESSIONS)
		return true;
	if (plan->work == BENCH_RR)
		return plan->request_bytes >= 1 && plan->request_bytes <= BENCH_REQUEST_MAX;
	return plan->forward || plan->reverse;
}

int bench_plan_decode(struct bench_plan *plan, const uint8_t *bytes, size_t length)
{
	uint64_t words[WORDS];
	if (length != BENCH_PLAN_BYTES)
		return -1;
	memcpy(words, bytes, BENCH_PLAN_BYTES);
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = le64toh(words[i]);
	if (words[AT_MAGIC] != MAGIC || words[AT_WORK] > BENCH_SESSIONS)
		return -1;
	struct bench_plan got = {
		.work = (enum bench_work)words[AT_WORK],
		.forward = words[AT_FORWARD] != 0,
		.reverse = words[AT_REVERSE] != 0,
		.seed = words[AT_SEED],
		.bytes = words[AT_BYTES],
		.messages = words[AT_MESSAGES],
		.time_ns = words[AT_TIME],
		.warm_up_ns = words[AT_WARM_UP],
		.size_least = words[AT_LEAST],
		.size_most = words[AT_MOST],
		.request_bytes = words[AT_REQUEST],
		.rate = words[AT_RATE],
		.idle = words[AT_IDLE],
		.stamped = words[AT_STAMPED] != 0,
		.spin = words[AT_SPIN] != 0,
		.lent = words[AT_LENT] != 0,
	};
	if (!can_be_done(&got))
		return -1;
	*plan = got;
	return 0;
}

bool bench_work_asks(enum bench_work work)
{
	return work == BENCH_RR || work == BENCH_SESSIONS;
}

static const char *const works[] = { "stream", "messages", "rr", "sessions" };

const char *bench_work_text(enum bench_work work)
{
	return works[work];
}

int bench_work_parse(enum bench_work *work, const char *text)
{
	for (unsigned i = 0; i < sizeof works / sizeof *works; i++) {
		if (strcmp(text, works[i]) == 0) {
			*work = (enum bench_work)i;
			return 0;
		}
	}
	return -1;
}

uint64_t bench_plan_seed(const struct bench_plan *plan, bool from_client)
{
	return from_client ? plan->seed : ~plan->seed;
}
