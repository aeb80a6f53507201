/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole session and its hostile peer. The input is a program: the session's configuration, then
 * actions of the peer (frames of every kind with any value, in any pieces, on several paths, or plain
 * garbage), of the program above (write, read, end, modes), of the driver (paths come and go, room,
 * memory, time). judge.c says what must follow. In the end an honest peer takes over: whatever was
 * legal up to then must not have wedged the session.
 */
#include <errno.h>

#include "fuzz/attack.h"
#include "fuzz/fuzz.h"

#define ACTIONS       20u
#define ACTIONS_MAX   600u
#define FED_BYTES_MAX (2u << 20)        /* what one input may have copied */
#define HEAL_ROUNDS   600u

/* --- what must hold after every action --- */

/* The program's memory, wiped the moment it comes back. */
static void take_back(struct attack *w, bool over)
{
	uint64_t back = over ? UINT64_MAX : session_loans_returned(w->s);

	for (; w->loan != NULL && w->loans_back < back; w->loans_back++) {
		struct attack_loan *loan = w->loan;

		w->loan = loan->next;
		w->loan_bytes -= loan->length;
		memset(loan->bytes, 0xdd, loan->length);
		free(loan);
	}
	if (w->loan == NULL)
		w->loan_end = &w->loan;
	HOLDS(over || w->loans_back == back);
}

static void check(struct attack *w)
{
	const struct session *s = w->s;
	const struct judge *j = &w->judge;
	enum session_state state = session_state(s);
	struct session_figures figures;

	take_back(w, false);
	session_figures(s, &figures);
	HOLDS(figures.written == j->written && figures.consumed == j->consumed);
	HOLDS(figures.peer_consumed == (j->peer_consumed < j->written ? j->peer_consumed : j->written));
	HOLDS(s->stock.lent == w->lent && w->lent <= w->blocks_max);
	HOLDS(s->receive.contiguous == j->contiguous && s->receive.consumed == j->consumed);
	HOLDS(s->receive.fin_offset == j->fin && session_receive_limit(s) == j->limit);
	HOLDS(s->receive.ahead.count <= RANGES_HELD_MAX);
	HOLDS(session_readable(s) == j->contiguous - j->consumed);
	HOLDS(session_unacknowledged(s) <= w->config.send_limit_bytes + w->loan_bytes + 1 || state == SESSION_RESET);
	HOLDS(w->loan == NULL || session_unacknowledged(s) > 0);
	HOLDS(s->sender.flight.base <= j->sent_top && flight_top(&s->sender.flight) == j->sent_top);
	if (s->sender.buffer.acknowledged >= s->sender.buffer.end)
		HOLDS(s->sender.buffer.table.held == 0);
	if (w->violated)
		HOLDS(state == SESSION_RESET || state == SESSION_CLOSED);
	if (state == SESSION_CLOSED)
		HOLDS(judge_complete(j));
	if (state == SESSION_OPEN)
		HOLDS(!j->over);
	if (state >= SESSION_CLOSED)
		HOLDS(session_deadline(s, w->now) == TIME_NEVER && session_blocks_wanted(s) <= session_asleep(s));
	if (state == SESSION_RESET && !w->violated && !j->over)
		HOLDS(w->reset_here);
}

static void tick(struct attack *w)
{
	bool open = session_state(w->s) == SESSION_OPEN;

	session_tick(w->s, w->now);
	if (!open || session_state(w->s) != SESSION_RESET)
		return;
	HOLDS(session_reason(w->s) == REASON_RESUME_TIMEOUT ||
	      session_reason(w->s) == REASON_PEER_VANISHED);
	w->reset_here = true;
}

/* Once all that is due is done nothing is due: else the driver would run in circles. */
static void check_rest(struct attack *w)
{
	if (!w->lends || !attack_all_roomy(w))
		return;
	/* What is sent in the first round may, with timeouts of nothing, be overdue at once. */
	for (unsigned round = 0; round < 2; round++) {
		tick(w);
		attack_pump(w);
	}
	HOLDS(session_deadline(w->s, w->now) > w->now);
}

/* The peer broke the protocol: every path that still writes says so, as its last word. */
static void check_told(struct attack *w)
{
	attack_pump(w);
	for (unsigned i = 0; i < JUDGE_PATHS; i++) {
		const struct judged_path *p = &w->judge.path[i];

		if (w->path[i] == NULL || !w->path[i]->up || !w->path[i]->path.roomy)
			continue;
		HOLDS(p->out.over && (p->last_type == FRAME_RESET || p->last_type == FRAME_CLOSE));
		if (p->last_type == FRAME_RESET)
			HOLDS(p->last_reason == REASON_PROTOCOL_ERROR);
		HOLDS(session_path_done(w->s, &w->path[i]->path));
	}
}

