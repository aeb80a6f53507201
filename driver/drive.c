/* SPDX-License-Identifier: Apache-2.0 */
/* The calling thread drives: waiting, moving bytes, and the change between it and the engine. */
#include "driver/drive.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "driver/endpoint_internal.h"
#include "driver/face_handle.h"
#include "driver/link.h"
#include "driver/twin.h"

#define TAKE_OVER_NS NS_PER_MS
#define CHECK_NS     NS_PER_MS
#define HARVEST_BYTES 262144u
#define IMPATIENT_WAITS 16u             /* after one that was long */
#define STRAIGHT_MAX 16u        /* then the lock is let go, for others to come in */

static struct endpoint *endpoint_of(struct drive *d)
{
	return container_of(d, struct endpoint, drive);
}

/* --- the engine thread --- */

bool drive_has(const struct link *l)
{
	return l->endpoint->drive.driven && l->twin;
}

static void leave_twin(struct link *l)
{
	struct drive *d = &l->endpoint->drive;

	if (!l->twin)
		return;
	l->twin->next = d->left;
	d->left = l->twin;
	l->twin = NULL;
	l->readable = true;
}

void drive_lost(struct link *l)
{
	leave_twin(l);
	if (l->endpoint->drive.awaited == l)
		l->endpoint->drive.awaited = NULL;
}

/* Calls may have used up an edge that the engine has seen, and left what came behind it. */
static void give_back(struct endpoint *ep)
{
	ep->drive.driven = false;
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->twin)
			ep->links[i]->readable = true;
}

/*
 * Looks now and then, rather than being told by every call. While somebody polls for long there is
 * nothing to take over but the deadline, if that is not kept; who leaves will kick.
 */
static void tick(struct timer *t, time_ns now)
{
	struct drive *d = container_of(t, struct drive, tick);
	struct endpoint *ep = endpoint_of(d);

	/* Held: somebody is in a call. */
	if (pthread_mutex_trylock(&ep->lock) != 0) {
		timer_start(ep->engine, t, now + TAKE_OVER_NS);
		return;
	}
	if (d->driven && d->callers == 0 && now - d->now >= TAKE_OVER_NS)
		give_back(ep);
	if (ep->session && memory_tight(&ep->engine->memory))
		endpoint_reclaim(ep);
	bool long_poll = d->polling && d->polls == d->polls_seen;
	d->ticking = false;
	bool unnoticed = ep->session && face_handle_unnoticed(ep);
	d->ticking = d->driven && !long_poll;
	if (d->driven && long_poll && !d->keeps_deadline)
		timer_start(ep->engine, &ep->deadline, endpoint_deadline(ep, now));
	if (d->ticking)
		timer_start(ep->engine, t, (d->callers > 0 ? now : d->now) + TAKE_OVER_NS);
	d->polls_seen = d->polls;
	if (!d->driven || unnoticed)
		endpoint_post(ep);
	pthread_mutex_unlock(&ep->lock);
}

bool drive_look(struct endpoint *ep, time_ns now)
{
	struct drive *d = &ep->drive;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		if (l && l->asleep && !(d->driven && l->twin))
			link_wake(l);
	}
	if (!d->driven) {
		timer_stop(ep->engine, &d->tick);
		d->ticking = false;
		return false;
	}
	if (d->polling)
		return d->keeps_deadline;
	if (!d->ticking)
		timer_start(ep->engine, &d->tick, now + TAKE_OVER_NS);
	d->ticking = true;
	return true;
}

void drive_ring(struct endpoint *ep)
{
	const uint64_t one = 1;

	if (ep->drive.polling && ep->drive.bell >= 0)
		(void)!write(ep->drive.bell, &one, sizeof one);
}

void drive_init(struct drive *d)
{
	d->bell = d->bell_twin = -1;
	d->tick.expired = tick;
}

void drive_fini(struct endpoint *ep)
{
	ep->drive.driven = ep->drive.ticking = false;
	timer_stop(ep->engine, &ep->drive.tick);
	drive_ring(ep);
	if (ep->drive.bell >= 0)
		close(ep->drive.bell);
	ep->drive.bell = -1;
}

/* --- the program's threads --- */

/* Not while a thread is in poll(2), perhaps on them: it would take that for a program's doing. */
static void close_left(struct drive *d)
{
	while (d->left && !d->polling) {
		struct carrier *twin = d->left;

		d->left = twin->next;
		twin_close(twin);
	}
}

/* What has an event descriptor's number may be another's: all of those have no type. */
static bool bell_is_ours(const struct drive *d)
{
	struct stat status;

	if (d->bell_twin < 0)
		return false;
	return fstat(d->bell_twin, &status) == 0 ? (status.st_mode & S_IFMT) == 0 : errno != EBADF;
}

