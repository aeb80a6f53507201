/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every subcommand shares: the common options, how an error is told, and the exit status.
 *
 * Exit status: STATUS_FINE, everything arrived; STATUS_FAILED, something failed or was lost;
 * STATUS_USAGE, the command line was wrong and nothing was done.
 */
#ifndef HAWSER_CMD_COMMON_H
#define HAWSER_CMD_COMMON_H

#include <getopt.h>
#include <hawser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_FINE   0
#define STATUS_FAILED 1
#define STATUS_USAGE  2

/* Options that common_take understands, to be put into a subcommand's own list. */
#define COMMON_SHORT "hm:O:"
#define COMMON_LONG                                    \
	{ "help", no_argument, NULL, 'h' },            \
	{ "mode", required_argument, NULL, 'm' },      \
	{ "option", required_argument, NULL, 'O' },    \
	{ "via", required_argument, NULL, OPT_VIA },   \
	{ "json", no_argument, NULL, OPT_JSON },       \
	{ "insecure", no_argument, NULL, OPT_INSECURE }
#define COMMON_HELP                                                                          \
	"Common options:\n"                                                                  \
	"  -m, --mode MODE      converge (default), stripe, duplicate or backup\n"           \
	"      --via LIST       local networks to use: interfaces, addresses or prefixes,\n" \
	"                       separated by commas (default: every usable one)\n"           \
	"      --insecure       allow clear text beyond loopback\n"                          \
	"  -O, --option NAME=VALUE\n"                                                        \
	"                       set any option of hawser-options(7); may be repeated\n"      \
	"      --json           write JSON where the command has a report\n"                 \
	"  -h, --help           this text\n"                                                 \
	"\n"                                                                                 \
	"Exit status: 0 everything arrived, 1 something failed or was lost, 2 usage.\n"

enum {
	OPT_VIA = 0x100,
	OPT_JSON,
	OPT_INSECURE,
	OPT_OWN, /* a subcommand's own long options count from here */
};

struct common {
	const char *name; /* of the subcommand */
	const char *help;
	hawser_options *options;
	const char *mode; /* as given, or NULL */
	const char *via;
	bool json;
	bool insecure;
};

/* Returns -1, after an error message, when there is no memory. */
int common_init(struct common *common, const char *name, const char *help);
void common_fini(struct common *common);

/* A path that is not up has no id. */
#define PATH_ID_NONE 65535u

enum common_taken { COMMON_TAKEN, COMMON_HELPED, COMMON_WRONG };

/* Takes what getopt_long returned when the subcommand itself does not know it. */
enum common_taken common_take(struct common *common, int option, const char *value);

/* Sets one library option; -1 after an error message. */
int common_set(struct common *common, const char *name, const char *value);

/* Tells an error as "hawser: NAME: ...". */
void complain(const struct common *common, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, followed by why: the library's reason for this session's descriptor (-1: this thread's
 * last call), else what errno said. */
void complain_reason(const struct common *common, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Says "... try --help" and returns STATUS_USAGE. */
int usage(const struct common *common, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The option that getopt_long has just read, as it was written. */
const char *option_written(char **argv);

/* A count with an optional suffix k, M, G (powers of 1000) or Ki, Mi, Gi (of 1024). -1: not one. */
int parse_count(const char *text, uint64_t *count);

/* Seconds with decimals, as nanoseconds. -1: not one. */
int parse_seconds(const char *text, uint64_t *ns);

/* Nanoseconds on the clock that never steps back. */
uint64_t clock_ns(void);

/* "12.3 MB" and the like into text, which it returns. */
const char *bytes_text(char *text, size_t size, double bytes);

const char *mode_text(unsigned mode);
const char *path_state_text(unsigned state);

#endif
