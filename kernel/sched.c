// SPDX-License-Identifier: MIT
/*
 * The scheduler's core: giving up the CPU, its turns, and the ends of tasks. Waking is kernel/sched_wake.c.
 *
 * Every CPU has a run queue (kernel/runq.h has its invariants and the lock order). The running task is not linked in it. schedule()
 * charges the running task, puts it back if it can go on, takes the most urgent one - the first real-time task of the highest
 * priority, else the ordinary task with the least virtual run time (kernel/sched_fair.c), else the idle task - and switches, all under
 * the run queue's lock, which the next task drops in sched_finish_switch().
 *
 * A task goes to sleep by setting its state, testing its condition, and calling schedule(). When it is preempted in between, it stays
 * runnable whatever its state says: only its own call of schedule() takes it off.
 *
 * There is no tick. A turn has an end (time_arm_slice) only while another task of the same rank waits.
 *
 * Which CPU a task wakes up on, and how CPUs help each other, is kernel/balance.c; policies and priorities change in kernel/sched_policy.c.
 */
#include "kernel/clock_event.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/runq.h"

/* A real-time task that runs this long lets other CPUs have the ordinary tasks that wait behind it: idle ones, or busy ones. */
#define RT_GUARD_IDLE (1 * NSEC_PER_MSEC)
#define RT_GUARD_BUSY (10 * NSEC_PER_MSEC)

struct runq runqs[NR_CPUS_MAX];
uint64_t cpus_online, cpus_idle, cpus_rt_waiting;

void runq_link(struct runq *rq, struct task *t, bool front)
{
	DEBUG_ASSERT(!t->sched.queued && t != rq->idle && t->sched.cpu == rq->cpu);
	t->sched.queued = true;
	if (t->sched.prio > PRIO_FAIR)
		rt_link(rq, t, front);
	else
		fair_link(rq, t);
}

void runq_unlink(struct runq *rq, struct task *t)
{
	DEBUG_ASSERT(t->sched.queued && t->sched.cpu == rq->cpu);
	t->sched.queued = false;
	if (t->sched.prio > PRIO_FAIR)
		rt_unlink(rq, t);
	else
		fair_unlink(rq, t);
}

void runq_resched(struct runq *rq)
{
	uint32_t old = atomic_fetch_or(&rq->curr->hot.pending, TASK_NEED_RESCHED);

	if (rq->cpu != (int)hw_cpu() && !(old & TASK_NEED_RESCHED))
		ipi_send((unsigned)rq->cpu, IPI_RESCHEDULE);
}

bool runq_turn_has_end(const struct runq *rq, const struct task *t)
{
	if (t->sched.prio == PRIO_FAIR)
		return rq->nr_fair > 0;
	return t != rq->idle && rt_has_turns(t) && rq->waiting_rt == t->sched.prio;
}

/* An earlier end that was set for somebody else stays: its interrupt finds the turn not over and sets the right one. So tasks that alternate
 * hardly ever touch the timer. */
void runq_arm_turn(struct runq *rq, const struct task *t)
{
	uint64_t end = t->sched.exec_start;

	if (runq_turn_has_end(rq, t))
		end += t->sched.slice_left;
	else if (t->sched.prio > PRIO_FAIR && rq->nr_fair > 0 &&
		 (atomic_load(&cpus_online) & ~rq->bit))
		end += atomic_load(&cpus_idle) & ~rq->bit ? RT_GUARD_IDLE : RT_GUARD_BUSY;
	else
		return;
	if (end < rq->turn_end) {
		rq->turn_end = end;
		time_arm_slice(end);
	}
}

/* A CPU stops counting as idle when it is given a task, not only when it runs it, so that of
 * several tasks that wake at once each finds a CPU of its own. */
void runq_set_idle(const struct runq *rq, bool idle)
{
	bool was = atomic_load(&cpus_idle) & rq->bit;

	if (likely(was == idle))
		return;
	if (idle)
		atomic_fetch_or(&cpus_idle, rq->bit);
	else
		atomic_fetch_and(&cpus_idle, ~rq->bit);
}

/* A round-robin turn that has been used up; the next one is granted when t runs again. */
static bool turn_over(const struct task *t)
{
	return rt_has_turns(t) && t->sched.slice_left == 0;
}

/* prev can go on and next waits: switches their places unless prev keeps the CPU. Returns who runs. */
static struct task *compare(struct runq *rq, struct task *prev, struct task *next)
{
	int lead = prev->sched.prio - next->sched.prio;
	bool front = !turn_over(prev) && !rq->yielding;

	if (lead > 0)
		return prev;
	if (lead == 0) {
		if (prev->sched.prio > PRIO_FAIR && front)
			return prev;
		if (prev->sched.prio == PRIO_FAIR) {
			if (rq->yielding)
				fair_yield(rq, prev);
			if (fair_before(prev, next))
				return prev;
		}
	}
	runq_unlink(rq, next);
	runq_link(rq, prev, front);
	return next;
}

/* Takes the task to run next off its queue, and puts prev, which gives up the CPU, where it belongs. */
static struct task *choose(struct runq *rq, struct task *prev, bool stays)
{
	struct task *next = rt_first(rq);

	if (!next)
		next = rq->fair_first;
	if (stays && likely(runq_allowed(rq, prev)))
		return next ? compare(rq, prev, next) : prev;
	if (unlikely(stays))
		rq->after = AFTER_MIGRATE;
	else if (unlikely(prev->state == TASK_DEAD))
		rq->after = AFTER_DEAD;
	if (!next)
		return rq->idle;
	runq_unlink(rq, next);
	return next;
}

