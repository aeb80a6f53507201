/* SPDX-License-Identifier: Apache-2.0 */
/* Which small sends are left to gather, and that the engine writes them: with times and an engine made here. */
#include <errno.h>

#include "driver/endpoint_internal.h"
#include "driver/coalesce.h"

#include "test/test.h"

#define QUICK_NS (10 * NS_PER_US)
#define BYTES    100u

static struct endpoint ep;
static unsigned kicks, posts;
static bool prompt, no_memory, harvests;

void endpoint_kick(struct endpoint *e)
{
	CHECK(e == &ep);
	kicks++;
}

void endpoint_post(struct endpoint *e)
{
	CHECK(e == &ep);
	posts++;
}

int timer_start(struct engine *e, struct timer *t, time_ns at)
{
	(void)e;
	CHECK(t == &ep.coalesce.flush);
	t->at = at;
	t->place = !no_memory;
	return no_memory ? -ENOMEM : 0;
}

void timer_stop(struct engine *e, struct timer *t)
{
	(void)e;
	t->place = 0;
}

bool engine_is_prompt(const struct engine *e)
{
	(void)e;
	return prompt;
}

bool drive_harvests(const struct endpoint *e)
{
	CHECK(e == &ep);
	return harvests;
}

static void begin(void)
{
	memset(&ep, 0, sizeof ep);
	CHECK_EQ(pthread_mutex_init(&ep.lock, NULL), 0);
	coalesce_init(&ep.coalesce);
	kicks = posts = 0;
	prompt = true;
	no_memory = harvests = false;
	ep.drive.now = 1000 * NS_PER_S;
}

static bool send_after(time_ns ns, size_t bytes)
{
	ep.drive.now += ns;
	return coalesce_holds(&ep, bytes);
}

/* What the engine does when it was kicked, or when it was posted. */
static void pump(void)
{
	coalesce_look(&ep, ep.drive.now);
}

/* The timer, if it runs, at its time. */
static void expire(void)
{
	CHECK(timer_started(&ep.coalesce.flush));
	if (ep.coalesce.flush.at > ep.drive.now)
		ep.drive.now = ep.coalesce.flush.at;
	ep.coalesce.flush.place = 0;
	ep.coalesce.flush.expired(&ep.coalesce.flush, ep.drive.now);
}

/* Small sends one after the other, none of which is held, until the engine has been told. */
static void stream(void)
{
	for (unsigned sends = 0; kicks == 0; sends++) {
		CHECK(sends < 100);
		CHECK(!send_after(QUICK_NS, BYTES));
	}
	pump();
}

static void a_stream_gathers(void)
{
	begin();
	stream();
	CHECK(timer_started(&ep.coalesce.flush));
	for (unsigned round = 0; round < 100; round++) {
		CHECK(send_after(QUICK_NS, BYTES));
		CHECK(send_after(QUICK_NS, BYTES));
		expire();
		CHECK_EQ(posts, round + 1);
		pump();
	}
	CHECK_EQ(kicks, 1);
}

static void nothing_waits_for_ever(void)
{
	begin();
	stream();
	CHECK(send_after(QUICK_NS, BYTES));
	CHECK(ep.coalesce.flush.at <= ep.drive.now + 50 * NS_PER_US);
	expire();
	CHECK_EQ(posts, 1);
	/* The engine has not come to it yet: it is told again. */
	expire();
	CHECK_EQ(posts, 2);
	pump();
	expire();
	CHECK_EQ(posts, 2);
	CHECK(!timer_started(&ep.coalesce.flush));
	CHECK(!send_after(QUICK_NS, BYTES));
	kicks = 0;
	stream();
	CHECK(timer_started(&ep.coalesce.flush));
	CHECK(send_after(QUICK_NS, BYTES));
}

