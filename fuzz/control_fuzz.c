/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: guests of every kind put their requests to a process with one session. A query
 * must be answered by one whole answer or, where it waits, later; "status" by a document that is JSON,
 * whatever the session's texts hold; everything else by the end, and nobody stays for ever. And what an answer by another process may hold.
 */
#include <errno.h>
#include <jansson.h>

/* Its guests are its own affair; only here is one made without a socket that listens. */
#include "driver/control.c"
#include "driver/endpoint.h"
#include "driver/listen.h"
#include "fuzz/fuzz.h"

#define GUESTS         6u
#define DOCUMENT_BYTES (4 * CONTROL_PACKET_BYTES)       /* one session's is smaller */

static struct engine engine;
static struct endpoint *endpoint;

/* What the rest of the driver would be told. */
void listener_session_over(struct endpoint *ep)
{
	HOLDS(ep == endpoint);
}

bool listen_view(struct engine *e, unsigned index, struct listen_view *view)
{
	*view = (struct listen_view){ .address = "127.0.0.1:1", .count = 1, .interface = { "lo" }, .error = -EPERM };
	return e == &engine && index < 2;
}

void dialler_link_lost(struct endpoint *ep, uint16_t id, enum reason reason, int error, bool ended,
		       bool closed_by_peer)
{
	(void)ep, (void)id, (void)reason, (void)error, (void)ended, (void)closed_by_peer;
}

void dialler_consider(struct endpoint *ep, time_ns now)
{
	(void)ep, (void)now;
}

unsigned dialler_paths(struct endpoint *ep, struct hawser_path_info *paths, unsigned max)
{
	(void)ep, (void)paths, (void)max;
	return 0;
}

void dialler_free(struct endpoint *ep)
{
	ep->dialler = NULL;
}

static void run_tasks(void)
{
	for (unsigned i = 0; engine.tasks; i++) {
		struct task *t = engine.tasks;

		HOLDS(i < 1000);
		engine_unpost(&engine, t);
		t->run(t);
	}
}

static void begin(struct draw *d, struct control *control)
{
	struct endpoint_config config = { .session = {
		.kind = draw_u8(d) & 1, .mode = draw_u8(d) & 3, .send_limit_bytes = BLOCK_BYTES,
		.receive_limit_bytes = BLOCK_BYTES, .resume_timeout_ns = TIME_NEVER,
		.orphan_timeout_ns = NS_PER_S, .probe_interval_ns = NS_PER_S,
		.suspect_floor_ns = NS_PER_MS } };
	char peer[PEER_TEXT_BYTES] = { 0 };

	memset(&engine, 0, sizeof engine);
	engine.pid = getpid();
	engine.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	engine.now = NS_PER_S;
	engine.tasks_end = &engine.tasks;
	memory_init(&engine.memory);
	timers_init(&engine.timers);
	HOLDS(engine.epoll_fd >= 0 && endpoint_new(&engine, &config, &endpoint) == 0);
	draw_fill(d, peer, draw_below(d, sizeof peer));
	endpoint_set_peer(endpoint, peer);
	endpoint->stage = draw_u8(d) & 1 ? ENDPOINT_LIVE : ENDPOINT_DIALLING;
	*control = (struct control){ .engine = &engine, .fd = -1 };
	engine.control = control;
}

/* What the guest sends: a query that is nearly right, the word, or any bytes. */
static void ask_something(struct draw *d, int fd)
{
	struct query query = { .magic = QUERY_MAGIC };
	uint8_t bytes[sizeof query + 32];
	size_t length;

	switch (draw_below(d, 4)) {
	case 0:
		length = draw_below(d, sizeof bytes);
		draw_fill(d, bytes, length);
		HOLDS(send(fd, bytes, length, 0) == (ssize_t)length);
		break;
	case 1:
		HOLDS(send(fd, "status", 6, 0) == 6);
		break;
	default:
		query.kind = draw_below(d, 10);
		query.id[0] = draw_below(d, 8) == 0;
		query.dialler = draw_below(d, 8) == 0;
		query.direction = draw_below(d, 8) == 0 ? draw_u32(d) : draw_below(d, 4);
		query.mode = draw_below(d, 8) == 0 ? draw_u32(d) : draw_below(d, 4);
		query.timeout_ns = draw_u8(d) & 1 ? (int64_t)draw_u64(d) : (int64_t)draw_u32(d);
		HOLDS(send(fd, &query, sizeof query, 0) == (ssize_t)sizeof query);
		break;
	}
}

