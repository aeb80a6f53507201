/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of local networks, as the kernel tells of them (rtnetlink), passed on to the diallers. */
#ifndef HAWSER_DRIVER_CHANGES_H
#define HAWSER_DRIVER_CHANGES_H

#include "driver/engine.h"

struct dialler;

/* From now on redial_networks_changed is called for it. The first one starts the watching. */
void changes_join(struct dialler *d);
void changes_leave(struct dialler *d);

#endif