static void who_comes_back_from_a_pause_is_sent_at_once(void)
{
	begin();
	stream();
	CHECK(send_after(QUICK_NS, BYTES));
	CHECK(!send_after(NS_PER_MS, BYTES));
	CHECK(!send_after(QUICK_NS, BYTES));
}

static void an_exchange_is_not_held(void)
{
	begin();
	for (unsigned i = 0; i < 1000; i++) {
		CHECK(!send_after(i % 8 > 0 ? QUICK_NS : 50 * NS_PER_US, BYTES));
		pump();
	}
	CHECK_EQ(kicks, 0);
	CHECK(!timer_started(&ep.coalesce.flush));
}

static void large_ones_are_not_held(void)
{
	begin();
	for (unsigned i = 0; i < 100; i++) {
		CHECK(!send_after(QUICK_NS, 4097));
		pump();
	}
	CHECK_EQ(kicks, 0);
	stream();
	CHECK(send_after(QUICK_NS, 4096));
	CHECK(!send_after(QUICK_NS, 4097));
}

static void what_fills_a_frame_goes(void)
{
	uint64_t held = 0;

	begin();
	stream();
	while (send_after(NS_PER_US, 1000)) {
		held += 1000;
		CHECK(held <= FRAME_PAYLOAD_MAX);
	}
	CHECK(held + 1000 > FRAME_PAYLOAD_MAX);
	CHECK(send_after(NS_PER_US, 1000));
	CHECK(!send_after(NS_PER_US, 100000));
}

static void not_when_it_would_not_help(void)
{
	begin();
	stream();
	ep.drive.polling = true;
	CHECK(!send_after(QUICK_NS, BYTES));
	ep.drive.polling = false;
	CHECK(send_after(QUICK_NS, BYTES));
	ep.spin_ns = NS_PER_US;
	CHECK(!send_after(QUICK_NS, BYTES));
}

static void nor_without_a_timer(void)
{
	begin();
	prompt = false;
	stream();
	CHECK(!send_after(QUICK_NS, BYTES));

	begin();
	no_memory = true;
	stream();
	CHECK(!send_after(QUICK_NS, BYTES));

	/* The engine looks again, and one can be had. */
	no_memory = false;
	pump();
	CHECK(send_after(QUICK_NS, BYTES));
	/* Another can be not. */
	no_memory = true;
	expire();
	CHECK_EQ(posts, 1);
	CHECK(!send_after(QUICK_NS, BYTES));
}

/* While calls drive the engine does not read: a sender who never had to write would never do so either. */
static void what_is_to_be_read_is(void)
{
	begin();
	stream();
	CHECK(send_after(QUICK_NS, BYTES));
	harvests = true;
	CHECK(!send_after(QUICK_NS, BYTES));
	harvests = false;
	CHECK(send_after(QUICK_NS, BYTES));
}

static void a_busy_lock_is_waited_for(void)
{
	begin();
	stream();
	CHECK(send_after(QUICK_NS, BYTES));
	CHECK_EQ(pthread_mutex_lock(&ep.lock), 0);
	expire();
	CHECK_EQ(posts, 0);
	CHECK_EQ(pthread_mutex_unlock(&ep.lock), 0);
	expire();
	CHECK_EQ(posts, 1);
}

static void the_end_stops_it(void)
{
	begin();
	stream();
	coalesce_fini(&ep);
	CHECK(!timer_started(&ep.coalesce.flush));
	CHECK(!send_after(QUICK_NS, BYTES));
}

int main(void)
{
	RUN(a_stream_gathers);
	RUN(nothing_waits_for_ever);
	RUN(who_comes_back_from_a_pause_is_sent_at_once);
	RUN(an_exchange_is_not_held);
	RUN(large_ones_are_not_held);
	RUN(what_fills_a_frame_goes);
	RUN(not_when_it_would_not_help);
	RUN(nor_without_a_timer);
	RUN(what_is_to_be_read_is);
	RUN(a_busy_lock_is_waited_for);
	RUN(the_end_stops_it);
	return 0;
}
