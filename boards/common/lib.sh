# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every command of the harness shares: messages, errors, the checkout's places. Sourced, never run.
# A command that cannot do what it is asked prints one line on stderr, which says what to do, and ends with status 2.

GRANULE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$GRANULE/.build
ME=${ME:-$(basename "$0")}

# Progress goes to stderr, only when there is work: standard output belongs to the guest.
say() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { say "$@"; exit 2; }

# quietly LOG WHAT COMMAND...: its output goes to LOG and is shown only when it fails.
quietly()
{
	local log=$1 what=$2
	shift 2
	mkdir -p "$(dirname "$log")"
	if ! "$@" </dev/null >"$log" 2>&1; then
		tail -n 40 "$log" | cut -c 1-400 >&2 # link commands are long
		die "$what failed; the whole output is in $log"
	fi
}

# version_at_least HAVE WANT
version_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }
