/* SPDX-License-Identifier: Apache-2.0 */
/* A session wakes and sleeps; see work.h. */
#include "core/work.h"

#include <assert.h>
#include <string.h>

#include "core/session_internal.h"

static void attach(struct session *s, struct work *work)
{
	struct sender *sender = &s->sender;

	s->work = work;
	sender->flight.at = work != NULL ? work->segments : NULL;
	sender->converge.at = work != NULL ? work->stretches : NULL;
	s->receive.ahead.at = work != NULL ? work->ranges : NULL;
	if (!s->slots_in_work)
		return;
	sender->buffer.table.slots = work != NULL ? work->slots : NULL;
	s->receive.table.slots = work != NULL ? work->slots + sender->buffer.table.capacity : NULL;
	if (work != NULL)
		memset(work->slots, 0, sizeof work->slots);
}

void work_path(const struct session *s, struct path *p)
{
	p->work = s->work != NULL ? &s->work->paths[p->slot] : NULL;
	p->health.stamps = p->work != NULL ? p->work->stamps : NULL;
	if (p->work == NULL)
		return;
	memset(&p->work->in, 0, sizeof p->work->in);
	memset(&p->work->out, 0, sizeof p->work->out);
}

static void attach_paths(struct session *s)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL)
			work_path(s, s->sender.paths[i]);
}

void work_begin(struct session *s)
{
	struct work *work = stock_take(&s->stock);

	assert(work != NULL && s->work == NULL);
	attach(s, work);
	attach_paths(s);
	s->woken_from = s->receive.contiguous + s->sender.buffer.end;
}

static bool path_busy(const struct path *p)
{
	const struct path_work *w = p->work;

	return p->health.stamps_count > 0 || w->in.in_payload || w->in.header_have > 0 || w->out.halved ||
	       w->out.frames_count > 0 || w->out.control_length > 0;
}

static bool busy(const struct session *s)
{
	if (s->staging != NULL || s->sender.flight.count > 0 || s->sender.converge.count > 0 ||
	    s->sender.buffer.table.held > 0 || s->sender.buffer.loans.count > 0 ||
	    s->receive.table.held > 0 || s->receive.ahead.count > 0)
		return true;
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL && path_busy(s->sender.paths[i]))
			return true;
	return false;
}

bool session_may_doze(const struct session *s)
{
	return s->work != NULL && s->woken_from == s->receive.contiguous + s->sender.buffer.end && !busy(s);
}

bool work_end(struct session *s)
{
	struct work *work = s->work;

	if (work == NULL || busy(s))
		return false;
	attach(s, NULL);
	attach_paths(s);
	stock_give(&s->stock, work);
	return true;
}
