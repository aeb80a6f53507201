# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The fault lab's scenarios: a line in the table and a function each. What they are made of stands in
# case.sh; a is the host that dials and sends in bulk, b the one that listens and sends a little.
#
# Columns, by tabs: name, seconds it takes, seconds in the short form or - where it has no part in it,
# the session's expected end, what happens.

scenarios='cut	25	10	delivered	network 1 silent both ways
cut-to-b	25	10	delivered	network 1 silent from a to b only
cut-to-a	25	10	delivered	network 1 silent from b to a only
cut-crossed	25	10	delivered	network 1 silent from a to b, network 2 from b to a
cut-lan	25	10	delivered	network 1 of two 100 Mb/s networks without delay silent
carrier-a	25	-	delivered	the cable of network 1 pulled at a
carrier-b	25	-	delivered	the cable of network 1 pulled at b
down-a	25	10	delivered	interface of network 1 down at a
down-b	25	-	delivered	interface of network 1 down at b
down-all	25	-	delivered	all interfaces down at a
rst	25	10	delivered	a middle answers all TCP of network 1 by RST
rst-lan	25	-	delivered	the same by nftables, networks without delay
rst-bursts	25	-	delivered	five times, in turn on both networks, RST for 0.5 s
rst-all	20	10	delivered	RST on both networks at once, for 1 s
readdress-a	25	10	delivered	another address on network 1 at a, then the first one again
readdress-b	25	10	delivered	the same at b
readdress-all	25	-	delivered	other addresses on both networks at a, at once
route-a	25	10	delivered	route of network 1 deleted at a and restored
route-b	25	-	delivered	the same at b
flap	160	-	delivered	network 1 silent for 15 s of every 30 s, for two minutes
flap-turns	160	-	delivered	the networks silent in turn, 12 s of every 30 s each, for two minutes
flap-fast	40	20	delivered	network 1 silent for 0.5 s of every second, 20 s long
delay-swing	60	-	delivered	delay of network 1 from 100 to 1200 ms and back, twice
delay-swing-all	60	25	delivered	the same on both networks
rate-collapse	50	20	delivered	network 1 from 50 Mb/s to 50 kb/s and back
rate-collapse-all	60	-	delivered	both networks from 50 Mb/s to 50 kb/s and back
loss-1	30	-	delivered	20 ms of jitter and 1 % loss on both networks
loss-5	45	20	delivered	20 ms of jitter and 5 % loss on both networks
reorder	30	-	delivered	jitter of 20 ms that lets packets overtake, on both networks
outage-1s	20	12	delivered	both networks silent for 1 s
outage-8s	25	12	delivered	both networks silent for 8 s
outage-60s	90	-	delivered	both networks silent for 60 s
outage-10min	700	-	delivered	both networks silent for 10 min, resume_timeout 20 min
outage-too-long	30	15	reset	both networks silent for longer than resume_timeout, 5 s
stop-b-2s	20	10	delivered	the receiving process stopped for 2 s
stop-b-20s	40	-	delivered	the receiving process stopped for 20 s
stop-a-20s	40	-	delivered	the sending process stopped for 20 s
stop-b-cut	40	-	delivered	the receiving process stopped for 10 s, network 1 silent meanwhile
kill-b	25	15	reset	the receiving process killed
kill-a	25	10	reset	the sending process killed
kill-a-cut	25	-	reset	the sending process killed while network 1 is silent
kill-a-unseen	30	-	reset	the sending process killed while both networks are silent, resume_timeout 10 s
kill-b-unseen	30	-	reset	the receiving process killed while both networks are silent for 3 s
mtu	25	12	delivered	network 1 drops what is larger than 1000 bytes, without a word
mtu-early	30	-	delivered	the same from before the session is dialled
forget-30s	75	-	delivered	middles forget what is idle for 30 s; the session is idle for 45 s
forget-2s	25	20	delivered	middles forget what is idle for 2 s; the session is idle for 12 s
zombie	60	-	delivered	network 1 fills a queue of seconds, then slows down twenty-fold
zombie-all	60	-	delivered	the same on both networks
end-cut	25	-	delivered	both programs end their streams while network 1 is silent
end-outage	25	12	delivered	the same while both networks are silent
end-rst	20	12	delivered	the same while both networks answer by RST, for 1 s
chaos	120	30	delivered	all of that on both networks at random, a new fault or its end every second or so'

# beside FAULT HEAL [NETWORKS]: network 1 fails for 8 s, and the other carries on meanwhile.
beside()
{
	${3:-networks_of_either_kind}
	session
	fault $1
	hold 4
	goes_on
	hold 4
	heal $2
	delivered
}

# --- Silence ---

scenario_cut() { beside 'lab_cut 1' 'lab_heal 1'; }
scenario_cut_to_b() { beside 'lab_cut 1 a' 'lab_heal 1'; }
scenario_cut_to_a() { beside 'lab_cut 1 b' 'lab_heal 1'; }

