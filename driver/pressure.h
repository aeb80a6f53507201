/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a writer on the other end of an AF_UNIX socket may be asleep for want of send memory. The
 * kernel wakes it when no more than a quarter of its send buffer is in use, and what this end leaves
 * unread, were it a single byte, holds the memory of the whole write it came with.
 */
#ifndef HAWSER_DRIVER_PRESSURE_H
#define HAWSER_DRIVER_PRESSURE_H

#include <stdbool.h>

/* True when it may be, also when the kernel does not tell. fd: this end. */
bool pressure_on_peer(int fd);

#endif
