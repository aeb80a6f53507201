/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a session or a carrier ended, and why a path carries nothing: one space of numbers for RESET,
 * CLOSE, status and people. Numbers are never reused; one not listed here is legal on the wire.
 */
#ifndef HAWSER_CORE_REASON_H
#define HAWSER_CORE_REASON_H

enum reason {
	REASON_NONE = 0,

	/* A session was reset; on the wire in RESET. */
	REASON_ABORTED = 1,                     /* the program asked for it */
	REASON_PEER_VANISHED = 2,               /* orphan timeout */
	REASON_RESUME_TIMEOUT = 3,
	REASON_REFUSED_EVERYWHERE = 4,
	REASON_PROTOCOL_ERROR = 5,              /* in CLOSE too: of a handshake */
	REASON_OUT_OF_MEMORY = 6,
	REASON_PROCESS_EXITS = 7,
	REASON_LENT_IS_GONE = 8,                /* memory that the program had lent cannot be read */

	/* Either a session or one carrier; on the wire in RESET and CLOSE. */
	REASON_KIND_MISMATCH = 16,
	REASON_VERSION = 17,
	REASON_UNKNOWN_SESSION = 18,

	/* A carrier was closed; on the wire in CLOSE. */
	REASON_DONE = 32,                       /* session complete, all acknowledged both ways */
	REASON_BUSY = 33,
	REASON_PROOF_FAILED = 34,
	REASON_REPLACED = 35,
	REASON_DUPLICATE_SESSION = 36,
	REASON_NOT_CONFIRMED = 37,
	REASON_GOING_AWAY = 38,
	REASON_NOT_A_PEER = 39,                 /* never sent: it would not be understood */

	/* A path carries nothing; never on the wire. */
	REASON_PATH_ACTIVE = 64,                /* it does carry: nothing to explain */
	REASON_PATH_DIALLING = 65,
	REASON_PATH_PROVING = 66,
	REASON_PATH_SUSPECT = 67,
	REASON_PATH_STANDBY = 68,
	REASON_PATH_SLOWER = 69,
	REASON_PATH_LOST = 70,
	REASON_PATH_RESET = 71,
	REASON_PATH_REFUSED = 72,
	REASON_PATH_UNREACHABLE = 73,
	REASON_PATH_NO_ROUTE = 74,
	REASON_PATH_TIMED_OUT = 75,
	REASON_PATH_CLOSED_BY_PEER = 76,
	REASON_PATH_OTHER_HOST = 77,
	REASON_PATH_PERMISSION = 78,
	REASON_PATH_INSECURE = 79,
	REASON_PATH_SAME_INTERFACE = 80,
};

/* A static phrase for a person, also for numbers that are not in the list. */
const char *reason_text(unsigned reason);

#endif
