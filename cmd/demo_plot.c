/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demonstration's picture, by gnuplot from the receiver's timelines: a panel for each run, with
 * what was delivered in order, what each network carried, and the time of the cut shaded.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/demo.h"

extern char **environ;

#define NAME_BYTES   512u
#define PANEL_HEIGHT 190u
#define HEAD_HEIGHT  90u
#define FOOT_HEIGHT  14u

static const char *title(const struct demo_run *run)
{
	return run->kind == CHANNEL_TCP ? "plain TCP" : run->name;
}

/* Of the whole picture, in pixels. */
static unsigned picture_height(const struct demo *demo)
{
	return HEAD_HEIGHT + demo->run_count * PANEL_HEIGHT + FOOT_HEIGHT;
}

static double longest_s(const struct demo *demo)
{
	double longest = 1;
	for (unsigned i = 0; i < demo->run_count; i++)
		if (demo->runs[i].arrived && demo->runs[i].seconds > longest)
			longest = demo->runs[i].seconds;
	return longest;
}

static void write_head(FILE *file, const struct demo *demo)
{
	char size[32];
	fprintf(file,
		"set terminal svg size 900,%u dynamic font 'DejaVu Sans,Helvetica,sans-serif,13' "
		"background '#ffffff'\n"
		"set output '%s'\n"
		"set datafile separator '\\t'\n"
		"set multiplot\n"
		"set label 1 '{/*1.25:Bold One file of %s, one network cut half-way}' "
		"at screen 0.075,%.4f left\n"
		"set label 2 '%s' at screen 0.075,%.4f left textcolor '#606060'\n"
		"set border 3 linecolor '#909090'\n"
		"set tics nomirror textcolor '#404040'\n"
		"set grid ytics linecolor '#e4e4e4' linewidth 1\n"
		"set xrange [0:%.3f]\n"
		"set yrange [0:%.3f]\n"
		"set lmargin at screen 0.075\n"
		"set rmargin at screen 0.80\n"
		"set ylabel 'MB' offset 1.5,0 textcolor '#404040'\n"
		"unset key\n",
		picture_height(demo), demo->picture,
		bytes_text(size, sizeof size, (double)demo->bytes), 1 - 24.0 / picture_height(demo),
		demo->networks, 1 - 46.0 / picture_height(demo), longest_s(demo) * 1.04,
		(double)demo->bytes / 1e6 * 1.12);
}

/* The shaded time of the cut, and what is said beside the panel. */
static void write_labels(FILE *file, const struct demo_run *run, double bottom, double height,
			 double end_s)
{
	double middle = bottom + height / 2;
	double line = 0.30 * height / 2;
	fprintf(file, "unset object 1\nunset label 5\n");
	if (run->cut_s >= 0) {
		double healed = run->heal_s >= 0 && run->heal_s < end_s ? run->heal_s : end_s;
		fprintf(file,
			"set object 1 rectangle from %.4f,graph 0 to %.4f,graph 1 "
			"fillcolor '#fbe3e1' fillstyle solid noborder behind\n"
			"set label 5 'network 1 cut' at %.4f,graph 0.93 left offset 0.3,0 "
			"textcolor '#b3261e' font ',11'\n",
			run->cut_s, healed, run->cut_s);
	}
	fprintf(file, "set label 3 '{/*1.15:Bold %s}' at screen 0.825,%.4f left\n", title(run),
		middle + 2 * line);
	if (!run->arrived)
		fprintf(file,
			"set label 4 'not delivered' at screen 0.825,%.4f left "
			"textcolor '#b3261e'\n",
			middle + line);
	else
		fprintf(file,
			"set label 4 \"%.2f s, %.1f MB/s\\nlongest gap %.0f ms\\n%s\" "
			"at screen 0.825,%.4f left textcolor '#404040'\n",
			run->seconds, (double)run->bytes / run->seconds / 1e6,
			(double)run->longest_gap_us / 1e3,
			run->intact ? "SHA-256 matches" : "SHA-256 DIFFERS", middle + 0.6 * line);
}

