// SPDX-License-Identifier: MIT
/*
 * Waking and starting tasks: how a task that can run gets into a run queue.
 *
 * A waker changes the condition, then looks at the state of the task; a task that goes to sleep
 * sets its state, then looks at the condition. One of the two sees the other's write, because a
 * full barrier lies between write and look on both sides. Only a task that is neither queued nor
 * running nor on its way between queues is placed: for all others the change of state is enough.
 *
 * Which CPU it is placed on is kernel/balance.c's business; whether it runs there at once is
 * decided here, and whoever it displaces is told.
 */
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/runq.h"

static uint64_t tasks_started; /* atomic */

/* Whether t should run instead of rq's curr. */
static inline bool preempts(struct runq *rq, const struct task *t)
{
	const struct task *curr = rq->curr;

	if (t->sched.prio != curr->sched.prio)
		return t->sched.prio > curr->sched.prio;
	if (t->sched.prio == PRIO_FAIR)
		return fair_preempts(rq, t);
	return unlikely(t->sched.prio == PRIO_DEADLINE) && deadline_before(t, curr);
}

/* Tells an idle CPU to look for work once more. Its lock is not held: switch_task() takes the flag
 * of an idle task back before it looks. */
static void rouse(int cpu)
{
	atomic_fetch_or(&runq_of(cpu)->idle->hot.pending, TASK_NEED_RESCHED);
	ipi_send((unsigned)cpu, IPI_RESCHEDULE);
}

void runq_check_preempt(struct runq *rq, struct task *t)
{
	uint64_t idle;

	if (preempts(rq, t)) {
		runq_resched(rq);
		return;
	}
	if (t->sched.prio > PRIO_FAIR)
		rt_set_waiting(rq);
	if (rq->cpu == (int)hw_cpu())
		runq_arm_turn(rq, rq->curr);
	else if (runq_turn_has_end(rq, rq->curr) &&
		 rq->curr->sched.exec_start + rq->curr->sched.slice_left < rq->turn_end)
		runq_resched(rq); /* its timer can be set there only */
	/* t waits: a CPU that went idle after this one was chosen is told to look again. See
	 * idle_loop(). */
	hw_mb();
	idle = atomic_load(&cpus_idle);
	if (likely(idle == 0))
		return;
	idle &= t->sched.affinity & ~rq->bit & ~cpu_bit((int)hw_cpu());
	if (idle)
		rouse(__builtin_ctzll(idle));
}

struct runq *runq_lock_task(struct task *t)
{
	for (;;) {
		int cpu = READ_ONCE(t->sched.cpu);
		struct runq *rq = runq_of(cpu);

		spin_lock_raw(&rq->lock);
		if (likely(READ_ONCE(t->sched.cpu) == cpu))
			return rq;
		spin_unlock_raw(&rq->lock);
	}
}

void runq_send(struct runq *rq, struct task *t, int cpu)
{
	if (rq->nr_fair + rq->nr_rt == 0) /* t may have been queued here */
		runq_wait_end(rq);
	if (unlikely(t->sched.psi_counted))
		psi_leave(rq, t);
	/* Its lead stays what it is. That queue is not locked: runq_place() bounds what its least
	 * one has grown by meanwhile. */
	t->sched.vruntime += READ_ONCE(runq_of(cpu)->min_vruntime) - rq->min_vruntime;
	/* While no lock is held, a waker may find t with a state that says it sleeps. */
	t->sched.moving = true;
	WRITE_ONCE(t->sched.cpu, cpu);
	spin_unlock_raw(&rq->lock);
}

struct runq *runq_receive(struct task *t)
{
	struct runq *rq = runq_lock_task(t);

	return runq_place(rq, t, runq_allowed(rq, t) ? rq->cpu : balance_select(t));
}

