/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions saved and loaded by tests, whose memory is counted. */
#ifndef HAWSER_TEST_SAVED_H
#define HAWSER_TEST_SAVED_H

#include <stddef.h>
#include <stdint.h>

#include "core/save.h"

/* An image; bytes are the caller's to free. */
struct saved {
	uint8_t *bytes;
	size_t length;
};

struct saved saved_new(const struct session *s, time_ns now);
/* Makes the sum right again, so that what is inside must be refused for itself. */
void saved_seal(struct saved *image);
/* Loads, with no block more than asked for; NULL: refused, *error says how, and nothing was kept. */
struct session *saved_load(const struct saved *image, time_ns now, int *error);
void saved_unload(struct session *s);

void saved_lend(struct stock *stock, unsigned blocks);
/* No two of its numbers are alike, and none is a default. */
struct session_config saved_config(void);

#endif
