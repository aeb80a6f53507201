/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of one measurement: what the client tells the server at the start of a run. */
#ifndef HAWSER_CMD_BENCH_PLAN_H
#define HAWSER_CMD_BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_PLAN_BYTES  136u
#define BENCH_UNBOUNDED   UINT64_MAX
#define BENCH_SIZE_MAX    (UINT64_C(1) << 30) /* of a message */
#define BENCH_REQUEST_MAX (UINT64_C(1) << 20)
#define BENCH_PART_BYTES  (UINT64_C(1) << 18) /* of one send or receive call */
#define BENCH_IDLE_MAX    UINT64_C(20000)

enum bench_work {
	BENCH_STREAM = 0,
	BENCH_MESSAGES = 1,
	BENCH_RR = 2,       /* request and reply */
	BENCH_SESSIONS = 3, /* opened, one byte each way, closed, one after the other */
};

struct bench_plan {
	enum bench_work work;
	bool forward; /* client to server */
	bool reverse; /* server to client */
	uint64_t seed;
	uint64_t bytes;      /* per direction, or BENCH_UNBOUNDED */
	uint64_t messages;   /* per direction, or BENCH_UNBOUNDED */
	uint64_t time_ns;    /* a sender stops then, or BENCH_UNBOUNDED */
	uint64_t warm_up_ns; /* left out of goodput and gaps */
	uint64_t size_least; /* of a write or message */
	uint64_t size_most;
	uint64_t request_bytes;
	uint64_t rate; /* requests per second; 0: the next when the last is answered */
	uint64_t idle; /* further sessions, open and silent while the work is done */
	bool stamped;  /* of a stream or messages only the word at every BENCH_STAMP_BYTES is checked */
	bool spin;     /* who receives asks again and again instead of sleeping */
	bool lent;     /* who sends a stream lends its buffers */
};

/* Little-endian words of 64 bits. decode returns -1 unless it is a plan that can be carried out. */
void bench_plan_encode(const struct bench_plan *plan, uint8_t bytes[BENCH_PLAN_BYTES]);
int bench_plan_decode(struct bench_plan *plan, const uint8_t *bytes, size_t length);

/* The client ends its direction itself, with the last request or session. */
bool bench_work_asks(enum bench_work work);

const char *bench_work_text(enum bench_work work);
int bench_work_parse(enum bench_work *work, const char *text);

/* The two directions carry different bytes. */
uint64_t bench_plan_seed(const struct bench_plan *plan, bool from_client);

#endif
