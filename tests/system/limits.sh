# SPDX-License-Identifier: MIT
# CPUS: 1
#
# oom_score_adj, resource limits that are about memory, overcommit: good and bad values, answered as Linux does.
. "$(dirname "$0")/lib.sh"

guest=tests/system/guest
expected_answers "$guest/limits-differs.txt" "$guest/limits-linux-6.1.txt" >"$SCRATCH/expected-answers"
guest_run --smp 1 --mem 256M --swap none limits
(( STATUS == 0 )) || fail "limits: status $STATUS"
diff "$SCRATCH/expected-answers" "$SCRATCH/output" >"$SCRATCH/differences" || {
	cp "$SCRATCH/differences" "$SCRATCH/output"
	fail 'answers are not those expected (<)'
}
