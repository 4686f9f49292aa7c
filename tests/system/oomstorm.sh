# SPDX-License-Identifier: MIT
# TIMEOUT: 400
# CPUS: 1
# RELEASE ONLY: oom.sh ends memory with the checks on
#
# Memory ends in several ways beside a real-time task, on one CPU and on four (all of them, often: tests/soak/oomstorm.sh): the right ones go, all frames are back, no real-time allocation fails, and where
# instructions are counted no wake-up is late. What is said of it can be read; policies are chosen at run time.
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
RESERVE=rt_reserve_kb=2048 # a fork of the real-time task copies what it has locked, 1.2 MB
LATEST=5000 # ns; with the costly checks, or compiled for size, there is no bound
[[ $PRESET == kernel ]] || LATEST=0

mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT"/bin/{eater,oomstorm,rtclaim} "$SCRATCH/root/bin" || fail "the programs are not built"
TESTS_ROOT=$SCRATCH/root

# storms WAYS LATEST FLAGS...: no wake-up later than LATEST, 0: any
storms()
{
	local WAYS=$1 latest=$2
	shift 2
	guest_run --swap none --append "$RESERVE" "$@" "for w in $WAYS; do oomstorm \$w 1 $latest || exit; done; echo alive; cat /proc/oom_log"
	(( STATUS == 0 )) && grep -q '^alive$' "$SCRATCH/output" || fail "$*: status $STATUS"
	(( $(grep -Ec '^(nproc: 0|[a-z]+: [1-9][0-9]*) ended' "$SCRATCH/output") == $(wc -w <<<"$WAYS") )) || fail "$*: a way that ended nobody, or somebody where none had to"
	grep -Eq '^oom: .* is gone after [0-9]+ us; [0-9]+ KB unmapped' "$SCRATCH/output" || fail "$*: no report in /proc/oom_log"
	! grep -E 'Killed process' "$SCRATCH/errors" | grep -v '(oomstorm)' || fail "$*: somebody else went"
}
storms 'one ten many tmpfs locked stopped threads vfork group nproc bomb' "$LATEST" --icount --smp 1
storms 'one tmpfs locked vfork group nproc' 0 --smp 4
storms pagein 0 --smp 4 --mem 32M --swap-size 6M --swap pflash

# A real-time task locks more than the reserve has while another task has all the rest, and forks with that: it waits for no device, and no longer than for a decision.
for flags in '--icount --smp 1 --swap none' '--icount --smp 1' '--smp 4'; do
	# shellcheck disable=SC2086 # several flags
	expect_match '^hog ended$' $flags 'rtclaim 14 2'
	(( $(grep -c '^forked in' "$SCRATCH/output") == 2 )) || fail "$flags: a fork with locked memory"
	worst=$(sed -n 's/^locked .* worst piece \([0-9]*\) us$/\1/p' "$SCRATCH/output")
	[[ $flags != *icount* || $PRESET != kernel ]] || (( worst < 800 )) || fail "$flags: a piece of 16 KB took $worst us" # 2,048 looks, 400, and a decision, 200
done

# Where nobody who may be ended has memory to give, it waits until swap has taken the hog's: no bystander goes for next to nothing, nor it itself.
for flags in '--icount --smp 1' '--smp 4'; do
	# shellcheck disable=SC2086 # several flags
	expect_match '^bystanders live$' $flags 'sleep 1000 & a=$!; sleep 1000 & b=$!; rtclaim 14 0 -1000 && kill $a $b && echo bystanders live'
	grep -q '^hog lives$' "$SCRATCH/output" || fail "$flags: who was exempt has gone"
done

# The policy that restarts the machine does not where swap has room.
expect_match '^hog ended$' --icount --smp 1 'echo panic >/proc/sys/vm/oom_policy; rtclaim 14'
expect_log 'ends rtclaim'

# The page cache of a file larger than RAM, and a leak.
mkdir "$SCRATCH/files"
dd if=/dev/urandom of="$SCRATCH/files/file" bs=1M count=40 status=none
mke2fs -q -t ext2 -d "$SCRATCH/files" "$SCRATCH/disk.img" 50M 2>/dev/null || fail "mke2fs"
expect_match '^cache: [1-9]' --icount --smp 1 --mem 32M --append "$RESERVE" --swap none --disk "$SCRATCH/disk.img" 'mount -t ext2 -o ro /dev/vda /mnt; oomstorm cache'

# Policies: by priority the nice one goes, although it is small; who grew last goes, although another is larger.
expect_match '^nice 137 big 0$' --icount --smp 1 --swap none --append oom_policy=priority '{ eater 30 4 & a=$!; eater 12 30 & b=$!; renice -n 19 -p $b >/dev/null; sleep 1; (exec eater 24 2); wait $b; b=$?; wait $a
	echo nice $b big $?; } 2>/dev/null'
expect_match '^new 137 big 0$' --icount --smp 1 --swap none '{ cat /proc/sys/vm/oom_policy; echo newest >/proc/sys/vm/oom_policy; eater 36 6 & a=$!; sleep 1; (exec eater 30 2); n=$?; wait $a
	echo new $n big $?; } 2>/dev/null'

# The machine begins anew, and says why.
guest_run --swap none --append oom_policy=panic 'eater; echo went on'
! grep -q 'went on' "$SCRATCH/output" || fail "the machine did not restart"
expect_log 'oom: the machine restarts'
guest_run --append 'oom_policy=dice rt_reserve_kb=1M' 'cat /proc/sys/vm/oom_policy'
expect_log 'oom_policy=dice: there is no such thing'
expect_log 'rt_reserve_kb=1M: not a part of RAM'

# The reserve of real-time tasks is on top of min, and bounded.
expect_output $'0\n1024\n256 more\n1024' --icount --smp 1 'cd /proc/sys/vm; min() { awk "/^ *min/ { print \$2 }" /proc/zoneinfo; }; cat rt_reserve_kb; echo 0 >rt_reserve_kb; a=$(min)
	echo 1024 >rt_reserve_kb; cat rt_reserve_kb; echo $(($(min) - a)) more; for v in -1 x 999999999; do echo $v 2>/dev/null >rt_reserve_kb && echo took $v; done; cat rt_reserve_kb'
