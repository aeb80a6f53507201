/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a network: a transmitter of a given rate behind a byte-limited FIFO with tail
 * drop, then a wire with delay, jitter and random loss. Pure: time is an argument, the generator
 * is seeded, memory is the caller's, packets are handles that are never looked into. The link
 * program runs it in real time and the simulator in virtual time.
 */
#ifndef HAWSER_LINK_MODEL_H
#define HAWSER_LINK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

#define LINK_PPM UINT32_C(1000000)
#define LINK_PACKET_BYTES_MAX UINT32_C(1048576)
#define LINK_RATE_MAX         UINT64_C(400000000000)
#define LINK_DELAY_NS_MAX     (60 * NS_PER_S)

struct link_settings {
	uint64_t rate_bits_per_s; /* 0: no limit */
	uint64_t queue_bytes;     /* what may wait, the packet in transmission included */
	time_ns delay_ns;
	time_ns jitter_ns;        /* added to the delay, uniform over [0, jitter_ns] */
	uint32_t loss_ppm;        /* lost after transmission: they have used the rate */
	bool reorder;             /* jitter may let a packet overtake another */
};

/* Counts since init. Each packet sent ends in exactly one of the four, or is still inside. */
struct link_counts {
	uint64_t arrived_packets;
	uint64_t arrived_bytes;
	uint64_t overflow_packets; /* tail drop: queue or table was full */
	uint64_t lost_packets;     /* by loss_ppm */
	uint64_t cut_packets;      /* sent or inside while cut */
	uint64_t transmitted_packets;
	time_ns waited_ns;         /* sum over the transmitted: from send to start of transmission */
	time_ns waited_max_ns;
};

enum link_fate {
	FATE_ARRIVES,
	FATE_LOST,
	FATE_CUT,
};

struct link_entry {
	void *packet;
	time_ns sent_ns;
	time_ns jitter_ns;
	time_ns due_ns;  /* on the wire: when it arrives */
	uint32_t bytes;
	enum link_fate fate;
};

/*
 * A ring of entries; the numbers only grow and an entry's place is its number modulo the capacity:
 *
 *      first             queue                      end
 *        | on the wire,    | waiting: first in first  |  free
 *        | sorted by due   | out, [queue] is being    |
 *        |                 | transmitted until        |
 *        |                 | transmitted_ns           |
 */
struct link_model {
	struct link_settings settings;
	struct link_counts counts;
	struct link_entry *entries;
	uint32_t capacity;
	bool is_cut;
	uint64_t first, queue, end;
	uint64_t waiting_bytes;
	time_ns transmitted_ns;
	time_ns last_due_ns;
	uint64_t random_state;
};

enum link_verdict {
	LINK_NOTHING,
	LINK_ARRIVED,
	LINK_LOST, /* lost or cut: the caller only releases the packet */
};

/* The entries stay the caller's and must outlive the model. */
void link_model_init(struct link_model *model, const struct link_settings *settings, uint64_t seed,
		     struct link_entry *entries, uint32_t capacity);

/* New settings hold from now on; what is on the wire keeps its time, what is in transmission starts
 * over when the rate changes. */
void link_model_configure(struct link_model *model, const struct link_settings *settings,
			  time_ns now);

/* A cut link loses everything inside and everything sent, until healed. */
void link_model_cut(struct link_model *model);
void link_model_heal(struct link_model *model);

/* False: the packet was dropped and stays the caller's. True: link_model_take will hand it back. */
bool link_model_send(struct link_model *model, time_ns now, void *packet, uint32_t bytes);

/* The next packet that has come out by now. Call until LINK_NOTHING. */
enum link_verdict link_model_take(struct link_model *model, time_ns now, void **packet,
				  uint32_t *bytes);

/* When to call link_model_take again (it may find nothing then), or TIME_NEVER. */
time_ns link_model_next(const struct link_model *model);

/* max(50 ms, two round trips of 2 * delay) at the rate; 4 MiB without a rate. */
uint64_t link_queue_bytes_default(uint64_t rate_bits_per_s, time_ns delay_ns);

#endif
