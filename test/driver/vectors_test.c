/* SPDX-License-Identifier: Apache-2.0 */
/* hawser_sendv and hawser_recvv: bytes scattered in memory are one message, or one stretch of a stream. */
#include <errno.h>
#include <hawser.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "test/test.h"

#define BIG (3u << 20)

static hawser_t *near_end, *far_end;

static void open_pair(const char *kind)
{
	hawser_options *options = hawser_options_new();
	char address[32];
	int listening;

	CHECK(options != NULL);
	CHECK_EQ(hawser_options_set(options, "kind", kind), 0);
	listening = hawser_listen("127.0.0.1:0", options);
	CHECK(listening >= 0);
	snprintf(address, sizeof address, "127.0.0.1:%d", hawser_port(listening));
	near_end = hawser_open(address, options);
	CHECK(near_end != NULL);
	far_end = hawser_accept(listening);
	CHECK(far_end != NULL);
	close(listening);
	hawser_options_free(options);
}

static void close_pair(void)
{
	CHECK_EQ(hawser_close(near_end), 0);
	CHECK_EQ(hawser_close(far_end), 0);
}

static void a_message_from_pieces(void)
{
	char part[3][8], whole[16] = "";
	struct iovec out[4] = { { "one ", 4 }, { NULL, 0 }, { "two ", 4 }, { "three", 5 } };
	struct iovec in[3] = { { part[0], 2 }, { part[1], 8 }, { part[2], 8 } };
	int flags = 0;

	open_pair("message");
	CHECK_EQ(hawser_sendv(near_end, out, 4, 0), 13);
	CHECK_EQ(hawser_sendv(near_end, out, 1, 0), 4);
	CHECK_EQ(hawser_recvv(far_end, in, 3, &flags), 13);
	CHECK_EQ(flags & HAWSER_END, HAWSER_END);
	memcpy(whole, part[0], 2);
	memcpy(whole + 2, part[1], 8);
	memcpy(whole + 10, part[2], 3);
	CHECK_MEM(whole, "one two three", 13);
	/* The next message is another one, and a buffer too small takes it in two. */
	flags = 0;
	in[0].iov_len = 3;
	CHECK_EQ(hawser_recvv(far_end, in, 1, &flags), 3);
	CHECK_EQ(flags & HAWSER_END, 0);
	CHECK_MEM(part[0], "one", 3);
	CHECK_EQ(hawser_recvv(far_end, in, 1, &flags), 1);
	CHECK_EQ(flags & HAWSER_END, HAWSER_END);
	close_pair();
}

static void a_stream_from_pieces(void)
{
	uint8_t *sent = malloc(BIG), *got = malloc(BIG);
	size_t done = 0, read = 0;

	CHECK(sent != NULL && got != NULL);
	for (size_t i = 0; i < BIG; i++)
		sent[i] = (uint8_t)(i * 7 + (i >> 8));
	open_pair("stream");
	while (read < BIG) {
		struct iovec out[2] = { { sent + done, (BIG - done) / 3 },
					{ sent + done + (BIG - done) / 3, BIG - done - (BIG - done) / 3 } };
		struct iovec in[2] = { { got + read, 1 }, { got + read + 1, BIG - read - 1 } };
		ssize_t count;
		int flags = 0;

		if (done < BIG) {
			/* What has room: nobody reads while this waits. */
			count = hawser_sendv(near_end, out, 2, HAWSER_DONTWAIT);
			CHECK(count > 0 || (count < 0 && errno == EAGAIN));
			done += count > 0 ? (size_t)count : 0;
		}
		/* All is here, but the near end has not heard of it. */
		if (read == done) {
			poll(NULL, 0, 1);
			continue;
		}
		count = hawser_recvv(far_end, in, BIG - read > 1 ? 2 : 1, &flags);
		CHECK(count > 0);
		read += (size_t)count;
	}
	CHECK_EQ(done, BIG);
	CHECK_MEM(got, sent, BIG);
	close_pair();
	free(sent);
	free(got);
}

int main(void)
{
	RUN(a_message_from_pieces);
	RUN(a_stream_from_pieces);
	return 0;
}
