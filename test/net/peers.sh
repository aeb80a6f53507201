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

lab_veth 1 100mbit || exit $?
run one
run same_host "$LAB_NAME-a" "$LAB_NAME-a"
lab_veth 2 100mbit || exit $?
run dead
net_one_table || { echo "FAILED: one table"; exit 1; }
run replies
run elsewhere
