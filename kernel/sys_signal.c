// SPDX-License-Identifier: MIT
// System calls about signals.
#include <linux/signal.h>

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/usercopy.h"

#define SET_SIZE 8 /* bytes of sigset_t here, as every call says again */

static bool valid_signo(int signo)
{
	return signo >= 1 && signo <= SIGNAL_MAX;
}

/* ---- Handlers and masks ---- */

/* Signals that are now ignored disappear from where they wait (POSIX, sigaction()). */
static void drop_if_ignored(struct process *p, int signo, const struct ksigaction *act,
			    uint64_t *irqs)
{
	if (act->handler == ACTION_IGNORE ||
	    (act->handler == ACTION_DEFAULT && signal_default_ignored(signo)))
		signal_drop_queued_locked(p, SIGNAL_MASK(signo), irqs);
}

SYSCALL(rt_sigaction)
{
	struct process *p = current()->process;
	int signo = (int)args[0];
	struct ksigaction act, old;
	uint64_t irqs;

	if (args[3] != SET_SIZE || !valid_signo(signo))
		return -EINVAL;
	if (args[1] && copy_from_user(&act, args[1], sizeof(act)) < 0)
		return -EFAULT;
	if (args[1] && (SIGNAL_MASK(signo) & SIGNAL_UNBLOCKABLE))
		return -EINVAL;
	irqs = spin_lock_irq(&p->signal_lock);
	old = signal_action_locked(p, signo);
	if (args[1]) {
		act.mask &= ~SIGNAL_UNBLOCKABLE;
		spin_lock_raw(&p->sighand->lock);
		p->sighand->action[signo - 1] = act;
		p->sighand->changed |= SIGNAL_MASK(signo);
		spin_unlock_raw(&p->sighand->lock);
		drop_if_ignored(p, signo, &act, &irqs);
	}
	spin_unlock_irq(&p->signal_lock, irqs);
	return args[2] ? copy_to_user(args[2], &old, sizeof(old)) : 0;
}

SYSCALL(rt_sigprocmask)
{
	uint64_t old = current()->sig_blocked, set;

	if (args[3] != SET_SIZE)
		return -EINVAL;
	if (args[1]) {
		if (user_load64(&set, args[1]) < 0)
			return -EFAULT;
		switch ((int)args[0]) {
		case SIG_BLOCK: signal_mask_set(old | set); break;
		case SIG_UNBLOCK: signal_mask_set(old & ~set); break;
		case SIG_SETMASK: signal_mask_set(set); break;
		default: return -EINVAL;
		}
	}
	return args[2] ? user_store64(args[2], old) : 0;
}

SYSCALL(rt_sigpending)
{
	if (args[1] > SET_SIZE)
		return -EINVAL;
	uint64_t set = signal_pending_set() & current()->sig_blocked;

	return copy_to_user(args[0], &set, args[1]);
}

SYSCALL(rt_sigsuspend)
{
	uint64_t set;

	if (args[1] != SET_SIZE)
		return -EINVAL;
	if (user_load64(&set, args[0]) < 0)
		return -EFAULT;
	signal_mask_temporary(set);
	while (!signal_pending())
		(void)time_sleep_until(WAIT_FOREVER, WAIT_INTERRUPTIBLE);
	signal_mask_keep();
	return -ERESTART_NOHAND;
}

SYSCALL(rt_sigreturn)
{
	struct task *t = current();
	uint64_t mask;

	(void)args;
	if (arch_signal_return(&mask) < 0) {
		struct ksiginfo bad = { .signo = SIGSEGV, .code = SI_KERNEL };

		signal_force(SIGSEGV, &bad);
		return 0;
	}
	t->restart_code = 0;
	signal_mask_set(mask);
	return (int64_t)task_user_regs(t)->x[0];
}

static bool on_altstack(const struct task *t, virt_addr_t sp)
{
	return sp > t->sigalt_base && sp - t->sigalt_base <= t->sigalt_size;
}

