/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demonstration: a file crosses two networks in each mode, and over plain TCP, while one
 * network is cut half-way and healed some seconds later.
 *
 *   sender ---- network 1 (is cut) ---- receiver: writes the file, times what it gets, tells the
 *      `------- network 2 -----------'            SHA-256 and its figures at the end
 */
#ifndef HAWSER_CMD_DEMO_H
#define HAWSER_CMD_DEMO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/channel.h"
#include "cmd/common.h"
#include "cmd/digest.h"

#define DEMO_RUNS_MAX       5u
#define DEMO_RUN_NAME_BYTES 16u
#define DEMO_RUN_TIME_S     60u /* a run that takes longer has failed */

struct demo_run {
	char name[DEMO_RUN_NAME_BYTES]; /* a mode, or "tcp" */
	enum channel_kind kind;
	bool arrived, intact;
	double seconds; /* first byte to last, at the receiver */
	uint64_t bytes;
	uint64_t longest_gap_us;
	uint64_t duplicate_bytes;
	double cut_s, heal_s; /* on the receiver's timeline; below 0: did not happen */
};

struct demo {
	struct common common;
	const char *file;      /* what is sent; NULL: one is made */
	const char *directory; /* for timelines, the plot's script and what is received */
	const char *picture;
	const char *cut_command; /* run with the argument cut or heal; NULL: none */
	const char *modes;       /* run only these, separated by commas; NULL: all */
	char hawser_address[96], tcp_address[96];
	uint64_t bytes;
	uint64_t heal_after_ns;
	char digest[DIGEST_TEXT_BYTES];
	struct demo_run runs[DEMO_RUNS_MAX];
	unsigned run_count;
	pid_t relay;             /* of network 1 where there are no real ones; else 0 */
	const char *networks;    /* in words, for the picture */
	char second_network[64]; /* an address that tells its paths from network 1's */
};

/* Receives runs until stopped; prints "PORT TCP-PORT" when it listens. */
int demo_receive(const struct demo *demo, const char *address, const char *tcp_address);

/* One run. Errors have been told; run says how it went. */
void demo_send(const struct demo *demo, struct demo_run *run);

/* Cuts or heals network 1. */
void demo_cut(const struct demo *demo, bool cut);

/* Runs everything against a receiver that listens: the exit status. */
int demo_all(struct demo *demo);

/* The same on this machine's loopback: receiver and networks are processes made here. */
int demo_alone(struct demo *demo);

/*
 * A network in place of a real one: listens on `address` for each of the ports and carries each
 * connection to the same port on 127.0.0.1, bytes_per_s in each direction. After SIGUSR1 it is
 * silent: nothing moves and nothing ends, until SIGUSR2. Never returns but with an exit status.
 */
int demo_relay(const struct common *common, const char *address, const uint16_t ports[2],
	       uint64_t bytes_per_s);

/* What people call it. */
const char *demo_run_text(const struct demo_run *run);

/* The table; and the picture by gnuplot, -1 after a message when there is none. */
int demo_table(const struct demo *demo);
int demo_plot(const struct demo *demo);

#endif
