/* SPDX-License-Identifier: Apache-2.0 */
/* The survey: what the host's tables say now, as pairs to dial. */
#ifndef HAWSER_DRIVER_SURVEY_H
#define HAWSER_DRIVER_SURVEY_H

#include "driver/engine.h"
#include "driver/pairs.h"
#include "driver/tables.h"

/*
 * The pairs, until the next survey. NULL, and *error: -ENODEV, the option via names networks, and none of
 * them is there; or the host's addresses cannot be read.
 */
const struct pairs *survey(struct engine *e, const struct survey_question *asked, int *error);

/*
 * Binds an accepted carrier to the interface it came in by, so that replies leave by it, provided that a
 * route to the peer leaves there: on a host that answers by another interface than it is asked on, binding
 * would cut the connection.
 */
void survey_bind_arrival(struct engine *e, struct carrier *carrier);

/* True when what is sent on this carrier leaves by another interface than the route names. */
bool survey_leaves_elsewhere(struct engine *e, const struct carrier_route *route);

#endif
