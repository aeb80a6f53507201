/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: a network between two network namespaces, in user space. IP packets are read from a TUN
 * device in one namespace, go through the link model and are written to a TUN device in the
 * other. See usage().
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "test/lab/link_control.h"
#include "test/lab/link_device.h"
#include "test/lab/link_flows.h"
#include "sim/link_model.h"
#include "test/lab/link_reset.h"
#include "test/lab/link_settings.h"

#define PACKETS_MAX       16384 /* inside one direction */
#define READ_BATCH        256
#define MTU_MIN           1280
#define MTU_MAX           65535
/*
 * One round of the loop per this time at most, because waking up is what costs: a packet may be
 * up to this much late, never early. It is a part of the delay, so that a wait errs by 2 % at most
 * (and by 20 us at least).
 */
#define ROUND_DELAY_PARTS 50
#define ROUND_NS_MIN      (20 * NS_PER_US)
#define ROUND_NS_MAX      (500 * NS_PER_US)

static volatile sig_atomic_t stop_asked;

/* Packet buffers, last in first out so that few of them are ever touched. */
struct pool {
	uint8_t *buffers[LINK_DIRECTIONS * PACKETS_MAX + 1];
	size_t free_buffers;
};

struct link {
	struct link_both both;
	struct link_model model[LINK_DIRECTIONS];
	struct link_entry entries[LINK_DIRECTIONS][PACKETS_MAX];
	int device[LINK_DIRECTIONS]; /* [d]: where direction d's packets come from */
	struct link_control control;
	struct pool pool;
	unsigned mtu;
	uint64_t seed;
	bool resets_tcp;
	struct link_flows flows;
	uint32_t packet_bytes_max; /* larger packets vanish; 0: none do */
	uint64_t swallowed_packets; /* by either of the two above */
	time_ns round_ns;      /* least time between two rounds */
	time_ns last_round_ns; /* when the last one began */
};

struct options {
	const char *place[LINK_DIRECTIONS];
	const char *control;
	const char *send;
	int ready_fd;
};

static void usage(void)
{
	fputs("usage: link --a NETNS:DEVICE:ADDRESS/PREFIX[,...] --b NETNS:DEVICE:ADDRESS/PREFIX[,...]\n"
	      "            [--rate 20mbit] [--delay-ms N] [--jitter-ms N] [--loss-percent N]\n"
	      "            [--queue-bytes N] [--reorder yes] [--mtu N] [--seed N] [--control PATH]\n"
	      "            [--ready-fd N]\n"
	      "       link --control PATH --send COMMAND[;COMMAND...]\n"
	      "A value X/Y is X from A to B and Y from B to A. Delay is one way. The queue defaults to\n"
	      "rate * max(50 ms, 4 * delay). Prints \"ready\" (to the given descriptor, else stdout).\n"
	      "Commands: cut [a|b], heal, reset, carrier a|b up|down, rate, delay, jitter, loss, queue,\n"
	      "reorder VALUE, size BYTES|-, forget SECONDS|-, stats. \"a\" is A to B. reset answers TCP\n"
	      "with RST until heal. size drops larger packets silently. forget drops silently what belongs\n"
	      "to a TCP connection that was idle for longer.\n", stderr);
}

static time_ns clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (time_ns)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int pool_init(struct pool *pool, size_t buffer_bytes)
{
	size_t count = sizeof(pool->buffers) / sizeof(pool->buffers[0]);
	uint8_t *memory = calloc(count, buffer_bytes);

	if (!memory)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		pool->buffers[i] = memory + i * buffer_bytes;
	pool->free_buffers = count;
	return 0;
}

/* Never empty: one buffer more than both models take. */
static uint8_t *pool_get(struct pool *pool)
{
	return pool->buffers[--pool->free_buffers];
}

static void pool_put(struct pool *pool, uint8_t *buffer)
{
	pool->buffers[pool->free_buffers++] = buffer;
}

/* A device that is down takes nothing (EIO): the packet is gone, as on a real network. */
static void device_write(int device, const uint8_t *packet, size_t bytes)
{
	if (write(device, packet, bytes) < 0 && errno != EIO && errno != EINVAL)
		perror("link: write");
}

static bool is_swallowed(struct link *link, const uint8_t *packet, uint32_t bytes)
{
	return (link->packet_bytes_max > 0 && bytes > link->packet_bytes_max) ||
	       !link_flows_pass(&link->flows, clock_now(), packet, bytes);
}

