/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hawser: one dependable socket carried by every network the host has.
 *
 * A session is one byte stream (or message sequence) each way. It is held as a descriptor, a real
 * kernel socket that read, write, poll, epoll, stdio and SCM_RIGHTS work on, or as a handle
 * (hawser_t), which has messages of any size and no second hop through a kernel buffer.
 *
 * Every function is thread-safe. On failure functions return -1 (or NULL) and set errno; what else
 * is known of the failure is told by hawser_reason(). Nothing here prints anything.
 * Link with -lhawser; pkg-config name: hawser. See hawser(3).
 */
#ifndef HAWSER_H
#define HAWSER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is declared here is all that the library exports. */
#pragma GCC visibility push(default)

#define HAWSER_VERSION      "0.1.0"
#define HAWSER_DEFAULT_PORT 4297

typedef struct hawser         hawser_t;
typedef struct hawser_options hawser_options;

/* How bytes are laid on the paths; see hawser(7). */
enum hawser_mode {
	HAWSER_CONVERGE  = 0,   /* efficient duplication: all the speed, and copies that finish for a dead path */
	HAWSER_STRIPE    = 1,   /* each chunk once; resent elsewhere when its path is suspect */
	HAWSER_DUPLICATE = 2,   /* every chunk on every path */
	HAWSER_BACKUP    = 3,   /* one preferred path, the others stand by */
};

enum hawser_direction {
	HAWSER_SENDING   = 1,
	HAWSER_RECEIVING = 2,   /* asks the peer to send in that mode */
	HAWSER_BOTH      = 3,
};

enum hawser_path_state {
	HAWSER_PATH_FRESH   = 0,   /* new or readmitted: carries a little until it has proved itself */
	HAWSER_PATH_ACTIVE  = 1,
	HAWSER_PATH_SUSPECT = 2,   /* acknowledgements stopped coming; its bytes go elsewhere as well */
	HAWSER_PATH_DOWN    = 3,
};

enum hawser_session_state {
	HAWSER_DIALLING    = 0,
	HAWSER_ESTABLISHED = 1,
	HAWSER_CLOSING     = 2,    /* everything is written, not everything acknowledged */
	HAWSER_CLOSED      = 3,    /* everything arrived, both ways */
	HAWSER_RESET       = 4,    /* ended abnormally; error and reason say why */
};

/*
 * Options: a set of named values, given to hawser_dial, hawser_listen and hawser_open, which copy
 * it. NULL means all defaults. Names, values, units and defaults: hawser-options(7).
 *
 * hawser_options_new returns NULL with ENOMEM. hawser_options_set fails with EINVAL (unknown name
 * or bad value; hawser_reason(-1, ...) tells which). A NULL value restores the default.
 */
hawser_options *hawser_options_new(void);
int hawser_options_set(hawser_options *options, const char *name, const char *value);
void hawser_options_free(hawser_options *options);

/*
 * Dials HOST[,HOST...][:PORT] over every usable network and returns a connected descriptor, close
 * on exec, that the caller closes. A host is a name, an IPv4 address or a bracketed IPv6 address;
 * several hosts are addresses of one peer. Default port 4297.
 *
 * Blocks until the session is established, at most option "connect_timeout". With the option
 * "nonblock" it returns at once: bytes may be written already, hawser_wait tells the outcome.
 *
 * Errors: EINVAL (address or options), EHOSTUNREACH / ENETUNREACH, ECONNREFUSED, ETIMEDOUT, EACCES
 * (a clear-text path beyond loopback without the option "insecure"), EPROTO (not a hawser peer, no
 * common version), EMFILE, ENFILE, ENOMEM; ENOENT, EPERM (the congestion control asked for); a name that does not resolve: EHOSTUNREACH, or EAGAIN
 * where the resolver said to try later.
 */
int hawser_dial(const char *address, const hawser_options *options);

/*
 * Listens on [ADDR[,ADDR...]:]PORT and returns a listening descriptor, close on exec, for poll(2)
 * and accept(2); each descriptor accepted is a session that its dialler has confirmed. Without
 * ADDR it listens on every address (loopback only, unless "insecure" is set). Port 0 takes a free
 * one; hawser_port tells it. Closing it stops listening; accepted sessions live on, and their lost
 * paths can come back as long as the process lives.
 * Errors: EINVAL, EADDRINUSE, EADDRNOTAVAIL, EACCES, EMFILE, ENFILE, ENOMEM; ENOENT, EPERM (the
 * congestion control asked for).
 */
