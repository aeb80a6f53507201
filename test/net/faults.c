/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every fault of a network at every place of a message: one session per mode, a message each way per
 * case, and in the middle of the dialler's one of the two networks fails. What arrives must be whole,
 * and neither end may see an error. Then the network heals and both carry again before the next.
 *
 *	faults NETNS-A NETNS-B ADDRESS [--mode M] [--fault F] [--position P] [--message BYTES]
 *	       [--option NAME=VALUE] [--last BYTES]
 *
 * A case counts only when bytes were in flight after the fault had taken effect; else it is repeated.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/net/common.h"

#define MESSAGES_MAX 65536u
#define ATTEMPTS     10u
/* More than one path takes at once, so that both have to. */
#define FILLER_BYTES 1000000u

struct fault {
	const char *name, *command;     /* followed by the network's number and "down" */
	const char *argument;
	const char *heal, *heal_argument;
};

static const struct fault faults[] = {
	{ "cut", "lab_cut", "", "lab_heal", "" },
	{ "carrier", "lab_carrier", "down", "lab_carrier", "up" },
	{ "rst", "lab_rst", "", "lab_heal", "" },
};
#define FAULTS (sizeof faults / sizeof faults[0])

static const unsigned positions[] = { 0, 25, 50, 75, 99 };
#define POSITIONS (sizeof positions / sizeof positions[0])

/* What both ends know without hawser's help. */
struct board {
	_Atomic unsigned turn;                  /* the acceptor awaits the session of mode turn - 1 */
	_Atomic uint64_t sizes[MESSAGES_MAX];   /* of both directions' message of that number */
	_Atomic uint64_t received[2];           /* messages that came whole: at the dialler, the acceptor */
	_Atomic uint64_t begun;                 /* messages of which the acceptor has seen the first byte */
	_Atomic uint64_t fault_ns;              /* since when gaps are noted */
	_Atomic uint64_t gap_ns[2];
	_Atomic bool over;
};

static struct board *board;
static const char *address;
static uint64_t message_bytes = 4000000, last_bytes;
static const char *only_mode, *only_fault;
static int only_position = -1;
static char *extra_options[8];
static unsigned extra_count;

/* --- Receiving, at both ends --- */

struct receiver {
	hawser_t *h;
	unsigned end;           /* 0: dialler, 1: acceptor */
	uint64_t last_ns;
};

static void note_gap(struct receiver *r)
{
	uint64_t now = now_ns(), gap = now - r->last_ns;

	if (now > board->fault_ns && gap > board->gap_ns[r->end])
		board->gap_ns[r->end] = gap;
	r->last_ns = now;
}

static void *receive(void *argument)
{
	static _Thread_local uint8_t part[PART_BYTES];
	struct receiver *r = argument;

	for (uint64_t sequence = 0;; sequence++) {
		uint64_t seed = payload_seed(!r->end, sequence), at = 0, size;
		int flags = 0;

		do {
			ssize_t got;

			flags = 0;
			got = hawser_recv(r->h, part, sizeof part, &flags);
			if (got == 0 && flags == 0 && at == 0)
				return NULL;
			if (got < 0 || (got == 0 && flags == 0))
				fail_reason(hawser_fd(r->h), "receiving message %llu at %llu: %zd",
					    (unsigned long long)sequence, (unsigned long long)at, got);
			if (at == 0) {
				r->last_ns = now_ns();
				if (r->last_ns > board->fault_ns)
					r->last_ns = board->fault_ns;
				if (r->end == 1)
					board->begun = sequence + 1;
			}
			note_gap(r);
			payload_check(seed, at, part, (size_t)got);
			at += (uint64_t)got;
			alive();
		} while (!(flags & HAWSER_END));
		size = board->sizes[sequence % MESSAGES_MAX];
		if (at != size)
			fail("message %llu of %llu bytes came as %llu", (unsigned long long)sequence,
			     (unsigned long long)size, (unsigned long long)at);
		board->received[r->end] = sequence + 1;
	}
}

/* The acceptor answers each message, from its first byte on, by one of the same size. */
static void accept_mode(int listening_fd)
{
	hawser_t *h = await_session(listening_fd);
	struct receiver receiver = { .h = h, .end = 1 };
	pthread_t thread = start_thread(receive, &receiver);

	for (uint64_t sequence = 0; !board->over || sequence < board->begun;) {
		if (board->begun > sequence) {
			message_send(h, payload_seed(1, sequence),
				     board->sizes[sequence % MESSAGES_MAX]);
			sequence++;
		} else {
			pause_until(hung_ns(), "");
		}
	}
	end_sending(h);
	join_thread(thread);
	close_cleanly(h);
}

/* --- The dialler's side: what is done when --- */

struct run {
	hawser_t *h;
	enum hawser_mode mode;
	uint64_t sequence;
	unsigned repeats;
	uint64_t gap_ns[FAULTS][2][POSITIONS][2];
	uint64_t back_ns[FAULTS][2][POSITIONS];         /* from healing until both carried */
};

