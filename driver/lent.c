/* SPDX-License-Identifier: Apache-2.0 */
/* Lent buffers; see lent.h. */
#include "driver/lent.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/record.h"
#include "driver/face_handle.h"

/* Less than that is copied: it costs less than to keep book of it. */
#define LOAN_BYTES_MIN  (16u << 10)
/* At most so much is copied when the program closes with buffers out; for what is more it waits. */
#define KEEP_BYTES_MAX  (8u << 20)
#define SETTLE_LOOK_NS  (20 * NS_PER_MS)

_Static_assert(HAWSER_LEND_MAX <= LOAN_BYTES_MAX && HAWSER_LEND_MAX <= RECORD_PART_MAX,
	       "one lend is one loan, and one part of a message");

static struct lent_buffer *buffer_at(struct lent *l, unsigned i)
{
	assert(i < l->count);
	return &l->ring[(l->first + i) % LOANS_MAX];
}

static void drop_first(struct lent *l)
{
	l->first = (l->first + 1) % LOANS_MAX;
	l->count--;
}

/* How many of the session's loans are back. */
static uint64_t loans_back(struct endpoint *ep)
{
	return ep->session ? session_loans_returned(ep->session) : UINT64_MAX;
}

static bool first_is_back(struct endpoint *ep)
{
	return ep->lent->count > 0 && buffer_at(ep->lent, 0)->loan <= loans_back(ep);
}

/* --- lending --- */

struct lending {
	const void *data;
	size_t length;
	void *token;
	bool more;
};

static int copy(struct endpoint *ep, const uint8_t *head, size_t head_length, const struct lending *l)
{
	if (!endpoint_may_grow(ep) || endpoint_fits(ep, head_length + l->length) < head_length + l->length)
		return -EAGAIN;
	face_handle_put(ep, head, head_length);
	face_handle_put(ep, l->data, l->length);
	return 0;
}

/* All of it or nothing, as a whole message or a part of one: 0, or -EAGAIN. */
static int give(struct endpoint *ep, const struct lending *l)
{
	uint8_t head[RECORD_HEADER_BYTES];
	size_t head_length = ep->messages ? sizeof head : 0;
	bool loan = l->length >= LOAN_BYTES_MIN;
	int error;

	if (l->length == 0 && (!ep->messages || l->more))
		return 0;
	if (ep->messages)
		record_header_encode(head, (uint32_t)l->length, l->more);
	if (loan) {
		endpoint_lend(ep);
		error = session_borrow(ep->session, head, head_length, l->data, l->length, clock_now());
	} else {
		error = copy(ep, head, head_length, l);
	}
	if (error < 0) {
		ep->lent->wanted_loan = loan;
		ep->lent->wanted_bytes = l->length;
		return -EAGAIN;
	}
	ep->lent->loans += loan;
	if (ep->messages && !l->more)
		session_send_boundary(ep->session);
	return 0;
}

static ssize_t lend_step(struct endpoint *ep, void *what)
{
	const struct lending *l = what;
	uint64_t loans = ep->lent->loans;

	if (ep->lent->count == LOANS_MAX)
		return -ENOBUFS;
	int error = give(ep, l);
	if (error < 0)
		return error;
	ep->lent->count++;
	*buffer_at(ep->lent, ep->lent->count - 1) = (struct lent_buffer){
		.token = l->token, .loan = ep->lent->loans > loans ? ep->lent->loans : 0,
	};
	ep->lent->wants_back = true;
	ep->lent->wants_room = false;
	return (ssize_t)l->length;
}

static struct lent *table_of(struct endpoint *ep, bool make)
{
	pthread_mutex_lock(&ep->lock);
	if (!ep->lent && make)
		ep->lent = calloc(1, sizeof *ep->lent);
	struct lent *l = ep->lent;
	pthread_mutex_unlock(&ep->lock);
	return l;
}

ssize_t lent_lend(struct hawser *h, const void *data, size_t length, void *token, int flags)
{
	struct lending l = { .data = data, .length = length, .token = token, .more = flags & HAWSER_MORE };

	if (flags & ~(HAWSER_DONTWAIT | HAWSER_MORE))
		return -EINVAL;
	if (length > HAWSER_LEND_MAX)
		return -EMSGSIZE;
	struct lent *lent = table_of(h->endpoint, true);
	if (!lent)
		return -ENOMEM;
	return face_handle_call(h, true, &lent->wants_room, flags & HAWSER_DONTWAIT ? 0 : TIME_NEVER,
				lend_step, &l);
}

