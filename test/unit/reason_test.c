/* SPDX-License-Identifier: Apache-2.0 */
/* Every reason has words of its own; numbers from elsewhere have words too. */
#include "core/reason.h"

#include "test/test.h"

static const enum reason all[] = {
	REASON_NONE, REASON_ABORTED, REASON_PEER_VANISHED, REASON_RESUME_TIMEOUT,
	REASON_REFUSED_EVERYWHERE, REASON_PROTOCOL_ERROR, REASON_OUT_OF_MEMORY,
	REASON_PROCESS_EXITS, REASON_LENT_IS_GONE, REASON_KIND_MISMATCH, REASON_VERSION, REASON_UNKNOWN_SESSION,
	REASON_DONE, REASON_BUSY,
	REASON_PROOF_FAILED, REASON_REPLACED, REASON_DUPLICATE_SESSION, REASON_NOT_CONFIRMED,
	REASON_GOING_AWAY, REASON_NOT_A_PEER, REASON_PATH_ACTIVE, REASON_PATH_DIALLING,
	REASON_PATH_PROVING, REASON_PATH_SUSPECT, REASON_PATH_STANDBY, REASON_PATH_SLOWER,
	REASON_PATH_LOST, REASON_PATH_RESET, REASON_PATH_REFUSED, REASON_PATH_UNREACHABLE,
	REASON_PATH_NO_ROUTE, REASON_PATH_TIMED_OUT, REASON_PATH_CLOSED_BY_PEER,
	REASON_PATH_OTHER_HOST, REASON_PATH_PERMISSION, REASON_PATH_INSECURE,
	REASON_PATH_SAME_INTERFACE,
};

#define ALL_COUNT (sizeof all / sizeof all[0])
#define UNUSED_REASON 0xffffu

static void each_has_words_of_its_own(void)
{
	for (unsigned i = 0; i < ALL_COUNT; i++) {
		CHECK(strlen(reason_text(all[i])) > 3);
		CHECK(strcmp(reason_text(all[i]), reason_text(UNUSED_REASON)) != 0);
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(reason_text(all[i]), reason_text(all[j])) != 0);
	}
}

/* The list above is complete: no number but these has words. */
static void the_rest_is_unknown(void)
{
	unsigned known = 0;

	for (unsigned reason = 0; reason <= UINT16_MAX; reason++)
		known += strcmp(reason_text(reason), reason_text(UNUSED_REASON)) != 0;
	CHECK_EQ(known, ALL_COUNT);
	CHECK(strlen(reason_text(UINT32_MAX)) > 3);
}

/* These travel, so they cannot change. */
static void numbers_on_the_wire(void)
{
	CHECK_EQ(REASON_PROCESS_EXITS, 7);
	CHECK_EQ(REASON_LENT_IS_GONE, 8);
	CHECK_EQ(REASON_UNKNOWN_SESSION, 18);
	CHECK_EQ(REASON_DONE, 32);
	CHECK_EQ(REASON_GOING_AWAY, 38);
}

int main(void)
{
	RUN(each_has_words_of_its_own);
	RUN(the_rest_is_unknown);
	RUN(numbers_on_the_wire);
	return 0;
}
