/* SPDX-License-Identifier: Apache-2.0 */
/* From a process that runs worlds to the one that started it: which world, and what went wrong. */
#ifndef HAWSER_SIM_REPORT_H
#define HAWSER_SIM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#define REPORT_TEXT_BYTES 256u

struct report {
	uint64_t seed;          /* of the world that runs, or ran last */
	bool running;
	char failure[REPORT_TEXT_BYTES];
};

/* Memory that a child shares with its parent. */
struct report *report_new(void);
/* Of this process. */
void report_use(struct report *report);
void report_failure(const char *text);

#endif
