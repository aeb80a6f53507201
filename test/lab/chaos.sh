# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The fault lab's scenario in which everything happens at once, at random; see scenarios.sh.

# pick WORD...: one of them, into `picked`; the same ones for the same LAB_SEED.
pick()
{
	shift $((RANDOM % $#))
	picked=$1
}

# A fault, or the end of some; what cannot be done now is not done.
chaos_step()
{
	local network host
	pick 1 2
	network=$picked
	pick a b
	host=$picked
	pick "lab_cut $network" "lab_cut $network $host" "lab_heal $network" "lab_heal $network" \
		"lab_rst $network" "lab_carrier $network down $host" "lab_carrier $network up $host" \
		"lab_interface $network down $host" "lab_interface $network up $host" \
		"lab_route $network deleted $host" "lab_route $network restored $host" \
		"lab_readdress $network a 7" "lab_readdress $network a 1" "lab_readdress $network b 7" \
		"lab_readdress $network b 2" "control $network size 1000" "control $network size -" \
		"control $network forget 1" "control $network forget -" "control $network delay 300" \
		"control $network delay 10" "control $network loss 5" "control $network loss 0" \
		"control $network jitter 30" "control $network rate 50kbit" "control $network rate 10mbit" \
		"control $network queue 2000000" "control $network queue 62500" chaos_stop chaos_end \
		"traffic set slow" "traffic set quick" chaos_mode chaos_mode "chaos_end" "chaos_end"
	say "$picked"
	$picked 2>> "$LAB_DIR/log" || say "not done"
}

# One of the two programs stands still for a while.
chaos_stop()
{
	pick "$process_a" "$process_b"
	kill -STOP "$picked"
	sleep 1
	kill -CONT "$picked"
}

chaos_mode()
{
	pick stripe duplicate converge backup "$mode" "$mode"
	say "$picked"
	traffic set "$picked"
}

chaos_end()
{
	local network host
	traffic set quick
	for network in 1 2; do
		lab_heal $network
		control $network 'size -; forget -; delay 10; jitter 0; loss 0; rate 10mbit; queue 62500'
		for host in a b; do
			lab_carrier $network up $host
			lab_interface $network up $host
			lab_route $network restored $host
		done
		lab_readdress $network a 1
		lab_readdress $network b 2
	done
}

scenario_chaos()
{
	local steps=80
	[ "$length" = short ] && steps=15
	: "${LAB_SEED:=$((SRANDOM % 32768))}"
	RANDOM=$LAB_SEED
	figure seed "$LAB_SEED"
	networks 10mbit 10 0 --queue-bytes 62500
	session orphan_timeout=5min refused_timeout=10min send_buffer=2M receive_buffer=2M
	fault true
	for _ in $(seq $steps); do
		chaos_step
		pick 0.1 0.2 0.5 2
		sleep "$picked"
	done
	traffic set "$mode"
	heal chaos_end
	delivered
}
