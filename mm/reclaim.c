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
 * asks the OOM policy to end a task. They take turns: who comes while others wait leaves these a
 * batch of frames above `min`, until it has waited itself (task.frame_due).
 *
 * Who needs a block of several frames (reclaim_wait_block) may find plenty free and no two of them
 * together. For these the daemon goes on past `high`, until a block is there or BLOCK_ROUNDS are
 * over.
 *
 * Priority. Ordinary tasks wait, real-time tasks never do, but a waiter may hold a mutex that a
 * real-time task comes to want and so become real-time while it waits. The daemon looks at the
 * waiters between batches: it borrows the highest priority among them, and wakes those that are
 * real-time by now, to go on from the reserve. Who waits for a group's pages (reclaim_group) looks
 * itself, as the daemon may be in the middle of a long write: it goes on without, beyond the limit.
 *
 * Those who want pages out, these (reclaim_pages) or some of a group's, are served in order of
 * arrival, the two kinds by turns, and no more than a few before the machine's own shortage is
 * looked at: whoever asks again and again waits for all others.
 *
 * Everything is preemptible; locks are held for a batch of sixteen links at most, or for a look
 * at the waiters.
 */
#include "mm/reclaim.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/psi.h"
#include "kernel/sched.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/memcg.h"
#include "mm/object.h"
#include "mm/oom.h"
#include "mm/reclaim_internal.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/swap/slots.h"
#include "mm/thrash.h"

#define MS         ((uint64_t)1000 * 1000)
#define FRUITLESS  2          /* rounds without a frame before somebody is ended */
#define LOOK_AGAIN (100 * MS) /* a waiter's longest sleep without a look */
/* that of who may hold a mutex meanwhile and waits for the medium */
#define LOOK_SOON (2 * MS)
/* between fruitless rounds, for a victim to get on with dying */
#define PAUSE (5 * MS)
/* while nobody dies: others may be about to free memory */
#define SHORT_PAUSE       (MS / 5)
#define REST              (200 * MS) /* after a fruitless round that nobody waited for */
#define QUICKLY           (100 * MS) /* as Linux has it */
#define WAITERS_LOOKED_AT 16
/* rounds for the machine, where it is short, before one for a group */
#define GROUP_TURN     16
#define GROUP_PAUSE    (100 * MS) /* or a round, when they take so long */
#define SERVED_AT_ONCE 16         /* requests, before the machine has its turn */
/* of EVICT_BATCH frames each, before the daemon gives up on a block */
#define BLOCK_ROUNDS 64

struct frame_waiter {
	struct list link;
	struct task *task;
};

/* Pages that somebody wants out and waits for: these, or n of a group's. */
struct page_request {
	struct list link;
	struct page **pages;
	struct memcg *group; /* NULL: pages[] */
	unsigned n;
	bool force;
	unsigned freed;
	bool done;
};

static struct {
	struct waitq daemon_wait, frame_wait, request_wait;
	struct task *task;  /* NULL: not started yet */
	bool wanted;        /* written by anyone: frames are short */
	uint32_t fruitless; /* rounds since boot that freed nothing, by force; the daemon's */
	uint32_t kept;      /* value of fruitless when swap that was to go was kept instead */
	unsigned turns; /* rounds for the machine since a group had one, and when that had ended;
			   the daemon's */
	uint64_t group_ended;
	struct spinlock lock;
	struct list waiters;                  /* struct frame_waiter; lock */
	struct list requests, group_requests; /* struct page_request, in order of arrival; lock */
	bool group_next;              /* a group's request has waited for one of the others; lock */
	struct page_request *serving; /* taken by the daemon; NULL: none, or nobody waits for it any
					 more; lock */
	unsigned waiting;             /* for frames; written under lock */
	unsigned block_order; /* the largest block that somebody waits for, 0: none; written under
				 lock */
	uint32_t block_turns; /* how often the daemon did what it could for one; the daemon's */
} reclaim = {
	.daemon_wait = WAITQ_INIT(reclaim.daemon_wait),
	.frame_wait = WAITQ_INIT(reclaim.frame_wait),
	.request_wait = WAITQ_INIT(reclaim.request_wait),
	.kept = UINT32_MAX - FRUITLESS, /* long ago */
	.lock = SPINLOCK_INIT,
	.waiters = LIST_INIT(reclaim.waiters),
	.requests = LIST_INIT(reclaim.requests),
	.group_requests = LIST_INIT(reclaim.group_requests),
};

