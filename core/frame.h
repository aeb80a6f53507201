/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format: preamble and frames, to bytes and back. This follows PROTOCOL.md.
 *
 *   preamble   "hawser" | min version u8 | max version u8
 *   frame      type u8 | flags u8 | zero u16 | length u32 | payload[length]
 *
 * encode: writes header and payload, returns their length, or 0 when they do not fit in capacity.
 * Values out of bounds are the caller's mistake and asserted.
 * decode: takes one whole payload; 0, or -EPROTO with the output untouched. Exactly one sequence of
 * bytes decodes to a given structure (PING's padding apart).
 */
#ifndef HAWSER_CORE_FRAME_H
#define HAWSER_CORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/ranges.h"

#define PROTOCOL_VERSION_MIN 1u
#define PROTOCOL_VERSION_MAX 1u
#define PREAMBLE_BYTES       8u

#define PATH_ID_NONE         UINT16_MAX
#define TIMEOUT_MS_NEVER     UINT32_MAX

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_JOIN = 2,
	FRAME_ACCEPT = 3,
	FRAME_CONFIRM = 4,
	FRAME_DATA = 5,
	FRAME_ACK = 6,
	FRAME_PING = 7,
	FRAME_PONG = 8,
	FRAME_MODE = 9,
	FRAME_RESET = 10,
	FRAME_CLOSE = 11,
};

/* Flags of the header. FIN: the stream ends right after this DATA's bytes. */
#define FRAME_FLAG_OPTIONAL 0x01u
#define FRAME_FLAG_FIN      0x02u

/* Lengths of payloads. */
#define FRAME_HELLO_BYTES    92u
#define FRAME_JOIN_BYTES     56u
#define FRAME_ACCEPT_BYTES   64u
#define FRAME_CONFIRM_BYTES  32u
#define FRAME_DATA_MIN       8u
#define FRAME_DATA_MAX       (FRAME_DATA_MIN + FRAME_PAYLOAD_MAX)
#define FRAME_ACK_MIN        24u
#define FRAME_ACK_PATH_BYTES 16u
#define FRAME_ACK_RANGE_BYTES 16u
#define FRAME_ACK_MAX        (FRAME_ACK_MIN + PATHS_MAX * FRAME_ACK_PATH_BYTES + \
			      ACK_RANGES_MAX * FRAME_ACK_RANGE_BYTES)
#define FRAME_PING_MIN       8u
#define FRAME_PING_MAX       (FRAME_PING_MIN + PROBE_PADDING_MAX)
#define FRAME_PONG_BYTES     8u
#define FRAME_MODE_BYTES     1u
#define FRAME_RESET_BYTES    10u
#define FRAME_CLOSE_BYTES    4u

/* Where the secret and the MAC stand in a payload. */
#define FRAME_HELLO_SECRET_AT 16u
#define FRAME_ACCEPT_MAC_AT   16u

/* Header and offset of a DATA frame, whose bytes follow from elsewhere. */
#define FRAME_DATA_HEAD_BYTES (FRAME_HEADER_BYTES + FRAME_DATA_MIN)

/* Values of kind, mode and carrier go from 0, 0 and 1 up to these. */
#define FRAME_KIND_LAST    1u
#define FRAME_MODE_LAST    3u
#define FRAME_CARRIER_LAST 5u

struct frame_header {
	uint8_t type;                   /* enum frame_type, or unknown and optional */
	uint8_t flags;
	uint32_t length;                /* payload bytes that follow */
};

struct frame_hello {
	uint8_t id[SESSION_ID_BYTES];
	uint8_t secret[SECRET_BYTES];
	uint8_t nonce[NONCE_BYTES];
	uint16_t path_id;
	uint8_t kind;                   /* 0 stream, 1 messages */
	uint8_t mode;                   /* asked of the acceptor's sending: enum session_mode */
	uint8_t carrier;                /* enum carrier_kind */
	uint64_t receive_limit;         /* offset the acceptor may send up to */
	uint16_t range_credit;
	uint32_t resume_timeout_ms;     /* TIMEOUT_MS_NEVER: never */
	uint32_t orphan_timeout_ms;
};

struct frame_join {
	uint8_t id[SESSION_ID_BYTES];
	uint8_t nonce[NONCE_BYTES];
	uint16_t path_id;
	uint16_t replaces;              /* path whose carrier this one succeeds, or PATH_ID_NONE */
	uint8_t carrier;
	bool resume;                    /* the dialler has no other path */
	uint8_t confirmed[NONCE_BYTES]; /* nonce of the ACCEPT by which the session was opened */
};

struct frame_accept {
	uint8_t nonce[NONCE_BYTES];
	uint8_t mac[MAC_BYTES];
	uint64_t receive_limit;         /* offset the dialler may send up to */
	uint16_t range_credit;
	uint8_t kind;
	uint8_t version;                /* chosen: the highest in common */
	uint32_t resume_timeout_ms;
};

