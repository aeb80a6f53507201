/* SPDX-License-Identifier: Apache-2.0 */
/* The congestion control of paths: asked for by name, or chosen. */
#include "driver/congestion.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANT "bbr"

static bool is_name(const char *option)
{
	return option[0] && strcmp(option, "host") != 0 && strcmp(option, "auto") != 0;
}

int congestion_check(const char *option, struct failure *failure)
{
	int err = is_name(option) ? carrier_tcp.congestion_allowed(option) : 0;

	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		return failure_set(failure, ENOENT, "congestion control %s: the system has none of that name "
				   "(net.ipv4.tcp_available_congestion_control)", option);
	case -EPERM:
		return failure_set(failure, EPERM, "congestion control %s: not allowed to this process "
				   "(net.ipv4.tcp_allowed_congestion_control)", option);
	default:
		return failure_system(failure, -err, "congestion control %s", option);
	}
}

struct chosen *congestion_begin(struct carrier *carrier, const char *option)
{
	struct chosen *chosen;

	if (!carrier->ops->congestion_set)
		return NULL;
	/* It was allowed when the session was opened. If it is no more, such a path is better than none. */
	if (is_name(option))
		(void)carrier->ops->congestion_set(carrier, option);
	chosen = strcmp(option, "auto") == 0 ? calloc(1, sizeof *chosen) : NULL;
	if (!chosen)
		return NULL;
	choice_init(&chosen->choice);
	carrier->ops->congestion_get(carrier, chosen->host);
	/* It is there already, or a later version of it. */
	chosen->refused = !chosen->host[0] || strncmp(chosen->host, TOLERANT, sizeof TOLERANT - 1) == 0;
	return chosen;
}

void congestion_look(struct chosen *chosen, struct carrier *by, time_ns now)
{
	struct carrier_losses losses;

	if (chosen->refused || !choice_due(&chosen->choice, now))
		return;
	by->ops->losses(by, &losses);
	if (choice_look(&chosen->choice, &losses, now)) {
		const char *name = chosen->choice.tolerant ? TOLERANT : chosen->host;

		chosen->refused = by->ops->congestion_set(by, name) < 0;
	}
}
