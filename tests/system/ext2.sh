# SPDX-License-Identifier: MIT
# TIMEOUT: 300
# CPUS: 1
# RELEASE ONLY: disk and rootdisk use the file system with the checks on
#
# ext2 on a disk: made by mke2fs, used by the guest, clean for e2fsck afterwards; larger than RAM; and whole to the point
# of a sync when the machine loses power.
. "$(dirname "$0")/lib.sh"
DISK=$SCRATCH/disk.img
PATH=$PATH:/usr/sbin:/sbin

new_disk() # SIZE, mke2fs's options
{
	rm -f "$DISK"
	mke2fs -q -t ext2 "${@:2}" "$DISK" "$1" 2>/dev/null || fail "mke2fs"
}

expect_clean()
{
	e2fsck -fn "$DISK" >"$SCRATCH/fsck" 2>&1 || fail "e2fsck -fn: $(<"$SCRATCH/fsck")"
}

# What a user does in an afternoon; a program runs from the disk.
WORK='mount -t ext2 /dev/vda /mnt && cd /mnt && cp /usr/bin/busybox . && mkdir -p a/b && echo one >a/b/one && ln a/b/one two &&
	ln -s a/b/one three && mv a/b/one a/b/four && dd if=/dev/urandom of=big bs=64k count=60 2>/dev/null && md5sum big >sum &&
	dd if=/dev/zero of=sparse bs=1k count=1 seek=3000 2>/dev/null && rm three && truncate -s 100 busybox && cp /usr/bin/busybox . &&
	./busybox sh -c "cat two a/b/four" && cd / && umount /mnt && mount -t ext2 -o ro /dev/vda /mnt && cd /mnt && md5sum -c sum &&
	stat -c "%s %h %n" two sparse && cmp busybox /usr/bin/busybox && ! touch x 2>/dev/null && cd / && umount /mnt && echo done'
for block in 1024 2048 4096; do
	new_disk 24M -b "$block"
	expect_output $'one\none\nbig: OK\n4 2 two\n3073024 1 sparse\ndone' --disk "$DISK" "$WORK"
	expect_clean
done

# A file larger than RAM, written and read back, by the machine itself and by the host: every 256 bytes tell where they belong. Padded with
# spaces, because BusyBox's awk takes 010 for 8.
new_disk 48M
expect_output $'ok\n33554432\ndone' --mem 24M --disk "$DISK" 'mount -t ext2 /dev/vda /mnt && cd /mnt &&
	busybox awk "BEGIN { for (i = 0; i < 131072; i++) printf \"%255d\n\", i }" >big &&
	busybox awk "\$1 != NR - 1 { bad++ } END { print bad ? bad : \"ok\" }" big && wc -c <big && cd / && umount /mnt && echo done'
debugfs -R "cat /big" "$DISK" 2>/dev/null | cmp -s - <(seq -f '%255.0f' 0 131071) || fail "what is on the disk is not what was written"
expect_clean

# The power goes: what was synced is there, and e2fsck mends the rest without asking.
new_disk 24M
guest_run --timeout 20 --disk "$DISK" 'mount -t ext2 /dev/vda /mnt && cd /mnt && mkdir kept && for i in $(seq 50); do
	echo $i >kept/$i; done; sync; echo synced; while :; do for i in $(seq 20); do echo $i >lost$i; done; sync; rm lost[0-9]*; done'
(( STATUS == 124 )) && [[ $OUTPUT == synced ]] || fail "the power did not go in the middle: status $STATUS"
e2fsck -p "$DISK" >"$SCRATCH/fsck" 2>&1
(( $? <= 1 )) || fail "e2fsck -p: $(<"$SCRATCH/fsck")"
expect_clean
expect_output 1275 --disk "$DISK" 'mount -t ext2 /dev/vda /mnt && cat /mnt/kept/* | awk "{ s += \$1 } END { print s }"; umount /mnt'

# What is no ext2, or damaged, is refused in the log and by mount.
head -c 8M /dev/urandom >"$DISK"
expect_status 255 --disk "$DISK" 'mount -t ext2 /dev/vda /mnt 2>/dev/null; exit $?'
