/* SPDX-License-Identifier: Apache-2.0 */
/* Doors: accepting what comes, and how long a socket stays open. */
#include "driver/door.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "driver/address.h"
#include "driver/guest.h"

#define ACCEPTS_MAX 32u                         /* in one turn of the loop */
#define PAUSE_NS    (100 * NS_PER_MS)           /* after accept failed for want of descriptors or memory */

struct door {
	struct door *next;
	struct engine *engine;
	struct listener *listener;      /* NULL: closed by the program, JOINs are still served */
	int fd;
	struct sockaddr_storage address;
	struct watch watch;
	struct timer pause;
	struct task more;
};

static void accept_some(struct door *door)
{
	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			guest_new(door->engine, door->listener, fd);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			/* They stay in the kernel's queue until something is free. */
			(void)timer_start(door->engine, &door->pause, engine_now(door->engine) + PAUSE_NS);
			return;
		default:
			/* That connection was lost before it was accepted; see accept(2). */
			break;
		}
	}
	engine_post(door->engine, &door->more);
}

static void door_ready(struct watch *w, uint32_t events)
{
	struct door *door = container_of(w, struct door, watch);

	(void)events;
	if (!timer_started(&door->pause))
		accept_some(door);
}

static void door_paused(struct timer *t, time_ns now)
{
	(void)now;
	accept_some(container_of(t, struct door, pause));
}

static void door_more(struct task *t)
{
	accept_some(container_of(t, struct door, more));
}

static void door_free(struct door *door)
{
	struct door **link = &door->engine->listeners->doors;

	while (*link != door)
		link = &(*link)->next;
	*link = door->next;
	watch_stop(door->engine, &door->watch);
	timer_stop(door->engine, &door->pause);
	engine_unpost(door->engine, &door->more);
	close(door->fd);
	free(door);
}

static int open_socket(const struct sockaddr_storage *address)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP), on = 1, err;

	if (fd < 0)
		return -errno;
	if (address->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		goto out;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, (const struct sockaddr *)address, address_length(address)) < 0 || listen(fd, SOMAXCONN) < 0)
		goto out;
	return fd;
out:
	err = -errno;
	close(fd);
	return err;
}

/* A door that a listener has left, at exactly this address. */
static struct door *left_door(struct listeners *all, const struct sockaddr_storage *address)
{
	for (struct door *door = all->doors; door; door = door->next)
		if (!door->listener && address_same(&door->address, address) &&
		    address_port(&door->address) == address_port(address))
			return door;
	return NULL;
}

int door_open(struct listener *listener, const struct sockaddr_storage *address, uint16_t *port)
{
	struct listeners *all = listener->engine->listeners;
	struct door *door = left_door(all, address);
	socklen_t length = sizeof door->address;
	int err;

	if (door) {
		door->listener = listener;
		*port = address_port(address);
		return 0;
	}
	door = calloc(1, sizeof *door);
	if (!door)
		return -ENOMEM;
	door->engine = listener->engine;
	door->listener = listener;
	door->pause.expired = door_paused;
	door->more.run = door_more;
	door->fd = open_socket(address);
	err = door->fd < 0 ? door->fd : 0;
	if (err == 0 && getsockname(door->fd, (struct sockaddr *)&door->address, &length) < 0)
		err = -errno;
	if (err == 0)
		err = watch_start(door->engine, &door->watch, door->fd, EPOLLIN, door_ready);
	if (err < 0) {
		if (door->fd >= 0)
			close(door->fd);
		free(door);
		return err;
	}
	door->next = all->doors;
	all->doors = door;
	*port = address_port(&door->address);
	return 0;
}

void doors_leave(struct listeners *all, struct listener *listener)
{
	struct door *door, *next;

	for (door = all->doors; door; door = next) {
		next = door->next;
		if (door->listener == listener)
			door->listener = NULL;
		if (!door->listener && all->session_count == 0)
			door_free(door);
	}
}

bool doors_address(const struct listeners *all, unsigned index, char *text, size_t size)
{
	for (const struct door *door = all->doors; door; door = door->next) {
		if (door->listener && index-- == 0) {
			address_text(&door->address, text, size);
			return true;
		}
	}
	return false;
}
