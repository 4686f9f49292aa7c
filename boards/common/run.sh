# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the `run` of every board that QEMU plays has in common: the flags that say nothing of a board, sizes, the console.
# Sourced after lib.sh, before guest.sh; sets the variables that guest.sh works on.

COMMON_FLAGS='  --exec CMD          run CMD in the guest'"'"'s shell; print its output alone; exit with its status
  --root DIR          lay a host folder over the root file system (may be given more than once)
  --icount            count instructions: one nanosecond each, the same in every run (with --smp 1)
  --host-clock        not so, even if the command'"'"'s hint says --icount
  --debug             the kernel with its costly checks (slower)
  --gdb               wait for a debugger on port 1234
  --log               with --exec: the kernel'"'"'s log, on stderr
  --append ARGS       more arguments for the kernel
  --timeout SECONDS   end the guest after this long
  --help              this text'

ICOUNT= GDB= APPEND= KERNEL_ARGS=
GUEST_EXEC= GUEST_LOG= GUEST_TIMEOUT=0 GUEST_STDIN=console
GUEST_FILES=() ROOTS=() QEMU_ARGS=() QEMU=()

# bytes SIZE: 64M -> 67108864. A bare number is megabytes, as QEMU's -m has it.
bytes()
{
	[[ $1 =~ ^([0-9]{1,9})([KMGkmg]?)$ ]] || return 1
	case ${BASH_REMATCH[2]} in
	[Kk]) echo $((10#${BASH_REMATCH[1]} << 10)) ;;
	[Gg]) echo $((10#${BASH_REMATCH[1]} << 30)) ;;
	*) echo $((10#${BASH_REMATCH[1]} << 20)) ;;
	esac
}

# need_value FLAG VALUE...: a flag that takes one has one.
need_value()
{
	(( $# >= 2 )) && [[ -n $2 || $1 == --append ]] || die "$1 needs a value (--help says which)"
}

# common_flag FLAG...: takes the first of the flags if it is one that all boards know; SHIFT is how many words it had. What is left is the caller's.
common_flag()
{
	case $1 in
	--exec | --root | --append | --timeout) need_value "$@"; SHIFT=2 ;;
	*) SHIFT=1 ;;
	esac
	case $1 in
	--exec) GUEST_EXEC=$2 ;;
	--root) ROOTS+=("$2") ;;
	--append) APPEND+=" $2" ;;
	--timeout) GUEST_TIMEOUT=$2 ;;
	--icount) ICOUNT=yes ;;
	--host-clock) ICOUNT= ;;
	--debug) PRESET=kernel-debug ;;
	--gdb) GDB=yes ;;
	--log) GUEST_LOG=yes ;;
	--help | -h) usage; exit 0 ;;
	*) die "unknown flag $1 (--help lists them; QEMU's own go after --)" ;;
	esac
}

check_common()
{
	local dir
	[[ $GUEST_TIMEOUT =~ ^[0-9]{1,7}$ ]] || die "--timeout $GUEST_TIMEOUT: give whole seconds"
	[[ -z $GUEST_LOG || -n $GUEST_EXEC ]] ||
		die "--log goes with --exec: without it the log is on the console already"
	for dir in "${ROOTS[@]}"; do
		[[ -d $dir ]] || die "--root $dir: there is no such directory"
		[[ -r $dir && -x $dir ]] || die "--root $dir: the directory cannot be read"
	done
}

# What the command of --exec brings along, from the root file system that it will see, as words.
hint()
{
	local dir name words=
	[[ -n $GUEST_EXEC && $GUEST_EXEC =~ ^[[:space:]]*([A-Za-z0-9._-]+)([[:space:]]|$) ]] || return 0
	name=${BASH_REMATCH[1]}
	for dir in "$GRANULE/boards/common/root" "${ROOTS[@]}"; do
		[[ ! -r $dir/etc/granule/run/$name ]] || words=$(<"$dir/etc/granule/run/$name")
	done
	echo "$words"
}

# The guest's terminal is the character device `tty`, which the board wires to a serial line. With a command its log goes
# elsewhere: $WORK/log; else the console is both, and $WORK/console has a copy.
add_console()
{
	if [[ -n $GUEST_EXEC ]]; then
		KERNEL_ARGS+=" log=semihosting"
		QEMU+=(-chardev "stdio,id=tty,signal=on" -monitor none
			-chardev "file,id=log,path=${WORK//,/,,}/log"
			-semihosting-config enable=on,target=native,chardev=log)
	else
		QEMU+=(-chardev "stdio,id=tty,mux=on,signal=off,logfile=${WORK//,/,,}/console" -mon chardev=tty,mode=readline
			-semihosting-config enable=on,target=native)
	fi
	[[ -n $GDB ]] || return 0
	QEMU+=(-S -gdb tcp::1234)
	say "waiting for a debugger: gdb-multiarch -ex 'target remote :1234' .build/$PRESET/granule.elf"
}
