/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel: one connection to a peer, whatever carries it - a hawser session (as a handle or as a
 * descriptor), a TCP socket or an MPTCP one - so that the same work can be run over each of them.
 *
 * Calls block. One thread may send while another receives. Kernel sockets have no messages: there a
 * message goes as its length in 8 bytes and its bytes, from when both ends have set `messages`.
 */
#ifndef HAWSER_CMD_CHANNEL_H
#define HAWSER_CMD_CHANNEL_H

#include <hawser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/common.h"

#define CHANNEL_PATHS_MAX   32u
#define CHANNEL_INBOX_BYTES ((size_t)1 << 18)
#define CHANNEL_RECORD_MAX  ((size_t)1 << 16)

enum channel_kind { CHANNEL_HAWSER, CHANNEL_TCP, CHANNEL_MPTCP };

struct channel_settings {
	enum channel_kind kind;
	bool descriptor;        /* hawser: through a descriptor, not a handle */
	bool streams;           /* known to be: nobody asks whether it has messages */
	const char *congestion; /* TCP, MPTCP; NULL: the host's default */
};

struct channel {
	const struct common *common;
	enum channel_kind kind;
	bool messages;    /* hawser: as the session is; kernel sockets: the caller's to set */
	bool spin;        /* the caller's to set: receiving asks again and again, and never sleeps */
	hawser_t *handle; /* or NULL: fd is read and written itself */
	int fd;           /* -1: there is a handle */

	/* Bytes [inbox_at, inbox_end) came in and were not yet taken. NULL until wanted. */
	uint8_t *inbox;
	size_t inbox_at, inbox_end;
	uint64_t message_left; /* kernel sockets: of the message being received */
	bool message_open;
};

/* Each returns -1 after an error message. */
int channel_dial(struct channel *channel, const struct common *common,
		 const struct channel_settings *settings, const char *address);
int channel_listen(const struct common *common, const struct channel_settings *settings,
		   const char *address);
int channel_accept(struct channel *channel, const struct common *common,
		   const struct channel_settings *settings, int listening_fd);
unsigned channel_listening_port(const struct channel_settings *settings, int listening_fd);
/* On standard error, for people: where, on which port, and whether other hosts are let in. */
void channel_tell_listening(const struct common *common, const struct channel_settings *settings,
			    const char *address, int listening_fd);

/* Streams. send takes all of it: 0 or -1. recv gives what is there, 0 at the end, or -1. */
int channel_send(struct channel *channel, const void *data, size_t length);
/*
 * The same without a copy, where channel_lends: the bytes must not change before `token` comes back by
 * channel_returned, which takes back at most `max` of them in order; when `waits`, at least one.
 * It returns how many, 0 also when none is out, or -1.
 */
bool channel_lends(const struct channel *channel);
int channel_lend(struct channel *channel, const void *data, size_t length, void *token);
int channel_returned(struct channel *channel, void **tokens, int max, bool waits);
ssize_t channel_recv(struct channel *channel, void *data, size_t size);
/* The next recv gives these bytes first: at most CHANNEL_INBOX_BYTES, and nothing may wait already.
 * -1 after an error message. */
int channel_unread(struct channel *channel, const void *data, size_t length);

/*
 * Messages. send: the part [offset, offset + length) of a message of total bytes, in order. recv: a
 * part, *ended set with the last one; 0 without *ended is the end of all; or -1.
 */
int channel_send_part(struct channel *channel, uint64_t total, uint64_t offset, const void *data,
		      size_t length);
ssize_t channel_recv_part(struct channel *channel, void *data, size_t size, bool *ended);

/* Records, for control: at most CHANNEL_RECORD_MAX bytes, on streams and message channels alike. */
int channel_send_record(struct channel *channel, const void *data, size_t length);
ssize_t channel_recv_record(struct channel *channel, void *data, size_t size);

/* Ends the sending direction. */
int channel_finish(struct channel *channel);
/* Waits until the peer's end has everything (hawser; elsewhere nothing can tell). 0 or -1. */
int channel_drain(struct channel *channel);
/* Tells an error with what is known of its cause. */
void channel_complain(const struct channel *channel, const char *what);
/* Ends at once; receivers and senders on it return. */
void channel_abort(struct channel *channel);
void channel_close(struct channel *channel);

/* Per-path figures; and for hawser the session's, else false. */
unsigned channel_paths(const struct channel *channel, struct hawser_path_info *paths, unsigned max);
bool channel_info(const struct channel *channel, struct hawser_info *info);

const char *channel_kind_text(enum channel_kind kind);
int channel_kind_parse(enum channel_kind *kind, const char *text);

#endif
