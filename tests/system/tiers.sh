# SPDX-License-Identifier: MIT
# TIMEOUT: 240
# CPUS: 1
# RELEASE ONLY: paging and swapdisk page with the checks on
#
# Twice the memory there is, of pages that are one word, that pack, and that do not: each goes to the tier it belongs in, all come
# back; with a small pool the oldest go on to the flash; without one all that packs is written packed.
. "$(dirname "$0")/lib.sh"

mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT"/bin/{kinds,thrash} "$SCRATCH/root/bin" || fail "the programs are not built"
TESTS_ROOT=$SCRATCH/root

# figure NAME: what the command printed of it at its end
figure() { sed -nE "s/^$1:? +([0-9]+)( kB)?$/\\1/p" "$SCRATCH/output"; }

figures='cat /proc/vmstat /proc/swapstore; cat /proc/swaps /proc/meminfo; cat /proc/sys/vm/zpool_percent'

expect_match '^kinds: all right$' --mem 32M "kinds 56 3 && $figures"
for name in swpout_zero swpin_zero zswpout zswpin; do
	(( $(figure $name) > 1000 )) || fail "$name is $(figure $name): that tier was hardly used"
done
(( $(figure bytes_programmed) < $(figure pswpout) * 2800 )) ||
	fail "$(figure bytes_programmed) bytes of flash for $(figure pswpout) pages, a third of which pack and a third are one word"
# What is used of the area is what is used of swap, wherever it is; a page or two may come back between the two files.
used=$(awk '$2 == "partition" { print $4 }' "$SCRATCH/output")
(( used > 0 && used - ($(figure SwapTotal) - $(figure SwapFree)) < 400 && ($(figure SwapTotal) - $(figure SwapFree)) - used < 400 )) ||
	fail "/proc/swaps says that $used KB are used, /proc/meminfo has $(figure SwapFree) of $(figure SwapTotal) KB free"

# A share that is soon used up.
expect_match '^kinds: all right$' --mem 32M "echo 5 >/proc/sys/vm/zpool_percent; kinds 56 3 && $figures"
(( $(figure zswpwb) > 1000 && $(figure zswpin) > 0 )) || fail "zswpwb is $(figure zswpwb): nothing was written back"

# No share at all, from the command line.
expect_match '^kinds: all right$' --mem 32M --smp 1 --append zpool=0% "kinds 48 2 && $figures"
(( $(figure zswpout) == 0 && $(figure records_packed) > 1000 )) || fail "a pool that is off, or no packed records"

# Nobody else's figures: bytes of flash a page on the load of the benchmark, while the real-time task is in time.
expect_match '^thrash ok: 0 bad pages of 24576$' --icount --smp 1 --append zpool=5% "thrash 96 2 rt && $figures"
(( $(figure bytes_programmed) < $(figure pswpout) * 1300 )) ||
	fail "$(figure bytes_programmed) bytes of flash for $(figure pswpout) pages"
worst=$(sed -nE 's/^rt: .* worst ([0-9]+) ns; majflt 0;.*/\1/p' "$SCRATCH/output")
[[ -n $worst ]] && (( worst < 5000 )) || fail "the real-time task woke up ${worst:-?} ns late, or took major faults"
