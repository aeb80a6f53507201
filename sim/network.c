/* SPDX-License-Identifier: Apache-2.0 */
/* See network.h. */
#include "sim/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/carrier.h"
#include "sim/world.h"

#define POOL_PACKETS (2 * SIM_NETWORKS * NETWORK_PACKETS)

/* Memory that serves world after world; a packet is written whole before it is used. */
static struct link_entry entries[SIM_NETWORKS][SIM_HOSTS][NETWORK_PACKETS];
static struct packet pool[POOL_PACKETS];
static unsigned pool_used;
static struct packet *pool_free;

static struct packet *packet_new(const struct packet *packet)
{
	struct packet *copy = pool_free;

	if (copy != NULL) {
		pool_free = copy->next;
	} else {
		/* No more than the links hold. */
		assert(pool_used < POOL_PACKETS);
		copy = &pool[pool_used++];
	}
	*copy = *packet;
	return copy;
}

static void packet_free(struct packet *packet)
{
	packet->next = pool_free;
	pool_free = packet;
}

static struct link_settings settings_of(const struct world *w, unsigned number)
{
	const struct plan_network *plan = &w->plan.network[number];

	return (struct link_settings){
		.rate_bits_per_s = plan->rate_bytes * 8,
		.queue_bytes = plan->queue_bytes,
		.delay_ns = plan->delay_ns,
		.jitter_ns = plan->jitter_ns,
		.loss_ppm = plan->loss_ppm,
	};
}

void networks_init(struct world *w)
{
	pool_used = 0;
	pool_free = NULL;
	for (unsigned i = 0; i < w->plan.networks; i++) {
		struct network *network = &w->network[i];
		struct link_settings settings = settings_of(w, i);

		memset(network, 0, sizeof *network);
		random_init(&network->random, w->plan.seed, 100 + i);
		for (unsigned host = 0; host < SIM_HOSTS; host++) {
			link_model_init(&network->way[host], &settings,
					random_next(&network->random), entries[i][host],
					NETWORK_PACKETS);
			network->event_at[host] = TIME_NEVER;
		}
		network->attached = !w->plan.network[i].absent;
	}
}

/* One active fault's part in the settings. */
static void afflict(struct network *network, const struct active_fault *active,
		    struct link_settings *settings, bool cut[SIM_HOSTS])
{
	uint64_t argument = active->fault.argument;

	switch (active->fault.kind) {
	case FAULT_LOSS:
		settings->loss_ppm = (uint32_t)argument > settings->loss_ppm ? (uint32_t)argument
									     : settings->loss_ppm;
		break;
	case FAULT_DUPLICATE:
		network->duplicate_ppm = (uint32_t)argument;
		break;
	case FAULT_REORDER:
		settings->reorder = true;
		settings->jitter_ns += (time_ns)argument;
		break;
	case FAULT_DELAY:
		settings->delay_ns += (time_ns)argument;
		settings->jitter_ns += (time_ns)argument / 4;
		break;
	case FAULT_BLACKHOLE:
	case FAULT_OUTAGE:
		cut[0] = cut[1] = true;
		break;
	case FAULT_ONE_WAY:
		cut[active->fault.host] = true;
		break;
	case FAULT_FLAP:
		cut[0] = cut[1] = cut[0] || active->flapped;
		break;
	case FAULT_COLLAPSE:
		settings->rate_bits_per_s = settings->rate_bits_per_s / argument + 8000;
		break;
	case FAULT_ZOMBIE:
		settings->rate_bits_per_s = settings->rate_bits_per_s / argument + 8000;
		settings->queue_bytes = settings->rate_bits_per_s / 8 * 40;
		break;
	case FAULT_QUEUE:
		settings->queue_bytes = argument;
		break;
	default:
		break;
	}
}

static void schedule(struct world *w, unsigned number, unsigned from)
{
	struct network *network = &w->network[number];
	time_ns at = link_model_next(&network->way[from]);

	if (at == TIME_NEVER)
		return;
	if (at < w->now)
		at = w->now;
	if (at >= network->event_at[from])
		return;
	network->event_at[from] = at;
	events_add(&w->events, at, EVENT_NETWORK, number * SIM_HOSTS + from);
}

void network_refresh(struct world *w, unsigned number)
{
	struct network *network = &w->network[number];
	struct link_settings settings = settings_of(w, number);
	bool cut[SIM_HOSTS] = { false, false };

	network->duplicate_ppm = 0;
	for (unsigned i = 0; i < w->active_count; i++) {
		const struct active_fault *active = &w->active[i];
		enum fault_scope scope = fault_traits[active->fault.kind].scope;

		if (scope == SCOPE_WORLD ||
		    (scope == SCOPE_NETWORK && active->fault.network == number))
			afflict(network, active, &settings, cut);
	}
	for (unsigned host = 0; host < SIM_HOSTS; host++) {
		link_model_configure(&network->way[host], &settings, w->now);
		if (cut[host] && !network->cut[host])
			link_model_cut(&network->way[host]);
		else if (!cut[host] && network->cut[host])
			link_model_heal(&network->way[host]);
		network->cut[host] = cut[host];
		schedule(w, number, host);
	}
}

static void send_one(struct world *w, unsigned number, const struct packet *packet)
{
	struct link_model *way = &w->network[number].way[packet->from];
	struct packet *copy = packet_new(packet);

	if (!link_model_send(way, w->now, copy, copy->length + PACKET_HEAD_BYTES))
		packet_free(copy);
}

void network_send(struct world *w, unsigned number, const struct packet *packet)
{
	struct network *network = &w->network[number];

	send_one(w, number, packet);
	if (network->duplicate_ppm > 0 &&
	    random_below(&network->random, LINK_PPM) < network->duplicate_ppm)
		send_one(w, number, packet);
	schedule(w, number, packet->from);
}

void network_event(struct world *w, uint32_t which)
{
	unsigned number = which / SIM_HOSTS, from = which % SIM_HOSTS;
	struct network *network = &w->network[number];
	enum link_verdict verdict;
	uint32_t bytes;
	void *taken;

	if (network->event_at[from] > w->now)
		return;         /* an earlier look made this one needless */
	network->event_at[from] = TIME_NEVER;
	while ((verdict = link_model_take(&network->way[from], w->now, &taken, &bytes)) !=
	       LINK_NOTHING) {
		struct packet packet = *(struct packet *)taken;

		packet_free(taken);
		if (verdict == LINK_ARRIVED)
			carrier_packet(w, number, &packet);
	}
	schedule(w, number, from);
}
