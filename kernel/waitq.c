// SPDX-License-Identifier: MIT
/*
 * Wait queues and sleeping.
 *
 * A waiter lies on its task's stack. It is queued by effective priority as of that moment
 * (real-time tasks pass ordinary ones, which are in order of arrival), and the task's state says
 * that it sleeps, before the condition is tested: a waker that changes the condition afterwards
 * finds the waiter, one that changed it before is seen by the test. Waking takes the waiter off the
 * queue, marks it and wakes the task, all under the queue's lock, which waitq_finish() takes too:
 * so neither waiter nor task goes away under a waker.
 *
 * A wake-up may find the task still on its way to sleep, or be for something else (a signal that a
 * wait does not let in): the loop in waitq_sleep() goes by what it finds, never by having been
 * woken.
 *
 * Any program can watch a queue thousands of times (with as many epoll instances) or have thousands
 * of threads sleep on it, so waking drops the lock and lets interrupts in after every few steps.
 * Among the watchers a bookmark, a watcher without notify, keeps the place meanwhile; a second one
 * marks the end as of the beginning, so that watchers who come and go cannot keep the walk going
 * for ever: who comes later looks at the condition after it was changed.
 *
 * Locks: wq->lock, interrupts off; the run-queue lock is taken inside it.
 */
#include "kernel/waitq.h"

#include "kernel/errno.h"
#include "kernel/latency.h"
#include "kernel/log.h"
#include "kernel/sched.h"

void waitq_init(struct waitq *wq)
{
	spin_init(&wq->lock);
	list_init(&wq->waiters);
	list_init(&wq->watchers);
}

/* The state a task sleeps in. */
static enum task_state wait_state(enum wait_mode mode)
{
	static const uint8_t states[] = {
		[WAIT_UNINTERRUPTIBLE] = TASK_SLEEPING,
		[WAIT_KILLABLE] = TASK_SLEEPING_KILLABLE,
		[WAIT_INTERRUPTIBLE] = TASK_SLEEPING_INTERRUPTIBLE,
	};

	return (enum task_state)states[mode];
}

void waitq_prepare(struct waitq *wq, struct waiter *w, enum wait_mode mode)
{
	uint64_t old;

	w->task = current();
	w->woken = false;
	old = spin_lock_irq(&wq->lock);
	plist_insert(&wq->waiters, &w->node, READ_ONCE(w->task->sched.prio));
	sched_set_state(wait_state(mode));
	spin_unlock_irq(&wq->lock, old);
}

void waitq_finish(struct waitq *wq, struct waiter *w)
{
	uint64_t old;

	WRITE_ONCE(current()->state, TASK_RUNNABLE);
	old = spin_lock_irq(&wq->lock);
	if (!w->woken)
		plist_remove(&w->node);
	spin_unlock_irq(&wq->lock, old);
}

bool waitq_active(const struct waitq *wq)
{
	hw_mb();
	return READ_ONCE(wq->waiters.next) != &wq->waiters ||
	       READ_ONCE(wq->watchers.next) != &wq->watchers;
}

void waitq_watch(struct waitq *wq, struct watcher *w)
{
	uint64_t old = spin_lock_irq(&wq->lock);

	list_push_back(&wq->watchers, &w->link);
	hw_mb(); /* before the caller's look at the condition; pairs with the one in
		    waitq_active() */
	spin_unlock_irq(&wq->lock, old);
}

void waitq_unwatch(struct waitq *wq, struct watcher *w)
{
	uint64_t old = spin_lock_irq(&wq->lock);

	list_remove(&w->link);
	spin_unlock_irq(&wq->lock, old);
}

/* Wakes the first of a queue's waiters, on whichever list they are. Called with the queue's lock
 * held. */
static void wake_first_locked(struct list *waiters)
{
	struct waiter *w = list_first(waiters, struct waiter, node.link);

	plist_remove(&w->node);
	WRITE_ONCE(w->woken, true);
	sched_wake_irqs_off(w->task, SCHED_ANY_SLEEP);
}

/* A wake-up under way. The queue's lock is held, but for the breaths that it takes. */
struct round {
	struct waitq *wq;
	uint64_t irqs;
};

static struct round round_begin(struct waitq *wq)
{
	return (struct round){ .wq = wq, .irqs = spin_lock_irq(&wq->lock) };
}

static void round_end(struct round *r)
{
	spin_unlock_irq(&r->wq->lock, r->irqs);
}

/* After each step: a wake-up takes some 250 instructions, 450 where pressure is counted for groups,
 * or a watcher does it. */
