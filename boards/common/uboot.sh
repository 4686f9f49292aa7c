# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Starting through U-Boot from a disk with a boot partition. Sourced after lib.sh, tools.sh and run.sh.

UBOOT=$BUILD/packages/arm64/uboot/usr/lib/u-boot
ROOT_OFFSET=$(( 68 << 20 )) # of the root file system in what mkcard makes

need_uboot()
{
	need_tools python3 mtools dosfstools e2fsprogs mkimage "$@"
	"${BOUND[@]}" "$GRANULE/boards/common/packages" uboot || exit
}

# uboot_binary BOARD OUT: U-Boot of Debian's package, which waits for a key no longer than it takes to look (where it says in these words how long
# it does wait; else as it is).
uboot_binary()
{
	sed 's/bootdelay=2/bootdelay=0/' "$UBOOT/$1/u-boot.bin" >"$2" || die "$2 cannot be written: is the disk full?"
}

# uboot_script OUT TREE ARGS: boot.scr, which loads the Image beside it and starts it with the device tree at TREE and ARGS.
uboot_script()
{
	[[ $3 != *[\'\\]* ]] || die "the kernel's arguments hold a quote or a backslash, which U-Boot's script cannot: $3"
	cat >"$1.txt" <<EOF
load \${devtype} \${devnum}:\${distro_bootpart} \${kernel_addr_r} Image
setenv bootargs '$3'
booti \${kernel_addr_r} - \${$2}
EOF
	mkimage -A arm64 -O linux -T script -C none -n granule -d "$1.txt" "$1" >/dev/null || die "$1 cannot be made: mkimage failed"
	rm "$1.txt"
}