heal_both()
{
	both lab_heal
}

cut_both()
{
	both lab_cut
}

scenario_cut_crossed()
{
	networks_of_either_kind
	session
	fault lab_cut 1 a
	fault lab_cut 2 b
	hold 8
	heal heal_both
	delivered
}

scenario_cut_lan() { beside 'lab_cut 1' 'lab_heal 1' 'networks_of_veth 100mbit'; }

outage() # SECONDS
{
	networks_of_either_kind
	session
	fault cut_both
	hold "$1"
	heal heal_both
	delivered
}

scenario_outage_1s() { outage 1; }
scenario_outage_8s() { outage 8; }
scenario_outage_60s() { outage 60; }

# A silent path is dialled again after a tenth of its outage at the latest.
scenario_outage_10min()
{
	networks_of_either_kind
	session resume_timeout=20min
	fault cut_both
	sleep 600
	say "heal"
	heal_both
	await 90 flowing
	figure flowing_ms "$waited"
	back 120
	delivered
}

scenario_outage_too_long()
{
	networks_of_either_kind
	session resume_timeout=5s
	fault cut_both
	reset_within 35
}

# --- Interfaces, addresses, routes ---

scenario_carrier_a() { beside 'lab_carrier 1 down a' 'lab_carrier 1 up a'; }
scenario_carrier_b() { beside 'lab_carrier 1 down b' 'lab_carrier 1 up b'; }
scenario_down_a() { beside 'lab_interface 1 down a' 'lab_interface 1 up a'; }
scenario_down_b() { beside 'lab_interface 1 down b' 'lab_interface 1 up b'; }

scenario_down_all()
{
	networks_of_either_kind
	session
	fault both lab_interface down a
	hold 8
	heal both lab_interface up a
	delivered
}

scenario_readdress_a()
{
	networks_of_either_kind
	session
	fault lab_readdress 1 a 7
	goes_on
	back
	hold 6
	heal lab_readdress 1 a 1
	delivered
}

# The peer's new address is nothing that the dialler was told of.
scenario_readdress_b() { beside 'lab_readdress 1 b 7' 'lab_readdress 1 b 2'; }

scenario_readdress_all()
{
	networks_of_either_kind
	session
	fault both lab_readdress a 7
	flows_again
	back
	hold 4
	heal both lab_readdress a 1
	delivered
}

scenario_route_a() { beside 'lab_route 1 deleted a' 'lab_route 1 restored a'; }
scenario_route_b() { beside 'lab_route 1 deleted b' 'lab_route 1 restored b'; }

# --- Resets by the middle ---

scenario_rst() { beside 'lab_rst 1' 'lab_heal 1'; }
scenario_rst_lan() { beside 'lab_rst 1' 'lab_heal 1' 'networks_of_veth 100mbit'; }

scenario_rst_bursts()
{
	local index
	networks_of_either_kind
	session
	for index in 1 2 1 2 1; do
		fault lab_rst $index
		sleep 0.5
		lab_heal $index
		goes_on
		sleep 1.5
	done
	heal heal_both
	delivered
}

# Shorter than orphan_timeout: the peer may not be taken for dead.
scenario_rst_all()
{
	networks_of_either_kind
	session
	fault both lab_rst
	sleep 1
	heal heal_both
	delivered
}

# --- Flapping ---

scenario_flap()
{
	networks_of_either_kind
	session
	for _ in 1 2 3 4; do
		fault lab_cut 1
		sleep 12
		goes_on
		sleep 3
		heal lab_heal 1
		sleep 14
	done
	delivered
}

# For 3 s of 15 both are there: the one that comes back has to take over.
scenario_flap_turns()
{
	networks_of_either_kind
	session
	for _ in 1 2 3 4; do
		fault lab_cut 1
		sleep 8
		goes_on
		sleep 4
		lab_heal 1
		sleep 3
		fault lab_cut 2
		sleep 8
		goes_on
		sleep 4
		lab_heal 2
		sleep 3
	done
	heal heal_both
	delivered
}

scenario_flap_fast()
{
	local times=20
	[ "$length" = short ] && times=6
	networks_of_either_kind
	session
	for _ in $(seq $times); do
		fault lab_cut 1
		sleep 0.5
		lab_heal 1
		sleep 0.5
	done
	heal lab_heal 1
	delivered
}

# --- Delay, rate, loss ---

delay_swing() # COMMAND...
{
	networks 10mbit 100
	session
	for _ in 1 2; do
		fault "$@" 'delay 1200'
		hold 8
		goes_on
		heal "$@" 'delay 100'
		hold 6
	done
	delivered
}

scenario_delay_swing() { delay_swing control 1; }
scenario_delay_swing_all() { delay_swing both control; }

rate_collapse() # COMMAND...
{
	networks 50mbit 10 0 --queue-bytes 65536
	session
	fault "$@" 'rate 50kbit'
	hold 12
	heal "$@" 'rate 50mbit'
	delivered
}

