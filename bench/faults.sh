# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2086,SC2154
# Sourced: every mode beside TCP and MPTCP, without a fault and when a network falls silent in mid-stream.

# keep WHO JQ-EXPRESSION: the figure of the last run joins values[WHO]; a run that failed leaves a mark.
keep()
{
	local figure
	figure=$(jq -r "if .intact then $2 else \"lost\" end" "$LAB_DIR/run" 2> /dev/null)
	figure=${figure:-lost}
	values[$1]="${values[$1]:-} $figure"
	[ "$figure" != lost ] || { echo "$1: $(tail -n 1 "$LAB_DIR/errors")" >&2; }
}

heading()
{
	[ -n "$json" ] && return
	printf '\n%s\n%-19s %10s %-18s %-26s %-14s %s\n' "$1" who "$2" 'least..most' compared wanted ''
}

# mode_row GROUP WHO UNIT COMPARED-TEXT FIGURE OPERATOR LIMIT: FIGURE OPERATOR LIMIT is what is wanted, or
# OPERATOR is "-".
mode_row()
{
	local verdict='' wish=''
	if [ "$6" != - ]; then
		wish="$6 $7"
		verdict=$(awk -v f="$5" -v l="$7" -v o="$6" 'BEGIN {
			print f != "-" && (o == ">=" ? f + 0 >= l + 0 : f + 0 <= l + 0) ? "pass" : "short" }')
		case ${values[$2]} in *lost*) verdict=short ;; esac
	fi
	if [ -n "$json" ]; then
		# shellcheck disable=SC2086
		jq -nc --arg name "$1" --arg who "$2" --arg unit "$3" --arg median "$(median "$2")" \
			--arg compared "$4" --arg wanted "$wish" --arg verdict "$verdict" \
			--arg congestion $congestion --arg values "${values[$2]:-}" \
			'{$name, $who, $unit, median: ($median | tonumber? // null),
			  values: ($values | split(" ") | map(select(. != "") | tonumber? // null)),
			  $compared, $wanted, $verdict, $congestion}'
	else
		printf '%-19s %10s %-18s %-26s %-14s %s\n' "$2" "$(median "$2")" "$(spread "$2")" "$4" "$wish" \
			"$verdict"
	fi
}

percent()
{
	awk -v a="$1" -v b="$2" 'BEGIN { if (a == "-" || b == "-" || b == 0) print "-"; else printf "%.1f", 100 * a / b }'
}

# goodput NAME WORDS NETWORK-1 NETWORK-2 PERCENT: stripe must reach PERCENT of what TCP does on both.
goodput()
{
	group_wanted "$1" || return
	local who sum best
	hosts "$3" "$4"
	for _ in $(seq "$fault_runs"); do
		for who in tcp1 tcp2 mptcp stripe converge duplicate backup; do
			measure $who -t $fault_s --warm-up 1
			keep $who '.goodput_bits_per_s / 1e5 | round / 10'
		done
	done
	lab_down
	heading "$1: $2, goodput of one stream, $congestion" 'Mb/s'
	sum=$(awk -v a="$(median tcp1)" -v b="$(median tcp2)" 'BEGIN { print a + b }')
	best=$(awk -v a="$(median tcp1)" -v b="$(median tcp2)" 'BEGIN { print (a > b ? a : b) }')
	mode_row "$1" tcp1 Mb/s 'plain TCP, network 1' - - -
	mode_row "$1" tcp2 Mb/s 'plain TCP, network 2' - - -
	mode_row "$1" mptcp Mb/s "$(percent "$(median mptcp)" "$sum") % of TCP's sum" - - -
	compare "$1" stripe "of TCP's sum" "$sum" "$5"
	compare "$1" converge 'of stripe' "$(median stripe)" 95
	compare "$1" duplicate 'of the best alone' "$best" 95
	compare "$1" backup 'of the best alone' "$best" 95
}

compare() # NAME WHO WORDS REFERENCE PERCENT
{
	local part
	part=$(percent "$(median "$2")" "$4")
	mode_row "$1" "$2" Mb/s "$part % $3" "$part" '>=' "$5"
}

