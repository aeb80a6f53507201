/* SPDX-License-Identifier: Apache-2.0 */
/* A parcel's memory: it only grows, since the next message may be as large. */
#include "driver/parcel.h"

#include <stdlib.h>

bool parcel_holds(const struct parcel *p)
{
	return p->length > 0 || p->whole;
}

bool parcel_reserve(struct parcel *p, size_t bytes)
{
	size_t capacity = p->capacity ? p->capacity : 4096;

	while (capacity < bytes)
		capacity *= 2;
	if (capacity == p->capacity)
		return true;
	uint8_t *grown = realloc(p->bytes, capacity);
	if (!grown)
		return false;
	p->bytes = grown;
	p->capacity = capacity;
	return true;
}

void parcel_free(struct parcel *p)
{
	free(p->bytes);
	*p = (struct parcel){ 0 };
}
