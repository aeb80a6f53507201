# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced: figures of several runs, by name; a run that was lost leaves a mark in its place, so that the
# figures of one round stand at the same place of every list.

declare -A values

# median NAME: of those runs that ended well; "-" where there is none.
median()
{
	# shellcheck disable=SC2086
	printf '%s\n' ${values[$1]:-} | grep -v lost | sort -g | awk '{ v[NR] = $1 }
		END { if (NR && v[1] != "") print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; else print "-" }'
}

# worst NAME: the most of them; a run that was lost is no figure.
worst()
{
	# shellcheck disable=SC2086
	printf '%s\n' ${values[$1]:-} | grep -v lost | sort -g | tail -n 1 | grep . || echo -
}

# spread NAME: the least and the most.
spread()
{
	# shellcheck disable=SC2086
	printf '%s\n' ${values[$1]:-} | awk '$1 == "lost" { lost++; next } $1 == "" { next }
		{ if (!n || $1 < a) a = $1; if (!n++ || $1 > b) b = $1 }
		END { printf "%s..%s", n ? a : "-", n ? b : "-"; if (lost) printf " (%d lost)", lost }'
}

# ratios NAME A B: values[NAME] becomes A divided by B, round by round.
ratios()
{
	values[$1]=$(awk -v a="${values[$2]:-}" -v b="${values[$3]:-}" 'BEGIN {
		n = split(a, over); m = split(b, under)
		for (i = 1; i <= n || i <= m; i++) {
			if (i > n || i > m || over[i] == "lost" || under[i] + 0 == 0)
				printf "lost "
			else
				printf "%s ", over[i] / under[i]
		}
	}')
}

# is FIGURE OPERATOR LIMIT
is()
{
	awk -v f="$1" -v o="$2" -v l="$3" 'BEGIN { exit !(f != "-" && (o == ">=" ? f + 0 >= l + 0 : f + 0 <= l + 0)) }'
}

# Seconds on the clock that never steps back.
now_s()
{
	cut -d' ' -f1 /proc/uptime
}