/* runq_place() when rq is not that of the CPU: the queue that t is to be in, locked. */
static NOINLINE struct runq *carry(struct runq *rq, struct task *t, int cpu)
{
	while (cpu != rq->cpu) {
		runq_send(rq, t, cpu);
		rq = runq_lock_task(t);
		if (!runq_allowed(rq, t)) /* changed while no lock was held */
			cpu = balance_select(t);
	}
	return rq;
}

struct runq *runq_place(struct runq *rq, struct task *t, int cpu)
{
	struct runq *rt_waits;

	if (cpu != rq->cpu)
		rq = carry(rq, t, cpu);
	if (t->sched.prio == PRIO_FAIR)
		fair_place(rq, t);
	runq_wait_begin(rq);
	t->sched.moving = false;
	runq_link(rq, t, false);
	if (unlikely(rq->psi_slow | t->sched.stall))
		psi_enter(rq, t);
	runq_set_idle(rq, false);
	runq_check_preempt(rq, t);
	rt_waits = t->sched.prio > PRIO_FAIR && t->sched.prio <= rq->curr_prio ? rq : NULL;
	spin_unlock_raw(&rq->lock);
	return rt_waits;
}

void sched_set_state(enum task_state state)
{
	WRITE_ONCE(current()->state, state);
	hw_mb(); /* pairs with the one in sched_wake_if() */
}

bool sched_wake_irqs_off(struct task *t, unsigned states)
{
	struct runq *rq;
	bool asleep;

	hw_mb(); /* the condition's change before the look at the state; pairs with the one in
		    sched_set_state() */
	if (!(SCHED_STATE(READ_ONCE(t->state)) & states))
		return false;
	rq = runq_lock_task(t);
	asleep = SCHED_STATE(t->state) & states;
	if (asleep) {
		WRITE_ONCE(t->state, TASK_RUNNABLE);
		if (likely(!t->sched.queued && !t->sched.moving && rq->curr != t)) {
			if (unlikely(t->sched.prio == PRIO_DEADLINE))
				deadline_place(t);
			rq = runq_place(rq, t, balance_select(t));
			/* A CPU that was not chosen may have sunk in priority since. */
			if (unlikely(rq))
				balance_push_rt(rq);
			return true;
		}
	}
	spin_unlock_raw(&rq->lock);
	return asleep;
}

bool sched_wake_if(struct task *t, unsigned states)
{
	uint64_t old = hw_irq_save();
	bool woke = sched_wake_irqs_off(t, states);
	/* Running elsewhere, maybe in user mode, where nothing else would interrupt it for long.
	 * When this look comes too early, t has still to pass through its way to user mode, and
	 * sees what the caller wrote before. */
	if (!woke && READ_ONCE(t->sched.on_cpu)) {
		int cpu = READ_ONCE(t->sched.cpu);

		if (cpu != (int)hw_cpu())
			ipi_send((unsigned)cpu, IPI_RESCHEDULE);
	}
	preempt_irq_restore(old);
	return woke;
}

bool sched_wake(struct task *t)
{
	uint64_t old = hw_irq_save();
	bool woke = sched_wake_irqs_off(t, SCHED_ANY_SLEEP);
	preempt_irq_restore(old);
	return woke;
}

void sched_start(struct task *t)
{
	uint64_t old;
	struct runq *rq;
	struct task *me = current();

	atomic_inc(&tasks_started);
	old = hw_irq_save();
	rq = runq_this();
	spin_lock_raw(&rq->lock);
	runq_account(rq, time_now());
	t->sched.cpu = rq->cpu;
	fair_set_cost(t);
	/* Where its parent stands, so that forking gives no advance; not ahead of those who
	 * wait. */
	t->sched.vruntime = rq->min_vruntime;
	if (me->sched.prio == PRIO_FAIR && (int64_t)(me->sched.vruntime - rq->min_vruntime) > 0)
		t->sched.vruntime = me->sched.vruntime;
	(void)runq_place(rq, t, balance_select(t));
	preempt_irq_restore(old);
}

uint64_t sched_started(void)
{
	return atomic_load(&tasks_started);
}
