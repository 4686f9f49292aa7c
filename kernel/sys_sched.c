// SPDX-License-Identifier: MIT
/*
 * System calls about scheduling. Who may do what (sched(7)): the superuser everything; others may
 * lower, may raise up to RLIMIT_RTPRIO and RLIMIT_NICE, and may touch tasks of their own user only.
 */
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/runq.h"
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

/* What sched_setscheduler(2) and sched_getscheduler(2) have among the policy's bits. */
#define POLICY_BITS(reset) ((reset) ? SCHED_RESET_ON_FORK : 0)

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
		bool raises = priority > t->sched.rt_priority; /* an ordinary one has 0 */

		if (limit == 0 ? raises || policy != t->sched.policy
			       : raises && (uint64_t)priority > limit)
			return -EPERM;
	}
	if (nice < t->sched.nice && nice < nice_floor(t))
		return -EPERM;
	return t->sched.policy == SCHED_IDLE && policy != SCHED_IDLE &&
			       t->sched.nice < nice_floor(t)
		       ? -EPERM
		       : 0;
}

/* Nobody but the superuser may take a task's children out of this again. */
static int may_reset(const struct task *t, bool reset)
{
	return t->sched.reset_on_fork && !reset && !current_capable(CAP_SYS_NICE) ? -EPERM : 0;
}

static int64_t set_scheduler(int tid, int policy, int priority)
{
	bool reset = policy >= 0 && (policy & SCHED_RESET_ON_FORK);
	struct task *t;
	int err;

	if (tid < 0)
		return -EINVAL;
	t = task_named(tid);
	if (!t)
		return -ESRCH;
	if (policy < 0) {
		policy = t->sched.policy;
		reset = t->sched.reset_on_fork;
	}
	policy &= ~SCHED_RESET_ON_FORK;
	err = check_params(policy, priority);
	if (err == 0)
		err = may_schedule(t, policy, priority, t->sched.nice);
	if (err == 0)
		err = may_reset(t, reset);
	if (err == 0)
		err = sched_set(t, policy, priority, t->sched.nice);
	if (err == 0)
		WRITE_ONCE(t->sched.reset_on_fork, reset);
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
	policy = READ_ONCE(t->sched.policy) | POLICY_BITS(READ_ONCE(t->sched.reset_on_fork));
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

/* A size that is too little, or something in it that is not known here: the caller is told what
 * is. */
static int attr_too_big(virt_addr_t src)
{
	return user_store32(src, sizeof(struct sched_attr)) < 0 ? -EFAULT : -E2BIG;
}

/* The caller's struct sched_attr, of which it may know more or less than we do: what we do not know
 * must be zero. */
static int attr_from_user(struct sched_attr *a, virt_addr_t src)
{
	uint32_t size, word;

	if (user_load32(&size, src) < 0)
		return -EFAULT;
	if (size == 0)
		size = SCHED_ATTR_SIZE_VER0;
	if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
		return attr_too_big(src);
	if (copy_from_user(a, src, MIN(size, sizeof(*a))) < 0)
		return -EFAULT;
	for (uint32_t at = sizeof(*a); at + 4 <= size; at += 4) {
		if (user_load32(&word, src + at) < 0)
			return -EFAULT;
		if (word != 0)
			return attr_too_big(src);
	}
	a->sched_nice = MAX(-20, MIN(a->sched_nice, 19));
	return a->sched_flags & ~(uint64_t)SCHED_FLAG_RESET_ON_FORK ? -EINVAL : 0;
}

static int set_deadline(struct task *t, const struct sched_attr *a)
{
	struct sched_deadline d = { a->sched_runtime, a->sched_deadline, a->sched_period };

	if (!deadline_valid(&d) || a->sched_priority != 0)
		return -EINVAL;
	/* Nor with fewer CPUs than there are: what is admitted counts on all of them. */
	if (!current_capable(CAP_SYS_NICE) || (sched_cpus_online() & ~t->sched.affinity))
		return -EPERM;
	return sched_set_deadline(t, &d);
}

static int set_attr(struct task *t, struct sched_attr *a)
{
	int policy = (int)a->sched_policy, err;

	if (policy == SCHED_DEADLINE)
		return set_deadline(t, a);
	err = check_params(policy, (int)a->sched_priority);
	if (is_rt(policy))
		a->sched_nice = t->sched.nice;
	if (err == 0)
		err = may_schedule(t, policy, (int)a->sched_priority, a->sched_nice);
	return err ? err : sched_set(t, policy, (int)a->sched_priority, a->sched_nice);
}

SYSCALL(sched_setattr)
{
	struct sched_attr a = { 0 };
	struct task *t;
	bool reset;
	int err;

	if ((int)args[0] < 0 || !args[1] || args[2] != 0)
		return -EINVAL;
	err = attr_from_user(&a, args[1]);
	if (err < 0)
		return err;
	t = task_named((int)args[0]);
	if (!t)
		return -ESRCH;
	reset = a.sched_flags & SCHED_FLAG_RESET_ON_FORK;
	err = may_reset(t, reset);
	if (err == 0)
		err = set_attr(t, &a);
	if (err == 0)
		WRITE_ONCE(t->sched.reset_on_fork, reset);
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
	a.sched_flags = t->sched.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	a.sched_runtime = t->sched.dl.runtime;
	a.sched_deadline = t->sched.dl.deadline;
	a.sched_period = t->sched.dl.period;
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
	err = same_user(t) ? 0 : -EPERM;
	if (err == 0 && t->sched.policy == SCHED_DEADLINE && (sched_cpus_online() & ~mask))
		err = -EBUSY; /* see set_deadline() */
	if (err == 0)
		err = sched_set_affinity(t, mask);
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
	if (unlikely(current()->sched.policy == SCHED_DEADLINE))
		sched_deadline_yield();
	else
		sched_yield_cpu();
	return 0;
}

SYSCALL(sched_get_priority_max)
{
	int err = (int)args[0] == SCHED_DEADLINE
			  ? 0
			  : check_params((int)args[0], is_rt((int)args[0]) ? PRIO_RT_MIN : 0);

	return err < 0 ? err : is_rt((int)args[0]) ? PRIO_RT_MAX : 0;
}

SYSCALL(sched_get_priority_min)
{
	int err = (int)args[0] == SCHED_DEADLINE
			  ? 0
			  : check_params((int)args[0], is_rt((int)args[0]) ? PRIO_RT_MIN : 0);

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
	return timespec_to_user(args[1], policy == SCHED_RR ? RR_INTERVAL
					 : policy == SCHED_FIFO || policy == SCHED_DEADLINE
						 ? 0
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

/* Collects the leaders of the processes meant, a batch at a time: their priorities change when no
 * lock is held. */
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
