# SPDX-License-Identifier: MIT
# CPUS: 1
#
# What run makes of a panic: status 125, the report, and its addresses as functions and lines. The kernel is an Image in
# which getpid begins with an instruction that does not exist.
. "$(dirname "$0")/lib.sh"

KERNEL=.build/${GRANULE_PRESET:-kernel}
LINE=' sys_getpid at kernel/sys_task\.c:[0-9]+'

address() { echo "0x$(aarch64-linux-gnu-nm "$KERNEL/granule.elf" | sed -n "s/ . $1\$//p")"; }

cp "$KERNEL/Image" "$SCRATCH/Image"
printf '\0\0\0\0' | dd of="$SCRATCH/Image" bs=1 conv=notrunc status=none \
	seek=$(( $(address sys_getpid) - $(address image_start) )) || fail "no Image to patch"

# reported FILE: all that is to be said about it
reported()
{
	grep -Eq '\] PANIC: kernel exception' "$1" || fail "$2: the report is missing"
	grep -Eq '^  at +f[0-9a-f]{15} |^ \(inlined by\) ' "$1" || fail "$2: the trace has no names"
	grep -Eq "$LINE" "$1" || fail "$2: the trace does not name the function"
	grep -Eq '^  from f[0-9a-f]{15} [a-z0-9_]+ at arch/arm64/entry\.S:[0-9]+' "$1" || fail "$2: the trace ends early"
	grep -q 'the kernel panicked' "$1" || fail "$2: nobody said that the kernel panicked"
}

for log in '' --log; do
	"$RUN" $log --timeout "$GUEST_LIMIT" --exec 'sh -c "echo \$\$"' -- -kernel "$SCRATCH/Image" \
		</dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors"
	STATUS=$?
	(( STATUS == 125 )) || fail "status $STATUS, not 125"
	reported "$SCRATCH/errors" "--exec $log"
	(( $(grep -c 'PANIC: ' "$SCRATCH/errors") == 1 )) || fail "--exec $log: the report is there more than once"
done

# What the kernel said just before belongs to the report: here, why there is no init.
head -c 900000 .build/kernel/root.cpio >"$SCRATCH/half.cpio" || fail "no root file system to cut"
"$RUN" --timeout "$GUEST_LIMIT" --exec true -- -initrd "$SCRATCH/half.cpio" </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors"
STATUS=$?
(( STATUS == 125 )) || fail "half an initramfs: status $STATUS, not 125"
grep -q '\] initramfs: damaged at byte ' "$SCRATCH/errors" || fail "half an initramfs: nobody said that it is damaged"
grep -q '\] PANIC: no init to run' "$SCRATCH/errors" || fail "half an initramfs: the report is missing"

# Interactive, the report is on the console; the names come after it.
script -qec "'$RUN' --timeout $GUEST_LIMIT -- -kernel '$SCRATCH/Image'" /dev/null </dev/null >"$SCRATCH/output" 2>&1
STATUS=$?
tr -d '\r' <"$SCRATCH/output" >"$SCRATCH/errors"
(( STATUS == 125 )) || fail "interactive: status $STATUS, not 125"
reported "$SCRATCH/errors" interactive

# A log line that only looks like it is none.
expect_output fine 'printf "\n[    1.000000] PANIC: nothing happened\n" >/dev/kmsg; echo fine'
