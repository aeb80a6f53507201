/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options: a name, how its value is read, where it goes, and the default in the same words. */
#include "driver/options.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "driver/address.h"

#define VALUE_MAX 512u
/* 73 years: some of them, and the time that it is, are added up. */
#define DURATION_MAX (TIME_NEVER / 4)

static const char *const mode_texts[] = {
	[MODE_CONVERGE] = "converge",
	[MODE_STRIPE] = "stripe",
	[MODE_DUPLICATE] = "duplicate",
	[MODE_BACKUP] = "backup",
};

struct option {
	const char *name;
	/* True: read, and within the bounds. Else *where is untouched. */
	bool (*parse)(const struct option *option, void *where, const char *value);
	size_t at;                      /* in struct options */
	const char *initial;
	const char *wanted;             /* for people */
	uint64_t least, most;           /* of a number; most TIME_NEVER: "never" is allowed too */
};

static bool one_of(const char *value, const char *const *words, unsigned count, unsigned *index)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(value, words[i]) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

static bool parse_mode(const struct option *option, void *where, const char *value)
{
	(void)option;
	return options_mode_parse(where, value) == 0;
}

static bool parse_kind(const struct option *option, void *where, const char *value)
{
	static const char *const kinds[] = { "stream", "message" };
	unsigned index;

	(void)option;
	if (!one_of(value, kinds, 2, &index))
		return false;
	*(enum session_kind *)where = index == 1 ? SESSION_MESSAGES : SESSION_STREAM;
	return true;
}

static bool parse_truth(const struct option *option, void *where, const char *value)
{
	static const char *const truths[] = { "no", "yes", "off", "on", "false", "true", "0", "1" };
	unsigned index;

	(void)option;
	if (!one_of(value, truths, 8, &index))
		return false;
	*(bool *)where = index % 2 == 1;
	return true;
}

/* Decimal digits at *text, moved past them. False: none, or more than a number below 10^12 has. */
static bool parse_digits(const char **text, uint64_t *number)
{
	const char *from = *text;
	uint64_t value = 0;

	while (**text >= '0' && **text <= '9') {
		if (*text - from >= 12)
			return false;
		value = value * 10 + (uint64_t)(*(*text)++ - '0');
	}
	*number = value;
	return *text > from;
}

static bool parse_duration(const struct option *option, void *where, const char *value)
{
	static const struct {
		const char *name;
		time_ns ns;
	} units[] = {
		{ "", NS_PER_S }, { "s", NS_PER_S }, { "ms", NS_PER_MS }, { "us", NS_PER_US },
		{ "min", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S },
	};
	uint64_t whole, thousandths = 0, digit = 100;

	if (strcmp(value, "never") == 0) {
		if (option->most != TIME_NEVER)
			return false;
		*(time_ns *)where = TIME_NEVER;
		return true;
	}
	if (!parse_digits(&value, &whole))
		return false;
	if (*value == '.') {
		for (value++; *value >= '0' && *value <= '9'; value++, digit /= 10)
			thousandths += (uint64_t)(*value - '0') * digit;
	}
	for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
		uint64_t unit_ns = (uint64_t)units[i].ns, ns;

		if (strcmp(value, units[i].name) != 0)
			continue;
		if (whole > (uint64_t)DURATION_MAX / unit_ns - 1)
			return false;
		ns = whole * unit_ns + thousandths * (unit_ns / 1000);
		if (ns < option->least || ns > option->most)
			return false;
		*(time_ns *)where = (time_ns)ns;
		return true;
	}
	return false;
}

bool options_size(const char *text, uint64_t least, uint64_t most, uint64_t *size)
{
	static const char *const units[] = { "", "K", "M", "G", "k", "m", "g" };
	uint64_t bytes;
	unsigned unit, shift;

	if (!parse_digits(&text, &bytes) || !one_of(text, units, 7, &unit))
		return false;
	shift = unit == 0 ? 0 : 10 * ((unit - 1) % 3 + 1);
	if (bytes > most >> shift || bytes << shift < least)
		return false;
	*size = bytes << shift;
	return true;
}

static bool parse_size(const struct option *option, void *where, const char *value)
{
	return options_size(value, (uint64_t)option->least, (uint64_t)option->most, where);
}

