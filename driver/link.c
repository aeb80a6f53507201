/* SPDX-License-Identifier: Apache-2.0 */
/* One path of an endpoint: bytes between the core and a carrier. */
#include "driver/link.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "driver/congestion.h"
#include "driver/drive.h"
#include "driver/lobby.h"

/* Per turn of the loop, so that one fast path does not hold up the others. */
#define READ_TURN_BYTES  (1u << 20)
#define READ_TURN_ROUNDS 64u
#define IOV_MOST         64u

/* Of a request or a reply, mostly: a long one is read on by link_read. */
#define AWAIT_BYTES 4096u

/* How long a carrier whose CLOSE is written is kept for the peer to close its end. */
#define FINISHING_NS (3 * NS_PER_S)

/* A carrier on its own: what comes is thrown away until the peer's end. */
struct finishing {
	struct engine *engine;
	struct carrier *carrier;
	struct watch watch;
	struct timer timer;
};

static void link_ready(struct watch *w, uint32_t events)
{
	struct link *l = container_of(w, struct link, watch);
	struct endpoint *ep = l->endpoint;

	pthread_mutex_lock(&ep->lock);
	bool drives = drive_has(l);
	if (!drives) {
		l->readable = l->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
		l->ending = l->ending || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
		if (ep->session && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
			session_path_room(ep->session, &l->path, true);
	}
	pthread_mutex_unlock(&ep->lock);
	/* Asleep, EPOLLERR and EPOLLHUP are still told, once for each change of the watch. */
	if (!drives)
		endpoint_post(ep);
	else if (!l->asleep)
		link_sleep(l);
}

#define WATCHED (EPOLLIN | EPOLLOUT | EPOLLRDHUP)

void link_sleep(struct link *l)
{
	l->asleep = watch_change(l->endpoint->engine, &l->watch, 0) == 0;
}

void link_wake(struct link *l)
{
	if (l->asleep)
		l->asleep = watch_change(l->endpoint->engine, &l->watch, WATCHED) < 0;
}

int link_new(struct endpoint *ep, const struct link_config *config, struct link **out)
{
	struct link *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	l->endpoint = ep;
	l->carrier = config->carrier;
	l->readable = config->input->readable;
	l->ending = config->input->ending;
	l->connects = config->connects;
	l->replies_elsewhere = config->replies_elsewhere;
	l->backlog_bytes = CARRIER_BACKLOG_BYTES;
	l->meter.at = engine_now(ep->engine);
	l->chosen = congestion_begin(l->carrier, ep->congestion);
	watch_move(ep->engine, &l->watch, config->watch, link_ready);
	*out = l;
	return 0;
}

void link_free(struct link *l, bool abort)
{
	watch_stop(l->endpoint->engine, &l->watch);
	l->carrier->ops->close(l->carrier, abort);
	free(l->chosen);
	free(l);
}

static void finishing_end(struct finishing *f)
{
	watch_stop(f->engine, &f->watch);
	timer_stop(f->engine, &f->timer);
	f->carrier->ops->close(f->carrier, false);
	free(f);
}

static void finishing_expired(struct timer *t, time_ns now)
{
	(void)now;
	finishing_end(container_of(t, struct finishing, timer));
}

static void finishing_read(struct finishing *f)
{
	char bytes[16384];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof bytes };

	for (unsigned i = 0; i < READ_TURN_ROUNDS; i++) {
		ssize_t n = f->carrier->ops->receive(f->carrier, &iov, 1);

		if (n == -EAGAIN)
			return;
		if (n <= 0)
			break;
	}
	finishing_end(f);       /* also when the peer sends on and on: it has been told to stop */
}

static void finishing_ready(struct watch *w, uint32_t events)
{
	if (events & ~(uint32_t)EPOLLOUT)
		finishing_read(container_of(w, struct finishing, watch));
}

void link_free_finishing(struct link *l)
{
	struct engine *e = l->endpoint->engine;
	struct carrier *c = l->carrier;
	struct finishing *f = calloc(1, sizeof *f);
	bool readable = l->readable;

	if (!l->finished)
		c->ops->finish(c);
	if (!f) {
		link_free(l, false);
		return;
	}
	f->engine = e;
	f->carrier = c;
	f->timer.expired = finishing_expired;
	watch_move(e, &f->watch, &l->watch, finishing_ready);
	free(l->chosen);
	free(l);
	if (timer_start(e, &f->timer, engine_now(e) + FINISHING_NS) < 0)
		finishing_end(f);
	else if (readable)
		finishing_read(f);
}

