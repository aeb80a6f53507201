/* SPDX-License-Identifier: Apache-2.0 */
/* The buffers that a stream is sent from; see bench_lender.h. */
#include "cmd/bench_lender.h"

#include <stdlib.h>

#include "cmd/bench_work.h"
#include "cmd/pattern.h"

static unsigned buffers_wanted(const struct bench_plan *plan)
{
	uint64_t count = BENCH_LENT_BYTES / plan->size_most;
	if (!plan->lent)
		return 1;
	return count < 2 ? 2 : count > BENCH_LENT_MAX ? BENCH_LENT_MAX : (unsigned)count;
}

static void free_home(struct lender *lender)
{
	while (lender->home > 0)
		free(lender->here[--lender->home]);
}

int lender_init(struct lender *lender, struct channel *channel, const struct bench_plan *plan,
		uint64_t seed)
{
	*lender = (struct lender){
		.channel = channel,
		.size = plan->size_most,
		.lends = plan->lent,
		.count = buffers_wanted(plan),
	};
	while (lender->home < lender->count) {
		uint8_t *buffer = bench_buffer(channel, lender->size);
		if (buffer == NULL) {
			free_home(lender);
			return -1;
		}
		/* Every page of its own, also where nothing will be stamped. */
		pattern_fill(seed, 0, buffer, lender->size);
		lender->here[lender->home++] = buffer;
	}
	return 0;
}

/* Takes back what has come; when `waits`, at least one. */
static int take_back(struct lender *lender, bool waits)
{
	void *tokens[BENCH_LENT_MAX];
	int came = channel_returned(lender->channel, tokens, BENCH_LENT_MAX, waits);
	for (int i = 0; i < came; i++)
		lender->here[lender->home++] = tokens[i];
	if (came > 0 || (came == 0 && !waits))
		return 0;
	if (came == 0)
		complain(lender->channel->common, "a buffer that was lent did not come back");
	else
		channel_complain(lender->channel, "waiting for a buffer that was lent");
	return -1;
}

uint8_t *lender_take(struct lender *lender)
{
	if (lender->lends && take_back(lender, lender->home == 0) < 0)
		return NULL;
	return lender->here[--lender->home];
}

int lender_send(struct lender *lender, uint8_t *buffer, uint64_t length)
{
	int sent;
	if (lender->lends)
		sent = channel_lend(lender->channel, buffer, length, buffer);
	else
		sent = channel_send(lender->channel, buffer, length);
	if (sent < 0)
		channel_complain(lender->channel, "sending");
	if (sent < 0 || !lender->lends)
		lender->here[lender->home++] = buffer;
	return sent;
}

int lender_fini(struct lender *lender)
{
	int result = 0;
	while (result == 0 && lender->home < lender->count)
		result = take_back(lender, true);
	free_home(lender);
	return result;
}
