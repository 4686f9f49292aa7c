// SPDX-License-Identifier: MIT
// Who waits on which futex: kernel/futex_queue.c, for kernel/futex.c.
#ifndef KERNEL_FUTEX_QUEUE_H
#define KERNEL_FUTEX_QUEUE_H

#include "kernel/futex_key.h"
#include "kernel/lib/rbtree.h"

struct futex_bucket;
struct task;

struct futex_waiter {
	struct rb_node node;         /* bucket lock, as all the rest */
	struct futex_key key;        /* with a reference to its object; changes by moving */
	struct futex_bucket *bucket; /* changes by moving, under both buckets' locks */
	struct task *task;
	uint64_t rank;   /* among those with its key: its priority when it was queued, upside down,
			    then its number in order of arrival */
	uint32_t bitset; /* once woken: the waker's */
	bool queued;     /* false: woken */
};

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b);

/* Queues current() for w->key; w->bitset is set. Task context. Pair with
 * futex_dequeue(). */
void futex_enqueue(struct futex_waiter *w);
/* Leaves the queue. True when a waker had taken w off it already. From its return on w may go. Task
 * context. */
bool futex_dequeue(struct futex_waiter *w);
/* False once a waker has taken w off. Without a lock: after sched_set_state() a wake-up is not
 * missed. */
bool futex_is_queued(const struct futex_waiter *w);

/* Wakes up to `count` of those who wait for key with a bit of bitset, the most urgent first, then
 * in order of arrival. The number woken. Task context. */
int futex_wake_key(const struct futex_key *key, int count, uint32_t bitset);
/* Makes up to `max` of those who wait for one key wait for the other, the most urgent first. The
 * number moved. Task context. */
int futex_move_key(const struct futex_key *from, const struct futex_key *to, int max);

#endif
