// SPDX-License-Identifier: MIT
// Resource limits: getrlimit(2), setrlimit(2), prlimit(2). Those that mm/ enforces are copied to
// the address space when they change.
#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

/* Single words, read by the owner at its next call. */
static void copy_limits(struct process *p, struct aspace *as)
{
	WRITE_ONCE(as->limit.as, process_limit_of(p, RLIMIT_AS));
	WRITE_ONCE(as->limit.data, process_limit_of(p, RLIMIT_DATA));
	WRITE_ONCE(as->limit.stack, process_limit_of(p, RLIMIT_STACK));
	WRITE_ONCE(as->limit.memlock, process_limit_of(p, RLIMIT_MEMLOCK));
}

void aspace_adopt_rights(struct aspace *as)
{
	struct process *p = current()->process;

	spin_lock(&p->lock);
	copy_limits(p, as);
	if (current()->aspace == as)
		p->borrows_memory = false;
	spin_unlock(&p->lock);
	as->cap_ipc_lock = current_capable(CAP_IPC_LOCK);
	as->cap_sys_admin = current_capable(CAP_SYS_ADMIN);
}

static void limits_changed(struct process *p)
{
	struct aspace *as = process_aspace(p);

	if (!as)
		return;
	copy_limits(p, as);
	aspace_put(as);
}

static int change_limit(struct process *p, unsigned resource, const struct rlimit64 *new,
			struct rlimit64 *old)
{
	bool owns;
	int err = 0;

	if (new &&new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (new &&resource == RLIMIT_NOFILE &&new->rlim_max > 1 << 20)
		return -EPERM; /* as with fs.nr_open */
	spin_lock(&p->lock);
	*old = p->limits[resource];
	if (new) {
		if (new->rlim_max > old->rlim_max && !current_capable(CAP_SYS_RESOURCE))
			err = -EPERM;
		else
			p->limits[resource] = *new;
	}
	owns = !p->borrows_memory;
	spin_unlock(&p->lock);
	if (new &&err == 0 && owns)
		limits_changed(p);
	if (new &&err == 0 && resource == RLIMIT_CPU)
		cpu_limit_changed(p);
	if (new &&err == 0 && resource == RLIMIT_RTTIME) {
		uint64_t irqs = spin_lock_irq(&p->signal_lock);

		signal_each_thread(p, rt_limit_changed, &irqs);
		spin_unlock_irq(&p->signal_lock, irqs);
	}
	return err;
}

/* prlimit(2): the caller's user and group ids must be all of the target's, or it is privileged. */
static bool may_change(struct process *p)
{
	const struct cred *mine = current()->cred;
	struct task *leader;
	struct cred *c;
	bool ok;

	if (p == current()->process || cred_capable(mine, CAP_SYS_RESOURCE))
		return true;
	leader = process_leader(p);
	if (!leader)
		return false;
	c = cred_of_task(leader);
	ok = mine->uid == c->uid && mine->uid == c->euid && mine->uid == c->suid &&
	     mine->gid == c->gid && mine->gid == c->egid && mine->gid == c->sgid;
	cred_put(c);
	task_put(leader);
	return ok;
}

SYSCALL(prlimit64)
{
	int pid = (int)args[0], err;
	unsigned resource = (unsigned)args[1];
	struct rlimit64 new, old;
	struct process *p;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (args[2] && copy_from_user(&new, args[2], sizeof(new)) < 0)
		return -EFAULT;
	p = pid == 0 ? process_get(current()->process) : process_find(pid);
	if (!p)
		return -ESRCH;
	err = may_change(p) ? change_limit(p, resource, args[2] ? &new : NULL, &old) : -EPERM;
	process_put(p);
	if (err == 0 && args[3])
		err = copy_to_user(args[3], &old, sizeof(old));
	return err;
}

SYSCALL(getrlimit)
{
	struct rlimit64 old;
	unsigned resource = (unsigned)args[0];
	int err;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	err = change_limit(current()->process, resource, NULL, &old);
	return err < 0 ? err : copy_to_user(args[1], &old, sizeof(old));
}

SYSCALL(setrlimit)
{
	struct rlimit64 new, old;
	unsigned resource = (unsigned)args[0];

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (copy_from_user(&new, args[1], sizeof(new)) < 0)
		return -EFAULT;
	return change_limit(current()->process, resource, &new, &old);
}
