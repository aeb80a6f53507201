# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced: two hosts and their networks for a measurement, the servers on b, the clients on a.

networks=0
congestion=cubic
server_options=() # of all servers that are started
others_busy='' # before each pair of hosts: how much of the processors something else used, in percent
declare -A serving # by port

# hosts NETWORK...: each "RATE [DELAY_MS [LOSS_PERCENT [LINK-OPTION...]]]". With a delay it is the link program,
# without one two veth pairs with tbf between, with the rate - one bare veth pair. Figures of other hosts are
# forgotten.
hosts()
{
	local network host
	look_around
	lab_up bench || exit $?
	networks=0
	serving=()
	values=()
	for network in "$@"; do
		networks=$((networks + 1))
		# shellcheck disable=SC2086
		case $network in
		-) lab_direct $networks || exit 1 ;;
		*' '*) lab_link $networks $network || exit 1 ;;
		*) lab_veth $networks $network || exit 1 ;;
		esac
	done
	lab_congestion $congestion
	: > "$LAB_DIR/errors"
	for host in a b; do
		# Sessions that are opened in turn need ports; the same for all that are compared.
		lab_exec $host sh -c 'cd /proc/sys/net/ipv4 && echo 1 > tcp_tw_reuse &&
			echo 10000 65535 > ip_local_port_range' 2>> "$LAB_DIR/errors"
		[ -z "$has_mptcp" ] || lab_exec $host ip mptcp limits set subflow 8 add_addr_accepted 8
	done
	[ -n "$has_mptcp" ] || return 0
	for host in $(seq 2 $networks); do
		lab_exec b ip mptcp endpoint add "10.77.$host.2" dev "net$host" signal
	done
}

# What this machine does besides, over a moment when the benchmark itself does nothing.
look_around()
{
	others_busy="$others_busy $({ head -n 1 /proc/stat; sleep 0.25; head -n 1 /proc/stat; } | awk '
		{ all = 0; for (i = 2; i <= 9; i++) all += $i; idle = $5 + $6 }
		NR == 1 { all_before = all; idle_before = idle }
		END { print 100 - 100 * (idle - idle_before) / (all - all_before) }')"
}

# serve PORT OPTION...: a server on b listens there, started when it is first wanted.
serve()
{
	local port=$1 tries=0
	shift
	[ -z "${serving[$port]:-}" ] || return 0
	serving[$port]=1
	(exec ip netns exec "$LAB_NAME-b" "$hawser" bench -l --insecure "${server_options[@]}" "$@" "$port" \
		> "$LAB_DIR/server-$port" 2>&1) &
	disown
	while ! grep -q listening "$LAB_DIR/server-$port" 2> /dev/null && [ $tries -lt 100 ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
}

# Every address of b.
everywhere()
{
	seq -s , -f '10.77.%g.2' 1 $networks
}

# contender WHO SLOT: sets arguments, for a client, and sees that its server is there. WHO is tcpN (over
# network N), mptcp, a mode (through a handle), fd-MODE (through a descriptor), lent-MODE (buffers lent),
# auto-MODE (hawser chooses the congestion control), spun-MODE and spun-fd-MODE (who waits spins for 100 us before
# it sleeps) or timerless-MODE (no liveness timer at the sender); bbr-tcpN and bbr-mptcp have bbr. Several clients
# at once have slots of their own.
contender()
{
	local port=$((4300 + 20 * $2)) number=${1#tcp}
	case $1 in
	tcp?) port=$((port + 10 + number)) arguments=(--as tcp "10.77.$number.2:$port")
		serve $port --as tcp ;;
	mptcp) port=$((port + 1)) arguments=(--as mptcp "10.77.1.2:$port")
		serve $port --as mptcp ;;
	bbr-tcp?) number=${1#bbr-tcp} port=$((port + 14 + number))
		arguments=(--as tcp --congestion bbr "10.77.$number.2:$port")
		serve $port --as tcp --congestion bbr ;;
	bbr-mptcp) port=$((port + 6)) arguments=(--as mptcp --congestion bbr "10.77.1.2:$port")
		serve $port --as mptcp --congestion bbr ;;
	fd-*) port=$((port + 2)) arguments=(--face descriptor -m "${1#fd-}" "$(everywhere):$port")
		serve $port --face descriptor ;;
	lent-*) contender "${1#lent-}" "$2"; arguments+=(--lent) ;;
	auto-*) port=$((port + 3)) arguments=(-O congestion=auto -m "${1#auto-}" "$(everywhere):$port")
		serve $port -O congestion=auto ;;
	spun-fd-*) port=$((port + 4)) arguments=(-O spin=100us --face descriptor -m "${1#spun-fd-}" "$(everywhere):$port")
		serve $port -O spin=100us --face descriptor ;;
	spun-*) port=$((port + 5)) arguments=(-O spin=100us -m "${1#spun-}" "$(everywhere):$port")
		serve $port -O spin=100us ;;
	timerless-*) contender "${1#timerless-}" "$2"
		arguments+=(-O suspect_floor=never -O probe_interval=never) ;;
	*) arguments=(-m "$1" "$(everywhere):$port")
		serve $port ;;
	esac
}

# measure WHO OPTION...: one run of the contender; its reports, one JSON object for each client, go to
# $LAB_DIR/run. tcp means TCP over each network at once. With clients=N, N of them run at once.
measure()
{
	local who=$1 slot one all=() running=() arguments
	shift
	for slot in $(seq 0 $((clients - 1))); do
		[ "$who" = tcp ] || { all+=("$who $slot"); continue; }
		for one in $(seq 1 $networks); do all+=("tcp$one $slot"); done
	done
	rm -f "$LAB_DIR"/run "$LAB_DIR"/run-*
	for one in "${all[@]}"; do
		# shellcheck disable=SC2086
		contender $one
		lab_exec a "$hawser" bench --json --insecure "$@" "${arguments[@]}" \
			> "$LAB_DIR/run-${one/ /-}" 2>> "$LAB_DIR/errors" &
		running+=($!)
	done
	wait "${running[@]}"
	reports=${#all[@]}
	cat "$LAB_DIR"/run-* > "$LAB_DIR/run"
}
