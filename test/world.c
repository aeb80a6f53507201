/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "test/world.h"

#include <errno.h>

#include "core/save.h"
#include "test/test.h"

#define PIPE_BYTES (8u << 20)
#define TURN_NS    (100 * NS_PER_US)    /* a host looks at its carriers this often */
#define SEGMENT    1448u

static uint64_t word_at(unsigned host, uint64_t index)
{
	uint64_t x = index * UINT64_C(0x9e3779b97f4a7c15) + host;

	return x ^ x >> 29;
}

/* The bytes of host's stream from offset on. */
static void pattern(unsigned host, uint64_t offset, uint8_t *out, size_t length)
{
	while (length > 0) {
		uint64_t word = word_at(host, offset >> 3);
		size_t skip = offset & 7, count = 8 - skip < length ? 8 - skip : length;

		/* Of a known length, which is most of them, it is no call. */
		if (count == 8)
			memcpy(out, &word, 8);
		else
			memcpy(out, (uint8_t *)&word + skip, count);
		out += count;
		offset += count;
		length -= count;
	}
}

static void check_pattern(unsigned host, uint64_t offset, const uint8_t *bytes, size_t length)
{
	uint8_t want[4096];

	while (length > 0) {
		size_t count = length < sizeof want ? length : sizeof want;

		pattern(host, offset, want, count);
		CHECK_MEM(bytes, want, count);
		bytes += count;
		offset += count;
		length -= count;
	}
}

/* Copies into or out of the ring of a pipe. */
static void ring_copy(struct world_pipe *pipe, uint64_t at, uint8_t *bytes, size_t length, bool in)
{
	while (length > 0) {
		size_t left = PIPE_BYTES - (size_t)(at % PIPE_BYTES);
		size_t count = left < length ? left : length;
		uint8_t *slot = pipe->bytes + at % PIPE_BYTES;

		memcpy(in ? slot : bytes, in ? bytes : slot, count);
		bytes += count;
		at += count;
		length -= count;
	}
}

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

struct session_config world_config(enum session_mode mode)
{
	struct session_config config = {
		.mode = mode,
		.send_limit_bytes = 4u << 20,
		.receive_limit_bytes = 4u << 20,
		.resume_timeout_ns = 300 * NS_PER_S,
		.orphan_timeout_ns = 3 * NS_PER_S,
		.probe_interval_ns = 10 * NS_PER_S,
		.suspect_floor_ns = 10 * NS_PER_MS,
	};
	return config;
}

struct world *world_new(const struct session_config *a, const struct session_config *b)
{
	struct world *w = calloc(1, sizeof *w);
	const struct session_config *config[2] = { a, b };

	CHECK(w != NULL);
	w->now = NS_PER_S;
	w->redial = true;
	world_wake(w);
	for (unsigned i = 0; i < 2; i++) {
		struct session_config own = *config[i];

		own.dialler = i == 0;
		w->host[i].lent_end = &w->host[i].lent;
		w->host[i].memory = malloc(session_bytes(&own));
		CHECK(w->host[i].memory != NULL);
		w->host[i].session = session_init(w->host[i].memory, &own, w->now);
	}
	for (unsigned i = 0; i < 2; i++)
		session_peer_declared(w->host[i].session, session_receive_limit(w->host[!i].session),
				      RANGE_CREDIT, config[!i]->resume_timeout_ns);
	return w;
}

static void drop_link(struct world *w, struct world_link *link)
{
	if (!link->up)
		return;
	for (unsigned i = 0; i < 2; i++)
		session_remove_path(w->host[i].session, &link->path[i], w->now);
	link->up = false;
}

/* The program does with it what it likes: nobody may read it any more. */
static void take_back(struct world_host *host, uint64_t returned)
{
	for (; host->lends_back < returned; host->lends_back++) {
		struct world_lent *lent = host->lent;

		CHECK(lent != NULL);
		host->lent = lent->next;
		if (host->lent == NULL)
			host->lent_end = &host->lent;
		memset(lent->bytes, 0xdd, lent->length);
		free(lent);
	}
}

