/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of a session, or done to it, by its name: by a thread of this process, or through
 * the control socket by another process of the same user. Query and answer are what crosses there.
 */
#ifndef HAWSER_DRIVER_QUERY_H
#define HAWSER_DRIVER_QUERY_H

#include "driver/info.h"

enum query_kind {
	QUERY_INFO = 1,         /* answer.info */
	QUERY_PATHS = 2,        /* answer.count, answer.paths */
	QUERY_PEER = 3,         /* answer.text */
	QUERY_FAILURE = 4,      /* answer.error, answer.text: how it ended */
	QUERY_SET_MODE = 5,     /* direction, mode */
	QUERY_ABORT = 6,
	QUERY_WAIT = 7,         /* until established; answer.text says why not */
	QUERY_DRAIN = 8,        /* until everything written is acknowledged */
};

struct query {
	uint32_t magic;         /* QUERY_MAGIC: another version of this structure has another */
	uint32_t kind;
	uint8_t id[SESSION_ID_BYTES];
	uint32_t dialler;
	uint32_t direction, mode;
	int64_t timeout_ns;     /* TIME_NEVER: for ever */
};

#define QUERY_MAGIC 0x48575332u

struct answer {
	uint32_t magic;
	int32_t result;         /* 0 or -errno; -ENOTCONN: no such session (any more) */
	int32_t error;
	uint32_t count;
	char text[FAILURE_TEXT_BYTES];
	union {
		struct hawser_info info;
		struct hawser_path_info paths[INFO_PATHS_MAX];
	};
};

/* One query under way. The memory is the caller's until `done` runs, in the engine thread. */
struct query_job {
	struct query query;
	struct answer answer;
	struct endpoint_wait wait;
	void (*done)(struct query_job *job);
};

/* Engine thread. `done` may run before this returns. */
void query_run(struct engine *e, struct query_job *job, void (*done)(struct query_job *job));

#endif