/* --- taking back --- */

struct taking {
	void **tokens;
	int count;
};

static ssize_t take_step(struct endpoint *ep, void *what)
{
	const struct taking *t = what;
	int taken = 0;

	while (taken < t->count && first_is_back(ep)) {
		t->tokens[taken++] = buffer_at(ep->lent, 0)->token;
		drop_first(ep->lent);
	}
	ep->lent->wants_back = ep->lent->count > 0;
	return taken == 0 && ep->lent->count > 0 ? -EAGAIN : taken;
}

ssize_t lent_returned(struct hawser *h, void **tokens, int count, int timeout_ms)
{
	struct taking t = { .tokens = tokens, .count = count };
	time_ns until = TIME_NEVER;

	if (count <= 0 || timeout_ms < -1)
		return -EINVAL;
	struct lent *lent = table_of(h->endpoint, false);
	if (!lent)
		return 0;
	if (timeout_ms >= 0)
		until = timeout_ms > 0 ? clock_now() + timeout_ms * NS_PER_MS : 0;
	return face_handle_call(h, false, &lent->wants_back, until, take_step, &t);
}

static bool has_room(struct endpoint *ep)
{
	const struct lent *l = ep->lent;
	size_t head = ep->messages ? RECORD_HEADER_BYTES : 0;

	if (l->wanted_loan)
		return session_loan_room(ep->session) >= l->wanted_bytes && session_room(ep->session) >= head;
	return endpoint_may_grow(ep) && session_room(ep->session) >= head + l->wanted_bytes;
}

bool lent_may_lend(struct endpoint *ep)
{
	return ep->lent && ep->lent->wants_room && ep->session && has_room(ep);
}

bool lent_can_go_on(struct endpoint *ep)
{
	return (ep->lent && ep->lent->wants_back && first_is_back(ep)) || lent_may_lend(ep);
}

void lent_told(struct endpoint *ep, const bool *but_not)
{
	struct lent *l = ep->lent;

	if (!l)
		return;
	if (but_not != &l->wants_back && first_is_back(ep))
		l->wants_back = false;
	if (but_not != &l->wants_room && ep->session && has_room(ep))
		l->wants_room = false;
}

/* --- the program has closed it --- */

void lent_look(struct endpoint *ep)
{
	if (!ep->lent || !ep->lent->closed)
		return;
	while (first_is_back(ep)) {
		struct lent_buffer *b = buffer_at(ep->lent, 0);

		if (b->kept_bytes > 0)
			memory_give_bytes(&ep->engine->memory, b->token, b->kept_bytes);
		drop_first(ep->lent);
	}
	if (ep->lent->count == 0) {
		free(ep->lent);
		ep->lent = NULL;
	}
}

/* Copies what is out and not acknowledged, so that the program can have its memory. False: not all of it. */
static bool keep(struct endpoint *ep)
{
	struct lent *l = ep->lent;
	uint64_t bytes;
	unsigned loan = 0;

	session_loans_out(ep->session, &bytes);
	if (bytes > KEEP_BYTES_MAX)
		return false;
	for (unsigned i = 0; i < l->count; i++) {
		struct lent_buffer *b = buffer_at(l, i);
		size_t length;

		if (b->loan == 0 || b->kept_bytes > 0) {
			loan += b->loan > 0;
			continue;
		}
		const void *from = session_loan(ep->session, loan, &length);
		void *to = from ? memory_take_bytes(&ep->engine->memory, length) : NULL;
		if (!to)
			return false;
		memcpy(to, from, length);
		session_loan_moved(ep->session, loan++, to);
		b->token = to;
		b->kept_bytes = length;
	}
	return true;
}

void lent_settle(struct endpoint *ep)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&ep->lock);
	if (ep->lent)
		ep->lent->closed = true;
	for (;;) {
		lent_look(ep);
		if (!ep->lent || keep(ep))
			break;
		/* An acknowledgement, or the linger time, ends it; and there may be memory again. */
		endpoint_wait_changed(ep, clock_now() + SETTLE_LOOK_NS);
	}
	pthread_mutex_unlock(&ep->lock);
	pthread_setcancelstate(cancel, NULL);
}
