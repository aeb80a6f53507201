/* SPDX-License-Identifier: Apache-2.0 */
/* The fault lab's session: its two ends, and what the script asks of them. See usage(). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test/lab/traffic_board.h"
#include "test/net/common.h"

/* Growth that is no mere rest of what was on the way. */
#define BULK_GROWTH_BYTES (2 * TRAFFIC_BULK_BYTES)
#define THIN_GROWTH_BYTES (2 * TRAFFIC_THIN_BYTES)

static int usage(void)
{
	fputs("usage: traffic BOARD listen [bulk] [handle] [OPTION=VALUE...]\n"
	      "       traffic BOARD dial HOSTS [bulk] [handle] [OPTION=VALUE...]\n"
	      "       traffic BOARD set mark|freeze|idle|busy|slow|quick|stop|show|MODE\n"
	      "       traffic BOARD await SECONDS listening|open|flowing|drained|ended|reset\n"
	      "       traffic BOARD await SECONDS active NETWORK | carrying NETWORK | gone a|b\n"
	      "       traffic BOARD report\n"
	      "await prints the milliseconds it took and fails, saying why, when they are over. \"reset\"\n"
	      "is about the end whose process still runs, and counts from the mark.\n", stderr);
	return 2;
}

static struct traffic_board *board_map(const char *path)
{
	struct traffic_board *board;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof *board) < 0)
		return NULL;
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return board == MAP_FAILED ? NULL : board;
}

static int set_mode(struct traffic_board *board, const char *name)
{
	for (unsigned mode = 0; mode < MODES; mode++) {
		if (strcmp(mode_names[mode], name) == 0) {
			board->mode = mode;
			board->modes++;
			return 0;
		}
	}
	return usage();
}

static int set(struct traffic_board *board, const char *what)
{
	if (strcmp(what, "mark") == 0)
		board->mark_ns = now_ns();
	else if (strcmp(what, "freeze") == 0)
		board->freeze_ns = now_ns();
	else if (strcmp(what, "idle") == 0)
		board->idle = true;
	else if (strcmp(what, "busy") == 0)
		board->idle = false;
	else if (strcmp(what, "slow") == 0)
		board->slow = true;
	else if (strcmp(what, "quick") == 0)
		board->slow = false;
	else if (strcmp(what, "show") == 0)
		board->show = true;
	else if (strcmp(what, "stop") == 0)
		board->stop = true;
	else
		return set_mode(board, what);
	return 0;
}

/* Not there any more, or a zombie. */
static bool is_gone(const struct traffic_end *end)
{
	char path[64], text[256] = "";
	const char *after_name;
	FILE *file;

	if (end->process == 0)
		return false;
	snprintf(path, sizeof path, "/proc/%d/stat", end->process);
	file = fopen(path, "r");
	if (!file)
		return true;
	if (!fgets(text, sizeof text, file))
		text[0] = 0;
	fclose(file);
	after_name = strrchr(text, ')');
	return !after_name || after_name[2] == 'Z' || after_name[2] == 'X';
}

/* --- Awaiting --- */

struct waiting {
	struct traffic_board *board;
	const char *what, *which;
	uint64_t begun_ns;
	uint64_t received[2], sent; /* at the beginning */
};

static bool is_flowing(const struct waiting *waiting, unsigned end)
{
	bool bulk = waiting->board->ends[!end].writes_bulk;

	return waiting->board->ends[end].received - waiting->received[end] >=
	       (bulk ? BULK_GROWTH_BYTES : THIN_GROWTH_BYTES);
}

static bool all_ended(const struct traffic_board *board)
{
	return board->ends[0].state == TRAFFIC_ENDED && board->ends[1].state == TRAFFIC_ENDED;
}

/* An end whose program was not killed has been told of the reset. */
static bool survivors_reset(const struct traffic_board *board)
{
	unsigned count = 0;

	for (unsigned end = 0; end < 2; end++) {
		if (board->ends[end].state == TRAFFIC_ENDED && board->ends[end].error != 0)
			count++;
		else if (!is_gone(&board->ends[end]))
			return false;
	}
	return count > 0;
}

static int is_there(const struct waiting *waiting)
{
	const struct traffic_board *board = waiting->board;
	const struct traffic_end *dialler = &board->ends[0];
	unsigned network = waiting->which ? (unsigned)atoi(waiting->which) % TRAFFIC_NETWORKS : 0;

	if (strcmp(waiting->what, "listening") == 0)
		return board->ends[1].state != TRAFFIC_ABSENT;
	if (strcmp(waiting->what, "open") == 0)
		return dialler->state == TRAFFIC_OPEN && board->ends[1].state == TRAFFIC_OPEN;
	if (strcmp(waiting->what, "flowing") == 0)
		return is_flowing(waiting, 0) && is_flowing(waiting, 1);
	if (strcmp(waiting->what, "active") == 0)
		return dialler->networks_active[network];
	if (strcmp(waiting->what, "carrying") == 0)
		return dialler->networks_active[network] && dialler->networks_sent[network] > waiting->sent;
	if (strcmp(waiting->what, "drained") == 0)
		return board->ends[0].received == board->ends[1].written &&
		       board->ends[1].received == board->ends[0].written;
	if (strcmp(waiting->what, "ended") == 0)
		return all_ended(board);
	if (strcmp(waiting->what, "reset") == 0)
		return survivors_reset(board);
	if (strcmp(waiting->what, "gone") == 0)
		return waiting->which && is_gone(&board->ends[waiting->which[0] == 'b']);
	return -EINVAL;
}

