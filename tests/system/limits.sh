# SPDX-License-Identifier: MIT
# CPUS: 1
#
# oom_score_adj, resource limits that are about memory, overcommit, what a user can hold in pipes: good and bad values, answered as Linux does. And full pipes,
# which no kill finds, leave the machine to others.
. "$(dirname "$0")/lib.sh"

guest=tests/system/guest
for program in limits userlimits; do
	expected_answers "$guest/$program-differs.txt" "$guest/$program-linux-6.1.txt" >"$SCRATCH/expected-answers"
	guest_run --smp 1 --mem 256M --swap none "$program"
	(( STATUS == 0 )) || fail "$program: status $STATUS"
	diff "$SCRATCH/expected-answers" "$SCRATCH/output" >"$SCRATCH/differences" || {
		cp "$SCRATCH/differences" "$SCRATCH/output"
		fail "$program: answers are not those expected (<)"
	}
done

guest_run --smp 1 --mem 64M --swap none 'userlimits crowd; echo the shell is there'
[[ $OUTPUT =~ ^'20 of 20 processes, '([0-9]+)' KB in pipes'$'\n''the shell is there'$ ]] || fail 'full pipes ended somebody'
kilobytes=${BASH_REMATCH[1]}
(( kilobytes >= 3 * 1024 && kilobytes <= 8 * 1024 )) || fail "pipes hold $kilobytes KB of 64 MB: not an eighth"

# Bombs of users leave root tasks of its own, with which it can end them.
guest_run --smp 1 --swap none 'userlimits bombs; echo the shell is there'
[[ $OUTPUT =~ ^'3 of 3 users were refused at hundreds, root has '([0-9]+)' more'$'\n''the shell is there'$ ]] || fail 'bombs'
(( BASH_REMATCH[1] >= 12 && BASH_REMATCH[1] <= 16 )) || fail "root has ${BASH_REMATCH[1]} tasks left"
