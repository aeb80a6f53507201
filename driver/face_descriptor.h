/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor face: the engine's end of an AF_UNIX socket whose other end the program holds.
 * struct face draws the receive queue. Engine thread only.
 *
 * A session accepted by plain accept(2) has nothing in that queue until its program writes: see primer.h.
 */
#ifndef HAWSER_DRIVER_FACE_DESCRIPTOR_H
#define HAWSER_DRIVER_FACE_DESCRIPTOR_H

#include "driver/endpoint.h"

/* Of one turn of the loop, in each direction. */
#define FACE_TURN_BYTES   (1u << 20)
#define FACE_TURN_PACKETS 256u

/*
 * Gives a session without a face this one, or a handle its notifier (open alone).
 * open: *program_fd, the program's end, is to be handed over.
 * connect: the program's end goes into the backlog of a listening socket, reached through an O_PATH
 * descriptor. 0 or -errno (connect: -EAGAIN full, -ECONNREFUSED closed) with words in failure.
 */
int face_descriptor_open(struct endpoint *ep, int *program_fd, struct failure *failure);
int face_descriptor_connect(struct endpoint *ep, int path_fd, struct failure *failure);

/* face_give.c, face_take.c. Under ep->lock, session there. Bytes to the program, bytes from it; true: more to do at once. */
bool face_descriptor_give(struct endpoint *ep, time_ns now);
bool face_descriptor_take(struct endpoint *ep, time_ns now);

/* Under ep->lock: its socket takes no more. */
void face_descriptor_full(struct endpoint *ep);

/* Under ep->lock: whether the program wrote something that is not in the session yet. */
bool face_descriptor_pending(struct endpoint *ep);

/* face_end.c. Under ep->lock: the session was reset; the program's end shall read ECONNRESET after what it was given. */
void face_descriptor_reset(struct endpoint *ep);

/* Under ep->lock, after anything: closes the engine's end when it has done its work. */
void face_descriptor_settle(struct endpoint *ep);

/* Under ep->lock or with the endpoint being over: the engine's end is closed as it is. */
void face_descriptor_close(struct endpoint *ep);

#endif
