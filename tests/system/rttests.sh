# SPDX-License-Identifier: MIT
# TIMEOUT: 240
# RELEASE ONLY: the tools are the same, and wait most of the time
#
# Debian's rt-tests, unmodified: cyclictest, ptsematest, signaltest, pi_stress and hackbench (through pipes, as there are no sockets) run to their ends.
# What they measure beside other guests of the host is the host's; with one CPU and instructions counted it is ours.
. "$(dirname "$0")/lib.sh"

need_packages tools
TESTS_ROOT=
root=$SCRATCH/root
package_files "$root" usr/bin/{cyclictest,ptsematest,signaltest,pi_stress,hackbench}

guest_run --mem 128M --root "$root" 'pi_stress --duration 2 --groups 2 --quiet && ptsematest -p 50 -t 2 -l 100 -q >/dev/null &&
	signaltest -p 50 -t 2 -l 100 -q >/dev/null && hackbench -p -g 2 -l 20 && hackbench -p -T -g 1 -l 20 &&
	cyclictest -m -S -p 80 -i 2000 -l 100 -q && echo all of them'
(( STATUS == 0 )) || fail "status $STATUS"
grep -q '^all of them$' "$SCRATCH/output" || fail "not all of them"
[[ $(grep -c '^Time: ' "$SCRATCH/output") == 2 ]] || fail "hackbench"
(( $(sed -n 's/^Total inversion performed: //p' "$SCRATCH/output") >= 100 )) || fail "pi_stress made few inversions"
! grep -q WARN "$SCRATCH/output" "$SCRATCH/errors" || fail "they miss something"

# Its wake-ups are as late as /proc/latency says, some microseconds at most, whatever ordinary tasks do.
guest_run --icount --smp 1 --mem 128M --root "$root" 'hackbench -p -g 1 -l 200 >/dev/null & cyclictest -m -p 80 -i 1000 -l 300 -q; cat /proc/latency'
(( STATUS == 0 )) || fail "cyclictest: status $STATUS"
worst=$(sed -nE 's/^T: 0 .* Max: +([0-9]+)$/\1/p' "$SCRATCH/output")
echo "cyclictest: worst $worst us"
(( worst <= 8 )) || fail "cyclictest was woken $worst us late"
grep -Eq '^ +[0-9]+ .*cyclictest' "$SCRATCH/output" || fail "/proc/latency does not know cyclictest"
