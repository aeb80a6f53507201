# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Two hosts, a and b, and networks between them, in network namespaces. To be sourced by sh or bash:
#
#	. script/lab.sh
#	lab_enter "$0" "$@"              # not root: runs the script again inside unshare -Urnm
#	lab_up mytest || exit $?         # 77 where namespaces are not to be had
#	lab_veth 1 1gbit                 # a: 10.77.1.1 fd77:1::1   b: 10.77.1.2 fd77:1::2   device net1
#	lab_link 2 20mbit 40 1           # 20 Mb/s, 40 ms one way, 1 % loss
#	lab_start b server               # LAB_PID is the server
#	lab_exec a client 10.77.1.2
#	lab_cut 1; lab_heal 1
#
# Several labs may stand at once, each of a shell of its own: names hold the shell's process id.
# lab_down runs on EXIT: it kills everything in the namespaces and removes them. A script with an
# EXIT trap of its own calls lab_down there. Functions return 0, 77 when the machine cannot, or 1.
#
#       host a                      router                         host b
#       net1 ---- veth ---- a1 [tbf]  bridge br1  [tbf] b1 ---- veth ---- net1       lab_veth
#       net2 ---- TUN ------------- program link ------------------ TUN ---- net2    lab_link
#
# Neighbour entries are permanent, so that a cut is one in the middle of the network (the first hop
# still answers), and nothing on the hosts knows of it.

# The link program.
: "${LAB_LINK_PROGRAM:=build/test/lab/link}"

# How long a tbf queue may be, and the least burst: it must exceed the largest GSO packet.
LAB_TBF_LATENCY=15ms
LAB_TBF_BURST_BYTES=81920

lab_enter() {
	[ "$(id -u)" != 0 ] || return 0
	if ! unshare -Urnm true 2>/dev/null; then
		echo "lab: neither root nor user namespaces: skipped" >&2
		exit 77
	fi
	exec unshare -Urnm env LAB_PRIVATE=1 "$@"
}

# Inside unshare -m: a /run/netns of our own.
lab_private_mount() {
	if ! mkdir -p /run/netns 2>/dev/null; then
		mount -t tmpfs lab /run && mkdir /run/netns || return 77
	fi
	mount -t tmpfs lab /run/netns || return 77
}

