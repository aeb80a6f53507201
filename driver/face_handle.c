/* SPDX-License-Identifier: Apache-2.0 */
/* The handle face: bytes copied by the program's threads. */
#include "driver/face_handle.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/record.h"
#include "driver/lent.h"

#define IOV_MOST        16u
#define LONG_COPY_BYTES 16384           /* takes long enough to look at the clock again */
#define SEND_MIN_BYTES  4096u   /* with less room than that, a larger send waits */
#define NOTIFY_RETRY_NS (20 * NS_PER_MS)        /* after the system had no memory for a byte */

void face_handle_open(struct endpoint *ep)
{
	pthread_mutex_lock(&ep->lock);
	assert(ep->face.kind == FACE_ABSENT);
	ep->face.kind = FACE_COPY;
	pthread_mutex_unlock(&ep->lock);
}

static int become_handle(struct endpoint *ep, bool adopting)
{
	int error = 0;

	pthread_mutex_lock(&ep->lock);
	if (ep->face.kind == FACE_SOCKET) {
		ep->face.kind = FACE_COPY;
		ep->face.adopting = adopting;
	} else {
		error = -EINVAL;
	}
	pthread_mutex_unlock(&ep->lock);
	return error;
}

int face_handle_adopt(struct endpoint *ep)
{
	int error = become_handle(ep, true);

	endpoint_post(ep);
	return error;
}

/*
 * The engine has nothing to do for it: it gives no bytes out any more, which it looks at under the lock too,
 * and what there is or will be is seen by the calls of the handle.
 */
int face_handle_adopt_fresh(struct endpoint *ep)
{
	return become_handle(ep, false);
}

void face_handle_adopted(struct endpoint *ep)
{
	pthread_mutex_lock(&ep->lock);
	ep->face.adopting = false;
	pthread_mutex_unlock(&ep->lock);
}

/* Nothing more is there, or the direction is over. Any other error would leave bytes behind. */
static int collected(ssize_t got)
{
	return got == 0 || errno == EAGAIN || errno == ECONNRESET ? 0 : -errno;
}

int face_handle_collect(struct hawser *h)
{
	struct early **end = &h->early;
	bool messages = h->endpoint->messages;

	for (;;) {
		char none;
		ssize_t length = messages ? recv(h->fd, &none, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT) :
					    65536;
		if (length <= 0)
			return collected(length);
		struct early *early = malloc(sizeof *early + (size_t)length);
		if (!early)
			return -ENOMEM;
		length = recv(h->fd, early->bytes, (size_t)length, MSG_DONTWAIT);
		if (length <= 0) {
			int error = collected(length);

			free(early);
			return error;
		}
		early->next = NULL;
		early->length = (size_t)length;
		early->at = 0;
		*end = early;
		end = &early->next;
	}
}

void face_handle_free_early(struct hawser *h)
{
	while (h->early) {
		struct early *early = h->early;

		h->early = early->next;
		free(early);
	}
}

/* --- under the lock, either side --- */

static bool can_receive(struct endpoint *ep)
{
	return session_readable(ep->session) > 0 || session_receive_ended(ep->session);
}

static bool has_room(struct endpoint *ep)
{
	/* Less than that may be all there ever is in a small buffer: then it is enough when it is empty. */
	return session_room(ep->session) >= SEND_MIN_BYTES || session_unacknowledged(ep->session) == 0;
}

static bool can_send(struct endpoint *ep)
{
	return endpoint_may_grow(ep) && has_room(ep);
}

/* A call that said EAGAIN can go on. */
static bool can_go_on(struct endpoint *ep)
{
	const struct face *f = &ep->face;

	if (!ep->session || session_state(ep->session) == SESSION_RESET)
		return true;
	return (f->wants_read && can_receive(ep)) ||
	       (f->wants_write && can_send(ep)) || lent_can_go_on(ep);
}

/*
 * Memory is not looked at: whether there is some is asked anew by the call that wants it, which has the engine
 * try again if there is none. Nor are lent buffers, for which several things may be waited for.
 */
bool face_handle_awaited(struct endpoint *ep)
{
	const struct face *f = &ep->face;

	if (f->kind != FACE_COPY || !ep->session || ep->lent || session_state(ep->session) == SESSION_RESET)
		return true;
	return (f->receiving && can_receive(ep)) || (f->sending && has_room(ep));
}

