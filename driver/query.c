/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a session by its name. */
#include "driver/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void tell_failure(struct endpoint *ep, struct answer *a)
{
	pthread_mutex_lock(&ep->lock);
	enum session_state state = ep->session ? session_state(ep->session) : ep->last->state;
	a->error = ep->error;
	snprintf(a->text, sizeof a->text, "%s", endpoint_words(ep));
	if (state == SESSION_RESET && !a->error) {
		enum reason reason = ep->session ? session_reason(ep->session) : ep->reason;

		a->error = endpoint_reset_error(reason);
		snprintf(a->text, sizeof a->text, "session with %s: %s", ep->peer, reason_text(reason));
	} else if (state != SESSION_RESET) {
		a->error = 0;
	}
	pthread_mutex_unlock(&ep->lock);
}

static int set_mode(struct endpoint *ep, const struct query *q)
{
	time_ns now = clock_now();
	int error = 0;

	if (q->mode > MODE_BACKUP || q->direction < HAWSER_SENDING || q->direction > HAWSER_BOTH)
		return -EINVAL;
	pthread_mutex_lock(&ep->lock);
	if (ep->stage != ENDPOINT_LIVE || session_state(ep->session) != SESSION_OPEN)
		error = -ENOTCONN;
	if (error == 0 && (q->direction & HAWSER_SENDING))
		session_set_mode(ep->session, (enum session_mode)q->mode, now);
	if (error == 0 && (q->direction & HAWSER_RECEIVING)) {
		session_ask_mode(ep->session, (enum session_mode)q->mode, now);
		ep->mode_asked = q->mode;
	}
	pthread_mutex_unlock(&ep->lock);
	endpoint_post(ep);
	return error;
}

static void waited(struct endpoint_wait *w, int result)
{
	struct query_job *job = container_of(w, struct query_job, wait);

	if (result < 0 && result != -EAGAIN)
		tell_failure(w->endpoint, &job->answer);
	job->answer.result = result;
	job->done(job);
}

/* 0 or -errno; 1: a wait has been started, which will answer. */
static int answer_query(struct endpoint *ep, struct query_job *job)
{
	struct answer *a = &job->answer;

	switch (job->query.kind) {
	case QUERY_INFO:
		info_session(ep, &a->info);
		return 0;
	case QUERY_PATHS:
		a->count = info_paths(ep, a->paths, INFO_PATHS_MAX);
		return 0;
	case QUERY_PEER:
		snprintf(a->text, sizeof a->text, "%s", ep->peer);
		return 0;
	case QUERY_FAILURE:
		tell_failure(ep, a);
		return 0;
	case QUERY_SET_MODE:
		return set_mode(ep, &job->query);
	case QUERY_ABORT:
		endpoint_abort(ep, REASON_ABORTED);
		return 0;
	case QUERY_WAIT:
		endpoint_wait(ep, &job->wait, ENDPOINT_ESTABLISHED, job->query.timeout_ns, waited);
		return 1;
	case QUERY_DRAIN:
		endpoint_wait(ep, &job->wait, ENDPOINT_DRAINED, job->query.timeout_ns, waited);
		return 1;
	default:
		return -EINVAL;
	}
}

void query_run(struct engine *e, struct query_job *job, void (*done)(struct query_job *job))
{
	struct endpoint *ep = endpoint_find_any(e, job->query.id, job->query.dialler);

	memset(&job->answer, 0, sizeof job->answer);
	job->answer.magic = QUERY_MAGIC;
	job->done = done;
	int result = ep ? answer_query(ep, job) : -ENOTCONN;
	if (result == 1)
		return;
	job->answer.result = result;
	done(job);
}