/* --- the program --- */

/* A part is copied, the rest lent; false: nothing was taken. */
static bool program_lends(struct attack *w, uint64_t length)
{
	struct attack_loan *loan = malloc(sizeof *loan + length);
	size_t head = length / 3 % 9;

	HOLDS(loan != NULL);
	loan->next = NULL;
	loan->length = length;
	judge_fill(loan->bytes, w->judge.written, length);
	attack_lend(w);
	if (session_borrow(w->s, loan->bytes, head, loan->bytes + head, length - head, w->now) < 0) {
		free(loan);
		return false;
	}
	memset(loan->bytes, 0xdd, head);
	*w->loan_end = loan;
	w->loan_end = &loan->next;
	w->loan_bytes += length;
	w->judge.written += length;
	w->fed += length;
	return true;
}

static void program_writes(struct attack *w, uint64_t length)
{
	/* Some of it is lent, as the offset has it: no input means another thing for that. */
	if (length >= 9 && w->judge.written / 7 % 3 == 0 && program_lends(w, length))
		return;
	while (length > 0) {
		uint64_t moved = 0;
		struct iovec iov[4];
		unsigned used;

		attack_lend(w);
		used = session_send_space(w->s, length, iov, 4);
		for (unsigned k = 0; k < used; k++) {
			judge_fill(iov[k].iov_base, w->judge.written + moved, iov[k].iov_len);
			moved += iov[k].iov_len;
		}
		if (moved == 0)
			return;
		HOLDS(moved <= length);
		session_send_commit(w->s, moved, w->now);
		w->judge.written += moved;
		w->fed += moved;
		length -= moved;
	}
}

static void program_ends(struct attack *w, struct draw *d)
{
	switch (draw_below(d, 8)) {
	case 0:
		session_reset(w->s, REASON_ABORTED, w->now);
		w->reset_here = true;
		break;
	case 1:
		session_receive_discard(w->s, w->now);
		w->judge.discard = true;
		judge_consumed(&w->judge, w->judge.contiguous - w->judge.consumed);
		break;
	case 2:
	case 3:
		session_send_boundary(w->s);
		break;
	default:
		if (session_state(w->s) == SESSION_OPEN)
			w->judge.finished = true;
		session_send_finish(w->s, w->now);
		break;
	}
}

/* --- actions --- */

static void time_passes(struct attack *w, struct draw *d)
{
	time_ns deadline = session_deadline(w->s, w->now);

	if (draw_u8(d) & 1 && deadline != TIME_NEVER && deadline > w->now &&
	    deadline < w->now + 1000 * NS_PER_S)
		w->now = deadline;
	else
		w->now += (time_ns)PICK(d, 0, NS_PER_MS, 20 * NS_PER_MS, NS_PER_S, 20 * NS_PER_S,
					4000 * NS_PER_S);
	tick(w);
}

static void carrier_tells(struct attack *w, struct draw *d, unsigned i)
{
	uint8_t flags = draw_u8(d);
	struct carrier_report report = {
		.known = flags & 1,
		.waiting = flags >> 2 & 1,
		.acked_bytes = draw_u16(d),
		.ack_age_ns = (time_ns)draw_u16(d) * NS_PER_US - NS_PER_MS,
	};

	/* As a kernel counts: in 32 bits, microseconds. */
	if (flags >> 1 & 1) {
		report.window_bytes = PICK(d, 0, 1, 10);
		report.window_bytes *= PICK(d, 1448, UINT32_MAX);
		report.unsent_bytes = draw_u32(d);
		report.delivered = draw_u8(d);
		report.rtt_ns = (time_ns)PICK(d, 0, 1, 10000, 1000000) * NS_PER_US;
		report.rtt_min_ns = (time_ns)PICK(d, 0, 1, 5000) * NS_PER_US;
	}
	session_path_report(w->s, &w->path[i]->path, &report, w->now);
	(void)session_path_silent_since(w->s, &w->path[i]->path, w->now);
	(void)session_path_reason(w->s, &w->path[i]->path, w->now);
	(void)session_path_backlog(w->s, &w->path[i]->path);
}

