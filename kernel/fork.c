// SPDX-License-Identifier: MIT
/*
 * New threads and processes: clone(2), clone3(2).
 *
 *    check flags -> count against limits -> memory for the task
 *      -> share or copy cred, files, fs, handlers, address space
 *      -> process tree locked: tid, parent, group, list of threads -> run it
 *      -> (vfork) wait until it has exec'd or is gone
 *
 * Everything that can fail comes before the tree is locked, but for the tid and for a signal that
 * came meanwhile: a ^C meant for the whole group must find either no child or one that is in the
 * group, so the parent takes the signal first and clones again.
 */
#include <linux/sched.h>
#include <linux/signal.h>

#include "arch/thread.h"
#include "kernel/cgroup.h"
#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pidfd.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "kernel/syscall.h"
#include "kernel/task_alloc.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

/* A parent that waits for its vfork'ed child, on its stack. */
struct vfork_wait {
	struct waitq wq;
	bool done;
};
static struct spinlock vfork_lock; /* task->vfork of every child */

#define CLONE_KNOWN                                                                                \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |          \
	 CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |                       \
	 CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO |  \
	 CLONE_PTRACE | CLONE_CLEAR_SIGHAND | CLONE_PIDFD)
#define CLONE_NAMESPACES                                                                           \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)

/* clone(2), ERRORS. */
static int check_flags(const struct clone_request *r)
{
	uint64_t f = r->flags;

	if (f & CLONE_NAMESPACES)
		return -EINVAL; /* as a kernel configured without them */
	if (f & ~(uint64_t)CLONE_KNOWN)
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && (!(f & CLONE_VM) || (f & CLONE_CLEAR_SIGHAND)))
		return -EINVAL;
	if ((f & CLONE_PARENT) && current()->process->pid == 1)
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED)))
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & CLONE_PARENT_SETTID) && r->pidfd == r->parent_tid)
		return -EINVAL; /* always so with clone(2), which has one argument for both */
	if (r->exit_signal < 0 || r->exit_signal > SIGNAL_MAX)
		return -EINVAL;
	return 0;
}

/* Of task_limit(), kept for who can end the others' tasks. */
#define TASKS_KEPT 16

static bool is_administrator(const struct cred *c)
{
	return cred_capable(c, CAP_SYS_RESOURCE) || cred_capable(c, CAP_SYS_ADMIN) ||
	       c->user->uid == 0;
}

/* Asked before anything is made, and again where the number cannot change: with the tree locked. */
static bool tasks_are_left(const struct cred *c)
{
	return task_count() + (is_administrator(c) ? 0 : TASKS_KEPT) < task_limit();
}

/* Counts the new task against its user's RLIMIT_NPROC; administrators are held by task_limit()
 * alone. */
static int account_task(struct cred *c)
{
	uint32_t n = atomic_inc(&c->user->tasks);

	if (n > process_limit(RLIMIT_NPROC) && !is_administrator(c)) {
		atomic_dec(&c->user->tasks);
		return -EAGAIN;
	}
	current()->above_nproc = false;
	return 0;
}

static int share_files(struct task *child, struct task *t, uint64_t flags)
{
	if (flags & CLONE_FILES)
		child->shares_files = t->shares_files = true;
	child->files = (flags & CLONE_FILES) ? files_get(t->files) : files_copy(t->files);
	if (!child->files)
		return -ENOMEM;
	child->fs = (flags & CLONE_FS) ? fs_context_get(t->fs) : fs_context_copy(t->fs);
	return child->fs ? 0 : -ENOMEM;
}

static int share_memory(struct task *child, struct task *t, uint64_t flags)
{
	if (flags & CLONE_THREAD)
		aspace_make_parallel(t->aspace);
	child->aspace = (flags & CLONE_VM) ? aspace_use(t->aspace) : aspace_fork(t->aspace);
	if (!child->aspace)
		return -ENOMEM;
	if (t->process->borrows_memory && !(flags & CLONE_VM))
		aspace_adopt_rights(child->aspace);
	return 0;
}

static int share_process(struct task *child, struct process *p, uint64_t flags)
{
	struct process *new;

	if (flags & CLONE_THREAD) {
		child->process = process_get(p);
		return 0;
	}
	new = process_create(p);
	if (!new)
		return -ENOMEM;
	child->process = new; /* its first reference */
	new->borrows_memory = (flags & CLONE_VM) != 0;
	if (flags & CLONE_SIGHAND)
		new->sighand = sighand_get(p->sighand);
	else
		new->sighand =
			(flags & CLONE_CLEAR_SIGHAND) ? sighand_create() : sighand_copy(p->sighand);
	return new->sighand ? 0 : -ENOMEM;
}

/* Takes back what a task that will never run holds. */
static void unshare_all(struct task *child)
{
	struct aspace *as = child->aspace;

	child->aspace = NULL;
	if (as)
		aspace_unuse(as);
	if (child->fs)
		fs_context_put(child->fs);
	if (child->files)
		files_put(child->files);
	if (child->cred)
		atomic_dec(&child->cred->user->tasks);
	task_free(child);
}

