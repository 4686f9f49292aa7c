# SPDX-License-Identifier: MIT
# TIMEOUT: 240
# CPUS: 1
# RELEASE ONLY: its instructions are what is counted
#
# /proc/latency: with samples of a machine that swaps, forks, executes, writes files and lines to its terminal, locks memory and runs out of it, as a whole and in a group, no sample is more than 1,200
# instructions late for interrupts that were off, and nobody waits more than 3,000 for a switch. The sections themselves have 1,000 at most; a sample is late by its own way in, too, and by what is noted
# of the one before it.
# That is GCC's code, which is what is delivered; Clang's may take a third more.
# Counted with one CPU: with more, --icount counts what all of them do.
. "$(dirname "$0")/lib.sh"

# longest KIND: the most ns of that kind in the output, and by its place who it was
longest() { awk -v kind="$1" '$2 == kind && $3 > most { most = $3 } END { print most + 0 }' "$SCRATCH/output"; }
places()
{
	local cpu kind ns site from rest
	while read -r cpu kind ns site from rest; do
		[[ $kind != *_off ]] || echo "$ns $kind $cpu $(aarch64-linux-gnu-addr2line -pfie ".build/$PRESET/granule.elf" "$site" "$from" | tr '\n' ' ') $rest"
	done <"$SCRATCH/output" | sort -nr
}

LOAD='echo 8000 >/proc/sys/kernel/latency_sample_ns; echo 0 >/proc/latency
thrash 80 >/dev/null 2>&1
for i in 1 2 3 4 5 6; do (ls -lR /proc/self /bin >/dev/null; dd if=/dev/zero of=/tmp/f$i bs=64k count=20 2>/dev/null; rm /tmp/f$i) & done; wait
threads >/dev/null 2>&1; processes >/dev/null 2>&1
forkbomb >/dev/null 2>&1 & sleep 0.3; kill -9 $!
(dd if=/dev/zero of=/tmp/big bs=64k count=400 && rm /tmp/big) 2>/dev/null
(eater >/dev/null) 2>/dev/null
for w in bomb group threads; do oomstorm $w 1 0 >/dev/null; done
seq -s " " 200
cat /proc/latency'

# bounded COMMANDS FLAGS-OF-RUN...: which say what to measure, and show it
bounded()
{
	local irqs preempt third
	guest_run --icount --smp 1 "${@:2}" "$1"
	(( STATUS == 0 )) || fail "the load: status $STATUS"
	irqs=$(longest irqs_off) preempt=$(longest preempt_off)
	echo "interrupts off: $irqs, preemption off: $preempt instructions"
	places
	third=$([[ $PRESET == kernel ]] && echo 0 || echo 1)
	(( irqs <= 1200 + 400 * third )) || fail "interrupts were off for $irqs instructions"
	(( preempt <= 3000 + 1000 * third )) || fail "preemption was off for $preempt instructions"
	(( preempt >= 500 )) || fail "samples show nothing"
}
bounded "$LOAD"
expect_log 'oom: ends eater'

# Sixteen pages in one hold of a table's lock whose reverse maps are larger than they need be.
bounded 'echo 4000 >/proc/sys/kernel/latency_sample_ns; echo 0 >/proc/latency; parted && cat /proc/latency'

# Nor are they longer where hundreds of real-time threads of all priorities wait for one thing, or for locks of one task.
bounded 'echo 3000 >/proc/sys/kernel/latency_sample_ns; echo 0 >/proc/latency
for kind in event futex pi pis; do waiters $kind 900 || exit; done; cat /proc/latency' --mem 128M

# A real-time task's wake-ups are counted, ended or not, until they are forgotten; samples are taken when asked for.
guest_run --icount --smp 1 'realtime sleep; cat /proc/sys/kernel/latency_sample_ns
	{ echo 5 >/proc/sys/kernel/latency_sample_ns || echo no; echo 1 >/proc/latency || echo no; } 2>/dev/null
	cp /proc/latency /tmp; echo 0 >/proc/latency; cat /tmp/latency /proc/latency'
[[ $(head -n 4 "$SCRATCH/output") == $'all good\n0\nno\nno' ]] || fail "the settings"
awk '/realtime .ended/ { rows++; for (i = 2; i <= 13; i++) sum += $i; late += $1 >= 1500 }
	END { exit !(rows == 2 && sum == 3 && !late) }' "$SCRATCH/output" || fail "the wake-ups of three sleeps"

# With more CPUs each has its own. They wait for each other's locks: the sums are those of the places, and are forgotten on request.
expect_match '^  3  (irqs|preempt)_off' 'echo 20000 >/proc/sys/kernel/latency_sample_ns
	for i in 1 2 3 4 5 6 7 8; do ls -lR /proc/self >/dev/null & done; wait; cat /proc/latency; cp /proc/lock_stat /tmp; cat /tmp/lock_stat
	echo 1 >/proc/lock_stat; echo 0 >/proc/lock_stat; wc -l </proc/lock_stat'
awk '$1 == "spin" || $1 == "mutex" { if (/in all$/) sum[$1] = $2; else { places[$1] += $2; bad += $3 < $4 || $5 !~ /^ffffffff/ } }
	END { exit !(places["spin"] > 0 && places["spin"] == sum["spin"] && places["mutex"] == sum["mutex"] && !bad && $1 < 20) }' \
	"$SCRATCH/output" || fail "the waits for locks"
