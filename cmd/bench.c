/* SPDX-License-Identifier: Apache-2.0 */
/* hawser bench: what is done when nothing is said, and which end this is. */
#include "cmd/bench.h"
#include "cmd/commands.h"

int bench_run(int argc, char **argv)
{
	struct bench_settings settings = {
		.plan = { .forward = true,
			  .bytes = BENCH_UNBOUNDED,
			  .messages = BENCH_UNBOUNDED,
			  .time_ns = BENCH_UNBOUNDED,
			  .request_bytes = 1024 },
	};
	bool helped = false;
	if (common_init(&settings.common, "bench", bench_help) < 0)
		return STATUS_FAILED;
	int status = bench_parse(&settings, argc, argv, &helped);
	if (status == STATUS_FINE && !helped)
		status = settings.listen ? bench_serve(&settings) : bench_ask(&settings);
	common_fini(&settings.common);
	return status;
}
