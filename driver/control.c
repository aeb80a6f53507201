/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: one request for each connection. */
#include "driver/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "driver/status.h"

#define PLACES          2u
#define CLEAN_MAX       256u                    /* names looked at for leftovers */
#define GUEST_LIFE_NS   (10 * NS_PER_S)         /* to ask, and to read the answer */
#define ASK_TIMEOUT_S   10
#define PATH_BYTES      sizeof(((struct sockaddr_un *)0)->sun_path)

/* A connection: asks, then reads its answer. */
struct guest {
	struct control *control;
	struct guest *next;
	int fd;
	struct watch watch;
	struct timer timer;
	bool asked, answering;          /* answering: a wait is under way */
	bool left;                      /* nobody reads the answer */
	struct query_job job;
	char *text;                     /* of a status */
	size_t length, at;
};

struct control {
	struct engine *engine;
	int fd;
	struct watch watch;
	struct timer pause;             /* no descriptors: try again */
	char path[PATH_BYTES];
	struct guest *guests;
	unsigned guests_count;
};

static bool directory_path(char *path, size_t size, unsigned which)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

	if (which == 0 && runtime && runtime[0] == '/')
		return (size_t)snprintf(path, size, "%s/hawser", runtime) < size - 24;
	if (which == 1)
		return (size_t)snprintf(path, size, "/tmp/hawser-%u", (unsigned)geteuid()) < size - 24;
	return false;
}

bool control_path(char path[PATH_BYTES], unsigned which, pid_t pid)
{
	if (!directory_path(path, PATH_BYTES, which))
		return false;
	size_t length = strlen(path);
	snprintf(path + length, PATH_BYTES - length, "/%d.sock", (int)pid);
	return true;
}

/* Ours, a directory and no link, and nobody else may enter. */
static bool private_directory(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return false;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 077) == 0;
}

static bool same_user(int fd)
{
	struct ucred who;
	socklen_t length = sizeof who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 &&
	       (who.uid == geteuid() || who.uid == 0);
}

/* --- guests --- */

static void guest_free(struct guest *g)
{
	struct control *c = g->control;
	struct guest **at = &c->guests;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	c->guests_count--;
	watch_stop(c->engine, &g->watch);
	timer_stop(c->engine, &g->timer);
	close(g->fd);
	free(g->text);
	free(g);
}

/* It hung up or its time is over. */
static void guest_leave(struct guest *g)
{
	g->left = true;
	if (g->answering)
		endpoint_wait_stop(&g->job.wait);       /* which answers, to nobody */
	else
		guest_free(g);
}

/* Sends on; when the socket is full the next edge goes on. */
static void guest_write(struct guest *g)
{
	while (g->at < g->length) {
		size_t left = g->length - g->at;
		ssize_t n = send(g->fd, g->text + g->at, left < CONTROL_PACKET_BYTES ? left :
				 CONTROL_PACKET_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			break;
		g->at += (size_t)n;
	}
	guest_leave(g);
}

static void guest_answered(struct query_job *job)
{
	struct guest *g = container_of(job, struct guest, job);

	g->answering = false;
	if (!g->left)
		(void)send(g->fd, &job->answer, sizeof job->answer, MSG_DONTWAIT | MSG_NOSIGNAL);
	guest_free(g);
}

static void guest_asks(struct guest *g, bool hung_up)
{
	struct control *c = g->control;
	union {
		struct query query;
		char text[sizeof(struct query) + 1];
	} request;
	ssize_t n = recv(g->fd, &request, sizeof request, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	g->asked = true;
	if (n == 6 && memcmp(request.text, "status", 6) == 0) {
		if (status_write(c->engine, CONTROL_STATUS_BYTES, &g->text, &g->length) < 0)
			g->length = 0;
		guest_write(g);
	} else if (n == (ssize_t)sizeof request.query && request.query.magic == QUERY_MAGIC) {
		g->job.query = request.query;
		if (hung_up)
			g->job.query.timeout_ns = 0;
		g->answering = true;
		/* A wait has its own time limit. */
		timer_stop(c->engine, &g->timer);
		query_run(c->engine, &g->job, guest_answered);
	} else {
		guest_leave(g);
	}
}

static void guest_ready(struct watch *w, uint32_t events)
{
	struct guest *g = container_of(w, struct guest, watch);

	bool hung_up = events & (EPOLLHUP | EPOLLERR);

	/* It may have asked before it hung up; what must wait for its answer does so for nobody. */
	if (hung_up && (g->asked || !(events & EPOLLIN)))
		guest_leave(g);
	else if (!g->asked)
		guest_asks(g, hung_up);
	else if (g->text)
		guest_write(g);
}

static void guest_expired(struct timer *t, time_ns now)
{
	(void)now;
	guest_leave(container_of(t, struct guest, timer));
}

static void guest_new(struct control *c, int fd)
{
	struct guest *g = NULL;

	if (c->guests_count < CONTROL_GUESTS_MAX && same_user(fd))
		g = calloc(1, sizeof *g);
	if (!g || watch_start(c->engine, &g->watch, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, guest_ready) < 0) {
		free(g);
		close(fd);
		return;
	}
	g->control = c;
	g->fd = fd;
	g->timer.expired = guest_expired;
	timer_start(c->engine, &g->timer, engine_now(c->engine) + GUEST_LIFE_NS);
	g->next = c->guests;
	c->guests = g;
	c->guests_count++;
}

/* --- the socket --- */

static void take_guests(struct control *c)
{
	for (unsigned i = 0; i < 2 * CONTROL_GUESTS_MAX; i++) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			guest_new(c, fd);
			continue;
		}
		if (errno == EAGAIN)
			return;
		break;
	}
	timer_start(c->engine, &c->pause, engine_now(c->engine) + 100 * NS_PER_MS);
}

