/* SPDX-License-Identifier: Apache-2.0 */
/* All sessions of this process as one JSON document. */
#include "driver/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/info.h"
#include "driver/listen.h"

#define LISTENERS_MAX 64u       /* told of */

static const char *const session_states[] = { "dialling", "established", "closing", "closed", "reset" };
static const char *const path_states[] = { "fresh", "active", "suspect", "down" };
static const char *const modes[] = { "converge", "stripe", "duplicate", "backup" };

static void put_string(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":\"", name);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put_path(FILE *out, const struct hawser_path_info *p)
{
	fprintf(out, "{\"id\":%" PRIu32 ",", p->id);
	put_string(out, "state", path_states[p->state % 4]);
	fprintf(out, ",\"reason_code\":%" PRIu32 ",", p->reason);
	put_string(out, "reason", p->reason ? reason_text(p->reason) : "");
	fprintf(out, ",\"error\":%" PRId32 ",\"replies_elsewhere\":%s,\"connects\":%" PRIu32, p->error,
		p->replies_elsewhere ? "true" : "false", p->connects);
	fprintf(out, ",\"state_age_ns\":%" PRIu64 ",\"rtt_ns\":%" PRIu64 ",\"rtt_min_ns\":%" PRIu64,
		p->state_age_ns, p->rtt_ns, p->rtt_min_ns);
	fprintf(out, ",\"rtt_age_ns\":%" PRIu64 ",\"rate_sending\":%" PRIu64 ",\"rate_receiving\":%" PRIu64,
		p->rtt_age_ns, p->rate_sending, p->rate_receiving);
	fprintf(out, ",\"bytes_sent\":%" PRIu64 ",\"bytes_received\":%" PRIu64, p->bytes_sent,
		p->bytes_received);
	fprintf(out, ",\"duplicate_bytes_sent\":%" PRIu64 ",\"duplicate_bytes_received\":%" PRIu64,
		p->duplicate_bytes_sent, p->duplicate_bytes_received);
	fprintf(out, ",\"outstanding_bytes\":%" PRIu64 ",", p->outstanding_bytes);
	put_string(out, "carrier", p->carrier);
	fputc(',', out);
	put_string(out, "congestion", p->congestion);
	fputc(',', out);
	put_string(out, "interface", p->interface);
	fputc(',', out);
	put_string(out, "local", p->local);
	fputc(',', out);
	put_string(out, "remote", p->remote);
	fputc('}', out);
}

static void put_session_words(FILE *out, const struct endpoint *ep, const struct hawser_info *i)
{
	fputs("{\"id\":\"", out);
	for (unsigned n = 0; n < sizeof i->id; n++)
		fprintf(out, "%02x", i->id[n]);
	fputs("\",", out);
	put_string(out, "peer", ep->peer);
	fprintf(out, ",\"dialler\":%s,\"messages\":%s,", i->dialler ? "true" : "false",
		i->messages ? "true" : "false");
	put_string(out, "state", session_states[i->state % 5]);
	fputc(',', out);
	put_string(out, "mode_sending", modes[i->mode_sending % 4]);
	fputc(',', out);
	put_string(out, "mode_receiving", modes[i->mode_receiving % 4]);
	fprintf(out, ",\"error\":%" PRId32 ",\"reason_code\":%" PRIu32 ",", i->error, i->reason);
	put_string(out, "reason", i->state == HAWSER_RESET ? endpoint_words(ep) : "");
}

static void put_session(FILE *out, struct endpoint *ep)
{
	struct hawser_path_info paths[INFO_PATHS_MAX];
	struct hawser_info i;

	info_session(ep, &i);
	unsigned count = info_paths(ep, paths, INFO_PATHS_MAX);
	put_session_words(out, ep, &i);
	fprintf(out, ",\"bytes_written\":%" PRIu64 ",\"bytes_acknowledged\":%" PRIu64, i.bytes_written,
		i.bytes_acknowledged);
	fprintf(out, ",\"bytes_received\":%" PRIu64 ",\"bytes_consumed\":%" PRIu64, i.bytes_received,
		i.bytes_consumed);
	fprintf(out, ",\"peer_consumed\":%" PRIu64 ",\"duplicate_bytes_sent\":%" PRIu64,
		i.peer_consumed, i.duplicate_bytes_sent);
	fprintf(out, ",\"duplicate_bytes_received\":%" PRIu64 ",\"age_ns\":%" PRIu64,
		i.duplicate_bytes_received, i.age_ns);
	fprintf(out, ",\"longest_gap_ns\":%" PRIu64 ",\"paths\":[", i.longest_gap_ns);
	for (unsigned n = 0; n < count; n++) {
		if (n > 0)
			fputc(',', out);
		put_path(out, &paths[n]);
	}
	fputs("]}", out);
}

static void put_command(FILE *out)
{
	char name[64] = "";
	FILE *in = fopen("/proc/self/comm", "re");

	if (in && fgets(name, sizeof name, in))
		name[strcspn(name, "\n")] = '\0';
	if (in)
		fclose(in);
	put_string(out, "command", name);
}

static void put_listener(FILE *out, const struct listen_view *view)
{
	fputc('{', out);
	put_string(out, "address", view->address);
	fputs(",\"networks\":[", out);
	for (unsigned i = 0; i < view->count; i++)
		fprintf(out, "%s\"%s\"", i > 0 ? "," : "", view->interface[i]);
	fprintf(out, "],\"error\":%d}", -view->error);
}

static void put_listeners(FILE *out, struct engine *e)
{
	struct listen_view view;

	for (unsigned i = 0; i < LISTENERS_MAX && listen_view(e, i, &view); i++) {
		if (i > 0)
			fputc(',', out);
		put_listener(out, &view);
	}
}

int status_write(struct engine *e, size_t limit_bytes, char **text, size_t *length)
{
	FILE *out = open_memstream(text, length);
	const char *comma = "";

	if (!out)
		return -ENOMEM;
	fprintf(out, "{\"pid\":%d,", (int)e->pid);
	put_command(out);
	fputs(",\"sessions\":[", out);
	for (struct endpoint *ep = endpoint_next(e, NULL); ep; ep = endpoint_next(e, ep)) {
		if (fflush(out) != 0 || *length > limit_bytes)
			break;
		fputs(comma, out);
		put_session(out, ep);
		comma = ",";
	}
	fputs("],\"listeners\":[", out);
	put_listeners(out, e);
	fputs("]}", out);
	if (fclose(out) == 0)
		return 0;
	free(*text);
	*text = NULL;
	return -ENOMEM;
}
