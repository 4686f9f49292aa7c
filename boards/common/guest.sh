# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# One run of a guest, whatever the board: its files, its console, its end. Sourced after lib.sh.
#
# Interactive: the console is the terminal, the kernel's log included. With a command (--exec), the serial line
# carries nothing but the command's terminal, and the kernel logs through semihosting into a file. The guest ends
# QEMU through semihosting too, so QEMU's exit status is the command's.
#
# Statuses of our own: 2 bad request, 124 time is up, 125 the kernel panicked or QEMU broke down, 130 interrupted.

WORK= # temporary directory of this run
GUEST= # process that is waited for
HELPERS=() # processes that end with it

guest_cleanup()
{
	local pid
	for pid in $GUEST "${HELPERS[@]}"; do
		kill "$pid" 2>/dev/null
	done
	[[ -z $GUEST ]] || wait "$GUEST" 2>/dev/null
	[[ -z ${TERMINAL-} ]] || stty "$TERMINAL" <&0 2>/dev/null
	[[ -z $WORK ]] || rm -rf "$WORK"
}

# What runs left that were killed before they could clean up.
remove_stale()
{
	local dir pid
	for dir in "${TMPDIR:-/tmp}"/granule-run.*; do
		pid=${dir%.*} pid=${pid##*.}
		[[ -O $dir && ! -e /proc/$pid ]] && rm -rf "$dir"
	done
}

guest_prepare()
{
	remove_stale
	[[ ! -t 0 ]] || TERMINAL=$(stty -g)
	trap guest_cleanup EXIT
	trap 'exit 143' TERM HUP
	# The name is known before the directory is there: an interrupt in between leaves nothing behind.
	WORK=$(mktemp -u "${TMPDIR:-/tmp}/granule-run.$$.XXXXXX")
	mkdir -m 700 "$WORK" 2>/dev/null || {
		WORK=
		die "no temporary directory can be made in ${TMPDIR:-/tmp}"
	}
}

# The size of our terminal's window, in stty's words: a serial line cannot tell it.
window()
{
	local rows columns
	read -r rows columns < <(stty size 2>/dev/null)
	(( rows > 0 && columns > 0 )) || rows=24 columns=80
	echo "rows $rows columns $columns"
}

# For an interactive session: /etc/profile reads it.
guest_window()
{
	window >"$WORK/window"
	GUEST_FILES+=(--file "etc/granule/window=$WORK/window")
}

# guest_command CMD: what /etc/granule/exec says. Standard input goes along as a file, byte for byte, when it is one
# or is a pipe that has ended; a longer lasting pipe, or a terminal, goes through the guest's console.
guest_command()
{
	local input=/proc/self/fd/0 from=
	if [[ ! -e $input || $(readlink -f "$input") == /dev/null ]]; then
		from='exec </dev/null; '
	elif [[ ! -t 0 ]] && timeout "$([[ -f $input ]] && echo 0 || echo 0.3)" cat >"$WORK/stdin"; then
		from='exec </etc/granule/stdin; '
		GUEST_FILES+=(--file "etc/granule/stdin=$WORK/stdin")
	fi
	[[ -z $from ]] || GUEST_STDIN=none
	[[ ! -t 0 ]] || from="stty $(window); "
	printf '%s%s\n' "$from" "$1" >"$WORK/exec"
	GUEST_FILES+=(--file "etc/granule/exec=$WORK/exec")
}

# guest_archives DIR...: sets ARCHIVES to what is to be laid over the root file system: the DIRs and GUEST_FILES.
guest_archives()
{
	local packer=$GRANULE/boards/common/mkinitramfs dir
	ARCHIVES=()
	for dir; do
		"$packer" "$WORK/over${#ARCHIVES[@]}.cpio" "$dir" || exit 2
		ARCHIVES+=("$WORK/over${#ARCHIVES[@]}.cpio")
	done
	(( ${#GUEST_FILES[@]} )) || return 0
	"$packer" "${GUEST_FILES[@]}" "$WORK/files.cpio" || exit 2
	ARCHIVES+=("$WORK/files.cpio")
}

# guest_initrd BASE DIR...: sets INITRD to BASE with the DIRs and GUEST_FILES laid over it.
guest_initrd()
{
	INITRD=$1
	guest_archives "${@:2}"
	if (( ${#ARCHIVES[@]} )); then
		INITRD=$WORK/initrd
		cat "$1" "${ARCHIVES[@]}" >"$INITRD" 2>/dev/null || die "${TMPDIR:-/tmp} has no room for the root file system"
	fi
}

# guest_disk FILE BASE DIR...: the DIRs and GUEST_FILES, and no others of former runs, lie in FILE's ext2, which may begin in the middle of it
# (FILE?offset=BYTES); a new FILE begins with BASE.
guest_disk()
{
	local how=()
	guest_archives "${@:3}"
	[[ -e ${1%%\?offset=*} ]] || how=(--new) ARCHIVES=("$2" "${ARCHIVES[@]}")
	"$GRANULE/boards/common/mkdisk" "${how[@]}" --absent etc/granule/exec --absent etc/granule/stdin \
		--absent etc/granule/window -- "$1" "${ARCHIVES[@]}" || exit 2
}

# What a lasting pipe brings for the guest's terminal: not before init is there to read it (the serial line drops what
# comes while it is set up), and at the pipe's end an end of file (^D).
feed_guest()
{
	local tries=100
	until grep -aqs 'init' "$WORK/log" || (( --tries == 0 )); do
		sleep 0.1
	done
	sleep 0.2
	cat "$WORK/stdin" - && printf '\004'
}

# Sets INPUT to where the console reads from.
guest_open_input()
{
	if [[ $GUEST_STDIN == none ]]; then
		exec {INPUT}</dev/null
	elif [[ -t 0 || -z $GUEST_EXEC ]]; then
		exec {INPUT}<&0
	else
		mkfifo "$WORK/input"
		feed_guest <&0 >"$WORK/input" 2>/dev/null &
		HELPERS+=($!)
		exec {INPUT}<>"$WORK/input"
	fi
}

# Interactive, the log is part of the console, of which QEMU writes a copy to $WORK/console. Its end is enough to tell
# how the guest ended.
guest_open_log()
{
	[[ -z $GUEST_EXEC ]] || return 0
	mkfifo "$WORK/console"
	exec {CONSOLE}<>"$WORK/console" # neither side waits for the other to open it
	tail -c 64K <"$WORK/console" >"$WORK/log" 2>/dev/null {CONSOLE}>&- &
	COPIER=$!
	HELPERS+=("$COPIER")
}

guest_close_log()
{
	[[ -z $GUEST_EXEC ]] || return 0
	exec {CONSOLE}>&-
	wait "$COPIER"
}

# Sets OUTPUT: where the console writes to. A command's output begins after the boot loader's (GUEST_UBOOT), which goes to $WORK/uboot.
guest_open_output()
{
	LOADER=
	if [[ -z ${GUEST_UBOOT-} || -z $GUEST_EXEC ]]; then
		exec {OUTPUT}>&1
		return
	fi
	exec {OUTPUT}> >(exec "$GRANULE/boards/common/after-uboot" "$WORK/uboot")
	LOADER=$!
}

guest_close_output()
{
	exec {OUTPUT}>&-
	[[ -z $LOADER ]] || wait "$LOADER"
}

# guest_run TIMEOUT COMMAND...: runs QEMU to its end and sets STATUS. 0 seconds: no limit. Should this shell be killed,
# QEMU ends as well. What it says that matches GUEST_NOISE is not worth telling.
guest_run()
{
	local limit=$1 started=$SECONDS wake=()
	shift
	# On a busy host QEMU 7.2 seldom loses the wake-up for a timer that the guest sets (CNTV_CVAL has passed, its main loop sleeps for minutes, the guest's CPU in WFI for as long):
	# a network that leads nowhere makes that loop look once a second.
	if [[ " $* " != *' -icount '* && $("$1" -M none -netdev help 2>/dev/null) == *$'\nuser'* ]]; then
		wake=(-netdev "user,id=wake,restrict=on")
	fi
	guest_open_input
	guest_open_log
	guest_open_output
	# Its copy-on-write file has a name in $TMPDIR until it is open: there it goes with the rest, however QEMU ends. A `wait`
	# alone may sleep over an interrupt that comes just before it, so the end of a pipe tells of the end, and each second
	# traps have their turn.
	exec {ENDED}< <(exec {held}>&1 && TMPDIR=$WORK exec setpriv --pdeathsig TERM timeout --foreground -k 5 "$limit" \
		setpriv --pdeathsig KILL "$@" "${wake[@]}" <&"$INPUT" >&"$OUTPUT" 2>"$WORK/qemu-errors")
	GUEST=$!
	until read -rt 1 -u "$ENDED" || (( $? <= 128 )); do :; done
	wait "$GUEST"
	STATUS=$?
	exec {ENDED}<&-
	GUEST=
	sed -i -E "\\#netdev wake has no peer${GUEST_NOISE:+|$GUEST_NOISE}#d" "$WORK/qemu-errors"
	guest_close_output
	guest_close_log
	TIMED_OUT=
	if (( limit > 0 && SECONDS - started >= limit && (STATUS == 124 || STATUS == 137) )); then
		TIMED_OUT=yes
	fi
}

# guest_follow_log: the kernel's log on stderr while it grows.
guest_follow_log()
{
	: >"$WORK/log"
	tail -n +1 -f --pid=$$ -s 0.1 "$WORK/log" >&2 &
	HELPERS+=($!)
}

log_tail() { tail -n "$1" "$WORK/log" 2>/dev/null | tr -d '\r' >&2; }

# A kernel that panics ends QEMU with this status (kernel/panic.c); the log alone may hold anything that programs wrote.
PANIC_STATUS=255

# The log from the panic on, if it has one, and the five lines before it: often one of them names the cause.
panic_report()
{
	(( STATUS == PANIC_STATUS )) || return 0
	[[ ! -e $WORK/log ]] || tr -d '\r' <"$WORK/log" | awk '
		!panic && /^\[ *[0-9]+\.[0-9]+\] PANIC: / {
			panic = 1
			for (i = NR > 5 ? NR - 5 : 1; i < NR; i++)
				print before[i % 5]
		}
		panic { print }
		{ before[NR % 5] = $0 }'
}

# The back trace of a panic report, as functions, files and lines. A return address is after its call, which may be the
# last instruction of a line or of a function: so the call is looked up. The link register tells the caller of a function
# that has no frame of its own.
name_addresses()
{
	local elf=$BUILD/$PRESET/granule.elf how address call names
	command -v aarch64-linux-gnu-addr2line >/dev/null || return 0
	sed -nE 's/^\[[ 0-9.]+\]   (at|from) ([0-9a-f]{16})$/\1 \2/p
		s/^\[[ 0-9.]+\] x28 [0-9a-f]{16} [0-9a-f]{16} (f[0-9a-f]{15})$/lr \1/p' | while read -r how address; do
		call=$address
		[[ $how == at ]] || call=$(printf '%x' $((16#$address - 4)))
		names=$(aarch64-linux-gnu-addr2line -ipf -e "$elf" "$call" | sed "s| at $BUILD/$PRESET/| at |; s| at $GRANULE/| at |; s| at \(\./\)*| at |")
		printf '  %-4s %s %s\n' "$how" "$address" "$names"
	done
}

# QEMU ended before the kernel said a word: most often by one line that says which of its arguments it cannot meet.
guest_refused()
{
	local words
	words=$(grep -av '^$' "$WORK/qemu-errors")
	[[ $STATUS != 1 || -z $words || $words == *$'\n'* ]] || die "QEMU refuses: ${words#qemu-system-aarch64: }"
	[[ -z $words ]] || printf '%s\n' "$words" >&2
	(( STATUS != 1 )) || die "QEMU refuses, in the words above"
	say "QEMU broke down before the kernel said a word (status $STATUS)"
	exit 125
}

# guest_end: says what has to be said about how it ended, and ends with the right status.
guest_end()
{
	[[ -z ${GUEST_LOG-} ]] || sleep 0.3 # the log's last lines
	[[ -s $WORK/log || ! -s $WORK/uboot ]] || tr -d '\r' <"$WORK/uboot" >&2
	if [[ -n $TIMED_OUT ]]; then
		[[ -n ${GUEST_LOG-} ]] || log_tail 20
		say "time is up: the guest was ended after $GUEST_TIMEOUT seconds"
		exit 124
	fi
	panic_report >"$WORK/panic"
	if [[ -s $WORK/panic ]]; then
		[[ -n ${GUEST_LOG-} || -z $GUEST_EXEC ]] || cat "$WORK/panic" >&2
		name_addresses <"$WORK/panic" >&2
		say "the kernel panicked"
		exit 125
	fi
	[[ $STATUS == 0 || -s $WORK/log ]] || guest_refused
	cat "$WORK/qemu-errors" >&2
	exit "$STATUS"
}
