// SPDX-License-Identifier: MIT
/*
 * Ordinary tasks of a run queue: they share the CPU by weight. A task's virtual run time grows by
 * the time it ran times its cost, which is 1.25^nice; who has least runs next. Of the waiting ones
 * the first is kept beside the tree of the others, so that two tasks that take turns never touch a
 * tree. min_vruntime follows the least of all, and is what a task's vruntime is relative to when it
 * changes queues or comes back from sleep.
 *
 * A sleeper comes back at most SLEEP_CREDIT ahead of the others, so it soon runs but cannot save
 * up; and at most two turns of its own behind, so it is never starved by what it once used.
 *
 * Locks: kernel/runq.h.
 */
#include "kernel/log.h"
#include "kernel/runq.h"

#define COST_SHIFT  16
#define COST_NICE_0 (1u << COST_SHIFT)
/* SCHED_IDLE: about a three-hundredth of a nice 0 task */
#define COST_IDLE    (COST_NICE_0 * 340u)
#define SLEEP_CREDIT (FAIR_SLICE / 2)
/* how far curr's charges may lag behind when a task is placed */
#define STALE            (NSEC_PER_MSEC / 2)
#define WAKE_GRANULARITY (1 * NSEC_PER_MSEC) /* a lead that is worth a switch */
/* ns accounted at once: 4 minutes; keeps the product in 64 bits. */
#define STINT_MAX ((uint64_t)1 << 38)

/* COST_NICE_0 * 1.25^nice, rounded, for nice -20..19. */
static const uint32_t nice_cost[40] = {
	756,    944,    1181,   1476,    1845,    2306,    2882,    3603,    4504,    5629,
	7037,   8796,   10995,  13744,   17180,   21475,   26844,   33554,   41943,   52429,
	65536,  81920,  102400, 128000,  160000,  200000,  250000,  312500,  390625,  488281,
	610352, 762939, 953674, 1192093, 1490116, 1862645, 2328306, 2910383, 3637979, 4547474,
};

void fair_set_cost(struct task *t)
{
	t->sched.cost = t->sched.policy == SCHED_IDLE ? COST_IDLE : nice_cost[t->sched.nice + 20];
}

static uint64_t vtime(const struct task *t, uint64_t ns)
{
	return (MIN(ns, STINT_MAX) * t->sched.cost) >> COST_SHIFT;
}

static bool before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static void raise_min(struct runq *rq)
{
	uint64_t least = rq->min_vruntime;
	bool curr_counts = rq->curr && rq->curr->sched.prio == PRIO_FAIR;

	if (curr_counts)
		least = rq->curr->sched.vruntime;
	if (rq->fair_first && (!curr_counts || before(rq->fair_first->sched.vruntime, least)))
		least = rq->fair_first->sched.vruntime;
	if (before(rq->min_vruntime, least))
		rq->min_vruntime = least;
}

static void tree_insert(struct rb_root *tree, struct task *t)
{
	struct rb_node **link = &tree->node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (fair_before(t, rb_entry(parent, struct task, sched.fair_node)))
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert(tree, &t->sched.fair_node, parent, link);
}

void fair_link(struct runq *rq, struct task *t)
{
	struct task *first = rq->fair_first;

	rq->nr_fair++;
	if (!first) {
		rq->fair_first = t;
	} else if (fair_before(t, first)) {
		rq->fair_first = t;
		tree_insert(&rq->fair, first);
	} else {
		tree_insert(&rq->fair, t);
	}
}

void fair_unlink(struct runq *rq, struct task *t)
{
	struct rb_node *next;

	rq->nr_fair--;
	if (rq->fair_first != t) {
		rb_remove(&rq->fair, &t->sched.fair_node);
		return;
	}
	next = rb_first(&rq->fair);
	rq->fair_first = next ? rb_entry(next, struct task, sched.fair_node) : NULL;
	if (next)
		rb_remove(&rq->fair, next);
}

void fair_exchange(struct runq *rq, struct task *prev)
{
	struct rb_node *second = rb_first(&rq->fair);

	rq->fair_first = prev;
	if (!fair_before(prev, rb_entry(second, struct task, sched.fair_node))) {
		rq->fair_first = rb_entry(second, struct task, sched.fair_node);
		rb_remove(&rq->fair, second);
		tree_insert(&rq->fair, prev);
	}
}

void runq_account(struct runq *rq, uint64_t now)
{
	struct task *t = rq->curr;
	uint64_t ns = now - t->sched.exec_start;

	/* Another CPU may have charged it up to a moment that this CPU's clock read, taken before
	 * the lock, does not know of yet. */
	if (unlikely((int64_t)ns <= 0))
		return;
	t->sched.exec_start = now;
	t->sched.runtime += ns;
	if (t == rq->idle) {
		rq->idle_ns += ns;
		return;
	}
	rq->busy_ns += ns;
	if (t->process)
		process_charge(t, ns);
	t->sched.slice_left = t->sched.slice_left > ns ? t->sched.slice_left - ns : 0;
	if (t->sched.prio == PRIO_FAIR) {
		rq->fair_ns += ns;
		t->sched.vruntime += vtime(t, ns);
		raise_min(rq);
	}
}

void fair_place(struct runq *rq, struct task *t)
{
	uint64_t now = time_now(), least, most;

	/* min_vruntime follows curr only when that is charged, which may have been long ago when it
	 * was alone here. */
	if (now - rq->curr->sched.exec_start > STALE)
		runq_account(rq, now);
	least = rq->min_vruntime;
	most = least + vtime(t, 2 * FAIR_SLICE);
	if (t->sched.policy == SCHED_OTHER)
		least -= SLEEP_CREDIT;
	if (before(t->sched.vruntime, least))
		t->sched.vruntime = least;
	else if (before(most, t->sched.vruntime))
		t->sched.vruntime = most;
}

/* By what curr was last charged, which is not long ago: t has just been placed. */
bool fair_preempts(const struct runq *rq, const struct task *t)
{
	const struct task *curr = rq->curr;

	if (t->sched.policy == SCHED_IDLE || t->sched.policy == SCHED_BATCH)
		return false;
	if (curr->sched.policy == SCHED_IDLE)
		return true;
	return before(t->sched.vruntime + WAKE_GRANULARITY, curr->sched.vruntime);
}

/* As far back as the next one: equal ones are served in the order of linking, so that one runs, and
 * t after it. */
void fair_yield(const struct runq *rq, struct task *t)
{
	if (rq->fair_first && fair_before(t, rq->fair_first))
		t->sched.vruntime = rq->fair_first->sched.vruntime;
}
