// SPDX-License-Identifier: MIT
/*
 * The scheduler: one run queue per CPU. Real-time tasks (FIFO, RR; priorities 1..99) run before ordinary ones, which share
 * by weighted virtual run time. A wake-up goes to the CPU where the task can run soonest; idle CPUs pull.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "kernel/task.h"

/* Give up the CPU as current()->state says. Preemption count 0 or 1 levels (its own), interrupts on or off; returns when chosen again. */
void schedule(void);
/* Makes a sleeping task runnable. Any context. True when this call woke it. */
bool sched_wake(struct task *t);
/* Puts a new task (state TASK_RUNNABLE, never run) on a run queue. */
void sched_start(struct task *t);
/* Changes policy, priority, nice. 0, -EINVAL, -EPERM is the caller's business. Task context. */
int sched_set(struct task *t, int policy, int rt_priority, int nice) MUST_CHECK;
int sched_set_affinity(struct task *t, uint64_t cpus) MUST_CHECK;
/* Recomputes t's effective priority (inheritance raised or dropped it to prio) and requeues. Called with t->pi_lock held. */
void sched_set_effective(struct task *t, int prio);
void sched_yield_cpu(void);
/* Ends current(): state TASK_DEAD, never returns. */
NORETURN void sched_exit(void);
/* Per-CPU set-up: boot CPU once, then each secondary from its own entry, becoming that CPU's idle task. */
void sched_init(struct task *boot_task);
NORETURN void sched_cpu_idle(void);
/* Set of CPUs that run (bit per CPU). */
uint64_t sched_cpus_online(void);
/* CPU time spent idle and busy on one CPU, ns. */
void sched_cpu_times(unsigned cpu, uint64_t *busy, uint64_t *idle);

/* The arch supplies: save prev's registers, switch stack, address space and FP/TLS to next; returns the task that ran before
 * the one which now continues. Interrupts off. */
struct task *arch_switch(struct task *prev, struct task *next);
/* Called first on a new task's stack, with the run-queue lock still to be dropped by the scheduler. */
void sched_finish_switch(struct task *prev);

#endif
