# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced: how throughput and CPU grow with the size of messages, the number of paths and of sessions, and the
# round-trip time; hawser, TCP and MPTCP in one picture, and the figures beside it.
#
# A figure is begun, gets its points, the x ascending, and is drawn:
#
#	$to/NAME.tsv  who, x, Mb/s, least, most, s/GB, least, most     a line for each point of a curve
#	$to/NAME.svg  bench/plot.gp makes it of that

plot_begin()
{
	plot_name=$1 plot_busy=$others_busy
	others_busy='' plot_rows='' plot_lost='' plot_started=$(date -u '+%Y-%m-%d %H:%M UTC')
}

# plot_point X CPU-FIGURE PREFIX WHO...: what the rounds of these contenders brought; a contender of which runs
# were lost is named with the reason.
plot_point()
{
	local x=$1 cpu=$2 prefix=$3 who lost
	shift 3
	look_around
	for who; do
		[ -n "$has_mptcp" ] || [ "$who" != mptcp ] || continue
		lost=$(grep -o lost <<< "${values[$prefix$who.goodput_mbps]:-}" | wc -l)
		if [ "$lost" != 0 ]; then
			plot_lost+="# lost: $lost of $rounds_done runs of $who at $x: "
			plot_lost+="${lost_why[$prefix$who]//"$here/"/}"$'\n'
		fi
		plot_rows+=$(printf '%s\t%s\t%s\t%s' "$who" "$x" "$(plot_columns "$prefix$who.goodput_mbps")" \
			"$(plot_columns "$prefix$who.$cpu")")$'\n'
	done
}

# The median, the least, the most.
plot_columns()
{
	local middle least_most
	middle=$(median "$1") least_most=$(spread "$1") least_most=${least_most%% *}
	awk -v m="$middle" -v a="${least_most%..*}" -v b="${least_most#*..}" 'BEGIN {
		printf m == "-" ? "-\t-\t-" : "%.4g\t%.4g\t%.4g", m, a, b }'
}

# The commit that is measured.
plot_commit()
{
	local commit
	commit=$(git -C "$here" rev-parse --short HEAD 2> /dev/null) || commit=unknown
	git -C "$here" diff --quiet HEAD -- . ':!docs' 2> /dev/null || commit="$commit with changes"
	echo "$commit"
}

# plot_draw HEADING ACROSS CPU-WORDS LOGS-LEFT LOGS-RIGHT SETTINGS WHAT WHO...: SETTINGS for plot.gp; WHAT says what
# the networks were.
plot_draw()
{
	local heading=$1 across=$2 cpu=$3 left=$4 right=$5 settings=$6 what=$7 who busy quiet origin file
	shift 7
	lab_down
	values[busy]=$others_busy
	busy=$(printf '%.0f' "$(median busy)")
	others_busy="$plot_busy $others_busy"
	quiet="otherwise idle"
	[ "$busy" -lt 5 ] || quiet="BUSY with something else, $busy %: trust no figure"
	origin="$plot_started, commit $(plot_commit), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), "
	origin+="$(nproc) cores, Linux $(uname -r | cut -d- -f1), $congestion; $quiet"
	file=$to/$plot_name
	{
		echo "# $heading: $what"
		echo "# $origin ($busy % before the points)"
		echo "# By script/bench plots${quick:+ --quick}: of each figure the median, the least and the most of $rounds_done runs."
		echo "# CPU: $cpu; what the kernel does for nobody in particular is not counted"
		printf '%s' "$plot_lost"
		printf '# who\t%s\tMb/s\tleast\tmost\ts/GB\tleast\tmost\n' "$across"
		for who; do
			awk -F'\t' -v who="$who" '$1 == who' <<< "$plot_rows"
		done
	} > "$file.tsv"
	if ! grep -q $'^[^#]*\t[0-9]' <(cut -f 1,3 "$file.tsv"); then
		echo "$plot_name: no run ended well, there is no picture; see $file.tsv" >&2
		return
	fi
	gnuplot -e "data='$file.tsv'; picture='$file.svg'; heading='$heading'; origin='$origin'; whos='$*'" \
		-e "across='$across'; cpu='$cpu'; logs_left='$left'; logs_right='$right'; $settings" \
		"$here/bench/plot.gp" || exit 1
	say "$file.svg, $file.tsv: $heading; the machine was $quiet."
}

# --- Figures ---

