/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. */
#include "sim/options.h"

struct sim_options sim_options_default(void)
{
	struct sim_options options = {
		.faults_least = 4,
		.faults_most = 14,
		.networks_most = SIM_NETWORKS,
		.bytes_least = 64u << 10,
		.bytes_most = 2u << 20,
		.rate_least = 100 * 1000,
		.rate_most = 30 * 1000 * 1000,
		.delay_most_ns = 80 * NS_PER_MS,
		.fault_least_ns = 2 * NS_PER_MS,
		.time_percent = 100,
		.window_least = 64u << 10,
		.window_most = 1u << 20,
		.hard_one_in = 8,
		.early_one_in = 16,
		.idle_one_in = 8,
		.messages_one_in = 4,
		.fast_one_in = 16,
		.lossy_one_in = 4,
		.steered = true,
	};

	for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
		options.weight[kind] = 4;
	options.weight[FAULT_OUTAGE] = 2;
	options.weight[FAULT_TINY] = 2;
	return options;
}
