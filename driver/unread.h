/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program wrote and the engine leaves unread: the receive queue of a descriptor face, whose
 * head is the stale byte or packet that struct face draws. Engine thread, under the endpoint's lock.
 */
#ifndef HAWSER_DRIVER_UNREAD_H
#define HAWSER_DRIVER_UNREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "driver/face.h"

#define UNREAD_IOV_MAX 24u

/* All that is in the queue; what of it was not forwarded yet. Or -errno: the system does not tell. */
ssize_t unread_bytes(const struct face *f);
ssize_t unread_new_bytes(const struct face *f);

/*
 * Moves `bytes` of the stream's new ones into iov: the stale byte and all but the last are taken off the
 * queue, the last is copied and is the stale one then. Returns how many were moved; 0: nothing can be now.
 */
size_t unread_take_bytes(struct face *f, struct iovec *iov, unsigned count, size_t bytes);

/*
 * The next packet into f->in; it stays at the head of the queue, stale. 1: there is one, 0: none (the
 * direction may be over), -errno: not now, nothing is lost.
 */
int unread_take_packet(struct face *f, time_ns now);

/* So many new bytes were seen: whether their writer may have fallen asleep is to be looked at later. */
void unread_note_write(struct face *f, size_t bytes, time_ns now);

/*
 * Nothing new came for a while after a large write. When the stale byte's memory is what keeps the
 * writer asleep it is given up; until the next write only the primer can tell of a reset.
 * False: it could not be, and is to be tried again.
 */
bool unread_release(struct face *f);

#endif
