# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced: the table of what dependability costs beside TCP and MPTCP. One function for each pair of hosts
# that is wanted; a row is one comparison of figures that its rounds brought.

declare -A lost_why # of the last run of PREFIX WHO that was lost

# rounds N PREFIX WHO... -- OPTION...: every contender once in each round; values[PREFIX WHO.FIGURE].
rounds()
{
	local times=$1 prefix=$2 who whos=() name figure figures
	shift 2
	while [ "$1" != -- ]; do whos+=("$1"); shift; done
	shift
	rounds_done=$times
	for _ in $(seq "$times"); do
		for who in "${whos[@]}"; do
			[ -n "$has_mptcp" ] || [ "${who#bbr-}" != mptcp ] || continue
			: > "$LAB_DIR/errors"
			measure "$who" "$@"
			figures=$(jq -rs --argjson clients "$reports" -f "$here/bench/run.jq" < "$LAB_DIR/run" 2> /dev/null)
			if [ "${figures:-lost}" = lost ]; then
				lost_why[$prefix$who]=$(head -n 3 "$LAB_DIR/errors" | paste -sd ';')
				echo "$who $*: ${lost_why[$prefix$who]}" >&2
			fi
			while read -r name figure; do
				values[$prefix$who.$name]="${values[$prefix$who.$name]:-} $figure"
			done < <(in_every_list "${figures:-lost}")
		done
	done
}

# The lines of FIGURES; of a run that was lost, a mark for each figure that others of its kind have.
in_every_list()
{
	local name
	[ "$1" = lost ] || { echo "$1"; return; }
	for name in goodput_mbps gap_ms cpu_s_per_gb client_cpu_s_per_gb p50_us p99_us p50_ms p99_ms per_s requests \
		client_cpu_us idle_kib idle_paths sampled_paths small_per_ms; do
		echo "$name lost"
	done
}

# row NAME WORK UNIT FIGURE TCP MPTCP HAWSER AGAINST WORDS OPERATOR LIMIT: the medians of the three contenders'
# FIGURE; what is judged is the median of HAWSER's divided, round by round, by AGAINST's, or its own where
# AGAINST is "-". OPERATOR with ! behind it: in every run. "-": nothing is judged.
row()
{
	local name=$1 work=$2 unit=$3 figure=$4 operator=${10} limit=${11} part verdict='' wish='' judged
	row_wanted "$name" || return 0
	if [ "$8" = - ]; then
		values[judged]=${values[$7.$figure]:-}
	else
		ratios judged "$7.$figure" "$8.$figure"
	fi
	part=$(median judged)
	if [ "$operator" != - ]; then
		wish="${operator%!} $limit"
		judged=$part
		[ "$operator" != '>=!' ] || judged=$(spread judged) judged=${judged%%..*}
		[ "$operator" != '<=!' ] || judged=$(worst judged)
		verdict=$(verdict "$judged" "${operator%!}" "$limit" "$7" "$8")
	fi
	print_row "$name" "$work" "$unit" "$(median "$5.$figure")" "$(median "$6.$figure")" \
		"$(median "$7.$figure")" "$part" "$(spread judged)" "$9" "$wish" "$verdict"
}

# verdict FIGURE OPERATOR LIMIT HAWSER AGAINST
verdict()
{
	case $4 in lent-*) [ -n "$has_lent" ] || { echo 'short (not built)'; return; } ;; esac
	case $5 in *mptcp*) [ -n "$has_mptcp" ] || { echo 'no MPTCP here: not judged'; return; } ;; esac
	case ${values[judged]} in *lost*) echo short; return ;; esac
	if is "$1" "$2" "$3"; then echo pass; else echo short; fi
}

print_head()
{
	if [ -n "$markdown" ]; then
		printf '| work | TCP | MPTCP | hawser | ratio (spread) | wanted | |\n|---|---|---|---|---|---|---|\n'
		return
	fi
	[ -n "$json" ] || printf '\n%-18s %-52s %8s %8s %8s  %-34s %-9s %s\n' row work TCP MPTCP hawser \
		'ratio or figure (spread)' target ''
}

