// SPDX-License-Identifier: MIT
/*
 * Policies, priorities, nice values and affinity: what changes a task's place among the others from
 * outside.
 *
 * A task's effective priority is the highest of its own (SCHED_FIFO, SCHED_RR), what was lent to it
 * (sched_boost) and what it inherits from tasks that wait for its mutexes (kernel/mutex.c). All of
 * it is settled under the task's pi_lock; the run queue's lock is taken inside for the moment in
 * which the task changes its list.
 */
#include "kernel/errno.h"
#include "kernel/pi.h"
#include "kernel/runq.h"

int sched_own_prio(const struct task *t)
{
	int own = t->sched.policy == SCHED_DEADLINE ? PRIO_DEADLINE : t->sched.rt_priority;

	return MAX(own, t->sched.boost);
}

/* Makes rq's CPU look again when curr, whose priority fell, is no longer the right one. */
static void check_curr(struct runq *rq)
{
	int best;

	hw_mb(); /* the lower priority is there before the look: who comes to wait later sees it */
	best = MAX(rq->waiting_rt, rq->nr_fair > 0 ? PRIO_FAIR : PRIO_IDLE);

	/* An equal's coming has set no end to a turn that was a higher priority's. */
	if ((best != PRIO_IDLE && best >= rq->curr->sched.prio) ||
	    balance_wanted(rq, rq->curr->sched.prio))
		runq_resched(rq);
}

/* t may have to wait for its next period again, or no longer. Its run queue's lock held. Returns
 * whether it is to be woken. */
static bool set_lent(struct task *t, uint64_t lent)
{
	WRITE_ONCE(t->sched.dl_lent, lent);
	if (t->sched.dl_spent && lent == 0)
		atomic_fetch_or(&t->hot.pending, TASK_WORK);
	if (t->sched.dl_wait && lent != 0)
		WRITE_ONCE(t->sched.dl_wait->woken, true);
	return t->sched.dl_wait && lent != 0;
}

void sched_set_effective(struct task *t, int prio, uint64_t lent)
{
	uint64_t old = hw_irq_save();
	struct runq *rq = runq_lock_task(t);
	int before = t->sched.prio;
	bool queued = t->sched.queued, waits, wake;

	if (queued)
		runq_unlink(rq, t);
	if (rq->curr == t)
		runq_account(rq, time_now()); /* as what it was until now */
	WRITE_ONCE(t->sched.prio, prio);
	wake = set_lent(t, lent);
	if (prio == PRIO_FAIR && before != PRIO_FAIR)
		fair_place(rq, t);
	if (queued) {
		/* A task whose priority falls goes before those that were there: POSIX, 2.8.4,
		 * pthread_setschedprio(). */
		runq_link(rq, t, prio < before);
		runq_check_preempt(rq, t);
	} else if (rq->curr == t) {
		WRITE_ONCE(rq->curr_prio, prio);
		if (prio <= before) /* or its deadline is a later one */
			check_curr(rq);
	} else if (unlikely(t->sched.held) && !guarded(t)) {
		guard_let_go(rq, t);
		hw_irq_restore(old);
		return;
	}
	waits = queued && prio > before && prio <= rq->curr_prio;
	spin_unlock_raw(&rq->lock);
	hw_irq_restore(old);
	if (waits) { /* other CPUs may run something less urgent */
		old = hw_irq_save();
		balance_push_rt(rq);
		hw_irq_restore(old);
	}
	if (wake)
		sched_wake(t);
}

static bool valid(int policy, int rt_priority, int nice)
{
	if (nice < -20 || nice > 19)
		return false;
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR: return rt_priority >= PRIO_RT_MIN && rt_priority <= PRIO_RT_MAX;
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE: return rt_priority == 0;
	default: return false;
	}
}

/* The fields by which the run queue orders and charges t: changed while it is not linked. Under
 * t->pi_lock. */
