# SPDX-License-Identifier: MIT
# TIMEOUT: 400
# CPUS: 1
# RELEASE ONLY: paging and oom do the same
#
# The demonstration holds, on counted instructions (its own choice of flags) and on four CPUs with the host's clock; it
# can also fail, and it takes no nonsense.
. "$(dirname "$0")/lib.sh"
GUEST_LIMIT=380
TESTS_ROOT=/nonexistent # the demonstration has the machine to itself

expect_match '^demo: all of it held$' demo
for name in work fork wild leak 'real time' bystander; do
	grep -Eq "^held +$name " "$SCRATCH/output" || fail "the report does not say that '$name' held"
done
grep -Eq '^work( +[0-9.]+){6}$' "$SCRATCH/output" || fail "the report has no figures"
(( $(awk '/^work( +[0-9.]+)+$/ { print int($4) }' "$SCRATCH/output") >= 30 )) || fail "hardly a page went out"
awk '/^work( +[0-9.]+)+$/ { exit !($6 > $4) }' "$SCRATCH/output" || fail "no more was written to flash than paged out"

# Where the host is slow, a page that comes back takes longer than any medium: nobody is judged for that.
expect_match '^demo: all that was judged held$' --host-clock --smp 4 --mem 48M --append thrash=0 'demo --work 56 --fork 8 --passes 1'

# A limit that cannot be met is not met.
expect_status 1 --mem 32M --swap-size 16M 'demo --work 20 --fork 4 --passes 1 --worst 1'
expect_status 2 --swap none demo
expect_status 2 'demo --work 0'
expect_status 2 'demo nonsense'