enum reason link_reason(int error)
{
	switch (error) {
	case ECONNRESET:
		return REASON_PATH_RESET;
	case ECONNREFUSED:
		return REASON_PATH_REFUSED;
	case ETIMEDOUT:
		return REASON_PATH_TIMED_OUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return REASON_PATH_UNREACHABLE;
	case EACCES:
	case EPERM:
		return REASON_PATH_PERMISSION;
	default:
		return REASON_PATH_LOST;
	}
}

static void lost(struct link *l, int error, bool ended)
{
	l->outcome = LINK_LOST;
	l->error = (uint16_t)error;
	l->ended = ended;
	l->readable = false;
}

/* After bytes have been given to the core: whether the peer closed this carrier. */
static void look_closed(struct link *l)
{
	enum reason reason;

	/* When a CLOSE or RESET of ours is queued it goes out first. */
	if (session_path_closed_by_peer(&l->path, &reason) && !l->path.closing)
		l->outcome = LINK_CLOSED_BY_PEER;
}

/*
 * Not the path's fault: somebody closed the twin's descriptor, or the memory that the program lent for reading
 * cannot be written to. It can do nothing, and is told so.
 */
static ssize_t unless_astray(struct link *l, const struct carrier *by, ssize_t n)
{
	if (by != l->twin || l->outcome != LINK_GOES_ON || (n != -EBADF && n != -EFAULT))
		return n;
	if (n == -EBADF)
		l->endpoint->drive.astray = true;
	else
		l->endpoint->drive.faulted = true;
	return -EAGAIN;
}

/* Blocks for the next reading, and for what an earlier one, of any link, had none for. False: no memory. */
static bool ready_to_read(struct endpoint *ep, time_ns now)
{
	do {
		if (!endpoint_lend(ep))
			return false;
	} while (session_read_on(ep->session, now) == -ENOMEM);
	return true;
}

static size_t iov_bytes(const struct iovec *iov, unsigned count)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* What a reading came to. */
static void settle_reading(struct link *l, ssize_t n)
{
	if (n == -EAGAIN)
		l->readable = l->ending = false;
	else if (n <= 0)
		lost(l, (int)-n, n == 0 || n == -ECONNRESET || n == -EPIPE);
	else
		look_closed(l);
}

bool link_read(struct link *l, struct carrier *by, time_ns now)
{
	struct endpoint *ep = l->endpoint;
	struct iovec iov[IOV_MOST];
	size_t bytes = 0;

	if (ep->drive.awaited == l)
		return false;           /* its bytes go on those that are being read */
	for (unsigned i = 0; l->readable && l->outcome == LINK_GOES_ON; i++) {
		if (i == READ_TURN_ROUNDS || bytes >= READ_TURN_BYTES)
			return true;
		/* The program is given what came before more is read, unless that can go straight to it, too. */
		if (by == l->twin && i > 0 && !session_receiving_into(ep->session))
			return true;
		if (!ready_to_read(ep, now))
			return false;
		look_closed(l);
		if (l->outcome != LINK_GOES_ON)
			return false;
		unsigned used = session_place(ep->session, &l->path, iov, IOV_MOST);
		if (used == 0)
			return false;
		size_t space = iov_bytes(iov, used);
		ssize_t n = unless_astray(l, by, by->ops->receive(by, iov, used));
		int error = session_arrived(ep->session, &l->path, n > 0 ? (size_t)n : 0, now);
		settle_reading(l, n);
		if (n > 0)
			ep->moved_at = now;
		bytes += n > 0 ? (size_t)n : 0;
		/*
		 * There was no more. What comes now is a new edge, but the end may have come before; and a twin is
		 * polled, which tells the end as long as there is one.
		 */
		if (n > 0 && (size_t)n < space && (by == l->twin || !l->ending) && error == 0)
			l->readable = false;
	}
	return false;
}

/* Without memory for them the path is lost: the peer sends them again. */
void link_feed(struct link *l, const uint8_t *bytes, size_t length, time_ns now)
{
	struct endpoint *ep = l->endpoint;
	struct iovec iov[IOV_MOST];

	while (length > 0 && l->outcome == LINK_GOES_ON) {
		unsigned used = ready_to_read(ep, now) ?
				session_place(ep->session, &l->path, iov, IOV_MOST) : 0;
		size_t done = 0;

		if (used == 0) {
			lost(l, ENOMEM, false);
			return;
		}
		for (unsigned i = 0; i < used && done < length; i++) {
			size_t step = iov[i].iov_len < length - done ? iov[i].iov_len : length - done;

			memcpy(iov[i].iov_base, bytes + done, step);
			done += step;
		}
		(void)session_arrived(ep->session, &l->path, done, now);
		look_closed(l);
		bytes += done;
		length -= done;
	}
}