/* Everything of the session goes but its image. */
static void free_session(struct world_host *host)
{
	void *block;

	session_fini(host->session);
	while (host->lent != NULL)
		take_back(host, host->lends_back + 1);
	host->lends_back = 0;
	while ((block = session_reclaim(host->session)) != NULL) {
		free(block);
		host->blocks--;
	}
	CHECK_EQ(host->blocks, 0);
	free(host->memory);
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < w->links; i++) {
		drop_link(w, &w->link[i]);
		free(w->link[i].pipe[0].bytes);
		free(w->link[i].pipe[1].bytes);
	}
	for (unsigned i = 0; i < 2; i++)
		free_session(&w->host[i]);
	free(w);
}

void world_connect(struct world *w, unsigned index)
{
	struct world_link *link = &w->link[index];
	time_ns rtt_ns = 2 * link->delay_ns + 200 * NS_PER_US;

	drop_link(w, link);
	link->path_id = w->next_path_id++;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *bytes = link->pipe[i].bytes;

		memset(&link->pipe[i], 0, sizeof link->pipe[i]);
		link->pipe[i].bytes = bytes != NULL ? bytes : malloc(PIPE_BYTES);
		CHECK(link->pipe[i].bytes != NULL);
		link->pipe[i].heard_at = w->now;
		CHECK_EQ(session_add_path(w->host[i].session, &link->path[i], link->path_id, index, rtt_ns,
					  w->now), 0);
	}
	link->up = true;
	world_wake(w);
}

void world_add_link(struct world *w, uint64_t rate_bytes, time_ns delay_ns)
{
	CHECK(w->links < WORLD_LINKS);
	w->link[w->links].rate_bytes = rate_bytes;
	w->link[w->links].delay_ns = delay_ns;
	world_connect(w, w->links++);
}

static void cut_pipe(struct world *w, struct world_pipe *pipe, bool cut)
{
	/* What was under way vanishes; the carrier will send it again after healing. */
	if (cut) {
		pipe->count = 0;
		pipe->sent = pipe->arrived;
	} else {
		pipe->busy_until = w->now;
	}
}

void world_cut(struct world *w, unsigned index, bool cut)
{
	struct world_link *link = &w->link[index];

	link->cut = cut;
	for (unsigned i = 0; i < 2; i++)
		cut_pipe(w, &link->pipe[i], cut);
}

void world_mute(struct world *w, unsigned index, unsigned from, bool mute)
{
	w->link[index].mute[from] = mute;
	cut_pipe(w, &w->link[index].pipe[from], mute);
}

void world_wake(struct world *w)
{
	w->host[0].woken = w->host[1].woken = true;
}

void world_break(struct world *w, unsigned index, bool ended)
{
	struct world_link *link = &w->link[index];

	for (unsigned i = 0; link->up && i < 2; i++)
		session_path_lost(w->host[i].session, &link->path[i], REASON_PATH_RESET, ended, w->now);
	drop_link(w, link);
	world_wake(w);
}

static void load_session(struct world_host *host, const uint8_t *image, size_t length, time_ns now)
{
	struct session_saved saved;
	struct stock lent;

	CHECK_EQ(session_saved(image, length, &saved), 0);
	host->memory = malloc(session_bytes(&saved.config));
	CHECK(host->memory != NULL);
	stock_init(&lent);
	for (unsigned i = 0; i < saved.blocks; i++) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block != NULL);
		stock_lend(&lent, block);
		host->blocks++;
	}
	CHECK_EQ(session_load(host->memory, image, length, &lent, now, &host->session), 0);
}