static void control_ready(struct watch *w, uint32_t events)
{
	(void)events;
	take_guests(container_of(w, struct control, watch));
}

static void pause_over(struct timer *t, time_ns now)
{
	(void)now;
	take_guests(container_of(t, struct control, pause));
}

/* Removes what processes left that ended without exit(3): nobody listens there. */
static void clean(const char *directory)
{
	DIR *d = opendir(directory);
	struct dirent *entry;

	for (unsigned i = 0; d && i < CLEAN_MAX && (entry = readdir(d)); i++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory,
				      entry->d_name);

		if (entry->d_name[0] == '.' || (size_t)length >= sizeof address.sun_path)
			continue;
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			break;
		if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED)
			unlink(address.sun_path);
		close(fd);
	}
	if (d)
		closedir(d);
}

/* It gets its name when it listens: until then another process that cleans up would take it for a leftover. */
static int bind_in(const char *directory, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/.%s", directory,
			      path + strlen(directory) + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* Either name may be left of an earlier process with this number. */
	unlink(address.sun_path);
	if ((size_t)length < sizeof address.sun_path &&
	    bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0 &&
	    rename(address.sun_path, path) == 0)
		return fd;
	unlink(address.sun_path);
	close(fd);
	return -1;
}

void control_start(struct engine *e)
{
	char directory[PATH_BYTES];

	if (e->control)
		return;
	struct control *c = calloc(1, sizeof *c);
	if (!c)
		return;
	c->engine = e;
	c->fd = -1;
	c->pause.expired = pause_over;
	e->control = c;         /* also when there is no place for it: not tried again */
	for (unsigned which = 0; which < PLACES && c->fd < 0; which++) {
		if (!directory_path(directory, sizeof directory, which) || !private_directory(directory))
			continue;
		if (!control_path(c->path, which, e->pid))
			continue;
		clean(directory);
		c->fd = bind_in(directory, c->path);
	}
	if (c->fd >= 0 && watch_start(e, &c->watch, c->fd, EPOLLIN, control_ready) < 0) {
		unlink(c->path);
		close(c->fd);
		c->fd = -1;
	}
}

void control_remove(struct engine *e)
{
	if (e->control && e->control->fd >= 0)
		unlink(e->control->path);
}

/* --- asking another process --- */

static int connect_to(pid_t pid)
{
	for (unsigned which = 0; which < PLACES; which++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		struct timeval limit = { .tv_sec = ASK_TIMEOUT_S };

		if (!control_path(address.sun_path, which, pid))
			continue;
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && same_user(fd))
			return fd;
		close(fd);
	}
	return -ENOTCONN;
}

#define END(text) ((text)[sizeof(text) - 1] = '\0')

/* Another process wrote it: only what this library can have written is let through. 0 or -ENOTCONN. */
static int check_answer(struct answer *answer, size_t length, enum query_kind kind)
{
	if (length != sizeof *answer || answer->magic != QUERY_MAGIC || answer->result > 0 ||
	    answer->count > INFO_PATHS_MAX)
		return -ENOTCONN;
	END(answer->text);
	for (unsigned i = 0; kind == QUERY_PATHS && i < answer->count; i++) {
		END(answer->paths[i].carrier);
		END(answer->paths[i].interface);
		END(answer->paths[i].local);
		END(answer->paths[i].remote);
		END(answer->paths[i].congestion);
	}
	return 0;
}

int control_ask(pid_t pid, const struct query *query, struct answer *answer)
{
	struct timeval limit = { .tv_sec = ASK_TIMEOUT_S };
	int fd = connect_to(pid);
	ssize_t n;

	if (fd < 0)
		return fd;
	/* A query that waits takes as long as it says. */
	if (query->timeout_ns == TIME_NEVER)
		limit.tv_sec = 0;
	else
		limit.tv_sec += (time_t)(query->timeout_ns / NS_PER_S);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	n = send(fd, query, sizeof *query, MSG_NOSIGNAL);
	while (n == (ssize_t)sizeof *query) {
		ssize_t got = recv(fd, answer, sizeof *answer, 0);

		if (got < 0 && errno == EINTR)
			continue;
		close(fd);
		return got < 0 ? -ENOTCONN : check_answer(answer, (size_t)got, (enum query_kind)query->kind);
	}
	close(fd);
	return -ENOTCONN;
}
