// SPDX-License-Identifier: MIT
/*
 * Mutexes with priority inheritance.
 *
 * m->owner is the owning task's address, plus bit 0 from when a task has to wait. Without waiters
 * locking and unlocking are one compare-exchange each. With waiters both go through m->lock, and
 * the owner has m's first waiter on its list pi_lenders: an owner's effective priority is at least
 * the highest of these, and with that of tasks with deadlines it has the earliest of theirs. Both
 * lists are in order of priority (kernel/lib/plist.h), so no work grows with the number of waiters
 * or of mutexes.
 *
 * When the owner is itself waiting for a mutex, its new priority changes its place there and may
 * raise that owner, and so on; where it sleeps for a disk's request or for a page that somebody
 * else reads, request and reader are raised, and so on from there. pi_update() walks this chain
 * with the lock of one or two links at a time, and takes a breath between them when a switch waits.
 * Users' locks make chains as long as they please: one of more than PI_CHAIN_MAX links is cut, so
 * that a task at its far end waits for its turn without inheritance, but nothing hangs. Who holds a
 * mutex of the kernel waits for no user's lock: so where the caller holds a spin lock, for a kernel
 * thread, the rooms' lock orders keep the chain to a few links.
 *
 * Unlocking hands the mutex to the first waiter when that one is real-time: nobody of lower
 * priority gets between. For an ordinary first waiter the mutex becomes free and the waiter is
 * woken to compete: a running task may take the mutex meanwhile, which saves a switch per lock
 * under contention. A waiter that lost so once is handed the mutex by the next unlock: no
 * starvation.
 *
 * While a mutex is free but has waiters (owner == WAITERS) nobody owns it: whoever takes it adopts
 * the waiters.
 *
 * Lock order: m->lock > task.pi_lock > run queue. pi_update() goes from a task to the mutex it
 * waits for, against that order, by trylock. A waiter returns only after taking m->lock once more,
 * so tasks and waiters seen under m->lock are alive. A waiter enters and leaves m->waiters, and its
 * task's blocked_on, under both m->lock and the task's pi_lock.
 */
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/lock_stat.h"
#include "kernel/log.h"
#include "kernel/pi.h"
#include "kernel/sched.h"
#include "mm/reading.h"

#define WAITERS ((uintptr_t)1) /* struct task is aligned to more than a byte */

void mutex_init_owned(struct mutex *m, struct task *owner)
{
	mutex_init(m);
	m->owner = (uintptr_t)owner;
}

void mutex_init(struct mutex *m)
{
	*m = (struct mutex)MUTEX_INIT(*m);
}

struct task *mutex_owner(const struct mutex *m)
{
	return (struct task *)(atomic_load(&m->owner) & ~WAITERS);
}

bool mutex_held(const struct mutex *m)
{
	return mutex_owner(m) == current();
}

static int own_prio(struct task *t)
{
	int prio = sched_own_prio(t);

	if (list_empty(&t->pi_lenders))
		return prio;
	return MAX(prio, list_first(&t->pi_lenders, struct mutex_waiter, lent.link)->lent.prio);
}

/* The first waiter; among those with deadlines, which are few, the one with the earliest. */
static struct mutex_waiter *top_waiter(struct mutex *m)
{
	struct mutex_waiter *top, *w;

	if (list_empty(&m->waiters))
		return NULL;
	top = list_first(&m->waiters, struct mutex_waiter, node.link);
	if (likely(top->node.prio != PRIO_DEADLINE))
		return top;
	list_for_each (w, &m->waiters, node.link) {
		if (w->node.prio != PRIO_DEADLINE)
			break;
		if (deadline_before(w->task, top->task))
			top = w;
	}
	return top;
}

/* The owner inherits from m no more. m->lock and the owner's pi_lock held; who lent, waiter or not
 * any more, has still to take m->lock. */
static void lender_remove(struct mutex *m)
{
	if (m->lender)
		plist_remove(&m->lender->lent);
	m->lender = NULL;
}

/* The owner inherits from who is first among m's waiters by now. m->lock and owner->pi_lock
 * held. */
static void lender_update(struct mutex *m, struct task *owner)
{
	lender_remove(m);
	m->lender = top_waiter(m);
	if (m->lender)
		plist_insert(&owner->pi_lenders, &m->lender->lent, m->lender->node.prio);
}

