// SPDX-License-Identifier: MIT
/*
 * Candidates for the OOM policy, and ending one. Everything here looks at processes under the
 * lock of their tree, where nothing may wait for memory: what is found is copied to an array of
 * fixed size.
 *
 * Exempt are process 1 and whoever shares its memory; oom_score_adj -1000; real-time tasks with
 * locked memory, which have been given their share and are counted on; and who has been ended
 * already.
 */
#include <linux/sched.h>

#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "mm/aspace.h"
#include "mm/buddy.h"
#include "mm/oom/oom.h"
#include "mm/swap.h"

struct collect {
	const struct oom_policy *policy;
	struct oom_candidate *table;
	unsigned n, seen;
	uint64_t total;
	const struct aspace *init; /* process 1's, only compared */
};

struct thread_facts {
	bool realtime, victim;
};

static struct thread_facts threads_of(struct process *p)
{
	struct thread_facts f = { false, false };
	struct task *t;

	spin_lock(&p->lock);
	list_for_each (t, &p->threads, process_link) {
		f.realtime |= t->sched.policy == SCHED_FIFO || t->sched.policy == SCHED_RR;
		f.victim |= t->oom_victim;
	}
	spin_unlock(&p->lock);
	return f;
}

static const char *exempt_why(const struct collect *c, const struct process *p,
			      const struct aspace *as, struct thread_facts f)
{
	if (as == c->init)
		return "init";
	if (f.victim)
		return "ended already";
	if (p->oom_score_adj == -1000)
		return "oom_score_adj";
	if (f.realtime && READ_ONCE(as->locked_pages) > 0)
		return "real-time";
	return NULL;
}

/* A place in the table: a new one, or that of the lowest score if it is lower; or NULL. */
static struct oom_candidate *place_for(struct collect *c, int64_t score)
{
	struct oom_candidate *low = c->table;

	if (c->n < OOM_CANDIDATES)
		return &c->table[c->n++];
	for (unsigned i = 1; i < c->n; i++)
		if (c->table[i].score < low->score)
			low = &c->table[i];
	return low->score < score ? low : NULL;
}

static int collect_one(struct process *p, void *arg)
{
	struct collect *c = arg;
	struct aspace *as = p->zombie ? NULL : process_aspace(p);
	struct oom_candidate one, *place;
	struct pmap_usage usage;

	if (as == NULL)
		return 0;
	pmap_usage(&as->pmap, &usage);
	one = (struct oom_candidate){
		.pid = p->pid,
		.start_time = p->start_time,
		.rss = usage.present,
		.swapped = usage.swapped,
		.tables = usage.tables,
		.adj = p->oom_score_adj,
		.dying = p->exiting,
		.exempt = exempt_why(c, p, as, threads_of(p)),
	};
	string_copy(one.name, p->leader->name, sizeof(one.name));
	one.score = c->policy->score(&one, c->total);
	c->seen++;
	place = place_for(c, one.score);
	if (place != NULL)
		*place = one;
	aspace_put(as);
	return 0;
}

unsigned oom_collect(const struct oom_policy *p, struct oom_candidate *table, unsigned *seen)
{
	struct collect c = { .policy = p, .table = table };
	struct aspace *init = NULL;
	struct swap_stats swap;
	struct process *one;

	swap_stats(&swap);
	c.total = frames_total() + swap.slots_total;
	process_tree_lock();
	one = process_find_locked(1);
	if (one != NULL)
		init = process_aspace(one);
	c.init = init;
	(void)process_for_each_locked(collect_one, &c);
	process_tree_unlock();
	if (init != NULL)
		aspace_put(init);
	*seen = c.seen;
	return c.n;
}

/* Lets the threads of p use the reserve, and ends them. */
static void process_end(struct process *p)
{
	struct task *t;

	spin_lock(&p->lock);
	list_for_each (t, &p->threads, process_link)
		WRITE_ONCE(t->oom_victim, true);
	spin_unlock(&p->lock);
	signal_kill(p);
}

static int end_sharer(struct process *p, void *arg)
{
	struct aspace *as = p->zombie ? NULL : process_aspace(p);

	if (as == NULL)
		return 0;
	if (as == arg)
		process_end(p);
	aspace_put(as);
	return 0;
}

struct aspace *oom_end(const struct oom_candidate *c)
{
	struct aspace *as = NULL;
	struct process *p;

	process_tree_lock();
	p = process_find_locked(c->pid);
	if (p != NULL && p->start_time == c->start_time && !p->zombie)
		as = process_aspace(p);
	if (as != NULL)
		(void)process_for_each_locked(end_sharer, as);
	process_tree_unlock();
	return as;
}
