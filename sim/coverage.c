/* SPDX-License-Identifier: Apache-2.0 */
/* See coverage.h. */
#include "sim/coverage.h"

#include <inttypes.h>
#include <stdio.h>

void coverage_add(struct coverage *sum, const struct coverage *part)
{
	for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
		for (unsigned mode = 0; mode < COVERAGE_MODES; mode++)
			for (unsigned state = 0; state < COVERAGE_STATES; state++)
				sum->hits[kind][mode][state] += part->hits[kind][mode][state];
}

const char *coverage_excuse(enum fault_kind kind, unsigned state)
{
	if (kind == FAULT_PATH_ADD && state != HEALTH_DOWN)
		return "a network that is added has no path yet";
	return NULL;
}

unsigned coverage_print(const struct coverage *coverage)
{
	static const char *const modes[] = { "converge", "stripe", "duplicate", "backup" };
	unsigned empty = 0;

	printf("%-12s", "fault");
	for (unsigned mode = 0; mode < COVERAGE_MODES; mode++)
		printf(" | %-31s", modes[mode]);
	printf("\n%-12s", "");
	for (unsigned mode = 0; mode < COVERAGE_MODES; mode++)
		printf(" | %7s %7s %7s %7s", "fresh", "active", "suspect", "down");
	printf("\n");
	for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
		printf("%-12s", fault_traits[kind].name);
		for (unsigned mode = 0; mode < COVERAGE_MODES; mode++) {
			printf(" |");
			for (unsigned state = 0; state < COVERAGE_STATES; state++) {
				uint32_t hits = coverage->hits[kind][mode][state];

				if (coverage_excuse((enum fault_kind)kind, state) != NULL) {
					printf(" %7s", "n/a");
					continue;
				}
				printf(" %7" PRIu32, hits);
				empty += hits == 0;
			}
		}
		printf("\n");
	}
	printf("down: the network has no path just now, while bytes of the session are not "
	       "acknowledged;\n"
	       "n/a: %s\n",
	       coverage_excuse(FAULT_PATH_ADD, HEALTH_ACTIVE));
	return empty;
}