/* The earliest deadline that t inherits, or 0. */
static uint64_t lent_deadline(const struct task *t)
{
	const struct mutex_waiter *w;
	uint64_t least = UINT64_MAX;

	list_for_each (w, &t->pi_lenders, lent.link) {
		if (w->lent.prio != PRIO_DEADLINE)
			break;
		least = MIN(least, deadline_of(w->task));
	}
	return least != UINT64_MAX ? MAX(least, (uint64_t)1) : 0;
}

/* Settles t's priority and deadline by what it owns. t->pi_lock held. */
static void settle_prio(struct task *t)
{
	int prio = own_prio(t);
	uint64_t lent = likely(prio != PRIO_DEADLINE) ? 0 : lent_deadline(t);

	if (prio != t->sched.prio || lent != t->sched.dl_lent)
		sched_set_effective(t, prio, lent);
}

/* Puts w, whose task has changed its priority, in its new place. The locks of w's mutex and its
 * task are held and dropped; returns the mutex's owner with its pi_lock held and its priority to be
 * settled, or NULL. */
static struct task *waiter_move_unlock(struct mutex_waiter *w)
{
	struct mutex *m = w->mutex;
	struct task *t = w->task, *owner = mutex_owner(m);

	plist_remove(&w->node);
	plist_insert(&m->waiters, &w->node, t->sched.prio);
	spin_unlock(&t->pi_lock);
	if (owner) {
		spin_lock(&owner->pi_lock);
		lender_update(m, owner);
	} else {
		sched_wake(top_waiter(m)->task); /* free: who is first now may have it */
	}
	spin_unlock(&m->lock);
	return owner;
}

/* Whether a chain that began at the owner of what current() is about to wait for ends at current()
 * again: a deadlock. */
static bool closes_circle(const struct mutex *m, const struct task *start)
{
	const struct mutex_waiter *mine = current()->blocked_on;

	return mutex_owner(m) == current() && mine && mutex_owner(mine->mutex) == start;
}

/*
 * Where mutexes end: t, which has its priority by now, hands it to the request or the page's reader
 * that it sleeps for. t->pi_lock is held and dropped. Returns that reader, whose priority is to be
 * settled, with a reference, or NULL. Of what t sleeps for no more too much is lent until that
 * ends; what it comes to sleep for later finds its new priority.
 */
static struct task *lend_beyond(struct task *t)
{
	const struct page *p = t->awaited;
	const void *of = t->awaited_of;
	int prio = t->sched.prio;

	hw_mb(); /* the priority before the look: who submits a request sets its place first, then
		    looks at the priority */
	if (prio == PRIO_FAIR || (!p && !READ_ONCE(t->block_queue))) {
		spin_unlock(&t->pi_lock);
		return NULL;
	}
	(void)task_get(t);
	spin_unlock(&t->pi_lock);
	block_hurry(t, prio);
	task_put(t);
	return p ? reading_lend(p, of, prio) : NULL;
}

/*
 * Settles t's priority and those along the chain of what it waits for. t->pi_lock is held and will
 * be dropped. An owner is alive while its pi_lock is held, because it needs that lock to let go of
 * the mutex; when the lock must be dropped, to let somebody else have the next mutex's or the CPU,
 * a reference keeps the task.
 */
static void chain_walk(struct task *t)
{
	const struct task *start = t;
	struct task *pinned = NULL, *next = t;
	bool breath = false; /* had one here: with the caller's own locks it makes no difference */

	for (int depth = 0; next;) {
		struct mutex_waiter *w = t->blocked_on;

		settle_prio(t);
		DEBUG_ASSERT(!w || !closes_circle(w->mutex, start));
		/* In debug builds the chain is followed to its end, to find a circle: one that
		 * leads back to a task about to wait. */
		if (depth == PI_CHAIN_MAX || (!CONFIG_DEBUG && w && w->node.prio == t->sched.prio &&
					      t->sched.prio != PRIO_DEADLINE)) {
			spin_unlock(&t->pi_lock);
			break;
		}
		if (w && ((!breath && preempt_wanted()) || !spin_trylock(&w->mutex->lock))) {
			if (!pinned)
				pinned = task_get(t);
			spin_unlock(&t->pi_lock);
			if (breath)
				hw_relax();
			breath = true;
			spin_lock(&t->pi_lock);
			continue;
		}
		next = w ? waiter_move_unlock(w) : lend_beyond(t);
		if (pinned)
			task_put(pinned);
		pinned = w ? NULL : next;
		if (pinned)
			spin_lock(&pinned->pi_lock);
		t = next;
		breath = false;
		depth++;
	}
	if (pinned)
		task_put(pinned);
}

