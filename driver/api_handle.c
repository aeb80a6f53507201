/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: made, used and closed. */
#include "driver/api.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/call.h"
#include "driver/face_descriptor.h"
#include "driver/face_handle.h"
#include "driver/lent.h"
#include "driver/name.h"

struct let_go {
	struct call call;
	struct endpoint *endpoint;
	bool lends;                     /* held until the program's buffers are settled */
};

static void closed_by_program(struct endpoint *ep)
{
	pthread_mutex_lock(&ep->lock);
	face_descriptor_close(ep);
	pthread_mutex_unlock(&ep->lock);
	endpoint_closed(ep);
}

static void run_close(struct engine *e, struct call *c)
{
	struct let_go *l = container_of(c, struct let_go, call);
	struct endpoint *ep = l->endpoint;

	(void)e;
	closed_by_program(ep);
	if (!l->lends)
		endpoint_release(ep);
	call_done(c, 0);
}

static void run_release(struct engine *e, struct call *c)
{
	(void)e;
	endpoint_release(container_of(c, struct let_go, call)->endpoint);
	call_done(c, 0);
}

static void release(struct endpoint *ep)
{
	struct let_go l = { .endpoint = ep };

	call_run(ep->engine, &l.call, run_release);
}

void api_let_go(struct endpoint *ep)
{
	struct let_go l = { .endpoint = ep, .lends = ep->lent != NULL };

	call_run(ep->engine, &l.call, run_close);
	if (l.lends) {
		lent_settle(ep);
		release(ep);
	}
}

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

static void handle_free(struct hawser *h)
{
	face_handle_free_early(h);
	pthread_mutex_destroy(&h->sending);
	pthread_mutex_destroy(&h->receiving);
	free(h);
}

hawser_t *hawser_open(const char *address, const hawser_options *options)
{
	hawser_t *h = handle_new(NULL, -1);

	if (!h) {
		api_fail(-ENOMEM, NULL);
		return NULL;
	}
	h->endpoint = api_dial_handle(address, options);
	if (h->endpoint)
		return h;
	handle_free(h);
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
	} else if (face_handle_adopt(ep) < 0) {
		call_done(c, failure_set(&c->failure, EINVAL, "this session is a handle already, or closed"));
	} else {
		endpoint_hold(ep);
		a->endpoint = ep;
		endpoint_wait(ep, &a->wait, ENDPOINT_INPUT_TAKEN, TIME_NEVER, adopted);
	}
}

/* Whatever the program has written into it goes first. 0, or -errno with words. */
static int adopt(int fd, struct endpoint **ep, struct failure *failure)
{
	struct adopt_call a = { .endpoint = NULL };
	struct engine *e = engine_running();
	int error = name_of_descriptor(&a.name, fd);

	if (error == 0 && (!e || a.name.pid != getpid()))
		error = -ENOTCONN;
	if (error == 0)
		error = call_run(e, &a.call, run_adopt);
	*failure = a.call.failure;
	*ep = a.endpoint;
	return error;
}

/* Of a descriptor that was accepted just now: without the engine, which has enough to do. */
static int adopt_fresh(int fd, struct endpoint **out)
{
	struct engine *e = engine_running();
	struct endpoint *ep = NULL;
	struct name name;
	int error = name_of_descriptor(&name, fd);

	if (error == 0 && e && name.pid == e->pid)
		ep = endpoint_find_held(e, name.id, name.dialler);
	if (error == 0)
		error = ep ? face_handle_adopt_fresh(ep) : -ENOTCONN;
	if (error < 0 && ep)
		release(ep);
	*out = ep;
	return error;
}

/* The handle of an adopted session, or NULL; then the session is aborted. */
static hawser_t *adopted_handle(struct endpoint *ep, int fd)
{
	hawser_t *h = handle_new(ep, fd);

	if (h && face_handle_collect(h) == 0)
		return h;
	/* Bytes may have been taken out of the descriptor: the session cannot go on. */
	hawser_abort(fd);
	api_let_go(ep);
	if (h)
		handle_free(h);
	api_fail(-ENOMEM, NULL);
	return NULL;
}

static hawser_t *fail_to_adopt(int error, const struct failure *failure)
{
	if (failure->text[0])
		api_fail(error, failure);
	else
		api_fail_naming(error, "hawser_handle: not a session of this process");
	return NULL;
}

