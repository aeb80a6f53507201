/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buffers that a stream is sent from: one, when each send copies it; or a ring of them that are
 * lent, each filled again only after it came back. The one that came back last is taken first: it is
 * the likeliest to be in the processor's caches.
 */
#ifndef HAWSER_CMD_BENCH_LENDER_H
#define HAWSER_CMD_BENCH_LENDER_H

#include "cmd/bench_plan.h"
#include "cmd/channel.h"

/*
 * So much is out at most, to stay in a processor's own cache (2 MiB and more were slower); of buffers
 * larger than half of it two, of small ones BENCH_LENT_MAX.
 */
#define BENCH_LENT_BYTES ((uint64_t)1 << 20)
#define BENCH_LENT_MAX   512u

struct lender {
	struct channel *channel;
	uint64_t size;
	bool lends;
	unsigned count; /* buffers there are, */
	unsigned home;  /* of which so many are not lent: here[0, home) */
	uint8_t *here[BENCH_LENT_MAX];
};

/* The buffers hold the seed's pattern at first. -1 after an error message, and nothing is held. */
int lender_init(struct lender *lender, struct channel *channel, const struct bench_plan *plan,
		uint64_t seed);
/* A buffer to fill, waiting for one if need be; NULL after an error message. */
uint8_t *lender_take(struct lender *lender);
/* Sends what lender_take gave. -1 after an error message; the buffer is the lender's either way. */
int lender_send(struct lender *lender, uint8_t *buffer, uint64_t length);
/*
 * Waits until all buffers are back and frees them. One that is still out after an error stays
 * allocated: somebody may read it. -1 after an error message.
 */
int lender_fini(struct lender *lender);

#endif
