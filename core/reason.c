/* SPDX-License-Identifier: Apache-2.0 */
/* The words for each reason, written to follow "session reset: " or "path idle: ". */
#include "core/reason.h"

static const char *const texts[] = {
	[REASON_NONE] = "no reason given",

	[REASON_ABORTED] = "aborted by the program",
	[REASON_PEER_VANISHED] = "the peer vanished: its host ended every connection",
	[REASON_RESUME_TIMEOUT] = "no network led to the peer for longer than the resume timeout",
	[REASON_REFUSED_EVERYWHERE] = "every known address of the peer refused",
	[REASON_PROTOCOL_ERROR] = "the peer broke the protocol",
	[REASON_OUT_OF_MEMORY] = "out of memory",
	[REASON_PROCESS_EXITS] = "the process holding it ended",
	[REASON_LENT_IS_GONE] = "memory that the program had lent was taken away before it came back",

	[REASON_KIND_MISMATCH] = "one side wants a byte stream, the other messages",
	[REASON_VERSION] = "no protocol version in common",
	[REASON_UNKNOWN_SESSION] = "the peer does not know this session",

	[REASON_DONE] = "complete, everything acknowledged both ways",
	[REASON_BUSY] = "the peer has no room for another session or path",
	[REASON_PROOF_FAILED] = "the other side could not prove that it knows the session's secret",
	[REASON_REPLACED] = "replaced by a newer connection",
	[REASON_DUPLICATE_SESSION] = "a session of this id exists already",
	[REASON_NOT_CONFIRMED] = "the dialler did not confirm",
	[REASON_GOING_AWAY] = "the peer is going away",
	[REASON_NOT_A_PEER] = "what answers is not a hawser peer",

	[REASON_PATH_ACTIVE] = "active",
	[REASON_PATH_DIALLING] = "dialling",
	[REASON_PATH_PROVING] = "fresh: proving itself with probes",
	[REASON_PATH_SUSPECT] = "suspect: nothing acknowledged on it for a while",
	[REASON_PATH_STANDBY] = "standing by: backup",
	[REASON_PATH_SLOWER] = "slower: it would delay delivery",
	[REASON_PATH_LOST] = "down: connection lost",
	[REASON_PATH_RESET] = "down: connection reset",
	[REASON_PATH_REFUSED] = "down: connection refused",
	[REASON_PATH_UNREACHABLE] = "down: network or host unreachable",
	[REASON_PATH_NO_ROUTE] = "down: no route from this interface",
	[REASON_PATH_TIMED_OUT] = "down: no answer in time",
	[REASON_PATH_CLOSED_BY_PEER] = "closed by the peer",
	[REASON_PATH_OTHER_HOST] = "this address leads to another host",
	[REASON_PATH_PERMISSION] = "not permitted by the system",
	[REASON_PATH_INSECURE] = "insecure connections are not allowed",
	[REASON_PATH_SAME_INTERFACE] = "replies come over an interface that another path uses",
};

const char *reason_text(unsigned reason)
{
	if (reason >= sizeof texts / sizeof texts[0] || !texts[reason])
		return "a reason this version does not know";
	return texts[reason];
}
