/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake between two ends that mean well: outcomes, bytes, versions, times, what is forgotten. */
#include "test/handshake_pair.h"

#define STREAM_BYTES "the first bytes of the stream"

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
		0x60, 0xfc, 0xfa, 0xfe, 0x45, 0xb8, 0x15, 0x73, 0xf0, 0x1b, 0x41, 0x14, 0xc2, 0x1f,
		0x86, 0xd1, 0x7b, 0x3e, 0x42, 0xa2, 0x3c, 0xa4, 0x5f, 0xc1, 0xf9, 0x59, 0x44, 0x6e,
		0x49, 0x7e, 0x1a, 0x10,
	};
	static const uint8_t join_confirm[] = {
		0x46, 0xbc, 0xaf, 0x63, 0x7f, 0xe5, 0x82, 0xf3, 0x04, 0x26, 0x86, 0xc1, 0x62, 0x22,
		0x3d, 0xf8, 0xc2, 0x1b, 0x49, 0x84, 0x66, 0x7e, 0x5d, 0xe5, 0x53, 0x2d, 0xed, 0xc5,
		0x3f, 0x07, 0x7c, 0xf1,
	};

	for (unsigned join = 0; join < 2; join++) {
		struct pair p;

		pair_init(&p, join, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		run(&p);
		CHECK_MEM(p.to_dialler.bytes + 32, join ? join_accept : hello_accept, MAC_BYTES);
		CHECK_MEM(p.to_acceptor.bytes + (join ? 80 : 116),
			  join ? join_confirm : hello_confirm, MAC_BYTES);
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
		CHECK_EQ(handshake_failure(&p.acceptor)->detail, 7);
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
	CHECK_EQ(handshake_failure(&p.dialler)->detail, 0);
	check_failed(&p.acceptor, REASON_KIND_MISMATCH, true);
	CHECK_EQ(handshake_failure(&p.acceptor)->detail, 0);
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
	CHECK_EQ(handshake_failure(&p.acceptor)->detail, 0);
	CHECK_EQ(handshake_failure(&p.dialler)->detail, 0);
	CHECK(!handshake_failure(&p.acceptor)->authenticated);
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
			CHECK_EQ(handshake_wants(&p.dialler), 0);
			CHECK_EQ(handshake_wants(&p.acceptor), 0);
			continue;
		}
		check_failed(&p.dialler, REASON_VERSION, false);
		check_failed(&p.acceptor, REASON_VERSION, false);
		CHECK_EQ(handshake_failure(&p.acceptor)->detail, 0);
		CHECK_EQ(handshake_wants(&p.dialler), 0);
		CHECK_EQ(handshake_wants(&p.acceptor), 0);
		CHECK_EQ(p.to_acceptor.read, p.to_acceptor.written);
		CHECK_EQ(p.to_dialler.written,
			 PREAMBLE_BYTES + FRAME_HEADER_BYTES + FRAME_CLOSE_BYTES);
	}
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

/* An answer on the instant took no time; it was measured. */
static void no_time_at_all(void)
{
	struct pair p;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	run(&p);
	check_both_done(&p, true);
	CHECK_EQ(handshake_rtt_ns(&p.dialler), 0);
	CHECK_EQ(handshake_rtt_ns(&p.acceptor), 0);
}

/* Nothing written or read, at a later time: state and times stay. */
static void no_bytes_are_no_event(struct handshake *h, enum handshake_state state)
{
	time_ns rtt_ns = handshake_rtt_ns(h);
	const uint8_t *bytes = NULL;

	handshake_sent(h, 0, 1000);
	handshake_received(h, 0, 1000);
	CHECK_EQ(handshake_state(h), state);
	CHECK_EQ(handshake_rtt_ns(h), rtt_ns);
	CHECK_EQ(handshake_output(h, &bytes), 0);
	CHECK(bytes == NULL);
}

static void no_bytes(void)
{
	struct pair p;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	no_bytes_are_no_event(&p.acceptor, HANDSHAKE_IN_PROGRESS);
	while (flush(&p.dialler, &p.to_acceptor, 1000, 0) ||
	       feed(&p.acceptor, &p.to_acceptor, 1000, 0))
		;
	no_bytes_are_no_event(&p.acceptor, HANDSHAKE_NEEDS_DECISION);
	p.confirm = false;
	run(&p);
	no_bytes_are_no_event(&p.dialler, HANDSHAKE_ACCEPTED);
	handshake_confirm(&p.dialler);
	run(&p);
	no_bytes_are_no_event(&p.dialler, HANDSHAKE_DONE);
	no_bytes_are_no_event(&p.acceptor, HANDSHAKE_DONE);
	check_both_done(&p, false);
}

