# SPDX-License-Identifier: MIT
# TIMEOUT: 300
# CPUS: 1
#
# What real-time tasks are promised: tests/system/guest/realtime.c, case by case.
. "$(dirname "$0")/lib.sh"

# Memory that is locked never faults; what does is told, with its address, and ends the task on request.
expect_output $'all good\ncount [log] kill' 'cat /proc/sys/kernel/nofault_action >/tmp/actions; realtime nofault && cat /tmp/actions'
expect_log 'realtime\[[0-9]+\]: fault 1 at 0x[0-9a-f]+, though all its memory is locked$'
expect_log 'realtime\[[0-9]+\]: fault [0-9]+ at 0x[0-9a-f]+, .*: killed$'

# Deadlines and the limit of time, on one CPU whose time is exact; the guard, which takes a second.
expect_output $'all good\nall good\nall good\nall good' --icount --smp 1 'realtime deadline; realtime kernel; realtime rttime; realtime rights'
expect_output 'all good' --smp 2 'realtime cpus'
expect_output $'all good\n950000\n1000000' --smp 1 'realtime guard; cat /proc/sys/kernel/sched_rt_runtime_us /proc/sys/kernel/sched_rt_period_us'
