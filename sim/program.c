/* SPDX-License-Identifier: Apache-2.0 */
/* The programs: they write what can be foretold, in pieces of any size, and check all they read. */
#include <string.h>

#include "sim/content.h"
#include "sim/world.h"

#define IOV_MOST        16u
#define SLOW_PAUSE_NS   (5 * NS_PER_MS)
#define EXTENSION_MOST (3u << 20) /* bytes written beyond the plan while faults are still to come  \
				   */

void program_init(struct world *w, struct host *host)
{
	struct program *program = &host->program;

	memset(program, 0, sizeof *program);
	random_init(&program->random, w->plan.seed, 400 + host->number);
	random_init(&program->lending, w->plan.seed, 500 + host->number);
	program->lent_end = &program->lent;
	random_init(&program->waiting, w->plan.seed, 402 + host->number);
	program->to_write = w->plan.host[host->number].to_write;
	record_reader_init(&program->reader, UINT64_MAX);
}

/* Length of host's message number index, a function like its bytes. */
static uint64_t message_bytes(const struct world *w, unsigned host, uint64_t index)
{
	return random_mix(w->key[host] ^ (index + 1)) % (w->plan.message_most + 1);
}

void program_compose(struct world *w, struct host *host, uint8_t *out, size_t length)
{
	struct program *program = &host->program;
	uint64_t offset = program->written, whole, at;
	uint8_t header[RECORD_HEADER_BYTES];

	if (w->plan.kind == SESSION_STREAM) {
		content_fill(w->key[host->number], offset, out, length);
		return;
	}
	whole = message_bytes(w, host->number, program->message_index) + RECORD_HEADER_BYTES;
	at = whole - program->message_left;
	record_header_encode(header, (uint32_t)(whole - RECORD_HEADER_BYTES), false);
	for (; length > 0 && at < RECORD_HEADER_BYTES; length--, at++, offset++)
		*out++ = header[at];
	content_fill(w->key[host->number], offset, out, length);
}

/* Writes up to `want` bytes: what was taken. */
static uint64_t put(struct world *w, struct host *host, uint64_t want)
{
	struct program *program = &host->program;
	struct iovec iov[IOV_MOST];
	uint64_t before = program->written;
	unsigned used;

	(void)host_lend(w, host);
	if (lending_gives(w, host, want)) {
		program->written += want;
		if (w->plan.kind == SESSION_MESSAGES)
			program->message_left -= want;
		return want;
	}
	used = session_send_space(host->session, want, iov, IOV_MOST);
	for (unsigned i = 0; i < used; i++) {
		program_compose(w, host, iov[i].iov_base, iov[i].iov_len);
		program->written += iov[i].iov_len;
		if (w->plan.kind == SESSION_MESSAGES)
			program->message_left -= iov[i].iov_len;
	}
	if (used > 0)
		session_send_commit(host->session, program->written - before, host_now(w, host));
	return program->written - before;
}

static bool wants_to_write(const struct world *w, const struct host *host)
{
	const struct program *program = &host->program;

	return session_state(host->session) == SESSION_OPEN &&
	       !session_send_finished(host->session) &&
	       (program->written < program->to_write || program->message_left > 0) &&
	       w->phase < PHASE_IDLE;
}

/* While faults are to come there must be bytes for them to hit. */
static void extend(struct world *w, struct host *host)
{
	struct program *program = &host->program;
	const struct plan_host *plan = &w->plan.host[host->number],
			       *other = &w->plan.host[!host->number];
	bool leads = plan->to_write > other->to_write ||
		     (plan->to_write == other->to_write && host->number == 0);

	if (w->phase != PHASE_FAULTS || program->written < program->to_write || !leads)
		return;
	if (program->to_write < plan->to_write + EXTENSION_MOST)
		program->to_write = program->written + plan->write_most;
}

static void finish(struct world *w, struct host *host)
{
	const struct program *program = &host->program;
	bool may = w->phase >= PHASE_CLOSE || (w->plan.idle_ns == 0 && w->phase == PHASE_DELIVER);

	/* One of the two may be done early: half closed. */
	if (w->phase == PHASE_FAULTS && w->plan.idle_ns == 0 && host->number == w->plan.seed % 2 &&
	    w->plan.host[host->number].to_write <= w->plan.host[!host->number].to_write)
		may = true;
	if (w->phase == PHASE_DELIVER && w->plan.half_idle && host->number == w->plan.seed % 2)
		may = true;
	if (!may || session_send_finished(host->session) || program->written < program->to_write ||
	    program->message_left > 0)
		return;
	session_send_finish(host->session, host_now(w, host));
	world_say(w, "host %u: finishes at %llu", host->number,
		  (unsigned long long)program->written);
}

void program_write(struct world *w, struct host *host)
{
	struct program *program = &host->program;
	const struct plan_host *plan = &w->plan.host[host->number];

	if (!host->established)
		return;
	lending_takes_back(w, host, false);
	extend(w, host);
	while (wants_to_write(w, host) && host_now(w, host) >= program->write_at) {
		uint64_t want = random_between(&program->random, 1, plan->write_most), moved;

		if (w->plan.kind == SESSION_MESSAGES) {
			if (program->message_left == 0)
				program->message_left = RECORD_HEADER_BYTES +
							message_bytes(w, host->number,
								      program->message_index);
			if (want > program->message_left)
				want = program->message_left;
		} else if (want > program->to_write - program->written) {
			want = program->to_write - program->written;
		}
		moved = put(w, host, want);
		if (w->plan.kind == SESSION_MESSAGES && moved > 0 && program->message_left == 0) {
			program->message_index++;
			session_send_boundary(host->session);
		}
		if (moved < want)
			break;
		if (plan->think_ns > 0)
			program->write_at = host_now(w, host) + plan->think_ns;
		extend(w, host);
	}
	if (session_state(host->session) == SESSION_OPEN)
		finish(w, host);
}

