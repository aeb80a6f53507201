/* SPDX-License-Identifier: Apache-2.0 */
/* Twins of an endpoint's carriers in the program's table. */
#include "driver/twin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/call.h"
#include "driver/endpoint.h"
#include "driver/handover.h"
#include "driver/link.h"

/* Getting one takes as long as some ten waits by way of the engine. */
#define WAITS_BEFORE 4u
#define TABLE_MOST   16384u

/*
 * The descriptors of all twins of this process: a child that goes on without exec would keep their
 * connections open. Bounded by the table that they stand in. The lock is held from when a descriptor is there
 * until it is listed, and from when it is not listed until it is gone: no fork comes between.
 */
static pthread_mutex_t listed_lock = PTHREAD_MUTEX_INITIALIZER;
static struct listed {
	int fd;
	dev_t device;                   /* of the file, in case the program closed it and has another there */
	ino_t inode;
} *listed;
static size_t listed_count, listed_capacity;

/* Under listed_lock. */
static bool list(int fd)
{
	struct stat status;

	if (listed_count == listed_capacity) {
		size_t capacity = listed_capacity ? 2 * listed_capacity : 16;
		struct listed *more = reallocarray(listed, capacity, sizeof *more);

		if (!more)
			return false;
		listed = more;
		listed_capacity = capacity;
	}
	if (fstat(fd, &status) < 0)
		return false;
	listed[listed_count++] = (struct listed){ fd, status.st_dev, status.st_ino };
	return true;
}

static bool is_listed(int fd)
{
	for (size_t i = 0; i < listed_count; i++)
		if (listed[i].fd == fd)
			return true;
	return false;
}

/* The table goes with its last: who has no session holds nothing. */
static void unlist(int fd)
{
	for (size_t i = 0; i < listed_count; i++) {
		if (listed[i].fd == fd) {
			listed[i] = listed[--listed_count];
			break;
		}
	}
	if (listed_count == 0) {
		free(listed);
		listed = NULL;
		listed_capacity = 0;
	}
}

void twins_before_fork(void)
{
	pthread_mutex_lock(&listed_lock);
}

void twins_after_fork(void)
{
	pthread_mutex_unlock(&listed_lock);
}

void twins_forget(void)
{
	struct stat status;

	for (size_t i = 0; i < listed_count; i++)
		if (fstat(listed[i].fd, &status) == 0 && status.st_dev == listed[i].device &&
		    status.st_ino == listed[i].inode)
			close(listed[i].fd);
	listed_count = 0;
	pthread_mutex_unlock(&listed_lock);
}

void twin_unlist(int fd)
{
	pthread_mutex_lock(&listed_lock);
	unlist(fd);
	pthread_mutex_unlock(&listed_lock);
}

void twin_close(struct carrier *twin)
{
	pthread_mutex_lock(&listed_lock);
	unlist(twin->ops->descriptor(twin));
	twin->ops->close(twin, false);
	pthread_mutex_unlock(&listed_lock);
}

void twin_close_bell(int fd)
{
	pthread_mutex_lock(&listed_lock);
	unlist(fd);
	close(fd);
	pthread_mutex_unlock(&listed_lock);
}

/* --- fetching --- */

struct fetch {
	struct call call;
	struct endpoint *endpoint;
	struct handover handover;
	int link;                       /* id; -1: the bell */
};

static int lend_bell(struct endpoint *ep)
{
	if (ep->drive.bell < 0)
		ep->drive.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int fd = ep->drive.bell < 0 ? -1 : fcntl(ep->drive.bell, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int lend_link(struct endpoint *ep, int id)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		if (l && l->path.id == id)
			return l->carrier->ops->lend ? l->carrier->ops->lend(l->carrier) : -EOPNOTSUPP;
	}
	return -ENOENT;
}

static void run_fetch(struct engine *e, struct call *c)
{
	struct fetch *f = container_of(c, struct fetch, call);
	struct endpoint *ep = f->endpoint;

	(void)e;
	pthread_mutex_lock(&ep->lock);
	int fd = !ep->session ? -ENOTCONN : f->link < 0 ? lend_bell(ep) : lend_link(ep, f->link);
	pthread_mutex_unlock(&ep->lock);
	call_done(c, fd < 0 ? fd : handover_send(&f->handover, fd, &c->failure));
}

/*
 * A program takes the lowest number that is free. So one out of its way will not stand for something
 * else soon after the program closed it; but a high one makes the table large. Nor is one taken that another
 * twin still counts as its own. Under listed_lock.
 */
static int out_of_the_way(int fd)
{
	struct rlimit limit;
	int moved = -1;

	if (fd < 0)
		return fd;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		rlim_t end = limit.rlim_cur < TABLE_MOST ? limit.rlim_cur : TABLE_MOST;

		moved = fcntl(fd, F_DUPFD_CLOEXEC, (int)(end - end / 4));
	}
	for (size_t i = 0; i < listed_count && moved >= 0 && is_listed(moved); i++) {
		int next = fcntl(fd, F_DUPFD_CLOEXEC, moved + 1);

		close(moved);
		moved = next;
	}
	close(fd);
	return moved < 0 ? -EMFILE : moved;
}

/* A descriptor of this table, listed, or -errno. */
static int fetch(struct endpoint *ep, int link)
{
	struct fetch f = { .endpoint = ep, .link = link };
	struct failure failure;
	int fd = handover_open(&f.handover, ep->engine, &failure);

	if (fd < 0)
		return fd;
	fd = call_run(ep->engine, &f.call, run_fetch);
	pthread_mutex_lock(&listed_lock);
	if (fd == 0)
		fd = out_of_the_way(handover_take(&f.handover, &failure));
	if (fd >= 0 && !list(fd)) {
		close(fd);
		fd = -ENOMEM;
	}
	pthread_mutex_unlock(&listed_lock);
	handover_close(&f.handover);
	return fd;
}

static struct link *lacking(struct endpoint *ep)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct link *l = ep->links[i];

		if (l && !l->twin && !l->twin_refused && l->outcome == LINK_GOES_ON)
			return l;
	}
	return NULL;
}

bool twins_wanted(struct endpoint *ep)
{
	struct drive *d = &ep->drive;

	if (d->fetching || !lacking(ep))
		return false;
	if (d->waits < WAITS_BEFORE)
		d->waits++;
	return d->waits == WAITS_BEFORE;
}

static struct carrier *make_twin(const struct carrier_ops *ops, int fd)
{
	struct carrier *twin = fd < 0 ? NULL : ops->twin(fd);

	if (fd >= 0 && !twin)
		twin_unlist(fd);
	return twin;
}

/* The bell comes first: without it nobody could wait on twins. */
void twins_fetch(struct endpoint *ep)
{
	struct drive *d = &ep->drive;
	struct link *l = lacking(ep);
	const struct carrier_ops *ops = l->carrier->ops;
	int id = d->bell_twin < 0 ? -1 : l->path.id;

	d->fetching = true;
	pthread_mutex_unlock(&ep->lock);
	int fd = fetch(ep, id);
	struct carrier *twin = id < 0 ? NULL : make_twin(ops, fd);
	bool rings = id < 0 && fd >= 0;
	pthread_mutex_lock(&ep->lock);
	d->fetching = false;
	if (rings)
		d->bell_twin = fd;
	l = lacking(ep);
	if (l && !rings && (id < 0 || l->path.id == id)) {
		/* Another thread may have given up the bell meanwhile. */
		bool usable = twin && d->bell_twin >= 0;

		l->twin_refused = !usable;
		if (usable) {
			l->twin = twin;
			twin = NULL;
		}
	}
	if (twin)
		twin_close(twin);
}
