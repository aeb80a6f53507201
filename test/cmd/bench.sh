#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# hawser bench: every work, over each kind of connection that this kernel has, on the loopback; and that the report
# tells what was done.
#   bench.sh HAWSER
set -u
hawser=$1
work=$(mktemp -d) || exit 1
export XDG_RUNTIME_DIR=$work
server=''
trap 'kill $server 2> /dev/null; rm -rf "$work"' EXIT

fail()
{
	echo "bench: $*" >&2
	cat "$work/server" >&2
	exit 1
}

# serve OPTION...: until the next one; sets port.
serve()
{
	[ -z "$server" ] || kill "$server"
	# The port of the one before must not be taken for this one's.
	rm -f "$work/server"
	"$hawser" bench -l "$@" 127.0.0.1:0 > /dev/null 2> "$work/server" &
	server=$!
	port=''
	for _ in $(seq 200); do
		port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$work/server" 2> /dev/null)
		[ -n "$port" ] && return
		sleep 0.05
	done
	fail "no port"
}

# ask PATTERN OPTION...: a run that ends well and whose report has the pattern.
ask()
{
	local pattern=$1
	shift
	"$hawser" bench --json "$@" "127.0.0.1:$port" > "$work/run" || fail "$*: failed"
	grep -q '"intact":true' "$work/run" || fail "$*: not intact: $(cat "$work/run")"
	grep -q -- "$pattern" "$work/run" || fail "$*: no $pattern in $(cat "$work/run")"
}

kinds='tcp hawser'
[ "$(cat /proc/sys/net/mptcp/enabled 2> /dev/null)" != 1 ] || kinds="$kinds mptcp"
for kind in $kinds; do
	serve --as "$kind"
	ask '"bytes":3000000,' --as "$kind" -n 3000k
	ask '"bytes":3000000,' --as "$kind" -n 3000k --check stamps --reverse
	ask '"goodput_bits_per_s"' --as "$kind" -t 0.2 --check stamps --size 10001 --both
	ask '"requests":50,' --as "$kind" --work rr --messages 50 --request-bytes 1
	ask '"requests":50,' --as "$kind" --work rr --messages 50 --spin
	ask '"sampled":{"sessions":32,"paths":[3-9]' --as "$kind" --work sessions --messages 20
	ask '"idle":{"sessions":30,"paths":30,.*"idle":{"sessions":30,"paths":30,' --as "$kind" --work rr --messages 10 --idle 30
	serve --as "$kind" --work messages
	ask '"messages":300,' --as "$kind" --work messages --messages 300 --size 0-5000
	ask '"messages":300,' --as "$kind" --work messages --messages 300 --size 1-500000 --check stamps
	ask '"goodput_bits_per_s"' --as "$kind" --work messages -t 0.2 --size 8 --check stamps
done
serve
for size in 256Ki 64Ki 10001 32Mi; do
	ask '"lent":true' --lent -n 30000k --size $size
	ask '"lent":true' --lent -t 0.2 --size $size --both --check stamps
done
ask '"bytes":3000000,' --lent -n 3000k --reverse
serve --face descriptor
! "$hawser" bench --lent -n 3000k --reverse "127.0.0.1:$port" > "$work/run" 2>&1 ||
	fail "a server that has only descriptors lent buffers"
ask '"bytes":3000000,' --face descriptor -n 3000k
ask '"requests":50,' --face descriptor --work rr --messages 50 --spin
ask '"idle":{"sessions":30,' --face descriptor --work sessions --messages 20 --idle 30
exit 0
