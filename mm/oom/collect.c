// SPDX-License-Identifier: MIT
/*
 * Candidates for the policy. Everything here looks at processes under the lock of their tree, where
 * nothing may wait for memory: what is found is copied to an array of fixed size. When it is full,
 * of those who are exempt the smallest makes room first, down to OOM_EXEMPT of them, then the
 * lowest score; who dies already is always kept. Who found no place is counted.
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
	const struct cgroup *group;
	struct oom_candidate *table;
	unsigned n, exempt; /* in the table; of them */
	struct oom_left_out *left;
	uint64_t total;
};

static uint32_t decision; /* the last oom_note_users(); the OOM thread's */

struct thread_facts {
	bool realtime, victim;
	int urgency;
	uint64_t grew;
};

static int urgency_of(const struct sched *s)
{
	if (s->policy == SCHED_DEADLINE)
		return OOM_URGENCY_RT + PRIO_DEADLINE;
	if (s->policy == SCHED_FIFO || s->policy == SCHED_RR)
		return OOM_URGENCY_RT + s->rt_priority;
	return s->policy == SCHED_IDLE ? 0 : 20 - s->nice;
}

/* Threads come and go under the tree's lock, which is ours: a process may have thousands. */
static struct thread_facts threads_of(struct process *p)
{
	struct thread_facts f = { 0 };
	struct task *t;

	list_for_each (t, &p->threads, process_link) {
		f.urgency = MAX(f.urgency, urgency_of(&t->sched));
		f.grew = MAX(f.grew, READ_ONCE(t->grew));
		f.victim |= t->oom_victim;
	}
	f.realtime = f.urgency >= OOM_URGENCY_RT;
	return f;
}

/* By what p is itself. */
static const char *spared_why(const struct process *p, const struct aspace *as,
			      struct thread_facts f)
{
	if (p->pid == 1)
		return "init";
	if (p->oom_score_adj == -1000)
		return "oom_score_adj";
	if (f.realtime && READ_ONCE(as->locked_pages) > 0)
		return "real-time";
	return NULL;
}

/* An address space ends with all its users: one of them that is spared spares the others, one that
 * lives keeps it from dying. */
static int note_user(struct process *p, void *arg)
{
	struct aspace *as = p->zombie ? NULL : process_aspace(p);

	(void)arg;
	if (as == NULL)
		return 0;
	if (spared_why(p, as, threads_of(p)) != NULL)
		as->spared_by = decision;
	if (!p->exiting)
		as->lived_by = decision;
	aspace_put(as);
	return 0;
}

void oom_note_users(void)
{
	decision++;
	(void)process_for_each_locked(note_user, NULL);
}

static const char *exempt_why(const struct process *p, const struct aspace *as,
			      struct thread_facts f)
{
	const char *why = spared_why(p, as, f);

	if (why == NULL && f.victim)
		return "ended already";
	if (why == NULL && as->spared_by == decision)
		return "shares memory";
	return why;
}

bool oom_is_exempt(struct process *p, const struct aspace *as)
{
	return exempt_why(p, as, threads_of(p)) != NULL;
}

static int spares_here(struct process *p, void *arg)
{
	return !p->zombie && process_runs_on(p, arg) && spared_why(p, arg, threads_of(p)) != NULL;
}

bool oom_spares(struct process *p)
{
	struct aspace *as = process_aspace(p);
	bool spared = true;

	if (as == NULL)
		return true;
	process_tree_lock();
	spared = process_for_each_locked(spares_here, as) != 0;
	process_tree_unlock();
	aspace_put(as);
	return spared;
}

/* ---- The table ---- */

static uint64_t size_of(const struct oom_candidate *c)
{
	return c->rss + c->swapped + c->tables;
}

/* Who makes room for others of its kind, exempt or not: the lowest. */
static int64_t rank(const struct oom_candidate *c)
{
	if (c->exempt != NULL)
		return (int64_t)size_of(c);
	return c->dying ? INT64_MAX : c->score;
}

static void leave_out(struct collect *c, const struct oom_candidate *one)
{
	c->left->processes[one->exempt != NULL]++;
	c->left->pages[one->exempt != NULL] += size_of(one);
}

/* The table is full: the one that has to go of those who are exempt, or of the others, or NULL:
 * `one` itself. */
static struct oom_candidate *who_gives_way(struct collect *c, const struct oom_candidate *one)
{
	bool exempt = c->exempt + (one->exempt != NULL) > OOM_EXEMPT;
	const struct oom_candidate *low = (one->exempt != NULL) == exempt ? one : NULL;

	for (unsigned i = 0; i < c->n; i++)
		if ((c->table[i].exempt != NULL) == exempt &&
		    (low == NULL || rank(&c->table[i]) < rank(low)))
			low = &c->table[i];
	return low == one ? NULL : c->table + (low - c->table);
}

static void keep(struct collect *c, const struct oom_candidate *one)
{
	struct oom_candidate *place;

	if (c->n < OOM_CANDIDATES) {
		place = &c->table[c->n++];
	} else {
		place = who_gives_way(c, one);
		leave_out(c, place != NULL ? place : one);
		if (place == NULL)
			return;
		c->exempt -= place->exempt != NULL;
	}
	c->exempt += one->exempt != NULL;
	*place = *one;
}

static int collect_one(struct process *p, void *arg)
{
	struct collect *c = arg;
	struct aspace *as;
	struct oom_candidate one;
	struct pmap_usage usage;
	struct thread_facts f;

	if (p->zombie || (c->group != NULL && !oom_groups->holds(c->group, p)))
		return 0;
	as = process_aspace(p);
	if (as == NULL)
		return 0;
	pmap_usage(&as->pmap, &usage);
	f = threads_of(p);
	one = (struct oom_candidate){
		.pid = p->pid,
		.start_time = p->start_time,
		.rss = usage.present,
		.shared = MIN(usage.file, usage.present),
		.swapped = usage.swapped,
		.tables = usage.tables,
		.adj = p->oom_score_adj,
		.urgency = f.urgency,
		.grew = f.grew,
		.dying = as->lived_by != decision,
		.exempt = exempt_why(p, as, f),
	};
	aspace_put(as);
	string_copy(one.name, p->leader->name, sizeof(one.name));
	if (oom_groups != NULL)
		oom_groups->path(p, one.group, sizeof(one.group));
	one.score = c->policy->score(&one, c->total);
	keep(c, &one);
	return 0;
}

static uint64_t machine_total(void)
{
	struct swap_stats swap;

	swap_stats(&swap);
	return frames_total() + swap.slots_total;
}

unsigned oom_collect(const struct oom_policy *p, const struct cgroup *group,
		     struct oom_candidate *table, struct oom_left_out *left)
{
	struct collect c = { .policy = p, .group = group, .table = table, .left = left };

	*left = (struct oom_left_out){ 0 };
	c.total = machine_total();
	if (group != NULL)
		c.total = MIN(c.total, oom_groups->limit(group));
	process_tree_lock();
	oom_note_users();
	(void)process_for_each_locked(collect_one, &c);
	process_tree_unlock();
	return c.n;
}
