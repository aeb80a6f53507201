/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that chooses a path's congestion control, against paths made of numbers. */
#include "driver/choice.h"

#include "test/test.h"

#define RTT_NS  (20 * NS_PER_MS)
#define STEP_NS (60 * NS_PER_MS)        /* between two looks */
#define FOR_EVER 1000000u               /* looks */

/* What a path does while it sends, in each step. */
struct path {
	uint32_t sent, repeated, needless;
	uint32_t window;
	time_ns queue_ns;
	time_ns busy_ns;
	bool unfilled;
};

static struct choice choice;
static struct carrier_losses now_there;
static time_ns now;

static void begin(void)
{
	choice_init(&choice);
	now_there = (struct carrier_losses){ .known = true, .rtt_min_ns = RTT_NS };
	now = 1000 * NS_PER_S;
}

static bool step(const struct path *p)
{
	now += STEP_NS;
	now_there.sent += p->sent;
	now_there.repeated += p->repeated;
	now_there.needless += p->needless;
	now_there.acked_bytes += (uint64_t)p->sent * 1448;
	now_there.window = p->window;
	now_there.rtt_ns = RTT_NS + p->queue_ns;
	now_there.busy_ns += p->busy_ns;
	now_there.unfilled = p->unfilled;
	return choice_due(&choice, now) && choice_look(&choice, &now_there, now);
}

/* Steps until the choice changes, at most so many; returns how many it took, or FOR_EVER. */
static unsigned steps(const struct path *p, unsigned most)
{
	for (unsigned i = 1; i <= most; i++)
		if (step(p))
			return i;
	return FOR_EVER;
}

static const struct path fine = { 250, 0, 0, 100, 5 * NS_PER_MS, STEP_NS, false };
/* 1 % without a queue, so that the window is small. */
static const struct path lossy = { 40, 1, 0, 14, NS_PER_MS, STEP_NS, false };
/* The same path once nobody slows down for that; then without any loss. */
static const struct path faster = { 240, 3, 0, 120, 6 * NS_PER_MS, STEP_NS, false };
static const struct path healed = { 240, 0, 0, 120, 6 * NS_PER_MS, STEP_NS, false };
/* Small messages: one is lost now and then, or none, or too many. */
static const struct path thin = { 24, 1, 0, 7, NS_PER_MS, STEP_NS, true };
static const struct path thin_healed = { 24, 0, 0, 20, NS_PER_MS, STEP_NS, true };
static const struct path thin_worse = { 24, 6, 0, 20, NS_PER_MS, STEP_NS, true };

static void leaves_what_loses_nothing(void)
{
	begin();
	CHECK_EQ(steps(&fine, 2000), FOR_EVER);
	CHECK(!choice.tolerant);
}

static void leaves_what_its_own_queue_loses(void)
{
	struct path full = { 250, 3, 0, 150, 15 * NS_PER_MS, STEP_NS, false };

	begin();
	CHECK_EQ(steps(&full, 2000), FOR_EVER);
	/* Of a small window two in the queue are not many, but five are. */
	full = lossy;
	full.queue_ns = 12 * NS_PER_MS;
	CHECK_EQ(steps(&full, 2000), FOR_EVER);
	CHECK(!choice.tolerant);
}

/* The queue is seen before a loss, and gone when the loss shows. */
static void a_queue_that_the_loss_emptied(void)
{
	const struct path filling = { 100, 0, 0, 60, 20 * NS_PER_MS, STEP_NS, false };
	const struct path emptied = { 100, 4, 0, 40, 0, STEP_NS, false };

	begin();
	for (unsigned i = 0; i < 1000; i++)
		CHECK(!step(&filling) && !step(&emptied));
}

static void chooses_for_clear_losses(void)
{
	unsigned taken;

	begin();
	taken = steps(&lossy, 100);
	/* Two stretches of half a second at the least. */
	CHECK(taken * STEP_NS >= NS_PER_S && taken * STEP_NS < 2 * NS_PER_S);
	CHECK(choice.tolerant);
	CHECK_EQ(steps(&faster, 2000), FOR_EVER);
}

static void reordering_is_no_loss(void)
{
	const struct path reordered = { 40, 1, 1, 14, NS_PER_MS, STEP_NS, false };

	begin();
	CHECK_EQ(steps(&reordered, 2000), FOR_EVER);
}

static void few_losses_are_left(void)
{
	const struct path other = { 250, 0, 0, 100, 0, STEP_NS, false };
	const struct path rare = { 250, 1, 0, 100, 0, STEP_NS, false };

	begin();
	/* One in 5,000. */
	for (unsigned i = 0; i < 1000; i++)
		CHECK(!step(i % 20 ? &other : &rare));
}

static void one_burst_is_not_enough(void)
{
	begin();
	for (unsigned i = 0; i < 100; i++) {
		CHECK_EQ(steps(&lossy, 6), FOR_EVER);
		CHECK_EQ(steps(&fine, 40), FOR_EVER);
	}
}

static void who_sends_now_and_then_is_left(void)
{
	struct path seldom = lossy;

	begin();
	seldom.busy_ns = STEP_NS / 4;
	CHECK_EQ(steps(&seldom, 2000), FOR_EVER);
	/* Nor does time in which nobody looked count. */
	for (unsigned i = 0; i < 1000; i++) {
		now += 10 * NS_PER_S;
		CHECK(!step(&lossy));
	}
}