bool face_handle_unnoticed(struct endpoint *ep)
{
	const struct face *f = &ep->face;

	if (f->kind != FACE_COPY || f->fd < 0 || !f->notifies || f->notified)
		return false;
	/* While calls drive, who lends on takes back in passing: a word at each tick does. */
	return (f->wants_read && !f->receiving && can_receive(ep)) ||
	       (f->wants_write && !f->sending && can_send(ep)) ||
	       (ep->drive.ticking ? lent_may_lend(ep) : lent_can_go_on(ep));
}

void face_handle_begin(struct hawser *h)
{
	struct endpoint *ep = h->endpoint;

	pthread_mutex_lock(&ep->lock);
	if (!ep->face.notifies) {
		ep->face.notifies = ep->face.wants_read = true;
		/* What comes later is told by whoever sees it. */
		if (can_go_on(ep))
			endpoint_kick(ep);
	}
	pthread_mutex_unlock(&ep->lock);
}

static void notify_again(struct timer *t, time_ns now)
{
	struct face *f = container_of(t, struct face, again);

	(void)now;
	endpoint_post(container_of(f, struct endpoint, face));
}

void face_handle_notify(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->kind != FACE_COPY || f->fd < 0 || !f->notifies || f->notified || !can_go_on(ep))
		return;
	if (send(f->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
		f->notified = true;
	} else if (errno != EPIPE && errno != ECONNRESET && !timer_started(&f->again)) {
		f->again.expired = notify_again;
		timer_start(ep->engine, &f->again, clock_now() + NOTIFY_RETRY_NS);
	}
}

/*
 * A call says EAGAIN: the notifier is cleared, unless it is readable for another call's sake. That has
 * been told then: a program that does not care for it is not woken for it again.
 */
static void clear_notifier(struct hawser *h, bool *wants)
{
	struct face *f = &h->endpoint->face;
	char bytes[64];

	*wants = true;
	if (!f->notified)
		return;
	if (can_go_on(h->endpoint)) {
		if (h->endpoint->session && wants != &f->wants_read && can_receive(h->endpoint))
			f->wants_read = false;
		if (h->endpoint->session && wants != &f->wants_write && can_send(h->endpoint))
			f->wants_write = false;
		lent_told(h->endpoint, wants);
		return;
	}
	while (recv(h->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	h->endpoint->face.notified = false;
}

static void say_again(struct hawser *h, bool *wants)
{
	drive_stop(h->endpoint);
	clear_notifier(h, wants);
}

/*
 * A call holds locks that the engine takes too, and may have taken a part of a message: a thread is not
 * cancelled in it. Returns the cancel state for end_call.
 */
static int begin_call(struct endpoint *ep, pthread_mutex_t *direction, bool *busy)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (direction)
		pthread_mutex_lock(direction);
	pthread_mutex_lock(&ep->lock);
	if (busy)
		*busy = true;
	drive_enter(ep);
	return cancel;
}

static void end_call(struct endpoint *ep, pthread_mutex_t *direction, bool *busy, int cancel)
{
	if (busy)
		*busy = false;
	drive_leave(ep);
	pthread_mutex_unlock(&ep->lock);
	if (direction)
		pthread_mutex_unlock(direction);
	pthread_setcancelstate(cancel, NULL);
}

/* --- sending --- */

/* The caller's bytes, from the front on. */
struct cursor {
	const struct iovec *iov;
	size_t at;              /* in iov[0] */
	size_t left;
};

static int cursor_init(struct cursor *c, const struct iovec *iov, int count)
{
	*c = (struct cursor){ .iov = iov };
	if (count < 0 || count > IOV_MAX)
		return -EINVAL;
	for (int i = 0; i < count; i++) {
		if (__builtin_add_overflow(c->left, iov[i].iov_len, &c->left))
			return -EINVAL;
	}
	return c->left > SSIZE_MAX ? -EINVAL : 0;
}

/* The next piece, at most `most` long, which is not more than is left. */
static struct iovec cursor_piece(struct cursor *c, size_t most)
{
	assert(most > 0 && most <= c->left);
	while (c->at == c->iov->iov_len) {
		c->iov++;
		c->at = 0;
	}
	size_t length = c->iov->iov_len - c->at;
	struct iovec piece = {
		.iov_base = (char *)c->iov->iov_base + c->at,
		.iov_len = length < most ? length : most,
	};
	c->at += piece.iov_len;
	c->left -= piece.iov_len;
	return piece;
}

static void cursor_copy_out(struct cursor *from, uint8_t *to, size_t length)
{
	for (size_t done = 0; done < length;) {
		struct iovec piece = cursor_piece(from, length - done);

		memcpy(to + done, piece.iov_base, piece.iov_len);
		done += piece.iov_len;
	}
}

static void cursor_copy_in(struct cursor *to, const uint8_t *from, size_t length)
{
	for (size_t done = 0; done < length;) {
		struct iovec piece = cursor_piece(to, length - done);

		memcpy(piece.iov_base, from + done, piece.iov_len);
		done += piece.iov_len;
	}
}

/* Puts up to `want` bytes of the cursor into the session; the space has been looked at. */
static size_t put_cursor(struct endpoint *ep, struct cursor *from, size_t want)
{
	struct iovec space[IOV_MOST];
	size_t done = 0;

	endpoint_lend(ep);
	unsigned count = session_send_space(ep->session, want, space, IOV_MOST);
	for (unsigned i = 0; i < count; i++) {
		cursor_copy_out(from, space[i].iov_base, space[i].iov_len);
		done += space[i].iov_len;
	}
	if (count > 0)
		session_send_commit(ep->session, done, ep->drive.now);
	return done;
}

void face_handle_put(struct endpoint *ep, const uint8_t *bytes, size_t length)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
	struct cursor from;

	cursor_init(&from, &iov, 1);
	while (from.left > 0)
		put_cursor(ep, &from, from.left);
}

