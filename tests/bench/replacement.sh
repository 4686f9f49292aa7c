# SPDX-License-Identifier: MIT
# CPUS: 1
#
# The kernel's replacement policies, built for the host, over reference strings: faults as a ratio to the optimum's. Fails when the default
# misses more than three times as often as the optimum, or on a cycle not clearly less than first in, first out.
. "$(dirname "$0")/../system/lib.sh"
HERE=tests/bench/replacement

gcc -std=gnu17 -O2 -Wall -Wextra -I. -Itests/mock/include -o "$SCRATCH/replacement" "$HERE"/*.c mm/lru.c mm/scan.c mm/workingset.c mm/replace/*.c -lm \
	2>"$SCRATCH/errors" || fail "it cannot be built"
"$SCRATCH/replacement" "$HERE/sort.refs" "$@" >"$SCRATCH/output" || fail "it did not run to its end"
cat "$SCRATCH/output"
# Columns from the right: lfu, fifo, clock, refault.
awk 'NR > 1 {
	if ($(NF - 3) > 3) bad = bad "; " $0
	if (/^cycle of (17|3)/ && $(NF - 3) > $(NF - 1) * 3 / 4) bad = bad "; " $0
} END { if (bad) { print "FAIL: the default policy" bad; exit 1 } }' "$SCRATCH/output"