static void packet_take_in(struct link *link, int direction, uint8_t *packet, uint32_t bytes)
{
	uint8_t reset[LINK_RESET_BYTES_MAX];

	if (link->resets_tcp && link_packet_is_tcp(packet, bytes)) {
		size_t reset_bytes = link_reset_make(packet, bytes, reset);

		if (reset_bytes > 0)
			device_write(link->device[direction], reset, reset_bytes);
	} else if (is_swallowed(link, packet, bytes)) {
		link->swallowed_packets++;
	} else if (link_model_send(&link->model[direction], clock_now(), packet, bytes)) {
		return;
	}
	pool_put(&link->pool, packet);
}

static void packets_read(struct link *link, int direction)
{
	for (int i = 0; i < READ_BATCH; i++) {
		uint8_t *packet = pool_get(&link->pool);
		ssize_t bytes = read(link->device[direction], packet, link->mtu);

		if (bytes <= 0) {
			pool_put(&link->pool, packet);
			return;
		}
		packet_take_in(link, direction, packet, (uint32_t)bytes);
	}
}

static void packets_write(struct link *link, int direction)
{
	time_ns now = clock_now();
	void *packet;
	uint32_t bytes;

	for (;;) {
		enum link_verdict verdict =
			link_model_take(&link->model[direction], now, &packet, &bytes);

		if (verdict == LINK_NOTHING)
			return;
		if (verdict == LINK_ARRIVED)
			device_write(link->device[!direction], packet, bytes);
		pool_put(&link->pool, packet);
	}
}

static void cut(struct link *link, int direction)
{
	link_model_cut(&link->model[direction]);
	packets_write(link, direction);
}

static int cut_command(struct link *link, const char *which)
{
	enum link_direction direction;

	if (which) {
		if (link_direction_parse(which, &direction) < 0)
			return -EINVAL;
		cut(link, direction);
		return 0;
	}
	cut(link, LINK_A_TO_B);
	cut(link, LINK_B_TO_A);
	return 0;
}

static int carrier_command(struct link *link, const char *which, const char *state)
{
	enum link_direction side;
	bool is_up;

	if (!which || !state || link_direction_parse(which, &side) < 0)
		return -EINVAL;
	is_up = strcmp(state, "up") == 0;
	if (!is_up && strcmp(state, "down") != 0)
		return -EINVAL;
	return link_device_carrier(link->device[side], is_up);
}

/* A whole number within [1, limit], or "-", which is 0. */
static int count_parse(const char *text, uint64_t limit, uint64_t *count)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (strcmp(text, "-") == 0)
		value = 0;
	else if (*end != '\0' || value == 0 || value > limit)
		return -EINVAL;
	*count = value;
	return 0;
}

/* What a middlebox does to packets; 1 when the command is none of those. */
static int meddle_command(struct link *link, const char *word, const char *value)
{
	bool is_size = strcmp(word, "size") == 0;
	uint64_t count;

	if (!is_size && strcmp(word, "forget") != 0)
		return 1;
	if (!value || count_parse(value, UINT64_C(1000000), &count) < 0)
		return -EINVAL;
	if (is_size)
		link->packet_bytes_max = (uint32_t)count;
	else
		link->flows.idle_ns_max = (time_ns)count * NS_PER_S;
	return 0;
}

/* Fills in what follows from the settings. */
static void settings_finish(struct link *link)
{
	const struct link_settings *setting = link->both.direction;
	time_ns delay_ns = setting[LINK_A_TO_B].delay_ns;

	link_both_finish(&link->both);
	if (setting[LINK_B_TO_A].delay_ns < delay_ns)
		delay_ns = setting[LINK_B_TO_A].delay_ns;
	link->round_ns = delay_ns / ROUND_DELAY_PARTS;
	if (link->round_ns < ROUND_NS_MIN)
		link->round_ns = ROUND_NS_MIN;
	if (link->round_ns > ROUND_NS_MAX)
		link->round_ns = ROUND_NS_MAX;
}

static void settings_take_effect(struct link *link)
{
	settings_finish(link);
	for (int i = 0; i < LINK_DIRECTIONS; i++)
		link_model_configure(&link->model[i], &link->both.direction[i], clock_now());
}

