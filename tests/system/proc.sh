# SPDX-License-Identifier: MIT
# TIMEOUT: 200
# CPUS: 1
#
# What /proc says is true: the flash, memory, limits.
. "$(dirname "$0")/lib.sh"

# value NAME: of a "NAME VALUE" or "NAME: VALUE kB" line, the last of that name in the output
value() { sed -nE "s/^$1:?[[:space:]]+([^[:space:]]+).*$/\\1/p" "$SCRATCH/output" | tail -n 1; }

# The partitions, in Linux's format.
expect_output $'dev:    size   erasesize  name\nmtd0: 00040000 00040000 "env"\nmtd1: 03fc0000 00040000 "swap"' 'cat /proc/mtd'
expect_output 'dev:    size   erasesize  name
medium none' --swap none 'cat /proc/mtd /proc/swapstore'

# 40 MB in 32 MB, nothing kept in RAM: every page out was programmed, with headers; the segments add up; nothing failed.
guest_run --mem 32M --append zpool=0% 'eater 40 && cat /proc/swapstore /proc/vmstat'
(( STATUS == 0 )) || fail "eater: status $STATUS"
[[ $(value medium) == swap ]] || fail "the medium is not the partition"
(( $(value segments) == 255 && $(value segments_retired) == 0 && $(value segments_free) < 255 )) || fail "segments"
(( $(value bytes_in) == 4096 * ($(value pswpout) - $(value swpout_zero)) && $(value bytes_in) >= 10 << 20 )) || fail "bytes_in is not what went out"
(( $(value bytes_programmed) >= ($(value bytes_in) / 4096 - $(value records_packed)) * 4112 + $(value records_packed) * 32 )) || fail "fewer bytes programmed than written"
(( $(value checksum_failures) + $(value program_failures) + $(value erase_failures) == 0 )) || fail "failures"
(( $(value bytes_programmed_ever) == $(value bytes_programmed) )) || fail "a fresh medium remembers something"

# What the root file system was filled with counts against its limit: df's figure is du's, but for the directories.
guest_run 'df -k / | tail -n 1; find / -xdev -type f -exec stat -c "%i %b" {} + | sort -u | awk "{ s += \$2 } END { print s / 2 }"'
(( STATUS == 0 )) || fail "df: status $STATUS"
read -r _ _ used _ < <(sed -n 1p "$SCRATCH/output")
files=$(sed -n 2p "$SCRATCH/output")
(( used > 1000 && used >= files && used <= files + 100 )) || fail "df says $used KB, the files have $files KB"

# Overcommit. By default one request for more than there is gets ENOMEM, and Committed_AS says what was promised; with 2
# the limit is RAM's share and swap; with 1 nothing is refused.
guest_run 'grant() { dd if=/dev/zero of=/dev/null bs=$1 count=0 2>/dev/null && echo yes || echo no; }
	v=/proc/sys/vm; cat $v/overcommit_memory $v/overcommit_ratio $v/overcommit_kbytes
	grant 200M; grant 100M
	echo 2 >$v/overcommit_memory; grant 100M; grant 10M
	echo 200 >$v/overcommit_ratio; grant 100M
	echo 40000 >$v/overcommit_kbytes; cat $v/overcommit_ratio; grant 100M
	echo 1 >$v/overcommit_memory; grant 200M; echo 3 2>/dev/null >$v/overcommit_memory || echo no; cat /proc/meminfo'
(( STATUS == 0 )) || fail "overcommit: status $STATUS"
[[ $(head -n 12 "$SCRATCH/output" | tr '\n' ' ') == '0 50 0 no yes no yes yes 0 no yes no ' ]] || fail "overcommit: what was granted"
(( $(value CommitLimit) == $(value SwapTotal) + 40000 )) || fail "CommitLimit"
(( $(value Committed_AS) > 50 && $(value Committed_AS) < 20000 )) || fail "Committed_AS"

# RSS is the sum of its parts;
# meminfo's parts account for all but a little; every CPU says what it is.
guest_run 'dd if=/dev/zero of=/tmp/z bs=1M count=2 2>/dev/null; cat /proc/self/status /proc/meminfo /proc/cpuinfo'
(( STATUS == 0 )) || fail "status: status $STATUS"
(( $(value VmRSS) == $(value RssAnon) + $(value RssFile) + $(value RssShmem) && $(value RssAnon) > 0 && $(value RssShmem) > 0 )) || fail "VmRSS"
(( $(value PageTables) >= 24 && $(value PageTables) < 2000 )) || fail "PageTables"
known=0
for name in MemFree AnonPages Cached Unevictable Slab KernelStack PageTables; do known=$((known + $(value $name))); done
(( known <= $(value MemTotal) && known > $(value MemTotal) - 4000 )) || fail "the parts of meminfo come to $known KB of $(value MemTotal)"
[[ $(grep -Ec '^CPU (implementer|part)[[:space:]]: 0x(41|d08)$' "$SCRATCH/output") == 8 ]] || fail "/proc/cpuinfo"

# Memory page by page, and what is left of the files that tell about memory.
expect_match '^all good$' smaps
guest_run 'cat /proc/zoneinfo; echo 15 >/proc/self/oom_adj; cat /proc/self/oom_score_adj; echo -8 >/proc/self/oom_adj; cat /proc/self/oom_score_adj /proc/self/oom_adj; echo -18 2>/dev/null >/proc/self/oom_adj || echo no'
[[ $(tail -n 4 "$SCRATCH/output" | tr '\n' ' ') == '1000 -470 -7 no ' ]] || fail "oom_adj"
[[ $(head -n 2 "$SCRATCH/output") == $'Node 0, zone   Normal\n  per-node stats' ]] || fail "zoneinfo"

# Each CPU has a place of its own in /sys, and those that are not there have none.
expect_output $'cpu0 cpu1\n2 0 0-1\nno' --smp 2 'cd /sys/devices/system/cpu; echo cpu*; cd cpu1/topology; echo $(cat core_cpus physical_package_id core_siblings_list); [ -e ../../cpu2 ] || [ -e ../../cpu01 ] || echo no'

# The debug kernel counts how often and how long spin locks are held, by class; the others, which would pay for it, say nothing of it.
guest_run 'echo 0 >/proc/lock_stat; for i in 1 2 3 4; do ls -lR /proc/self >/dev/null & done; wait; cat /proc/lock_stat'
if [[ $PRESET == kernel-debug ]]; then
	awk '$9 ~ /\.c$/ && NF >= 10 { classes++; bad += $5 == 0 || $6 > $7 || $7 > $8 || $2 > $3 || $3 > $4; rq += $9 == "sched.c" && $5 >= 8 }
		END { exit !(classes >= 20 && rq == 1 && !bad) }' "$SCRATCH/output" || fail "the classes of locks"
else
	! grep -q 'class$' "$SCRATCH/output" || fail "a release kernel that counts holds"
fi
