/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a session opens, loses its carriers, gets them back and ends, for spin: PROTOCOL.md's "Handshake"
 * and "Loss, resuming, the end". A dialler (end 0), HOSTS hosts that its peer's name may mean (ends 1..),
 * two carriers, each with a side at either end. What is here is there:
 *
 *   state, settle, reset             core/session.c: session_move, session_settle, session_reset
 *   lose, attach                     core/session_paths.c: session_path_lost, session_add_path
 *   act, and the writing of a Side   core/input.c: act; core/output.c; driver/endpoint_links.c
 *   greet                            core/handshake.c, driver/dial.c: race_event, driver/redial.c: joined
 *   offer, decide_join, confirmed    driver/guest.c
 *   dial, and giving up              driver/dial.c: greet_due; driver/redial.c: look_at, refused_until
 *   Clock                            timeouts, when nothing else can happen or while nothing can be dialled
 *
 * Each stream has N units and its FIN as unit N. A unit goes on one path and, when that is lost, on
 * another: ranges, windows, modes and suspicion are not modelled. BUG plants an error for check.sh to be found.
 */
#ifndef N
#define N 1
#endif
#ifndef HOSTS
#define HOSTS 1
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef HELLOS
#define HELLOS 2                /* that the race begins */
#endif
#ifndef BUG
#define BUG 0
#endif
#define NO_RESEND      1        /* what a lost path carried is not sent on others */
#define JOIN_MAKES     2        /* a JOIN of an ended session begins it anew */
#define AFTER_FIN      3        /* the program may write after its FIN */
#define DONE_EARLY     4        /* CLOSE(done) although the peer's stream is not all here */
#define NO_REDIAL      5        /* the dialler takes the end of its carriers for the end */
#define ORPHAN_AT_ONCE 6        /* no orphan timeout: reset as soon as the last carrier ends */
#define RESET_UNTOLD   7        /* RESET is not sent, and the carriers are kept */
#define CONFIRM_ALL    8        /* every ACCEPT of a HELLO is confirmed */
#define AFTER_CLOSE    9        /* DATA follows CLOSE */
#define NO_OVERTAKING  10       /* a JOIN that overtakes CONFIRM is refused */
#define UNBOUND        11       /* any JOIN confirms, whatever ACCEPT it names */
#define CLOSE_OF_RESET 12       /* a JOIN of a session that was reset is told CLOSE, not RESET */
#define NEVER_ALONE    13       /* an acceptor without paths waits for ever */
#define FORGETFUL      14       /* an answered HELLO is forgotten with its carrier */
#define REOPENS        15       /* a HELLO that a JOIN has confirmed can be confirmed by another, once more */

#define ENDS (HOSTS + 1)
#define ALL  ((1 << (N + 1)) - 1)

mtype = { HELLO, JOIN, ACCEPT, CONFIRM, REFUSE, DATA, ACK, DONE, CLOSE, RESET };

/* Side 2k of carrier k is the dialler's, side 2k + 1 its host's. wire[x]: what side x has sent. */
#define ROOM (2 * N + 10)
chan wire[4] = [ROOM] of { mtype, byte };
bool said[4];                   /* this side has written its last frame: DONE, CLOSE, RESET */
bool shut[4];                   /* the peer's came */
bool gone[4];                   /* this side has closed: the other reads so behind what was sent */
bool cut[4];                    /* what this side sends vanishes, silently */
byte carried[4];                /* units */
byte side[4];
#define NONE     0
#define OFFERED  1              /* HELLO sent; acceptor: nothing read yet */
#define JOINING  2              /* JOIN sent; acceptor: answered */
#define PENDING  3              /* acceptor: HELLO answered, not confirmed */
#define LINK     4

byte state[ENDS];
#define UNBORN   0
#define OPEN     1
#define FINISHED 2
#define CLOSED   3
#define BROKEN   4              /* RESET */
byte wrote[ENDS], acked[ENDS], got[ENDS], sent[ENDS];
bool dead[ENDS], ended[ENDS], peer_done[ENDS], refused[ENDS];
bool unread[ENDS];              /* reset, and kept until the program has read what came before */
bool established;               /* the dialler's program was told */
byte winner, hellos, strung, faults = FAULTS;
byte half[HELLOS + 1];          /* by HELLO: the end that has answered it and waits for its confirmation; 0: none */
byte named[4];                  /* the HELLO that a JOIN, answered by this side, names */
byte chosen;                    /* the HELLO whose ACCEPT was confirmed; JOINs name it */
bool down;                      /* nothing can be dialled for a while */
byte accepted;                  /* sessions given to programs of acceptors */
byte times[2 * (N + 2)];        /* how often each unit was given to a program */

