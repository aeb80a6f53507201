/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling over loopback: to peers, to what is none, to nobody. Each server is a host of its own. */
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dialled.h"
#include "raw.h"
#include "server.h"

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

/* hawser_reason tells of the last failure; the host is in it once. */
static void expect_once(const char *host)
{
	char why[400];
	const char *first;

	CHECK(hawser_reason(-1, why, sizeof why) > 0);
	first = strstr(why, host);
	CHECK(first && !strstr(first + 1, host));
}

static void an_error_names_the_host_once(void)
{
	CHECK(dialf(NULL, "127.0.0.1:%u", free_port()) < 0);
	expect_once("127.0.0.1");
	CHECK(hawser_dial("no..name:7000", NULL) < 0);
	expect_once("no..name");
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

int main(int argc, char **argv)
{
	server_main(argc, argv);
	RUN(unreachable);
	RUN(plain);
	RUN(two_paths);
	RUN(refused);
	RUN(an_error_names_the_host_once);
	RUN(bad_addresses);
	RUN(insecure_is_a_word);
	RUN(dead_first_address);
	RUN(all_dead);
	RUN(silent_first_address);
	RUN(two_hosts);
	RUN(other_host_is_told);
	RUN(not_a_hawser_peer);
	RUN(kinds_differ);
	RUN(full_table_at_the_dialler);
	return 0;
}
