/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake, both roles. The input says which role, what is offered, how the owner decides, and
 * then what the peer sends: its bytes as they are, or true frames (with a proof made right, since the
 * fuzzer knows the secret), altered as the input says, in pieces of any size.
 */
#include "core/bytes.h"
#include "core/handshake.h"
#include "core/hmac.h"
#include "fuzz/fuzz.h"

#define STEPS_MAX 4000u

struct world {
	struct handshake h;
	struct draw *d;
	time_ns now;
	bool dialler;                           /* the role of h */
	struct handshake_offer offer;           /* own, or the one that the peer makes */
	struct handshake_terms terms;
	uint8_t nonce[NONCE_BYTES], peer_nonce[NONCE_BYTES];

	/* What h wrote, and what the peer says and h has not read. */
	uint8_t out[512], in[512];
	size_t out_length, in_length, in_at;
	bool altered;                           /* the peer said something that it should not */
	bool began, offered, answered;          /* what the peer has said */
};

static void say(struct world *w, const void *bytes, size_t length)
{
	size_t room = sizeof w->in - w->in_length;

	if (length > room)
		length = room;
	if (length > 0)
		memcpy(w->in + w->in_length, bytes, length);
	w->in_length += length;
}

/* The last `length` bytes said are changed in one place, or cut. */
static void alter(struct world *w, size_t length)
{
	unsigned how = draw_below(w->d, 6);
	size_t from = w->in_length - length;
	uint8_t change;

	if (how > 1 || length == 0)
		return;
	if (how == 0) {
		change = draw_u8(w->d);
		w->in[from + draw_below(w->d, (unsigned)length)] ^= change;
		w->altered |= change != 0;
	} else {
		w->in_length -= 1 + draw_below(w->d, (unsigned)length);
		w->altered = true;
	}
}

/* PROTOCOL.md "Proofs", from what went over the wire. */
static void prove(const struct world *w, bool of_dialler, const uint8_t *offer_frame,
		  const uint8_t *accept_payload, uint8_t mac[MAC_BYTES])
{
	const char *labels[2][2] = { { "hawser accept hello 1", "hawser confirm hello 1" },
				     { "hawser accept join 1", "hawser confirm join 1" } };
	size_t length = w->offer.join ? FRAME_JOIN_BYTES : FRAME_HELLO_BYTES;
	uint8_t label[24] = { 0 }, offer[FRAME_HELLO_BYTES], accept[FRAME_ACCEPT_BYTES];
	uint8_t preambles[2 * PREAMBLE_BYTES], role = of_dialler ? 'D' : 'A';
	struct hmac hmac;

	memcpy(label, labels[w->offer.join][of_dialler], strlen(labels[w->offer.join][of_dialler]));
	memcpy(offer, offer_frame + FRAME_HEADER_BYTES, length);
	if (!w->offer.join)
		memset(offer + FRAME_HELLO_SECRET_AT, 0, SECRET_BYTES);
	memcpy(accept, accept_payload, sizeof accept);
	memset(accept + FRAME_ACCEPT_MAC_AT, 0, MAC_BYTES);
	preamble_encode(preambles, 1, 1);
	preamble_encode(preambles + PREAMBLE_BYTES, 1, 1);
	hmac_init(&hmac, w->offer.secret, SECRET_BYTES);
	hmac_update(&hmac, label, sizeof label);
	hmac_update(&hmac, &role, 1);
	hmac_update(&hmac, preambles, sizeof preambles);
	hmac_update(&hmac, offer, length);
	hmac_update(&hmac, accept, sizeof accept);
	hmac_final(&hmac, mac);
}

static size_t true_offer(struct world *w, uint8_t *out, size_t capacity)
{
	const struct handshake_offer *o = &w->offer;
	struct frame_hello hello = {
		.path_id = o->path_id, .kind = o->kind, .mode = o->mode, .carrier = o->carrier,
		.receive_limit = o->receive_limit, .range_credit = o->range_credit,
		.resume_timeout_ms = o->resume_timeout_ms, .orphan_timeout_ms = o->orphan_timeout_ms,
	};
	struct frame_join join = {
		.path_id = o->path_id, .replaces = o->replaces, .carrier = o->carrier, .resume = o->resume,
	};

	memcpy(hello.id, o->id, sizeof hello.id);
	memcpy(hello.secret, o->secret, sizeof hello.secret);
	memcpy(hello.nonce, w->peer_nonce, sizeof hello.nonce);
	memcpy(join.id, o->id, sizeof join.id);
	memcpy(join.nonce, w->peer_nonce, sizeof join.nonce);
	memcpy(join.confirmed, o->confirmed, sizeof join.confirmed);
	return o->join ? frame_join_encode(out, capacity, &join) : frame_hello_encode(out, capacity, &hello);
}

