/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener and strangers at its door. The input is a program: strangers connect, one or a crowd, from
 * several addresses; they say offers that are right, nearly right or anything, in pieces; they confirm,
 * finish, reset, are silent; the program above accepts, reads, writes, closes, listens again; time passes;
 * descriptors run out. stranger.c says what each must be answered. What the listener holds is bounded, it
 * never spins, nobody is turned out without need, and in the end an honest peer is served at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/endpoint.h"
#include "driver/entrance.h"
#include "driver/guest.h"
#include "driver/listen.h"
#include "driver/name.h"
#include "fuzz/by_hand.h"
#include "fuzz/stranger.h"

#define ACTIONS_MAX   60u
#define STRANGERS_MAX 300u
#define NAMES_MAX     8u        /* of sessions: an id begins with one */
#define FACES_MAX     8u        /* descriptors that the program keeps open */
#define HONEST_NAME   (NAMES_MAX - 1)
#define WINDOW_BYTES  (1u << 20)
#define PATIENCE_MS   5000u     /* of real time, with the kernel */

struct hall {
	struct draw *d;
	struct engine *engine;
	unsigned port;
	int listening;                  /* -1: the program has closed it */
	bool was_closed;
	enum session_kind kind;
	struct stranger stranger[STRANGERS_MAX];
	unsigned count;
	unsigned turned_out;            /* guests that had to go for others */
	int face[FACES_MAX];
	unsigned faces;
};

static bool same_id(const struct stranger *a, const struct stranger *b)
{
	return memcmp(a->offer.id, b->offer.id, SESSION_ID_BYTES) == 0;
}

/* Who has opened the session that this one names; NULL: nobody has. */
static const struct stranger *opener(const struct hall *h, const struct stranger *s)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->stranger[i].opened && same_id(&h->stranger[i], s))
			return &h->stranger[i];
	return NULL;
}

/* The HELLO whose ACCEPT this JOIN names; NULL: there was none. */
static struct stranger *named(struct hall *h, const struct stranger *join)
{
	for (unsigned i = 0; i < h->count; i++) {
		struct stranger *s = &h->stranger[i];

		if (s->accepted && !s->offer.join && same_id(s, join) &&
		    memcmp(s->accept.nonce, join->offer.confirmed, NONCE_BYTES) == 0)
			return s;
	}
	return NULL;
}

/* Whose session it is that this one asks for. */
static const struct stranger *first_of(struct hall *h, const struct stranger *s)
{
	const struct stranger *first = s->offer.join ? opener(h, s) : s;

	return first ? first : named(h, s);
}

static enum due due_of(struct hall *h, struct stranger *s)
{
	enum due due = stranger_due(s);
	const struct stranger *first = first_of(h, s);

	if (!s->accepted)
		return due;
	/* Nobody joins what nobody has opened or may open by that. */
	HOLDS(due == DUE_DECISION && first);
	return stranger_due_accepted(s, first->offer.secret);
}

static uint64_t bounded_promises(const struct hall *h)
{
	const struct listeners *all = h->engine->listeners;

	return h->engine->memory.budget_bytes / 2 +
	       (uint64_t)MEMORY_SHARE_BYTES * (all->guest_count + all->session_count);
}

/* --- what must hold at rest --- */

static void judge_refusal(const struct hall *h, const struct stranger *s)
{
	switch (s->close_reason) {
	case REASON_GOING_AWAY:
		HOLDS(!s->offer.join && h->was_closed);
		break;
	case REASON_DUPLICATE_SESSION:
		HOLDS(!s->offer.join && opener(h, s));
		break;
	case REASON_KIND_MISMATCH:
		HOLDS(!s->offer.join && s->offer.kind != h->kind);
		break;
	case REASON_BUSY:
		HOLDS(s->offer.join ? h->count > JOINS_PER_SECOND_MAX : h->count > WAITING_MAX);
		break;
	default:
		HOLDS(s->offer.join && s->close_reason == REASON_UNKNOWN_SESSION);
		break;
	}
}

