/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks that come back carry again, and the program does nothing for it: one network away for 5 s;
 * both for 10 s; both for 20 s while nothing is sent. A stream is written as fast as it goes by the
 * dialler or by the acceptor, and a thin one the other way. The times are printed, not judged.
 *
 *	recover NETNS-A NETNS-B ADDRESS dialler|acceptor [MODE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/net/common.h"

#define CARRIES_BYTES 262144u   /* so many stream bytes through a network: it carries load */
#define THIN_BYTES    1000u

struct board {
	_Atomic bool listening, stop;
	_Atomic bool idle;              /* the writers pause */
	_Atomic uint64_t sent[2];       /* by the writer; by the reader */
	_Atomic uint64_t received[2];   /* of the writer's, of the reader's, in order */
	_Atomic uint64_t network_received[3];   /* by the reader through net1, net2 */
};

static struct board *board;
static const char *address, *mode = "converge";
static bool dialler_writes;

struct flow {
	hawser_t *h;
	unsigned direction;     /* 0: the writer's stream, 1: the thin one */
};

static void *send_flow(void *argument)
{
	struct flow *flow = argument;
	uint64_t seed = payload_seed(flow->direction, 0), part = flow->direction == 0 ? 65536 : THIN_BYTES;

	while (!board->stop) {
		uint64_t from = board->sent[flow->direction];

		alive();
		if (board->idle || flow->direction == 1)
			nanosleep(&(struct timespec){ .tv_nsec = 10 * (long)NS_PER_MS }, NULL);
		if (board->idle)
			continue;
		payload_send(flow->h, seed, from, from + part, true);
		board->sent[flow->direction] = from + part;
	}
	end_sending(flow->h);
	return NULL;
}

static void *receive_flow(void *argument)
{
	static _Thread_local uint8_t part[PART_BYTES];
	struct flow *flow = argument;
	unsigned direction = !flow->direction;
	uint64_t seed = payload_seed(direction, 0);

	for (;;) {
		ssize_t got = hawser_recv(flow->h, part, sizeof part, NULL);

		if (got < 0)
			fail_reason(hawser_fd(flow->h), "receiving");
		if (got == 0)
			return NULL;
		payload_check(seed, board->received[direction], part, (size_t)got);
		board->received[direction] += (uint64_t)got;
		alive();
	}
}

static void finish(struct flow *flow, pthread_t sender, pthread_t receiver)
{
	unsigned other = !flow->direction;

	join_thread(sender);
	join_thread(receiver);
	close_cleanly(flow->h);
	if (board->received[other] != board->sent[other])
		fail("%llu of %llu bytes came", (unsigned long long)board->received[other],
		     (unsigned long long)board->sent[other]);
}

static void end_reader(hawser_t *h)
{
	static struct tally tally;
	struct flow flow = { .h = h, .direction = 1 };
	pthread_t sender = start_thread(send_flow, &flow), receiver = start_thread(receive_flow, &flow);

	while (!board->stop) {
		tally_update(&tally, hawser_fd(h));
		for (unsigned network = 1; network <= 2; network++)
			board->network_received[network] = tally_received(&tally, network);
		pause_until(hung_ns(), "");
	}
	finish(&flow, sender, receiver);
}

static void await_growth(_Atomic uint64_t *count, uint64_t by, const char *what)
{
	uint64_t limit_ns = hung_ns(), target = *count + by;

	while (*count < target)
		pause_until(limit_ns, what);
}

static void await_both_carry(void)
{
	await_growth(&board->network_received[1], CARRIES_BYTES, "network 1 to carry");
	await_growth(&board->network_received[2], CARRIES_BYTES, "network 2 to carry");
}

static void away(unsigned network, unsigned seconds)
{
	for (unsigned n = 1; n <= 2; n++)
		if (network == 0 || network == n)
			lab("lab_cut %u", n);
	for (unsigned i = 0; i < seconds; i++) {
		alive();
		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	}
	for (unsigned n = 1; n <= 2; n++)
		if (network == 0 || network == n)
			lab("lab_heal %u", n);
}

static void tell(const char *what, uint64_t since_ns)
{
	printf("%s, %s writes: %s %.0f ms\n", mode, dialler_writes ? "the dialler" : "the acceptor", what,
	       (double)(now_ns() - since_ns) / (double)NS_PER_MS);
	fflush(stdout);
}

static void end_writer(hawser_t *h)
{
	struct flow flow = { .h = h, .direction = 0 };
	pthread_t sender = start_thread(send_flow, &flow), receiver = start_thread(receive_flow, &flow);
	uint64_t since_ns;

	await_both_carry();
	for (unsigned network = 1; network <= 2; network++) {
		away(network, 5);
		since_ns = now_ns();
		await_growth(&board->network_received[network], CARRIES_BYTES, "it to carry load again");
		tell("one network away for 5 s, carrying load again after", since_ns);
		await_both_carry();
	}
	away(0, 10);
	since_ns = now_ns();
	await_growth(&board->received[0], CARRIES_BYTES, "the stream to flow again");
	tell("both away for 10 s, flowing again after", since_ns);
	await_both_carry();
	tell("both carrying load again after", since_ns);

	board->idle = true;
	drain(h);
	away(0, 20);
	since_ns = now_ns();
	board->idle = false;
	await_growth(&board->received[0], CARRIES_BYTES, "the idle session to flow");
	tell("both away for 20 s while idle, flowing after", since_ns);
	await_both_carry();
	tell("both carrying load again after", since_ns);
	board->stop = true;
	finish(&flow, sender, receiver);
}

static void dialler(void)
{
	uint64_t limit_ns = hung_ns();
	hawser_t *h;

	while (!board->listening)
		pause_until(limit_ns, "the listener");
	h = dial(address, options_of("mode", mode, NULL));
	(dialler_writes ? end_writer : end_reader)(h);
}

static void acceptor(void)
{
	hawser_options *options = options_of("mode", mode, NULL);
	int listening_fd = hawser_listen("4297", options);

	if (listening_fd < 0)
		fail_reason(-1, "listening");
	hawser_options_free(options);
	board->listening = true;
	(dialler_writes ? end_reader : end_writer)(await_session(listening_fd));
}

int main(int argc, char **argv)
{
	struct ends ends = { .dialler = dialler, .acceptor = acceptor };

	if (argc < 5)
		fail("usage: see the top of recover.c");
	ends.dialler_network = argv[1];
	ends.acceptor_network = argv[2];
	address = argv[3];
	dialler_writes = strcmp(argv[4], "dialler") == 0;
	if (argc > 5)
		mode = argv[5];
	board = ends_shared(sizeof *board);
	ends_run(&ends);
	return 0;
}
