// SPDX-License-Identifier: MIT
/*
 * Who is in which control group.
 *
 * A process is in a group from the moment that it is on the tree of processes until it is reaped; a
 * group keeps those that are dead already only by a reference, so it counts as empty. Tasks are
 * counted for pids.current in their group and in all above it, whether the controller is on or not,
 * so that it can be turned on at any time; memory is paid by the nearest group upwards that has its
 * controller on, whose number each process keeps in memory_group (mm/memcg.h).
 *
 *    (1) pids.now = the tasks in the table of tids whose process is in the group or below;
 *        populated = the living processes likewise
 *    (2) process->memory_group is the number of cgroup_payer(process->cgroup), or 0 once its last
 *        thread is gone
 *    (3) memory.tasks = the threads, of processes whose payer it is, that have not ended: those
 *        that have a stack
 *    (4) a thread of a living process counts in its group's psi; one that leaves the process stops
 *        in the same moment, so an empty group's psi can go
 *
 * All of this changes under the lock of the process tree alone, so a fork, a move and a kill see
 * each other whole: a child is in its parent's group, and who is killed forks no more.
 */
#include "kernel/cgroup.h"

#include <linux/capability.h>

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"

struct waitq cgroup_event_wait = WAITQ_INIT(cgroup_event_wait);

struct memcg *cgroup_payer(struct cgroup *g)
{
	for (; g->parent != NULL; g = g->parent)
		if (g->parent->control & CGROUP_MEMORY)
			return &g->memory;
	return NULL;
}

void cgroup_pay_locked(struct process *p, struct memcg *from, struct memcg *to)
{
	if (p->zombie || from == to)
		return;
	memcg_tasks_add(from, -(int)p->nr_threads);
	memcg_tasks_add(to, (int)p->nr_threads);
	WRITE_ONCE(p->memory_group, to == NULL ? 0 : to->id);
}

void cgroup_measure_locked(struct task *t, struct cgroup *g)
{
	struct psi *to = cgroup_psi(g);

	if (t->sched.psi != (to->parent == NULL ? NULL : to))
		psi_move(t, to);
}

/* A process lives in g from now on (1), or does no longer (-1). */
static void populate_locked(struct cgroup *g, int n)
{
	bool told = false;

	g->processes += (uint32_t)n;
	for (; g != NULL; g = g->parent) {
		bool before = g->populated > 0;

		g->populated += (uint32_t)n;
		if (before != (g->populated > 0)) {
			g->events++;
			told = true;
		}
	}
	if (told)
		waitq_wake_all(&cgroup_event_wait);
}

static void count_tasks_locked(struct cgroup *g, int n)
{
	for (; g != NULL; g = g->parent) {
		g->pids.now += (uint32_t)n;
		g->pids.peak = MAX(g->pids.peak, g->pids.now);
	}
}

static struct cgroup *full_group(struct cgroup *g)
{
	while (g != NULL && READ_ONCE(g->pids.now) < READ_ONCE(g->pids.max))
		g = g->parent;
	return g;
}

/* A task more may come to those in g: 0; or -EAGAIN, which is counted. */
static int ask_for_task_locked(struct cgroup *g)
{
	struct cgroup *full = full_group(g);

	if (full == NULL)
		return 0;
	full->pids.met++;
	waitq_wake_all(&cgroup_event_wait);
	return -EAGAIN;
}

int cgroup_task_joins_locked(struct process *p, struct cgroup *g)
{
	struct memcg *payer = cgroup_payer(g);

	if (ask_for_task_locked(g) != 0)
		return -EAGAIN;
	if (p->cgroup == NULL) {
		p->cgroup = cgroup_get(g);
		populate_locked(g, 1);
		WRITE_ONCE(p->memory_group, payer == NULL ? 0 : payer->id);
	}
	p->nr_tasks++;
	count_tasks_locked(g, 1);
	memcg_tasks_add(payer, 1);
	return 0;
}

void cgroup_task_ended_locked(struct process *p)
{
	memcg_tasks_add(cgroup_payer(p->cgroup), -1);
}

void cgroup_task_left_locked(struct process *p)
{
	p->nr_tasks--;
	count_tasks_locked(p->cgroup, -1);
}

void cgroup_process_ended_locked(struct process *p)
{
	WRITE_ONCE(p->memory_group, 0);
	populate_locked(p->cgroup, -1);
}

void cgroup_init(void)
{
	/* Not by an initialiser: all of it would lie in the Image. */
	cgroup_root.refs = cgroup_root.id = 1;
	list_init(&cgroup_root.children);
	cgroup_root.max_descendants = cgroup_root.max_depth = cgroup_root.pids.max =
		CGROUP_NO_LIMIT;
	for (unsigned i = 0; i < ARRAY_SIZE(cgroup_root.owners); i++)
		cgroup_root.owners[i].mode = i == 0 ? 0755 : 0644;
}