void pi_update(struct task *t)
{
	spin_lock(&t->pi_lock);
	chain_walk(t);
}

void sched_wait_page(const struct page *p, const void *of)
{
	struct task *me = current();

	spin_lock(&me->pi_lock);
	me->awaited = p;
	me->awaited_of = of;
	chain_walk(me);
}

/* Whether t may take the free mutex m before those who wait. Of tasks with deadlines each may:
 * whose is the earliest changes, and who was woken for m must not leave it to one who was not.
 * m->lock held. */
static bool may_take(struct mutex *m, const struct task *t)
{
	const struct mutex_waiter *top = top_waiter(m);
	int prio = t->sched.prio;

	return !top || top->task == t || prio > top->node.prio ||
	       (prio == top->node.prio && (prio == PRIO_FAIR || prio == PRIO_DEADLINE));
}

/* Takes m when it is free for t, else sees to it that its unlocking comes through m->lock, which is
 * held. */
static bool take_or_mark(struct mutex *m, struct task *t)
{
	uintptr_t old = atomic_load(&m->owner), next;

	do {
		if ((old & ~WAITERS) == 0 && may_take(m, t))
			next = (uintptr_t)t | (old & WAITERS);
		else
			next = old | WAITERS;
	} while (!atomic_compare_exchange(&m->owner, &old, next));
	return (next & ~WAITERS) == (uintptr_t)t;
}

/* t has become m's owner: those who wait count for it from now on. m->lock held. */
static void adopt_waiters(struct mutex *m, struct task *t)
{
	spin_lock(&t->pi_lock);
	lender_update(m, t);
	settle_prio(t);
	spin_unlock(&t->pi_lock);
	atomic_store(&m->owner, (uintptr_t)t | (list_empty(&m->waiters) ? 0 : WAITERS));
}

/* Takes w off m's waiters; its task waits no more. m->lock held. */
static void waiter_remove(struct mutex_waiter *w)
{
	spin_lock(&w->task->pi_lock);
	plist_remove(&w->node);
	w->task->blocked_on = NULL;
	spin_unlock(&w->task->pi_lock);
}

/* After the waiters of m changed: brings its owner in line, and unlocks m->lock. */
static void waiters_changed_unlock(struct mutex *m)
{
	struct task *owner = mutex_owner(m);

	if (owner) {
		spin_lock(&owner->pi_lock);
		lender_update(m, owner);
	} else if (!list_empty(&m->waiters)) {
		/* Free: who is first may have it, and may have come to be so only now; or was
		 * raised after it looked whether it may. */
		sched_wake(top_waiter(m)->task);
	}
	spin_unlock(&m->lock);
	if (owner)
		chain_walk(owner);
}

/* Queues w for current(), which is to sleep in `state`. m->lock is held and dropped. */
static void wait_begin(struct mutex *m, struct mutex_waiter *w, enum task_state state)
{
	struct task *me = current();

	*w = (struct mutex_waiter){ .mutex = m, .task = me };
	spin_lock(&me->pi_lock);
	plist_insert(&m->waiters, &w->node, me->sched.prio);
	me->blocked_on = w;
	spin_unlock(&me->pi_lock);
	sched_set_state(state);
	waiters_changed_unlock(m);
}

/* A fatal signal ended the wait. A wake-up for a free mutex is not lost with it: the caller tried
 * to take the mutex, and if it is still free, it is for another, who is first and has been woken.
 * An owner's mark that tasks wait stays: its unlocking has to come through m->lock and its pi_lock
 * as long as we look at it. m->lock is held and dropped. */
static void wait_abandon(struct mutex *m, struct mutex_waiter *w)
{
	waiter_remove(w);
	if (list_empty(&m->waiters) && !mutex_owner(m))
		atomic_store(&m->owner, 0);
	waiters_changed_unlock(m);
}

/* Why the running task should wait no longer, or 0. *rung (NULL: no deadline) is set by the wait's
 * alarm. */
static int wait_over(enum task_state state, const bool *rung)
{
	uint32_t ends = state == TASK_SLEEPING_KILLABLE        ? TASK_KILLED
			: state == TASK_SLEEPING_INTERRUPTIBLE ? TASK_KILLED | TASK_SIGNAL
							       : 0;

	if (READ_ONCE(current()->hot.pending) & ends)
		return -EINTR;
	return rung && READ_ONCE(*rung) ? -ETIMEDOUT : 0;
}

