#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 Checks the test networks themselves. LAB_LINK_PROGRAM names
# the link program; "unprivileged" as the first argument runs it all in a user namespace, which is
# also how it runs when not root.

here=$(dirname "$0")
# shellcheck source=script/lab.sh
. "$here/../../script/lab.sh"

command -v python3 >/dev/null || { echo "no python3: skipped"; exit 77; }
if [ "${1:-}" = unprivileged ]; then
	shift
	unshare -Urnm true 2>/dev/null || { echo "no user namespaces: skipped"; exit 77; }
	exec unshare -Urnm env LAB_PRIVATE=1 "$0" "$@"
fi
lab_enter "$0" "$@"
lab_up test || exit $?

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

pair_open() { # ADDRESS
	mkfifo "$LAB_DIR/ask" "$LAB_DIR/answer"
	python3 "$here/tcp_pair.py" "$LAB_NAME-a" "$LAB_NAME-b" "$1" \
		<"$LAB_DIR/ask" >"$LAB_DIR/answer" &
	pair=$!
	exec 8>"$LAB_DIR/ask" 9<"$LAB_DIR/answer"
	rm "$LAB_DIR/ask" "$LAB_DIR/answer"
	read -r answer <&9
	[ "$answer" = connected ] || fail "no connection to $1"
}

pair_close() {
	exec 8>&- 9<&-
	wait "$pair"
}

expect() { # PATTERN COMMAND...
	local pattern="$1"
	shift
	echo "$*" >&8
	read -r answer <&9
	# shellcheck disable=SC2254
	case $answer in
	$pattern) ;;
	*) fail "index $index: $*: '$answer', expected '$pattern'" ;;
	esac
}

check_traffic() { # INDEX
	index=$1
	for address in "10.77.$1.2" "fd77:$1::2"; do
		pair_open "$address"
		expect moved move 2000000
		expect '1 1 0 0' state
		expect 20 datagrams 20
		pair_close
	done
	echo "ok $index carries TCP and UDP, IPv4 and IPv6"
}

check_cut() { # INDEX
	index=$1
	pair_open "10.77.$index.2"
	expect moved move 100000
	lab_cut "$index" || fail "cut $index"
	expect 'stalled 200000' stall 100000
	expect '1 1 0 0' state
	expect 0 lost 20
	for host in a b; do
		lab_exec $host ip link show "net$index" | grep -q LOWER_UP || fail "$host lost carrier"
	done
	lab_heal "$index" || fail "heal $index"
	expect moved move 100000
	expect 20 datagrams 20
	# One way: b's datagrams are not seen here, but its bytes need a's acknowledgements.
	lab_cut "$index" b || fail "cut $index b"
	expect 20 datagrams 20
	expect 'stalled *' stall 5000000
	lab_heal "$index"
	expect moved move 1000
	lab_cut "$index" a || fail "cut $index a"
	lab_cut "$index" b || fail "cut $index a, then b"
	expect 'stalled 200000' stall 100000
	lab_heal "$index"
	expect moved move 1000
	pair_close
	echo "ok $index is cut silently, one way too, and healed"
}

check_reset() { # INDEX
	index=$1
	for address in "10.77.$index.2" "fd77:$index::2"; do
		pair_open "$address"
		expect moved move 1000
		lab_rst "$index" || fail "rst $index"
		expect 'error ECONNRESET' move 1000
		expect 20 datagrams 20
		lab_heal "$index"
		pair_close
	done
	check_traffic "$index"
	echo "ok $index resets TCP"
}

has_carrier() { # HOST
	! lab_exec "$1" ip link show "net$index" | grep -q NO-CARRIER
}

check_carrier() { # INDEX
	index=$1
	pair_open "10.77.$index.2"
	expect moved move 1000
	for host in a b; do
		lab_carrier "$index" down $host || fail "carrier $index"
		has_carrier $host && fail "index $index: $host still has its carrier"
		has_carrier "$(lab_other $host)" || fail "index $index: both lost their carrier"
		expect 'stalled *' stall 1000
		lab_carrier "$index" up $host || fail "carrier $index"
		has_carrier $host || fail "index $index: $host did not get its carrier back"
		expect moved move 1000
	done
	expect '1 1 0 0' state
	pair_close
	echo "ok $index loses and regains the carrier"
}

