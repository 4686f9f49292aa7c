# SPDX-License-Identifier: MIT
# TIMEOUT: 200
# CPUS: 1
# RELEASE ONLY: disk, rootdisk and swapdisk use the same layers with the checks on
#
# SD cards by ADMA2: on QEMU's xlnx-versal-virt, whose host controller has it. (The raspi4b board's has only the data port.) Partitions, ext2 and swap on a small card, whose addresses count bytes; the far
# end of a large one, whose addresses count blocks; a slot without card.
. "$(dirname "$0")/lib.sh"

IMAGE=$PWD/.build/$PRESET/Image
INITRD=${TESTS_ROOT%/*}/root.cpio
MARK='=== done ==='

# run_versal COMMANDS [QEMU-ARGS]: the guest's console in $SCRATCH/output. What is typed ahead stands among the log's lines; dmesg has them whole.
run_versal()
{
	local commands=$1
	shift
	printf '\n%s\ndmesg; echo "%s"; exit\n' "$commands" "${MARK/done/'$((1))done'}" |
		timeout "$GUEST_LIMIT" qemu-system-aarch64 -M xlnx-versal-virt -m 1G -display none -monitor none -serial stdio \
			-kernel "$IMAGE" -initrd "$INITRD" -append "console=ttyAMA0 mem=64M swap.format=1" "$@" 2>&1 |
		tr -d '\r' >"$SCRATCH/output"
	grep -q '^=== 1done ===' "$SCRATCH/output" || fail "the guest did not come to its end"
}

expect_line()
{
	grep -qE "$1" "$SCRATCH/output" || fail "no line '$1'"
}

# 1 at sector 8192, 16 MB; 2 at 40960, type swap, the rest.
card=$SCRATCH/card file=$SCRATCH/file
head -c 3000000 /dev/urandom >"$file"
sum=$(md5sum <"$file")
truncate -s 128M "$card"
printf '\0\0\0\0\203\0\0\0\0\40\0\0\0\200\0\0\0\0\0\0\202\0\0\0\0\240\0\0\0\140\3\0' |
	dd of="$card" bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of="$card" bs=1 seek=510 conv=notrunc status=none
truncate -s 16M "$SCRATCH/ext2"
mke2fs -q -F "$SCRATCH/ext2" && printf '%s\n' "write $file file" "write $TESTS_ROOT/bin/thrash thrash" 'sif thrash mode 0100755' |
	debugfs -w -f - "$SCRATCH/ext2" >"$SCRATCH/errors" 2>&1 || fail "no file system"
dd if="$SCRATCH/ext2" of="$card" bs=1M seek=4 conv=notrunc status=none

run_versal 'mkdir -p /mnt && mount -t ext2 /dev/mmcblk0p1 /mnt && md5sum </mnt/file
	grep "mmcblk0p2  *partition" /proc/swaps
	/mnt/thrash 80 1; cp /mnt/file /mnt/copy; umount /mnt' -drive "if=sd,format=raw,file=$card"
expect_line 'mmcblk0: 128 MB at sdhci@f1040000, ADMA2, '
expect_line "^$sum"
expect_line '^/dev/mmcblk0p2 +partition|^mmcblk0p2 +partition'
expect_line '^thrash ok: 0 bad pages'
dd if="$card" of="$SCRATCH/ext2" bs=1M skip=4 count=16 status=none
e2fsck -fn "$SCRATCH/ext2" >"$SCRATCH/errors" 2>&1 || fail "the file system is damaged"
debugfs -R 'cat copy' "$SCRATCH/ext2" 2>/dev/null | cmp -s - "$file" || fail "the copy on the card differs"

# 4 GB and more: addresses count blocks; the last of them, too.
truncate -s 4G "$card.large"
dd if="$file" of="$card.large" bs=1M seek=3072 conv=notrunc status=none
dd if="$file" of="$card.large" bs=512 seek=8388602 count=6 conv=notrunc status=none
run_versal 'dd if=/dev/mmcblk0 bs=1M skip=3072 count=3 2>/dev/null | head -c 3000000 | md5sum
	dd if=/dev/mmcblk0 bs=512 skip=8388602 2>/dev/null | md5sum
	dd if=/dev/mmcblk0 of=/dev/mmcblk0 bs=64k skip=49152 seek=32768 count=40 2>/dev/null; sync' \
	-drive "if=sd,format=raw,file=$card.large"
expect_line 'mmcblk0: 4096 MB at'
expect_line "^$sum"
expect_line "^$(head -c 3072 "$file" | md5sum)"
cmp -s <(dd if="$card.large" bs=1M skip=2048 count=2 status=none) <(head -c 2M "$file") || fail "the large card does not hold what was written"

run_versal 'ls /dev/mmc* 2>&1; true'
expect_line 'No such file'
