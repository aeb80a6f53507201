/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side, and the test's. */
#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dialled.h"
#include "hawser.h"
#include "test/test.h"

static void *echo(void *session)
{
	int fd = (int)(intptr_t)session;
	char bytes[65536];
	ssize_t length;

	while ((length = read(fd, bytes, sizeof bytes)) > 0) {
		for (ssize_t at = 0; at < length;) {
			ssize_t written = write(fd, bytes + at, (size_t)(length - at));

			if (written <= 0)
				length = at;
			else
				at += written;
		}
	}
	close(fd);
	return NULL;
}

/* Accepts until its commands end, and echoes what comes. */
static int serve(const struct serving *what, int commands, int news)
{
	hawser_options *options = hawser_options_new();
	struct rlimit limit = { what->descriptors, what->descriptors };
	int listener;
	uint16_t port;

	if (what->descriptors)
		setrlimit(RLIMIT_NOFILE, &limit);
	hawser_options_set(options, "kind", what->kind);
	listener = hawser_listen(what->address, options);
	hawser_options_free(options);
	port = listener < 0 ? 0 : (uint16_t)hawser_port(listener);
	(void)!write(news, &port, sizeof port);
	if (listener < 0)
		return 2;
	for (;;) {
		struct pollfd polls[2] = { { .fd = listener, .events = POLLIN }, { .fd = commands, .events = POLLIN } };
		pthread_t thread;
		int fd;

		if (poll(polls, 2, -1) < 0 || polls[1].revents)
			return 0;
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		if (what->close_listener) {
			close(listener);
			listener = -1;
		}
		(void)!write(news, "", 1);
		CHECK_EQ(pthread_create(&thread, NULL, echo, (void *)(intptr_t)fd), 0);
		pthread_detach(thread);
	}
}

/* Arguments: serve ADDRESS KIND CLOSE-LISTENER DESCRIPTORS COMMANDS NEWS */
void server_main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc != 8 || strcmp(argv[1], "serve") != 0)
		return;

	struct serving what = { argv[2], *argv[3] ? argv[3] : NULL, *argv[4] == '1', (unsigned)atoi(argv[5]) };

	exit(serve(&what, atoi(argv[6]), atoi(argv[7])));
}

struct server server_start(const struct serving *what)
{
	struct server server;
	int commands[2], news[2];
	char numbers[3][16];
	uint16_t port;

	CHECK_EQ(pipe2(commands, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(news, O_CLOEXEC), 0);
	snprintf(numbers[0], sizeof numbers[0], "%u", what->descriptors);
	snprintf(numbers[1], sizeof numbers[1], "%d", commands[0]);
	snprintf(numbers[2], sizeof numbers[2], "%d", news[1]);
	fflush(stdout);
	server.pid = fork();
	if (server.pid == 0) {
		fcntl(commands[0], F_SETFD, 0);
		fcntl(news[1], F_SETFD, 0);
		execl("/proc/self/exe", "server", "serve", what->address, what->kind ? what->kind : "",
		      what->close_listener ? "1" : "0", numbers[0], numbers[1], numbers[2], (char *)NULL);
		_exit(127);
	}
	close(commands[0]);
	close(news[1]);
	server.commands = commands[1];
	server.news = news[0];
	CHECK_EQ(read(server.news, &port, sizeof port), sizeof port);
	CHECK(port > 0);
	server.port = port;
	return server;
}

struct server server_at(const char *address)
{
	struct serving what = { .address = address };

	return server_start(&what);
}

void server_accepted(const struct server *server)
{
	struct pollfd p = { .fd = server->news, .events = POLLIN };
	char byte;

	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	CHECK_EQ(read(server->news, &byte, 1), 1);
}

bool server_has_news(const struct server *server, int timeout_ms)
{
	struct pollfd p = { .fd = server->news, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

void server_end(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->commands);
	close(server->news);
}
