/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hawser status: asks the control socket of each process of this user that uses hawser, and shows
 * its sessions and their paths; a path that carries nothing with the reason.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/common.h"

#define DOCUMENT_MAX  ((size_t)16 << 20)
#define PACKET_BYTES  ((size_t)1 << 18)
#define PROCESSES_MAX 4096u
#define ANSWER_S      2

static const char help_text[] =
	"Usage: hawser status [--json] [PID...]\n"
	"Shows the sessions of this user's running processes, and for each path its\n"
	"state, round trip time (and the age of that figure), rates and bytes; and in\n"
	"words why a path carries nothing.\n"
	"\n"
	"      --json  one JSON array with what each process told\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 every process found was asked and answered, 1 not so, 2 usage.\n";

static const struct option long_options[] = {
	COMMON_LONG,
	{ 0 },
};

struct status {
	struct common common;
	char **wanted; /* process ids, as text; none: all */
	int wanted_count;
	json_t *answers;
	bool failed;
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_S };
	size_t length = strlen(path);
	if (length >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, length + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* All packets until the end, as one document. NULL with errno; EPROTO: not JSON, or too much of it.
 */
static json_t *read_document(int fd)
{
	char *text = NULL;
	size_t have = 0;
	ssize_t got;
	for (;;) {
		char *more = have + PACKET_BYTES <= DOCUMENT_MAX ?
				     realloc(text, have + PACKET_BYTES) :
				     NULL;
		if (more == NULL) {
			errno = EPROTO;
			got = -1;
			break;
		}
		text = more;
		got = recv(fd, text + have, PACKET_BYTES, 0);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	json_t *document = got == 0 ? json_loadb(text, have, 0, NULL) : NULL;
	if (got == 0 && document == NULL)
		errno = EPROTO;
	free(text);
	return document;
}

static void ask(struct status *status, const char *path)
{
	static const char question[] = "status";
	int fd = connect_to(path);
	if (fd < 0) {
		/* What a process left that ended without tidying up. */
		if (errno == ECONNREFUSED || errno == ENOENT)
			return;
		complain(&status->common, "%s: %s", path,
			 errno == EAGAIN ? "no answer" : strerror(errno));
		status->failed = true;
		return;
	}
	json_t *document = NULL;
	if (send(fd, question, sizeof question - 1, MSG_NOSIGNAL) >= 0)
		document = read_document(fd);
	if (document == NULL) {
		const char *why =
			errno == EPROTO ? "the answer is not understood" : strerror(errno);
		complain(&status->common, "%s: %s", path, errno == EAGAIN ? "no answer" : why);
		status->failed = true;
	}
	close(fd);
	if (document != NULL)
		json_array_append_new(status->answers, document);
}

static bool is_wanted(const struct status *status, const char *name)
{
	size_t length = strspn(name, "0123456789");
	if (length == 0 || strcmp(name + length, ".sock") != 0)
		return false;
	for (int i = 0; i < status->wanted_count; i++)
		if (strlen(status->wanted[i]) == length &&
		    strncmp(status->wanted[i], name, length) == 0)
			return true;
	return status->wanted_count == 0;
}

static void look_in(struct status *status, const char *directory)
{
	char path[512];
	struct dirent *entry;
	struct stat owner;
	DIR *opened = opendir(directory);
	if (opened == NULL)
		return;
	/* /tmp is open to all: another user's directory of that name is not ours to believe. */
	if (fstat(dirfd(opened), &owner) < 0 || owner.st_uid != geteuid()) {
		closedir(opened);
		return;
	}
	for (unsigned i = 0; i < PROCESSES_MAX && (entry = readdir(opened)) != NULL; i++) {
		if (!is_wanted(status, entry->d_name))
			continue;
		snprintf(path, sizeof path, "%.200s/%.255s", directory, entry->d_name);
		ask(status, path);
	}
	closedir(opened);
}

static void look_everywhere(struct status *status)
{
	char directory[256];
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (runtime != NULL && *runtime != '\0') {
		snprintf(directory, sizeof directory, "%.200s/hawser", runtime);
		look_in(status, directory);
	}
	snprintf(directory, sizeof directory, "/tmp/hawser-%u", (unsigned)geteuid());
	look_in(status, directory);
}

static double number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static const char *word(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text != NULL ? text : "-";
}

static void rtt_text(char *text, size_t size, const json_t *path)
{
	double rtt_ns = number(path, "rtt_ns"), age_ns = number(path, "rtt_age_ns");
	if (rtt_ns <= 0)
		snprintf(text, size, "-");
	else
		snprintf(text, size, "%.1fms (%.1fs)", rtt_ns / 1e6, age_ns / 1e9);
}

static void print_path(const json_t *path)
{
	char rtt[40], out_rate[24], in_rate[24], out[24], in[24], ends[160];
	rtt_text(rtt, sizeof rtt, path);
	snprintf(ends, sizeof ends, "%s -> %s", word(path, "local"), word(path, "remote"));
	if (number(path, "id") == PATH_ID_NONE)
		printf("     - ");
	else
		printf("  %4.0f ", number(path, "id"));
	printf("%-8s %-8s %-44s %-16s %9s/s %9s/s %9s %9s\n",
	       word(path, "interface"), word(path, "state"), ends, rtt,
	       bytes_text(out_rate, sizeof out_rate, number(path, "rate_sending")),
	       bytes_text(in_rate, sizeof in_rate, number(path, "rate_receiving")),
	       bytes_text(out, sizeof out, number(path, "bytes_sent")),
	       bytes_text(in, sizeof in, number(path, "bytes_received")));
	const char *reason = json_string_value(json_object_get(path, "reason"));
	if (reason != NULL && *reason != '\0')
		printf("       carries nothing: %s\n", reason);
	if (number(path, "replies_elsewhere") > 0)
		printf("       warning: the route back to %s leaves by another interface than %s\n",
		       word(path, "remote"), word(path, "interface"));
}

static void print_session(const json_t *session)
{
	char out[24], in[24], copies[24];
	size_t i;
	json_t *path;
	const json_t *paths = json_object_get(session, "paths");
	printf(" session %.8s  peer %s  mode %s out, %s in  %s  for %.0f s\n", word(session, "id"),
	       word(session, "peer"), word(session, "mode_sending"),
	       word(session, "mode_receiving"), word(session, "state"),
	       number(session, "age_ns") / 1e9);
	printf("  acknowledged %s, received %s, copies sent %s, longest gap %.1f ms\n",
	       bytes_text(out, sizeof out, number(session, "bytes_acknowledged")),
	       bytes_text(in, sizeof in, number(session, "bytes_received")),
	       bytes_text(copies, sizeof copies, number(session, "duplicate_bytes_sent")),
	       number(session, "longest_gap_ns") / 1e6);
	const char *reason = json_string_value(json_object_get(session, "reason"));
	if (reason != NULL && *reason != '\0')
		printf("  %s\n", reason);
	if (json_array_size(paths) == 0) {
		printf("  no path at this moment\n");
		return;
	}
	printf("  path %-8s %-8s %-44s %-16s %11s %11s %9s %9s\n", "network", "state",
	       "local -> remote", "rtt (age)", "out", "in", "sent", "received");
	json_array_foreach(paths, i, path) print_path(path);
}

static void print_listener(const json_t *listener)
{
	const json_t *networks = json_object_get(listener, "networks");
	size_t i;
	json_t *name;
	printf(" listens on %s", word(listener, "address"));
	if (json_array_size(networks) > 0)
		printf(", answering each by itself:");
	json_array_foreach(networks, i, name) if (json_is_string(name))
		printf(" %s", json_string_value(name));
	putchar('\n');
	double error = number(listener, "error");
	if (error > 0 && error < 4096)
		printf("  warning: a connection may be answered by another network than it came in by, "
		       "and be lost: no socket of its own for each (%s)\n",
		       strerror((int)error));
}

static void print_answers(const json_t *answers, bool asked)
{
	size_t i, j;
	json_t *process, *session;
	json_array_foreach(answers, i, process)
	{
		const json_t *sessions = json_object_get(process, "sessions");
		printf("%s%s (%.0f): %zu session%s\n", i > 0 ? "\n" : "", word(process, "command"),
		       number(process, "pid"), json_array_size(sessions),
		       json_array_size(sessions) == 1 ? "" : "s");
		const json_t *listeners = json_object_get(process, "listeners");
		json_array_foreach(listeners, j, session) print_listener(session);
		json_array_foreach(sessions, j, session) print_session(session);
	}
	if (json_array_size(answers) == 0 && !asked)
		printf("No process of this user uses hawser.\n");
}

static int show(struct status *status)
{
	if (status->common.json) {
		json_dumpf(status->answers, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		print_answers(status->answers, status->wanted_count > 0);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		complain(&status->common, "writing standard output: %s", strerror(errno));
		return STATUS_FAILED;
	}
	return status->failed ? STATUS_FAILED : STATUS_FINE;
}

static bool wanted_are_numbers(struct status *status)
{
	for (int i = 0; i < status->wanted_count; i++) {
		const char *text = status->wanted[i];
		if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
			complain(&status->common, "%s: not a process id", text);
			return false;
		}
	}
	return true;
}

/* A process that was asked for and is not there is no success. */
static void miss_wanted(struct status *status)
{
	for (int i = 0; i < status->wanted_count; i++) {
		bool found = false;
		size_t j;
		json_t *process;
		json_array_foreach(status->answers, j, process) found |=
			json_integer_value(json_object_get(process, "pid")) ==
			strtoll(status->wanted[i], NULL, 10);
		if (found)
			continue;
		complain(&status->common, "no process %s of this user uses hawser", status->wanted[i]);
		status->failed = true;
	}
}

int status_run(int argc, char **argv)
{
	struct status status = { 0 };
	int option, result = STATUS_FINE;
	bool helped = false;
	if (common_init(&status.common, "status", help_text) < 0)
		return STATUS_FAILED;
	while (result == STATUS_FINE && !helped &&
	       (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		enum common_taken taken = common_take(&status.common, option, optarg);
		helped = taken == COMMON_HELPED;
		result = taken == COMMON_WRONG ? STATUS_USAGE : STATUS_FINE;
	}
	status.wanted = argv + optind;
	status.wanted_count = argc - optind;
	status.answers = json_array();
	if (result == STATUS_FINE && !helped && !wanted_are_numbers(&status))
		result = STATUS_USAGE;
	if (result == STATUS_FINE && !helped) {
		look_everywhere(&status);
		miss_wanted(&status);
		result = show(&status);
	}
	json_decref(status.answers);
	common_fini(&status.common);
	return result;
}
