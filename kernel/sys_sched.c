// SPDX-License-Identifier: MIT
/*
 * System calls about scheduling. Who may do what (sched(7)): the superuser everything; others may lower, may raise up to RLIMIT_RTPRIO and RLIMIT_NICE,
 * and may touch tasks of their own user only.
 */
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/usercopy.h"

#define RR_INTERVAL (100 * NSEC_PER_MSEC)

/* The task tid names (0: the caller) with a reference, or NULL. */
static struct task *task_named(int tid)
{
	return tid == 0 ? task_get(current()) : task_find(tid);
}

static bool same_user(struct task *t)
{
	const struct cred *mine = current()->cred;
	struct cred *c;
	bool ok;

	if (cred_capable(mine, CAP_SYS_NICE))
		return true;
	c = cred_of_task(t);
	/* And t can do no more than the caller. */
	ok = (mine->euid == c->uid || mine->euid == c->euid) &&
	     !(c->caps.permitted & ~mine->caps.permitted);
	cred_put(c);
	return ok;
}

static bool is_rt(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int check_params(int policy, int priority)
{
	if (is_rt(policy))
		return priority >= PRIO_RT_MIN && priority <= PRIO_RT_MAX ? 0 : -EINVAL;
	if (policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE)
		return -EINVAL;
	return priority == 0 ? 0 : -EINVAL;
}

/* The nice value that RLIMIT_NICE lets t have at best. */
static int nice_floor(struct task *t)
{
	uint64_t limit = READ_ONCE(t->process->limits[RLIMIT_NICE].rlim_cur);

	return limit >= 40 ? -20 : 20 - (int)limit;
}

static int may_schedule(struct task *t, int policy, int priority, int nice)
{
	uint64_t limit = READ_ONCE(t->process->limits[RLIMIT_RTPRIO].rlim_cur);

	if (current_capable(CAP_SYS_NICE))
		return 0;
	if (!same_user(t))
		return -EPERM;
	if (is_rt(policy)) {
		bool raises = !is_rt(t->sched.policy) || priority > t->sched.rt_priority;

		if (raises && (uint64_t)priority > limit)
			return -EPERM;
	}
	if (nice < t->sched.nice && nice < nice_floor(t))
		return -EPERM;
	return t->sched.policy == SCHED_IDLE && policy != SCHED_IDLE &&
			       t->sched.nice < nice_floor(t)
		       ? -EPERM
		       : 0;
}

static int64_t set_scheduler(int tid, int policy, int priority)
{
	struct task *t;
	int err;

	if (tid < 0)
		return -EINVAL;
	t = task_named(tid);
	if (!t)
		return -ESRCH;
	if (policy < 0)
		policy = t->sched.policy;
	err = check_params(policy, priority);
	if (err == 0)
		err = may_schedule(t, policy, priority, t->sched.nice);
	if (err == 0)
		err = sched_set(t, policy, priority, t->sched.nice);
	task_put(t);
	return err;
}

SYSCALL(sched_setscheduler)
{
	uint32_t priority;

	if ((int)args[1] < 0 || !args[2])
		return -EINVAL;
	if (user_load32(&priority, args[2]) < 0)
		return -EFAULT;
	return set_scheduler((int)args[0], (int)args[1], (int)priority);
}

SYSCALL(sched_setparam)
{
	uint32_t priority;

	if (!args[1])
		return -EINVAL;
	if (user_load32(&priority, args[1]) < 0)
		return -EFAULT;
	return set_scheduler((int)args[0], -1, (int)priority);
}

SYSCALL(sched_getscheduler)
{
	struct task *t = (int)args[0] < 0 ? NULL : task_named((int)args[0]);
	int policy;

	if (!t)
		return (int)args[0] < 0 ? -EINVAL : -ESRCH;
	policy = READ_ONCE(t->sched.policy);
	task_put(t);
	return policy;
}

SYSCALL(sched_getparam)
{
	struct task *t = (int)args[0] < 0 || !args[1] ? NULL : task_named((int)args[0]);
	int priority;

	if (!t)
		return (int)args[0] < 0 || !args[1] ? -EINVAL : -ESRCH;
	priority = READ_ONCE(t->sched.rt_priority);
	task_put(t);
	return user_store32(args[1], (uint32_t)priority);
}

SYSCALL(sched_setattr)
{
	struct sched_attr a = { 0 };
	uint32_t size;
	struct task *t;
	int err;

	if ((int)args[0] < 0 || !args[1] || args[2] != 0)
		return -EINVAL;
	if (user_load32(&size, args[1]) < 0)
		return -EFAULT;
	if (size == 0)
		size = SCHED_ATTR_SIZE_VER0;
	if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&a, args[1], MIN(size, sizeof(a))) < 0)
		return -EFAULT;
	if (a.sched_flags != 0 || a.sched_nice < -20 || a.sched_nice > 19)
		return -EINVAL;
	err = check_params((int)a.sched_policy, (int)a.sched_priority);
	if (err < 0)
		return err;
	t = task_named((int)args[0]);
	if (!t)
		return -ESRCH;
	if (is_rt((int)a.sched_policy))
		a.sched_nice = t->sched.nice;
	err = may_schedule(t, (int)a.sched_policy, (int)a.sched_priority, a.sched_nice);
	if (err == 0)
		err = sched_set(t, (int)a.sched_policy, (int)a.sched_priority, a.sched_nice);
	task_put(t);
	return err;
}

