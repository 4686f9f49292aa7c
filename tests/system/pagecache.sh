# SPDX-License-Identifier: MIT
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
expect_output 'all good' --disk "$DISK" 'mount -t ext2 /dev/vda /mnt && pagecache /mnt && umount /mnt'
e2fsck -fn "$DISK" >"$SCRATCH/fsck" 2>&1 || fail "e2fsck -fn: $(<"$SCRATCH/fsck")"
[[ $(on_disk stores 0) == 2 && $(on_disk stores 4096) == 4 && $(on_disk stores 8192) == 6 ]] || fail "a store after a sync is not on the disk"