static void leave_bell(struct drive *d)
{
	if (bell_is_ours(d))
		twin_close_bell(d->bell_twin);
	else
		twin_unlist(d->bell_twin);
	d->bell_twin = -1;
}

/* There is no waiting on them: this session's are done with. */
static void refuse_twins(struct endpoint *ep)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		if (!l || !l->twin)
			continue;
		leave_twin(l);
		l->twin_refused = true;
	}
	leave_bell(&ep->drive);
	ep->drive.astray = false;
	close_left(&ep->drive);
	drive_stop(ep);
}

/* Somebody closed what it does not know. None of the numbers is to be trusted then, nor closed. */
static void forget_twins(struct endpoint *ep)
{
	twin_unlist(ep->drive.bell_twin);
	ep->drive.bell_twin = -1;
	refuse_twins(ep);
}

static void check_twins(struct endpoint *ep)
{
	ep->drive.checked_at = ep->drive.now;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		if (l && l->twin && !l->twin->ops->still(l->twin)) {
			forget_twins(ep);
			return;
		}
	}
}

static bool has_twins(const struct endpoint *ep)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->twin && ep->links[i]->outcome == LINK_GOES_ON)
			return true;
	return false;
}

void drive_enter(struct endpoint *ep)
{
	struct drive *d = &ep->drive;

	d->callers++;
	d->now = clock_now();
	d->faulted = false;
	close_left(d);
	if (!d->driven || d->now - d->checked_at >= CHECK_NS)
		check_twins(ep);
}

void drive_leave(struct endpoint *ep)
{
	struct drive *d = &ep->drive;

	d->callers--;
	if (!d->driven)
		return;
	if (d->callers == 0 && !d->ticking)
		endpoint_kick(ep);
	else if (d->callers > 0 && !d->polling)
		pthread_cond_broadcast(&ep->changed);   /* one of them polls next */
}

void drive_stop(struct endpoint *ep)
{
	if (!ep->drive.driven)
		return;
	give_back(ep);
	endpoint_kick(ep);
}

void drive_end(struct endpoint *ep)
{
	struct drive *d = &ep->drive;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i])
			drive_lost(ep->links[i]);
	close_left(d);
	leave_bell(d);
	drive_stop(ep);
}

/* Things of the engine's, come up in a call. */
static void kick_if_needed(struct endpoint *ep)
{
	enum session_state state = session_state(ep->session);
	bool needed = state >= SESSION_CLOSED || (ep->refused && !ep->retrying) ||
		      (ep->waited && (state != SESSION_OPEN || session_unacknowledged(ep->session) == 0)) ||
		      face_handle_unnoticed(ep);

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->outcome != LINK_GOES_ON)
			needed = true;
	if (ep->drive.astray) {
		forget_twins(ep);
		needed = true;
	}
	if (needed)
		endpoint_kick(ep);
}

/*
 * A program that sends on and on looks for acknowledgements now and then, so that the bytes that it
 * copies from and to stay few, and in the processor's cache.
 */
bool drive_harvests(const struct endpoint *ep)
{
	struct session_figures figures;

	if (!ep->session || !ep->drive.driven || ep->drive.polling)
		return false;
	session_figures(ep->session, &figures);
	return figures.written - figures.acknowledged >= HARVEST_BYTES && figures.written >= ep->drive.harvest_at;
}

static void harvest(struct endpoint *ep)
{
	struct session_figures figures;

	session_figures(ep->session, &figures);
	ep->drive.harvest_at = figures.written + HARVEST_BYTES;
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i] && ep->links[i]->twin)
			ep->links[i]->readable = true;
	(void)endpoint_read_links(ep, true, ep->drive.now);
}

/*
 * A thread in poll(2) does not know what another did meanwhile: a deadline came nearer, a path has no room
 * any more, there is a twin that it does not wait for. It is to look anew.
 */
static void nudge(struct endpoint *ep)
{
	struct drive *d = &ep->drive;
	bool stale = endpoint_deadline(ep, d->now) < d->poll_until;
	const uint64_t one = 1;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct link *l = ep->links[i];

		if (l && l->twin && l->outcome == LINK_GOES_ON &&
		    (!l->polled || !(l->path.roomy || (l->polled & POLLOUT))))
			stale = true;
	}
	if (!stale || d->nudged || !bell_is_ours(d))
		return;
	d->nudged = true;
	(void)!write(d->bell_twin, &one, sizeof one);
}

