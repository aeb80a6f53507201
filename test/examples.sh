#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The C examples of the man pages and the README compile without a warning; those that are a client
# and a server talk to each other, in a network namespace of their own where one is to be had.
#   examples.sh SOURCE-DIRECTORY LIBRARY
#
# In a page the line .\" example: NAME marks the next display: NAME is a program, or "body" for the
# inside of a function that has a session as `fd` and as `h`. In the README it is <!-- example: NAME -->.
set -u
library=$(realpath "$2")
directory=$(dirname "$library")
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC2016
extract='
	function begin(name) {
		file = work "/" prefix "-" name
		body = name == "body"
		if (body)
			file = file (++bodies) ".c"
		if (body)
			print "#include <hawser.h>\n#include <stdio.h>\n#include <sys/socket.h>\n" \
			      "#include <unistd.h>\nlong example(int fd, hawser_t *h);\n" \
			      "long example(int fd, hawser_t *h)\n{\n(void)fd;\n(void)h;\n{" > file
	}
	function end() {
		if (body)
			print "}\n}" > file
		close(file)
		file = ""
		inside = 0
	}
	/^\.\\" example: / { begin($3); next }
	/^<!-- example: / { begin($3); next }
	file != "" && !inside && (/^\.Bd/ || /^```c$/) { inside = 1; next }
	inside && (/^\.Ed/ || /^```$/) { end(); next }
	inside { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print > file }
'
for page in man/*.[0-9] README.md; do
	prefix=$(basename "$page" | tr . -)
	awk -v work="$work" -v prefix="$prefix" "$extract" "$page" || exit 1
done

compiled=0
for source in "$work"/*.c; do
	[ -e "$source" ] || { echo "examples: none found" >&2; exit 1; }
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Iinclude -c "$source" -o "${source%.c}.o" || {
		echo "examples: $(basename "$source") does not compile" >&2
		exit 1
	}
	compiled=$((compiled + 1))
done
echo "$compiled examples compile"

# A library for a sanitizer cannot be loaded by a plain program.
if readelf -d "$library" | grep -q 'NEEDED.*san\.so' || nm -D "$library" | grep -q '__[at]san_'; then
	exit 0
fi
for program in "$work"/*-server.o "$work"/*-client.o; do
	${CC:-cc} "$program" -L"$directory" -lhawser -o "${program%.o}" || exit 1
done
namespace='unshare -n'
[ "$(id -u)" = 0 ] || namespace='unshare -Urn'
$namespace ip link set lo up 2> /dev/null || { echo "examples: no network namespace: not run" >&2; exit 77; }
for server in "$work"/*-server; do
	# The client dials until the server listens; both end by themselves.
	# shellcheck disable=SC2016,SC2086
	LD_LIBRARY_PATH=$directory timeout 60 $namespace sh -c '
		ip link set lo up
		"$1-server" > "$1-output" & server=$!
		until "$1-client" 2> "$1-why"; do
			kill -0 $server || exit 1
		done
		wait $server' sh "${server%-server}" || { echo "examples: ${server##*/} failed" >&2; exit 1; }
	[ -s "${server%-server}-output" ] || { echo "examples: ${server##*/} printed nothing" >&2; exit 1; }
done
echo "the servers got what the clients sent"
