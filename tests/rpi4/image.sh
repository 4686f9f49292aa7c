# SPDX-License-Identifier: MIT
# TIMEOUT: 120
# CPUS: 1
#
# The image: what is on it, for each console; what cannot be made says what is missing, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
IMAGE=$PWD/boards/rpi4/image
CARD=$SCRATCH/card.img

make() { "$IMAGE" "$@" >"$SCRATCH/output" 2>"$SCRATCH/errors" </dev/null || fail "image $*: status $?"; }
on_boot() { mtype -i "$CARD@@4M" "::$1" || fail "there is no $1 on the boot partition"; }

# A folder of the user's stands for the firmware: that of Debian is not in everybody's sources.
mkdir "$SCRATCH/firmware" "$SCRATCH/root"
# An ELF file of a header and two entries of a table of sections.
printf '\x7fELF\x01%27s\x34\0\0\0%10s\x28\0\x02\0%82s' >"$SCRATCH/firmware/start4.elf"
cp "$SCRATCH/firmware/start4.elf" "$SCRATCH/start"
echo fixup >"$SCRATCH/firmware/fixup4.dat"
boards/common/packages linux 2>"$SCRATCH/errors" || fail "the device trees cannot be fetched"
cp .build/packages/arm64/linux/usr/lib/linux-image-*/broadcom/bcm2711-rpi-4-b.dtb "$SCRATCH/firmware/" || fail "there is no device tree"
echo mine >"$SCRATCH/root/mine"

make --firmware "$SCRATCH/firmware" --root "$SCRATCH/root" --swap-size 20M --ram-limit 1G --watchdog 15 --append 'quiet=1 x' "$CARD"
on_boot start4.elf | cmp -s "$SCRATCH/start" && [[ $(on_boot fixup4.dat) == fixup ]] || fail "the firmware is not the folder's"
on_boot Image >"$SCRATCH/Image"
cmp -s "$SCRATCH/Image" ".build/${GRANULE_PRESET:-kernel}/Image" || fail "the Image is another one"
on_boot boot.scr | grep -aq "setenv bootargs 'console=ttyS0 mem=1048576K watchdog=15 root=/dev/mmcblk0p2 rw rootwait quiet=1 x'" || fail "boot.scr: $(on_boot boot.scr)"
on_boot config.txt | grep -qx 'kernel=u-boot.bin' || fail "config.txt does not start U-Boot"
on_boot u-boot.bin >"$SCRATCH/u-boot"
grep -aq 'U-Boot' "$SCRATCH/u-boot" && ! grep -aq 'bootdelay=2' "$SCRATCH/u-boot" || fail "U-Boot waits"
on_boot bcm2711-rpi-4-b.dtb >"$SCRATCH/tree"
[[ $(fdtget "$SCRATCH/tree" /chosen stdout-path) == serial1:* ]] || fail "the tree's console is not the mini-UART"

# The table: types, and beginnings and lengths in units of 4 MB.
python3 - "$CARD" >"$SCRATCH/table" <<'END'
import os, struct, sys
with open(sys.argv[1], "rb") as file:
    sector = file.read(512)
assert sector[510:] == b"\x55\xaa"
for i in range(4):
    flag, _, kind, _, start, count = struct.unpack_from("<B3sB3sII", sector, 446 + 16 * i)
    print(f"{flag:x} {kind:x} {start / 8192:g} {count / 8192:g}")
size = os.path.getsize(sys.argv[1])
print(size & (size - 1))
END
cmp -s "$SCRATCH/table" - <<'END' || fail "the partitions: $(<"$SCRATCH/table")"
80 c 1 16
0 83 17 64
0 82 81 5
0 0 0 0
0
END
dd if="$CARD" of="$SCRATCH/fat" bs=4M skip=1 count=16 status=none && fsck.fat -n "$SCRATCH/fat" >"$SCRATCH/fsck" || fail "fsck.fat: $(<"$SCRATCH/fsck")"
clean "$CARD" "image"
[[ $(debugfs -R 'cat /mine' "$CARD?offset=$ROOT_AT" 2>/dev/null) == mine ]] || fail "--root is not on the card"
(( $(stat -c '%b' "$CARD") * 512 < 64 << 20 )) || fail "the image is not sparse"

