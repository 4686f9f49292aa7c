# SPDX-License-Identifier: MIT
# TIMEOUT: 240
#
# Control groups: limits, what happens at them, and what stays of others; errors; removal with exact sums (rmdir waits until all that was
# charged is found). The same on one CPU and on four.
. "$(dirname "$0")/lib.sh"

mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT"/bin/eater "$SCRATCH/root/bin" || fail "the programs are not built"
cat >"$SCRATCH/root/bin/groupscript" <<'EOF'
cd /sys/fs/cgroup
set -o pipefail
quiet() { "$@" 2>/dev/null; }
run() { (echo 0 >$1/cgroup.procs; shift; exec "$@") 2>/dev/null; } # run GROUP COMMAND...
value() { sed -n "s/^$2 //p" $1; }
error() { "$@" 2>&1 >/dev/null | sed 's/.*: //'; }
store() { sh -c 'echo "$1" >$2' - "$@"; }
until_so() { until "$@"; do usleep 20000; done; } # a test that must come true: waits as long as the guest may run
exact() { [ $(cat $1/memory.current) = $(awk '/^(anon|file|kernel) / { sum += $2 } END { print sum }' $1/memory.stat) ]; } # what is charged is what its frames are
rmdir() { for g; do [ ! -e $g/memory.current ] || until_so exact $g; done; command rmdir "$@"; }
within() { [ $2 -le $(($3 * 1024)) ] && echo "$1 yes" || echo "$1 no: $2"; }

echo "# files"
ls | tr '\n' ' '; echo
mkdir a; ls a | tr '\n' ' '; echo
echo "+memory +pids" >cgroup.subtree_control; cat cgroup.subtree_control a/cgroup.controllers
ls a | grep -c '^memory\|^pids'
cat a/memory.max a/memory.current a/cgroup.type

echo "# errors"
for v in 2147483646 2147483647; do echo $v >a/cgroup.max.depth; cat a/cgroup.max.depth; done
error mkdir $(printf '%0256d' 0)
error mkdir "two
lines"
error store 1 a/memory.current
error cat a/cgroup.kill
for v in many -1 '' 12Q; do error store "$v" a/memory.max; done
error store 4194305 a/pids.max
error store 2 a/cgroup.kill
error store 99999 a/cgroup.procs
error store +cpu cgroup.subtree_control
error store +memory a/none/cgroup.subtree_control
error touch a/file
mkdir a/b; error rmdir a
stat -c %a . a cgroup.procs a/cgroup.procs
error store +pids a/b/cgroup.subtree_control
sleep 100 & echo $! >a/cgroup.procs
grep -c : /proc/$!/cgroup; cat /proc/$!/cgroup
error store +memory a/cgroup.subtree_control
error rmdir a
echo $$ >a/b/cgroup.procs; cat /proc/self/cgroup; echo $$ >cgroup.procs
cat a/cgroup.events
rmdir a/b; echo 1 >a/cgroup.kill; wait $!; echo killed $?
cat a/cgroup.events; cat a/pids.current

echo "# max"
echo 4M >a/memory.max
run a eater 8; echo status $?
within peak $(cat a/memory.peak) 4096
grep -v ' 0$' a/memory.events | grep -c max
rmdir a; mkdir a

echo "# oom"
echo 4M >a/memory.max; echo 0 >a/memory.swap.max
eater 4 2 >/dev/null & other=$!
run a eater 8; echo status $?
wait $other; echo other $?
value a/memory.events oom_kill; [ $(value a/memory.swap.events max) -gt 0 ] && echo met swap.max
cat a/memory.swap.current

echo "# oom.group"
echo 1 >a/memory.oom.group
run a sleep 100 & first=$!
until_so grep -q . a/cgroup.procs
run a eater 8; echo status $?
wait $first; echo first $?
value a/memory.events oom_group_kill
rmdir a; mkdir a

echo "# exempt"
echo 4M >a/memory.max; echo 0 >a/memory.swap.max; echo -1000 >/proc/self/oom_score_adj
run a eater 8 0 >/tmp/said & exempt=$!
echo 0 >/proc/self/oom_score_adj
until_so eval '[ $(value a/memory.events oom) -gt 0 ]'
usleep 600000; wc -l <a/cgroup.procs; echo 16M >a/memory.max
wait $exempt; echo exempt $?; cat /tmp/said; rm /tmp/said
value a/memory.events oom
rmdir a; mkdir a

