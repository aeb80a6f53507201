/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2): the child forgets its parent's engine. */
#include "driver/fork.h"

#include <pthread.h>
#include <stdbool.h>

#include "driver/engine.h"
#include "driver/primer.h"

static bool prepared;

static void before(void)
{
	engine_lock_start();
}

static void after_in_parent(void)
{
	engine_unlock_start();
}

/*
 * The engine's memory is kept as it was, locks and all: handles of the parent's point to it. It is of
 * no use here, and small; the descriptors never were in the child's table.
 */
static void after_in_child(void)
{
	engine_forget();
	primer_forget();
	engine_unlock_start();
}

int fork_prepare_once(void)
{
	if (prepared)
		return 0;
	int error = pthread_atfork(before, after_in_parent, after_in_child);
	prepared = error == 0;
	return -error;
}