void world_restart(struct world *w, unsigned index, time_ns away_ns)
{
	struct world_host *host = &w->host[index];
	size_t length = session_save_bytes(host->session);
	bool redials = w->redial, stopped = host->stopped;
	uint8_t *image = malloc(length);

	CHECK(image != NULL);
	CHECK_EQ(session_save(host->session, image, length, w->now), length);
	host->stopped = true;
	w->redial = false;
	world_run(w, w->now + away_ns, NULL);
	for (unsigned i = 0; i < w->links; i++)
		world_break(w, i, false);
	free_session(host);
	load_session(host, image, length, w->now);
	free(image);
	host->stopped = stopped;
	w->redial = redials;
	world_wake(w);
}

/* Puts what the carrier holds onto the wire, at the link's rate. */
static void pipe_send(struct world_link *link, unsigned from, time_ns now)
{
	struct world_pipe *pipe = &link->pipe[from];

	if (link->cut || link->mute[from])
		return;
	while (pipe->sent < pipe->written && pipe->count < 4096 && pipe->busy_until < now + TURN_NS) {
		uint64_t length = pipe->written - pipe->sent;
		struct pipe_segment *segment;

		if (length > SEGMENT)
			length = SEGMENT;
		if (pipe->busy_until < now)
			pipe->busy_until = now;
		pipe->busy_until += (time_ns)(length * (uint64_t)NS_PER_S / link->rate_bytes);
		pipe->sent += length;
		segment = &pipe->segments[(pipe->first + pipe->count++) % 4096];
		segment->end = pipe->sent;
		segment->at = pipe->busy_until + link->delay_ns;
	}
}

static uint64_t pipe_ready(struct world_pipe *pipe, time_ns now)
{
	uint64_t ready = pipe->arrived;

	while (pipe->count > 0 && pipe->segments[pipe->first].at <= now) {
		ready = pipe->segments[pipe->first].end;
		pipe->first = (pipe->first + 1) % 4096;
		pipe->count--;
	}
	return ready;
}

static void lend(struct world_host *host)
{
	for (unsigned wanted = session_blocks_wanted(host->session); wanted > 0; wanted--) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block != NULL);
		session_lend(host->session, block);
		host->blocks++;
	}
}

static void read_carrier(struct world *w, unsigned to, struct world_link *link)
{
	struct world_pipe *pipe = &link->pipe[!to];
	uint64_t ready = pipe_ready(pipe, w->now);

	if (ready > pipe->arrived)
		link->pipe[to].heard_at = w->now;
	if (session_state(w->host[to].session) >= SESSION_CLOSED)
		pipe->arrived = ready;
	while (pipe->arrived < ready && link->up) {
		struct iovec iov[4];
		unsigned used;
		size_t moved = 0;
		int error;

		lend(&w->host[to]);
		used = session_place(w->host[to].session, &link->path[to], iov, 4);
		CHECK(used > 0);
		for (unsigned i = 0; i < used; i++) {
			size_t count = least(iov[i].iov_len, ready - pipe->arrived);

			ring_copy(pipe, pipe->arrived, iov[i].iov_base, count, false);
			pipe->arrived += count;
			moved += count;
		}
		error = session_arrived(w->host[to].session, &link->path[to], moved, w->now);
		while (error == -ENOMEM) {
			lend(&w->host[to]);
			error = session_read_on(w->host[to].session, w->now);
		}
		CHECK_EQ(error, 0);
	}
}

/* A kernel's buffer: two round trips in flight and the backlog. */
static uint64_t pipe_room(const struct world_host *host, const struct world_link *link, unsigned from)
{
	uint64_t held = link->pipe[from].written - link->pipe[from].arrived;
	uint64_t room = link->rate_bytes * (uint64_t)(4 * link->delay_ns + 4 * NS_PER_MS) /
			(uint64_t)NS_PER_S + session_path_backlog(host->session, &link->path[from]);

	/* Even the kernel's ring ends somewhere. */
	if (room > PIPE_BYTES)
		room = PIPE_BYTES;
	return held < room ? room - held : 0;
}