SYSCALL(sigaltstack)
{
	struct task *t = current();
	bool in_use = on_altstack(t, task_user_regs(t)->sp) && !(t->sigalt_flags & SS_AUTODISARM);
	stack_t old = { 0 }, new;

	old.ss_sp = (void *)t->sigalt_base;
	old.ss_size = t->sigalt_size;
	old.ss_flags = (t->sigalt_size ? (in_use ? SS_ONSTACK : 0) : SS_DISABLE) |
		       (int)(t->sigalt_flags & SS_AUTODISARM);
	if (args[0]) {
		if (copy_from_user(&new, args[0], sizeof(new)) < 0)
			return -EFAULT;
		int mode = new.ss_flags & ~(int)SS_AUTODISARM;

		if (in_use)
			return -EPERM;
		if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
			return -EINVAL;
		if (mode != SS_DISABLE && new.ss_size < MINSIGSTKSZ)
			return -ENOMEM;
		t->sigalt_base = mode == SS_DISABLE ? 0 : (virt_addr_t) new.ss_sp;
		t->sigalt_size = mode == SS_DISABLE ? 0 : new.ss_size;
		t->sigalt_flags = (uint32_t) new.ss_flags;
	}
	return args[1] ? copy_to_user(args[1], &old, sizeof(old)) : 0;
}

/* ---- Waiting ---- */

/* Several signals may have been told to this thread, which takes one and is back to blocking them:
 * the others' turn. */
static void pass_on(uint64_t set)
{
	struct process *p = current()->process;
	uint64_t irqs = spin_lock_irq(&p->signal_lock);

	signal_pass_on_locked(p, set & current()->sig_blocked, &irqs);
	spin_unlock_irq(&p->signal_lock, irqs);
}

/* Sleeps until a signal of set comes or another one that is let in. */
static int wait_for_set(uint64_t set, uint64_t deadline)
{
	struct task *t = current();
	struct process *p = t->process;
	uint64_t irqs = spin_lock_irq(&p->signal_lock);
	int err;

	t->sig_waiting = set;
	signal_recalc_locked();
	spin_unlock_irq(&p->signal_lock, irqs);
	err = signal_pending() ? 0 : time_sleep_until(deadline, WAIT_INTERRUPTIBLE);
	irqs = spin_lock_irq(&p->signal_lock);
	t->sig_waiting = 0;
	signal_recalc_locked();
	spin_unlock_irq(&p->signal_lock, irqs);
	return err;
}

SYSCALL(rt_sigtimedwait)
{
	uint64_t set, ns, deadline = WAIT_FOREVER;
	struct ksiginfo info;
	int signo, err = 0;

	if (args[3] != SET_SIZE)
		return -EINVAL;
	if (user_load64(&set, args[0]) < 0)
		return -EFAULT;
	if (args[2]) {
		err = timespec_from_user(args[2], &ns);
		if (err < 0)
			return err;
		deadline = time_after(time_now(), ns);
	}
	set &= ~SIGNAL_UNBLOCKABLE;
	signo = signal_take(set, &info);
	if (!signo && !(args[2] && ns == 0)) {
		err = wait_for_set(set, deadline);
		signo = signal_take(set, &info);
		pass_on(set);
	}
	if (!signo)
		return err == -EINTR || signal_pending() ? -EINTR : -EAGAIN;
	if (args[1] && siginfo_to_user(args[1], &info) < 0)
		return -EFAULT;
	return signo;
}

/* ---- Sending ---- */

/* kill(2): the sender's real or effective id must be the target's real or saved one; SIGCONT may go
 * to anyone of the session. */
static int may_signal(struct task *target, int signo)
{
	const struct cred *mine = current()->cred;
	struct cred *c;
	bool ok;

	if (cred_capable(mine, CAP_KILL) || target->process == current()->process)
		return 0;
	c = cred_of_task(target);
	ok = mine->euid == c->uid || mine->euid == c->suid || mine->uid == c->uid ||
	     mine->uid == c->suid;
	cred_put(c);
	return ok || (signo == SIGCONT && target->process->session == current()->process->session)
		       ? 0
		       : -EPERM;
}

struct ksiginfo signal_user_info(int signo, int code)
{
	struct ksiginfo info = { .signo = signo, .code = code };

	info.u.rt.pid = current()->process->pid;
	info.u.rt.uid = current()->cred->uid;
	return info;
}

int signal_request_locked(struct process *p, int signo, const struct ksiginfo *info)
{
	int err = may_signal(p->leader, signo);

	return err < 0 || signo == 0 ? err : signal_send_process(p, signo, info);
}

