/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: sockets that carriers come in by, and what becomes of those that say HELLO or JOIN. */
#ifndef HAWSER_DRIVER_LISTEN_H
#define HAWSER_DRIVER_LISTEN_H

#include "driver/address.h"
#include "driver/engine.h"
#include "driver/failure.h"
#include "driver/options.h"

/*
 * Engine thread; never blocks: addresses in digits, or localhost. *program_fd is the descriptor for the
 * program. 0, or -errno with words in failure: -EINVAL, -EACCES (beyond loopback without the option
 * insecure), -EADDRINUSE, -EADDRNOTAVAIL, -EMFILE, -ENFILE, -ENOMEM.
 *
 * When the program closes it no new session is taken, but while any accepted session lives, lost paths
 * can come back: the sockets stay for their JOINs, and are taken over by a listener for the same address.
 */
int listen_begin(struct engine *e, const char *address, const struct options *options, int *program_fd,
		 struct failure *failure);

/* How many networks of a listener's address can have a socket of their own; the others share one. */
#define LISTEN_NETWORKS_MAX 8u

/* The nth address that takes new sessions, for status. */
struct listen_view {
	char address[ADDRESS_TEXT_MAX];
	unsigned count;                 /* networks that answer for themselves */
	const char *interface[LISTEN_NETWORKS_MAX];
	int error;                      /* -errno: why one that should does not; 0: none such */
};

/* False: there are not so many. The view is valid until the loop goes on. */
bool listen_view(struct engine *e, unsigned index, struct listen_view *view);

/* From changes.c: networks, addresses or routes of this host have changed. */
void listen_networks_changed(struct engine *e);

#endif
