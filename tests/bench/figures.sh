# SPDX-License-Identifier: MIT
# TIMEOUT: 900
#
# The figures, in counted instructions (--icount, one CPU): mmbench on 512 MB, thrash working on 96 MB in 64 MB, and on 128 MB in 128 MB with a
# disk, the instructions of a boot, the memory that is free after it. Fails when a program does not run to its end or a promised figure is missed:
# BOOT_LIMIT, FREE_LEAST, RT_WORST. report.sh shows them beside Linux's.
. "$(dirname "$0")/../system/lib.sh"
GUEST_LIMIT=400
BOOT_LIMIT=100000000 # instructions to the shell's first command
FREE_LEAST=61440 # KB of 64 MB
RT_WORST=20000 # ns

ROWS=$PWD/.build/bench/granule.rows
AWK="$(dirname "$0")/rows.awk"

# Each is laid over the root file system alone (named_programs), as Linux gets it: what lies there takes RAM, and pages of programs are the dearest to swap out.
mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT"/bin/{bootcount,faultscale,mmbench,oomtime,thrash} "$SCRATCH/root/bin" || fail "the benchmarks are not built"
TESTS_ROOT=$SCRATCH/root

row() { printf '%s %s\n' "$1" "$2" >>"$ROWS"; }

# figure NAME: of those there are
figure() { awk -v name="$1" '$1 == name { print $2 }' "$ROWS"; }

# limit NAME MOST
limit()
{
	local value
	value=$(figure "$1")
	[[ -n $value ]] && (( ${value%.*} <= $2 )) || LATE+=" $1 is ${value:-unknown}, limit $2;"
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

# Where a heap or stack begins costs a call up to 130 instructions, by the shape of the tree of areas: at random it would differ from one Image to the next.
mmbench()
{
	guest_run --icount --smp 1 --mem 512M 'echo 0 >/proc/sys/kernel/randomize_va_space; exec /bin/mmbench' # it executes itself by this name
	(( STATUS == 0 )) && grep -q '^mmbench done$' "$SCRATCH/output" || fail "mmbench did not run to its end: status $STATUS"
	! grep -q FAIL "$SCRATCH/output" || fail "mmbench: $(grep FAIL "$SCRATCH/output")"
	awk -f "$AWK" "$SCRATCH/output" >>"$ROWS"
}

# What a fault costs with one CPU at work and with four: they do at least 3.2 times the work of one when they are four processes, 3 times when they are threads of one, and hardly ever wait for each other.
# How the CPUs' turns lie to each other is the same in every run of one Image, and may be a bad one (idle CPUs that clear frames meet at the allocator): then another beginning is tried.
# What these clear counts, too: one CPU's fault, 796 with one CPU (fault_anon_write, which tests/bench/README.md's table judges), is 795 to 843 here.
scaling()
{
	local pause before=$LATE
	for pause in 0 1500 4000 9000 20000; do
		LATE=$before
		guest_run --icount --smp 4 --mem 128M "usleep $pause; faultscale"
		(( STATUS == 0 )) || fail "faultscale: status $STATUS"
		sed -i '/^faults_per_/d' "$ROWS"
		awk -f "$AWK" "$SCRATCH/output" >>"$ROWS"
		limit faults_per_1_process 880
		limit faults_per_4_processes "$(awk '$1 == "faults_per_1_process" { print int($2 * 4 / 3.2) }' "$ROWS")"
		limit faults_per_4_threads "$(awk '$1 == "faults_per_1_process" { print int($2 * 4 / 3) }' "$ROWS")"
		awk '/^waits_per/ && $2 + $8 > 50 { exit 1 }' "$SCRATCH/output" || LATE+=" CPUs that fault wait for locks;"
		[[ $LATE != "$before" ]] || break
	done
}

thrash()
{
	guest_run --icount --smp 1 'thrash 96 2 rt'
	(( STATUS == 0 )) && grep -q '^thrash ok: 0 bad pages' "$SCRATCH/output" || fail "thrash: status $STATUS"
	awk -v prefix=thrash -f "$AWK" "$SCRATCH/output" >>"$ROWS"
	limit thrash_rt_major_faults 0
	limit thrash_rt_worst $RT_WORST
}

# least_fill NAME: of the runs until now
least_fill() { awk -v name="$1_fill" '$1 == name && (!n++ || $2 < least) { least = $2 } END { print int(least) }' "$SCRATCH/runs"; }

# thrash_disk NAME RUNS MOST FLAG...: what Linux was measured with: 128 MB of RAM, 256 MB of swap on a virtio disk. While all wait for the host's disk the clock runs on to the real-time
# thread's next turn, so waits add to the figures, and nothing takes from them: the least of a few runs is what the instructions are: of RUNS, and of up to three times as many on a host so busy that none filled with MOST. Limits: half of Linux 6.1 with zram or the
# disk, whichever is less; ns; bytes.
thrash_disk()
{
	local name=$1 runs=$2 most=$3 run
	shift 3
	named_programs thrash
	: >"$SCRATCH/runs"
	for ((run = 0; run < runs || run < 3 * runs && $(least_fill "$name") > most; run++)); do
		"$RUN" --log --timeout "$GUEST_LIMIT" --root "$SCRATCH/programs" --icount --smp 1 --mem 128M --swap virtio --swap-size 256M "$@" --exec \
			'thrash 128 2 rt; cat /proc/vmstat /proc/swapstore' -- -icount shift=0,sleep=off </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors"
		grep -q '^thrash ok: 0 bad pages' "$SCRATCH/output" || fail "thrash on a disk did not run to its end"
		awk -v prefix="$name" -f "$AWK" "$SCRATCH/output" >>"$SCRATCH/runs"
	done
	# The passes' least; of the real-time thread's what was worst.
	awk '$1 ~ /_rt_histogram$/ { histogram = $0; next }
		!($1 in value) { order[n++] = $1; value[$1] = $2; next }
		$1 ~ /_rt_worst$/ ? $2 > value[$1] : $2 < value[$1] { value[$1] = $2 }
		END { for (i = 0; i < n; i++) print order[i], value[order[i]]; print histogram }' "$SCRATCH/runs" >>"$ROWS"
	row "${name}_bytes_per_page" "$(awk '$1 == "bytes_programmed" { bytes = $2 } $1 == "pswpout" { pages = $2 }
		END { if (pages > 0) printf "%d", bytes / pages }' "$SCRATCH/output")"
	limit "${name}_sequential" 10600
	limit "${name}_random" 12000
	limit "${name}_rt_worst" 5000
	limit "${name}_bytes_per_page" 1300
}

# From an allocation that fails to memory, when 64 MB have to be taken from somebody.
oom()
{
	guest_run --icount --smp 1 --mem 128M --swap none oomtime
	(( STATUS == 0 )) || fail "oomtime: status $STATUS"
	awk -f "$AWK" "$SCRATCH/output" >>"$ROWS"
	limit oom_victim_64MB 2000000
}

LATE=
mkdir -p "${ROWS%/*}"
: >"$ROWS"
boot
free_memory
mmbench
scaling
oom
thrash
# Not encrypted, as Linux's was; then as it is unless somebody says otherwise: half of what Linux takes without.
thrash_disk thrash_disk 4 4300 --append swap_encrypt=0
limit thrash_disk_fill 5260
thrash_disk thrash_disk_encrypted 4 4600
limit thrash_disk_encrypted_fill 5260
[[ -z $LATE ]] || { echo "FAIL:$LATE"; exit 1; }
