# SPDX-License-Identifier: MIT
# CPUS: 1
#
# The page cache over a disk: what mappings, reads and writes of files leave on the medium, and what it costs memory.
. "$(dirname "$0")/lib.sh"
DISK=$SCRATCH/disk.img
PATH=$PATH:/usr/sbin:/sbin

new_disk() # SIZE
{
	rm -f "$DISK"
	mke2fs -q -t ext2 "$DISK" "$1" 2>/dev/null || fail "mke2fs"
}

# on_disk FILE OFFSET: the byte there, by the host
on_disk() { debugfs -R "cat /$1" "$DISK" 2>/dev/null | od -An -tu1 -j "$2" -N 1 | tr -d ' '; }

new_disk 48M
expect_output $'all good\nall good' --disk "$DISK" 'mount -t ext2 /dev/vda /mnt && pagecache /mnt && smaps /mnt && umount /mnt'
e2fsck -fn "$DISK" >"$SCRATCH/fsck" 2>&1 || fail "e2fsck -fn: $(<"$SCRATCH/fsck")"
[[ $(on_disk stores 0) == 2 && $(on_disk stores 4096) == 4 && $(on_disk stores 8192) == 6 ]] || fail "a store after a sync is not on the disk"

# Where files end, as Linux answers (guest/cases.h).
guest=tests/system/guest
expected_answers "$guest/memcalls-differs.txt" "$guest/memcalls-linux-6.1.txt" | grep '^file end, ' >"$SCRATCH/expected-cases"
guest_run --disk "$DISK" 'mount -t ext2 /dev/vda /mnt && memcalls-files /mnt && umount /mnt'
(( STATUS == 0 )) || fail "memcalls-files: status $STATUS"
diff "$SCRATCH/expected-cases" "$SCRATCH/output" >"$SCRATCH/differences" || {
	cp "$SCRATCH/differences" "$SCRATCH/output"
	fail 'answers are not those expected (<)'
}

# Nobody asks: by age, and what is in memory by then is told. The power goes without a sync.
new_disk 24M
guest_run --timeout 25 --disk "$DISK" 'mount -t ext2 /dev/vda /mnt; cd /proc/sys/vm; grep . dirty_*; echo 100 >dirty_expire_centisecs; echo 20 >dirty_writeback_centisecs
	echo 101 >dirty_ratio 2>/dev/null || echo refused; echo 4096 >dirty_bytes 2>/dev/null || echo refused; echo 1000000 >dirty_background_bytes; cat dirty_background_ratio
	dd if=/dev/zero of=/mnt/old bs=64k count=8 2>/dev/null; grep -E "^nr_(dirty|shmem) " /proc/vmstat
	while ! grep -q "^Dirty: *0 kB" /proc/meminfo; do usleep 100000; done; sleep 2; echo clean; while :; do sleep 1; done'
(( STATUS == 124 )) || fail "the power did not go: status $STATUS"
grep -q '^dirty_background_ratio:10$' <<<"$OUTPUT" && grep -q '^dirty_expire_centisecs:3000$' <<<"$OUTPUT" || fail "the settings are not Linux's"
[[ $(grep -c refused <<<"$OUTPUT") == 2 && $(tail -n 1 <<<"$OUTPUT") == clean ]] && grep -q '^nr_dirty 1[0-9][0-9]$' <<<"$OUTPUT" || fail "not written by age"
e2fsck -p "$DISK" >"$SCRATCH/fsck" 2>&1
(( $? <= 1 )) || fail "e2fsck -p: $(<"$SCRATCH/fsck")"
debugfs -R "cat /old" "$DISK" 2>/dev/null | cmp -s - <(head -c 512K /dev/zero) || fail "what was written by age is not there"

# More than memory may hold of dirty pages: the writer is kept back, and what it writes is there.
new_disk 48M
expect_match '^over 0$' --mem 32M --disk "$DISK" 'mount -t ext2 /dev/vda /mnt; (dd if=/dev/zero of=/mnt/big bs=64k count=512 2>/dev/null; echo end >/tmp/end) &
	over=0; while ! [ -e /tmp/end ]; do
		set -- $(sed -nE "s/^nr_(dirty|writeback|dirty_threshold) //p" /proc/vmstat); [ $(( $1 + $2 )) -le $(( $3 + 64 )) ] || over=$((over + 1)); usleep 50000; done
	umount /mnt; echo over $over'