# gap_at_cut NAME WORDS NETWORK-1 NETWORK-2 LIMIT-MS DUPLICATE-LIMIT-MS OPTION...: network 1 falls
# silent in mid-stream, after slow start has been over for a second. A duplicate limit of +N is N more than plain
# TCP shows without any fault. OPTION -: one way, and again with every liveness timer of the sender off; --both:
# both ends send, and of the two gaps the longer counts.
gap_at_cut()
{
	group_wanted "$1" || return
	local who cutting limit=$6 modes='stripe converge duplicate backup' figure
	local options=(-t 4 --warm-up 2)
	case ${7:--} in
	-) modes="$modes timerless-converge timerless-duplicate" ;;
	*) options+=("$7") ;;
	esac
	figure='[.client.longest_gap_us, .server.longest_gap_us, .longest_gap_us] | map(. // 0) | max / 100 | round / 10'
	hosts "$3" "$4"
	for _ in $(seq $((2 * fault_runs - 1))); do
		measure tcp1 "${options[@]}"
		keep tcp1 "$figure"
		for who in mptcp $modes; do
			(sleep "2.$((5 + RANDOM % 5))"; lab_cut 1) &
			cutting=$!
			measure $who "${options[@]}"
			wait $cutting
			lab_heal 1
			keep $who "$figure"
			sleep 1
		done
	done
	lab_down
	heading "$1: $2, one silently cut in mid-stream, longest delivery gap, $congestion" 'ms'
	case $limit in
	+*) limit=$(awk -v a="$(median tcp1)" -v b="$limit" 'BEGIN { print a + b }') ;;
	esac
	mode_row "$1" tcp1 ms 'plain TCP, no fault' - - -
	mode_row "$1" mptcp ms '' - - -
	for who in $modes; do
		case $who in
		backup) mode_row "$1" $who ms '' - - - ;;
		*duplicate) [ "$limit" = - ] && mode_row "$1" $who ms '' - - - && continue
			mode_row "$1" $who ms "$(without_timers $who)" "$(worst $who)" '<=' "$limit" ;;
		*) mode_row "$1" $who ms "$(without_timers $who)" "$(worst $who)" '<=' "$5" ;;
		esac
	done
}

without_timers()
{
	case $1 in timerless-*) echo 'liveness timers off' ;; esac
}

# carrying_again NAME WORDS NETWORK-1 NETWORK-2: how long after the healing network 1 carries load again: half of
# what it carried before the cut, over 200 ms.
carrying_again()
{
	group_wanted "$1" || return
	local who cutting cut_s heal_s
	hosts "$3" "$4"
	for _ in $(seq "$fault_runs"); do
		for who in stripe converge duplicate; do
			(sleep 2; now_s > "$LAB_DIR/cut_s"; lab_cut 1; sleep 3; now_s > "$LAB_DIR/heal_s"; lab_heal 1) &
			cutting=$!
			measure $who -t 10 --reverse --timeline "$LAB_DIR/timeline"
			wait $cutting
			cut_s=$(cat "$LAB_DIR/cut_s") heal_s=$(cat "$LAB_DIR/heal_s")
			carrying_after "$cut_s" "$heal_s" > "$LAB_DIR/figure"
			keep $who "$(cat "$LAB_DIR/figure")"
			sleep 1
		done
	done
	lab_down
	heading "$1: $2, one silently cut for 3 s: carrying load again after, $congestion" s
	for who in stripe converge duplicate; do
		mode_row "$1" $who s '' "$(worst $who)" '<=' 2
	done
}

