/* SPDX-License-Identifier: Apache-2.0 */
/* What moves the bytes of an endpoint and keeps its deadlines, in the engine's thread or the program's. */
#include "driver/endpoint_internal.h"
#include "driver/link.h"

#define WRITES_MAX 256u         /* in one turn */
#define IDLE_NS    NS_PER_S     /* without bytes so long: the blocks go back */
#define DOZE_NS    (12 * NS_PER_MS)     /* the same of one that woke for a probe alone: its ACK goes before that */

/* NULL: there is none for this side. */
static struct carrier *carrier_of(const struct link *l, bool program)
{
	return program ? l->twin : l->carrier;
}

static void report_links(struct endpoint *ep, bool program, time_ns now)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		if (l && carrier_of(l, program))
			link_report(l, carrier_of(l, program), now);
	}
}

bool endpoint_read_links(struct endpoint *ep, bool program, time_ns now)
{
	bool more = false;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		/* While calls drive, what is there to be read is theirs. */
		if (!program && l && l->twin && ep->drive.driven)
			continue;
		if (l && l->outcome == LINK_GOES_ON && carrier_of(l, program))
			more |= link_read(l, carrier_of(l, program), now);
	}
	return more;
}

struct written endpoint_write_links(struct endpoint *ep, bool program, time_ns now)
{
	struct written written = { false, false };

	if (session_report_due(ep->session, now))
		report_links(ep, program, now);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && carrier_of(ep->links[i], program))
			link_tend(ep->links[i], carrier_of(ep->links[i], program), now);
	for (unsigned i = 0; i < WRITES_MAX; i++) {
		struct path *p = session_next_writer(ep->session, now);

		if (!p)
			return written;
		struct link *l = container_of(p, struct link, path);
		if (!carrier_of(l, program))
			break;
		if (!link_write(l, carrier_of(l, program), now))
			return written;
		written.some = true;
	}
	written.left = true;
	return written;
}

/* An idle session holds no blocks, nor a window larger than its first: those go back when nothing happened for a while. */
static bool holds_idle(const struct endpoint *ep)
{
	return (ep->blocks > 0 || ep->window_bytes > ep->start_bytes) && session_unacknowledged(ep->session) == 0 &&
	       session_readable(ep->session) == 0;
}

time_ns endpoint_deadline(const struct endpoint *ep, time_ns now)
{
	time_ns deadline = session_deadline(ep->session, now);
	time_ns idle_ns = session_may_doze(ep->session) ? DOZE_NS : IDLE_NS;

	if (holds_idle(ep) && deadline > now + idle_ns)
		deadline = now + idle_ns;
	/* It cannot wake for want of memory, and looks again after a while. */
	if ((ep->refused || ep->retrying) && session_asleep(ep->session) && deadline <= now)
		deadline = now + RETRY_NS;
	return deadline;
}

/* Nothing is owed that soon, so it need not wait for it: of thousands that are probed few are awake at one time. */
void endpoint_doze(struct endpoint *ep, time_ns now)
{
	if (session_may_doze(ep->session) && holds_idle(ep) && session_deadline(ep->session, now) > now + DOZE_NS)
		endpoint_rest(ep, now);
}

void endpoint_tick(struct endpoint *ep, bool program, time_ns now)
{
	report_links(ep, program, now);
	session_tick(ep->session, now);
	if (holds_idle(ep))
		endpoint_rest(ep, now);
}
