/* SPDX-License-Identifier: Apache-2.0 */
/* To the program: what came goes into its socket, then the peer's end. */
#include "driver/face_descriptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "driver/misfit.h"

#define IOV_MOST      24u
#define GIVE_RETRY_NS (20 * NS_PER_MS)  /* after memory was refused */

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
		face_descriptor_full(ep);
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

		if (given >= FACE_TURN_BYTES)
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

/* The message at hand cannot be given: when it has waited for a handle long enough, that is the end. */
static void refuse_message(struct endpoint *ep, const char *why, time_ns now)
{
	if (misfit_waits(ep, now))
		return;
	session_receive_discard(ep->session, now);
	face_drop_gathered(&ep->face);
	endpoint_failed(ep, ECONNRESET, "session with %s: %s", ep->peer, why);
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
	struct parcel *p = &ep->face.packets->out;

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

/* Moves bytes of the message at hand from the session to the parcel; false when none moved. */
static bool gather(struct endpoint *ep, time_ns now)
{
	struct packets *packets = ep->face.packets;
	struct parcel *p = &packets->out;
	struct iovec iov;
	size_t header, payload;
	bool end;

	if (session_receive_peek(ep->session, &iov, 1) == 0)
		return false;
	int error = record_reader_feed(&packets->reader, iov.iov_base, iov.iov_len, &header, &payload, &end);
	if (error < 0) {
		break_protocol(ep, now);
		return false;
	}
	if (packets->reader.message_bytes > PACKET_BYTES_MAX) {
		/* The payload stays in the session, where a handle goes on with it after what was gathered. */
		session_receive_consume(ep->session, header, now);
		refuse_message(ep, "a message came that is larger than a packet may be", now);
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
		p->whole = record_reader_took(&packets->reader, payload);
	return true;
}

static bool give_packets(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;
	size_t rounds = 0;

	while (f->writable) {
		if (rounds++ == FACE_TURN_PACKETS)
			return true;
		if (face_gathered_whole(f) ? !give_packet(ep, now) : !gather(ep, now))
			break;
	}
	return false;
}

/* The peer's end: the program reads EOF after all that came before. */
static void give_end(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;

	if (f->output_ended || face_gathered_whole(f) || !session_receive_ended(ep->session))
		return;
	if (ep->messages && !f->deaf && !record_reader_between(&f->packets->reader)) {
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
