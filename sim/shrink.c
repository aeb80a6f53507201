/* SPDX-License-Identifier: Apache-2.0 */
/* See shrink.h. */
#include "sim/shrink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS_MAX 300u
#define HALVED_MAX 20u

struct search {
	const struct sim_options *options;
	uint64_t seed;
	const struct trial *failure;
	unsigned trials, faults;
};

static bool still_fails(struct search *search, const struct plan_cut *cut)
{
	struct trial trial;

	if (search->trials >= TRIALS_MAX)
		return false;
	search->trials++;
	trial_run(&trial, search->options, search->seed, cut, true, false);
	return trial_same(&trial, search->failure);
}

/* Takes out runs of faults, long ones first. */
static bool drop_faults(struct search *search, struct plan_cut *cut)
{
	bool any = false;

	for (unsigned length = search->faults; length > 0; length /= 2) {
		for (unsigned from = 0; from < search->faults; from += length) {
			struct plan_cut smaller = *cut;

			for (unsigned i = from; i < from + length && i < search->faults; i++)
				smaller.dropped |= UINT32_C(1) << i;
			if (smaller.dropped == cut->dropped || !still_fails(search, &smaller))
				continue;
			*cut = smaller;
			any = true;
		}
	}
	return any;
}

static bool halve(struct search *search, struct plan_cut *cut)
{
	bool any = false;

	for (unsigned i = 0; i < search->faults; i++) {
		while ((cut->dropped >> i & 1) == 0 && cut->halved[i] < HALVED_MAX) {
			struct plan_cut smaller = *cut;

			smaller.halved[i]++;
			if (!still_fails(search, &smaller))
				break;
			*cut = smaller;
			any = true;
		}
	}
	while (cut->bytes_halved < HALVED_MAX) {
		struct plan_cut smaller = *cut;

		smaller.bytes_halved++;
		if (!still_fails(search, &smaller))
			break;
		*cut = smaller;
		any = true;
	}
	return any;
}

unsigned shrink(const struct sim_options *options, uint64_t seed, const struct trial *failure,
		struct plan_cut *cut)
{
	struct search search = { .options = options, .seed = seed, .failure = failure };
	struct plan plan;
	bool smaller = true;

	plan_draw(&plan, options, seed);
	search.faults = plan.fault_count;
	while (smaller && search.trials < TRIALS_MAX) {
		smaller = drop_faults(&search, cut);
		smaller |= halve(&search, cut);
	}
	return search.trials;
}

void cut_print(const struct plan_cut *cut)
{
	const char *comma = "";

	/* bytes halved : dropped faults : fault/halved,... */
	printf("%u:%" PRIx32 ":", cut->bytes_halved, cut->dropped);
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		if (cut->halved[i] == 0 || (cut->dropped >> i & 1) != 0)
			continue;
		printf("%s%u/%u", comma, i, cut->halved[i]);
		comma = ",";
	}
}

bool cut_parse(const char *text, struct plan_cut *cut)
{
	char *end;

	memset(cut, 0, sizeof *cut);
	cut->bytes_halved = (uint8_t)strtoul(text, &end, 10);
	if (end == text || *end != ':')
		return false;
	cut->dropped = (uint32_t)strtoul(end + 1, &end, 16);
	if (*end != ':')
		return false;
	while (*end != 0 && end[1] != 0) {
		unsigned long fault = strtoul(end + 1, &end, 10), halved;

		if (*end != '/' || fault >= FAULTS_MAX)
			return false;
		halved = strtoul(end + 1, &end, 10);
		if (halved > 62 || (*end != 0 && *end != ','))
			return false;
		cut->halved[fault] = (uint8_t)halved;
	}
	return true;
}