# print_row NAME WORK UNIT TCP MPTCP HAWSER PART SPREAD WORDS WISH VERDICT
print_row()
{
	if [ -n "$json" ]; then
		jq -nc --arg name "$1" --arg work "$2" --arg unit "$3" --arg tcp "$4" --arg mptcp "$5" --arg hawser "$6" \
			--arg judged "$7" --arg values "${values[judged]}" --arg compared "$9" --arg target "${10}" \
			--arg verdict "${11}" --arg congestion "$congestion" --argjson rounds "$rounds_done" \
			'{$name, $work, $unit, tcp: ($tcp | tonumber? // null), mptcp: ($mptcp | tonumber? // null),
			  hawser: ($hawser | tonumber? // null), judged: ($judged | tonumber? // null),
			  values: ($values | split(" ") | map(select(. != "") | tonumber? // null)),
			  $compared, $target, $verdict, $congestion, $rounds}'
		return
	fi
	local shape='%-18s %-52s %8s %8s %8s  %-34s %-9s %s\n'
	[ -z "$markdown" ] || shape='| %s: %s | %s | %s | %s | %s | %s | %s |\n'
	# shellcheck disable=SC2059
	printf "$shape" "$1" "$2${3:+, $3}" "$(short_number "$4")" \
		"$(short_number "$5")" "$(short_number "$6")" \
		"$(short_number "$7") ${9:+$9 }($(short_spread "$8"))" "${10}" "${11}"
}

short_number()
{
	awk -v v="$1" 'BEGIN { if (v == "-") print v; else if (v >= 100) printf "%.0f", v; else printf "%.3g", v }'
}

# A single run has no spread.
short_spread()
{
	[ "$rounds_done" -gt 1 ] || { echo 'one run'; return; }
	local rest=${1#*..}
	echo "$(short_number "${1%%..*}")..$(short_number "${rest%% *}")$(case $rest in *\ *) echo " ${rest#* }" ;; esac)"
}

# --- Rows ---

# Of streams: networks without a rate, of 1 Gb/s, slower ones. Of the last converge is told too, if there is time.
unshaped=(-t "$fast_s" --warm-up "$fast_warm_up" --check stamps)
gigabit=(-t "$gigabit_s" --warm-up "$gigabit_warm_up")
slow=(-t "$slow_s" --warm-up "$slow_warm_up")
also=() idle_also=()
[ -n "$quick" ] || also=(converge) idle_also=(mptcp)

bench_one()
{
	group_wanted one || return 0
	hosts -
	# shellcheck disable=SC2086
	rounds "$fast_rounds" '' tcp mptcp converge ${has_lent:+lent-converge} fd-converge -- "${unshaped[@]}"
	row one-send 'one unshaped veth, send' Mb/s goodput_mbps tcp mptcp converge tcp 'of TCP' '>=' 0.75
	row one-lent 'the same, buffers lent' Mb/s goodput_mbps tcp mptcp lent-converge tcp 'of TCP' '>=' 0.85
	row one-descriptor 'the same, descriptor' Mb/s goodput_mbps tcp mptcp fd-converge tcp 'of TCP' '>=' 0.35
	row one-cpu 'one unshaped veth, CPU of both ends' s/GB cpu_s_per_gb tcp mptcp converge tcp 'of TCP' '<=' 1.3
	row one-cpu-lent 'the same, buffers lent' s/GB cpu_s_per_gb tcp mptcp lent-converge tcp 'of TCP' - ''
	lab_down
}

bench_two()
{
	group_wanted two || return 0
	hosts - -
	rounds "$fast_rounds" '' tcp1 mptcp stripe converge -- "${unshaped[@]}"
	row two 'two unshaped veth, stripe' Mb/s goodput_mbps tcp1 mptcp stripe mptcp 'of MPTCP' '>=!' 1.0
	row two-converge 'the same, converge' Mb/s goodput_mbps tcp1 mptcp converge mptcp 'of MPTCP' '>=!' 1.0
	row two-gap 'the same, stripe, longest gap' ms gap_ms tcp1 mptcp stripe - '' '<=!' 100
	lab_down
}

# share NAME WORK WHO LIMIT: of what plain TCP moves over all networks at once.
share()
{
	local operator='>='
	[ "$4" != - ] || operator=-
	row "$1" "$2" Mb/s goodput_mbps tcp mptcp "$3" tcp "of TCP's sum" $operator "$4"
}

bench_gigabit()
{
	if group_wanted 2x1g; then
		hosts 1gbit 1gbit
		rounds "$gigabit_rounds" '' tcp mptcp stripe converge fd-stripe -- "${gigabit[@]}"
		share 2x1g '2 x 1 Gb/s, stripe' stripe 0.99
		share 2x1g-converge 'the same, converge' converge 0.97
		share 2x1g-descriptor 'the same, descriptor, stripe' fd-stripe 0.99
		lab_down
	fi
	group_wanted 3x1g || return 0
	hosts 1gbit 1gbit 1gbit
	rounds "$gigabit_rounds" '' tcp mptcp stripe converge -- "${gigabit[@]}"
	share 3x1g '3 x 1 Gb/s, stripe' stripe 0.99
	share 3x1g-converge 'the same, converge' converge 0.97
	lab_down
}

# sum NAME WORK LIMIT NETWORK...: stripe is judged; converge told, unless it should be quick.
sum()
{
	local name=$1 work=$2 limit=$3
	shift 3
	group_wanted "$name" || return 0
	hosts "$@"
	rounds "$slow_rounds" '' tcp mptcp stripe "${also[@]}" -- "${slow[@]}"
	share "$name" "$work" stripe "$limit"
	[ -n "$quick" ] || share "$name-converge" 'the same, converge' converge -
}

bench_sums()
{
	sum 2x100m '2 x 100 Mb/s, stripe' 0.993 100mbit 100mbit
	lab_down
	sum 100+20 '100 + 20 Mb/s at 10 + 40 ms, stripe' 0.98 '100mbit 10' '20mbit 40'
	lab_down
	sum 100+50+20 '100 + 50 + 20 Mb/s, stripe' 0.97 100mbit 50mbit 20mbit
	lab_down
}

bench_lossy()
{
	local work='50 + 50 Mb/s, 10 ms, one loses 1 %'
	if group_wanted lossy-cubic || group_wanted lossy-chosen; then
		hosts '50mbit 10' '50mbit 10 1'
		rounds "$slow_rounds" '' tcp mptcp stripe auto-stripe "${also[@]}" -- "${slow[@]}"
		share lossy-cubic "$work, stripe, cubic" stripe 0.98
		[ -n "$quick" ] || share lossy-cubic-converge 'the same, converge' converge -
		row lossy-chosen 'the same, stripe, own choice for each path' Mb/s goodput_mbps tcp mptcp \
			auto-stripe mptcp 'of MPTCP' '>=' 1.6
		lab_down
	fi
	if ! grep -qw bbr /proc/sys/net/ipv4/tcp_available_congestion_control; then
		! group_wanted lossy-bbr || say 'lossy-bbr: this kernel has no bbr: not measured, not judged.'
		return
	fi
	congestion=bbr
	sum lossy-bbr "$work, stripe, bbr" 0.98 '50mbit 10' '50mbit 10 1'
	congestion=cubic
	lab_down
}

# The rates of the two networks change places every 2 s, until the process is ended.
swap_rates()
{
	local ahead=1 behind=2
	while true; do
		lab_control $ahead rate 100mbit
		lab_control $behind rate 20mbit
		sleep 2
		ahead=$behind behind=$((3 - behind))
	done > /dev/null
}

bench_swap()
{
	local swapping
	group_wanted swap || return 0
	hosts '100mbit 10 0 --queue-bytes 250000' '20mbit 10 0 --queue-bytes 250000'
	swap_rates &
	swapping=$!
	rounds "$swap_rounds" '' tcp mptcp stripe "${also[@]}" -- -t "$swap_s" --warm-up 1
	kill $swapping
	wait $swapping 2> /dev/null
	share swap '100 <-> 20 Mb/s every 2 s, 10 ms, stripe' stripe 0.92
	[ -n "$quick" ] || share swap-converge 'the same, converge' converge -
	lab_down
}

bench_rr()
{
	local bytes name
	group_wanted rr || return 0
	hosts -
	for bytes in 1 1024; do
		name=rr-${bytes/1024/1k} words="request-reply ${bytes/1024/1 K}B"
		group_wanted "$name" || continue
		rounds "$fast_rounds" "$bytes:" tcp mptcp converge fd-converge spun-fd-converge -- \
			-t "$rr_s" --work rr --request-bytes $bytes
		row "$name" "$words, handle, median" us p50_us $bytes:tcp $bytes:mptcp $bytes:converge \
			$bytes:tcp 'of TCP' '<=' 1.15
		row "$name-p99" 'the same, p99' us p99_us $bytes:tcp $bytes:mptcp $bytes:converge $bytes:tcp \
			'of TCP' '<=' 1.3
		row "$name-descriptor" 'the same, descriptor, median' us p50_us $bytes:tcp $bytes:mptcp \
			$bytes:fd-converge $bytes:tcp 'of TCP' '<=' 2.5
		row "$name-descriptor-spin" 'the same, which spins for 100 us' us p50_us $bytes:tcp $bytes:mptcp \
			$bytes:spun-fd-converge $bytes:tcp 'of TCP' '<=' 1.5
	done
	if group_wanted rr-spin && [ -z "$quick" ]; then
		rounds "$fast_rounds" spin: tcp mptcp converge fd-converge -- -t "$rr_s" --work rr --request-bytes 1 --spin
		rounds "$fast_rounds" spin: spun-converge -- -t "$rr_s" --work rr --request-bytes 1
		row rr-spin 'request-reply 1 B, both spin, median' us p50_us spin:tcp spin:mptcp \
			spin:spun-converge spin:tcp 'of TCP' '<=' 1.15
		row rr-spin-p99 'the same, p99' us p99_us spin:tcp spin:mptcp spin:spun-converge spin:tcp 'of TCP' '<=' 1.3
		row rr-spin-program 'the same, the program spins itself, median' us p50_us spin:tcp spin:mptcp \
			spin:converge spin:tcp 'of TCP' - ''
		row rr-spin-descriptor 'the same, descriptor, median' us p50_us spin:tcp spin:mptcp \
			spin:fd-converge spin:tcp 'of TCP' - ''
	fi
	lab_down
}

# tail_latency NAME WORK LIMIT WHOSE HAWSERS NETWORK...: several clients at once, so that many messages come in
# little time. WHOSE and HAWSERS stand before the names of the contenders.
tail_latency()
{
	local name=$1 work=$2 limit=$3 tcp=$4tcp1 mptcp=$4mptcp duplicate=$5duplicate converge=$5converge
	shift 5
	row_wanted "$name-duplicate" || row_wanted "$name-converge" || row_wanted "$name-requests" || return 0
	hosts "$@"
	clients=$tail_clients
	rounds "$tail_rounds" '' "$tcp" "$mptcp" "$duplicate" "$converge" -- --work rr --rate 200 -t "$tail_s"
	clients=1
	row "$name-duplicate" "$work, duplicate, p99" ms p99_ms "$tcp" "$mptcp" "$duplicate" - '' '<=' "$limit"
	row "$name-converge" 'the same, converge, p99' ms p99_ms "$tcp" "$mptcp" "$converge" - '' '<=' "$limit"
	row "$name-requests" 'the same, messages of a run' '' requests "$tcp" "$mptcp" "$converge" - '' - ''
	lab_down
}

bench_tail()
{
	tail_latency tail '1 KB 200/s, 10 ms, one of 2 loses 1 %' 22 '' '' '200mbit 10' '200mbit 10 1'
	tail_latency tail2 '1 KB 200/s, 10 ms, both lose 1 %' 30 '' '' '200mbit 10 1' '200mbit 10 1'
	# The choice takes some seconds, and the others may have bbr as well.
	[ -z "$quick" ] || return 0
	if ! grep -qw bbr /proc/sys/net/ipv4/tcp_available_congestion_control; then
		! row_wanted tail2-chosen || say 'tail2-chosen: this kernel has no bbr: not measured, not judged.'
		return
	fi
	tail_latency tail2-chosen '1 KB, both lose 1 %, own choice (others bbr)' 30 bbr- auto- \
		'200mbit 10 1' '200mbit 10 1'
}

bench_sessions()
{
	group_wanted sessions || return 0
	hosts - -
	rounds "$fast_rounds" '' tcp1 mptcp converge fd-converge -- -t "$fast_s" --work sessions
	row sessions 'opened, a byte each way, closed' '/s' per_s tcp1 mptcp converge tcp1 'of TCP' '>=' 0.4
	row sessions-descriptor 'the same, descriptor' '/s' per_s tcp1 mptcp fd-converge tcp1 'of TCP' - ''
	row sessions-paths 'paths a session had by its end' '' sampled_paths tcp1 mptcp converge - '' - ''
	lab_down
}

bench_idle()
{
	group_wanted idle || return 0
	hosts - -
	rounds "$idle_rounds" 10: tcp1 "${idle_also[@]}" converge -- -t "$rr_s" --work rr --request-bytes 1 --idle 10
	rounds "$idle_rounds" 5000: tcp1 "${idle_also[@]}" converge -- -t "$rr_s" --work rr --request-bytes 1 --idle 5000
	row idle-memory '5,000 idle sessions, memory of each' KiB idle_kib 5000:tcp1 5000:mptcp \
		5000:converge - '' '<=' 4
	row idle-paths 'the same, paths of each' '' idle_paths 5000:tcp1 5000:mptcp 5000:converge - '' - ''
	row idle-event 'request-reply 1 B beside 5,000 idle, median' us p50_us 5000:tcp1 5000:mptcp 5000:converge \
		10:converge 'of 10 idle' '<=' 1.1
	row idle-cpu 'the same, CPU of the client for each' us client_cpu_us 5000:tcp1 5000:mptcp 5000:converge \
		10:converge 'of 10 idle' '<=' 1.1
	lab_down
}

# What takes less than a window: it must not wait for the slower network.
bench_short()
{
	local bytes name
	group_wanted short || return 0
	hosts '100mbit 10' '20mbit 40'
	for bytes in 10 100 1000; do
		name=short-${bytes}k
		group_wanted "$name" || continue
		rounds "$slow_rounds" "$bytes:" tcp1 mptcp stripe converge -- -t "$short_s" --work rr \
			--request-bytes "${bytes}000"
		row "$name" "$bytes KB each way, 100 + 20 Mb/s at 10 + 40 ms" ms p50_ms "$bytes:tcp1" "$bytes:mptcp" \
			"$bytes:stripe" "$bytes:tcp1" 'of TCP' '<=' 1.02
		row "$name-converge" 'the same, converge' ms p50_ms "$bytes:tcp1" "$bytes:mptcp" \
			"$bytes:converge" "$bytes:tcp1" 'of TCP' '<=' 1.02
	done
	lab_down
}

bench_small()
{
	group_wanted small || return 0
	hosts -
	rounds "$fast_rounds" '' tcp mptcp converge fd-converge -- -t "$fast_s" --warm-up "$fast_warm_up" --size 100
	rounds "$fast_rounds" rr: tcp mptcp converge -- -t "$rr_s" --work rr --request-bytes 100
	row small '100 B sends, no delay, messages' 'k/s' small_per_ms tcp mptcp converge tcp 'of TCP' '>=' 1.5
	row small-descriptor 'the same, descriptor' 'k/s' small_per_ms tcp mptcp fd-converge tcp 'of TCP' - ''
	row small-idle 'request-reply 100 B, median' us p50_us rr:tcp rr:mptcp rr:converge rr:tcp 'of TCP' '<=' 1.15
	lab_down
}

bench_table()
{
	print_head
	bench_one
	bench_two
	bench_gigabit
	bench_sums
	bench_lossy
	bench_swap
	bench_rr
	bench_short
	bench_tail
	bench_sessions
	bench_idle
	bench_small
}
