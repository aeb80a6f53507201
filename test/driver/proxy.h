/* SPDX-License-Identifier: Apache-2.0 */
/* A proxy in a process of its own, whose connections can be cut. */
#ifndef HAWSER_TEST_PROXY_H
#define HAWSER_TEST_PROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

struct proxy {
	int listener;
	unsigned port;
	struct sockaddr_in target;
	int commands, answers;
	pid_t pid;
	bool loses_confirm;
};

/* Listens at that host, on the target's port. */
struct proxy proxy_start(const char *host, const char *target, unsigned target_port);
/* The same; the first connection is reset when the dialler has said its CONFIRM, which is not passed on. */
struct proxy proxy_start_losing_confirm(const char *host, const char *target, unsigned target_port);
/* Resets all connections, of which there must be some. */
void proxy_reset(const struct proxy *proxy);
void proxy_end(struct proxy *proxy);

#endif
