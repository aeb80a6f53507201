#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Both hosts have two networks, each with a default route, and all routes lead out of net1 first. The
# routers pass no packet whose source is not of the network that it comes from. So a listener must answer
# by the network that it was asked by, from the first packet on: peers.c, and counting at the routers.

here=$(dirname "$0")
# shellcheck source=test/net/common.sh
. "$here/common.sh"
lab_enter "$0" "$@"
lab_up doors || exit $?

wrong()
{
	echo "FAILED: $*"
	exit 1
}

run() { # SCENARIO
	echo "== $1"
	net_run net_peers "$LAB_NAME-a" "$LAB_NAME-b" "$1" || exit 1
}

# How many packets of server and client were seen in the wrong network, SYN-ACKs among them.
strays() { # any|synack
	ip netns exec "$LAB_NAME-r" nft list counter ip strays "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}

# Waits until somebody listens by a network of host b, half a minute at most.
door() { # INDEX
	tries=0
	until lab_exec b ss -Hltn | grep -q "%net$1:"; do
		[ $tries -lt 600 ] || return 1
		tries=$((tries + 1))
		sleep 0.05
	done
}

lab_veth 1 100mbit && lab_veth 2 100mbit || exit $?
net_one_table || wrong "one table"
# As Debian sets up hosts (loose), and as a router should be (strict).
for host in a b; do
	lab_exec $host sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 2 >$f; done' ||
		wrong "rp_filter of host $host"
done
ip netns exec "$LAB_NAME-r" sh -c 'for f in all br1 br2; do echo 1 >/proc/sys/net/ipv4/conf/$f/rp_filter; done' ||
	wrong "rp_filter of the routers"
ip netns exec "$LAB_NAME-r" nft -f - <<-END || wrong "counting"
	table ip strays {
		counter any { }
		counter synack { }
		chain seen {
			type filter hook prerouting priority raw;
			iifname "br1" ip saddr 10.77.2.0/24 jump stray
			iifname "br2" ip saddr 10.77.1.0/24 jump stray
		}
		chain stray {
			counter name any
			tcp flags & (syn | ack) == (syn | ack) counter name synack
		}
	}
END

run replies
lab_interface 2 down b || wrong "taking a network away"
run returns
echo "strays: $(strays any), SYN-ACK: $(strays synack)"
[ "$(strays synack)" = 0 ] || wrong "connections were answered in the wrong network"
[ "$(strays any)" -lt 20 ] || wrong "packets in the wrong network: the routers saw $(strays any)"

# What status says, in both families; and the port is as much in use as any.
for index in 1 2; do
	ip -n "$LAB_NAME-b" -6 route add default via fd77:$index::fe dev net$index onlink metric $index ||
		wrong "IPv6 routes"
	ip -n "$LAB_NAME-b" address add fd77:$index::2/64 dev net$index nodad || wrong "IPv6 addresses"
done
mkdir -p "$LAB_DIR/runtime"
export XDG_RUNTIME_DIR="$LAB_DIR/runtime"
lab_start b "$HAWSER_PROGRAM" cat -l --insecure -P 4000 > "$LAB_DIR/cat" 2>&1
listener=$LAB_PID
door 2 || wrong "no socket of net2's"
"$HAWSER_PROGRAM" status > "$LAB_DIR/status"
for address in 0.0.0.0 '\[::\]'; do
	grep -q "listens on $address:4000, answering each by itself: net1 net2\$" "$LAB_DIR/status" ||
		wrong "status says: $(cat "$LAB_DIR/status")"
done
lab_exec b "$HAWSER_PROGRAM" cat -l --insecure -P 4000 > "$LAB_DIR/second" 2>&1 < /dev/null &&
	wrong "a second listener on the same port"
grep -q 'in use' "$LAB_DIR/second" || wrong "the second listener says: $(cat "$LAB_DIR/second")"
kill "$listener"

# The counters bite: a listener that knows nothing of networks answers in the wrong one.
lab_start b python3 -c '
import socket
s = socket.create_server(("0.0.0.0", 7))
print("ready", flush=True)
s.accept()' > "$LAB_DIR/plain"
until grep -q ready "$LAB_DIR/plain"; do sleep 0.05; done
lab_exec a python3 -c '
import socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"net2")
s.settimeout(1.5)
try:
    s.connect(("10.77.2.2", 7))
except TimeoutError:
    pass'
[ "$(strays synack)" -gt 0 ] || wrong "a plain listener was expected to answer in the wrong network"