echo "# high"
echo 4M >a/memory.high
run a eater 5; echo status $?
[ $(value a/memory.events high) -gt 0 ] && echo throttled
[ $(sed -n 's/^some.*total=//p' a/memory.pressure) -gt 10000 ] && echo waited for memory
value a/memory.events oom_kill
mkdir h; echo 4M >h/memory.high
run h dd if=/dev/zero of=/dev/null bs=16M count=1; echo status $?
within "peak of one call" $(cat h/memory.peak) 6144; rmdir h

echo "# reclaim"
run a dd if=/dev/zero of=/tmp/some bs=64k count=32
echo 1M >a/memory.reclaim; echo $?
[ $(value a/memory.stat pgsteal) -ge 256 ] && echo reclaimed
[ $(cat a/memory.swap.current) -ge 1048576 ] && echo swapped
rm /tmp/some; cat a/memory.swap.current
rmdir a; mkdir a

echo "# min"
echo 16M >a/memory.min
run a eater 8 3 >/dev/null & kept=$!
until_so eval '[ $(cat a/memory.current) -ge 8388608 ]'
eater 56 >/dev/null; echo hog $?
cat a/memory.swap.current
wait $kept; echo kept $?

echo "# pids"
echo 6 >a/pids.max
run a sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.1 & done; wait' >/dev/null
[ $(value a/pids.events max) -gt 0 ] && echo refused
cat a/pids.peak; until_so eval '[ $(cat a/pids.current) = 0 ]'

echo "# left behind"
mkdir a/b; echo +memory >a/cgroup.subtree_control
run a/b dd if=/dev/zero of=/tmp/left bs=64k count=32
rmdir a/b
within "less than left" $((2048 * 1024)) $(($(cat a/memory.current) / 1024))
[ $(value a/memory.stat shmem) -ge 2097152 ] && echo shmem is above
rm /tmp/left
within current $(cat a/memory.current) 256
echo -memory >a/cgroup.subtree_control; echo -memory >cgroup.subtree_control; ls a | grep -c ^memory
exec 3<a/memory.pressure 4<a/cgroup.events; rmdir a; error cat <&3; error cat <&4; exec 3<&- 4<&-
ls -d a 2>&1; cat cgroup.stat
EOF
TESTS_ROOT=$SCRATCH/root

for flags in '--smp 1' ''; do
	# shellcheck disable=SC2086 # several flags
	guest_run $flags 'sh /bin/groupscript eater'
	diff <(sed -n 's/^#= //p' "$0") <(grep -v '^Killed$' "$SCRATCH/output") || fail "flags '$flags': not as expected"
done

# What is expected.
#= # files
#= cgroup.controllers cgroup.max.depth cgroup.max.descendants cgroup.procs cgroup.stat cgroup.subtree_control cgroup.threads cpu.pressure io.pressure memory.pressure memory.stat 
#= cgroup.controllers cgroup.events cgroup.kill cgroup.max.depth cgroup.max.descendants cgroup.procs cgroup.stat cgroup.subtree_control cgroup.threads cgroup.type cpu.pressure io.pressure memory.pressure 
#= memory pids
#= memory pids
#= 21
#= max
#= 0
#= domain
#= # errors
#= 2147483646
#= max
#= File name too long
#= can't create directory 'two
#= Invalid argument
#= Invalid argument
#= Invalid argument
#= Invalid argument
#= Invalid argument
#= Invalid argument
#= Invalid argument
#= Invalid argument
#= Numerical result out of range
#= No such process
#= Invalid argument
#= nonexistent directory
#= Permission denied
#= Device or resource busy
#= 755
#= 755
#= 644
#= 644
#= No such file or directory
#= 1
#= 0::/a
#= Device or resource busy
#= Device or resource busy
#= 0::/a/b
#= populated 1
#= frozen 0
#= killed 137
#= populated 0
#= frozen 0
#= 0
#= # max
#= ate
#= status 0
#= peak yes
#= 1
#= # oom
#= status 137
#= other 0
#= 1
#= met swap.max
#= 0
#= # oom.group
#= status 137
#= first 137
#= 1
#= # exempt
#= 1
#= exempt 0
#= ate
#= 1
#= # high
#= ate
#= status 0
#= throttled
#= waited for memory
#= 0
#= status 0
#= peak of one call yes
#= # reclaim
#= 0
#= reclaimed
#= swapped
#= 0
#= # min
#= hog 0
#= 0
#= kept 0
#= # pids
#= refused
#= 6
#= # left behind
#= less than left yes
#= shmem is above
#= current yes
#= 1
#= No such device
#= No such device
#= ls: a: No such file or directory
#= nr_descendants 0
#= nr_dying_descendants 0