void drive_write(struct endpoint *ep)
{
	if (!ep->session)
		return;
	if (drive_harvests(ep))
		harvest(ep);
	struct written written = endpoint_write_links(ep, true, ep->drive.now);
	/* If it is not driven the engine keeps the deadline, which may be sooner now. */
	if (written.left || (written.some && !ep->drive.driven))
		endpoint_kick(ep);
	kick_if_needed(ep);
	if (ep->drive.polling)
		nudge(ep);
}

/* Deadlines, as the engine would; whether a silent path wants another connection is the dialler's. */
static void keep_deadline(struct endpoint *ep, time_ns now)
{
	endpoint_tick(ep, true, now);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct link *l = ep->links[i];

		if (l && ep->dialler && session_path_silent_since(ep->session, &l->path, now)) {
			ep->consider = true;
			endpoint_kick(ep);
		}
	}
}

struct polled {
	struct pollfd fds[PATHS_MAX + 1];
	struct carrier *twins[PATHS_MAX];
	unsigned count;
};

static void gather(struct endpoint *ep, struct polled *p)
{
	p->count = 0;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		if (l)
			l->polled = 0;
		if (!l || !l->twin || l->outcome != LINK_GOES_ON)
			continue;
		l->polled = (short)(POLLIN | POLLRDHUP | (l->path.roomy ? 0 : POLLOUT));
		p->twins[p->count] = l->twin;
		p->fds[p->count++] = (struct pollfd){
			.fd = l->twin->ops->descriptor(l->twin),
			.events = l->polled,
		};
	}
	p->fds[p->count] = (struct pollfd){ .fd = ep->drive.bell_twin, .events = POLLIN };
}

/* The links may have changed while the lock was not held. */
static void heed(struct endpoint *ep, const struct polled *p)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		for (unsigned n = 0; l && n < p->count; n++) {
			if (l->twin != p->twins[n])
				continue;
			if (p->fds[n].revents & ~POLLOUT)
				l->readable = true;
			if (p->fds[n].revents & ~(POLLIN | POLLRDHUP))
				session_path_room(ep->session, &l->path, true);
		}
	}
}

/* The option spin: who waits does not sleep until that time, which is past when nothing moved for long. */
static time_ns spin_until(const struct endpoint *ep)
{
	return ep->spin_ns > 0 ? ep->moved_at + ep->spin_ns : 0;
}

/* As ppoll(2), which it asks again and again. Without the lock. */
static int spin_on(struct polled *p, time_ns until)
{
	const struct timespec none = { 0 };
	int count;

	while ((count = ppoll(p->fds, p->count + 1, &none, NULL)) == 0 && clock_now() < until)
		sched_yield();
	return count;
}

static void poll_twins(struct endpoint *ep, struct polled *p, time_ns until)
{
	struct drive *d = &ep->drive;
	time_ns left = d->poll_until > d->now ? d->poll_until - d->now : 0;
	struct timespec time = { .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
	uint64_t rung;

	/* A timer costs as much as half a system call, and the engine's tick is as good for what is far. */
	d->keeps_deadline = d->poll_until != TIME_NEVER &&
			    (!d->ticking || left < TAKE_OVER_NS || d->poll_until == until);
	d->polling = d->driven = true;
	d->nudged = false;
	d->polls++;
	bool timed = d->keeps_deadline;
	time_ns spin = spin_until(ep) < d->poll_until ? spin_until(ep) : d->poll_until;
	bool spins = spin > d->now;
	pthread_mutex_unlock(&ep->lock);
	int count = spins ? spin_on(p, spin) : ppoll(p->fds, p->count + 1, timed ? &time : NULL, NULL);
	bool refused = count < 0 && errno != EINTR;     /* it may have as many descriptors as the limit says */
	bool strange = false;
	pthread_mutex_lock(&ep->lock);
	d->now = clock_now();
	d->polling = false;
	d->straight = 0;
	for (unsigned i = 0; i <= p->count; i++) {
		if (count <= 0)
			p->fds[i].revents = 0;
		strange |= (p->fds[i].revents & POLLNVAL) != 0;
	}
	if (strange)
		forget_twins(ep);
	else if (refused)
		refuse_twins(ep);
	else if (d->now - d->checked_at >= CHECK_NS)
		check_twins(ep);
	if ((p->fds[p->count].revents & POLLIN) && bell_is_ours(d))
		(void)!read(d->bell_twin, &rung, sizeof rung);
}

static bool any_readable(const struct endpoint *ep)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct link *l = ep->links[i];

		if (l && l->twin && l->readable && l->outcome == LINK_GOES_ON)
			return true;
	}
	return false;
}

/*
 * The only path there is, in a quick exchange of little: its next bytes are waited for in reading. That is cheaper
 * than poll(2), but the bell is not heard for some milliseconds. NULL: not so.
 */
