// SPDX-License-Identifier: MIT
/*
 * Priority inheritance, between kernel/mutex.c, which knows who waits for whom, and
 * kernel/sched_policy.c, which knows what each task may claim by itself.
 */
#ifndef KERNEL_PI_H
#define KERNEL_PI_H

#include "kernel/lib/plist.h"
#include "kernel/task.h"

/* links that inheritance follows, and locks in a row that a user's task may wait behind */
#define PI_CHAIN_MAX 1024

/* A task's wait for a mutex, on its stack. */
struct mutex_waiter {
	struct plist_node node; /* on mutex->waiters; under mutex->lock */
	struct plist_node lent; /* of the first waiter: on the owner's pi_lenders; under the owner's
				   pi_lock too */
	struct mutex *mutex;
	struct task *task;
	bool granted; /* the mutex is its task's; under mutex->lock */
	bool lost;    /* was woken for a free mutex and found it taken: the next unlock hands over.
			 Under mutex->lock */
};

/* By when t, of PRIO_DEADLINE, has to be done: its own deadline or that of who waits for it; 0,
 * before all others: nobody says, it works for the kernel. */
static inline uint64_t deadline_of(const struct task *t)
{
	return MIN(READ_ONCE(t->sched.dl_end) - 1, READ_ONCE(t->sched.dl_lent) - 1) + 1;
}

static inline bool deadline_before(const struct task *a, const struct task *b)
{
	return deadline_of(a) < deadline_of(b);
}

/* What t may claim without inheritance. Under t->pi_lock. */
int sched_own_prio(const struct task *t);
/* Brings t's effective priority in line with its own and its waiters', and so on along what t
 * itself waits for. Takes pi_lock; t is alive for the call. Task context, no spin lock held. */
void pi_update(struct task *t);

#endif
