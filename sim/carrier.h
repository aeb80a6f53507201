/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of TCP, as much of it as a session can feel: bytes in order whatever the network does,
 * and what that costs in time. Loss recovery by selective acknowledgement and time of sending (the
 * idea of RFC 8985), tail loss probes, retransmission timeouts with back-off from 200 ms to 120 s
 * as Linux has them (RFC 6298), a receive window, resets, half-open connections.
 *
 * The bytes that host h sends, in one ring, from the sender's program to the receiver's:
 *
 *     other.taken        other.arrived   acked    next             end
 *         |  to be read        | (on its way back)  |  in flight   |  unsent  |
 */
#ifndef HAWSER_SIM_CARRIER_H
#define HAWSER_SIM_CARRIER_H

#include <sys/uio.h>

#include "core/health.h"
#include "sim/network.h"
#include "sim/spans.h"
#include "sim/wire.h"

#define CARRIERS_MAX       256u
#define CARRIER_SEGMENTS   1024u
#define CARRIER_RING_BYTES (1u << 20)
#define CARRIER_GAPS_MAX   64u          /* ranges a receiver keeps out of order */

/* A descriptor of the program, or of nobody: the kernel finishes what was written. */
struct carrier_id {
	uint32_t index, serial;
};

struct segment {
	uint64_t start, end;            /* the FIN counts as one */
	time_ns sent_at;
	bool sacked, lost;
};

/* Recycled; nothing in it is read before it was written. */
struct stream_store {
	struct stream_store *next;
	struct segment segments[CARRIER_SEGMENTS];
	struct spans gaps;
	uint8_t ring[CARRIER_RING_BYTES];
};

struct carrier_end {
	bool open;                      /* the kernel has the connection */
	bool established;
	bool attached;                  /* a program has it */
	bool refused;
	int error;                      /* positive, for the program to find; 0: none */
	bool readable_event, writable_event;    /* as of an edge-triggered poll */
	time_ns detached_at;

	/* Sending. */
	struct stream_store *store;
	uint64_t acked, next, end, window_end;
	bool fin;
	uint64_t segment_first, segment_end, lost_hint;   /* numbers, modulo CARRIER_SEGMENTS */
	unsigned lost_count;
	uint64_t delivered;             /* segments, also out of order */
	uint64_t flight_bytes, congestion_bytes, threshold_bytes, recovery_end, sacked_top;
	time_ns srtt_ns, rttvar_ns, timer_at, event_at, heard_at;
	unsigned backoff;
	bool probe_next;                /* the timer is a tail loss probe's */
	bool wants_room;
	uint32_t backlog_bytes;

	/* Receiving. */
	uint64_t arrived, taken, fin_at, window_told;

	struct wire wire;               /* what the oracle reads of what this end writes */
};

struct carrier {
	bool used;
	uint32_t serial;
	unsigned network;
	uint32_t address[SIM_HOSTS];
	struct carrier_end end[SIM_HOSTS];
	unsigned syn_count;
};

/* The program's side, for host h. Results as of the system calls. */
int carrier_dial(struct world *w, unsigned network, struct carrier_id *id);
struct carrier *carrier_of(struct world *w, struct carrier_id id);
ssize_t carrier_send(struct world *w, struct carrier *c, unsigned h, const struct iovec *iov,
		     unsigned count, size_t most);
ssize_t carrier_receive(struct world *w, struct carrier *c, unsigned h, const struct iovec *iov,
			unsigned count, size_t most);
void carrier_finish(struct world *w, struct carrier *c, unsigned h);
/* The descriptor is closed: the kernel sends what is left, or a reset. */
void carrier_close(struct world *w, struct carrier *c, unsigned h, bool abort);
void carrier_report(const struct world *w, const struct carrier *c, unsigned h,
		    struct carrier_report *report);
void carrier_backlog(struct world *w, struct carrier *c, unsigned h, uint32_t bytes);
/* Bytes of h that have not reached the other program. */
uint64_t carrier_under_way(const struct carrier *c, unsigned h);

/* What befalls it. */
void carrier_break(struct world *w, struct carrier *c, unsigned h, int error);
/* End h is no more, and nobody is told. */
void carrier_vanish(struct world *w, struct carrier *c, unsigned h);

/* The network's side. */
void carrier_packet(struct world *w, unsigned network, const struct packet *packet);
void carrier_event(struct world *w, uint32_t which);

/* Between the files of the carrier. */
void carrier_output(struct world *w, struct carrier *c, unsigned h);
void carrier_output_acked(struct world *w, struct carrier *c, unsigned h,
			  const struct packet *packet);
void carrier_output_timer(struct world *w, struct carrier *c, unsigned h);
void carrier_emit(struct world *w, struct carrier *c, unsigned h, struct packet *packet);
void carrier_arm(struct world *w, struct carrier *c, unsigned h, time_ns at);
void carrier_signal(struct world *w, struct carrier *c, unsigned h, bool readable, bool writable);
uint64_t carrier_room(const struct world *w, const struct carrier *c, unsigned h);
/* As a poll has it: half of what may be unsent is free, and a third of the buffer. */
bool carrier_writable(const struct world *w, const struct carrier *c, unsigned h);
void carrier_settle(struct world *w, struct carrier *c);

#endif
