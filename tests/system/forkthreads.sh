# SPDX-License-Identifier: MIT
#
# Fork's shared tables while other CPUs write: snapshots hold, on CPUs with and without the newer MMU features.
. "$(dirname "$0")/lib.sh"

expect_output '40 rounds, 0 bad' 'forkthreads 40'
expect_output '20 rounds, 0 bad' --cpu max 'forkthreads 20'