static bool in_flight(struct run *run)
{
	struct hawser_info info = info_of(hawser_fd(run->h));

	if (info.state != HAWSER_ESTABLISHED || info.error != 0)
		fail_reason(hawser_fd(run->h), "state %u, error %d", info.state, info.error);
	return info.bytes_written > info.bytes_acknowledged;
}

static uint64_t message_begin(struct run *run, uint64_t size)
{
	board->sizes[run->sequence % MESSAGES_MAX] = size;
	return payload_seed(0, run->sequence);
}

/* The message arrived and its answer came back. */
static void message_await(struct run *run)
{
	uint64_t limit_ns = hung_ns();

	drain(run->h);
	run->sequence++;
	while (board->received[1] < run->sequence)
		pause_until(limit_ns, "the message at the acceptor");
	while (board->received[0] < run->sequence)
		pause_until(limit_ns, "the answer");
}

static void filler(struct run *run)
{
	message_send(run->h, message_begin(run, FILLER_BYTES), FILLER_BYTES);
	message_await(run);
}

static bool carries(struct run *run, unsigned network, const struct tally *before, struct tally *now)
{
	struct hawser_path_info paths[32];
	int count = hawser_paths(hawser_fd(run->h), paths, 32, sizeof paths[0]);

	tally_update(now, hawser_fd(run->h));
	for (int i = 0; i < count; i++)
		if (network_of(&paths[i]) == network && paths[i].state == HAWSER_PATH_ACTIVE)
			return run->mode == HAWSER_BACKUP ||
			       tally_sent(now, network) > tally_sent(before, network);
	return false;
}

static void await_both(struct run *run)
{
	static struct tally before, now;
	uint64_t limit_ns = hung_ns();

	tally_update(&now, hawser_fd(run->h));
	before = now;
	while (!carries(run, 1, &before, &now) || !carries(run, 2, &before, &now)) {
		if (now_ns() > limit_ns)
			show_paths(hawser_fd(run->h));
		pause_until(limit_ns, "both networks to carry");
		filler(run);
	}
}

/* Sends a message and lets the network fail at `position` per cent of it. False: it came too late. */
static bool attempt(struct run *run, const struct fault *fault, unsigned network, unsigned position)
{
	uint64_t size = message_bytes, seed = message_begin(run, size), from = 0, limit_ns = hung_ns();
	uint64_t start = info_of(hawser_fd(run->h)).bytes_acknowledged;
	bool counts;

	board->fault_ns = UINT64_MAX;
	board->gap_ns[0] = board->gap_ns[1] = 0;
	if (position == 99) {
		from = size - (last_bytes > size / 100 ? last_bytes : size / 100);
		payload_send(run->h, seed, 0, from, true);
		drain(run->h);
	}
	payload_send(run->h, seed, from, size, false);
	while (position < 99 &&
	       info_of(hawser_fd(run->h)).bytes_acknowledged - start < size * position / 100)
		pause_until(limit_ns, "acknowledgements");
	board->fault_ns = now_ns();
	lab("%s %u %s", fault->command, network, fault->argument);
	counts = in_flight(run);
	message_await(run);
	board->fault_ns = UINT64_MAX;
	lab("%s %u %s", fault->heal, network, fault->heal_argument);
	return counts;
}

static void run_case(struct run *run, unsigned fault, unsigned network, unsigned position)
{
	bool counts = false;
	uint64_t healed_ns;

	for (unsigned i = 0; i < ATTEMPTS && !counts; i++) {
		counts = attempt(run, &faults[fault], network, positions[position]);
		for (unsigned end = 0; end < 2; end++)
			run->gap_ns[fault][network - 1][position][end] = board->gap_ns[end];
		run->repeats += !counts;
		healed_ns = now_ns();
		await_both(run);
		run->back_ns[fault][network - 1][position] = now_ns() - healed_ns;
	}
	if (!counts)
		fail("%s: %s of network %u at %u %%: never with bytes in flight",
		     mode_names[run->mode], faults[fault].name, network, positions[position]);
}

static bool wanted(unsigned fault, unsigned position)
{
	return (!only_fault || strcmp(only_fault, faults[fault].name) == 0) &&
	       (only_position < 0 || positions[position] == (unsigned)only_position);
}

static void show_row(const struct run *run, unsigned fault, unsigned network)
{
	printf("  %-8s net%u ", faults[fault].name, network);
	for (unsigned position = 0; position < POSITIONS; position++) {
		const uint64_t *gap = run->gap_ns[fault][network - 1][position];

		if (wanted(fault, position))
			printf(" %4llu /%4llu", (unsigned long long)(gap[1] / NS_PER_MS),
			       (unsigned long long)(gap[0] / NS_PER_MS));
	}
	printf(" |");
	for (unsigned position = 0; position < POSITIONS; position++)
		if (wanted(fault, position))
			printf(" %5llu", (unsigned long long)(run->back_ns[fault][network - 1][position] /
							      NS_PER_MS));
	printf("\n");
}

