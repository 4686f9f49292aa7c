# SPDX-License-Identifier: MIT
# TIMEOUT: 200
#
# The memory calls, on the software and the hardware paths of access flags, and what is free after boot.
. "$(dirname "$0")/lib.sh"

expect_output 'all good' memcalls
expect_output 'all good' --smp 1 memcalls
expect_output 'all good' --cpu max memcalls
expect_output 'all good' --swap none memcalls

# What a process leaves behind reaches the next owner as zeros: eater ends with 2 where it finds something.
expect_output $'ate\nate\nate' 'eater 30 && eater 30 && eater 30'
