# SPDX-License-Identifier: MIT
# TIMEOUT: 7200
#
# Two hundred rounds of each way in which memory ends, on one CPU and on four, with instructions counted: all frames are back after the last as after the first, and no victim needs the two seconds that it has.
# Some more in parallel, without that: emulated CPUs pass a contended lock on in the order of coming, each waiting until the host runs the next, so where it has fewer CPUs to give a victim may take seconds.
. "$(dirname "$0")/../system/lib.sh"
GUEST_LIMIT=1700

for flags in '--icount --smp 1' '--icount --smp 4' '--smp 4'; do
	rounds=200
	[[ $flags == *icount* ]] || rounds=20
	for way in one ten many tmpfs locked stopped vfork nproc bomb; do
		# shellcheck disable=SC2086 # several flags
		expect_match "^($way: [1-9]|nproc: 0|(many|bomb): [0-9])" $flags --swap none --append rt_reserve_kb=2048 "oomstorm $way $rounds"
		[[ $flags != *icount* ]] || ! grep 'is not gone' "$SCRATCH/errors" || fail "$flags, $way: a victim took two seconds"
	done
done
