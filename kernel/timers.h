// SPDX-License-Identifier: MIT
// Interval timers and POSIX timers of a process (kernel/sys_timer.c): what the ends of threads and
// programs need of them.
#ifndef KERNEL_TIMERS_H
#define KERNEL_TIMERS_H

struct process;

/* The last thread of p is off its list: all timers go. Task context, no locks. */
void timers_process_exit(struct process *p);
/* execve(2): POSIX timers go, interval timers stay. */
void timers_exec(struct process *p);

#endif
