// SPDX-License-Identifier: MIT
/*
 * The guard against real-time tasks that never let go: while ordinary tasks wait on a CPU,
 * real-time ones have it for at most rt_guard.runtime of each rt_guard.period
 * (/proc/sys/kernel/sched_rt_runtime_us and sched_rt_period_us; a runtime of -1: no guard). What
 * Linux means by these, but that nobody is held up where no ordinary task waits when its time is
 * over.
 *
 * A window begins when a task of SCHED_FIFO or SCHED_RR runs and an ordinary one waits. After
 * `runtime` the guard looks whether ordinary tasks ran (or nobody did) for the rest of a period
 * meanwhile. If not, the real-time task that runs is put aside (rq->hold: switch_task() does it),
 * and so is the next one that is found running at the guard's next look, until ordinary tasks have
 * had their part; then all come back. Who runs little is hardly ever the one that is found.
 *
 * Tasks with deadlines, and who has their priority because they wait for it, are never put aside:
 * they have what they were admitted to, which leaves the others theirs; who was put aside before
 * comes back at once. Their time is nobody's part of a window. Where one of them
 * runs when the guard looks, it looks again as soon as a task runs that it guards (guard_late), or
 * when ordinary tasks could have had their part.
 *
 * All of it is the CPU's own, in its timer's interrupt, under its run queue's lock.
 */
#include "kernel/errno.h"
#include "kernel/runq.h"

#define LOOK_AGAIN (50 * NSEC_PER_USEC)
#define LOOK_LATE  NSEC_PER_MSEC

struct rt_guard rt_guard = { .runtime = 950 * (int64_t)NSEC_PER_MSEC, .period = NSEC_PER_SEC };

uint64_t rt_share(unsigned shift)
{
	int64_t runtime = READ_ONCE(rt_guard.runtime);

	return runtime < 0 ? (uint64_t)1 << shift
			   : ((uint64_t)runtime << shift) / READ_ONCE(rt_guard.period);
}

int rt_guard_set(int64_t runtime, int64_t period)
{
	static struct mutex mutex = MUTEX_INIT(mutex);
	struct rt_guard was;
	int err = 0;

	mutex_lock(&mutex);
	was = rt_guard;
	if (runtime != -2)
		rt_guard.runtime = runtime < 0 ? -1 : runtime * (int64_t)NSEC_PER_USEC;
	if (period != -2)
		rt_guard.period = (uint64_t)period * NSEC_PER_USEC;
	if (rt_guard.period == 0 || runtime > INT32_MAX ||
	    (rt_guard.runtime >= 0 && (uint64_t)rt_guard.runtime > rt_guard.period))
		err = -EINVAL;
	else if (!deadline_fits())
		err = -EBUSY;
	if (err < 0)
		rt_guard = was;
	mutex_unlock(&mutex);
	return err;
}

static uint64_t others_ran(const struct runq *rq)
{
	return rq->idle_ns + rq->fair_ns;
}

void guard_begin(struct runq *rq)
{
	int64_t runtime = READ_ONCE(rt_guard.runtime);

	if (runtime < 0)
		return;
	rq->guard_on = true;
	if (rq->guard_late)
		runtime = 0;
	else
		rq->guard_seen = others_ran(rq);
	timer_start(&rq->guard, time_now() + (uint64_t)runtime);
}

void guard_let_go(struct runq *rq, struct task *t)
{
	list_remove(&t->sched.rt_link);
	t->sched.held = false;
	if (t->sched.prio == PRIO_DEADLINE)
		deadline_place(t);
	rq = runq_place(rq, t, runq_allowed(rq, t) ? rq->cpu : balance_select(t));
	if (rq)
		balance_push_rt(rq);
}

/* What ordinary tasks have still to get of this window, ns. 0: enough. */
static uint64_t owed(const struct runq *rq)
{
	int64_t runtime = READ_ONCE(rt_guard.runtime);
	uint64_t theirs = READ_ONCE(rt_guard.period) - (uint64_t)runtime;
	uint64_t had = others_ran(rq) - rq->guard_seen;

	bool wanted = rq->nr_fair > 0 || !list_empty(&rq->held);

	return runtime < 0 || !wanted || had >= theirs ? 0 : theirs - had;
}

static void guard_look(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, guard);
	uint64_t rest;

	spin_lock_raw(&rq->lock);
	runq_account(rq, time_now());
	rest = rq->curr->sched.prio > PRIO_FAIR || !list_empty(&rq->held) ? owed(rq) : 0;
	rq->guard_late = rest > 0 && rq->curr->sched.prio == PRIO_DEADLINE;
	rq->guard_on = !rq->guard_late;
	if (rest == 0) {
		/* One at a time: this look comes again for the next. */
		if (!list_empty(&rq->held)) {
			timer_start(&rq->guard, time_now());
			guard_let_go(rq, list_first(&rq->held, struct task, sched.rt_link));
			return;
		}
		rq->guard_on = false;
		if (guarded(rq->curr) && rq->nr_fair > 0)
			guard_begin(rq);
	} else if (guarded(rq->curr)) {
		rq->hold = true;
		runq_resched(rq);
		timer_start(&rq->guard, time_now() + LOOK_AGAIN);
	} else {
		timer_start(&rq->guard, time_now() + MAX(rest, rq->guard_late ? LOOK_LATE : 0));
	}
	spin_unlock_raw(&rq->lock);
}

void guard_init(struct runq *rq)
{
	list_init(&rq->held);
	timer_init(&rq->guard, guard_look);
}
