# SPDX-License-Identifier: MIT
# TIMEOUT: 300
#
# Swap on virtio disks: found by its partition's type, or signed by mkswap and named to swapon; programs larger than RAM; swapoff while they run, with and
# without room for what it holds; two areas by priority; what is no swap, or too small, is left alone. BusyBox's tools and util-linux's.
. "$(dirname "$0")/lib.sh"
DISK=$SCRATCH/disk

need_packages
package_files "$SCRATCH/tools" sbin/{mkswap,swapon,swapoff,swaplabel,blkdiscard}

# areas: /proc/swaps, of sizes only whether there are any. until_used KB MEDIUM: the area itself has so much, beside what the pool in RAM has.
# figure NAME: what the command printed of it
figure() { sed -n "s/^$1 //p" "$SCRATCH/output"; }

SHELL_PART='areas() { awk "NR > 1 { print \$1, (\$3 > 0) ? \"size\" : 0, (\$4 > 0) ? \"used\" : 0, \$5 }" /proc/swaps; }
	until_used() { while kill -0 $e && ! awk "/^medium/ { m = \$2 } /^records_live/ && m == \"$2\" && \$2 * 4 > $1 { f = 1 } END { exit !f }" /proc/swapstore; do sleep 0.1 2>/dev/null; done; }
	'

# ---- Twice as much as RAM, on a partition that is found ----
expect_match '^pswpout [0-9]{4}' --mem 20M --smp 1 --swap virtio --swap-size 40M "$SHELL_PART"'areas; eater 32; areas; grep pswp /proc/vmstat'
[[ $OUTPUT == $'/dev/vda1 size 0 -2\nate\n/dev/vda1 size '* ]] || fail "the partition is not swapped to, or forgets"
expect_log 'swap store /dev/vda1: [0-9]+ segments of [0-9]+ KB \(0 retired\)'

# ---- swapoff without room: it stays on, nobody is ended; later it goes ----
truncate -s 48M "$DISK"
expect_output $'/dev/vda size 0 -2\nit failed\nalive\n/dev/vda size\n0\n0 kB' --mem 20M --smp 1 --swap none --disk "$DISK" "$SHELL_PART"'
	mkswap -L mine /dev/vda >/dev/null && swapon /dev/vda && areas
	eater 30 1 >/tmp/ate & e=$!; until_used 12000 /dev/vda; swapoff /dev/vda 2>/dev/null || echo it failed
	kill $e && echo alive; wait $e 2>/dev/null; areas | cut -d " " -f 1-2
	swapoff /dev/vda; echo $?; areas; awk "/^SwapTotal/ { print \$2, \$3 }" /proc/meminfo'
expect_log 'swap: /dev/vda stays on \(error 12\)'
head -c 4096 "$DISK" >"$SCRATCH/header"
[[ $(dd if="$DISK" bs=1 skip=1052 count=4 status=none) == mine ]] || fail "mkswap's label is gone"

# ---- swapoff out of a group that may have less than comes back: those pages are not the group's ----
expect_output $'0\noom_kill 0\n/dev/mtdblock1 size used' --mem 40M --smp 1 --append zpool=0% "$SHELL_PART"'
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir /sys/fs/cgroup/g; echo 2M >/sys/fs/cgroup/g/memory.max
	eater 16 100 >/tmp/ate & e=$!; until grep -qs ate /tmp/ate; do sleep 0.1; done; eater 30 >/dev/null; areas | cut -d " " -f 1-3 >/tmp/before
	sh -c "echo 0 >/sys/fs/cgroup/g/cgroup.procs; swapoff /dev/mtdblock1; echo \$?"; grep "oom_kill " /sys/fs/cgroup/g/memory.events; cat /tmp/before; kill $e'
expect_log 'swap: swap is off'

# ---- Two areas: the one of higher priority first; what it holds goes to the other when it is switched off, beneath running programs ----
expect_output $'/dev/mtdblock1 size 0 -2\n/dev/vda size 0 5\nate\n0\n/dev/mtdblock1 size used -2\n0' --mem 20M --smp 2 --append thrash=0 --disk "$DISK" --root "$SCRATCH/tools" "$SHELL_PART"'
	/sbin/swapon -p 5 /dev/vda; areas | sort; eater 20 & e=$!; until_used 4000 /dev/vda
	while ! test "$(areas | wc -l)" = 1; do swapoff /dev/vda; echo $?; done; areas; wait $e; echo $?'
expect_log 'swap: /dev/vda is off'
cmp -s "$SCRATCH/header" <(head -c 4096 "$DISK") || fail "mkswap's page was written to"

# ---- util-linux's tools ----
expect_output $'mine\n/dev/vda 42.3M 3\n0\n0\nother\n/dev/vda 42.3M 0\nswapoff: /dev/vda: swapoff failed: Invalid argument\n4' --mem 64M --swap none \
	--disk "$DISK" --root "$SCRATCH/tools" '/sbin/swaplabel /dev/vda | sed -n "s/LABEL: *//p"; /sbin/swapon -p 3 /dev/vda
	/sbin/swapon --show=NAME,SIZE,PRIO --noheadings --raw; /sbin/swapoff /dev/vda; echo $?
	/sbin/mkswap -L other /dev/vda >/dev/null 2>&1; echo $?; /sbin/swaplabel /dev/vda | sed -n "s/LABEL: *//p"; /sbin/swapon -p 0 --discard /dev/vda
	/sbin/swapon --show=NAME,SIZE,PRIO --noheadings --raw; /sbin/swapoff -a; /sbin/swapoff /dev/vda 2>&1; echo $?'