static bool holds(const void *memory, size_t size, const void *wanted, size_t length)
{
	const uint8_t *at = memory;

	for (size_t i = 0; i + length <= size; i++)
		if (memcmp(at + i, wanted, length) == 0)
			return true;
	return false;
}

/* A secret that came in lies in the offer and nowhere else. */
static void a_secret_lies_in_one_place(void)
{
	struct handshake_offer offer = offer_of(false);
	struct pair p;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	while (flush(&p.dialler, &p.to_acceptor, 1000, 0) ||
	       feed(&p.acceptor, &p.to_acceptor, 1000, 0))
		;
	CHECK_MEM(handshake_offer(&p.acceptor)->secret, offer.secret, SECRET_BYTES);
	memset(p.acceptor.offer.secret, 0, SECRET_BYTES);
	CHECK(!holds(&p.acceptor, sizeof p.acceptor, offer.secret, 8));
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
		CHECK_EQ(handshake_state(&p.dialler), HANDSHAKE_FAILED);
	}
}

/* Versions that cannot be: nothing more is read, nothing written. */
static void impossible_versions(void)
{
	static const uint8_t versions_of[][2] = { { 0, 1 }, { 3, 2 }, { 0, 0 } };

	for (unsigned i = 0; i < 2 * 3; i++) {
		struct pair p;
		uint8_t *space;
		const uint8_t *bytes;
		struct handshake *h = i % 2 ? &p.dialler : &p.acceptor;

		pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
		CHECK_EQ(handshake_input_space(h, &space), PREAMBLE_BYTES);
		memcpy(space, "hawser", 6);
		memcpy(space + 6, versions_of[i / 2], 2);
		handshake_received(h, PREAMBLE_BYTES, p.now);
		check_failed(h, REASON_NOT_A_PEER, false);
		CHECK_EQ(handshake_failure(h)->detail, 0);
		CHECK_EQ(handshake_wants(h), 0);
		CHECK_EQ(handshake_output(h, &bytes), 0);
	}
}

/* A wrong proof is told to the peer, without any detail. */
static void a_wrong_proof_is_told(void)
{
	struct pair p;

	pair_init(&p, true, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	p.session_secret[0] ^= 1;
	run(&p);
	check_failed(&p.dialler, REASON_PROOF_FAILED, false);
	CHECK_EQ(handshake_failure(&p.dialler)->detail, 0);
	CHECK(!handshake_failure(&p.dialler)->authenticated);
	check_failed(&p.acceptor, REASON_PROOF_FAILED, true);
	CHECK_EQ(handshake_failure(&p.acceptor)->detail, 0);
	CHECK_EQ(handshake_wants(&p.acceptor), 0);
}

/* A dialler that finds no version in common is done at once. */
static void no_version_in_common_ends_the_dialler(void)
{
	struct pair p;
	uint8_t *space;
	const uint8_t *bytes;

	pair_init(&p, false, PROTOCOL_VERSIONS, PROTOCOL_VERSIONS);
	CHECK_EQ(handshake_input_space(&p.dialler, &space), PREAMBLE_BYTES);
	memcpy(space, "hawser\x07\x09", 8);
	handshake_received(&p.dialler, PREAMBLE_BYTES, p.now);
	check_failed(&p.dialler, REASON_VERSION, false);
	CHECK_EQ(handshake_wants(&p.dialler), 0);
	CHECK_EQ(handshake_output(&p.dialler, &bytes), 0);
}

int main(void)
{
	RUN(succeeds_in_any_steps);
	RUN(reads_nothing_beyond);
	RUN(proofs_are_as_specified);
	RUN(refused);
	RUN(unconfirmed);
	RUN(kind_mismatch_of_join);
	RUN(kind_mismatch_of_hello);
	RUN(versions);
	RUN(round_trip_times);
	RUN(no_time_at_all);
	RUN(no_bytes);
	RUN(a_secret_lies_in_one_place);
	RUN(secrets_are_wiped);
	RUN(impossible_versions);
	RUN(a_wrong_proof_is_told);
	RUN(no_version_in_common_ends_the_dialler);
	return 0;
}