struct frame_confirm {
	uint8_t mac[MAC_BYTES];
};

struct frame_data {
	uint64_t offset;
	uint32_t length;                /* stream bytes that follow the offset */
	bool fin;
};

struct ack_path {
	uint16_t path_id;
	uint32_t age_us;                /* since its last byte arrived; UINT32_MAX: that or more */
	uint64_t received_bytes;        /* all bytes on it since the handshake */
};

struct frame_ack {
	uint64_t cumulative;            /* all before it has arrived; FIN counts as a byte */
	uint64_t receive_limit;
	uint16_t range_credit;
	/* the limit lies so far, in units of WINDOW_UNIT_BYTES, beyond what is consumed; 0: not told */
	uint32_t window_units;
	unsigned path_count;            /* 0..PATHS_MAX */
	unsigned range_count;           /* 0..ACK_RANGES_MAX */
	struct ack_path paths[PATHS_MAX];
	/* Above cumulative, ascending, none touching the one before. */
	struct range ranges[ACK_RANGES_MAX];
};

struct frame_ping {
	uint64_t token;
	uint16_t padding;               /* bytes after the token, 0..PROBE_PADDING_MAX */
};

struct frame_pong {
	uint64_t token;
};

struct frame_mode {
	uint8_t mode;
};

struct frame_reset {
	uint16_t reason;                /* enum reason, or a number from a later version */
	uint64_t consumed;              /* bytes that the sender's program had consumed */
};

struct frame_close {
	uint16_t reason;
	uint16_t detail;                /* what it means depends on the reason; 0 when nothing */
};

void preamble_encode(uint8_t out[PREAMBLE_BYTES], uint8_t min_version, uint8_t max_version);
int preamble_decode(const uint8_t in[PREAMBLE_BYTES], uint8_t *min_version, uint8_t *max_version);
/* False as soon as the first length bytes (0..PREAMBLE_BYTES) cannot begin a preamble. */
bool preamble_begins(const uint8_t *in, size_t length);

/* Checks what can be known before the payload: type, flags, reserved bits, bounds of the length. */
int frame_header_decode(const uint8_t in[FRAME_HEADER_BYTES], struct frame_header *header);
/* False: an optional frame of another version, to be skipped. */
bool frame_known(const struct frame_header *header);

size_t frame_hello_encode(uint8_t *out, size_t capacity, const struct frame_hello *hello);
size_t frame_join_encode(uint8_t *out, size_t capacity, const struct frame_join *join);
size_t frame_accept_encode(uint8_t *out, size_t capacity, const struct frame_accept *accept);
size_t frame_confirm_encode(uint8_t *out, size_t capacity, const struct frame_confirm *confirm);
/* Only the FRAME_DATA_HEAD_BYTES; data->length bytes of the stream follow it on the wire. */
size_t frame_data_encode(uint8_t *out, size_t capacity, const struct frame_data *data);
size_t frame_ack_encode(uint8_t *out, size_t capacity, const struct frame_ack *ack);
size_t frame_ping_encode(uint8_t *out, size_t capacity, const struct frame_ping *ping);
size_t frame_pong_encode(uint8_t *out, size_t capacity, const struct frame_pong *pong);
size_t frame_mode_encode(uint8_t *out, size_t capacity, const struct frame_mode *mode);
size_t frame_reset_encode(uint8_t *out, size_t capacity, const struct frame_reset *reset);
size_t frame_close_encode(uint8_t *out, size_t capacity, const struct frame_close *close);

int frame_hello_decode(const uint8_t *payload, size_t length, struct frame_hello *hello);
int frame_join_decode(const uint8_t *payload, size_t length, struct frame_join *join);
int frame_accept_decode(const uint8_t *payload, size_t length, struct frame_accept *accept);
int frame_confirm_decode(const uint8_t *payload, size_t length, struct frame_confirm *confirm);
/* header: as frame_header_decode gave it; offset: the bytes that follow it. */
int frame_data_decode(const struct frame_header *header, const uint8_t offset[FRAME_DATA_MIN],
		      struct frame_data *data);
int frame_ack_decode(const uint8_t *payload, size_t length, struct frame_ack *ack);
int frame_ping_decode(const uint8_t *payload, size_t length, struct frame_ping *ping);
int frame_pong_decode(const uint8_t *payload, size_t length, struct frame_pong *pong);
int frame_mode_decode(const uint8_t *payload, size_t length, struct frame_mode *mode);
int frame_reset_decode(const uint8_t *payload, size_t length, struct frame_reset *reset);
int frame_close_decode(const uint8_t *payload, size_t length, struct frame_close *close);

#endif