struct kill_many {
	int pgid; /* -1: everybody but process 1 and the caller */
	int signo;
	const struct ksiginfo *info;
	int found, sent, err;
};

static int kill_one_of_many(struct process *p, void *arg)
{
	struct kill_many *k = arg;
	int err;

	if (k->pgid == -1 ? p->pid == 1 || p == current()->process : p->pgid != k->pgid)
		return 0;
	k->found++;
	err = signal_request_locked(p, k->signo, k->info);
	if (err >= 0)
		k->sent++;
	else if (k->pgid != -1 || err != -EPERM) /* to everybody is to whom one may: nobody is no
						    error, as with Linux */
		k->err = err;
	return 0;
}

static int kill_many(int pgid, int signo, const struct ksiginfo *info)
{
	struct kill_many k = { .pgid = pgid, .signo = signo, .info = info };

	process_for_each_locked(kill_one_of_many, &k);
	return k.sent ? 0 : k.found ? k.err : -ESRCH;
}

SYSCALL(kill)
{
	int pid = (int)args[0], signo = (int)args[1], err;
	struct ksiginfo info = signal_user_info(signo, SI_USER);
	struct process *p;

	if (signo != 0 && !valid_signo(signo))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	process_tree_lock();
	if (pid > 0) {
		p = process_find_locked(pid);
		err = p ? signal_request_locked(p, signo, &info) : -ESRCH;
	} else {
		err = kill_many(pid == 0    ? current()->process->pgid
				: pid == -1 ? -1
					    : -pid,
				signo, &info);
	}
	process_tree_unlock();
	return err;
}

/* tgid -1: whatever process the thread belongs to. */
static int64_t send_to_thread(int tgid, int tid, int signo, const struct ksiginfo *info)
{
	struct task *t;
	int err;

	if (tid <= 0 || (signo != 0 && !valid_signo(signo)))
		return -EINVAL;
	t = task_find(tid);
	if (!t)
		return -ESRCH;
	if (tgid != -1 && t->process->pid != tgid)
		err = -ESRCH;
	else
		err = may_signal(t, signo);
	if (err == 0 && signo != 0)
		err = signal_send(t, signo, info);
	task_put(t);
	return err;
}

SYSCALL(tkill)
{
	struct ksiginfo info = signal_user_info((int)args[1], SI_TKILL);

	return send_to_thread(-1, (int)args[0], (int)args[1], &info);
}

SYSCALL(tgkill)
{
	struct ksiginfo info = signal_user_info((int)args[2], SI_TKILL);

	if ((int)args[0] <= 0)
		return -EINVAL;
	return send_to_thread((int)args[0], (int)args[1], (int)args[2], &info);
}

/* A program's own siginfo: it may not look as if the kernel or kill(2) had sent it to another
 * process. */
static int info_from_user(struct ksiginfo *info, virt_addr_t src, int signo, int pid)
{
	if (copy_from_user(info, src, sizeof(*info)) < 0)
		return -EFAULT;
	info->signo = signo;
	if ((info->code >= 0 || info->code == SI_TKILL) && pid != current()->process->pid)
		return -EPERM;
	return 0;
}

SYSCALL(rt_sigqueueinfo)
{
	int pid = (int)args[0], signo = (int)args[1], err;
	struct ksiginfo info;
	struct process *p;

	if (signo != 0 && !valid_signo(signo))
		return -EINVAL;
	err = info_from_user(&info, args[2], signo, pid);
	if (err < 0)
		return err;
	process_tree_lock();
	p = pid > 0 ? process_find_locked(pid) : NULL;
	err = p ? signal_request_locked(p, signo, &info) : -ESRCH;
	process_tree_unlock();
	return err;
}

SYSCALL(rt_tgsigqueueinfo)
{
	int tgid = (int)args[0], err;
	struct ksiginfo info;

	if (tgid <= 0)
		return -EINVAL;
	err = info_from_user(&info, args[3], (int)args[2], tgid);
	return err < 0 ? err : send_to_thread(tgid, (int)args[1], (int)args[2], &info);
}

SYSCALL(restart_syscall)
{
	struct task *t = current();
	int64_t (*fn)(struct task * t) = t->restart.fn;

	(void)args;
	return fn ? fn(t) : -EINTR;
}
