# SPDX-License-Identifier: MIT
# CPUS: 1
#
# mm/'s allocators, built for the host, beside the C library's: instructions per call, counted by callgrind over the same sequences of calls. What the
# hardware model adds (it stands for barriers and the like) is not counted. Fails when a frame costs more than the library's page, or an object more than half as much again as its object.
. "$(dirname "$0")/../system/lib.sh"
HERE=tests/bench/allocators
ROWS=$PWD/.build/bench/allocators.rows

gcc -std=gnu17 -O2 -g -Wall -Wextra -I. -Itests/mock/include -o "$SCRATCH/allocators" "$HERE/allocators.c" mm/slab.c mm/slab_cache.c mm/slab_debug.c \
	mm/magazine.c mm/kmalloc.c mm/buddy.c mm/pcp.c mm/zeropool.c mm/page.c tests/mock/machine.c tests/mock/kernel.c -lcmocka -lpthread \
	2>"$SCRATCH/errors" || fail "it cannot be built"

# per_call WORKLOAD WHOSE
per_call()
{
	local calls
	calls=$(valgrind --tool=callgrind --toggle-collect=measured --callgrind-out-file="$SCRATCH/counted" "$SCRATCH/allocators" "$@" 2>"$SCRATCH/errors") ||
		fail "$*: valgrind failed"
	awk -f "$HERE/count.awk" "$SCRATCH/counted" | awk -v calls="$calls" '{ printf "%.1f", $1 / calls }'
}

mkdir -p "${ROWS%/*}"
: >"$ROWS"
for workload in $("$SCRATCH/allocators"); do
	echo "$workload $(per_call "$workload" ours) $(per_call "$workload" library)" >>"$ROWS" || exit 1
done
awk 'BEGIN { printf "%-34s %12s %12s %8s\n", "", "Granule", "malloc", "ratio" }
	{
		printf "%-34s %12s %12s %8.2f\n", $1, $2, $3, $3 / $2
		if (!($2 > 0 && $3 > 0) || $2 > $3 * ($1 ~ /^(frame|block)/ ? 1 : 1.5))
			bad = bad " " $1
	}
	END { if (bad) { print "FAIL: dearer than it may be:" bad; exit 1 } }' "$ROWS"
