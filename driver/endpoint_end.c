/* SPDX-License-Identifier: Apache-2.0 */
/* How an endpoint ends: closed by its program, reset, aborted, or never established. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/endpoint_internal.h"
#include "driver/face_descriptor.h"
#include "driver/lent.h"
#include "driver/link.h"

void endpoint_failed(struct endpoint *ep, int error, const char *format, ...)
{
	va_list arguments;

	if (ep->error)
		return;
	ep->error = error;
	ep->words = malloc(FAILURE_TEXT_BYTES);
	if (!ep->words)
		return;
	va_start(arguments, format);
	vsnprintf(ep->words, FAILURE_TEXT_BYTES, format, arguments);
	va_end(arguments);
}

const char *endpoint_words(const struct endpoint *ep)
{
	if (ep->words || ep->reason == REASON_NONE)
		return ep->words ? ep->words : "";
	return reason_text(ep->reason);
}

void endpoint_failure(const struct endpoint *ep, struct failure *failure)
{
	failure_set(failure, ep->error, "%s", endpoint_words(ep));
}

/* One table: how a session's reason reads as an errno. */
int endpoint_reset_error(enum reason reason)
{
	switch (reason) {
	case REASON_OUT_OF_MEMORY:
		return ENOMEM;
	case REASON_PROTOCOL_ERROR:
	case REASON_KIND_MISMATCH:
	case REASON_VERSION:
	case REASON_NOT_A_PEER:
		return EPROTO;
	case REASON_RESUME_TIMEOUT:
		return ETIMEDOUT;
	case REASON_REFUSED_EVERYWHERE:
		return ECONNREFUSED;
	default:
		return ECONNRESET;
	}
}

/* It takes the place of the session, so that no memory is wanted for it. */
static struct session_last *remember(struct session *s, const struct session_last *last)
{
	struct session_last *at = (struct session_last *)memcpy(s, last, sizeof *last);
	struct session_last *shrunk = realloc(at, sizeof *at);

	return shrunk ? shrunk : at;
}

/* Under the lock, once: the session is CLOSED or RESET and nothing of it is needed any more. */
void endpoint_end_session(struct endpoint *ep, time_ns now)
{
	struct session *s = ep->session;
	struct session_last last = { .state = session_state(s), .mode = session_mode(s), .at = now };

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (ep->links[i])
			endpoint_take_out(ep, ep->links[i], REASON_GOING_AWAY, now);
	session_figures(s, &last.figures);
	last.complete = session_receive_ended(s) && last.figures.acknowledged == last.figures.written;
	if (last.state == SESSION_RESET && !ep->error) {
		ep->reason = session_reason(s);
		endpoint_failed(ep, endpoint_reset_error(ep->reason), "session with %s: %s",
				ep->peer[0] ? ep->peer : "the peer", reason_text(ep->reason));
	}
	session_fini(s);
	endpoint_reclaim(ep);
	memory_withdraw(&ep->engine->memory, ep->promised_bytes);
	ep->promised_bytes = 0;
	ep->last = remember(s, &last);
	ep->session = NULL;
	explicit_bzero(ep->secret, sizeof ep->secret);
	drive_fini(ep);
	coalesce_fini(ep);
	timer_stop(ep->engine, &ep->deadline);
	timer_stop(ep->engine, &ep->retry);
	timer_stop(ep->engine, &ep->linger);
	if (ep->face.packets)
		parcel_free(&ep->face.packets->in);
	endpoint_table_over(ep);
	lent_look(ep);
	pthread_cond_broadcast(&ep->changed);
}

void endpoint_told_over(struct endpoint *ep)
{
	while (ep->lost_links) {
		struct lost_link *lost = ep->lost_links;

		ep->lost_links = lost->next;
		free(lost);
	}
	if (ep->dialler)
		dialler_free(ep);
	else if (!ep->is_dialler)
		listener_session_over(ep);
	ep->dialler = NULL;
	endpoint_finish_waits(ep);
	endpoint_table_forget(ep->engine);
}

