/* SPDX-License-Identifier: Apache-2.0 */
/* How the program's end comes to read as the session ended, and looks that are put off till later. */
#include "driver/face_descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "driver/other_end.h"
#include "driver/primer.h"
#include "driver/unread.h"

#define RELEASE_WAIT_NS (5 * NS_PER_MS)         /* nothing new for so long: is the writer stuck? */
#define MUTE_WAIT_NS    (50 * NS_PER_MS)        /* for a writer at work to see that it may write no more */
#define FULL_WAIT_NS    NS_PER_S                /* for one that may sleep: till it is run, on a busy machine */
#define READ_WAIT_NS    (50 * NS_PER_MS)        /* between two looks whether all packets were read */

static bool all_arrived(struct endpoint *ep)
{
	struct session_figures figures;

	session_figures(ep->session, &figures);
	return figures.acknowledged == figures.written && unread_new_bytes(&ep->face) == 0 &&
	       !(ep->face.packets && ep->face.packets->in.length > 0);
}

/* Nothing it writes goes anywhere: EPIPE, as after a reset of TCP. */
static void mute(struct face *f)
{
	bool full;

	if (f->muted_until != 0 || f->closed)
		return;
	full = (f->bulk_at != 0 || unread_new_bytes(f) != 0) && other_end_pressed(f->fd);
	f->muted_until = clock_now() + (full ? FULL_WAIT_NS : MUTE_WAIT_NS);
	shutdown(f->fd, SHUT_RD);
}

void face_descriptor_reset(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->fd < 0 || f->kind != FACE_SOCKET)
		/* a handle's calls tell it; its notifier is closed when all is over */
		return;
	/* One byte it has to write. */
	if (unread_bytes(f) > 0)
		mute(f);
	f->input_ended = true;
	/* All that the peer sent was read to its end, and all of ours arrived: a reset takes nothing away. */
	f->complete = f->output_ended && all_arrived(ep);
	/* What arrived before is read first; a part of a message is not. */
	if (f->deaf || (session_readable(ep->session) == 0 && !face_gathered_whole(f)))
		f->ending = true;
}

static void look_again(struct timer *t, time_ns now)
{
	struct face *f = container_of(t, struct face, again);

	(void)now;
	endpoint_post(container_of(f, struct endpoint, face));
}

static void look_in(struct endpoint *ep, time_ns wait_ns)
{
	struct face *f = &ep->face;

	f->again.expired = look_again;
	timer_start(ep->engine, &f->again, clock_now() + wait_ns);
}

/* One endpoint's, which stays there as long. */
struct priming {
	struct primer_job job;
	struct endpoint *endpoint;
};

static void primed(struct primer_job *job)
{
	struct priming *priming = container_of(job, struct priming, job);
	struct endpoint *ep = priming->endpoint;

	free(priming);
	ep->face.priming = false;
	endpoint_post(ep);
}

/* Nothing is unread: has the program's own end write a byte. Tries again, less and less often. */
static void prime(struct endpoint *ep)
{
	struct face *f = &ep->face;
	struct priming *priming;
	time_ns wait_ns = f->prime_wait_ns ? f->prime_wait_ns : NS_PER_MS;

	if (f->priming || timer_started(&f->again))
		return;
	look_in(ep, wait_ns);
	priming = calloc(1, sizeof *priming);
	if (!priming)
		return;
	f->prime_wait_ns = wait_ns * 4 < NS_PER_S ? wait_ns * 4 : NS_PER_S;
	priming->endpoint = ep;
	f->priming = primer_submit(ep->engine, &priming->job, f->fd, primed);
	if (!f->priming)
		free(priming);
}

/* A reader of packets would get the error before what it was given: wait until it has read that. */
static bool packets_unread(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (!ep->messages || f->closed || other_end_has_read(f->fd))
		return false;
	if (!timer_started(&f->again))
		look_in(ep, READ_WAIT_NS);
	return true;
}

/*
 * The error of the close is there once, and a writer that sleeps in the midst of a write would take it from
 * a reader, and tell nobody: it returns what it has written. The reader would then read a clean end. So
 * a writer is given the time to wake up and find EPIPE.
 */
static bool writers_leave(struct endpoint *ep)
{
	struct face *f = &ep->face;
	time_ns now = clock_now();

	if (f->closed || now >= f->muted_until)
		return false;
	if (!timer_started(&f->again))
		look_in(ep, f->muted_until - now);
	return true;
}

static void settle_reset(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->priming || packets_unread(ep))
		return;
	if (unread_bytes(f) <= 0 && !f->closed) {
		prime(ep);
		return;
	}
	/* More than what was primed: it has been writing meanwhile. */
	if (unread_bytes(f) > 1)
		mute(f);
	if (!writers_leave(ep))
		face_descriptor_close(ep);
}

/* A clean end: what is stale is taken off first, so that nothing unread turns it into a reset. */
static void settle_clean(struct endpoint *ep)
{
	struct face *f = &ep->face;
	char bytes[4096];
	ssize_t n = 1;

	for (unsigned i = 0; n > 0 && i < FACE_TURN_PACKETS; i++)
		n = recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != ECONNRESET)
		look_in(ep, READ_WAIT_NS);
	else
		face_descriptor_close(ep);
}

/* After a large write, with nothing new: looks in a while whether the writer sleeps. */
static void settle_stale(struct endpoint *ep)
{
	struct face *f = &ep->face;
	time_ns now = clock_now();

	if (!f->bulk_at || f->stale_bytes == 0 || f->ending || f->input_ended)
		return;
	if (now - f->bulk_at >= RELEASE_WAIT_NS) {
		if (unread_release(f))
			f->bulk_at = 0;
		else
			look_in(ep, RELEASE_WAIT_NS);
	} else if (!timer_started(&f->again)) {
		look_in(ep, RELEASE_WAIT_NS);
	}
}

void face_descriptor_settle(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->fd < 0)
		return;
	/* The process exits: other holders of the descriptor read a reset when it is gone. */
	if (f->kind == FACE_GONE && ep->stage == ENDPOINT_OVER && ep->last->state == SESSION_RESET)
		return;
	settle_stale(ep);
	if (f->ending && !f->complete)
		settle_reset(ep);
	else if (f->ending || ep->stage == ENDPOINT_OVER)
		settle_clean(ep);
}
