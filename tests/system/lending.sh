# SPDX-License-Identifier: MIT
# CPUS: 1
#
# Priority inheritance beyond mutexes: who waits for a page, a name or a lock is not kept by tasks that are less urgent. tests/system/guest/lending.c, case by case, on one CPU and on one of four.
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$SCRATCH/files"
head -c 2M /dev/urandom >"$SCRATCH/files/file"
for dir in {0..23}; do
	mkdir "$SCRATCH/files/d$dir"
	for name in {100..350}; do
		: >"$SCRATCH/files/d$dir/a-file-with-a-rather-long-name-$name"
	done
done
for flags in '--icount --smp 1' '--smp 4'; do
	mke2fs -q -t ext2 -b 1024 -N 8192 -d "$SCRATCH/files" "$SCRATCH/disk.img" 16M >"$SCRATCH/output" 2>&1 || fail "mke2fs"
	# shellcheck disable=SC2086
	expect_output $'all good\nall good\nall good\nall good' $flags --disk "$SCRATCH/disk.img" 'echo -1 >/proc/sys/kernel/sched_rt_runtime_us
		mount -t ext2 /dev/vda /mnt && lending page /mnt && umount /mnt && mount -t ext2 /dev/vda /mnt && lending run /mnt && lending names /mnt && lending chain'
	rm "$SCRATCH/disk.img"
done
