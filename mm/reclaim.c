// SPDX-License-Identifier: MIT
/*
 * The page daemon: one thread, the only one that evicts. It wakes when fewer than `low` frames
 * are free and works, round by round, until `high` are.
 *
 * What goes is chosen in scan.c and evicted in evict.c. When a whole round has freed nothing, the
 * next one evicts pages in use as well (`force`).
 *
 * Those who wait for frames (reclaim_wait) sleep until more than `min` are free. A round by
 * force that freed nothing is a fruitless one; a waiter that has seen FRUITLESS of them in a row
 * asks the OOM policy to end a task.
 *
 * Who needs a block of several frames (reclaim_wait_block) may find plenty free and no two of them together. For these the daemon
 * goes on past `high`, until a block is there or BLOCK_ROUNDS are over.
 *
 * Priority. Ordinary tasks wait, real-time tasks never do, but a waiter may hold a mutex that a
 * real-time task comes to want and so become real-time while it waits. The daemon looks at the
 * waiters between batches: it borrows the highest priority among them, and wakes those that are
 * real-time by now, to go on from the reserve.
 *
 * Everything is preemptible; locks are held for a batch of sixteen links at most, or for a look
 * at the waiters.
 */
#include "mm/reclaim.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/object.h"
#include "mm/reclaim_internal.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/swap/slots.h"

#define MS                ((uint64_t)1000 * 1000)
#define FRUITLESS         2          /* rounds without a frame before somebody is ended */
#define LOOK_AGAIN        (100 * MS) /* a waiter's longest sleep without a look */
#define PAUSE             (5 * MS) /* between fruitless rounds, for a victim to get on with dying */
#define REST              (200 * MS) /* after a fruitless round that nobody waited for */
#define WAITERS_LOOKED_AT 16
#define BLOCK_ROUNDS      64 /* of EVICT_BATCH frames each, before the daemon gives up on a block */

struct frame_waiter {
	struct list link;
	struct task *task;
};

/* Pages that somebody wants out and waits for. */
struct page_request {
	struct list link;
	struct page **pages;
	unsigned n;
	bool done;
};

static struct {
	struct waitq daemon_wait, frame_wait, request_wait;
	struct task *task;  /* NULL: not started yet */
	bool wanted;        /* written by anyone: frames are short */
	uint32_t fruitless; /* rounds since boot that freed nothing, by force; the daemon's */
	uint32_t kept;      /* value of fruitless when swap that was to go was kept instead */
	struct spinlock lock;
	struct list waiters;  /* struct frame_waiter; lock */
	struct list requests; /* struct page_request; lock */
	unsigned
		block_order; /* the largest block that somebody waits for, 0: none; written under lock */
	uint32_t block_turns; /* how often the daemon did what it could for one; the daemon's */
} reclaim = {
	.daemon_wait = WAITQ_INIT(reclaim.daemon_wait),
	.frame_wait = WAITQ_INIT(reclaim.frame_wait),
	.request_wait = WAITQ_INIT(reclaim.request_wait),
	.kept = UINT32_MAX - FRUITLESS, /* long ago */
	.lock = SPINLOCK_INIT,
	.waiters = LIST_INIT(reclaim.waiters),
	.requests = LIST_INIT(reclaim.requests),
};

/* ---- The daemon ---- */

static bool frames_are_there(void)
{
	return frames_free() > watermarks.min;
}

void reclaim_look_at_waiters(void)
{
	struct frame_waiter *w;
	unsigned n = 0;
	int prio = PRIO_FAIR;

	if (reclaim.task != current())
		return;
	spin_lock(&reclaim.lock);
	list_for_each (w, &reclaim.waiters, link) {
		prio = MAX(prio, READ_ONCE(w->task->sched.prio));
		if (++n == WAITERS_LOOKED_AT)
			break;
	}
	spin_unlock(&reclaim.lock);
	if (prio != READ_ONCE(reclaim.task->sched.boost))
		sched_boost(reclaim.task, prio);
	/* Who is real-time by now goes on from the reserve; the others have what this batch freed. */
	if (prio >= PRIO_RT_MIN || (n > 0 && frames_are_there()))
		waitq_wake_all(&reclaim.frame_wait);
}

