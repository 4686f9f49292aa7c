// SPDX-License-Identifier: MIT
// Real-time tasks of a run queue: a list per priority and a bit map of the lists that are not empty. All O(1). Locks: kernel/runq.h.
#include "kernel/log.h"
#include "kernel/runq.h"

static void set_waiting(struct runq *rq)
{
	int top = rq->rt_bitmap[1] ? 127 - __builtin_clzll(rq->rt_bitmap[1]) :
		  rq->rt_bitmap[0] ? 63 - __builtin_clzll(rq->rt_bitmap[0]) :
				     0;

	if ((top > 0) != (rq->waiting_rt > 0)) {
		if (top > 0)
			atomic_fetch_or(&cpus_rt_waiting, cpu_bit(rq->cpu));
		else
			atomic_fetch_and(&cpus_rt_waiting, ~cpu_bit(rq->cpu));
	}
	WRITE_ONCE(rq->waiting_rt, top);
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
	set_waiting(rq);
}

void rt_unlink(struct runq *rq, struct task *t)
{
	int prio = t->sched.prio;

	list_remove(&t->sched.rt_link);
	if (list_empty(&rq->rt[prio]))
		rq->rt_bitmap[prio / 64] &= ~((uint64_t)1 << (prio % 64));
	rq->nr_rt--;
	set_waiting(rq);
}

struct task *rt_first(const struct runq *rq)
{
	if (rq->waiting_rt == 0)
		return NULL;
	return list_first(&rq->rt[rq->waiting_rt], struct task, sched.rt_link);
}
