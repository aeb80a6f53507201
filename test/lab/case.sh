#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One case of the fault lab, in namespaces of its own: a session in MODE over two networks that fail
# as SCENARIO says (scenarios.sh), with a stream each way. Prints lines "result pass|fail|skipped",
# "why TEXT", "figure NAME VALUE", "report JSON-MEMBERS"; what happened goes to standard error.
#
#	case.sh --list                            # NAME SECONDS SHORT-SECONDS|- EXPECTED DESCRIPTION
#	case.sh SCENARIO MODE [short] [reverse]   # reverse: b writes in bulk, a a little
#
# Exit status: 0 passed, 77 could not be run, else failed. LAB_LINK_PROGRAM and LAB_TRAFFIC_PROGRAM
# are where they were built.

set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${LAB_TRAFFIC_PROGRAM:=build/test/lab/traffic}"
# shellcheck source=script/lab.sh
. "$here/../../script/lab.sh"
# shellcheck source=test/lab/scenarios.sh
. "$here/scenarios.sh"
# shellcheck source=test/lab/chaos.sh
. "$here/chaos.sh"

if [ "${1:-}" = --list ]; then
	echo "$scenarios"
	exit 0
fi
lab_enter "$here/case.sh" "$@"
scenario=$1 mode=$2 length=long
# What each end does: the one in bulk by a handle, the other by a descriptor, or the other way.
traffic_a=bulk traffic_b=handle
shift 2
for word; do
	case $word in
	short) length=short ;;
	reverse) traffic_a=handle traffic_b=bulk ;;
	*) echo "case.sh: $word?" >&2; exit 2 ;;
	esac
done

# --- Ends of a case ---

say()
{
	echo "$(cut -d' ' -f1 /proc/uptime) $*" >&2
}

pass()
{
	tell_report || fail "$wrong"
	echo "result pass"
	exit 0
}

fail()
{
	tell_report || [[ "$*" = *"$wrong"* ]] || set -- "$* ($wrong)"
	say "FAILED: $*"
	traffic set show
	sleep 0.2
	tail -n 20 "$LAB_DIR/log" >&2
	printf 'why %s\nresult fail\n' "$*"
	exit 1
}

skip()
{
	say "skipped: $*"
	printf 'why %s\nresult skipped\n' "$*"
	exit 77
}

figure()
{
	say "$1 $2"
	echo "figure $1 $2"
}

traffic()
{
	"$LAB_TRAFFIC_PROGRAM" "$LAB_DIR/board" "$@"
}

