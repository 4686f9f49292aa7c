// SPDX-License-Identifier: MIT
/*
 * The queues of futexes: hash buckets, each with a spin lock and a tree of waiters, those of all
 * its keys together.
 *
 * A bucket's tree is by key, then by priority as of the moment of queuing, then by arrival. So who
 * is woken or moved first is the most urgent, and among equals the one that has waited longest; and
 * whatever programs do, with one key or with many that fall together, each step is bounded.
 *
 * A waiter leaves only after taking its bucket's lock once more, so who holds the lock may touch
 * waiters and wake their tasks. What is done to many is done in batches, so that the lock is held
 * for bounded work; the next one goes on at the rank where the last one ended. Who comes meanwhile
 * is left out, be it one that was woken and waits again: it has seen what the call is about, and
 * would take the place of one that has waited longer, or keep the walk from ending.
 */
#include "kernel/futex_queue.h"

#include "kernel/sched.h"
#include "mm/object.h"

#define BUCKETS    128
#define BATCH      4 /* waiters looked at, woken or moved in one hold of a lock */
#define PRIO_SHIFT 56

struct futex_bucket {
	struct spinlock lock;
	struct rb_root waiters;
	uint64_t arrivals;
};

static struct futex_bucket buckets[BUCKETS];

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->base == b->base && a->offset == b->offset;
}

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
	uint64_t h = ((uintptr_t)key->base >> 4 ^ key->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return &buckets[h >> (64 - __builtin_ctz(BUCKETS))];
}

/* w goes before one with that key and rank. */
static bool comes_before(const struct futex_waiter *w, const struct futex_key *key, uint64_t rank)
{
	if (w->key.base != key->base)
		return w->key.base < key->base;
	if (w->key.offset != key->offset)
		return w->key.offset < key->offset;
	return w->rank < rank;
}

static NOINLINE void insert_among(struct rb_root *waiters, struct futex_waiter *w)
{
	struct rb_node **link = &waiters->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = comes_before(rb_entry(parent, struct futex_waiter, node), &w->key, w->rank)
			       ? &parent->right
			       : &parent->left;
	}
	rb_insert(waiters, &w->node, parent, link);
}

/* Behind those of its key that are at least as urgent. b->lock held. */
static void insert(struct futex_bucket *b, struct futex_waiter *w, uint64_t urgency)
{
	WRITE_ONCE(w->bucket, b);
	w->rank = urgency | b->arrivals++;
	if (!rb_insert_only(&b->waiters, &w->node))
		insert_among(&b->waiters, w);
}

static void take_out(struct futex_bucket *b, struct futex_waiter *w)
{
	if (!rb_remove_only(&b->waiters, &w->node))
		rb_remove(&b->waiters, &w->node);
}

/* The first that waits for key, of those from that rank on, or NULL. b->lock held. */
static struct futex_waiter *first_from(const struct futex_bucket *b, const struct futex_key *key,
				       uint64_t rank)
{
	struct futex_waiter *found = NULL;

	for (struct rb_node *n = b->waiters.node; n;) {
		struct futex_waiter *w = rb_entry(n, struct futex_waiter, node);

		if (comes_before(w, key, rank)) {
			n = n->right;
		} else {
			found = w;
			n = n->left;
		}
	}
	return found && futex_key_equal(&found->key, key) ? found : NULL;
}

void futex_enqueue(struct futex_waiter *w)
{
	struct futex_bucket *b = bucket_of(&w->key);

	w->task = current();
	w->queued = true;
	spin_lock(&b->lock);
	insert(b, w, (uint64_t)(PRIO_DEADLINE - READ_ONCE(w->task->sched.prio)) << PRIO_SHIFT);
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
	woken = !w->queued;
	if (!woken)
		take_out(b, w);
	spin_unlock(&b->lock);
	return woken;
}

bool futex_is_queued(const struct futex_waiter *w)
{
	return READ_ONCE(w->queued);
}

/* ---- Walks over who waits for a key, in several holds of the lock ---- */

struct walk {
	uint64_t rank; /* of the next one, at least */
	uint64_t end;  /* arrivals when it began */
};

static void walk_begin(struct walk *k, const struct futex_bucket *b)
{
	if (k->rank == 0)
		k->end = b->arrivals;
}

/* The next one, or NULL with *over telling whether that was all. A step is a look at one of them.
 * b->lock held. */
static struct futex_waiter *walk_step(struct walk *k, const struct futex_bucket *b,
				      const struct futex_key *key, bool *over)
{
	struct futex_waiter *w = first_from(b, key, k->rank);

	*over = !w;
	if (!w)
		return NULL;
	k->rank = w->rank + 1;
	if (likely((w->rank & (((uint64_t)1 << PRIO_SHIFT) - 1)) < k->end))
		return w;
	k->rank = ((w->rank >> PRIO_SHIFT) + 1) << PRIO_SHIFT; /* as are its equals behind it */
	return NULL;
}

/* ---- Waking ---- */

/* Wakes who has a bit of bitset, *left at most, of the next few. False: there are no more. b->lock
 * held. */
static bool wake_some(struct futex_bucket *b, const struct futex_key *key, uint32_t bitset,
		      int *left, struct walk *k)
{
	bool over;

	walk_begin(k, b);
	for (int n = 0; n < BATCH; n++) {
		struct futex_waiter *w = walk_step(k, b, key, &over);

		if (over)
			return false;
		if (!w || !(w->bitset & bitset))
			continue;
		take_out(b, w);
		w->bitset = bitset; /* should it pass this on */
		WRITE_ONCE(w->queued, false);
		sched_wake(w->task);
		if (--*left == 0)
			return false;
	}
	return true;
}

int futex_wake_key(const struct futex_key *key, int count, uint32_t bitset)
{
	struct futex_bucket *b = bucket_of(key);
	int left = count;
	struct walk walk = { 0 };
	bool more = count > 0;

	while (more) {
		spin_lock(&b->lock);
		more = wake_some(b, key, bitset, &left, &walk);
		spin_unlock(&b->lock);
	}
	return count > 0 ? count - left : 0;
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

/* w waits for `to` now, whose object it keeps instead. It does not drop the last reference to the
 * other one: who moves it has one. */
static void change_key(struct futex_waiter *w, const struct futex_key *to)
{
	if (to->object)
		(void)object_get(to->object);
	if (w->key.object)
		object_put(w->key.object);
	w->key = *to;
}

/* Moves a few waiters, *left at most, from one key to the other. False: there are no more. */
static bool move_some(const struct futex_key *from, const struct futex_key *to, int *left,
		      struct walk *k)
{
	struct futex_bucket *a = bucket_of(from), *b = bucket_of(to);
	bool over = false;

	lock_both(a, b);
	walk_begin(k, a);
	for (int n = 0; n<BATCH && * left> 0 && !over; n++) {
		struct futex_waiter *w = walk_step(k, a, from, &over);

		if (!w)
			continue;
		take_out(a, w);
		change_key(w, to);
		insert(b, w, w->rank >> PRIO_SHIFT << PRIO_SHIFT);
		--*left;
	}
	unlock_both(a, b);
	return !over && *left > 0;
}

int futex_move_key(const struct futex_key *from, const struct futex_key *to, int max)
{
	struct walk walk = { 0 };
	int left = max;

	while (!futex_key_equal(from, to) && move_some(from, to, &left, &walk))
		;
	return max - left;
}
