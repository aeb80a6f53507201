/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One netlink socket for the engine. What changed is not read: diallers and listeners look at the tables,
 * once for a burst of changes. Without the socket (a filter refuses it) redialling goes by time alone, and
 * listeners stay with the networks that there were.
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

struct changes {
	struct engine *engine;
	struct dialler *diallers;
	struct dialler *next;           /* of those that are still to be told */
	struct task tell;
	struct watch watch;             /* fd -1: none */
	struct timer settle;
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

/* Also overflow (ENOBUFS) is news: something was missed. More than READS_MAX is read the next time. */
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
	if (reads > 0)
		tables_changed(c->engine);
	if (reads > 0 && !timer_started(&c->settle))
		(void)timer_start(c->engine, &c->settle, engine_now(c->engine) + SETTLE_NS);
}

static void listen_to_kernel(struct changes *c)
{
	struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			     RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE | 1u << (RTNLGRP_IPV6_RULE - 1),
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return;
	if (bind(fd, (struct sockaddr *)&groups, sizeof groups) < 0 ||
	    watch_start(c->engine, &c->watch, fd, EPOLLIN, ready) < 0)
		close(fd);
	else
		tables_told(c->engine);
}

void changes_start(struct engine *e)
{
	struct changes *c;

	if (e->changes)
		return;
	c = calloc(1, sizeof *c);
	if (!c)
		return;
	c->engine = e;
	c->settle.expired = settled;
	c->tell.run = tell_some;
	e->changes = c;
	listen_to_kernel(c);
}

void changes_join(struct dialler *d)
{
	struct changes *c;

	changes_start(d->engine);
	c = d->engine->changes;
	if (!c)
		return;
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
