/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests over real networks share: two ends in two processes, the test networks that are
 * changed by the script which started the program (common.sh), and payloads that prove themselves.
 *
 *   script, common.sh  <-- 8: a lab command per line --  dialler's process (network namespace a)
 *                      -- 9: its exit status ---------->       | shared memory (ends_shared)
 *                                                        acceptor's process (network namespace b)
 *
 * Whatever goes wrong prints what and where and ends the whole program with status 1; so does
 * whatever takes longer than HUNG_S. No other time decides anything.
 */
#ifndef HAWSER_TEST_NET_COMMON_H
#define HAWSER_TEST_NET_COMMON_H

#include <hawser.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUNG_S     40u
#define PART_BYTES ((size_t)1 << 18) /* of one call to send or receive */
#define MODES      4u
#define NS_PER_S   UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)

extern const char *const mode_names[MODES];       /* by enum hawser_mode */

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* fail, with errno and what the library says of fd, or with fd -1 of the last call. */
_Noreturn void fail_reason(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t now_ns(void);
/* Waits a little: for loops that look for something which must come. Fails when limit_ns is past. */
uint64_t hung_ns(void);
void pause_until(uint64_t limit_ns, const char *awaited);

/* Something went on: the process has HUNG_S again before an alarm ends it. */
void alive(void);

/* --- Two ends --- */

struct ends {
	const char *dialler_network;    /* names of network namespaces; NULL: this one */
	const char *acceptor_network;
	void (*dialler)(void);
	void (*acceptor)(void);
};

/* Memory that both ends and the caller see, zeroed. Before ends_run. */
void *ends_shared(size_t size);
/* Runs both ends in processes of their own until both returned; fails when either failed. */
void ends_run(const struct ends *ends);

/* --- Test networks --- */

/* Has the script run one command of script/lab.sh (or any other), and waits for it. */
void lab(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- Sessions --- */

/* Names and values in turn, ended by NULL; "insecure" is set already. Free with hawser_options_free. */
hawser_options *options_of(const char *name, ...) __attribute__((sentinel));

hawser_t *dial(const char *address, hawser_options *options);   /* frees the options */
hawser_t *await_session(int listening_fd);
void drain(hawser_t *h);
struct hawser_info info_of(int fd);
void end_sending(hawser_t *h);
/* The next that is received must be the peer's end. */
void receive_end(hawser_t *h);
/* After both directions ended: awaits that both ends know that everything arrived, and closes. */
void close_cleanly(hawser_t *h);

/* What paths carried, by path id: paths come and go, their sums must not. */
#define TALLY_IDS 4096u
struct tally {
	uint64_t sent[TALLY_IDS], received[TALLY_IDS];
	uint8_t network[TALLY_IDS];     /* 1.. of the interface net1.., 0: another */
};
void tally_update(struct tally *tally, int fd);
uint64_t tally_sent(const struct tally *tally, unsigned network);
uint64_t tally_received(const struct tally *tally, unsigned network);
unsigned network_of(const struct hawser_path_info *path);

/* Tells all about them on standard error, before a failure. */
void show_paths(int fd);

/* --- Payloads --- */

/* Every message of every direction has its own bytes, a function of its number and their offset. */
uint64_t payload_seed(unsigned direction, uint64_t sequence);

/* Bytes [from, to) of a message or stream; more: the message goes on after them. */
void payload_send(hawser_t *h, uint64_t seed, uint64_t from, uint64_t to, bool more);
/* Checks received bytes; fails naming the offset. */
void payload_check(uint64_t seed, uint64_t offset, const void *data, size_t length);
/* Receives the rest of a message, of which bytes [0, at) came already, and its end at `size`. */
void message_receive(hawser_t *h, uint64_t seed, uint64_t at, uint64_t size);
void message_send(hawser_t *h, uint64_t seed, uint64_t size);

pthread_t start_thread(void *(*function)(void *), void *argument);
void join_thread(pthread_t thread);

#endif