static size_t send_stream_some(struct endpoint *ep, struct cursor *from)
{
	return from->left ? put_cursor(ep, from, from->left) : 0;
}

/* One part of a message, as large as there is room for. *ended: the message is all in. */
static size_t send_part(struct endpoint *ep, struct cursor *from, bool more, bool *ended)
{
	uint8_t header[RECORD_HEADER_BYTES];
	size_t want = from->left < RECORD_PART_MAX ? from->left : RECORD_PART_MAX;
	size_t fits = endpoint_fits(ep, sizeof header + want);

	if (fits < sizeof header + (from->left ? 1 : 0))
		return 0;
	size_t part = fits - sizeof header;
	bool last = part == from->left && !more;
	record_header_encode(header, (uint32_t)part, !last);
	face_handle_put(ep, header, sizeof header);
	for (size_t left = part; left > 0;)
		left -= put_cursor(ep, from, left);
	if (last)
		session_send_boundary(ep->session);
	ep->face.in_message = !last;
	*ended = last || (more && from->left == 0);
	return part;
}

/* What a call on a session that did not end cleanly says: why the dial failed, or that it was reset. */
static int broken(const struct endpoint *ep)
{
	return ep->stage == ENDPOINT_OVER && !ep->established && ep->error ? -ep->error : -ECONNRESET;
}

static int send_error(const struct endpoint *ep)
{
	if (ep->session && session_state(ep->session) != SESSION_RESET)
		return session_send_finished(ep->session) ? -EPIPE : 0;
	if (!ep->session && ep->last->state == SESSION_CLOSED)
		return -EPIPE;
	return broken(ep);
}

static ssize_t send_locked(struct hawser *h, struct cursor *from, int flags)
{
	struct endpoint *ep = h->endpoint;
	bool more = flags & HAWSER_MORE, ended = false;
	ssize_t sent = 0;

	if (from->left == 0 && (!ep->messages || more))
		return send_error(ep);
	while (!ended) {
		int error = send_error(ep);

		if (error < 0)
			return sent > 0 && !ep->messages ? sent : error;
		size_t step = 0;
		if (can_send(ep))
			step = ep->messages ? send_part(ep, from, more, &ended) :
					      send_stream_some(ep, from);
		sent += (ssize_t)step;
		if (step > 0)
			ep->face.wants_write = false;
		if (ended || (!ep->messages && from->left == 0))
			break;
		if (step > 0) {
			ep->drive.now = clock_now();
			drive_write(ep);
			continue;
		}
		if (flags & HAWSER_DONTWAIT) {
			say_again(h, &ep->face.wants_write);
			return sent > 0 ? sent : -EAGAIN;
		}
		drive_write(ep);
		(void)drive_wait(ep, NULL, TIME_NEVER);
	}
	return sent;
}