# Of the timeline: the bytes received by all places whose path is on net1.
carrying_after() # CUT_S HEAL_S
{
	awk -F'\t' -v cut="$1" -v heal="$2" '
		/^# start_ns/ { split($0, word, " "); start = word[3] / 1e9; next }
		/^# place/ { split($0, word, /[ :]+/); if ($0 ~ / net1 /) mine[word[3]] = 1; next }
		/^#/ { next }
		{ n++; at[n] = start + $1; for (p = 0; p < 8; p++) got[n, p] = $(5 + 2 * p) }
		END {
			for (i = 1; i <= n; i++)
				for (p in mine) sum[i] += got[i, p]
			for (i = 1; i <= n && at[i] < cut - 1; i++);
			for (j = i; j <= n && at[j] < cut; j++);
			before = (sum[j] - sum[i]) / (at[j] - at[i])
			for (k = j; k <= n && at[k] < heal; k++);
			for (m = k; m <= n; m++) {
				while (at[m] - at[k] > 0.2) k++
				if (at[m] - at[k] > 0.15 && (sum[m] - sum[k]) / (at[m] - at[k]) >= before / 2) {
					printf "%.2f", (at[k] > heal ? at[k] - heal : 0)
					exit
				}
			}
			printf "\"lost\""
		}' "$LAB_DIR/timeline"
}

# flowing_again NAME WORDS NETWORK-1 NETWORK-2: both networks silent for a while; how long after it bytes flow.
flowing_again()
{
	group_wanted "$1" || return
	local who cutting from to
	hosts "$3" "$4"
	for _ in $(seq "$fault_runs"); do
		for who in tcp1 mptcp stripe converge duplicate backup; do
			(sleep 2; lab_cut 1; lab_cut 2; now_s > "$LAB_DIR/from"; sleep "$outage"
			 now_s > "$LAB_DIR/to"; lab_heal 1; lab_heal 2) &
			cutting=$!
			measure $who -t $((outage + 12))
			wait $cutting
			from=$(cat "$LAB_DIR/from") to=$(cat "$LAB_DIR/to")
			keep $who "(.longest_gap_us / 1e6 - ($to - $from)) * 100 | round / 100"
			sleep 1
		done
	done
	lab_down
	heading "$1: $2, both silent for $outage s: flowing again after, $congestion" s
	mode_row "$1" tcp1 s 'plain TCP' - - -
	mode_row "$1" mptcp s '' - - -
	for who in stripe converge duplicate backup; do
		mode_row "$1" $who s '' "$(worst $who)" '<=' 1
	done
}

# scheduled: small requests on schedule over a clean network and one that loses packets.
scheduled()
{
	group_wanted scheduled || return
	local who
	hosts '50mbit 10' '50mbit 10 1'
	for _ in $(seq "$fault_runs"); do
		for who in tcp1 tcp2 mptcp stripe converge duplicate backup; do
			measure $who --work rr --rate 200 -t $fault_s
			keep $who '.client.latency."p99_us" / 100 | round / 10'
		done
	done
	lab_down
	heading "scheduled: 1 KB request and reply, 200/s, 10 ms one way, network 2 loses 1 %: p99 latency, $congestion" ms
	mode_row scheduled tcp1 ms 'plain TCP, clean' - - -
	mode_row scheduled tcp2 ms 'plain TCP, lossy' - - -
	for who in mptcp stripe converge duplicate backup; do
		mode_row scheduled $who ms '' - - -
	done
}

bench_faults()
{
	goodput goodput-2x1g '2 x 1 Gb/s' 1gbit 1gbit 98
	goodput goodput-100+20 '100 + 20 Mb/s at 10 + 40 ms one way' '100mbit 10' '20mbit 40' 95
	goodput goodput-2x50 '2 x 50 Mb/s at 10 ms one way' '50mbit 10' '50mbit 10' 95
	gap_at_cut cut-2x1g '2 x 1 Gb/s' 1gbit 1gbit 30 10
	gap_at_cut cut-2x50 '2 x 50 Mb/s at 10 ms one way' '50mbit 10' '50mbit 10' 150 +20
	gap_at_cut both-2x1g '2 x 1 Gb/s, both directions at once' 1gbit 1gbit 30 - --both
	gap_at_cut both-2x50 '2 x 50 Mb/s at 10 ms one way, both directions at once' '50mbit 10' '50mbit 10' 150 - --both
	carrying_again back-2x1g '2 x 1 Gb/s' 1gbit 1gbit
	flowing_again outage-2x1g '2 x 1 Gb/s' 1gbit 1gbit
	scheduled
}
