/* SPDX-License-Identifier: Apache-2.0 */
/* The listening descriptor of the program, and the sessions on their way into its backlog. */
#include "driver/accept_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/face_descriptor.h"

#define RETRY_FIRST_NS (2 * NS_PER_MS)
#define RETRY_MOST_NS  (100 * NS_PER_MS)
#define PROBE_NS       NS_PER_S         /* without inotify: whether it is closed is asked this often */

struct delivery {
	struct delivery *next;
	struct endpoint *endpoint;
};

/*
 * The listening socket is bound in a private directory under two names (hard links; the first ends in
 * the port, which getsockname(2) goes on telling), then both are
 * removed. path_fd holds the second name: through it the engine connects, and nobody else can. The
 * socket itself holds the first, and so does each socket accepted from it; when the program has closed
 * them all the first name's end is an event of inotify. While there are accepted ones a probe tells.
 */
struct accept_queue {
	struct engine *engine;
	struct accept_queue_config config;
	int path_fd;
	int probe_fd;                   /* asks whether there is still one that listens */
	int notify_fd;                  /* -1: closing is found out by asking now and then */
	struct watch notify;
	struct timer probe;
	struct delivery *waiting, **waiting_end;
	unsigned waiting_count;
	struct timer retry;
	time_ns retry_ns;
	struct task closing;
};

struct names {
	char directory[64];
	struct sockaddr_un first;
	char second[108];
};

static int make_names(struct names *n, unsigned port)
{
	static const char *const places[] = { "/tmp", "/dev/shm", "/var/tmp", "." };
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

	for (int i = -1; i < (int)(sizeof places / sizeof places[0]); i++) {
		const char *place = i < 0 ? runtime : places[i];

		if (!place || strlen(place) > 40)
			continue;
		snprintf(n->directory, sizeof n->directory, "%s/hawser-XXXXXX", place);
		if (!mkdtemp(n->directory))
			continue;
		n->first = (struct sockaddr_un){ .sun_family = AF_UNIX };
		snprintf(n->first.sun_path, sizeof n->first.sun_path, "%s/port-%u", n->directory, port);
		snprintf(n->second, sizeof n->second, "%s/b", n->directory);
		return 0;
	}
	return -errno;
}

static void queue_closed(struct accept_queue *q)
{
	engine_post(q->engine, &q->closing);
}

static void run_closing(struct task *t)
{
	struct accept_queue *q = container_of(t, struct accept_queue, closing);

	if (q->config.closed)
		q->config.closed(q->config.owner);
}

static void notified(struct watch *w, uint32_t events)
{
	struct accept_queue *q = container_of(w, struct accept_queue, notify);
	union {
		struct inotify_event event;
		char bytes[1024];
	} news;

	(void)events;
	ssize_t n = read(q->notify_fd, news.bytes, sizeof news.bytes);
	if (n > 0 && (news.event.mask & IN_DELETE_SELF))
		queue_closed(q);
	else if (n < 0 && errno != EAGAIN)      /* the event comes once: it may have been that */
		timer_start(q->engine, &q->probe, engine_now(q->engine) + PROBE_NS);
}

static void stop_watching(struct accept_queue *q)
{
	if (q->notify_fd < 0)
		return;
	watch_stop(q->engine, &q->notify);
	close(q->notify_fd);
	q->notify_fd = -1;
}

/* Event of the closing; without it (a limit of inotify, no hard links here) it goes as well, later. */
static void watch_closing(struct accept_queue *q, const struct names *n)
{
	q->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (q->notify_fd < 0)
		return;
	if (inotify_add_watch(q->notify_fd, n->second, IN_DELETE_SELF) < 0 ||
	    watch_start(q->engine, &q->notify, q->notify_fd, EPOLLIN, notified) < 0)
		stop_watching(q);
}

static void probe_expired(struct timer *t, time_ns now)
{
	struct accept_queue *q = container_of(t, struct accept_queue, probe);

	if (accept_queue_open(q))
		timer_start(q->engine, &q->probe, now + PROBE_NS);
}