static void set_curr(struct runq *rq, struct task *next, uint64_t now)
{
	rq->curr = next;
	rq->switches++;
	next->sched.on_cpu = true;
	next->sched.exec_start = now;
	WRITE_ONCE(rq->curr_prio, next->sched.prio);
}

/* Fetches a task from another CPU when one waits there that is better than what this CPU has: prev, if it stays, and what is queued. */
static NOINLINE void fetch_better(struct runq *rq, const struct task *prev, bool stays)
{
	int prio = rq->waiting_rt > 0 ? rq->waiting_rt : rq->nr_fair > 0 ? PRIO_FAIR : PRIO_IDLE;

	if (stays)
		prio = MAX(prio, prev->sched.prio);
	if (balance_wanted(rq, prio))
		balance_pull(rq, prio);
}

/* This CPU has sunk in priority. A real-time task that came to wait elsewhere after the look, when this CPU was not yet seen to have sunk, has
 * nobody else to find it; one that comes later finds this CPU. The idle loop does the same for itself. */
static void look_again(struct runq *rq)
{
	hw_mb(); /* curr_prio before the look; pairs with the one in runq_check_preempt() */
	if (balance_wanted(rq, rq->curr_prio))
		runq_resched(rq);
}

/* The switch that t was asked for is being made. rq->lock held. */
static void take_request(struct task *t)
{
	if (READ_ONCE(t->hot.pending) & TASK_NEED_RESCHED)
		atomic_fetch_and(&t->hot.pending, ~(uint32_t)TASK_NEED_RESCHED);
}

/* Interrupts off. preempted: the running task did not ask, so it stays runnable whatever its state. */
static void switch_task(bool preempted)
{
	struct runq *rq = runq_this();
	struct task *prev = current(), *next;
	uint64_t now = time_now();
	bool stays;

	spin_lock_raw(&rq->lock);
	runq_account(rq, now);
	if (prev == rq->idle) {
		take_request(prev);
		hw_mb(); /* before the look: rouse() asks without the lock, after queuing */
	}
	stays = (preempted || prev->state == TASK_RUNNABLE) && prev != rq->idle;
	if ((!stays && rq->nr_rt + rq->nr_fair == 0) ||
	    unlikely(atomic_load(&cpus_rt_waiting) & ~rq->bit)) {
		fetch_better(rq, prev, stays); /* may drop the lock for a moment */
		stays = (preempted || READ_ONCE(prev->state) == TASK_RUNNABLE) && prev != rq->idle;
	}
	if (prev != rq->idle)
		take_request(prev); /* made under rq->lock only */
	next = choose(rq, prev, stays);
	rq->yielding = false;
	if (next->sched.slice_left == 0)
		next->sched.slice_left = next->sched.prio > PRIO_FAIR ? RT_SLICE : FAIR_SLICE;
	if (next != prev)
		set_curr(rq, next, now);
	if (next->sched.prio < prev->sched.prio && next != rq->idle)
		look_again(rq);
	if (unlikely(next == rq->idle || prev == rq->idle))
		runq_set_idle(rq, next == rq->idle);
	if (unlikely(rq->waiting_rt > 0))
		rt_set_waiting(rq);
	if (rq->nr_fair + rq->nr_rt > 0)
		runq_arm_turn(rq, next);
	if (next == prev) {
		spin_unlock_raw(&rq->lock);
		return;
	}
	sched_finish_switch(arch_switch(prev, next));
}

void sched_finish_switch(struct task *prev)
{
	struct runq *rq = runq_this();
	int after = rq->after;
	bool rt_waits = rq->waiting_rt > 0;

	rq->after = AFTER_NOTHING;
	WRITE_ONCE(prev->sched.on_cpu, false);
	if (unlikely(after == AFTER_MIGRATE))
		(void)runq_place(rq, prev, balance_select(prev));
	else
		spin_unlock_raw(&rq->lock);
	if (unlikely(after == AFTER_DEAD))
		task_put(prev);
	if (unlikely(rt_waits))
		balance_push_rt(rq);
}

void schedule(void)
{
	uint64_t old = hw_irq_save();

	DEBUG_ASSERT(current()->hot.preempt_count <= 1);
	switch_task(false);
	hw_irq_restore(old);
}

void sched_preempt(void)
{
	uint64_t old = hw_irq_save();

	switch_task(true);
	hw_irq_restore(old);
}

void sched_yield_cpu(void)
{
	uint64_t old = hw_irq_save();

	runq_this()->yielding = true; /* this CPU's alone, interrupts off; for compare() */
	switch_task(true);
	hw_irq_restore(old);
}

void sched_exit(void)
{
	(void)hw_irq_save();
	WRITE_ONCE(current()->state, TASK_DEAD);
	switch_task(false);
	panic("a dead task runs again");
}

void sched_slice_expired(void)
{
	struct runq *rq = runq_this();
	struct task *curr;

	spin_lock_raw(&rq->lock);
	runq_account(rq, time_now());
	rq->turn_end = UINT64_MAX;
	curr = rq->curr;
	if (curr->sched.slice_left == 0 && runq_turn_has_end(rq, curr))
		runq_resched(rq);
	else
		runq_arm_turn(rq, curr);
	spin_unlock_raw(&rq->lock);
	balance_push_fair(rq);
}
