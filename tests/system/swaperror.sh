# SPDX-License-Identifier: MIT
# CPUS: 1
#
# A swap disk that fails, by QEMU's blkdebug: sectors that cannot be read, or written, discards that fail, a disk that takes no writes or is read-only, bytes that others wrote over. Nobody gets a
# wrong byte; what is lost is told to its owner alone, and what cannot be written stays in memory.
. "$(dirname "$0")/lib.sh"

DISK=$SCRATCH/disk
truncate -s 40M "$DISK"

# failing RULES: run's last arguments for a disk on which these requests fail; "sector": all that touch it.
failing()
{
	QEMU_DISK=(-- -global virtio-mmio.force-legacy=false
		-blockdev '{"driver":"blkdebug","node-name":"bad","discard":"unmap","image":{"driver":"file","filename":"'"$DISK"'"}'"${1:+,\"inject-error\":[$1]}"'}'
		-blockdev driver=raw,file=bad,node-name=disk,discard=unmap
		-device "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.0")
}

# fault IOTYPE [SECTOR]
fault() { failing "{\"event\":\"none\",\"iotype\":\"$1\",\"errno\":5${2:+,\"sector\":$2}}"; }

# on_disk COMMAND: a small machine that swaps to it, as it was at first, without a pool; afterwards the store's figures.
on_disk()
{
	cp "$SCRATCH/new" "$DISK"
	"$RUN" --log --timeout "$GUEST_LIMIT" --root "$SCRATCH/programs" --mem 20M --smp 1 --swap none --append zpool=0% --exec \
		"swapon /dev/vda; $1; s=\$?; cat /proc/swapstore; exit \$s" "${QEMU_DISK[@]}" </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors"
	STATUS=$?
	OUTPUT=$(<"$SCRATCH/output")
}
figure() { sed -n "s/^$1 //p" "$SCRATCH/output"; }
lost() { sed -nE 's/^lost ([0-9]+) pages, 0 wrong, beside ok$/\1/p' "$SCRATCH/output"; }
well() { (( STATUS == 0 )) && (( $(lost) == 0 )) || fail "$1: status $STATUS, not all is well"; }

named_programs "swaperror eater"
failing ''
"$RUN" --timeout "$GUEST_LIMIT" --swap none --exec 'mkswap /dev/vda >/dev/null' "${QEMU_DISK[@]}" </dev/null 2>"$SCRATCH/errors" || fail "the disk cannot be made"
cp "$DISK" "$SCRATCH/new"
AT=$((14 * 524288)) # a segment of the pages that a program fills after others left

# ---- A sector that cannot be read: at most the two records that share it are lost, their segment goes out of use ----
fault read $(( (AT + 100000) / 512 ))
on_disk 'swaperror 24'
(( STATUS == 0 )) && (( $(lost) >= 1 && $(lost) <= 2 )) || fail "a bad sector: status $STATUS, $(lost) pages lost"
(( $(figure checksum_failures) == $(lost) )) || fail "a bad sector: $(figure checksum_failures) failures counted"
expect_log 'cannot be read back from segment 14'
expect_log 'segment 14 retired|its users get SIGBUS'

# ---- Bytes that others wrote over ----
failing ''
on_disk "swaperror 24 /dev/vda $(( AT + 65536 )) 8192"
(( STATUS == 0 )) && (( $(lost) >= 2 && $(lost) <= 4 )) || fail "damaged bytes: status $STATUS, $(lost) pages lost"

# ---- A sector that cannot be written: nothing is lost ----
fault write $(( (AT + 200000) / 512 ))
on_disk 'swaperror 24'
well "a sector that cannot be written"
(( $(figure program_failures) >= 1 )) || fail "no failure was counted"
expect_log 'segment 14 retired'

# ---- Discards that fail are no errors ----
fault discard
on_disk 'swaperror 24 >/dev/null; swaperror 24'
well "discards that fail"

# ---- No write at all: swap counts as full; who fits stays, who does not is ended ----
fault write
on_disk 'swaperror 6'
well "no write at all"
on_disk 'eater 40'
(( STATUS == 137 )) || fail "no write at all: eater ended with $STATUS"
expect_log 'nothing can be written to /dev/vda'

# ---- Read-only ----
QEMU_DISK=(-- -global virtio-mmio.force-legacy=false -drive "if=none,id=ro,format=raw,readonly=on,file=$DISK"
	-device virtio-blk-device,drive=ro,bus=virtio-mmio-bus.0)
on_disk 'swapon /dev/vda 2>&1 | sed "s/.*: //"; swaperror 4'
well "read-only"
grep -q '^Read-only file system$' "$SCRATCH/output" || fail "a read-only disk is taken"
cmp -s "$DISK" "$SCRATCH/new" || fail "a read-only disk was written to"
