/* SPDX-License-Identifier: Apache-2.0 */
/* See fault.h. */
#include "sim/fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS NS_PER_MS
#define S  NS_PER_S

/* For the table: it is read more easily so. */
enum { no = false, yes = true };

const struct fault_traits fault_traits[FAULT_KINDS] = {
	/* name, scope, ends, disrupts, lasts, longest, argument from and to */
	[FAULT_LOSS]        = { "loss",        SCOPE_NETWORK, no, yes, yes, 5 * S, 2000, 400000 },
	[FAULT_DUPLICATE]   = { "duplicate",   SCOPE_NETWORK, no, no, yes, 5 * S, 1000, 500000 },
	[FAULT_REORDER]     = { "reorder",     SCOPE_NETWORK, no, no, yes, 5 * S, MS / 10, 100 * MS },
	[FAULT_DELAY]       = { "delay",       SCOPE_NETWORK, no, yes, yes, 5 * S, MS, 1200 * MS },
	[FAULT_BLACKHOLE]   = { "blackhole",   SCOPE_NETWORK, no, yes, yes, 20 * S, 0, 0 },
	[FAULT_ONE_WAY]     = { "one-way",     SCOPE_NETWORK, no, yes, yes, 20 * S, 0, 0 },
	[FAULT_FLAP]        = { "flap",        SCOPE_NETWORK, no, yes, yes, 30 * S, 5 * MS, 1 * S },
	[FAULT_COLLAPSE]    = { "collapse",    SCOPE_NETWORK, no, yes, yes, 10 * S, 4, 1000 },
	[FAULT_ZOMBIE]      = { "zombie",      SCOPE_NETWORK, no, yes, yes, 60 * S, 20, 2000 },
	[FAULT_QUEUE]       = { "queue",       SCOPE_NETWORK, no, yes, yes, 5 * S, 1500, 20000 },
	[FAULT_RESET]       = { "reset",       SCOPE_NETWORK, no, yes, no, 0, 0, 1 },
	[FAULT_ADDRESS]     = { "address",     SCOPE_NETWORK, no, yes, no, 0, 0, 0 },
	[FAULT_OUTAGE]      = { "outage",      SCOPE_WORLD,   no, yes, yes, 300 * S, 0, 0 },
	[FAULT_SLOW_READER] = { "slow-reader", SCOPE_HOST,    no, no, yes, 5 * S, 1, 20000 },
	[FAULT_DEAF]        = { "deaf",        SCOPE_HOST,    no, no, yes, 10 * S, 0, 0 },
	[FAULT_STOP]        = { "stop",        SCOPE_HOST,    no, yes, yes, 60 * S, 0, 0 },
	[FAULT_LEAP]        = { "leap",        SCOPE_HOST,    no, yes, no, 0, 1 * MS, 200 * S },
	[FAULT_MEMORY]      = { "memory",      SCOPE_HOST,    no, yes, yes, 5 * S, 20, 100 },
	[FAULT_TINY]        = { "tiny",        SCOPE_HOST,    no, no, yes, 100 * MS, 1, 3000 },
	[FAULT_SAVE]        = { "save",        SCOPE_HOST,    no, yes, yes, 3 * S, 0, 1 },
	[FAULT_MODE]        = { "mode",        SCOPE_HOST,    no, no, no, 0, 0, 3 },
	[FAULT_ASK_MODE]    = { "ask-mode",    SCOPE_HOST,    no, no, no, 0, 0, 3 },
	[FAULT_PATH_ADD]    = { "path-add",    SCOPE_NETWORK, no, no, no, 0, 0, 0 },
	[FAULT_PATH_REMOVE] = { "path-remove", SCOPE_NETWORK, no, yes, yes, 5 * S, 0, 0 },
	[FAULT_ABORT]       = { "abort",       SCOPE_HOST,    yes, no, no, 0, 0, 1 },
	[FAULT_KILL]        = { "kill",        SCOPE_HOST,    yes, yes, no, 0, 0, 1 },
	[FAULT_CRASH]       = { "crash",       SCOPE_HOST,    yes, yes, no, 0, 0, 0 },
};

enum fault_kind fault_named(const char *name)
{
	enum fault_kind kind = 0;

	while (kind < FAULT_KINDS && strcmp(fault_traits[kind].name, name) != 0)
		kind++;
	return kind;
}

void fault_print(const struct fault *fault)
{
	static const char *const states[] = { "fresh", "active", "suspect", "down" };
	const struct fault_traits *traits = &fault_traits[fault->kind];

	printf("  %2u  after %9.3f ms  %-12s", fault->number, (double)fault->gap_ns / 1e6,
	       traits->name);
	if (traits->scope == SCOPE_NETWORK)
		printf(" network %u", fault->network);
	if (traits->scope == SCOPE_HOST || fault->kind == FAULT_ONE_WAY ||
	    fault->kind == FAULT_RESET || fault->kind == FAULT_ADDRESS)
		printf(" host %u", fault->host);
	if (traits->argument_high > 0)
		printf(" argument %" PRIu64, fault->argument);
	if (traits->lasts)
		printf(" for %.3f ms", (double)fault->duration_ns / 1e6);
	if (fault->wish != WISH_NONE)
		printf(" when %s", states[fault->wish]);
	printf("\n");
}
