#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes one object of an archive, in which what fault.h lists is called by the name of its wrapper.
#   rename.sh ARCHIVE FAULT.H OUT
set -eu
sed -n 's/^\tX(\([a-z0-9_]*\),.*/\1 fault_\1/p' "$2" > "$3.names"
grep -q . "$3.names"
# free only counts. The others are what _FORTIFY_SOURCE calls instead.
printf '%s\n' 'free fault_free' '__recv_chk fault___recv_chk' '__read_chk fault___read_chk' '__fprintf_chk fault___fprintf_chk' \
	'__fgets_chk fault___fgets_chk' >> "$3.names"
ld -r --whole-archive "$1" -o "$3.whole"
objcopy --redefine-syms="$3.names" "$3.whole" "$3"
rm -f "$3.whole" "$3.names"
