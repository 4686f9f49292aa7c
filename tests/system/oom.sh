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
done

# Who may not be ended is not: with oom_score_adj at -1000 the smaller one goes.
expect_match '^big 0$' --swap none '{ (echo -1000 >/proc/self/oom_score_adj; exec eater 30 6) & a=$!; sleep 2
	eater >/dev/null; echo small $?; wait $a; echo big $?; } 2>/dev/null'
grep -q '^small 137$' "$SCRATCH/output" || fail "the one that is not exempt was not ended"

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
