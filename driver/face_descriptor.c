/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor face: its socket is made, named, watched and closed. */
#include "driver/face_descriptor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/name.h"

#define SOCKET_BUFFER_BYTES (1 << 20)
#define FULL_RETRY_NS       (20 * NS_PER_MS)

static int socket_type(const struct endpoint *ep)
{
	return (ep->messages ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC;
}

static void size_buffers(int fd)
{
	int bytes = SOCKET_BUFFER_BYTES;

	/* As far as the system allows; the default does too. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static int bind_name(struct endpoint *ep, int fd)
{
	struct name name = { .pid = ep->engine->pid, .dialler = ep->is_dialler };
	struct sockaddr_un address;

	memcpy(name.id, ep->id, sizeof name.id);
	memcpy(name.peer, ep->peer, sizeof name.peer - 1);      /* as much as fits */
	socklen_t length = name_encode(&address, &name);
	return bind(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
}

static void watch_room(struct endpoint *ep, bool room)
{
	uint32_t events = EPOLLIN | EPOLLRDHUP | (room ? EPOLLOUT : 0u);

	if (watch_change(ep->engine, &ep->face.watch, events) == 0)
		ep->face.watches_room = room;
}

void face_descriptor_full(struct endpoint *ep)
{
	if (!ep->face.watches_room)
		watch_room(ep, true);
	/* No edge will come of what is not watched. */
	if (ep->face.watches_room)
		ep->face.writable = false;
	else
		timer_start(ep->engine, &ep->retry, engine_now(ep->engine) + FULL_RETRY_NS);
}

static void face_ready(struct watch *w, uint32_t events)
{
	struct face *f = container_of(w, struct face, watch);
	struct endpoint *ep = container_of(f, struct endpoint, face);

	pthread_mutex_lock(&ep->lock);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		f->readable = true;
	/* Each reading of the program's is an edge: nobody wants to be woken for those that make no room. */
	if ((events & EPOLLOUT) && f->writable && f->watches_room)
		watch_room(ep, false);
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		f->writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		f->shut = true;
	if (events & EPOLLERR)
		f->dropped = true;
	/* After our own shutdown a hang-up only says that the program shut its direction as well. */
	if ((events & EPOLLHUP) && !f->output_ended)
		f->closed = f->deaf = true;
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

static int watch_face(struct endpoint *ep, int fd)
{
	struct face *f = &ep->face;

	assert(f->fd < 0);
	return watch_start(ep->engine, &f->watch, fd, EPOLLIN | EPOLLRDHUP, face_ready);
}

/* The engine's end is fd from now on, which is watched already; its first stale_bytes are forwarded. */
static void adopt(struct endpoint *ep, int fd, size_t stale_bytes)
{
	struct face *f = &ep->face;

	pthread_mutex_lock(&ep->lock);
	if (f->kind == FACE_ABSENT)
		f->kind = FACE_SOCKET;
	f->fd = fd;
	f->stale_bytes = stale_bytes;
	f->readable = f->writable = true;
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

/* Nobody came to know of it. */
static void disown(struct endpoint *ep)
{
	struct face *f = &ep->face;

	pthread_mutex_lock(&ep->lock);
	f->kind = FACE_ABSENT;
	f->fd = -1;
	pthread_mutex_unlock(&ep->lock);
	watch_stop(ep->engine, &f->watch);
}

int face_descriptor_open(struct endpoint *ep, int *program_fd, struct failure *failure)
{
	int pair[2];

	if (socketpair(AF_UNIX, socket_type(ep), 0, pair) < 0)
		return failure_system(failure, errno, "making the session's socket");
	int error = bind_name(ep, pair[0]);
	/* The first stale byte: never forwarded. */
	if (error == 0 && send(pair[1], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		error = -errno;
	size_buffers(pair[0]);
	if (!ep->messages)
		size_buffers(pair[1]);
	if (error == 0)
		error = watch_face(ep, pair[0]);
	if (error < 0) {
		close(pair[0]);
		close(pair[1]);
		return failure_system(failure, -error, "making the session's socket");
	}
	adopt(ep, pair[0], 1);
	*program_fd = pair[1];
	return 0;
}

int face_descriptor_connect(struct endpoint *ep, int path_fd, struct failure *failure)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error = 0;
	int fd = socket(AF_UNIX, socket_type(ep) | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return failure_system(failure, errno, "socket for an accepted session");
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/thread-self/fd/%d", path_fd);
	error = bind_name(ep, fd);
	size_buffers(fd);
	/* Before it is connected: closed after that, it would be a session that ended cleanly. */
	if (error == 0)
		error = watch_face(ep, fd);
	/* Before that, too: whoever accepts it may make a handle of it at once (face_handle_adopt_fresh). */
	if (error == 0)
		adopt(ep, fd, 0);
	if (error == 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		error = -errno;
		disown(ep);
	}
	if (error < 0) {
		close(fd);
		return failure_system(failure, -error, "the listening descriptor");
	}
	return 0;
}

void face_descriptor_close(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->fd < 0)
		return;
	watch_stop(ep->engine, &f->watch);
	timer_stop(ep->engine, &f->again);
	close(f->fd);
	f->fd = -1;
	if (!f->packets)
		return;
	timer_stop(ep->engine, &f->packets->misfit_look);
	parcel_free(&f->packets->out);
}
