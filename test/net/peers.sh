#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# peers.c: one network only, one host, an address that is dead at the start, and whether the two
# paths keep to their own interfaces at both ends where routing alone would not do it.

here=$(dirname "$0")
# shellcheck source=test/net/common.sh
. "$here/common.sh"
lab_enter "$0" "$@"
lab_up peers || exit $?

run() { # SCENARIO [NETNS-A NETNS-B]
	echo "== $1"
	net_run net_peers "${2:-$LAB_NAME-a}" "${3:-$LAB_NAME-b}" "$1" || exit 1
}

# Every host address stands alone, every route of a host leads out of net1 first, and the router
# brings every packet to the network of its address, as the internet does.
one_table() {
	router=$LAB_NAME-r
	ip netns exec "$router" sh -c 'cd /proc/sys/net/ipv4 && echo 1 >ip_forward &&
		echo 0 >conf/all/rp_filter && echo 0 >conf/all/send_redirects' || return 1
	for index in 1 2; do
		ip netns exec "$router" sh -c "echo 0 >/proc/sys/net/ipv4/conf/br$index/send_redirects"
		ip -n "$router" address add 10.77.$index.254/24 dev br$index || return 1
		for host in a b; do
			number=$([ $host = a ] && echo 1 || echo 2)
			ip -n "$LAB_NAME-$host" address flush dev net$index || return 1
			ip -n "$LAB_NAME-$host" address add 10.77.$index.$number/32 dev net$index || return 1
			ip -n "$LAB_NAME-$host" route add default via 10.77.$index.254 dev net$index \
				onlink metric $index || return 1
		done
	done
}

lab_veth 1 100mbit || exit $?
run one
run same_host "$LAB_NAME-a" "$LAB_NAME-a"
lab_veth 2 100mbit || exit $?
run dead
one_table || { echo "FAILED: one table"; exit 1; }
run replies
run elsewhere
