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

/* At the end the rates are means over the whole, else of the time since they were last shown. */
static double rate(const struct bars *bars, double old, uint64_t before, uint64_t now, bool ended)
{
	double seconds = (double)(clock_ns() - bars->shown_ns) / 1e9;
	if (ended) {
		double whole = (double)(bars->moved_ns - bars->first_ns) / 1e9;
		return whole > 0 ? (double)now / whole : 0;
	}
	return smooth(bars, old,
		      now > before && bars->shown_ns > 0 ? (double)(now - before) / seconds : 0);
}

static void show_path(struct bars *bars, const struct hawser_path_info *path, bool ended)
{
	struct bars_path *seen = find(bars, path->id);
	uint64_t bytes = path->bytes_sent + path->bytes_received + path->duplicate_bytes_received;
	seen->per_s = rate(bars, seen->per_s, seen->bytes, bytes, ended);
	seen->bytes = bytes;
	if (seen->per_s > bars->best_per_s)
		bars->best_per_s = seen->per_s;
	char bar[BAR_CELLS + 1], age[40] = "";
	double part = bars->best_per_s > 0 ? seen->per_s / bars->best_per_s : 0;
	unsigned full = (unsigned)(part * BAR_CELLS + 0.5);
	memset(bar, '-', BAR_CELLS);
	memset(bar, '=', full < BAR_CELLS ? full : BAR_CELLS);
	bar[BAR_CELLS] = '\0';
	if (path->rtt_age_ns > 1000000000)
		snprintf(age, sizeof age, " (%.1f s ago)", (double)path->rtt_age_ns / 1e9);
	bool named = path->interface[0] != '\0' && path->interface[0] != '-';
	line(bars, "  %-10s %-7s [%s] %6.1f MB/s  rtt %.1f ms%s  %s",
	     named ? path->interface : path->remote, path_state_text(path->state), bar,
	     seen->per_s / 1e6, (double)path->rtt_ns / 1e6, age,
	     path->reason != 0 ? hawser_reason_text(path->reason) : "");
}

static void show(struct bars *bars, const char *headline, uint64_t done, uint64_t total, bool ended)
{
	if (bars->first_ns == 0)
		bars->first_ns = bars->moved_ns = clock_ns();
	if (done > bars->done)
		bars->moved_ns = clock_ns();
	if (bars->terminal && bars->lines > 0)
		fprintf(stderr, "\033[%uA", bars->lines);
	unsigned before = bars->lines;
	bars->lines = 0;
	bars->per_s = rate(bars, bars->per_s, bars->done, done, ended);
	char have[32], all[32];
	bytes_text(have, sizeof have, (double)done);
	if (total > 0)
		line(bars, "%-12s %3.0f %%  %s of %s  %.1f MB/s", headline,
		     100.0 * (double)done / (double)total, have,
		     bytes_text(all, sizeof all, (double)total), bars->per_s / 1e6);
	else
		line(bars, "%-12s %s  %.1f MB/s", headline, have, bars->per_s / 1e6);
	/* A session that has ended has no paths any more: they stay as they were last seen. */
	struct hawser_path_info paths[CHANNEL_PATHS_MAX];
	unsigned count = channel_paths(bars->channel, paths, CHANNEL_PATHS_MAX);
	if (count > 0) {
		memcpy(bars->last, paths, count * sizeof *paths);
		bars->last_count = count;
	}
	for (unsigned i = 0; i < bars->last_count; i++)
		show_path(bars, &bars->last[i], ended);
	while (bars->terminal && bars->lines < before)
		line(bars, "%s", "");
	bars->shown_ns = clock_ns();
	bars->done = done;
}

void bars_show(struct bars *bars, const char *headline, uint64_t done, uint64_t total)
{
	uint64_t interval_ns = bars->terminal ? TERMINAL_INTERVAL_NS : PLAIN_INTERVAL_NS;
	if (bars->shown_ns == 0 || clock_ns() - bars->shown_ns >= interval_ns)
		show(bars, headline, done, total, false);
}

void bars_end(struct bars *bars, const char *headline, uint64_t done, uint64_t total)
{
	show(bars, headline, done, total, true);
	bars->lines = 0;
}
