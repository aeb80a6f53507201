/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the next bytes of a carrier go, before it is known what they are: the rest of a DATA frame straight
 * to its place, all else to a staging block, whence input.c takes it apart.
 *
 *     carrier:  ...rest of DATA | header | DATA...
 *                    |               |
 *                    |               `--> staging block, copied from there; or as in expect.c
 *                    `--> the receive buffer's blocks, or the program's own memory
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/session_internal.h"

int session_read_on(struct session *s, time_ns now)
{
	struct path *p = s->held.path;
	int error;

	if (p == NULL)
		return 0;
	do
		error = session_input(s, p, &s->held.bytes, &s->held.length, now);
	while (error == 0 && session_held_next(s));
	if (error != -ENOMEM)
		session_drop_held(s, p);
	return error;
}

bool session_held_next(struct session *s)
{
	if (s->held.more_count == 0)
		return false;
	stock_give(&s->stock, s->staging);
	s->staging = s->held.more[0];
	s->held.more_count--;
	memmove(s->held.more, s->held.more + 1, s->held.more_count * sizeof s->held.more[0]);
	s->held.bytes = s->staging;
	s->held.length = s->held.more_count > 0 ? BLOCK_BYTES : s->held.last_bytes;
	return true;
}

void session_drop_held(struct session *s, const struct path *p)
{
	if (s->held.path != p)
		return;
	s->held.path = NULL;
	while (session_held_next(s))
		;
	stock_give(&s->stock, s->staging);
	s->staging = NULL;
}

/* Straight to where the rest of a DATA frame belongs: the program's memory if it is next in order, or blocks. */
static unsigned place_payload(struct session *s, struct path *p, struct iovec *iov, unsigned max)
{
	uint64_t start = p->work->in.at, end = p->work->in.end;

	if (!receive_buffer_wanted(&s->receive, &start, &end) || start != p->work->in.at)
		return 0;
	/* A FIN that another path brought meanwhile may contradict it: the copy from staging finds that. */
	if (receive_buffer_check(&s->receive, start, end) < 0)
		return 0;
	if (s->into.left > 0 && start == s->receive.consumed && !s->discard) {
		s->into_placed = true;
		iov->iov_base = s->into.at;
		iov->iov_len = end - start < s->into.left ? (size_t)(end - start) : s->into.left;
		return 1;
	}
	int placed = receive_buffer_place(&s->receive, &s->stock, start, end, iov, max);
	return placed > 0 ? (unsigned)placed : 0;
}

/* Behind the rest of the frame at hand, or of the last one: where frames would go that come next in order. */
static unsigned place_expected(struct session *s, struct path *p, size_t placed, struct iovec *iov, unsigned max)
{
	bool follows = p->work->in.in_payload ? s->into_placed && placed == p->work->in.end - p->work->in.at :
					  p->work->in.header_have == 0 && p->work->in.end == s->receive.contiguous;

	if (!follows || s->into.left <= placed || s->discard || session_readable(s) > 0)
		return 0;
	return expect_place(s, p, s->into.at + placed, s->into.left - placed, iov, max);
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
	s->into_placed = false;
	s->expected = 0;
	if (max > 1 && p->work->in.in_payload && p->work->in.frame.type == FRAME_DATA && s->state < SESSION_CLOSED)
		used = place_payload(s, p, iov, max - 1);
	for (unsigned i = 0; i < used; i++)
		s->placed_bytes += iov[i].iov_len;
	if (max - used > 1 && s->state < SESSION_CLOSED)
		used += place_expected(s, p, s->placed_bytes, iov + used, max - used - 1);
	/* Memory that is full is gone on from in the middle of a frame. */
	if (s->expected > 0 && (uint8_t *)iov[used - 1].iov_base + iov[used - 1].iov_len == s->into.at + s->into.left)
		return used;
	iov[used].iov_base = s->staging + s->expected * FRAME_DATA_HEAD_BYTES;
	iov[used].iov_len = p->work->in.bulk ? STAGING_BYTES_BULK : STAGING_BYTES;
	return used + 1;
}

/* Of the frame at hand. What was put into the program's memory has been consumed by that. */
void session_took(struct session *s, struct path *p, size_t length, time_ns now)
{
	if (length == 0)
		return;
	receive_buffer_passed(&s->receive, &s->stock, length);
	session_count_arrived(s, p, length, true, now);
	session_count_consumed(s, now);
	s->into.at += length;
	s->into.left -= length;
	s->into.taken += length;
	p->work->in.at += length;
	session_data_arrived(s, p, length, now);
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
	if (placed > 0 && s->into_placed) {
		session_took(s, p, placed, now);
	} else if (placed > 0) {
		error = session_stored(s, p, p->work->in.at, p->work->in.at + placed, now);
		p->work->in.at += placed;
		if (error == 0)
			session_data_arrived(s, p, placed, now);
	}
	if (error == 0)
		error = expect_arrived(s, p, now);
	if (error == 0)
		return session_read_on(s, now);
	session_drop_held(s, p);
	return session_broken(s, error, now);
}

bool session_path_bulk(const struct path *p)
{
	return p->work != NULL && p->work->in.bulk;
}
