/* SPDX-License-Identifier: Apache-2.0 */
/* hawser demo: reading the command line, preparing the file, and running each mode in turn. */
#include "cmd/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/pattern.h"

#define FILE_BYTES_DEFAULT UINT64_C(200000000)

static const char help_text[] =
	"Usage: hawser demo [OPTIONS] [FILE]\n"
	"       hawser demo [OPTIONS] --to HOST,HOST[:PORT] [FILE]\n"
	"       hawser demo [OPTIONS] --receive [ADDR:]PORT\n"
	"Sends a file over two networks, over plain TCP and in each mode, while the\n"
	"first network is cut half-way; checks its SHA-256, and ends with a table and a\n"
	"picture. Alone it plays networks on the loopback; script/demo makes real ones.\n"
	"\n"
	"      --to LIST          send to a receiver by these two addresses, one on each network\n"
	"      --receive ADDRESS  be the receiver; TCP on the next port\n"
	"      --cut-with COMMAND run by the shell with the argument cut or heal for network 1\n"
	"      --heal-after S     seconds from the cut to the healing (default 3)\n"
	"      --runs LIST        of tcp, stripe, duplicate, converge, backup (default: all)\n"
	"      --bytes N          size of the file that is made when none is given (default 200M)\n"
	"      --directory DIR    where timelines and received files go, the same for both ends\n"
	"                         (default: .)\n"
	"      --picture FILE     the picture (default demo.svg)\n"
	"      --networks TEXT    what the picture says of the networks\n"
	"\n" COMMON_HELP;

enum {
	OPT_TO = OPT_OWN,
	OPT_RECEIVE,
	OPT_CUT_WITH,
	OPT_HEAL_AFTER,
	OPT_RUNS,
	OPT_BYTES,
	OPT_DIRECTORY,
	OPT_PICTURE,
	OPT_NETWORKS
};

static const struct option long_options[] = {
	COMMON_LONG,
	{ "to", required_argument, NULL, OPT_TO },
	{ "receive", required_argument, NULL, OPT_RECEIVE },
	{ "cut-with", required_argument, NULL, OPT_CUT_WITH },
	{ "heal-after", required_argument, NULL, OPT_HEAL_AFTER },
	{ "runs", required_argument, NULL, OPT_RUNS },
	{ "bytes", required_argument, NULL, OPT_BYTES },
	{ "directory", required_argument, NULL, OPT_DIRECTORY },
	{ "picture", required_argument, NULL, OPT_PICTURE },
	{ "networks", required_argument, NULL, OPT_NETWORKS },
	{ 0 },
};

void demo_cut(const struct demo *demo, bool cut)
{
	char command[512];
	if (demo->relay > 0)
		kill(demo->relay, cut ? SIGUSR1 : SIGUSR2);
	if (demo->cut_command == NULL)
		return;
	snprintf(command, sizeof command, "%s %s", demo->cut_command, cut ? "cut" : "heal");
	if (system(command) != 0)
		complain(&demo->common, "'%s' failed", command);
}

static int write_random(int fd, uint64_t bytes)
{
	static uint8_t buffer[1 << 18];
	uint64_t seed;
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		return -1;
	for (uint64_t at = 0; at < bytes;) {
		uint64_t length = bytes - at < sizeof buffer ? bytes - at : sizeof buffer;
		pattern_fill(seed, at, buffer, length);
		ssize_t wrote = write(fd, buffer, length);
		if (wrote < 0)
			return -1;
		at += (uint64_t)wrote;
	}
	return 0;
}

/* Makes the file when none was given; learns its size and digest. */
static int prepare_file(struct demo *demo, char *made, size_t made_size)
{
	struct stat stat_buffer;
	if (demo->file == NULL) {
		snprintf(made, made_size, "%s/sent", demo->directory);
		int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0 || write_random(fd, demo->bytes) < 0 || close(fd) < 0) {
			complain(&demo->common, "%s: %s", made, strerror(errno));
			return -1;
		}
		demo->file = made;
	}
	if (stat(demo->file, &stat_buffer) < 0) {
		complain(&demo->common, "%s: %s", demo->file, strerror(errno));
		return -1;
	}
	demo->bytes = (uint64_t)stat_buffer.st_size;
	if (!S_ISREG(stat_buffer.st_mode) || demo->bytes == 0) {
		complain(&demo->common, "%s: not a file with something in it", demo->file);
		return -1;
	}
	int error = digest_file(demo->file, demo->digest);
	if (error < 0)
		complain(&demo->common, "%s: %s", demo->file, strerror(-error));
	return error;
}

static bool listed(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
	}
	return false;
}

