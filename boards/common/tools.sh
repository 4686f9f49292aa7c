# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# need_tools NAME...: sees to it that host tools are there, installing Debian's packages where they are not.
# Each tool is known by what it is used for (a command or a file), not by the package manager's word, so that tools
# that came another way count too. Sourced after lib.sh.

# tool_package NAME: the Debian package that brings it. The same names serve Debian 12 and 13.
tool_package()
{
	case $1 in
	ninja) echo ninja-build ;;
	cross-gcc) echo gcc-aarch64-linux-gnu ;;
	cross-libc) echo libc6-dev-arm64-cross ;;
	host-gcc) echo gcc ;;
	host-libc) echo libc6-dev ;;
	cmocka) echo libcmocka-dev ;;
	host-fdt) echo libfdt-dev ;;
	clang-rt) echo libclang-rt-dev ;;
	qemu) echo qemu-system-arm ;;
	mkimage) echo u-boot-tools ;;
	dtc) echo device-tree-compiler ;;
	certificates) echo ca-certificates ;;
	*) echo "$1" ;; # most are called what their package is
	esac
}

# tool_present NAME: is what the tool is used for there?
tool_present()
{
	case $1 in
	cross-gcc) command -v aarch64-linux-gnu-gcc && command -v aarch64-linux-gnu-objcopy ;;
	cross-libc) [[ $(aarch64-linux-gnu-gcc -print-file-name=libc.a) == /* ]] ;;
	host-gcc) command -v gcc ;;
	host-libc) [[ -e /usr/include/stdio.h && -e /usr/include/linux/errno.h ]] ;;
	cmocka) [[ -e /usr/include/cmocka.h ]] ;;
	host-fdt) [[ -e /usr/include/libfdt.h ]] ;;
	clang-rt) compgen -G "$(clang -print-resource-dir)/lib/linux/libclang_rt.asan-*.a" ;;
	qemu) command -v qemu-system-aarch64 ;;
	mtools) command -v mcopy ;;
	dosfstools) PATH=$PATH:/sbin:/usr/sbin command -v mkfs.fat ;;
	dtc) command -v fdtput ;;
	e2fsprogs) PATH=$PATH:/sbin:/usr/sbin command -v mke2fs ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

# as_root COMMAND...: directly, or through sudo; sudo may ask for a password only where someone can answer.
as_root()
{
	if (( EUID == 0 )); then
		"$@"
	elif [[ -t 0 && -t 2 ]]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

can_be_root()
{
	(( EUID == 0 )) && return
	command -v sudo >/dev/null || return
	[[ -t 0 && -t 2 ]] || sudo -n true 2>/dev/null
}

apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# The lists may be empty or old, a source of someone else's may be broken, an installation before may have been
# interrupted: so the first try may fail, the repair's own status says nothing, and only the second try counts.
install_packages()
{
	apt_install "$@" && return
	as_root apt-get update -q -o DPkg::Lock::Timeout=300 || true
	as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a || true
	apt_install --fix-broken || true
	apt_install "$@"
}

need_tools()
{
	local tool missing=()
	for tool; do
		tool_present "$tool" || missing+=("$(tool_package "$tool")")
	done
	(( ${#missing[@]} )) || return 0

	command -v apt-get >/dev/null || die "missing: ${missing[*]} (Debian's package names); install them and try again"
	can_be_root || die "missing packages and neither root nor sudo: run 'apt-get install ${missing[*]}' as root and try again"
	say "installing ${missing[*]}"
	quietly "$BUILD/log/apt-install.log" "installing ${missing[*]}" install_packages "${missing[@]}"

	for tool; do
		tool_present "$tool" || die "$(tool_package "$tool") is installed but brings no usable $tool"
	done
}

# Tools of the right age. Older ones come with older Debians than the ones that are supported.
need_cmake()
{
	need_tools cmake ninja
	local have
	have=$(cmake --version | sed -n '1s/.* //p')
	version_at_least "$have" 3.25 || die "CMake $have is too old: 3.25 or later is needed (Debian 12's has it)"
}

need_qemu()
{
	need_tools qemu
	local have
	have=$(qemu_version qemu-system-aarch64)
	version_at_least "$have" 7.2 || die "QEMU $have is too old: 7.2 or later is needed (Debian 12's has it)"
}

qemu_version() { "$@" --version 2>/dev/null | sed -n '1s/.*version \([0-9.]*\).*/\1/p'; }

# need_qemu_rpi4: sets QEMU_RPI4 to a QEMU that knows the board raspi4b, which came with version 9: the host's own, or, as files, the one of its
# release's backports. GRANULE_QEMU_RPI4=none: as if there were none.
need_qemu_rpi4()
{
	local files=$BUILD/packages/arm64/qemu have
	QEMU_RPI4=(qemu-system-aarch64)
	have=$(qemu_version "${QEMU_RPI4[@]}")
	! version_at_least "${have:-0}" 9 || return 0
	[[ ${GRANULE_QEMU_RPI4-} != none ]] && "$GRANULE/boards/common/packages" qemu 2>"$BUILD/log/qemu-rpi4.log" ||
		die "QEMU ${have:-0} has no board raspi4b, which 9 and later have: install qemu-system-arm of this release's backports, or use Debian 13"
	QEMU_RPI4=(env "LD_LIBRARY_PATH=$(echo "$files"/usr/lib/*-linux-gnu)" "QEMU_MODULE_DIR=$(echo "$files"/usr/lib/*-linux-gnu/qemu)"
		"$files/usr/bin/qemu-system-aarch64" -L "$files/usr/share/qemu")
	have=$(qemu_version "${QEMU_RPI4[@]}")
	version_at_least "${have:-0}" 9 ||
		die "the backports' QEMU is ${have:-not usable} here: install qemu-system-arm 9 or later, or use Debian 13"
}
