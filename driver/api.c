/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions: the only place where -errno becomes errno. */
#include "hawser.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/reason.h"
#include "driver/call.h"
#include "driver/control.h"
#include "driver/dial.h"
#include "driver/face_descriptor.h"
#include "driver/face_handle.h"
#include "driver/handover.h"
#include "driver/listen.h"
#include "driver/name.h"
#include "driver/options.h"
#include "driver/primer.h"
#include "driver/query.h"

/* What hawser_reason(-1) tells. */
static _Thread_local struct failure last_failure;

struct hawser_options {
	struct options options;
};

/* Keeps the words (those of errno when there are none) and sets errno. Always -1. */
static int fail(int error, const struct failure *failure)
{
	struct failure kept = { 0 };

	if (failure && failure->text[0])
		kept = *failure;
	else
		failure_system(&kept, -error, "hawser");
	last_failure = kept;
	errno = -error;
	return -1;
}

static int fail_naming(int error, const char *what)
{
	struct failure failure;

	failure_system(&failure, -error, "%s", what);
	return fail(error, &failure);
}

static struct engine *get_engine(void)
{
	struct failure failure;
	int error = 0;
	struct engine *e = engine_get(&error);

	if (!e) {
		failure_system(&failure, -error, "starting the engine thread");
		fail(error, &failure);
	}
	return e;
}

/* --- options --- */

hawser_options *hawser_options_new(void)
{
	struct hawser_options *options = malloc(sizeof *options);

	if (!options) {
		fail(-ENOMEM, NULL);
		return NULL;
	}
	options_init(&options->options);
	return options;
}

int hawser_options_set(hawser_options *options, const char *name, const char *value)
{
	struct failure failure = { 0 };

	if (!options || !name)
		return fail_naming(-EINVAL, "hawser_options_set");
	int error = options_set(&options->options, name, value, &failure);
	return error < 0 ? fail(error, &failure) : 0;
}

void hawser_options_free(hawser_options *options)
{
	free(options);
}

static void take_options(struct options *out, const hawser_options *options)
{
	if (options)
		*out = options->options;
	else
		options_init(out);
}

/* --- dialling and listening --- */

struct dial_call {
	struct call call;
	const char *address;
	struct options options;
	bool handle;
	struct handover handover;
	struct endpoint *endpoint;      /* a handle's, held */
	struct endpoint_wait wait;
};

/* The session, dialling or live, gets its face, whose other end goes to the caller. */
static void give_face(struct dial_call *d, struct endpoint *ep)
{
	int fd;
	int error = face_descriptor_open(ep, &fd, &d->call.failure);

	if (error == 0)
		error = handover_send(&d->handover, fd, &d->call.failure);
	else
		endpoint_abort(ep, REASON_ABORTED);
	if (error == 0 && d->handle) {
		face_handle_adopt(ep);
		face_handle_adopted(ep);
		endpoint_hold(ep);
		d->endpoint = ep;
	}
	call_done(&d->call, error);
}

static void dialled(struct endpoint_wait *w, int result)
{
	struct dial_call *d = container_of(w, struct dial_call, wait);
	struct endpoint *ep = w->endpoint;

	if (result == 0) {
		give_face(d, ep);
		return;
	}
	d->call.failure = ep->failure;
	call_done(&d->call, result);
}

static void run_dial(struct engine *e, struct call *c)
{
	struct dial_call *d = container_of(c, struct dial_call, call);
	struct endpoint *ep;

	control_start(e);
	int error = dial_begin(e, d->address, &d->options, &ep, &c->failure);
	if (error < 0)
		call_done(c, error);
	else if (d->options.nonblock)
		give_face(d, ep);
	else
		endpoint_wait(ep, &d->wait, ENDPOINT_ESTABLISHED, TIME_NEVER, dialled);
}

struct let_go {
	struct call call;
	struct endpoint *endpoint;
};

static void run_let_go(struct engine *e, struct call *c)
{
	struct endpoint *ep = container_of(c, struct let_go, call)->endpoint;

	(void)e;
	pthread_mutex_lock(&ep->lock);
	face_descriptor_close(ep);
	pthread_mutex_unlock(&ep->lock);
	endpoint_closed(ep);
	endpoint_release(ep);
	call_done(c, 0);
}

