/* SPDX-License-Identifier: Apache-2.0 */
/* hawser(1): a table of subcommands. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/common.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "cat", "carry standard input to a peer, and the peer's to standard output", cat_run },
	{ "bench", "measure goodput, latency and delivery gaps; also of TCP and MPTCP", bench_run },
	{ "demo", "send a file over two networks while one of them is cut", demo_run },
	{ "status", "show the sessions and paths of this user's processes", status_run },
};

#define COMMANDS (sizeof commands / sizeof *commands)

static void help(FILE *file)
{
	fputs("Usage: hawser COMMAND [OPTIONS] [ARGUMENTS]\n"
	      "One dependable socket carried by every network the host has.\n"
	      "\n"
	      "Commands:\n",
	      file);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(file, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "'hawser COMMAND --help' tells more, and so does hawser(1).\n"
	      "Options:\n"
	      "  -V, --version  the version\n"
	      "  -h, --help     this text\n"
	      "\n"
	      "Exit status: 0 everything arrived, 1 something failed or was lost, 2 usage.\n",
	      file);
}

/*
 * A standard descriptor that is closed would be the next socket's number. It gets one that fails:
 * the wrong way round on the null device.
 */
static void standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			_exit(STATUS_FAILED);
}

int main(int argc, char **argv)
{
	standard_descriptors();
	if (argc < 2) {
		help(stderr);
		return STATUS_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
		help(stdout);
		return STATUS_FINE;
	}
	if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
		puts("hawser " HAWSER_VERSION);
		return STATUS_FINE;
	}
	/* A closed output is an error to be told, not a silent death. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		/* getopt's messages begin with argv[0]. */
		char title[32];
		snprintf(title, sizeof title, "hawser: %s", name);
		argv[1] = title;
		return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "hawser: no command '%s'\nTry 'hawser --help'.\n", name);
	return STATUS_USAGE;
}
