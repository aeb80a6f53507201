/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads along what an end writes to a carrier, frame by frame, and holds it to PROTOCOL.md: what
 * may be sent where and when, that bytes are what the program wrote, that acknowledgements do not
 * lie.
 */
#ifndef HAWSER_SIM_WIRE_H
#define HAWSER_SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"

struct world;
struct host_link;

struct wire {
	uint8_t header[FRAME_DATA_HEAD_BYTES];
	unsigned header_have;
	struct frame_header frame;
	uint64_t at, end;               /* of the DATA frame's bytes, in the stream */
	bool in_data;
	bool copies_only;               /* of the DATA frame under way: the path was suspect when it began */
	uint8_t payload[CONTROL_PAYLOAD_MAX];
	unsigned payload_have;
	bool in_control;
	bool ended;                     /* CLOSE or RESET was written */
	uint64_t written;               /* bytes since the handshake */
};

/* Host h wrote these bytes on that link just now. */
void wire_written(struct world *w, unsigned h, struct host_link *link, const uint8_t *bytes,
		  size_t length);

#endif
