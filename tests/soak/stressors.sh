# SPDX-License-Identifier: MIT
# TIMEOUT: 3600
#
# Debian's stress-ng: what its authors do to a kernel's memory calls, with the checks that they make, each stressor by itself in two
# processes, with RAM enough and with less than they want. Left out is what needs calls that are not there (ptrace, userfaultfd,
# NUMA's) and what its authors call pathological.
. "$(dirname "$0")/../system/lib.sh"
GUEST_LIMIT=1700
STRESSORS="bad-altstack bigheap brk dev-shm env fault fork vfork clone madvise malloc membarrier memfd mincore mlock mmap mmapaddr mmapfixed
	mmapfork mmaphuge mmapmany mprotect mremap msync msyncmany munmap pagemove pageswap remap resources rmap shm shm-sysv stack
	stackmmap tlb-shootdown tmpfs vm vm-addr vm-rw vm-splice zero"

need_packages stress
package_files "$SCRATCH/root" usr/bin/stress-ng
TESTS_ROOT= # our own programs would only take memory
cat >"$SCRATCH/root/all" <<'END'
#!/bin/sh
for s; do
	timeout 60 stress-ng --temp-path /tmp --timeout 4 --$s 2 --$s-ops 1000 --vm-bytes 24M --verify >/tmp/said 2>&1
	[ $? = 0 ] && echo "ok $s" && continue
	echo "failed $s"
	cat /tmp/said
done
END
chmod +x "$SCRATCH/root/all"

for mem in 512M 64M; do
	guest_run --root "$SCRATCH/root" --mem $mem "/all $(echo $STRESSORS)"
	(( STATUS == 0 )) || fail "--mem $mem: status $STATUS"
	! grep -q '^failed' "$SCRATCH/output" || fail "--mem $mem: $(grep -c '^failed' "$SCRATCH/output") stressors"
	(( $(grep -c '^ok' "$SCRATCH/output") == $(wc -w <<<"$STRESSORS") )) || fail "--mem $mem: not all came to their end"
done