# Namespaces left by labs whose shell was killed.
lab_sweep() {
	local path name process
	for path in /run/netns/hawser-*-[abr]; do
		[ -e "$path" ] || continue
		name=${path##*/}
		process=${name%-?}
		process=${process##*-}
		[ -d "/proc/$process" ] || ip netns del "$name" 2>/dev/null || :
	done
}

lab_up() { # NAME
	local which
	if [ -n "${LAB_PRIVATE:-}" ] && ! lab_private_mount; then
		echo "lab: cannot mount: skipped" >&2
		return 77
	fi
	lab_sweep
	LAB_NAME=hawser-$1-$$
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/hawser-lab.XXXXXX") || return 1
	trap lab_down EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	for which in a b r; do
		if ! ip netns add "$LAB_NAME-$which" 2>/dev/null; then
			echo "lab: cannot make a network namespace: skipped" >&2
			return 77
		fi
	done
	for which in a b; do
		# No chatter, no memory of earlier connections.
		lab_exec "$which" sh -c 'cd /proc/sys/net && echo 1 >ipv4/tcp_no_metrics_save &&
			cd ipv6/conf/default && echo 1 >addr_gen_mode && echo 0 >accept_ra &&
			echo 0 >router_solicitations' 2>/dev/null || :
		ip -n "$LAB_NAME-$which" link set dev lo up || return 1
	done
	ip netns exec "$LAB_NAME-r" \
		sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6' 2>/dev/null || :
	lab_congestion cubic
}

lab_processes() {
	local which process
	for which in a b r; do
		ip netns pids "$LAB_NAME-$which" 2>/dev/null || :
	done
	[ -f "$LAB_DIR/links" ] || return 0
	while read -r process; do
		[ "$(cat "/proc/$process/comm" 2>/dev/null)" != link ] || echo "$process"
	done <"$LAB_DIR/links"
}

lab_down() {
	local which tries=0 processes
	[ -n "${LAB_NAME:-}" ] || return 0
	trap '' PIPE # whoever read our output may be gone
	while processes=$(lab_processes); [ -n "$processes" ] && [ $tries -lt 20 ]; do
		# shellcheck disable=SC2086
		kill $processes 2>/dev/null || :
		sleep 0.05
		tries=$((tries + 1))
	done
	# shellcheck disable=SC2086
	[ -z "$processes" ] || kill -KILL $processes 2>/dev/null || :
	for which in a b r; do
		ip netns del "$LAB_NAME-$which" 2>/dev/null || :
	done
	rm -rf "$LAB_DIR"
	LAB_NAME=
}

lab_exec() { # a|b COMMAND...
	local host="$1"
	shift
	ip netns exec "$LAB_NAME-$host" "$@"
}

# In the background; LAB_PID is the command itself (after `lab_exec ... &`, $! is a subshell).
# shellcheck disable=SC2034
lab_start() { # a|b COMMAND...
	local host="$1"
	shift
	ip netns exec "$LAB_NAME-$host" "$@" &
	LAB_PID=$!
}

# The default for new connections of both hosts. The sysctl wants a name that the first namespace
# permits; root permits it for the moment it takes, one lab at a time. Else every route says it,
# which also overrides what a program asks for by TCP_CONGESTION.
lab_congestion() { # cubic|bbr
	local host index permitted='' permit=/proc/sys/net/ipv4/tcp_allowed_congestion_control
	echo "$1" >"$LAB_DIR/congestion"
	rm -f "$LAB_DIR/congestion_by_route"
	if [ -z "${LAB_PRIVATE:-}" ] && ! grep -qw "$1" $permit; then
		exec 5<$permit
		flock 5
		permitted=$(cat $permit)
		echo "$permitted $1" 2>/dev/null >$permit
	fi
	for host in a b; do
		# shellcheck disable=SC2016
		lab_exec "$host" sh -c 'echo "$1" >/proc/sys/net/ipv4/tcp_congestion_control' \
			sh "$1" 2>/dev/null || : >"$LAB_DIR/congestion_by_route"
	done
	if [ -n "$permitted" ]; then
		echo "$permitted" 2>/dev/null >$permit
		exec 5<&-
	fi
	for index in "$LAB_DIR"/*.kind; do
		[ -e "$index" ] || continue
		index=${index##*/}
		lab_host_configure "${index%.kind}" a && lab_host_configure "${index%.kind}" b || return 1
	done
	return 0
}

lab_mac() { # INDEX a|b
	printf '02:77:00:00:%02x:%s' "$1" "$([ "$2" = a ] && echo 01 || echo 02)"
}

lab_other() { # a|b
	[ "$1" = a ] && echo b || echo a
}

# Everything that a host's interface loses when it goes down.
lab_host_configure() { # INDEX a|b
	local index="$1" host="$2" other space="$LAB_NAME-$2" device="net$1" here there congestion
	other=$(lab_other "$host")
	here=$(cat "$LAB_DIR/$index.$host")
	there=$(cat "$LAB_DIR/$index.$other")
	ip -n "$space" address replace "10.77.$index.$here/24" dev "$device" || return 1
	ip -n "$space" address replace "fd77:$index::$here/64" dev "$device" nodad || return 1
	if [ "$(cat "$LAB_DIR/$index.kind")" = veth ]; then
		for there in "10.77.$index.$there" "fd77:$index::$there"; do
			ip -n "$space" neighbour replace "$there" lladdr "$(lab_mac "$index" "$other")" \
				dev "$device" nud permanent || return 1
		done
	fi
	[ -e "$LAB_DIR/congestion_by_route" ] || return 0
	congestion=$(cat "$LAB_DIR/congestion")
	ip -n "$space" route replace "10.77.$index.0/24" dev "$device" proto kernel scope link \
		src "10.77.$index.$here" congctl "$congestion" &&
		ip -n "$space" -6 route replace "fd77:$index::/64" dev "$device" proto kernel \
			metric 256 congctl "$congestion"
}

lab_hosts_configure() { # INDEX KIND
	echo "$2" >"$LAB_DIR/$1.kind"
	echo 1 >"$LAB_DIR/$1.a"
	echo 2 >"$LAB_DIR/$1.b"
	lab_host_configure "$1" a && lab_host_configure "$1" b
}

lab_rate_bits() { # 20mbit
	case $1 in
	*kbit) echo $((${1%kbit} * 1000)) ;;
	*mbit) echo $((${1%mbit} * 1000000)) ;;
	*gbit) echo $((${1%gbit} * 1000000000)) ;;
	*) echo "lab: rate $1 is not <number>kbit, mbit, gbit or -" >&2; return 1 ;;
	esac
}