static void set_policy(struct task *t, int policy, int rt_priority, int nice,
		       const struct sched_deadline *d)
{
	uint64_t old = hw_irq_save();
	struct runq *rq = runq_lock_task(t);
	bool queued = t->sched.queued;

	if (queued)
		runq_unlink(rq, t);
	if (rq->curr == t)
		runq_account(rq, time_now());
	t->sched.policy = policy;
	t->sched.rt_priority = rt_priority;
	t->sched.nice = nice;
	fair_set_cost(t);
	t->sched.dl = *d;
	t->sched.dl_end = 0;
	t->sched.dl_spent = false;
	if (t->sched.dl_wait)
		WRITE_ONCE(t->sched.dl_wait->woken, true);
	t->sched.slice_left = 0;
	if (policy == SCHED_DEADLINE)
		deadline_begin(t, time_now());
	if (t->sched.prio == PRIO_FAIR)
		fair_place(rq, t);
	if (queued) {
		runq_link(rq, t, false);
		runq_check_preempt(rq, t); /* its deadline may be the earliest now */
	} else if (rq->curr == t) {
		runq_resched(rq); /* its turn may have an end now, or none */
	}
	spin_unlock_raw(&rq->lock);
	hw_irq_restore(old);
}

static int change(struct task *t, int policy, int rt_priority, int nice,
		  const struct sched_deadline *d)
{
	int err;

	spin_lock(&t->pi_lock);
	/* Nobody would give back what a task that has ended were admitted. */
	err = t->sched.ended && d->period != 0 ? -ESRCH : deadline_admit(&t->sched.dl, d);
	if (err == 0)
		set_policy(t, policy, rt_priority, nice, d);
	spin_unlock(&t->pi_lock);
	if (err == 0) {
		pi_update(t);
		if (READ_ONCE(t->sched.dl_wait)) /* it has nothing to wait for any more */
			sched_wake(t);
	}
	if (t->process)
		rt_time_changed(t);
	return err;
}

/* A task with a deadline keeps it, and has the nice value when it is ordinary again. */
static int set_nice_alone(struct task *t, int nice)
{
	int err = -EINVAL;

	spin_lock(&t->pi_lock);
	if (t->sched.policy == SCHED_DEADLINE) {
		t->sched.nice = nice;
		err = 0;
	}
	spin_unlock(&t->pi_lock);
	return err;
}

int sched_set(struct task *t, int policy, int rt_priority, int nice)
{
	static const struct sched_deadline none;

	if (policy == SCHED_DEADLINE)
		return set_nice_alone(t, nice);
	return valid(policy, rt_priority, nice) ? change(t, policy, rt_priority, nice, &none)
						: -EINVAL;
}

int sched_set_deadline(struct task *t, struct sched_deadline *d)
{
	return deadline_valid(d) ? change(t, SCHED_DEADLINE, 0, t->sched.nice, d) : -EINVAL;
}

void sched_boost(struct task *t, int prio)
{
	bool same;

	spin_lock(&t->pi_lock);
	same = t->sched.boost == prio;
	t->sched.boost = prio;
	spin_unlock(&t->pi_lock);
	if (!same)
		pi_update(t);
}

int sched_set_affinity(struct task *t, uint64_t cpus)
{
	uint64_t old;
	struct runq *rq;
	int cpu;

	if (!(cpus & atomic_load(&cpus_online)))
		return -EINVAL;
	old = hw_irq_save();
	rq = runq_lock_task(t);
	t->sched.affinity = cpus;
	cpu = t->sched.queued ? balance_select(t) : rq->cpu;
	if (cpu != rq->cpu &&
	    (!runq_allowed(rq, t) || READ_ONCE(runqs[cpu].curr_prio) < t->sched.prio)) {
		runq_unlink(rq, t);
		(void)runq_place(rq, t, cpu);
	} else {
		if (rq->curr == t && !runq_allowed(rq, t))
			runq_resched(rq); /* choose() sees that it may not stay */
		spin_unlock_raw(&rq->lock);
	}
	preempt_irq_restore(old); /* current() moves here */
	return 0;
}
