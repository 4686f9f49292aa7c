# SPDX-License-Identifier: MIT
# TIMEOUT: 240
# CPUS: 1
# RELEASE ONLY: its instructions are what is counted
#
# One CPU, and four that swap, fork, write files, run out of memory and meet at each other's locks: how long interrupts, and preemption when somebody wants the CPU,
# are off, counted by CPU (tests/bench/profile/sections). Waiting for a lock counts as long as its holders take. latency.sh has one CPU, where less is in a section: none fetches
# from another, none is looked at. What a section has at most is told in kernel/README.md.
. "$(dirname "$0")/lib.sh"

[[ $PRESET == kernel ]] || exit 77 # GCC's code is what is delivered
(. boards/common/lib.sh; . boards/common/tools.sh; need_qemu_rpi4; version_at_least "$(qemu_version "${QEMU_RPI4[@]}")" 9.2) 2>/dev/null ||
	{ echo "no QEMU of 9.2 or later here"; exit 77; }

# counted FLAGS... LOAD
counted()
{
	local irqs preempt
	named_programs "${!#}"
	tests/bench/profile/sections "${@:1:$#-1}" --log --timeout "$GUEST_LIMIT" --root "$SCRATCH/programs" "${!#}" >"$SCRATCH/output" 2>"$SCRATCH/errors" ||
		fail "the load: status $?"
	expect_log 'oom: ends '
	cat "$SCRATCH/output"
	read -r _ sections waits irqs preempt < <(tail -n 1 "$SCRATCH/output")
	(( sections > 100000 && irqs > 500 && preempt > 500 )) || fail "$sections sections: too few to tell"
	(( irqs <= 1100 )) || fail "interrupts were off for $irqs instructions"
	(( preempt <= 3000 )) || fail "preemption was off for $preempt instructions"
}
with_waits() { awk -v kind="$1" '$1 == kind { print $4; exit }' "$SCRATCH/output"; }

# One CPU, with pressure counted in groups.
counted --smp 1 --mem 32M --swap-size 8M 'echo 8000 >/proc/sys/kernel/latency_sample_ns; echo 0 >/proc/latency; oomstorm group 1 0 >/dev/null'

counted --smp 4 --mem 32M --swap-size 8M 'echo 20000 >/proc/sys/kernel/latency_sample_ns; echo 0 >/proc/latency
for i in 1 2 3 4; do (ls -lR /proc/self >/dev/null; dd if=/dev/zero of=/tmp/f$i bs=64k count=10 2>/dev/null; rm /tmp/f$i) & done; wait
(eater >/dev/null) 2>/dev/null
forkbomb >/dev/null 2>&1 & sleep 0.03; kill -9 $!'
expect_log 'oom: ends eater'
(( waits > 500 )) || fail "$waits waits: too few to tell"
# A wake-up passes two locks, each with up to three CPUs before it that hold it for 600: how they meet is the host's affair, and seldom twice the same.
(( $(with_waits irqs_off) <= 1100 + 2 * 3 * 600 )) || fail "with its waiting, interrupts were off for $(with_waits irqs_off) instructions"
(( $(with_waits preempt_off) <= 3000 + 2 * 3 * 600 )) || fail "with its waiting, preemption was off for $(with_waits preempt_off) instructions"
