/* SPDX-License-Identifier: Apache-2.0 */
/* The table of stretches. */
#include "core/converge.h"
#include "test/test.h"

static struct stretch stretches[STRETCHES_MAX];

static struct converge c;

static void check_stretch(uint64_t offset, uint64_t end, uint64_t want_start, uint64_t want_end)
{
	uint64_t start, stop;

	converge_stretch(&c, offset, end, &start, &stop);
	CHECK_EQ(start, want_start);
	CHECK_EQ(stop, want_end);
}

static void cut_by_length(void)
{
	converge_init(&c, stretches);
	converge_extend(&c, 99, 100);
	CHECK_EQ(c.count, 0);
	check_stretch(0, 99, 0, 99);
	converge_extend(&c, 350, 100);
	CHECK_EQ(c.count, 3);
	check_stretch(0, 350, 0, 100);
	check_stretch(99, 350, 0, 100);
	check_stretch(100, 350, 100, 200);
	check_stretch(349, 350, 300, 350);
	/* What may be sent ends inside a stretch. */
	check_stretch(120, 150, 100, 150);
	/* The phantom of FIN, right behind the last stretch. */
	converge_boundary(&c, 350);
	check_stretch(350, 351, 350, 351);
	for (unsigned i = 0; i < c.count; i++)
		CHECK_EQ(c.at[i].due_at, TIME_NEVER);
}

static void cut_by_messages(void)
{
	converge_init(&c, stretches);
	converge_boundary(&c, 0);
	CHECK_EQ(c.count, 0);
	converge_boundary(&c, 10);
	converge_boundary(&c, 10);
	converge_boundary(&c, 30);
	CHECK_EQ(c.count, 2);
	check_stretch(9, 40, 0, 10);
	check_stretch(10, 40, 10, 30);
	check_stretch(30, 40, 30, 40);
}

static void a_full_table_leaves_the_rest_open(void)
{
	converge_init(&c, stretches);
	for (uint64_t end = 1; end <= 1000; end++)
		converge_boundary(&c, end);
	CHECK_EQ(c.count, STRETCHES_MAX);
	check_stretch(500, 1000, STRETCHES_MAX, 1000);
	converge_extend(&c, 1000, 10);
	CHECK_EQ(c.count, STRETCHES_MAX);
	/* Room again: goes on from where the table ended. */
	converge_trim(&c, 10);
	CHECK_EQ(c.count, STRETCHES_MAX - 10);
	converge_extend(&c, 1000, 100);
	CHECK_EQ(c.at[c.count - 1].end, STRETCHES_MAX + 900);
}

static void trimmed(void)
{
	converge_init(&c, stretches);
	converge_extend(&c, 350, 100);
	c.dated = 2;
	converge_trim(&c, 99);
	CHECK_EQ(c.count, 3);
	CHECK_EQ(c.begin, 0);
	converge_trim(&c, 100);
	CHECK_EQ(c.count, 2);
	CHECK_EQ(c.dated, 1);
	CHECK_EQ(c.begin, 100);
	converge_trim(&c, 320);
	CHECK_EQ(c.count, 0);
	CHECK_EQ(c.dated, 0);
	CHECK_EQ(c.begin, 320);
	converge_trim(&c, 310);
	CHECK_EQ(c.begin, 320);
	/* The phantom too: nothing is written behind it. */
	converge_trim(&c, 351);
	converge_boundary(&c, 350);
	CHECK_EQ(c.count, 0);
}

/* The table takes messages and lengths mixed, and a message's end closes what lengths left open. */
static void messages_between_lengths(void)
{
	converge_init(&c, stretches);
	converge_extend(&c, 100, 100);
	CHECK_EQ(c.count, 1);
	converge_boundary(&c, 130);
	converge_extend(&c, 229, 100);
	CHECK_EQ(c.count, 2);
	converge_extend(&c, 230, 100);
	CHECK_EQ(c.count, 3);
	CHECK_EQ(c.at[2].end, 230);
	c.dated = 1;
	converge_trim(&c, 200);
	CHECK_EQ(c.dated, 0);
	CHECK_EQ(c.count, 1);
	CHECK_EQ(c.begin, 130);
	check_stretch(210, 300, 130, 230);
}

int main(void)
{
	RUN(cut_by_length);
	RUN(cut_by_messages);
	RUN(a_full_table_leaves_the_rest_open);
	RUN(trimmed);
	RUN(messages_between_lengths);
	return 0;
}