static bool parse_count(const struct option *option, void *where, const char *value)
{
	uint64_t count;

	if (!parse_digits(&value, &count) || *value || count < option->least || count > option->most)
		return false;
	*(unsigned *)where = (unsigned)count;
	return true;
}

static bool interface_name(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("/[]", text[i]))
			return false;
	return length > 0 && length < IF_NAMESIZE;
}

/* Whether there is one of that name the system is asked when it is to be used. */
static bool parse_congestion(const struct option *option, void *where, const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t length = strlen(value);

	(void)option;
	if (length == 0 || length >= CONGESTION_NAME_BYTES || strspn(value, letters) != length)
		return false;
	memset(where, 0, CONGESTION_NAME_BYTES);
	memcpy(where, value, length);
	return true;
}

/* INTERFACE, ADDRESS or ADDRESS/BITS. */
static bool parse_one_via(struct via *via, char *text)
{
	char *slash = strchr(text, '/');
	size_t length = strlen(text);
	const struct option bounds = { .most = 128 };

	memset(via, 0, sizeof *via);
	if (slash)
		*slash = 0;
	else if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
		text[length - 1] = 0;
		text++;
	}
	if (address_numeric(&via->prefix, text) < 0) {
		if (slash || !interface_name(text))
			return false;
		memcpy(via->interface, text, length + 1);
		return true;
	}
	via->bits = via->prefix.family == AF_INET ? 32 : 128;
	via->single = !slash;
	if (!slash)
		return true;
	return slash[1] && parse_count(&bounds, &via->bits, slash + 1) &&
	       via->bits <= (via->prefix.family == AF_INET ? 32u : 128u);
}

static bool parse_via(const struct option *option, void *where, const char *value)
{
	struct options *options = where;
	struct via via[VIA_MAX];
	char text[VALUE_MAX];
	char *rest = text, *word;
	unsigned count = 0;

	(void)option;
	if (strcmp(value, "auto") == 0) {
		options->via_count = 0;
		return true;
	}
	memcpy(text, value, strlen(value) + 1);
	while ((word = strsep(&rest, ",")))
		if (count == VIA_MAX || !parse_one_via(&via[count++], word))
			return false;
	memcpy(options->via, via, count * sizeof via[0]);
	options->via_count = count;
	return true;
}

#define AT(member) offsetof(struct options, member)
#define TRUTH      "yes or no"
#define DURATION   "a duration such as 250ms, 3s or 5min"