static int command_run(struct link *link, char *command)
{
	char *rest = NULL;
	const char *word = strtok_r(command, " \t", &rest);
	const char *first = word ? strtok_r(NULL, " \t", &rest) : NULL;
	const char *second = first ? strtok_r(NULL, " \t", &rest) : NULL;
	int error;

	if (!word)
		return 0;
	error = meddle_command(link, word, first);
	if (error <= 0)
		return error;
	if (strcmp(word, "cut") == 0)
		return cut_command(link, first);
	if (strcmp(word, "carrier") == 0)
		return carrier_command(link, first, second);
	if (strcmp(word, "reset") == 0) {
		link->resets_tcp = true;
		return 0;
	}
	if (strcmp(word, "heal") == 0) {
		link->resets_tcp = false;
		for (int i = 0; i < LINK_DIRECTIONS; i++)
			link_model_heal(&link->model[i]);
		return 0;
	}
	if (!first || link_both_apply(&link->both, word, first) < 0)
		return -EINVAL;
	settings_take_effect(link);
	return 0;
}

static void stats_print(const struct link *link, char *text, size_t capacity)
{
	size_t used = 0;

	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		const struct link_model *model = &link->model[i];
		const struct link_counts *counts = &model->counts;
		uint64_t transmitted = counts->transmitted_packets;

		used += (size_t)snprintf(
			text + used, capacity - used,
			"%c arrived %llu bytes %llu overflow %llu lost %llu cut %llu waiting_bytes %llu "
			"queue_bytes %llu waited_us_mean %lld waited_us_max %lld\n",
			'a' + i, (unsigned long long)counts->arrived_packets,
			(unsigned long long)counts->arrived_bytes,
			(unsigned long long)counts->overflow_packets,
			(unsigned long long)counts->lost_packets,
			(unsigned long long)counts->cut_packets,
			(unsigned long long)model->waiting_bytes,
			(unsigned long long)model->settings.queue_bytes,
			(long long)(transmitted ? (uint64_t)counts->waited_ns / transmitted / 1000 : 0),
			(long long)(counts->waited_max_ns / NS_PER_US));
	}
	snprintf(text + used, capacity - used, "swallowed %llu\nok",
		 (unsigned long long)link->swallowed_packets);
}

static void message_answer(void *context, char *message, char *answer, size_t capacity)
{
	struct link *link = context;
	char *rest = NULL;

	snprintf(answer, capacity, "ok");
	for (char *command = strtok_r(message, ";\n", &rest); command;
	     command = strtok_r(NULL, ";\n", &rest)) {
		int error;

		if (strcmp(command, "stats") == 0) {
			stats_print(link, answer, capacity);
			continue;
		}
		error = command_run(link, command);
		if (error < 0) {
			snprintf(answer, capacity, "error: %s: %s", command, strerror(-error));
			return;
		}
	}
}

static struct timespec timespec_of(time_ns time)
{
	return (struct timespec){ .tv_sec = time / NS_PER_S, .tv_nsec = time % NS_PER_S };
}

/* Sleeps out the time of the round, then until there is something to do. */
static void sleep_until_work(struct link *link, struct pollfd *descriptors, size_t count)
{
	time_ns next_ns = TIME_NEVER, now;
	struct timespec round_end = timespec_of(link->last_round_ns + link->round_ns), timeout;
	sigset_t none_blocked;

	if (clock_now() < link->last_round_ns + link->round_ns)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &round_end, NULL);
	now = clock_now();
	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		time_ns due_ns = link_model_next(&link->model[i]);

		next_ns = due_ns < next_ns ? due_ns : next_ns;
	}
	timeout = timespec_of(next_ns > now ? next_ns - now : 0);
	sigemptyset(&none_blocked);
	if (ppoll(descriptors, count, next_ns == TIME_NEVER ? NULL : &timeout, &none_blocked) < 0) {
		for (size_t i = 0; i < count; i++)
			descriptors[i].revents = 0;
	}
	link->last_round_ns = clock_now();
}

static void link_run(struct link *link)
{
	struct pollfd descriptors[LINK_DIRECTIONS + 1 + CONTROL_CLIENTS_MAX];
	struct pollfd *control = descriptors + LINK_DIRECTIONS;

	while (!stop_asked) {
		for (int i = 0; i < LINK_DIRECTIONS; i++)
			descriptors[i] = (struct pollfd){ .fd = link->device[i], .events = POLLIN };
		memcpy(control, link->control.descriptors, sizeof(link->control.descriptors));
		sleep_until_work(link, descriptors, sizeof(descriptors) / sizeof(descriptors[0]));
		memcpy(link->control.descriptors, control, sizeof(link->control.descriptors));
		link_control_serve(&link->control, message_answer, link);
		for (int i = 0; i < LINK_DIRECTIONS; i++) {
			if (descriptors[i].revents & POLLIN)
				packets_read(link, i);
			packets_write(link, i);
		}
	}
}

/* Wakes in time even on a busy machine, where it may; and does not outlive the script that
 * started it. */
