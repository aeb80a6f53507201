#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The matrix of faults.c. With an argument only that mode, or "timers": the modes that need no
# detection, with detection off.

here=$(dirname "$0")
# shellcheck source=test/net/common.sh
. "$here/common.sh"
lab_enter "$0" "$@"
lab_up faults || exit $?
net_slow_pair || exit $?

# Where networks have no delay a message's last part must itself be long enough on the way.
last=0
lab_is_link 1 || last=400000

run() {
	net_run net_faults "$LAB_NAME-a" "$LAB_NAME-b" 10.77.1.2,10.77.2.2 --last $last "$@" || exit 1
}

case ${1:-all} in
all) run ;;
timers)
	for mode in duplicate converge; do
		run --mode $mode --fault cut --option suspect_floor=never --option probe_interval=never
	done
	run --mode converge --fault cut --option overdue=off
	;;
*) run --mode "$1" ;;
esac
