# SPDX-License-Identifier: MIT
# TIMEOUT: 480
# CPUS: 1
#
# Programs that work on more memory than there is, paged to the NOR flash: every word right, on one CPU and on four;
# the real-time task beside them neither faults nor is late; a program nobody here wrote does the same.
. "$(dirname "$0")/lib.sh"

# Only what is used is laid over the root file system: what lies there takes RAM.
mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT"/bin/{thrash,faultonce,eater} "$SCRATCH/root/bin" || fail "the programs are not built"
TESTS_ROOT=$SCRATCH/root

# counter NAME: of /proc/vmstat, when the command printed that at its end
counter() { sed -nE "s/^$1 ([0-9]+)$/\\1/p" "$SCRATCH/output"; }

expect_match '^thrash ok: 0 bad pages of 24576$' 'thrash 96 2 rt && cat /proc/vmstat /proc/swaps'
grep -q '^rt: .* majflt 0;' "$SCRATCH/output" || fail "the real-time task took major faults"
(( $(counter pswpout) >= 8192 && $(counter pswpin) >= 8192 )) || fail "96 MB in 64 MB, and hardly a page was moved"
(( $(counter oom_kill) == 0 )) || fail "the out-of-memory policy acted where swap had room"
grep -Eq 'partition[[:space:]]+[0-9]{5}[[:space:]]' "$SCRATCH/output" || fail "/proc/swaps does not have the partition"

# Counted instructions: here a late wake-up is the kernel's own doing, where it does nothing but its work.
if [[ $PRESET != kernel-debug ]]; then
	expect_match '^thrash ok: 0 bad pages of 24576$' --icount --smp 1 'thrash 96 2 rt'
	worst=$(sed -nE 's/^rt: .* worst ([0-9]+) ns; majflt 0;.*/\1/p' "$SCRATCH/output")
	[[ -n $worst ]] && (( worst < 20000 )) || fail "the real-time task woke up ${worst:-?} ns late, or took major faults"
fi

# An array of awk's, larger than RAM.
expect_output 1800030000 --mem 32M \
	"busybox awk 'BEGIN { n = 60000; for (i = 1; i <= n; i++) a[i] = sprintf(\"%-500d\", i); for (i = n; i; i--) s += a[i]; print s }'"

# Four threads fault on the same pages at the same moments.
expect_match '^all good$' --mem 32M 'faultonce 60'
expect_match '^all good$' --mem 32M --smp 1 'faultonce 60'

# Two processes that push each other out; both find all their words. On a busy host pages come as from a slow medium: nobody is ended for that.
expect_output $'ate\nate\n0 0' --mem 32M --append thrash=0 \
	'eater 24 2 & a=$!; eater 24 2 & b=$!; wait $a; a=$?; wait $b; echo $a $?'

# All memory is found again when the programs have gone.
guest_run --mem 32M 'eater 2; f() { awk "/^MemFree|^SwapFree/ { s += \$2 } END { print s }" /proc/meminfo; }
	a=$(f); for i in 1 2 3; do eater 40 >/dev/null || exit; done; sleep 1; b=$(f); echo $((a - b))'
(( STATUS == 0 )) || fail "eater: status $STATUS"
(( ${OUTPUT##*$'\n'} < 3000 )) || fail "${OUTPUT##*$'\n'} KB of memory and swap are lost after three rounds"