static bool somebody_waits(void)
{
	return !list_empty(&reclaim.waiters); /* a hint, without the lock */
}

static void daemon_sleep(uint64_t deadline)
{
	(void)wait_event(&reclaim.daemon_wait,
			 READ_ONCE(reclaim.wanted) || !list_empty(&reclaim.requests),
			 WAIT_UNINTERRUPTIBLE, deadline);
	WRITE_ONCE(reclaim.wanted, false);
}

bool reclaim_step(bool *force)
{
	struct object_stats caches;

	if (reclaim_round(*force) > 0) {
		*force = false;
		return true;
	}
	if (!*force) {
		*force = true;
		return true;
	}
	object_stats(&caches);
	if (caches.writing > 0) /* some of them will be clean soon */
		return time_sleep_until(time_now() + PAUSE, WAIT_UNINTERRUPTIBLE) == 0;
	WRITE_ONCE(reclaim.fruitless, reclaim.fruitless + 1);
	waitq_wake_all(&reclaim.frame_wait);
	if (somebody_waits())
		return time_sleep_until(time_now() + PAUSE, WAIT_UNINTERRUPTIBLE) == 0;
	return wait_event(&reclaim.daemon_wait, somebody_waits(), WAIT_UNINTERRUPTIBLE,
			  time_now() + REST) == 0;
}

/* Rounds until `high` frames are free, or until nothing comes any more and nobody waits for it:
 * then the next who finds memory short wakes us again. */
static void balance(void)
{
	bool force = false;

	while (frames_free() < watermarks.high && reclaim_step(&force))
		reclaim_serve();
	waitq_wake_all(&reclaim.frame_wait);
}

void reclaim_make_block(void)
{
	unsigned order = READ_ONCE(reclaim.block_order);
	bool force = false;

	if (order == 0)
		return;
	for (unsigned i = 0; i < BLOCK_ROUNDS && !buddy_has_block(order) && reclaim_step(&force);
	     i++)
		pcp_drain_all(); /* a lone frame there keeps its neighbours apart */
	spin_lock(&reclaim.lock);
	reclaim.block_order = 0;
	WRITE_ONCE(reclaim.block_turns, reclaim.block_turns + 1);
	spin_unlock(&reclaim.lock);
	waitq_wake_all(&reclaim.frame_wait);
}

static void daemon_main(void *arg)
{
	(void)arg;
	current()->memory_reserve = true;
	for (;;) {
		daemon_sleep(WAIT_FOREVER);
		reclaim_serve();
		balance();
		reclaim_make_block();
		reclaim_look_at_waiters();
		while (swap_clean() && !READ_ONCE(reclaim.wanted))
			reclaim_serve();
	}
}

void reclaim_wake(void)
{
	if (READ_ONCE(reclaim.wanted))
		return;
	WRITE_ONCE(reclaim.wanted, true);
	waitq_wake_one(&reclaim.daemon_wait);
}

/* ---- Those who wait ---- */

void reclaim_frames_freed(void)
{
	/* A batch for who waits, not a frame: it would wait for the next one at once. */
	if (waitq_active(&reclaim.frame_wait) && frames_free() > watermarks.min + EVICT_BATCH)
		waitq_wake_one(&reclaim.frame_wait);
}

/* Joins those who wait, for a block when order is not 0, and gets the daemon to work. Returns the turns it has taken for blocks. */
static uint32_t waiter_join(struct frame_waiter *w, unsigned order)
{
	uint32_t turns;

	w->task = current();
	spin_lock(&reclaim.lock);
	list_push_back(&reclaim.waiters, &w->link);
	reclaim.block_order = MAX(reclaim.block_order, order);
	turns = reclaim.block_turns;
	spin_unlock(&reclaim.lock);
	reclaim_wake();
	waitq_wake_one(&reclaim.daemon_wait); /* it may be resting */
	return turns;
}

static void waiter_leave(struct frame_waiter *w)
{
	spin_lock(&reclaim.lock);
	list_remove(&w->link);
	spin_unlock(&reclaim.lock);
}

