// SPDX-License-Identifier: MIT
/*
 * Ends: of a thread, of a process, of process 1.
 *
 * A thread gives up what it shares (robust futexes, memory, files), leaves its process's list, and
 * never runs again. The last thread makes the process a zombie: its children go to the nearest
 * subreaper or to process 1, stopped groups that nobody watches any more are sent SIGHUP and
 * SIGCONT, and the parent is told, or the process reaps itself when the parent does not care.
 *
 * When the last thread of process 1 ends, so does the machine.
 */
#include "arch/thread.h"
#include "kernel/cgroup.h"
#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/futex.h"
#include "kernel/futex_pi.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "kernel/timers.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

/* ---- Telling the parent ---- */

/* A parent that ignores SIGCHLD, or says so with SA_NOCLDWAIT, gets no zombies (wait(2), NOTES). */
static bool parent_ignores_children(struct process *parent, bool *silent)
{
	uint64_t irqs = spin_lock_irq(&parent->signal_lock);
	struct ksigaction a = signal_action_locked(parent, SIGCHLD);

	spin_unlock_irq(&parent->signal_lock, irqs);
	*silent = a.handler == ACTION_IGNORE;
	return a.handler == ACTION_IGNORE || (a.flags & SA_NOCLDWAIT);
}

static bool parent_wants_stops(struct process *parent)
{
	uint64_t irqs = spin_lock_irq(&parent->signal_lock);
	struct ksigaction a = signal_action_locked(parent, SIGCHLD);

	spin_unlock_irq(&parent->signal_lock, irqs);
	return !(a.flags & SA_NOCLDSTOP);
}

static void child_info(struct ksiginfo *info, struct process *p, int signo, int code, int status)
{
	struct usage used;

	process_usage_cpu(p, &used);
	*info = (struct ksiginfo){ .signo = signo, .code = code };
	info->u.child.pid = p->pid;
	info->u.child.uid = p->leader->cred->uid;
	info->u.child.status = status;
	info->u.child.utime = (int64_t)(used.user / (NSEC_PER_SEC / USER_HZ));
	info->u.child.stime = (int64_t)(usage_system(&used) / (NSEC_PER_SEC / USER_HZ));
}

static void wake_parent(struct process *parent)
{
	parent->child_events++;
	waitq_wake_all(&parent->child_wait);
}

void process_notify_parent_locked(struct process *p, int code, int status)
{
	struct process *parent = p->parent;
	struct ksiginfo info;

	if (!parent)
		return;
	if (parent_wants_stops(parent)) {
		child_info(&info, p, SIGCHLD, code, status);
		(void)signal_send_process(parent, SIGCHLD, &info);
	}
	wake_parent(parent);
}

/* A process has become a zombie (or a zombie has got a new parent). True when nobody will wait for
 * it. */
static bool notify_exit_locked(struct process *p)
{
	struct process *parent = p->parent;
	int status = p->exit_status & 0x7f;
	bool reap = false, silent = false;
	struct ksiginfo info;

	if (!parent)
		return false;
	if (p->exit_signal == SIGCHLD)
		reap = parent_ignores_children(parent, &silent);
	if (p->exit_signal && !silent) {
		child_info(&info, p, p->exit_signal, status ? CLD_KILLED : CLD_EXITED,
			   status ? status : p->exit_status >> 8);
		(void)signal_send_process(parent, p->exit_signal, &info);
	}
	wake_parent(parent);
	return reap;
}

/* ---- Families ---- */

/* Who adopts the children of p: a living subreaper among its ancestors, else process 1. */
static struct process *find_reaper(struct process *p)
{
	struct process *a;

	for (a = p->parent; a && a->pid != 1; a = a->parent)
		if (a->subreaper && !a->zombie)
			return a;
	return process_find_locked(1);
}

static void send_death_signals(struct process *child)
{
	struct task *t;

	spin_lock(&child->lock);
	list_for_each (t, &child->threads, process_link)
		if (t->death_signal)
			(void)signal_send(t, t->death_signal, NULL);
	spin_unlock(&child->lock);
}

struct stopped_query {
	int pgid;
};

static int is_stopped_member(struct process *p, void *arg)
{
	return p->pgid == ((struct stopped_query *)arg)->pgid && READ_ONCE(p->stop_signal) != 0;
}

/* POSIX, _exit(), consequences: a group that becomes orphaned with a stopped member is sent SIGHUP,
 * then SIGCONT. */
static void rouse_orphaned_group_locked(int pgid)
{
	struct stopped_query q = { pgid };

	if (group_is_orphaned_locked(pgid) && process_for_each_locked(is_stopped_member, &q)) {
		(void)signal_send_group_locked(pgid, SIGHUP, NULL);
		(void)signal_send_group_locked(pgid, SIGCONT, NULL);
	}
}

static void reparent_children_locked(struct process *p)
{
	struct process *reaper = find_reaper(p), *child, *next;

	list_for_each_safe (child, next, &p->children, sibling) {
		bool other_group = child->pgid != p->pgid && child->session == p->session;

		list_remove(&child->sibling);
		list_push_back(&reaper->children, &child->sibling);
		child->parent = reaper;
		child->ppid = reaper->pid;
		child->exit_signal = SIGCHLD;
		send_death_signals(child);
		if (child->zombie && notify_exit_locked(child))
			process_release_locked(child);
		else if (other_group)
			rouse_orphaned_group_locked(child->pgid);
	}
}

void process_release_locked(struct process *p)
{
	struct task *leader;

	list_remove(&p->sibling);
	p->parent = NULL;
	spin_lock(&p->lock);
	leader = p->leader;
	p->leader = NULL;
	spin_unlock(&p->lock);
	tid_remove_locked(leader);
	process_unlink_locked(p);
}

