/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a fault lab's session: writes a stream as fast as it goes (bulk) or a little every 10 ms
 * (thin), checks every byte that it reads, and notes on the board how far it is.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmd/pattern.h"
#include "test/lab/traffic_board.h"
#include "test/net/common.h"

#define SAMPLE_NS    (20 * NS_PER_MS)
#define SLOW_READ_NS (50 * NS_PER_MS)

/* A session by one of the two faces. */
struct end {
	struct traffic_board *board;
	struct traffic_end *self, *peer;
	unsigned number;    /* of self; also the direction it writes */
	bool bulk, by_handle;
	hawser_options *options;
	hawser_t *h;        /* by_handle */
	int fd;
	_Atomic unsigned threads; /* still at work */
	bool shown;         /* as the script asked */
	uint32_t modes;     /* of the board, as obeyed */
	_Atomic int error;  /* errno of the first call that failed */
};

static void pause_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) },
		  NULL);
}

static _Noreturn void give_up(struct end *end, const char *what, uint64_t at)
{
	char reason[256] = "";
	int error = errno;

	hawser_reason(end->fd, reason, sizeof reason);
	snprintf(end->self->why, sizeof end->self->why, "%s at offset %llu: %s (%s)", what,
		 (unsigned long long)at, strerror(error), reason);
	end->self->ended_ns = now_ns();
	end->self->state = TRAFFIC_FAILED;
	fprintf(stderr, "end %u: %s\n", end->number, end->self->why);
	_exit(1);
}

/* --- The session's calls by either face --- */

static ssize_t end_write(struct end *end, const void *data, size_t length)
{
	return end->by_handle ? hawser_send(end->h, data, length, 0) :
				send(end->fd, data, length, MSG_NOSIGNAL);
}

static ssize_t end_read(struct end *end, void *data, size_t size)
{
	return end->by_handle ? hawser_recv(end->h, data, size, NULL) : read(end->fd, data, size);
}

static int end_shutdown(struct end *end)
{
	return end->by_handle ? hawser_shutdown(end->h) : shutdown(end->fd, SHUT_WR);
}

/* A reset is an end that the script may expect; anything else is none. */
static void note_error(struct end *end, const char *what, uint64_t at)
{
	int error = errno, none = 0;

	if (error != ECONNRESET && error != EPIPE)
		give_up(end, what, at);
	fprintf(stderr, "end %u: %s at %llu: %s\n", end->number, what, (unsigned long long)at,
		strerror(error));
	atomic_compare_exchange_strong(&end->error, &none, error);
}

/* --- Writing and reading, a thread each --- */

static void *writer(void *argument)
{
	static uint8_t part[TRAFFIC_BULK_BYTES];
	struct end *end = argument;
	size_t size = end->bulk ? TRAFFIC_BULK_BYTES : TRAFFIC_THIN_BYTES, done;
	uint64_t at = 0, seed = payload_seed(end->number, 0);

	while (!end->board->stop) {
		if (end->board->idle || !end->bulk)
			pause_ns(TRAFFIC_THIN_NS);
		if (end->board->idle)
			continue;
		pattern_fill(seed, at, part, size);
		for (done = 0; done < size;) {
			ssize_t sent = end_write(end, part + done, size - done);

			if (sent < 0) {
				note_error(end, "writing", at);
				goto out;
			}
			done += (size_t)sent;
			at += (uint64_t)sent;
			end->self->written = at;
		}
	}
	if (end_shutdown(end) < 0)
		note_error(end, "ending", at);
out:
	end->threads--;
	return NULL;
}

static void note_delivery(struct end *end, uint64_t length)
{
	struct traffic_end *self = end->self;
	uint64_t now = now_ns(), mark_ns = end->board->mark_ns, freeze_ns = end->board->freeze_ns;
	uint64_t since_ns = self->received_ns;

	if (mark_ns != self->gaps_mark_ns) {
		histogram_init(&self->gaps);
		self->gaps_mark_ns = mark_ns;
	}
	if (since_ns < mark_ns)
		since_ns = mark_ns;
	if (mark_ns && now > since_ns && (!freeze_ns || since_ns < freeze_ns))
		histogram_add(&self->gaps, now - since_ns);
	self->received_ns = now;
	self->received += length;
}

static void *reader(void *argument)
{
	static uint8_t part[TRAFFIC_BULK_BYTES];
	struct end *end = argument;
	uint64_t at = 0, seed = payload_seed(!end->number, 0);

	for (;;) {
		ssize_t got = end_read(end, part, sizeof part);

		if (got < 0) {
			note_error(end, "reading", at);
			break;
		}
		if (got == 0) {
			/* The writer says how much it wrote before it ends. */
			if (!end->board->stop || at != end->peer->written)
				give_up(end, "a clean end that nobody made", at);
			break;
		}
		if (pattern_check(seed, at, part, (size_t)got) != (size_t)got)
			give_up(end, "wrong bytes", at);
		at += (uint64_t)got;
		if (end->board->slow)
			pause_ns(SLOW_READ_NS);
		note_delivery(end, (uint64_t)got);
	}
	end->threads--;
	return NULL;
}

