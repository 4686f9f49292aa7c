// SPDX-License-Identifier: MIT
/*
 * Futexes.
 *
 * A futex is a key: for private memory the address space and the address, for shared memory the object and the offset in it. Waiters hang in hash
 * buckets, each under a spin lock. User memory is never touched under such a lock (it may fault), so the steps are ordered instead:
 *
 *    waiter: queue itself, then read the word; unchanged -> sleep, changed -> leave
 *    waker (in user space): change the word; (here) wake those queued
 *
 * If the waker's look at the bucket comes before the waiter queued, the waiter's read comes after the change, and it sees it. A waiter that was picked by a
 * waker and then finds the word changed would swallow a wake-up meant for a real sleeper: it passes it on.
 *
 * A waiter leaves only after taking its bucket's lock once more, so who holds the lock may touch waiters and wake their tasks.
 * Wake-ups are in batches, so that the lock is held for bounded work.
 */
#include "kernel/futex.h"

#include <linux/futex.h>
#include <linux/time_types.h>

#include "kernel/errno.h"
#include "kernel/futex_key.h"
#include "kernel/futex_pi.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

#define BUCKETS    128
#define WAKE_BATCH 8

struct bucket {
	struct spinlock lock;
	struct list waiters; /* first come, first served */
};

struct futex_waiter {
	struct list link; /* empty: woken, or never queued; bucket lock */
	struct futex_key key;
	struct bucket *bucket; /* changes by requeue, under both buckets' locks */
	struct task *task;
	uint32_t bitset;
};

static struct bucket buckets[BUCKETS];

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&buckets[i].waiters);
	futex_pi_init();
}

/* ---- Keys ---- */

int futex_key_get(virt_addr_t uaddr, bool private, struct futex_key *key)
{
	struct aspace *as = current()->aspace;
	struct area *a;
	int err = 0;

	if (uaddr % 4 != 0)
		return -EINVAL;
	if (!user_range_ok(uaddr, 4))
		return -EFAULT;
	key->base = as;
	key->offset = uaddr;
	key->object = NULL;
	if (private)
		return 0;
	mutex_lock(&as->mutex);
	a = area_find(as, uaddr);
	if (!a || uaddr < a->start) {
		err = -EFAULT;
	} else if ((a->flags & AREA_SHARED) && a->object) {
		key->object = object_get(a->object);
		key->base = a->object;
		key->offset = (a->offset << PAGE_SHIFT) + (uaddr - a->start);
	}
	mutex_unlock(&as->mutex);
	return err;
}

void futex_key_put(struct futex_key *key)
{
	if (key->object)
		object_put(key->object);
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->base == b->base && a->offset == b->offset;
}