static int open_listening(struct accept_queue *q, int fd, struct failure *failure)
{
	struct names n;
	int error = make_names(&n, q->config.port);

	if (error < 0)
		return failure_system(failure, -error, "no directory for the listening descriptor");
	if (bind(fd, (struct sockaddr *)&n.first, sizeof n.first) < 0 || chmod(n.first.sun_path, 0600) < 0 ||
	    listen(fd, q->config.backlog) < 0)
		error = -errno;
	bool linked = error == 0 && link(n.first.sun_path, n.second) == 0;
	if (error == 0)
		q->path_fd = open(linked ? n.second : n.first.sun_path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (error == 0 && q->path_fd < 0)
		error = -errno;
	if (error == 0 && linked)
		watch_closing(q, &n);
	bool removed = unlink(n.first.sun_path) == 0;
	if (linked)
		removed = unlink(n.second) == 0 && removed;
	rmdir(n.directory);
	/* A name that stays keeps the event from coming. */
	if (!removed)
		stop_watching(q);
	if (error == 0 && q->notify_fd < 0)
		error = timer_start(q->engine, &q->probe, engine_now(q->engine) + PROBE_NS);
	return error < 0 ? failure_system(failure, -error, "the listening descriptor in %s", n.directory) : 0;
}

static void retry_expired(struct timer *t, time_ns now);

int accept_queue_new(struct engine *e, const struct accept_queue_config *config,
		     struct accept_queue **out, int *program_fd, struct failure *failure)
{
	struct accept_queue *q = calloc(1, sizeof *q);

	if (!q)
		return failure_system(failure, ENOMEM, "the listening descriptor");
	int fd = socket(AF_UNIX, (config->messages ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		free(q);
		return failure_system(failure, errno, "the listening descriptor");
	}
	q->engine = e;
	q->config = *config;
	q->path_fd = q->probe_fd = q->notify_fd = -1;
	q->waiting_end = &q->waiting;
	q->retry.expired = retry_expired;
	q->probe.expired = probe_expired;
	q->retry_ns = RETRY_FIRST_NS;
	q->closing.run = run_closing;
	q->probe_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = q->probe_fd < 0 ? failure_system(failure, errno, "the listening descriptor") :
				      open_listening(q, fd, failure);
	if (error < 0) {
		close(fd);
		accept_queue_free(q);
		return error;
	}
	*out = q;
	*program_fd = fd;
	return 0;
}

bool accept_queue_open(struct accept_queue *q)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool open = true;

	/* A socket of the wrong type cannot connect, and is told whether there is one that listens. */
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/thread-self/fd/%d", q->path_fd);
	if (connect(q->probe_fd, (struct sockaddr *)&address, sizeof address) < 0)
		open = errno != ECONNREFUSED;
	if (!open)
		queue_closed(q);
	return open;
}

unsigned accept_queue_waiting(const struct accept_queue *q)
{
	return q->waiting_count;
}

/* The endpoint may be gone after this. */
static void drop_first(struct accept_queue *q)
{
	struct delivery *d = q->waiting;
	struct endpoint *ep = d->endpoint;

	q->waiting = d->next;
	if (!q->waiting)
		q->waiting_end = &q->waiting;
	q->waiting_count--;
	free(d);
	endpoint_release(ep);
}

static void refuse(struct endpoint *ep, const char *why)
{
	struct failure failure;

	failure_set(&failure, ECONNREFUSED, "session with %s: %s", ep->peer, why);
	endpoint_fail(ep, REASON_GOING_AWAY, &failure);
}

/* 0 when it is settled, delivered or refused; -EAGAIN when the backlog is full. */
static int deliver(struct accept_queue *q, struct endpoint *ep)
{
	struct failure failure;
	int error = face_descriptor_connect(ep, q->path_fd, &failure);

	if (q->config.make_room(q->config.owner, error))
		error = face_descriptor_connect(ep, q->path_fd, &failure);
	switch (error) {
	case 0:
		return 0;
	case -ECONNREFUSED:
		queue_closed(q);
		refuse(ep, "the listening descriptor is closed");
		return 0;
	case -EAGAIN:
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		return -EAGAIN;
	default:
		refuse(ep, failure.text);
		return 0;
	}
}

static void retry_expired(struct timer *t, time_ns now)
{
	struct accept_queue *q = container_of(t, struct accept_queue, retry);
	unsigned delivered = 0;

	while (q->waiting) {
		if (q->waiting->endpoint->stage != ENDPOINT_OVER &&
		    deliver(q, q->waiting->endpoint) == -EAGAIN)
			break;
		drop_first(q);
		delivered++;
	}
	q->retry_ns = delivered ? RETRY_FIRST_NS :
		      q->retry_ns * 2 < RETRY_MOST_NS ? q->retry_ns * 2 : RETRY_MOST_NS;
	if (q->waiting)
		timer_start(q->engine, &q->retry, now + q->retry_ns);
}

void accept_queue_deliver(struct accept_queue *q, struct endpoint *ep)
{
	if (!q->waiting && deliver(q, ep) == 0)
		return;
	struct delivery *d = calloc(1, sizeof *d);
	if (!d) {
		refuse(ep, "out of memory");
		return;
	}
	d->endpoint = ep;
	endpoint_hold(ep);
	*q->waiting_end = d;
	q->waiting_end = &d->next;
	q->waiting_count++;
	if (!timer_started(&q->retry))
		timer_start(q->engine, &q->retry, engine_now(q->engine) + q->retry_ns);
}

void accept_queue_free(struct accept_queue *q)
{
	if (!q)
		return;
	while (q->waiting) {
		refuse(q->waiting->endpoint, "the listening descriptor is closed");
		drop_first(q);
	}
	timer_stop(q->engine, &q->retry);
	timer_stop(q->engine, &q->probe);
	engine_unpost(q->engine, &q->closing);
	stop_watching(q);
	if (q->probe_fd >= 0)
		close(q->probe_fd);
	if (q->path_fd >= 0)
		close(q->path_fd);
	free(q);
}
