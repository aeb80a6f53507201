/* SPDX-License-Identifier: Apache-2.0 */
/* The model of a network, in virtual time: rate, delay, queue, loss, jitter, cut. */
#include "sim/link_model.h"
#include "test/test.h"

#define CAPACITY 64

static struct link_entry entries[CAPACITY];

static struct link_model link_new(const struct link_settings *settings)
{
	struct link_model model;

	link_model_init(&model, settings, 1, entries, CAPACITY);
	return model;
}

static void *handle(uintptr_t number)
{
	return (void *)(number + 1);
}

static bool arrives(struct link_model *model, time_ns now, uintptr_t number)
{
	void *packet;
	uint32_t bytes;

	return link_model_take(model, now, &packet, &bytes) == LINK_ARRIVED &&
	       packet == handle(number);
}

static bool is_silent(struct link_model *model, time_ns now)
{
	void *packet;
	uint32_t bytes;

	return link_model_take(model, now, &packet, &bytes) == LINK_NOTHING;
}

/* 8 Mb/s is one byte a microsecond. */
static void rate_and_delay(void)
{
	struct link_settings settings = { .rate_bits_per_s = 8000000, .queue_bytes = 10000,
					  .delay_ns = 5 * NS_PER_MS };
	struct link_model model = link_new(&settings);

	CHECK_EQ(link_model_next(&model), TIME_NEVER);
	CHECK(link_model_send(&model, 0, handle(0), 1000));
	CHECK(link_model_send(&model, 0, handle(1), 500));
	CHECK_EQ(link_model_next(&model), 6 * NS_PER_MS);
	CHECK(is_silent(&model, 6 * NS_PER_MS - 1));
	CHECK(arrives(&model, 6 * NS_PER_MS, 0));
	CHECK(is_silent(&model, 6 * NS_PER_MS));
	CHECK_EQ(link_model_next(&model), 6500 * NS_PER_US);
	CHECK(arrives(&model, 6500 * NS_PER_US, 1));
	/* An idle transmitter starts when the packet comes, and being looked at late costs nothing. */
	CHECK(link_model_send(&model, 100 * NS_PER_MS, handle(2), 1000));
	CHECK(link_model_send(&model, 100 * NS_PER_MS, handle(3), 1000));
	CHECK_EQ(link_model_next(&model), 106 * NS_PER_MS);
	CHECK(arrives(&model, 107 * NS_PER_MS, 2));
	CHECK(arrives(&model, 107 * NS_PER_MS, 3));
	CHECK_EQ(model.counts.arrived_packets, 4);
	CHECK_EQ(model.counts.arrived_bytes, 3500);
	CHECK_EQ(model.counts.waited_ns, 2 * NS_PER_MS);
	CHECK_EQ(model.counts.waited_max_ns, NS_PER_MS);
}

static void queue_drops_the_tail(void)
{
	struct link_settings settings = { .rate_bits_per_s = 8000000, .queue_bytes = 3000 };
	struct link_model model = link_new(&settings);

	for (uintptr_t i = 0; i < 3; i++)
		CHECK(link_model_send(&model, 0, handle(i), 1000));
	CHECK(!link_model_send(&model, 0, handle(3), 1000));
	CHECK(!link_model_send(&model, NS_PER_MS - 1, handle(3), 1000));
	CHECK(link_model_send(&model, NS_PER_MS, handle(3), 1000));
	CHECK_EQ(model.counts.overflow_packets, 2);
	for (uintptr_t i = 0; i < 4; i++)
		CHECK(arrives(&model, 4 * NS_PER_MS, i));
	/* A packet larger than the queue passes an idle link. */
	CHECK(link_model_send(&model, 5 * NS_PER_MS, handle(4), 9000));
	CHECK(arrives(&model, 14 * NS_PER_MS, 4));
}

static void table_is_bounded(void)
{
	struct link_settings settings = { .queue_bytes = 1000, .delay_ns = NS_PER_S };
	struct link_model model = link_new(&settings);

	for (uintptr_t round = 0; round < 3; round++) {
		time_ns now = (time_ns)round * 10 * NS_PER_S;

		for (uintptr_t i = 0; i < CAPACITY; i++)
			CHECK(link_model_send(&model, now, handle(i), 100));
		CHECK(!link_model_send(&model, now, handle(99), 100));
		CHECK(is_silent(&model, now + NS_PER_S - 1));
		for (uintptr_t i = 0; i < CAPACITY; i++)
			CHECK(arrives(&model, now + NS_PER_S, i));
		CHECK_EQ(link_model_next(&model), TIME_NEVER);
	}
}

static int lost_of(uint64_t seed, uint32_t loss_ppm, int packets)
{
	struct link_settings settings = { .queue_bytes = 1000, .loss_ppm = loss_ppm };
	struct link_model model;
	void *packet;
	uint32_t bytes;

	link_model_init(&model, &settings, seed, entries, CAPACITY);
	for (int i = 0; i < packets; i++) {
		enum link_verdict verdict;

		CHECK(link_model_send(&model, i, handle((uintptr_t)i), 100));
		verdict = link_model_take(&model, i, &packet, &bytes);
		CHECK(verdict != LINK_NOTHING);
		CHECK(packet == handle((uintptr_t)i));
	}
	CHECK_EQ(model.counts.lost_packets + model.counts.arrived_packets, packets);
	return (int)model.counts.lost_packets;
}

static void loss(void)
{
	CHECK_EQ(lost_of(1, 0, 10000), 0);
	CHECK_EQ(lost_of(1, LINK_PPM, 10000), 10000);
	CHECK(lost_of(1, 10000, 100000) > 850);
	CHECK(lost_of(1, 10000, 100000) < 1150);
	CHECK_EQ(lost_of(7, 10000, 100000), lost_of(7, 10000, 100000));
	CHECK(lost_of(7, 10000, 100000) != lost_of(8, 10000, 100000));
}

