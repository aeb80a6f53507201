#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A seed is the same world whatever the compiler: builds the simulator by another one than this build's, without
# its optimisation, and compares what some worlds came to. Skipped where there is none.
#   elsewhere.sh SIM [COMPILER [RUNNER...]]     clang, or gcc when that built SIM; RUNNER: qemu-s390x -L ..., say
set -u
sim=$(realpath "$1") || exit 1
other=${2:-clang}
shift $(($# < 2 ? $# : 2))
[ "$other" != clang ] || ! readelf -p .comment "$sim" | grep -q clang || other=gcc
command -v "$other" > /dev/null || { echo "no $other here: skipped"; exit 77; }
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
echo '#define SIM_COMMIT "elsewhere"' > "$work/commit.h"
"$other" -std=gnu11 -D_GNU_SOURCE -O1 -w -I. -I"$work" core/*.c sim/*.c -o "$work/sim" || exit 1
"$sim" --twice 1 24 > "$work/here" && "$@" "$work/sim" --twice 1 24 > "$work/there" || exit 1
diff "$work/here" "$work/there" || { echo "not the same worlds"; exit 1; }
echo "$(wc -l < "$work/here") worlds are the same by $other"