static void write_carriers(struct world *w, unsigned from)
{
	struct session *s = w->host[from].session;
	struct path *p;

	lend(&w->host[from]);
	while ((p = session_next_writer(s, w->now)) != NULL) {
		struct world_link *link = NULL;
		struct world_pipe *pipe;
		struct iovec iov[32];
		unsigned used;
		uint64_t room, total = 0;
		size_t moved = 0;

		for (unsigned i = 0; i < w->links; i++)
			if (&w->link[i].path[from] == p)
				link = &w->link[i];
		CHECK(link != NULL && link->up);
		pipe = &link->pipe[from];
		room = pipe_room(&w->host[from], link, from);
		used = session_plan(s, p, iov, 32, w->now);
		for (unsigned i = 0; i < used; i++) {
			size_t count = least(iov[i].iov_len, room - moved);

			ring_copy(pipe, pipe->written, iov[i].iov_base, count, true);
			pipe->written += count;
			moved += count;
			total += iov[i].iov_len;
		}
		session_wrote(s, p, moved, w->now);
		CHECK(total > 0);
		if (moved < total)
			session_path_room(s, p, false);
	}
}

/* False: none is taken now. Which pieces are lent is a function of the offset. */
static bool lend_piece(struct world *w, unsigned index, uint64_t want)
{
	struct world_host *host = &w->host[index];
	uint64_t word = word_at(index, host->written), length = 1 + (word >> 40) % host->lend_bytes;
	struct world_lent *lent;
	uint8_t head[8];
	size_t head_length = (word >> 20) % (sizeof head + 1);

	if (length + head_length > want || length > session_loan_room(host->session))
		return false;
	lent = malloc(sizeof *lent + length);
	CHECK(lent != NULL);
	lent->next = NULL;
	lent->length = length;
	pattern(index, host->written, head, head_length);
	pattern(index, host->written + head_length, lent->bytes, length);
	if (session_borrow(host->session, head, head_length, lent->bytes, length, w->now) < 0) {
		free(lent);
		return false;
	}
	*host->lent_end = lent;
	host->lent_end = &lent->next;
	host->written += head_length + length;
	if (host->message_bytes > 0)
		session_send_boundary(host->session);
	return true;
}

static void write_program(struct world *w, unsigned index)
{
	struct world_host *host = &w->host[index];

	take_back(host, session_loans_returned(host->session));
	while (host->written < host->to_write) {
		uint64_t want = host->to_write - host->written, moved = 0;
		struct iovec iov[4];
		unsigned used;

		if (host->message_bytes > 0 && want > host->message_bytes)
			want = host->message_bytes;
		lend(host);
		if (host->lend_bytes > 0 && (word_at(index, host->written) >> 60) % 4 > 0 &&
		    lend_piece(w, index, want))
			continue;
		used = session_send_space(host->session, want, iov, 4);
		if (used == 0)
			return;
		for (unsigned i = 0; i < used; i++) {
			pattern(index, host->written + moved, iov[i].iov_base, iov[i].iov_len);
			moved += iov[i].iov_len;
		}
		session_send_commit(host->session, moved, w->now);
		if (host->message_bytes > 0)
			session_send_boundary(host->session);
		host->written += moved;
	}
	if (host->finish && !session_send_finished(host->session))
		session_send_finish(host->session, w->now);
}

static void read_program(struct world *w, unsigned index)
{
	struct world_host *host = &w->host[index];
	uint64_t left = host->read_most > 0 ? host->read_most : UINT64_MAX;
	struct iovec iov[4];
	unsigned used;

	while (left > 0 && !host->deaf && (used = session_receive_peek(host->session, iov, 4)) > 0) {
		uint64_t moved = 0;

		for (unsigned i = 0; i < used && left > 0; i++) {
			size_t count = least(iov[i].iov_len, left);

			check_pattern(!index, host->read + moved, iov[i].iov_base, count);
			moved += count;
			left -= count;
		}
		session_receive_consume(host->session, moved, w->now);
		host->read += moved;
		if (host->measure && w->now - host->last_delivery_at > host->longest_gap_ns)
			host->longest_gap_ns = w->now - host->last_delivery_at;
		host->last_delivery_at = w->now;
	}
}

