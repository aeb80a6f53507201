/* SPDX-License-Identifier: Apache-2.0 */
/* See report.h. */
#include "sim/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static struct report *used;

struct report *report_new(void)
{
	void *memory = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return memory;
}

void report_use(struct report *report)
{
	used = report;
}

void report_failure(const char *text)
{
	if (used != NULL)
		snprintf(used->failure, sizeof used->failure, "%s", text);
}