# Also empties the queue that was there. A burst is 1 ms at the rate, at least LAB_TBF_BURST_BYTES.
lab_shape() { # INDEX PORT
	local rate burst
	rate=$(cat "$LAB_DIR/$1.rate")
	[ "$rate" = - ] && return 0
	burst=$(($(lab_rate_bits "$rate") / 8000))
	[ "$burst" -lt "$LAB_TBF_BURST_BYTES" ] && burst=$LAB_TBF_BURST_BYTES
	tc -n "$LAB_NAME-r" qdisc del dev "$2$1" root 2>/dev/null || :
	tc -n "$LAB_NAME-r" qdisc add dev "$2$1" root tbf rate "$rate" burst "$burst" \
		latency $LAB_TBF_LATENCY
}

lab_veth() { # INDEX RATE|-
	local index="$1" router="$LAB_NAME-r" host
	[ "$2" = - ] || lab_rate_bits "$2" >/dev/null || return 1
	echo "$2" >"$LAB_DIR/$index.rate"
	ip -n "$router" link add name "br$index" type bridge mcast_snooping 0 || return 1
	for host in a b; do
		ip -n "$router" link add name "$host$index" type veth peer name "net$index" \
			netns "$LAB_NAME-$host" address "$(lab_mac "$index" $host)" || return 1
		ip -n "$router" link set dev "$host$index" master "br$index" up || return 1
		ip -n "$LAB_NAME-$host" link set dev "net$index" up || return 1
		lab_shape "$index" $host || return 1
	done
	ip -n "$router" link set dev "br$index" up || return 1
	lab_hosts_configure "$index" veth
}

# One veth pair and nothing between the hosts: without a rate, and it cannot be cut.
lab_direct() { # INDEX
	local index="$1" host
	ip -n "$LAB_NAME-a" link add name "net$index" address "$(lab_mac "$index" a)" type veth \
		peer name "net$index" address "$(lab_mac "$index" b)" netns "$LAB_NAME-b" || return 1
	for host in a b; do
		ip -n "$LAB_NAME-$host" link set dev "net$index" up || return 1
	done
	lab_hosts_configure "$index" veth
}

