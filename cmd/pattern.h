/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of a measurement: bytes that are a function of a seed and of their offset, so that a
 * receiver can tell every byte that is missing, repeated, changed or out of place.
 */
#ifndef HAWSER_CMD_PATTERN_H
#define HAWSER_CMD_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* The bytes [offset, offset + length) of the pattern. */
void pattern_fill(uint64_t seed, uint64_t offset, void *data, size_t length);

/* How many bytes from the start are as they should be; length when all are. */
size_t pattern_check(uint64_t seed, uint64_t offset, const void *data, size_t length);

/* The size of message number `index`, within [least, most]: of every power of two between them
 * some, of the large ones few. */
uint64_t pattern_size(uint64_t seed, uint64_t index, uint64_t least, uint64_t most);

#endif