static void let_go(struct endpoint *ep)
{
	struct let_go l = { .endpoint = ep };

	call_run(ep->engine, &l.call, run_let_go);
}

/* The descriptor, or -1 with errno. */
static int dial(const char *address, const hawser_options *options, struct dial_call *d)
{
	struct engine *e = get_engine();
	struct failure failure = { 0 };

	if (!e)
		return -1;
	if (!address)
		return fail_naming(-EINVAL, "hawser_dial: no address");
	d->address = address;
	take_options(&d->options, options);
	int error = handover_open(&d->handover, e, &failure);
	if (error < 0)
		return fail(error, &failure);
	int fd = call_run(e, &d->call, run_dial);
	failure = d->call.failure;
	if (fd == 0)
		fd = handover_take(&d->handover, &failure);
	handover_close(&d->handover);
	if (fd < 0 && d->endpoint)
		let_go(d->endpoint);
	return fd < 0 ? fail(fd, &failure) : fd;
}

int hawser_dial(const char *address, const hawser_options *options)
{
	struct dial_call d = { .handle = false };

	return dial(address, options, &d);
}

struct listen_call {
	struct call call;
	const char *address;
	struct options options;
	struct handover handover;
};

static void run_listen(struct engine *e, struct call *c)
{
	struct listen_call *l = container_of(c, struct listen_call, call);
	int fd;

	control_start(e);
	int error = listen_begin(e, l->address, &l->options, &fd, &c->failure);
	if (error == 0)
		error = handover_send(&l->handover, fd, &c->failure);
	call_done(c, error);
}

int hawser_listen(const char *address, const hawser_options *options)
{
	struct engine *e = get_engine();
	struct listen_call l = { .address = address };
	struct failure failure = { 0 };

	if (!e)
		return -1;
	if (!address)
		return fail_naming(-EINVAL, "hawser_listen: no address");
	take_options(&l.options, options);
	int error = primer_start(e);
	if (error < 0)
		return fail_naming(error, "starting a thread");
	error = handover_open(&l.handover, e, &failure);
	if (error < 0)
		return fail(error, &failure);
	int fd = call_run(e, &l.call, run_listen);
	failure = l.call.failure;
	if (fd == 0)
		fd = handover_take(&l.handover, &failure);
	handover_close(&l.handover);
	return fd < 0 ? fail(fd, &failure) : fd;
}

int hawser_port(int listening_fd)
{
	struct sockaddr_un address = { 0 };
	socklen_t length = sizeof address;
	char *end;

	if (getsockname(listening_fd, (struct sockaddr *)&address, &length) < 0)
		return fail_naming(-errno, "hawser_port");
	const char *at = address.sun_family == AF_UNIX ? strstr(address.sun_path, "/port-") : NULL;
	unsigned long port = at ? strtoul(at + 6, &end, 10) : 0;
	if (!at || end == at + 6 || *end || port > 65535 || !strstr(address.sun_path, "/hawser-"))
		return fail_naming(-ENOTSOCK, "hawser_port: not a listening descriptor of hawser");
	return (int)port;
}

/* --- sessions by descriptor --- */

struct query_call {
	struct call call;
	struct query_job job;
};

static void query_done(struct query_job *job)
{
	struct query_call *q = container_of(job, struct query_call, job);

	call_done(&q->call, job->answer.result);
}

static void run_query(struct engine *e, struct call *c)
{
	query_run(e, &container_of(c, struct query_call, call)->job, query_done);
}

/*
 * Fills in whose session it is and puts the query to the engine that serves it, in this process or
 * another. 0 or -errno.
 */
static int ask(int fd, struct query_call *q)
{
	struct name name;
	int error = name_of_descriptor(&name, fd);

	if (error < 0)
		return error;
	q->job.query.magic = QUERY_MAGIC;
	memcpy(q->job.query.id, name.id, sizeof name.id);
	q->job.query.dialler = name.dialler;
	if (name.pid == getpid()) {
		struct engine *e = engine_running();

		return e ? call_run(e, &q->call, run_query) : -ENOTCONN;
	}
	error = control_ask(name.pid, &q->job.query, &q->job.answer);
	return error < 0 ? error : q->job.answer.result;
}

static int fail_query(int error, const struct query_call *q, const char *what)
{
	struct failure failure;

	if (!q->job.answer.text[0])
		return fail_naming(error, what);
	failure_set(&failure, -error, "%s", q->job.answer.text);
	return fail(error, &failure);
}