int hawser_listen(const char *address, const hawser_options *options);
int hawser_port(int listening_fd);

/*
 * Waits at most timeout_ms (-1: for ever) until a dialling session is established: 0, or -1 with
 * the errno that hawser_dial would have given, or EAGAIN when the time is over.
 */
int hawser_wait(int fd, int timeout_ms);

/*
 * Waits at most timeout_ms (-1: for ever) until all bytes written have been acknowledged by the
 * peer's end: 0, or -1 with EAGAIN (not yet), ECONNRESET.
 */
int hawser_drain(int fd, int timeout_ms);

/* Ends the session at once as a reset: the peer's program reads ECONNRESET. The descriptor stays the caller's to close. */
int hawser_abort(int fd);

/* Changes the mode of a live session for the given directions. EINVAL, ENOTCONN. */
int hawser_set_mode(int fd, enum hawser_direction direction, enum hawser_mode mode);

/* The errno that says how the session ended (0: it has not, or ended cleanly). -1: not a hawser descriptor. */
int hawser_error(int fd);

/*
 * Writes into text why the session behind fd failed or ended, or with fd -1 why the last hawser
 * call of this thread failed: words for a person, naming what and where. Returns the length that
 * was needed; "" when there is nothing to say.
 */
int hawser_reason(int fd, char *text, size_t size);

/* The peer's address that the session was opened with, as "ADDRESS:PORT". Length needed, or -1. */
int hawser_peer(int fd, char *text, size_t size);

struct hawser_info {
	uint8_t id[16];
	uint32_t state;                 /* enum hawser_session_state */
	uint32_t messages;              /* 1: message session */
	uint32_t dialler;               /* 1: this end dialled */
	uint32_t mode_sending;          /* enum hawser_mode */
	uint32_t mode_receiving;
	int32_t  error;                 /* errno when state is HAWSER_RESET */
	uint32_t reason;                /* reason code when state is HAWSER_RESET */
	uint32_t paths;                 /* how many hawser_paths would tell of */
	uint64_t bytes_written;         /* by the program here */
	uint64_t bytes_acknowledged;    /* of those, by the peer's end */
	uint64_t bytes_received;        /* in order */
	uint64_t bytes_consumed;        /* of those, by the program here */
	uint64_t peer_consumed;         /* of ours by the peer's program, as last told */
	uint64_t duplicate_bytes_sent;  /* stream bytes sent more than once */
	uint64_t duplicate_bytes_received;
	uint64_t age_ns;                /* since the session began */
	uint64_t longest_gap_ns;        /* longest wait between in-order deliveries while bytes were missing */
};

/*
 * Tells the state of a session. size is sizeof *info as the caller knows it: the structure may grow
 * at its end in later versions, as struct tcp_info does. Works on any descriptor of a session, also
 * one inherited from or passed by another process of the same user. EBADF, ENOTSOCK, ENOTCONN.
 */
int hawser_info(int fd, struct hawser_info *info, size_t size);

struct hawser_path_info {
	uint32_t id;                    /* on the wire; 65535: this path is not up */
	uint32_t state;                 /* enum hawser_path_state */
	uint32_t reason;                /* why it carries nothing, or 0; hawser_reason_text has words */
	int32_t  error;                 /* errno of the last loss of this path, or 0 */
	uint32_t replies_elsewhere;     /* 1: the route to the peer leaves by another interface than this path's */
	uint32_t connects;              /* how often this path was (re)established */
	uint64_t state_age_ns;
	uint64_t rtt_ns;                /* smoothed; 0: none yet */
	uint64_t rtt_min_ns;
	uint64_t rtt_age_ns;            /* since the last sample */
	uint64_t rate_sending;          /* bytes per second that the peer acknowledged */
	uint64_t rate_receiving;
	uint64_t bytes_sent;            /* stream bytes, copies included */
	uint64_t bytes_received;        /* stream bytes that came here first, copies left out */
	uint64_t duplicate_bytes_sent;
	uint64_t duplicate_bytes_received;
	uint64_t outstanding_bytes;     /* sent on this path, no evidence yet */
	char     carrier[8];            /* "tcp" */
	char     interface[16];
	char     local[64];             /* "ADDRESS:PORT" */
	char     remote[64];
	char     congestion[16];        /* the congestion control that this end sends by; "": not known */
};

