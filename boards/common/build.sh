# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Building, as every command of the harness does it: install, fetch, configure once, let ninja find what changed.
# Sourced after lib.sh and tools.sh.

BOUND=(setpriv --pdeathsig TERM) # ends with this shell, even a killed one

# configure PRESET: only where there is no build directory yet; later ninja reconfigures by itself. A build directory that
# came here with its checkout, moved or copied, is the old place's: begun anew.
configure()
{
	grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$GRANULE" "$BUILD/$1/CMakeCache.txt" || rm -rf "${BUILD:?}/$1"
	[[ -e $BUILD/$1/build.ninja ]] ||
		quietly "$BUILD/log/configure-$1.log" "configuring $1" "${BOUND[@]}" cmake -S "$GRANULE" --preset "$1"
}

# build PRESET [TARGET...]: one at a time per preset; says so only when it takes longer than a moment.
build()
{
	local preset=$1 lock
	shift
	need_build_dir
	exec {lock}>"$BUILD/$preset.lock"
	(sleep 1 2>/dev/null && kill -0 $$ && say "building $preset") </dev/null >/dev/null {lock}>&- &
	trap "kill $! 2>/dev/null" EXIT
	"${BOUND[@]}" flock "$lock"
	configure "$preset"
	quietly "$BUILD/log/build-$preset.log" "building $preset" "${BOUND[@]}" ninja -C "$BUILD/$preset" "$@"
	kill $! 2>/dev/null && wait $! 2>/dev/null
	trap - EXIT
	exec {lock}>&-
}

# need_kernel_tools [TOOL...]: with others that are wanted too, so that all is installed in one go.
need_kernel_tools()
{
	need_tools python3 cross-gcc cross-libc cmake ninja "$@"
	need_cmake
	"${BOUND[@]}" "$GRANULE/boards/common/packages" build || exit
}

PRESET=${GRANULE_PRESET:-kernel} # which kernel runs

# Clang builds the kernel alone: programs come from the usual build.
root_preset() { [[ $PRESET == kernel-clang ]] && echo kernel || echo "$PRESET"; }

# What a run needs. GRANULE_NO_BUILD=1 takes what is there: tests/run builds once for all of its tests.
build_kernel()
{
	[[ $PRESET =~ ^kernel(-debug|-clang)?$ ]] || die "GRANULE_PRESET=$PRESET: give kernel, kernel-debug or kernel-clang"
	[[ -z ${GRANULE_NO_BUILD-} ]] || return 0
	local programs
	programs=$(root_preset)
	need_kernel_tools qemu $([[ $programs == "$PRESET" ]] || echo clang)
	need_qemu
	if [[ $programs == "$PRESET" ]]; then
		build "$PRESET" Image root.cpio
	else
		build "$PRESET" Image
		build "$programs" root.cpio
	fi
}
