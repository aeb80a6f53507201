/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hawser cat: standard input to the peer, the peer to standard output. One thread for each
 * direction with blocking calls, so that neither waits for the other; the main thread shows
 * progress and waits for both. The first that fails ends the session, and so the peer learns of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/bars.h"
#include "cmd/channel.h"
#include "cmd/commands.h"

#define BUFFER_BYTES ((size_t)1 << 18)
#define TICK_NS      100000000

static const char help_text[] =
	"Usage: hawser cat -l [OPTIONS] [[ADDR[,ADDR...]:]PORT]\n"
	"       hawser cat [OPTIONS] HOST[,HOST...][:PORT]\n"
	"Carries standard input to a peer and what the peer sends to standard output,\n"
	"over every network there is. Each direction ends by itself, as in TCP; it exits\n"
	"when both have. Default port 4297.\n"
	"\n"
	"  -l, --listen     accept one session and serve it\n"
	"  -n, --no-input   send nothing: do not read standard input\n"
	"  -P, --progress   show a line for each path on standard error\n"
	"\n" COMMON_HELP;

static const struct option long_options[] = {
	COMMON_LONG,
	{ "listen", no_argument, NULL, 'l' },
	{ "no-input", no_argument, NULL, 'n' },
	{ "progress", no_argument, NULL, 'P' },
	{ 0 },
};

struct cat {
	struct common common;
	struct channel channel;
	bool listen, no_input, progress;
	const char *address;

	_Atomic uint64_t sent, received;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t changed;
	unsigned running; /* directions that have not ended */
	bool failed;
};

static void direction_ended(struct cat *cat, bool fine)
{
	pthread_mutex_lock(&cat->lock);
	cat->running--;
	cat->failed = cat->failed || !fine;
	pthread_cond_signal(&cat->changed);
	pthread_mutex_unlock(&cat->lock);
}

static bool carry_input(struct cat *cat, uint8_t *buffer)
{
	for (;;) {
		ssize_t got = cat->no_input ? 0 : read(STDIN_FILENO, buffer, BUFFER_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			complain(&cat->common, "reading standard input: %s", strerror(errno));
			return false;
		}
		if (got == 0)
			break;
		if (channel_send(&cat->channel, buffer, (size_t)got) < 0) {
			channel_complain(&cat->channel, "sending");
			return false;
		}
		cat->sent += (uint64_t)got;
	}
	if (channel_finish(&cat->channel) < 0) {
		channel_complain(&cat->channel, "ending the sending direction");
		return false;
	}
	return true;
}

static bool write_output(struct cat *cat, const uint8_t *data, size_t length)
{
	while (length > 0) {
		ssize_t wrote = write(STDOUT_FILENO, data, length);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0) {
			complain(&cat->common,
				 "writing standard output: %s; %llu bytes were written",
				 errno == EPIPE ? "its reader is gone" : strerror(errno),
				 (unsigned long long)cat->received);
			return false;
		}
		data += wrote;
		length -= (size_t)wrote;
		cat->received += (uint64_t)wrote;
	}
	return true;
}

/*
 * The peer has ended: so does standard output, now, for its reader may have something to say to
 * that. The descriptor stays taken. A full disk or a quota may say so only when the last copy is
 * closed.
 */