/*
 * Fills at most count elements, size bytes each, with what is known of the session's paths.
 * Returns how many it filled, or -1 as hawser_info.
 */
int hawser_paths(int fd, struct hawser_path_info *paths, size_t count, size_t size);

/* A static sentence for a reason code. */
const char *hawser_reason_text(uint32_t reason);

/* --- The handle --- */

/*
 * hawser_open dials as hawser_dial does; hawser_accept takes the next session of a listening
 * descriptor (its O_NONBLOCK decides whether it waits); hawser_handle turns a session's descriptor
 * of this process into a handle, which then owns the descriptor. NULL on failure. hawser_close
 * frees the handle and closes the session in the background as close(2) would; with
 * buffers lent it returns when they are acknowledged, or the little that is not has been copied.
 */
hawser_t *hawser_open(const char *address, const hawser_options *options);
hawser_t *hawser_accept(int listening_fd);
hawser_t *hawser_handle(int fd);
int hawser_close(hawser_t *h);

#define HAWSER_DONTWAIT 0x1    /* EAGAIN instead of waiting */
#define HAWSER_MORE     0x2    /* send: the message goes on with the next call */
#define HAWSER_END      0x4    /* recv: set when the message ended with these bytes */

/*
 * Stream: take some of the bytes (at least one, unless length is 0), return how many.
 * Messages: one call sends one message whole, of 0 bytes or any size, or with HAWSER_MORE a part of
 * it. With HAWSER_DONTWAIT a message may be taken in part: the count says how far, the rest follows
 * as the same message. Errors: EAGAIN, EPIPE (after hawser_shutdown), ECONNRESET.
 */
ssize_t hawser_send(hawser_t *h, const void *data, size_t length, int flags);
ssize_t hawser_sendv(hawser_t *h, const struct iovec *iov, int count, int flags);

/*
 * As hawser_send, but nothing is copied: the bytes are sent from where they lie, which must not
 * change and not be freed before `token`, any value, comes back by hawser_returned. All are taken or
 * none: returns length (at most HAWSER_LEND_MAX, else EMSGSIZE). A message session sends one
 * message, or with HAWSER_MORE a part of it. Less than 16 KiB is copied at once; its token comes
 * back all the same, in its turn. ENOBUFS: 1024 tokens have not been taken back.
 */
#define HAWSER_LEND_MAX 0x40000000
ssize_t hawser_lend(hawser_t *h, const void *data, size_t length, void *token, int flags);

/*
 * Takes back at most count tokens of buffers that the peer's end has acknowledged, in the order in
 * which they were lent; waits up to timeout_ms (-1: for ever) for the first. Returns how many; 0
 * when none is out; -1 with EAGAIN when the time is over. A session that ends by a reset gives all
 * back at once, acknowledged or not. After hawser_close has returned all memory is the caller's again.
 */
int hawser_returned(hawser_t *h, void **tokens, int count, int timeout_ms);

/*
 * Returns bytes in order as they are there, 0 at the end of a stream. Messages: never bytes of two;
 * *flags gets HAWSER_END when the message ended, and a return of 0 without HAWSER_END is the end.
 * flags may be NULL for none; on entry it may hold HAWSER_DONTWAIT. Errors: EAGAIN, ECONNRESET.
 */
ssize_t hawser_recv(hawser_t *h, void *data, size_t size, int *flags);
ssize_t hawser_recvv(hawser_t *h, const struct iovec *iov, int count, int *flags);

/* Ends the sending direction; receiving goes on. */
int hawser_shutdown(hawser_t *h);

/*
 * A descriptor to poll for POLLIN: it becomes readable when a hawser_recv, hawser_send or
 * hawser_lend that said EAGAIN can go on, when a token is back (or the session ended). Never read, write or close it; all functions above that
 * take a session's fd take this one. A dialled handle's is made by the first call: -1 with EMFILE, ENFILE or
 * ENOMEM then, if it cannot be.
 */
int hawser_fd(hawser_t *h);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
