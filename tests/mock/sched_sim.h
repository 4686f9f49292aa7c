// SPDX-License-Identifier: MIT
/*
 * A machine for the scheduler on the host: several CPUs, an interrupt controller that knows
 * reschedule interrupts, a one-shot timer per CPU and a clock of virtual nanoseconds, all in one
 * host thread. Tasks are host contexts (makecontext): they run the real kernel/sched*.c,
 * kernel/mutex.c, kernel/waitq.c and kernel/time.c. Time passes only in sim_work() and while CPUs
 * idle, and interrupts arrive only there and where they are unmasked: so a run repeats exactly, and
 * two CPUs are never inside the kernel at once.
 */
#ifndef TESTS_MOCK_SCHED_SIM_H
#define TESTS_MOCK_SCHED_SIM_H

#include "kernel/clock_scale.h"
#include "kernel/sched.h"

#define SIM_CPUS_MAX 4

/* Starts a machine of `cpus` CPUs and runs fn(arg) as its boot task; returns when all tasks made by
 * sim_task() have ended and fn has returned. Fails the test when nothing can run any more (a lost
 * wake-up) or after limit ns. */
void sim_run(unsigned cpus, uint64_t limit, void (*fn)(void *), void *arg);

/* As sim_run(), for a machine that must panic with a reason that contains `what`: fails the test
 * when it does not. */
void sim_run_panics(unsigned cpus, uint64_t limit, void (*fn)(void *), void *arg, const char *what);

/* The rest is for tasks of the machine. */

/* A task of the given policy, started; it lives until sim_run() ends. affinity 0: every CPU. */
struct task *sim_task(const char *name, void (*fn)(void *), void *arg, int policy, int prio,
		      uint64_t affinity);
/* As sim_task, but sim_run() does not wait for its end. */
struct task *sim_daemon(const char *name, void (*fn)(void *), void *arg, int policy, int prio);
/* Computes for ns of this task's own CPU time; may be preempted. */
void sim_work(uint64_t ns);
/* ns pass at once, with preemption or interrupts off maybe; with interrupts on, those that came
 * meanwhile are taken then. Of a machine with one CPU. */
void sim_pass(uint64_t ns);
/* What arch_interrupted() answers. */
extern virt_addr_t sim_interrupted;
/* Sleeps for ns. */
void sim_sleep(uint64_t ns);
/* Waits until t has ended. */
void sim_join(struct task *t);
/* Virtual time, ns. */
uint64_t sim_now(void);
/* Reschedule interrupts sent so far. */
unsigned sim_ipis(void);
unsigned sim_timer_interrupts(void);
unsigned sim_cpu_of(const struct task *t);

/* What another CPU does meanwhile: fn is called once, at the next turn of a loop that waits for a
 * lock (it must give the lock back), ... */
void sim_while_spinning(void (*fn)(void));
/* ... or between an idle CPU's look for work and its WFI, and then that CPU takes its
 * interrupts. */
void sim_while_idle(void (*fn)(void));
/* ... or each time that the scheduler lets interrupts in between two steps; that CPU takes its own
 * then, too. NULL: no longer. */
void sim_while_let_in(void (*fn)(void));
/* Calls fn as an interrupt of that CPU would run it; what it asks of that CPU's running task is
 * seen at the CPU's next turn. */
void sim_as_cpu(unsigned cpu, void (*fn)(void));
/* For such a fn: acts as the given CPU from here on. Returns which one it was. */
unsigned sim_on_cpu(unsigned cpu);

/* What the kernel last showed programs to reckon clocks by (arch_clock_set). */
extern struct sim_shown_clock {
	struct clock_scale scale;
	uint64_t wall_offset;
} sim_shown_clock;

#endif
