/* SPDX-License-Identifier: Apache-2.0 */
/* An IPv4 or IPv6 address and its port, in the 28 bytes that they take: a session has many. */
#ifndef HAWSER_TRANSPORT_INET_H
#define HAWSER_TRANSPORT_INET_H

#include <netinet/in.h>
#include <sys/socket.h>

union inet_address {
	struct sockaddr_in6 v6;         /* the longest one first: { 0 } is all of it */
	struct sockaddr_in v4;
	struct sockaddr any;            /* for the system's calls */
	sa_family_t family;             /* AF_INET, AF_INET6; AF_UNSPEC: none */
};

#endif
