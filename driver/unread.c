/* SPDX-License-Identifier: Apache-2.0 */
/* The receive queue and its stale head. */
#include "driver/unread.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "driver/pressure.h"

#define SMALL_BYTES 2048u       /* a write of that size cannot hold up the next one */

size_t unread_bytes(const struct face *f)
{
	int bytes = 0;

	return ioctl(f->fd, SIOCINQ, &bytes) < 0 ? 0 : (size_t)bytes;
}

size_t unread_new_bytes(const struct face *f)
{
	size_t queued = unread_bytes(f);

	/* Of packets the head alone is stale; of a stream its first byte. */
	return queued > f->stale_bytes ? queued - f->stale_bytes : 0;
}

/* Cuts the iovecs off after `bytes`; returns how many are left. */
static unsigned cut(struct iovec *iov, unsigned count, size_t bytes)
{
	for (unsigned i = 0; i < count; i++) {
		if (iov[i].iov_len >= bytes) {
			iov[i].iov_len = bytes;
			return bytes ? i + 1 : i;
		}
		bytes -= iov[i].iov_len;
	}
	return count;
}

/* Where byte number `at` of the iovecs is. */
static void *iov_at(const struct iovec *iov, size_t at)
{
	while (at >= iov->iov_len)
		at -= (iov++)->iov_len;
	return (char *)iov->iov_base + at;
}

size_t unread_take_bytes(struct face *f, struct iovec *iov, unsigned count, size_t bytes)
{
	struct iovec first[UNREAD_IOV_MAX + 1];
	char stale;
	size_t taken = 0, off = f->stale_bytes + bytes - 1;

	first[0] = (struct iovec){ .iov_base = &stale, .iov_len = f->stale_bytes };
	memcpy(first + 1, iov, count * sizeof *iov);
	if (off > 0) {
		struct msghdr message = { .msg_iov = first };

		message.msg_iovlen = cut(first, count + 1, off);
		ssize_t n = recvmsg(f->fd, &message, MSG_DONTWAIT);
		if (n <= 0)
			return 0;
		taken = (size_t)n - f->stale_bytes;
	}
	f->stale_bytes = 0;
	if (recv(f->fd, iov_at(iov, taken), 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
		f->stale_bytes = 1;
		taken++;
	}
	return taken;
}

int unread_take_packet(struct face *f, time_ns now)
{
	char none;

	if (f->stale_bytes > 0) {
		if (unread_new_bytes(f) == 0)
			return 0;
		(void)recv(f->fd, &none, 0, MSG_DONTWAIT);
		f->stale_bytes = 0;
	}
	for (;;) {
		ssize_t length = recv(f->fd, &none, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

		if (length < 0 || (length == 0 && unread_bytes(f) == 0))
			return 0;
		if (length == 0) {      /* cannot be told from the end at the other side: not sent */
			(void)recv(f->fd, &none, 0, MSG_DONTWAIT);
			continue;
		}
		if (!parcel_reserve(&f->in, (size_t)length))
			return -ENOMEM;
		length = recv(f->fd, f->in.bytes, (size_t)length, MSG_PEEK | MSG_DONTWAIT);
		if (length <= 0)
			return 0;
		f->in.length = (size_t)length;
		f->in.at = 0;
		unread_note_write(f, (size_t)length, now);
		f->stale_bytes = (size_t)length;
		return 1;
	}
}

void unread_note_write(struct face *f, size_t bytes, time_ns now)
{
	if (bytes > SMALL_BYTES)
		f->bulk_at = now;
}

void unread_release(struct face *f)
{
	char bytes[1];

	if (f->fd < 0 || f->stale_bytes == 0 || f->ending || unread_bytes(f) > f->stale_bytes ||
	    !pressure_on_peer(f->fd))
		return;
	/* A packet goes whole, whatever the length asked for. */
	(void)recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	f->stale_bytes = 0;
}