static void process_prepare(void)
{
	struct sched_param priority = { .sched_priority = 1 };

	sched_setscheduler(0, SCHED_RR, &priority);
	prctl(PR_SET_TIMERSLACK, 1UL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void stop_handle(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

/* The signals that stop us come only while we sleep. */
static void signals_catch(void)
{
	struct sigaction action = { .sa_handler = stop_handle };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

enum { OPTION_A = 256, OPTION_B, OPTION_MTU, OPTION_SEED, OPTION_CONTROL, OPTION_SEND, OPTION_READY,
       OPTION_SETTING };

static const struct option option_table[] = {
	{ "a", required_argument, NULL, OPTION_A },
	{ "b", required_argument, NULL, OPTION_B },
	{ "mtu", required_argument, NULL, OPTION_MTU },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "send", required_argument, NULL, OPTION_SEND },
	{ "ready-fd", required_argument, NULL, OPTION_READY },
	{ "rate", required_argument, NULL, OPTION_SETTING },
	{ "delay-ms", required_argument, NULL, OPTION_SETTING },
	{ "jitter-ms", required_argument, NULL, OPTION_SETTING },
	{ "loss-percent", required_argument, NULL, OPTION_SETTING },
	{ "queue-bytes", required_argument, NULL, OPTION_SETTING },
	{ "reorder", required_argument, NULL, OPTION_SETTING },
	{ NULL, 0, NULL, 0 },
};

/* The setting of an option is its name up to the unit. */
static int setting_option(struct link *link, const char *name, const char *value)
{
	char setting[32];

	snprintf(setting, sizeof(setting), "%.*s", (int)strcspn(name, "-"), name);
	return link_both_apply(&link->both, setting, value);
}

static int options_parse(struct link *link, struct options *options, int argc, char **argv)
{
	int code, index = 0, error = 0;

	while (error == 0 && (code = getopt_long(argc, argv, "", option_table, &index)) != -1) {
		switch (code) {
		case OPTION_A:
			options->place[LINK_A_TO_B] = optarg;
			break;
		case OPTION_B:
			options->place[LINK_B_TO_A] = optarg;
			break;
		case OPTION_MTU:
			link->mtu = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case OPTION_SEED:
			link->seed = strtoull(optarg, NULL, 0);
			break;
		case OPTION_CONTROL:
			options->control = optarg;
			break;
		case OPTION_SEND:
			options->send = optarg;
			break;
		case OPTION_READY:
			options->ready_fd = atoi(optarg);
			break;
		case OPTION_SETTING:
			error = setting_option(link, option_table[index].name, optarg);
			break;
		default:
			error = -EINVAL;
		}
	}
	if (error < 0 || optind != argc || link->mtu < MTU_MIN || link->mtu > MTU_MAX)
		return -EINVAL;
	if (options->send)
		return options->control ? 0 : -EINVAL;
	return options->place[LINK_A_TO_B] && options->place[LINK_B_TO_A] ? 0 : -EINVAL;
}

static int link_start(struct link *link, const struct options *options)
{
	int error = pool_init(&link->pool, link->mtu);

	settings_finish(link);
	for (int i = 0; i < LINK_DIRECTIONS && error == 0; i++) {
		link_model_init(&link->model[i], &link->both.direction[i], link->seed + (uint64_t)i,
				link->entries[i], PACKETS_MAX);
		link->device[i] = link_device_open(options->place[i], link->mtu);
		error = link->device[i] < 0 ? link->device[i] : 0;
	}
	link_control_none(&link->control);
	if (error == 0 && options->control)
		error = link_control_init(&link->control, options->control);
	if (error == 0 && write(options->ready_fd, "ready\n", 6) != 6)
		error = -EIO;
	return error;
}

int main(int argc, char **argv)
{
	static struct link link;
	struct options options = { .ready_fd = STDOUT_FILENO };
	int error;

	link.mtu = 1500;
	link.seed = 1;
	error = options_parse(&link, &options, argc, argv);
	if (error < 0) {
		usage();
		return 2;
	}
	if (options.send) {
		error = link_control_ask(options.control, options.send);
		if (error < 0)
			fprintf(stderr, "link: %s: %s\n", options.control, strerror(-error));
		return error < 0;
	}
	process_prepare();
	signals_catch();
	error = link_start(&link, &options);
	if (error < 0) {
		fprintf(stderr, "link: %s\n", strerror(-error));
		return 1;
	}
	link_run(&link);
	if (options.control)
		unlink(options.control);
	return 0;
}
