# SPDX-License-Identifier: MIT
# TIMEOUT: 400
#
# Processes, threads and signals as programs see them; random calls with absurd arguments; a fork bomb.
. "$(dirname "$0")/lib.sh"

expect_output 'all good' threads
expect_output 'all good' signals
expect_output 'all good' processes
expect_output 'all good' --smp 1 processes
expect_status 42 --append init=/bin/processes processes

# The kernel stands whatever it is asked for, and keeps nothing: free memory is the same after the second round as after the first.
guest_run 'for i in 1 2 3 4; do callfuzz $i >/dev/null || exit 1; done; a=$(awk "/^MemFree/ {print \$2}" /proc/meminfo)
	for i in 5 6 7 8; do callfuzz $i >/dev/null || exit 1; done; b=$(awk "/^MemFree/ {print \$2}" /proc/meminfo)
	echo $((a - b)) KB lost'
(( STATUS == 0 )) || fail "callfuzz: status $STATUS"
(( ${OUTPUT%% *} < 400 )) || fail "callfuzz: $OUTPUT"

# Timers and limits on CPU time.
expect_output 'all good' cputimers
expect_output 'all good' --icount --smp 1 cputimers
expect_output 'all good' --icount --smp 1 timers

# Nothing that a program may have many of delays a real-time task.
expect_match '^all good$' --icount --smp 1 bounded

# A fork bomb is refused, others live meanwhile and afterwards. (The shell waits for its end without a fork.)
expect_output $'alive\nafter' 'mkfifo /tmp/f; setsid forkbomb 3 & sleep 2; echo alive; kill -9 -1
	read -t 4 x <>/tmp/f; sleep 0; echo after'

# A dynamic program, a script, status of signals, job control by the shell's own means.
expect_status 139 'sh -c "kill -SEGV \$\$"'
expect_status 3 'printf "#!/bin/sh\nexit 3\n" >/tmp/s; chmod +x /tmp/s; /tmp/s'
expect_output 'Linux aarch64' 'uname -sm'
