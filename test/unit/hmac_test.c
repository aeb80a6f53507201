/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 against RFC 4231 section 4, and comparing and wiping. */
#include "core/hmac.h"

#include "test/test.h"

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t length = strlen(hex) / 2;

	for (size_t i = 0; i < length; i++) {
		unsigned byte;

		CHECK_EQ(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return length;
}

/* want may be shorter than a MAC: case 5 publishes its first 128 bits only. */
static void check(const void *key, size_t key_length, const void *data, size_t length,
		  const char *want_hex)
{
	for (size_t step = 1; step <= length; step++) {
		uint8_t mac[MAC_BYTES], want[MAC_BYTES];
		struct hmac hmac;

		hmac_init(&hmac, key, key_length);
		for (size_t at = 0, part; at < length; at += part) {
			part = length - at < step ? length - at : step;
			hmac_update(&hmac, (const uint8_t *)data + at, part);
		}
		hmac_final(&hmac, mac);
		CHECK_MEM(mac, want, from_hex(want_hex, want));
	}
}

static void rfc_4231(void)
{
	uint8_t key[131], data[50];

	memset(key, 0x0b, 20);
	check(key, 20, "Hi There", 8,
	      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	check("Jefe", 4, "what do ya want for nothing?", 28,
	      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 20);
	memset(data, 0xdd, 50);
	check(key, 20, data, 50,
	      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	for (unsigned i = 0; i < 25; i++)
		key[i] = (uint8_t)(i + 1);
	memset(data, 0xcd, 50);
	check(key, 25, data, 50,
	      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
	memset(key, 0x0c, 20);
	check(key, 20, "Test With Truncation", 20, "a3b6167473100ee06e0c796c2955552b");
}

static void rfc_4231_long_keys(void)
{
	static const char text[] =
		"This is a test using a larger than block-size key and a larger than "
		"block-size data. The key needs to be hashed before being used by the "
		"HMAC algorithm.";
	uint8_t key[131];

	memset(key, 0xaa, sizeof key);
	check(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	check(key, sizeof key, text, sizeof text - 1,
	      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void nothing_of_the_key_stays(void)
{
	uint8_t mac[MAC_BYTES];
	struct hmac hmac, zero;

	memset(&zero, 0, sizeof zero);
	hmac_init(&hmac, "key", 3);
	hmac_final(&hmac, mac);
	CHECK_MEM(&hmac, &zero, sizeof zero);
}

static void compare(void)
{
	uint8_t a[MAC_BYTES], b[MAC_BYTES];

	memset(a, 0x5a, sizeof a);
	memcpy(b, a, sizeof b);
	CHECK(mac_equal(a, b));
	for (unsigned bit = 0; bit < 8 * MAC_BYTES; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(!mac_equal(a, b));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void wipe_zeroes_no_more_than_asked(void)
{
	uint8_t memory[16];

	memset(memory, 7, sizeof memory);
	wipe(memory + 4, 8);
	for (unsigned i = 0; i < sizeof memory; i++)
		CHECK_EQ(memory[i], i >= 4 && i < 12 ? 0 : 7);
}

/* A key as long as a block is used as it is, one byte more is hashed; figures of another implementation. */
static void keys_about_a_block_long(void)
{
	uint8_t key[65];

	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	check(key, 64, "a key of one block", 18,
	      "091107fcc025b917f5abc0e67da0c8de73c139dcfe930d1d80c4e16ecc763b25");
	check(key, 65, "a key of one block", 18,
	      "ec19afb81490c6be86e239e197af5466881bc8fd47421419beabcb5060e0c974");
}

/* The shortest keys there are; figures of another implementation. */
static void hardly_a_key(void)
{
	check("", 0, "an empty key", 12, "3da94fbd74644109b12671080ba71658e75efca8909fd9c9cf02d7ef76d0d2a5");
	check("k", 1, "a key of one byte", 17,
	      "fa30f2a32188489540fb741606d5c151a2d776644790dc3401c40ae796027147");
}

int main(void)
{
	RUN(rfc_4231);
	RUN(rfc_4231_long_keys);
	RUN(nothing_of_the_key_stays);
	RUN(compare);
	RUN(wipe_zeroes_no_more_than_asked);
	RUN(keys_about_a_block_long);
	RUN(hardly_a_key);
	return 0;
}
