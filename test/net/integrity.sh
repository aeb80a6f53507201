#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# integrity.c over two networks, and between two processes of one host. "long" as the first
# argument: 10,000 messages up to 64 MB and a stream of 4 GB in every mode, many minutes.

here=$(dirname "$0")
# shellcheck source=test/net/common.sh
. "$here/common.sh"
lab_enter "$0" "$@"
lab_up integrity || exit $?
lab_veth 1 - && lab_veth 2 - || exit 1

if [ "${1:-}" = long ]; then
	shift
	messages=10000 largest=64000000 stream=4294967296
else
	messages=2000 largest=20000000 stream=268435456
fi
net_run net_integrity "$LAB_NAME-a" "$LAB_NAME-b" 10.77.1.2,10.77.2.2 \
	$messages $largest $stream "$@" || exit 1
echo "one host"
net_run net_integrity "$LAB_NAME-a" "$LAB_NAME-a" 127.0.0.1 \
	$messages $largest $((stream / 4)) "$@" || exit 1
