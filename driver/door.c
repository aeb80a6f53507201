/* SPDX-License-Identifier: Apache-2.0 */
/* Opening listening sockets, several on one port, and accepting what comes. */
#include "driver/door.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/address.h"
#include "driver/entrance.h"
#include "driver/guest.h"
#include "transport/carrier.h"

#define ACCEPTS_MAX 32u                         /* in one turn of the loop */
#define PAUSE_NS    (100 * NS_PER_MS)           /* after accept failed for want of descriptors or memory */

/* A descriptor, or -errno; with none to spare it says so although nobody waits. */
static int accept_one(struct door *door)
{
	int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static bool somebody_waits(struct door *door)
{
	struct pollfd p = { .fd = door->fd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

static void accept_some(struct door *door)
{
	struct engine *e = door->entrance->engine;
	bool crowded = false;

	/* Crowded: one in a turn, so that each says what it wants before others come and it has to go for them. */
	for (unsigned i = 0; i < ACCEPTS_MAX && !crowded; i++) {
		int fd = accept_one(door);

		if (fd < 0 && fd != -EAGAIN && !somebody_waits(door))
			return;
		crowded = guests_make_room(e->listeners, fd);
		if (crowded)
			fd = accept_one(door);
		if (fd >= 0) {
			guest_new(e, door->entrance->listener, fd, door->interface);
			continue;
		}
		switch (fd) {
		case -EAGAIN:
			return;
		case -EMFILE:
		case -ENFILE:
		case -ENOBUFS:
		case -ENOMEM:
			/* They stay in the kernel's queue until something is free. */
			(void)timer_start(e, &door->pause, engine_now(e) + PAUSE_NS);
			return;
		default:
			/* That connection was lost before it was accepted; see accept(2). */
			break;
		}
	}
	engine_post(e, &door->more);
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

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int bind_interface(int fd, const char *interface)
{
	socklen_t length = (socklen_t)strlen(interface);

	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, length) < 0 ? -errno : 0;
}

static int listen_at(int fd, const union inet_address *address)
{
	if (bind(fd, &address->any, address_length(address)) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return 0;
}

/*
 * The kernel allows a bound socket beside one that is not only if both say SO_REUSEPORT. They say it for
 * this moment only: left on, another process of this user could join them and take connections away.
 */
static int listen_beside(int fd, int main_fd, const union inet_address *address)
{
	int err = set(main_fd, SOL_SOCKET, SO_REUSEPORT, 1);

	if (err == 0)
		err = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (err == 0)
		err = listen_at(fd, address);
	(void)set(fd, SOL_SOCKET, SO_REUSEPORT, 0);
	(void)set(main_fd, SOL_SOCKET, SO_REUSEPORT, 0);
	return err;
}

static int open_socket(const struct entrance *entrance, const char *interface)
{
	const union inet_address *address = &entrance->address;
	int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	int err = fd < 0 ? -errno : set(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (err == 0 && address->family == AF_INET6)
		err = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (err == 0 && interface)
		err = bind_interface(fd, interface);
	if (err == 0)
		carrier_tcp.prepare(fd);
	if (err == 0)
		err = interface ? listen_beside(fd, entrance->main->fd, address) : listen_at(fd, address);
	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}

int door_new(struct door **out, struct entrance *entrance, const char *interface, unsigned index)
{
	struct door *door = calloc(1, sizeof *door);
	socklen_t length = sizeof entrance->address;
	int err = 0;

	if (!door)
		return -ENOMEM;
	door->entrance = entrance;
	door->index = index;
	if (interface)
		strncpy(door->interface, interface, sizeof door->interface - 1);
	door->pause.expired = door_paused;
	door->more.run = door_more;
	door->fd = open_socket(entrance, interface);
	if (door->fd < 0) {
		err = door->fd;
		free(door);
		return err;
	}
	if (!interface && getsockname(door->fd, &entrance->address.any, &length) < 0)
		err = -errno;
	if (err == 0)
		err = watch_start(entrance->engine, &door->watch, door->fd, EPOLLIN, door_ready);
	if (err < 0) {
		close(door->fd);
		free(door);
		return err;
	}
	*out = door;
	return 0;
}

void door_drain(struct door *door)
{
	accept_some(door);
}

void door_free(struct door *door)
{
	struct engine *e = door->entrance->engine;

	watch_stop(e, &door->watch);
	timer_stop(e, &door->pause);
	engine_unpost(e, &door->more);
	close(door->fd);
	free(door);
}
