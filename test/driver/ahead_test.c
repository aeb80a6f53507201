/* SPDX-License-Identifier: Apache-2.0 */
/* What a dialler sends right behind its CONFIRM, in the same packet, belongs to the session. */
#include <sys/socket.h>

#include "core/handshake.h"
#include "core/session.h"
#include "driver/lobby.h"
#include "ends.h"
#include "raw.h"

#define SEED 5

static char address[32];
static int listening;

static void write_all(int fd, const uint8_t *bytes, size_t length)
{
	CHECK_EQ(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* The flight that waits, into out: its length. */
static size_t flight(struct handshake *h, uint8_t *out)
{
	const uint8_t *bytes;
	size_t length = handshake_output(h, &bytes);

	memcpy(out, bytes, length);
	handshake_sent(h, length, 1);
	return length;
}

/* Says HELLO and hears the answer: the CONFIRM, which is not sent yet. */
static size_t shake(int fd, uint8_t *confirm)
{
	struct handshake_offer offer = { .carrier = CARRIER_TCP, .kind = SESSION_STREAM, .receive_limit = 1 << 20,
					 .range_credit = 64, .resume_timeout_ms = 60000,
					 .orphan_timeout_ms = 3000 };
	uint8_t nonce[NONCE_BYTES], bytes[512], *space;
	struct handshake h;
	size_t length;

	CHECK_EQ(random_bytes(offer.id, sizeof offer.id), 0);
	CHECK_EQ(random_bytes(offer.secret, sizeof offer.secret), 0);
	CHECK_EQ(random_bytes(nonce, sizeof nonce), 0);
	handshake_dial(&h, PROTOCOL_VERSIONS, &offer, nonce);
	write_all(fd, bytes, flight(&h, bytes));
	while ((length = handshake_input_space(&h, &space)) > 0) {
		ssize_t n = recv(fd, space, length, 0);

		CHECK(n > 0);
		handshake_received(&h, (size_t)n, 2);
	}
	CHECK_EQ(handshake_state(&h), HANDSHAKE_ACCEPTED);
	handshake_confirm(&h);
	length = flight(&h, confirm);
	CHECK_EQ(handshake_state(&h), HANDSHAKE_DONE);
	handshake_fini(&h);
	return length;
}

static size_t data(uint8_t *out, size_t capacity, uint64_t at, size_t length, bool fin)
{
	struct frame_data frame = { .offset = at, .length = (uint32_t)length, .fin = fin };
	size_t head = frame_data_encode(out, capacity, &frame);

	CHECK(head > 0 && head + length <= capacity);
	fill(out + head, length, at, SEED);
	return head + length;
}

/* All that the dialler ever says in one packet; behind it the end of the connection, if `ends`. */
static void one_packet(size_t total, bool ends)
{
	static uint8_t packet[65536];
	int raw = raw_connect("127.0.0.1", (unsigned)hawser_port(listening)), fd;
	size_t length = shake(raw, packet);

	length += data(packet + length, sizeof packet - length, 0, total - total / 2, false);
	length += data(packet + length, sizeof packet - length, total - total / 2, total / 2, true);
	write_all(raw, packet, length);
	if (ends)
		CHECK_EQ(shutdown(raw, SHUT_WR), 0);
	fd = accept(listening, NULL, NULL);
	CHECK(fd >= 0);
	read_content(fd, total, SEED);
	read_end(fd);
	close(raw);
	close(fd);
}

/* Less than the listener reads at once, just that, more; and far more. */
static void behind_the_confirm(void)
{
	const size_t confirm = FRAME_HEADER_BYTES + FRAME_CONFIRM_BYTES;
	const size_t whole = GREETING_READ_BYTES - confirm - 2 * FRAME_DATA_HEAD_BYTES;

	for (size_t total = whole - 2; total <= whole + 2; total++)
		one_packet(total, false);
	one_packet(1, false);
	one_packet(30000, false);
	one_packet(1, true);
	one_packet(whole, true);
	one_packet(30000, true);
}

int main(void)
{
	listening = listen_here("stream", address);
	RUN(behind_the_confirm);
	return 0;
}
