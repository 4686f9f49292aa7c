// SPDX-License-Identifier: MIT
// System calls about who a task is: ids, groups, sessions, ends, and what it has used.
#include <linux/personality.h>
#include <linux/sched.h>

#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

/* ---- Ids ---- */

SYSCALL(getpid)
{
	(void)args;
	return current()->process->pid;
}

SYSCALL(gettid)
{
	(void)args;
	return current()->tid;
}

SYSCALL(getppid)
{
	(void)args;
	return READ_ONCE(current()->process->ppid);
}

SYSCALL(set_tid_address)
{
	current()->clear_tid = args[0];
	return current()->tid;
}

/* ---- Process groups and sessions ---- */

/* The process pid names (0: the caller), or NULL. Tree locked. */
static struct process *process_named_locked(int pid)
{
	return pid == 0 ? current()->process : process_find_locked(pid);
}

SYSCALL(getpgid)
{
	struct process *p;
	int64_t result;

	process_tree_lock();
	p = process_named_locked((int)args[0]);
	result = p ? p->pgid : -ESRCH;
	process_tree_unlock();
	return result;
}

SYSCALL(getsid)
{
	struct process *p;
	int64_t result;

	process_tree_lock();
	p = process_named_locked((int)args[0]);
	result = p ? p->session->sid : -ESRCH;
	process_tree_unlock();
	return result;
}

/* setpgid(2): oneself or a child that has not exec'd, within the session, into its own group or one
 * that exists. */
static int set_group_locked(int pid, int pgid)
{
	struct process *me = current()->process, *p = process_named_locked(pid);

	if (!p || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me && p->session != me->session)
		return -EPERM;
	if (p != me && p->did_exec)
		return -EACCES;
	if (p->session->sid == p->pid)
		return -EPERM;
	if (pgid == 0)
		pgid = p->pid;
	if (pgid != p->pid && !group_exists_locked(pgid, me->session))
		return -EPERM;
	p->pgid = pgid;
	return 0;
}

SYSCALL(setpgid)
{
	int err;

	if ((int)args[1] < 0)
		return -EINVAL;
	process_tree_lock();
	err = set_group_locked((int)args[0], (int)args[1]);
	process_tree_unlock();
	return err;
}

static int is_in_group(struct process *p, void *arg)
{
	return p->pgid == *(int *)arg;
}

SYSCALL(setsid)
{
	struct process *p = current()->process;
	struct session *fresh = session_create(p->pid), *old;
	int pid = p->pid;

	(void)args;
	if (!fresh)
		return -ENOMEM;
	process_tree_lock();
	if (process_for_each_locked(is_in_group, &pid)) {
		process_tree_unlock();
		session_put(fresh);
		return -EPERM;
	}
	old = p->session;
	p->session = fresh;
	p->pgid = pid;
	process_tree_unlock();
	session_put(old);
	return pid;
}

/* ---- Ends ---- */

SYSCALL(exit)
{
	task_exit((int)(args[0] & 0xff) << 8);
}

SYSCALL(exit_group)
{
	process_exit((int)(args[0] & 0xff) << 8);
}

/* ---- personality(2) ---- */

SYSCALL(personality)
{
	struct process *p = current()->process;
	uint32_t old = p->personality, new = (uint32_t)args[0];

	if (new == 0xffffffff)
		return old;
	/* Of the ways to be like another system only a layout that is not random is offered. */
	if (new & ~(uint32_t)ADDR_NO_RANDOMIZE)
		return -EINVAL;
	WRITE_ONCE(p->personality, new);
	return old;
}

/* ---- getrusage(2) ---- */

SYSCALL(getrusage)
{
	struct task *t = current();
	struct usage used = { 0 };
	struct rusage ru;

	switch ((int)args[0]) {
	case RUSAGE_SELF: process_usage(t->process, &used); break;
	case RUSAGE_CHILDREN:
		process_tree_lock();
		used = t->process->used_children;
		process_tree_unlock();
		break;
	case 1:                                   /* RUSAGE_THREAD */
		process_usage(t->process, &used); /* for maxrss, which is the process's */
		used.user = used.runtime = 0;
		usage_add_cpu(&used, t);
		used.minflt = t->minflt;
		used.majflt = t->majflt;
		break;
	default: return -EINVAL;
	}
	rusage_fill(&ru, &used);
	return copy_to_user(args[1], &ru, sizeof(ru));
}