static bool end_output(struct cat *cat)
{
	int last = dup(STDOUT_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool fine = last >= 0 && null >= 0 && dup2(null, STDOUT_FILENO) >= 0;
	if (last >= 0 && close(last) < 0)
		fine = false;
	if (!fine)
		complain(&cat->common, "closing standard output: %s", strerror(errno));
	if (null >= 0)
		close(null);
	return fine;
}

static bool carry_output(struct cat *cat, uint8_t *buffer)
{
	for (;;) {
		ssize_t got = channel_recv(&cat->channel, buffer, BUFFER_BYTES);
		if (got == 0)
			return end_output(cat);
		if (got < 0) {
			channel_complain(&cat->channel, "receiving");
			return false;
		}
		if (!write_output(cat, buffer, (size_t)got))
			return false;
	}
}

static void *direction(struct cat *cat, bool (*carry)(struct cat *, uint8_t *))
{
	uint8_t *buffer = malloc(BUFFER_BYTES);
	if (buffer == NULL)
		complain(&cat->common, "out of memory");
	direction_ended(cat, buffer != NULL && carry(cat, buffer));
	free(buffer);
	return NULL;
}

static void *input_thread(void *argument)
{
	return direction(argument, carry_input);
}

static void *output_thread(void *argument)
{
	return direction(argument, carry_output);
}

/* Until both directions have ended or one has failed. True when all went well. */
static bool wait_for_both(struct cat *cat)
{
	struct bars bars;
	bars_init(&bars, &cat->channel);
	pthread_mutex_lock(&cat->lock);
	while (cat->running > 0 && !cat->failed) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TICK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!cat->progress) {
			pthread_cond_wait(&cat->changed, &cat->lock);
			continue;
		}
		pthread_cond_timedwait(&cat->changed, &cat->lock, &until);
		pthread_mutex_unlock(&cat->lock);
		bars_show(&bars, "carried", cat->sent + cat->received, 0);
		pthread_mutex_lock(&cat->lock);
	}
	bool fine = !cat->failed;
	pthread_mutex_unlock(&cat->lock);
	if (cat->progress)
		bars_end(&bars, fine ? "ended" : "failed", cat->sent + cat->received, 0);
	return fine;
}

static bool start(struct cat *cat)
{
	pthread_t thread;
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	cat->running = 2;
	int error = pthread_create(&thread, &detached, output_thread, cat);
	if (error == 0)
		error = pthread_create(&thread, &detached, input_thread, cat);
	pthread_attr_destroy(&detached);
	if (error != 0)
		complain(&cat->common, "no thread: %s", strerror(error));
	return error == 0;
}

/*
 * On failure a thread may still sit in a read of standard input: the process ends under it, which
 * is why nothing is freed then.
 */
static int carry_all(struct cat *cat)
{
	if (!start(cat) || !wait_for_both(cat)) {
		channel_abort(&cat->channel);
		exit(STATUS_FAILED);
	}
	if (channel_drain(&cat->channel) < 0) {
		channel_complain(&cat->channel, "not everything arrived");
		channel_close(&cat->channel);
		return STATUS_FAILED;
	}
	channel_close(&cat->channel);
	return STATUS_FINE;
}

static int open_channel(struct cat *cat)
{
	const struct channel_settings settings = { .kind = CHANNEL_HAWSER };
	if (!cat->listen)
		return channel_dial(&cat->channel, &cat->common, &settings, cat->address);
	int fd = channel_listen(&cat->common, &settings, cat->address);
	if (fd < 0)
		return -1;
	channel_tell_listening(&cat->common, &settings, cat->address, fd);
	int accepted = channel_accept(&cat->channel, &cat->common, &settings, fd);
	close(fd);
	return accepted;
}

static int parse(struct cat *cat, int argc, char **argv, bool *helped)
{
	int option;
	while ((option = getopt_long(argc, argv, COMMON_SHORT "lnP", long_options, NULL)) != -1) {
		enum common_taken taken = COMMON_TAKEN;
		switch (option) {
		case 'l': cat->listen = true; break;
		case 'n': cat->no_input = true; break;
		case 'P': cat->progress = true; break;
		default: taken = common_take(&cat->common, option, optarg);
		}
		if (taken == COMMON_WRONG)
			return STATUS_USAGE;
		*helped = taken == COMMON_HELPED;
		if (*helped)
			return STATUS_FINE;
	}
	if (argc - optind > 1 || (argc == optind && !cat->listen))
		return usage(&cat->common, "one %s is wanted", cat->listen ? "port" : "host");
	cat->address = argc > optind ? argv[optind] : "4297";
	return STATUS_FINE;
}

int cat_run(int argc, char **argv)
{
	/* Threads that outlive a failed run look at it. */
	static struct cat cat = { .lock = PTHREAD_MUTEX_INITIALIZER,
				  .changed = PTHREAD_COND_INITIALIZER };
	bool helped = false;
	if (common_init(&cat.common, "cat", help_text) < 0)
		return STATUS_FAILED;
	int status = parse(&cat, argc, argv, &helped);
	if (status == STATUS_FINE && !helped)
		status = open_channel(&cat) == 0 ? carry_all(&cat) : STATUS_FAILED;
	common_fini(&cat.common);
	return status;
}