/* Sends a packet a microsecond; returns how many came out of turn, checks every delay. */
static int overtakings(bool reorder)
{
	struct link_settings settings = { .queue_bytes = 1000, .delay_ns = 10 * NS_PER_US,
					  .jitter_ns = 20 * NS_PER_US, .reorder = reorder };
	struct link_model model = link_new(&settings);
	uintptr_t highest = 0;
	int overtaken = 0;

	for (time_ns now = 0; now < 1000 * NS_PER_US; now += 100) {
		void *packet;
		uint32_t bytes;

		if (now % NS_PER_US == 0)
			CHECK(link_model_send(&model, now, handle((uintptr_t)(now / NS_PER_US)), 100));
		while (link_model_next(&model) <= now &&
		       link_model_take(&model, now, &packet, &bytes) == LINK_ARRIVED) {
			uintptr_t number = (uintptr_t)packet - 1;
			time_ns age_ns = now - (time_ns)number * NS_PER_US;

			CHECK(age_ns >= 10 * NS_PER_US && age_ns <= 30 * NS_PER_US + 100);
			overtaken += number < highest;
			highest = number > highest ? number : highest;
		}
	}
	CHECK(model.counts.arrived_packets > 900);
	return overtaken;
}

static void jitter(void)
{
	CHECK_EQ(overtakings(false), 0);
	CHECK(overtakings(true) > 100);
}

static void cut_loses_what_is_inside(void)
{
	struct link_settings settings = { .rate_bits_per_s = 8000000, .queue_bytes = 10000,
					  .delay_ns = 5 * NS_PER_MS };
	struct link_model model = link_new(&settings);
	void *packet;
	uint32_t bytes;

	for (uintptr_t i = 0; i < 8; i++)
		CHECK(link_model_send(&model, 0, handle(i), 1000));
	CHECK(arrives(&model, 6 * NS_PER_MS, 0));
	link_model_cut(&model);
	CHECK(!link_model_send(&model, 6 * NS_PER_MS, handle(8), 1000));
	link_model_heal(&model);
	CHECK(link_model_send(&model, 6 * NS_PER_MS, handle(9), 1000));
	CHECK(link_model_next(&model) <= 6 * NS_PER_MS);
	for (uintptr_t i = 1; i < 8; i++) {
		CHECK_EQ(link_model_take(&model, 6 * NS_PER_MS, &packet, &bytes), LINK_LOST);
		CHECK(packet == handle(i));
	}
	CHECK(is_silent(&model, 12 * NS_PER_MS - 1));
	CHECK(arrives(&model, 12 * NS_PER_MS, 9));
	/* The queue is empty again, all of it. */
	for (uintptr_t i = 0; i < 10; i++)
		CHECK(link_model_send(&model, 20 * NS_PER_MS, handle(i), 1000));
	CHECK(!link_model_send(&model, 20 * NS_PER_MS, handle(10), 1000));
	CHECK_EQ(model.counts.cut_packets, 8);
	CHECK_EQ(model.counts.lost_packets, 0);
}

static void settings_change_under_way(void)
{
	struct link_settings settings = { .rate_bits_per_s = 8000000, .queue_bytes = 10000,
					  .delay_ns = 10 * NS_PER_MS };
	struct link_model model = link_new(&settings);

	for (uintptr_t i = 0; i < 3; i++)
		CHECK(link_model_send(&model, 0, handle(i), 1000));
	/* At 1.5 ms the first is on the wire and the second starts over at the new rate; what follows
	 * has the shorter delay and yet does not overtake. */
	settings.rate_bits_per_s = 80000000;
	settings.delay_ns = 2 * NS_PER_MS;
	link_model_configure(&model, &settings, 1500 * NS_PER_US);
	CHECK(is_silent(&model, 11 * NS_PER_MS - 1));
	for (uintptr_t i = 0; i < 3; i++)
		CHECK(arrives(&model, 11 * NS_PER_MS, i));
	/* A slower rate holds from the packet in transmission on: 1 ms after 20.05 ms, plus 2 ms. */
	CHECK(link_model_send(&model, 20 * NS_PER_MS, handle(3), 1000));
	settings.rate_bits_per_s = 8000000;
	link_model_configure(&model, &settings, 20050 * NS_PER_US);
	CHECK_EQ(link_model_next(&model), 23050 * NS_PER_US);
	CHECK(arrives(&model, 23050 * NS_PER_US, 3));
	settings.rate_bits_per_s = 80000000;
	link_model_configure(&model, &settings, 24 * NS_PER_MS);
	CHECK(link_model_send(&model, 24 * NS_PER_MS, handle(4), 1000));
	CHECK_EQ(link_model_next(&model), 26100 * NS_PER_US);
	CHECK(arrives(&model, 26100 * NS_PER_US, 4));
}

static void queue_default(void)
{
	CHECK_EQ(link_queue_bytes_default(8000000, 0), 50001);
	CHECK_EQ(link_queue_bytes_default(8000000, 40 * NS_PER_MS), 160001);
	CHECK_EQ(link_queue_bytes_default(0, 0), 4 << 20);
	CHECK(link_queue_bytes_default(LINK_RATE_MAX, LINK_DELAY_NS_MAX) > UINT64_C(1) << 40);
}

int main(void)
{
	RUN(rate_and_delay);
	RUN(queue_drops_the_tail);
	RUN(table_is_bounded);
	RUN(loss);
	RUN(jitter);
	RUN(cut_loses_what_is_inside);
	RUN(settings_change_under_way);
	RUN(queue_default);
	return 0;
}
