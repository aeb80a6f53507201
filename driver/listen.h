/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: sockets that carriers come in by, and what becomes of those that say HELLO or JOIN. */
#ifndef HAWSER_DRIVER_LISTEN_H
#define HAWSER_DRIVER_LISTEN_H

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

/* The address of the nth socket that takes new sessions, for status. False: there are not so many. */
bool listen_address(struct engine *e, unsigned index, char *text, size_t size);

#endif
