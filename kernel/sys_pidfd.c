// SPDX-License-Identifier: MIT
// System calls that act on the process behind a descriptor (kernel/fs/pidfd.c): signals, and taking
// back the memory of one that dies.
#include "kernel/errno.h"
#include "kernel/fs/pidfd.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

/* The caller's own siginfo: another process must not take it for the kernel's or kill(2)'s. */
static int info_from_user(struct ksiginfo *info, virt_addr_t src, int signo, struct process *p)
{
	if (copy_from_user(info, src, sizeof(*info)) < 0)
		return -EFAULT;
	if (info->signo != signo)
		return -EINVAL;
	if ((info->code >= 0 || info->code == SI_TKILL) && p != current()->process)
		return -EPERM;
	return 0;
}

static int64_t send(struct process *p, int signo, virt_addr_t user_info)
{
	struct ksiginfo info = signal_user_info(signo, SI_USER);
	int err = user_info ? info_from_user(&info, user_info, signo, p) : 0;

	if (err < 0)
		return err;
	process_tree_lock();
	if (!p->leader)
		err = -ESRCH; /* reaped */
	else if (signo < 0 || signo > SIGNAL_MAX)
		err = -EINVAL;
	else
		err = signal_request_locked(p, signo, &info);
	process_tree_unlock();
	return err;
}

SYSCALL(pidfd_send_signal)
{
	struct process *p;
	int64_t err;

	if ((unsigned)args[3] != 0)
		return -EINVAL;
	p = pidfd_process_or_dir((int)args[0]);
	if (IS_ERR(p))
		return PTR_ERR(p);
	err = send(p, (int)args[1], args[2]);
	process_put(p);
	return err;
}

static int lives_on(struct process *p, void *as)
{
	return !READ_ONCE(p->exiting) && process_runs_on(p, as);
}

/* The memory of p, when everybody who runs on it is dying, with a reference; or ERR_PTR: -EINVAL,
 * or -ESRCH: gone already. */
static struct aspace *dying_aspace(struct process *p)
{
	struct aspace *as = process_aspace(p);
	int alive;

	if (!as)
		return ERR_PTR(-ESRCH);
	process_tree_lock();
	alive = process_for_each_locked(lives_on, as);
	process_tree_unlock();
	if (!alive)
		return as;
	aspace_put(as);
	return ERR_PTR(-EINVAL);
}

SYSCALL(process_mrelease)
{
	struct process *p;
	struct aspace *as;

	if ((unsigned)args[1] != 0)
		return -EINVAL;
	p = pidfd_process((int)args[0], NULL);
	if (IS_ERR(p))
		return PTR_ERR(p);
	as = dying_aspace(p);
	process_put(p);
	if (IS_ERR(as))
		return PTR_ERR(as);
	aspace_reap(as, NULL);
	aspace_put(as);
	return 0;
}
