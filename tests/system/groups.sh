# SPDX-License-Identifier: MIT
# CPUS: 1
#
# Control groups answer as Linux does: the values of their files, the rules of their tree, limits, what is counted, pressure.
. "$(dirname "$0")/lib.sh"

guest=tests/system/guest
for program in groupfiles grouprules grouplimits; do
	expected_answers "$guest/groups-differs.txt" "$guest/$program-linux-6.1.txt" >"$SCRATCH/expected-answers"
	guest_run --smp 1 --swap none "$program"
	(( STATUS == 0 )) || fail "$program: status $STATUS"
	diff "$SCRATCH/expected-answers" "$SCRATCH/output" >"$SCRATCH/differences" || {
		cp "$SCRATCH/differences" "$SCRATCH/output"
		fail "$program: answers are not those expected (<)"
	}
done
