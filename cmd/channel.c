/* SPDX-License-Identifier: Apache-2.0 */
/* A channel: one connection to a peer, whatever carries it. */
#include "cmd/channel.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/kernel_socket.h"

#define WHY_BYTES 256u

static struct kernel_socket_settings kernel_settings(const struct common *common,
						     const struct channel_settings *settings)
{
	return (struct kernel_socket_settings){
		.mptcp = settings->kind == CHANNEL_MPTCP,
		.congestion = settings->congestion,
		.via = common->via,
	};
}

static struct channel channel_closed(const struct common *common,
				     const struct channel_settings *settings)
{
	return (struct channel){
		.common = common,
		.kind = settings->kind,
		.fd = -1,
	};
}

/* What the hawser functions or the socket calls take; a handle's is made when it is first asked for. */
static int descriptor(const struct channel *channel)
{
	return channel->handle != NULL ? hawser_fd(channel->handle) : channel->fd;
}

/* 0 when something was opened. */
static int channel_opened(struct channel *channel, const struct channel_settings *settings)
{
	struct hawser_info info;
	if (channel->handle == NULL && channel->fd < 0)
		return -1;
	if (!settings->streams)
		channel->messages = channel_info(channel, &info) && info.messages != 0;
	return 0;
}

static int make_inbox(struct channel *channel)
{
	if (channel->inbox == NULL)
		channel->inbox = malloc(CHANNEL_INBOX_BYTES);
	return channel->inbox != NULL ? 0 : -1;
}

int channel_dial(struct channel *channel, const struct common *common,
		 const struct channel_settings *settings, const char *address)
{
	*channel = channel_closed(common, settings);
	if (settings->kind != CHANNEL_HAWSER) {
		char why[WHY_BYTES] = "";
		struct kernel_socket_settings kernel = kernel_settings(common, settings);
		channel->fd = kernel_socket_dial(&kernel, address, why, sizeof why);
		if (channel->fd < 0)
			complain(common, "%s", why);
		return channel_opened(channel, settings);
	}
	if (settings->descriptor)
		channel->fd = hawser_dial(address, common->options);
	else
		channel->handle = hawser_open(address, common->options);
	if (channel->fd < 0 && channel->handle == NULL)
		complain_reason(common, -1, "cannot connect");
	return channel_opened(channel, settings);
}

int channel_listen(const struct common *common, const struct channel_settings *settings,
		   const char *address)
{
	if (settings->kind == CHANNEL_HAWSER) {
		int fd = hawser_listen(address, common->options);
		if (fd < 0)
			complain_reason(common, -1, "cannot listen");
		return fd;
	}
	char why[WHY_BYTES] = "";
	struct kernel_socket_settings kernel = kernel_settings(common, settings);
	int fd = kernel_socket_listen(&kernel, address, why, sizeof why);
	if (fd < 0)
		complain(common, "%s", why);
	return fd;
}

int channel_accept(struct channel *channel, const struct common *common,
		   const struct channel_settings *settings, int listening_fd)
{
	*channel = channel_closed(common, settings);
	if (settings->kind == CHANNEL_HAWSER && !settings->descriptor)
		channel->handle = hawser_accept(listening_fd);
	else
		channel->fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);
	if (channel->fd < 0 && channel->handle == NULL)
		complain_reason(common, -1, "accepting");
	return channel_opened(channel, settings);
}

void channel_tell_listening(const struct common *common, const struct channel_settings *settings,
			    const char *address, int listening_fd)
{
	const char *colon = strrchr(address, ':');
	bool loopback = settings->kind == CHANNEL_HAWSER && !common->insecure && colon == NULL;
	const char *where = loopback ? "loopback" : "every address";
	int length = (int)strlen(where);
	if (colon != NULL) {
		where = address;
		length = (int)(colon - address);
	}
	fprintf(stderr, "hawser: %s: listening on %.*s, port %u", common->name, length, where,
		channel_listening_port(settings, listening_fd));
	if (settings->kind != CHANNEL_HAWSER)
		fprintf(stderr, " (%s)", channel_kind_text(settings->kind));
	fputs(loopback ? "; --insecure lets other hosts in\n" : "\n", stderr);
}

unsigned channel_listening_port(const struct channel_settings *settings, int listening_fd)
{
	if (settings->kind != CHANNEL_HAWSER)
		return kernel_socket_port(listening_fd);
	int port = hawser_port(listening_fd);
	return port > 0 ? (unsigned)port : 0;
}

