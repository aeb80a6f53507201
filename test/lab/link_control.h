/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of the link program: one message with commands in, one message with the
 * answer out. */
#ifndef HAWSER_LINK_CONTROL_H
#define HAWSER_LINK_CONTROL_H

#include <poll.h>
#include <stddef.h>

#define CONTROL_MESSAGE_BYTES 1024
#define CONTROL_CLIENTS_MAX   8

struct link_control {
	/* [0] listens, the others are clients; -1: none. Polled by the caller for POLLIN. */
	struct pollfd descriptors[1 + CONTROL_CLIENTS_MAX];
};

/* Answers one message, which it may cut up, with text of at most `capacity` bytes and a NUL. */
typedef void link_answer(void *context, char *message, char *answer, size_t capacity);

/* Listens on a Unix socket of type SEQPACKET at `path`. Returns 0 or -errno. */
int link_control_init(struct link_control *control, const char *path);
void link_control_none(struct link_control *control);

/* After poll: accepts, and has every message answered. */
void link_control_serve(struct link_control *control, link_answer *answer, void *context);

/* The other end: sends one message, prints the answer. Returns 0 when it ends in ok, else
 * -errno. */
int link_control_ask(const char *path, const char *message);

#endif
