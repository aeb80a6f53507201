/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput; libFuzzer drives it
 * to find inputs (script/fuzz), replay.c to repeat those in corpus/TARGET (suite 'fuzz').
 */
#ifndef HAWSER_FUZZ_H
#define HAWSER_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant: says what broke and dies, so that the engine keeps the input. */
#define HOLDS(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
		abort(); \
	} \
} while (0)

/* The input as a program: values are drawn from its front, zeros when it is used up. */
struct draw {
	const uint8_t *at;
	size_t left;
};

static inline uint64_t draw_bytes(struct draw *d, unsigned count)
{
	uint64_t value = 0;

	while (count-- > 0) {
		value = value << 8 | (d->left > 0 ? *d->at : 0);
		if (d->left > 0) {
			d->at++;
			d->left--;
		}
	}
	return value;
}

static inline uint8_t draw_u8(struct draw *d)
{
	return (uint8_t)draw_bytes(d, 1);
}

static inline uint16_t draw_u16(struct draw *d)
{
	return (uint16_t)draw_bytes(d, 2);
}

static inline uint32_t draw_u32(struct draw *d)
{
	return (uint32_t)draw_bytes(d, 4);
}

static inline uint64_t draw_u64(struct draw *d)
{
	return draw_bytes(d, 8);
}

/* Below bound, which is not 0. */
static inline unsigned draw_below(struct draw *d, unsigned bound)
{
	return (bound <= 256 ? draw_u8(d) : draw_u16(d)) % bound;
}

/* One of the values, or any number of 32 bits. */
static inline uint64_t draw_pick(struct draw *d, const uint64_t *values, unsigned count)
{
	unsigned which = draw_below(d, count + 1);

	return which < count ? values[which] : draw_u32(d);
}
#define PICK(d, ...) draw_pick(d, (const uint64_t[]){ __VA_ARGS__ }, \
			       sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/* Fills bytes; zeros when the input is used up. */
static inline void draw_fill(struct draw *d, void *bytes, size_t length)
{
	size_t count = length < d->left ? length : d->left;

	memset(bytes, 0, length);
	if (count > 0)
		memcpy(bytes, d->at, count);
	d->at += count;
	d->left -= count;
}

/* A text that ends where the input has a zero byte or stops: the caller's to free. */
static inline char *draw_text(struct draw *d)
{
	const uint8_t *end = d->left > 0 ? memchr(d->at, 0, d->left) : NULL;
	size_t length = end != NULL ? (size_t)(end - d->at) : d->left;
	char *text = malloc(length + 1);

	HOLDS(text != NULL);
	if (length > 0)
		memcpy(text, d->at, length);
	text[length] = 0;
	d->at += length;
	d->left -= length;
	if (end != NULL) {
		d->at++;
		d->left--;
	}
	return text;
}

#endif
