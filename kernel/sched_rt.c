// SPDX-License-Identifier: MIT
// Real-time tasks of a run queue: a list per priority and a bit map of the lists that are not empty. All O(1). Locks: kernel/runq.h.
#include "kernel/log.h"
#include "kernel/runq.h"

/* The highest priority whose list is not empty, or 0. */
static int highest(const struct runq *rq)
{
	if (rq->rt_bitmap[1])
		return 127 - __builtin_clzll(rq->rt_bitmap[1]);
	return rq->rt_bitmap[0] ? 63 - __builtin_clzll(rq->rt_bitmap[0]) : 0;
}

void rt_set_waiting(const struct runq *rq)
{
	if (!(atomic_load(&cpus_rt_waiting) & rq->bit))
		atomic_fetch_or(&cpus_rt_waiting, rq->bit);
}

void rt_link(struct runq *rq, struct task *t, bool front)
{
	int prio = t->sched.prio;

	DEBUG_ASSERT(prio >= PRIO_RT_MIN && prio <= PRIO_RT_MAX);
	if (front)
		list_push_front(&rq->rt[prio], &t->sched.rt_link);
	else
		list_push_back(&rq->rt[prio], &t->sched.rt_link);
	rq->rt_bitmap[prio / 64] |= (uint64_t)1 << (prio % 64);
	rq->nr_rt++;
	if (prio > rq->waiting_rt)
		WRITE_ONCE(rq->waiting_rt, prio);
}

void rt_unlink(struct runq *rq, struct task *t)
{
	int prio = t->sched.prio;

	list_remove(&t->sched.rt_link);
	rq->nr_rt--;
	if (!list_empty(&rq->rt[prio]))
		return;
	rq->rt_bitmap[prio / 64] &= ~((uint64_t)1 << (prio % 64));
	WRITE_ONCE(rq->waiting_rt, highest(rq));
	if (rq->nr_rt == 0 && (atomic_load(&cpus_rt_waiting) & rq->bit))
		atomic_fetch_and(&cpus_rt_waiting, ~rq->bit);
}
