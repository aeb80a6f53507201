/* SPDX-License-Identifier: Apache-2.0 */
/* See stranger.h. */
#include "fuzz/stranger.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/reason.h"
#include "fuzz/by_hand.h"
#include "transport/carrier.h"

#define QUEUE_FULL_MS 200       /* not connected by then: the kernel's queue is full */
#define OFFER_AT (PREAMBLE_BYTES + FRAME_HEADER_BYTES)

bool stranger_open(struct stranger *s, unsigned place, unsigned port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 + place) };
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				     .sin_port = htons((uint16_t)port) };
	struct pollfd p = { .events = POLLOUT };
	socklen_t length = sizeof there;
	int at_once = 1;

	memset(s, 0, sizeof *s);
	s->accepted_at = -1;
	s->opened_at = by_hand_now();
	s->fd = by_hand_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
	p.fd = s->fd;
	HOLDS(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&here, sizeof here) == 0);
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
	(void)connect(s->fd, (struct sockaddr *)&there, sizeof there);
	(void)poll(&p, 1, QUEUE_FULL_MS);
	if (getpeername(s->fd, (struct sockaddr *)&there, &length) == 0)
		return true;
	close(s->fd);
	s->fd = -1;
	return false;
}

void stranger_say(struct stranger *s, const void *bytes, size_t length)
{
	size_t kept = length < SAID_MAX - s->said_length ? length : SAID_MAX - s->said_length;
	ssize_t sent;

	if (s->fd < 0 || s->shut || length == 0)
		return;
	sent = send(s->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* Who is not read any more has said enough. */
	if (sent < (ssize_t)length) {
		s->shut = true;
		kept = 0;
	}
	memcpy(s->said + s->said_length, bytes, kept);
	s->said_length += kept;
}

void stranger_free(struct stranger *s)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (s->fd < 0)
		return;
	/* By a reset: nothing stays behind in TIME_WAIT. */
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(s->fd);
	s->fd = -1;
}

void stranger_leave(struct stranger *s, bool reset)
{
	s->shut = true;
	if (reset)
		stranger_free(s);
	else if (s->fd >= 0)
		(void)shutdown(s->fd, SHUT_WR);
}

/* --- hearing --- */

static void frame_came(struct stranger *s)
{
	struct frame_close close;

	switch (s->header.type) {
	case FRAME_ACCEPT:
		HOLDS(!s->accepted && frame_accept_decode(s->payload, s->header.length, &s->accept) == 0);
		memcpy(s->accept_payload, s->payload, sizeof s->accept_payload);
		s->accepted = true;
		break;
	case FRAME_CLOSE:
		HOLDS(frame_close_decode(s->payload, s->header.length, &close) == 0);
		s->closed = true;
		s->close_reason = close.reason;
		break;
	case FRAME_RESET:
		HOLDS(s->accepted);
		s->closed = true;
		s->close_reason = REASON_NONE;
		break;
	case FRAME_DATA:
		HOLDS(s->accepted);
		s->data_length = s->payload_have - FRAME_DATA_MIN;
		memcpy(s->data, s->payload + FRAME_DATA_MIN, s->data_length);
		break;
	default:
		HOLDS(s->accepted && s->header.type > FRAME_CONFIRM && s->header.type < FRAME_CLOSE);
		break;
	}
}

/* One byte. Payloads are kept as far as there is room. */
static void hear_byte(struct stranger *s, uint8_t byte)
{
	static const uint8_t preamble[] = { 'h', 'a', 'w', 's', 'e', 'r', PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX };

	HOLDS(!s->closed);              /* nothing may follow it */
	if (s->head_have < FRAME_HEADER_BYTES) {
		s->head[s->head_have++] = byte;
		if (s->head_have < FRAME_HEADER_BYTES)
			return;
		if (!s->greeted) {
			HOLDS(memcmp(s->head, preamble, sizeof preamble) == 0);
			s->greeted = true;
			s->head_have = 0;
			return;
		}
		HOLDS(frame_header_decode(s->head, &s->header) == 0);
		s->payload_have = 0;
	} else {
		if (s->payload_have < HEARD_MAX)
			s->payload[s->payload_have] = byte;
		s->payload_have++;
	}
	if (s->payload_have < s->header.length)
		return;
	s->payload_have = s->payload_have < HEARD_MAX ? s->payload_have : HEARD_MAX;
	frame_came(s);
	s->head_have = 0;
}

