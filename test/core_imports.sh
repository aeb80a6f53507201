#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The one rule of core/: what it imports is mem* and assert, nothing else. Wants the archive of a plain
# build; one made for a sanitizer imports that, and is skipped (77).
#   core_imports.sh libcore.a
set -eu
export LC_ALL=C
archive=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -u "$archive" | awk '$1 == "U" { print $2 }' | sort -u > "$work/wanted"
nm --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort -u > "$work/defined"
[ -s "$work/wanted" ] && [ -s "$work/defined" ] || { echo "nothing read from $archive" >&2; exit 1; }

comm -23 "$work/wanted" "$work/defined" > "$work/imports"
if grep -Eq '^__(asan|ubsan|tsan|msan)_|^__(gcov|llvm)_' "$work/imports"; then
	echo "built for a sanitizer or for coverage: skipped"
	exit 77
fi
grep -Evx 'mem[a-z]+|__mem[a-z]+_chk|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_' \
	"$work/imports" > "$work/forbidden" || true
if [ -s "$work/forbidden" ]; then
	echo "core imports what it must not:" >&2
	cat "$work/forbidden" >&2
	exit 1
fi
echo "core imports: $(tr '\n' ' ' < "$work/imports")"
