# SPDX-License-Identifier: MIT
# TIMEOUT: 300
# CPUS: 1
#
# Pressure: Linux's files and triggers; who pages in circles is ended, who only works hard is not.
. "$(dirname "$0")/lib.sh"

line='avg10=[0-9]+\.[0-9][0-9] avg60=[0-9]+\.[0-9][0-9] avg300=[0-9]+\.[0-9][0-9] total=[0-9]+'
guest_run 'cat /proc/pressure/io /proc/pressure/memory /proc/pressure/cpu'
[[ $(grep -cE "^some $line\$" "$SCRATCH/output") == 3 && $(grep -cE "^full $line\$" "$SCRATCH/output") == 3 ]] || fail "the files' format"
[[ $(tail -n 1 "$SCRATCH/output") == 'full avg10=0.00 avg60=0.00 avg300=0.00 total=0' ]] || fail "full pressure of the machine's CPUs"

# What a task itself lost.
expect_match '^waited 1$' --smp 1 --icount --mem 32M --append zpool=0% 'eater 40 30 >/dev/null & sleep 2; awk "/^memory_wait_sum/ { print \"waited\", (\$3 > 100) }" /proc/$!/sched; kill $!'

for smp in 1 4; do
	expect_output "'' EINVAL
'some' EINVAL
'some 0 1000000' EINVAL
'some 1000001 1000000' EINVAL
'some 1 499999' EINVAL
'some 1 10000001' EINVAL
'none 1 1000000' EINVAL
good ok
first 1
second EBUSY
write to what is open for reading EBADF
poll without a trigger 0xa
a user reads 1, writes EINVAL EINVAL ok
trigger 1
quiet 0
poll 1
ppoll 1
select 1
epoll 1
once in a second 1
over 1" --smp $smp pressure
done

# In circles, on a medium that counts as slow: the largest program goes, as the log explains, and the machine answers again within two seconds. On one CPU with instructions
# counted, so that how long pages take is not the host's affair; four CPUs that wait for each other are not to be counted, and share the host's: ten seconds there.
# The kernel's costly checks make four of them wait for the host's CPUs more than for pages, which is no thrashing.
for smp in 1 $([[ $PRESET == kernel-debug ]] || echo 4); do
	flags=(--smp $smp --mem 32M --swap-size 32M) limit=10000
	(( smp > 1 )) || { flags+=(--icount); limit=2000; }
	guest_run "${flags[@]}" 'echo 0 >/proc/sys/vm/thrash_wait_ms; livelock 60 14 10 10 10'
	(( STATUS == 0 )) || fail "$smp CPUs: status $STATUS"
	[[ $(tail -n 1 "$SCRATCH/output") =~ ^at\ ([0-9]+)\ answered\ in\ [0-9]+,\ [0-9]+\ pages,\ 10\ 10\ 10\ left$ ]] || fail "$smp CPUs: who is left"
	answered=${BASH_REMATCH[1]}
	expect_log 'nobody gets on for paging \(thrashing\)'
	ended=$(sed -nE 's/^\[ *([0-9]+)\.([0-9]{3})[0-9]*\] oom: ends livelock .*/\1\2/p' "$SCRATCH/errors" | head -n 1)
	(( answered - 10#$ended < limit )) || fail "$smp CPUs: ended at $ended, answered at $answered"
done

# Eleven that together want twice the RAM: frames go around by turns, so that a program beside them has not to wait, and nobody is ended.
guest_run --smp 1 --icount --mem 24M --swap-size 48M --append zpool=0% 'livelock 4 4 4 4 4 4 4 4 4 4 4 4'
(( STATUS == 0 )) && tail -n 1 "$SCRATCH/output" | grep -q ' 4 4 4 4 4 4 4 4 4 4 4 left$' || fail "eleven in turns: who is left"
worst=$(sed -nE 's/^at [0-9]+ answered in ([0-9]+),.*/\1/p' "$SCRATCH/output" | sort -n | tail -n 1)
(( worst < 500 )) || fail "eleven in turns: a program took $worst ms"

# With the default, 10 ms of waiting for a page: on a disk that is slow in truth, 150 requests a second.
truncate -s 40M "$SCRATCH/slow.img"
LIVELOCK='mkswap /dev/vda >/dev/null && swapon /dev/vda && cat /proc/sys/vm/thrash_wait_ms && livelock 60 14 10 10 10'
named_programs "$LIVELOCK"
"$RUN" --log --timeout "$GUEST_LIMIT" --smp 1 --mem 32M --swap none --root "$SCRATCH/programs" --exec "$LIVELOCK" -- \
	-drive "if=none,id=slow,format=raw,file=$SCRATCH/slow.img,throttling.iops-total=150" -device virtio-blk-device,drive=slow \
	</dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors" || fail "a slow disk: status $?"
[[ $(head -n 1 "$SCRATCH/output") == 10 && $(tail -n 1 "$SCRATCH/output") =~ \ 10\ 10\ 10\ left$ ]] || fail "a slow disk: who is left"
expect_log 'nobody gets on for paging \(thrashing\)'
