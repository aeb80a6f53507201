/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions by descriptor: what can be asked of them, in this process or in the one that serves them. */
#include "driver/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/reason.h"
#include "driver/call.h"
#include "driver/control.h"
#include "driver/name.h"
#include "driver/query.h"

struct query_call {
	struct call call;
	struct query_job job;
};

static void query_done(struct query_job *job)
{
	struct query_call *q = container_of(job, struct query_call, job);

	call_done(&q->call, job->answer.result);
}

static void run_query(struct engine *e, struct call *c)
{
	query_run(e, &container_of(c, struct query_call, call)->job, query_done);
}

/*
 * Fills in whose session it is and puts the query to the engine that serves it, in this process or
 * another. 0 or -errno.
 */
static int ask(int fd, struct query_call *q)
{
	struct name name;
	int error = name_of_descriptor(&name, fd);

	if (error < 0)
		return error;
	q->job.query.magic = QUERY_MAGIC;
	memcpy(q->job.query.id, name.id, sizeof name.id);
	q->job.query.dialler = name.dialler;
	if (name.pid == getpid()) {
		struct engine *e = engine_running();

		return e ? call_run(e, &q->call, run_query) : -ENOTCONN;
	}
	error = control_ask(name.pid, &q->job.query, &q->job.answer);
	return error < 0 ? error : q->job.answer.result;
}

static int fail_query(int error, const struct query_call *q, const char *what)
{
	struct failure failure;

	if (!q->job.answer.text[0])
		return api_fail_naming(error, what);
	failure_set(&failure, -error, "%s", q->job.answer.text);
	return api_fail(error, &failure);
}

static time_ns timeout_of(int timeout_ms)
{
	return timeout_ms < 0 ? TIME_NEVER : timeout_ms * NS_PER_MS;
}

static int wait_for(int fd, enum query_kind kind, int timeout_ms, const char *what)
{
	struct query_call q = {
		.job.query = { .kind = kind, .timeout_ns = timeout_of(timeout_ms) },
	};
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, what) : 0;
}

int hawser_wait(int fd, int timeout_ms)
{
	return wait_for(fd, QUERY_WAIT, timeout_ms, "hawser_wait");
}

int hawser_drain(int fd, int timeout_ms)
{
	return wait_for(fd, QUERY_DRAIN, timeout_ms, "hawser_drain");
}

int hawser_abort(int fd)
{
	struct query_call q = { .job.query.kind = QUERY_ABORT };
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, "hawser_abort") : 0;
}

int hawser_set_mode(int fd, enum hawser_direction direction, enum hawser_mode mode)
{
	struct query_call q = {
		.job.query = { .kind = QUERY_SET_MODE, .direction = direction, .mode = mode },
	};
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, "hawser_set_mode") : 0;
}

int hawser_error(int fd)
{
	struct query_call q = { .job.query.kind = QUERY_FAILURE };
	int error = ask(fd, &q);

	return error < 0 ? fail_query(error, &q, "hawser_error") : q.job.answer.error;
}

static int put_text(char *to, size_t size, const char *text)
{
	return snprintf(to, size, "%s", text);
}

int hawser_reason(int fd, char *text, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_FAILURE };

	if (fd == -1)
		return put_text(text, size, api_last_words());
	int error = ask(fd, &q);
	return error < 0 ? fail_query(error, &q, "hawser_reason") : put_text(text, size, q.job.answer.text);
}

int hawser_peer(int fd, char *text, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_PEER };
	struct name name;
	int error = ask(fd, &q);

	if (error == 0)
		return put_text(text, size, q.job.answer.text);
	/* Its engine is gone, or has forgotten it: the name still tells. */
	if (name_of_descriptor(&name, fd) == 0)
		return put_text(text, size, name.peer);
	return fail_query(error, &q, "hawser_peer");
}

int hawser_info(int fd, struct hawser_info *info, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_INFO };
	int error = ask(fd, &q);

	if (error < 0)
		return fail_query(error, &q, "hawser_info");
	/* The caller's structure may be older or newer than ours. */
	memset(info, 0, size);
	memcpy(info, &q.job.answer.info, size < sizeof *info ? size : sizeof *info);
	return 0;
}

int hawser_paths(int fd, struct hawser_path_info *paths, size_t count, size_t size)
{
	struct query_call q = { .job.query.kind = QUERY_PATHS };
	int error = ask(fd, &q);

	if (error < 0)
		return fail_query(error, &q, "hawser_paths");
	const struct answer *a = &q.job.answer;
	size_t filled = a->count < INFO_PATHS_MAX ? a->count : INFO_PATHS_MAX;
	if (filled > count)
		filled = count;
	for (size_t i = 0; i < filled; i++) {
		char *to = (char *)paths + i * size;

		memset(to, 0, size);
		memcpy(to, &a->paths[i], size < sizeof a->paths[i] ? size : sizeof a->paths[i]);
	}
	return (int)filled;
}

const char *hawser_reason_text(uint32_t reason)
{
	return reason_text(reason);
}
