# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every command of the harness shares: messages, errors, the checkout's places. Sourced, never run.
# An interrupt ends a command with status 130 in all of its phases.
# A command that cannot do what it is asked prints one line on stderr, which says what to do, and ends with status 2.

# A descriptor that the caller closed would be the next file's that is opened.
{ :; } 2>/dev/null 9<&0 || exec </dev/null
{ :; } 2>/dev/null 9>&1 || exec >/dev/null
{ :; } 9>&2 || exec 2>/dev/null
trap 'exit 130' INT # also where a child takes an interrupt for itself

GRANULE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$GRANULE/.build
ME=${ME:-$(basename "$0")}

# Progress goes to stderr, only when there is work: standard output belongs to the guest.
say() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { say "$@"; exit 2; }

# quietly LOG WHAT COMMAND...: its output goes to LOG and is shown only when it fails, the two reasons that have nothing
# to do with us in one line.
quietly()
{
	local log=$1 what=$2
	shift 2
	need_build_dir
	if ! "$@" </dev/null >"$log" 2>&1; then
		! grep -qs 'No space left on device' "$log" || die "$what failed: no space left on the disk ($log)"
		! grep -qsE 'Temporary failure resolving|Could not (resolve|connect)|Network is unreachable' "$log" ||
			die "$what failed: Debian's mirror cannot be reached, which is needed once ($log)"
		{ grep -q '^FAILED: ' "$log" && sed -n '/^FAILED: /,$ p' "$log" || cat "$log"; } |
			tail -n 40 | cut -c 1-400 >&2 # link commands are long
		die "$what failed; the whole output is in $log"
	fi
}

# The directory that all is built in, and said why when there can be none.
need_build_dir()
{
	mkdir -p "$BUILD/log" 2>/dev/null && [[ -w $BUILD && -w $BUILD/log ]] ||
		die "$BUILD cannot be written: builds need a place"
}

# version_at_least HAVE WANT
version_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }
