/* SPDX-License-Identifier: Apache-2.0 */
/* A door: a listening socket that carriers come in by. */
#ifndef HAWSER_DRIVER_DOOR_H
#define HAWSER_DRIVER_DOOR_H

#include <sys/socket.h>

#include "driver/listener.h"

/*
 * A door of the listener at this address: a new one, or one that an earlier listener has left. 0 and its
 * port, or -errno.
 */
int door_open(struct listener *listener, const struct sockaddr_storage *address, uint16_t *port);

/* Takes the listener (NULL: none) from its doors. Those stay open that sessions may need for their JOINs. */
void doors_leave(struct listeners *all, struct listener *listener);

/* As listen_address. */
bool doors_address(const struct listeners *all, unsigned index, char *text, size_t size);

#endif
