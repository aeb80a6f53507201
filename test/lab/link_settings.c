/* SPDX-License-Identifier: Apache-2.0 */
/* Link settings from text; see link_settings.h. */
#include "test/lab/link_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	double factor;
};

/* A decimal number times `factor`, at most `limit`, with no more behind it than a known suffix. */
static int number_parse(const char *text, const struct unit *units, double factor, double limit,
			double *number)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value >= 0))
		return -EINVAL;
	if (*end != '\0') {
		while (units && units->suffix && strcmp(units->suffix, end) != 0)
			units++;
		if (!units || !units->suffix)
			return -EINVAL;
		factor = units->factor;
	}
	if (!(value * factor <= limit))
		return -EINVAL;
	*number = value * factor + 0.5;
	return 0;
}

static int rate_parse(const char *text, struct link_settings *settings)
{
	static const struct unit units[] = {
		{ "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 }, { "gbit", 1e9 }, { NULL, 0 },
	};
	double rate = 0;

	if (strcmp(text, "-") != 0 && (number_parse(text, units, 1, LINK_RATE_MAX, &rate) < 0 ||
				       rate < 1))
		return -EINVAL;
	settings->rate_bits_per_s = (uint64_t)rate;
	return 0;
}

static int milliseconds_parse(const char *text, time_ns *time)
{
	double ns;

	if (number_parse(text, NULL, (double)NS_PER_MS, (double)LINK_DELAY_NS_MAX, &ns) < 0)
		return -EINVAL;
	*time = (time_ns)ns;
	return 0;
}

static int reorder_parse(const char *text, bool *reorder)
{
	bool is_yes = strcmp(text, "yes") == 0;

	if (!is_yes && strcmp(text, "no") != 0)
		return -EINVAL;
	*reorder = is_yes;
	return 0;
}

static int setting_parse(struct link_settings *settings, bool *queue_is_given, const char *name,
			 const char *text)
{
	double number;

	if (strcmp(name, "rate") == 0)
		return rate_parse(text, settings);
	if (strcmp(name, "delay") == 0)
		return milliseconds_parse(text, &settings->delay_ns);
	if (strcmp(name, "jitter") == 0)
		return milliseconds_parse(text, &settings->jitter_ns);
	if (strcmp(name, "reorder") == 0)
		return reorder_parse(text, &settings->reorder);
	if (strcmp(name, "loss") == 0) {
		if (number_parse(text, NULL, LINK_PPM / 100, LINK_PPM, &number) < 0)
			return -EINVAL;
		settings->loss_ppm = (uint32_t)number;
		return 0;
	}
	if (strcmp(name, "queue") == 0) {
		if (number_parse(text, NULL, 1, 1e12, &number) < 0)
			return -EINVAL;
		settings->queue_bytes = (uint64_t)number;
		*queue_is_given = true;
		return 0;
	}
	return -EINVAL;
}

int link_both_apply(struct link_both *both, const char *name, const char *value)
{
	struct link_both changed = *both;
	const char *text[LINK_DIRECTIONS];
	char copy[64];
	char *slash;

	if (strlen(value) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, value);
	text[LINK_A_TO_B] = text[LINK_B_TO_A] = copy;
	slash = strchr(copy, '/');
	if (slash) {
		*slash = '\0';
		text[LINK_B_TO_A] = slash + 1;
	}
	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		if (setting_parse(&changed.direction[i], &changed.queue_is_given[i], name,
				  text[i]) < 0)
			return -EINVAL;
	}
	*both = changed;
	return 0;
}

void link_both_finish(struct link_both *both)
{
	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		struct link_settings *settings = &both->direction[i];

		if (!both->queue_is_given[i])
			settings->queue_bytes = link_queue_bytes_default(settings->rate_bits_per_s,
									 settings->delay_ns);
	}
}

int link_direction_parse(const char *text, enum link_direction *direction)
{
	if (strcmp(text, "a") != 0 && strcmp(text, "b") != 0)
		return -EINVAL;
	*direction = *text == 'a' ? LINK_A_TO_B : LINK_B_TO_A;
	return 0;
}
