#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The header, the symbol map, what the library exports, the man pages and the tests name the same
# functions; every option, reason, subcommand and source file is documented; the pages are free of
# lint; the library needs libc only.
#   api_coverage.sh SOURCE-DIRECTORY LIBRARY
set -u
export LC_ALL=C
library=$(realpath "$2")
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

complain()
{
	echo "api coverage: $*" >&2
	failed=1
}

# same WHAT-A FILE-A WHAT-B FILE-B: two sorted lists of names.
same()
{
	[ -s "$2" ] || complain "$1: nothing found"
	comm -23 "$2" "$4" | while read -r name; do echo "$name is in $1, not in $3"; done > "$work/differ"
	comm -13 "$2" "$4" | while read -r name; do echo "$name is in $3, not in $1"; done >> "$work/differ"
	[ ! -s "$work/differ" ] || complain "$(cat "$work/differ")"
}

# described FILE PATTERN-BEFORE WORDS...: each word stands in the file behind that pattern.
described()
{
	file=$1 before=$2
	shift 2
	[ $# -gt 0 ] || complain "nothing to look for in $file"
	for word in "$@"; do
		grep -q -- "$before$word\($\|[^A-Za-z0-9_-]\)" "$file" || complain "$file does not describe $word"
	done
}

# --- Functions ---

${CC:-cc} -E -P include/hawser.h | grep -o '\<hawser_[a-z_]*(' | tr -d '(' | sort -u > "$work/header"
grep -o '\<hawser_[a-z_]*;' driver/hawser.map | tr -d ';' | sort -u > "$work/map"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u > "$work/exported"
sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/s/^\.Fn \([a-z_]*\).*/\1/p' man/hawser_*.3 | sort -u > "$work/pages"
same include/hawser.h "$work/header" driver/hawser.map "$work/map"
same include/hawser.h "$work/header" "the library's exports" "$work/exported"
same include/hawser.h "$work/header" "the man pages" "$work/pages"

while read -r function; do
	[ -f "man/$function.3" ] || grep -q "'$function\.3'" man/meson.build ||
		complain "no page is installed as $function.3"
	grep -q "^\.Nm $function\($\| \)" man/hawser_*.3 || complain "no page has the name $function"
	grep -rqw --include='*.c' "$function" test || complain "no test uses $function"
done < "$work/header"

# --- Options, reasons, commands, files ---

sed -n '/^static const struct option table/,/^};/s/^\t{ "\([a-z_]*\)".*/\1/p' driver/options.c |
	sort > "$work/options"
sed -n 's/^\.It Cm \([a-z_]*\)$/\1/p' man/hawser-options.7 | sort > "$work/options-described"
same driver/options.c "$work/options" man/hawser-options.7 "$work/options-described"

sed -n 's/^\t{ "\([a-z_]*\)", [a-z_]*, [^,]*, "\([^"]*\)",.*/\1 \2/p' driver/options.c > "$work/defaults"
[ -s "$work/defaults" ] || complain "driver/options.c: no defaults found"
while read -r name default; do
	sed -n "/^\.It Cm $name\$/,/^\.It Cm /p" man/hawser-options.7 | grep -qw "$default" ||
		complain "man/hawser-options.7: the default of $name is $default"
done < "$work/defaults"

sed -n 's/^\t\[REASON_[A-Z_]*\] = "\(.*\)",$/\1/p' core/reason.c > "$work/reasons"
[ -s "$work/reasons" ] || complain "core/reason.c: no reasons found"
while read -r words; do
	grep -qxF "$words" man/hawser.7 || complain "man/hawser.7 does not list the reason: $words"
done < "$work/reasons"

# shellcheck disable=SC2046
described man/hawser.1 '^\.Ss hawser ' \
	$(sed -n '/struct command commands/,/^};/s/^\t{ "\([a-z]*\)".*/\1/p' cmd/main.c)
# shellcheck disable=SC2046
described man/hawser.1 '^\.It.* Fl -' \
	$(sed -n 's/^\t{ "\([a-z-]*\)", *[a-z]*_argument,.*/\1/p' cmd/*.[ch] | sort -u)
for file in core/*.c transport/*.c driver/*.c cmd/*.c; do
	described ARCHITECTURE.md '`' "${file##*/}"
done
[ "$(wc -l < ARCHITECTURE.md)" -le 200 ] || complain "ARCHITECTURE.md has more than 200 lines"

# --- What the library needs ---

readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -v -e '^libc\.so' -e '^libpthread\.so' -e '^ld-linux' -e '^lib[a-z]*san\.so' > "$work/needed"
[ ! -s "$work/needed" ] || complain "the library needs $(tr '\n' ' ' < "$work/needed")"

# --- Lint ---

[ $failed -eq 0 ] || exit 1
command -v mandoc > /dev/null || { echo "api coverage: mandoc is not there: pages not checked" >&2; exit 77; }
mandoc -T lint -W warning man/*.[0-9] >&2 || exit 1
