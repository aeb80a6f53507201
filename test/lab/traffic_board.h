/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two ends of a fault lab's session tell of themselves, and are told: a file that both map.
 * It outlives them, so that an end which was stopped or killed has still said how far it came.
 *
 *	traffic BOARD dial ----.                        .---- traffic BOARD listen
 *	   (host a, end 0)      >  board.ends[0]       <         (host b, end 1)
 *	                       '   board.ends[1]        '
 *	script: traffic BOARD set | await | report ----^
 */
#ifndef HAWSER_TEST_LAB_TRAFFIC_BOARD_H
#define HAWSER_TEST_LAB_TRAFFIC_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/histogram.h"

#define TRAFFIC_NETWORKS   3u /* by interface: net1, net2; 0 is any other */
#define TRAFFIC_WHY_BYTES  400u
#define TRAFFIC_BULK_BYTES 65536u
#define TRAFFIC_THIN_BYTES 1000u
#define TRAFFIC_THIN_NS    (10 * NS_PER_MS)

enum traffic_state {
	TRAFFIC_ABSENT,
	TRAFFIC_READY, /* listening */
	TRAFFIC_OPEN,
	TRAFFIC_ENDED, /* the session is over: error says how */
	TRAFFIC_FAILED, /* what must never be: why says it */
};

/* Written by that end's process alone. */
struct traffic_end {
	_Atomic int32_t process;
	_Atomic uint32_t state;
	_Atomic bool writes_bulk;
	_Atomic uint64_t written, received; /* bytes; of these all were as they should be */
	_Atomic uint64_t received_ns;       /* when the last came */
	_Atomic bool networks_active[TRAFFIC_NETWORKS];
	_Atomic uint64_t networks_sent[TRAFFIC_NETWORKS];
	_Atomic uint64_t duplicate_bytes_sent, duplicate_bytes_received;
	_Atomic uint64_t peer_consumed;
	_Atomic uint64_t ended_ns;
	int32_t error;                      /* errno; 0: a clean end */
	char why[TRAFFIC_WHY_BYTES];
	/* Waits between two deliveries from the mark on; of the reading thread. */
	uint64_t gaps_mark_ns;
	struct histogram gaps;
};

struct traffic_board {
	/* Told by the script. Times are of the monotonic clock. */
	_Atomic uint64_t mark_ns;   /* gaps count from here; 0: not yet */
	_Atomic uint64_t freeze_ns; /* to here; 0: still */
	_Atomic bool idle;          /* the writers pause */
	_Atomic bool stop;          /* the writers end their directions */
	_Atomic bool slow;          /* the readers take their time */
	_Atomic uint32_t modes;     /* counts the changes of mode asked for; the mode: */
	_Atomic uint32_t mode;
	_Atomic bool show;          /* both ends tell of their paths on standard error, once */
	/* Told by the end that listens. */
	_Atomic uint32_t port;
	struct traffic_end ends[2];
};

/* One end's program; returns an exit status. Arguments: [bulk|thin] [fd|handle] NAME=VALUE... */
int traffic_dial(struct traffic_board *board, const char *hosts, char **arguments);
int traffic_listen(struct traffic_board *board, char **arguments);

#endif
