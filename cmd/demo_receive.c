/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving end of the demonstration. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/delivery.h"
#include "cmd/demo.h"
#include "cmd/timeline.h"

#define BUFFER_BYTES ((size_t)1 << 18)
#define NAME_BYTES   512u

struct receiver {
	const struct demo *demo;
	struct channel channel;
	char run[DEMO_RUN_NAME_BYTES];
	char file[NAME_BYTES];
	uint64_t bytes; /* announced */
	struct delivery delivery;
	uint64_t timeline_start_ns;
};

/* The name becomes part of a file's name: letters only. */
static bool take_name(struct receiver *receiver, const char *name)
{
	size_t length = name != NULL ? strlen(name) : 0;
	if (length == 0 || length >= sizeof receiver->run ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz") != length)
		return false;
	memcpy(receiver->run, name, length + 1);
	return true;
}

static int receive_header(struct receiver *receiver)
{
	char text[256];
	ssize_t got = channel_recv_record(&receiver->channel, text, sizeof text);
	if (got < 0) {
		channel_complain(&receiver->channel, "receiving the header");
		return -1;
	}
	json_t *header = json_loadb(text, (size_t)got, 0, NULL);
	const json_t *bytes = json_object_get(header, "bytes");
	bool fine = take_name(receiver, json_string_value(json_object_get(header, "run"))) &&
		    json_is_integer(bytes) && json_integer_value(bytes) >= 0;
	if (fine)
		receiver->bytes = (uint64_t)json_integer_value(bytes);
	else
		complain(&receiver->demo->common,
			 "the peer does not speak as the demonstration does");
	json_decref(header);
	return fine ? 0 : -1;
}

static int write_all(const struct receiver *receiver, int fd, const uint8_t *data, size_t length)
{
	while (length > 0) {
		ssize_t wrote = write(fd, data, length);
		if (wrote < 0) {
			complain(&receiver->demo->common, "%s: %s", receiver->file,
				 strerror(errno));
			return -1;
		}
		data += wrote;
		length -= (size_t)wrote;
	}
	return 0;
}

static int receive_bytes(struct receiver *receiver, int fd, uint8_t *buffer)
{
	while (receiver->delivery.bytes < receiver->bytes) {
		uint64_t left = receiver->bytes - receiver->delivery.bytes;
		ssize_t got = channel_recv(&receiver->channel, buffer,
					   left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES);
		if (got == 0)
			complain(&receiver->demo->common, "%s: the file ended early",
				 receiver->run);
		else if (got < 0)
			channel_complain(&receiver->channel, "receiving the file");
		if (got <= 0)
			return -1;
		delivery_note(&receiver->delivery, clock_ns(), (uint64_t)got);
		if (write_all(receiver, fd, buffer, (size_t)got) < 0)
			return -1;
	}
	return 0;
}

static int receive_file(struct receiver *receiver)
{
	struct timeline timeline;
	char name[NAME_BYTES];
	snprintf(name, sizeof name, "%s/%s.tsv", receiver->demo->directory, receiver->run);
	snprintf(receiver->file, sizeof receiver->file, "%s/received-%s", receiver->demo->directory,
		 receiver->run);
	delivery_init(&receiver->delivery, 0);
	uint8_t *buffer = malloc(BUFFER_BYTES);
	int fd = open(receiver->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || buffer == NULL) {
		complain(&receiver->demo->common, "%s: %s", receiver->file, strerror(errno));
		goto failed;
	}
	if (timeline_start(&timeline, name, &receiver->channel, &receiver->delivery) < 0)
		goto failed;
	receiver->timeline_start_ns = timeline.start_ns;
	int result = receive_bytes(receiver, fd, buffer);
	if (timeline_stop(&timeline) < 0)
		result = -1;
	close(fd);
	free(buffer);
	return result;
failed:
	if (fd >= 0)
		close(fd);
	free(buffer);
	return -1;
}

static int send_figures(struct receiver *receiver)
{
	const struct delivery *delivery = &receiver->delivery;
	char digest[DIGEST_TEXT_BYTES], text[512];
	struct hawser_info info = { 0 };
	int error = digest_file(receiver->file, digest);
	if (error < 0) {
		complain(&receiver->demo->common, "%s: %s", receiver->file, strerror(-error));
		return -1;
	}
	channel_info(&receiver->channel, &info);
	int length = snprintf(
		text, sizeof text,
		"{\"sha256\":\"%s\",\"bytes\":%llu,\"seconds\":%.6f,\"longest_gap_us\":%llu,"
		"\"duplicate_bytes\":%llu,\"timeline_start_ns\":%llu}",
		digest, (unsigned long long)delivery->bytes,
		(double)(delivery->last_ns - delivery->first_ns) / 1e9,
		(unsigned long long)(delivery->longest_gap_ns / 1000),
		(unsigned long long)info.duplicate_bytes_received,
		(unsigned long long)receiver->timeline_start_ns);
	if (channel_send_record(&receiver->channel, text, (size_t)length) < 0 ||
	    channel_finish(&receiver->channel) < 0 || channel_drain(&receiver->channel) < 0) {
		channel_complain(&receiver->channel, "sending the figures");
		return -1;
	}
	return 0;
}

static void serve(const struct demo *demo, const struct channel_settings *settings,
		  int listening_fd)
{
	struct receiver receiver = { .demo = demo };
	uint8_t byte;
	if (channel_accept(&receiver.channel, &demo->common, settings, listening_fd) < 0)
		return;
	if (receive_header(&receiver) < 0 || receive_file(&receiver) < 0 ||
	    send_figures(&receiver) < 0)
		channel_abort(&receiver.channel);
	else
		channel_recv(&receiver.channel, &byte, 1); /* the sender's end */
	if (receiver.file[0] != '\0')
		unlink(receiver.file);
	channel_close(&receiver.channel);
}

int demo_receive(const struct demo *demo, const char *address, const char *tcp_address)
{
	const struct channel_settings hawser = { .kind = CHANNEL_HAWSER };
	const struct channel_settings tcp = { .kind = CHANNEL_TCP };
	struct pollfd polled[2] = { { .events = POLLIN }, { .events = POLLIN } };
	polled[0].fd = channel_listen(&demo->common, &hawser, address);
	if (polled[0].fd < 0)
		return STATUS_FAILED;
	polled[1].fd = channel_listen(&demo->common, &tcp, tcp_address);
	if (polled[1].fd < 0)
		return STATUS_FAILED;
	printf("%u %u\n", channel_listening_port(&hawser, polled[0].fd),
	       channel_listening_port(&tcp, polled[1].fd));
	fflush(stdout);
	for (;;) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR) {
			complain(&demo->common, "poll: %s", strerror(errno));
			return STATUS_FAILED;
		}
		if (polled[0].revents != 0)
			serve(demo, &hawser, polled[0].fd);
		if (polled[1].revents != 0)
			serve(demo, &tcp, polled[1].fd);
	}
}
