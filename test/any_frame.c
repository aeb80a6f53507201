/* SPDX-License-Identifier: Apache-2.0 */
/* The codec by type; see any_frame.h. */
#include "test/any_frame.h"

#include <stdlib.h>

size_t any_frame_encode(enum frame_type type, uint8_t *out, size_t capacity, const union any_frame *frame)
{
	switch (type) {
	case FRAME_HELLO:
		return frame_hello_encode(out, capacity, &frame->hello);
	case FRAME_JOIN:
		return frame_join_encode(out, capacity, &frame->join);
	case FRAME_ACCEPT:
		return frame_accept_encode(out, capacity, &frame->accept);
	case FRAME_CONFIRM:
		return frame_confirm_encode(out, capacity, &frame->confirm);
	case FRAME_ACK:
		return frame_ack_encode(out, capacity, &frame->ack);
	case FRAME_PING:
		return frame_ping_encode(out, capacity, &frame->ping);
	case FRAME_PONG:
		return frame_pong_encode(out, capacity, &frame->pong);
	case FRAME_MODE:
		return frame_mode_encode(out, capacity, &frame->mode);
	case FRAME_RESET:
		return frame_reset_encode(out, capacity, &frame->reset);
	case FRAME_CLOSE:
		return frame_close_encode(out, capacity, &frame->close);
	case FRAME_DATA:
		break;
	}
	abort();
}

int any_frame_decode(enum frame_type type, const uint8_t *payload, size_t length, union any_frame *frame)
{
	switch (type) {
	case FRAME_HELLO:
		return frame_hello_decode(payload, length, &frame->hello);
	case FRAME_JOIN:
		return frame_join_decode(payload, length, &frame->join);
	case FRAME_ACCEPT:
		return frame_accept_decode(payload, length, &frame->accept);
	case FRAME_CONFIRM:
		return frame_confirm_decode(payload, length, &frame->confirm);
	case FRAME_ACK:
		return frame_ack_decode(payload, length, &frame->ack);
	case FRAME_PING:
		return frame_ping_decode(payload, length, &frame->ping);
	case FRAME_PONG:
		return frame_pong_decode(payload, length, &frame->pong);
	case FRAME_MODE:
		return frame_mode_decode(payload, length, &frame->mode);
	case FRAME_RESET:
		return frame_reset_decode(payload, length, &frame->reset);
	case FRAME_CLOSE:
		return frame_close_decode(payload, length, &frame->close);
	case FRAME_DATA:
		break;
	}
	abort();
}