hawser_t *hawser_handle(int fd)
{
	struct failure failure = { 0 };
	struct endpoint *ep;
	int error = adopt(fd, &ep, &failure);

	if (error < 0)
		return fail_to_adopt(error, &failure);
	hawser_t *h = adopted_handle(ep, fd);
	if (h)
		face_handle_begin(h);
	return h;
}

static hawser_t *handle_of_fresh(int fd)
{
	struct failure failure = { 0 };
	struct endpoint *ep;
	int error = adopt_fresh(fd, &ep);

	return error < 0 ? fail_to_adopt(error, &failure) : adopted_handle(ep, fd);
}

hawser_t *hawser_accept(int listening_fd)
{
	int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		api_fail_naming(-errno, "hawser_accept");
		return NULL;
	}
	hawser_t *h = handle_of_fresh(fd);
	if (!h) {
		struct failure failure;

		/* The peer is not to take it for a session that ended. */
		failure_set(&failure, errno, "%s", api_last_words());
		hawser_abort(fd);
		close(fd);
		api_fail(-failure.error, &failure);
	}
	return h;
}

static void run_farewell(struct engine *e, struct request *r)
{
	struct hawser *h = container_of(r, struct hawser, farewell);

	(void)e;
	closed_by_program(h->endpoint);
	endpoint_release(h->endpoint);
	handle_free(h);
}

/* A handle is of use in the process that made it only. */
static bool usable(const hawser_t *h)
{
	return h && engine_is_ours(h->endpoint->engine);
}

int hawser_close(hawser_t *h)
{
	if (!h)
		return api_fail_naming(-EINVAL, "hawser_close");
	struct endpoint *ep = h->endpoint;
	bool ours = usable(h), lends = false;
	int fd = h->fd;

	if (ours) {
		pthread_mutex_lock(&ep->lock);
		drive_end(ep);
		lends = ep->lent != NULL;
		pthread_mutex_unlock(&ep->lock);
	}
	if (lends)
		api_let_go(ep);
	/*
	 * Nobody waits for what the engine does then. It takes requests in their order: whatever this program
	 * asks of it next, exit(3) included, finds the session closed.
	 */
	if (ours && !lends) {
		h->farewell.run = run_farewell;
		engine_submit(ep->engine, &h->farewell);
	} else {
		handle_free(h);
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

static ssize_t tell(hawser_t *h, ssize_t result, const char *what)
{
	struct failure failure = { 0 };

	if (result >= 0)
		return result;
	if (result == -ECONNRESET && usable(h)) {
		pthread_mutex_lock(&h->endpoint->lock);
		endpoint_failure(h->endpoint, &failure);
		pthread_mutex_unlock(&h->endpoint->lock);
	}
	if (!failure.text[0])
		failure_system(&failure, (int)-result, "%s", what);
	return api_fail((int)result, &failure);
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

ssize_t hawser_lend(hawser_t *h, const void *data, size_t length, void *token, int flags)
{
	return tell(h, usable(h) ? lent_lend(h, data, length, token, flags) : -ENOTCONN, "hawser_lend");
}

int hawser_returned(hawser_t *h, void **tokens, int count, int timeout_ms)
{
	return (int)tell(h, usable(h) ? lent_returned(h, tokens, count, timeout_ms) : -ENOTCONN,
			 "hawser_returned");
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

/* Most programs that wait in calls never ask for it: then it is not made, and nobody writes into it. */
int hawser_fd(hawser_t *h)
{
	int cancel;

	if (!h)
		return api_fail_naming(-EINVAL, "hawser_fd");
	if (!usable(h))
		return h->fd >= 0 ? h->fd : api_fail_naming(-ENOTCONN, "hawser_fd");
	struct engine *e = h->endpoint->engine;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	int fd = h->fd;
	if (fd < 0) {
		pthread_mutex_lock(&e->asking_lock);
		if (h->fd < 0)
			h->fd = api_notifier(h->endpoint);
		fd = h->fd;
		pthread_mutex_unlock(&e->asking_lock);
	}
	if (fd >= 0)
		face_handle_begin(h);
	pthread_setcancelstate(cancel, NULL);
	return fd;
}