#define other(x)   ((x) ^ 1)
#define host(x)    (HOSTS == 1 -> 1 : (x) / 2 + 1)
#define end(x)     ((x) % 2 == 0 -> 0 : host(x))
#define waiting(e) (!dead[e] && (state[e] == OPEN || state[e] == FINISHED))
#define is(x, e, what) (side[x] == (what) && end(x) == (e))
#define any(e, what)   (is(0, e, what) || is(1, e, what) || is(2, e, what) || is(3, e, what))
#define linked(e)  any(e, LINK)
#define over(x)    (side[x] == LINK && (shut[x] || state[end(x)] >= CLOSED) && \
		    !(BUG == RESET_UNTOLD && state[end(x)] == BROKEN))

inline put(x, type, value) {
	if
	:: cut[x] || gone[x] -> skip
	:: else ->
		assert(len(wire[x]) < ROOM);
		wire[x]!type, value
	fi
}

inline empty_wire(x) {
	do
	:: len(wire[x]) > 0 -> wire[x]?_, _
	:: else -> break
	od;
	skip
}

/* This side closes its carrier; when both have, it is as if it never was. */
inline close(x) {
	side[x] = NONE; said[x] = false; shut[x] = false; carried[x] = 0; named[x] = 0;
	gone[x] = true;
	if
	:: side[other(x)] == NONE ->
		empty_wire(x); empty_wire(other(x));
		gone[x] = false; gone[other(x)] = false; cut[x] = false; cut[other(x)] = false
	:: else -> skip
	fi
}

#define cumulative(e) (got[e] == ALL -> N + 1 : (N > 0 && (got[e] & 1) -> 1 + (N > 1 && (got[e] & 2)) : 0))

/* What has arrived, on a path that has not said its last; on all of an end. */
inline acknowledge(x) {
	if
	:: side[x] == LINK && (!said[x] || BUG == AFTER_CLOSE) -> put(x, ACK, cumulative(end(x)))
	:: else -> skip
	fi
}

#define carriers(e) ((end(0) == e -> carried[0] : 0) | (end(1) == e -> carried[1] : 0) | \
		     (end(2) == e -> carried[2] : 0) | (end(3) == e -> carried[3] : 0))
#define wants(e, u) (state[e] == OPEN && u < wrote[e] && u >= acked[e] && !((carriers(e) >> u) & 1) && \
		     (BUG != NO_RESEND || !((sent[e] >> u) & 1)))
#define able(x, e)  (is(x, e, LINK) && !said[x])

inline send_unit(e, u) {
	if
	:: wants(e, u) && able(0, e) -> put(0, DATA, u); carried[0] = carried[0] | (1 << u)
	:: wants(e, u) && able(1, e) -> put(1, DATA, u); carried[1] = carried[1] | (1 << u)
	:: wants(e, u) && able(2, e) && !able(0, e) -> put(2, DATA, u); carried[2] = carried[2] | (1 << u)
	:: wants(e, u) && able(3, e) && !able(1, e) -> put(3, DATA, u); carried[3] = carried[3] | (1 << u)
	:: else -> skip
	fi;
	if
	:: BUG == NO_RESEND && linked(e) && u < wrote[e] -> sent[e] = sent[e] | (1 << u)
	:: else -> skip
	fi
}

/* Each unit on one of the paths. */
inline send(e) {
	send_unit(e, 0); send_unit(e, 1); send_unit(e, 2)
}

inline say_last(x, e, type) {
	if
	:: able(x, e) -> put(x, type, 0); said[x] = true
	:: else -> skip
	fi
}

inline say_everywhere(e, type) {
	say_last(0, e, type); say_last(1, e, type); say_last(2, e, type); say_last(3, e, type)
}

/* Complete, and the peer knows. */
inline closes(e) {
	assert(got[e] == ALL && (e == 0 -> got[winner] : got[0]) == ALL);
	state[e] = CLOSED
}

inline settle(e) {
	if
	:: state[e] == OPEN && wrote[e] == N + 1 && acked[e] == N + 1 && (got[e] == ALL || BUG == DONE_EARLY) ->
		state[e] = FINISHED;
		say_everywhere(e, DONE)
	:: else -> skip
	fi;
	if
	:: state[e] == FINISHED && peer_done[e] -> closes(e)
	:: else -> skip
	fi
}

