/* SPDX-License-Identifier: Apache-2.0 */
/* What every subcommand shares: common options, error messages, numbers read and shown. */
#include "cmd/common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REASON_BYTES 512u

int common_init(struct common *common, const char *name, const char *help)
{
	*common = (struct common){ .name = name, .help = help };
	common->options = hawser_options_new();
	if (common->options == NULL) {
		complain(common, "out of memory");
		return -1;
	}
	return 0;
}

void common_fini(struct common *common)
{
	hawser_options_free(common->options);
	common->options = NULL;
}

int common_set(struct common *common, const char *name, const char *value)
{
	if (hawser_options_set(common->options, name, value) == 0)
		return 0;
	complain_reason(common, -1, "bad option");
	return -1;
}

static enum common_taken take_pair(struct common *common, const char *pair)
{
	const char *equals = strchr(pair, '=');
	if (equals == NULL || equals == pair) {
		usage(common, "-O wants NAME=VALUE, not '%s'", pair);
		return COMMON_WRONG;
	}
	char *name = strndup(pair, (size_t)(equals - pair));
	if (name == NULL) {
		complain(common, "out of memory");
		return COMMON_WRONG;
	}
	int set = common_set(common, name, equals + 1);
	free(name);
	return set == 0 ? COMMON_TAKEN : COMMON_WRONG;
}

enum common_taken common_take(struct common *common, int option, const char *value)
{
	switch (option) {
	case 'h': fputs(common->help, stdout); return COMMON_HELPED;
	case 'm':
		common->mode = value;
		return common_set(common, "mode", value) == 0 ? COMMON_TAKEN : COMMON_WRONG;
	case 'O': return take_pair(common, value);
	case OPT_VIA:
		common->via = value;
		return common_set(common, "via", value) == 0 ? COMMON_TAKEN : COMMON_WRONG;
	case OPT_INSECURE:
		common->insecure = true;
		return common_set(common, "insecure", "yes") == 0 ? COMMON_TAKEN : COMMON_WRONG;
	case OPT_JSON: common->json = true; return COMMON_TAKEN;
	default: /* getopt_long has said what is wrong */
		fprintf(stderr, "Try 'hawser %s --help'.\n", common->name);
		return COMMON_WRONG;
	}
}

/* One write per message, so that those of two threads do not mix. */
static void say(const struct common *common, const char *why, const char *format, va_list list)
{
	char text[1024];
	vsnprintf(text, sizeof text, format, list);
	fprintf(stderr, "hawser: %s: %s%s%s\n", common->name, text, *why != '\0' ? ": " : "", why);
}

void complain(const struct common *common, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	say(common, "", format, list);
	va_end(list);
}

void complain_reason(const struct common *common, int fd, const char *format, ...)
{
	int error = errno;
	char why[REASON_BYTES] = "";
	if (hawser_reason(fd, why, sizeof why) <= 0 &&
	    (fd == -1 || hawser_reason(-1, why, sizeof why) <= 0))
		snprintf(why, sizeof why, "%s", strerror(error));
	va_list list;
	va_start(list, format);
	say(common, why, format, list);
	va_end(list);
}

int usage(const struct common *common, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	say(common, "", format, list);
	va_end(list);
	fprintf(stderr, "Try 'hawser %s --help'.\n", common->name);
	return STATUS_USAGE;
}

const char *option_written(char **argv)
{
	static char name[32];
	const char *written = argv[optind - 1] == optarg ? argv[optind - 2] : argv[optind - 1];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(written, "="), written);
	return name;
}

static uint64_t suffix_factor(const char *suffix)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} table[] = {
		{ "", 1 },
		{ "k", 1000 },
		{ "K", 1000 },
		{ "M", 1000000 },
		{ "G", 1000000000 },
		{ "Ki", UINT64_C(1) << 10 },
		{ "Mi", UINT64_C(1) << 20 },
		{ "Gi", UINT64_C(1) << 30 },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(suffix, table[i].suffix) == 0)
			return table[i].factor;
	return 0;
}

int parse_count(const char *text, uint64_t *count)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno != 0)
		return -1;
	uint64_t factor = suffix_factor(end);
	if (factor == 0 || value > UINT64_MAX / factor)
		return -1;
	*count = value * factor;
	return 0;
}

int parse_seconds(const char *text, uint64_t *ns)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end != '\0' || !(value >= 0) || value > 1e9)
		return -1;
	*ns = (uint64_t)(value * 1e9);
	return 0;
}

uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const char *bytes_text(char *text, size_t size, double bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	unsigned unit = 0;
	while (bytes >= 999.5 && unit < 4) {
		bytes /= 1000;
		unit++;
	}
	snprintf(text, size, unit == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes,
		 units[unit]);
	return text;
}

const char *mode_text(unsigned mode)
{
	static const char *const names[] = { "converge", "stripe", "duplicate", "backup" };
	return mode < 4 ? names[mode] : "unknown";
}

const char *path_state_text(unsigned state)
{
	static const char *const names[] = { "fresh", "active", "suspect", "down" };
	return state < 4 ? names[state] : "unknown";
}