int demo_all(struct demo *demo)
{
	static const char *const names[DEMO_RUNS_MAX] = { "tcp", "stripe", "duplicate", "converge",
							  "backup" };
	const struct timespec pause = { 0, 300000000 };
	char made[512] = "";
	bool fine = prepare_file(demo, made, sizeof made) == 0;
	for (unsigned i = 0; fine && i < DEMO_RUNS_MAX; i++) {
		if (demo->modes != NULL && !listed(demo->modes, names[i]))
			continue;
		struct demo_run *run = &demo->runs[demo->run_count++];
		*run = (struct demo_run){ .cut_s = -1, .heal_s = -1 };
		snprintf(run->name, sizeof run->name, "%s", names[i]);
		run->kind = i == 0 ? CHANNEL_TCP : CHANNEL_HAWSER;
		demo_send(demo, run);
		nanosleep(&pause, NULL); /* the network that was healed is itself again */
	}
	if (made[0] != '\0')
		unlink(made);
	if (!fine)
		return STATUS_FAILED;
	for (unsigned i = 0; i < demo->run_count; i++)
		fine = fine && demo->runs[i].arrived && demo->runs[i].intact;
	if (demo_plot(demo) == 0)
		fprintf(stderr, "The picture is %s\n", demo->picture);
	if (demo_table(demo) < 0)
		fine = false;
	return fine ? STATUS_FINE : STATUS_FAILED;
}

/* HOST,HOST[:PORT]: hawser takes it as it is, TCP the first host and the next port. */
static int take_target(struct demo *demo, const char *text)
{
	char hosts[96];
	unsigned port = HAWSER_DEFAULT_PORT;
	const char *colon = strrchr(text, ':');
	const char *bracket = strrchr(text, ']');
	const char *comma = strchr(text, ',');
	if (colon != NULL && bracket != NULL && colon < bracket)
		colon = NULL;
	if (colon != NULL && (sscanf(colon + 1, "%u", &port) != 1 || port < 1 || port > 65534))
		return -1;
	int length = colon != NULL ? (int)(colon - text) : (int)strlen(text);
	if (comma == NULL || comma - text >= length || length >= (int)sizeof hosts)
		return -1;
	snprintf(hosts, sizeof hosts, "%.*s", length, text);
	snprintf(demo->hawser_address, sizeof demo->hawser_address, "%.88s:%u", hosts, port);
	snprintf(demo->tcp_address, sizeof demo->tcp_address, "%.*s:%u", (int)(comma - text), text,
		 port + 1);
	snprintf(demo->second_network, sizeof demo->second_network, "%.63s",
		 hosts + (comma - text) + 1);
	return 0;
}

static int receive(const struct demo *demo, const char *address)
{
	char tcp[96];
	const char *colon = strrchr(address, ':');
	const char *port = colon != NULL ? colon + 1 : address;
	unsigned number;
	if (sscanf(port, "%u", &number) != 1 || number < 1 || number > 65534)
		return usage(&demo->common, "'%s' is not [ADDR:]PORT", address);
	snprintf(tcp, sizeof tcp, "%.*s%u", (int)(port - address) < 80 ? (int)(port - address) : 80,
		 address, number + 1);
	return demo_receive(demo, address, tcp);
}

struct request {
	const char *to, *receive;
	bool helped;
};

/* 1: taken. 0: not one of ours. -1: ours, with a bad value. */
static int take(struct demo *demo, struct request *request, int option, const char *value)
{
	switch (option) {
	case OPT_TO: request->to = value; return take_target(demo, value) == 0 ? 1 : -1;
	case OPT_RECEIVE: request->receive = value; return 1;
	case OPT_CUT_WITH: demo->cut_command = value; return 1;
	case OPT_HEAL_AFTER: return parse_seconds(value, &demo->heal_after_ns) == 0 ? 1 : -1;
	case OPT_RUNS: demo->modes = value; return 1;
	case OPT_BYTES: return parse_count(value, &demo->bytes) == 0 && demo->bytes > 0 ? 1 : -1;
	case OPT_DIRECTORY: demo->directory = value; return 1;
	case OPT_PICTURE: demo->picture = value; return 1;
	case OPT_NETWORKS: demo->networks = value; return 1;
	default: return 0;
	}
}

static int parse(struct demo *demo, struct request *request, int argc, char **argv)
{
	int option;
	while ((option = getopt_long(argc, argv, COMMON_SHORT, long_options, NULL)) != -1) {
		int taken = take(demo, request, option, optarg);
		if (taken < 0)
			return usage(&demo->common, "'%s' is not a value for %s", optarg,
				     option_written(argv));
		if (taken > 0)
			continue;
		enum common_taken common = common_take(&demo->common, option, optarg);
		if (common == COMMON_WRONG)
			return STATUS_USAGE;
		request->helped = common == COMMON_HELPED;
		if (request->helped)
			return STATUS_FINE;
	}
	if (argc - optind > 1)
		return usage(&demo->common, "one file at most");
	demo->file = argc > optind ? argv[optind] : NULL;
	return STATUS_FINE;
}

int demo_run(int argc, char **argv)
{
	struct request request = { 0 };
	struct demo demo = {
		.directory = ".",
		.picture = "demo.svg",
		.networks = "two networks",
		.bytes = FILE_BYTES_DEFAULT,
		.heal_after_ns = UINT64_C(3000000000),
	};
	if (common_init(&demo.common, "demo", help_text) < 0)
		return STATUS_FAILED;
	int status = parse(&demo, &request, argc, argv);
	if (status == STATUS_FINE && !request.helped) {
		if (request.receive != NULL)
			status = receive(&demo, request.receive);
		else
			status = request.to != NULL ? demo_all(&demo) : demo_alone(&demo);
	}
	common_fini(&demo.common);
	return status;
}
