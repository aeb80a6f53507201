/* SPDX-License-Identifier: Apache-2.0 */
/* The RST with which a meddling network answers a TCP packet. */
#ifndef HAWSER_LINK_RESET_H
#define HAWSER_LINK_RESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_RESET_BYTES_MAX 60

/* Where the TCP header begins; 0: there is no whole one. */
size_t link_tcp_offset(const uint8_t *packet, size_t bytes);
bool link_packet_is_tcp(const uint8_t *packet, size_t bytes);

/* Writes the answer (IPv4 or IPv6, as the packet) and returns its length; 0 when none is due: the
 * packet is no whole TCP header, or an RST itself. */
size_t link_reset_make(const uint8_t *packet, size_t bytes, uint8_t reply[LINK_RESET_BYTES_MAX]);

#endif
