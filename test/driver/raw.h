/* SPDX-License-Identifier: Apache-2.0 */
/* TCP as it is without hawser: what a test plays that is no peer, or is one byte by byte. */
#ifndef HAWSER_TEST_RAW_H
#define HAWSER_TEST_RAW_H

#include <netinet/in.h>
#include <stdbool.h>

struct sockaddr_in ipv4(const char *host, unsigned port);

/* *port 0: any, which it is then. */
int raw_listen(const char *host, unsigned *port, int backlog);
int raw_connect(const char *host, unsigned port);

/* A port of 127.0.0.1 where nobody listens. */
unsigned free_port(void);

/* What is there goes on. False: one of them is over. */
bool pass_on(int from, int to);

/* Closes it by an RST. */
void raw_reset(int fd);

/* An address that answers nothing, not even a SYN: its queue of connections is full. */
struct dead {
	int listener, filler[8];
};

struct dead dead_address(const char *host, unsigned port);
void dead_end(struct dead *dead);

#endif
