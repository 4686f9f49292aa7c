// SPDX-License-Identifier: MIT
/*
 * The scheduler: one run queue per CPU. Real-time tasks (FIFO, RR; priorities 1..99) run before
 * ordinary ones, which share by weighted virtual run time. A wake-up goes to the CPU where the task
 * can run soonest; idle CPUs pull.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <linux/sched.h> /* SCHED_FIFO, SCHED_RR, ... */

#include "kernel/task.h"

#ifndef SCHED_OTHER
#define SCHED_OTHER 0 /* POSIX's name for what the UAPI header calls SCHED_NORMAL */
#endif

/* Give up the CPU as current()->state says. Preemption count 0 or 1 levels (its own), interrupts on
 * or off; returns when chosen again. */
void schedule(void);
/* The part of an interrupt's exit that may change tasks: for the exception return path, with
 * interrupts off, which it returns with too. Does nothing unless the interrupted task has
 * preemption on and TASK_NEED_RESCHED set. */
void preempt_schedule_irq(void);

/* Makes a sleeping or stopped task runnable. Any context that holds no run-queue lock. True when
 * this call woke it. What the caller wrote before is seen by the task when it goes on, or by its
 * test of the condition when it was not asleep yet. */
bool sched_wake(struct task *t);
#define SCHED_STATE(s) (1u << (s))
#define SCHED_ANY_SLEEP                                                                            \
	(SCHED_STATE(TASK_SLEEPING) | SCHED_STATE(TASK_SLEEPING_KILLABLE) |                        \
	 SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE) | SCHED_STATE(TASK_STOPPED))
/* For signals: as sched_wake, only when t's state is in the set, tested and changed at once. A task
 * that runs on another CPU is interrupted, so that it looks at its hot.pending bits, set before, on
 * its way back to user mode. */
bool sched_wake_if(struct task *t, unsigned states);
/* The same for callers that have interrupts off, cheaper: a switch that is due happens when they
 * let it. */
bool sched_wake_irqs_off(struct task *t, unsigned states);
/* Sets current()->state before the condition is tested that a waker changes; a full barrier lies
 * between. */
void sched_set_state(enum task_state state);

/* Puts a new task (state TASK_RUNNABLE, never run) on a run queue. */
void sched_start(struct task *t);
/* Changes policy, priority, nice; with SCHED_DEADLINE, for a task of that, nice alone. 0, -EINVAL,
 * -EPERM is the caller's business. Task context. */
int sched_set(struct task *t, int policy, int rt_priority, int nice) MUST_CHECK;
/* Makes t a task of SCHED_DEADLINE; the period is filled in. 0, -EINVAL, -EBUSY: not admitted,
 * -ESRCH: it has ended. Task context. */
int sched_set_deadline(struct task *t, struct sched_deadline *d) MUST_CHECK;
/* On current()'s way to user mode: sleeps until its next period if its budget of this one is used
 * up. */
void sched_deadline_wait(void);
/* sched_yield(2) of such a task: it needs no more of this period. */
void sched_deadline_yield(void);
/* CPUs that do not run are ignored; -EINVAL when none is left. On return current() runs on a CPU of
 * the set; another task that runs elsewhere is on its way. Task context. */
int sched_set_affinity(struct task *t, uint64_t cpus) MUST_CHECK;
/* Lends t at least priority prio until changed (0: no more): for servers such as the page daemon
 * that work for whoever waits. Takes t->pi_lock and follows what t itself waits for. Any task
 * context. */
void sched_boost(struct task *t, int prio);
/* current() is going to sleep until p, found by `of` (mm/reading.h), has been read: from now on who
 * reads it has at least its priority. NULL: it waits no more. */
void sched_wait_page(const struct page *p, const void *of);
/* t's effective priority becomes prio, and the deadline that it inherits with PRIO_DEADLINE `lent`
 * (0: none); requeues. Called with t->pi_lock held. */
void sched_set_effective(struct task *t, int prio, uint64_t lent);
/* sched_yield(2): behind the others of its priority; an ordinary task behind the next ordinary
 * one. */
void sched_yield_cpu(void);
/* Ends current(): state TASK_DEAD, never returns. The scheduler's reference is dropped (task_put)
 * once the task is off its stack. */
NORETURN void sched_exit(void);
/* Boot CPU, once, after slab_init() and with interrupts off: boot_task is current() and goes on as
 * an ordinary task; the CPU gets an idle task of its own. Threads may be created afterwards. */
void sched_init(struct task *boot_task);
/* Makes current() the idle task of a CPU that has none (each secondary's last call, interrupts off,
 * its interrupt controller ready): the CPU goes online. On the boot CPU, whose boot task has
 * nothing left to do, it just sleeps for good. */
NORETURN void sched_cpu_idle(void);
/* Timer interrupt: the running task's turn ends (kernel/time.c). */
void sched_slice_expired(void);
/* Set of CPUs that run (bit per CPU). */
uint64_t sched_cpus_online(void);
/* CPU time spent idle and busy on one CPU, ns. */
void sched_cpu_times(unsigned cpu, uint64_t *busy, uint64_t *idle);
/* CPU time t has used, the stint it is running included, ns. */
uint64_t sched_runtime(struct task *t);
/* Switches between tasks since boot, tasks that run or wait for a CPU now, tasks ever started:
 * /proc/stat, /proc/loadavg. */
uint64_t sched_switches(void);
unsigned sched_running(void);
uint64_t sched_started(void);
/* t's policy is new, or t itself, or it ends; its process's RLIMIT_RTTIME is new
 * (kernel/cputime.c). Any context that holds no run-queue lock. */
void rt_time_changed(struct task *t);
void rt_limit_changed(struct task *t);
/* Load averages over 1, 5 and 15 minutes, in 1/65536, as sysinfo(2) wants them. */
void sched_loadavg(uint64_t load[3]);

/* The arch supplies: save prev's registers, switch stack, address space and FP/TLS to next; returns
 * the task that ran before the one which now continues. Interrupts off. */
struct task *arch_switch(struct task *prev, struct task *next);
/* Called first on a new task's stack, with the run-queue lock still to be dropped by the scheduler.
 * Interrupts are off before and after: the new task's entry turns them on. */
void sched_finish_switch(struct task *prev);

#endif
