/* SPDX-License-Identifier: Apache-2.0 */
/* Progress on standard error: a headline and one line for each path. */
#include "cmd/bars.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TERMINAL_INTERVAL_NS UINT64_C(100000000)
#define PLAIN_INTERVAL_NS    UINT64_C(1000000000)
#define BAR_CELLS            24u
#define LINE_BYTES           240u
#define SMOOTH               0.35 /* weight of the newest rate on a terminal */

void bars_init(struct bars *bars, const struct channel *channel)
{
	struct winsize size;
	*bars = (struct bars){ .channel = channel,
			       .terminal = isatty(STDERR_FILENO) == 1,
			       .wide = 80 };
	bars->first_ns = bars->moved_ns = clock_ns();
	if (!bars->terminal)
		bars->shown_ns = bars->first_ns; /* a line of noughts tells nothing */
	if (bars->terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		bars->wide = size.ws_col;
}

static void line(struct bars *bars, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line never wraps on a terminal: else going back over it would go wrong. */
static void line(struct bars *bars, const char *format, ...)
{
	char text[LINE_BYTES];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (bars->terminal) {
		if (strlen(text) >= bars->wide)
			text[bars->wide - 1] = '\0';
		fprintf(stderr, "\r%s\033[K\n", text);
	} else {
		fprintf(stderr, "%s\n", text);
	}
	bars->lines++;
}

static double smooth(const struct bars *bars, double old, double now)
{
	return bars->terminal && old > 0 ? old + SMOOTH * (now - old) : now;
}

static struct bars_path *find(struct bars *bars, uint32_t id)
{
	for (unsigned i = 0; i < CHANNEL_PATHS_MAX; i++) {
		if (bars->paths[i].id == id + 1)
			return &bars->paths[i];
		if (bars->paths[i].id == 0) {
			bars->paths[i].id = id + 1; /* 0 marks a free place */
			return &bars->paths[i];
		}
	}
	return &bars->paths[id % CHANNEL_PATHS_MAX];
}

/* Since they were last shown. */
static double rate(const struct bars *bars, double old, uint64_t before, uint64_t now)
{
	double seconds = (double)(clock_ns() - bars->shown_ns) / 1e9;
	return smooth(bars, old,
		      now > before && bars->shown_ns > 0 ? (double)(now - before) / seconds : 0);
}

/* Over the whole, until the last byte moved. */
static double mean(const struct bars *bars, uint64_t bytes)
{
	double seconds = (double)(bars->moved_ns - bars->first_ns) / 1e9;
	return seconds > 0 ? (double)bytes / seconds : 0;
}

static uint64_t carried(const struct hawser_path_info *path)
{
	return path->bytes_sent + path->bytes_received + path->duplicate_bytes_received;
}

static const char *name_of(const struct hawser_path_info *path)
{
	bool named = path->interface[0] != '\0' && path->interface[0] != '-';
	return named ? path->interface : path->remote;
}

static const char *bar_text(char text[BAR_CELLS + 1], double part)
{
	unsigned full = (unsigned)(part * BAR_CELLS + 0.5);
	memset(text, '-', BAR_CELLS);
	memset(text, '=', full < BAR_CELLS ? full : BAR_CELLS);
	text[BAR_CELLS] = '\0';
	return text;
}

static void show_path(struct bars *bars, const struct hawser_path_info *path)
{
	struct bars_path *seen = find(bars, path->id);
	uint64_t bytes = carried(path);
	seen->per_s = rate(bars, seen->per_s, seen->bytes, bytes);
	seen->bytes = bytes;
	if (seen->per_s > bars->best_per_s)
		bars->best_per_s = seen->per_s;
	char bar[BAR_CELLS + 1], age[40] = "";
	if (path->rtt_age_ns > 1000000000)
		snprintf(age, sizeof age, " (%.1f s ago)", (double)path->rtt_age_ns / 1e9);
	line(bars, "  %-10s %-7s [%s] %6.1f MB/s  rtt %.1f ms%s  %s", name_of(path),
	     path_state_text(path->state),
	     bar_text(bar, bars->best_per_s > 0 ? seen->per_s / bars->best_per_s : 0),
	     seen->per_s / 1e6, (double)path->rtt_ns / 1e6, age,
	     path->reason != 0 ? hawser_reason_text(path->reason) : "");
}

/* The state that a path was last seen in tells nothing any more: how much it carried does. */
static void show_mean(struct bars *bars, const struct hawser_path_info *path, uint64_t most)
{
	char bar[BAR_CELLS + 1], have[32];
	uint64_t bytes = carried(path);
	line(bars, "  %-10s %-7s [%s] %6.1f MB/s  %s", name_of(path), "",
	     bar_text(bar, most > 0 ? (double)bytes / (double)most : 0), mean(bars, bytes) / 1e6,
	     bytes_text(have, sizeof have, (double)bytes));
}

static void look_at_paths(struct bars *bars)
{
	struct hawser_path_info paths[CHANNEL_PATHS_MAX];
	unsigned count = channel_paths(bars->channel, paths, CHANNEL_PATHS_MAX);
	if (count > 0) {
		memcpy(bars->last, paths, count * sizeof *paths);
		bars->last_count = count;
	}
}

/* A session that ends loses its paths one by one: those stay as they were last seen. */
static void look_last_time(struct bars *bars)
{
	struct hawser_path_info paths[CHANNEL_PATHS_MAX];
	unsigned count = channel_paths(bars->channel, paths, CHANNEL_PATHS_MAX);
	for (unsigned i = 0; i < count; i++) {
		unsigned at = 0;
		while (at < bars->last_count && bars->last[at].id != paths[i].id)
			at++;
		if (at == CHANNEL_PATHS_MAX || paths[i].id == PATH_ID_NONE)
			continue;
		bars->last[at] = paths[i];
		if (at == bars->last_count)
			bars->last_count++;
	}
}

static void show_paths(struct bars *bars, bool ended)
{
	uint64_t most = 0;
	for (unsigned i = 0; i < bars->last_count; i++)
		if (carried(&bars->last[i]) > most)
			most = carried(&bars->last[i]);
	for (unsigned i = 0; i < bars->last_count; i++) {
		if (ended)
			show_mean(bars, &bars->last[i], most);
		else
			show_path(bars, &bars->last[i]);
	}
}

static void show(struct bars *bars, const char *headline, uint64_t done, uint64_t total, bool ended)
{
	if (bars->terminal && bars->lines > 0)
		fprintf(stderr, "\033[%uA", bars->lines);
	unsigned before = bars->lines;
	bars->lines = 0;
	bars->per_s = ended ? mean(bars, done) : rate(bars, bars->per_s, bars->done, done);
	char have[32], all[32], part[48] = "";
	bytes_text(have, sizeof have, (double)done);
	if (total > 0)
		snprintf(part, sizeof part, "%3.0f %%  ", 100.0 * (double)done / (double)total);
	line(bars, "%-13s %s%s%s%s  %.1f MB/s%s", headline, part, have, total > 0 ? " of " : "",
	     total > 0 ? bytes_text(all, sizeof all, (double)total) : "", bars->per_s / 1e6,
	     ended ? " on average" : "");
	show_paths(bars, ended);
	while (bars->terminal && bars->lines < before)
		line(bars, "%s", "");
	bars->shown_ns = clock_ns();
	bars->done = done;
}

static void note(struct bars *bars, uint64_t done)
{
	if (done > bars->noted)
		bars->moved_ns = clock_ns();
	bars->noted = done;
}

void bars_show(struct bars *bars, const char *headline, uint64_t done, uint64_t total)
{
	uint64_t interval_ns = bars->terminal ? TERMINAL_INTERVAL_NS : PLAIN_INTERVAL_NS;
	note(bars, done);
	if (total > 0 && done >= total)
		return;
	look_at_paths(bars);
	if (bars->shown_ns == 0 || clock_ns() - bars->shown_ns >= interval_ns)
		show(bars, headline, done, total, false);
}

void bars_end(struct bars *bars, const char *headline, uint64_t done, uint64_t total)
{
	note(bars, done);
	look_last_time(bars);
	show(bars, headline, done, total, true);
	bars->lines = 0;
}
