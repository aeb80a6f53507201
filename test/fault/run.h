/* SPDX-License-Identifier: Apache-2.0 */
/* One run: a process that plays a scenario with one plan, and is looked at when it is done. */
#ifndef HAWSER_TEST_FAULT_RUN_H
#define HAWSER_TEST_FAULT_RUN_H

#include <stddef.h>

#include "test/fault/fault.h"
#include "test/fault/scenario.h"

/*
 * The run's process, from its fork on: plays the scenario, has a session made and used without faults,
 * waits until the library holds no more than after a clean run, and exits.
 */
void run_process(const struct scenario *scenario, struct fault_run *run) __attribute__((noreturn));

#endif
