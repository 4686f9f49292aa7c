# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What is on a Raspberry Pi 4's card, and what is asked about it: shared by `image` and `run`. Sourced after lib.sh, tools.sh,
# build.sh, run.sh and uboot.sh.
#
#   boot partition   start4.elf fixup4.dat    the VideoCore's firmware, which the board's EEPROM starts (not needed by QEMU)
#                    config.txt               what it is to do: start u-boot.bin in 64-bit mode with a device tree
#                    bcm2711-*.dtb            device trees, of which the firmware takes its board's
#                    u-boot.bin boot.scr      U-Boot, and what it is to do: load Image, start it
#                    Image                    the kernel
#   root, swap       as boards/common/mkcard has them

CARD_FLAGS='  --serial mini|pl011 the console: the mini-UART (default) or the PL011, on pins 8 and 10 of the header
  --ram-limit SIZE    use no more RAM than this (the kernel'"'"'s mem=); K, M or G
  --swap-size SIZE    size of the swap partition (128M); 0: none'

SERIAL=mini RAM_LIMIT= SWAP_SIZE=128M
TREES=$BUILD/packages/arm64/linux/usr/lib # device trees of Debian's kernel
TREE=bcm2711-rpi-4-b.dtb

# card_flag FLAG...: as common_flag, for the flags above; false: it is none of them.
card_flag()
{
	case $1 in
	--serial) need_value "$@"; SERIAL=$2 ;;
	--ram-limit) need_value "$@"; RAM_LIMIT=$2 ;;
	--swap-size) need_value "$@"; SWAP_SIZE=$2 ;;
	*) return 1 ;;
	esac
	SHIFT=2
}

check_card()
{
	local size
	[[ $SERIAL == mini || $SERIAL == pl011 ]] || die "--serial $SERIAL: give mini or pl011"
	if [[ -n $RAM_LIMIT ]]; then
		size=$(bytes "$RAM_LIMIT") || die "--ram-limit $RAM_LIMIT is no size: give one like 64M or 1G"
		(( size >= 16 << 20 )) || die "--ram-limit $RAM_LIMIT is too small: 16M is the least"
	fi
	size=$(bytes "$SWAP_SIZE") || die "--swap-size $SWAP_SIZE is no size: give one like 256M, or 0"
	(( size == 0 || size >= 8 << 20 && size <= 256 << 30 )) || die "--swap-size $SWAP_SIZE: give 8M to 256G, or 0"
}

need_card_tools()
{
	need_uboot dtc "$@"
	"${BOUND[@]}" "$GRANULE/boards/common/packages" linux || exit
}

# What the kernel is told; ARGS beyond that.
card_arguments()
{
	local console=ttyS0
	[[ $SERIAL == mini ]] || console=ttyAMA0
	KERNEL_ARGS="console=$console${RAM_LIMIT:+ mem=$(( $(bytes "$RAM_LIMIT") >> 10 ))K}"
}

# put_trees DIR TREE...: device trees whose console is the one that was asked for. Bluetooth has the PL011 by default; who wants it as the console takes
# it away there, and with it the pins 8 and 10 (config.txt sets them for U-Boot and us).
put_trees()
{
	local tree to
	for tree in "${@:2}"; do
		to=$1/${tree##*/}
		cp "$tree" "$to" && chmod u+w "$to" || die "$to cannot be written: is the disk full?"
		fdtget -l "$to" / >/dev/null 2>&1 || die "$tree is no device tree: give another folder with --firmware"
		[[ $SERIAL == pl011 ]] || continue
		fdtput -t s "$to" /chosen stdout-path serial0:115200n8 &&
			{ fdtput -r "$to" /soc/serial@7e201000/bluetooth 2>/dev/null || true; } &&
			fdtput -d "$to" /soc/serial@7e201000 pinctrl-names pinctrl-0 uart-has-rtscts 2>/dev/null ||
			die "${tree##*/} has no serial@7e201000: give another folder with --firmware"
	done
}

# put_boot DIR: all of the boot partition but the firmware and the device trees. QEMU's device tree and the firmware's are both where U-Boot says.
put_boot()
{
	cp "$BUILD/$PRESET/Image" "$1/Image" || die "$1 cannot be written: is the disk full?"
	uboot_binary rpi_4 "$1/u-boot.bin"
	uboot_script "$1/boot.scr" fdt_addr "$KERNEL_ARGS root=/dev/mmcblk0p2 rw rootwait$APPEND"
	{
		echo "arm_64bit=1"
		echo "kernel=u-boot.bin"
		echo "# where U-Boot is linked, whatever the firmware's age"
		echo "kernel_address=0x80000"
		echo "# the mini-UART's pins, and a core clock that keeps its speed"
		echo "enable_uart=1"
		[[ $SERIAL != pl011 ]] || printf '%s\n' "# the PL011 on the header's pins 8 and 10" "gpio=14,15=a0"
	} >"$1/config.txt"
}

# debian_trees: sets FOUND to the device trees of the boards with a BCM2711.
debian_trees()
{
	FOUND=("$TREES"/linux-image-*/broadcom/bcm2711-*.dtb)
	[[ -e ${FOUND[0]} ]] || die "Debian's linux-image-arm64 has no device tree of the BCM2711 under ${TREES#"$GRANULE/"}: give a folder with --firmware"
}
