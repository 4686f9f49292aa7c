// SPDX-License-Identifier: MIT
// Timers with a descriptor (kernel/fs/timerfd.c): what they are to be told.
#ifndef KERNEL_FS_TIMERFD_H
#define KERNEL_FS_TIMERFD_H

/* The wall clock has been set by a user. Task context. */
void timerfd_clock_set(void);

#endif
