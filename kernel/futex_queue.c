// SPDX-License-Identifier: MIT
/*
 * The queues of futexes: hash buckets, each with a spin lock and a list of waiters, those of all
 * its keys together.
 *
 * A bucket's list is by priority as of the moment of queuing: a real-time waiter passes those below
 * it, ordinary ones are in order of arrival at the end. So who is woken or moved first is the most
 * urgent, and among equals the one that has waited longest.
 *
 * A waiter leaves only after taking its bucket's lock once more, so who holds the lock may touch
 * waiters and wake their tasks. Wake-ups are in batches, so that the lock is held for bounded work.
 */
#include "kernel/futex_queue.h"

#include "kernel/sched.h"

#define BUCKETS    128
#define WAKE_BATCH 8

struct futex_bucket {
	struct spinlock lock;
	struct list waiters;
};

static struct futex_bucket buckets[BUCKETS];

void futex_queues_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&buckets[i].waiters);
}

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->base == b->base && a->offset == b->offset;
}

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
	uint64_t h = ((uintptr_t)key->base >> 4 ^ key->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return &buckets[h >> (64 - __builtin_ctz(BUCKETS))];
}

/* The walk is as long as there are real-time waiters. b->lock held; w is in no list that is still
 * used. */
static void insert(struct futex_bucket *b, struct futex_waiter *w)
{
	struct list *pos = &b->waiters;
	struct futex_waiter *other;

	if (w->prio > PRIO_FAIR) {
		list_for_each (other, &b->waiters, link) {
			if (other->prio < w->prio) {
				pos = &other->link;
				break;
			}
		}
	}
	list_insert_before(pos, &w->link);
}

void futex_enqueue(struct futex_waiter *w)
{
	struct futex_bucket *b = bucket_of(&w->key);

	w->bucket = b;
	w->task = current();
	w->prio = READ_ONCE(w->task->sched.prio);
	spin_lock(&b->lock);
	insert(b, w);
	spin_unlock(&b->lock);
}

bool futex_dequeue(struct futex_waiter *w)
{
	struct futex_bucket *b = READ_ONCE(w->bucket);
	bool woken;

	spin_lock(&b->lock);
	while (b != w->bucket) { /* moved meanwhile */
		spin_unlock(&b->lock);
		b = READ_ONCE(w->bucket);
		spin_lock(&b->lock);
	}
	woken = list_empty(&w->link);
	list_remove(&w->link);
	spin_unlock(&b->lock);
	return woken;
}

bool futex_is_queued(const struct futex_waiter *w)
{
	return READ_ONCE(w->link.next) != &w->link;
}

/* ---- Waking ---- */

static bool waiter_wants(const struct futex_waiter *w, const struct futex_key *key, uint32_t bitset)
{
	return futex_key_equal(&w->key, key) && (w->bitset & bitset);
}

/* Wakes at most max, holding the lock. How many; fewer than max: there are no more. */
static int wake_some(struct futex_bucket *b, const struct futex_key *key, uint32_t bitset, int max)
{
	struct futex_waiter *w, *next;
	int done = 0;

	list_for_each_safe (w, next, &b->waiters, link) {
		if (!waiter_wants(w, key, bitset))
			continue;
		list_remove(&w->link);
		sched_wake(w->task);
		if (++done == max)
			break;
	}
	return done;
}

int futex_wake_key(const struct futex_key *key, int count, uint32_t bitset)
{
	struct futex_bucket *b = bucket_of(key);
	int woken = 0, max, done;

	do {
		max = MIN(count - woken, WAKE_BATCH);
		if (max <= 0)
			break;
		spin_lock(&b->lock);
		done = wake_some(b, key, bitset, max);
		spin_unlock(&b->lock);
		woken += done;
	} while (done == max);
	return woken;
}

/* ---- Moving ---- */

static void lock_both(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		struct futex_bucket *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock(&b->lock);
}

static void unlock_both(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

/* Moves at most `max` waiters from one key to the other; true when it may have left some. */
static bool move_some(const struct futex_key *from, const struct futex_key *to, int max, int *moved)
{
	struct futex_bucket *a = bucket_of(from), *b = bucket_of(to);
	struct futex_waiter *w, *next;
	int done = 0;
	bool more = false;

	lock_both(a, b);
	list_for_each_safe (w, next, &a->waiters, link) {
		if (!futex_key_equal(&w->key, from))
			continue;
		if (done == max) {
			more = true;
			break;
		}
		/* Between the two lists w must never look empty: that means woken. */
		w->link.prev->next = w->link.next;
		w->link.next->prev = w->link.prev;
		insert(b, w);
		/* The waiter itself keeps `from`'s object alive, and whoever waits or wakes at `to`
		 * that one. */
		w->key.base = to->base;
		w->key.offset = to->offset;
		WRITE_ONCE(w->bucket, b);
		done++;
		(*moved)++;
	}
	unlock_both(a, b);
	return more;
}

int futex_move_key(const struct futex_key *from, const struct futex_key *to, int max)
{
	int moved = 0;
	bool more = !futex_key_equal(from, to);

	while (more && moved < max)
		more = move_some(from, to, MIN(max - moved, WAKE_BATCH), &moved);
	return moved;
}