/* ---- The daemon ---- */

static bool frames_are_there(void)
{
	return frames_free() > watermarks.min;
}

/* Whoever runs would take each frame before those who wait for it have woken: of three tasks one
 * got everything. */
uint32_t reclaim_kept_for_others(void)
{
	return READ_ONCE(reclaim.waiting) == 0 || current()->frame_due ? 0 : EVICT_BATCH;
}

static bool frames_are_there_for_me(void)
{
	return frames_free() > watermarks.min + reclaim_kept_for_others();
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
	/* Who is real-time by now goes on from the reserve; the others have what this batch
	 * freed. */
	if (prio >= PRIO_RT_MIN || (n > 0 && frames_are_there()))
		waitq_wake_all(&reclaim.frame_wait);
}

static bool somebody_waits(void)
{
	return !list_empty(&reclaim.waiters); /* a hint, without the lock */
}

/* A hint, without the lock. */
static bool requests_wait(void)
{
	return !list_empty(&reclaim.requests) || !list_empty(&reclaim.group_requests);
}

static void daemon_sleep(uint64_t deadline)
{
	uint64_t began = time_now();

	(void)wait_event(&reclaim.daemon_wait, READ_ONCE(reclaim.wanted) || requests_wait(),
			 WAIT_UNINTERRUPTIBLE, deadline);
	WRITE_ONCE(reclaim.wanted, false);
	hw_mb();
	/* What was freed did not last. */
	if (time_now() - began < QUICKLY && frames_free() < watermarks.high)
		vm_count(frames_free() < watermarks.low ? VM_LOW_HIT_QUICKLY : VM_HIGH_HIT_QUICKLY,
			 1);
}