static void write_panel(FILE *file, const struct demo *demo, unsigned index)
{
	const struct demo_run *run = &demo->runs[index];
	double whole = picture_height(demo);
	double bottom = ((demo->run_count - 1 - index) * PANEL_HEIGHT + 40.0 + FOOT_HEIGHT) / whole;
	double height = (PANEL_HEIGHT - 40.0) / whole;
	bool last = index == demo->run_count - 1;
	char timeline[NAME_BYTES];
	snprintf(timeline, sizeof timeline, "%s/%s.tsv", demo->directory, run->name);
	write_labels(file, run, bottom, height, longest_s(demo) * 1.04);
	fprintf(file, "set bmargin at screen %.4f\nset tmargin at screen %.4f\n", bottom,
		bottom + height);
	if (last)
		fprintf(file, "set xlabel 'seconds' offset 0,0.4 textcolor '#404040'\n");
	if (index == 0)
		fprintf(file,
			"set key at screen 0.80,%.4f right top horizontal samplen 2 spacing 1.1\n",
			1 - 58.0 / whole);
	if (access(timeline, R_OK) < 0) {
		fputs("plot -1 notitle\n", file);
		return;
	}
	fprintf(file,
		"plot '%s' using 1:($2/1e6) with filledcurves y1=0 "
		"fillcolor '#e8eef7' notitle, "
		"'' using 1:($2/1e6) with lines linewidth 3 "
		"linecolor '#1f4e8c' title 'delivered in order', "
		"'' using 1:(network1(0)/1e6) with lines linewidth 1.8 "
		"linecolor '#d9822b' title 'network 1', "
		"'' using 1:(network2(0)/1e6) with lines linewidth 1.8 "
		"linecolor '#2a9d8f' title 'network 2'\n"
		"unset key\n"
		"unset label 1\n"
		"unset label 2\n",
		timeline);
}

/*
 * Which places of a timeline belong to network 1 and which to network 2, as its comments tell: a
 * network may have had several connections, one after the other.
 */
static void write_networks(FILE *file, const struct demo *demo, const struct demo_run *run)
{
	char name[NAME_BYTES], line[256], sums[2][256] = { "0", "0" };
	snprintf(name, sizeof name, "%s/%s.tsv", demo->directory, run->name);
	FILE *timeline = fopen(name, "re");
	unsigned place;
	while (timeline != NULL && fgets(line, sizeof line, timeline) != NULL) {
		if (sscanf(line, "# place %u:", &place) != 1)
			continue;
		unsigned network = strstr(line, demo->second_network) != NULL;
		size_t length = strlen(sums[network]);
		snprintf(sums[network] + length, sizeof sums[network] - length, "+column(%u)",
			 5 + 2 * place);
	}
	if (timeline != NULL)
		fclose(timeline);
	fprintf(file, "network1(x) = %s\nnetwork2(x) = %s\n", sums[0], sums[1]);
}

static int run_gnuplot(const struct demo *demo, const char *script)
{
	char *arguments[] = { (char *)(uintptr_t) "gnuplot", (char *)(uintptr_t)script, NULL };
	pid_t child;
	int status = -1;
	int error = posix_spawnp(&child, "gnuplot", NULL, NULL, arguments, environ);
	if (error == 0 && waitpid(child, &status, 0) == child && status == 0)
		return 0;
	if (error != 0)
		complain(&demo->common, "no picture: gnuplot: %s", strerror(error));
	else
		complain(&demo->common, "no picture: gnuplot failed on %s", script);
	return -1;
}

int demo_plot(const struct demo *demo)
{
	char name[NAME_BYTES];
	snprintf(name, sizeof name, "%s/demo.gnuplot", demo->directory);
	FILE *file = fopen(name, "we");
	if (file == NULL) {
		complain(&demo->common, "%s: %s", name, strerror(errno));
		return -1;
	}
	write_head(file, demo);
	for (unsigned i = 0; i < demo->run_count; i++) {
		write_networks(file, demo, &demo->runs[i]);
		write_panel(file, demo, i);
	}
	fputs("unset multiplot\n", file);
	if (fclose(file) != 0) {
		complain(&demo->common, "%s: %s", name, strerror(errno));
		return -1;
	}
	return run_gnuplot(demo, name);
}
