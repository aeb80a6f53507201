#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# recover.c, written to by each end in turn. An argument is a mode (default converge).

here=$(dirname "$0")
# shellcheck source=test/net/common.sh
. "$here/common.sh"
lab_enter "$0" "$@"
lab_up recover || exit $?
net_slow_pair || exit $?
for writer in dialler acceptor; do
	net_run net_recover "$LAB_NAME-a" "$LAB_NAME-b" 10.77.1.2,10.77.2.2 $writer "${1:-converge}" ||
		exit 1
done
