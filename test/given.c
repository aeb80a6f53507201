/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler, asked; see given.h. */
#include "test/given.h"

#include "test/test.h"

struct solo *solo;
struct sender *sender;
struct chunk chunk;

void given_begin(enum session_mode mode, unsigned paths, uint64_t bytes)
{
	solo = solo_alike(mode, GIVEN_LIMIT, paths, 10 * NS_PER_MS);
	sender = &solo->s->sender;
	for (unsigned i = 0; i < paths; i++) {
		struct health *h = &solo->path[i].health;

		h->rate_bytes = FAST;
		h->srtt_ns = h->rtt_min_ns = 10 * NS_PER_MS;
		h->rttvar_ns = NS_PER_MS;
		CHECK_EQ(health_outstanding(h), 0);
	}
	solo_write(solo, bytes);
}

void given_end(void)
{
	solo_free(solo);
}

bool given_next(unsigned path)
{
	return scheduler_next(sender, &solo->path[path], solo->now, &chunk);
}

void given_check(unsigned path, uint64_t want_start, uint64_t want_end)
{
	CHECK(given_next(path));
	CHECK_EQ(chunk.start, want_start);
	CHECK_EQ(chunk.end, want_end);
}

void given_carry(unsigned path)
{
	CHECK(given_next(path));
	CHECK_EQ(scheduler_sent(sender, &solo->path[path], &chunk), 0);
	CHECK_EQ(flight_mark(&sender->flight, chunk.start, chunk.end, FLIGHT_SENT), 0);
}

void given_suspect(unsigned path)
{
	health_move(&solo->path[path].health, HEALTH_SUSPECT, solo->now);
}