static time_ns timeout_of(int timeout_ms)
{
	return timeout_ms < 0 ? TIME_NEVER : timeout_ms * NS_PER_MS;
}

static int wait_for(int fd, enum query_kind kind, int timeout_ms, const char *what)
{
	struct query_call q = {
		.job.query = { .kind = kind, .timeout_ns = timeout_of(timeout_ms) },
	};
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, what) : 0;
}

int hawser_wait(int fd, int timeout_ms)
{
	return wait_for(fd, QUERY_WAIT, timeout_ms, "hawser_wait");
}

int hawser_drain(int fd, int timeout_ms)
{
	return wait_for(fd, QUERY_DRAIN, timeout_ms, "hawser_drain");
}

int hawser_abort(int fd)
{
	struct query_call q = { .job.query.kind = QUERY_ABORT };
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, "hawser_abort") : 0;
}

int hawser_set_mode(int fd, enum hawser_direction direction, enum hawser_mode mode)
{
	struct query_call q = {
		.job.query = { .kind = QUERY_SET_MODE, .direction = direction, .mode = mode },
	};
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, "hawser_set_mode") : 0;
}

int hawser_error(int fd)
{
	struct query_call q = { .job.query.kind = QUERY_FAILURE };
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, "hawser_error") : q.job.answer.error;
}

static int put_text(char *to, size_t size, const char *text)
{
	return snprintf(to, size, "%s", text);
}

int hawser_reason(int fd, char *text, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_FAILURE };

	if (fd == -1)
		return put_text(text, size, last_failure.text);
	int error = ask(fd, &q);
	return error < 0 ? fail_query(error, &q, "hawser_reason") : put_text(text, size, q.job.answer.text);
}

int hawser_peer(int fd, char *text, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_PEER };
	struct name name;
	int error = ask(fd, &q);

	if (error == 0)
		return put_text(text, size, q.job.answer.text);
	/* Its engine is gone, or has forgotten it: the name still tells. */
	if (name_of_descriptor(&name, fd) == 0)
		return put_text(text, size, name.peer);
	return fail_query(error, &q, "hawser_peer");
}

int hawser_info(int fd, struct hawser_info *info, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_INFO };
	int error = ask(fd, &q);

	if (error < 0)
		return fail_query(error, &q, "hawser_info");
	/* The caller's structure may be older or newer than ours. */
	memset(info, 0, size);
	memcpy(info, &q.job.answer.info, size < sizeof *info ? size : sizeof *info);
	return 0;
}

int hawser_paths(int fd, struct hawser_path_info *paths, size_t count, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_PATHS };
	int error = ask(fd, &q);

	if (error < 0)
		return fail_query(error, &q, "hawser_paths");
	const struct answer *a = &q.job.answer;
	size_t filled = a->count < INFO_PATHS_MAX ? a->count : INFO_PATHS_MAX;
	if (filled > count)
		filled = count;
	for (size_t i = 0; i < filled; i++) {
		char *to = (char *)paths + i * size;

		memset(to, 0, size);
		memcpy(to, &a->paths[i], size < sizeof a->paths[i] ? size : sizeof a->paths[i]);
	}
	return (int)filled;
}

const char *hawser_reason_text(uint32_t reason)
{
	return reason_text(reason);
}

/* --- the handle --- */

static hawser_t *handle_new(struct endpoint *ep, int fd)
{
	struct hawser *h = calloc(1, sizeof *h);

	if (h) {
		h->endpoint = ep;
		h->fd = fd;
		pthread_mutex_init(&h->sending, NULL);
		pthread_mutex_init(&h->receiving, NULL);
	}
	return h;
}

hawser_t *hawser_open(const char *address, const hawser_options *options)
{
	struct dial_call d = { .handle = true };
	int fd = dial(address, options, &d);

	if (fd < 0)
		return NULL;
	hawser_t *h = handle_new(d.endpoint, fd);
	if (h) {
		face_handle_begin(h);
		return h;
	}
	let_go(d.endpoint);
	close(fd);
	fail(-ENOMEM, NULL);
	return NULL;
}

struct adopt_call {
	struct call call;
	struct name name;
	struct endpoint *endpoint;
	struct endpoint_wait wait;
};

