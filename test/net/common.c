/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests over real networks share. */
#include "test/net/common.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/pattern.h"

#define LAB_ASK_FD    8
#define LAB_ANSWER_FD 9
#define PATH_ID_NONE  65535u    /* of a path that is not connected now */

const char *const mode_names[MODES] = {
	[HAWSER_CONVERGE] = "converge",
	[HAWSER_STRIPE] = "stripe",
	[HAWSER_DUPLICATE] = "duplicate",
	[HAWSER_BACKUP] = "backup",
};

static const char *who = "test";

/* The other end's process is ended by the parent, which sees this one's status. */
static _Noreturn void fail_list(const char *why, const char *format, va_list list)
{
	char text[512];

	vsnprintf(text, sizeof text, format, list);
	fprintf(stderr, "FAILED: %s: %s%s%s\n", who, text, why ? ": " : "", why ? why : "");
	fflush(NULL);
	_exit(1);
}

void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fail_list(NULL, format, list);
}

void fail_reason(int fd, const char *format, ...)
{
	char reason[256] = "", why[400];
	const char *error = strerror(errno);
	va_list list;

	hawser_reason(fd, reason, sizeof reason);
	snprintf(why, sizeof why, "%s (%s)", error, reason);
	va_start(list, format);
	fail_list(why, format, list);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t hung_ns(void)
{
	return now_ns() + HUNG_S * NS_PER_S;
}

void pause_until(uint64_t limit_ns, const char *awaited)
{
	if (now_ns() > limit_ns)
		fail("waited %u s for %s", HUNG_S, awaited);
	nanosleep(&(struct timespec){ .tv_nsec = (long)NS_PER_MS }, NULL);
}

void alive(void)
{
	alarm(HUNG_S);
}

void *ends_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("no shared memory: %s", strerror(errno));
	return memory;
}

static void enter_network(const char *name)
{
	char path[256];
	int fd;

	if (!name)
		return;
	snprintf(path, sizeof path, "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		fail("cannot enter network namespace %s: %s", path, strerror(errno));
	close(fd);
}

static pid_t end_start(const char *name, const char *network, void (*run)(void))
{
	pid_t process = fork();

	if (process < 0)
		fail("fork: %s", strerror(errno));
	if (process > 0)
		return process;
	who = name;
	alive();
	enter_network(network);
	run();
	exit(0);
}

void ends_run(const struct ends *ends)
{
	pid_t process[2], gone;
	int status;
	bool failed = false;

	fflush(NULL);
	process[0] = end_start("acceptor", ends->acceptor_network, ends->acceptor);
	process[1] = end_start("dialler", ends->dialler_network, ends->dialler);
	for (unsigned left = 2; left > 0; left--) {
		unsigned which;

		gone = waitpid(-1, &status, 0);
		which = gone == process[1];
		process[which] = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		failed = true;
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			fprintf(stderr, "FAILED: %s: %s\n", which ? "dialler" : "acceptor",
				strsignal(WTERMSIG(status)));
		if (process[!which] > 0)
			kill(process[!which], SIGKILL);
	}
	if (failed)
		exit(1);
}

static bool read_line(int fd, char *line, size_t size)
{
	for (size_t at = 0; at < size; at++) {
		if (read(fd, &line[at], 1) != 1)
			return false;
		if (line[at] == '\n') {
			line[at] = 0;
			return true;
		}
	}
	return false;
}

void lab(const char *format, ...)
{
	char command[512];
	size_t length = 0;
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof command - 16, format, list);
	va_end(list);
	length = strlen(command);
	command[length] = '\n';
	if (write(LAB_ASK_FD, command, length + 1) != (ssize_t)length + 1)
		fail("no script to ask: %s", strerror(errno));
	command[length] = 0;
	if (!read_line(LAB_ANSWER_FD, command + length + 1, sizeof command - length - 1))
		fail("the script does not answer");
	if (strcmp(command + length + 1, "0") != 0)
		fail("\"%s\" failed: %s", command, command + length + 1);
}

hawser_options *options_of(const char *name, ...)
{
	hawser_options *options = hawser_options_new();
	va_list list;

	if (!options || hawser_options_set(options, "insecure", "yes") < 0)
		fail_reason(-1, "options");
	va_start(list, name);
	for (; name; name = va_arg(list, const char *)) {
		const char *value = va_arg(list, const char *);

		if (hawser_options_set(options, name, value) < 0)
			fail_reason(-1, "option %s=%s", name, value);
	}
	va_end(list);
	return options;
}

hawser_t *dial(const char *address, hawser_options *options)
{
	hawser_t *h = hawser_open(address, options);

	if (!h)
		fail_reason(-1, "dialling %s", address);
	hawser_options_free(options);
	return h;
}

hawser_t *await_session(int listening_fd)
{
	hawser_t *h = hawser_accept(listening_fd);

	if (!h)
		fail_reason(-1, "accepting");
	return h;
}

void drain(hawser_t *h)
{
	if (hawser_drain(hawser_fd(h), (int)HUNG_S * 1000) < 0)
		fail_reason(hawser_fd(h), "draining");
}

struct hawser_info info_of(int fd)
{
	struct hawser_info info;

	if (hawser_info(fd, &info, sizeof info) < 0)
		fail_reason(fd, "hawser_info");
	return info;
}

void end_sending(hawser_t *h)
{
	if (hawser_shutdown(h) < 0)
		fail_reason(hawser_fd(h), "shutdown");
}

