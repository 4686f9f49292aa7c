# SPDX-License-Identifier: MIT
# TIMEOUT: 600
#
# The memory calls, on the software and the hardware paths of access flags, and what is free after boot.
. "$(dirname "$0")/lib.sh"

# Case by case as Linux answers (guest/cases.h). memcalls-differs.txt has the cases where we mean to differ, and why.
guest=tests/system/guest
expected_answers "$guest/memcalls-differs.txt" "$guest/memcalls-linux-6.1.txt" >"$SCRATCH/expected-cases"
GUEST_LIMIT=240 guest_run 'memcalls-map && memcalls-advise && memcalls-share && memcalls-process && memcalls-pidfd && memcalls-rights && memcalls-files'
(( STATUS == 0 )) || fail "memcalls-*: status $STATUS"
diff "$SCRATCH/expected-cases" "$SCRATCH/output" >"$SCRATCH/differences" || {
	cp "$SCRATCH/differences" "$SCRATCH/output"
	fail 'answers are not those expected (<)'
}

# Barriers for other threads: nobody misses both stores, and the CPU that runs the other thread is interrupted.
for kind in private core global expedited; do
	expect_match 'all good' "membarrier $kind 300 && awk '/barrier/ { exit !(\$3 > 0) }' /proc/interrupts"
done
expect_output 'all good' areanames

expect_match 'all good' --icount --smp 1 memareas
expect_match 'all good' 'memsoak 200000 && memsoak 20000 4'
expect_output 'all good' memcalls
expect_output 'all good' --smp 1 memcalls
expect_output 'all good' --cpu max memcalls
expect_output 'all good' --swap none memcalls

# What a process leaves behind reaches the next owner as zeros: eater ends with 2 where it finds something.
expect_output $'ate\nate\nate' 'eater 30 && eater 30 && eater 30'