static void driver_acts(struct attack *w, struct draw *d, unsigned i)
{
	switch (draw_below(d, 10)) {
	case 0:
		attack_lose(w, i, REASON_PATH_RESET, draw_u8(d) & 1);
		break;
	case 1:
		attack_take_out(w, i);
		break;
	case 2:
		session_path_room(w->s, &w->path[i]->path, draw_u8(d) & 1);
		break;
	case 3:
		carrier_tells(w, d, i);
		break;
	case 4:
		w->piece = (size_t)PICK(d, 1, 7, 1000, SIZE_MAX) + 1;
		w->piece += w->piece == 0 ? SIZE_MAX : 0;
		break;
	case 5:
		w->iovecs = draw_below(d, 33);
		break;
	case 6:
		w->lends = draw_u8(d) & 1;
		break;
	case 7:
		w->quiet = draw_u8(d) & 1;
		break;
	default:
		if (w->path[i]->up && !w->path[i]->path.close_sent)
			attack_write(w, i, (size_t)PICK(d, 1, 9, 17, 5000, 70000));
		break;
	}
}

static void joins(struct attack *w, struct draw *d)
{
	uint16_t id = w->next_id;
	unsigned many = 1;

	switch (draw_below(d, 6)) {
	case 0:
		id = draw_u16(d);
		break;
	case 1:
		id = (uint16_t)(w->next_id - draw_below(d, 70));
		break;
	case 2:
		many = draw_below(d, 100);
		break;
	default:
		break;
	}
	while (many-- > 0)
		attack_add_path(w, id++, draw_u8(d), (time_ns)PICK(d, 0, NS_PER_MS, 60 * NS_PER_MS) - 1);
	if ((int16_t)(uint16_t)(id - w->next_id) > 0)
		w->next_id = id;
}

/* A path that is there, or JUDGE_PATHS. */
static unsigned draw_path(const struct attack *w, struct draw *d)
{
	unsigned from = draw_below(d, JUDGE_PATHS);

	for (unsigned k = 0; k < JUDGE_PATHS; k++)
		if (w->path[(from + k) % JUDGE_PATHS] != NULL)
			return (from + k) % JUDGE_PATHS;
	return JUDGE_PATHS;
}

static void act(struct attack *w, struct draw *d)
{
	unsigned drawn = draw_u8(d), what = drawn % ACTIONS;
	bool violated = w->violated, run = drawn >= 256 / ACTIONS * ACTIONS;
	unsigned i = run || what < 10 ? draw_path(w, d) : JUDGE_PATHS;

	if (run && i < JUDGE_PATHS)
		attack_peer_runs(w, d, i);
	else if (what < 8 && i < JUDGE_PATHS)
		attack_peer_acts(w, d, what, i);
	else if (what < 10 && i < JUDGE_PATHS)
		driver_acts(w, d, i);
	else if (what < 13)
		program_writes(w, PICK(d, 1, 100, 65536, 200000) % 1000000);
	else if (what < 15)
		attack_read(w, PICK(d, 1, 65536, UINT64_MAX));
	else if (what == 15)
		program_ends(w, d);
	else if (what == 16)
		session_set_mode(w->s, draw_below(d, 4), w->now);
	else if (what == 17)
		session_ask_mode(w->s, draw_below(d, 4), w->now);
	else if (what == 18)
		joins(w, d);
	else
		time_passes(w, d);
	check(w);
	if (w->violated && !violated)
		check_told(w);
	if (!w->quiet)
		attack_pump(w);
}

/* --- healing: a fresh path, an honest peer, a program that reads and ends --- */

static void honest_ack(struct attack *w, unsigned i)
{
	const struct judge *j = &w->judge;
	struct frame_ack ack = {
		.cumulative = j->sent_top,
		.receive_limit = STREAM_OFFSET_MAX,
		.range_credit = RANGE_CREDIT,
		.path_count = 1,
	};
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_ACK_MAX];

	ack.paths[0].path_id = j->path[i].id;
	ack.paths[0].received_bytes = j->path[i].out_bytes;
	attack_say(w, i, bytes, frame_ack_encode(bytes, sizeof bytes, &ack));
}

static void honest_data(struct attack *w, unsigned i)
{
	const struct judge *j = &w->judge;
	uint64_t end = j->fin, left;

	if (j->fin == NO_FIN)
		end = j->ahead.count > 0 ? j->ahead.at[j->ahead.count - 1].end : j->contiguous;
	left = (end < j->limit ? end : j->limit) - j->contiguous;
	if (left > FRAME_PAYLOAD_MAX)
		left = FRAME_PAYLOAD_MAX;
	if (left > 0 || j->contiguous == end)
		attack_say_data(w, i, j->contiguous, (uint32_t)left, j->contiguous + left == end);
}

