/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling and listening: what the engine makes comes to the program as a descriptor. */
#include "driver/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "driver/call.h"
#include "driver/control.h"
#include "driver/dial.h"
#include "driver/face_descriptor.h"
#include "driver/face_handle.h"
#include "driver/handover.h"
#include "driver/listen.h"
#include "driver/primer.h"

struct dial_call {
	struct call call;
	const char *address;
	struct options options;
	bool handle;
	struct handover handover;
	uint8_t id[SESSION_ID_BYTES];
	struct endpoint *endpoint;      /* a handle's, held */
	struct endpoint_wait wait;
};

/* The session, dialling or live, gets its face; a descriptor's other end goes to the caller. */
static void give_face(struct dial_call *d, struct endpoint *ep)
{
	int error, fd;

	if (d->handle) {
		face_handle_open(ep);
		endpoint_hold(ep);
		d->endpoint = ep;
		call_done(&d->call, 0);
		return;
	}
	error = face_descriptor_open(ep, &fd, &d->call.failure);
	memcpy(d->id, ep->id, sizeof d->id);
	if (error == 0)
		error = handover_send(&d->handover, fd, &d->call.failure);
	/* The peer may have it already: what the program never got is no clean end. */
	if (error < 0)
		endpoint_abort(ep, REASON_ABORTED);
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
	endpoint_failure(ep, &d->call.failure);
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

/* The descriptor was made and did not come. */
static void undo_dial(struct engine *e, struct call *c)
{
	struct endpoint *ep = endpoint_find(e, container_of(c, struct dial_call, call)->id, true);

	if (ep)
		endpoint_abort(ep, REASON_ABORTED);
	call_done(c, 0);
}

/*
 * Has `run` make a descriptor, which comes by way of the handover. It, or -errno with words; undo, if it
 * was made and did not come, while it is still on its way: NULL for nothing.
 */
static int fetch_descriptor(struct engine *e, struct call *call, struct handover *handover,
			    void (*run)(struct engine *e, struct call *c),
			    void (*undo)(struct engine *e, struct call *c), struct failure *failure)
{
	int fd = handover_open(handover, e, failure);

	if (fd < 0)
		return fd;
	fd = call_run(e, call, run);
	if (fd < 0) {
		*failure = call->failure;
	} else {
		fd = handover_take(handover, failure);
		if (fd < 0 && undo)
			call_run(e, call, undo);
	}
	handover_close(handover);
	return fd;
}

/* The engine, and what it is asked for; NULL with errno. */
static struct engine *begin_dial(struct dial_call *d, const char *address, const hawser_options *options)
{
	struct engine *e = api_engine();

	if (!e)
		return NULL;
	if (!address) {
		api_fail_naming(-EINVAL, "hawser_dial: no address");
		return NULL;
	}
	d->address = address;
	api_take_options(&d->options, options);
	return e;
}

int hawser_dial(const char *address, const hawser_options *options)
{
	struct dial_call d = { .handle = false };
	struct engine *e = begin_dial(&d, address, options);
	struct failure failure = { 0 };

	if (!e)
		return -1;
	int fd = fetch_descriptor(e, &d.call, &d.handover, run_dial, undo_dial, &failure);
	return fd < 0 ? api_fail(fd, &failure) : fd;
}

struct endpoint *api_dial_handle(const char *address, const hawser_options *options)
{
	struct dial_call d = { .handle = true };
	struct engine *e = begin_dial(&d, address, options);

	if (!e)
		return NULL;
	int error = call_run(e, &d.call, run_dial);
	if (error < 0)
		api_fail(error, &d.call.failure);
	return error < 0 ? NULL : d.endpoint;
}

struct notifier_call {
	struct call call;
	struct endpoint *endpoint;
	struct handover handover;
};

/* It can be asked for again. */
static void take_back(struct endpoint *ep)
{
	pthread_mutex_lock(&ep->lock);
	face_descriptor_close(ep);
	pthread_mutex_unlock(&ep->lock);
}

static void run_notifier(struct engine *e, struct call *c)
{
	struct notifier_call *n = container_of(c, struct notifier_call, call);
	int fd;

	(void)e;
	int error = face_descriptor_open(n->endpoint, &fd, &c->failure);
	if (error == 0)
		error = handover_send(&n->handover, fd, &c->failure);
	if (error < 0)
		take_back(n->endpoint);
	call_done(c, error);
}

static void undo_notifier(struct engine *e, struct call *c)
{
	(void)e;
	take_back(container_of(c, struct notifier_call, call)->endpoint);
	call_done(c, 0);
}

int api_notifier(struct endpoint *ep)
{
	struct notifier_call n = { .endpoint = ep };
	struct failure failure = { 0 };
	int fd = fetch_descriptor(ep->engine, &n.call, &n.handover, run_notifier, undo_notifier, &failure);

	return fd < 0 ? api_fail(fd, &failure) : fd;
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
	struct engine *e = api_engine();
	struct listen_call l = { .address = address };
	struct failure failure = { 0 };

	if (!e)
		return -1;
	if (!address)
		return api_fail_naming(-EINVAL, "hawser_listen: no address");
	api_take_options(&l.options, options);
	int error = primer_start(e);
	if (error < 0)
		return api_fail_naming(error, "starting a thread");
	int fd = fetch_descriptor(e, &l.call, &l.handover, run_listen, NULL, &failure);
	return fd < 0 ? api_fail(fd, &failure) : fd;
}

int hawser_port(int listening_fd)
{
	struct sockaddr_un address = { 0 };
	socklen_t length = sizeof address;
	char *end;

	if (getsockname(listening_fd, (struct sockaddr *)&address, &length) < 0)
		return api_fail_naming(-errno, "hawser_port");
	const char *at = address.sun_family == AF_UNIX ? strstr(address.sun_path, "/port-") : NULL;
	unsigned long port = at ? strtoul(at + 6, &end, 10) : 0;
	if (!at || end == at + 6 || *end || port > 65535 || !strstr(address.sun_path, "/hawser-"))
		return api_fail_naming(-ENOTSOCK, "hawser_port: not a listening descriptor of hawser");
	return (int)port;
}