static void judge_end(struct hall *h, struct stranger *s, enum due due)
{
	if (s->closed) {
		HOLDS(due == DUE_CLOSE || due == DUE_DECISION || due == DUE_SESSION);
		if (due == DUE_CLOSE)
			HOLDS(s->close_reason == s->due_reason);
		else if (due == DUE_DECISION)
			judge_refusal(h, s);
		return;
	}
	if (due == DUE_END || due == DUE_SESSION || s->shut || s->accepted_at < 0)
		return;
	if (by_hand_now() - s->opened_at >= GUEST_PATIENCE_NS)
		return;
	h->turned_out++;
	HOLDS(h->turned_out <= by_hand_table.crowded);
}

/* False: what it asked for has not come yet. */
static bool may_stay(const struct stranger *s, enum due due)
{
	if (s->accepted_at < 0 || due == DUE_SESSION)
		return true;
	if (by_hand_now() - s->accepted_at > GUEST_PATIENCE_NS)
		return false;
	return due == DUE_NOTHING && !s->shut;
}

static void judge(struct hall *h, struct stranger *s)
{
	enum due due = due_of(h, s);

	if (s->settled)
		return;
	if (s->accepted_at < 0 && s->number < by_hand_table.accepted)
		s->accepted_at = by_hand_now();
	if (s->accepted)
		HOLDS(s->accept.kind == h->kind && s->accept.receive_limit <= WINDOW_BYTES);
	if (s->accepted && !s->offer.join)
		HOLDS(s->offer.kind == h->kind);
	s->settled = s->over;
	if (s->over)
		judge_end(h, s, due);
	else if (s->fd >= 0)
		HOLDS(may_stay(s, due));
}

/* Those who were at a door that has gone were never taken in. */
static void doors_gone(struct hall *h)
{
	for (unsigned i = 0; i < h->count; i++)
		h->stranger[i].settled |= h->stranger[i].accepted_at < 0;
	by_hand_table.accepted = h->count;
}

static void hear_all(struct hall *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		struct stranger *s = &h->stranger[i], *hello;

		stranger_hear(s);
		if (!s->accepted || stranger_due(s) != DUE_DECISION || due_of(h, s) != DUE_SESSION)
			continue;
		hello = s->offer.join ? named(h, s) : s;
		if (hello)
			hello->opened = true;
	}
}

static bool all_answered(struct hall *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		struct stranger *s = &h->stranger[i];

		if (!s->settled && !s->over && s->fd >= 0 && !may_stay(s, due_of(h, s)))
			return false;
	}
	return true;
}

static void check(struct hall *h)
{
	const struct listeners *all = h->engine->listeners;

	by_hand_rest();
	HOLDS(all->guest_count <= GUESTS_MAX && all->guest_count <= h->count && all->session_count <= h->count);
	HOLDS(h->engine->memory.promised_bytes <= bounded_promises(h));
	hear_all(h);
	/* A busy kernel may take its time even over loopback. */
	for (unsigned tries = 0; tries < PATIENCE_MS && !all_answered(h); tries++) {
		usleep(1000);
		by_hand_rest();
		hear_all(h);
	}
	for (unsigned i = 0; i < h->count; i++)
		judge(h, &h->stranger[i]);
	if (!all->entrances)
		doors_gone(h);
}

/* --- strangers act --- */

static struct stranger *enter(struct hall *h, unsigned place)
{
	struct stranger *s = &h->stranger[h->count];

	if (h->count == STRANGERS_MAX || !stranger_open(s, place, h->port))
		return NULL;
	s->number = h->count++;
	return s;
}

static void crowd_comes(struct hall *h)
{
	/* Most often one: more take time. */
	unsigned drawn = draw_u8(h->d), place = 2 + draw_below(h->d, 3);
	unsigned many = drawn == 255 ? 270 : drawn > 245 ? 40 : drawn > 200 ? 7 : 1;

	while (many-- > 0 && enter(h, place))
		;
}

