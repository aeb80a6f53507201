/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors from the engine's table to the program's. The program's thread opens a place where one
 * can arrive, asks the engine, and takes it; no channel stays open that the program could close.
 */
#ifndef HAWSER_DRIVER_HANDOVER_H
#define HAWSER_DRIVER_HANDOVER_H

#include <sys/un.h>

#include "driver/engine.h"
#include "driver/failure.h"

struct handover {
	int fd;                         /* of the program's thread; -1: tables are shared */
	struct sockaddr_un name;
	socklen_t name_length;
	/* the descriptor itself, where tables are shared; -1: none */
	int shared;
};

/* The program's thread: 0 or -errno. */
int handover_open(struct handover *h, const struct engine *e, struct failure *failure);
/* The engine thread: sends fd and, whatever comes of it, closes its own copy. 0 or -errno. */
int handover_send(struct handover *h, int fd, struct failure *failure);
/* The program's thread, after the engine said 0: the descriptor, close-on-exec, or -errno. */
int handover_take(struct handover *h, struct failure *failure);
void handover_close(struct handover *h);

#endif