# Rate, delay and loss may differ by direction: 20mbit/5mbit is 20 from a to b and 5 from b to a.
# Each network has luck of its own (two seeds, one for each direction): with the same, copies that go
# over two networks in step would be lost together.
lab_link() { # INDEX RATE DELAY_MS [LOSS_PERCENT [LINK-OPTION...]]
	local index="$1" rate="$2" delay="$3" loss="${4:-0}" word=''
	if ! [ -w /dev/net/tun ]; then
		echo "lab: no /dev/net/tun: skipped" >&2
		return 77
	fi
	if [ $# -gt 4 ]; then shift 4; else shift $#; fi
	mkfifo "$LAB_DIR/$index.ready" || return 1
	"$LAB_LINK_PROGRAM" --a "$LAB_NAME-a:net$index:10.77.$index.1/24,fd77:$index::1/64" \
		--b "$LAB_NAME-b:net$index:10.77.$index.2/24,fd77:$index::2/64" \
		--rate "$rate" --delay-ms "$delay" --loss-percent "$loss" --seed $((2 * index - 1)) "$@" \
		--control "$LAB_DIR/$index.control" >"$LAB_DIR/$index.ready" &
	echo $! >>"$LAB_DIR/links"
	read -r word <"$LAB_DIR/$index.ready" || :
	rm "$LAB_DIR/$index.ready"
	[ "$word" = ready ] || return 1
	lab_hosts_configure "$index" link
}

# Commands for a running link: rate, delay, jitter, loss, queue, stats; see link --help.
lab_control() { # INDEX COMMAND...
	local index="$1"
	shift
	"$LAB_LINK_PROGRAM" --control "$LAB_DIR/$index.control" --send "$*"
}

lab_is_link() { # INDEX
	[ "$(cat "$LAB_DIR/$1.kind")" = link ]
}

# What the router does with what comes in from each host, changed in one transaction.
lab_filter() { # INDEX ACTION-FOR-A ACTION-FOR-B
	ip netns exec "$LAB_NAME-r" nft -f - <<-END
		add table netdev lab$1
		delete table netdev lab$1
		table netdev lab$1 {
			chain from_a { type filter hook ingress device "a$1" priority 0; $2; }
			chain from_b { type filter hook ingress device "b$1" priority 0; $3; }
		}
	END
}

# Silent: packets vanish, what is queued too, and every device stays up. "a" is from a to b only; a
# second cut adds to the first.
lab_cut() { # INDEX [a|b]
	local index="$1" which="${2:-}" from_a=accept from_b=accept
	if lab_is_link "$index"; then
		lab_control "$index" cut "$which" >/dev/null
		return
	fi
	[ "$which" = b ] || : >"$LAB_DIR/$index.cut_a"
	[ "$which" = a ] || : >"$LAB_DIR/$index.cut_b"
	[ ! -e "$LAB_DIR/$index.cut_a" ] || from_a=drop
	[ ! -e "$LAB_DIR/$index.cut_b" ] || from_b=drop
	lab_filter "$index" $from_a $from_b || return 1
	[ $from_a = accept ] || lab_shape "$index" b || return 1
	[ $from_b = accept ] || lab_shape "$index" a || return 1
}

# Every TCP packet is answered with RST towards its sender and goes no further, until lab_heal: a
# side that sends nothing learns nothing.
lab_rst() { # INDEX
	if lab_is_link "$1"; then
		lab_control "$1" reset >/dev/null
	else
		lab_filter "$1" 'meta l4proto tcp reject with tcp reset' \
			'meta l4proto tcp reject with tcp reset'
	fi
}

# Ends lab_cut and lab_rst.
lab_heal() { # INDEX
	if lab_is_link "$1"; then
		lab_control "$1" heal >/dev/null
		return
	fi
	rm -f "$LAB_DIR/$1.cut_a" "$LAB_DIR/$1.cut_b"
	ip netns exec "$LAB_NAME-r" nft "add table netdev lab$1; delete table netdev lab$1"
}

# The cable at one host: NO-CARRIER there, silence at the other.
lab_carrier() { # INDEX down|up [a|b]
	local host="${3:-a}"
	if lab_is_link "$1"; then
		lab_control "$1" carrier "$host" "$2" >/dev/null
	else
		ip -n "$LAB_NAME-r" link set dev "$host$1" "$2"
	fi
}

# The administrator's ip link set down and up, after which addresses and neighbours are as before.
lab_interface() { # INDEX down|up [a|b]
	local host="${3:-a}"
	ip -n "$LAB_NAME-$host" link set dev "net$1" "$2" || return 1
	[ "$2" = down ] || lab_host_configure "$1" "$host"
}

# A host gets another address, 10.77.INDEX.LAST and fd77:INDEX::LAST, in place of the one it had.
lab_readdress() { # INDEX a|b LAST
	ip -n "$LAB_NAME-$2" address flush dev "net$1" || return 1
	echo "$3" >"$LAB_DIR/$1.$2"
	lab_host_configure "$1" a && lab_host_configure "$1" b
}

# A host's routes to a network; its addresses and the device stay.
lab_route() { # INDEX deleted|restored [a|b]
	local host="${3:-a}"
	if [ "$2" = restored ]; then
		ip -n "$LAB_NAME-$host" route replace "10.77.$1.0/24" dev "net$1" proto kernel \
			scope link src "10.77.$1.$(cat "$LAB_DIR/$1.$host")" &&
			ip -n "$LAB_NAME-$host" -6 route replace "fd77:$1::/64" dev "net$1" \
				proto kernel metric 256 || return 1
		lab_host_configure "$1" "$host"
	else
		ip -n "$LAB_NAME-$host" route del "10.77.$1.0/24" dev "net$1" &&
			ip -n "$LAB_NAME-$host" -6 route del "fd77:$1::/64" dev "net$1"
	fi
}
