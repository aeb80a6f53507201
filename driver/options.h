/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: named string values from the program, parsed into the plain structure the driver uses.
 * No I/O; hawser_options_new/set/free wrap these. The names are documented in hawser-options(7).
 */
#ifndef HAWSER_DRIVER_OPTIONS_H
#define HAWSER_DRIVER_OPTIONS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/session.h"
#include "driver/failure.h"
#include "transport/carrier.h"
#include "transport/inet.h"

#define VIA_MAX 8u

/* A local network that the program names: an interface, or all addresses in a prefix (one address: a full one). */
struct via {
	char interface[IF_NAMESIZE];    /* "" when it is a prefix */
	union inet_address prefix;
	unsigned bits;
	bool single;                    /* one address, not a prefix */
};

struct options {
	enum session_mode mode;
	bool mode_named;                /* set by name, not the default */
	enum session_kind kind;
	bool insecure;
	bool nonblock;
	bool overdue;

	struct via via[VIA_MAX];        /* in the order given */
	unsigned via_count;             /* 0: the networks are chosen automatically */
	unsigned paths_max;             /* 1..PATHS_MAX */
	char congestion[CONGESTION_NAME_BYTES]; /* of each path; "host" and "auto": see congestion.h */

	/* TIME_NEVER where "never" is allowed. */
	time_ns connect_timeout_ns;
	time_ns resume_timeout_ns;
	time_ns orphan_timeout_ns;
	time_ns refused_timeout_ns;
	time_ns exit_linger_ns;
	time_ns linger_ns;              /* < 0: not set, see options_linger_ns */
	time_ns probe_interval_ns;
	time_ns suspect_floor_ns;
	time_ns spin_ns;                /* who waits for the peer looks so long before it sleeps */

	uint64_t send_buffer_bytes;
	uint64_t receive_buffer_bytes;
};

void options_init(struct options *options);
struct options *options_new(void);       /* with the defaults; NULL: no memory */
struct options *options_copy(const struct options *options);      /* of NULL: the defaults */
void options_free(struct options *options);

/*
 * A value of NULL restores the default. 0, or -EINVAL with words in failure and nothing changed.
 * Values: durations "250ms", "3s", "0.5s", "5min", "1h", "never", seconds without a unit; sizes
 * "65536", "64K", "8M", "1G"; truths yes/no, on/off, true/false, 1/0.
 */
int options_set(struct options *options, const char *name, const char *value,
		struct failure *failure);

/* A size as above, within the bounds. Else false, and *size is untouched. */
bool options_size(const char *text, uint64_t least, uint64_t most, uint64_t *size);

/* How long a session that the program closed goes on in the background. */
time_ns options_linger_ns(const struct options *options);

/* What the core needs of them; the id is left to the caller. */
struct session_config options_session(const struct options *options, bool dialler);

/* Milliseconds as they travel on the wire; TIME_NEVER there and back. */
uint32_t time_to_ms(time_ns time);
time_ns time_of_ms(uint32_t ms);

/* The nth name, NULL after the last: for help texts and tests. */
const char *options_name(unsigned index);

/* The words of the public interface. */
const char *options_mode_text(enum session_mode mode);
int options_mode_parse(enum session_mode *mode, const char *text);

#endif
