/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program does with hawser while one of the library's calls fails. Each step either does what it
 * says, or the library returns an error that makes sense; then the scenario gives up and cleans up. Whatever
 * else happens is a lie, and ends the process with 1. Nothing here has a time limit: who started the run
 * has one, and what never ends is a failure.
 */
#ifndef HAWSER_TEST_FAULT_SCENARIO_H
#define HAWSER_TEST_FAULT_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hawser.h"

struct scenario {
	const char *name;
	void (*run)(void);
};
extern const struct scenario scenarios[];       /* ends with a NULL name */

/* Prints and ends the process with 1. */
void lie(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* errno after a call of the library that failed: checks that it and the words make sense. Always false. */
bool refused(const char *call);
/* A session that ended abnormally: checks that errno (of read, write ...) and what the library says fit. */
void ended_abnormally(int fd, const char *call);

/* Options of all scenarios (short timeouts), and then names and values up to NULL. */
hawser_options *options_with(const char *first, ...);

/* Two ends of a session in this process, and the listener it came from. */
struct ends {
	int listening, dialled, accepted;       /* -1: none */
	int port;                       /* of the listener */
	bool messages;
};

/* Each false: refused, and everything is closed. */
bool ends_listen(struct ends *e, const char *where, hawser_options *options);
bool ends_dial(struct ends *e, const char *address, hawser_options *options);
bool ends_accept(struct ends *e);
/* After a dial that was refused: a lie when its peer has a session of it that ends cleanly. */
void ends_never_were(struct ends *e);
/* All three, over 127.0.0.1; takes the options. */
bool ends_open(struct ends *e, hawser_options *options);
void ends_close(struct ends *e);
/* "HOST:PORT". */
void ends_address(const struct ends *e, const char *host, char address[64]);

/*
 * Sends `total` bytes each way at once, ends both directions and reads to the end, or until the session is
 * reset. True: everything arrived. `at_half` is called once when half of it has been read; NULL: nothing.
 */
bool exchange(struct ends *e, uint64_t total, void (*at_half)(struct ends *e));
/* The same, packets of 1 to 60,000 bytes. */
bool exchange_packets(struct ends *e, unsigned count);

/* `total` bytes one way in small pieces; the session goes on. False: it was reset. */
bool pass_bytes(int from, int to, uint64_t total, uint8_t seed);

/* Byte number `at` of the content with that seed. */
uint8_t content(uint64_t at, uint8_t seed);
void fill(uint8_t *bytes, size_t length, uint64_t at, uint8_t seed);
/* A lie when they differ. */
void verify(const uint8_t *bytes, size_t length, uint64_t at, uint8_t seed);

/* Runs `function` in a child; ends with its verdict (exit status 0, or a lie here too). */
int child_begin(void (*function)(void *), void *argument);
void child_end(int pid);

#endif
