// SPDX-License-Identifier: MIT
/*
 * Waiting for children: wait4(2), waitid(2). A pass over the children runs under the tree lock and
 * finds one with news, or tells whether there is any child to wait for. Between passes the caller
 * sleeps until child_events, read in the pass, has changed: news that comes between the pass and
 * the sleep are not missed.
 */
#include <linux/resource.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "kernel/errno.h"
#include "kernel/fs/pidfd.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/rusage.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

struct wait_query {
	int which; /* P_ALL, P_PID, P_PGID, P_PIDFD */
	int id;
	unsigned options;      /* W... and __W... */
	struct process *child; /* P_PIDFD: this one; a reference */
};

struct wait_result {
	int pid;
	uint32_t uid;
	int code;          /* CLD_... */
	int status;        /* as wait4(2) has it */
	struct usage used; /* by the child and those it waited for */
};

static bool matches(const struct process *child, const struct wait_query *q)
{
	bool clone_child = child->exit_signal != SIGCHLD;

	if (q->which == P_PID && child->pid != q->id)
		return false;
	if (q->which == P_PGID && child->pgid != q->id)
		return false;
	if (q->which == P_PIDFD && child != q->child)
		return false;
	return (q->options & __WALL) || clone_child == !!(q->options & __WCLONE);
}

static void usage_add(struct usage *sum, const struct usage *u)
{
	sum->runtime += u->runtime;
	sum->user += u->user;
	sum->minflt += u->minflt;
	sum->majflt += u->majflt;
	sum->maxrss = MAX(sum->maxrss, u->maxrss);
}

static void fill(struct wait_result *r, struct process *child, int code, int status)
{
	r->pid = child->pid;
	r->uid = child->leader->cred->uid;
	r->code = code;
	r->status = status;
	process_usage_cpu(child, &r->used);
	usage_add(&r->used, &child->used_children);
}

static bool try_exited(struct process *parent, struct process *child, const struct wait_query *q,
		       struct wait_result *r)
{
	if (!(q->options & WEXITED) || !child->zombie)
		return false;
	fill(r, child, (child->exit_status & 0x7f) ? CLD_KILLED : CLD_EXITED, child->exit_status);
	if (!(q->options & WNOWAIT)) {
		usage_add(&parent->used_children, &r->used);
		process_release_locked(child);
	}
	return true;
}

static bool try_stopped(struct process *child, const struct wait_query *q, struct wait_result *r)
{
	bool keep = q->options & WNOWAIT, stopped, continued;
	uint64_t irqs;
	int signo;

	if (!(q->options & (WSTOPPED | WCONTINUED)) || child->zombie)
		return false;
	irqs = spin_lock_irq(&child->signal_lock);
	signo = child->stop_signal;
	stopped = (q->options & WSTOPPED) && signo && child->stop_unreported;
	continued = !stopped && (q->options & WCONTINUED) && child->continue_unreported;
	if (stopped && !keep)
		child->stop_unreported = false;
	if (continued && !keep)
		child->continue_unreported = false;
	spin_unlock_irq(&child->signal_lock, irqs);
	if (stopped)
		fill(r, child, CLD_STOPPED, signo << 8 | 0x7f);
	else if (continued)
		fill(r, child, CLD_CONTINUED, 0xffff);
	return stopped || continued;
}

/* One pass. 1: *r is filled; 0: children, but no news; -ECHILD. */
static int scan_children(const struct wait_query *q, struct wait_result *r, uint32_t *events)
{
	struct process *p = current()->process, *child, *next;
	int result = -ECHILD;

	process_tree_lock();
	*events = p->child_events;
	list_for_each_safe (child, next, &p->children, sibling) {
		if (!matches(child, q))
			continue;
		result = 0;
		if (try_exited(p, child, q, r) || try_stopped(child, q, r)) {
			result = 1;
			break;
		}
	}
	process_tree_unlock();
	return result;
}

/* 1: *r is filled; 0: no news and WNOHANG; negative errno. */
static int wait_for_child(const struct wait_query *q, struct wait_result *r)
{
	struct process *p = current()->process;
	uint32_t events;

	for (;;) {
		int found = scan_children(q, r, &events);

		if (found != 0 || (q->options & WNOHANG))
			return found;
		if (wait_event(&p->child_wait, READ_ONCE(p->child_events) != events,
			       WAIT_INTERRUPTIBLE, WAIT_FOREVER) < 0)
			return -ERESTART;
	}
}