# The figures, once; fails with `wrong` set when what arrived is not what was written.
reported=
tell_report()
{
	local text status=0
	[ -z "$reported" ] || return 0
	reported=yes
	text=$(traffic report 2>> "$LAB_DIR/log") || status=1
	echo "report ${text%%$'\n'*}"
	wrong=${text#*$'\n'}
	return $status
}

# --- What scenarios are made of ---

# hold SECONDS: the fault lasts so long; in the short form at most SHORT_HOLD_S.
SHORT_HOLD_S=3
hold()
{
	if [ "$length" = short ] && [ "$1" -gt $SHORT_HOLD_S ]; then sleep $SHORT_HOLD_S; else sleep "$1"; fi
}

# networks RATE DELAY_MS [LOSS LINK-OPTION...]: two of them, alike, by the link program.
networks()
{
	local index
	for index in 1 2; do
		lab_link $index "$@" 2>> "$LAB_DIR/log" && continue
		[ $? = 77 ] && skip "no usable /dev/net/tun"
		fail "cannot make network $index"
	done
}

# Two by veth and tbf, whose middle is a bridge with nftables.
networks_of_veth()
{
	local index
	for index in 1 2; do
		lab_veth $index "$1" 2>> "$LAB_DIR/log" ||
			skip "no veth, bridge or tbf: $(tail -n 1 "$LAB_DIR/log")"
	done
	lab_filter 1 accept 'meta l4proto tcp reject with tcp reset' 2>> "$LAB_DIR/log" ||
		skip "no nft reject at a device's ingress: $(tail -n 1 "$LAB_DIR/log")"
	lab_heal 1
}

# For what can be done to both.
networks_of_either_kind()
{
	if [ -w /dev/net/tun ]; then networks 10mbit 10; else networks_of_veth 10mbit; fi
}

# session OPTION=VALUE...: a writes all it can and b a little all the time, or the other way.
session()
{
	start_session "$@"
	await 30 active 1
	await 30 active 2
	await 30 flowing
	sleep 1
}

start_session()
{
	lab_start b "$LAB_TRAFFIC_PROGRAM" "$LAB_DIR/board" listen $traffic_b "mode=$mode" "$@" \
		2>> "$LAB_DIR/log"
	process_b=$LAB_PID
	await 30 listening
	lab_start a "$LAB_TRAFFIC_PROGRAM" "$LAB_DIR/board" dial 10.77.1.2,10.77.2.2 $traffic_a \
		"mode=$mode" "$@" 2>> "$LAB_DIR/log"
	process_a=$LAB_PID
	await 30 open
	say "session open"
}

# await SECONDS WHAT...: see the traffic program; what is awaited must come. Took `waited` ms.
await()
{
	waited=$(traffic await "$@") || fail "$waited"
}

# fault COMMAND...: from now on gaps count.
fault()
{
	say "fault: $*"
	[ -n "${marked:-}" ] || traffic set mark
	marked=yes
	"$@" || fail "$* did not work"
}

# heal COMMAND...: bytes flow both ways within 30 s, and both networks come back.
heal()
{
	say "heal: $*"
	"$@" || fail "$* did not work"
	flows_again
	back
}

flows_again()
{
	await 30 flowing
	figure flowing_ms "$waited"
}

# back [SECONDS]: both networks are in use again; in backup mode one stands by.
back()
{
	local limit=${1:-60} sum=$waited index what=carrying
	[ "$mode" != backup ] || what=active
	for index in 1 2; do
		await "$limit" $what $index
		sum=$((sum + waited))
	done
	figure back_ms $sum
}

# Meanwhile: one network is as it was, so bytes keep flowing.
goes_on()
{
	await 30 flowing
}

# Everything that was written arrives, once and in order, and both ends know.
delivered()
{
	sleep 1
	traffic set freeze
	traffic set stop
	await 120 ended
	pass
}

# reset_within SECONDS: of the mark; whose program still runs is told ECONNRESET.
reset_within()
{
	await "$1" reset
	figure reset_ms "$waited"
	traffic set freeze
	pass
}

# both COMMAND NETWORK-AND-MORE...: both networks, one after the other.
both()
{
	local command=$1
	shift
	"$command" 1 "$@" && "$command" 2 "$@"
}

control()
{
	lab_control "$@" > /dev/null
}

# swallowed NETWORK...: the middles there have dropped something: the fault was one.
swallowed()
{
	local network
	for network; do
		lab_control "$network" stats | grep -q '^swallowed [1-9]' ||
			fail "the middle of network $network has dropped nothing"
	done
}

# queued NETWORK...: some packet has waited there for a second at least.
queued()
{
	local network waited_us
	for network; do
		waited_us=$(lab_control "$network" stats | sed -n 's/^a .*waited_us_max //p')
		figure queue_ms $((waited_us / 1000))
		[ "$waited_us" -ge 1000000 ] || fail "the queue of network $network held $waited_us us only"
	done
}

# --- The case ---

LAB_DIR=
trap 'lab_down' EXIT
lab_up "lab" || { [ $? = 77 ] && skip "no network namespaces"; fail "lab_up"; }
: > "$LAB_DIR/log"
case " $(echo "$scenarios" | cut -f1 | tr '\n' ' ')" in
*" $scenario "*) ;;
*) fail "no such scenario" ;;
esac
"scenario_${scenario//-/_}"
fail "the scenario has no end"
