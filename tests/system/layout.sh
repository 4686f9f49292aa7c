# SPDX-License-Identifier: MIT
# CPUS: 1
#
# Where programs lie: at random, by enough bits, unless they ask not to; nothing writable and executable (guest/layout.c).
. "$(dirname "$0")/lib.sh"

# expect_bits PART LEAST
expect_bits()
{
	local bits
	bits=$(sed -n "s/^$1 \([0-9]*\) bits$/\1/p" "$SCRATCH/output")
	(( bits >= $2 )) || fail "$1 varies by $bits bits only"
}

expect_match '^all good$' layout
expect_bits mmap 24
expect_bits stack 24
expect_bits vdso 24
expect_bits heap 18

# The same, position independent.
mkdir -p "$SCRATCH/root/bin"
aarch64-linux-gnu-gcc -O2 -D_GNU_SOURCE -static-pie -fPIE -o "$SCRATCH/root/bin/layoutpie" tests/system/guest/layout.c ||
	fail "no position independent program can be built"
expect_match '^all good$' --root "$SCRATCH/root" layoutpie
expect_bits mmap 24
expect_bits stack 24
expect_bits program 22 # by 64 KB, as its segments are aligned
expect_bits heap 24
