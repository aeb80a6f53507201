/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor face: bytes between an AF_UNIX socket and the session. */
#include "driver/face_descriptor.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/link.h"
#include "driver/name.h"
#include "driver/pressure.h"
#include "driver/primer.h"

#define TURN_BYTES          (1u << 20)          /* per turn of the loop and direction */
#define TURN_PACKETS        256u
#define IOV_MOST            24u
#define SOCKET_BUFFER_BYTES (1 << 20)
#define PART_MIN_BYTES      4096u               /* with less room a packet's next part waits */
#define SMALL_BYTES         2048u               /* a write of that size cannot hold up the next one */
#define RELEASE_WAIT_NS     (5 * NS_PER_MS)     /* nothing new for so long: is the writer stuck? */
#define GIVE_RETRY_NS       (20 * NS_PER_MS)    /* after memory was refused */
#define READ_WAIT_NS        (50 * NS_PER_MS)    /* between two looks whether all packets were read */

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

static void face_ready(struct watch *w, uint32_t events)
{
	struct face *f = container_of(w, struct face, watch);
	struct endpoint *ep = container_of(f, struct endpoint, face);

	pthread_mutex_lock(&ep->lock);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		f->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		f->writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		f->shut = true;
	/* After our own shutdown a hang-up only says that the program shut its direction as well. */
	if ((events & EPOLLHUP) && !f->output_ended)
		f->closed = f->deaf = true;
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

/* The engine's end is fd from now on; on failure it stays the caller's. */
static int adopt(struct endpoint *ep, int fd, bool stale)
{
	struct face *f = &ep->face;

	assert(f->fd < 0 && f->kind == FACE_ABSENT);
	int error = watch_start(ep->engine, &f->watch, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, face_ready);
	if (error < 0)
		return error;
	pthread_mutex_lock(&ep->lock);
	f->kind = FACE_SOCKET;
	f->fd = fd;
	f->stale = stale;
	f->stale_bytes = stale ? 1 : 0;
	f->readable = f->writable = true;
	record_reader_init(&f->reader, UINT64_MAX);
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
	return 0;
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
		error = adopt(ep, pair[0], true);
	if (error < 0) {
		close(pair[0]);
		close(pair[1]);
		return failure_system(failure, -error, "making the session's socket");
	}
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
	if (error == 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		error = -errno;
	if (error == 0)
		error = adopt(ep, fd, false);
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
	free(f->out.bytes);
	f->out = (struct parcel){ 0 };
}

/* --- from the program --- */

static size_t queued_bytes(const struct face *f)
{
	int bytes = 0;

	return ioctl(f->fd, SIOCINQ, &bytes) < 0 ? 0 : (size_t)bytes;
}

/*
 * Nothing new came for a while after a large write. When the stale byte's memory is what keeps the
 * writer asleep it is given up; until the next write only the primer can tell of a reset.
 */
static void release_stale(struct endpoint *ep)
{
	struct face *f = &ep->face;
	char bytes[1];

	if (f->fd < 0 || !f->stale || f->ending || queued_bytes(f) > f->stale_bytes ||
	    !pressure_on_peer(f->fd))
		return;
	/* A packet goes whole, whatever the length asked for. */
	(void)recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	f->stale = false;
	f->stale_bytes = 0;
}

static size_t new_bytes(const struct face *f)
{
	size_t queued = queued_bytes(f);

	/* Of packets the head alone is stale; of a stream its first byte. */
	return queued > f->stale_bytes ? queued - f->stale_bytes : 0;
}

bool face_descriptor_pending(struct endpoint *ep)
{
	const struct face *f = &ep->face;

	return f->fd >= 0 && !f->input_ended && (f->in.length > 0 || (f->shut && f->kind != FACE_ABSENT) ||
						  new_bytes(f) > 0 || (!f->stale && queued_bytes(f) > 0));
}

static void input_over(struct endpoint *ep, time_ns now)
{
	ep->face.input_ended = true;
	ep->face.readable = false;
	session_send_finish(ep->session, now);
}

/* Cuts the iovecs off after `bytes`; returns how many are left. */
static unsigned cut(struct iovec *iov, unsigned count, size_t bytes)
{
	for (unsigned i = 0; i < count; i++) {
		if (iov[i].iov_len >= bytes) {
			iov[i].iov_len = bytes;
			return bytes ? i + 1 : i;
		}
		bytes -= iov[i].iov_len;
	}
	return count;
}

static size_t iov_bytes(const struct iovec *iov, unsigned count)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* Where byte number `at` of the iovecs is. */
static void *iov_at(const struct iovec *iov, size_t at)
{
	while (at >= iov->iov_len)
		at -= (iov++)->iov_len;
	return (char *)iov->iov_base + at;
}

/*
 * Moves `bytes` of the stream into iov: the stale byte and all but the last are taken off the queue,
 * the last is copied and is the stale one then. Returns how many were moved.
 */
static size_t take_stream_bytes(struct face *f, struct iovec *iov, unsigned count, size_t bytes)
{
	struct iovec first[IOV_MOST + 1];
	char stale;
	size_t taken = 0, off = (f->stale ? 1 : 0) + bytes - 1;

	first[0] = (struct iovec){ .iov_base = &stale, .iov_len = f->stale ? 1 : 0 };
	memcpy(first + 1, iov, count * sizeof *iov);
	if (off > 0) {
		struct msghdr message = { .msg_iov = first };

		message.msg_iovlen = cut(first, count + 1, off);
		ssize_t n = recvmsg(f->fd, &message, MSG_DONTWAIT);
		if (n <= 0)
			return 0;
		taken = (size_t)n - (f->stale ? 1 : 0);
	}
	f->stale = false;
	f->stale_bytes = 0;
	if (recv(f->fd, iov_at(iov, taken), 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
		f->stale = true;
		f->stale_bytes = 1;
		taken++;
	}
	return taken;
}

static bool take_stream(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;
	struct iovec iov[IOV_MOST];

	for (size_t moved = 0; f->readable && !f->input_ended;) {
		bool shut = f->shut;    /* looked at before the queue: nothing is added after it */
		size_t bytes = new_bytes(f);

		if (bytes == 0) {
			f->readable = false;
			if (shut)
				input_over(ep, now);
			break;
		}
		f->bulk_at = bytes > SMALL_BYTES ? now : f->bulk_at;
		if (moved >= TURN_BYTES)
			return true;
		endpoint_lend(ep);
		unsigned count = session_send_space(ep->session, bytes, iov, IOV_MOST);
		size_t space = iov_bytes(iov, count);
		if (space == 0)
			break;  /* readable stays: goes on when there is room */
		bytes = take_stream_bytes(f, iov, count, space < bytes ? space : bytes);
		session_send_commit(ep->session, bytes, now);
		if (bytes == 0)
			break;
		moved += bytes;
	}
	return false;
}

static bool parcel_reserve(struct parcel *p, size_t bytes)
{
	size_t capacity = p->capacity ? p->capacity : 4096;

	while (capacity < bytes)
		capacity *= 2;
	if (capacity == p->capacity)
		return true;
	uint8_t *grown = realloc(p->bytes, capacity);
	if (!grown)
		return false;
	p->bytes = grown;
	p->capacity = capacity;
	return true;
}

/*
 * The next packet into f->in; it stays at the head of the queue, stale. 1: there is one, 0: none (the
 * direction may be over), -ENOMEM.
 */
static int take_packet(struct face *f)
{
	char none;

	if (f->stale) {
		if (new_bytes(f) == 0)
			return 0;
		(void)recv(f->fd, &none, 0, MSG_DONTWAIT);
		f->stale = false;
		f->stale_bytes = 0;
	}
	for (;;) {
		ssize_t length = recv(f->fd, &none, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

		if (length < 0 || (length == 0 && queued_bytes(f) == 0))
			return 0;
		if (length == 0) {      /* cannot be told from the end at the other side: not sent */
			(void)recv(f->fd, &none, 0, MSG_DONTWAIT);
			continue;
		}
		if (!parcel_reserve(&f->in, (size_t)length))
			return -ENOMEM;
		length = recv(f->fd, f->in.bytes, (size_t)length, MSG_PEEK | MSG_DONTWAIT);
		if (length <= 0)
			return 0;
		f->in.length = (size_t)length;
		f->in.at = 0;
		f->bulk_at = (size_t)length > SMALL_BYTES ? clock_now() : f->bulk_at;
		f->stale = true;
		f->stale_bytes = (size_t)length;
		return 1;
	}
}

/* Copies as far as there is room and memory; returns how much. */
static size_t put(struct endpoint *ep, const uint8_t *bytes, size_t length, time_ns now)
{
	struct iovec iov[IOV_MOST];
	size_t done = 0;

	while (done < length) {
		endpoint_lend(ep);
		unsigned count = session_send_space(ep->session, length - done, iov, IOV_MOST);
		size_t space = 0;

		for (unsigned i = 0; i < count; i++) {
			memcpy(iov[i].iov_base, bytes + done + space, iov[i].iov_len);
			space += iov[i].iov_len;
		}
		if (count == 0)
			break;
		session_send_commit(ep->session, space, now);
		done += space;
	}
	return done;
}

/* The packet at hand as a record, or as much of it as there is room for. True when it is all in. */
static bool forward_packet(struct endpoint *ep, time_ns now)
{
	struct parcel *p = &ep->face.in;
	uint8_t header[RECORD_HEADER_BYTES];

	while (p->length > 0) {
		size_t left = p->length - p->at;
		size_t fits = endpoint_fits(ep, sizeof header + left);

		if (fits < sizeof header + left && fits < PART_MIN_BYTES)
			return false;
		size_t part = fits - sizeof header;
		record_header_encode(header, (uint32_t)part, part < left);
		size_t wrote = put(ep, header, sizeof header, now);
		assert(wrote == sizeof header);
		wrote = put(ep, p->bytes + p->at, part, now);
		assert(wrote == part);
		p->at += part;
		if (p->at == p->length) {
			p->length = 0;
			session_send_boundary(ep->session);
		}
	}
	return true;
}

static bool take_packets(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;

	for (unsigned i = 0; f->readable && !f->input_ended; i++) {
		bool shut = f->shut;

		if (i == TURN_PACKETS)
			return true;
		if (!forward_packet(ep, now))
			break;
		int got = take_packet(f);
		if (got < 0)
			break;
		if (got == 0) {
			f->readable = false;
			if (shut)
				input_over(ep, now);
		}
	}
	return false;
}

bool face_descriptor_take(struct endpoint *ep, time_ns now)
{
	const struct face *f = &ep->face;

	if (f->fd < 0 || !f->readable || f->input_ended || session_send_finished(ep->session) ||
	    session_state(ep->session) != SESSION_OPEN)
		return false;
	if (f->kind != FACE_SOCKET && !f->adopting)
		return false;
	return ep->messages ? take_packets(ep, now) : take_stream(ep, now);
}

/* --- to the program --- */

/* The program closed its end, or its reading direction. */
static void gone_deaf(struct endpoint *ep, time_ns now)
{
	ep->face.deaf = true;
	ep->face.writable = false;
	session_receive_discard(ep->session, now);
}

/* The socket took nothing: it is full, nobody reads it any more, or the system is short of memory. */
static void give_failed(struct endpoint *ep, int error, time_ns now)
{
	if (error == EPIPE || error == ECONNRESET)
		gone_deaf(ep, now);
	else if (error == EAGAIN)
		ep->face.writable = false;
	else
		timer_start(ep->engine, &ep->retry, now + GIVE_RETRY_NS);       /* no edge will come */
}

static bool give_stream(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;
	struct iovec iov[IOV_MOST];
	size_t given = 0;

	while (f->writable && session_readable(ep->session) > 0) {
		struct msghdr message = { .msg_iov = iov };

		if (given >= TURN_BYTES)
			return true;
		message.msg_iovlen = session_receive_peek(ep->session, iov, IOV_MOST);
		ssize_t n = sendmsg(f->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0) {
			give_failed(ep, n < 0 ? errno : EAGAIN, now);
			break;
		}
		session_receive_consume(ep->session, (uint64_t)n, now);
		given += (size_t)n;
	}
	return false;
}

/* No further message can be given. */
static void refuse_message(struct endpoint *ep, const char *why, time_ns now)
{
	session_receive_discard(ep->session, now);
	ep->face.out.length = 0;
	ep->face.out.whole = false;
	failure_set(&ep->failure, ECONNRESET, "session with %s: %s", ep->peer, why);
	session_reset(ep->session, REASON_ABORTED, now);
}

static void break_protocol(struct endpoint *ep, time_ns now)
{
	session_receive_discard(ep->session, now);
	session_reset(ep->session, REASON_PROTOCOL_ERROR, now);
}

/* Sends the message at hand as one packet; false: the socket is full, or it cannot be. */
static bool give_packet(struct endpoint *ep, time_ns now)
{
	struct parcel *p = &ep->face.out;

	if (p->length == 0) {
		refuse_message(ep, "a message of 0 bytes came, which a descriptor cannot tell from the end",
			       now);
		return false;
	}
	if (send(ep->face.fd, p->bytes, p->length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		p->length = 0;
		p->whole = false;
		return true;
	}
	if (errno == EMSGSIZE)
		refuse_message(ep, "a message came that is larger than a packet of this system", now);
	else
		give_failed(ep, errno, now);
	return false;
}

/* Moves bytes of the message at hand from the session to f->out; false when none moved. */
static bool gather(struct endpoint *ep, time_ns now)
{
	struct parcel *p = &ep->face.out;
	struct iovec iov;
	size_t header, payload;
	bool end;

	if (session_receive_peek(ep->session, &iov, 1) == 0)
		return false;
	int error = record_reader_feed(&ep->face.reader, iov.iov_base, iov.iov_len, &header, &payload,
				       &end);
	if (error == 0 && p->length + payload > PACKET_BYTES_MAX)
		error = -EMSGSIZE;
	if (error < 0) {
		if (error == -EMSGSIZE)
			refuse_message(ep, "a message came that is larger than a packet may be", now);
		else
			break_protocol(ep, now);
		return false;
	}
	if (!parcel_reserve(p, p->length + payload)) {
		session_receive_consume(ep->session, header, now);
		timer_start(ep->engine, &ep->retry, now + GIVE_RETRY_NS);
		return false;
	}
	memcpy(p->bytes + p->length, (uint8_t *)iov.iov_base + header, payload);
	p->length += payload;
	session_receive_consume(ep->session, header + payload, now);
	if (payload > 0 || end)
		p->whole = record_reader_took(&ep->face.reader, payload);
	return true;
}

static bool give_packets(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;
	size_t rounds = 0;

	while (f->writable) {
		if (rounds++ == TURN_PACKETS)
			return true;
		if (f->out.whole ? !give_packet(ep, now) : !gather(ep, now))
			break;
	}
	return false;
}

/* The peer's end: the program reads EOF after all that came before. */
static void give_end(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;

	if (f->output_ended || f->out.whole || !session_receive_ended(ep->session))
		return;
	if (ep->messages && !f->deaf && !record_reader_between(&f->reader)) {
		break_protocol(ep, now);
		return;
	}
	shutdown(f->fd, SHUT_WR);
	f->output_ended = true;
}

bool face_descriptor_give(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;
	bool more;

	if (f->fd < 0 || f->kind != FACE_SOCKET || f->ending)
		return false;
	if (f->deaf)
		gone_deaf(ep, now);
	more = ep->messages ? give_packets(ep, now) : give_stream(ep, now);
	give_end(ep, now);
	return more;
}

/* --- the end --- */

static bool all_arrived(struct endpoint *ep)
{
	struct session_figures figures;

	session_figures(ep->session, &figures);
	return figures.acknowledged == figures.written && new_bytes(&ep->face) == 0 &&
	       ep->face.in.length == 0;
}

void face_descriptor_reset(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->fd < 0 || f->kind != FACE_SOCKET)
		/* a handle's calls tell it; its notifier is closed when all is over */
		return;
	/* Nothing it writes goes anywhere: EPIPE, as after a reset of TCP. But one byte it has to write. */
	if (!f->mute && queued_bytes(f) > 0) {
		shutdown(f->fd, SHUT_RD);
		f->mute = true;
	}
	f->input_ended = true;
	/* All that the peer sent was read to its end, and all of ours arrived: a reset takes nothing away. */
	f->complete = f->output_ended && all_arrived(ep);
	/* What arrived before is read first; a part of a message is not. */
	if (f->deaf || (session_readable(ep->session) == 0 && !f->out.whole))
		f->ending = true;
}

static void look_again(struct timer *t, time_ns now)
{
	struct face *f = container_of(t, struct face, again);

	(void)now;
	endpoint_post(container_of(f, struct endpoint, face));
}

static void look_in(struct endpoint *ep, time_ns wait_ns)
{
	struct face *f = &ep->face;

	f->again.expired = look_again;
	timer_start(ep->engine, &f->again, clock_now() + wait_ns);
}

static void primed(struct primer_job *job)
{
	struct endpoint *ep = container_of(container_of(job, struct face, primer), struct endpoint, face);

	ep->face.priming = false;
	endpoint_post(ep);
}

/* Nothing is unread: has the program's own end write a byte. Tries again, less and less often. */
static void prime(struct endpoint *ep)
{
	struct face *f = &ep->face;
	time_ns wait_ns = f->prime_wait_ns ? f->prime_wait_ns : NS_PER_MS;

	if (f->priming || timer_started(&f->again))
		return;
	f->prime_wait_ns = wait_ns * 4 < NS_PER_S ? wait_ns * 4 : NS_PER_S;
	look_in(ep, wait_ns);
	f->priming = primer_submit(ep->engine, &f->primer, f->fd, primed);
}

static bool all_read(const struct face *f)
{
	int bytes = 0;

	return ioctl(f->fd, SIOCOUTQ, &bytes) < 0 || bytes == 0;
}

/* A reader of packets would get the error before what it was given: wait until it has read that. */
static bool packets_unread(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (!ep->messages || f->closed || all_read(f))
		return false;
	if (!timer_started(&f->again))
		look_in(ep, READ_WAIT_NS);
	return true;
}

static void settle_reset(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->priming || packets_unread(ep))
		return;
	if (queued_bytes(f) == 0 && !f->closed) {
		prime(ep);
		return;
	}
	face_descriptor_close(ep);
}

/* A clean end: what is stale is taken off first, so that nothing unread turns it into a reset. */
static void settle_clean(struct endpoint *ep)
{
	struct face *f = &ep->face;
	char bytes[4096];

	for (unsigned i = 0; i < TURN_PACKETS; i++)
		if (recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
			break;
	face_descriptor_close(ep);
}

/* After a large write, with nothing new: looks in a while whether the writer sleeps. */
static void settle_stale(struct endpoint *ep)
{
	struct face *f = &ep->face;
	time_ns now = clock_now();

	if (!f->bulk_at || !f->stale || f->ending || f->input_ended)
		return;
	if (now - f->bulk_at >= RELEASE_WAIT_NS) {
		f->bulk_at = 0;
		release_stale(ep);
	} else if (!timer_started(&f->again)) {
		look_in(ep, RELEASE_WAIT_NS);
	}
}

void face_descriptor_settle(struct endpoint *ep)
{
	struct face *f = &ep->face;

	if (f->fd < 0)
		return;
	/* The process exits: other holders of the descriptor read a reset when it is gone. */
	if (f->kind == FACE_GONE && ep->stage == ENDPOINT_OVER && ep->last.state == SESSION_RESET)
		return;
	settle_stale(ep);
	if (f->ending && !f->complete)
		settle_reset(ep);
	else if (f->ending || ep->stage == ENDPOINT_OVER)
		settle_clean(ep);
}