/* --- What is known of the session --- */

static void sample(struct end *end, struct tally *tally)
{
	struct hawser_path_info paths[32];
	struct hawser_info info;
	int count = hawser_paths(end->fd, paths, 32, sizeof paths[0]);
	bool active[TRAFFIC_NETWORKS] = { false };

	if (count < 0 || hawser_info(end->fd, &info, sizeof info) < 0)
		return;
	tally_update(tally, end->fd);
	for (int i = 0; i < count; i++)
		if (paths[i].state == HAWSER_PATH_ACTIVE && network_of(&paths[i]) < TRAFFIC_NETWORKS)
			active[network_of(&paths[i])] = true;
	for (unsigned network = 0; network < TRAFFIC_NETWORKS; network++) {
		end->self->networks_active[network] = active[network];
		end->self->networks_sent[network] = tally_sent(tally, network);
	}
	end->self->duplicate_bytes_sent = info.duplicate_bytes_sent;
	end->self->duplicate_bytes_received = info.duplicate_bytes_received;
	end->self->peer_consumed = info.peer_consumed;
}

/* After both directions ended: until both ends know. */
static void await_closed(struct end *end)
{
	struct hawser_info info;

	for (;;) {
		if (hawser_info(end->fd, &info, sizeof info) < 0)
			give_up(end, "asking for the state", 0);
		if (info.state == HAWSER_CLOSED)
			return;
		if (info.state == HAWSER_RESET) {
			errno = info.error;
			note_error(end, "a session whose bytes all arrived", end->self->received);
			return;
		}
		pause_ns(NS_PER_MS);
	}
}

/* What the script asks of both ends while the session runs. */
static void obey(struct end *end)
{
	if (end->board->show && !end->shown)
		show_paths(end->fd);
	end->shown = end->board->show;
	if (end->modes == end->board->modes)
		return;
	end->modes = end->board->modes;
	if (hawser_set_mode(end->fd, HAWSER_SENDING, (enum hawser_mode)end->board->mode) < 0)
		fprintf(stderr, "end %u: mode: %s\n", end->number, strerror(errno));
}

static int end_run(struct end *end)
{
	static struct tally tally;
	pthread_t threads[2];

	if (end->by_handle)
		end->fd = hawser_fd(end->h);
	end->self->state = TRAFFIC_OPEN;
	end->threads = 2;
	threads[0] = start_thread(writer, end);
	threads[1] = start_thread(reader, end);
	while (end->threads > 0) {
		sample(end, &tally);
		obey(end);
		pause_ns(SAMPLE_NS);
	}
	join_thread(threads[0]);
	join_thread(threads[1]);
	sample(end, &tally);
	if (!end->error)
		await_closed(end);
	if (end->error)
		hawser_reason(end->fd, end->self->why, sizeof end->self->why);
	end->self->error = end->error;
	end->self->ended_ns = now_ns();
	end->self->state = TRAFFIC_ENDED;
	return 0;
}

/* --- Opening --- */

static void end_init(struct end *end, struct traffic_board *board, unsigned number, char **arguments)
{
	*end = (struct end){ .board = board, .self = &board->ends[number], .peer = &board->ends[!number],
			     .number = number, .fd = -1, .options = options_of("insecure", "yes", NULL) };
	signal(SIGALRM, SIG_IGN); /* a long outage is no hang */
	for (; *arguments; arguments++) {
		char name[64];
		const char *value = strchr(*arguments, '=');

		if (strcmp(*arguments, "bulk") == 0)
			end->bulk = true;
		else if (strcmp(*arguments, "handle") == 0)
			end->by_handle = true;
		else if (value) {
			snprintf(name, sizeof name, "%.*s", (int)(value - *arguments), *arguments);
			if (hawser_options_set(end->options, name, value + 1) < 0)
				give_up(end, *arguments, 0);
		}
	}
	end->self->writes_bulk = end->bulk;
	end->self->process = getpid();
}

int traffic_dial(struct traffic_board *board, const char *hosts, char **arguments)
{
	static struct end end;
	char address[256];

	end_init(&end, board, 0, arguments);
	snprintf(address, sizeof address, "%s:%u", hosts, board->port);
	if (end.by_handle)
		end.h = hawser_open(address, end.options);
	else
		end.fd = hawser_dial(address, end.options);
	if (!end.h && end.fd < 0)
		give_up(&end, "dialling", 0);
	return end_run(&end);
}

int traffic_listen(struct traffic_board *board, char **arguments)
{
	static struct end end;
	int listening_fd;

	end_init(&end, board, 1, arguments);
	listening_fd = hawser_listen("0", end.options);
	if (listening_fd < 0)
		give_up(&end, "listening", 0);
	board->port = (uint32_t)hawser_port(listening_fd);
	end.self->state = TRAFFIC_READY;
	if (end.by_handle)
		end.h = hawser_accept(listening_fd);
	else
		end.fd = accept(listening_fd, NULL, NULL);
	if (!end.h && end.fd < 0)
		give_up(&end, "accepting", 0);
	return end_run(&end);
}