static void show(const struct run *run, uint64_t took_ns)
{
	struct hawser_info info = info_of(hawser_fd(run->h));

	printf("%s: %llu messages, %llu of %llu bytes sent twice, %u repeated, %.1f s\n",
	       mode_names[run->mode], (unsigned long long)run->sequence,
	       (unsigned long long)info.duplicate_bytes_sent, (unsigned long long)info.bytes_written,
	       run->repeats, (double)took_ns / (double)NS_PER_S);
	for (unsigned fault = 0; fault < FAULTS; fault++)
		for (unsigned network = 1; network <= 2; network++)
			if (!only_fault || strcmp(only_fault, faults[fault].name) == 0)
				show_row(run, fault, network);
	fflush(stdout);
}

static hawser_options *session_options(enum hawser_mode mode)
{
	hawser_options *options = options_of("kind", "message", "mode", mode_names[mode],
					     "send_buffer", "32M", "receive_buffer", "32M", NULL);

	for (unsigned i = 0; i < extra_count; i++) {
		char name[64];
		const char *value = strchr(extra_options[i], '=');

		snprintf(name, sizeof name, "%.*s", (int)(value - extra_options[i]), extra_options[i]);
		if (hawser_options_set(options, name, value + 1) < 0)
			fail_reason(-1, "option %s", extra_options[i]);
	}
	return options;
}

static void dial_mode(enum hawser_mode mode)
{
	static struct run runs[MODES];
	struct run *run = &runs[mode];
	struct receiver receiver = { .end = 0 };
	uint64_t start_ns = now_ns();
	pthread_t thread;

	run->mode = mode;
	run->h = receiver.h = dial(address, session_options(mode));
	thread = start_thread(receive, &receiver);
	await_both(run);
	for (unsigned fault = 0; fault < FAULTS; fault++)
		for (unsigned network = 1; network <= 2; network++)
			for (unsigned position = 0; position < POSITIONS; position++)
				if (wanted(fault, position))
					run_case(run, fault, network, position);
	show(run, now_ns() - start_ns);
	board->over = true;
	end_sending(run->h);
	join_thread(thread);
	close_cleanly(run->h);
}

static bool mode_wanted(unsigned mode)
{
	return !only_mode || strcmp(only_mode, mode_names[mode]) == 0;
}

static void dialler(void)
{
	printf("longest delivery gap from the fault on, ms, at the acceptor / at the dialler, with the fault "
	       "at 0, 25, 50, 75, 99 %% of a message | from healing until both carry, ms\n");
	for (unsigned mode = 0; mode < MODES; mode++) {
		uint64_t limit_ns = hung_ns();

		if (!mode_wanted(mode))
			continue;
		while (board->turn != mode + 1)
			pause_until(limit_ns, "the acceptor");
		dial_mode((enum hawser_mode)mode);
	}
}

static void acceptor(void)
{
	hawser_options *options = session_options(HAWSER_CONVERGE);
	int listening_fd = hawser_listen("4297", options);

	if (listening_fd < 0)
		fail_reason(-1, "listening");
	hawser_options_free(options);
	for (unsigned mode = 0; mode < MODES; mode++) {
		if (!mode_wanted(mode))
			continue;
		board->over = false;
		board->begun = board->received[0] = board->received[1] = 0;
		board->fault_ns = UINT64_MAX;
		board->turn = mode + 1;
		accept_mode(listening_fd);
	}
}

static void take_options(int argc, char **argv)
{
	static const struct option list[] = {
		{ "mode", required_argument, NULL, 'm' }, { "fault", required_argument, NULL, 'f' },
		{ "position", required_argument, NULL, 'p' }, { "message", required_argument, NULL, 's' },
		{ "option", required_argument, NULL, 'o' }, { "last", required_argument, NULL, 'l' },
		{ 0 },
	};

	for (int option; (option = getopt_long(argc, argv, "", list, NULL)) >= 0;) {
		switch (option) {
		case 'm': only_mode = optarg; break;
		case 'f': only_fault = optarg; break;
		case 'p': only_position = atoi(optarg); break;
		case 's': message_bytes = strtoull(optarg, NULL, 10); break;
		case 'l': last_bytes = strtoull(optarg, NULL, 10); break;
		case 'o':
			if (extra_count == sizeof extra_options / sizeof extra_options[0])
				fail("too many options");
			extra_options[extra_count++] = optarg;
			break;
		default: fail("usage: see the top of faults.c");
		}
	}
	if (argc - optind != 3)
		fail("usage: faults NETNS-A NETNS-B ADDRESS");
}

int main(int argc, char **argv)
{
	struct ends ends = { .dialler = dialler, .acceptor = acceptor };

	take_options(argc, argv);
	ends.dialler_network = argv[optind];
	ends.acceptor_network = argv[optind + 1];
	address = argv[optind + 2];
	board = ends_shared(sizeof *board);
	ends_run(&ends);
	return 0;
}
