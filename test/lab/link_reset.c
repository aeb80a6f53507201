/* SPDX-License-Identifier: Apache-2.0 */
/* Forging RSTs; sequence numbers by RFC 9293, 3.10.7.1. IPv6 extension headers are not looked
 * through. */
#include "test/lab/link_reset.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define HOP_LIMIT 64

size_t link_tcp_offset(const uint8_t *packet, size_t bytes)
{
	size_t offset = 0;

	if (bytes >= 20 && packet[0] >> 4 == 4 && packet[9] == IPPROTO_TCP)
		offset = (size_t)(packet[0] & 15) * 4;
	else if (bytes >= 40 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_TCP)
		offset = 40;
	return offset >= 20 && bytes >= offset + 20 ? offset : 0;
}

bool link_packet_is_tcp(const uint8_t *packet, size_t bytes)
{
	return link_tcp_offset(packet, bytes) != 0;
}

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t sum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static struct tcphdr tcp_answer(const struct tcphdr *from, uint32_t payload_bytes)
{
	struct tcphdr reset = { .source = from->dest, .dest = from->source, .doff = 5, .rst = 1 };

	if (from->ack) {
		reset.seq = from->ack_seq;
	} else {
		reset.ack = 1;
		reset.ack_seq = htonl(ntohl(from->seq) + payload_bytes + from->syn + from->fin);
	}
	return reset;
}

size_t link_reset_make(const uint8_t *packet, size_t bytes, uint8_t reply[LINK_RESET_BYTES_MAX])
{
	size_t offset = link_tcp_offset(packet, bytes);
	bool is_6 = offset != 0 && packet[0] >> 4 == 6;
	size_t head_bytes = is_6 ? 40 : 20, source = is_6 ? 8 : 12, address_bytes = is_6 ? 16 : 4;
	struct tcphdr from, reset;
	size_t used;

	if (offset == 0)
		return 0;
	memcpy(&from, packet + offset, sizeof(from));
	used = offset + (size_t)from.doff * 4;
	if (from.rst)
		return 0;
	reset = tcp_answer(&from, used < bytes ? (uint32_t)(bytes - used) : 0);

	memset(reply, 0, head_bytes);
	memcpy(reply + source, packet + source + address_bytes, address_bytes);
	memcpy(reply + source + address_bytes, packet + source, address_bytes);
	reset.check = sum_finish(sum_add(sum_add(IPPROTO_TCP + sizeof(reset), reply + source,
						 2 * address_bytes),
					 (const uint8_t *)&reset, sizeof(reset)));
	memcpy(reply + head_bytes, &reset, sizeof(reset));
	if (is_6) {
		reply[0] = 6 << 4;
		reply[5] = sizeof(reset);
		reply[6] = IPPROTO_TCP;
		reply[7] = HOP_LIMIT;
	} else {
		uint16_t check;

		reply[0] = 4 << 4 | 5;
		reply[3] = (uint8_t)(20 + sizeof(reset));
		reply[8] = HOP_LIMIT;
		reply[9] = IPPROTO_TCP;
		check = sum_finish(sum_add(0, reply, 20));
		memcpy(reply + 10, &check, sizeof(check));
	}
	return head_bytes + sizeof(reset);
}
