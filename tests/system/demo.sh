# SPDX-License-Identifier: MIT
# TIMEOUT: 400
#
# The demonstration holds, on four CPUs and on counted instructions; it can also fail, and it takes no nonsense.
. "$(dirname "$0")/lib.sh"
GUEST_LIMIT=180
TESTS_ROOT=/nonexistent # the demonstration has the machine to itself

expect_match '^demo: all of it held$' demo
for name in work fork wild leak 'real time' bystander; do
	grep -Eq "^held +$name " "$SCRATCH/output" || fail "the report does not say that '$name' held"
done
grep -Eq '^work( +[0-9.]+){6}$' "$SCRATCH/output" || fail "the report has no figures"
(( $(awk '/^work( +[0-9.]+)+$/ { print int($4) }' "$SCRATCH/output") >= 30 )) || fail "hardly a page went out"

expect_match '^demo: all of it held$' --icount --smp 1 'demo --worst 20'

# A limit that cannot be met is not met.
expect_status 1 --icount --smp 1 --mem 32M 'demo --work 20 --passes 1 --worst 1'
expect_status 2 --swap none demo
expect_status 2 'demo --work 0'
expect_status 2 'demo nonsense'
