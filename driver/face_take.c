/* SPDX-License-Identifier: Apache-2.0 */
/* From the program: what it wrote into its socket goes into the session. */
#include "driver/face_descriptor.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "driver/unread.h"

#define PART_MIN_BYTES 4096u            /* with less room a packet's next part waits */

bool face_descriptor_pending(struct endpoint *ep)
{
	const struct face *f = &ep->face;

	return f->fd >= 0 && !f->input_ended &&
	       ((f->packets && f->packets->in.length > 0) || (f->shut && f->kind != FACE_ABSENT) || unread_new_bytes(f) != 0);
}

/*
 * The program writes no more. Dropped without a word it reads as a reset, as of TCP: perhaps no program ever
 * had it, because its listener was closed.
 */
static void input_over(struct endpoint *ep, time_ns now)
{
	struct session_figures figures;

	ep->face.input_ended = true;
	ep->face.readable = false;
	session_figures(ep->session, &figures);
	if (!ep->face.dropped || figures.written > 0) {
		session_send_finish(ep->session, now);
		return;
	}
	endpoint_failed(ep, ECONNRESET, "session with %s: closed before it was read", ep->peer);
	session_reset(ep->session, REASON_ABORTED, now);
}

static size_t iov_bytes(const struct iovec *iov, unsigned count)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

static bool take_stream(struct endpoint *ep, time_ns now)
{
	struct face *f = &ep->face;
	struct iovec iov[UNREAD_IOV_MAX];

	for (size_t moved = 0; f->readable && !f->input_ended;) {
		bool shut = f->shut;    /* looked at before the queue: nothing is added after it */
		ssize_t there = unread_new_bytes(f);

		if (there < 0) {
			ep->refused = true;     /* no edge will come */
			break;
		}
		if (there == 0) {
			f->readable = false;
			if (shut)
				input_over(ep, now);
			break;
		}
		size_t bytes = (size_t)there;
		unread_note_write(f, bytes, now);
		if (moved >= FACE_TURN_BYTES)
			return true;
		if (!endpoint_may_grow(ep))
			break;
		endpoint_lend(ep);
		unsigned count = session_send_space(ep->session, bytes, iov, UNREAD_IOV_MAX);
		size_t space = iov_bytes(iov, count);
		if (space == 0)
			break;  /* readable stays: goes on when there is room */
		bytes = unread_take_bytes(f, iov, count, space < bytes ? space : bytes);
		session_send_commit(ep->session, bytes, now);
		if (bytes == 0) {
			ep->refused = true;
			break;
		}
		moved += bytes;
		/* What comes after that queue was looked at is a new edge. */
		if (bytes == (size_t)there && !f->shut)
			f->readable = false;
	}
	return false;
}

/* Copies as far as there is room and memory; returns how much. */
static size_t put(struct endpoint *ep, const uint8_t *bytes, size_t length, time_ns now)
{
	struct iovec iov[UNREAD_IOV_MAX];
	size_t done = 0;

	while (done < length) {
		endpoint_lend(ep);
		unsigned count = session_send_space(ep->session, length - done, iov, UNREAD_IOV_MAX);
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
	struct parcel *p = &ep->face.packets->in;
	uint8_t header[RECORD_HEADER_BYTES];

	while (p->length > 0) {
		if (!endpoint_may_grow(ep))
			return false;
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

		if (i == FACE_TURN_PACKETS)
			return true;
		if (!forward_packet(ep, now))
			break;
		int got = unread_take_packet(f, now);
		if (got < 0) {
			ep->refused = true;
			break;
		}
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
