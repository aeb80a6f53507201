/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the endpoint share: endpoint.c, endpoint_table.c, endpoint_links.c, endpoint_end.c. */
#ifndef HAWSER_DRIVER_ENDPOINT_INTERNAL_H
#define HAWSER_DRIVER_ENDPOINT_INTERNAL_H

#include "driver/endpoint.h"

/* To get RESET or CLOSE written, at most. */
#define TELL_END_NS (2 * NS_PER_S)
/* After memory was refused. */
#define RETRY_NS    (20 * NS_PER_MS)

/* endpoint_table.c. add: 0, -ENOMEM, -EEXIST. over: it is listed with those that have ended. */
int endpoint_table_add(struct endpoint *ep);
void endpoint_table_over(struct endpoint *ep);
/* Forgets the oldest that ended, until no more than the limit are kept. */
void endpoint_table_forget(struct engine *e);

/* endpoint_links.c, under the lock. */
bool endpoint_has_links(const struct endpoint *ep);
void endpoint_take_out(struct endpoint *ep, struct link *l, enum reason reason, time_ns now);
void endpoint_settle_links(struct endpoint *ep, time_ns now);

/* endpoint_end.c; all but told_over under the lock. */
void endpoint_end_session(struct endpoint *ep, time_ns now);
bool endpoint_at_its_end(const struct endpoint *ep);
void endpoint_refuse_unread(struct endpoint *ep, time_ns now);
void endpoint_told_over(struct endpoint *ep);
void endpoint_linger_expired(struct timer *t, time_ns now);

/*
 * endpoint_turn.c, under the lock, by the program's threads (program: by twins, as far as there are) or the engine's.
 * read: true when there is more to read. write: whether it wrote, and whether it left something to be written.
 */
struct written {
	bool some, left;
};

bool endpoint_read_links(struct endpoint *ep, bool program, time_ns now);
struct written endpoint_write_links(struct endpoint *ep, bool program, time_ns now);
/* After all that was to do: one that woke for a probe alone sleeps again, if that is over. */
void endpoint_doze(struct endpoint *ep, time_ns now);
/* A deadline has come: fresh reports, then the session's tick. */
void endpoint_tick(struct endpoint *ep, bool program, time_ns now);
time_ns endpoint_deadline(const struct endpoint *ep, time_ns now);

/* endpoint.c: takes back the blocks that the session does not use; then what its windows grew to, if it rests. */
void endpoint_reclaim(struct endpoint *ep);
void endpoint_rest(struct endpoint *ep, time_ns now);

#endif
