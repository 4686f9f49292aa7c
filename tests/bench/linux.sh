# SPDX-License-Identifier: MIT
# TIMEOUT: 600
# CPUS: 1
#
# Debian's Linux and its kernel with real-time patches on the same machine with the same programs: what figures.sh measures, for report.sh. Left out
# where the kernels cannot be fetched; then what was measured once, linux-6.1.txt, stands beside our figures.
. "$(dirname "$0")/../system/lib.sh"
ROWS=$PWD/.build/bench
AWK="$(dirname "$0")/rows.awk"
FAIR="mitigations=off kpti=off transparent_hugepage=never norandmaps" # what we do not pay for either, and the same addresses

mkdir -p "$ROWS"
boards/common/packages linux linux-rt 2>"$SCRATCH/errors" || { echo "the kernels cannot be fetched: $(tail -n 1 "$SCRATCH/errors")"; exit 77; }
truncate -s 256M "$SCRATCH/disk"
/sbin/mkswap "$SCRATCH/disk" >/dev/null 2>&1 || fail "mkswap"

# linux NAME PREFIX OPTIONS... PROGRAM
linux()
{
	local name=$1 prefix=$2
	shift 2
	tests/system/linux -icount shift=0,sleep=off --append "$FAIR" "$@" >"$SCRATCH/output" 2>"$SCRATCH/errors" || fail "Linux: $*"
	awk -v prefix="$prefix" -f "$AWK" "$SCRATCH/output" >>"$SCRATCH/$name.rows"
}

measure()
{
	local name=$1 rt=$2
	linux "$name" '' $rt "$TESTS_ROOT/bin/mmbench"
	linux "$name" '' $rt -m 192M "$TESTS_ROOT/bin/oomtime" # it needs room for itself beside the 64 MB
	linux "$name" thrash_disk $rt -m 128M --module virtio_mmio --module virtio_blk -drive "if=none,id=swap,format=raw,file=$SCRATCH/disk" \
		-device virtio-blk-device,drive=swap --exec 'swapon /dev/vda; thrash 128 2 rt' "$TESTS_ROOT/bin/thrash"
	linux "$name" thrash_zram $rt -m 128M --module zsmalloc --module zram \
		--exec 'echo 256M >/sys/block/zram0/disksize; mkswap /dev/zram0 >/dev/null; swapon /dev/zram0; thrash 128 2 rt' "$TESTS_ROOT/bin/thrash"
	{
		echo "# $(basename .build/packages/arm64/"$name"/boot/vmlinuz-* | sed 's/^vmlinuz-//')"
		cat "$SCRATCH/$name.rows"
	} >"$ROWS/$name.rows"
}

measure linux ''
measure linux-rt --rt
cat "$ROWS"/linux.rows "$ROWS"/linux-rt.rows
