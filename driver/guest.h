/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest: a carrier that came in by a door, before the end of its handshake. It asks for a new session
 * (HELLO) or for a further path of one (JOIN).
 */
#ifndef HAWSER_DRIVER_GUEST_H
#define HAWSER_DRIVER_GUEST_H

#include "driver/listener.h"

/*
 * Carriers whose handshake is not done, of all listeners, and answered HELLOs whose carrier is gone, which wait
 * for a JOIN to confirm them as long as for a CONFIRM. Above this one goes: of the place (an IPv4 address,
 * an IPv6 network) that has most, one without an offer if there is one, the oldest of these. So does one that
 * has a carrier when descriptors run out.
 */
#define GUESTS_MAX           256u
#define GUEST_PATIENCE_NS    (10 * NS_PER_S)
/* JOINs of one session in a second; more are told to come later. */
#define JOINS_PER_SECOND_MAX 64u
/* Sessions that wait for the program's accept(2) beyond its backlog; further HELLOs are refused. */
#define WAITING_MAX          128u

/*
 * Takes over the accepted descriptor, also on failure. listener: of its door; NULL: only JOINs are welcome.
 * interface: that its door is bound to, or "".
 */
void guest_new(struct engine *e, struct listener *listener, int fd, const char *interface);

/*
 * error: of a call that something more welcome than a guest failed by. If it was for want of descriptors or
 * memory the least welcome guest goes, and the call may be tried again; false: it was not, or no guest has a carrier.
 */
bool guests_make_room(struct listeners *all, int error);

/* The listener is about to go: of its guests only JOINs are served. */
void guests_forget(struct listeners *all, const struct listener *listener);

#endif