bool reclaim_step(bool *force)
{
	struct object_stats caches;

	reclaim.turns++;
	if (reclaim_round(*force) > 0) {
		*force = false;
		return true;
	}
	reclaim.turns = GROUP_TURN; /* nothing that groups would keep the machine from */
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
		return time_sleep_until(time_now() + (oom_under_way() ? PAUSE : SHORT_PAUSE),
					WAIT_UNINTERRUPTIBLE) == 0;
	return wait_event(&reclaim.daemon_wait, somebody_waits(), WAIT_UNINTERRUPTIBLE,
			  time_now() + REST) == 0;
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

/* Rounds until `high` frames are free, or until nothing comes any more and nobody waits for it:
 * then the next who finds memory short wakes us again. Where others take each frame at once that is
 * never: who needs a block is not kept waiting by that. */
static void balance(void)
{
	bool force = false;

	if (frames_free() < watermarks.high)
		vm_count(VM_PAGEOUTRUN, 1);
	while (frames_free() < watermarks.high && reclaim_step(&force)) {
		reclaim_serve();
		reclaim_make_block();
	}
	waitq_wake_all(&reclaim.frame_wait);
}

static void daemon_main(void *arg)
{
	bool waits;

	(void)arg;
	current()->memory_reserve = true;
	for (;;) {
		daemon_sleep(WAIT_FOREVER);
		waits = psi_memory_begin(); /* what it does brings nobody on but those who wait */
		reclaim_serve();
		balance();
		reclaim_make_block();
		reclaim_look_at_waiters();
		while (swap_clean() && !READ_ONCE(reclaim.wanted))
			reclaim_serve();
		psi_memory_end(waits);
	}
}

void reclaim_wake(void)
{
	hw_mb(); /* the frames were taken, or the wish noted; pairs with daemon_sleep() */
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

/* Joins those who wait, for a block when order is not 0, and gets the daemon to work. Returns the
 * turns it has taken for blocks. */
static uint32_t waiter_join(struct frame_waiter *w, unsigned order)
{
	uint32_t turns;

	w->task = current();
	spin_lock(&reclaim.lock);
	list_push_back(&reclaim.waiters, &w->link);
	current()->frame_due |= reclaim.waiting == 0; /* there is nobody to be waited for */
	WRITE_ONCE(reclaim.waiting, reclaim.waiting + 1);
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
	WRITE_ONCE(reclaim.waiting, reclaim.waiting - 1);
	spin_unlock(&reclaim.lock);
}

static enum wait_mode mode_for(unsigned alloc_flags)
{
	return alloc_flags & ALLOC_USER ? WAIT_KILLABLE : WAIT_UNINTERRUPTIBLE;
}

/* Real-time by now, or to die: goes on with the reserve. */
static bool needs_no_wait(void)
{
	return task_is_rt(current()) || READ_ONCE(current()->oom_victim);
}

/* Sleeps until it is woken, for frames or because a fruitless round has ended, or until it is time
 * to look again: once, for who has slept is due, and to sleep on would be to wait for a batch that
 * others take as it comes. 0, -EINTR, -ETIMEDOUT. */
static int wait_once(unsigned alloc_flags, uint32_t fruitless)
{
	bool waits = psi_memory_begin();
	enum wait_mode mode = mode_for(alloc_flags);
	struct frame_waiter w;
	struct waiter sleeper;
	int err = 0;

	(void)waiter_join(&w, 0);
	waitq_prepare(&reclaim.frame_wait, &sleeper, mode);
	if (!frames_are_there_for_me() && READ_ONCE(reclaim.fruitless) == fruitless &&
	    !needs_no_wait())
		err = waitq_sleep(&sleeper, mode, time_now() + LOOK_AGAIN);
	waitq_finish(&reclaim.frame_wait, &sleeper);
	waiter_leave(&w);
	psi_memory_end(waits);
	return err;
}

int reclaim_wait_block(unsigned order, unsigned alloc_flags)
{
	struct frame_waiter w;
	uint32_t turns;
	bool waits;
	int err;

	if (reclaim.task == NULL || current()->oom_victim)
		return -ENOMEM;
	waits = psi_memory_begin();
	turns = waiter_join(&w, order);
	err = wait_event(&reclaim.frame_wait,
			 READ_ONCE(reclaim.block_turns) != turns || needs_no_wait(),
			 mode_for(alloc_flags), WAIT_FOREVER);
	waiter_leave(&w);
	psi_memory_end(waits);
	return err == 0 ? 0 : -ENOMEM;
}

void reclaim_let_go(void)
{
	waitq_wake_all(&reclaim.frame_wait);
}

int reclaim_wait(unsigned alloc_flags)
{
	uint32_t first = READ_ONCE(reclaim.fruitless), now = first;

	if (reclaim.task == NULL)
		return -ENOMEM; /* too early: nobody evicts yet */
	vm_count(VM_ALLOCSTALL, 1);
	while (!frames_are_there_for_me() && !task_is_rt(current())) {
		if (current()->oom_victim || wait_once(alloc_flags, now) == -EINTR)
			return -ENOMEM;
		current()->frame_due = true;
		now = READ_ONCE(reclaim.fruitless);
		/* The round under way when we came does not count. */
		if (now - first <= FRUITLESS)
			continue;
		if (swap_keep())
			WRITE_ONCE(reclaim.kept, now);
		if (now - READ_ONCE(reclaim.kept) <= FRUITLESS)
			continue;
		if (!oom_kill(alloc_flags, NULL))
			return -ENOMEM;
		first = now = READ_ONCE(reclaim.fruitless);
	}
	return 0;
}

/* ---- Those who want pages out ---- */

static struct page_request *first_of(const struct list *requests)
{
	return list_empty(requests) ? NULL : list_first(requests, struct page_request, link);
}

/*
 * Takes the next, as a copy: who waits for it may leave. Groups' requests and others have turns, in
 * each kind the first is served first: so whoever asks again and again waits for all others. False:
 * there is none; or those that there are are groups', and it is the machine's turn: one that pages
 * at its own limit has a batch written for each page that it takes, and who is outside of it would
 * wait for them all.
 */
static bool request_take(struct page_request *copy)
{
	bool groups = frames_free() >= watermarks.low || reclaim.turns >= GROUP_TURN ||
		      (reclaim.turns > 0 && time_now() - reclaim.group_ended >= GROUP_PAUSE);
	struct page_request *r, *of_group;

	spin_lock(&reclaim.lock);
	r = first_of(&reclaim.requests);
	of_group = groups ? first_of(&reclaim.group_requests) : NULL;
	if (r == NULL || (of_group != NULL && reclaim.group_next))
		r = of_group;
	reclaim.group_next = r != of_group;
	if (r != NULL) {
		reclaim.turns = r->group != NULL ? 0 : reclaim.turns;
		reclaim.serving = r;
		list_remove(&r->link);
		*copy = *r;
	}
	spin_unlock(&reclaim.lock);
	return r != NULL;
}

static void request_done(unsigned freed)
{
	spin_lock(&reclaim.lock);
	if (reclaim.serving != NULL) {
		reclaim.serving->freed = freed;
		atomic_store_release(&reclaim.serving->done, true);
		reclaim.serving = NULL;
	}
	spin_unlock(&reclaim.lock);
	waitq_wake_all(&reclaim.request_wait);
}

void reclaim_serve(void)
{
	struct page_request r;
	unsigned freed;

	thrash_turn();
	for (unsigned n = 0; n < SERVED_AT_ONCE && request_take(&r); n++) {
		freed = 0;
		reclaim_look_at_waiters();
		if (r.group != NULL) {
			freed = reclaim_group_round(r.group, r.n, r.force);
			memcg_unpin(r.group);
			reclaim.group_ended = time_now();
		} else {
			reclaim_evict(r.pages, r.n);
		}
		request_done(freed);
	}
}

/* Served; or a group's, and who waits is to die, or real-time by now: it goes on without. */
static bool request_is_over(struct page_request *r, bool was_rt)
{
	return atomic_load_acquire(&r->done) ||
	       (r->group != NULL && (task_killed(current()) || (!was_rt && needs_no_wait())));
}

/* Afterwards nobody knows r. True: the daemon has not taken it. */
static bool request_leave(struct page_request *r, struct frame_waiter *w)
{
	bool untaken;

	spin_lock(&reclaim.lock);
	list_remove(&w->link);
	untaken = !r->done && reclaim.serving != r;
	if (untaken)
		list_remove(&r->link);
	else if (!r->done)
		reclaim.serving = NULL;
	spin_unlock(&reclaim.lock);
	return untaken;
}

static void request_wait(struct page_request *r)
{
	struct frame_waiter w = { .task = current() };
	bool rt = task_is_rt(current());

	spin_lock(&reclaim.lock);
	list_push_back(r->group != NULL ? &reclaim.group_requests : &reclaim.requests, &r->link);
	list_push_back(&reclaim.waiters, &w.link); /* for its priority */
	spin_unlock(&reclaim.lock);
	waitq_wake_one(&reclaim.daemon_wait);
	while (wait_event(&reclaim.request_wait, request_is_over(r, rt), WAIT_UNINTERRUPTIBLE,
			  time_now() + LOOK_SOON))
		;
	if (request_leave(r, &w))
		memcg_unpin(r->group);
}

void reclaim_pages(struct page **pages, unsigned n)
{
	struct page_request r = { .pages = pages, .n = n };

	if (reclaim.task == NULL)
		lru_put_back(pages, n);
	else
		request_wait(&r);
}

unsigned reclaim_group(struct memcg *m, unsigned want, bool force)
{
	struct page_request r = { .group = m, .n = want, .force = force };

	if (!memcg_pin(m)) /* for the daemon, which may have it longer than we wait */
		return 0;
	request_wait(&r);
	return r.freed;
}

void reclaim_init(void)
{
	struct task *t = task_create_kernel("pagedaemon", daemon_main, NULL, SCHED_OTHER, 0);

	if (IS_ERR(t))
		panic("no memory for the page daemon");
	WRITE_ONCE(reclaim.task, t);
	thrash_changed();
	oom_init();
}
