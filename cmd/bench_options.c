/* SPDX-License-Identifier: Apache-2.0 */
/* hawser bench: its command line. */
#include "cmd/bench.h"

#include <string.h>

const char bench_help[] =
	"Usage: hawser bench -l [OPTIONS] [[ADDR[,ADDR...]:]PORT]\n"
	"       hawser bench [OPTIONS] HOST[,HOST...][:PORT]\n"
	"Measures what a program would see over several networks: goodput, request-reply\n"
	"latency, and the longest wait between deliveries at the receiver, where every\n"
	"byte is checked. With --as the same work runs on the kernel's own TCP or MPTCP.\n"
	"Default port 4297.\n"
	"\n"
	"Either side:\n"
	"  -l, --listen           serve runs, one after the other, until stopped\n"
	"      --once             serve one run, then exit with its status\n"
	"      --as KIND          hawser (default), tcp or mptcp; the same on both sides\n"
	"      --face FACE        of hawser: handle (default) or descriptor\n"
	"      --congestion NAME  congestion control of tcp and mptcp (default: as the\n"
	"                         host has it)\n"
	"      --work WORK        stream (default), messages, rr: request and reply, or\n"
	"                         sessions: opened, a byte each way, closed, in turn;\n"
	"                         a server must be given messages too: such a\n"
	"                         session is of another kind\n"
	"      --timeline FILE    write bytes delivered and carried by each path, every\n"
	"                         10 ms, as TSV\n"
	"\n"
	"The run, as the client wants it:\n"
	"  -t, --time SECONDS     send this long (default 10)\n"
	"  -n, --bytes N          or send N bytes each way (stream; k M G, Ki Mi Gi)\n"
	"      --messages N       or send N messages (work messages) or requests (work rr),\n"
	"                         or open N sessions\n"
	"  -r, --reverse          the server sends\n"
	"      --both             both send at once\n"
	"      --size N[-M]       bytes per write (default 256Ki) or message (64Ki);\n"
	"                         messages also spread over N to M, the large ones rare\n"
	"      --warm-up SECONDS  leave the first seconds out of goodput and gaps\n"
	"      --request-bytes N  of a request and its reply (default 1024)\n"
	"      --rate N           requests per second, sent on schedule (default: the\n"
	"                         next when the last is answered)\n"
	"      --check HOW        full (default): every byte; stamps: the word at every\n"
	"                         4 KiB of a stream or of the messages, where checking all would be what limits\n"
	"      --lent             who sends a stream lends its buffers instead of having\n"
	"                         them copied (handles of hawser)\n"
	"      --spin             both ends ask for bytes again and again, and never sleep\n"
	"      --idle N           N further sessions stand open and silent meanwhile\n"
	"\n" COMMON_HELP;

enum {
	OPT_ONCE = OPT_OWN,
	OPT_AS,
	OPT_FACE,
	OPT_CONGESTION,
	OPT_WORK,
	OPT_TIMELINE,
	OPT_MESSAGES,
	OPT_BOTH,
	OPT_SIZE,
	OPT_WARM_UP,
	OPT_REQUEST_BYTES,
	OPT_RATE,
	OPT_CHECK,
	OPT_SPIN,
	OPT_IDLE,
	OPT_LENT,
};

static const struct option long_options[] = {
	COMMON_LONG,
	{ "listen", no_argument, NULL, 'l' },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "as", required_argument, NULL, OPT_AS },
	{ "face", required_argument, NULL, OPT_FACE },
	{ "congestion", required_argument, NULL, OPT_CONGESTION },
	{ "work", required_argument, NULL, OPT_WORK },
	{ "timeline", required_argument, NULL, OPT_TIMELINE },
	{ "time", required_argument, NULL, 't' },
	{ "bytes", required_argument, NULL, 'n' },
	{ "messages", required_argument, NULL, OPT_MESSAGES },
	{ "reverse", no_argument, NULL, 'r' },
	{ "both", no_argument, NULL, OPT_BOTH },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "warm-up", required_argument, NULL, OPT_WARM_UP },
	{ "request-bytes", required_argument, NULL, OPT_REQUEST_BYTES },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "check", required_argument, NULL, OPT_CHECK },
	{ "spin", no_argument, NULL, OPT_SPIN },
	{ "idle", required_argument, NULL, OPT_IDLE },
	{ "lent", no_argument, NULL, OPT_LENT },
	{ 0 },
};

static int parse_size(struct bench_plan *plan, const char *text)
{
	char least[32];
	const char *dash = strchr(text, '-');
	size_t length = dash != NULL ? (size_t)(dash - text) : strlen(text);
	if (length >= sizeof least)
		return -1;
	memcpy(least, text, length);
	least[length] = '\0';
	if (parse_count(least, &plan->size_least) < 0)
		return -1;
	plan->size_most = plan->size_least;
	if (dash != NULL && parse_count(dash + 1, &plan->size_most) < 0)
		return -1;
	bool fits = plan->size_most >= 1 && plan->size_least <= plan->size_most &&
		    plan->size_most <= BENCH_SIZE_MAX;
	return fits ? 0 : -1;
}

static int parse_request_bytes(struct bench_plan *plan, const char *text)
{
	uint64_t bytes;
	if (parse_count(text, &bytes) < 0 || bytes < 1 || bytes > BENCH_REQUEST_MAX)
		return -1;
	plan->request_bytes = bytes;
	return 0;
}

static int parse_face(struct channel_settings *channel, const char *text)
{
	channel->descriptor = strcmp(text, "descriptor") == 0;
	return channel->descriptor || strcmp(text, "handle") == 0 ? 0 : -1;
}