/* What an honest peer would say next: the acceptor's ACCEPT, the dialler's offer or CONFIRM. */
static void say_true(struct world *w)
{
	uint8_t frame[FRAME_HEADER_BYTES + FRAME_HELLO_BYTES], offer[sizeof frame];
	struct frame_accept accept = {
		.receive_limit = w->terms.receive_limit, .range_credit = w->terms.range_credit,
		.kind = w->terms.kind, .version = 1, .resume_timeout_ms = w->terms.resume_timeout_ms,
	};
	struct frame_confirm confirm;
	const uint8_t *unsaid;
	size_t length;

	/* Nobody answers twice, nor what was not said to the end. */
	if (w->answered || (w->offered && w->out_length == 0) || handshake_output(&w->h, &unsaid) > 0)
		w->altered = true;
	if (w->dialler) {
		memcpy(accept.nonce, w->peer_nonce, sizeof accept.nonce);
		frame_accept_encode(frame, sizeof frame, &accept);
		prove(w, false, w->out + PREAMBLE_BYTES, frame + FRAME_HEADER_BYTES, accept.mac);
		length = frame_accept_encode(frame, sizeof frame, &accept);
		w->answered = true;
	} else if (!w->offered) {
		length = true_offer(w, frame, sizeof frame);
		w->offered = true;
	} else {
		true_offer(w, offer, sizeof offer);
		prove(w, true, offer, w->out + PREAMBLE_BYTES + FRAME_HEADER_BYTES, confirm.mac);
		length = frame_confirm_encode(frame, sizeof frame, &confirm);
		w->answered = true;
	}
	say(w, frame, length);
	alter(w, w->in_length < length ? 0 : length);
}

static void peer_speaks(struct world *w)
{
	struct frame_close close = { .reason = draw_u8(w->d), .detail = draw_u8(w->d) };
	uint8_t bytes[64];
	size_t length;

	if (!w->began) {
		w->began = true;
		preamble_encode(bytes, 1, 1);
		say(w, bytes, PREAMBLE_BYTES);
		alter(w, PREAMBLE_BYTES);
		return;
	}
	switch (draw_below(w->d, 4)) {
	case 0:
		w->altered = true;
		length = frame_close_encode(bytes, sizeof bytes, &close);
		say(w, bytes, length);
		break;
	case 1:
		w->altered = true;
		length = draw_below(w->d, sizeof bytes);
		draw_fill(w->d, bytes, length);
		say(w, bytes, length);
		break;
	default:
		say_true(w);
		break;
	}
}

static void draw_offer(struct world *w)
{
	struct draw *d = w->d;
	struct handshake_offer *o = &w->offer;

	o->join = draw_u8(d) & 1;
	o->path_id = draw_u16(d) % PATH_ID_NONE;
	o->carrier = (uint8_t)(1 + draw_below(d, FRAME_CARRIER_LAST));
	draw_fill(d, w->peer_nonce, 4);
	draw_fill(d, w->nonce, 4);
	draw_fill(d, o->secret, 4);
	draw_fill(d, o->id, 2);
	w->terms = (struct handshake_terms){
		.receive_limit = draw_u64(d) % (STREAM_OFFSET_MAX + 1), .range_credit = draw_u16(d),
		.resume_timeout_ms = draw_u32(d), .kind = draw_u8(d) & 1,
	};
	if (o->join) {
		o->replaces = draw_u16(d);
		if (o->replaces == o->path_id)
			o->replaces = PATH_ID_NONE;
		o->resume = draw_u8(d) & 1;
		memcpy(o->confirmed, w->nonce, sizeof o->confirmed);
		return;
	}
	o->kind = draw_u8(d) & 1;
	o->mode = (uint8_t)draw_below(d, FRAME_MODE_LAST + 1);
	o->receive_limit = draw_u64(d) % (STREAM_OFFSET_MAX + 1);
	o->range_credit = draw_u16(d);
	o->resume_timeout_ms = draw_u32(d);
	o->orphan_timeout_ms = draw_u32(d);
	o->replaces = PATH_ID_NONE;
}

