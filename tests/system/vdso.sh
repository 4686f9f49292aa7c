# SPDX-License-Identifier: MIT
# CPUS: 1
#
# Clocks without a system call: found, right on one CPU and several, and cheap.
. "$(dirname "$0")/lib.sh"

expect_match '^all good$' vdso
expect_match '^all good$' --smp 1 vdso
# The page that the kernel goes on writing to is never paged out.
expect_match '^Unevictable: +[1-9]' 'cat /proc/meminfo'

# Instructions: a call of the C library's, from its caller and back, is below 60.
guest_run --icount --smp 1 'vdso cost'
(( STATUS == 0 )) || fail "vdso cost: status $STATUS"
cost() { sed -n "s/^$1 //p" "$SCRATCH/output"; }
(( $(cost 'vdso monotonic') > 5 && $(cost 'vdso monotonic') < 45 )) || fail "clock_gettime takes $(cost 'vdso monotonic') instructions"
(( $(cost 'vdso realtime') < 45 )) || fail "clock_gettime takes $(cost 'vdso realtime') instructions"
(( $(cost 'libc monotonic') < 60 )) || fail "the C library's clock_gettime takes $(cost 'libc monotonic') instructions"
(( $(cost 'call monotonic') > 100 )) || fail "the measure is wrong: the system call takes $(cost 'call monotonic')"
