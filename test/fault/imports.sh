#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything the library imports either has a wrapper that can have it fail, or is listed as what cannot.
#   imports.sh OBJECT CORE LIST    OBJECT: driver and transport after rename.sh
set -u
export LC_ALL=C
object=$1 core=$2 list=$3
[ "$(nm -u "$object" | grep -c ' U fault_')" -gt 40 ] || { echo "hardly anything is wrapped in $object" >&2; exit 1; }
known=" $({ nm --defined-only "$core" 2> /dev/null | awk 'NF == 3 { print $3 }'; grep -v '^#' "$list"; } |
	tr '\n' ' ')"
missing=$(nm -u "$object" | sed -n 's/^ *U //p' |
	grep -v -e '^fault_' -e '^__asan_' -e '^__ubsan_' -e '^__sanitizer_' -e '^__tsan_' |
	sed 's/^__\(.*\)_chk$/\1/' | sort -u |
	while read -r name; do
		case $known in *" $name "*) ;; *) echo "$name" ;; esac
	done)
[ -z "$missing" ] || {
	echo "The library imports what test/fault neither wraps nor lists:" $missing >&2
	exit 1
}