plot_size()
{
	local bytes marks whos=(tcp mptcp converge)
	group_wanted size || return 0
	plot_begin size
	server_options=(--work messages)
	hosts -
	for bytes in $plot_sizes; do
		rounds "$plot_rounds" "$bytes:" "${whos[@]}" -- -t "$fast_s" --warm-up "$fast_warm_up" \
			--work messages --size "$bytes" --check stamps
		plot_point "$bytes" cpu_s_per_gb "$bytes:" "${whos[@]}"
	done
	server_options=()
	marks='"1" 1, "16" 16, "256" 256, "4 K" 4096, "64 K" 65536, "1 M" 1048576, "64 M" 67108864'
	plot_draw 'Messages of 1 B to 64 MB' 'bytes of a message' 'CPU seconds per GB, both ends' xy xy \
		"marks='$marks'; reach='set xrange [0.7:1e8]'" \
		'one path, a bare veth pair; over TCP and MPTCP a message is its length in 8 bytes and its bytes' "${whos[@]}"
}

plot_paths()
{
	local count whos=(tcp mptcp stripe converge) rates=()
	group_wanted paths || return 0
	plot_begin paths
	for count in $plot_paths; do
		while [ ${#rates[@]} -lt "$count" ]; do rates+=(1gbit); done
		hosts "${rates[@]}"
		rounds "$plot_rounds" '' "${whos[@]}" -- -t "$gigabit_s" --warm-up "$gigabit_warm_up" --check stamps
		plot_point "$count" cpu_s_per_gb '' "${whos[@]}"
		lab_down
	done
	plot_draw '1 to 8 paths of 1 Gb/s' 'paths' 'CPU seconds per GB, both ends' '' '' \
		"reach='set xrange [0.5:8.5]; set xtics 1'" \
		'networks of 1 Gb/s each; TCP is a connection over each of them at once' "${whos[@]}"
}

plot_sessions()
{
	local count marks whos=(tcp mptcp converge)
	group_wanted sessions || return 0
	plot_begin sessions
	hosts -
	for count in $plot_sessions; do
		rounds "$plot_rounds" "$count:" "${whos[@]}" -- -t "$fast_s" --warm-up "$fast_warm_up" \
			--check stamps --idle $((count - 1))
		plot_point "$count" client_cpu_s_per_gb "$count:" "${whos[@]}"
	done
	marks='"1" 1, "10" 10, "100" 100, "1,000" 1000, "5,000" 5000'
	plot_draw 'One stream beside up to 5,000 open sessions' 'sessions' 'CPU seconds per GB, the sender' x x \
		"marks='$marks'; reach='set xrange [0.8:7000]'" \
		'one path each over a bare veth pair; one session carries a stream, the others are open and silent' "${whos[@]}"
}

plot_rtt()
{
	local rtt_ms whos=(tcp mptcp stripe converge)
	group_wanted rtt || return 0
	plot_begin rtt
	for rtt_ms in $plot_rtts; do
		hosts "100mbit $((rtt_ms / 2))" "100mbit $((rtt_ms / 2))"
		rounds "$plot_slow_rounds" '' "${whos[@]}" -- -t "$plot_rtt_s" --warm-up "$plot_rtt_warm_up"
		plot_point "$rtt_ms" cpu_s_per_gb '' "${whos[@]}"
		lab_down
	done
	plot_draw '2 x 100 Mb/s, round trips of 0 to 300 ms' 'round-trip time, ms' 'CPU seconds per GB, both ends' '' '' \
		"reach='set xrange [-8:308]; set xtics 50'" \
		"two networks made by the link program; TCP is a connection over each at once; $plot_rtt_warm_up s of warm-up" \
		"${whos[@]}"
}

bench_plots()
{
	if [ -n "$quick" ]; then
		plot_rounds=1 plot_slow_rounds=1 plot_rtt_s=5 plot_rtt_warm_up=2
		plot_sizes='1 16 256 4096 65536 1048576 67108864'
		plot_paths='1 2 4 8' plot_sessions='1 100 1000 5000' plot_rtts='0 20 100 300'
	else
		plot_rounds=5 plot_slow_rounds=3 plot_rtt_s=12 plot_rtt_warm_up=4
		plot_sizes='1 4 16 64 256 1024 4096 16384 65536 262144 1048576 4194304 16777216 67108864'
		plot_paths='1 2 3 4 5 6 7 8' plot_sessions='1 10 100 500 1000 2000 5000'
		plot_rtts='0 2 10 20 50 100 200 300'
	fi
	plot_rounds=${runs:-$plot_rounds} plot_slow_rounds=${runs:-$plot_slow_rounds}
	mkdir -p "$to" || exit 1
	plot_size
	plot_paths
	plot_sessions
	plot_rtt
}
