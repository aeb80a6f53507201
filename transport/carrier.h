/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier moves bytes on one path. This is the only shape the driver knows.
 *
 * Ownership: open() and adopt() make a carrier, close() frees it; all calls come from one thread at
 * a time. Nothing here blocks. Results below zero are -errno.
 */
#ifndef HAWSER_CARRIER_H
#define HAWSER_CARRIER_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/carrier_report.h"
#include "transport/inet.h"

/* The unsent bytes that a new carrier may hold; what the core wants of a path that it knows nothing of. */
#define CARRIER_BACKLOG_BYTES 32768u

enum carrier_kind { CARRIER_TCP = 1 };

struct carrier;

/* Where a path goes. interface "" means: let routing decide. A local family of AF_UNSPEC likewise. */
struct carrier_route {
	union inet_address local;
	union inet_address remote;
	char interface[IF_NAMESIZE];
	bool bound;                     /* nothing is sent but by this interface */
};

/* Of a congestion control, with its NUL. */
#define CONGESTION_NAME_BYTES 16u

/* What was sent and what of it was lost since the carrier began; counts of segments, which may wrap around. */
struct carrier_losses {
	bool known;
	uint32_t sent;                  /* those sent again included */
	uint32_t repeated;              /* sent again: taken for lost, */
	uint32_t needless;              /* but the peer says it had come */
	uint32_t window;                /* segments that may be under way */
	time_ns rtt_ns, rtt_min_ns;     /* 0: none yet */
	uint64_t acked_bytes;
	time_ns busy_ns;                /* so long it had bytes to send, and the peer room for them */
	bool unfilled;                  /* at this moment there are too few of them to fill the window */
};

struct carrier_ops {
	enum carrier_kind kind;
	const char *name;
	bool ordered;                   /* a stream of bytes; false: datagrams */

	/* Begins connecting. 0 (progress is told by established()), or -errno; *out untouched then. */
	int (*open)(struct carrier **out, const struct carrier_route *route);
	/* Options of a listening descriptor that those accepted from it have too. */
	void (*prepare)(int fd);
	/*
	 * Takes over a descriptor accepted from a prepared one, non-blocking and close on exec; closes it on
	 * failure too. interface: the listening descriptor was bound to it; "": to none.
	 */
	int (*adopt)(struct carrier **out, int fd, const char *interface);
	/* The addresses in use, and by which interface an accepted one came in; 0: bound, loopback, or not known. */
	unsigned (*arrival)(struct carrier *c, struct carrier_route *route);
	/* From now on nothing is sent but by that interface. 0 or -errno. */
	int (*bind)(struct carrier *c, const char *interface);
	/* 1 established, 0 still connecting, -errno failed. Called when the descriptor is ready. */
	int (*established)(struct carrier *c);
	/*
	 * Bytes moved (>= 1), -EAGAIN, 0 from receive at the peer's end, other -errno when lost. last: finish
	 * follows when all of it went, and what was sent may wait for that.
	 */
	ssize_t (*send)(struct carrier *c, const struct iovec *iov, unsigned count, bool last);
	ssize_t (*receive)(struct carrier *c, const struct iovec *iov, unsigned count);
	/* What the carrier knows of its network, for health. */
	void (*report)(struct carrier *c, struct carrier_report *report);
	/* How many unsent bytes it may hold before send says -EAGAIN. */
	void (*backlog)(struct carrier *c, uint32_t bytes);
	/* Optional, all or none: the congestion control by its name. set: 0 or -errno; get: "" where it is not known. */
	int (*congestion_set)(struct carrier *c, const char *name);
	void (*congestion_get)(struct carrier *c, char name[CONGESTION_NAME_BYTES]);
	/* Whether set will do on any carrier. */
	int (*congestion_allowed)(const char *name);
	void (*losses)(struct carrier *c, struct carrier_losses *losses);
	/* The addresses and interface in use. */
	void (*route)(struct carrier *c, struct carrier_route *route);
	/* No more will be sent; what was sent still goes out. */
	void (*finish)(struct carrier *c);
	/* Frees. abort true: drop what is unsent and tell the peer so (RST for TCP). */
	void (*close)(struct carrier *c, bool abort);
	/* Optional: a descriptor for epoll; -1 when there is none. Edge-triggered use must be safe. */
	int (*descriptor)(struct carrier *c);

	/*
	 * A twin is the same connection by a descriptor of another table, for a thread that lives there: it
	 * sends, receives, reports and is polled, and is closed there when the first has no use for it
	 * any more. lend: a new descriptor to be taken to that table, or -errno. twin: made of what arrived
	 * (the twin's from then on), NULL without memory. still: false when somebody else closed its number,
	 * which may be another file's since; send and receive say -EBADF then, if they can tell.
	 */
	int (*lend)(struct carrier *c);
	struct carrier *(*twin)(int fd);
	bool (*still)(struct carrier *twin);
	/* As receive, of a twin, but waits for some milliseconds if nothing is there: no poll(2) costs less. */
	ssize_t (*await)(struct carrier *twin, void *bytes, size_t size);
};

/* The first member of every carrier's structure. */
struct carrier {
	const struct carrier_ops *ops;
	struct carrier *next;           /* the owner's, for a list */
};

extern const struct carrier_ops carrier_tcp;

#endif
