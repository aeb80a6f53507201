/* SPDX-License-Identifier: Apache-2.0 */
/* From what the worlds are drawn: everything that the seed decides, it decides within these. */
#ifndef HAWSER_SIM_OPTIONS_H
#define HAWSER_SIM_OPTIONS_H

#include "sim/fault.h"

#define SIM_NETWORKS 4u
#define SIM_HOSTS    2u

struct sim_options {
	unsigned weight[FAULT_KINDS];           /* how often, beside the others; 0: never */
	unsigned faults_least, faults_most;
	unsigned networks_most;
	uint64_t bytes_least, bytes_most;       /* that one program writes */
	uint64_t rate_least, rate_most;         /* of a network, bytes per second */
	time_ns delay_most_ns;
	time_ns fault_least_ns;                 /* shortest fault that lasts */
	unsigned time_percent;                  /* of every fault's longest duration */
	uint64_t window_least, window_most;
	unsigned hard_one_in; /* worlds where sessions may end before their time */
	unsigned early_one_in;                  /* faults begin before the session stands */
	unsigned idle_one_in;                   /* a long silence before the end */
	unsigned messages_one_in;
	unsigned fast_one_in;                   /* networks as fast as memory */
	unsigned lossy_one_in;                  /* networks that always lose some */
	bool steered; /* each seed aims at one cell of the coverage table */
};

struct sim_options sim_options_default(void);

#endif
