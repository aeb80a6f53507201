/* SPDX-License-Identifier: Apache-2.0 */
/* A parcel: a message on its way between a packet and a record, in memory that grows to hold it. */
#ifndef HAWSER_DRIVER_PARCEL_H
#define HAWSER_DRIVER_PARCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct parcel {
	uint8_t *bytes;
	size_t capacity, length;
	size_t at;              /* from the program: so much is in the session already */
	/* to the program: the message is complete, the packet is to be sent */
	bool whole;
};

/* Whether anything of a message is in it; one of 0 bytes, when it is whole, is. */
bool parcel_holds(const struct parcel *p);

/* Room for so many bytes in all, what is there kept. False: no memory, nothing changed. */
bool parcel_reserve(struct parcel *p, size_t bytes);
void parcel_free(struct parcel *p);

#endif