ssize_t face_handle_send(struct hawser *h, const struct iovec *iov, int count, int flags)
{
	struct endpoint *ep = h->endpoint;
	struct cursor from;
	int error = cursor_init(&from, iov, count);

	if (error < 0)
		return error;
	if (flags & ~(HAWSER_DONTWAIT | HAWSER_MORE))
		return -EINVAL;
	int cancel = begin_call(ep, &h->sending, &ep->face.sending);
	ssize_t sent = send_locked(h, &from, flags);
	if (sent > LONG_COPY_BYTES)
		ep->drive.now = clock_now();
	if (sent <= 0 || !coalesce_holds(ep, (size_t)sent))
		drive_write(ep);
	end_call(ep, &h->sending, &ep->face.sending, cancel);
	return sent;
}

int face_handle_shutdown(struct hawser *h)
{
	struct endpoint *ep = h->endpoint;
	int error = 0;

	int cancel = begin_call(ep, &h->sending, &ep->face.sending);
	if (ep->session && session_state(ep->session) != SESSION_RESET)
		session_send_finish(ep->session, ep->drive.now);
	else
		error = !ep->session && ep->last->state == SESSION_CLOSED ? 0 : -ECONNRESET;
	endpoint_kick(ep);
	end_call(ep, &h->sending, &ep->face.sending, cancel);
	return error;
}

/* --- receiving --- */

static size_t receive_early(struct hawser *h, struct cursor *to, bool *ended)
{
	struct early *early = h->early;
	size_t left = early->length - early->at;
	size_t step = left < to->left ? left : to->left;

	cursor_copy_in(to, early->bytes + early->at, step);
	early->at += step;
	if (early->at < early->length)
		return step;
	*ended = h->endpoint->messages;
	h->early = early->next;
	free(early);
	return step;
}

/* What the descriptor face had gathered of a message when it became a handle. */
static size_t receive_parcel(struct endpoint *ep, struct cursor *to, bool *ended)
{
	struct parcel *p = &ep->face.packets->out;
	size_t left = p->length - p->at;
	size_t step = left < to->left ? left : to->left;

	cursor_copy_in(to, p->bytes + p->at, step);
	p->at += step;
	if (p->at == p->length) {
		*ended = p->whole;
		p->length = p->at = 0;
		p->whole = false;
	}
	return step;
}

static size_t receive_stream_some(struct endpoint *ep, struct cursor *to)
{
	struct iovec iov[IOV_MOST];
	size_t done = 0;
	unsigned count = session_receive_peek(ep->session, iov, IOV_MOST);

	for (unsigned i = 0; i < count && to->left > 0; i++) {
		size_t step = iov[i].iov_len < to->left ? iov[i].iov_len : to->left;

		cursor_copy_in(to, iov[i].iov_base, step);
		done += step;
	}
	if (done > 0)
		session_receive_consume(ep->session, done, ep->drive.now);
	return done;
}

/* Bytes of one message. *ended: it ended with them. -ECONNRESET: it broke the protocol. */
static ssize_t receive_message_some(struct endpoint *ep, struct cursor *to, bool *ended)
{
	struct record_reader *r = &ep->face.packets->reader;
	size_t done = 0;
	struct iovec iov;

	while (!*ended && session_receive_peek(ep->session, &iov, 1) == 1) {
		size_t header, payload;
		bool end;

		if (record_reader_feed(r, iov.iov_base, iov.iov_len, &header, &payload, &end) < 0) {
			session_reset(ep->session, REASON_PROTOCOL_ERROR, ep->drive.now);
			return -ECONNRESET;
		}
		size_t step = payload < to->left ? payload : to->left;
		cursor_copy_in(to, (uint8_t *)iov.iov_base + header, step);
		session_receive_consume(ep->session, header + step, ep->drive.now);
		if (step > 0 || (payload == 0 && end))
			*ended = record_reader_took(r, step);
		done += step;
		if (to->left == 0 && !*ended)
			break;
	}
	return (ssize_t)done;
}

