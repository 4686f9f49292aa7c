// SPDX-License-Identifier: MIT
/*
 * SCHED_DEADLINE: a constant-bandwidth server per task (Abeni and Buttazzo, RTSS 1998). Of every
 * period a task may run for `runtime`, and it has it by `deadline` after the period's beginning, as
 * long as all such tasks together ask for no more than what is admitted: sched_rt_runtime_us of
 * each sched_rt_period_us on every CPU (95 %).
 *
 * These tasks have the priority above all others, PRIO_DEADLINE; among themselves the earliest
 * absolute deadline (dl_end) goes first on each CPU, and one that would have to wait goes to a CPU
 * that runs none, as with every real-time priority. So one that is alone on its CPU keeps its
 * deadlines for certain; several on one keep them if these alone ask for no more than the whole of
 * it.
 *
 * The budget of a period is the turn (slice_left). When it ends while others wait, the task gets
 * that of the next period, with that one's deadline, and is `spent`: it sleeps until that period
 * begins as soon as it comes back to user mode, where it holds nothing that others wait for. What
 * it still does in the kernel is done behind those with earlier deadlines, and as long as that
 * takes it goes from period to period: it will sleep the longer. So nobody has more than its share
 * in the long run, and none of the others less in any period.
 *
 * Who holds a mutex that tasks with deadlines wait for has the earliest of these deadlines with
 * their priority, if its own is not earlier, and no budget as long as it has that: a task of this
 * policy pays afterwards for what it took, by periods that it sleeps.
 *
 * A task that wakes up goes on with its old deadline and budget only if these ask for no more than
 * its share of the time left; else a new period begins. Who has overdrawn goes on as it was.
 *
 * Locks: the fields in struct sched under the run queue's lock, bandwidth_lock inside task.pi_lock.
 */
#include "kernel/errno.h"
#include "kernel/runq.h"
#include "kernel/waitq.h"

/* ns; and periods from 100 us to 4 s, as Linux has them by default */
#define RUNTIME_LEAST 1024
#define PERIOD_LEAST  (100 * NSEC_PER_USEC)
#define PERIOD_MOST   ((uint64_t)(1 << 22) * NSEC_PER_USEC)
#define SHARE_SHIFT   20 /* a share of a CPU's time, in millionths so to speak */
#define TASKS_MOST    64 /* they queue in order, under the run queue's lock */
/* Who stays in the kernel is given budgets for so long at once: each costs an interrupt. */
#define SPENT_TURN (100 * NSEC_PER_USEC)

static struct spinlock bandwidth_lock;
static uint64_t bandwidth; /* admitted */
static unsigned admitted;

bool deadline_valid(struct sched_deadline *d)
{
	if (d->period == 0)
		d->period = d->deadline;
	return d->runtime >= RUNTIME_LEAST && d->runtime <= d->deadline &&
	       d->deadline <= d->period && d->period >= PERIOD_LEAST && d->period <= PERIOD_MOST;
}

static uint64_t share(const struct sched_deadline *d)
{
	return d->period ? (d->runtime << SHARE_SHIFT) / d->period : 0;
}

/* What all CPUs together may be asked for. */
static uint64_t most_bandwidth(void)
{
	uint64_t most = 0;

	for (uint64_t set = sched_cpus_online(); set; set &= set - 1)
		most += rt_share(SHARE_SHIFT);
	return most;
}

bool deadline_fits(void)
{
	return READ_ONCE(bandwidth) <= most_bandwidth();
}

int deadline_admit(const struct sched_deadline *old, const struct sched_deadline *new)
{
	uint64_t most = most_bandwidth();
	int64_t more = (int64_t)(share(new) - share(old));
	int tasks = (new->period != 0) - (old->period != 0), err = 0;

	spin_lock(&bandwidth_lock);
	if ((more > 0 && bandwidth + (uint64_t)more > most) ||
	    (tasks > 0 && admitted == TASKS_MOST))
		err = -EBUSY;
	if (err == 0) {
		bandwidth += (uint64_t)more;
		admitted += (unsigned)tasks;
	}
	spin_unlock(&bandwidth_lock);
	return err;
}

