# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by the tests over real networks, after `here` was set to their directory.

: "${NET_PROGRAMS:=build/test/net}"
: "${HAWSER_PROGRAM:=build/hawser}"

# shellcheck source=script/lab.sh
. "$here/../../script/lab.sh"

# Two networks like in life: 50 Mb/s, 10 ms one way; where there is no TUN device veth and tbf.
net_slow_pair() {
	lab_link 1 50mbit 10 && lab_link 2 50mbit 10 && return 0
	[ $? = 77 ] || return 1
	lab_veth 1 40mbit && lab_veth 2 40mbit
}

# A host's network of net_one_table: its address stands alone, and all is behind the router.
net_routed() { # INDEX a|b
	ip -n "$LAB_NAME-$2" address flush dev "net$1" || return 1
	ip -n "$LAB_NAME-$2" address add "10.77.$1.$([ "$2" = a ] && echo 1 || echo 2)/32" dev "net$1" &&
		ip -n "$LAB_NAME-$2" route replace default via "10.77.$1.254" dev "net$1" onlink metric "$1"
}

# Every host address stands alone, every route of a host leads out of net1 first, and the router
# brings every packet to the network of its address, as the internet does.
net_one_table() {
	router=$LAB_NAME-r
	ip netns exec "$router" sh -c 'cd /proc/sys/net/ipv4 && echo 1 >ip_forward &&
		echo 0 >conf/all/rp_filter && echo 0 >conf/all/send_redirects' || return 1
	for index in 1 2; do
		ip netns exec "$router" sh -c "echo 0 >/proc/sys/net/ipv4/conf/br$index/send_redirects"
		ip -n "$router" address add 10.77.$index.254/24 dev br$index || return 1
		net_routed $index a && net_routed $index b || return 1
	done
}

# Runs a program of ours and every command that it asks for; see common.h. Returns its status.
net_run() { # PROGRAM ARGUMENT...
	local program="$1" process command
	shift
	rm -f "$LAB_DIR/ask" "$LAB_DIR/answer"
	mkfifo "$LAB_DIR/ask" "$LAB_DIR/answer" || return 1
	"$NET_PROGRAMS/$program" "$@" 8>"$LAB_DIR/ask" 9<"$LAB_DIR/answer" &
	process=$!
	exec 6<"$LAB_DIR/ask" 7>"$LAB_DIR/answer"
	while read -r command <&6; do
		eval "$command" </dev/null 6<&- 7>&-
		echo $? >&7
	done
	exec 6<&- 7>&-
	wait $process
}