static struct bucket *bucket_of(const struct futex_key *key)
{
	uint64_t h = ((uintptr_t)key->base >> 4 ^ key->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return &buckets[h >> (64 - __builtin_ctz(BUCKETS))];
}

/* ---- Waking ---- */

static bool waiter_wants(const struct futex_waiter *w, const struct futex_key *key, uint32_t bitset)
{
	return key_equal(&w->key, key) && (w->bitset & bitset);
}

/* Wakes at most max, holding the lock; true when it may have left some. */
static bool wake_some(struct bucket *b, const struct futex_key *key, uint32_t bitset, int max,
		      int *woken)
{
	struct futex_waiter *w, *next;
	int done = 0;

	list_for_each_safe (w, next, &b->waiters, link) {
		if (!waiter_wants(w, key, bitset))
			continue;
		if (done == max)
			return true;
		list_remove(&w->link);
		sched_wake(w->task);
		done++;
		(*woken)++;
	}
	return false;
}

static int wake_key(const struct futex_key *key, int count, uint32_t bitset)
{
	struct bucket *b = bucket_of(key);
	int woken = 0;
	bool more = true;

	while (more && woken < count) {
		spin_lock(&b->lock);
		more = wake_some(b, key, bitset, MIN(count - woken, WAKE_BATCH), &woken);
		spin_unlock(&b->lock);
	}
	return woken;
}

static int futex_wake_bitset(virt_addr_t uaddr, bool private, int count, uint32_t bitset)
{
	struct futex_key key;
	int err = futex_key_get(uaddr, private, &key);

	if (err < 0)
		return err;
	err = wake_key(&key, count, bitset);
	futex_key_put(&key);
	return err;
}

int futex_wake(virt_addr_t uaddr, int count)
{
	return futex_wake_bitset(uaddr, false, count, FUTEX_BITSET_MATCH_ANY);
}

/* ---- Waiting ---- */

static void enqueue(struct futex_waiter *w)
{
	struct bucket *b = bucket_of(&w->key);

	w->bucket = b;
	w->task = current();
	spin_lock(&b->lock);
	list_push_back(&b->waiters, &w->link);
	spin_unlock(&b->lock);
}

/* Leaves the queue; true when a waker had taken w off it already. */
static bool dequeue(struct futex_waiter *w)
{
	struct bucket *b = READ_ONCE(w->bucket);
	bool woken;

	spin_lock(&b->lock);
	while (b != w->bucket) { /* requeued meanwhile */
		spin_unlock(&b->lock);
		b = READ_ONCE(w->bucket);
		spin_lock(&b->lock);
	}
	woken = list_empty(&w->link);
	list_remove(&w->link);
	spin_unlock(&b->lock);
	return woken;
}

static bool is_queued(const struct futex_waiter *w)
{
	return READ_ONCE(w->link.next) != &w->link;
}

struct futex_alarm {
	struct timer timer;
	struct task *task;
	bool rung;
};

static void alarm_ring(struct timer *timer)
{
	struct futex_alarm *a = container_of(timer, struct futex_alarm, timer);

	WRITE_ONCE(a->rung, true);
	sched_wake(a->task);
}

/* Sleeps until woken, a signal, or the alarm. */
static void sleep_on(const struct futex_waiter *w, const struct futex_alarm *a)
{
	for (;;) {
		sched_set_state(TASK_SLEEPING_INTERRUPTIBLE);
		if (!is_queued(w) || signal_pending() || (a && READ_ONCE(a->rung)))
			break;
		schedule();
	}
	WRITE_ONCE(current()->state, TASK_RUNNABLE);
}

static NOINLINE void sleep_until(const struct futex_waiter *w, uint64_t deadline)
{
	struct futex_alarm a;

	timer_init(&a.timer, alarm_ring);
	a.task = current();
	a.rung = false;
	timer_start(&a.timer, deadline);
	sleep_on(w, &a);
	timer_cancel(&a.timer);
}

/* The queued waiter w sleeps if *uaddr is still val: 0 woken, -EAGAIN changed, -EFAULT, -EINTR, -ETIMEDOUT. */
static int wait_queued(struct futex_waiter *w, virt_addr_t uaddr, uint32_t val, uint64_t deadline)
{
	uint32_t now;
	int err = user_load32(&now, uaddr);

	if (err < 0 || now != val) {
		if (dequeue(w))
			wake_key(&w->key, 1, w->bitset); /* it was for somebody who sleeps */
		return err < 0 ? err : -EAGAIN;
	}
	if (deadline == WAIT_FOREVER)
		sleep_on(w, NULL);
	else
		sleep_until(w, deadline);
	if (dequeue(w))
		return 0;
	return signal_pending() ? -EINTR : -ETIMEDOUT;
}

static int futex_wait(virt_addr_t uaddr, bool private, uint32_t val, uint64_t deadline,
		      uint32_t bitset)
{
	struct futex_waiter w;
	struct object *object;
	int err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_get(uaddr, private, &w.key);
	if (err < 0)
		return err;
	object = w.key.object; /* requeueing changes the rest of the key */
	w.bitset = bitset;
	list_init(&w.link);
	enqueue(&w);
	err = wait_queued(&w, uaddr, val, deadline);
	if (object)
		object_put(object);
	return err;
}

/* ---- Requeueing ---- */

static void lock_both(struct bucket *a, struct bucket *b)
{
	if (a > b) {
		struct bucket *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock(&b->lock);
}

static void unlock_both(struct bucket *a, struct bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

/* Moves at most `max` waiters from one key to the other; true when it may have left some. */
static bool requeue_some(const struct futex_key *from, const struct futex_key *to, int max,
			 int *moved)
{
	struct bucket *a = bucket_of(from), *b = bucket_of(to);
	struct futex_waiter *w, *next;
	int done = 0;
	bool more = false;

	lock_both(a, b);
	list_for_each_safe (w, next, &a->waiters, link) {
		if (!key_equal(&w->key, from))
			continue;
		if (done == max) {
			more = true;
			break;
		}
		/* Between the two lists w must never look empty: that means woken. */
		w->link.prev->next = w->link.next;
		w->link.next->prev = w->link.prev;
		list_push_back(&b->waiters, &w->link);
		w->key.base =
			to->base; /* the waiter itself keeps `from`'s object alive, and whoever waits or wakes at `to` that one */
		w->key.offset = to->offset;
		WRITE_ONCE(w->bucket, b);
		done++;
		(*moved)++;
	}
	unlock_both(a, b);
	return more;
}

/* FUTEX_REQUEUE, FUTEX_CMP_REQUEUE: wakes `wake`, moves up to `move` of the rest. Woken (and, compared, moved) waiters, or negative errno. The comparison
 * comes before the buckets are locked; a word that changes right after it is as good as one that changes right after the call. */
static int futex_requeue(virt_addr_t from, virt_addr_t to, bool private, int wake, int move,
			 const uint32_t *expected)
{
	struct futex_key a, b;
	uint32_t now;
	int err, woken = 0, moved = 0;
	bool more = true;

	if (wake < 0 || move < 0)
		return -EINVAL;
	err = futex_key_get(from, private, &a);
	if (err < 0)
		return err;
	err = futex_key_get(to, private, &b);
	if (err < 0)
		goto put_first;
	if (expected) {
		err = user_load32(&now, from);
		if (err == 0 && now != *expected)
			err = -EAGAIN;
		if (err < 0)
			goto put_both;
	}
	woken = wake ? wake_key(&a, wake, FUTEX_BITSET_MATCH_ANY) : 0;
	while (!key_equal(&a, &b) && more && moved < move)
		more = requeue_some(&a, &b, MIN(move - moved, WAKE_BATCH), &moved);
	err = woken + (expected ? moved : 0);
put_both:
	futex_key_put(&b);
put_first:
	futex_key_put(&a);
	return err;
}

/* FUTEX_WAKE_OP: changes the second word, then wakes waiters of the first and, if its old value says so, of the second. */
static int futex_wake_op(virt_addr_t one, virt_addr_t two, bool private, int wake1, int wake2,
			 uint32_t encoded)
{
	struct futex_key a, b;
	int err = futex_key_get(one, private, &a), woken;

	if (err < 0)
		return err;
	err = futex_key_get(two, private, &b);
	if (err < 0)
		goto put_first;
	err = futex_change_word(two, encoded);
	if (err >= 0) {
		woken = wake_key(&a, wake1, FUTEX_BITSET_MATCH_ANY);
		if (err > 0)
			woken += wake_key(&b, wake2, FUTEX_BITSET_MATCH_ANY);
		err = woken;
	}
	futex_key_put(&b);
put_first:
	futex_key_put(&a);
	return err;
}

/* ---- System call ---- */

/* The absolute time_now() at which a wait ends. */
static int wait_deadline(virt_addr_t timeout, int op, bool realtime, uint64_t *deadline)
{
	uint64_t ns, now = time_now();
	int err;

	*deadline = WAIT_FOREVER;
	if (!timeout)
		return 0;
	err = timespec_from_user(timeout, &ns);
	if (err < 0)
		return err;
	if (op == FUTEX_WAIT)
		*deadline = time_after(now, ns); /* relative, of either clock */
	else
		*deadline = realtime ? deadline_from_wall(ns) : ns;
	return 0;
}

/* A relative wait that a signal broke off goes on with the rest of its time; an absolute one is just made again. */
static int64_t restart_wait(struct task *t)
{
	int err = futex_wait(t->restart.uaddr, t->restart.private, t->restart.val,
			     t->restart.deadline, t->restart.bitset);

	return err == -EINTR ? -ERESTART_BLOCK : err;
}

static int64_t sys_wait(virt_addr_t uaddr, bool private, uint32_t val, uint64_t deadline,
			bool relative, uint32_t bitset)
{
	struct task_restart *r = &current()->restart;
	int err = futex_wait(uaddr, private, val, deadline, bitset);

	if (err != -EINTR)
		return err;
	if (!relative || deadline == WAIT_FOREVER)
		return -ERESTART;
	*r = (struct task_restart){ .fn = restart_wait,
				    .deadline = deadline,
				    .uaddr = uaddr,
				    .val = val,
				    .bitset = bitset,
				    .private = private };
	return -ERESTART_BLOCK;
}

SYSCALL(futex)
{
	virt_addr_t uaddr = args[0], uaddr2 = args[4];
	int op = (int)args[1] & FUTEX_CMD_MASK;
	uint32_t val = (uint32_t)args[2], val3 = (uint32_t)args[5];
	bool private = args[1] & FUTEX_PRIVATE_FLAG, realtime = args[1] & FUTEX_CLOCK_REALTIME;
	uint64_t deadline;
	int err;

	if (realtime && op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET && op != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (op) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		err = wait_deadline(args[3], op, realtime, &deadline);
		if (err < 0)
			return err;
		return sys_wait(uaddr, private, val, deadline, op == FUTEX_WAIT,
				op == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : val3);
	case FUTEX_WAKE:
		return futex_wake_bitset(uaddr, private, (int)val < 1 ? 1 : (int)val,
					 FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return val3 ? futex_wake_bitset(uaddr, private, (int)val < 1 ? 1 : (int)val, val3)
			    : -EINVAL;
	case FUTEX_REQUEUE:
		return futex_requeue(uaddr, uaddr2, private, (int)val, (int)args[3], NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(uaddr, uaddr2, private, (int)val, (int)args[3], &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(uaddr, uaddr2, private, (int)val, (int)args[3], val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		err = wait_deadline(args[3], op, realtime || op == FUTEX_LOCK_PI, &deadline);
		return err < 0 ? err : futex_lock_pi(uaddr, private, false, deadline);
	case FUTEX_TRYLOCK_PI: return futex_lock_pi(uaddr, private, true, 0);
	case FUTEX_UNLOCK_PI: return futex_unlock_pi(uaddr, private);
	default: return -ENOSYS;
	}
}