void cgroup_add_first(struct process *first)
{
	first->cgroup = cgroup_get(&cgroup_root);
	first->nr_tasks = 1;
	count_tasks_locked(&cgroup_root, 1);
	populate_locked(&cgroup_root, 1);
	cgroup_oom_init();
}

static bool may_write(const struct cgroup_owner *o, const struct cred *c)
{
	unsigned shift = c->fsuid == o->uid ? 6 : cred_in_group(c, o->gid) ? 3 : 0;

	return (o->mode >> shift & 2) || cred_capable(c, CAP_DAC_OVERRIDE);
}

/* Handing a process on takes the right to do so in the nearest group above both places. There are
 * no threaded groups, between which threads could go alone. */
static int move_check(const struct cgroup *from, const struct cgroup *to, bool thread,
		      const struct cred *by)
{
	const struct cgroup *both = from;

	if (to->dead)
		return -ENODEV;
	while (!cgroup_is_below(to, both))
		both = both->parent;
	if (!may_write(&both->owners[CGROUP_OWNER_PROCS], by))
		return -EACCES;
	if (to->parent != NULL && (to->control & CGROUP_MEMORY))
		return -EBUSY;
	return thread && from != to ? -EOPNOTSUPP : 0;
}

int cgroup_may_start_locked(const struct cgroup *g, bool thread)
{
	const struct cred *by = current()->cred;

	if (g == NULL)
		return 0;
	if (!may_write(&g->owners[CGROUP_OWNER_PROCS], by))
		return -EACCES;
	return move_check(current()->process->cgroup, g, thread, by);
}

int cgroup_may_fork(struct cgroup *g, bool thread)
{
	int err;

	/* A group may go while it is looked at without the lock; the root's own cannot. */
	if (g == NULL && READ_ONCE(current()->process->cgroup) == &cgroup_root)
		return 0;
	process_tree_lock();
	err = cgroup_may_start_locked(g, thread);
	if (err == 0)
		err = ask_for_task_locked(g ?: current()->process->cgroup);
	process_tree_unlock();
	return err;
}

static void move_locked(struct process *p, struct cgroup *to)
{
	struct cgroup *from = p->cgroup;
	struct task *t;

	count_tasks_locked(from, -(int)p->nr_tasks);
	count_tasks_locked(to, (int)p->nr_tasks);
	cgroup_get(to);
	cgroup_pay_locked(p, cgroup_payer(from), cgroup_payer(to));
	populate_locked(to, 1);
	p->cgroup = to;
	list_for_each (t, &p->threads, process_link) /* they come and go under the tree's lock */
		cgroup_measure_locked(t, to);
	populate_locked(from, -1);
	cgroup_put(from);
}

int cgroup_move(struct cgroup *g, int tid, bool thread, const struct cred *by)
{
	struct task *t;
	int err = -ESRCH;

	process_tree_lock();
	t = tid == 0 ? current() : task_find_locked(tid);
	if (t != NULL && t->process != NULL) {
		err = move_check(t->process->cgroup, g, thread, by);
		if (err == 0 && t->process->cgroup != g && !t->process->zombie)
			move_locked(t->process, g);
	}
	process_tree_unlock();
	return err;
}

static int kill_below(struct process *p, void *arg)
{
	if (p->pid != 1 && !p->zombie && cgroup_is_below(p->cgroup, arg))
		signal_kill(p);
	return 0;
}

void cgroup_kill(struct cgroup *g)
{
	process_tree_lock();
	(void)process_for_each_locked(kill_below, g);
	process_tree_unlock();
}

/* (3) by the lists of threads. */
struct count {
	struct memcg *m;
	uint32_t threads;
};

static int count_threads(struct process *p, void *arg)
{
	struct count *c = arg;
	struct task *t;

	if (cgroup_payer(p->cgroup) == c->m)
		list_for_each (t, &p->threads, process_link)
			c->threads++;
	return 0;
}

static bool tasks_hold_locked(struct cgroup *g)
{
	struct count c = { .m = &g->memory };
	struct cgroup *child;
	bool good;

	(void)process_for_each_locked(count_threads, &c);
	good = c.threads == g->memory.tasks;
	list_for_each (child, &g->children, sibling)
		good = good && tasks_hold_locked(child);
	return good;
}

static bool sums_hold(void)
{
	bool good;

	process_tree_lock();
	good = tasks_hold_locked(&cgroup_root);
	process_tree_unlock();
	return good && memcg_check();
}

void cgroup_check(void)
{
	for (unsigned tries = 100; !sums_hold(); tries--) {
		if (tries == 0)
			panic("groups: what they are charged is not what they have");
		(void)time_sleep_until(time_now() + 10 * NSEC_PER_MSEC, WAIT_UNINTERRUPTIBLE);
	}
}