SYSCALL(sched_getattr)
{
	struct sched_attr a = { .size = SCHED_ATTR_SIZE_VER0 };
	struct task *t;

	if ((int)args[0] < 0 || !args[1] || (uint32_t)args[2] < SCHED_ATTR_SIZE_VER0 ||
	    (uint32_t)args[2] > PAGE_SIZE || args[3] != 0)
		return -EINVAL;
	t = task_named((int)args[0]);
	if (!t)
		return -ESRCH;
	a.sched_policy = (uint32_t)t->sched.policy;
	a.sched_priority = (uint32_t)t->sched.rt_priority;
	a.sched_nice = t->sched.nice;
	task_put(t);
	return copy_to_user(args[1], &a, SCHED_ATTR_SIZE_VER0);
}

SYSCALL(sched_setaffinity)
{
	uint64_t mask = 0;
	struct task *t;
	int err;

	if (copy_from_user(&mask, args[2], MIN(args[1], sizeof(mask))) < 0)
		return -EFAULT;
	t = task_named((int)args[0]);
	if (!t)
		return -ESRCH;
	err = same_user(t) ? sched_set_affinity(t, mask) : -EPERM;
	task_put(t);
	return err;
}

SYSCALL(sched_getaffinity)
{
	uint64_t mask;
	struct task *t;

	/* Sizes are 32 bits, and so is that in bits. */
	if (((uint32_t)args[1] << 3) < 64 || args[1] % sizeof(mask) != 0)
		return -EINVAL;
	t = task_named((int)args[0]);
	if (!t)
		return -ESRCH;
	mask = READ_ONCE(t->sched.affinity) & sched_cpus_online();
	task_put(t);
	return copy_to_user(args[2], &mask, sizeof(mask)) < 0 ? -EFAULT : (int64_t)sizeof(mask);
}

SYSCALL(sched_yield)
{
	(void)args;
	sched_yield_cpu();
	return 0;
}

SYSCALL(sched_get_priority_max)
{
	int err = check_params((int)args[0], is_rt((int)args[0]) ? PRIO_RT_MIN : 0);

	return err < 0 ? err : is_rt((int)args[0]) ? PRIO_RT_MAX : 0;
}

SYSCALL(sched_get_priority_min)
{
	int err = check_params((int)args[0], is_rt((int)args[0]) ? PRIO_RT_MIN : 0);

	return err < 0 ? err : is_rt((int)args[0]) ? PRIO_RT_MIN : 0;
}

