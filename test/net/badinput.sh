#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hawser(1) when something is wrong: it says what and where, exits with a status that says so, loses
# nothing silently, and does not spin. HAWSER_PROGRAM names the command; arguments name checks.

here=$(dirname "$0")
# shellcheck source=test/net/common.sh
. "$here/common.sh"
command -v python3 >/dev/null || { echo "no python3: skipped"; exit 77; }
lab_enter "$0" "$@"
lab_up badinput || exit $?

HUNG_S=60
CPU_LIMIT_S=2

fail() {
	echo "FAILED: $*" >&2
	[ ! -s "$LAB_DIR/said" ] || sed 's/^/  it said: /' "$LAB_DIR/said" >&2
	exit 1
}

await() { # WHAT COMMAND...: until the command succeeds
	local what="$1" tries=0
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt $((HUNG_S * 20)) ] || fail "waited $HUNG_S s for $what"
		sleep 0.05
	done
}

# For the background or a subshell, where they become the command itself: $! is its process.
a() { exec ip netns exec "$LAB_NAME-a" "$@"; }
b() { exec ip netns exec "$LAB_NAME-b" "$@"; }
listens() { lab_exec b ss -Hltn "sport = :$1" | grep -q .; }
is_over() { ! kill -0 "$1"; }

# Runs a command to its end, at most HUNG_S, without a shell's own share of processor time.
run() { # COMMAND...: sets status, cpu_s; what it said on standard error is in $LAB_DIR/said
	python3 - "$LAB_DIR" "$HUNG_S" "$@" <<-'END'
		import resource, subprocess, sys
		directory, hung = sys.argv[1], int(sys.argv[2])
		with open(directory + "/said", "wb") as said, open(directory + "/out", "wb") as out:
		    process = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=out, stderr=said)
		    try:
		        status = process.wait(hung)
		    except subprocess.TimeoutExpired:
		        process.kill()
		        process.wait()
		        status = 999
		used = resource.getrusage(resource.RUSAGE_CHILDREN)
		with open(directory + "/result", "w") as result:
		    result.write("%d %d\n" % (status, int(used.ru_utime + used.ru_stime)))
	END
	read -r status cpu_s <"$LAB_DIR/result"
}

refuse() { # NAME PATTERN COMMAND...: fails with status 1 and these words
	local name="$1" pattern="$2"
	shift 2
	run "$@"
	[ "$status" != 999 ] || fail "$name: hung"
	[ "$status" = 1 ] || fail "$name: status $status"
	grep -Eqi "$pattern" "$LAB_DIR/said" || fail "$name: no words like '$pattern'"
	[ "$cpu_s" -lt $CPU_LIMIT_S ] || fail "$name: $cpu_s s of processor time"
	echo "ok $name: $(head -1 "$LAB_DIR/said")"
}

cat_a() { a "$HAWSER_PROGRAM" cat --insecure "$@"; }
cat_b() { b "$HAWSER_PROGRAM" cat --insecure "$@"; }

check_dialling() {
	local behaviour port=4400 pattern
	set -- ip netns exec "$LAB_NAME-a" "$HAWSER_PROGRAM" cat --insecure
	refuse "no route" '192\.0\.2\.1.*unreachable' "$@" 192.0.2.1
	refuse "refused" '10\.77\.1\.2:4298.*refused' "$@" 10.77.1.2:4298
	refuse "all refused" 'refused' "$@" 10.77.1.2,[fd77:1::2]:4298
	refuse "no such name" 'nohost\.invalid' "$@" nohost.invalid
	refuse "clear text" 'insecure' ip netns exec "$LAB_NAME-a" "$HAWSER_PROGRAM" cat 10.77.1.2
	lab_cut 1
	refuse "silent network" '10\.77\.1\.2:4297.*(answer|time)' "$@" -O connect_timeout=1s 10.77.1.2
	lab_heal 1
	for behaviour in http garbage ends silent version; do
		port=$((port + 1))
		lab_exec b python3 "$here/strange_peer.py" 10.77.1.2 $port $behaviour >/dev/null &
		await "the strange peer" listens $port
		case $behaviour in
		silent) pattern="10\.77\.1\.2:$port.*(answer|time)" ;;
		version) pattern="10\.77\.1\.2:$port.*version" ;;
		*) pattern="10\.77\.1\.2:$port.*not a hawser peer" ;;
		esac
		refuse "peer: $behaviour" "$pattern" "$@" -O connect_timeout=2s 10.77.1.2:$port
	done
}

