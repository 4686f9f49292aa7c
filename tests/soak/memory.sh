# SPDX-License-Identifier: MIT
# TIMEOUT: 3600
#
# Five million random calls on areas by one thread, a million by four: what was free before is free after.
. "$(dirname "$0")/../system/lib.sh"
GUEST_LIMIT=1700

expect_match 'all good' --smp 1 'memsoak 5000000'
expect_match 'all good' 'memsoak 1000000 4'