static NOINLINE int lock_slow(struct mutex *m, enum task_state state, const bool *rung)
{
	virt_addr_t site = (virt_addr_t)__builtin_return_address(0);
	struct task *me = current();
	struct mutex_waiter w;
	uint64_t begin;
	int err = 0;

	ASSERT(mutex_owner(m) != me);
	DEBUG_ASSERT(preemptible());
	spin_lock(&m->lock);
	if (take_or_mark(m, me)) {
		adopt_waiters(m, me);
		spin_unlock(&m->lock);
		return 0;
	}
	begin = time_now();
	wait_begin(m, &w, state);
	for (;;) {
		err = wait_over(state, rung);
		if (!err)
			schedule();
		spin_lock(&m->lock);
		if (w.granted) {
			err = 0;
			break;
		}
		if (take_or_mark(m, me)) {
			err = 0;
			waiter_remove(&w);
			adopt_waiters(m, me);
			break;
		}
		if (err)
			break;
		w.lost = true;
		sched_set_state(state);
		spin_unlock(&m->lock);
	}
	WRITE_ONCE(me->state, TASK_RUNNABLE);
	if (err)
		wait_abandon(m, &w);
	else
		spin_unlock(&m->lock);
	if (state != TASK_SLEEPING_INTERRUPTIBLE) /* not for users' own */
		lock_waited(LOCK_MUTEX, site, 0, time_now() - begin);
	return err;
}

static bool lock_fast(struct mutex *m)
{
	uintptr_t free = 0;

	return likely(__atomic_compare_exchange_n(&m->owner, &free, (uintptr_t)current(), false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

void mutex_lock(struct mutex *m)
{
	if (!lock_fast(m))
		(void)lock_slow(m, TASK_SLEEPING, NULL);
}

int mutex_lock_killable(struct mutex *m)
{
	return lock_fast(m) ? 0 : lock_slow(m, TASK_SLEEPING_KILLABLE, NULL);
}

/* The end of a wait, on the waiter's stack. */
struct mutex_alarm {
	struct timer timer;
	struct task *task;
	bool rung;
};

static void alarm_ring(struct timer *timer)
{
	struct mutex_alarm *a = container_of(timer, struct mutex_alarm, timer);

	WRITE_ONCE(a->rung, true);
	sched_wake(a->task);
}

int mutex_lock_until(struct mutex *m, uint64_t deadline)
{
	struct mutex_alarm a = { .task = current() };
	int err;

	if (lock_fast(m))
		return 0;
	if (deadline == UINT64_MAX)
		return lock_slow(m, TASK_SLEEPING_INTERRUPTIBLE, NULL);
	timer_init(&a.timer, alarm_ring);
	timer_start(&a.timer, deadline);
	err = lock_slow(m, TASK_SLEEPING_INTERRUPTIBLE, &a.rung);
	timer_cancel(&a.timer);
	return err;
}

bool mutex_trylock(struct mutex *m)
{
	bool taken;

	if (lock_fast(m))
		return true;
	if (mutex_owner(m))
		return false;
	spin_lock(&m->lock);
	taken = !mutex_owner(m) && take_or_mark(m, current());
	if (taken)
		adopt_waiters(m, current());
	spin_unlock(&m->lock);
	return taken;
}

/* Makes the first waiter, w, the owner. m->lock held. */
static void hand_over(struct mutex *m, struct mutex_waiter *w)
{
	struct task *t = w->task;

	waiter_remove(w);
	w->granted = true;
	adopt_waiters(m, t);
	sched_wake(t);
}

static NOINLINE void unlock_slow(struct mutex *m)
{
	struct task *me = current();
	struct mutex_waiter *top;

	spin_lock(&m->lock);
	ASSERT(mutex_owner(m) == me);
	spin_lock(&me->pi_lock);
	lender_remove(m);
	settle_prio(me);
	spin_unlock(&me->pi_lock);
	top = top_waiter(m);
	if (!top) {
		atomic_store_release(&m->owner, 0);
	} else if (top->node.prio > PRIO_FAIR || top->lost) {
		hand_over(m, top);
	} else {
		atomic_store_release(&m->owner, WAITERS);
		sched_wake(top->task);
	}
	spin_unlock(&m->lock);
}

void mutex_unlock(struct mutex *m)
{
	uintptr_t mine = (uintptr_t)current();

	if (unlikely(!__atomic_compare_exchange_n(&m->owner, &mine, 0, false, __ATOMIC_RELEASE,
						  __ATOMIC_RELAXED)))
		unlock_slow(m);
}