scenario_rate_collapse() { rate_collapse control 1; }
scenario_rate_collapse_all() { rate_collapse both control; }

# What the buffers hold at the end has to come by what is left of the rate.
worse() # SETTINGS GOOD-SETTINGS
{
	networks 10mbit 10
	session send_buffer=2M receive_buffer=2M
	fault both control "$1"
	hold 6
	goes_on
	hold 6
	heal both control "$2"
	delivered
}

scenario_loss_1() { worse 'jitter 20; loss 1' 'jitter 0; loss 0'; }
scenario_loss_5() { worse 'jitter 20; loss 5' 'jitter 0; loss 0'; }
scenario_reorder() { worse 'jitter 20; reorder yes' 'jitter 0; reorder no'; }

zombie() # COMMAND...
{
	networks 10mbit 10 0 --queue-bytes 4000000
	session
	sleep 4
	fault "$@" 'rate 500kbit'
	sleep 12
	queued 1
	heal "$@" 'rate 10mbit'
	delivered
}

scenario_zombie() { zombie control 1; }
scenario_zombie_all() { zombie both control; }

# --- Middles that drop without a word ---

scenario_mtu()
{
	networks 10mbit 10
	session
	fault control 1 'size 1000'
	hold 5
	goes_on
	hold 5
	swallowed 1
	heal control 1 'size -'
	delivered
}

scenario_mtu_early()
{
	networks 10mbit 10
	control 1 'size 1000' || fail "no limit of size"
	start_session
	fault true
	hold 5
	goes_on
	swallowed 1
	heal control 1 'size -'
	delivered
}

forget() # SECONDS IDLE-SECONDS
{
	networks 10mbit 10
	session
	both control "forget $1" || fail "no forgetful middle"
	traffic set idle
	sleep 0.1
	await 30 drained
	sleep "$2"
	say "busy again"
	traffic set mark
	traffic set busy
	flows_again
	back
}

# An idle path is probed at least every 10 s, which keeps it known.
scenario_forget_30s()
{
	forget 30 45
	delivered
}

scenario_forget_2s()
{
	forget 2 12
	swallowed 1 2
	delivered
}

# --- Processes ---

# As long as it takes in the short form, too: what is meant is what the other end makes of it.
stopped() # a|b SECONDS
{
	local process=process_$1
	fault kill -STOP "${!process}"
	sleep "$2"
	heal kill -CONT "${!process}"
}

scenario_stop_b_2s()
{
	networks_of_either_kind
	session
	stopped b 2
	delivered
}

scenario_stop_b_20s()
{
	networks_of_either_kind
	session
	stopped b 20
	delivered
}

scenario_stop_a_20s()
{
	networks_of_either_kind
	session
	stopped a 20
	delivered
}

scenario_stop_b_cut()
{
	networks_of_either_kind
	session
	fault kill -STOP "$process_b"
	fault lab_cut 1
	sleep 10
	fault kill -CONT "$process_b"
	goes_on
	sleep 2
	heal lab_heal 1
	delivered
}

# The kernel of the killed end says so on every path: the listener resets after orphan_timeout, 3 s,
# the dialler when every address has refused for refused_timeout, 10 s.
scenario_kill_b()
{
	networks_of_either_kind
	session
	fault kill -KILL "$process_b"
	reset_within 25
}

scenario_kill_a()
{
	networks_of_either_kind
	session
	fault kill -KILL "$process_a"
	reset_within 15
}

# Of one network nothing is heard, so that it is resume_timeout which ends the waiting.
scenario_kill_a_cut()
{
	networks_of_either_kind
	session resume_timeout=10s
	fault lab_cut 1
	sleep 2
	fault kill -KILL "$process_a"
	reset_within 30
}

scenario_kill_a_unseen()
{
	networks_of_either_kind
	session resume_timeout=10s
	fault cut_both
	sleep 0.2
	fault kill -KILL "$process_a"
	reset_within 30
}

# What is left of the connections is refused when the networks are back.
scenario_kill_b_unseen()
{
	networks_of_either_kind
	session
	fault cut_both
	sleep 0.2
	fault kill -KILL "$process_b"
	sleep 3
	heal_both
	reset_within 45
}

# --- The end in the midst of a fault ---

# ending SECONDS FAULT HEAL: what is under way then, the ends of the streams too, arrives all the same.
ending()
{
	networks_of_either_kind
	session
	fault $2
	sleep 0.3
	traffic set stop
	sleep "$1"
	say "heal: $3"
	$3
	await 120 ended
	figure ended_ms "$waited"
	traffic set freeze
	pass
}

scenario_end_cut() { ending 4 'lab_cut 1' 'lab_heal 1'; }
scenario_end_outage() { ending 4 cut_both heal_both; }
scenario_end_rst() { ending 0.7 'both lab_rst' heal_both; }
