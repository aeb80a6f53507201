/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells of the program's end of an AF_UNIX socket. fd is this end. Where it does not tell,
 * the answer is true.
 */
#ifndef HAWSER_DRIVER_OTHER_END_H
#define HAWSER_DRIVER_OTHER_END_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a writer there may be asleep for want of send memory. The kernel wakes it when no more than a
 * quarter of its send buffer is in use, and what this end leaves unread, were it a single byte, holds the
 * memory of the whole write it came with.
 */
bool other_end_pressed(int fd);

/* Whether a program has it: not while it waits in the backlog of a listening socket. */
bool other_end_accepted(int fd);

/* Whether all that was given to it has been read. */
bool other_end_has_read(int fd);

/*
 * The first `size` bytes of an attribute in what the kernel said of a socket, at an address aligned for its
 * structures. False: it is not told, and *out is untouched.
 */
bool other_end_read(void *out, size_t size, int attribute, const void *bytes, size_t length);

#endif