void deadline_begin(struct task *t, uint64_t start)
{
	t->sched.dl_start = start;
	t->sched.dl_end = start + t->sched.dl.deadline;
	t->sched.slice_left = t->sched.dl.runtime;
	t->sched.dl_spent = false;
}

/* a / b > c / d, of numbers below 2^33. */
static bool ratio_above(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (a >> 2) * (d >> 2) > (c >> 2) * (b >> 2);
}

void deadline_spend(struct task *t)
{
	struct sched *s = &t->sched;
	uint64_t periods = s->dl_spent ? DIV_ROUND_UP(SPENT_TURN, s->dl.runtime) : 1;
	uint64_t start = s->dl_start + periods * s->dl.period, now = time_now();

	if (start + s->dl.deadline > now) {
		deadline_begin(t, start);
		s->slice_left = periods * s->dl.runtime;
	} else { /* long past: while nobody waited, nothing was counted */
		deadline_begin(t, now);
	}
	s->dl_spent = true;
	atomic_fetch_or(&t->hot.pending, TASK_WORK);
}

void deadline_place(struct task *t)
{
	struct sched *s = &t->sched;
	uint64_t now = time_now();

	if (s->policy != SCHED_DEADLINE)
		return; /* it has the priority from somebody who waits for it */
	if (s->dl_wait || now < s->dl_start)
		return;      /* its budget is that of a period that begins now, or later */
	s->dl_spent = false; /* it was, before it slept in the kernel until that period */
	if (now >= s->dl_start + s->dl.period)
		deadline_begin(t, now);
	else if (now >= s->dl_end)
		deadline_spend(t); /* its deadline is before the period's end, and past */
	else if (ratio_above(s->slice_left, s->dl_end - now, s->dl.runtime, s->dl.deadline))
		deadline_begin(t, now);
}

void deadline_link(struct runq *rq, struct task *t)
{
	struct list *tasks = &rq->rt[PRIO_DEADLINE], *pos = tasks;
	struct task *other;

	list_for_each (other, tasks, sched.rt_link) {
		if (deadline_before(t, other)) {
			pos = &other->sched.rt_link;
			break;
		}
	}
	list_insert_before(pos, &t->sched.rt_link);
	rq->rt_bitmap[PRIO_DEADLINE / 64] |= (uint64_t)1 << (PRIO_DEADLINE % 64);
	rq->nr_rt++;
	WRITE_ONCE(rq->waiting_rt, PRIO_DEADLINE);
}

/* The period of t, current(), may have begun; if not it waits by w, until then, or until it gets
 * another policy, or somebody else's deadline depends on it. */
static bool has_to_wait(struct task *t, struct waiter *w)
{
	uint64_t old = hw_irq_save();
	struct runq *rq = runq_lock_task(t);

	if (time_now() >= t->sched.dl_start)
		t->sched.dl_spent = false;
	t->sched.dl_wait = t->sched.dl_spent && t->sched.dl_lent == 0 ? w : NULL;
	spin_unlock_raw(&rq->lock);
	hw_irq_restore(old);
	return t->sched.dl_wait;
}

void sched_deadline_wait(void)
{
	struct task *t = current();
	struct waiter w = { .task = t };

	if (!has_to_wait(t, &w))
		return;
	sched_set_state(TASK_SLEEPING_KILLABLE);
	(void)waitq_sleep(&w, WAIT_KILLABLE, t->sched.dl_start);
	(void)has_to_wait(t, NULL);
}

void sched_deadline_yield(void)
{
	uint64_t old = hw_irq_save();
	struct runq *rq = runq_lock_task(current());

	runq_account(rq, time_now());
	if (current()->sched.policy == SCHED_DEADLINE && !current()->sched.dl_spent) {
		deadline_spend(current());
		runq_resched(rq); /* it may go on, if somebody waits for it, but behind others */
	}
	spin_unlock_raw(&rq->lock);
	preempt_irq_restore(old);
	sched_deadline_wait();
}
