/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the demonstration. A thread sends the file and waits for the receiver's figures; the
 * main thread watches, shows the bars, cuts the network when half was delivered, and heals it.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/bars.h"
#include "cmd/demo.h"

#define BUFFER_BYTES ((size_t)1 << 18)
#define WATCH_NS     5000000

struct sending {
	const struct demo *demo;
	struct demo_run *run;
	struct channel channel;
	uint64_t timeline_start_ns; /* of the receiver */
	uint64_t cut_ns, heal_ns;   /* when that happened, or 0 */
	atomic_bool ended;
};

static int send_file(struct sending *sending)
{
	const struct demo *demo = sending->demo;
	ssize_t got = -1;
	uint8_t *buffer = malloc(BUFFER_BYTES);
	int fd = open(demo->file, O_RDONLY | O_CLOEXEC);
	uint64_t left = demo->bytes;
	while (buffer != NULL && fd >= 0 && left > 0 &&
	       (got = read(fd, buffer, left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES)) > 0) {
		if (channel_send(&sending->channel, buffer, (size_t)got) < 0) {
			channel_complain(&sending->channel, "sending");
			break;
		}
		left -= (uint64_t)got;
	}
	if (buffer == NULL || fd < 0 || got < 0)
		complain(&demo->common, "%s: %s", demo->file, strerror(errno));
	else if (got == 0)
		complain(&demo->common, "%s became shorter", demo->file);
	if (fd >= 0)
		close(fd);
	free(buffer);
	return left == 0 ? 0 : -1;
}

static int receive_figures(struct sending *sending)
{
	struct demo_run *run = sending->run;
	char text[512];
	ssize_t got = channel_recv_record(&sending->channel, text, sizeof text);
	if (got <= 0) {
		if (got < 0)
			channel_complain(&sending->channel, "receiving the figures");
		else
			complain(&sending->demo->common, "%s: the receiver gave up", run->name);
		return -1;
	}
	json_t *figures = json_loadb(text, (size_t)got, 0, NULL);
	const char *digest = json_string_value(json_object_get(figures, "sha256"));
	run->intact = digest != NULL && strcmp(digest, sending->demo->digest) == 0;
	run->bytes = (uint64_t)json_integer_value(json_object_get(figures, "bytes"));
	run->seconds = json_number_value(json_object_get(figures, "seconds"));
	run->longest_gap_us =
		(uint64_t)json_integer_value(json_object_get(figures, "longest_gap_us"));
	run->duplicate_bytes =
		(uint64_t)json_integer_value(json_object_get(figures, "duplicate_bytes"));
	sending->timeline_start_ns =
		(uint64_t)json_integer_value(json_object_get(figures, "timeline_start_ns"));
	json_decref(figures);
	return 0;
}

static void *carry(void *argument)
{
	struct sending *sending = argument;
	char header[128];
	int length = snprintf(header, sizeof header, "{\"run\":\"%s\",\"bytes\":%llu}",
			      sending->run->name, (unsigned long long)sending->demo->bytes);
	if (channel_send_record(&sending->channel, header, (size_t)length) < 0)
		channel_complain(&sending->channel, "sending");
	else if (send_file(sending) == 0 && receive_figures(sending) == 0 &&
		 channel_finish(&sending->channel) == 0 && channel_drain(&sending->channel) == 0)
		sending->run->arrived = true;
	atomic_store(&sending->ended, true);
	return NULL;
}

/* Bytes that the other end is known to have. */
static uint64_t delivered(const struct sending *sending)
{
	struct hawser_info info;
	struct hawser_path_info path;
	uint64_t bytes = 0;
	if (channel_info(&sending->channel, &info))
		bytes = info.bytes_acknowledged;
	else if (channel_paths(&sending->channel, &path, 1) == 1)
		bytes = path.bytes_sent;
	return bytes < sending->demo->bytes ? bytes : sending->demo->bytes;
}

static void headline(const struct sending *sending, char *text, size_t size)
{
	bool is_cut = sending->cut_ns != 0 && sending->heal_ns == 0;
	snprintf(text, size, "%s%s", demo_run_text(sending->run), is_cut ? " CUT" : "");
}

static void watch(struct sending *sending)
{
	const struct demo *demo = sending->demo;
	const struct timespec pause = { 0, WATCH_NS };
	uint64_t limit_ns = clock_ns() + DEMO_RUN_TIME_S * UINT64_C(1000000000);
	char text[48];
	struct bars bars;
	bars_init(&bars, &sending->channel);
	while (!atomic_load(&sending->ended)) {
		uint64_t now = clock_ns(), done = delivered(sending);
		if (sending->cut_ns == 0 && done >= demo->bytes / 2) {
			demo_cut(demo, true);
			sending->cut_ns = clock_ns();
		} else if (sending->cut_ns != 0 && sending->heal_ns == 0 &&
			   now - sending->cut_ns >= demo->heal_after_ns) {
			demo_cut(demo, false);
			sending->heal_ns = clock_ns();
		}
		if (now > limit_ns) {
			complain(&demo->common, "%s: given up after %u s", sending->run->name,
				 DEMO_RUN_TIME_S);
			channel_abort(&sending->channel);
			limit_ns = UINT64_MAX;
		}
		headline(sending, text, sizeof text);
		bars_show(&bars, text, done, demo->bytes);
		nanosleep(&pause, NULL);
	}
	bars_end(&bars, demo_run_text(sending->run), delivered(sending), demo->bytes);
}

static double on_timeline(const struct sending *sending, uint64_t ns)
{
	return ns != 0 ? ((double)ns - (double)sending->timeline_start_ns) / 1e9 : -1;
}

void demo_send(const struct demo *demo, struct demo_run *run)
{
	struct sending sending = { .demo = demo, .run = run };
	struct channel_settings settings = { .kind = run->kind };
	const char *address =
		run->kind == CHANNEL_HAWSER ? demo->hawser_address : demo->tcp_address;
	pthread_t thread;
	if (run->kind == CHANNEL_HAWSER &&
	    hawser_options_set(demo->common.options, "mode", run->name) < 0) {
		complain_reason(&demo->common, -1, "mode %s", run->name);
		return;
	}
	if (channel_dial(&sending.channel, &demo->common, &settings, address) < 0)
		return;
	int error = pthread_create(&thread, NULL, carry, &sending);
	if (error == 0) {
		watch(&sending);
		pthread_join(thread, NULL);
	} else {
		complain(&demo->common, "no thread: %s", strerror(error));
	}
	if (sending.cut_ns != 0 && sending.heal_ns == 0)
		demo_cut(demo, false);
	run->cut_s = on_timeline(&sending, sending.cut_ns);
	run->heal_s = on_timeline(&sending, sending.heal_ns);
	channel_close(&sending.channel);
}
