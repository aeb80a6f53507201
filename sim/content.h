/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs write: a function of a key and the offset in the stream. */
#ifndef HAWSER_SIM_CONTENT_H
#define HAWSER_SIM_CONTENT_H

#include <stddef.h>
#include <stdint.h>

void content_fill(uint64_t key, uint64_t offset, uint8_t *out, size_t length);
/* How many bytes from the first one on are as they must be: length when all are. */
size_t content_matching(uint64_t key, uint64_t offset, const uint8_t *bytes, size_t length);

#endif
