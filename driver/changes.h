/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of local networks, as the kernel tells of them (rtnetlink), passed on to diallers and listeners. */
#ifndef HAWSER_DRIVER_CHANGES_H
#define HAWSER_DRIVER_CHANGES_H

#include "driver/engine.h"

struct dialler;

/* Begins to watch, unless it was begun: from now on listen_networks_changed is called. 0 or -ENOMEM. */
int changes_start(struct engine *e);

/* Somebody could not look at the networks: soon they count as changed. */
void changes_again(struct engine *e);

/* From now on redial_networks_changed is called for it, too. It was begun. */
void changes_join(struct dialler *d);
void changes_leave(struct dialler *d);

#endif
