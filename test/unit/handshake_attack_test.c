/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake with a peer, or a network, that means no good: forged, replayed, changed, cut, noise. */
#include "core/bytes.h"
#include "test/handshake_pair.h"

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
	CHECK_MEM(p.to_dialler.bytes + 8, ((uint8_t[]){ 0, (uint8_t)want_reason, 0, 0 }), FRAME_CLOSE_BYTES);
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
	check_failed(&p.acceptor, REASON_PROTOCOL_ERROR, true);
	CHECK_EQ(handshake_failure(&p.acceptor)->detail, 0);
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

/* Sends one frame right behind the preamble to a side that expects another, and is told: CLOSE(5), no detail. */
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
	CHECK_MEM(back->bytes + back->written - FRAME_CLOSE_BYTES,
		  ((uint8_t[]){ 0, REASON_PROTOCOL_ERROR, 0, 0 }), FRAME_CLOSE_BYTES);
}

static void unexpected_frames(void)
{
	uint8_t hello[FRAME_HEADER_BYTES + FRAME_HELLO_BYTES];
	uint8_t accept[FRAME_HEADER_BYTES + FRAME_ACCEPT_BYTES] = { FRAME_ACCEPT };
	struct pair p;

	put_u32(accept + 4, FRAME_ACCEPT_BYTES);
	memset(accept + FRAME_HEADER_BYTES + 48, 0xff, 8);      /* a limit that cannot be */
	unexpected(true, accept, sizeof accept);
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
	const uint8_t *bytes = NULL;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	pair_init(&early, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	flush(&early.dialler, &early.to_acceptor, 20, 0);
	wire_write(&early.to_dialler, p.to_dialler.bytes, p.to_dialler.written);
	while (feed(&early.dialler, &early.to_dialler, 1000, 0))
		;
	check_failed(&early.dialler, REASON_PROTOCOL_ERROR, false);
	CHECK_EQ(handshake_rtt_ns(&early.dialler), -1);
	CHECK_EQ(handshake_output(&early.dialler, &bytes), 0);
	CHECK(bytes == NULL);
}

/* A CONFIRM that is right, but is there before all of the ACCEPT that it answers was sent: who replays does so. */
static void confirm_before_the_accept(void)
{
	struct pair p, early;
	const uint8_t *bytes = NULL;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	pair_init(&early, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	wire_write(&early.to_acceptor, p.to_acceptor.bytes, p.to_acceptor.written);
	while (feed(&early.acceptor, &early.to_acceptor, 1000, 0))
		;
	handshake_admit(&early.acceptor, early.session_secret, early.acceptor_nonce, &early.terms);
	flush(&early.acceptor, &early.to_dialler, 20, 0);
	while (feed(&early.acceptor, &early.to_acceptor, 1000, 0))
		;
	check_failed(&early.acceptor, REASON_PROTOCOL_ERROR, false);
	CHECK_EQ(handshake_rtt_ns(&early.acceptor), -1);
	CHECK_EQ(handshake_output(&early.acceptor, &bytes), 0);
	CHECK(bytes == NULL);
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
	RUN(wrong_secret);
	RUN(forged_proofs);
	RUN(replays);
	RUN(every_bit_tampered);
	RUN(every_truncation);
	RUN(version_lie);
	RUN(unreadable_offers);
	RUN(not_a_peer);
	RUN(unexpected_frames);
	RUN(reply_before_the_offer);
	RUN(confirm_before_the_accept);
	RUN(random_peers);
	return 0;
}
