/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples published with FIPS 180-4, fed in one piece and in many. */
#include "core/sha256.h"

#include "test/test.h"

static void digest_hex(const uint8_t digest[SHA256_BYTES], char hex[2 * SHA256_BYTES + 1])
{
	for (unsigned i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* data, repeated; fed in steps. */
static void check(const char *data, unsigned repeat, size_t step, const char *want)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	struct sha256 sha;

	sha256_init(&sha);
	for (unsigned r = 0; r < repeat; r++) {
		for (size_t at = 0, part; at < strlen(data); at += part) {
			part = strlen(data) - at < step ? strlen(data) - at : step;
			sha256_update(&sha, data + at, part);
		}
	}
	sha256_final(&sha, digest);
	digest_hex(digest, hex);
	CHECK_MEM(hex, want, 2 * SHA256_BYTES);
}

static const struct {
	const char *data, *want;
	unsigned repeat;
} examples[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1 },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1 },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", 1 },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
	  "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
	  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1", 1 },
	{ "aaaaaaaaaa",
	  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 100000 },
};

static void examples_in_one_piece(void)
{
	for (unsigned i = 0; i < sizeof examples / sizeof examples[0]; i++)
		check(examples[i].data, examples[i].repeat, SIZE_MAX, examples[i].want);
}

static void examples_in_pieces(void)
{
	for (unsigned i = 0; i < 4; i++)
		for (size_t step = 1; step < 70; step++)
			check(examples[i].data, 1, step, examples[i].want);
}

/* The length decides the padding, which changes at 56 and 64 bytes. Values from sha256sum(1). */
static void padding_borders(void)
{
	static const struct {
		unsigned length;
		const char *want;
	} borders[] = {
		{ 55, "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072" },
		{ 56, "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e" },
		{ 57, "ae14a2563ccf969d99aca69ce6bb74981f734bbf9f655f73b8f06db68cab5217" },
		{ 63, "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2" },
		{ 64, "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c" },
		{ 65, "9537c5fdf120482f7d58d25e9ed583f52c02b4e304ea814db1633ad565aed7e9" },
		{ 119, "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c" },
		{ 120, "13f05a0b594787f5ecd315edc96141bd3243203d1b7d4f0836f37308b276ba98" },
		{ 128, "24da1b81d0b16df6428eee73c69fcb2a93c76bc6df706f0c6670fe6bfe800464" },
	};

	for (unsigned i = 0; i < sizeof borders / sizeof borders[0]; i++)
		check("x", borders[i].length, 1, borders[i].want);
}

int main(void)
{
	RUN(examples_in_one_piece);
	RUN(examples_in_pieces);
	RUN(padding_borders);
	return 0;
}