/* The one place where bytes leave as copies. flags: HAWSER_MORE, meaningful for messages. */
static int send_all(struct channel *channel, const uint8_t *data, size_t length, int flags)
{
	do {
		ssize_t sent;
		if (channel->handle != NULL)
			sent = hawser_send(channel->handle, data, length, flags);
		else
			sent = send(channel->fd, data, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		data += sent;
		length -= (size_t)sent;
	} while (length > 0);
	return 0;
}

int channel_send(struct channel *channel, const void *data, size_t length)
{
	return length > 0 ? send_all(channel, data, length, 0) : 0;
}

bool channel_lends(const struct channel *channel)
{
	return channel->handle != NULL;
}

int channel_lend(struct channel *channel, const void *data, size_t length, void *token)
{
	ssize_t lent;
	do
		lent = hawser_lend(channel->handle, data, length, token, 0);
	while (lent < 0 && errno == EINTR);
	return lent < 0 ? -1 : 0;
}

int channel_returned(struct channel *channel, void **tokens, int max, bool waits)
{
	int count;
	do
		count = hawser_returned(channel->handle, tokens, max, waits ? -1 : 0);
	while (count < 0 && errno == EINTR);
	return count < 0 && errno == EAGAIN ? 0 : count;
}

/* The one place where bytes come in. *flags gets what hawser_recv says. */
static ssize_t receive(struct channel *channel, void *data, size_t size, int *flags)
{
	for (;;) {
		ssize_t got;
		*flags = channel->spin ? HAWSER_DONTWAIT : 0;
		if (channel->handle != NULL)
			got = hawser_recv(channel->handle, data, size, flags);
		else
			got = recv(channel->fd, data, size, channel->spin ? MSG_DONTWAIT : 0);
		if (got >= 0 || (errno != EINTR && !(channel->spin && errno == EAGAIN)))
			return got;
	}
}

static size_t take_inbox(struct channel *channel, void *data, size_t size)
{
	size_t have = channel->inbox_end - channel->inbox_at;
	size_t length = have < size ? have : size;
	memcpy(data, channel->inbox + channel->inbox_at, length);
	channel->inbox_at += length;
	return length;
}

ssize_t channel_recv(struct channel *channel, void *data, size_t size)
{
	if (channel->inbox_at < channel->inbox_end)
		return (ssize_t)take_inbox(channel, data, size);
	int flags;
	return receive(channel, data, size, &flags);
}

int channel_unread(struct channel *channel, const void *data, size_t length)
{
	assert(channel->inbox_at == channel->inbox_end && length <= CHANNEL_INBOX_BYTES);
	if (make_inbox(channel) < 0) {
		complain(channel->common, "out of memory");
		return -1;
	}
	memcpy(channel->inbox, data, length);
	channel->inbox_at = 0;
	channel->inbox_end = length;
	return 0;
}

/* Reads ahead, so that small messages do not cost a system call each. */
static ssize_t recv_ahead(struct channel *channel, void *data, size_t size)
{
	if (channel->inbox_at == channel->inbox_end && size < CHANNEL_INBOX_BYTES / 4) {
		int flags;
		if (make_inbox(channel) < 0)
			return -1;
		ssize_t got = receive(channel, channel->inbox, CHANNEL_INBOX_BYTES, &flags);
		if (got <= 0)
			return got;
		channel->inbox_at = 0;
		channel->inbox_end = (size_t)got;
	}
	return channel_recv(channel, data, size);
}

/* 1 when size bytes came, 0 at the end before the first, -1 on failure or an end between. */
static int recv_exactly(struct channel *channel, void *data, size_t size)
{
	for (size_t have = 0; have < size;) {
		ssize_t got = recv_ahead(channel, (uint8_t *)data + have, size - have);
		if (got == 0 && have == 0)
			return 0;
		if (got == 0)
			errno = EPIPE;
		if (got <= 0)
			return -1;
		have += (size_t)got;
	}
	return 1;
}

static bool is_kernel(const struct channel *channel)
{
	return channel->kind != CHANNEL_HAWSER;
}

int channel_send_part(struct channel *channel, uint64_t total, uint64_t offset, const void *data,
		      size_t length)
{
	assert(offset + length <= total);
	if (!is_kernel(channel))
		return send_all(channel, data, length, offset + length < total ? HAWSER_MORE : 0);
	if (offset > 0)
		return channel_send(channel, data, length);
	uint64_t prefix = htole64(total);
	struct iovec iov[2] = { { &prefix, sizeof prefix }, { (void *)(uintptr_t)data, length } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent;
	do
		sent = sendmsg(channel->fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -1;
	size_t head = (size_t)sent < sizeof prefix ? (size_t)sent : sizeof prefix;
	if (channel_send(channel, (uint8_t *)&prefix + head, sizeof prefix - head) < 0)
		return -1;
	size_t body = (size_t)sent - head;
	return channel_send(channel, (const uint8_t *)data + body, length - body);
}

static ssize_t kernel_recv_part(struct channel *channel, void *data, size_t size, bool *ended)
{
	if (!channel->message_open) {
		int came =
			recv_exactly(channel, &channel->message_left, sizeof channel->message_left);
		if (came <= 0)
			return came;
		channel->message_left = le64toh(channel->message_left);
		channel->message_open = true;
	}
	ssize_t got = 0;
	if (channel->message_left > 0) {
		if (size > channel->message_left)
			size = (size_t)channel->message_left;
		got = recv_ahead(channel, data, size);
		if (got == 0)
			errno = EPIPE;
		if (got <= 0)
			return -1;
	}
	channel->message_left -= (uint64_t)got;
	*ended = channel->message_left == 0;
	channel->message_open = !*ended;
	return got;
}

ssize_t channel_recv_part(struct channel *channel, void *data, size_t size, bool *ended)
{
	*ended = false;
	if (is_kernel(channel))
		return kernel_recv_part(channel, data, size, ended);
	int flags;
	ssize_t got = receive(channel, data, size, &flags);
	*ended = channel->handle != NULL ? (flags & HAWSER_END) != 0 : got > 0;
	return got;
}

int channel_send_record(struct channel *channel, const void *data, size_t length)
{
	assert(length <= CHANNEL_RECORD_MAX);
	if (channel->messages)
		return channel_send_part(channel, length, 0, data, length);
	uint32_t prefix = htole32((uint32_t)length);
	if (channel_send(channel, &prefix, sizeof prefix) < 0)
		return -1;
	return channel_send(channel, data, length);
}

ssize_t channel_recv_record(struct channel *channel, void *data, size_t size)
{
	size_t have = 0;
	if (channel->messages) {
		for (bool ended = false; !ended;) {
			ssize_t got = channel_recv_part(channel, (uint8_t *)data + have,
							size - have, &ended);
			if (got < 0 || (got == 0 && !ended)) {
				errno = got == 0 ? EPROTO : errno;
				return got == 0 && have == 0 ? 0 : -1;
			}
			have += (size_t)got;
		}
		return (ssize_t)have;
	}
	uint32_t length;
	int came = recv_exactly(channel, &length, sizeof length);
	if (came <= 0)
		return came;
	length = le32toh(length);
	if (length > size) {
		errno = EPROTO;
		return -1;
	}
	came = length > 0 ? recv_exactly(channel, data, length) : 1;
	return came > 0 ? (ssize_t)length : -1;
}

int channel_finish(struct channel *channel)
{
	if (channel->handle != NULL)
		return hawser_shutdown(channel->handle);
	return shutdown(channel->fd, SHUT_WR);
}

int channel_drain(struct channel *channel)
{
	return is_kernel(channel) ? 0 : hawser_drain(descriptor(channel), -1);
}

void channel_complain(const struct channel *channel, const char *what)
{
	if (is_kernel(channel))
		complain(channel->common, "%s: %s", what, strerror(errno));
	else
		complain_reason(channel->common, descriptor(channel), "%s", what);
}

void channel_abort(struct channel *channel)
{
	if (!is_kernel(channel)) {
		hawser_abort(descriptor(channel));
		return;
	}
	struct linger at_once = { .l_onoff = 1 };
	setsockopt(channel->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	shutdown(channel->fd, SHUT_RDWR);
}

void channel_close(struct channel *channel)
{
	if (channel->handle != NULL)
		hawser_close(channel->handle);
	else if (channel->fd >= 0)
		close(channel->fd);
	free(channel->inbox);
	*channel = (struct channel){ .fd = -1 };
}

unsigned channel_paths(const struct channel *channel, struct hawser_path_info *paths, unsigned max)
{
	if (is_kernel(channel))
		return kernel_socket_paths(channel->fd, channel->kind == CHANNEL_MPTCP, paths, max);
	int count = hawser_paths(descriptor(channel), paths, max, sizeof *paths);
	return count > 0 ? (unsigned)count : 0;
}

bool channel_info(const struct channel *channel, struct hawser_info *info)
{
	return !is_kernel(channel) && hawser_info(descriptor(channel), info, sizeof *info) == 0;
}

static const char *const kinds[] = { "hawser", "tcp", "mptcp" };

const char *channel_kind_text(enum channel_kind kind)
{
	return kinds[kind];
}

int channel_kind_parse(enum channel_kind *kind, const char *text)
{
	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, kinds[i]) == 0) {
			*kind = (enum channel_kind)i;
			return 0;
		}
	}
	return -1;
}
