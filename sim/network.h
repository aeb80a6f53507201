/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: two link models each, what is wrong with them now, and the packets on their way. */
#ifndef HAWSER_SIM_NETWORK_H
#define HAWSER_SIM_NETWORK_H

#include "sim/link_model.h"
#include "sim/options.h"
#include "sim/random.h"

struct world;

#define NETWORK_PACKETS   4096u                 /* inside one direction at most */
#define PACKET_HEAD_BYTES 52u                   /* of every packet, on the link */

enum packet_type { PACKET_SYN, PACKET_SYN_ACK, PACKET_DATA, PACKET_ACK, PACKET_RESET };

/* No payload: the bytes stay in the carrier's ring, where the receiver finds them. */
struct packet {
	struct packet *next;            /* when free */
	enum packet_type type;
	uint8_t from;                   /* host */
	bool fin;                       /* DATA: the sender's stream ends behind it */
	uint32_t carrier, serial;
	uint32_t address[SIM_HOSTS];    /* generations of both addresses */
	uint32_t length;
	uint64_t sequence;
	uint64_t acknowledged, window_end;
	uint64_t selective_start, selective_end;
	time_ns stamp;                  /* DATA: when it was sent; ACK: the echo of that */
};

struct network {
	struct link_model way[SIM_HOSTS];       /* by sending host */
	time_ns event_at[SIM_HOSTS];
	uint32_t address[SIM_HOSTS];            /* generation: grows when it changes */
	uint32_t duplicate_ppm;
	struct random random;
	bool attached;                          /* both hosts know of it */
	bool cut[SIM_HOSTS];                    /* by what host i sends */
};

void networks_init(struct world *w);
/* What is wrong with it changed: sets the links anew. */
void network_refresh(struct world *w, unsigned number);
/* A copy of the packet is sent from packet->from; it may be lost at once. */
void network_send(struct world *w, unsigned number, const struct packet *packet);
void network_event(struct world *w, uint32_t which);

#endif