inline reset(e) {
	if
	:: state[e] == FINISHED -> state[e] = CLOSED
	:: state[e] == OPEN ->
		state[e] = BROKEN;
		unread[e] = e > 0 && got[e] != 0;
		if
		:: BUG != RESET_UNTOLD -> say_everywhere(e, RESET)
		:: else -> skip
		fi
	:: else -> skip
	fi
}

/* Death of the peer is not loss of a path: who resets for it must be right. */
inline orphaned(e) {
	assert(!waiting(0) || down);
	reset(e)
}

inline lose(x, by_peer) {
	close(x);
	if
	:: !linked(end(x)) ->
		ended[end(x)] = by_peer;
		if
		:: BUG == ORPHAN_AT_ONCE && end(x) > 0 && by_peer && state[end(x)] == OPEN -> orphaned(end(x))
		:: else -> skip
		fi
	:: else ->
		/* The other of this end's tells what has arrived, and carries what this one held. */
		if :: end(x) == end(x ^ 2) -> acknowledge(x ^ 2) :: else -> skip fi;
		send(end(x))
	fi
}

inline attach(x) {
	side[x] = LINK;
	refused[host(x)] = false;
	ended[end(x)] = false;
	if
	:: state[end(x)] == OPEN ->
		acknowledge(x);
		if :: end(x) == end(x ^ 2) -> acknowledge(x ^ 2) :: else -> skip fi;
		send(end(x))
	:: state[end(x)] == FINISHED -> put(x, DONE, 0); said[x] = true
	:: state[end(x)] > FINISHED && BUG == CLOSE_OF_RESET ->
		put(x, CLOSE, 0); said[x] = true;
		strung++;
		assert(strung < 3)      /* who comes back is told the end some time */
	:: state[end(x)] > FINISHED && BUG != CLOSE_OF_RESET -> put(x, RESET, 0); said[x] = true
	:: else -> skip
	fi
}

/* --- the acceptor's side of a handshake --- */

/* A JOIN that names the ACCEPT of a HELLO which this end has answered, and nobody has confirmed. */
#define confirms(x, hello) (state[end(x)] == UNBORN && \
			    (half[hello] == end(x) || (BUG == UNBOUND && (half[1] == end(x) || half[HELLOS] == end(x)))) && \
			    !(BUG == NO_OVERTAKING && any(end(x), PENDING)))
#define reopens(x, hello)  (BUG == REOPENS && state[end(x)] > FINISHED && half[hello] == end(x))

inline decide_join(x, hello) {
	if
	:: waiting(end(x)) || (state[end(x)] == BROKEN && (unread[end(x)] || BUG == JOIN_MAKES)) ||
	   confirms(x, hello) || reopens(x, hello) ->
		side[x] = JOINING; named[x] = hello;
		put(x, ACCEPT, hello)
	:: else ->
		put(x, REFUSE, 0);
		close(x)
	fi
}

/* By CONFIRM or by a JOIN: whichever comes first opens the session, the other brings a further path. */
inline confirmed(x) {
	if
	:: state[end(x)] == UNBORN || (BUG == JOIN_MAKES && state[end(x)] == BROKEN) ||
	   (BUG == REOPENS && state[end(x)] > FINISHED) ->
		state[end(x)] = OPEN;
		got[end(x)] = 0; wrote[end(x)] = 0; acked[end(x)] = 0; unread[end(x)] = false;
		accepted++;
		assert(accepted == 1 || BUG == JOIN_MAKES)      /* nobody else was given a ghost of it */
	:: else -> skip
	fi;
	named[x] = 0;
	attach(x)
}

/* Its carrier is gone; what it said is kept for a JOIN. */
inline guest_lost(x) {
	if
	:: BUG == FORGETFUL && side[x] == PENDING && half[1] == end(x) -> half[1] = 0
	:: BUG == FORGETFUL && side[x] == PENDING && half[1] != end(x) -> half[HELLOS] = 0
	:: else -> skip
	fi;
	close(x)
}

inline offer(x, type, hello) {
	if
	:: type == JOIN -> decide_join(x, hello)
	:: type == HELLO && state[end(x)] == UNBORN ->
		side[x] = PENDING; half[hello] = end(x);
		put(x, ACCEPT, hello)
	:: type == HELLO && state[end(x)] != UNBORN ->
		put(x, REFUSE, 0);
		close(x)
	:: type == CONFIRM && side[x] == JOINING && state[end(x)] == UNBORN && !confirms(x, named[x]) ->
		close(x)        /* forgotten meanwhile */
	:: type == CONFIRM && !(side[x] == JOINING && state[end(x)] == UNBORN && !confirms(x, named[x])) ->
		confirmed(x)
	:: else -> assert(false)
	fi
}

/* --- the dialler's --- */