static void take_breath(struct round *r)
{
	round_end(r);
	*r = round_begin(r->wq);
}

/* Goes past one watcher and tells it, unless it is the bookmark of another wake-up. */
static void notify_next(struct list *here)
{
	struct watcher *w = list_first(here, struct watcher, link);

	list_remove(here);
	list_push_front(&w->link, here); /* behind w */
	if (w->notify)
		w->notify(w);
}

static NOINLINE void notify_each(struct round *r)
{
	struct watcher here = { .notify = NULL }, end = { .notify = NULL };

	list_push_front(&r->wq->watchers, &here.link);
	list_push_back(&r->wq->watchers, &end.link);
	while (here.link.next != &end.link) {
		notify_next(&here.link);
		take_breath(r);
	}
	list_remove(&here.link);
	list_remove(&end.link);
}

static inline void notify_watchers(struct round *r)
{
	if (likely(list_empty(&r->wq->watchers)))
		return;
	take_breath(r);
	notify_each(r);
}

void waitq_wake_one(struct waitq *wq)
{
	struct round r = round_begin(wq);

	if (!list_empty(&wq->waiters))
		wake_first_locked(&wq->waiters);
	notify_watchers(&r);
	round_end(&r);
}

void waitq_wake_all(struct waitq *wq)
{
	/* Who waits now; still under wq->lock: a waiter may unlink itself from it. */
	struct list all = LIST_INIT(all);
	struct round r = round_begin(wq);

	list_splice_back(&all, &wq->waiters);
	while (!list_empty(&all)) {
		wake_first_locked(&all);
		take_breath(&r);
	}
	notify_watchers(&r);
	round_end(&r);
}

/* The timer that ends a sleep, on the sleeper's stack. */
struct alarm {
	struct timer timer;
	struct task *task;
	bool rung;
};

static void alarm_ring(struct timer *timer)
{
	struct alarm *a = container_of(timer, struct alarm, timer);

	WRITE_ONCE(a->rung, true);
	sched_wake_irqs_off(a->task, SCHED_ANY_SLEEP);
}

static bool signal_ends_wait(enum wait_mode mode)
{
	static const uint32_t ends[] = {
		[WAIT_UNINTERRUPTIBLE] = 0,
		[WAIT_KILLABLE] = TASK_KILLED,
		[WAIT_INTERRUPTIBLE] = TASK_KILLED | TASK_SIGNAL,
	};

	return READ_ONCE(current()->hot.pending) & ends[mode];
}

/* Sleeps until w is woken, a signal comes or *rung. The task's state was set before the condition
 * was tested, and is set again after every wake-up before the reasons are looked at once more. */
static int sleep_loop(struct waiter *w, enum wait_mode mode, const bool *rung)
{
	while (!READ_ONCE(w->woken)) {
		if (signal_ends_wait(mode))
			return -EINTR;
		if (rung && READ_ONCE(*rung))
			return -ETIMEDOUT;
		schedule();
		if (READ_ONCE(w->woken)) /* which it remains: no need to be ready to sleep */
			break;
		sched_set_state(wait_state(mode));
	}
	return 0;
}

int waitq_sleep(struct waiter *w, enum wait_mode mode, uint64_t deadline)
{
	struct task *me = current();
	struct alarm a;
	int err;

	DEBUG_ASSERT(preemptible());
	if (unlikely(me->wake.ran)) /* only now, when nobody waits for what it does next */
		latency_woke(me);
	if (deadline == WAIT_FOREVER) {
		err = sleep_loop(w, mode, NULL);
	} else {
		timer_init(&a.timer, alarm_ring);
		a.task = me;
		a.rung = false;
		me->wake.due = MAX(deadline, time_now());
		timer_start(&a.timer, deadline);
		err = sleep_loop(w, mode, &a.rung);
		/* By the wall clock it comes late also when that is set. */
		if (err == -ETIMEDOUT && !(deadline & TIME_WALL))
			me->wake.ran = me->sched.exec_start;
		timer_cancel(&a.timer);
	}
	WRITE_ONCE(current()->state, TASK_RUNNABLE);
	return err;
}

int time_sleep_until(uint64_t deadline, int wait_mode)
{
	struct waiter w = { .task = current(), .woken = false };

	sched_set_state(wait_state((enum wait_mode)wait_mode));
	return waitq_sleep(&w, (enum wait_mode)wait_mode, deadline) == -EINTR ? -EINTR : 0;
}
