/* SPDX-License-Identifier: Apache-2.0 */
/* The model of one direction of a network; see link_model.h. */
#include "sim/link_model.h"

#include <assert.h>
#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t random_next(struct link_model *model)
{
	uint64_t z = model->random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static struct link_entry *entry_at(const struct link_model *model, uint64_t number)
{
	return &model->entries[number % model->capacity];
}

static time_ns transmission_ns(const struct link_model *model, uint32_t bytes)
{
	uint64_t rate = model->settings.rate_bits_per_s;

	return rate == 0 ? 0 : (time_ns)((uint64_t)bytes * 8 * (uint64_t)NS_PER_S / rate);
}

static void settings_check(const struct link_settings *settings)
{
	assert(settings->rate_bits_per_s <= LINK_RATE_MAX);
	assert(settings->delay_ns >= 0 && settings->delay_ns <= LINK_DELAY_NS_MAX);
	assert(settings->jitter_ns >= 0 && settings->jitter_ns <= LINK_DELAY_NS_MAX);
	assert(settings->loss_ppm <= LINK_PPM);
}

void link_model_init(struct link_model *model, const struct link_settings *settings, uint64_t seed,
		     struct link_entry *entries, uint32_t capacity)
{
	assert(capacity > 0);
	settings_check(settings);
	memset(model, 0, sizeof(*model));
	model->settings = *settings;
	model->entries = entries;
	model->capacity = capacity;
	model->random_state = seed;
}

/* Puts the entry that has just been transmitted on the wire, behind everything due no later. */
static void wire_insert(struct link_model *model)
{
	struct link_entry moved = *entry_at(model, model->queue);
	uint64_t place = model->queue;
	time_ns due_ns = model->transmitted_ns + model->settings.delay_ns + moved.jitter_ns;

	if (!model->settings.reorder && due_ns < model->last_due_ns)
		due_ns = model->last_due_ns;
	if (due_ns > model->last_due_ns)
		model->last_due_ns = due_ns;
	moved.due_ns = due_ns;
	while (place > model->first && entry_at(model, place - 1)->due_ns > due_ns) {
		*entry_at(model, place) = *entry_at(model, place - 1);
		place--;
	}
	*entry_at(model, place) = moved;
	model->queue++;
}

static void transmit(struct link_model *model)
{
	const struct link_entry *sent = entry_at(model, model->queue);
	time_ns waited_ns = model->transmitted_ns - transmission_ns(model, sent->bytes) -
			    sent->sent_ns;

	assert(model->waiting_bytes >= sent->bytes);
	model->waiting_bytes -= sent->bytes;
	model->counts.transmitted_packets++;
	model->counts.waited_ns += waited_ns;
	if (waited_ns > model->counts.waited_max_ns)
		model->counts.waited_max_ns = waited_ns;
	wire_insert(model);
}

static void advance(struct link_model *model, time_ns now)
{
	while (model->queue < model->end && model->transmitted_ns <= now) {
		transmit(model);
		if (model->queue < model->end)
			model->transmitted_ns +=
				transmission_ns(model, entry_at(model, model->queue)->bytes);
	}
}

void link_model_configure(struct link_model *model, const struct link_settings *settings,
			  time_ns now)
{
	bool rate_changes = settings->rate_bits_per_s != model->settings.rate_bits_per_s;

	settings_check(settings);
	advance(model, now);
	model->settings = *settings;
	if (rate_changes && model->queue < model->end)
		model->transmitted_ns =
			now + transmission_ns(model, entry_at(model, model->queue)->bytes);
}

void link_model_cut(struct link_model *model)
{
	for (uint64_t number = model->first; number < model->end; number++) {
		struct link_entry *entry = entry_at(model, number);

		if (entry->fate != FATE_CUT)
			model->counts.cut_packets++;
		entry->fate = FATE_CUT;
		entry->due_ns = INT64_MIN;
	}
	model->queue = model->end;
	model->waiting_bytes = 0;
	model->is_cut = true;
}

void link_model_heal(struct link_model *model)
{
	model->is_cut = false;
}

bool link_model_send(struct link_model *model, time_ns now, void *packet, uint32_t bytes)
{
	const struct link_settings *settings = &model->settings;
	struct link_entry *entry;

	assert(bytes <= LINK_PACKET_BYTES_MAX);
	if (model->is_cut) {
		model->counts.cut_packets++;
		return false;
	}
	advance(model, now);
	if (model->end - model->first == model->capacity ||
	    (model->waiting_bytes > 0 && model->waiting_bytes + bytes > settings->queue_bytes)) {
		model->counts.overflow_packets++;
		return false;
	}
	if (model->queue == model->end)
		model->transmitted_ns = now + transmission_ns(model, bytes);
	entry = entry_at(model, model->end++);
	*entry = (struct link_entry){ .packet = packet, .bytes = bytes, .sent_ns = now };
	model->waiting_bytes += bytes;
	/* Both are always drawn, so that a change of one setting leaves the other's luck alone. */
	if (random_next(model) % LINK_PPM < settings->loss_ppm)
		entry->fate = FATE_LOST;
	entry->jitter_ns = (time_ns)(random_next(model) % ((uint64_t)settings->jitter_ns + 1));
	return true;
}

enum link_verdict link_model_take(struct link_model *model, time_ns now, void **packet,
				  uint32_t *bytes)
{
	const struct link_entry *entry;

	advance(model, now);
	if (model->first == model->queue)
		return LINK_NOTHING;
	entry = entry_at(model, model->first);
	if (entry->due_ns > now)
		return LINK_NOTHING;
	model->first++;
	*packet = entry->packet;
	*bytes = entry->bytes;
	if (entry->fate != FATE_ARRIVES) {
		model->counts.lost_packets += entry->fate == FATE_LOST;
		return LINK_LOST;
	}
	model->counts.arrived_packets++;
	model->counts.arrived_bytes += entry->bytes;
	return LINK_ARRIVED;
}

time_ns link_model_next(const struct link_model *model)
{
	time_ns next_ns = TIME_NEVER;

	if (model->first < model->queue)
		next_ns = entry_at(model, model->first)->due_ns;
	if (model->queue < model->end) {
		time_ns earliest_ns = model->transmitted_ns + model->settings.delay_ns;

		if (earliest_ns < next_ns)
			next_ns = earliest_ns;
	}
	return next_ns;
}

uint64_t link_queue_bytes_default(uint64_t rate_bits_per_s, time_ns delay_ns)
{
	/* A round trip is 2 * delay, and two of them are offered. */
	uint64_t span_us = (uint64_t)(4 * delay_ns / NS_PER_US);

	if (rate_bits_per_s == 0)
		return UINT64_C(4) << 20;
	if (span_us < 50000)
		span_us = 50000;
	return rate_bits_per_s / 8 * span_us / 1000000 + 1;
}
