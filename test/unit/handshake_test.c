/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake: two joined by wires that a test can cut, tamper with, record and replay. */
#include "core/handshake.h"

#include "core/bytes.h"
#include "test/test.h"

#define WIRE_MAX  4096u
#define NO_TAMPER SIZE_MAX
#define STREAM_BYTES "the first bytes of the stream"

struct wire {
	uint8_t bytes[WIRE_MAX];
	size_t read, written;
	size_t tamper_at;               /* which byte, ever, is changed on its way */
	uint8_t tamper_mask;
	size_t cut_at;                  /* what is written from here on is lost */
};

struct pair {
	struct handshake dialler, acceptor;
	struct wire to_acceptor, to_dialler;
	uint8_t session_secret[SECRET_BYTES];   /* what the acceptor thinks a JOIN's secret is */
	uint8_t acceptor_nonce[NONCE_BYTES];
	struct handshake_terms terms;
	enum reason refuse;             /* REASON_NONE: admit */
	bool confirm;
	size_t step;                    /* bytes moved at a time */
	time_ns now;
};

static const size_t steps[] = { 1, 2, 3, 7, 8, 9, 50, 1000 };
#define STEP_COUNT (sizeof steps / sizeof steps[0])

static struct handshake_offer offer_of(bool join)
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
	return offer;
}

static void nonce_of(uint8_t nonce[NONCE_BYTES], uint8_t first)
{
	for (unsigned i = 0; i < NONCE_BYTES; i++)
		nonce[i] = (uint8_t)(first + i);
}

static void wire_init(struct wire *w)
{
	memset(w, 0, sizeof *w);
	w->tamper_at = NO_TAMPER;
	w->cut_at = SIZE_MAX;
}

static void pair_init(struct pair *p, bool join, struct protocol_versions dialler,
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

static void wire_write(struct wire *w, const void *bytes, size_t length)
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

/* One step of writing; whether anything moved. */
static bool flush(struct handshake *h, struct wire *w, size_t step, time_ns now)
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

/* One step of reading. */
static bool feed(struct handshake *h, struct wire *w, size_t step, time_ns now)
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

/* Does what the pair's fields say, until nothing moves any more. */
static void run(struct pair *p)
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

static void check_failed(const struct handshake *h, unsigned reason, bool by_peer)
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
	CHECK_EQ(got->kind, join ? 0 : want.kind);
	CHECK_EQ(got->mode, join ? 0 : want.mode);
	CHECK_EQ(got->receive_limit, join ? 0 : want.receive_limit);
	CHECK_EQ(got->range_credit, join ? 0 : want.range_credit);
	CHECK_EQ(got->resume_timeout_ms, join ? 0 : want.resume_timeout_ms);
	CHECK_EQ(got->orphan_timeout_ms, join ? 0 : want.orphan_timeout_ms);
}