static struct __kernel_old_timeval timeval_of(uint64_t ns)
{
	return (struct __kernel_old_timeval){ (__kernel_old_time_t)(ns / NSEC_PER_SEC),
					      (__kernel_suseconds_t)(ns % NSEC_PER_SEC /
								     NSEC_PER_USEC) };
}

void rusage_fill(struct rusage *ru, const struct usage *u)
{
	memset(ru, 0, sizeof(*ru));
	ru->ru_utime = timeval_of(u->user);
	ru->ru_stime = timeval_of(usage_system(u));
	ru->ru_minflt = (long)u->minflt;
	ru->ru_majflt = (long)u->majflt;
	ru->ru_maxrss = (long)(u->maxrss * (PAGE_SIZE / 1024));
}

static int store_rusage(virt_addr_t dst, const struct usage *u)
{
	struct rusage ru;

	if (!dst)
		return 0;
	rusage_fill(&ru, u);
	return copy_to_user(dst, &ru, sizeof(ru));
}

SYSCALL(wait4)
{
	int pid = (int)args[0], found;
	unsigned options = (unsigned)args[2];
	struct wait_query q = { .options = options | WEXITED };
	struct wait_result r;

	if (options & ~(unsigned)(WNOHANG | WUNTRACED | WCONTINUED | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	q.which = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
	q.id = pid > 0 ? pid : pid == 0 ? current()->process->pgid : -pid;
	found = wait_for_child(&q, &r);
	if (found <= 0)
		return found;
	if (args[1] && user_store32(args[1], (uint32_t)r.status) < 0)
		return -EFAULT;
	if (store_rusage(args[3], &r.used) < 0)
		return -EFAULT;
	return r.pid;
}

static int store_waitid_info(virt_addr_t dst, const struct wait_result *r)
{
	struct ksiginfo info = { 0 };

	if (r) {
		info.signo = SIGCHLD;
		info.code = r->code;
		info.u.child.pid = r->pid;
		info.u.child.uid = r->uid;
		switch (r->code) {
		case CLD_EXITED: info.u.child.status = r->status >> 8; break;
		case CLD_STOPPED: info.u.child.status = r->status >> 8 & 0xff; break;
		case CLD_CONTINUED: info.u.child.status = SIGCONT; break;
		default: info.u.child.status = r->status & 0x7f;
		}
	}
	/* Linux leaves what lies behind the fields of SIGCHLD as it is; so do we: 32 bytes. */
	return copy_to_user(dst, &info, 32);
}

/* q asks for the process behind descriptor q->id. PIDFD_NONBLOCK is WNOHANG with another answer. */
static int wait_for_pidfd(struct wait_query *q, struct wait_result *r)
{
	bool nonblock, asked = q->options & WNOHANG;
	int found;

	q->child = pidfd_process(q->id, &nonblock);
	if (IS_ERR(q->child))
		return PTR_ERR(q->child);
	if (nonblock)
		q->options |= WNOHANG;
	found = wait_for_child(q, r);
	process_put(q->child);
	return found == 0 && nonblock && !asked ? -EAGAIN : found;
}

SYSCALL(waitid)
{
	struct wait_query q = { (int)args[0], (int)args[1], (unsigned)args[3], NULL };
	struct wait_result r = { 0 };
	int found;

	if (q.options &
	    ~(unsigned)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WCLONE | __WALL))
		return -EINVAL;
	if (!(q.options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	if ((q.which == P_PID && q.id <= 0) || (q.which != P_ALL && q.id < 0))
		return -EINVAL;
	if (q.which < P_ALL || q.which > P_PIDFD)
		return -EINVAL;
	if (q.which == P_PGID && q.id == 0)
		q.id = current()->process->pgid;
	found = q.which == P_PIDFD ? wait_for_pidfd(&q, &r) : wait_for_child(&q, &r);
	if (found > 0 && store_rusage(args[4], &r.used) < 0)
		return -EFAULT;
	/* Also when nothing was found, whatever the reason: then all zero. */
	if (args[2] && store_waitid_info(args[2], found > 0 ? &r : NULL) < 0)
		return -EFAULT;
	return MIN(found, 0);
}