static ssize_t read_spinning(struct carrier *twin, void *bytes, size_t size, time_ns until)
{
	const struct iovec iov = { .iov_base = bytes, .iov_len = size };

	for (;;) {
		ssize_t n = twin->ops->receive(twin, &iov, 1);

		if (n != -EAGAIN || clock_now() >= until)
			return n;
		sched_yield();
	}
}

int link_await(struct endpoint *ep, struct link *l, time_ns spin_until)
{
	struct drive *d = &ep->drive;
	struct carrier *twin = l->twin;
	uint8_t bytes[AWAIT_BYTES];
	ssize_t n;

	d->awaited = l;
	bool spins = spin_until > d->now;
	pthread_mutex_unlock(&ep->lock);
	n = spins ? read_spinning(twin, bytes, sizeof bytes, spin_until) :
		    twin->ops->await(twin, bytes, sizeof bytes);
	pthread_mutex_lock(&ep->lock);
	/* The link may be gone by now. If only its twin is, these are its bytes all the same. */
	l = d->awaited;
	d->awaited = NULL;
	d->now = clock_now();
	if (l) {
		n = unless_astray(l, l->twin, n);
		l->readable = n == sizeof bytes;
		if (n > 0) {
			ep->moved_at = d->now;
			link_feed(l, bytes, (size_t)n, d->now);
		} else {
			settle_reading(l, n);
		}
		/* The engine serves again, and what it was told meanwhile has been waiting. */
		if (!d->driven && l->outcome == LINK_GOES_ON)
			l->readable = true;
	}
	return n == -EAGAIN ? -EAGAIN : 0;
}

/* It takes no more bytes; what the peer said last, a reset for example, may still be there to read. */
static void broken_pipe(struct link *l, struct carrier *by, int error, time_ns now)
{
	l->readable = true;
	while (link_read(l, by, now))
		;
	if (l->outcome == LINK_GOES_ON)
		lost(l, error, error == EPIPE || error == ECONNRESET);
}

bool link_write(struct link *l, struct carrier *by, time_ns now)
{
	struct endpoint *ep = l->endpoint;
	struct iovec iov[IOV_MOST];

	if (session_asleep(ep->session))
		endpoint_lend(ep);
	if (session_asleep(ep->session))
		return false;
	unsigned used = session_plan(ep->session, &l->path, iov, IOV_MOST, now);
	size_t planned = iov_bytes(iov, used);
	/* What is last goes with the end, in one packet. */
	bool last = session_path_last(&l->path);
	ssize_t n = planned > 0 ? by->ops->send(by, iov, used, last) : 0;
	if (n == -EFAULT)
		lost(l, EFAULT, false);
	n = unless_astray(l, by, n);
	session_wrote(ep->session, &l->path, n > 0 ? (size_t)n : 0, now);
	if (n > 0)
		ep->moved_at = now;
	if (n < (ssize_t)planned)
		session_path_room(ep->session, &l->path, false);
	/* A thread that waits in reading is told as well, and of what comes before it. */
	if (n < 0 && n != -EAGAIN && l->outcome == LINK_GOES_ON && ep->drive.awaited != l)
		broken_pipe(l, by, (int)-n, now);
	if (session_path_done(ep->session, &l->path) && !l->finished) {
		l->finished = true;
		by->ops->finish(by);
	}
	return planned > 0;
}

void link_report(struct link *l, struct carrier *by, time_ns now)
{
	struct carrier_report report;

	by->ops->report(by, &report);
	session_path_report(l->endpoint->session, &l->path, &report, now);
}

/* Looks whether the core wants another backlog of the carrier. */
static void tend_backlog(struct link *l, struct carrier *by)
{
	uint32_t bytes = session_path_backlog(l->endpoint->session, &l->path);

	/* Small changes are not worth a system call. */
	if (bytes / 8 * 7 <= l->backlog_bytes && l->backlog_bytes <= bytes + bytes / 8)
		return;
	l->backlog_bytes = bytes;
	by->ops->backlog(by, bytes);
}

void link_tend(struct link *l, struct carrier *by, time_ns now)
{
	tend_backlog(l, by);
	if (l->chosen)
		congestion_look(l->chosen, by, now);
}
