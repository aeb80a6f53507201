/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2): the child forgets its parent's engine. */
#include "driver/fork.h"

#include <pthread.h>
#include <stdbool.h>

#include "driver/engine.h"
#include "driver/primer.h"
#include "driver/twin.h"

static bool prepared;

static void before(void)
{
	engine_lock_start();
	twins_before_fork();
}

static void after_in_parent(void)
{
	twins_after_fork();
	engine_unlock_start();
}

/*
 * The engine's memory is kept as it was, locks and all: handles of the parent's point to it. It is of
 * no use here, and small; its descriptors never were in the child's table, but those of twins are.
 */
static void after_in_child(void)
{
	twins_forget();
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
