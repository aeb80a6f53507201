/* SPDX-License-Identifier: Apache-2.0 */
/* What the wrappers share. Each is declared here by its own line of WRAP: the library calls it by that name. */
#ifndef HAWSER_TEST_FAULT_WRAP_H
#define HAWSER_TEST_FAULT_WRAP_H

#include <errno.h>

#include "test/fault/fault.h"

#define FROM          __builtin_return_address(0)
/* Declares a wrapper and begins its definition. */
#define WRAP(type, name, ...) \
	type fault_##name(__VA_ARGS__); \
	type fault_##name(__VA_ARGS__)
#define DUE(name)     fault_due(FAULT_##name, FROM)

/* Sets errno and is what a function returns that fails with -1. */
static inline int failed(int error)
{
	errno = error;
	return -1;
}

#endif
