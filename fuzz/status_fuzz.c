/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command's reader of what processes answer: hawser status. The input is the answer, cut into
 * packets where it holds 0xff; whatever it is, it is shown as text and as JSON, or refused.
 */
#include "cmd/status.c"
#include "fuzz/fuzz.h"

static void send_packets(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		const uint8_t *cut = memchr(bytes, 0xff, size);
		size_t length = cut != NULL ? (size_t)(cut - bytes) : size;

		/* A packet of nothing would read as the end. */
		if (length > 0 && send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		length += cut != NULL;
		bytes += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool silent;
	struct status status = { .answers = json_array() };
	json_t *document;
	int pair[2];

	/* What is shown goes nowhere. */
	if (!silent)
		HOLDS(freopen("/dev/null", "w", stdout) != NULL);
	silent = true;
	HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	send_packets(pair[0], data, size);
	close(pair[0]);
	document = read_document(pair[1]);
	close(pair[1]);
	if (document != NULL)
		HOLDS(json_array_append_new(status.answers, document) == 0);
	HOLDS(show(&status) == STATUS_FINE);
	status.common.json = true;
	HOLDS(show(&status) == STATUS_FINE);
	json_decref(status.answers);
	return 0;
}
