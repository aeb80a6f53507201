/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of things that go wrong, or are done to a session while it works. */
#ifndef HAWSER_SIM_FAULT_H
#define HAWSER_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/health.h"
#include "core/limits.h"

enum fault_kind {
	/* Of one network. */
	FAULT_LOSS, /* argument: parts in a million */
	FAULT_DUPLICATE, /* parts in a million come twice */
	FAULT_REORDER, /* jitter in which packets overtake: ns */
	FAULT_DELAY, /* longer way, and jitter without overtaking: ns */
	FAULT_BLACKHOLE, /* nothing gets through */
	FAULT_ONE_WAY, /* nothing that `host` sends gets through */
	FAULT_FLAP, /* blackhole on and off, each for so many ns */
	FAULT_COLLAPSE, /* rate divided by argument */
	FAULT_ZOMBIE, /* the same with a queue of megabytes: round trips of up to 40 s */
	FAULT_QUEUE, /* a queue of so many bytes */
	FAULT_RESET, /* a middlebox resets all connections, at `host` or (argument) both ends */
	FAULT_ADDRESS, /* the address of `host` changes */
	/* Of all networks. */
	FAULT_OUTAGE,
	/* Of one host. */
	FAULT_SLOW_READER, /* the program reads so many bytes, then pauses */
	FAULT_DEAF, /* the program reads nothing */
	FAULT_STOP, /* the process is stopped */
	FAULT_LEAP, /* the clock leaps forward by so many ns */
	FAULT_MEMORY, /* of a hundred blocks asked for so many are refused */
	FAULT_TINY, /* the carrier takes and gives so many bytes at a time */
	FAULT_SAVE, /* saved, ended, loaded again after the duration */
	/* Asked for by the program, or by who looks after its networks. */
	FAULT_MODE, /* own mode of sending: argument */
	FAULT_ASK_MODE, /* the peer's */
	FAULT_PATH_ADD, /* a network that was not there */
	FAULT_PATH_REMOVE, /* comes back after the duration */
	/* Ends; only in worlds where a session may end before its time. */
	FAULT_ABORT,
	FAULT_KILL, /* the process; argument: its kernel resets the connections, or closes them */
	FAULT_CRASH, /* the whole host, silently */
	FAULT_KINDS,
};

enum fault_scope { SCOPE_NETWORK, SCOPE_WORLD, SCOPE_HOST };

#define FAULTS_MAX 24u
#define WISH_NONE  (-1)

struct fault {
	uint8_t number;                 /* in the schedule that was drawn */
	uint8_t kind;
	uint8_t network, host;
	int8_t wish; /* waits a while for a path in this state; enum health_state */
	time_ns gap_ns;                 /* after the one before */
	time_ns duration_ns;
	uint64_t argument;
};

struct fault_traits {
	const char *name;
	enum fault_scope scope;
	bool ends;                      /* ends a session */
	bool disrupts; /* may by itself leave a session without a path, or seem to */
	bool lasts;                     /* has an end that heals it */
	time_ns longest_ns;
	uint64_t argument_low, argument_high;
};

extern const struct fault_traits fault_traits[FAULT_KINDS];

enum fault_kind fault_named(const char *name);          /* FAULT_KINDS: none */
void fault_print(const struct fault *fault);

#endif
