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

# Every host address stands alone, and every route leads out of net1 first.
one_table() {
	for host in a b; do
		number=$([ $host = a ] && echo 1 || echo 2)
		for index in 1 2; do
			ip -n "$LAB_NAME-$host" address flush dev net$index || return 1
			ip -n "$LAB_NAME-$host" address add 10.77.$index.$number/32 dev net$index || return 1
			ip -n "$LAB_NAME-$host" route add default dev net$index metric $index || return 1
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