static struct handshake_offer draw_offer(struct hall *h)
{
	struct draw *d = h->d;
	struct handshake_offer offer = {
		.join = draw_u8(d) & 1,
		.path_id = draw_u8(d),
		.carrier = draw_below(d, 16) == 1 ? 2 : CARRIER_TCP,
		.kind = draw_below(d, 8) == 1 ? !h->kind : h->kind,
		.mode = draw_u8(d) & 3,
		.receive_limit = PICK(d, WINDOW_BYTES, 0, STREAM_OFFSET_MAX),
		.range_credit = RANGE_CREDIT,
		.resume_timeout_ms = (uint32_t)PICK(d, 1000, 0, TIMEOUT_MS_NEVER),
		.orphan_timeout_ms = (uint32_t)PICK(d, 1000, 0, TIMEOUT_MS_NEVER),
		.replaces = draw_u8(d) & 1 ? PATH_ID_NONE : draw_u8(d),
		.resume = draw_u8(d) & 1,
	};

	if (offer.replaces == offer.path_id)
		offer.replaces = PATH_ID_NONE;
	offer.id[0] = draw_below(d, HONEST_NAME);
	/* Most often the ACCEPT that came last. */
	for (unsigned i = 0; i < h->count && offer.path_id % 4 != 3; i++)
		if (h->stranger[i].accepted && !h->stranger[i].offer.join &&
		    memcmp(h->stranger[i].offer.id, offer.id, SESSION_ID_BYTES) == 0)
			memcpy(offer.confirmed, h->stranger[i].accept.nonce, NONCE_BYTES);
	return offer;
}

static size_t encode(uint8_t *out, size_t capacity, const struct handshake_offer *offer)
{
	static const uint8_t nonce[NONCE_BYTES];

	preamble_encode(out, PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX);
	return PREAMBLE_BYTES + offer_encode(out + PREAMBLE_BYTES, capacity - PREAMBLE_BYTES, offer, nonce);
}

/* An offer, perhaps with a byte changed, from where this one has got to. */
static void offers(struct hall *h, struct stranger *s)
{
	uint8_t bytes[PREAMBLE_BYTES + FRAME_HEADER_BYTES + FRAME_HELLO_BYTES];
	struct handshake_offer offer = draw_offer(h);
	size_t length, from = s->said_length;

	memset(offer.secret, 0x40 + offer.id[0], sizeof offer.secret);
	length = encode(bytes, sizeof bytes, &offer);
	if (draw_below(h->d, 4) == 1)
		bytes[draw_below(h->d, 28)] ^= draw_u8(h->d);
	if (draw_below(h->d, 4) == 1)
		length = draw_below(h->d, (unsigned)length);
	if (from < length)
		stranger_say(s, bytes + from, length - from);
}

static void says_anything(struct hall *h, struct stranger *s)
{
	uint8_t bytes[256];
	size_t length = draw_u8(h->d);

	draw_fill(h->d, bytes, length);
	stranger_say(s, bytes, length);
}

static void confirms(struct hall *h, struct stranger *s)
{
	static const uint8_t wrong[SECRET_BYTES];
	const struct stranger *first = first_of(h, s);

	if (s->accepted && first)
		stranger_confirm(s, draw_below(h->d, 8) == 1 ? wrong : first->offer.secret);
}

/* In a session: bytes, their end, or its end. */
static void speaks(struct hall *h, struct stranger *s)
{
	uint8_t bytes[FRAME_DATA_HEAD_BYTES + 8] = { 0 };
	struct frame_data data = { .offset = draw_u8(h->d), .length = 1 + draw_below(h->d, 8),
				   .fin = draw_below(h->d, 4) == 1 };
	struct frame_reset reset = { .reason = REASON_ABORTED };
	struct frame_close close = { .reason = draw_below(h->d, 40) };
	size_t length;

	switch (draw_below(h->d, 4)) {
	case 0:
		length = frame_reset_encode(bytes, sizeof bytes, &reset);
		break;
	case 1:
		length = frame_close_encode(bytes, sizeof bytes, &close);
		break;
	default:
		length = frame_data_encode(bytes, sizeof bytes, &data) + data.length;
		break;
	}
	stranger_say(s, bytes, length);
}

/* --- the program acts --- */