# In use, so not to be written to: mounted, swapped to. A mounted file is on the disk by its number.
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext2 "$SCRATCH/ext2" 4M 2>/dev/null || fail "mke2fs"
expect_output $'254:16\nDevice or resource busy\nwill not make swapspace\nDevice or resource busy\nwill not make swapspace\n0' --mem 64M --swap none \
	--disk "$DISK" --disk "$SCRATCH/ext2" --root "$SCRATCH/tools" '
	mount -t ext2 /dev/vdb /mnt; x=$(stat -c %d /mnt); echo $((x >> 8)):$((x & 255)); swapon /dev/vda
	for d in vda vdb; do for c in blkdiscard mkswap; do /sbin/$c /dev/$d 2>&1 | sed "s/.*[:;] //"; done; done; umount /mnt; /sbin/blkdiscard /dev/vdb 2>/dev/null; echo $?'

# ---- What is no swap ----
# Noise in a partition of swap's type, noise, and one that is signed but too small. A byte of the first is there to be asked for.
{
	head -c 446 /dev/zero
	printf '\0\0\0\0\202\0\0\0\0\10\0\0\0\40\0\0'
	head -c 48 /dev/zero
	printf '\125\252'
	head -c 5M /dev/urandom
} >"$SCRATCH/noise" && truncate -s 5M "$SCRATCH/noise"
cp "$SCRATCH/noise" "$SCRATCH/same"
truncate -s 200K "$SCRATCH/small"
expect_output $'Invalid argument\nInvalid argument\nInvalid argument\n0' --swap none --disk "$SCRATCH/noise" --disk "$SCRATCH/small" '
	for d in vda vda1 vdb; do test $d = vdb && mkswap /dev/$d >/dev/null; swapon /dev/$d 2>&1 | sed "s/.*: //"; done; wc -l </proc/swaps | awk "{ print \$1 - 1 }"'
expect_log 'swap: vda1 has no swap signature but something else: left alone'
expect_log 'swap store /dev/vdb: too small'
cmp "$SCRATCH/noise" "$SCRATCH/same" || fail "what is no swap was written to"

# ---- Flash: the partition named swap, and no other, though it is blank; off and on again by its node, beneath a running program (which is not ended for a busy host's slowness), with both kinds of tools ----
expect_output $'/dev/mtdblock2 size 0 -2\nInvalid argument\nRead-only file system\nDevice or resource busy\n7\n7\n7\nate\n0\nswap\n/dev/mtdblock2 size 0 -2\nmtd2' \
	--mem 20M --smp 2 --append 'thrash=0 mtdparts=pflash1:256k(env),2M(data),-(swap)' --disk "$DISK" --root "$SCRATCH/tools" "$SHELL_PART"'
	areas; swapon /dev/mtdblock1 2>&1 | sed "s/.*: //"; mkswap /dev/mtdblock2 2>&1 | sed "s/.*: //"; swapon /dev/mtdblock2 2>&1 | sed "s/.*: //"
	/sbin/swapon -p 1 /dev/vda; eater 24 30 >/tmp/ate & e=$!
	for i in 1 2 3; do swapoff /dev/mtdblock2; /sbin/swapon -p 7 /dev/mtdblock2; until_used 1000 swap; areas | sed -n "s:/dev/mtd.* used ::p"; done
	swapoff /dev/mtdblock2; kill $e; wait $e 2>/dev/null; cat /tmp/ate; areas | grep -c mtd
	/sbin/swaplabel /dev/mtdblock2 | sed -n "s/LABEL: *//p"; swapon /dev/mtdblock2; areas | grep mtd; sed -n "s/:.*swap.*//p" /proc/mtd'

# Two partitions of swap's type that lie over each other: neither at boot, one of them when asked for.
{
	head -c 446 /dev/zero
	printf '\0\0\0\0\202\0\0\0\0\10\0\0\0\200\0\0\0\0\0\0\202\0\0\0\0\100\0\0\0\200\0\0'
	head -c 32 /dev/zero
	printf '\125\252'
} >"$SCRATCH/over" && truncate -s 32M "$SCRATCH/over"
expect_output $'/dev/vda1\n/dev/vda1 size 0\nDevice or resource busy' --swap none --disk "$SCRATCH/over" "$SHELL_PART"'areas; ls /dev/vda1
	mkswap /dev/vda1 >/dev/null; mkswap /dev/vda2 >/dev/null; swapon /dev/vda1; areas | cut -d " " -f 1-3; swapon /dev/vda2 2>&1 | sed "s/.*: //"'
expect_log 'vda: partitions 1 and 2 lie over each other'

# ---- What a program leaves is given back to the disk, segment by segment: holes in the file ----
truncate -s 48M "$SCRATCH/fresh"
expect_match '^discards [1-9][0-9]' --mem 20M --smp 1 --swap none --append zpool=0% --disk "$SCRATCH/fresh" 'mkswap /dev/vda >/dev/null; swapon /dev/vda; eater 24
	until awk "/^segments_free/ { exit !(\$2 > 80) }" /proc/swapstore; do sleep 0.1; done; sync; cat /proc/swapstore'
(( $(figure bytes_programmed) > 20000000 && $(du -k "$SCRATCH/fresh" | cut -f 1) < 10000 )) || fail "the disk was not told what is free: $(du -k "$SCRATCH/fresh")"