static void in_vain(void)
{
	struct path slower = lossy, worse = faster;
	unsigned taken, again;

	begin();
	steps(&lossy, 100);
	CHECK(choice.tolerant);
	taken = steps(&slower, 1000);
	CHECK(taken != FOR_EVER && !choice.tolerant);
	/* Not tried again for a minute, then for two. */
	taken = steps(&lossy, 10000);
	CHECK(taken != FOR_EVER && taken * STEP_NS >= 60 * NS_PER_S && taken * STEP_NS < 65 * NS_PER_S);
	CHECK(choice.tolerant);
	worse.repeated = 20;
	CHECK(steps(&worse, 1000) != FOR_EVER && !choice.tolerant);
	again = steps(&lossy, 10000);
	CHECK(again != FOR_EVER && again * STEP_NS >= 120 * NS_PER_S && again * STEP_NS < 125 * NS_PER_S);
}

static void back_when_nothing_is_lost(void)
{
	unsigned taken;

	begin();
	steps(&lossy, 100);
	/* A moment without losses is none of health. */
	for (unsigned i = 0; i < 100; i++) {
		CHECK_EQ(steps(&faster, 20), FOR_EVER);
		CHECK_EQ(steps(&healed, 10), FOR_EVER);
	}
	taken = steps(&healed, 1000);
	CHECK(taken != FOR_EVER && taken * STEP_NS >= 4 * NS_PER_S && !choice.tolerant);
	CHECK_EQ(steps(&fine, 2000), FOR_EVER);
	/* It had served for long: what is lost afterwards need not wait longer than the first time. */
	taken = steps(&lossy, 10000);
	CHECK(taken != FOR_EVER && taken * STEP_NS < 65 * NS_PER_S && choice.tolerant);
}

/* It cannot be faster, and need not be. */
static void thin_is_kept_while_it_loses(void)
{
	unsigned taken;

	begin();
	CHECK(steps(&thin, 100) != FOR_EVER && choice.tolerant);
	CHECK_EQ(steps(&thin, 2000), FOR_EVER);
	/* A program that is filling the path for a moment. */
	for (unsigned i = 0; i < 100; i++) {
		CHECK_EQ(steps(&faster, 20), FOR_EVER);
		CHECK_EQ(steps(&thin, 40), FOR_EVER);
	}
	taken = steps(&thin_healed, 10000);
	CHECK(taken != FOR_EVER && taken * STEP_NS >= 4 * NS_PER_S && !choice.tolerant);
	CHECK(steps(&thin, 10000) != FOR_EVER && choice.tolerant);
	CHECK(steps(&thin_worse, 10000) != FOR_EVER && !choice.tolerant);
}

/* Chosen for a thin stream, it is no trial of what fills the path. */
static void thin_becomes_busy(void)
{
	unsigned taken;

	begin();
	CHECK(steps(&thin, 100) != FOR_EVER && choice.tolerant);
	taken = steps(&faster, 1000);
	CHECK(taken != FOR_EVER && taken * STEP_NS >= 4 * NS_PER_S && !choice.tolerant);
	CHECK(steps(&lossy, 10000) != FOR_EVER && choice.tolerant);
	CHECK_EQ(steps(&faster, 2000), FOR_EVER);
	/* And chosen for what filled it, it is measured by that when it fills it again. */
	CHECK_EQ(steps(&thin, 2000), FOR_EVER);
	CHECK_EQ(steps(&faster, 2000), FOR_EVER);
	CHECK(steps(&lossy, 1000) != FOR_EVER && !choice.tolerant);
}

/* A look in two that finds the window unfilled is none of a thin stream; seven in eight are. */
static void busy_with_gaps(void)
{
	struct path gap = lossy;

	gap.unfilled = true;
	begin();
	steps(&lossy, 100);
	CHECK(choice.tolerant);
	for (unsigned i = 0; i < 4000; i++)
		CHECK(!step(i % 8 ? &gap : &lossy));
	for (unsigned i = 0; i < 4000 && choice.tolerant; i++)
		step(i % 2 ? &gap : &lossy);
	CHECK(!choice.tolerant);
}

static void knows_nothing(void)
{
	begin();
	now_there.known = false;
	CHECK_EQ(steps(&lossy, 1000), FOR_EVER);
	begin();
	now_there.rtt_min_ns = 0;
	CHECK_EQ(steps(&lossy, 1000), FOR_EVER);
}

static void counts_wrap_around(void)
{
	begin();
	now_there.sent = UINT32_MAX - 200;
	now_there.repeated = UINT32_MAX - 2;
	CHECK(steps(&lossy, 100) != FOR_EVER);
	CHECK(choice.loss_before_ppm > 20000 && choice.loss_before_ppm < 30000);
}

int main(void)
{
	RUN(leaves_what_loses_nothing);
	RUN(leaves_what_its_own_queue_loses);
	RUN(a_queue_that_the_loss_emptied);
	RUN(chooses_for_clear_losses);
	RUN(reordering_is_no_loss);
	RUN(few_losses_are_left);
	RUN(one_burst_is_not_enough);
	RUN(who_sends_now_and_then_is_left);
	RUN(in_vain);
	RUN(back_when_nothing_is_lost);
	RUN(thin_is_kept_while_it_loses);
	RUN(thin_becomes_busy);
	RUN(busy_with_gaps);
	RUN(knows_nothing);
	RUN(counts_wrap_around);
	return 0;
}