static void inherit(struct task *child, const struct task *t, const struct clone_request *r)
{
	bool new_stack_in_same_memory = (r->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM;

	memcpy(child->name, t->name, sizeof(child->name));
	if (!t->sched.reset_on_fork || t->sched.rt_priority == 0) {
		child->sched.policy =
			t->sched.policy == SCHED_DEADLINE ? SCHED_OTHER : t->sched.policy;
		child->sched.rt_priority = t->sched.rt_priority;
		child->sched.prio = t->sched.rt_priority;
	}
	child->sched.nice = t->sched.reset_on_fork ? MAX(t->sched.nice, 0) : t->sched.nice;
	child->sched.affinity = t->sched.affinity;
	child->sched.cpu = t->sched.cpu;
	child->sig_blocked = t->sig_blocked;
	child->no_new_privs = t->no_new_privs;
	child->io_flusher = t->io_flusher;
	child->tagged_addresses = t->tagged_addresses;
	child->memory_errors = t->memory_errors;
	child->timer_slack = child->timer_slack_default = t->timer_slack;
	if (!new_stack_in_same_memory) {
		child->sigalt_base = t->sigalt_base;
		child->sigalt_size = t->sigalt_size;
		child->sigalt_flags = t->sigalt_flags;
	} else {
		child->sigalt_flags = SS_DISABLE;
	}
	child->clear_tid = (r->flags & CLONE_CHILD_CLEARTID) ? r->child_tid : 0;
	if ((r->flags & CLONE_CHILD_SETTID) && r->child_tid) {
		child->set_tid = r->child_tid;
		child->hot.pending = TASK_WORK;
	}
}

/* A copy of current() that is not in any table yet, or ERR_PTR. */
static struct task *make_task(const struct clone_request *r)
{
	struct task *t = current(), *child;
	int err;

	if (!tasks_are_left(t->cred))
		return ERR_PTR(-EAGAIN);
	err = cgroup_may_fork(r->cgroup, r->flags & CLONE_THREAD);
	if (err < 0)
		return ERR_PTR(err);
	child = task_alloc();
	if (!child)
		return ERR_PTR(-ENOMEM);
	inherit(child, t, r);
	err = account_task(t->cred);
	if (err == 0) {
		child->cred = cred_get(t->cred);
		err = share_process(child, t->process, r->flags);
	}
	if (err == 0)
		err = share_files(child, t, r->flags);
	if (err == 0)
		err = share_memory(child, t, r->flags);
	if (err < 0) {
		unshare_all(child);
		return ERR_PTR(err);
	}
	child->memory_group = &child->process->memory_group;
	arch_task_init_fork(child, t, r->stack, r->flags & CLONE_SETTLS, r->tls);
	return child;
}

static void thread_join_locked(struct task *child, struct process *p)
{
	uint64_t irqs;

	spin_lock(&p->lock);
	irqs = spin_lock_irq(&p->signal_lock);
	list_push_back(&p->threads, &child->process_link);
	p->nr_threads++;
	p->nr_live++;
	/* What was asked of every thread since the creator last looked. */
	if (p->exiting || p->exec_task)
		atomic_fetch_or(&child->hot.pending, TASK_SIGNAL | TASK_KILLED);
	if (p->stop_signal) {
		p->stop_running++;
		atomic_fetch_or(&child->hot.pending, TASK_SIGNAL);
	}
	spin_unlock_irq(&p->signal_lock, irqs);
	spin_unlock(&p->lock);
}

static void process_join_locked(struct task *child, const struct clone_request *r)
{
	struct process *p = child->process, *mine = current()->process;
	struct process *parent = (r->flags & CLONE_PARENT) ? mine->parent : mine;

	p->pid = child->tid;
	p->leader = child;
	p->exit_signal = (r->flags & CLONE_PARENT) ? mine->exit_signal : r->exit_signal;
	p->pgid = mine->pgid;
	p->session = session_get(mine->session);
	p->parent = parent;
	p->ppid = parent->pid;
	list_push_back(&parent->children, &p->sibling);
	process_link_locked(p);
	thread_join_locked(child, p);
	cpu_limit_changed(p);
}

/* Enters the child into the tables. Its tid, -EAGAIN, what cgroup_may_start_locked() says, or
 * -ERESTART_ALWAYS: signals first. Tree locked. */
static int publish_locked(struct task *child, const struct clone_request *r)
{
	bool thread = r->flags & CLONE_THREAD;
	int tid;

	if (signal_pending())
		return -ERESTART_ALWAYS;
	if (!tasks_are_left(child->cred)) /* many may have asked at once */
		return -EAGAIN;
	tid = cgroup_may_start_locked(r->cgroup, thread);
	if (tid == 0)
		tid = cgroup_task_joins_locked(child->process,
					       r->cgroup ?: current()->process->cgroup);
	if (tid < 0)
		return tid;
	tid = tid_alloc_locked(child);
	if (tid < 0) {
		cgroup_task_ended_locked(child->process);
		cgroup_task_left_locked(child->process);
		if (!thread)
			cgroup_process_ended_locked(child->process);
		return tid;
	}
	if (thread)
		thread_join_locked(child, child->process);
	else
		process_join_locked(child, r);
	cgroup_measure_locked(child, child->process->cgroup);
	return tid;
}

/* Likewise with the descriptor that goes with it, if one is asked for; also -EMFILE, -ENOMEM,
 * -EFAULT. */
static int publish(struct task *child, const struct clone_request *r)
{
	struct file *f = NULL;
	int fd = -1, tid;

	if (r->flags & CLONE_PIDFD) {
		f = pidfd_offer(child->process, r->pidfd, &fd);
		if (IS_ERR(f))
			return PTR_ERR(f);
	}
	process_tree_lock();
	tid = publish_locked(child, r);
	process_tree_unlock();
	if (f)
		pidfd_settle(f, fd, tid > 0);
	return tid;
}

/* ---- vfork ---- */

void vfork_done(struct task *t)
{
	if (!READ_ONCE(t->vfork)) /* only its own parent writes it, before the task runs */
		return;
	spin_lock(&vfork_lock);
	if (t->vfork) {
		WRITE_ONCE(t->vfork->done, true);
		waitq_wake_all(&t->vfork->wq);
		t->vfork = NULL;
	}
	spin_unlock(&vfork_lock);
}

/* Sleeps until the child has its own memory or is gone; death ends the wait. Takes over a reference
 * to the child. */
static void vfork_wait(struct task *child, struct vfork_wait *w)
{
	(void)wait_event(&w->wq, READ_ONCE(w->done), WAIT_KILLABLE, WAIT_FOREVER);
	spin_lock(&vfork_lock);
	child->vfork = NULL;
	spin_unlock(&vfork_lock);
	task_put(child);
}

int64_t task_clone(const struct clone_request *r)
{
	struct vfork_wait w = { .wq = WAITQ_INIT(w.wq) };
	bool vfork = r->flags & CLONE_VFORK;
	struct task *child;
	int tid = check_flags(r);

	if (tid < 0)
		return tid;
	/* What it was admitted for is for one. */
	if (current()->sched.policy == SCHED_DEADLINE && !current()->sched.reset_on_fork)
		return -EAGAIN;
	child = make_task(r);
	if (IS_ERR(child))
		return PTR_ERR(child);
	if (vfork) {
		child->vfork = &w;
		task_get(child);
	}
	tid = publish(child, r);
	if (tid < 0) {
		unshare_all(child);
		return tid;
	}
	/* The child exists by now, so a bad address is the caller's loss (clone(2) names no error
	 * for it). */
	if ((r->flags & CLONE_PARENT_SETTID) && user_store32(r->parent_tid, (uint32_t)tid) < 0)
		log_debug("tid %d: bad address for CLONE_PARENT_SETTID", current()->tid);
	if (process_limit(RLIMIT_RTTIME) != RLIM64_INFINITY)
		rt_time_changed(child);
	sched_start(child);
	if (vfork)
		vfork_wait(child, &w);
	return tid;
}

/* clone(flags, stack, parent_tid, tls, child_tid): the order of CONFIG_CLONE_BACKWARDS. */
SYSCALL(clone)
{
	struct clone_request r = {
		.flags = (uint32_t)args[0] & ~(uint32_t)CSIGNAL,
		.exit_signal = (int)(args[0] & CSIGNAL),
		.stack = args[1],
		.parent_tid = args[2],
		.tls = args[3],
		.child_tid = args[4],
		.pidfd = args[2],
	};

	return task_clone(&r);
}

SYSCALL(clone3)
{
	struct clone_args a = { 0 };
	uint64_t size = args[1];
	struct clone_request r;
	int64_t tid;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (copy_from_user(&a, args[0], MIN(size, sizeof(a))) < 0)
		return -EFAULT;
	/* Fields of a later version must be zero. */
	for (uint64_t at = sizeof(a); at < size; at += 8) {
		uint64_t word;

		if (user_load64(&word, args[0] + at) < 0)
			return -EFAULT;
		if (word)
			return -E2BIG;
	}
	if (a.set_tid || a.set_tid_size || (a.flags & (CSIGNAL | CLONE_DETACHED)))
		return -EINVAL;
	if ((a.flags & CLONE_INTO_CGROUP) && (a.cgroup > INT32_MAX || size < CLONE_ARGS_SIZE_VER2))
		return -EINVAL;
	if (a.exit_signal > SIGNAL_MAX || !a.stack != !a.stack_size)
		return -EINVAL;
	if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal)
		return -EINVAL;
	r = (struct clone_request){
		.flags = a.flags & ~CLONE_INTO_CGROUP,
		.exit_signal = (int)a.exit_signal,
		.stack = a.stack ? a.stack + a.stack_size : 0,
		.tls = a.tls,
		.parent_tid = a.parent_tid,
		.child_tid = a.child_tid,
		.pidfd = a.pidfd,
		.cgroup = a.flags & CLONE_INTO_CGROUP ? cgroup_of_fd((int)a.cgroup) : NULL,
	};
	if (IS_ERR(r.cgroup))
		return PTR_ERR(r.cgroup);
	tid = task_clone(&r);
	cgroup_put(r.cgroup);
	return tid;
}
