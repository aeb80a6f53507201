/* SPDX-License-Identifier: Apache-2.0 */
/* The pair, its wires, and what both ends should say when all went well. */
#include "test/handshake_pair.h"

#define NO_TAMPER SIZE_MAX

const size_t steps[STEP_COUNT] = { 1, 2, 3, 7, 8, 9, 50, 1000 };

void nonce_of(uint8_t nonce[NONCE_BYTES], uint8_t first)
{
	for (unsigned i = 0; i < NONCE_BYTES; i++)
		nonce[i] = (uint8_t)(first + i);
}

struct handshake_offer offer_of(bool join)
{
	struct handshake_offer offer = {
		.join = join,
		.path_id = 3,
		.carrier = 1,
		.kind = 1,
		.mode = 2,
		.receive_limit = 1 << 20,
		.range_credit = RANGE_CREDIT,
		.resume_timeout_ms = 300000,
		.orphan_timeout_ms = 3000,
		.replaces = join ? 2 : PATH_ID_NONE,
		.resume = join,
	};

	for (unsigned i = 0; i < SESSION_ID_BYTES; i++)
		offer.id[i] = (uint8_t)(0x10 + i);
	for (unsigned i = 0; i < SECRET_BYTES; i++)
		offer.secret[i] = (uint8_t)(0xc0 + i);
	if (join)
		nonce_of(offer.confirmed, 0xa0);
	return offer;
}

static void wire_init(struct wire *w)
{
	*w = (struct wire){ .tamper_at = NO_TAMPER, .cut_at = SIZE_MAX };
}

void pair_init(struct pair *p, bool join, struct protocol_versions dialler,
		      struct protocol_versions acceptor)
{
	struct handshake_offer offer = offer_of(join);
	uint8_t nonce[NONCE_BYTES];

	memset(p, 0, sizeof *p);
	wire_init(&p->to_acceptor);
	wire_init(&p->to_dialler);
	nonce_of(nonce, 0x20);
	nonce_of(p->acceptor_nonce, 0x60);
	memcpy(p->session_secret, offer.secret, sizeof offer.secret);
	p->terms = (struct handshake_terms){ 1 << 21, 99, 250000, offer.kind };
	p->confirm = true;
	p->step = 1000;
	handshake_dial(&p->dialler, dialler, &offer, nonce);
	handshake_answer(&p->acceptor, acceptor);
}

void wire_write(struct wire *w, const void *bytes, size_t length)
{
	CHECK(length <= WIRE_MAX - w->written);
	for (size_t i = 0; i < length && w->written < w->cut_at; i++, w->written++) {
		w->bytes[w->written] = ((const uint8_t *)bytes)[i];
		if (w->written == w->tamper_at)
			w->bytes[w->written] ^= w->tamper_mask;
	}
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool flush(struct handshake *h, struct wire *w, size_t step, time_ns now)
{
	const uint8_t *bytes = NULL;
	size_t length = least(handshake_output(h, &bytes), step);

	if (length == 0)
		return false;
	CHECK_EQ(handshake_state(h), HANDSHAKE_IN_PROGRESS);
	wire_write(w, bytes, length);
	handshake_sent(h, length, now);
	return true;
}

bool feed(struct handshake *h, struct wire *w, size_t step, time_ns now)
{
	uint8_t *space;
	size_t length = least(least(handshake_input_space(h, &space), step), w->written - w->read);

	if (handshake_wants(h) > 0)
		CHECK_EQ(handshake_state(h), HANDSHAKE_IN_PROGRESS);
	if (length == 0)
		return false;
	memcpy(space, w->bytes + w->read, length);
	w->read += length;
	handshake_received(h, length, now);
	return true;
}

void run(struct pair *p)
{
	bool moved = true;

	while (moved) {
		moved = flush(&p->dialler, &p->to_acceptor, p->step, p->now);
		moved |= feed(&p->acceptor, &p->to_acceptor, p->step, p->now);
		if (handshake_state(&p->acceptor) == HANDSHAKE_NEEDS_DECISION) {
			if (p->refuse)
				handshake_refuse(&p->acceptor, p->refuse, 7);
			else
				handshake_admit(&p->acceptor, p->session_secret, p->acceptor_nonce,
						&p->terms);
			moved = true;
		}
		moved |= flush(&p->acceptor, &p->to_dialler, p->step, p->now);
		moved |= feed(&p->dialler, &p->to_dialler, p->step, p->now);
		if (handshake_state(&p->dialler) == HANDSHAKE_ACCEPTED && p->confirm) {
			handshake_confirm(&p->dialler);
			moved = true;
		}
	}
}

void check_failed(const struct handshake *h, unsigned reason, bool by_peer)
{
	CHECK_EQ(handshake_state(h), HANDSHAKE_FAILED);
	CHECK_EQ(handshake_failure(h)->reason, reason);
	CHECK_EQ(handshake_failure(h)->by_peer, by_peer);
	CHECK_EQ(handshake_wants(h), 0);
}

static void check_offer(const struct handshake_offer *got, bool join)
{
	struct handshake_offer want = offer_of(join);

	CHECK_EQ(got->join, join);
	CHECK_MEM(got->id, want.id, sizeof want.id);
	CHECK_MEM(got->secret, want.secret, sizeof want.secret);
	CHECK_EQ(got->path_id, want.path_id);
	CHECK_EQ(got->carrier, want.carrier);
	CHECK_EQ(got->replaces, want.replaces);
	CHECK_EQ(got->resume, want.resume);
	CHECK_MEM(got->confirmed, want.confirmed, sizeof want.confirmed);
	CHECK_EQ(got->kind, join ? 0 : want.kind);
	CHECK_EQ(got->mode, join ? 0 : want.mode);
	CHECK_EQ(got->receive_limit, join ? 0 : want.receive_limit);
	CHECK_EQ(got->range_credit, join ? 0 : want.range_credit);
	CHECK_EQ(got->resume_timeout_ms, join ? 0 : want.resume_timeout_ms);
	CHECK_EQ(got->orphan_timeout_ms, join ? 0 : want.orphan_timeout_ms);
}

void check_both_done(const struct pair *p, bool join)
{
	const struct handshake_peer *acceptor = handshake_peer(&p->dialler);
	const struct handshake_peer *dialler = handshake_peer(&p->acceptor);

	CHECK_EQ(handshake_state(&p->dialler), HANDSHAKE_DONE);
	CHECK_EQ(handshake_state(&p->acceptor), HANDSHAKE_DONE);
	CHECK_MEM(handshake_accept_nonce(&p->dialler), p->acceptor_nonce, NONCE_BYTES);
	CHECK_MEM(handshake_accept_nonce(&p->acceptor), p->acceptor_nonce, NONCE_BYTES);
	check_offer(handshake_offer(&p->acceptor), join);
	CHECK_EQ(acceptor->version, 1);
	CHECK_EQ(acceptor->terms.receive_limit, 1 << 21);
	CHECK_EQ(acceptor->terms.range_credit, 99);
	CHECK_EQ(acceptor->terms.resume_timeout_ms, 250000);
	CHECK_EQ(acceptor->terms.kind, 1);
	CHECK_EQ(dialler->version, 1);
	CHECK_EQ(dialler->terms.receive_limit, join ? 0 : 1 << 20);
	CHECK_EQ(dialler->terms.resume_timeout_ms, join ? 0 : 300000);
}
