/* SPDX-License-Identifier: Apache-2.0 */
/* A program's thread has something done in the engine thread and waits for the outcome. */
#ifndef HAWSER_DRIVER_CALL_H
#define HAWSER_DRIVER_CALL_H

#include <semaphore.h>

#include "driver/engine.h"
#include "driver/failure.h"

/*
 * On the caller's stack, first in a structure that holds the arguments. `run` runs in the engine
 * thread and must lead to call_done exactly once, at once or later (a time limit is a timer there).
 */
struct call {
	struct request request;
	void (*run)(struct engine *e, struct call *c);
	struct failure failure; /* for `run` to fill in */
	sem_t done;
	int result;
};

/* Any thread but the engine's. Returns what call_done was given. Not a cancellation point. */
int call_run(struct engine *e, struct call *c, void (*run)(struct engine *e, struct call *c));

/* Engine thread: c is gone when this returns. */
void call_done(struct call *c, int result);

#endif
