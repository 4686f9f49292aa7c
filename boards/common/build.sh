# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Building, as every command of the harness does it: install, fetch, configure once, let ninja find what changed.
# Sourced after lib.sh and tools.sh.

# configure PRESET: only where there is no build directory yet; later ninja reconfigures by itself.
configure()
{
	[[ -e $BUILD/$1/build.ninja ]] ||
		quietly "$BUILD/log/configure-$1.log" "configuring $1" cmake -S "$GRANULE" --preset "$1"
}

# build PRESET [TARGET...]: one at a time per preset; says so only when it takes longer than a moment.
build()
{
	local preset=$1 lock ticker
	shift
	mkdir -p "$BUILD"
	exec {lock}>"$BUILD/$preset.lock"
	flock "$lock"
	(sleep 1 2>/dev/null && say "building $preset") </dev/null >/dev/null {lock}>&- &
	ticker=$!
	(cd "$GRANULE" && configure "$preset" &&
		quietly "$BUILD/log/build-$preset.log" "building $preset" ninja -C "$BUILD/$preset" "$@") {lock}>&- || {
		kill "$ticker" 2>/dev/null
		exit 2
	}
	kill "$ticker" 2>/dev/null && wait "$ticker" 2>/dev/null
	exec {lock}>&-
}

# need_kernel_tools [TOOL...]: with others that are wanted too, so that all is installed in one go.
need_kernel_tools()
{
	need_tools python3 cross-gcc cross-libc cmake ninja "$@"
	need_cmake
	"$GRANULE/boards/common/packages" build || exit
}

PRESET=${GRANULE_PRESET:-kernel} # which kernel runs

# What a run needs. GRANULE_NO_BUILD=1 takes what is there: tests/run builds once for all of its tests.
build_kernel()
{
	[[ -z ${GRANULE_NO_BUILD-} ]] || return 0
	need_kernel_tools qemu
	need_qemu
	build "$PRESET" Image root.cpio
}
