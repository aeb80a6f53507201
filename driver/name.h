/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name that the engine's end of a session's descriptor is bound to. getpeername(2) on the
 * program's end tells it, in any process, also after the session has ended:
 *
 *     \0 hawser/PID/SESSION-ID (32 hex digits)/ROLE/PEER      ROLE: d dialled, a accepted
 *
 * It is in the abstract name space: nothing to clean up. Nobody can connect to it, it never listens.
 */
#ifndef HAWSER_DRIVER_NAME_H
#define HAWSER_DRIVER_NAME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "core/limits.h"

#define NAME_PEER_BYTES 56u     /* what fits of the peer's address, and its NUL */

struct name {
	pid_t pid;                      /* of the process whose engine serves the session */
	uint8_t id[SESSION_ID_BYTES];
	bool dialler;
	char peer[NAME_PEER_BYTES];
};

/* Cuts a peer text that is too long. Returns the length for bind(2). */
socklen_t name_encode(struct sockaddr_un *address, const struct name *name);

/* 0, or -ENOTCONN when that is not such a name. Outputs untouched then. */
int name_decode(struct name *name, const struct sockaddr_un *address, socklen_t length);

/* The name behind a program's descriptor: 0, -EBADF, -ENOTSOCK, -ENOTCONN. */
int name_of_descriptor(struct name *name, int fd);

#endif
