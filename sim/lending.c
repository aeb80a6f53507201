/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that lend: some of what they write stays in their own memory, which they wipe the moment it comes
 * back. Whoever reads it later sends wrong bytes, and the reader's check finds them.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define HEAD_MOST  8u
#define MOVE_ONE_IN 64u

bool lending_gives(struct world *w, struct host *host, uint64_t length)
{
	struct program *program = &host->program;
	uint64_t most = w->plan.host[host->number].lend_most;
	struct random *r = &program->lending;
	struct lent *lent;
	size_t head;

	if (most == 0 || length == 0 || program->lent_bytes + length > most || random_one_in(r, 4))
		return false;
	head = (size_t)random_below(r, length < HEAD_MOST ? length : HEAD_MOST);
	lent = malloc(sizeof *lent + length);
	if (lent == NULL)
		abort();
	program_compose(w, host, lent->bytes, length);
	lent->next = NULL;
	lent->length = length;
	if (session_borrow(host->session, lent->bytes, head, lent->bytes + head, length - head,
			   host_now(w, host)) < 0) {
		free(lent);
		return false;
	}
	/* The head was copied: it is its own again at once. */
	memset(lent->bytes, 0xdd, head);
	*program->lent_end = lent;
	program->lent_end = &lent->next;
	program->lent_bytes += length;
	return true;
}

static void wipe_and_free(struct lent *lent)
{
	memset(lent->bytes, 0xdd, lent->length);
	free(lent);
}

/* As hawser_close does: the session gets a copy of all that is out, and the old memory is wiped. */
static void move_all(struct host *host)
{
	struct lent **at = &host->program.lent;
	uint64_t bytes;
	unsigned out = session_loans_out(host->session, &bytes);

	for (unsigned i = 0; i < out; i++) {
		size_t length;
		const void *from = session_loan(host->session, i, &length);
		struct lent *old = *at, *copy = malloc(sizeof *copy + length);

		if (copy == NULL)
			abort();
		memcpy(copy->bytes, from, length);
		session_loan_moved(host->session, i, copy->bytes);
		copy->length = length;
		copy->next = old->next;
		host->program.lent_bytes -= old->length - length;
		wipe_and_free(old);
		*at = copy;
		at = &copy->next;
	}
	host->program.lent_end = at;
}

void lending_takes_back(struct world *w, struct host *host, bool over)
{
	struct program *program = &host->program;
	uint64_t back = over ? UINT64_MAX : session_loans_returned(host->session);

	for (; program->lent != NULL && program->lends_back < back; program->lends_back++) {
		struct lent *lent = program->lent;

		program->lent = lent->next;
		program->lent_bytes -= lent->length;
		wipe_and_free(lent);
	}
	if (program->lent == NULL)
		program->lent_end = &program->lent;
	if (over) {
		program->lends_back = 0;
		return;
	}
	world_must(w, program->lends_back == back, "loans: host %u gets back more than it lent",
		   host->number);
	world_must(w, program->lent == NULL || session_unacknowledged(host->session) > 0,
		   "loans: host %u does not get back what is acknowledged", host->number);
	if (random_one_in(&program->lending, MOVE_ONE_IN))
		move_all(host);
}
