/* SPDX-License-Identifier: Apache-2.0 */
/* A listener and what it consists of, as the files of listening share it. */
#ifndef HAWSER_DRIVER_LISTENER_H
#define HAWSER_DRIVER_LISTENER_H

#include <stdbool.h>

#include "driver/accept_queue.h"
#include "driver/engine.h"
#include "driver/options.h"

struct listener {
	struct engine *engine;
	struct options options;
	struct accept_queue *queue;
	struct task farewell;           /* the program has closed it */
};

struct entrance;
struct guest;

/*
 * listeners --- entrance (an address) x n ---> listener (options, accept queue), NULL: JOINs only
 *          |        `--- door (a listening socket) x 1 + networks
 *          `--- guest (a carrier before the end of its handshake), oldest first
 */
struct listeners {
	struct engine *engine;
	struct entrance *entrances;
	struct guest *oldest, **newest_link;
	unsigned guest_count;
	unsigned session_count;         /* accepted sessions that are not over */
};

#endif
