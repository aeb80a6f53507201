/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling: from the address a program gives to a session with its first path. */
#ifndef HAWSER_DRIVER_DIAL_H
#define HAWSER_DRIVER_DIAL_H

#include "driver/endpoint.h"
#include "driver/options.h"

/* An address of the peer that does not answer the HELLO holds up the next one this long. */
#define DIAL_PATIENCE_NS (250 * NS_PER_MS)

/*
 * Engine thread. Starts resolving and dialling, and never blocks; address and options are copied. On 0
 * *out is an endpoint in stage ENDPOINT_DIALLING, which becomes live, or over with the failure, later.
 * -errno with words in failure: what can be known at once (-EINVAL, -EACCES, -ENOMEM).
 */
int dial_begin(struct engine *e, const char *address, const struct options *options,
	       struct endpoint **out, struct failure *failure);

#endif