/* Something that makes waiting vain; the ends' own words where they have some. */
static const char *misfortune(const struct waiting *waiting)
{
	const struct traffic_board *board = waiting->board;
	bool may_go = strcmp(waiting->what, "reset") == 0 || strcmp(waiting->what, "gone") == 0;

	for (unsigned end = 0; end < 2; end++) {
		const struct traffic_end *self = &board->ends[end];
		bool gone = is_gone(self); /* before its state is read: the last thing that it says holds */

		if (self->state == TRAFFIC_FAILED)
			return self->why;
		if (self->state == TRAFFIC_ENDED && self->error && !may_go)
			return self->why[0] ? self->why : "reset";
		if (self->state != TRAFFIC_ENDED && gone && !may_go)
			return end ? "the listening end's process is gone" :
				     "the dialling end's process is gone";
	}
	return NULL;
}

static int await(struct traffic_board *board, unsigned seconds, const char *what, const char *which)
{
	struct waiting waiting = { .board = board, .what = what, .which = which, .begun_ns = now_ns() };
	uint64_t limit_ns = waiting.begun_ns + seconds * NS_PER_S, since_ns = waiting.begun_ns;
	int there;

	for (unsigned end = 0; end < 2; end++)
		waiting.received[end] = board->ends[end].received;
	if (strcmp(what, "carrying") == 0 && which)
		waiting.sent = board->ends[0].networks_sent[(unsigned)atoi(which) % TRAFFIC_NETWORKS];
	while ((there = is_there(&waiting)) == 0) {
		const char *why = misfortune(&waiting);

		if (why) {
			printf("awaiting %s: %s\n", what, why);
			return 1;
		}
		if (now_ns() > limit_ns) {
			printf("not %s%s%s within %u s\n", what, which ? " " : "", which ? which : "",
			       seconds);
			return 1;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 5 * (long)NS_PER_MS }, NULL);
	}
	if (there < 0)
		return usage();
	if (strcmp(what, "reset") == 0)
		since_ns = board->mark_ns;
	printf("%llu\n", (unsigned long long)((now_ns() - since_ns) / NS_PER_MS));
	return 0;
}

/* --- Reporting --- */

/* A wait that nothing ended counts too, unless the stream is over. */
static void direction_report(const struct traffic_board *board, const char *name, unsigned from)
{
	struct histogram gaps = board->ends[!from].gaps;
	uint64_t last_ns = board->ends[!from].received_ns;
	uint64_t until_ns = board->freeze_ns ? board->freeze_ns : now_ns();

	if (last_ns < board->mark_ns) {
		histogram_init(&gaps);
		last_ns = board->mark_ns;
	}
	if (board->mark_ns && board->ends[!from].state == TRAFFIC_OPEN && last_ns < until_ns)
		histogram_add(&gaps, until_ns - last_ns);
	printf("\"%s\":{\"written_bytes\":%llu,\"received_bytes\":%llu,\"longest_gap_ms\":%.1f,"
	       "\"p99_gap_ms\":%.1f,\"duplicate_bytes\":%llu}", name,
	       (unsigned long long)board->ends[from].written,
	       (unsigned long long)board->ends[!from].received, (double)gaps.most_ns / 1e6,
	       (double)histogram_quantile_ns(&gaps, 0.99) / 1e6,
	       (unsigned long long)board->ends[from].duplicate_bytes_sent);
}

/* What is wrong with what arrived, or NULL. */
static const char *wrong_content(const struct traffic_board *board)
{
	static char text[160];

	for (unsigned from = 0; from < 2; from++) {
		const struct traffic_end *writer = &board->ends[from], *reader = &board->ends[!from];

		if (reader->state == TRAFFIC_FAILED)
			return reader->why;
		if (all_ended(board) && !writer->error && !reader->error &&
		    writer->written != reader->received) {
			snprintf(text, sizeof text, "%llu of %llu bytes arrived",
				 (unsigned long long)reader->received,
				 (unsigned long long)writer->written);
			return text;
		}
		/* What was read but not yet noted when the reader was killed is one part at most. */
		if (writer->peer_consumed > reader->received + TRAFFIC_BULK_BYTES) {
			snprintf(text, sizeof text, "the peer is said to have consumed %llu of %llu bytes",
				 (unsigned long long)writer->peer_consumed,
				 (unsigned long long)reader->received);
			return text;
		}
	}
	return NULL;
}

/* One line: the figures; a second one when the content is wrong. */
static int report(const struct traffic_board *board)
{
	const char *wrong = wrong_content(board);

	direction_report(board, "a_to_b", 0);
	printf(",");
	direction_report(board, "b_to_a", 1);
	printf(",\"ends\":[\"%s\",\"%s\"]\n", strerrorname_np(board->ends[0].error),
	       strerrorname_np(board->ends[1].error));
	if (wrong)
		printf("%s\n", wrong);
	return wrong != NULL;
}

int main(int argc, char **argv)
{
	struct traffic_board *board = argc > 2 ? board_map(argv[1]) : NULL;

	if (argc <= 2)
		return usage();
	if (!board)
		fail("%s: %s", argv[1], strerror(errno));
	if (strcmp(argv[2], "listen") == 0)
		return traffic_listen(board, argv + 3);
	if (strcmp(argv[2], "dial") == 0 && argc > 3)
		return traffic_dial(board, argv[3], argv + 4);
	if (strcmp(argv[2], "set") == 0 && argc == 4)
		return set(board, argv[3]);
	if (strcmp(argv[2], "await") == 0 && (argc == 5 || argc == 6))
		return await(board, (unsigned)atoi(argv[3]), argv[4], argv[5]);
	if (strcmp(argv[2], "report") == 0)
		return report(board);
	return usage();
}
