/* SPDX-License-Identifier: Apache-2.0 */
/* The whole test framework: a check that fails prints where and what, and ends the program with 1. */
#ifndef HAWSER_TEST_H
#define HAWSER_TEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_SKIP 77

#define CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
		exit(1); \
	} \
} while (0)

/* Compares two integers and prints both when they differ. */
#define CHECK_EQ(got, want) do { \
	long long got_ = (long long)(got), want_ = (long long)(want); \
	if (got_ != want_) { \
		fprintf(stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #got, \
			got_, want_); \
		exit(1); \
	} \
} while (0)

#define CHECK_MEM(got, want, length) do { \
	if (memcmp((got), (want), (length)) != 0) { \
		fprintf(stderr, "%s:%d: %s differs from %s\n", __FILE__, __LINE__, #got, #want); \
		exit(1); \
	} \
} while (0)

#define RUN(function) do { \
	function(); \
	printf("ok %s\n", #function); \
} while (0)

#endif
