/* SPDX-License-Identifier: Apache-2.0 */
/* Images made, sealed, loaded; see saved.h. */
#include "test/saved.h"

#include "core/session_internal.h"
#include "core/sha256.h"
#include "test/test.h"

struct saved saved_new(const struct session *s, time_ns now)
{
	struct saved image = { .length = session_save_bytes(s) };

	image.bytes = malloc(image.length);
	CHECK(image.bytes != NULL);
	CHECK_EQ(session_save(s, image.bytes, image.length, now), image.length);
	return image;
}

void saved_seal(struct saved *image)
{
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, image->bytes, image->length - SHA256_BYTES);
	sha256_final(&sha, image->bytes + image->length - SHA256_BYTES);
}

void saved_lend(struct stock *stock, unsigned blocks)
{
	stock_init(stock);
	while (blocks-- > 0) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block != NULL);
		stock_lend(stock, block);
	}
}

struct session *saved_load(const struct saved *image, time_ns now, int *error)
{
	struct session_saved saved;
	struct session *s = NULL;
	struct stock lent;
	void *memory, *block;

	*error = session_saved(image->bytes, image->length, &saved);
	if (*error < 0)
		return NULL;
	memory = malloc(session_bytes(&saved.config));
	CHECK(memory != NULL);
	saved_lend(&lent, saved.blocks);
	*error = session_load(memory, image->bytes, image->length, &lent, now, &s);
	CHECK_EQ(lent.free, s != NULL ? 0 : saved.blocks);
	CHECK((*error == 0) == (s != NULL));
	while ((block = stock_reclaim(&lent)) != NULL)
		free(block);
	if (s == NULL)
		free(memory);
	return s;
}

void saved_unload(struct session *s)
{
	void *block;

	session_fini(s);
	while ((block = session_reclaim(s)) != NULL)
		free(block);
	CHECK_EQ(s->stock.lent, 0);
	free(s);
}

struct session_config saved_config(void)
{
	struct session_config config = {
		.dialler = true,
		.kind = SESSION_MESSAGES,
		.mode = MODE_DUPLICATE,
		.id = { 1, 2, 3, [15] = 16 },
		.send_limit_bytes = 300001,
		.receive_limit_bytes = 200003,
		.resume_timeout_ns = 7 * NS_PER_S,
		.orphan_timeout_ns = 5 * NS_PER_S,
		.probe_interval_ns = 11 * NS_PER_S,
		.suspect_floor_ns = 13 * NS_PER_MS,
		.overdue_off = true,
	};
	return config;
}
