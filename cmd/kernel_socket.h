/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own stream sockets, TCP and MPTCP: what hawser is compared with. Addresses are
 * written as for hawser; of several hosts the first is taken, for these sockets know but one.
 */
#ifndef HAWSER_CMD_KERNEL_SOCKET_H
#define HAWSER_CMD_KERNEL_SOCKET_H

#include <hawser.h>
#include <stdbool.h>
#include <stddef.h>

struct kernel_socket_settings {
	bool mptcp;
	const char *congestion; /* congestion control by name, or NULL: the host's default */
	const char *via;        /* local interface or address to bind to, or NULL */
};

/* Return a descriptor, or -1 with a sentence in why. */
int kernel_socket_dial(const struct kernel_socket_settings *settings, const char *address,
		       char *why, size_t why_size);
int kernel_socket_listen(const struct kernel_socket_settings *settings, const char *address,
			 char *why, size_t why_size);

/* The port a socket is bound to, 0 if none. */
unsigned kernel_socket_port(int fd);

/* Fills what the kernel tells of a TCP socket, or of each subflow of an MPTCP one. */
unsigned kernel_socket_paths(int fd, bool mptcp, struct hawser_path_info *paths, unsigned max);

/* True when an MPTCP socket carries plain TCP because the peer or a box between wanted it so. */
bool kernel_socket_fell_back(int fd);

/* The congestion control in use, "" when not known. */
void kernel_socket_congestion(int fd, char *name, size_t size);

#endif
