/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks between the world and the cores: recycled from world to world, their old bytes in them. */
#include <stdlib.h>

#include "core/blocks.h"
#include "sim/world.h"

static struct stock spare;

static void *block_new(void)
{
	void *block = stock_reclaim(&spare);

	if (block == NULL && posix_memalign(&block, 64, BLOCK_BYTES) != 0)
		abort();
	return block;
}

/* What the budget has left is as random as other processes and sessions are. */
void host_settle_window(struct world *w, struct host *host)
{
	uint64_t wish = session_receive_wish(host->session), held;

	if (wish > host->promised_bytes && !random_one_in(&host->budget, 4))
		host->promised_bytes += random_below(&host->budget, wish - host->promised_bytes + 1);
	if (wish > host->promised_bytes)
		wish = host->promised_bytes;
	session_receive_grant(host->session, wish, host_now(w, host));
	held = session_receive_promised(host->session);
	if (held < wish)
		held = wish;
	if (held < host->promised_bytes)
		host->promised_bytes = held;
}

bool host_lend(struct world *w, struct host *host)
{
	host_settle_window(w, host);
	for (unsigned wanted = session_blocks_wanted(host->session); wanted > 0; wanted--) {
		if (host->refuse_percent > 0 &&
		    random_below(&host->random, 100) < host->refuse_percent) {
			host->refused = true;
			return false;
		}
		session_lend(host->session, block_new());
		host->blocks++;
	}
	if (host->blocks > host->blocks_most)
		host->blocks_most = host->blocks;
	return true;
}

void host_reclaim(struct host *host)
{
	void *block;

	while ((block = session_reclaim(host->session)) != NULL) {
		stock_lend(&spare, block);
		host->blocks--;
	}
}