inline greet(x, type, hello) {
	if
	:: type == ACCEPT && (side[x] == JOINING || !established || BUG == CONFIRM_ALL) ->
		if
		:: side[x] == OFFERED -> established = true; winner = host(x); chosen = hello; state[0] = OPEN
		:: else -> skip
		fi;
		put(x, CONFIRM, 0);
		attach(x)
	:: type == ACCEPT && side[x] == OFFERED && established && BUG != CONFIRM_ALL -> close(x)
	:: type == REFUSE ->
		refused[host(x)] = side[x] == JOINING;          /* a HELLO has other reasons: it is there already */
		close(x)
	:: else -> assert(false)
	fi
}

inline dial(x, type) {
	if
	:: dead[host(x)] -> refused[host(x)] = true
	:: else ->
		side[x] = (type == HELLO -> OFFERED : JOINING);
		side[other(x)] = OFFERED;
		if
		:: type == HELLO -> put(x, HELLO, hellos)
		:: else -> put(x, JOIN, chosen)
		fi
	fi
}

/* --- a path --- */

inline act(x, type, u) {
	assert(!shut[x]);       /* nothing follows CLOSE or RESET */
	if
	:: type == DATA ->
		assert(u <= N);                         /* no data after FIN */
		if
		:: state[end(x)] == OPEN && !((got[end(x)] >> u) & 1) ->
			got[end(x)] = got[end(x)] | (1 << u);
			times[x % 2 * (N + 2) + u]++;
			assert(times[x % 2 * (N + 2) + u] == 1) /* each unit once */
		:: else -> skip
		fi;
		acknowledge(x)
	:: type == ACK && u > acked[end(x)] ->
		assert(u <= wrote[end(x)]);
		acked[end(x)] = u
	:: type == DONE ->
		assert(state[end(x)] > FINISHED || (got[end(x)] == ALL && wrote[end(x)] == N + 1));
		peer_done[end(x)] = true; acked[end(x)] = N + 1; shut[x] = true
	:: type == CLOSE -> shut[x] = true
	:: type == RESET ->
		shut[x] = true;
		reset(end(x))
	:: else -> skip
	fi;
	settle(end(x))
}

proctype Side(byte x) {
	mtype type;
	byte u;

end:	do
	/* Reading: frames, the end, silence that somebody lost patience with. */
	:: d_step { side[x] != NONE && len(wire[other(x)]) > 0 ->
		wire[other(x)]?type, u;
		if
		:: side[x] == LINK -> act(x, type, u)
		:: side[x] != LINK && x % 2 == 0 -> greet(x, type, u)
		:: side[x] != LINK && x % 2 == 1 -> offer(x, type, u)
		fi;
		type = 0; u = 0
	}
	:: d_step { side[x] != NONE && len(wire[other(x)]) == 0 && gone[other(x)] && !cut[other(x)] ->
		if
		:: side[x] == LINK -> lose(x, true)
		:: side[x] != LINK && x % 2 == 1 -> guest_lost(x)
		:: else -> close(x)
		fi
	}
	:: d_step { side[x] != NONE && (cut[x] || cut[other(x)]) ->
		if
		:: side[x] == LINK -> lose(x, false)
		:: side[x] != LINK && x % 2 == 1 -> guest_lost(x)
		:: else -> close(x)
		fi
	}
	:: d_step { over(x) -> lose(x, false) }
	/* The dialler: a race of HELLOs, whose losers leave nothing behind; then JOINs for what was lost. */
	:: d_step { x % 2 == 0 && side[x] == NONE && side[other(x)] == NONE && !dead[0] && !down && !established &&
		    state[0] == UNBORN && hellos < HELLOS && (x == 0 || hellos > 0) ->
		hellos++;
		dial(x, HELLO)
	}
	:: d_step { x % 2 == 0 && side[x] == NONE && side[other(x)] == NONE && established && waiting(0) && !down &&
		    !refused[host(x)] && (state[0] == OPEN || !linked(0)) && !(BUG == NO_REDIAL && ended[0]) ->
		dial(x, JOIN)
	}
	:: d_step { x % 2 == 0 && ((side[x] == OFFERED && established && BUG != CONFIRM_ALL) ||
				   (side[x] == JOINING && !waiting(0))) ->
		close(x)
	}
	od
}

