# SPDX-License-Identifier: Apache-2.0
# Sourced: need COMMAND-OR-FILE=PACKAGE... installs from the distribution what is missing, and says
# first what that is. Without root it uses sudo, or says what to install and fails.
# set_up DIRECTORY MESON-OPTION... makes a build directory inside the sources, if it is not there;
# bring_up_to_date DIRECTORY [TARGET...] builds in one. All say on standard error what they do.

need()
{
	missing=""
	for pair in "$@"; do
		thing=${pair%%=*} package=${pair#*=}
		case $thing in
		/*) [ -e "$thing" ] && continue ;;
		*.pc) command -v pkg-config > /dev/null && pkg-config --exists "${thing%.pc}" && continue ;;
		*) command -v "$thing" > /dev/null && continue
		   [ -x "/usr/sbin/$thing" ] || [ -x "/sbin/$thing" ] && continue ;;
		esac
		case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
	done
	PATH=$PATH:/usr/sbin:/sbin
	[ -n "$missing" ] || return 0
	run=""
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo > /dev/null || {
			echo "Not root, and no sudo. Please have this run, then run this again:" >&2
			echo "	apt-get install$missing" >&2
			return 1
		}
		run=sudo
	fi
	echo "Installing from the distribution:$missing" >&2
	# shellcheck disable=SC2086
	{
		$run apt-get update -qq &&
		$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing 2>&1
	} > /dev/null || { echo "Could not install:$missing" >&2; return 1; }
}

set_up()
{
	directory=$1
	shift
	[ ! -f "$directory/build.ninja" ] || return 0
	echo "Setting up $directory" >&2
	said=$(meson setup "$directory" "${directory%/*}" "$@" 2>&1) || { echo "$said" >&2; return 1; }
}

bring_up_to_date()
{
	set_up "$1" || return 1
	directory=$1
	shift
	steps=$(ninja -C "$directory" -n "$@" | grep -c '^\[' || :)
	[ "$steps" -gt 0 ] || return 0
	echo "Building in $directory: $steps steps" >&2
	if [ -t 2 ]; then
		ninja -C "$directory" "$@" >&2
	else
		ninja -C "$directory" --quiet "$@" >&2
	fi
}

# Lists for need.
to_build="gcc=gcc /usr/include/stdio.h=libc6-dev make=make pkg-config=pkg-config meson=meson
	ninja=ninja-build jansson.pc=libjansson-dev"
to_network="ip=iproute2 tc=iproute2 nft=nftables bridge=iproute2 python3=python3 ps=procps unshare=util-linux"