static int parse_check(struct bench_plan *plan, const char *text)
{
	plan->stamped = strcmp(text, "stamps") == 0;
	return plan->stamped || strcmp(text, "full") == 0 ? 0 : -1;
}

static int parse_idle(struct bench_plan *plan, const char *text)
{
	return parse_count(text, &plan->idle) == 0 && plan->idle <= BENCH_IDLE_MAX ? 0 : -1;
}

/* 1: taken. 0: not one of ours. -1: ours, with a bad value. */
static int take(struct bench_settings *settings, int option, const char *value)
{
	struct bench_plan *plan = &settings->plan;
	switch (option) {
	case 'l': settings->listen = true; return 1;
	case OPT_ONCE: settings->once = true; return 1;
	case OPT_AS: return channel_kind_parse(&settings->channel.kind, value) == 0 ? 1 : -1;
	case OPT_FACE: return parse_face(&settings->channel, value) == 0 ? 1 : -1;
	case OPT_CONGESTION: settings->channel.congestion = value; return 1;
	case OPT_WORK: return bench_work_parse(&plan->work, value) == 0 ? 1 : -1;
	case OPT_TIMELINE: settings->timeline = value; return 1;
	case 't': return parse_seconds(value, &plan->time_ns) == 0 ? 1 : -1;
	case 'n': return parse_count(value, &plan->bytes) == 0 ? 1 : -1;
	case OPT_MESSAGES: return parse_count(value, &plan->messages) == 0 ? 1 : -1;
	case 'r':
		plan->forward = false;
		plan->reverse = true;
		return 1;
	case OPT_BOTH: plan->forward = plan->reverse = true; return 1;
	case OPT_SIZE: return parse_size(plan, value) == 0 ? 1 : -1;
	case OPT_WARM_UP: return parse_seconds(value, &plan->warm_up_ns) == 0 ? 1 : -1;
	case OPT_REQUEST_BYTES: return parse_request_bytes(plan, value) == 0 ? 1 : -1;
	case OPT_RATE: return parse_count(value, &plan->rate) == 0 ? 1 : -1;
	case OPT_CHECK: return parse_check(plan, value) == 0 ? 1 : -1;
	case OPT_SPIN: plan->spin = true; return 1;
	case OPT_LENT: plan->lent = true; return 1;
	case OPT_IDLE: return parse_idle(plan, value) == 0 ? 1 : -1;
	default: return 0;
	}
}

/* What was not said, and what does not go together. */
static int settle(struct bench_settings *settings)
{
	struct bench_plan *plan = &settings->plan;
	struct common *common = &settings->common;
	bool messages = plan->work == BENCH_MESSAGES;
	if (settings->timeline != NULL && settings->listen && !settings->once)
		return usage(common, "--timeline of a server needs --once");
	if (plan->bytes != BENCH_UNBOUNDED && plan->work != BENCH_STREAM)
		return usage(common, "--bytes is for the work stream");
	if (plan->messages != BENCH_UNBOUNDED && plan->work == BENCH_STREAM)
		return usage(common, "--messages is for the works messages, rr and sessions");
	if (plan->size_most == 0)
		plan->size_least = plan->size_most = messages ? 65536 : 262144;
	if (plan->size_least != plan->size_most && !messages)
		return usage(common, "a spread of sizes is for the work messages");
	if (plan->stamped && bench_work_asks(plan->work))
		return usage(common, "stamps are for the works stream and messages");
	bool handle = settings->channel.kind == CHANNEL_HAWSER && !settings->channel.descriptor;
	if (plan->lent && (plan->work != BENCH_STREAM || !handle))
		return usage(common, "--lent is for the work stream, through a handle of hawser");
	if (messages && (plan->idle > 0 || plan->spin))
		return usage(common, "--idle and --spin are not for the work messages");
	if (plan->time_ns == BENCH_UNBOUNDED && plan->bytes == BENCH_UNBOUNDED &&
	    plan->messages == BENCH_UNBOUNDED)
		plan->time_ns = UINT64_C(10000000000);
	/* A stream's bytes are given in full, a time would cut them short. */
	if (plan->bytes != BENCH_UNBOUNDED && plan->time_ns != BENCH_UNBOUNDED)
		return usage(common, "--time or --bytes, not both");
	if (messages && plan->messages != BENCH_UNBOUNDED && plan->time_ns != BENCH_UNBOUNDED)
		return usage(common, "--time or --messages, not both");
	if (messages && settings->channel.kind == CHANNEL_HAWSER &&
	    common_set(common, "kind", "message") < 0)
		return STATUS_USAGE;
	return STATUS_FINE;
}

int bench_parse(struct bench_settings *settings, int argc, char **argv, bool *helped)
{
	int option;
	while ((option = getopt_long(argc, argv, COMMON_SHORT "lt:n:r", long_options, NULL)) !=
	       -1) {
		int taken = take(settings, option, optarg);
		if (taken < 0)
			return usage(&settings->common, "'%s' is not a value for %s", optarg,
				     option_written(argv));
		if (taken > 0)
			continue;
		enum common_taken common = common_take(&settings->common, option, optarg);
		if (common == COMMON_WRONG)
			return STATUS_USAGE;
		*helped = common == COMMON_HELPED;
		if (*helped)
			return STATUS_FINE;
	}
	if (argc - optind > 1 || (argc == optind && !settings->listen))
		return usage(&settings->common, "one %s is wanted",
			     settings->listen ? "port" : "host");
	settings->address = argc > optind ? argv[optind] : "4297";
	return settle(settings);
}
