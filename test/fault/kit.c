/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios: opening and closing, verdicts, content. */
#include "test/fault/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/fault/fault.h"

#define LATE_MS 20              /* what could still come, most likely has */

void lie(const char *format, ...)
{
	va_list arguments;

	fputs("lie: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(1);
}

/* What the manual names, and what this run makes fail. */
static bool sensible(int error)
{
	static const int named[] = {
		ENOMEM, EMFILE, ENFILE, ENOBUFS, EACCES, EPERM, EAGAIN, ECONNREFUSED, ECONNRESET, EHOSTUNREACH,
		ENETUNREACH, ETIMEDOUT, EPROTO, EPIPE, EADDRINUSE, EADDRNOTAVAIL, ENOTCONN,
	};

	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
		if (error == named[i])
			return true;
	return fault_run && error == fault_run->plan.error;
}

bool refused(const char *call)
{
	int error = errno;
	char why[256] = "";

	if (!fault_run || !atomic_load(&fault_run->fired)) {
		hawser_reason(-1, why, sizeof why);
		lie("%s fails although nothing else did: %s (%s)", call, strerror(error), why);
	}
	if (!sensible(error))
		lie("%s: strange errno %d (%s)", call, error, strerror(error));
	if (strncmp(call, "hawser_", 7) == 0 && hawser_reason(-1, why, sizeof why) <= 0)
		lie("%s: %s, and no words", call, strerror(error));
	atomic_fetch_add(&fault_run->refused, 1);
	return false;
}

void ended_abnormally(int fd, const char *call)
{
	int error = errno;
	char why[256] = "";

	if (error != ECONNRESET && error != EPIPE)
		lie("%s: strange errno %d (%s)", call, error, strerror(error));
	int told = hawser_error(fd);
	if (told == 0)
		lie("%s: %s, but hawser_error says 0", call, strerror(error));
	if (told < 0)
		refused("hawser_error");
	else if (hawser_reason(fd, why, sizeof why) < 0)
		refused("hawser_reason");
	else if (!why[0])
		lie("%s: %s, and no words", call, strerror(error));
	if (!fault_run || !atomic_load(&fault_run->fired))
		lie("%s: %s although nothing failed: %s", call, strerror(error), why);
	atomic_fetch_add(&fault_run->refused, 1);
}

/* --- content --- */

uint8_t content(uint64_t at, uint8_t seed)
{
	uint64_t word = (at / 8 + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)(word >> (at % 8 * 8)) ^ (uint8_t)(at >> 3);
}

void fill(uint8_t *bytes, size_t length, uint64_t at, uint8_t seed)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = content(at + i, seed);
}

void verify(const uint8_t *bytes, size_t length, uint64_t at, uint8_t seed)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != content(at + i, seed))
			lie("byte %llu is wrong", (unsigned long long)(at + i));
}

/* --- opening --- */

hawser_options *options_with(const char *first, ...)
{
	static const char *const common[][2] = {
		{ "connect_timeout", "8s" }, { "resume_timeout", "8s" }, { "orphan_timeout", "4s" },
		{ "refused_timeout", "6s" }, { "exit_linger", "10s" }, { "linger", "8s" },
	};
	hawser_options *o = hawser_options_new();
	va_list arguments;

	if (!o) {
		refused("hawser_options_new");
		return NULL;
	}
	for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
		if (hawser_options_set(o, common[i][0], common[i][1]) < 0)
			lie("hawser_options_set: %s", strerror(errno));
	va_start(arguments, first);
	for (const char *name = first; name; name = va_arg(arguments, const char *))
		if (hawser_options_set(o, name, va_arg(arguments, const char *)) < 0)
			lie("hawser_options_set: %s", strerror(errno));
	va_end(arguments);
	return o;
}

bool ends_listen(struct ends *e, const char *where, hawser_options *options)
{
	e->listening = e->dialled = e->accepted = -1;
	if (!options)
		return false;
	e->listening = hawser_listen(where, options);
	if (e->listening < 0)
		return refused("hawser_listen");
	e->port = hawser_port(e->listening);
	if (e->port < 0) {
		refused("hawser_port");
		ends_close(e);
		return false;
	}
	return true;
}

void ends_address(const struct ends *e, const char *host, char address[64])
{
	snprintf(address, 64, "%s:%d", host, e->port);
}

bool ends_dial(struct ends *e, const char *address, hawser_options *options)
{
	e->dialled = hawser_dial(address, options);
	if (e->dialled >= 0)
		return true;
	refused("hawser_dial");
	ends_never_were(e);
	ends_close(e);
	return false;
}

/* What the acceptor has of a session that could not be dialled is no session that ended cleanly. */
void ends_never_were(struct ends *e)
{
	struct pollfd p = { .fd = e->listening, .events = POLLIN };
	char byte;

	if (e->listening < 0 || poll(&p, 1, LATE_MS) != 1)
		return;
	e->accepted = accept(e->listening, NULL, NULL);
	if (e->accepted >= 0 && recv(e->accepted, &byte, 1, 0) == 0)
		lie("a session that could not be dialled ends cleanly for its peer");
}

/* The session arrives at the listening descriptor, or the one that dialled is told that it is no more. */
bool ends_accept(struct ends *e)
{
	struct pollfd p[2] = {
		{ .fd = e->listening, .events = POLLIN },
		{ .fd = e->dialled, .events = POLLIN },
	};

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[0].revents & POLLIN) {
		e->accepted = accept(e->listening, NULL, NULL);
		if (e->accepted < 0)
			lie("accept: %s", strerror(errno));
		return true;
	}
	char byte;
	if (recv(e->dialled, &byte, 1, 0) >= 0)
		lie("a session that was never accepted ends cleanly");
	ended_abnormally(e->dialled, "recv, never accepted");
	ends_close(e);
	return false;
}

bool ends_open(struct ends *e, hawser_options *options)
{
	char address[64];
	bool open = ends_listen(e, "127.0.0.1:0", options);

	if (open) {
		ends_address(e, "127.0.0.1", address);
		open = ends_dial(e, address, options) && ends_accept(e);
	}
	hawser_options_free(options);
	return open;
}

void ends_close(struct ends *e)
{
	int *all[] = { &e->listening, &e->dialled, &e->accepted };

	for (unsigned i = 0; i < 3; i++) {
		if (*all[i] >= 0)
			close(*all[i]);
		*all[i] = -1;
	}
}

/* --- children --- */

static bool in_child;

/* Asked by LeakSanitizer: in a child of a program with threads its look at exit can wait for ever. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return in_child;
}

int child_begin(void (*function)(void *), void *argument)
{
	fflush(NULL);
	int pid = fork();

	if (pid < 0)
		lie("fork: %s", strerror(errno));
	if (pid == 0) {
		in_child = true;
		function(argument);
		exit(0);
	}
	return pid;
}

void child_end(int pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		lie("a child ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		lie("a child ended with %d", WEXITSTATUS(status));
}
