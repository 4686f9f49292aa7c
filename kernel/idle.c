// SPDX-License-Identifier: MIT
/*
 * The idle tasks and the start of scheduling on each CPU.
 *
 * A CPU without work zeroes frames for later page faults, fetches tasks that wait elsewhere, and
 * else sleeps until an interrupt. It looks for work with interrupts masked: one that comes after
 * the look is pending and ends the WFI at once (Arm ARM DDI 0487, D1.6.2 "Wait for Interrupt"), so
 * no wake-up is slept over.
 */
#include "arch/thread.h"
#include "kernel/clock_event.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/runq.h"
#include "kernel/task_alloc.h"
#include "mm/buddy.h"

static bool need_resched(void)
{
	return READ_ONCE(current()->hot.pending) & TASK_NEED_RESCHED;
}

/* Each time the CPU has come here from another task (rq->switches tells), it looks once at the
 * other CPUs before it sleeps; who queues a task behind others after that look finds this CPU's
 * idle bit set and asks it to look again: runq_check_preempt(). The request is a flag, not the
 * interrupt alone, which may come and go before the WFI. */
NORETURN static void idle_loop(void)
{
	struct runq *rq = runq_this();

	for (;;) {
		uint64_t seen = rq->switches;

		hw_mb(); /* the idle bit before the look */
		if (need_resched() || balance_wanted(rq, PRIO_IDLE))
			schedule();
		while (!need_resched() && buddy_zero_some())
			;
		hw_irq_disable();
		if (!need_resched() && READ_ONCE(rq->switches) == seen)
			hw_wait_interrupt();
		hw_irq_enable();
	}
}

/* What the scheduler wants to find in a task that it did not get from sched_start(). */
static void adopt_running(struct runq *rq, struct task *t)
{
	t->state = TASK_RUNNABLE;
	t->sched.cpu = rq->cpu;
	t->sched.on_cpu = true;
	t->sched.exec_start = time_now();
	fair_set_cost(t);
	t->sched.affinity = ~(uint64_t)0;
	list_init(&t->sched.rt_link);
	list_init(&t->pi_lenders);
	rq->curr = t;
}

static void make_idle(struct runq *rq, struct task *t)
{
	t->sched.prio = PRIO_IDLE;
	t->sched.cpu = rq->cpu;
	t->sched.affinity = rq->bit;
	format(t->name, sizeof(t->name), "idle/%d", rq->cpu);
	rq->idle = t;
}

static void idle_main(void *arg)
{
	(void)arg;
	idle_loop();
}

void sched_init(struct task *boot_task)
{
	struct runq *rq = runq_this();
	struct task *idle;

	time_init();
	for (int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		runqs[cpu].cpu = cpu;
		runqs[cpu].bit = cpu_bit(cpu);
		runqs[cpu].turn_end = UINT64_MAX;
		for (int prio = 0; prio < RT_LISTS; prio++)
			list_init(&runqs[cpu].rt[prio]);
		guard_init(&runqs[cpu]);
	}
	idle = task_alloc();
	if (!idle)
		panic("no memory for the idle task");
	arch_task_init_kernel(idle, idle_main, NULL);
	make_idle(rq, idle);
	adopt_running(rq, boot_task);
	rq->curr_prio = PRIO_FAIR;
	atomic_fetch_or(&cpus_online, rq->bit);
	load_init();
	psi_init();
}

void sched_cpu_idle(void)
{
	struct runq *rq = runq_this();
	struct task *me = current();

	if (rq->idle) { /* the boot task, which has done its part */
		for (;;) {
			sched_set_state(TASK_SLEEPING);
			schedule();
		}
	}
	make_idle(rq, me);
	adopt_running(rq, me);
	me->sched.affinity = rq->bit;
	rq->curr_prio = PRIO_IDLE;
	clock_event_cpu_init();
	atomic_fetch_or(&cpus_idle, rq->bit);
	hw_mb(); /* who sees the bit sees the run queue set up */
	atomic_fetch_or(&cpus_online, rq->bit);
	hw_irq_enable();
	idle_loop();
}
