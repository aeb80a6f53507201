/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the next bytes of a carrier go, before it is known what they are: the rest of a DATA frame straight
 * to its place, all else to a staging block, whence input.c takes it apart.
 *
 *     carrier:  ...rest of DATA | header | DATA...
 *                    |               |
 *                    |               `--> staging block, copied from there
 *                    `--> the receive buffer's blocks, or the program's own memory
 */
#include <assert.h>
#include <errno.h>

#include "core/session_internal.h"

int session_read_on(struct session *s, time_ns now)
{
	struct path *p = s->held.path;
	int error;

	if (p == NULL)
		return 0;
	error = session_input(s, p, &s->held.bytes, &s->held.length, now);
	if (error != -ENOMEM)
		session_drop_held(s, p);
	return error;
}

void session_drop_held(struct session *s, const struct path *p)
{
	if (s->held.path != p)
		return;
	s->held.path = NULL;
	stock_give(&s->stock, s->staging);
	s->staging = NULL;
}

/* Straight to where the rest of a DATA frame belongs: the program's memory if it is next in order, or blocks. */
static unsigned place_payload(struct session *s, struct path *p, struct iovec *iov, unsigned max)
{
	uint64_t start = p->in.at, end = p->in.end;

	if (!receive_buffer_wanted(&s->receive, &start, &end) || start != p->in.at)
		return 0;
	/* A FIN that another path brought meanwhile may contradict it: the copy from staging finds that. */
	if (receive_buffer_check(&s->receive, start, end) < 0)
		return 0;
	if (s->into.left > 0 && start == s->receive.consumed && !s->discard) {
		s->into.placed = true;
		iov->iov_base = s->into.at;
		iov->iov_len = end - start < s->into.left ? (size_t)(end - start) : s->into.left;
		return 1;
	}
	int placed = receive_buffer_place(&s->receive, &s->stock, start, end, iov, max);
	return placed > 0 ? (unsigned)placed : 0;
}

unsigned session_place(struct session *s, struct path *p, struct iovec *iov, unsigned max)
{
	unsigned used = 0;

	if (s->held.path != NULL)
		return 0;
	assert(s->staging == NULL && max > 0);
	s->placed_bytes = 0;
	if (s->work == NULL)
		return 0;
	s->staging = stock_take(&s->stock);
	if (s->staging == NULL)
		return 0;
	s->into.placed = false;
	if (max > 1 && p->in.in_payload && p->in.frame.type == FRAME_DATA && s->state < SESSION_CLOSED)
		used = place_payload(s, p, iov, max - 1);
	for (unsigned i = 0; i < used; i++)
		s->placed_bytes += iov[i].iov_len;
	iov[used].iov_base = s->staging;
	iov[used].iov_len = p->in.bulk ? STAGING_BYTES_BULK : STAGING_BYTES;
	return used + 1;
}

/* What was put into the program's memory has been consumed by that. */
static void took(struct session *s, struct path *p, size_t length, time_ns now)
{
	receive_buffer_passed(&s->receive, &s->stock, length);
	session_count_arrived(s, p, length, true, now);
	session_count_consumed(s, now);
	s->into.at += length;
	s->into.left -= length;
	s->into.taken += length;
}

void session_receive_into(struct session *s, void *at, size_t length)
{
	s->into.at = at;
	s->into.left = length;
	s->into.taken = 0;
}

bool session_receiving_into(const struct session *s)
{
	return s->into.taken > 0 && s->into.left > 0 && session_readable(s) == 0;
}

size_t session_receive_taken(struct session *s)
{
	size_t taken = s->into.taken;

	s->into.at = NULL;
	s->into.left = s->into.taken = 0;
	return taken;
}

int session_arrived(struct session *s, struct path *p, size_t length, time_ns now)
{
	size_t placed = s->placed_bytes < length ? s->placed_bytes : length;
	int error = 0;

	assert(s->staging != NULL && s->held.path == NULL);
	s->held.path = p;
	s->held.bytes = s->staging;
	s->held.length = length - placed;
	if (length > 0) {
		p->received_bytes += length;
		p->received_at = now;
		s->heard_at = now;
	}
	if (placed > 0) {
		if (s->into.placed)
			took(s, p, placed, now);
		else
			error = session_stored(s, p, p->in.at, p->in.at + placed, now);
		p->in.at += placed;
		if (error == 0)
			session_data_arrived(s, p, placed, now);
	}
	if (error == 0)
		return session_read_on(s, now);
	session_drop_held(s, p);
	return session_broken(s, error, now);
}