static void check_both_done(const struct pair *p, bool join)
{
	const struct handshake_peer *acceptor = handshake_peer(&p->dialler);
	const struct handshake_peer *dialler = handshake_peer(&p->acceptor);

	CHECK_EQ(handshake_state(&p->dialler), HANDSHAKE_DONE);
	CHECK_EQ(handshake_state(&p->acceptor), HANDSHAKE_DONE);
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

static void succeeds_in_any_steps(void)
{
	for (unsigned i = 0; i < 2 * STEP_COUNT; i++) {
		bool join = i % 2;
		struct pair p;

		pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		p.step = steps[i / 2];
		run(&p);
		check_both_done(&p, join);
	}
}

/* Bytes right behind the handshake stay in the carrier, on both sides. */
static void reads_nothing_beyond(void)
{
	struct pair p;
	size_t tail = sizeof STREAM_BYTES;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	p.confirm = false;
	run(&p);
	CHECK_EQ(handshake_state(&p.dialler), HANDSHAKE_ACCEPTED);
	CHECK_EQ(handshake_state(&p.acceptor), HANDSHAKE_IN_PROGRESS);
	wire_write(&p.to_dialler, STREAM_BYTES, tail);
	handshake_confirm(&p.dialler);
	while (flush(&p.dialler, &p.to_acceptor, 1, p.now))
		;
	CHECK_EQ(handshake_state(&p.dialler), HANDSHAKE_DONE);
	wire_write(&p.to_acceptor, STREAM_BYTES, tail);
	run(&p);
	check_both_done(&p, false);
	CHECK_EQ(p.to_acceptor.written - p.to_acceptor.read, tail);
	CHECK_MEM(p.to_acceptor.bytes + p.to_acceptor.read, STREAM_BYTES, tail);
	CHECK_EQ(p.to_dialler.written - p.to_dialler.read, tail);
	CHECK_EQ(handshake_wants(&p.dialler), 0);
	CHECK_EQ(handshake_wants(&p.acceptor), 0);
}

/* Computed from PROTOCOL.md by another program: the two MACs on the wire. */
static void proofs_are_as_specified(void)
{
	static const uint8_t hello_accept[] = {
		0x21, 0x6e, 0xf2, 0x53, 0xb1, 0x1d, 0x28, 0xd6, 0xef, 0x32, 0x97, 0xd5, 0x13, 0x06,
		0x0d, 0xee, 0xe5, 0x48, 0xf1, 0x73, 0x26, 0x22, 0xaf, 0x8b, 0x08, 0xca, 0x1f, 0x96,
		0x8d, 0x5e, 0xbd, 0x5b,
	};
	static const uint8_t hello_confirm[] = {
		0x43, 0x20, 0x13, 0x71, 0xcf, 0xe4, 0xfa, 0xf4, 0x8c, 0x66, 0x47, 0x2d, 0x46, 0xef,
		0x8d, 0xf0, 0x5c, 0xb1, 0x89, 0xbe, 0x5d, 0x2d, 0x7c, 0xdd, 0xf2, 0xb1, 0xa6, 0x0a,
		0x6d, 0x0f, 0x6b, 0xe6,
	};
	static const uint8_t join_accept[] = {
		0xd1, 0x76, 0xf0, 0x1e, 0xc5, 0x20, 0xfd, 0x75, 0xf3, 0x12, 0xbe, 0x20, 0x7f, 0x3e,
		0x06, 0x55, 0xbf, 0x57, 0x1d, 0x1f, 0x19, 0xee, 0x67, 0xb2, 0x20, 0xcf, 0x93, 0xeb,
		0xe1, 0x16, 0x69, 0xf8,
	};
	static const uint8_t join_confirm[] = {
		0x48, 0x35, 0xbe, 0x4e, 0x12, 0x03, 0x55, 0x0c, 0x34, 0x07, 0x7d, 0x0a, 0x4b, 0xcb,
		0x14, 0x59, 0x55, 0x69, 0xf7, 0x85, 0x4e, 0x00, 0x4a, 0x9f, 0x27, 0x26, 0x76, 0x24,
		0xe8, 0x9f, 0xb1, 0x1b,
	};

	for (unsigned join = 0; join < 2; join++) {
		struct pair p;

		pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		run(&p);
		CHECK_MEM(p.to_dialler.bytes + 32, join ? join_accept : hello_accept, MAC_BYTES);
		CHECK_MEM(p.to_acceptor.bytes + (join ? 64 : 116),
			  join ? join_confirm : hello_confirm, MAC_BYTES);
	}
}

static void wrong_secret(void)
{
	struct pair p;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	p.session_secret[31] ^= 1;
	run(&p);
	check_failed(&p.dialler, REASON_PROOF_FAILED, false);
	CHECK(!handshake_failure(&p.dialler)->authenticated);
	check_failed(&p.acceptor, REASON_PROOF_FAILED, true);
}

/* A dialler without the secret that does not mind a wrong ACCEPT, and sends the CONFIRM given. */
static void forged_confirm(const struct frame_confirm *confirm, unsigned want_reason)
{
	uint8_t frame[FRAME_HEADER_BYTES + FRAME_CONFIRM_BYTES];
	struct pair p;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	p.to_dialler.cut_at = 0;
	run(&p);
	CHECK_EQ(handshake_state(&p.acceptor), HANDSHAKE_IN_PROGRESS);
	CHECK_EQ(handshake_wants(&p.acceptor), FRAME_HEADER_BYTES);
	wire_write(&p.to_acceptor, frame, frame_confirm_encode(frame, sizeof frame, confirm));
	p.to_dialler.cut_at = SIZE_MAX;
	run(&p);
	check_failed(&p.acceptor, want_reason, false);
	CHECK(!handshake_failure(&p.acceptor)->authenticated);
	CHECK_EQ(p.to_dialler.bytes[0], FRAME_CLOSE);
	CHECK_EQ(p.to_dialler.bytes[9], want_reason);
}

static void forged_proofs(void)
{
	struct frame_confirm confirm = { .mac = {0} };
	struct pair p;

	forged_confirm(&confirm, REASON_PROOF_FAILED);
	/* The acceptor's own proof, sent back to it. */
	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	memcpy(confirm.mac, p.to_dialler.bytes + PREAMBLE_BYTES + FRAME_HEADER_BYTES +
	       FRAME_ACCEPT_MAC_AT, MAC_BYTES);
	forged_confirm(&confirm, REASON_PROOF_FAILED);
	/* The same numbers, but proved for a HELLO. */
	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	memcpy(confirm.mac, p.to_acceptor.bytes + p.to_acceptor.written - MAC_BYTES, MAC_BYTES);
	forged_confirm(&confirm, REASON_PROOF_FAILED);
}

/* All that a dialler once sent, sent again to an acceptor that draws this nonce. */
static enum handshake_state replay_dialler(bool join, uint8_t nonce_first)
{
	struct pair p;

	pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	check_both_done(&p, join);
	handshake_answer(&p.acceptor, PROTOCOL_VERSIONS);
	nonce_of(p.acceptor_nonce, nonce_first);
	p.to_acceptor.read = 0;
	run(&p);
	return handshake_state(&p.acceptor);
}

static enum handshake_state replay_acceptor(bool join, uint8_t nonce_first)
{
	struct handshake_offer offer = offer_of(join);
	uint8_t nonce[NONCE_BYTES];
	struct pair p;

	pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	check_both_done(&p, join);
	nonce_of(nonce, nonce_first);
	handshake_dial(&p.dialler, PROTOCOL_VERSIONS, &offer, nonce);
	p.to_dialler.read = 0;
	run(&p);
	return handshake_state(&p.dialler);
}

static void replays(void)
{
	for (unsigned join = 0; join < 2; join++) {
		CHECK_EQ(replay_dialler(join, 0x60), HANDSHAKE_DONE);    /* what the nonce is for */
		CHECK_EQ(replay_dialler(join, 0x61), HANDSHAKE_FAILED);
		CHECK_EQ(replay_acceptor(join, 0x20), HANDSHAKE_DONE);
		CHECK_EQ(replay_acceptor(join, 0x21), HANDSHAKE_FAILED);
	}
}

/* Any bit changed in any byte either way: at most the side that cannot know yet believes it. */
static void tampered(bool join, bool towards_acceptor, size_t at, uint8_t mask, size_t offer_length)
{
	struct protocol_versions both = { 1, 2 };
	struct wire *w;
	struct pair p;

	pair_init(&p, join, both, both);
	w = towards_acceptor ? &p.to_acceptor : &p.to_dialler;
	w->tamper_at = at;
	w->tamper_mask = mask;
	run(&p);
	CHECK(handshake_state(&p.acceptor) != HANDSHAKE_DONE);
	if (!towards_acceptor || at < offer_length) {
		CHECK(handshake_state(&p.dialler) != HANDSHAKE_DONE);
		CHECK_EQ(handshake_peer(&p.dialler)->terms.receive_limit, 0);
	}
}

static void every_bit_tampered(void)
{
	for (unsigned join = 0; join < 2; join++) {
		struct pair p;
		size_t offer_length;

		pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		run(&p);
		offer_length = p.to_acceptor.written - FRAME_HEADER_BYTES - FRAME_CONFIRM_BYTES;
		for (unsigned bit = 0; bit < 8 * p.to_acceptor.written; bit++)
			tampered(join, true, bit / 8, (uint8_t)(1u << bit % 8), offer_length);
		for (unsigned bit = 0; bit < 8 * p.to_dialler.written; bit++)
			tampered(join, false, bit / 8, (uint8_t)(1u << bit % 8), offer_length);
	}
}

static void every_truncation(void)
{
	for (unsigned i = 0; i < 4; i++) {
		bool join = i % 2;
		size_t whole = SIZE_MAX;

		for (size_t cut = 0; cut < whole; cut++) {
			struct pair p;
			struct wire *w = i / 2 ? &p.to_acceptor : &p.to_dialler;

			pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
			if (whole == SIZE_MAX) {
				run(&p);
				whole = w->written;
				pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
			}
			w->cut_at = cut;
			run(&p);
			CHECK_EQ(handshake_state(&p.acceptor), HANDSHAKE_IN_PROGRESS);
			CHECK(handshake_wants(&p.acceptor) > 0);
		}
	}
}

static void refused(void)
{
	for (unsigned i = 0; i < 2 * STEP_COUNT; i++) {
		struct pair p;

		pair_init(&p, i % 2, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		p.step = steps[i / 2];
		p.refuse = REASON_UNKNOWN_SESSION;
		run(&p);
		check_failed(&p.dialler, REASON_UNKNOWN_SESSION, true);
		CHECK_EQ(handshake_failure(&p.dialler)->detail, 7);
		CHECK(!handshake_failure(&p.dialler)->authenticated);
		check_failed(&p.acceptor, REASON_UNKNOWN_SESSION, false);
		CHECK_EQ(p.to_acceptor.read, p.to_acceptor.written);
	}
}

/* The losers of a race: closed without a word, or with one. */
static void unconfirmed(void)
{
	struct pair p;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	p.confirm = false;
	run(&p);
	CHECK_EQ(handshake_state(&p.dialler), HANDSHAKE_ACCEPTED);
	CHECK_EQ(handshake_wants(&p.dialler), 0);
	CHECK_EQ(handshake_state(&p.acceptor), HANDSHAKE_IN_PROGRESS);
	handshake_refuse(&p.dialler, REASON_NOT_CONFIRMED, 0);
	CHECK_EQ(handshake_state(&p.dialler), HANDSHAKE_IN_PROGRESS);
	run(&p);
	check_failed(&p.dialler, REASON_NOT_CONFIRMED, false);
	CHECK(handshake_failure(&p.dialler)->authenticated);
	check_failed(&p.acceptor, REASON_NOT_CONFIRMED, true);
}

static void kind_mismatch_of_join(void)
{
	struct pair p;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	p.terms.kind = 0;
	run(&p);
	check_failed(&p.dialler, REASON_KIND_MISMATCH, false);
	CHECK(handshake_failure(&p.dialler)->authenticated);
	check_failed(&p.acceptor, REASON_KIND_MISMATCH, true);
}

/* The acceptor sees it first when the session is new. */
static void kind_mismatch_of_hello(void)
{
	struct pair p;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	p.terms.kind = 0;
	run(&p);
	check_failed(&p.acceptor, REASON_KIND_MISMATCH, false);
	check_failed(&p.dialler, REASON_KIND_MISMATCH, true);
}

static void versions(void)
{
	static const struct {
		struct protocol_versions dialler, acceptor;
		uint8_t chosen;         /* 0: none */
	} cases[] = {
		{ { 1, 1 }, { 1, 1 }, 1 }, { { 1, 3 }, { 1, 1 }, 1 }, { { 1, 3 }, { 2, 9 }, 3 },
		{ { 2, 255 }, { 1, 255 }, 255 }, { { 1, 1 }, { 2, 3 }, 0 },
		{ { 4, 5 }, { 2, 3 }, 0 },
	};

	for (unsigned i = 0; i < 2 * STEP_COUNT * sizeof cases / sizeof cases[0]; i++) {
		unsigned which = i / 2 / STEP_COUNT;
		const struct handshake_peer *peer;
		struct pair p;

		pair_init(&p, i % 2, cases[which].dialler, cases[which].acceptor);
		p.step = steps[i / 2 % STEP_COUNT];
		run(&p);
		peer = handshake_peer(&p.dialler);
		CHECK_EQ(peer->version, cases[which].chosen);
		CHECK_EQ(peer->versions.min, cases[which].acceptor.min);
		CHECK_EQ(peer->versions.max, cases[which].acceptor.max);
		peer = handshake_peer(&p.acceptor);
		CHECK_EQ(peer->version, cases[which].chosen);
		CHECK_EQ(peer->versions.min, cases[which].dialler.min);
		CHECK_EQ(peer->versions.max, cases[which].dialler.max);
		if (cases[which].chosen) {
			CHECK_EQ(handshake_state(&p.dialler), HANDSHAKE_DONE);
			CHECK_EQ(handshake_state(&p.acceptor), HANDSHAKE_DONE);
			continue;
		}
		check_failed(&p.dialler, REASON_VERSION, false);
		check_failed(&p.acceptor, REASON_VERSION, false);
		CHECK_EQ(p.to_acceptor.read, p.to_acceptor.written);
		CHECK_EQ(p.to_dialler.written,
			 PREAMBLE_BYTES + FRAME_HEADER_BYTES + FRAME_CLOSE_BYTES);
	}
}

/* An acceptor that knows the secret but does not keep to the highest version in common. */
static void version_lie(void)
{
	struct pair p;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	while (flush(&p.dialler, &p.to_acceptor, 1000, 0) ||
	       feed(&p.acceptor, &p.to_acceptor, 1000, 0))
		;
	p.acceptor.peer.version = 2;
	run(&p);
	check_failed(&p.dialler, REASON_PROTOCOL_ERROR, false);
	CHECK(handshake_failure(&p.dialler)->authenticated);
}

/* An offer from the future is read to its end before the answer, within bounds. */
static void unreadable_offers(void)
{
	static const struct {
		uint32_t length, read;
	} cases[] = {
		{ 0, 0 }, { 1, 1 }, { 91, 91 }, { 92, 92 }, { 93, 93 }, { 184, 184 },
		{ CONTROL_PAYLOAD_MAX, CONTROL_PAYLOAD_MAX }, { CONTROL_PAYLOAD_MAX + 1, 0 },
		{ UINT32_MAX, 0 },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t head[PREAMBLE_BYTES + FRAME_HEADER_BYTES];
		uint8_t payload[CONTROL_PAYLOAD_MAX] = {0};
		struct pair p;

		pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		preamble_encode(head, 8, 9);
		put_u32(put_zero(head + PREAMBLE_BYTES, 4), cases[i].length);
		handshake_fini(&p.dialler);
		wire_write(&p.to_acceptor, head, sizeof head);
		wire_write(&p.to_acceptor, payload, sizeof payload);
		run(&p);
		check_failed(&p.acceptor, REASON_VERSION, false);
		CHECK_EQ(p.to_acceptor.read, sizeof head + cases[i].read);
	}
}

/* Fails at the first byte that is wrong, in either role, and says nothing back. */
static void not_a_peer(void)
{
	static const struct {
		const char *bytes;
		size_t length, wrong_at;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n", 16, 0 }, { "HTTP/1.1 400 Bad", 16, 0 },
		{ "\x16\3\1\2\0\1", 6, 0 }, { "\x15\3\1\0\2\2\x28", 7, 0 },
		{ "SSH-2.0-OpenSSH\r\n", 17, 0 }, { "\0\0\0\0\0\0\0\0", 8, 0 },
		{ "hawsex\1\1", 8, 5 }, { "hawser\0\1", 8, 6 }, { "hawser\2\1", 8, 7 },
	};

	for (unsigned i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
		struct pair p;
		struct handshake *h = i % 2 ? &p.dialler : &p.acceptor;
		struct wire *w = i % 2 ? &p.to_dialler : &p.to_acceptor;

		pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		wire_write(w, cases[i / 2].bytes, cases[i / 2].length);
		while (feed(h, w, 1, p.now))
			;
		check_failed(h, REASON_NOT_A_PEER, false);
		CHECK_EQ(w->read, cases[i / 2].wrong_at + 1);
		CHECK_EQ(handshake_output(h, &(const uint8_t *){NULL}), 0);
	}
}

/* Sends one frame right behind the preamble to a side that expects another. */
static void unexpected(bool to_dialler, const void *frame, size_t length)
{
	uint8_t hello[PREAMBLE_BYTES];
	struct pair p;
	struct handshake *h = to_dialler ? &p.dialler : &p.acceptor;
	struct wire *w = to_dialler ? &p.to_dialler : &p.to_acceptor;
	struct wire *back = to_dialler ? &p.to_acceptor : &p.to_dialler;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	while (to_dialler && flush(h, back, 1, p.now))
		;
	back->written = 0;
	preamble_encode(hello, 1, 1);
	wire_write(w, hello, sizeof hello);
	wire_write(w, frame, length);
	while (feed(h, w, 1, p.now) || flush(h, back, 1, p.now))
		;
	check_failed(h, REASON_PROTOCOL_ERROR, false);
	CHECK(back->written >= FRAME_HEADER_BYTES + FRAME_CLOSE_BYTES);
	CHECK_EQ(back->bytes[back->written - 3], REASON_PROTOCOL_ERROR);
}

static void unexpected_frames(void)
{
	uint8_t hello[FRAME_HEADER_BYTES + FRAME_HELLO_BYTES];
	struct pair p;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	memcpy(hello, p.dialler.output + PREAMBLE_BYTES, sizeof hello);
	unexpected(true, hello, sizeof hello);
	hello[FRAME_HEADER_BYTES + 66] = 2;     /* no such kind */
	unexpected(false, hello, sizeof hello);
	unexpected(false, "\5\2\0\0\0\0\0\x8", 8);
	unexpected(true, "\5\2\0\0\0\0\0\x8", 8);
	unexpected(false, "\4\0\0\0\0\0\0\x20", 8);
	unexpected(true, "\4\0\0\0\0\0\0\x20", 8);
	unexpected(false, "\x0b\0\0\0\0\0\0\4", 8);
	unexpected(false, "\x63\1\0\0\0\0\0\0", 8);      /* optional ones come later, if ever */
	unexpected(true, "\x63\1\0\0\0\0\0\0", 8);
	unexpected(false, "\1\0\0\0\0\0\0\x5d", 8);
}

/* A reply before the whole offer was sent is a lie, and is not timed. */
static void reply_before_the_offer(void)
{
	struct pair p, early;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	pair_init(&early, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	flush(&early.dialler, &early.to_acceptor, 20, 0);
	wire_write(&early.to_dialler, p.to_dialler.bytes, p.to_dialler.written);
	while (feed(&early.dialler, &early.to_dialler, 1000, 0))
		;
	check_failed(&early.dialler, REASON_PROTOCOL_ERROR, false);
	CHECK_EQ(handshake_rtt_ns(&early.dialler), -1);
}

static void round_trip_times(void)
{
	struct pair p;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	CHECK_EQ(handshake_rtt_ns(&p.dialler), -1);
	CHECK_EQ(handshake_rtt_ns(&p.acceptor), -1);
	while (flush(&p.dialler, &p.to_acceptor, 1, ++p.now))
		;
	CHECK_EQ(--p.now, PREAMBLE_BYTES + FRAME_HEADER_BYTES + FRAME_JOIN_BYTES);
	while (feed(&p.acceptor, &p.to_acceptor, 1000, p.now + 100))
		;
	handshake_admit(&p.acceptor, p.session_secret, p.acceptor_nonce, &p.terms);
	flush(&p.acceptor, &p.to_dialler, 1000, p.now + 200);
	while (feed(&p.dialler, &p.to_dialler, 1000, p.now + 300))
		;
	CHECK_EQ(handshake_rtt_ns(&p.dialler), 300);
	flush(&p.dialler, &p.to_acceptor, 1000, p.now + 310);
	while (feed(&p.acceptor, &p.to_acceptor, 1000, p.now + 450))
		;
	CHECK_EQ(handshake_rtt_ns(&p.acceptor), 250);
	check_both_done(&p, true);
}

static bool holds(const void *memory, size_t size, const void *wanted, size_t length)
{
	const uint8_t *at = memory;

	for (size_t i = 0; i + length <= size; i++)
		if (memcmp(at + i, wanted, length) == 0)
			return true;
	return false;
}

static void secrets_are_wiped(void)
{
	struct handshake_offer offer = offer_of(false);

	for (unsigned join = 0; join < 2; join++) {
		struct pair p;

		pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		run(&p);
		CHECK(holds(&p.acceptor, sizeof p.acceptor, offer.secret, 8));
		handshake_fini(&p.dialler);
		handshake_fini(&p.acceptor);
		CHECK(!holds(&p.acceptor, sizeof p.acceptor, offer.secret, 8));
		CHECK(!holds(&p.dialler, sizeof p.dialler, offer.secret, 8));
		CHECK_EQ(handshake_wants(&p.dialler), 0);
	}
}

static uint64_t random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Noise behind a right preamble and a nearly right header, in random steps. */
static void random_peers(void)
{
	uint64_t state = 1;

	for (unsigned round = 0; round < 20000; round++) {
		struct pair p;
		struct wire *w = round % 2 ? &p.to_dialler : &p.to_acceptor;
		uint8_t noise[300];

		pair_init(&p, round / 2 % 2, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		p.step = 1 + random_next(&state) % 40;
		for (unsigned i = 0; i < sizeof noise; i++)
			noise[i] = random_next(&state) % 3 ? 0 : (uint8_t)random_next(&state);
		preamble_encode(noise, 1, 1);
		if (round % 2) {
			/* A dialler's replies begin after its offer. */
			while (flush(&p.dialler, &p.to_acceptor, 1000, 0))
				;
		}
		noise[PREAMBLE_BYTES] = (uint8_t)(random_next(&state) % 12);
		put_u32(put_zero(noise + PREAMBLE_BYTES + 1, 3),
			(uint32_t)(random_next(&state) % 100));
		wire_write(w, noise, sizeof noise);
		run(&p);
		CHECK(handshake_state(&p.acceptor) != HANDSHAKE_DONE);
		CHECK(handshake_state(&p.dialler) != HANDSHAKE_DONE);
	}
}

int main(void)
{
	RUN(succeeds_in_any_steps);
	RUN(reads_nothing_beyond);
	RUN(proofs_are_as_specified);
	RUN(wrong_secret);
	RUN(forged_proofs);
	RUN(replays);
	RUN(every_bit_tampered);
	RUN(every_truncation);
	RUN(refused);
	RUN(unconfirmed);
	RUN(kind_mismatch_of_join);
	RUN(kind_mismatch_of_hello);
	RUN(versions);
	RUN(version_lie);
	RUN(unreadable_offers);
	RUN(not_a_peer);
	RUN(unexpected_frames);
	RUN(reply_before_the_offer);
	RUN(round_trip_times);
	RUN(secrets_are_wiped);
	RUN(random_peers);
	return 0;
}
