/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake, PROTOCOL.md "Handshake". Both roles: most of what they do is shared. */
#include "core/handshake.h"

#include <assert.h>
#include <string.h>

#include "core/bytes.h"
#include "core/hmac.h"

/* What the bytes being read are. */
enum reading {
	READING_PREAMBLE,
	READING_HEADER,
	READING_PAYLOAD,
	READING_UNREADABLE,             /* an offer of an unknown version, read to be dropped */
};

static void read_next(struct handshake *h, enum reading reading, size_t length)
{
	assert(length <= sizeof h->input);
	h->reading = reading;
	h->input_have = 0;
	h->input_want = length;
}

/* A flight has begun, and not all of it is written. */
static bool writing(const struct handshake *h)
{
	return h->output_length > 0;
}

/* Begins a flight; its frame goes to the returned place. after is the state once it is written. */
static uint8_t *write_next(struct handshake *h, enum handshake_state after)
{
	assert(!writing(h));
	h->after_output = after;
	if (!h->greeted) {
		preamble_encode(h->output, h->own.min, h->own.max);
		h->output_length = PREAMBLE_BYTES;
		h->greeted = true;
	}
	return h->output + h->output_length;
}

static size_t write_room(const struct handshake *h)
{
	return sizeof h->output - h->output_length;
}

static void wrote_frame(struct handshake *h, size_t length)
{
	assert(length > 0);
	h->output_length += length;
}

static void note_failure(struct handshake *h, unsigned reason, unsigned detail)
{
	h->failure.reason = (uint16_t)reason;
	h->failure.detail = (uint16_t)detail;
	h->failure.authenticated = h->proved;
	h->input_want = h->input_have;          /* reads no more */
}

/* Ends at once; what was not written yet is dropped. */
static void fail(struct handshake *h, enum reason reason)
{
	note_failure(h, reason, 0);
	h->output_sent = h->output_length = 0;
	h->state = HANDSHAKE_FAILED;
}

/* Ends after telling the peer why, which is possible only between two flights. */
static void fail_aloud(struct handshake *h, enum reason reason, uint16_t detail)
{
	struct frame_close close = { .reason = (uint16_t)reason, .detail = detail };
	uint8_t *out;

	if (writing(h)) {
		fail(h, reason);
		return;
	}
	note_failure(h, reason, detail);
	out = write_next(h, HANDSHAKE_FAILED);
	wrote_frame(h, frame_close_encode(out, write_room(h), &close));
	h->state = HANDSHAKE_IN_PROGRESS;
}

static void init(struct handshake *h, struct protocol_versions versions, bool dialler)
{
	assert(versions.min > 0 && versions.min <= versions.max);
	memset(h, 0, sizeof *h);
	h->dialler = dialler;
	h->own = versions;
	h->rtt_ns = -1;
	proof_keep_preamble(&h->proof, dialler, versions.min, versions.max);
	read_next(h, READING_PREAMBLE, PREAMBLE_BYTES);
}

void handshake_dial(struct handshake *h, struct protocol_versions versions,
		    const struct handshake_offer *offer, const uint8_t nonce[NONCE_BYTES])
{
	uint8_t *out;

	init(h, versions, true);
	h->offer = *offer;
	out = write_next(h, HANDSHAKE_IN_PROGRESS);
	wrote_frame(h, offer_encode(out, write_room(h), offer, nonce));
	proof_keep_offer(&h->proof, offer->join, out + FRAME_HEADER_BYTES);
}

void handshake_answer(struct handshake *h, struct protocol_versions versions)
{
	init(h, versions, false);
}

void handshake_fini(struct handshake *h)
{
	wipe(h, sizeof *h);
	h->state = HANDSHAKE_FAILED;
}

size_t handshake_output(const struct handshake *h, const uint8_t **bytes)
{
	if (writing(h))
		*bytes = h->output + h->output_sent;
	return h->output_length - h->output_sent;
}

void handshake_sent(struct handshake *h, size_t length, time_ns now)
{
	assert(length <= h->output_length - h->output_sent);
	if (length == 0)
		return;
	h->output_sent += length;
	if (h->output_sent < h->output_length)
		return;
	h->output_sent = h->output_length = 0;
	h->flight_sent = now;
	h->state = h->after_output;
}

size_t handshake_wants(const struct handshake *h)
{
	return h->input_want - h->input_have;
}

size_t handshake_input_space(struct handshake *h, uint8_t **space)
{
	*space = h->input + h->input_have;
	return handshake_wants(h);
}

