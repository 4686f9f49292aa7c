// SPDX-License-Identifier: MIT
// System calls about who a task is: ids, groups, sessions, ends, names, prctl(2), and what it has used.
#include <linux/personality.h>
#include <linux/prctl.h>
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

/* setpgid(2): oneself or a child that has not exec'd, within the session, into its own group or one that exists. */
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

/* ---- prctl(2) ---- */

static int64_t set_name(virt_addr_t src)
{
	char name[TASK_NAME_LEN];
	int64_t n = copy_string_from_user(name, src, sizeof(name));

	if (n == -ENAMETOOLONG)
		name[sizeof(name) - 1] = '\0';
	else if (n < 0)
		return n;
	spin_lock(&current()->process->lock);
	string_copy(current()->name, name, sizeof(current()->name));
	spin_unlock(&current()->process->lock);
	return 0;
}

static int64_t get_name(virt_addr_t dst)
{
	char name[TASK_NAME_LEN] = { 0 };

	string_copy(name, current()->name, sizeof(name));
	return copy_to_user(dst, name, sizeof(name));
}

SYSCALL(prctl)
{
	struct task *t = current();

	switch ((int)args[0]) {
	case PR_SET_NAME: return set_name(args[1]);
	case PR_GET_NAME: return get_name(args[1]);
	case PR_SET_PDEATHSIG:
		if (args[1] > SIGNAL_MAX)
			return -EINVAL;
		t->death_signal = (int)args[1];
		return 0;
	case PR_GET_PDEATHSIG: return user_store32(args[1], (uint32_t)t->death_signal);
	case PR_SET_CHILD_SUBREAPER:
		process_tree_lock();
		t->process->subreaper = args[1] != 0;
		process_tree_unlock();
		return 0;
	case PR_GET_CHILD_SUBREAPER: return user_store32(args[1], t->process->subreaper);
	case PR_GET_DUMPABLE: /* memory is never dumped */ return 0;
	case PR_GET_NO_NEW_PRIVS: /* exec never gives privileges here */
	case PR_GET_KEEPCAPS:
	case PR_GET_SECCOMP: return 0;
	case PR_CAPBSET_READ: return args[1] <= 40 ? 1 : -EINVAL;
	default: return -EINVAL;
	}
}

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