static void check_document(int fd, const char *first, size_t length)
{
	static char text[DOCUMENT_BYTES];
	json_t *document;
	ssize_t got;

	memcpy(text, first, length);
	while ((got = recv(fd, text + length, sizeof text - length, MSG_DONTWAIT)) > 0)
		length += (size_t)got;
	document = json_loadb(text, length, 0, NULL);
	HOLDS(document != NULL && json_is_array(json_object_get(document, "sessions")));
	json_decref(document);
}

static void hear_answer(int fd)
{
	static char bytes[CONTROL_PACKET_BYTES];
	const struct answer *a = (const struct answer *)(const void *)bytes;
	ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (got <= 0)
		return;
	if (got == (ssize_t)sizeof *a && a->magic == QUERY_MAGIC) {
		HOLDS(a->result <= 0 && a->error >= 0 && a->count <= INFO_PATHS_MAX);
		HOLDS(strnlen(a->text, sizeof a->text) < sizeof a->text);
	} else {
		HOLDS(bytes[0] == '{');
		check_document(fd, bytes, (size_t)got);
	}
}

/* One guest comes, asks, and perhaps hangs up; the descriptor of its end. */
static int visit(struct draw *d, struct control *control)
{
	unsigned before = control->guests_count, actions = 1 + draw_below(d, 3);
	int pair[2];

	HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	guest_new(control, pair[1]);
	HOLDS(control->guests_count == before + 1);
	while (actions-- > 0 && control->guests_count > before) {
		struct watch *w = &control->guests->watch;
		uint32_t events = EPOLLOUT;

		if (draw_below(d, 3) > 0) {
			ask_something(d, pair[0]);
			events |= EPOLLIN;
		}
		if (draw_below(d, 6) == 0)
			events |= EPOLLHUP;
		w->ready(w, events);
		run_tasks();
		hear_answer(pair[0]);
	}
	return pair[0];
}

/* The other side of it: what the library makes of an answer by another process. */
static void take_answer(struct draw *d)
{
	struct answer *a = malloc(sizeof *a);
	enum query_kind kind = draw_below(d, 9);
	size_t length = draw_below(d, 4) == 0 ? draw_u16(d) : sizeof *a;

	HOLDS(a != NULL);
	memset(a, draw_u8(d), sizeof *a);
	if (draw_below(d, 4) != 0) {
		a->magic = QUERY_MAGIC;
		a->result = -(int32_t)draw_u8(d);
		a->count = draw_below(d, INFO_PATHS_MAX + 2);
	}
	draw_fill(d, (uint8_t *)a + offsetof(struct answer, text), draw_u8(d));
	if (check_answer(a, length, kind) == 0) {
		HOLDS(a->result <= 0 && a->count <= INFO_PATHS_MAX);
		HOLDS(strnlen(a->text, sizeof a->text) < sizeof a->text);
		for (unsigned i = 0; kind == QUERY_PATHS && i < a->count; i++) {
			HOLDS(strnlen(a->paths[i].remote, sizeof a->paths[i].remote) <
			      sizeof a->paths[i].remote);
			HOLDS(strnlen(a->paths[i].congestion, sizeof a->paths[i].congestion) <
			      sizeof a->paths[i].congestion);
		}
	}
	free(a);
}

static void finish(struct control *control)
{
	/* The longest that anybody may stay, but those that wait for what never comes: they hang up. */
	engine.now += 11 * NS_PER_S;
	timers_run(&engine.timers, engine.now);
	while (control->guests)
		guest_leave(control->guests);
	HOLDS(control->guests_count == 0);
	endpoint_abort(endpoint, REASON_ABORTED);
	run_tasks();
	for (unsigned i = 0; endpoint->stage != ENDPOINT_OVER; i++) {
		HOLDS(i < 10);
		engine.now += 10 * NS_PER_S;
		timers_run(&engine.timers, engine.now);
		run_tasks();
	}
	engine_unpost(&engine, &endpoint->pump);
	pthread_cond_destroy(&endpoint->changed);
	pthread_mutex_destroy(&endpoint->lock);
	free(endpoint->words);
	free(endpoint->last);
	free(endpoint->face.packets);
	free(endpoint);
	free(engine.endpoints);
	free(engine.slots);
	timers_fini(&engine.timers);
	memory_fini(&engine.memory);
	close(engine.epoll_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct draw d = { data, size };
	struct control control;
	int guests[GUESTS];
	unsigned count = 0;

	take_answer(&d);
	begin(&d, &control);
	while (d.left > 0 && count < GUESTS)
		guests[count++] = visit(&d, &control);
	finish(&control);
	while (count > 0)
		close(guests[--count]);
	return 0;
}
