/* SPDX-License-Identifier: Apache-2.0 */
/* How long a message that no packet can hold waits for a handle. */
#include "driver/misfit.h"

#include "driver/other_end.h"

/*
 * The program's second is counted in looks: when the whole process was stopped, or the machine had no time
 * for it, one of them is due, and not all.
 */
#define LOOKS_MAX 10u
#define LOOK_NS   (100 * NS_PER_MS)
#define ASK_NS    NS_PER_S      /* while the program is not there yet */

static void look_again(struct timer *t, time_ns now)
{
	struct packets *p = container_of(t, struct packets, misfit_look);

	(void)now;
	endpoint_post(container_of(p->face, struct endpoint, face));
}

bool misfit_waits(struct endpoint *ep, time_ns now)
{
	struct packets *p = ep->face.packets;

	if (timer_started(&p->misfit_look))
		return true;
	bool there = other_end_has_read(ep->face.fd) && other_end_accepted(ep->face.fd);
	if (there && p->misfit_looks == LOOKS_MAX)
		return false;
	p->misfit_look.expired = look_again;
	if (timer_start(ep->engine, &p->misfit_look, now + (there ? LOOK_NS : ASK_NS)) < 0)
		ep->refused = true;     /* the pump's retry looks again */
	else if (there)
		p->misfit_looks++;
	return true;
}