check_listening() {
	cat_b -l 4500 </dev/null >/dev/null 2>&1 &
	await "a listener" listens 4500
	refuse "address in use" '4500.*in use' ip netns exec "$LAB_NAME-b" "$HAWSER_PROGRAM" cat \
		--insecure -l 4500
	refuse "not my address" '192\.0\.2\.1.*(assign|avail)' ip netns exec "$LAB_NAME-b" \
		"$HAWSER_PROGRAM" cat --insecure -l 192.0.2.1:4501
	# What is no hawser peer disturbs neither the listener nor the session that comes after it.
	lab_exec a python3 -c 'import socket
for words in b"GET / HTTP/1.0\r\n\r\n", bytes(range(256)) * 256, b"hawser\1\1" + b"\1" * 9, b"":
    s = socket.create_connection(("10.77.1.2", 4500))
    try: s.sendall(words)
    except OSError: pass
    s.close()'
	(cat_a 10.77.1.2:4500 </dev/null) || fail "no session after strangers"
	echo "ok strangers at a listener"
}

ticks() { # PROCESS: user and system time in hundredths of a second
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# Starts a receiver that writes to $2 in b and a sender of $3 in a: their processes in receiver, sender.
pair_start() { # PORT OUT IN
	cat_b -l "$1" </dev/null >"$2" 2>"$LAB_DIR/receiver" &
	receiver=$!
	await "the receiver" listens "$1"
	cat_a 10.77.1.2,10.77.2.2:"$1" <"$3" >/dev/null 2>"$LAB_DIR/said" &
	sender=$!
}

holds_some() { # the receiver has taken something
	[ "$(stat -c %s "$LAB_DIR/sink" 2>/dev/null || echo 0)" -gt 100000 ]
}

check_slow_reader() {
	local before after
	# A pipe with a reader that does not read: nothing moves, nobody spins.
	mkfifo "$LAB_DIR/slow"
	exec 5<>"$LAB_DIR/slow" 4<"$LAB_DIR/slow" 5>&-
	pair_start 4600 "$LAB_DIR/slow" "$LAB_DIR/data"
	sleep 2
	before=$(($(ticks $sender) + $(ticks $receiver)))
	sleep 3
	after=$(($(ticks $sender) + $(ticks $receiver)))
	is_over $sender 2>/dev/null && fail "the sender ended before its reader read"
	[ $((after - before)) -lt 100 ] || fail "reader stopped: $((after - before)) ticks in 3 s"
	sha256sum <&4 >"$LAB_DIR/sum" &
	summer=$!
	exec 4<&-
	wait $sender || fail "slow reader: the sender's status"
	wait $receiver || fail "slow reader: the receiver's status"
	wait $summer
	[ "$(cat "$LAB_DIR/sum")" = "$(sha256sum <"$LAB_DIR/data")" ] || fail "slow reader: other bytes"
	echo "ok a reader that stops and goes on: $((after - before)) ticks while it stood"
}

check_vanished() {
	local side status
	for side in receiver sender; do
		pair_start 4700 "$LAB_DIR/sink" /dev/zero
		await "bytes" holds_some
		if [ $side = receiver ]; then
			kill -KILL $receiver
			wait $sender
			status=$?
		else
			kill -KILL $sender
			wait $receiver
			status=$?
			cp "$LAB_DIR/receiver" "$LAB_DIR/said"
		fi
		[ $status = 1 ] || fail "the $side was killed: the other's status is $status"
		grep -Eqi 'reset|vanished|peer' "$LAB_DIR/said" || fail "the $side was killed: no words"
		echo "ok the $side was killed: $(head -1 "$LAB_DIR/said")"
		wait $sender $receiver 2>/dev/null
		rm -f "$LAB_DIR/sink"
	done
}

# Nothing but its window may be sent twice because a peer stands still.
# duplicates: bytes that the sender has sent twice so far.
duplicates() {
	a "$HAWSER_PROGRAM" status --json | python3 -c 'import json, sys
print(sum(session["duplicate_bytes_sent"] for process in json.load(sys.stdin)
	  if process["pid"] == int(sys.argv[1]) for session in process["sessions"]))' "$sender"
}

check_stopped() {
	local mode before twice
	for mode in stripe converge duplicate backup; do
		b "$HAWSER_PROGRAM" bench --insecure -l --once 4800 >/dev/null 2>&1 &
		receiver=$!
		await "the bench" listens 4800
		a "$HAWSER_PROGRAM" bench --insecure --json -m $mode -t 6 10.77.1.2,10.77.2.2:4800 \
			>"$LAB_DIR/bench" 2>"$LAB_DIR/said" &
		sender=$!
		sleep 2
		kill -STOP $receiver
		before=$(duplicates) || fail "no status of the sender"
		sleep 2
		twice=$(($(duplicates) - before))
		kill -CONT $receiver
		wait $sender || fail "a stopped peer: status"
		wait $receiver || fail "a stopped peer: its status"
		python3 -c 'import json, sys
run = json.load(sys.stdin)
assert run["intact"], run' <"$LAB_DIR/bench" || fail "a stopped peer: $(cat "$LAB_DIR/bench")"
		# In duplicate every byte goes twice by order: at most the window can, while the peer stands.
		[ "$twice" -lt 8388608 ] || fail "$mode: $twice bytes sent twice while the peer stood"
		echo "ok a peer that stands for 2 s, $mode: $twice bytes sent twice meanwhile"
	done
}

# With too little of something it works or says what is missing, and never hangs or crashes.
check_limit() { # ULIMIT-LETTER PATTERN VALUE...
	local letter="$1" pattern="$2" value worked=0 refused=0
	shift 2
	for value in "$@"; do
		cat_b -l 4900 </dev/null >/dev/null 2>"$LAB_DIR/receiver" &
		receiver=$!
		await "a listener" listens 4900
		run ip netns exec "$LAB_NAME-a" sh -c "ulimit -$letter $value; exec \"\$@\"" sh \
			"$HAWSER_PROGRAM" cat --insecure 10.77.1.2:4900
		case $status in
		0) worked=$((worked + 1)) ;;
		127) [ -s "$LAB_DIR/said" ] || fail "ulimit -$letter $value: no words of the loader" ;;
		1)
			refused=$((refused + 1))
			grep -Eqi "$pattern" "$LAB_DIR/said" || fail "ulimit -$letter $value: no clear words"
			;;
		*) fail "ulimit -$letter $value: status $status" ;;
		esac
		[ "$cpu_s" -lt $CPU_LIMIT_S ] || fail "ulimit -$letter $value: $cpu_s s of processor time"
		kill $receiver 2>/dev/null
		wait $receiver 2>/dev/null
	done
	[ $worked -gt 0 ] && [ $refused -gt 0 ] || fail "ulimit -$letter: $worked worked, $refused did not"
	echo "ok ulimit -$letter: $refused refused, $worked worked"
}

