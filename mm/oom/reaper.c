// SPDX-License-Identifier: MIT
/*
 * The reaper: takes victims' private memory back at once, without waiting for them to run, in
 * bounded steps (aspace_reap). As long as somebody waits for memory it has the lowest real-time
 * priority, or that of a real-time task that waits: those who fill memory do not hold it up, and
 * whoever holds a victim's mutex, waiting for memory himself perhaps, inherits it and with that
 * goes on from the reserve. So does a victim that was faster and empties its memory itself, however
 * little of a CPU it is due: the reaper knows victims by their memory, not by their processes, and
 * waits for that mutex. When memory came, the rest is work that others go before.
 */
#include <linux/sched.h>

#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "mm/aspace.h"
#include "mm/oom/oom.h"

static struct {
	struct spinlock lock;
	struct list victims; /* address spaces with a reference each; lock */
	struct waitq work;
	struct task *task;
} reaper = { .lock = SPINLOCK_INIT,
	     .victims = LIST_INIT(reaper.victims),
	     .work = WAITQ_INIT(reaper.work) };

void oom_reap(struct aspace *as)
{
	spin_lock(&reaper.lock);
	list_push_back(&reaper.victims, &aspace_get(as)->reap_link);
	spin_unlock(&reaper.lock);
	waitq_wake_one(&reaper.work);
}

void oom_reap_urgently(int prio)
{
	sched_boost(reaper.task, prio);
}

static struct aspace *victim_take(void)
{
	struct aspace *as = NULL;

	spin_lock(&reaper.lock);
	if (!list_empty(&reaper.victims)) {
		as = list_first(&reaper.victims, struct aspace, reap_link);
		list_remove(&as->reap_link);
	}
	spin_unlock(&reaper.lock);
	return as;
}

/* Who waits may be of the reaper's priority by its own lending: it goes first. */
static void step_done(void)
{
	oom_news();
	sched_yield_cpu();
}

bool oom_reap_next(void)
{
	struct aspace *as = victim_take();

	if (as == NULL)
		return false;
	aspace_reap(as, step_done);
	WRITE_ONCE(as->reaped, true);
	aspace_put(as);
	oom_news();
	return true;
}

static void reaper_main(void *arg)
{
	(void)arg;
	current()->memory_reserve = true;
	for (;;) {
		(void)wait_event(&reaper.work, !list_empty(&reaper.victims), WAIT_UNINTERRUPTIBLE,
				 WAIT_FOREVER);
		(void)oom_reap_next();
	}
}

void oom_reaper_init(void)
{
	reaper.task = task_create_kernel("oomreaper", reaper_main, NULL, SCHED_OTHER, 0);
	if (IS_ERR(reaper.task) || sched_set(reaper.task, SCHED_OTHER, 0, 19))
		panic("no memory for the reaper");
}
