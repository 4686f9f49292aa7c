// SPDX-License-Identifier: MIT
// Real-time tasks of a run queue: a list per priority and a bit map of the lists that are not
// empty. All O(1). Locks: kernel/runq.h.
#include "kernel/log.h"
#include "kernel/runq.h"

/* The highest priority whose list is not empty: there is one. */
static int highest(const struct runq *rq)
{
	if (rq->rt_bitmap[1])
		return 127 - __builtin_clzll(rq->rt_bitmap[1]);
	return 63 - __builtin_clzll(rq->rt_bitmap[0]);
}

static uint64_t bit(int n)
{
	return (uint64_t)1 << n;
}

int rt_below(const struct runq *rq, int prio)
{
	uint64_t high = prio > 64 ? rq->rt_bitmap[1] & (bit(prio - 64) - 1) : 0;
	uint64_t low = prio < 64 ? rq->rt_bitmap[0] & (bit(prio) - 1) : rq->rt_bitmap[0];

	return high ? 127 - __builtin_clzll(high) : low ? 63 - __builtin_clzll(low) : 0;
}

void rt_set_waiting(const struct runq *rq)
{
	if (!(atomic_load(&cpus_rt_waiting) & rq->bit))
		atomic_fetch_or(&cpus_rt_waiting, rq->bit);
}

void rt_link(struct runq *rq, struct task *t, bool front)
{
	int prio = t->sched.prio;

	DEBUG_ASSERT(prio >= PRIO_RT_MIN && prio <= PRIO_DEADLINE);
	if (unlikely(prio == PRIO_DEADLINE)) {
		deadline_link(rq, t);
		return;
	}
	if (front)
		list_push_front(&rq->rt[prio], &t->sched.rt_link);
	else
		list_push_back(&rq->rt[prio], &t->sched.rt_link);
	rq->rt_bitmap[prio / 64] |= (uint64_t)1 << (prio % 64);
	rq->nr_rt++;
	if (prio > rq->waiting_rt)
		WRITE_ONCE(rq->waiting_rt, prio);
}

void rt_exchange(struct runq *rq, struct task *prev, struct task *next)
{
	list_remove(&next->sched.rt_link);
	list_push_back(&rq->rt[prev->sched.prio], &prev->sched.rt_link);
}

void rt_unlink(struct runq *rq, struct task *t)
{
	int prio = t->sched.prio;

	list_remove(&t->sched.rt_link);
	if (--rq->nr_rt == 0) {
		rq->rt_bitmap[0] = rq->rt_bitmap[1] = 0;
		WRITE_ONCE(rq->waiting_rt, 0);
		if (atomic_load(&cpus_rt_waiting) & rq->bit)
			atomic_fetch_and(&cpus_rt_waiting, ~rq->bit);
	} else if (list_empty(&rq->rt[prio])) {
		rq->rt_bitmap[prio / 64] &= ~((uint64_t)1 << (prio % 64));
		WRITE_ONCE(rq->waiting_rt, highest(rq));
	}
}
