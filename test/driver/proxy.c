/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's process, and telling it what to do. */
#include "proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/frame.h"
#include "raw.h"
#include "test/test.h"

#define CONNECTIONS_MAX 16u
/* What a dialler says before its CONFIRM. */
#define HELLO_BYTES     (PREAMBLE_BYTES + FRAME_HEADER_BYTES + FRAME_HELLO_BYTES)

struct pipes {
	struct pollfd polls[2 + 2 * CONNECTIONS_MAX];   /* listener, commands, then pairs */
	unsigned count;
	bool loses_confirm;             /* of the first connection */
	size_t heard_bytes;             /* there, from the dialler */
};

/* The next thing that the dialler says there is its CONFIRM. */
static bool confirms(struct pipes *p, unsigned i)
{
	char bytes[HELLO_BYTES];
	ssize_t length;

	if (!p->loses_confirm || i != 2)
		return false;
	p->loses_confirm = p->heard_bytes < HELLO_BYTES;
	length = recv(p->polls[i].fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	p->heard_bytes += length > 0 ? (size_t)length : 0;
	return !p->loses_confirm;
}

/* Both ways; a connection of which one end is over is reset at the other. */
static void carry(struct pipes *p)
{
	for (unsigned i = 2; i < p->count; i++) {
		unsigned other = (i - 2) % 2 ? i - 1 : i + 1;

		if (p->polls[i].fd < 0 || !p->polls[i].revents ||
		    (!confirms(p, i) && pass_on(p->polls[i].fd, p->polls[other].fd)))
			continue;
		raw_reset(p->polls[i].fd);
		raw_reset(p->polls[other].fd);
		p->polls[i].fd = p->polls[other].fd = -1;
	}
}

/* Returns how many ends there were. */
static char cut(struct pipes *p)
{
	char had = 0;

	for (unsigned i = 2; i < p->count; i++) {
		if (p->polls[i].fd < 0)
			continue;
		had++;
		raw_reset(p->polls[i].fd);
	}
	p->count = 2;
	return had;
}

static void let_in(struct pipes *p, const struct sockaddr_in *target)
{
	int from = accept(p->polls[0].fd, NULL, NULL), to = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(to, (const struct sockaddr *)target, sizeof *target) < 0) {
		raw_reset(from);
		close(to);
		return;
	}
	p->polls[p->count++] = (struct pollfd){ .fd = from, .events = POLLIN };
	p->polls[p->count++] = (struct pollfd){ .fd = to, .events = POLLIN };
}

/* Each command cuts, and is answered by how much there was to cut. */
static void proxy_run(struct proxy *proxy, int commands, int answers)
{
	struct pipes p = {
		.polls = { { .fd = proxy->listener, .events = POLLIN }, { .fd = commands, .events = POLLIN } },
		.count = 2,
		.loses_confirm = proxy->loses_confirm,
	};
	char command, had;

	while (poll(p.polls, p.count, -1) > 0) {
		carry(&p);
		if (p.polls[1].revents) {
			if (read(commands, &command, 1) != 1)
				return;
			had = cut(&p);
			(void)!write(answers, &had, 1);
		}
		if (p.polls[0].revents && p.count + 2 <= sizeof p.polls / sizeof p.polls[0])
			let_in(&p, &proxy->target);
	}
}

static struct proxy start(const char *host, const char *target, unsigned target_port, bool loses_confirm)
{
	struct proxy proxy = {
		.port = target_port, .target = ipv4(target, target_port), .loses_confirm = loses_confirm,
	};
	int commands[2], answers[2];

	proxy.listener = raw_listen(host, &proxy.port, 64);
	CHECK_EQ(pipe2(commands, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(answers, O_CLOEXEC), 0);
	fflush(stdout);
	proxy.pid = fork();
	if (proxy.pid == 0) {
		close(commands[1]);
		proxy_run(&proxy, commands[0], answers[1]);
		_exit(0);
	}
	close(proxy.listener);
	close(commands[0]);
	close(answers[1]);
	proxy.commands = commands[1];
	proxy.answers = answers[0];
	return proxy;
}

struct proxy proxy_start(const char *host, const char *target, unsigned target_port)
{
	return start(host, target, target_port, false);
}

struct proxy proxy_start_losing_confirm(const char *host, const char *target, unsigned target_port)
{
	return start(host, target, target_port, true);
}

void proxy_reset(const struct proxy *proxy)
{
	char had;

	CHECK_EQ(write(proxy->commands, "r", 1), 1);
	CHECK_EQ(read(proxy->answers, &had, 1), 1);
	CHECK(had > 0);
}

void proxy_end(struct proxy *proxy)
{
	close(proxy->commands);
	close(proxy->answers);
	kill(proxy->pid, SIGKILL);
	waitpid(proxy->pid, NULL, 0);
}
