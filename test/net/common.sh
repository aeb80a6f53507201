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
