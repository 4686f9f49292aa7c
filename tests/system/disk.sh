# SPDX-License-Identifier: MIT
# TIMEOUT: 300
# CPUS: 1
#
# Disks: virtio with both register versions, their nodes in /dev, partitions, what reaches the host's file, limits and bad requests.
. "$(dirname "$0")/lib.sh"

# A partition table (MBR) over noise: 1 at sector 2048, 2 at 4096, each as long as it lies behind.
disk=$SCRATCH/disk other="$SCRATCH/other, empty"
head -c 4M /dev/urandom >"$disk"
{
	head -c 446 /dev/zero
	printf '\0\0\0\0\203\0\0\0\0\10\0\0\0\10\0\0\0\0\0\0\202\0\0\0\0\20\0\0\0\20\0\0'
	head -c 32 /dev/zero
	printf '\125\252'
} | dd of="$disk" conv=notrunc status=none
truncate -s 2M "$other"

# sum FILE SECTOR COUNT: of that part of a file, as md5sum prints it for a pipe
sum() { dd if="$1" bs=512 skip="$2" count="$3" status=none | md5sum; }

# Two disks by their order; partitions; reading whole, in odd pieces and from the middle of blocks.
printf '%s\n' "$(sum "$disk" 0 8192)" "$(sum "$disk" 2048 2048)" "$(sum "$disk" 4096 4096)" \
	"$(dd if="$disk" bs=1 skip=1000001 count=3000 status=none | md5sum)" >"$SCRATCH/sums"
reads='dd if=/dev/vda bs=300k 2>/dev/null | md5sum
	dd if=/dev/vda1 bs=64k 2>/dev/null | md5sum
	dd if=/dev/vda2 bs=100000 2>/dev/null | md5sum
	dd if=/dev/vda bs=3000 iflag=skip_bytes skip=1000001 count=1 2>/dev/null | md5sum'
expect_output "$(<"$SCRATCH/sums")" --disk "$disk" --disk "$other" "$reads"
expect_log 'vda: 4 MB on virtio, '
expect_log 'vdb: 2 MB on virtio, '
expect_output "$(<"$SCRATCH/sums")" --smp 1 --icount --disk "$disk" "$reads"

# The transport's first version, which is QEMU's default. (What follows -- ends run's own flags.)
"$RUN" --timeout "$GUEST_LIMIT" --exec "$reads" -- -drive "if=none,id=d,format=raw,file=$disk" \
	-device virtio-blk-device,drive=d </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors" || fail "version 1: status $?"
cmp -s "$SCRATCH/sums" "$SCRATCH/output" || fail "version 1: the disk reads differently"

# Linux's formats. Partition numbers and sizes; requests and sectors that a read of known length adds.
expect_output $'254 0 4096 vda\n254 1 1024 vda1\n254 2 2048 vda2\n254 16 2048 vdb\n1 0 32' --disk "$disk" --disk "$other" '
	tail -n +3 /proc/partitions | while read a b c d; do echo $a $b $c $d; done
	before=$(grep vdb /proc/diskstats); dd if=/dev/vdb of=/dev/null bs=16k count=1 2>/dev/null
	set -- $before; r=$4 m=$5 s=$6; set -- $(grep vdb /proc/diskstats); echo $(($4 - r)) $(($5 - m)) $(($6 - s))'
expect_output $'2097152\n4096\nbrw-rw---- 254, 1' --disk "$disk" --disk "$other" '
	blockdev --getsize64 /dev/vdb; blockdev --getsz /dev/vdb; set -- $(ls -l /dev/vda1); echo $1 $5 $6'

# What is written is in the file, to the byte and nothing beside it; a full disk says so.
cp "$disk" "$SCRATCH/expected-disk"
{ echo "in the middle of a block" && head -c 70000 "$other"; } |
	dd of="$SCRATCH/expected-disk" bs=1M seek=1048999 oflag=seek_bytes conv=notrunc iflag=fullblock status=none
expect_output "1" --disk "$disk" --disk "$other" '
	{ echo "in the middle of a block"; head -c 70000 /dev/vdb; } >/tmp/x
	dd if=/tmp/x of=/dev/vda1 bs=423 seek=1 conv=notrunc,fsync 2>/dev/null
	dd if=/dev/vda of=/dev/vdb bs=1M 2>&1 | grep -c "No space left on device"'
cmp "$disk" "$SCRATCH/expected-disk" || fail "the disk does not hold what was written"
cmp <(head -c 2M "$disk") "$other" || fail "the copy differs"

# A read-only disk; addresses beyond the end; many readers at once.
"$RUN" --timeout "$GUEST_LIMIT" --exec 'echo x >/dev/vda; dd if=/dev/vda bs=4k skip=1024 2>/dev/null | wc -c
	for i in 1 2 3 4; do dd if=/dev/vda bs=200k 2>/dev/null | md5sum & done | uniq -c; wait' -- \
	-drive "if=none,id=d,format=raw,readonly=on,file=$disk" -device virtio-blk-device,drive=d \
	</dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors" || fail "read-only: status $?"
grep -q "can't create /dev/vda: Permission denied" "$SCRATCH/output" "$SCRATCH/errors" || fail "a read-only disk was opened for writing"
grep -qx 0 "$SCRATCH/output" || fail "something was read behind the end"
grep -qx " *4 $(sum "$disk" 0 8192)" "$SCRATCH/output" || fail "four readers did not read the same"
