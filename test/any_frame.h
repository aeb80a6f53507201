/* SPDX-License-Identifier: Apache-2.0 */
/* A control frame of whatever type: encoded and decoded by the codec's function for it. */
#ifndef HAWSER_TEST_ANY_FRAME_H
#define HAWSER_TEST_ANY_FRAME_H

#include "core/frame.h"

union any_frame {
	struct frame_hello hello;
	struct frame_join join;
	struct frame_accept accept;
	struct frame_confirm confirm;
	struct frame_ack ack;
	struct frame_ping ping;
	struct frame_pong pong;
	struct frame_mode mode;
	struct frame_reset reset;
	struct frame_close close;
};

/* As the functions of core/frame.h; of DATA, which is none, they abort. */
size_t any_frame_encode(enum frame_type type, uint8_t *out, size_t capacity, const union any_frame *frame);
int any_frame_decode(enum frame_type type, const uint8_t *payload, size_t length, union any_frame *frame);

#endif
