/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialling, listening and redialling, through the public interface, over loopback: what a peer, a host
 * or a network can do to them. Servers are programs of their own, so that hosts can be told apart.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hawser.h"
#include "test.h"

#define WAIT_MS 30000           /* only a hang meets it */
#define CHECK_REASON(condition) do { \
	if (!(condition)) { \
		char reason_[400]; \
		int error_ = errno; \
		hawser_reason(-1, reason_, sizeof reason_); \
		fprintf(stderr, "%s:%d: failed: %s (errno %d; %s)\n", __FILE__, __LINE__, #condition, error_, \
			reason_); \
		exit(1); \
	} \
} while (0)

/* --- Raw TCP, as what is not hawser --- */

static struct sockaddr_in ipv4(const char *host, unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	CHECK_EQ(inet_pton(AF_INET, host, &address.sin_addr), 1);
	return address;
}

static int raw_listen(const char *host, unsigned *port, int backlog)
{
	struct sockaddr_in address = ipv4(host, *port);
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	CHECK(fd >= 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	CHECK_EQ(listen(fd, backlog), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static int raw_connect(const char *host, unsigned port)
{
	struct sockaddr_in address = ipv4(host, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

/* An address that answers nothing, not even a SYN: its queue of connections is full. */
struct dead {
	int listener, filler[8];
};

static struct dead dead_address(const char *host, unsigned port)
{
	struct sockaddr_in address = ipv4(host, port);
	struct dead dead;

	dead.listener = raw_listen(host, &port, 0);
	for (unsigned i = 0; i < 8; i++) {
		dead.filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(dead.filler[i], (struct sockaddr *)&address, sizeof address);
	}
	return dead;
}

static void dead_end(struct dead *dead)
{
	for (unsigned i = 0; i < 8; i++)
		close(dead->filler[i]);
	close(dead->listener);
}

/* --- Servers --- */

struct server {
	pid_t pid;
	int commands;           /* its end is the server's end */
	int news;               /* a byte for each session accepted; its port first */
	unsigned port;
};

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

struct serving {
	const char *address;
	const char *kind;               /* NULL: stream */
	bool close_listener;            /* after the first session */
	unsigned descriptors;           /* 0: no limit of its own */
};

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

/* main for a server: serve ADDRESS KIND CLOSE-LISTENER DESCRIPTORS COMMANDS NEWS */
static int serve_main(char **argv)
{
	struct serving what = { argv[2], *argv[3] ? argv[3] : NULL, *argv[4] == '1', (unsigned)atoi(argv[5]) };

	return serve(&what, atoi(argv[6]), atoi(argv[7]));
}

/* A program of its own: nothing of this process, descriptors least of all, is in it. */
static struct server server_start(const struct serving *what)
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
		execl("/proc/self/exe", "dial_test", "serve", what->address, what->kind ? what->kind : "",
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

static struct server server_at(const char *address)
{
	struct serving what = { .address = address };

	return server_start(&what);
}

/* Waits for a session to be accepted there. */
static void server_accepted(const struct server *server)
{
	struct pollfd p = { .fd = server->news, .events = POLLIN };
	char byte;

	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	CHECK_EQ(read(server->news, &byte, 1), 1);
}

static bool server_has_news(const struct server *server, int timeout_ms)
{
	struct pollfd p = { .fd = server->news, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void server_end(struct server *server)
{
	/* Killed before it could see its pipes end and leave in good order. */
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->commands);
	close(server->news);
}

/* --- Sessions --- */

static int dial_with(const char *address, const char *const *set)
{
	hawser_options *options = hawser_options_new();
	int fd, error;

	CHECK(options);
	/* What a test leaves open need not be waited for at its end. */
	CHECK_REASON(hawser_options_set(options, "exit_linger", "100ms") == 0);
	for (; set && set[0]; set += 2)
		CHECK_REASON(hawser_options_set(options, set[0], set[1]) == 0);
	fd = hawser_dial(address, options);
	error = errno;
	hawser_options_free(options);
	errno = error;
	return fd;
}

static int dialf(const char *const *set, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int dialf(const char *const *set, const char *format, ...)
{
	char address[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(address, sizeof address, format, arguments);
	va_end(arguments);
	return dial_with(address, set);
}

/* For the one who reads a failure. */
static void show(int fd)
{
	struct hawser_info info = { 0 };
	struct hawser_path_info paths[8];
	int count = hawser_paths(fd, paths, 8, sizeof paths[0]);

	hawser_info(fd, &info, sizeof info);
	fprintf(stderr, "state %u, written %llu, acknowledged %llu, received %llu, consumed %llu\n", info.state,
		(unsigned long long)info.bytes_written, (unsigned long long)info.bytes_acknowledged,
		(unsigned long long)info.bytes_received, (unsigned long long)info.bytes_consumed);
	for (int i = 0; i < count; i++)
		fprintf(stderr, "path %u to %s: state %u, %s, sent %llu, received %llu, outstanding %llu\n",
			paths[i].id, paths[i].remote, paths[i].state, hawser_reason_text(paths[i].reason),
			(unsigned long long)paths[i].bytes_sent, (unsigned long long)paths[i].bytes_received,
			(unsigned long long)paths[i].outstanding_bytes);
}

static void read_whole(int fd, void *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ready = poll(&p, 1, WAIT_MS);
		ssize_t got;

		if (ready != 1)
			show(fd);
		CHECK_EQ(ready, 1);
		got = read(fd, (char *)bytes + at, length - at);
		CHECK(got > 0);
		at += (size_t)got;
	}
}

/* There and back; every round differs. */
static void talk(int fd)
{
	static uint32_t round;
	uint8_t out[5000], in[5000];

	round++;
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (uint8_t)(i * 31 + round * 7 + (i >> 8));
	CHECK_EQ(write(fd, out, sizeof out), sizeof out);
	read_whole(fd, in, sizeof in);
	CHECK_MEM(in, out, sizeof in);
}

/* Waits until the session has so many paths in use. */
static void wait_for_paths(int fd, unsigned wanted)
{
	for (unsigned i = 0; i < WAIT_MS / 10; i++) {
		struct hawser_path_info paths[8];
		int count = hawser_paths(fd, paths, 8, sizeof paths[0]);
		unsigned in_use = 0;

		CHECK(count >= 0);
		for (int j = 0; j < count; j++)
			in_use += paths[j].state != HAWSER_PATH_DOWN;
		if (in_use == wanted)
			return;
		usleep(10000);
	}
	CHECK(!"the paths came up");
}

/* --- A proxy, whose connections can be cut --- */

struct proxy {
	int listener;
	unsigned port;
	struct sockaddr_in target;
	int commands, answers;
	pid_t pid;
};

static bool pass_on(int from, int to)
{
	char bytes[65536];
	ssize_t length = recv(from, bytes, sizeof bytes, MSG_DONTWAIT);

	if (length <= 0)
		return length < 0 && errno == EAGAIN;
	return send(to, bytes, (size_t)length, MSG_NOSIGNAL) == length;
}

static void reset_connection(int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

/* Commands: r resets all connections, answered by how many there were. */
static void proxy_run(struct proxy *proxy, int commands, int answers)
{
	struct pollfd polls[2 + 32] = { { .fd = proxy->listener, .events = POLLIN },
					{ .fd = commands, .events = POLLIN } };
	unsigned count = 2;

	while (poll(polls, count, -1) > 0) {
		for (unsigned i = 2; i < count; i++) {
			unsigned other = (i - 2) % 2 ? i - 1 : i + 1;

			if (polls[i].fd < 0 || !polls[i].revents || pass_on(polls[i].fd, polls[other].fd))
				continue;
			reset_connection(polls[i].fd);
			reset_connection(polls[other].fd);
			polls[i].fd = polls[other].fd = -1;
		}
		if (polls[1].revents) {
			char command, had = 0;

			if (read(commands, &command, 1) != 1)
				_exit(0);
			for (unsigned i = 2; i < count; i++) {
				had += polls[i].fd >= 0;
				if (polls[i].fd >= 0)
					reset_connection(polls[i].fd);
			}
			count = 2;
			(void)!write(answers, &had, 1);
		}
		if (polls[0].revents && count + 2 <= 34) {
			int from = accept(proxy->listener, NULL, NULL), to = socket(AF_INET, SOCK_STREAM, 0);

			if (connect(to, (struct sockaddr *)&proxy->target, sizeof proxy->target) < 0) {
				reset_connection(from);
				close(to);
				continue;
			}
			polls[count++] = (struct pollfd){ .fd = from, .events = POLLIN };
			polls[count++] = (struct pollfd){ .fd = to, .events = POLLIN };
		}
	}
}

static struct proxy proxy_start(const char *host, const char *target, unsigned target_port)
{
	struct proxy proxy = { .port = target_port, .target = ipv4(target, target_port) };
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

static void proxy_reset(const struct proxy *proxy)
{
	char had;

	CHECK_EQ(write(proxy->commands, "r", 1), 1);
	CHECK_EQ(read(proxy->answers, &had, 1), 1);
	CHECK(had > 0);
}

static void proxy_end(struct proxy *proxy)
{
	close(proxy->commands);
	close(proxy->answers);
	kill(proxy->pid, SIGKILL);
	waitpid(proxy->pid, NULL, 0);
}

/* --- The tests --- */

static unsigned free_port(void)
{
	unsigned port = 0;

	close(raw_listen("127.0.0.1", &port, 1));
	return port;
}

static void expect_failure(int fd, int error, const char *words)
{
	char reason[400];
	int got = errno;

	CHECK(fd < 0);
	hawser_reason(-1, reason, sizeof reason);
	if (got != error || !strstr(reason, words)) {
		fprintf(stderr, "errno %d (%s), wanted %d; reason \"%s\", wanted \"%s\" in it\n", got,
			strerror(got), error, reason, words);
		exit(1);
	}
}

static void plain(void)
{
	struct server server = server_at("127.0.0.1:0");
	int fd = dialf(NULL, "127.0.0.1:%u", server.port);

	CHECK_REASON(fd >= 0);
	talk(fd);
	server_accepted(&server);
	wait_for_paths(fd, 1);
	close(fd);
	fd = dialf(NULL, "localhost:%u", server.port);
	CHECK_REASON(fd >= 0);
	talk(fd);
	close(fd);
	server_end(&server);
}

static void two_paths(void)
{
	static const char *const via[] = { "via", "127.0.0.1,127.0.0.2", NULL };
	struct server server = server_at("127.0.0.1,127.0.0.2:0");
	int fd = dialf(NULL, "127.0.0.1,127.0.0.2:%u", server.port);

	CHECK_REASON(fd >= 0);
	wait_for_paths(fd, 2);
	talk(fd);
	close(fd);
	fd = dialf(via, "127.0.0.1:%u", server.port);
	CHECK_REASON(fd >= 0);
	wait_for_paths(fd, 2);
	talk(fd);
	close(fd);
	server_end(&server);
}

static void refused(void)
{
	unsigned port = free_port();

	expect_failure(dialf(NULL, "127.0.0.1:%u", port), ECONNREFUSED, "127.0.0.1:");
	expect_failure(dialf(NULL, "127.0.0.1,127.0.0.2:%u", port), ECONNREFUSED, "127.0.0.2:");
}

static void bad_addresses(void)
{
	expect_failure(hawser_dial("", NULL), EINVAL, "host");
	expect_failure(hawser_dial("::1:80", NULL), EINVAL, "brackets");
	expect_failure(hawser_listen("127.0.0.1", NULL), EINVAL, "PORT");
	expect_failure(hawser_listen("no-digits.example:0", NULL), EINVAL, "digits");
}

static void insecure_is_a_word(void)
{
	expect_failure(hawser_dial("192.0.2.1:9", NULL), EACCES, "insecure");
	expect_failure(hawser_listen("0.0.0.0:0", NULL), EACCES, "insecure");
	expect_failure(hawser_listen("192.0.2.1:0", NULL), EACCES, "insecure");
}

/* In a child without any network. The engine must not have been started before a fork that uses it. */
static void unreachable(void)
{
	static const char *const set[] = { "insecure", "yes", NULL };
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			_exit(TEST_SKIP);
		expect_failure(dial_with("192.0.2.1:9", set), ENETUNREACH, "192.0.2.1:9");
		exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == TEST_SKIP));
}

static void port_in_use(void)
{
	unsigned port = 0;
	int raw = raw_listen("127.0.0.1", &port, 1);
	char address[64];

	snprintf(address, sizeof address, "127.0.0.2,127.0.0.1:%u", port);
	expect_failure(hawser_listen(address, NULL), EADDRINUSE, "127.0.0.1:");
	close(raw);
	/* What was opened before the failure is closed again. */
	raw = raw_listen("127.0.0.2", &port, 1);
	close(raw);
}

/* A dead address costs neither the session nor more than its path. */
static void dead_first_address(void)
{
	static const char *const one_network[] = { "via", "127.0.0.1", NULL };
	struct server server = server_at("127.0.0.2:0");
	struct dead dead = dead_address("127.0.0.3", server.port);
	int fd = dialf(NULL, "127.0.0.3,127.0.0.2:%u", server.port);
	char peer[64];

	CHECK_REASON(fd >= 0);
	talk(fd);
	CHECK(hawser_peer(fd, peer, sizeof peer) > 0);
	CHECK(strncmp(peer, "127.0.0.2:", 10) == 0);
	close(fd);
	/* Both addresses by one network: the second is tried while the first is waited for. */
	fd = dialf(one_network, "127.0.0.3,127.0.0.2:%u", server.port);
	CHECK_REASON(fd >= 0);
	talk(fd);
	close(fd);
	dead_end(&dead);
	server_end(&server);
}

static void all_dead(void)
{
	static const char *const set[] = { "connect_timeout", "300ms", NULL };
	unsigned port = free_port();
	struct dead dead = dead_address("127.0.0.3", port);

	expect_failure(dialf(set, "127.0.0.3:%u", port), ETIMEDOUT, "127.0.0.3:");
	dead_end(&dead);
}

/* It takes the connection and says nothing: the HELLO goes to the next address. */
static void silent_first_address(void)
{
	static const char *const set[] = { "connect_timeout", "300ms", NULL };
	struct server server = server_at("127.0.0.2:0");
	int silent = raw_listen("127.0.0.3", &server.port, 16);
	int fd = dialf(NULL, "127.0.0.3,127.0.0.2:%u", server.port);

	CHECK_REASON(fd >= 0);
	talk(fd);
	close(fd);
	expect_failure(dialf(set, "127.0.0.3:%u", server.port), ETIMEDOUT, "no answer");
	close(silent);
	server_end(&server);
}

/* A name whose addresses are two hosts: one session, on one of them, and no ghost on the other. */
static void two_hosts(void)
{
	struct server one = server_at("127.0.0.2:0"), other;
	char address[64];
	int fd, status;

	snprintf(address, sizeof address, "127.0.0.3:%u", one.port);
	other = server_at(address);
	/* The first gets the HELLO and is stopped, so the other one gets it too, and wins. */
	kill(one.pid, SIGSTOP);
	CHECK_EQ(waitpid(one.pid, &status, WUNTRACED), one.pid);
	CHECK(WIFSTOPPED(status));
	fd = dialf(NULL, "127.0.0.2,127.0.0.3:%u", one.port);
	CHECK_REASON(fd >= 0);
	talk(fd);
	server_accepted(&other);
	kill(one.pid, SIGCONT);
	talk(fd);
	/* A session of the next dial shows that the first server has worked off all before it. */
	int next = dialf(NULL, "127.0.0.2:%u", one.port);
	CHECK_REASON(next >= 0);
	talk(next);
	server_accepted(&one);
	CHECK(!server_has_news(&one, 300));
	CHECK(!server_has_news(&other, 0));
	close(next);
	talk(fd);
	close(fd);
	server_end(&one);
	server_end(&other);
}

/* The path to the other host is told as such, and the session goes on without it. */
static void other_host_is_told(void)
{
	struct server one = server_at("127.0.0.2:0"), other;
	char address[64];
	bool told = false;
	int fd;

	snprintf(address, sizeof address, "127.0.0.3:%u", one.port);
	other = server_at(address);
	fd = dialf(NULL, "127.0.0.2,127.0.0.3:%u", one.port);
	CHECK_REASON(fd >= 0);
	for (unsigned i = 0; i < WAIT_MS / 10 && !told; i++) {
		struct hawser_path_info paths[8];
		int count = hawser_paths(fd, paths, 8, sizeof paths[0]);

		for (int j = 0; j < count; j++)
			told |= strstr(hawser_reason_text(paths[j].reason), "another host") != NULL;
		usleep(10000);
	}
	CHECK(told);
	talk(fd);
	close(fd);
	server_end(&one);
	server_end(&other);
}

/* What something else may answer; NULL: it closes at once. */
static void not_a_hawser_peer(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "\x16\x03\x01", "hawses", NULL,
	};

	for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		unsigned port = 0;
		int listener = raw_listen("127.0.0.1", &port, 4);
		pid_t child;

		fflush(stdout);
		child = fork();
		if (child == 0) {
			int fd = accept(listener, NULL, NULL);

			if (answers[i])
				(void)!send(fd, answers[i], strlen(answers[i]), MSG_NOSIGNAL);
			if (!answers[i])
				close(fd);
			pause();
		}
		close(listener);
		expect_failure(dialf(NULL, "127.0.0.1:%u", port), EPROTO, "127.0.0.1:");
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

static void kinds_differ(void)
{
	static const char *const messages[] = { "kind", "message", NULL };
	struct server server = server_at("127.0.0.1:0");

	expect_failure(dialf(messages, "127.0.0.1:%u", server.port), EPROTO, "messages");
	CHECK(!server_has_news(&server, 0));
	server_end(&server);
}

/* Noise, silence and half a greeting do not keep a listener from its work. */
static void garbage_at_the_door(void)
{
	static const char *const noise[] = { "GET / HTTP/1.0\r\n\r\n", "hawser", "hawser\x01\x01\xff\xff\xff\xff",
					     "\x16\x03\x01\x02", "h" };
	struct server server = server_at("127.0.0.1:0");
	int held[300], fd;

	for (unsigned i = 0; i < 300; i++) {
		const char *bytes = noise[i % 5];

		held[i] = raw_connect("127.0.0.1", server.port);
		(void)!send(held[i], bytes, strlen(bytes), MSG_NOSIGNAL);
	}
	fd = dialf(NULL, "127.0.0.1:%u", server.port);
	CHECK_REASON(fd >= 0);
	talk(fd);
	server_accepted(&server);
	CHECK(!server_has_news(&server, 0));
	close(fd);
	for (unsigned i = 0; i < 300; i++)
		close(held[i]);
	server_end(&server);
}

/* Those that never finish their greeting give way, the oldest first. */
static void oldest_guest_goes(void)
{
	struct server server = server_at("127.0.0.1:0");
	struct pollfd p = { .events = POLLIN };
	int held[300];

	for (unsigned i = 0; i < 300; i++) {
		held[i] = raw_connect("127.0.0.1", server.port);
		CHECK_EQ(send(held[i], "hawser", 6, MSG_NOSIGNAL), 6);
	}
	p.fd = held[0];
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	p.fd = held[299];
	CHECK_EQ(poll(&p, 1, 0), 0);
	for (unsigned i = 0; i < 300; i++)
		close(held[i]);
	server_end(&server);
}

/* The listener runs out of descriptors, and goes on when some are free: nothing else wakes it. */
static void full_table_at_the_listener(void)
{
	static const char *const set[] = { "nonblock", "yes", NULL };
	struct serving what = { .address = "127.0.0.1:0", .descriptors = 64 };
	struct server server = server_start(&what);
	int held[100], fd;

	for (unsigned i = 0; i < 100; i++)
		held[i] = raw_connect("127.0.0.1", server.port);
	fd = dialf(set, "127.0.0.1:%u", server.port);
	CHECK_REASON(fd >= 0);
	/* It is in the queue by then; if not, this only tests less. */
	usleep(200000);
	for (unsigned i = 0; i < 100; i++)
		close(held[i]);
	CHECK_REASON(hawser_wait(fd, WAIT_MS) == 0);
	talk(fd);
	close(fd);
	server_end(&server);
}

static void full_table_at_the_dialler(void)
{
	struct server server = server_at("127.0.0.1:0");
	struct rlimit before, limit;
	int held[64], count = 0, fd;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = 48;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (count < 64 && (held[count] = dup(0)) >= 0)
		count++;
	CHECK(count < 64);
	expect_failure(dialf(NULL, "127.0.0.1:%u", server.port), EMFILE, "");
	while (count > 0)
		close(held[--count]);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	fd = dialf(NULL, "127.0.0.1:%u", server.port);
	CHECK_REASON(fd >= 0);
	talk(fd);
	close(fd);
	server_end(&server);
}

/* The network resets all connections, again and again: the session does not notice. */
static void resets_are_healed(void)
{
	struct server server = server_at("127.0.0.2:0");
	struct proxy proxy = proxy_start("127.0.0.9", "127.0.0.2", server.port);
	int fd = dialf(NULL, "127.0.0.9:%u", proxy.port);

	CHECK_REASON(fd >= 0);
	for (unsigned i = 0; i < 4; i++) {
		talk(fd);
		proxy_reset(&proxy);
	}
	talk(fd);
	server_accepted(&server);
	CHECK(!server_has_news(&server, 0));
	close(fd);
	proxy_end(&proxy);
	server_end(&server);
}

/* Closing the listening descriptor ends new sessions, not the paths of those there are. */
static void paths_return_to_a_closed_listener(void)
{
	struct serving what = { .address = "127.0.0.2:0", .close_listener = true };
	struct server server = server_start(&what);
	struct proxy proxy = proxy_start("127.0.0.9", "127.0.0.2", server.port);
	int fd = dialf(NULL, "127.0.0.9:%u", proxy.port);

	CHECK_REASON(fd >= 0);
	talk(fd);
	proxy_reset(&proxy);
	talk(fd);
	expect_failure(dialf(NULL, "127.0.0.2:%u", server.port), ECONNREFUSED, "going away");
	/* Now it is known to be closed. */
	proxy_reset(&proxy);
	talk(fd);
	close(fd);
	proxy_end(&proxy);
	server_end(&server);
}

/* The peer's process is gone and its port refuses: the session ends, and not as a clean end. */
static void killed_peer(void)
{
	static const char *const set[] = { "refused_timeout", "300ms", NULL };
	struct server server = server_at("127.0.0.1:0");
	int fd = dialf(set, "127.0.0.1:%u", server.port);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	CHECK_REASON(fd >= 0);
	server_accepted(&server);
	server_end(&server);
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	CHECK_EQ(read(fd, &byte, 1), -1);
	CHECK_EQ(errno, ECONNRESET);
	close(fd);
}

static void port_numbers(void)
{
	int listener = hawser_listen("127.0.0.1,127.0.0.2,[::1]:0", NULL), again;
	char address[64];
	int port, fd;

	if (listener < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
		listener = hawser_listen("127.0.0.1,127.0.0.2:0", NULL);
	CHECK_REASON(listener >= 0);
	port = hawser_port(listener);
	CHECK(port > 0);
	fd = dialf(NULL, "127.0.0.2:%d", port);
	CHECK_REASON(fd >= 0);
	close(accept(listener, NULL, NULL));
	close(fd);
	close(listener);
	/* The same address again, in the same process; closing takes effect soon, not at once. */
	snprintf(address, sizeof address, "127.0.0.1,127.0.0.2:%d", port);
	for (unsigned i = 0; (again = hawser_listen(address, NULL)) < 0; i++) {
		CHECK_REASON(errno == EADDRINUSE && i < WAIT_MS / 10);
		usleep(10000);
	}
	fd = dialf(NULL, "127.0.0.1:%d", port);
	CHECK_REASON(fd >= 0);
	close(fd);
	close(again);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 8 && strcmp(argv[1], "serve") == 0)
		return serve_main(argv);
	RUN(unreachable);
	RUN(plain);
	RUN(two_paths);
	RUN(refused);
	RUN(bad_addresses);
	RUN(insecure_is_a_word);
	RUN(port_in_use);
	RUN(dead_first_address);
	RUN(all_dead);
	RUN(silent_first_address);
	RUN(two_hosts);
	RUN(other_host_is_told);
	RUN(not_a_hawser_peer);
	RUN(kinds_differ);
	RUN(garbage_at_the_door);
	RUN(oldest_guest_goes);
	RUN(full_table_at_the_listener);
	RUN(full_table_at_the_dialler);
	RUN(resets_are_healed);
	RUN(paths_return_to_a_closed_listener);
	RUN(killed_peer);
	RUN(port_numbers);
	return 0;
}