check_closed_output() {
	cat_b -l 5000 </dev/null >&- 2>"$LAB_DIR/receiver" &
	receiver=$!
	await "the receiver" listens 5000
	run ip netns exec "$LAB_NAME-a" sh -c '"$@" </dev/zero' sh "$HAWSER_PROGRAM" cat --insecure 10.77.1.2:5000
	[ "$status" = 1 ] || fail "the peer's output was closed: status $status"
	wait $receiver
	[ $? = 1 ] || fail "closed output: status"
	grep -qi 'output' "$LAB_DIR/receiver" || fail "closed output: $(cat "$LAB_DIR/receiver")"
	echo "ok closed output: $(head -1 "$LAB_DIR/receiver"); its peer: $(head -1 "$LAB_DIR/said")"
	cat_b -l 5001 </dev/null >/dev/full 2>"$LAB_DIR/receiver" &
	receiver=$!
	await "the receiver" listens 5001
	(cat_a 10.77.1.2:5001 <"$LAB_DIR/data" 2>"$LAB_DIR/said")
	[ $? = 1 ] || fail "full output: the sender's status"
	wait $receiver
	[ $? = 1 ] || fail "full output: status"
	grep -qi 'no space' "$LAB_DIR/receiver" || fail "full output: $(cat "$LAB_DIR/receiver")"
	echo "ok full output: $(head -1 "$LAB_DIR/receiver")"
}

lab_veth 1 100mbit && lab_veth 2 100mbit || exit 1
head -c 40000000 /dev/urandom >"$LAB_DIR/data"
for check in ${*:-dialling listening slow_reader vanished stopped descriptors memory closed_output}; do
	case $check in
	descriptors) check_limit n 'too many|descriptor|open file' 3 4 5 6 7 8 9 10 11 12 13 14 16 20 24 32 64 ;;
	memory) check_limit v 'memory|allocate|no thread' 4000 6000 8000 10000 14000 20000 30000 60000 \
		200000 1000000 ;;
	*) "check_$check" ;;
	esac
done
