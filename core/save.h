/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session as bytes, for a restart: everything but its paths, which are never handed over. In the image
 * all of them count as lost just now; the session goes on when the first of them has joined again, with
 * a peer that need not know. What was half read or half written on a path comes, or goes, again.
 * What was on loan is in the image as the rest: the loans themselves are the old process's.
 *
 *   | head: magic, version, length, counts | fixed part | segments | stretches | ranges |
 *   | bytes sent, not acknowledged | bytes in order, not consumed | bytes ahead, range by range | SHA-256 |
 *
 * Numbers are in network order, times are ages and durations: an image belongs to no machine and to no
 * clock. An end may live in one place only: once saved, a session must neither send nor consume any
 * more, else bytes are lost or come twice. The image holds the stream's bytes in clear, but not
 * the session's secret: that is its holder's, as are addresses and what is inside the two faces.
 */
#ifndef HAWSER_CORE_SAVE_H
#define HAWSER_CORE_SAVE_H

#include "core/blocks.h"
#include "core/session.h"

#define SAVE_VERSION 3u

/* How many bytes session_save will write now: at most both limits, what is on loan, and about 16 KiB. */
size_t session_save_bytes(const struct session *s);

/*
 * Writes the image to out. Not between place and arrived, plan and wrote, send_space and commit. Changes
 * nothing: paths and memory are still to be taken back. Returns its length, or -ENOBUFS.
 */
int64_t session_save(const struct session *s, uint8_t *out, size_t capacity, time_ns now);

/* What an image asks for before it can be loaded, and what its holder will want to know. */
struct session_saved {
	struct session_config config;   /* session_bytes(&config): the memory it wants */
	unsigned blocks;                /* to be lent for the load itself */
	enum session_state state;
	uint16_t next_path_id;          /* the first id that no path has had */
};

/*
 * Reads an image, its last 32 bytes excepted. 0; -EBADMSG: truncated, damaged, or none at all;
 * -EPROTONOSUPPORT: of a version that is not known here. *saved is untouched then.
 */
int session_saved(const uint8_t *image, size_t length, struct session_saved *saved);

/*
 * Makes the session in memory, which is the caller's, with the blocks in *lent: all of them are the
 * session's afterwards, and *lent is empty. Each byte of the image may be anything. 0; -ENOMEM: fewer
 * blocks than saved.blocks; or as session_saved, -EBADMSG also when the sum is not right. On
 * failure *lent is as it was, and memory holds nothing.
 */
int session_load(void *memory, const uint8_t *image, size_t length, struct stock *lent, time_ns now,
		 struct session **out);

#endif
