# SPDX-License-Identifier: Apache-2.0
# The figures of one run, one a line, from the reports of its clients: jq -s --argjson clients N.
# A figure that the run has not is left out; "lost" is all that is told of a run that failed, or that was to be
# MPTCP and was plain TCP.

def total(f): map(f // 0) | add;

def counts: map(.client.latency.counts_ns // [] | .[]) | sort_by(.[0]);

def quantile_us($part):
	counts as $counts | ($counts | map(.[1]) | add) as $total
	| first(foreach $counts[] as $step (0; . + $step[1];
		if . >= $part * $total then $step[0] / 1000 else empty end));

def received_bytes: total(.client.received.bytes) + total(.server.received.bytes);

def of_stream:
	"goodput_mbps \(total(.goodput_bits_per_s) / 1e6)",
	"small_per_ms \(total(.goodput_bits_per_s) / 800e3)",
	"gap_ms \((map(.longest_gap_us // 0) | max) / 1000)",
	"cpu_s_per_gb \((total(.client.cpu_seconds) + total(.server.cpu_seconds)) * 1e9 / received_bytes)",
	"client_cpu_s_per_gb \(total(.client.cpu_seconds) * 1e9 / received_bytes)";

def of_requests:
	(counts | map(.[1]) | add) as $requests
	| "requests \($requests)",
	"p50_us \(quantile_us(0.5))",
	"p99_us \(quantile_us(0.99))",
	"p50_ms \(quantile_us(0.5) / 1000)",
	"p99_ms \(quantile_us(0.99) / 1000)",
	"per_s \($requests / (map(.client.received.seconds) | max))",
	"client_cpu_us \(total(.client.cpu_seconds) * 1e6 / $requests)";

def of_idle:
	"idle_kib \([.[] | .client.idle, .server.idle | .memory_bytes / .sessions] | max / 1024)",
	"idle_paths \(.[0].client.idle | .paths / .sessions)";

if length < $clients or any(.[]; (.intact | not) or .client.fell_back_to_tcp) then "lost"
else
	(if (received_bytes > 0 and .[0].goodput_bits_per_s != null) then of_stream else empty end),
	(if (.[0].client.latency.requests // 0) > 0 then of_requests else empty end),
	(if .[0].client.idle != null then of_idle else empty end),
	(if .[0].client.sampled != null
	 then "sampled_paths \(.[0].client.sampled | .paths / .sessions)" else empty end)
end