void stranger_hear(struct stranger *s)
{
	uint8_t bytes[4096];
	ssize_t length;

	if (s->fd < 0 || s->over)
		return;
	while ((length = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		for (ssize_t i = 0; i < length; i++)
			hear_byte(s, bytes[i]);
	HOLDS(length == 0 || errno == EAGAIN || errno == ECONNRESET || errno == EPIPE);
	s->over = length == 0 || errno != EAGAIN;
}

/* --- what must come of it --- */

static struct proof proof_of(const struct stranger *s)
{
	struct proof proof;

	memset(&proof, 0, sizeof proof);
	proof_keep_preamble(&proof, true, s->said[PREAMBLE_BYTES - 2], s->said[PREAMBLE_BYTES - 1]);
	proof_keep_preamble(&proof, false, PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX);
	proof_keep_offer(&proof, s->offer.join, s->said + OFFER_AT);
	proof_keep_accept(&proof, s->accept_payload);
	return proof;
}

static enum due close_due(struct stranger *s, enum reason reason)
{
	s->due_reason = (uint16_t)reason;
	return DUE_CLOSE;
}

enum due stranger_due_accepted(struct stranger *s, const uint8_t *secret)
{
	size_t at = OFFER_AT + (s->offer.join ? FRAME_JOIN_BYTES : FRAME_HELLO_BYTES);
	size_t left = s->said_length - at;
	struct proof proof = proof_of(s);
	struct frame_header header;

	HOLDS(s->accept.version == PROTOCOL_VERSION_MAX);
	HOLDS(proof_right(&proof, secret, false, s->accept.mac));
	if (left < FRAME_HEADER_BYTES)
		return DUE_NOTHING;
	if (frame_header_decode(s->said + at, &header) < 0 ||
	    (header.type != FRAME_CONFIRM && header.type != FRAME_CLOSE))
		return close_due(s, REASON_PROTOCOL_ERROR);
	if (left < FRAME_HEADER_BYTES + header.length)
		return DUE_NOTHING;
	if (header.type == FRAME_CLOSE)
		return DUE_END;
	if (!proof_right(&proof, secret, true, s->said + at + FRAME_HEADER_BYTES))
		return close_due(s, REASON_PROOF_FAILED);
	return DUE_SESSION;
}

enum due stranger_due(struct stranger *s)
{
	size_t have = s->said_length;
	struct frame_header header;
	uint8_t lowest, highest;

	if (have < PREAMBLE_BYTES)
		return preamble_begins(s->said, have) ? DUE_NOTHING : DUE_END;
	if (preamble_decode(s->said, &lowest, &highest) < 0)
		return DUE_END;
	if (have < OFFER_AT)
		return DUE_NOTHING;
	if (lowest > PROTOCOL_VERSION_MAX) {
		const uint8_t *length = s->said + OFFER_AT - 4;
		size_t skip = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];

		skip = skip <= CONTROL_PAYLOAD_MAX ? skip : 0;
		return have < OFFER_AT + skip ? DUE_NOTHING : close_due(s, REASON_VERSION);
	}
	if (frame_header_decode(s->said + PREAMBLE_BYTES, &header) < 0 ||
	    (header.type != FRAME_HELLO && header.type != FRAME_JOIN))
		return close_due(s, REASON_PROTOCOL_ERROR);
	if (have < OFFER_AT + header.length)
		return DUE_NOTHING;
	if (offer_decode(&s->offer, header.type, s->said + OFFER_AT, header.length) < 0 ||
	    s->offer.carrier != CARRIER_TCP)
		return close_due(s, REASON_PROTOCOL_ERROR);
	return DUE_DECISION;
}

void stranger_confirm(struct stranger *s, const uint8_t *secret)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_CONFIRM_BYTES];
	struct frame_confirm confirm;
	struct proof proof = proof_of(s);

	proof_compute(&proof, secret, true, confirm.mac);
	stranger_say(s, bytes, frame_confirm_encode(bytes, sizeof bytes, &confirm));
}