static void heal(struct attack *w)
{
	const uint8_t done[] = { FRAME_CLOSE, 0, 0, 0, 0, 0, 0, FRAME_CLOSE_BYTES, 0, REASON_DONE, 0, 0 };
	uint16_t id = (uint16_t)(w->s->highest_id + 1);

	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		attack_take_out(w, i);
	w->lends = true;
	w->piece = SIZE_MAX;
	w->iovecs = 8;
	attack_add_path(w, id == PATH_ID_NONE ? 0 : id, 0, NS_PER_MS);
	HOLDS(w->path[0] != NULL);
	for (unsigned round = 0; session_state(w->s) == SESSION_OPEN && round < HEAL_ROUNDS; round++) {
		attack_read(w, UINT64_MAX);
		w->judge.finished = true;
		session_send_finish(w->s, w->now);
		attack_pump(w);
		honest_ack(w, 0);
		honest_data(w, 0);
		attack_feed(w, 0, SIZE_MAX);
		check(w);
	}
	HOLDS(session_state(w->s) == SESSION_FINISHED);
	attack_pump(w);
	HOLDS(w->judge.path[0].out.over && w->judge.path[0].last_reason == REASON_DONE);
	attack_say(w, 0, done, sizeof done);
	attack_feed(w, 0, SIZE_MAX);
	HOLDS(session_state(w->s) == SESSION_CLOSED);
	attack_read(w, UINT64_MAX);
	HOLDS(session_receive_ended(w->s));
}

static void begin(struct attack *w, struct draw *d)
{
	uint64_t peer_limit = PICK(d, 65536, 1000000, 0, 1, STREAM_OFFSET_MAX);
	uint8_t flags = draw_u8(d);
	unsigned credit;

	w->now = NS_PER_S;
	w->lends = true;
	w->piece = SIZE_MAX;
	w->iovecs = 8;
	w->config = (struct session_config){
		.dialler = flags & 1,
		.kind = flags >> 1 & 1,
		.overdue_off = flags >> 2 & 1,
		.mode = flags >> 3 & 3,
		.send_limit_bytes = PICK(d, 65536, 262144, 1) % 262145 + 1,
		.receive_limit_bytes = PICK(d, 65536, 262144, 2097152, 1) % 4000000 + 1,
		.resume_timeout_ns = (time_ns)PICK(d, TIME_NEVER, NS_PER_S, 0),
		.orphan_timeout_ns = (time_ns)PICK(d, 3 * NS_PER_S, 0, TIME_NEVER),
		.probe_interval_ns = (time_ns)PICK(d, 10 * NS_PER_S, 10 * NS_PER_MS, TIME_NEVER) + 0,
		.suspect_floor_ns = (time_ns)PICK(d, 10 * NS_PER_MS, NS_PER_MS, TIME_NEVER),
	};
	if (w->config.probe_interval_ns < 10 * NS_PER_MS)
		w->config.probe_interval_ns = 10 * NS_PER_MS;
	w->s = session_init(malloc(session_bytes(&w->config)), &w->config, w->now);
	credit = (unsigned)PICK(d, 256, 0, 1, 65535) & 65535;
	session_peer_declared(w->s, peer_limit, credit, (time_ns)PICK(d, TIME_NEVER, NS_PER_S, 0));
	judge_init(&w->judge, w->config.receive_limit_bytes, peer_limit);
	w->loan_end = &w->loan;
	/* In the two tables, in stock, saved tails, what is being read into, and the list of loans. */
	w->blocks_max = buffer_slots_for(w->config.send_limit_bytes) +
			buffer_slots_for(w->config.receive_limit_bytes) + STOCK_BLOCKS + PATHS_MAX + 2;
	w->next_id = draw_u16(d) % PATH_ID_NONE;
	for (unsigned paths = draw_below(d, 4); paths > 0; paths--)
		attack_add_path(w, w->next_id++, 0, NS_PER_MS);
}

static void end(struct attack *w)
{
	void *block;

	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		attack_take_out(w, i);
	session_fini(w->s);
	take_back(w, true);
	while ((block = session_reclaim(w->s)) != NULL) {
		attack_block_give(block);
		w->lent--;
	}
	HOLDS(w->lent == 0);
	free(w->s);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct draw d = { data, size };
	struct attack *w = calloc(1, sizeof *w);

	HOLDS(w != NULL);
	begin(w, &d);
	for (unsigned n = 0; d.left > 0 && n < ACTIONS_MAX && w->fed < FED_BYTES_MAX; n++)
		act(w, &d);
	check_rest(w);
	check(w);
	if (session_state(w->s) == SESSION_OPEN)
		heal(w);
	end(w);
	return 0;
}
