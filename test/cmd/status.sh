#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# hawser status: sees the session of two running processes, its paths with their states, and in words
# why a path that is wanted carries nothing; as a table and as JSON.
#   status.sh HAWSER
set -u
hawser=$1
work=$(mktemp -d) || exit 1
export XDG_RUNTIME_DIR=$work
trap 'kill $server $client 2> /dev/null; rm -rf "$work"' EXIT
server='' client=''

fail()
{
	echo "status: $*" >&2
	exit 1
}

# One address answers, the other refuses.
"$hawser" cat -l 127.0.0.1:0 < <(sleep 60 2> /dev/null) > "$work/out" 2> "$work/server" &
server=$!
for _ in $(seq 100); do
	port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$work/server")
	[ -n "$port" ] && break
	sleep 0.05
done
[ -n "$port" ] || fail "no port: $(cat "$work/server")"
"$hawser" cat "127.0.0.1,127.0.0.2:$port" < <(echo hello; sleep 60 2> /dev/null) > /dev/null &
client=$!
for _ in $(seq 100); do
	[ -s "$work/out" ] && break
	sleep 0.05
done
[ "$(cat "$work/out")" = hello ] || fail "no session"
for _ in $(seq 100); do
	"$hawser" status $server $client > "$work/table" || fail "exit status"
	grep -q ' active  .*127.0.0.1' "$work/table" && grep -q 'carries nothing: .*refused' "$work/table" && break
	sleep 0.05
done
grep -q ' active  .*127.0.0.1' "$work/table" || fail "no active path: $(cat "$work/table")"
grep -q 'carries nothing: .*refused' "$work/table" || fail "no reason: $(cat "$work/table")"
grep -q "^ listens on 127.0.0.1:$port$" "$work/table" || fail "no listener: $(cat "$work/table")"
[ "$(grep -c '^ session' "$work/table")" = 2 ] || fail "not both ends: $(cat "$work/table")"
# The dead address is tried again now and then: it is not refused at every moment.
told_in_json()
{
	"$hawser" status --json $server $client > "$work/json" || fail "exit status with --json"
	python3 - "$work/json" 2> "$work/said" <<'PYTHON'
import json, sys
processes = json.load(open(sys.argv[1]))
sessions = [s for p in processes for s in p["sessions"]]
assert len(processes) == 2 and len(sessions) == 2
listeners = [l for p in processes for l in p["listeners"]]
assert len(listeners) == 1 and listeners[0]["address"].startswith("127.0.0.1:") and listeners[0]["error"] == 0
assert len({s["id"] for s in sessions}) == 1
for s in sessions:
    assert s["state"] == "established", s["state"]
    assert any(p["state"] == "active" and p["congestion"] for p in s["paths"])
assert any(p["state"] == "down" and "refused" in p["reason"] for s in sessions for p in s["paths"])
PYTHON
}
tries=0
until told_in_json; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || fail "JSON: $(cat "$work/said" "$work/json")"
	sleep 0.05
done
kill $server $client
wait 2> /dev/null
"$hawser" status $server $client > "$work/table" 2> "$work/said"
[ $? = 1 ] || fail "dead processes were asked for, and found"
[ ! -s "$work/table" ] || fail "the dead are listed: $(cat "$work/table")"
grep -q "no process $server of this user" "$work/said" || fail "no word of the dead: $(cat "$work/said")"
"$hawser" status foo 2> "$work/said"
[ $? = 2 ] || fail "foo is a process id"
