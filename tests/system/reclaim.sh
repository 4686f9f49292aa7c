# SPDX-License-Identifier: MIT
# TIMEOUT: 240
# CPUS: 1
#
# Which pages go: a file that is read once takes nothing from programs, one that is read again and again takes what they do not use; a cycle
# longer than memory comes to rest; every policy, by name and at run time, keeps every word.
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
DISK=$SCRATCH/disk.img

counter() { sed -nE "s/^$1 ([0-9]+)$/\\1/p" "$SCRATCH/output" | tail -n 1; }

mkdir "$SCRATCH/files"
dd if=/dev/urandom of="$SCRATCH/files/long" bs=1M count=96 status=none
dd if=/dev/urandom of="$SCRATCH/files/short" bs=1M count=36 status=none
mke2fs -q -t ext2 -d "$SCRATCH/files" "$DISK" 144M 2>/dev/null || fail "mke2fs"

# 24 MB in use beside 96 MB from end to end, in 64 MB.
expect_match '^ate 0$' --smp 2 --disk "$DISK" 'mount -t ext2 -o ro /dev/vda /mnt; eater 24 3 >/tmp/ate & a=$!; while ! [ -s /tmp/ate ]; do usleep 100000; done
	cat /mnt/long >/dev/null; cat /proc/vmstat; wait $a; echo $(cat /tmp/ate) $?'
(( $(counter pswpout) < 64 )) || fail "a file that is read once swapped $(counter pswpout) pages out"
(( $(counter pgsteal_file) > 10000 && $(counter pgscan_file) >= $(counter pgsteal_file) )) || fail "no pages of the file went"
(( $(counter workingset_refault_file) < 500 )) || fail "pages of a file that is read once count as back"

# 24 MB that nobody uses beside 36 MB over and over in 52: they go, and the file is read from memory then.
expect_match '^reads [0-9]+ [0-9]+$' --mem 52M --smp 2 --disk "$DISK" 'mount -t ext2 -o ro /dev/vda /mnt; mkfifo /tmp/f
	busybox awk "BEGIN { for (i = 0; i < 40000; i++) a[i] = sprintf(\"%-500d\", i); print \"ready\" >\"/tmp/ready\"; close(\"/tmp/ready\"); getline x <\"/tmp/f\"; print a[39999] + 0 >\"/tmp/last\" }" &
	while ! [ -s /tmp/ready ]; do usleep 100000; done
	reads() { sed -n "s/^workingset_refault_file //p" /proc/vmstat; }
	cat /mnt/short >/dev/null; a=$(reads); cat /mnt/short >/dev/null; b=$(reads); for i in 1 2 3 4 5 6; do cat /mnt/short >/dev/null; done
	c=$(reads); cat /mnt/short >/dev/null; d=$(reads); echo reads $((b - a)) $((d - c))
	cat /proc/vmstat; echo >/tmp/f; wait; cat /tmp/last'
[[ $(tail -n 1 "$SCRATCH/output") == 39999 ]] || fail "what was swapped out did not come back"
read -r _ first last < <(grep '^reads' "$SCRATCH/output")
(( $(counter pswpout) > 1000 && $(counter workingset_refault_file) > 1000 )) || fail "memory that nobody uses stayed: $(counter pswpout) pages went"
(( last * 4 < first )) || fail "the file is still read from the disk: $last pages, $first at first"

# Plain LRU would miss all 16,896 pages of the first pass.
expect_match '^thrash ok: 0 bad pages of 16896$' --icount --smp 1 'thrash 66 1; cat /proc/vmstat'
(( $(counter pageoutrun) > 0 &&
	$(counter kswapd_low_wmark_hit_quickly) + $(counter kswapd_high_wmark_hit_quickly) <= $(counter pageoutrun) )) || fail "the daemon's runs: $(counter pageoutrun)"
(( $(counter pgscan_direct) == 0 && $(counter pgsteal_direct) == 0 )) || fail "nobody but the daemon evicts"
(( $(sed -nE 's/^sequential pass: .* majflt ([0-9]+) .*/\1/p' "$SCRATCH/output") < 9000 )) || fail "a cycle does not come to rest"
(( $(counter workingset_activate_anon) > 100 && $(counter workingset_refault_anon) >= $(counter workingset_activate_anon) )) || fail "refaults are not counted"

(( $(sed -nE 's/^sequential pass: .* minflt ([0-9]+) .*/\1/p' "$SCRATCH/output") > 1000 )) || fail "use of a page is not seen by faults where hardware has no access flag"
# Where it has one there are no such faults.
expect_match '^sequential pass: .* minflt [0-9]{1,2} ' --icount --smp 1 --cpu max 'thrash 66 1'

expect_match '^refault clock fifo \[lfu\]$' --icount --smp 1 --mem 32M --append replace=lfu 'cd /proc/sys/vm; cat replacement swappiness; thrash 34 1 && for p in clock fifo refault; do
	echo $p >replacement || exit; thrash 34 1 || exit; done; echo best 2>/dev/null >replacement && exit 1
	echo 200 >swappiness && ! echo 201 2>/dev/null >swappiness && cat replacement swappiness'
[[ $(grep -c '^thrash ok: 0 bad' "$SCRATCH/output") == 4 && $(tail -n 2 "$SCRATCH/output" | tr '\n' ' ') == '[refault] clock fifo lfu 200 ' ]] || fail "policies at run time"
guest_run --append replace=best true
expect_log 'replace=best: there is no such thing'

expect_output 'all good' 'advice'
