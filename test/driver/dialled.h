/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that a test dials, and what it does with them; the other end echoes. */
#ifndef HAWSER_TEST_DIALLED_H
#define HAWSER_TEST_DIALLED_H

#include "ends.h"

/* With the words of the last failure. */
#define CHECK_REASON(condition) do { \
	if (!(condition)) { \
		char reason_[400]; \
		int error_ = errno; \
		hawser_reason(-1, reason_, sizeof reason_); \
		fprintf(stderr, "%s:%d: failed: %s (errno %d; %s)\n", __FILE__, __LINE__, #condition, error_, \
			reason_); \
		exit(1); \
	} \
} while (0)

/* Options by name and value, to a NULL; set itself may be NULL. */
int dial_with(const char *address, const char *const *set);
int dialf(const char *const *set, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What was dialled or listened for is -1, with this errno and these words in its reason. */
void expect_failure(int fd, int error, const char *words);

/* There and back; every round differs. */
void talk(int fd);

/* Waits until the session has so many paths in use. */
void wait_for_paths(int fd, unsigned wanted);

#endif