check_interface() { # INDEX
	index=$1
	for host in a b; do
		lab_interface "$index" down $host || fail "interface $index down"
		lab_interface "$index" up $host || fail "interface $index up"
	done
	check_traffic "$index"
	lab_readdress "$index" a 7 || fail "readdress $index"
	check_traffic "$index"
	lab_exec a ip address show "net$index" | grep -q "10.77.$index.7/24" || fail "no new address"
	lab_exec a ip address show "net$index" | grep -q "10.77.$index.1/24" && fail "old address"
	echo "ok $index goes down and up and gets another address"
}

check_link_commands() { # INDEX
	index=$1
	pair_open "10.77.$index.2"
	expect moved move 1000
	[ "$(lab_control "$index" "loss 100")" = ok ] || fail "loss 100"
	expect 0 lost 50
	expect 'stalled *' stall 1000
	lab_control "$index" "loss 0; rate 10mbit/5mbit; delay 1.5" >/dev/null || fail "settings"
	expect moved move 100000
	lab_control "$index" "bogus 1" >/dev/null 2>&1 && fail "bogus command was taken"
	lab_control "$index" "rate 1parsec" >/dev/null 2>&1 && fail "bogus rate was taken"
	lab_control "$index" stats | grep -q '^a arrived [1-9]' || fail "stats"
	pair_close
	echo "ok $index obeys its control socket"
}

# A middle that drops large packets, and one that forgets connections: both without a word.
check_middlebox() { # INDEX
	index=$1
	for address in "10.77.$index.2" "fd77:$index::2"; do
		pair_open "$address"
		expect moved move 1000
		lab_control "$index" "size 500" >/dev/null || fail "size"
		expect 'stalled *' stall 5000
		lab_control "$index" "size -" >/dev/null || fail "no size"
		expect moved move 1000
		lab_control "$index" "forget 1" >/dev/null || fail "forget"
		sleep 1.5
		expect 'stalled *' stall 1000
		lab_control "$index" "forget -" >/dev/null || fail "no forget"
		expect moved move 1000
		expect '1 1 0 0' state
		pair_close
	done
	lab_control "$index" stats | grep -q '^swallowed [1-9]' || fail "nothing swallowed"
	lab_control "$index" "forget 0" >/dev/null 2>&1 && fail "forget 0 was taken"
	lab_control "$index" "size 15OO" >/dev/null 2>&1 && fail "a bogus size was taken"
	echo "ok $index meddles silently"
}

check_route() { # INDEX
	index=$1
	for host in a b; do
		lab_route "$index" deleted $host || fail "route deleted"
		[ -z "$(lab_exec $host ip route show dev "net$index")" ] || fail "$host has a route yet"
		lab_route "$index" restored $host || fail "route restored"
	done
	check_traffic "$index"
	echo "ok $index loses and regains its routes"
}

# With one seed for all, networks would lose the same packets. Each takes two, one for each direction.
check_luck() { # INDEX
	tr '\0' ' ' <"/proc/$(tail -n 1 "$LAB_DIR/links")/cmdline" | grep -q -e "--seed $((2 * $1 - 1)) " ||
		fail "network $1 has no luck of its own"
	echo "ok luck of its own, network $1"
}

check_congestion() {
	lab_congestion reno || fail "congestion"
	index=1
	if [ -e "$LAB_DIR/congestion_by_route" ]; then
		lab_exec a ip route | grep -q 'congctl reno' || fail "congestion not reno"
	else
		lab_exec a grep -qx reno /proc/sys/net/ipv4/tcp_congestion_control ||
			fail "congestion not reno"
	fi
	check_traffic 1
	lab_congestion cubic || fail "congestion"
	echo "ok congestion control by namespace"
}

lab_veth 1 100mbit || fail "veth"
lab_veth 2 - || fail "unshaped veth"
networks="1 2"
lab_link 3 50mbit 10
case $? in
0) networks="1 2 3"; check_luck 3 ;;
77) echo "link not checked: no usable /dev/net/tun" ;;
*) fail "link" ;;
esac
for network in $networks; do
	check_traffic "$network"
	check_cut "$network"
	check_reset "$network"
	check_carrier "$network"
done
for network in $networks; do
	check_route "$network"
	check_interface "$network"
done
check_congestion
if [ "$networks" != "1 2" ]; then
	check_link_commands 3
	check_middlebox 3
fi
name=$LAB_NAME
lab_start a sleep 1000
stray=$LAB_PID
until ip netns pids "$name-a" | grep -qx "$stray"; do sleep 0.05; done
lab_down
wait "$stray" 2>/dev/null
[ $? = 143 ] || fail "a stray process was not terminated"
ip netns list | grep -q "^$name" && fail "namespaces left behind"
echo "ok lab_down leaves nothing"
