/* SPDX-License-Identifier: Apache-2.0 */
/* The survey: what the host's tables say now, as pairs to dial. */
#ifndef HAWSER_DRIVER_SURVEY_H
#define HAWSER_DRIVER_SURVEY_H

#include "driver/options.h"
#include "driver/pairs.h"

/* 0; -ENODEV: the option via names networks, and none of them is there; or -errno: the host's addresses
 * cannot be read. */
int survey(struct pairs *out, const struct options *options, const struct remote *remote,
	   unsigned remote_count);

/* True when what is sent on this carrier leaves by another interface than the route names. */
bool survey_leaves_elsewhere(struct carrier *carrier, const struct carrier_route *route);

#endif
