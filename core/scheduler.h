/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes a path should carry next, in each mode. Pull: a path asks when its carrier has room. */
#ifndef HAWSER_CORE_SCHEDULER_H
#define HAWSER_CORE_SCHEDULER_H

#include "core/sender.h"

struct chunk {
	uint64_t start, end;            /* FIN's phantom included */
};

/* False: nothing for this path now. */
bool scheduler_next(struct sender *s, const struct path *p, time_ns now, struct chunk *chunk);
/* The chunk will be carried: 0, or -ENOSPC (then it must not be sent). Undo when it was not begun. */
int scheduler_sent(struct sender *s, const struct path *p, const struct chunk *chunk);
void scheduler_undo(struct sender *s, const struct path *p, const struct chunk *chunk);
/* Sets completion times of stretches that have just been sent whole. */
void scheduler_date(struct sender *s, time_ns now);
/* When a decision may come out differently without any event: the next overdue stretch. */
time_ns scheduler_deadline(const struct sender *s, time_ns now);
/* Whether what waits could go by several paths, and what their carriers told is too old to say by which. */
bool scheduler_report_due(const struct sender *s, time_ns age_ns);
/* How much one frame, and one write, should carry on this path. */
uint64_t scheduler_frame_bytes(const struct path *p);
uint32_t scheduler_backlog_bytes(const struct path *p);
/* Mode backup: the path that carries while all is well; NULL: none usable. */
struct path *scheduler_preferred(const struct sender *s);
/* Whether bytes on this path would arrive after everything waiting could have by another one. */
bool scheduler_slower(const struct sender *s, const struct path *p);

#endif