/* The owner's part, when it is asked. */
static void decide(struct world *w)
{
	const struct handshake_offer *o;
	bool refuses = draw_below(w->d, 8) == 0;

	if (refuses) {
		w->altered = true;
		handshake_refuse(&w->h, REASON_BUSY, draw_u8(w->d));
		return;
	}
	if (w->dialler) {
		handshake_confirm(&w->h);
		return;
	}
	o = handshake_offer(&w->h);
	HOLDS(o->path_id != PATH_ID_NONE && o->carrier >= 1 && o->carrier <= FRAME_CARRIER_LAST);
	HOLDS(o->receive_limit <= STREAM_OFFSET_MAX && o->kind <= 1 && o->mode <= FRAME_MODE_LAST);
	if (!o->join && !w->altered)
		HOLDS(memcmp(o->secret, w->offer.secret, SECRET_BYTES) == 0);
	if (o->join && !w->altered)
		HOLDS(memcmp(o->confirmed, w->offer.confirmed, NONCE_BYTES) == 0);
	handshake_admit(&w->h, w->offer.secret, w->nonce, &w->terms);
}

static void h_writes(struct world *w)
{
	const uint8_t *bytes = NULL;
	size_t length = handshake_output(&w->h, &bytes), most = draw_below(w->d, 4) == 0 ? draw_u8(w->d) : 512;

	if (length > most)
		length = most;
	if (length == 0)
		return;
	HOLDS(w->out_length + length <= sizeof w->out);
	memcpy(w->out + w->out_length, bytes, length);
	w->out_length += length;
	handshake_sent(&w->h, length, w->now);
}

static void h_reads(struct world *w)
{
	uint8_t *space;
	size_t length = handshake_input_space(&w->h, &space), left = w->in_length - w->in_at;
	size_t most = draw_below(w->d, 4) == 0 ? 1 + draw_below(w->d, 20) : 512;

	HOLDS(length == handshake_wants(&w->h) && length <= FRAME_HELLO_BYTES);
	length = length < left ? length : left;
	length = length < most ? length : most;
	if (length > 0)
		memcpy(space, w->in + w->in_at, length);
	w->in_at += length;
	handshake_received(&w->h, length, w->now);
	if (w->in_at == w->in_length)
		w->in_at = w->in_length = 0;
}

static void check(struct world *w)
{
	const struct handshake *h = &w->h;
	const uint8_t *bytes;
	enum handshake_state state = handshake_state(h);
	time_ns rtt_ns = handshake_rtt_ns(h);

	HOLDS(rtt_ns >= -1 && rtt_ns <= w->now);
	if (state == HANDSHAKE_IN_PROGRESS)
		return;
	HOLDS(handshake_output(h, &bytes) == 0 && handshake_wants(h) == 0);
	if (state == HANDSHAKE_FAILED) {
		HOLDS(handshake_failure(h)->by_peer || handshake_failure(h)->reason != REASON_NONE);
		/* The terms of both sides may differ in kind; else a true peer is never refused. */
		HOLDS(w->altered || (!w->offer.join && w->offer.kind != w->terms.kind) ||
		      (w->offer.join && w->dialler && w->offer.kind != w->terms.kind));
	}
	/* Nobody gets here whose proof was not right. */
	if (state == HANDSHAKE_DONE || state == HANDSHAKE_ACCEPTED) {
		HOLDS(handshake_peer(h)->version == 1);
		HOLDS(w->answered);
		HOLDS(handshake_peer(h)->terms.receive_limit <= STREAM_OFFSET_MAX);
	}
}

static void run(struct world *w)
{
	for (unsigned step = 0; step < STEPS_MAX; step++) {
		enum handshake_state state = handshake_state(&w->h);
		size_t before = w->d->left;

		w->now += draw_u8(w->d);
		if (state == HANDSHAKE_NEEDS_DECISION || state == HANDSHAKE_ACCEPTED)
			decide(w);
		else if (state != HANDSHAKE_IN_PROGRESS)
			return;
		h_writes(w);
		/* Seldom does the peer answer before it was spoken to. */
		if (w->in_length == 0 && draw_below(w->d, 16) != 1)
			peer_speaks(w);
		h_reads(w);
		check(w);
		if (before == 0 && w->altered)
			return;
	}
	HOLDS(!"a handshake that goes on for ever");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct draw d = { data, size };
	struct world *w = calloc(1, sizeof *w);
	struct protocol_versions versions = PROTOCOL_VERSIONS;

	HOLDS(w != NULL);
	w->d = &d;
	w->dialler = draw_u8(&d) & 1;
	draw_offer(w);
	if (w->dialler)
		handshake_dial(&w->h, versions, &w->offer, w->nonce);
	else
		handshake_answer(&w->h, versions);
	run(w);
	handshake_fini(&w->h);
	for (size_t i = 0; i < SECRET_BYTES; i++)
		HOLDS(w->h.offer.secret[i] == 0);
	free(w);
	return 0;
}