static void got_preamble(struct handshake *h)
{
	struct protocol_versions *peer = &h->peer.versions;
	uint8_t highest, lowest;

	if (preamble_decode(h->input, &peer->min, &peer->max) < 0) {
		fail(h, REASON_NOT_A_PEER);
		return;
	}
	proof_keep_preamble(&h->proof, !h->dialler, peer->min, peer->max);
	highest = peer->max < h->own.max ? peer->max : h->own.max;
	lowest = peer->min > h->own.min ? peer->min : h->own.min;
	if (lowest <= highest) {
		h->peer.version = highest;
	} else if (h->dialler) {
		fail(h, REASON_VERSION);
		return;
	}
	read_next(h, READING_HEADER, FRAME_HEADER_BYTES);
}

/*
 * The offer of a dialler with no version in common is read and dropped before the answer: closing a
 * TCP connection with unread bytes sends an RST, which can destroy the answer on its way.
 */
static void read_unreadable(struct handshake *h)
{
	if (h->discard == 0)
		fail_aloud(h, REASON_VERSION, 0);
	else if (h->discard < sizeof h->input)
		read_next(h, READING_UNREADABLE, h->discard);
	else
		read_next(h, READING_UNREADABLE, sizeof h->input);
}

static void got_unreadable(struct handshake *h)
{
	h->discard -= h->input_want;
	read_unreadable(h);
}

/* A header's layout is the same in all versions. */
static void got_unreadable_header(struct handshake *h)
{
	const uint8_t *length = h->input + FRAME_HEADER_BYTES - sizeof(uint32_t);
	uint32_t discard = take_u32(&length);

	h->discard = discard <= CONTROL_PAYLOAD_MAX ? discard : 0;
	read_unreadable(h);
}

/* What may come next: an offer, then ACCEPT, then CONFIRM; instead of these two, CLOSE. */
static bool type_fits(const struct handshake *h, uint8_t type)
{
	if (h->dialler)
		return type == FRAME_ACCEPT || type == FRAME_CLOSE;
	if (h->greeted)
		return type == FRAME_CONFIRM || type == FRAME_CLOSE;
	return type == FRAME_HELLO || type == FRAME_JOIN;
}

static void got_header(struct handshake *h)
{
	if (h->peer.version == 0)
		got_unreadable_header(h);
	else if (frame_header_decode(h->input, &h->header) < 0 || !type_fits(h, h->header.type))
		fail_aloud(h, REASON_PROTOCOL_ERROR, 0);
	else
		read_next(h, READING_PAYLOAD, h->header.length);
}

static void got_offer(struct handshake *h)
{
	if (offer_decode(&h->offer, h->header.type, h->input, h->input_have) < 0) {
		fail_aloud(h, REASON_PROTOCOL_ERROR, 0);
		return;
	}
	h->peer.terms = (struct handshake_terms){
		.receive_limit = h->offer.receive_limit,
		.range_credit = h->offer.range_credit,
		.resume_timeout_ms = h->offer.resume_timeout_ms,
		.kind = h->offer.kind,
	};
	proof_keep_offer(&h->proof, h->offer.join, h->input);
	wipe(h->input, sizeof h->input);
	h->state = HANDSHAKE_NEEDS_DECISION;
}

/* A reply is timed from the end of the flight it answers; one that came before that is a lie. */
static bool reply_timely(struct handshake *h, time_ns now)
{
	if (writing(h))
		return false;
	h->rtt_ns = now > h->flight_sent ? now - h->flight_sent : 0;
	return true;
}

static void write_confirm(struct handshake *h)
{
	struct frame_confirm confirm;
	uint8_t *out = write_next(h, HANDSHAKE_DONE);

	proof_compute(&h->proof, h->offer.secret, true, confirm.mac);
	wrote_frame(h, frame_confirm_encode(out, write_room(h), &confirm));
	h->state = HANDSHAKE_IN_PROGRESS;
}

static void got_accept(struct handshake *h, time_ns now)
{
	struct frame_accept accept;

	if (!reply_timely(h, now) || frame_accept_decode(h->input, h->input_have, &accept) < 0) {
		fail_aloud(h, REASON_PROTOCOL_ERROR, 0);
		return;
	}
	proof_keep_accept(&h->proof, h->input);
	if (!proof_right(&h->proof, h->offer.secret, false, accept.mac)) {
		fail_aloud(h, REASON_PROOF_FAILED, 0);
		return;
	}
	h->proved = true;
	if (accept.version != h->peer.version) {
		fail_aloud(h, REASON_PROTOCOL_ERROR, 0);
		return;
	}
	if (accept.kind != h->offer.kind) {
		fail_aloud(h, REASON_KIND_MISMATCH, 0);
		return;
	}
	h->peer.terms = (struct handshake_terms){
		.receive_limit = accept.receive_limit,
		.range_credit = accept.range_credit,
		.resume_timeout_ms = accept.resume_timeout_ms,
		.kind = accept.kind,
	};
	if (h->offer.join)
		write_confirm(h);
	else
		h->state = HANDSHAKE_ACCEPTED;
}

