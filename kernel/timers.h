// SPDX-License-Identifier: MIT
// Interval timers and POSIX timers of a process (kernel/sys_timer.c): what the ends of threads and programs need of them.
#ifndef KERNEL_TIMERS_H
#define KERNEL_TIMERS_H

struct process;
struct task;

/* A thread ends: with the last one of a process (its nr_threads still counts it) all timers go. Task context, no locks. */
void timers_task_exit(struct task *t);
/* execve(2): POSIX timers go, interval timers stay. */
void timers_exec(struct process *p);

#endif