static bool listens(struct hall *h)
{
	struct options options;
	struct failure failure;
	char address[32];

	options_init(&options);
	options.kind = h->kind;
	options.receive_buffer_bytes = WINDOW_BYTES;
	snprintf(address, sizeof address, "127.0.0.1:%u", h->port);
	if (listen_begin(h->engine, address, &options, &h->listening, &failure) < 0) {
		h->listening = -1;
		return false;
	}
	fcntl(h->listening, F_SETFL, O_NONBLOCK);
	h->port = address_port(&h->engine->listeners->entrances->address);
	return true;
}

static void closes(struct hall *h)
{
	if (h->listening < 0)
		return;
	close(h->listening);
	h->listening = -1;
	h->was_closed = true;
}

static int accepts(struct hall *h)
{
	/* Not accept4: that is the engine's. */
	int fd = h->listening < 0 ? -1 : accept(h->listening, NULL, NULL);

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (h->faces == FACES_MAX)
		close(h->face[--h->faces]);
	h->face[h->faces++] = fd;
	return fd;
}

static void program_acts(struct hall *h)
{
	char bytes[4096] = "";
	unsigned what = draw_below(h->d, 8), i = h->faces > 0 ? draw_u8(h->d) % h->faces : 0;

	if (what < 3)
		(void)accepts(h);
	else if (what == 3)
		closes(h);
	else if (what == 4 && h->listening < 0)
		(void)listens(h);
	else if (what == 5 && h->faces > 0)
		(void)send(h->face[i], bytes, 1 + draw_u16(h->d) % sizeof bytes, MSG_NOSIGNAL);
	else if (what == 6 && h->faces > 0)
		(void)!read(h->face[i], bytes, sizeof bytes);
	else if (what == 7 && h->faces > 0) {
		close(h->face[i]);
		h->face[i] = h->face[--h->faces];
	}
}

static void table_changes(struct hall *h)
{
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };

	by_hand_table.error = errors[draw_below(h->d, 4)];
	by_hand_table.most = draw_below(h->d, 4) == 1 ? UINT32_MAX : by_hand_table.open + draw_below(h->d, 8);
}

/* --- the honest peer --- */

/* Without room for its carrier and its face there can be no session. Guests that have a carrier would go. */
static bool has_room(struct hall *h)
{
	const struct listeners *all = h->engine->listeners;
	unsigned spare = by_hand_table.most - by_hand_table.open, waiting = 0, guests = 0;

	if (by_hand_table.open > by_hand_table.most)
		return false;
	for (const struct entrance *entrance = all->entrances; entrance; entrance = entrance->next)
		if (entrance->listener)
			waiting += accept_queue_waiting(entrance->listener->queue);
	for (unsigned i = 0; i < h->count; i++) {
		struct stranger *s = &h->stranger[i];

		guests += s->fd >= 0 && s->accepted_at >= 0 && !s->over && due_of(h, s) != DUE_SESSION;
	}
	return spare >= 2 || spare + guests >= 2 + waiting;
}

static bool is_honest(int fd)
{
	struct name name;

	return name_of_descriptor(&name, fd) == 0 && name.id[0] == HONEST_NAME;
}

