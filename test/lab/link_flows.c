/* SPDX-License-Identifier: Apache-2.0 */
/* The middlebox; see link_flows.h. */
#include "test/lab/link_flows.h"

#include <netinet/tcp.h>
#include <string.h>

#include "test/lab/link_reset.h"

/* Source is end 0, or end 1 where it is the greater one. */
static void flow_fill(struct link_flow *flow, const uint8_t *packet, size_t tcp_offset)
{
	bool is_6 = packet[0] >> 4 == 6;
	size_t address_bytes = is_6 ? 16 : 4;
	const uint8_t *addresses = packet + (is_6 ? 8 : 12), *ports = packet + tcp_offset;

	memset(flow, 0, sizeof(*flow));
	for (size_t end = 0; end < 2; end++) {
		memcpy(flow->ends[end], addresses + end * address_bytes, address_bytes);
		memcpy(flow->ends[end] + 16, ports + end * 2, 2);
	}
	if (memcmp(flow->ends[0], flow->ends[1], sizeof(flow->ends[0])) > 0) {
		uint8_t greater[sizeof(flow->ends[0])];

		memcpy(greater, flow->ends[0], sizeof(greater));
		memcpy(flow->ends[0], flow->ends[1], sizeof(greater));
		memcpy(flow->ends[1], greater, sizeof(greater));
	}
}

static size_t flow_place(const struct link_flow *flow)
{
	const uint8_t *bytes = flow->ends[0];
	uint32_t hash = UINT32_C(2166136261); /* FNV-1a */

	for (size_t i = 0; i < sizeof(flow->ends); i++)
		hash = (hash ^ bytes[i]) * UINT32_C(16777619);
	return hash % LINK_FLOWS;
}

/* Where it stands, or NULL; *oldest is where it may go. */
static struct link_flow *flow_find(struct link_flows *flows, const struct link_flow *wanted,
				   struct link_flow **oldest)
{
	size_t first = flow_place(wanted);

	*oldest = &flows->flows[first];
	for (size_t i = 0; i < LINK_FLOW_PROBES; i++) {
		struct link_flow *flow = &flows->flows[(first + i) % LINK_FLOWS];

		if (flow->seen_ns && memcmp(flow->ends, wanted->ends, sizeof(flow->ends)) == 0)
			return flow;
		if (flow->seen_ns < (*oldest)->seen_ns)
			*oldest = flow;
	}
	return NULL;
}

bool link_flows_pass(struct link_flows *flows, time_ns now, const uint8_t *packet, size_t bytes)
{
	size_t offset = link_tcp_offset(packet, bytes);
	struct link_flow wanted, *flow, *oldest;
	struct tcphdr tcp;

	if (offset == 0)
		return true;
	memcpy(&tcp, packet + offset, sizeof(tcp));
	flow_fill(&wanted, packet, offset);
	flow = flow_find(flows, &wanted, &oldest);
	if (tcp.syn && !tcp.ack) {
		if (!flow) {
			flow = oldest;
			*flow = wanted;
		}
		flow->seen_ns = now;
		return true;
	}
	if (flow && (flows->idle_ns_max == 0 || now - flow->seen_ns <= flows->idle_ns_max)) {
		flow->seen_ns = now;
		return true;
	}
	if (flow)
		flow->seen_ns = 0;
	return flows->idle_ns_max == 0;
}