static struct link *lone(struct endpoint *ep)
{
	struct drive *d = &ep->drive;
	struct link *only = NULL;

	if (!d->ticking || d->callers > 1 || d->poll_until - d->now < TAKE_OVER_NS)
		return NULL;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (ep->links[i] && only)
			return NULL;
		if (ep->links[i])
			only = ep->links[i];
	}
	if (!only->path.roomy || only->outcome != LINK_GOES_ON || !only->twin->ops->await ||
	    session_path_bulk(&only->path))
		return NULL;
	if (d->impatient > 0) {
		d->impatient--;
		return NULL;
	}
	return only;
}

static void await_lone(struct endpoint *ep, struct link *l)
{
	struct drive *d = &ep->drive;

	/* As long as the bell may go unheard, and the deadline be late. */
	time_ns most = d->now + TAKE_OVER_NS;
	time_ns spin = spin_until(ep) < most ? spin_until(ep) : most;
	bool spins = spin > d->now;

	d->polling = d->driven = true;
	d->keeps_deadline = false;
	d->polls++;
	if (link_await(ep, l, spin) == -EAGAIN && !spins)
		d->impatient = IMPATIENT_WAITS;
	d->polling = false;
}

/* When it comes; while there is much to be read it is not looked at each time. */
static time_ns deadline_now_and_then(struct endpoint *ep, bool ready)
{
	struct drive *d = &ep->drive;

	if (ready && d->now - d->kept_at < TAKE_OVER_NS)
		return TIME_NEVER;
	d->kept_at = d->now;
	return endpoint_deadline(ep, d->now);
}

/* Reads by the twins; what comes next in order into `into`, if there is such: how much did. */
static size_t read_twins(struct endpoint *ep, const struct iovec *into)
{
	struct drive *d = &ep->drive;

	if (into && !d->faulted)
		session_receive_into(ep->session, into->iov_base, into->iov_len);
	(void)endpoint_read_links(ep, true, d->now);
	return session_receive_taken(ep->session);
}

/* Whether a thread of the program can look at the paths now: nobody else does, and there is memory for it. */
static bool able(const struct endpoint *ep)
{
	/* Short of memory nothing can be read, and poll(2) would tell of it on and on: the engine tries again. */
	return ep->session && !ep->drive.polling && !ep->refused && !ep->retrying &&
	       /* The process exits, and what is left to do is the engine's. */
	       ep->face.kind != FACE_GONE;
}

bool drive_glance(struct endpoint *ep)
{
	struct drive *d = &ep->drive;

	if (!d->driven || !able(ep))
		return false;
	if (deadline_now_and_then(ep, true) <= d->now)
		keep_deadline(ep, d->now);
	harvest(ep);
	drive_write(ep);
	return ep->session != NULL;
}

/* One look at everything, after a wait in poll(2) unless something is there to be read. */
static size_t turn(struct endpoint *ep, const struct iovec *into, time_ns until)
{
	struct drive *d = &ep->drive;
	bool ready = any_readable(ep);
	time_ns deadline = deadline_now_and_then(ep, ready);
	struct polled p;

	d->poll_until = ready ? d->now : deadline;
	if (until < d->poll_until)
		d->poll_until = until;
	struct link *only = ready || until != TIME_NEVER ? NULL : lone(ep);
	gather(ep, &p);
	if (only) {
		await_lone(ep, only);
		if (!ep->session)
			return 0;
	} else if (d->poll_until > d->now || p.count > 1 || d->straight++ >= STRAIGHT_MAX) {
		poll_twins(ep, &p, until);
		if (!ep->session)
			return 0;
		heed(ep, &p);
	}
	if (deadline <= d->now)
		keep_deadline(ep, d->now);
	size_t taken = read_twins(ep, into);
	drive_write(ep);
	/* The engine was told to serve meanwhile, and may have found this in its way. */
	if (!d->driven) {
		give_back(ep);
		endpoint_kick(ep);
	}
	if (d->callers > 1)
		pthread_cond_broadcast(&ep->changed);
	return taken;
}

size_t drive_wait(struct endpoint *ep, const struct iovec *into, time_ns until)
{
	struct drive *d = &ep->drive;

	close_left(d);
	if (able(ep) && twins_wanted(ep)) {
		twins_fetch(ep);
		if (d->polling)
			nudge(ep);
	} else if (able(ep) && has_twins(ep)) {
		return turn(ep, into, until);
	} else {
		if (!d->polling)
			drive_stop(ep);
		endpoint_wait_changed(ep, until);
	}
	d->now = clock_now();
	return 0;
}