/* The session says nothing more: 0 at a clean end, -EAGAIN not yet, else the error. */
static ssize_t receive_nothing(struct endpoint *ep)
{
	bool between = !ep->messages || record_reader_between(&ep->face.packets->reader);

	if (ep->session && (session_state(ep->session) != SESSION_RESET ||
			    session_receive_ended(ep->session))) {
		if (!session_receive_ended(ep->session))
			return -EAGAIN;
		if (!between) {
			session_reset(ep->session, REASON_PROTOCOL_ERROR, ep->drive.now);
			endpoint_kick(ep);
			return -ECONNRESET;
		}
		return 0;
	}
	if (!ep->session && (ep->last->state == SESSION_CLOSED || ep->last->complete) && between)
		return 0;
	return broken(ep);
}

static ssize_t receive_some(struct hawser *h, struct cursor *to, bool *ended)
{
	struct endpoint *ep = h->endpoint;

	if (h->early)
		return (ssize_t)receive_early(h, to, ended);
	if (face_gathered(&ep->face))
		return (ssize_t)receive_parcel(ep, to, ended);
	if (!ep->session)
		return 0;
	return ep->messages ? receive_message_some(ep, to, ended) :
			      (ssize_t)receive_stream_some(ep, to);
}

/* Of a stream the bytes may come straight into the caller's memory: how many did. */
static size_t wait_with_room(struct endpoint *ep, struct cursor *to)
{
	struct cursor ahead = *to;
	struct iovec into = cursor_piece(&ahead, ahead.left);
	size_t taken = drive_wait(ep, ep->messages ? NULL : &into, TIME_NEVER);

	if (taken > 0)
		(void)cursor_piece(to, taken);
	return taken;
}

static ssize_t receive_locked(struct hawser *h, struct cursor *to, bool wait, bool *ended)
{
	struct endpoint *ep = h->endpoint;

	for (;;) {
		ssize_t got = receive_some(h, to, ended);

		if (got != 0 || *ended) {
			ep->face.wants_read = true;     /* there may be more */
			return got;
		}
		got = receive_nothing(ep);
		if (got != -EAGAIN)
			return got;
		if (!wait) {
			say_again(h, &ep->face.wants_read);
			return got;
		}
		drive_write(ep);
		size_t taken = wait_with_room(ep, to);
		if (taken > 0) {
			ep->face.wants_read = true;
			return (ssize_t)(taken + receive_stream_some(ep, to));
		}
	}
}

ssize_t face_handle_receive(struct hawser *h, const struct iovec *iov, int count, int *flags)
{
	struct endpoint *ep = h->endpoint;
	bool ended = false;
	struct cursor to;
	int error = cursor_init(&to, iov, count);

	if (error < 0)
		return error;
	if (flags && (*flags & ~(HAWSER_DONTWAIT | HAWSER_END)))
		return -EINVAL;
	if (to.left == 0)
		return ep->messages ? -EINVAL : 0;
	int cancel = begin_call(ep, &h->receiving, &ep->face.receiving);
	ssize_t got = receive_locked(h, &to, !(flags && (*flags & HAWSER_DONTWAIT)), &ended);
	drive_write(ep);
	end_call(ep, &h->receiving, &ep->face.receiving, cancel);
	if (flags && got >= 0)
		*flags = (*flags & ~HAWSER_END) | (ended ? HAWSER_END : 0);
	return got;
}

/* --- lending --- */

ssize_t face_handle_call(struct hawser *h, bool sending, bool *wants, time_ns until,
			 ssize_t (*step)(struct endpoint *ep, void *what), void *what)
{
	struct endpoint *ep = h->endpoint;
	bool glanced = false;
	ssize_t result;

	int cancel = begin_call(ep, sending ? &h->sending : NULL, sending ? &ep->face.sending : NULL);
	for (;;) {
		result = sending ? send_error(ep) : 0;
		if (result == 0)
			result = step(ep, what);
		if (result != -EAGAIN)
			break;
		bool over = until <= ep->drive.now;
		/* What is back is asked for in passing, by who sends on: the calls go on driving. */
		if (over && !sending && !glanced && drive_glance(ep)) {
			glanced = true;
			continue;
		}
		if (over && sending)
			drive_stop(ep);
		if (over) {
			clear_notifier(h, wants);
			break;
		}
		drive_write(ep);
		(void)drive_wait(ep, NULL, until);
	}
	drive_write(ep);
	end_call(ep, sending ? &h->sending : NULL, sending ? &ep->face.sending : NULL, cancel);
	return result;
}
