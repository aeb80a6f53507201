/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket of a process: questions about its sessions, from processes of the same user (or
 * root). AF_UNIX, SOCK_SEQPACKET, ${XDG_RUNTIME_DIR}/hawser/PID.sock, else /tmp/hawser-UID/PID.sock, in
 * a directory that belongs to the user and that nobody else may enter. It is there while the process
 * has sessions or listens; without a directory there is no control, which is no error.
 *
 * One request packet for each connection:
 *   struct query      -> one packet, struct answer
 *   "status" (6 bytes) -> one JSON document in packets of at most CONTROL_PACKET_BYTES, then the end:
 *       {"pid":N,"command":"...","sessions":[{"id":"32 hex digits","peer":"ADDRESS:PORT",
 *         "dialler":true,"messages":false,"state":"established","mode_sending":"converge",
 *         "mode_receiving":"...","error":0,"reason_code":0,"reason":"words or empty",
 *         ...the other members of struct hawser_info, as numbers...,
 *         "paths":[{"id":0,"state":"active","reason_code":0,"reason":"words or empty","error":0,
 *           "replies_elsewhere":false,...the other members of struct hawser_path_info...}]}],
 *        "listeners":[{"address":"ADDRESS:PORT","networks":["eth0","eth1"],"error":0}]}
 *     networks: those that answer for themselves; error: errno why one that should does not
 */
#ifndef HAWSER_DRIVER_CONTROL_H
#define HAWSER_DRIVER_CONTROL_H

#include <sys/un.h>

#include "driver/query.h"

#define CONTROL_PACKET_BYTES 16384u
#define CONTROL_STATUS_BYTES (8u << 20)         /* of a status document, at most */
#define CONTROL_GUESTS_MAX   16u

/* Engine thread: opens it unless it is open. */
void control_start(struct engine *e);
/* Any thread, at exit: removes the name. */
void control_remove(struct engine *e);

/* The path of a process's control socket in `which` of the places (0, 1); false: no such place. */
bool control_path(char path[sizeof((struct sockaddr_un *)0)->sun_path], unsigned which, pid_t pid);

/* The program's thread: puts a query to another process. 0, or -ENOTCONN when it does not answer. */
int control_ask(pid_t pid, const struct query *query, struct answer *answer);

#endif