proctype Program(byte e) {
end:	do
	/* Writes all and closes, at any time. */
	:: d_step { !dead[e] && state[e] == OPEN && wrote[e] <= N -> wrote[e] = N + 1 + (BUG == AFTER_FIN); send(e) }
#ifdef ABORTS
	:: d_step { !dead[e] && state[e] == OPEN && faults > 0 -> faults--; reset(e) }
#endif
	:: d_step { unread[e] -> unread[e] = false }
	/* The race came to nothing; every address refuses, for good: whoever has the session would not. */
	:: d_step { e == 0 && !established && state[0] == UNBORN && !dead[0] && hellos == HELLOS && side[0] != OFFERED &&
		    side[2] != OFFERED ->
		state[0] = BROKEN
	}
	:: d_step { e == 0 && established && waiting(0) && !linked(0) && side[0] != JOINING && side[2] != JOINING &&
		    refused[1] && refused[HOSTS] ->
		assert(!waiting(winner));
#ifdef STRICT
		assert(dead[winner] || state[winner] != UNBORN);        /* it never was where we said it is */
#endif
		reset(0)
	}
	od
}

#define used(k) (side[2 * (k)] != NONE && side[2 * (k) + 1] != NONE && !cut[2 * (k)] && !cut[2 * (k) + 1] && \
		 !gone[2 * (k)] && !gone[2 * (k) + 1])

inline vanish(x) { cut[x] = true; empty_wire(x) }

proctype Network(byte k) {
end:	do
	/* Silent, in one direction or both; a reset by something in the middle. */
	:: d_step { faults > 0 && used(k) -> faults--; vanish(2 * k) }
	:: d_step { faults > 0 && used(k) -> faults--; vanish(2 * k + 1) }
	:: d_step { faults > 0 && used(k) -> faults--; vanish(2 * k); vanish(2 * k + 1) }
	:: d_step { faults > 0 && used(k) ->
		faults--; empty_wire(2 * k); empty_wire(2 * k + 1);
		gone[2 * k] = true; gone[2 * k + 1] = true
	}
#ifdef OUTAGE
	:: d_step { k == 0 && faults > 0 && !down -> faults--; down = true }
	/* So long that timeouts may pass, or not. */
	:: d_step { k == 0 && down -> down = false }
#endif
#ifdef DEATH
	:: d_step { k == 0 && faults > 0 && !dead[0] && !dead[1] ->
		faults--; dead[0] = true;
		if :: side[0] != NONE -> close(0) :: else -> skip fi;
		if :: side[2] != NONE -> close(2) :: else -> skip fi
	}
	:: d_step { k == 0 && faults > 0 && !dead[0] && !dead[1] ->
		faults--; dead[1] = true;
		if :: side[1] != NONE -> close(1) :: else -> skip fi;
		if :: side[3] != NONE && HOSTS == 1 -> close(3) :: else -> skip fi
	}
#endif
	od
}

inline alone(e) {
	if
	:: state[e] == FINISHED -> state[e] = CLOSED
	:: state[e] == OPEN && ended[e] && BUG != NEVER_ALONE -> orphaned(e)
	:: state[e] == OPEN && !ended[e] && BUG != NEVER_ALONE -> reset(e)
	:: else -> assert(false)
	fi
}

/* Nothing moves any more but time. Then nobody may still wait who has no reason to. */
proctype Clock() {
end:	do
	:: d_step { down && waiting(1) && !linked(1) -> alone(1) }
	:: d_step { down && waiting(0) && !linked(0) -> reset(0) }
	/* Patience ends with who has answered a HELLO, and with its carrier. */
	:: d_step { down && (half[1] != 0 || half[HELLOS] != 0) ->
		half[1] = 0; half[HELLOS] = 0;
		if :: side[1] == PENDING -> guest_lost(1) :: else -> skip fi;
		if :: side[3] == PENDING -> guest_lost(3) :: else -> skip fi
	}
	:: timeout -> atomic {
		if
		:: !down && (any(1, PENDING) || any(HOSTS, PENDING)) ->
			if :: side[1] == PENDING -> guest_lost(1) :: else -> skip fi;
			if :: side[3] == PENDING -> guest_lost(3) :: else -> skip fi
		:: !down && !any(1, PENDING) && !any(HOSTS, PENDING) ->
			assert(!waiting(0));            /* it dials, or has been refused */
			assert(side[1] == NONE && side[3] == NONE);
			if
			:: waiting(1) -> alone(1)
			:: !waiting(1) && waiting(HOSTS) -> alone(HOSTS)
			:: !waiting(1) && !waiting(HOSTS) -> break
			fi
		fi
		}
	od
}

init {
	atomic {
		run Side(0); run Side(1); run Side(2); run Side(3);
		run Program(0); run Program(1);
		if :: HOSTS == 2 -> run Program(HOSTS) :: else -> skip fi;
		run Network(0); run Network(1);
		run Clock()
	}
}
