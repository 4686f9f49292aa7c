// SPDX-License-Identifier: MIT
/*
 * struct process: creation, look-up, and what other rooms ask of it. The list of all processes and
 * the tree of parents and children are under one mutex, the process tree's: it is held for pointer
 * work only, never while memory is allocated.
 */
#include "kernel/process.h"

#include "arch/thread.h"
#include "kernel/cgroup.h"
#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "mm/aspace.h"
#include "mm/slab.h"

static struct mutex tree_mutex = MUTEX_INIT(tree_mutex);
static struct list all_processes = LIST_INIT(all_processes);

void (*session_leader_exit_hook)(struct session *s);

void process_tree_lock(void)
{
	mutex_lock(&tree_mutex);
}

void process_tree_unlock(void)
{
	mutex_unlock(&tree_mutex);
}

bool process_tree_locked(void)
{
	return mutex_held(&tree_mutex);
}

struct session *session_get(struct session *s)
{
	atomic_inc(&s->refs);
	return s;
}

void session_put(struct session *s)
{
	if (atomic_dec(&s->refs) == 0)
		kfree(s);
}

struct session *session_create(int sid)
{
	struct session *s = kmalloc(sizeof(*s), ALLOC_ZERO);

	if (s) {
		s->refs = 1;
		s->sid = sid;
	}
	return s;
}

struct process *process_get(struct process *p)
{
	atomic_inc(&p->refs);
	return p;
}

void process_put(struct process *p)
{
	if (atomic_dec(&p->refs) != 0)
		return;
	if (p->sighand)
		sighand_put(p->sighand);
	if (p->session)
		session_put(p->session);
	cgroup_put(p->cgroup);
	kfree(p);
}

static const struct rlimit64 initial_limits[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_FSIZE] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_DATA] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_STACK] = { 8 << 20, RLIM64_INFINITY },
	[RLIMIT_CORE] = { 0, RLIM64_INFINITY },
	[RLIMIT_RSS] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_NPROC] = { 0, 0 }, /* half of all tasks: set at run time */
	[RLIMIT_NOFILE] = { 1024, 4096 },
	[RLIMIT_MEMLOCK] = { 8 << 20, 8 << 20 },
	[RLIMIT_AS] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_LOCKS] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_SIGPENDING] = { 256, 256 },
	[RLIMIT_MSGQUEUE] = { 819200, 819200 },
	[RLIMIT_NICE] = { 0, 0 },
	[RLIMIT_RTPRIO] = { 0, 0 },
	[RLIMIT_RTTIME] = { RLIM64_INFINITY, RLIM64_INFINITY },
};

static void limits_init(struct process *p)
{
	memcpy(p->limits, initial_limits, sizeof(initial_limits));
	p->limits[RLIMIT_NPROC] = (struct rlimit64){ task_limit() / 2, task_limit() / 2 };
}

struct process *process_create(struct process *parent)
{
	struct process *p = kmalloc(sizeof(*p), ALLOC_ZERO);

	if (!p)
		return NULL;
	p->refs = 1;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all_link);
	list_init(&p->threads);
	list_init(&p->sig_queue);
	list_init(&p->walks);
	list_init(&p->kill_walk.link);
	spin_init(&p->lock);
	spin_init(&p->signal_lock);
	waitq_init(&p->child_wait);
	waitq_init(&p->thread_wait);
	waitq_init(&p->signal_wait);
	cpu_limit_init(p);
	p->start_time = time_now();
	if (!parent) {
		limits_init(p);
		return p;
	}
	spin_lock(&parent->lock);
	memcpy(p->limits, parent->limits, sizeof(p->limits));
	p->personality = parent->personality;
	p->oom_score_adj = parent->oom_score_adj;
	p->oom_score_adj_min = parent->oom_score_adj_min;
	spin_unlock(&parent->lock);
	return p;
}

void process_link_locked(struct process *p)
{
	list_push_back(&all_processes, &process_get(p)->all_link);
}

void process_unlink_locked(struct process *p)
{
	list_remove(&p->all_link);
	process_put(p);
}

struct process *process_find_locked(int pid)
{
	struct task *t = task_find_locked(pid);

	return t && t->process->pid == pid ? t->process : NULL;
}

struct process *process_find(int pid)
{
	struct process *p;

	process_tree_lock();
	p = process_find_locked(pid);
	if (p)
		process_get(p);
	process_tree_unlock();
	return p;
}

int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg)
{
	struct process *p, *next;

	DEBUG_ASSERT(process_tree_locked());
	list_for_each_safe (p, next, &all_processes, all_link) {
		int result = fn(p, arg);

		if (result)
			return result;
	}
	return 0;
}

struct for_each_leader {
	int (*fn)(struct task *leader, void *arg);
	void *arg;
};

static int call_with_leader(struct process *p, void *arg)
{
	struct for_each_leader *f = arg;

	return p->zombie ? 0 : f->fn(p->leader, f->arg);
}

int task_for_each_process(int (*fn)(struct task *leader, void *arg), void *arg)
{
	struct for_each_leader f = { fn, arg };
	int result;

	process_tree_lock();
	result = process_for_each_locked(call_with_leader, &f);
	process_tree_unlock();
	return result;
}

struct process *process_next(int pid)
{
	struct process *p = NULL;
	struct task *t;

	process_tree_lock();
	while ((t = task_find_next_locked(pid)) && t->process->pid != t->tid)
		pid = t->tid + 1;
	if (t)
		p = process_get(t->process);
	process_tree_unlock();
	return p;
}

struct task *process_next_thread(struct process *p, int tid)
{
	struct task *t, *best = NULL;

