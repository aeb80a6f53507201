/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that no packet can hold: of 0 bytes, or too large. A descriptor's session ends by it, but the
 * program may be about to make a handle of the descriptor, to which it is a message like any other. Perhaps
 * it has not even accepted the session. So the message waits, and all behind it in the session.
 */
#ifndef HAWSER_DRIVER_MISFIT_H
#define HAWSER_DRIVER_MISFIT_H

#include "driver/endpoint.h"

/*
 * Engine thread, under ep->lock, at each turn that comes upon such a message. True: not yet, the pump looks
 * again. False, once and for all: the program has accepted the session, has read all that came before, and
 * has had a second since.
 */
bool misfit_waits(struct endpoint *ep, time_ns now);

#endif