SYSCALL(sched_rr_get_interval)
{
	struct task *t = (int)args[0] < 0 ? NULL : task_named((int)args[0]);
	int policy;

	if (!t)
		return (int)args[0] < 0 ? -EINVAL : -ESRCH;
	policy = READ_ONCE(t->sched.policy);
	task_put(t);
	return timespec_to_user(args[1], policy == SCHED_RR     ? RR_INTERVAL
					 : policy == SCHED_FIFO ? 0
								: 4 * NSEC_PER_MSEC);
}

SYSCALL(getcpu)
{
	uint32_t cpu = hw_cpu();

	if (args[0] && user_store32(args[0], cpu) < 0)
		return -EFAULT;
	return args[1] ? user_store32(args[1], 0) : 0;
}

/* ---- Nice values: getpriority(2), setpriority(2) ---- */

struct nice_query {
	int which, who;
	bool set;
	int nice; /* to set; or the best found */
	int found, err;
	struct task *batch[16]; /* to be set once the tree is unlocked, with references */
	int nbatch, skip;
};

static bool nice_matches(struct process *p, const struct nice_query *q)
{
	if (p->zombie)
		return false;
	return q->which == PRIO_PGRP ? p->pgid == q->who : p->leader->cred->uid == (uint32_t)q->who;
}

/* Collects the leaders of the processes meant, a batch at a time: their priorities change when no lock is held. */
static int nice_collect(struct process *p, void *arg)
{
	struct nice_query *q = arg;

	if (!nice_matches(p, q) || q->found++ < q->skip)
		return 0;
	q->batch[q->nbatch++] = task_get(p->leader);
	return q->nbatch == (int)ARRAY_SIZE(q->batch);
}

static void nice_apply(struct nice_query *q, struct task *t)
{
	int err;

	if (!q->set) {
		q->nice = MIN(q->nice, t->sched.nice);
		return;
	}
	err = may_schedule(t, t->sched.policy, t->sched.rt_priority, q->nice);
	if (err == -EPERM && same_user(t))
		err = -EACCES;
	if (err == 0)
		err = sched_set(t, t->sched.policy, t->sched.rt_priority, q->nice);
	if (err < 0)
		q->err = err;
}

static int nice_many(struct nice_query *q)
{
	do {
		q->found = q->nbatch = 0;
		process_tree_lock();
		process_for_each_locked(nice_collect, q);
		process_tree_unlock();
		for (int i = 0; i < q->nbatch; i++) {
			nice_apply(q, q->batch[i]);
			task_put(q->batch[i]);
		}
		q->skip += q->nbatch;
	} while (q->nbatch == (int)ARRAY_SIZE(q->batch));
	return q->skip ? q->err : -ESRCH;
}

static int nice_run(struct nice_query *q)
{
	struct task *t;

	if (q->which == PRIO_PROCESS) {
		t = task_named(q->who);
		if (!t)
			return -ESRCH;
		nice_apply(q, t);
		task_put(t);
		return q->err;
	}
	if (q->which != PRIO_PGRP && q->which != PRIO_USER)
		return -EINVAL;
	if (q->who == 0)
		q->who = q->which == PRIO_PGRP ? current()->process->pgid
					       : (int)current()->cred->uid;
	return nice_many(q);
}

SYSCALL(setpriority)
{
	int nice = (int)args[2];
	struct nice_query q = { .which = (int)args[0], .who = (int)args[1], .set = true };

	q.nice = nice < -20 ? -20 : MIN(nice, 19);
	return nice_run(&q);
}

/* The system call's value is 20 - nice, so that it is never negative. */
SYSCALL(getpriority)
{
	struct nice_query q = { .which = (int)args[0], .who = (int)args[1], .nice = 19 };
	int err = nice_run(&q);

	return err < 0 ? err : 20 - q.nice;
}
