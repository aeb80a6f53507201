/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as people write them, and socket addresses as text. No I/O: names are kept as they are
 * (driver/resolve.h looks them up).
 */
#ifndef HAWSER_DRIVER_ADDRESS_H
#define HAWSER_DRIVER_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver/failure.h"
#include "transport/inet.h"

#define ADDRESS_HOSTS_MAX 8u
#define ADDRESS_HOST_MAX  254u           /* with its end: a name has at most 253 characters */
#define ADDRESS_TEXT_MAX  80u            /* "[IPv6%interface]:PORT" with its end */

struct address {
	unsigned count;                 /* 0: listen everywhere the policy allows */
	uint16_t port;
	char host[ADDRESS_HOSTS_MAX][ADDRESS_HOST_MAX];   /* name, IPv4, or IPv6 without brackets */
};

/*
 * dial:   HOST[,HOST...][:PORT]       the port is HAWSER_DEFAULT_PORT when missing, never 0
 * listen: [ADDR[,ADDR...]:]PORT       0 asks for a free port
 * An IPv6 address stands in brackets and may name its interface: [fe80::1%eth0].
 * 0, or -EINVAL with words in failure, which may be NULL.
 */
int address_parse_dial(struct address *out, const char *text, struct failure *failure);
int address_parse_listen(struct address *out, const char *text, struct failure *failure);

/* An IPv4 or IPv6 address in digits, without port. 0, or -EINVAL. */
int address_numeric(union inet_address *out, const char *text);

/* "ADDR:PORT" or "[ADDR]:PORT"; text_host leaves out port and brackets. Always terminated. */
void address_text(const union inet_address *address, char *text, size_t size);
void address_text_host(const union inet_address *address, char *text, size_t size);

socklen_t address_length(const union inet_address *address);
uint16_t address_port(const union inet_address *address);
void address_set_port(union inet_address *address, uint16_t port);

/* Addresses compare without their ports; an IPv4 address mapped into IPv6 is itself. */
bool address_same(const union inet_address *a, const union inet_address *b);
bool address_in_prefix(const union inet_address *address, const union inet_address *prefix,
		       unsigned bits);
bool address_is_loopback(const union inet_address *address);
bool address_is_link_local(const union inet_address *address);
bool address_is_any(const union inet_address *address);

/* Turns an IPv4 address mapped into IPv6 into a plain one. */
void address_unmap(union inet_address *address);

#endif
