/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One netlink socket for the engine. What changed is not read: diallers and listeners look at the tables,
 * once for a burst of changes. Where there is no socket (descriptors have run out, a filter refuses it) it is
 * tried again, and they look each time: a network that comes is found that late.
 */
#include "driver/changes.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/listen.h"
#include "driver/redial.h"
#include "driver/tables.h"

/* A change comes as several messages, and an address can be used some time after it was told of. */
#define SETTLE_NS   (50 * NS_PER_MS)
#define READS_MAX   64u
#define TOLD_MAX    32u
/*
 * Without the socket, or the memory to look: looks after this time, after twice as long each time, and no more
 * seldom than the latter.
 */
#define BLIND_NS      (1 * NS_PER_S)
#define BLIND_MOST_NS (30 * NS_PER_S)

struct changes {
	struct engine *engine;
	struct dialler *diallers;
	struct dialler *next;           /* of those that are still to be told */
	struct task tell;
	struct watch watch;             /* fd -1: none */
	struct timer settle, blind;
	time_ns blind_ns;
};

/* So many in a turn, lest thousands of sessions stand still while each looks at its networks. */
static void tell_some(struct task *t)
{
	struct changes *c = container_of(t, struct changes, tell);

	for (unsigned i = 0; i < TOLD_MAX && c->next; i++) {
		struct dialler *d = c->next;

		c->next = d->next;
		redial_networks_changed(d);
	}
	if (c->next)
		engine_post(c->engine, &c->tell);
}

static void settled(struct timer *t, time_ns now)
{
	struct changes *c = container_of(t, struct changes, settle);

	(void)now;
	/* An address that was told of can be used only now, and the routes by it come later still. */
	tables_changed(c->engine);
	c->next = c->diallers;
	tell_some(&c->tell);
	listen_networks_changed(c->engine);
}

static void news(struct changes *c)
{
	time_ns now = engine_now(c->engine);

	tables_changed(c->engine);
	if (!timer_started(&c->settle) && timer_start(c->engine, &c->settle, now + SETTLE_NS) < 0)
		settled(&c->settle, now);
}

/*
 * Also a failure is news, overflow (ENOBUFS) or another: something was missed. More than READS_MAX is read the
 * next time.
 */
static void ready(struct watch *w, uint32_t events)
{
	struct changes *c = container_of(w, struct changes, watch);
	char bytes[8192];
	unsigned reads = 0;

	(void)events;
	while (reads < READS_MAX && (recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0 || errno == ENOBUFS))
		reads++;
	if (reads == READS_MAX)
		(void)watch_change(c->engine, w, EPOLLIN);
	if (reads > 0 || errno != EAGAIN)
		news(c);
}

/* False: what changes is not told. */
static bool listen_to_kernel(struct changes *c)
{
	struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			     RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE | 1u << (RTNLGRP_IPV6_RULE - 1),
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return false;
	if (bind(fd, (struct sockaddr *)&groups, sizeof groups) < 0 ||
	    watch_start(c->engine, &c->watch, fd, EPOLLIN, ready) < 0) {
		close(fd);
		return false;
	}
	tables_told(c->engine);
	return true;
}

static void look_again(struct timer *t, time_ns now)
{
	struct changes *c = container_of(t, struct changes, blind);

	c->blind_ns = c->blind_ns < BLIND_MOST_NS / 2 ? 2 * c->blind_ns : BLIND_MOST_NS;
	if (!listen_to_kernel(c))
		(void)timer_start(c->engine, t, now + c->blind_ns);
	news(c);
}

int changes_start(struct engine *e)
{
	struct changes *c;

	if (e->changes)
		return 0;
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->engine = e;
	c->settle.expired = settled;
	c->blind.expired = look_again;
	c->blind_ns = BLIND_NS;
	c->tell.run = tell_some;
	if (!listen_to_kernel(c) && timer_start(e, &c->blind, engine_now(e) + BLIND_NS) < 0) {
		free(c);
		return -ENOMEM;
	}
	e->changes = c;
	return 0;
}

void changes_again(struct engine *e)
{
	if (e->changes)
		(void)timer_start(e, &e->changes->settle, engine_now(e) + BLIND_NS);
}

void changes_join(struct dialler *d)
{
	struct changes *c = d->engine->changes;

	d->next = c->diallers;
	if (d->next)
		d->next->link = &d->next;
	d->link = &c->diallers;
	c->diallers = d;
}

void changes_leave(struct dialler *d)
{
	if (!d->link)
		return;
	if (d->engine->changes->next == d)
		d->engine->changes->next = d->next;
	*d->link = d->next;
	if (d->next)
		d->next->link = d->link;
	d->link = NULL;
}
