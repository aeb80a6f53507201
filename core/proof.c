/* SPDX-License-Identifier: Apache-2.0 */
/* What is proved, and how. */
#include "core/proof.h"

#include <string.h>

#include "core/hmac.h"

#define LABEL_BYTES 24

/* Who speaks, and about what: by join, then by whether the dialler speaks. */
static const char labels[2][2][LABEL_BYTES] = {
	{ "hawser accept hello 1", "hawser confirm hello 1" },
	{ "hawser accept join 1", "hawser confirm join 1" },
};

static size_t offer_bytes(const struct proof *p)
{
	return p->join ? FRAME_JOIN_BYTES : FRAME_HELLO_BYTES;
}

void proof_keep_preamble(struct proof *p, bool of_dialler, uint8_t min_version, uint8_t max_version)
{
	preamble_encode(p->preambles[of_dialler ? 0 : 1], min_version, max_version);
}

void proof_keep_offer(struct proof *p, bool join, const uint8_t *payload)
{
	p->join = join;
	memcpy(p->offer, payload, offer_bytes(p));
	if (!join)
		wipe(p->offer + FRAME_HELLO_SECRET_AT, SECRET_BYTES);
}

void proof_keep_accept(struct proof *p, const uint8_t payload[FRAME_ACCEPT_BYTES])
{
	memcpy(p->accept, payload, sizeof p->accept);
	memset(p->accept + FRAME_ACCEPT_MAC_AT, 0, MAC_BYTES);
}

void proof_compute(const struct proof *p, const uint8_t secret[SECRET_BYTES], bool of_dialler,
		   uint8_t mac[MAC_BYTES])
{
	uint8_t role = of_dialler ? 'D' : 'A';
	struct hmac hmac;

	hmac_init(&hmac, secret, SECRET_BYTES);
	hmac_update(&hmac, labels[p->join][of_dialler], LABEL_BYTES);
	hmac_update(&hmac, &role, sizeof role);
	hmac_update(&hmac, p->preambles, sizeof p->preambles);
	hmac_update(&hmac, p->offer, offer_bytes(p));
	hmac_update(&hmac, p->accept, sizeof p->accept);
	hmac_final(&hmac, mac);
}

bool proof_right(const struct proof *p, const uint8_t secret[SECRET_BYTES], bool of_dialler,
		 const uint8_t mac[MAC_BYTES])
{
	uint8_t want[MAC_BYTES];
	bool right;

	proof_compute(p, secret, of_dialler, want);
	right = mac_equal(mac, want);
	wipe(want, sizeof want);
	return right;
}