make --firmware "$SCRATCH/firmware" --serial pl011 --swap-size 0 "$CARD"
on_boot config.txt | grep -qx 'gpio=14,15=a0' || fail "the PL011 is not on the pins"
on_boot bcm2711-rpi-4-b.dtb >"$SCRATCH/tree"
[[ $(fdtget "$SCRATCH/tree" /chosen stdout-path) == serial0:* ]] || fail "the tree's console is not the PL011"
fdtget "$SCRATCH/tree" /soc/serial@7e201000/bluetooth compatible >/dev/null 2>&1 && fail "Bluetooth still has the PL011"
on_boot boot.scr | grep -aq "console=ttyAMA0" || fail "boot.scr has another console"

# ---- What cannot be ----
refused()
{
	local word=$1
	shift
	"$IMAGE" "$@" >"$SCRATCH/output" 2>"$SCRATCH/errors" </dev/null
	STATUS=$?
	(( STATUS == 2 )) || fail "image $*: status $STATUS, not 2"
	[[ $(wc -l <"$SCRATCH/errors") == 1 ]] && grep -q -- "$word" "$SCRATCH/errors" || fail "image $*: not one line with '$word'"
}

NEW=$SCRATCH/new.img
cp "$SCRATCH/firmware/bcm2711-rpi-4-b.dtb" "$SCRATCH/tree"
echo garbage >"$SCRATCH/firmware/bcm2711-rpi-4-b.dtb"
refused 'is no device tree' --firmware "$SCRATCH/firmware" "$NEW"
cp "$SCRATCH/tree" "$SCRATCH/firmware/bcm2711-rpi-4-b.dtb"
: >"$SCRATCH/firmware/start4.elf"
refused 'has no start4.elf' --firmware "$SCRATCH/firmware" "$NEW"
head -c 131 "$SCRATCH/start" >"$SCRATCH/firmware/start4.elf"
refused 'only a part of it' --firmware "$SCRATCH/firmware" "$NEW"
echo start >"$SCRATCH/firmware/start4.elf"
refused 'is no firmware' --firmware "$SCRATCH/firmware" "$NEW"
cp "$SCRATCH/start" "$SCRATCH/firmware/start4.elf"
rm "$SCRATCH/firmware/fixup4.dat"
refused 'has no fixup4.dat' --firmware "$SCRATCH/firmware" "$NEW"
refused 'has no start4.elf' --firmware "$SCRATCH/nowhere" "$NEW"
refused 'give mini or pl011' --serial usb "$NEW"
refused 'is no size' --swap-size lots "$NEW"
refused '8M to 256G' --swap-size 1M "$NEW"
refused 'too small' --ram-limit 4M "$NEW"
refused '1 to 15 seconds' --watchdog 16 "$NEW"
refused 'no such directory' --root "$SCRATCH/nowhere" "$NEW"
refused 'cannot be made' --firmware none "$SCRATCH/no/such/image"
refused 'no regular file' --firmware none /dev/null
refused "give the image's name"
refused 'one image at a time' a b
refused 'a quote' --firmware none --append "x='y'" "$NEW"
refused 'a backslash' --firmware none --append 'x=\y' "$NEW"
TMPDIR=$SCRATCH/nowhere refused 'no temporary directory' --firmware none "$NEW"
(ulimit -f 2048; trap '' XFSZ; refused 'too large' --firmware none "$NEW") || exit 1 # a disk that is too small
compgen -G "$NEW*" >/dev/null && fail "something is left of images that could not be made"

# Neither fetched nor to be fetched: the mirror has no such section, or there is no network. In a checkout of its own.
mkdir -p "$SCRATCH/etc/apt" "$SCRATCH/checkout/.build/packages/arm64"
cp /etc/os-release "$SCRATCH/etc/"
cp -r boards "$SCRATCH/checkout/"
ln -s "$PWD"/.build/packages/arm64/{uboot,linux}* "$SCRATCH/checkout/.build/packages/arm64/"
echo "deb [trusted=yes] file://$SCRATCH/mirror $(. /etc/os-release && echo "$VERSION_CODENAME") main" >"$SCRATCH/etc/apt/sources.list"
IMAGE=$SCRATCH/checkout/boards/rpi4/image
GRANULE_ETC=$SCRATCH/etc refused 'non-free-firmware' "$NEW"
