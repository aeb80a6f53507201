#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the model of joining and ending with spin, all of its states: what must hold holds, and every
# error that is planted on purpose is found. Without spin (and no way to install it): skipped, 77.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=script/need.sh
. script/need.sh
need spin=spin gcc=gcc > /dev/null 2>&1 || { echo "spin is not here and cannot be installed: skipped"; exit 77; }
model=$PWD/model/session.pml
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# search OPTIONS...: 0 nothing found in any state, 1 an error found, 2 not searched to the end.
search()
{
	cd "$work" || return 2
	rm -f ./pan* ./*.trail
	spin -a "$@" "$model" > spin.out 2>&1 || { cat spin.out; return 2; }
	gcc "$optimise" -DSAFETY -DNOFAIR -DVECTORSZ=2048 -DMEMLIM=1024 -w -o pan pan.c || return 2
	./pan -m20000 > pan.out 2>&1
	grep -q 'errors: [1-9]' pan.out && return 1
	grep -q 'errors: 0' pan.out &&
		! grep -Eq 'max search depth too small|Search not completed' pan.out && return 0
	cat pan.out
	return 2
}

states()
{
	sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/pan.out"
}

holds()
{
	what=$1 optimise=-O2
	shift
	if search "$@"; then
		echo "ok: $what ($(states) states)"
	else
		echo "FAILED: $what: $*"
		grep 'pan:1' "$work/pan.out"
		failed=1
	fi
}

# found WHAT ASSERTION OPTIONS...: that assertion fails, a part of which is given.
found()
{
	what=$1 wanted=$2 optimise=-O0
	shift 2
	search "$@"
	if [ $? -eq 1 ] && sed -n 's/^pan:1: //p' "$work/pan.out" | grep -Fq -- "$wanted"; then
		echo "ok: found: $what"
	else
		echo "FAILED: not found: $what: $*"
		grep 'pan:1' "$work/pan.out"
		failed=1
	fi
}

holds "opening by a race, one carrier fails" -DN=0
holds "opening with a name of two hosts" -DN=0 -DHOSTS=2
holds "bytes, ends, one carrier fails" -DHELLOS=1
holds "ends, two failures" -DN=0 -DHELLOS=1 -DFAULTS=2
holds "a program aborts" -DN=0 -DHELLOS=1 -DFAULTS=2 -DABORTS
holds "an end dies" -DN=0 -DHELLOS=1 -DFAULTS=2 -DDEATH
holds "an outage outlasts the timeouts" -DN=0 -DHELLOS=1 -DFAULTS=2 -DOUTAGE
holds "established only where the peer has it, or was" -DN=0 -DHOSTS=2 -DSTRICT
holds "the same, two failures" -DN=0 -DHELLOS=1 -DFAULTS=2 -DSTRICT

found "an answered HELLO forgotten with its carrier" 'dead[winner]||(state[winner]!=0)' -DN=0 -DHELLOS=1 -DSTRICT -DBUG=14
found "what a lost path carried is not sent again" '!(dead[0])&&((state[0]==1)' -DHELLOS=1 -DBUG=1
found "a JOIN begins an ended session anew" 'u<=wrote[' -DN=0 -DHELLOS=1 -DFAULTS=2 -DABORTS -DBUG=2
found "data after FIN" '(u<=1)' -DHELLOS=1 -DBUG=3
found "CLOSE(done) too early" 'got[' -DHELLOS=1 -DBUG=4
found "no redial after the end of all carriers" '!(dead[0])&&((state[0]==1)' -DN=0 -DHELLOS=1 -DFAULTS=2 -DBUG=5
found "no orphan timeout" '||down)' -DN=0 -DHELLOS=1 -DFAULTS=2 -DBUG=6
found "RESET is not sent" '(side[1]==0)&&(side[3]==0)' -DN=0 -DHELLOS=1 -DFAULTS=2 -DABORTS -DBUG=7
found "two answers are confirmed" 'accepted==1' -DN=0 -DHOSTS=2 -DBUG=8
found "frames after CLOSE" '!(shut[x])' -DHELLOS=1 -DBUG=9
found "a JOIN that overtakes CONFIRM is refused" '!(dead[winner])&&((state[winner]==1)' -DN=0 -DHELLOS=1 -DBUG=10
found "any JOIN confirms, whatever it names" 'accepted==1' -DN=0 -DHOSTS=2 -DBUG=11
found "the reset is not told to who comes back" 'strung<3' -DN=0 -DHELLOS=1 -DFAULTS=2 -DOUTAGE -DBUG=12
found "an acceptor without paths waits for ever" 'violated 0' -DN=0 -DHELLOS=1 -DFAULTS=2 -DDEATH -DBUG=13
found "a HELLO confirmed by a JOIN is confirmed again" 'accepted==1' -DN=0 -DHELLOS=1 -DFAULTS=2 -DABORTS -DBUG=15
exit $failed