/* ---- One thread ---- */

/* Signals stop coming; those for the whole process go to others; a group stop no longer waits for
 * this thread. */
static void leave_signals(struct task *t, struct process *p)
{
	uint64_t irqs = spin_lock_irq(&p->signal_lock);
	bool counted_here = p->stop_signal != 0, last_to_stop;
	int stop;

	t->exiting = true;
	p->nr_live--;
	last_to_stop = counted_here && signal_stop_counted_locked(p);
	stop = p->stop_signal;
	sigqueue_flush(&t->sig_queue, &t->sig_pending);
	signal_pass_on_locked(p, ~(uint64_t)0, &irqs);
	spin_unlock_irq(&p->signal_lock, irqs);
	if (last_to_stop && p->nr_threads > 1) {
		process_tree_lock();
		process_notify_parent_locked(p, CLD_STOPPED, stop);
		process_tree_unlock();
	}
}

/* The word that pthread_join() and friends wait on (set_tid_address(2)). Without other users of the
 * memory nobody can look. */
static void clear_child_tid(struct task *t)
{
	virt_addr_t word = t->clear_tid;

	t->clear_tid = 0;
	if (word && READ_ONCE(t->aspace->users) > 1 && user_store32(word, 0) == 0)
		(void)futex_wake(word, 1);
}

static void leave_memory(struct task *t, struct process *p)
{
	struct aspace *as = t->aspace;
	uint64_t irqs, rss;

	vfork_done(t);
	hw_mb(); /* from here on membarrier(2) passes this task by */
	spin_lock(&p->lock);
	irqs = hw_irq_save(); /* no switch between the two: the next one would not see a change of
				 address space */
	t->aspace = NULL;
	pmap_activate(NULL);
	hw_irq_restore(irqs);
	spin_unlock(&p->lock);
	rss = aspace_unuse(as);
	spin_lock(&p->lock);
	p->used.maxrss = MAX(p->used.maxrss, rss);
	spin_unlock(&p->lock);
}

static void leave_files(struct task *t, struct process *p)
{
	struct files *files;
	struct fs_context *fs;

	spin_lock(&p->lock);
	files = t->files;
	fs = t->fs;
	t->files = NULL;
	t->fs = NULL;
	spin_unlock(&p->lock);
	files_put(files);
	fs_context_put(fs);
}

/* Takes t off its process's threads; true when it was the last. Tree locked. */
static bool leave_process_locked(struct task *t, struct process *p)
{
	uint64_t irqs;
	bool last;

	spin_lock(&p->lock);
	irqs = spin_lock_irq(&p->signal_lock);
	thread_leave_locked(p, t);
	last = --p->nr_threads == 0;
	spin_unlock_irq(&p->signal_lock, irqs);
	p->used.minflt += t->minflt;
	p->used.majflt += t->majflt;
	spin_unlock(&p->lock);
	waitq_wake_all(&p->thread_wait);
	return last;
}

/* The last thread is gone. Tree locked. True when the process has reaped itself. */
static bool become_zombie_locked(struct process *p)
{
	if (!p->exiting)
		p->exit_status = p->leader->exit_status;
	WRITE_ONCE(p->zombie, true);
	cgroup_process_ended_locked(p);
	waitq_wake_all(&p->thread_wait); /* who polls a pidfd */
	reparent_children_locked(p);
	if (p->parent && p->parent->session == p->session && p->parent->pgid != p->pgid)
		rouse_orphaned_group_locked(p->pgid);
	if (!notify_exit_locked(p))
		return false;
	process_release_locked(p);
	return true;
}

NORETURN static void init_ended(int status)
{
	int signo = status & 0x7f, code = signo ? 128 + signo : status >> 8;

	if (CONFIG_DEBUG)
		cgroup_check();
	if (signo)
		log_error("init: killed by signal %d", signo);
	else
		log_info("init: exited with status %d", code);
	fs_sync();
	log_flush();
	machine_off(code);
}

static void leave_family(struct task *t, struct process *p)
{
	struct session *s = NULL;
	bool last;

	process_tree_lock();
	last = leave_process_locked(t, p);
	cgroup_task_ended_locked(p);
	cgroup_measure_locked(t, &cgroup_root);
	if (last && p->pid == 1) {
		int status = p->exiting ? p->exit_status : p->leader->exit_status;

		process_tree_unlock();
		init_ended(status);
	}
	if (last && p->session->sid == p->pid)
		s = session_get(p->session);
	if (t->tid != p->pid)
		tid_remove_locked(t);
	if (last)
		become_zombie_locked(p);
	process_tree_unlock();
	if (last) {
		timers_process_exit(p);
		sigqueue_flush(&p->sig_queue, &p->sig_pending); /* no more come */
	}
	if (s) {
		if (session_leader_exit_hook)
			session_leader_exit_hook(s);
		session_put(s);
	}
}

void task_exit(int status)
{
	struct task *t = current();
	struct process *p = t->process;

	t->exit_status = status;
	signal_group_exit_go_on(p);
	leave_signals(t, p);
	futex_exit_robust();
	futex_exit_pi();
	clear_child_tid(t);
	leave_memory(t, p);
	leave_files(t, p);
	atomic_dec(&t->cred->user->tasks);
	leave_family(t, p);
	sched_exit();
}

void process_exit(int status)
{
	struct process *p = current()->process;
	uint64_t irqs = spin_lock_irq(&p->signal_lock);

	signal_group_exit_locked(p, status);
	status = p->exit_status;
	spin_unlock_irq(&p->signal_lock, irqs);
	task_exit(status);
}
