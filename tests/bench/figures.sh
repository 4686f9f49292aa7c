# SPDX-License-Identifier: MIT
# TIMEOUT: 900
# CPUS: 1
#
# The figures, in counted instructions (--icount, one CPU), beside Linux's of linux-6.1.txt: mmbench on 512 MB, thrash
# working on 96 MB in 64 MB, and on 128 MB in 128 MB with a disk, the instructions of a boot, the memory that is free after it. Fails when a program
# does not run to its end or a promised figure is missed: BOOT_LIMIT, FREE_LEAST, RT_WORST.
. "$(dirname "$0")/../system/lib.sh"
GUEST_LIMIT=400
BOOT_LIMIT=100000000 # instructions to the shell's first command
FREE_LEAST=61440 # KB of 64 MB
RT_WORST=20000 # ns

LINUX=$(dirname "$0")/linux-6.1.txt
TABLE=$SCRATCH/table

# Only the benchmarks are laid over the root file system: what lies there takes RAM.
mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT"/bin/{bootcount,mmbench,thrash} "$SCRATCH/root/bin" || fail "the benchmarks are not built"
TESTS_ROOT=$SCRATCH/root

# row NAME VALUE: beside Linux's figures of that name, and how many times less we need than Linux 6.1.
row() { printf '%s %s\n' "$1" "$2" >>"$TABLE"; }

table()
{
	awk 'NR == FNR { if (!/^#/) { linux[$1] = $2; rt[$1] = $3 } next }
	BEGIN { printf "%-34s %12s %12s %12s %8s\n", "", "Granule", "Linux 6.1", "6.1-rt", "ratio" }
	{
		ratio = $1 in linux && $2 > 0 ? sprintf("%.2f", linux[$1] / $2) : "-"
		printf "%-34s %12s %12s %12s %8s\n", $1, $2, $1 in linux ? linux[$1] : "-", $1 in rt ? rt[$1] : "-", ratio
	}' "$LINUX" "$TABLE"
}

boot()
{
	guest_run --icount --smp 1 bootcount
	(( STATUS == 0 )) || fail "bootcount: status $STATUS"
	row boot_to_shell "$OUTPUT"
	(( OUTPUT < BOOT_LIMIT )) || fail "a boot takes $OUTPUT instructions, not less than $BOOT_LIMIT"
}

# With init and a shell, and without the programs of the tests: they lie in RAM too.
free_memory()
{
	local kb
	# The shell reads by itself: another program would take RAM meanwhile.
	kb=$("$RUN" --timeout "$GUEST_LIMIT" --exec \
		'while read -r name kb unit; do case $name in MemFree:) echo "$kb" ;; esac; done </proc/meminfo' \
		</dev/null 2>"$SCRATCH/errors") || fail "meminfo cannot be read"
	row free_after_boot_kb "$kb"
	(( kb >= FREE_LEAST )) || LATE+=" only $kb KB of 64 MB are free after boot, not $FREE_LEAST;"
}

mmbench()
{
	local name value rest
	guest_run --icount --smp 1 --mem 512M /bin/mmbench # it executes itself by this name
	(( STATUS == 0 )) && grep -q '^mmbench done$' "$SCRATCH/output" || fail "mmbench did not run to its end: status $STATUS"
	! grep -q FAIL "$SCRATCH/output" || fail "mmbench: $(grep FAIL "$SCRATCH/output")"
	while read -r name value rest; do
		[[ $rest == ns* ]] || continue
		row "$name" "$value"
		[[ $name != nanosleep_overshoot ]] || row nanosleep_worst "${rest##* }"
	done <"$SCRATCH/output"
}

# number REGEX: what its group finds in the output
number() { sed -nE "s/.*$1.*/\\1/p" "$SCRATCH/output" | head -n 1; }

thrash()
{
	local worst
	guest_run --icount --smp 1 'thrash 96 2 rt'
	(( STATUS == 0 )) && grep -q '^thrash ok: 0 bad pages' "$SCRATCH/output" || fail "thrash: status $STATUS"
	row thrash_fill "$(number 'fill: [0-9]+ pages ([0-9]+) ns')"
	row thrash_sequential "$(number 'sequential pass: ([0-9]+) ns')"
	row thrash_random "$(number 'random pass: ([0-9]+) ns')"
	row thrash_rt_avg "$(number 'wakeups [0-9]+ avg ([0-9]+)')"
	worst=$(number 'worst ([0-9]+) ns')
	row thrash_rt_worst "$worst"
	row thrash_rt_major_faults "$(number 'worst [0-9]+ ns; majflt ([0-9]+)')"
	grep -q 'worst [0-9]* ns; majflt 0;' "$SCRATCH/output" || LATE+=" the real-time thread took major faults;"
	[[ -n $worst ]] && (( worst < RT_WORST )) || LATE+=" the real-time thread woke up $worst ns late, limit $RT_WORST;"
}

# limit NAME VALUE MOST
limit() { row "$1" "$2"; [[ -n $2 ]] && (( $2 <= $3 )) || LATE+=" $1 is ${2:-unknown}, limit $3;"; }

# What Linux was measured with: 128 MB of RAM, 256 MB of swap on a virtio disk, which is not encrypted. While all wait for the host's disk the clock runs on to the real-time
# thread's next turn, so waits add to the figures, and nothing takes from them: the least of a few runs is what the instructions are. Limits: half of Linux 6.1 with zram or the
# disk, whichever is less; ns; bytes.
thrash_disk()
{
	local run name value
	local -A least=()
	for run in 1 2 3 4; do
		"$RUN" --log --timeout "$GUEST_LIMIT" --root "$TESTS_ROOT" --icount --smp 1 --mem 128M --swap virtio --swap-size 256M --append swap_encrypt=0 --exec \
			'thrash 128 2 rt; cat /proc/vmstat /proc/swapstore' -- -icount shift=0,sleep=off </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors"
		grep -q '^thrash ok: 0 bad pages' "$SCRATCH/output" || fail "thrash on a disk did not run to its end"
		for name in fill sequential random; do
			value=$(number "$name.*[^0-9]([0-9]+) ns\/page")
			least[$name]=$(( value < ${least[$name]:-value + 1} ? value : least[$name] ))
		done
		value=$(number 'worst ([0-9]+) ns')
		(( value < 5000 )) || LATE+=" the real-time thread woke up $value ns late beside a disk;"
	done
	limit thrash_disk_fill "${least[fill]}" 5260
	limit thrash_disk_sequential "${least[sequential]}" 10600
	limit thrash_disk_random "${least[random]}" 12000
	row thrash_disk_rt_worst "$value"
	limit thrash_disk_bytes_per_page $(( $(number '^bytes_programmed ([0-9]+)') / $(number '^pswpout ([0-9]+)') )) 1300
}

LATE=
: >"$TABLE"
boot
free_memory
mmbench
thrash
thrash_disk
table
[[ -z $LATE ]] || { echo "FAIL:$LATE"; exit 1; }
