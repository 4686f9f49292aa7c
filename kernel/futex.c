// SPDX-License-Identifier: MIT
/*
 * Futexes.
 *
 * A futex is a key: for private memory the address space and the address, for shared memory the
 * object and the offset in it. Waiters hang in hash buckets, each under a spin lock. User memory is
 * never touched under such a lock (it may fault), so the steps are ordered instead:
 *
 *    waiter: queue itself, then read the word; unchanged -> sleep, changed -> leave
 *    waker (in user space): change the word; (here) wake those queued
 *
 * If the waker's look at the bucket comes before the waiter queued, the waiter's read comes after
 * the change, and it sees it. A waiter that was picked by a waker and then finds the word changed
 * would swallow a wake-up meant for a real sleeper: it passes it on.
 *
 * The queues themselves are kernel/futex_queue.c. FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI
 * are not there (-ENOSYS): C libraries whose condition variables wake PI mutexes' waiters one by
 * one do without.
 */
#include "kernel/futex.h"

#include <linux/futex.h>
#include <linux/time_types.h>

#include "kernel/errno.h"
#include "kernel/futex_key.h"
#include "kernel/futex_pi.h"
#include "kernel/futex_queue.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

void futex_init(void)
{
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
	if (!a || uaddr < a->start || !(a->flags & AREA_READ) ||
	    (!a->object && !(a->flags & AREA_WRITE))) {
		err = -EFAULT; /* also where nobody could ever change the word: Linux has it so */
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

/* ---- Waking ---- */

static int futex_wake_bitset(virt_addr_t uaddr, bool private, int count, uint32_t bitset)
{
	struct futex_key key;
	int err = futex_key_get(uaddr, private, &key);

	if (err < 0)
		return err;
	err = futex_wake_key(&key, count, bitset);
	futex_key_put(&key);
	return err;
}

int futex_wake(virt_addr_t uaddr, int count)
{
	return futex_wake_bitset(uaddr, false, count, FUTEX_BITSET_MATCH_ANY);
}

/* ---- Waiting ---- */

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
	while (futex_is_queued(w)) {
		sched_set_state(TASK_SLEEPING_INTERRUPTIBLE);
		if (!futex_is_queued(w) || signal_pending() || (a && READ_ONCE(a->rung)))
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

/* The queued waiter w sleeps if *uaddr is still val: 0 woken, -EAGAIN changed, -EFAULT, -EINTR,
 * -ETIMEDOUT. */
static int wait_queued(struct futex_waiter *w, virt_addr_t uaddr, uint32_t val, uint64_t deadline)
{
	uint32_t now;
	int err = user_load32(&now, uaddr);

	if (err < 0 || now != val) {
		if (futex_dequeue(w))
			futex_wake_key(&w->key, 1, w->bitset); /* it was for somebody who sleeps */
		return err < 0 ? err : -EAGAIN;
	}
	if (deadline == WAIT_FOREVER)
		sleep_on(w, NULL);
	else
		sleep_until(w, deadline);
	if (futex_dequeue(w))
		return 0;
	return signal_pending() ? -EINTR : -ETIMEDOUT;
}

static int futex_wait(virt_addr_t uaddr, bool private, uint32_t val, uint64_t deadline,
		      uint32_t bitset)
{
	struct futex_waiter w;
	int err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_get(uaddr, private, &w.key);
	if (err < 0)
		return err;
	w.bitset = bitset;
	futex_enqueue(&w);
	err = wait_queued(&w, uaddr, val, deadline);
	futex_key_put(&w.key); /* maybe another than at first: it may have been moved */
	return err;
}

/* ---- Requeueing ---- */

/* FUTEX_REQUEUE, FUTEX_CMP_REQUEUE: wakes `wake`, moves up to `move` of the rest. Woken (and,
 * compared, moved) waiters, or negative errno. The comparison comes before the buckets are locked;
 * a word that changes right after it is as good as one that changes right after the call. */
static COLD int futex_requeue(virt_addr_t from, virt_addr_t to, bool private, int wake, int move,
			      const uint32_t *expected)
{
	struct futex_key a, b;
	uint32_t now;
	int err, woken = 0, moved = 0;

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
	woken = wake ? futex_wake_key(&a, wake, FUTEX_BITSET_MATCH_ANY) : 0;
	moved = futex_move_key(&a, &b, move);
	err = woken + (expected ? moved : 0);
put_both:
	futex_key_put(&b);
put_first:
	futex_key_put(&a);
	return err;
}

/* FUTEX_WAKE_OP: changes the second word, then wakes waiters of the first and, if its old value
 * says so, of the second. */
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
		woken = futex_wake_key(&a, wake1, FUTEX_BITSET_MATCH_ANY);
		if (err > 0)
			woken += futex_wake_key(&b, wake2, FUTEX_BITSET_MATCH_ANY);
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
	uint64_t ns;
	int err;

	*deadline = WAIT_FOREVER;
	if (!timeout)
		return 0;
	err = timespec_from_user(timeout, &ns);
	if (err < 0)
		return err;
	if (op == FUTEX_WAIT)
		*deadline = time_after(time_now(), ns); /* relative, of either clock */
	else
		*deadline = realtime ? ns | TIME_WALL : ns;
	return 0;
}

/* A relative wait that a signal broke off goes on with the rest of its time; an absolute one is
 * just made again. */
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

/* All but waking, and waiting without a deadline. */
static NOINLINE int64_t futex_other(const uint64_t *args)
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

SYSCALL(futex)
{
	bool private = args[1] & FUTEX_PRIVATE_FLAG;

	switch ((unsigned)args[1] & ~(unsigned)FUTEX_PRIVATE_FLAG) {
	case FUTEX_WAIT:
		if (args[3])
			break;
		return sys_wait(args[0], private, (uint32_t)args[2], WAIT_FOREVER, true,
				FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE:
		return futex_wake_bitset(args[0], private, MAX((int)args[2], 1),
					 FUTEX_BITSET_MATCH_ANY);
	}
	return futex_other(args);
}
