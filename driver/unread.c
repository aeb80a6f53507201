/* SPDX-License-Identifier: Apache-2.0 */
/* The receive queue and its stale head. */
#include "driver/unread.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "driver/other_end.h"

#define SMALL_BYTES 2048u       /* a write of that size cannot hold up the next one */

ssize_t unread_bytes(const struct face *f)
{
	int bytes = 0;

	return ioctl(f->fd, SIOCINQ, &bytes) < 0 ? -errno : bytes;
}

ssize_t unread_new_bytes(const struct face *f)
{
	ssize_t queued = unread_bytes(f), stale = (ssize_t)f->stale_bytes;

	/* Of packets the head alone is stale; of a stream its first byte. */
	return queued < 0 ? queued : queued > stale ? queued - stale : 0;
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

/* -errno of a recv. That the program's end was dropped is told once only, perhaps here. */
static int failed(struct face *f)
{
	f->dropped |= errno == ECONNRESET;
	return -errno;
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
		if (n < 0)
			(void)failed(f);
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

/* Takes the packet at the head off the queue: 0 or -errno. */
static int drop_head(struct face *f)
{
	char none;

	/* A packet goes whole, whatever the length asked for. */
	return recv(f->fd, &none, 0, MSG_DONTWAIT) < 0 ? failed(f) : 0;
}

/* The length of the packet at the head; 0: there is none, or -errno. */
static ssize_t head_bytes(struct face *f)
{
	char none;

	for (;;) {
		ssize_t length = recv(f->fd, &none, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

		if (length < 0)
			return errno == EAGAIN ? 0 : failed(f);
		if (length > 0)
			return length;
		/* The end, or one of 0 bytes, which cannot be told from the end at the other side: not sent. */
		ssize_t queued = unread_bytes(f);
		if (queued <= 0)
			return queued;
		int error = drop_head(f);
		if (error < 0)
			return error;
	}
}

int unread_take_packet(struct face *f, time_ns now)
{
	struct parcel *in = &f->packets->in;

	if (f->stale_bytes > 0) {
		ssize_t new_bytes = unread_new_bytes(f);
		int error = new_bytes > 0 ? drop_head(f) : (int)new_bytes;

		if (new_bytes == 0 || error < 0)
			return error;
		f->stale_bytes = 0;
	}
	ssize_t length = head_bytes(f);
	if (length <= 0)
		return (int)length;
	if (!parcel_reserve(in, (size_t)length))
		return -ENOMEM;
	length = recv(f->fd, in->bytes, (size_t)length, MSG_PEEK | MSG_DONTWAIT);
	if (length <= 0)
		return length < 0 ? failed(f) : 0;
	in->length = (size_t)length;
	in->at = 0;
	unread_note_write(f, (size_t)length, now);
	f->stale_bytes = (size_t)length;
	return 1;
}

void unread_note_write(struct face *f, size_t bytes, time_ns now)
{
	if (bytes > SMALL_BYTES)
		f->bulk_at = now;
}

bool unread_release(struct face *f)
{
	char byte;

	if (f->fd < 0 || f->stale_bytes == 0 || f->ending)
		return true;
	ssize_t new_bytes = unread_new_bytes(f);
	if (new_bytes < 0)
		return false;
	if (new_bytes > 0 || !other_end_pressed(f->fd))
		return true;
	/* Forgotten while it is there, what is stale would be taken for new. */
	if (recv(f->fd, &byte, 1, MSG_DONTWAIT) < 0)
		return false;
	f->stale_bytes = 0;
	return true;
}