void close_cleanly(hawser_t *h)
{
	uint64_t limit_ns = hung_ns();

	while (info_of(hawser_fd(h)).state != HAWSER_CLOSED) {
		if (hawser_error(hawser_fd(h)) != 0)
			fail_reason(hawser_fd(h), "error %d at a clean end", hawser_error(hawser_fd(h)));
		pause_until(limit_ns, "the session to be closed");
	}
	if (hawser_close(h) < 0)
		fail_reason(-1, "close");
}

void receive_end(hawser_t *h)
{
	uint8_t byte;
	int flags = 0;
	ssize_t got = hawser_recv(h, &byte, 1, &flags);

	if (got != 0 || flags & HAWSER_END)
		fail_reason(hawser_fd(h), "the peer's end: received %zd, flags %d", got, flags);
}

unsigned network_of(const struct hawser_path_info *path)
{
	unsigned network = 0;

	sscanf(path->interface, "net%u", &network);
	return network;
}

void tally_update(struct tally *tally, int fd)
{
	struct hawser_path_info paths[32];
	int count = hawser_paths(fd, paths, 32, sizeof paths[0]);

	if (count < 0)
		fail_reason(fd, "hawser_paths");
	for (int i = 0; i < count; i++) {
		uint32_t id = paths[i].id;

		if (id == PATH_ID_NONE)
			continue;
		if (id >= TALLY_IDS)
			fail("path id %u", id);
		tally->network[id] = (uint8_t)network_of(&paths[i]);
		if (paths[i].bytes_sent > tally->sent[id])
			tally->sent[id] = paths[i].bytes_sent;
		if (paths[i].bytes_received > tally->received[id])
			tally->received[id] = paths[i].bytes_received;
	}
}

static uint64_t sum(const struct tally *tally, const uint64_t *bytes, unsigned network)
{
	uint64_t all = 0;

	for (unsigned id = 0; id < TALLY_IDS; id++)
		if (tally->network[id] == network)
			all += bytes[id];
	return all;
}

uint64_t tally_sent(const struct tally *tally, unsigned network)
{
	return sum(tally, tally->sent, network);
}

uint64_t tally_received(const struct tally *tally, unsigned network)
{
	return sum(tally, tally->received, network);
}

uint64_t payload_seed(unsigned direction, uint64_t sequence)
{
	return ((sequence << 1 | direction) + 1) * UINT64_C(0xd1342543de82ef95);
}

void payload_send(hawser_t *h, uint64_t seed, uint64_t from, uint64_t to, bool more)
{
	static _Thread_local uint8_t part[PART_BYTES];

	do {
		size_t length = to - from < PART_BYTES ? (size_t)(to - from) : PART_BYTES;
		bool last = from + length == to;
		size_t done = 0;

		pattern_fill(seed, from, part, length);
		do {
			ssize_t sent = hawser_send(h, part + done, length - done,
						   last && !more ? 0 : HAWSER_MORE);

			if (sent < 0 || (sent == 0 && length > 0))
				fail_reason(hawser_fd(h), "sending at %llu of %llu",
					    (unsigned long long)(from + done), (unsigned long long)to);
			done += (size_t)sent;
			alive();
		} while (done < length);
		from += length;
	} while (from < to);
}

void payload_check(uint64_t seed, uint64_t offset, const void *data, size_t length)
{
	size_t right = pattern_check(seed, offset, data, length);

	if (right != length)
		fail("wrong bytes from offset %llu on", (unsigned long long)(offset + right));
}

void message_receive(hawser_t *h, uint64_t seed, uint64_t at, uint64_t size)
{
	static _Thread_local uint8_t part[PART_BYTES];
	int flags = 0;

	while (!(flags & HAWSER_END)) {
		ssize_t got;

		flags = 0;
		got = hawser_recv(h, part, sizeof part, &flags);
		if (got < 0 || (got == 0 && !(flags & HAWSER_END)))
			fail_reason(hawser_fd(h), "receiving at %llu of %llu: %zd",
				    (unsigned long long)at, (unsigned long long)size, got);
		payload_check(seed, at, part, (size_t)got);
		alive();
		at += (uint64_t)got;
		if (at > size)
			break;
	}
	if (at != size)
		fail("a message of %llu bytes came as %llu", (unsigned long long)size,
		     (unsigned long long)at);
}

void message_send(hawser_t *h, uint64_t seed, uint64_t size)
{
	payload_send(h, seed, 0, size, false);
}

pthread_t start_thread(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, argument) != 0)
		fail("no thread");
	return thread;
}

void join_thread(pthread_t thread)
{
	pthread_join(thread, NULL);
}

void show_paths(int fd)
{
	struct hawser_path_info paths[32];
	int count = hawser_paths(fd, paths, 32, sizeof paths[0]);

	for (int i = 0; i < count; i++)
		fprintf(stderr, "%s: path %u %s %s -> %s: state %u, %s, error %d, %u connects, sent %llu, "
			"received %llu, outstanding %llu, rtt %.1f ms of %.1f s ago, state since %.1f s\n",
			who, paths[i].id, paths[i].interface, paths[i].local, paths[i].remote,
			paths[i].state, hawser_reason_text(paths[i].reason), paths[i].error,
			paths[i].connects, (unsigned long long)paths[i].bytes_sent,
			(unsigned long long)paths[i].bytes_received,
			(unsigned long long)paths[i].outstanding_bytes, (double)paths[i].rtt_ns / 1e6,
			(double)paths[i].rtt_age_ns / 1e9, (double)paths[i].state_age_ns / 1e9);
}