	spin_lock(&p->lock);
	list_for_each (t, &p->threads, process_link)
		if (t->tid >= tid && (!best || t->tid < best->tid))
			best = t;
	if (!best && p->leader && p->pid >= tid && p->nr_threads == 0)
		best = p->leader; /* a zombie shows its leader */
	if (best)
		task_get(best);
	spin_unlock(&p->lock);
	return best;
}

struct task *process_leader(struct process *p)
{
	struct task *t;

	spin_lock(&p->lock);
	t = p->leader ? task_get(p->leader) : NULL;
	spin_unlock(&p->lock);
	return t;
}

/* ---- What threads share, seen from outside: taken from any thread that still has it ---- */

bool process_runs_on(struct process *p, const struct aspace *as)
{
	bool found = false;
	struct task *t;

	spin_lock(&p->lock);
	list_for_each (t, &p->threads, process_link) {
		found = t->aspace == as;
		if (t->aspace)
			break;
	}
	spin_unlock(&p->lock);
	return found;
}

struct aspace *process_aspace(struct process *p)
{
	struct aspace *as = NULL;
	struct task *t;

	spin_lock(&p->lock);
	list_for_each (t, &p->threads, process_link) {
		if (t->aspace) {
			as = aspace_get(t->aspace);
			break;
		}
	}
	spin_unlock(&p->lock);
	return as;
}

struct files *process_files(struct process *p)
{
	struct files *files = NULL;
	struct task *t;

	spin_lock(&p->lock);
	list_for_each (t, &p->threads, process_link) {
		if (t->files) {
			files = files_get(t->files);
			break;
		}
	}
	spin_unlock(&p->lock);
	return files;
}

struct fs_context *process_fs(struct process *p)
{
	struct fs_context *fs = NULL;
	struct task *t;

	spin_lock(&p->lock);
	list_for_each (t, &p->threads, process_link) {
		if (t->fs) {
			fs = fs_context_get(t->fs);
			break;
		}
	}
	spin_unlock(&p->lock);
	return fs;
}

uint64_t process_limit_of(struct process *p, unsigned resource)
{
	uint64_t soft = READ_ONCE(p->limits[resource].rlim_cur);

	return soft == 0 && resource == RLIMIT_DATA ? READ_ONCE(p->limits[resource].rlim_max)
						    : soft;
}

uint64_t process_limit(unsigned resource)
{
	struct process *p = current()->process;

	return p ? process_limit_of(p, resource) : RLIM64_INFINITY;
}

void usage_add_cpu(struct usage *u, struct task *t)
{
	/* In this order: a stint in user mode that goes on between the two counts as system time,
	 * and not less than nothing. */
	u->user += time_of_ticks(arch_user_ticks(t));
	u->runtime += sched_runtime(t);
}

uint64_t usage_system(const struct usage *u)
{
	return u->runtime > u->user ? u->runtime - u->user : 0;
}

void process_usage_cpu(struct process *p, struct usage *u)
{
	spin_lock(&p->lock);
	*u = p->used;
	spin_unlock(&p->lock);
	process_cpu_time(p, &u->runtime, &u->user);
}

#define FAULT_BATCH 32 /* threads in one go */

/* Breathes: faults of a thread that ends meanwhile may be missed this time. */
static void add_faults(struct process *p, struct usage *u)
{
	uint64_t irqs = spin_lock_irq(&p->signal_lock);
	struct thread_walk w;
	struct task *t;
	unsigned n = 0;

	thread_walk_begin_locked(p, &w);
	while ((t = thread_walk_next_locked(p, &w)) != NULL) {
		u->minflt += READ_ONCE(t->minflt);
		u->majflt += READ_ONCE(t->majflt);
		if (++n % FAULT_BATCH == 0)
			signal_breathe(p, &irqs);
	}
	thread_walk_end_locked(&w);
	spin_unlock_irq(&p->signal_lock, irqs);
}

void process_usage(struct process *p, struct usage *u)
{
	struct aspace *as = process_aspace(p);

	process_usage_cpu(p, u);
	add_faults(p, u);
	if (as) {
		u->maxrss = MAX(u->maxrss, MAX(READ_ONCE(as->peak_rss), aspace_rss(as)));
		aspace_put(as);
	}
}

char task_state_letter(const struct task *t)
{
	switch (READ_ONCE(t->state)) {
	case TASK_RUNNABLE:
		return t->exiting && t->process && READ_ONCE(t->process->zombie) ? 'Z' : 'R';
	case TASK_SLEEPING:
	case TASK_SLEEPING_KILLABLE: return 'D';
	case TASK_SLEEPING_INTERRUPTIBLE: return 'S';
	case TASK_STOPPED: return 'T';
	default: return 'Z';
	}
}

/* ---- Groups ---- */

struct group_query {
	int pgid;
	const struct session *session;
};

static int in_group(struct process *p, void *arg)
{
	struct group_query *q = arg;

	return p->pgid == q->pgid && p->session == q->session;
}

bool group_exists_locked(int pgid, const struct session *s)
{
	struct group_query q = { pgid, s };

	return process_for_each_locked(in_group, &q);
}

/* A member with a parent in another group of the session: the group's job control. */
static int has_job_control(struct process *p, void *arg)
{
	struct group_query *q = arg;
	struct process *parent = p->parent;

	return p->pgid == q->pgid && !p->zombie && parent && parent->pid != 1 &&
	       parent->pgid != q->pgid && parent->session == p->session;
}

bool group_is_orphaned_locked(int pgid)
{
	struct group_query q = { pgid, NULL };

	return !process_for_each_locked(has_job_control, &q);
}
