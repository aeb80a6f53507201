/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the program's end of a session's socket write a byte, so that the engine's end, closed with that
 * unread, reads as ECONNRESET there. Only sessions taken by plain accept(2) into which the program has
 * written nothing need it, and only when they are reset.
 *
 * The primer is a second thread, which shares the program's descriptor table as the engine does not. It
 * looks for the descriptor whose peer has the session's name; the program's numbers are only looked at.
 * A descriptor that lives in another process alone is not found: its reader then waits, rather than
 * taking what it has for the whole.
 */
#ifndef HAWSER_DRIVER_PRIMER_H
#define HAWSER_DRIVER_PRIMER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "driver/engine.h"

struct primer_job {
	struct primer_job *next;
	struct engine *engine;
	struct sockaddr_un name;        /* of the engine's end */
	socklen_t name_length;
	bool found;
	void (*done)(struct primer_job *job);
	struct request request;         /* brings it back to the engine thread */
};

/* A thread of the program: starts it, once in a process. 0 or -errno. */
int primer_start(const struct engine *e);

/*
 * Engine thread: looks for the other end of fd, now or soon; then done(job) runs in the engine thread.
 * False: there is nobody to do it.
 */
bool primer_submit(struct engine *e, struct primer_job *job, int fd,
		   void (*done)(struct primer_job *job));

/* After fork, in the child: its thread stayed with the parent, in the middle of whatever it did. */
void primer_forget(void);

/* Any thread with the program's table: looks through it for the end whose peer is `name`. */
bool primer_look(const struct sockaddr_un *name, socklen_t name_length);

#endif