static const struct option table[] = {
	{ "mode", parse_mode, AT(mode), "converge", "converge, stripe, duplicate or backup", 0, 0 },
	{ "kind", parse_kind, AT(kind), "stream", "stream or message", 0, 0 },
	{ "via", parse_via, 0, "auto", "auto, or at most 8 interfaces, addresses or prefixes with commas between",
	  0, 0 },
	{ "congestion", parse_congestion, AT(congestion), "host", "host, auto, or the name of a congestion control",
	  0, 0 },
	{ "insecure", parse_truth, AT(insecure), "no", TRUTH, 0, 0 },
	{ "nonblock", parse_truth, AT(nonblock), "no", TRUTH, 0, 0 },
	{ "overdue", parse_truth, AT(overdue), "on", "on or off", 0, 0 },
	{ "paths_max", parse_count, AT(paths_max), "8", "a number from 1 to 8", 1, PATHS_MAX },
	{ "connect_timeout", parse_duration, AT(connect_timeout_ns), "10s", DURATION ", or never",
	  NS_PER_MS, TIME_NEVER },
	{ "resume_timeout", parse_duration, AT(resume_timeout_ns), "5min", DURATION ", or never",
	  0, TIME_NEVER },
	{ "orphan_timeout", parse_duration, AT(orphan_timeout_ns), "3s", DURATION ", or never",
	  0, TIME_NEVER },
	{ "refused_timeout", parse_duration, AT(refused_timeout_ns), "10s", DURATION ", or never",
	  0, TIME_NEVER },
	{ "exit_linger", parse_duration, AT(exit_linger_ns), "10s", DURATION ", or never",
	  0, TIME_NEVER },
	{ "linger", parse_duration, AT(linger_ns), NULL, DURATION ", or never", 0, TIME_NEVER },
	{ "probe_interval", parse_duration, AT(probe_interval_ns), "10s", DURATION ", or never",
	  10 * NS_PER_MS, TIME_NEVER },
	{ "suspect_floor", parse_duration, AT(suspect_floor_ns), "10ms", DURATION ", or never",
	  NS_PER_MS, TIME_NEVER },
	{ "spin", parse_duration, AT(spin_ns), "0", "a duration of at most 100ms", 0, 100 * NS_PER_MS },
	{ "send_buffer", parse_size, AT(send_buffer_bytes), "8M", "a size from 256K to 1G",
	  UINT64_C(256) << 10, UINT64_C(1) << 30 },
	{ "receive_buffer", parse_size, AT(receive_buffer_bytes), "8M", "a size from 256K to 1G",
	  UINT64_C(256) << 10, UINT64_C(1) << 30 },
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

static bool reset(const struct option *option, struct options *options)
{
	if (option->initial)
		return option->parse(option, (char *)options + option->at, option->initial);
	*(time_ns *)(void *)((char *)options + option->at) = -1;
	return true;
}

void options_init(struct options *options)
{
	memset(options, 0, sizeof *options);
	for (unsigned i = 0; i < TABLE_COUNT; i++) {
		bool parsed = reset(&table[i], options);

		assert(parsed);
		(void)parsed;
	}
}

struct options *options_new(void)
{
	struct options *options = malloc(sizeof *options);

	if (options)
		options_init(options);
	return options;
}

struct options *options_copy(const struct options *options)
{
	struct options *copy = options_new();

	if (copy && options)
		*copy = *options;
	return copy;
}

void options_free(struct options *options)
{
	free(options);
}

int options_set(struct options *options, const char *name, const char *value,
		struct failure *failure)
{
	for (unsigned i = 0; i < TABLE_COUNT; i++) {
		const struct option *option = &table[i];

		if (strcmp(name, option->name) != 0)
			continue;
		if (value && (strnlen(value, VALUE_MAX) == VALUE_MAX ||
			      !option->parse(option, (char *)options + option->at, value)))
			return failure_set(failure, EINVAL, "option %s: \"%.60s\" is not %s", name, value,
					   option->wanted);
		if (!value && !reset(option, options))
			return -EINVAL;
		if (option->parse == parse_mode)
			options->mode_named = value != NULL;
		return 0;
	}
	return failure_set(failure, EINVAL, "there is no option \"%.60s\"", name);
}

time_ns options_linger_ns(const struct options *options)
{
	return options->linger_ns >= 0 ? options->linger_ns : options->resume_timeout_ns;
}

struct session_config options_session(const struct options *options, bool dialler)
{
	return (struct session_config){
		.dialler = dialler,
		.kind = options->kind,
		.mode = options->mode,
		.send_limit_bytes = options->send_buffer_bytes,
		.receive_limit_bytes = options->receive_buffer_bytes,
		.resume_timeout_ns = options->resume_timeout_ns,
		.orphan_timeout_ns = options->orphan_timeout_ns,
		.probe_interval_ns = options->probe_interval_ns,
		.suspect_floor_ns = options->suspect_floor_ns,
		.overdue_off = !options->overdue,
	};
}

uint32_t time_to_ms(time_ns time)
{
	time_ns ms = time / NS_PER_MS;

	if (time == TIME_NEVER)
		return TIMEOUT_MS_NEVER;
	return ms < TIMEOUT_MS_NEVER ? (uint32_t)ms : TIMEOUT_MS_NEVER - 1;
}

time_ns time_of_ms(uint32_t ms)
{
	return ms == TIMEOUT_MS_NEVER ? TIME_NEVER : ms * NS_PER_MS;
}

const char *options_name(unsigned index)
{
	return index < TABLE_COUNT ? table[index].name : NULL;
}

const char *options_mode_text(enum session_mode mode)
{
	assert((unsigned)mode < sizeof mode_texts / sizeof mode_texts[0]);
	return mode_texts[mode];
}

int options_mode_parse(enum session_mode *mode, const char *text)
{
	unsigned index;

	if (!one_of(text, mode_texts, sizeof mode_texts / sizeof mode_texts[0], &index))
		return -EINVAL;
	*mode = (enum session_mode)index;
	return 0;
}
