# SPDX-License-Identifier: MIT
# TIMEOUT: 300
# CPUS: 1
#
# Faults, registers, signal frames and bad pointers as a program sees them (guest/archtest.c), on what the kernel may
# find itself on: one CPU and more than GICv2 can serve, either interrupt controller, entry at EL1 and EL2, CPUs with and
# without PAN and the hardware access flag.
. "$(dirname "$0")/lib.sh"

expect_match '^0 failed$' archtest
expect_match '^0 failed$' --smp 1 archtest
expect_match '^0 failed$' --gic 3 --smp 12 --mem 128M archtest
expect_match '^0 failed$' --cpu max archtest
expect_match '^0 failed$' --cpu cortex-a53 --smp 2 archtest

named_programs archtest
"$RUN" --timeout "$GUEST_LIMIT" --root "$SCRATCH/programs" --exec archtest -- -machine virtualization=on \
	>"$SCRATCH/output" 2>"$SCRATCH/errors" || fail "archtest, entered at EL2: status $?"
