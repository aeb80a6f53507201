/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that echoes, as a program of its own: nothing of the test's process, descriptors least of
 * all, is in it. It is the test's program again, whose main begins with server_main.
 */
#ifndef HAWSER_TEST_SERVER_H
#define HAWSER_TEST_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct server {
	pid_t pid;
	int commands;           /* its end is the server's end */
	int news;               /* a byte for each session accepted; its port first */
	unsigned port;
};

struct serving {
	const char *address;
	const char *kind;               /* NULL: stream */
	bool close_listener;            /* after the first session */
	unsigned descriptors;           /* 0: no limit of its own */
};

/* Returns in the test's process; is the server, and exits, in the server's. Neither dies of SIGPIPE. */
void server_main(int argc, char **argv);

struct server server_start(const struct serving *what);
struct server server_at(const char *address);
/* Killed before it could see its pipes end and leave in good order. */
void server_end(struct server *server);

/* Waits for a session to be accepted there. */
void server_accepted(const struct server *server);
bool server_has_news(const struct server *server, int timeout_ms);

#endif
