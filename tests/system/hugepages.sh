# SPDX-License-Identifier: MIT
# CPUS: 1
#
# Huge pages: blocks by advice and by setting, taken apart by every call and put together again, on one CPU and on four;
# and with more of them than RAM, also where the CPU sets access flags itself.
. "$(dirname "$0")/lib.sh"

expect_match '^all good$' 'hugepages'
expect_match '^all good$' --smp 1 --mem 32M 'hugepages 40'
expect_match '^all good$' --cpu max --mem 48M 'hugepages 60'