static enum wait_mode mode_for(unsigned alloc_flags)
{
	return alloc_flags & ALLOC_USER ? WAIT_KILLABLE : WAIT_UNINTERRUPTIBLE;
}

/* Sleeps until frames are there, a fruitless round has ended, or it is time to look again. 0,
 * -EINTR, -ETIMEDOUT. */
static int wait_once(unsigned alloc_flags, uint32_t fruitless)
{
	struct frame_waiter w;
	int err;

	(void)waiter_join(&w, 0);
	err = wait_event(&reclaim.frame_wait,
			 frames_are_there() || READ_ONCE(reclaim.fruitless) != fruitless ||
				 task_is_rt(current()),
			 mode_for(alloc_flags), time_now() + LOOK_AGAIN);
	waiter_leave(&w);
	return err;
}

int reclaim_wait_block(unsigned order, unsigned alloc_flags)
{
	struct frame_waiter w;
	uint32_t turns;
	int err;

	if (reclaim.task == NULL || current()->oom_victim)
		return -ENOMEM;
	turns = waiter_join(&w, order);
	err = wait_event(&reclaim.frame_wait,
			 READ_ONCE(reclaim.block_turns) != turns || task_is_rt(current()),
			 mode_for(alloc_flags), WAIT_FOREVER);
	waiter_leave(&w);
	return err == 0 ? 0 : -ENOMEM;
}

int reclaim_wait(unsigned alloc_flags)
{
	uint32_t first = READ_ONCE(reclaim.fruitless), now = first;

	if (reclaim.task == NULL)
		return -ENOMEM; /* too early: nobody evicts yet */
	vm_count(VM_ALLOCSTALL, 1);
	while (!frames_are_there() && !task_is_rt(current())) {
		if (current()->oom_victim || wait_once(alloc_flags, now) == -EINTR)
			return -ENOMEM;
		now = READ_ONCE(reclaim.fruitless);
		/* The round under way when we came does not count. */
		if (now - first <= FRUITLESS)
			continue;
		if (swap_keep())
			WRITE_ONCE(reclaim.kept, now);
		if (now - READ_ONCE(reclaim.kept) <= FRUITLESS)
			continue;
		if (!oom_kill(alloc_flags))
			return -ENOMEM;
		first = now = READ_ONCE(reclaim.fruitless);
	}
	return 0;
}

/* ---- Those who want pages out ---- */

static struct page_request *request_take(void)
{
	struct page_request *r = NULL;

	spin_lock(&reclaim.lock);
	if (!list_empty(&reclaim.requests)) {
		r = list_first(&reclaim.requests, struct page_request, link);
		list_remove(&r->link);
	}
	spin_unlock(&reclaim.lock);
	return r;
}

void reclaim_serve(void)
{
	struct page_request *r;

	while ((r = request_take()) != NULL) {
		reclaim_look_at_waiters();
		reclaim_evict(r->pages, r->n);
		atomic_store_release(&r->done, true);
		waitq_wake_all(&reclaim.request_wait);
	}
}

void reclaim_pages(struct page **pages, unsigned n)
{
	struct page_request r = { .pages = pages, .n = n };
	struct frame_waiter w = { .task = current() };

	if (reclaim.task == NULL) {
		lru_put_back(pages, n);
		return;
	}
	spin_lock(&reclaim.lock);
	list_push_back(&reclaim.requests, &r.link);
	list_push_back(&reclaim.waiters, &w.link); /* for its priority */
	spin_unlock(&reclaim.lock);
	waitq_wake_one(&reclaim.daemon_wait);
	(void)wait_event(&reclaim.request_wait, atomic_load_acquire(&r.done), WAIT_UNINTERRUPTIBLE,
			 WAIT_FOREVER);
	waiter_leave(&w);
}

void reclaim_init(void)
{
	struct task *t = task_create_kernel("pagedaemon", daemon_main, NULL, SCHED_OTHER, 0);

	if (IS_ERR(t))
		panic("no memory for the page daemon");
	WRITE_ONCE(reclaim.task, t);
	oom_init();
}