static void wrong(struct world *w, struct host *host, uint64_t offset)
{
	world_fail(w, "content: host %u reads a wrong byte at offset %llu", host->number,
		   (unsigned long long)offset);
}

/* Checks bytes of a record; how many of them are dealt with. */
static size_t read_record(struct world *w, struct host *host, const uint8_t *bytes, size_t length)
{
	struct program *program = &host->program;
	size_t header, payload;
	bool end;
	int error = record_reader_feed(&program->reader, bytes, length, &header, &payload, &end);

	if (error < 0)
		wrong(w, host, program->read);
	if (content_matching(w->key[!host->number], program->read + header, bytes + header,
			     payload) != payload)
		wrong(w, host, program->read + header);
	if (end || payload > 0) {
		if (record_reader_took(&program->reader, payload)) {
			uint64_t want = message_bytes(w, !host->number,
						      program->message_read_index++);

			world_must(w, program->read + header + payload ==
				   program->next_message_end + RECORD_HEADER_BYTES + want,
				   "content: message %llu of host %u has another length",
				   (unsigned long long)program->message_read_index, !host->number);
			program->next_message_end += RECORD_HEADER_BYTES + want;
		}
	}
	return header + payload;
}

static void check_iov(struct world *w, struct host *host, const uint8_t *bytes, size_t length)
{
	struct program *program = &host->program;

	if (w->plan.kind == SESSION_STREAM) {
		size_t good = content_matching(w->key[!host->number], program->read, bytes, length);

		if (good < length)
			wrong(w, host, program->read + good);
		program->read += length;
		session_receive_consume(host->session, length, host_now(w, host));
		return;
	}
	while (length > 0) {
		size_t done = read_record(w, host, bytes, length);

		program->read += done;
		session_receive_consume(host->session, done, host_now(w, host));
		bytes += done;
		length -= done;
	}
}

static void see_end(struct world *w, struct host *host)
{
	struct program *program = &host->program;
	const struct program *peer = &w->host[!host->number].program;

	if (program->ended || program->discards || !session_receive_ended(host->session))
		return;
	program->ended = true;
	world_must(w, program->read == peer->written && peer->message_left == 0,
		   "end: host %u sees the end at %llu of %llu", host->number,
		   (unsigned long long)program->read, (unsigned long long)peer->written);
}

void program_read(struct world *w, struct host *host)
{
	struct program *program = &host->program;
	const struct plan_host *plan = &w->plan.host[host->number];
	uint64_t left = host->slow_bytes > 0 ? host->slow_bytes : UINT64_MAX;
	struct iovec iov[IOV_MOST];
	unsigned used;

	if (host->deaf || host_now(w, host) < program->read_at)
		return;
	if (!program->discards && program->read >= plan->discard_at &&
	    w->plan.kind == SESSION_STREAM) {
		session_receive_discard(host->session, host_now(w, host));
		program->discards = true;
		world_say(w, "host %u: discards from %llu", host->number,
			  (unsigned long long)program->read);
	}
	while (left > 0 && !program->discards &&
	       (used = session_receive_peek(host->session, iov, IOV_MOST)) > 0) {
		uint64_t want = random_between(&program->random, 1, plan->read_most);

		if (want > left)
			want = left;
		left -= want;
		/* Only the first: what follows is asked for again, as consuming may move it. */
		check_iov(w, host, iov[0].iov_base,
			  iov[0].iov_len < want ? iov[0].iov_len : (size_t)want);
	}
	if (left == 0)
		program->read_at = host_now(w, host) + SLOW_PAUSE_NS;
	see_end(w, host);
}

/* One that reads slowly, or not now, waits in no call; nor does one that reads what it has to cut in records. */
void program_waits(struct world *w, struct host *host)
{
	struct program *program = &host->program;
	uint64_t most = w->plan.host[host->number].read_most;
	bool fast = w->plan.fast;

	if (w->plan.kind != SESSION_STREAM || program->discards || host->deaf || host->slow_bytes > 0 ||
	    host_now(w, host) < program->read_at || (!fast && random_one_in(&program->waiting, 2)))
		return;
	if (fast)
		most = FAST_ROOM_BYTES;
	else if (most > PROGRAM_ROOM_BYTES)
		most = PROGRAM_ROOM_BYTES;
	session_receive_into(host->session, program->room,
			     (size_t)random_between(&program->waiting, 1, most));
}

void program_waited(struct world *w, struct host *host)
{
	struct program *program = &host->program;
	size_t taken = session_receive_taken(host->session);
	size_t good = content_matching(w->key[!host->number], program->read, program->room, taken);

	if (good < taken)
		wrong(w, host, program->read + good);
	program->read += taken;
}

time_ns program_next(struct world *w, struct host *host)
{
	const struct program *program = &host->program;
	time_ns next = TIME_NEVER, now = host_now(w, host);

	if (wants_to_write(w, host) && program->write_at > now)
		next = program->write_at;
	if (!host->deaf && session_readable(host->session) > 0 && program->read_at > now &&
	    program->read_at < next)
		next = program->read_at;
	return next;
}
