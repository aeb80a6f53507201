/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 (RFC 2104), and the two things every user of a key needs: compare and forget. */
#ifndef HAWSER_CORE_HMAC_H
#define HAWSER_CORE_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/sha256.h"

struct hmac {
	struct sha256 inner, outer;     /* each has taken in its padded key */
};

void hmac_init(struct hmac *hmac, const void *key, size_t key_length);
void hmac_update(struct hmac *hmac, const void *data, size_t length);
/* Ends the computation and wipes what was derived from the key. */
void hmac_final(struct hmac *hmac, uint8_t mac[MAC_BYTES]);

/* Takes the same time wherever the two differ. */
bool mac_equal(const uint8_t a[MAC_BYTES], const uint8_t b[MAC_BYTES]);

/* Overwrites with zeros, also where the compiler sees that nobody reads them again. */
void wipe(void *memory, size_t length);

#endif