static void honest_peer(struct hall *h, unsigned turn)
{
	static const char words[] = "\0\0\0\6honest";
	uint8_t bytes[256], got[16] = { 0 };
	struct handshake_offer offer = { .id = { HONEST_NAME, (uint8_t)turn }, .path_id = 1, .carrier = CARRIER_TCP,
					 .kind = h->kind, .receive_limit = WINDOW_BYTES, .range_credit = RANGE_CREDIT,
					 .resume_timeout_ms = 1000, .orphan_timeout_ms = 1000 };
	unsigned head = h->kind == SESSION_MESSAGES ? 0 : 4;
	struct frame_data data = { .length = sizeof words - 1 - head };
	struct stranger s;
	size_t length;
	int fd = -1;

	HOLDS(stranger_open(&s, 9, h->port));
	stranger_say(&s, bytes, encode(bytes, sizeof bytes, &offer));
	/* A pause at the door ends; who waited before it is served before it. */
	for (unsigned tries = 0; tries < PATIENCE_MS && !s.accepted; tries++) {
		usleep(tries < 10 ? 0 : 1000);
		by_hand_pass(tries > 0 && tries < 10 ? 100 * NS_PER_MS : 0);
		stranger_hear(&s);
	}
	HOLDS(stranger_due(&s) == DUE_DECISION && s.accepted && !s.over);
	stranger_confirm(&s, offer.secret);
	length = frame_data_encode(bytes, sizeof bytes, &data);
	memcpy(bytes + length, words + head, data.length);
	stranger_say(&s, bytes, length + data.length);
	for (unsigned tries = 0; tries < PATIENCE_MS && (fd < 0 || !is_honest(fd)); tries++) {
		usleep(tries < 50 ? 0 : 1000);
		by_hand_pass(tries > 0 && tries < 50 ? 10 * NS_PER_MS : 0);
		fd = accepts(h);
	}
	HOLDS(fd >= 0 && is_honest(fd));
	for (unsigned tries = 0; tries < PATIENCE_MS && read(fd, got, sizeof got) != 6; tries++) {
		usleep(1000);
		by_hand_rest();
	}
	HOLDS(memcmp(got, words + 4, 6) == 0 && send(fd, "answer", 6, MSG_NOSIGNAL) == 6);
	for (unsigned tries = 0; tries < PATIENCE_MS && s.data_length < 6; tries++) {
		usleep(tries > 0 ? 1000 : 0);
		by_hand_rest();
		stranger_hear(&s);
	}
	HOLDS(s.data_length >= 6 && memcmp(s.data + s.data_length - 6, "answer", 6) == 0);
	stranger_free(&s);
	by_hand_rest();
}

/* --- beginning and end --- */

static void act(struct hall *h)
{
	unsigned what = draw_below(h->d, 16);
	struct stranger *s = NULL;

	if (what < 10 && what > 1 && h->count > 0)
		s = &h->stranger[h->count - 1 - draw_u8(h->d) % h->count];
	if (what < 2)
		crowd_comes(h);
	else if (what < 5 && s)
		offers(h, s);
	else if (what == 5 && s)
		says_anything(h, s);
	else if (what == 6 && s)
		confirms(h, s);
	else if (what < 9 && s)
		speaks(h, s);
	else if (what == 9 && s)
		stranger_leave(s, draw_u8(h->d) & 1);
	else if (what < 13)
		program_acts(h);
	else if (what == 13)
		table_changes(h);
	else if (what == 14)
		by_hand_pass((time_ns)PICK(h->d, 0, 100, 1000, 9900, 400000) % 500000 * NS_PER_MS);
	/* Seldom does more happen before the engine looks. */
	if (draw_u8(h->d) % 8 != 1)
		check(h);
}

static void everybody_goes(struct hall *h)
{
	struct endpoint *ep;

	by_hand_table.most = UINT32_MAX;
	for (unsigned i = 0; i < h->count; i++)
		stranger_free(&h->stranger[i]);
	while (h->faces > 0)
		close(h->face[--h->faces]);
	closes(h);
	by_hand_rest();
	for (ep = endpoint_next(h->engine, NULL); ep; ep = endpoint_next(h->engine, ep))
		endpoint_abort(ep, REASON_ABORTED);
	for (unsigned seconds = 0; seconds < 30; seconds++)
		by_hand_pass(NS_PER_S);
	HOLDS(h->engine->listeners->guest_count == 0 && h->engine->listeners->session_count == 0);
	HOLDS(!h->engine->listeners->entrances);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hall hall;
	struct hall *h = &hall;
	struct draw d = { data, size };
	unsigned flags;

	memset(h, 0, sizeof *h);
	h->d = &d;
	h->engine = by_hand_begin();
	flags = draw_u8(&d);
	h->kind = flags & 1;
	/* To close one takes the kernel longer than all the rest. */
	by_hand_table.inotify = flags >= 240;
	HOLDS(listens(h));
	for (unsigned actions = 0; d.left > 0 && actions < ACTIONS_MAX; actions++)
		act(h);
	check(h);
	if (h->listening >= 0 && has_room(h))
		honest_peer(h, 0);
	by_hand_table.most = UINT32_MAX;
	by_hand_pass(NS_PER_S);
	if (h->listening < 0)
		HOLDS(listens(h));
	honest_peer(h, 1);
	everybody_goes(h);
	by_hand_end();
	return 0;
}