static time_ns queue_ns(const struct world_link *link, unsigned from)
{
	const struct world_pipe *pipe = &link->pipe[from];

	return (time_ns)((pipe->written - pipe->sent) * (uint64_t)NS_PER_S / link->rate_bytes);
}

/* What would wake a driver. */
static bool wakes(struct world *w, unsigned index)
{
	struct world_host *host = &w->host[index];
	bool wake = host->woken || w->now >= host->deadline;

	if (!host->deaf && session_readable(host->session) > 0)
		wake = true;
	for (unsigned i = 0; i < w->links && !wake; i++) {
		struct world_link *link = &w->link[i];
		struct world_pipe *in = &link->pipe[!index];

		if (!link->up)
			continue;
		if (in->count > 0 && in->segments[in->first].at <= w->now)
			wake = true;
		if (!link->path[index].roomy && pipe_room(host, link, index) > 0)
			wake = true;
	}
	return wake;
}

/* Sleeps until its deadline, which must not have passed once all that is due was done. */
static void rest(struct world *w, unsigned index)
{
	struct world_host *host = &w->host[index];

	host->woken = false;
	host->deadline = session_deadline(host->session, w->now);
	if (host->deadline > w->now)
		return;
	session_tick(host->session, w->now);
	write_carriers(w, index);
	host->deadline = session_deadline(host->session, w->now);
	if (w->strict)
		CHECK(host->deadline > w->now);
}

static void turn(struct world *w, unsigned index)
{
	struct world_host *host = &w->host[index];

	if (w->strict && !wakes(w, index))
		return;
	for (unsigned i = 0; i < w->links; i++) {
		struct world_link *link = &w->link[i];
		struct carrier_report report = { .known = true };

		if (!link->up)
			continue;
		report.acked_bytes = report.delivered = link->pipe[index].arrived;
		report.waiting = link->pipe[index].arrived < link->pipe[index].sent;
		report.ack_age_ns = w->now - link->pipe[index].heard_at;
		report.rtt_min_ns = 2 * link->delay_ns;
		/* What waits counts as a queue of the network. */
		report.rtt_ns = report.rtt_min_ns + queue_ns(link, 0) + queue_ns(link, 1);
		session_path_report(host->session, &link->path[index], &report, w->now);
		if (!w->strict || pipe_room(host, link, index) > 0)
			session_path_room(host->session, &link->path[index], true);
		read_carrier(w, index, link);
	}
	session_tick(host->session, w->now);
	write_program(w, index);
	read_program(w, index);
	write_carriers(w, index);
	rest(w, index);
}

static void redial(struct world *w)
{
	for (unsigned i = 0; w->redial && i < w->links; i++) {
		struct world_link *link = &w->link[i];

		if (link->cut || session_state(w->host[0].session) >= SESSION_CLOSED)
			continue;
		if (!link->up || session_path_silent_since(w->host[0].session, &link->path[0], w->now) > 0)
			world_connect(w, i);
	}
}

bool world_run(struct world *w, time_ns until, bool (*done)(struct world *w))
{
	while (w->now < until) {
		for (unsigned i = 0; i < 2; i++)
			if (!w->host[i].stopped)
				turn(w, i);
		for (unsigned i = 0; i < w->links; i++)
			for (unsigned k = 0; w->link[i].up && k < 2; k++)
				pipe_send(&w->link[i], k, w->now);
		if (w->now % (500 * NS_PER_MS) < TURN_NS)
			redial(w);
		if (done != NULL && done(w))
			return true;
		w->now += TURN_NS;
	}
	return false;
}

bool world_all_read(struct world *w)
{
	return w->host[0].read == w->host[1].to_write && w->host[1].read == w->host[0].to_write;
}

bool world_closed(struct world *w)
{
	return session_state(w->host[0].session) == SESSION_CLOSED &&
	       session_state(w->host[1].session) == SESSION_CLOSED;
}
