// SPDX-License-Identifier: MIT
/*
 * Ending what was chosen: the process, and where its group says so (memory.oom.group) all of the
 * group that the policy might have chosen; then whoever shares memory with one of these, wherever
 * it is, as the reaper is given their address spaces. Their threads may use the reserve to die.
 */
#include "kernel/process.h"
#include "mm/aspace.h"
#include "mm/oom/oom.h"
#include "mm/reclaim.h"
#include "mm/swap.h"

struct end {
	const struct cgroup *unit; /* NULL, or: all of it ends */
	const char *whose;         /* memory that ended */
};

/* As Linux words it: programs look for this line. */
static void say_killed(struct process *p, struct aspace *as, const char *whose)
{
	const struct task *t = p->leader;
	struct pmap_usage u;

	pmap_usage(&as->pmap, &u);
	oom_say(LOG_ERROR,
		"%s: Killed process %d (%s) total-vm:%jukB, anon-rss:%jukB, file-rss:%jukB, UID:%u pgtables:%jukB oom_score_adj:%d",
		whose, p->pid, t->name, KB(as->total_pages), KB(u.present - MIN(u.file, u.present)),
		KB(u.file), t->cred != NULL ? t->cred->uid : 0, KB(u.tables), p->oom_score_adj);
}

/* Lets the threads of p, which come and go under the tree's lock, use the reserve, and ends them:
 * once. */
static void process_end(struct process *p)
{
	bool news = false;
	struct task *t;

	list_for_each (t, &p->threads, process_link) {
		news |= !t->oom_victim;
		WRITE_ONCE(t->oom_victim, true);
	}
	if (news)
		signal_kill(p);
}

/* Who shares memory that was ended before is not counted: one end, one line, which tells what p has
 * while it has it. */
static void end_one(struct process *p, struct aspace *as, const struct end *e)
{
	if (!as->ending)
		say_killed(p, as, e->whose);
	process_end(p);
	if (as->ending)
		return;
	if (oom_groups != NULL)
		oom_groups->killed(p);
	vm_count(VM_OOM_KILL, 1);
	WRITE_ONCE(as->ending, true);
	oom_reap(as);
}

static int end_member(struct process *p, void *arg)
{
	const struct end *e = arg;
	struct aspace *as = p->zombie || !oom_groups->holds(e->unit, p) ? NULL : process_aspace(p);

	if (as == NULL)
		return 0;
	if (!oom_is_exempt(p, as))
		end_one(p, as, e);
	aspace_put(as);
	return 0;
}

static int end_sharer(struct process *p, void *arg)
{
	struct aspace *as = p->zombie ? NULL : process_aspace(p);

	(void)arg;
	if (as == NULL)
		return 0;
	if (as->ending)
		process_end(p);
	aspace_put(as);
	return 0;
}

struct aspace *oom_end(const struct oom_candidate *c, const struct cgroup *top)
{
	struct end e = { .whose = top ? "Memory cgroup out of memory" : "Out of memory" };
	struct aspace *as = NULL;
	struct process *p;

	process_tree_lock();
	p = process_find_locked(c->pid);
	if (p != NULL && p->start_time == c->start_time && !p->zombie)
		as = process_aspace(p);
	if (as != NULL) {
		e.unit = oom_groups != NULL ? oom_groups->unit(p, top) : NULL;
		oom_report_groups(p->cgroup, top);
		end_one(p, as, &e);
		if (e.unit != NULL) {
			oom_note_users();
			(void)process_for_each_locked(end_member, &e);
		}
		(void)process_for_each_locked(end_sharer, NULL);
	}
	process_tree_unlock();
	if (as == NULL)
		return NULL;
	reclaim_let_go();
	oom_look_again();
	return as;
}
