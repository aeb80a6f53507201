/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers in network byte order. put_* write at out and return where the next field goes;
 * take_* read at *in and move it on. The caller has checked that the bytes are there.
 */
#ifndef HAWSER_CORE_BYTES_H
#define HAWSER_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *put_u8(uint8_t *out, uint8_t value)
{
	*out = value;
	return out + 1;
}

static inline uint8_t *put_u16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return out + 2;
}

static inline uint8_t *put_u32(uint8_t *out, uint32_t value)
{
	return put_u16(put_u16(out, (uint16_t)(value >> 16)), (uint16_t)value);
}

static inline uint8_t *put_u64(uint8_t *out, uint64_t value)
{
	return put_u32(put_u32(out, (uint32_t)(value >> 32)), (uint32_t)value);
}

static inline uint8_t *put_bytes(uint8_t *out, const void *bytes, size_t length)
{
	memcpy(out, bytes, length);
	return out + length;
}

static inline uint8_t *put_zero(uint8_t *out, size_t length)
{
	memset(out, 0, length);
	return out + length;
}

static inline uint8_t take_u8(const uint8_t **in)
{
	return *(*in)++;
}

static inline uint16_t take_u16(const uint8_t **in)
{
	uint16_t high = take_u8(in);

	return (uint16_t)(high << 8 | take_u8(in));
}

static inline uint32_t take_u32(const uint8_t **in)
{
	uint32_t high = take_u16(in);

	return high << 16 | take_u16(in);
}

static inline uint64_t take_u64(const uint8_t **in)
{
	uint64_t high = take_u32(in);

	return high << 32 | take_u32(in);
}

static inline void take_bytes(const uint8_t **in, void *bytes, size_t length)
{
	memcpy(bytes, *in, length);
	*in += length;
}

/* Moves over reserved bytes; true when they all are zero. */
static inline bool take_zero(const uint8_t **in, size_t length)
{
	uint8_t any = 0;

	while (length-- > 0)
		any |= take_u8(in);
	return any == 0;
}

#endif