/* Under the lock: whether everything is done that can be done for this session. */
bool endpoint_at_its_end(const struct endpoint *ep)
{
	enum session_state state = session_state(ep->session);

	if (state < SESSION_CLOSED || endpoint_has_links(ep))
		return false;
	/* What arrived before a reset is read first, as of TCP. */
	switch (ep->face.kind) {
	case FACE_SOCKET:
		return ep->face.output_ended || ep->face.deaf || ep->face.ending;
	case FACE_COPY:
		if (face_gathered(&ep->face))
			return false;
		return state == SESSION_RESET ? session_readable(ep->session) == 0 :
						session_receive_ended(ep->session);
	case FACE_ABSENT:
		return state == SESSION_RESET && session_readable(ep->session) == 0;
	case FACE_GONE:
		return true;
	}
	return true;
}

void endpoint_fail(struct endpoint *ep, enum reason reason, const struct failure *failure)
{
	pthread_mutex_lock(&ep->lock);
	time_ns now = clock_now();
	if (ep->stage == ENDPOINT_OVER) {
		pthread_mutex_unlock(&ep->lock);
		return;
	}
	bool dialling = ep->stage == ENDPOINT_DIALLING;
	if (!ep->error) {
		ep->reason = reason;
		endpoint_failed(ep, failure->error, "%s", failure->text);
	}
	session_reset(ep->session, reason, now);
	if (dialling && session_state(ep->session) >= SESSION_CLOSED) {
		ep->ended_at = now;
		face_descriptor_reset(ep);
		endpoint_end_session(ep, now);
	}
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
	if (dialling)
		endpoint_told_over(ep);
}

void endpoint_abort(struct endpoint *ep, enum reason reason)
{
	pthread_mutex_lock(&ep->lock);
	if (ep->session) {
		session_reset(ep->session, reason, clock_now());
		session_receive_discard(ep->session, clock_now());
		face_drop_gathered(&ep->face);
	}
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

void endpoint_linger_expired(struct timer *t, time_ns now)
{
	struct endpoint *ep = container_of(t, struct endpoint, linger);

	(void)now;
	pthread_mutex_lock(&ep->lock);
	if (ep->session)
		endpoint_failed(ep, ECONNRESET,
				"session with %s: closed, and not everything arrived within the linger time",
				ep->peer);
	pthread_mutex_unlock(&ep->lock);
	endpoint_abort(ep, REASON_ABORTED);
}

void endpoint_closed(struct endpoint *ep)
{
	pthread_mutex_lock(&ep->lock);
	time_ns now = clock_now(), end;
	ep->face.kind = FACE_GONE;
	if (ep->session) {
		struct session_figures figures;

		session_figures(ep->session, &figures);
		ep->refused_from = session_readable(ep->session) > 0 || face_gathered(&ep->face) ? 0 : figures.received;
		session_send_finish(ep->session, now);
		session_receive_discard(ep->session, now);
		if (!__builtin_add_overflow(now, ep->linger_ns, &end))
			timer_start(ep->engine, &ep->linger, end);
	}
	if (ep->face.packets)
		parcel_free(&ep->face.packets->out);
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
}

/*
 * Bytes came, or were left unread, that the program has closed the door to. As TCP would, it tells the
 * peer by a reset, but not before all that the program wrote has arrived.
 */
void endpoint_refuse_unread(struct endpoint *ep, time_ns now)
{
	struct session_figures figures;

	if (ep->face.kind != FACE_GONE || session_state(ep->session) != SESSION_OPEN ||
	    session_unacknowledged(ep->session) > 0)
		return;
	session_figures(ep->session, &figures);
	if (figures.received <= ep->refused_from)
		return;
	endpoint_failed(ep, ECONNRESET, "session with %s: closed with bytes unread", ep->peer);
	session_reset(ep->session, REASON_ABORTED, now);
}