static void adopted(struct endpoint_wait *w, int result)
{
	struct adopt_call *a = container_of(w, struct adopt_call, wait);

	(void)result;
	face_handle_adopted(w->endpoint);
	call_done(&a->call, 0);
}

static void run_adopt(struct engine *e, struct call *c)
{
	struct adopt_call *a = container_of(c, struct adopt_call, call);
	struct endpoint *ep = endpoint_find_any(e, a->name.id, a->name.dialler);

	if (!ep) {
		call_done(c, -ENOTCONN);
	} else if (ep->face.kind != FACE_SOCKET) {
		call_done(c, failure_set(&c->failure, EINVAL, "this session is a handle already, or closed"));
	} else {
		endpoint_hold(ep);
		a->endpoint = ep;
		face_handle_adopt(ep);
		endpoint_wait(ep, &a->wait, ENDPOINT_INPUT_TAKEN, TIME_NEVER, adopted);
	}
}

hawser_t *hawser_handle(int fd)
{
	struct adopt_call a = { .endpoint = NULL };
	int error = name_of_descriptor(&a.name, fd);
	struct engine *e = engine_running();

	if (error == 0 && (!e || a.name.pid != getpid()))
		error = -ENOTCONN;
	if (error == 0) {
		error = call_run(e, &a.call, run_adopt);
		if (error < 0) {
			fail(error, &a.call.failure);
			return NULL;
		}
	}
	if (error < 0) {
		fail_naming(error, "hawser_handle: not a session of this process");
		return NULL;
	}
	hawser_t *h = handle_new(a.endpoint, fd);
	if (h && face_handle_collect(h) == 0) {
		face_handle_begin(h);
		return h;
	}
	/* Bytes may have been taken out of the descriptor: the session cannot go on. */
	hawser_abort(fd);
	let_go(a.endpoint);
	if (h)
		face_handle_free_early(h);
	free(h);
	fail(-ENOMEM, NULL);
	return NULL;
}

hawser_t *hawser_accept(int listening_fd)
{
	int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		fail_naming(-errno, "hawser_accept");
		return NULL;
	}
	hawser_t *h = hawser_handle(fd);
	if (!h) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return h;
}

/* A handle is of use in the process that made it only. */
static bool usable(const hawser_t *h)
{
	return h && engine_is_ours(h->endpoint->engine);
}

int hawser_close(hawser_t *h)
{
	if (!h)
		return fail_naming(-EINVAL, "hawser_close");
	if (usable(h))
		let_go(h->endpoint);
	close(h->fd);
	face_handle_free_early(h);
	pthread_mutex_destroy(&h->sending);
	pthread_mutex_destroy(&h->receiving);
	free(h);
	return 0;
}

static ssize_t tell(hawser_t *h, ssize_t result, const char *what)
{
	struct failure failure = { 0 };

	if (result >= 0)
		return result;
	if (result == -ECONNRESET && usable(h)) {
		pthread_mutex_lock(&h->endpoint->lock);
		failure = h->endpoint->failure;
		pthread_mutex_unlock(&h->endpoint->lock);
	}
	if (!failure.text[0])
		failure_system(&failure, (int)-result, "%s", what);
	return fail((int)result, &failure);
}

ssize_t hawser_sendv(hawser_t *h, const struct iovec *iov, int count, int flags)
{
	return tell(h, usable(h) ? face_handle_send(h, iov, count, flags) : -ENOTCONN, "hawser_send");
}

ssize_t hawser_send(hawser_t *h, const void *data, size_t length, int flags)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = length };

	return hawser_sendv(h, &iov, 1, flags);
}

ssize_t hawser_recvv(hawser_t *h, const struct iovec *iov, int count, int *flags)
{
	return tell(h, usable(h) ? face_handle_receive(h, iov, count, flags) : -ENOTCONN, "hawser_recv");
}

ssize_t hawser_recv(hawser_t *h, void *data, size_t size, int *flags)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };

	return hawser_recvv(h, &iov, 1, flags);
}

int hawser_shutdown(hawser_t *h)
{
	return (int)tell(h, usable(h) ? face_handle_shutdown(h) : -ENOTCONN, "hawser_shutdown");
}

int hawser_fd(hawser_t *h)
{
	return h ? h->fd : fail_naming(-EINVAL, "hawser_fd");
}
