#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Which calls of the library the scenarios never make, so that none of them was ever made to fail: told. A function
# of fault.h that is called and never made to fail is a failure, and so is more than a third of all calls: the rest
# is what is called only when something else has failed already.
#   reach.sh FAULT
set -u
export LC_ALL=C
fault=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

"$fault" --jobs 6 --reached > "$work/places" || { cat "$work/places"; exit 1; }
sort -u "$work/places" > "$work/reached"
start=$(nm "$fault" | sed -n 's/ . __executable_start$//p')

# A call is known by where it returns to. What ends a function as a jump returns to its caller: left out.
objdump -d --no-show-raw-insn "$fault" | awk '
	/^[0-9a-f]+ <.*>:$/ { caller = substr($2, 2, length($2) - 3); next }
	wanted != "" { sub(":", "", $1); print $1, wanted; wanted = "" }
	caller !~ /^fault_/ && $2 ~ /^call/ && $NF ~ /^<fault_/ { wanted = substr($NF, 8, length($NF) - 8) "@" caller }
' | while read -r place name; do
	printf '%x %s\n' $((0x$place - 0x$start)) "$name"
done | sed -e 's/ __\([a-z0-9]*\)_chk@/ \1@/' |
	grep -v -e ' free@' -e ' arm@' -e ' cut@' -e ' due@' -e ' key@' -e ' live@' -e ' site' -e ' track@' -e ' untrack@' \
		-e ' function_of@' | sort -u > "$work/calls"

join -v 1 "$work/calls" "$work/reached" | cut -d' ' -f2 | sort | uniq -c | sed 's/^/never:/'
all=$(wc -l < "$work/calls") never=$(join -v 1 "$work/calls" "$work/reached" | wc -l)
echo "$((all - never)) of $all calls are made to fail"
cut -d' ' -f2 "$work/calls" | sed 's/@.*//' | sort -u > "$work/functions"
join "$work/calls" "$work/reached" | cut -d' ' -f2 | sed 's/@.*//' | sort -u > "$work/failing"
# poll is asked only when accept4 has failed already; blocks are unmapped after minutes, or when more than 256 are
# spare; the stack's size is set where the C library's own share of it is large.
printf '%s\n' munmap poll pthread_attr_setstacksize >> "$work/failing"
sort -u -o "$work/failing" "$work/failing"
forgotten=$(comm -23 "$work/functions" "$work/failing")
[ -z "$forgotten" ] || { echo "Never made to fail:" $forgotten >&2; exit 1; }
[ "$all" -gt 100 ] && [ $((never * 3)) -lt "$all" ] || { echo "Too few calls are made to fail" >&2; exit 1; }