static void got_confirm(struct handshake *h, time_ns now)
{
	struct frame_confirm confirm;

	if (!reply_timely(h, now) || frame_confirm_decode(h->input, h->input_have, &confirm) < 0) {
		fail_aloud(h, REASON_PROTOCOL_ERROR, 0);
	} else if (!proof_right(&h->proof, h->offer.secret, true, confirm.mac)) {
		fail_aloud(h, REASON_PROOF_FAILED, 0);
	} else {
		h->state = HANDSHAKE_DONE;
	}
}

static void got_close(struct handshake *h)
{
	struct frame_close close;

	if (frame_close_decode(h->input, h->input_have, &close) < 0) {
		fail(h, REASON_PROTOCOL_ERROR);
		return;
	}
	fail(h, (enum reason)close.reason);
	h->failure.detail = close.detail;
	h->failure.by_peer = true;
}

static void got_payload(struct handshake *h, time_ns now)
{
	switch (h->header.type) {
	case FRAME_HELLO:
	case FRAME_JOIN:
		got_offer(h);
		break;
	case FRAME_ACCEPT:
		got_accept(h, now);
		break;
	case FRAME_CONFIRM:
		got_confirm(h, now);
		break;
	default:
		got_close(h);
		break;
	}
}

void handshake_received(struct handshake *h, size_t length, time_ns now)
{
	assert(length <= handshake_wants(h));
	if (length == 0)
		return;
	h->input_have += length;
	if (h->input_have < h->input_want) {
		/* Something else may never send the rest of a preamble: not waited for. */
		if (h->reading == READING_PREAMBLE && !preamble_begins(h->input, h->input_have))
			fail(h, REASON_NOT_A_PEER);
		return;
	}
	switch ((enum reading)h->reading) {
	case READING_PREAMBLE:
		got_preamble(h);
		break;
	case READING_HEADER:
		got_header(h);
		break;
	case READING_PAYLOAD:
		got_payload(h, now);
		break;
	case READING_UNREADABLE:
		got_unreadable(h);
		break;
	}
}

enum handshake_state handshake_state(const struct handshake *h)
{
	return h->state;
}

const struct handshake_offer *handshake_offer(const struct handshake *h)
{
	assert(!h->dialler && h->peer.version > 0);
	return &h->offer;
}

void handshake_admit(struct handshake *h, const uint8_t *secret, const uint8_t nonce[NONCE_BYTES],
		     const struct handshake_terms *terms)
{
	struct frame_accept accept = {
		.receive_limit = terms->receive_limit,
		.range_credit = terms->range_credit,
		.kind = terms->kind,
		.version = h->peer.version,
		.resume_timeout_ms = terms->resume_timeout_ms,
	};
	uint8_t *out;

	assert(h->state == HANDSHAKE_NEEDS_DECISION);
	if (h->offer.join) {
		memcpy(h->offer.secret, secret, sizeof h->offer.secret);
	} else if (h->offer.kind != terms->kind) {
		fail_aloud(h, REASON_KIND_MISMATCH, 0);
		return;
	}
	memcpy(accept.nonce, nonce, sizeof accept.nonce);

	/* Once without the proof, which covers it, and again with the proof. */
	out = write_next(h, HANDSHAKE_IN_PROGRESS);
	frame_accept_encode(out, write_room(h), &accept);
	proof_keep_accept(&h->proof, out + FRAME_HEADER_BYTES);
	proof_compute(&h->proof, h->offer.secret, false, accept.mac);
	wrote_frame(h, frame_accept_encode(out, write_room(h), &accept));

	h->state = HANDSHAKE_IN_PROGRESS;
	read_next(h, READING_HEADER, FRAME_HEADER_BYTES);
}

void handshake_confirm(struct handshake *h)
{
	assert(h->state == HANDSHAKE_ACCEPTED);
	write_confirm(h);
}

void handshake_refuse(struct handshake *h, enum reason reason, uint16_t detail)
{
	assert(h->state == HANDSHAKE_NEEDS_DECISION || h->state == HANDSHAKE_ACCEPTED);
	fail_aloud(h, reason, detail);
}

const uint8_t *handshake_accept_nonce(const struct handshake *h)
{
	return h->proof.accept;
}

const struct handshake_peer *handshake_peer(const struct handshake *h)
{
	return &h->peer;
}

const struct handshake_failure *handshake_failure(const struct handshake *h)
{
	assert(h->state == HANDSHAKE_FAILED);
	return &h->failure;
}

time_ns handshake_rtt_ns(const struct handshake *h)
{
	return h->rtt_ns;
}
