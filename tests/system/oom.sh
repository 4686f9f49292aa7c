# SPDX-License-Identifier: MIT
# TIMEOUT: 400
# CPUS: 1
#
# When memory ends: the one that leaks is ended and explained, with swap and without, everyone else goes on.
. "$(dirname "$0")/lib.sh"

mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT"/bin/{eater,oomsites} "$SCRATCH/root/bin" || fail "the programs are not built"
TESTS_ROOT=$SCRATCH/root

# The survivor has 4 MB that it checks all the time; the leak gets SIGKILL.
SURVIVE='eater 4 8 & a=$!; sleep 1; eater 2>/dev/null; echo leak $?; wait $a; echo survivor $?; grep oom_kill /proc/vmstat'
SURVIVED=$'ate\nleak 137\nsurvivor 0\noom_kill 1'
for flags in '--swap none' '--swap none --smp 1' '--mem 32M --swap-size 16M' ''; do
	# shellcheck disable=SC2086 # several flags
	guest_run $flags "{ $SURVIVE; } 2>/dev/null"
	[[ $(grep -v '^Killed$' <<<"$OUTPUT") == "$SURVIVED" ]] || fail "flags '$flags': the survivor or the leak"
	expect_log 'oom: .*needs'
	expect_log 'oom: ends eater'
	expect_log 'oom: free [0-9]+ KB of [0-9]+ KB, all one zone \(min [0-9]+'
	expect_log 'oom: tables [0-9]+ KB, stacks [0-9]+, slab [0-9]+'
	expect_log 'Killed process [0-9]+ \(eater\) total-vm:[0-9]+kB, anon-rss:[1-9][0-9]+kB'
	expect_log 'oom: eater \([0-9]+\) is (not )?gone after [0-9]+ us; [0-9]+ KB unmapped, [0-9]+ by the reaper; memory came after [0-9]+ us; [0-9]{5,} KB free, [0-9]{1,4} before'
done

# What is told of groups: the one whose limit it is and its candidates, and whose group somebody was that the machine ended.
guest_run --swap none 'cd /sys/fs/cgroup && echo +memory >cgroup.subtree_control && mkdir a && echo +memory >a/cgroup.subtree_control && mkdir a/b && echo 8M >a/memory.max &&
	echo 1M >a/b/memory.low && { (echo 0 >a/b/cgroup.procs; exec eater); } 2>/dev/null; echo ended $?'
expect_log 'oom: group /a: [0-9]+ KB, swap 0 KB, max 8192$'
expect_log 'oom: group /a/b: [0-9]+ KB, swap 0 KB, low 1024$'
expect_log ' /a/b eater <-$'

# Who may not be ended is not: with oom_score_adj at -1000 the smaller one goes.
expect_match '^big 0$' --swap none '{ (echo -1000 >/proc/self/oom_score_adj; cat /proc/self/oom_score /proc/1/oom_score; exec eater 30 6) & a=$!; sleep 2
	eater >/dev/null; echo small $?; wait $a; echo big $?; } 2>/dev/null'
grep -q '^small 137$' "$SCRATCH/output" || fail "the one that is not exempt was not ended"
[[ $(grep -cx 0 "$SCRATCH/output") == 2 ]] || fail "who is exempt has a score"

# Memory that ends in each allocation of many calls, with the locks that are held there: the one who allocates goes, or one who waits for the same locks, or for pages.
if [[ $PRESET == kernel-debug ]]; then
	expect_match '^self: [0-9]+ sites' --icount --smp 1 --swap none 'oomsites self 1900'
	expect_match '^dir: [0-9]+ sites' --icount --smp 1 --swap none 'oomsites dir 1900'
	expect_match '^pagein: [0-9]+ sites' --icount --smp 1 --swap virtio 'oomsites pagein 1900'
	expect_match '^dir: [0-9]+ sites' --smp 4 --swap none 'oomsites dir'
fi

# A request beyond a limit is refused at once, nobody is ended.
expect_match '^oom_kill 0$' --swap none 'ulimit -v 100000; dd if=/dev/zero of=/dev/null bs=2000M count=1 2>/dev/null; grep oom_kill /proc/vmstat'

# A file system in RAM that fills up ends in an error or in somebody's end; the system stays.
expect_match '^alive$' --swap none '(dd if=/dev/zero of=/tmp/big bs=64k count=600 && dd if=/tmp/big of=/dev/null bs=64k) 2>/dev/null
	rm /tmp/big; echo alive'
