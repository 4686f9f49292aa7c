// SPDX-License-Identifier: MIT
/*
 * CPU time of processes, and its limit.
 *
 * The scheduler adds what a task ran to its process's sums whenever it charges the task
 * (process_charge()), so a process's time costs a look at each CPU, however many threads it has:
 * only what its running threads have not been charged for yet is missing from the sums.
 *
 * Nothing in the scheduler knows of CPU-time timers and limits, and who has none pays nothing for
 * them. Each is a kernel timer that goes off when the process can have used up what is left at the
 * earliest, all CPUs at work, looks, and starts itself anew when it has not (cpu_look_again()).
 * While the process sleeps, looks are further apart. So an expiry is late by a few ms at most, and
 * exact for what runs without a break.
 *
 * RLIMIT_RTTIME is of each thread, and so is its timer, in the task: it goes off when the thread
 * can have run for that long without a sleep at the earliest, and a sleep is seen by the switch
 * (rt_time_slept()). It counts while the policy is SCHED_FIFO or SCHED_RR, and goes on where it was
 * when the thread becomes one of these again.
 *
 * RLIMIT_CPU: SIGXCPU at the soft limit and at every further second of CPU time, SIGKILL at the
 * hard one (getrlimit(2)). RLIMIT_RTTIME does the same. The limits that programs see stay as they
 * were set: Linux raises the soft one with each signal.
 */
#include "kernel/cputime.h"

#include "arch/thread.h"
#include "kernel/process.h"
#include "kernel/runq.h"
#include "kernel/timespec.h"

#define LOOK_MIN (1 * NSEC_PER_MSEC)
#define LOOK_MAX (16 * NSEC_PER_MSEC)

void process_charge(struct task *t, uint64_t ns)
{
	struct process *p = t->process;
	uint64_t user = arch_user_ticks(t), more = user - t->sched.user_charged;

	atomic_fetch_add(&p->cpu_runtime, ns);
	if ((int64_t)more <= 0)
		return;
	t->sched.user_charged = user;
	atomic_fetch_add(&p->cpu_user_ticks, more);
}

/* Charges what runs on this CPU if it is of p. */
static void settle_cpu(int cpu, const struct process *p)
{
	struct runq *rq = &runqs[cpu];
	uint64_t old = spin_lock_irq(&rq->lock);

	if (rq->curr->process == p)
		runq_account(rq, time_now());
	spin_unlock_irq(&rq->lock, old);
}

void process_cpu_time(struct process *p, uint64_t *runtime, uint64_t *user)
{
	for (uint64_t set = sched_cpus_online(); set; set &= set - 1)
		settle_cpu(__builtin_ctzll(set), p);
	/* In this order, so that user is the less of the two. */
	*user = time_of_ticks(atomic_load(&p->cpu_user_ticks));
	*runtime = atomic_load(&p->cpu_runtime);
}

uint64_t cpu_look_again(struct cpu_watch *w, uint64_t used, uint64_t left, unsigned threads)
{
	unsigned cpus = 0;

	for (uint64_t set = sched_cpus_online(); set; set &= set - 1)
		cpus++;
	w->pause = used == w->seen ? MIN(2 * w->pause, LOOK_MAX) : LOOK_MIN;
	w->seen = used;
	/* As many as can run at once, and one at least. */
	return time_after(time_now(), MAX(left / MAX(MIN(threads, cpus), 1u), w->pause));
}

/* ---- Limits ---- */

static uint64_t limit_ns(uint64_t value, uint64_t unit)
{
	return value > UINT64_MAX / unit ? UINT64_MAX : value * unit;
}

/* After a SIGXCPU that was due at `due`, when `used` had been used. */
static uint64_t next_warning(uint64_t due, uint64_t used)
{
	return time_after(due, (used - due) / NSEC_PER_SEC * NSEC_PER_SEC + NSEC_PER_SEC);
}

/* ---- RLIMIT_CPU ---- */

/* Looks, and sees to the next look. lock held. */
static void look_locked(struct process *p)
{
	struct cpu_limit *l = &p->cpu_limit;
	uint64_t hard = limit_ns(READ_ONCE(p->limits[RLIMIT_CPU].rlim_max), NSEC_PER_SEC);
	uint64_t soft = limit_ns(READ_ONCE(p->limits[RLIMIT_CPU].rlim_cur), NSEC_PER_SEC);
	uint64_t used, user, next = MAX(soft, l->next);

	if (MIN(next, hard) == UINT64_MAX)
		return;
	process_cpu_time(p, &used, &user);
	if (used >= hard) {
		(void)signal_send_process(p, SIGKILL, NULL);
		return;
	}
	if (used >= next) {
		sigqueue_send(&l->signal, p, NULL, 0);
		next = l->next = next_warning(next, used);
	}
	timer_start(&l->timer, cpu_look_again(&l->watch, used, MIN(next, hard) - used,
					      READ_ONCE(p->nr_threads)));
}

static void look(struct process *p, bool changed)
{
	struct cpu_limit *l = &p->cpu_limit;
	uint64_t old = spin_lock_irq(&l->lock);

	if (changed)
		l->next = 0;
	if (!l->ended)
		look_locked(p);
	spin_unlock_irq(&l->lock, old);
}

static void expired(struct timer *timer)
{
	look(container_of(timer, struct process, cpu_limit.timer), false);
}

void cpu_limit_init(struct process *p)
{
	struct cpu_limit *l = &p->cpu_limit;

	spin_init(&l->lock);
	timer_init(&l->timer, expired);
	list_init(&l->signal.link);
	l->signal.info = (struct ksiginfo){ .signo = SIGXCPU, .code = SI_KERNEL };
}

void cpu_limit_changed(struct process *p)
{
	look(p, true);
	signal_group_exit_go_on(p);
}

void cpu_limit_end(struct process *p)
{
	struct cpu_limit *l = &p->cpu_limit;
	uint64_t old = spin_lock_irq(&l->lock);

	l->ended = true;
	spin_unlock_irq(&l->lock, old);
	(void)timer_cancel(&l->timer);
	sigqueue_cancel(&l->signal, p);
}

/* ---- RLIMIT_RTTIME ---- */

static uint64_t rt_hard(const struct task *t)
{
	return limit_ns(READ_ONCE(t->process->limits[RLIMIT_RTTIME].rlim_max), NSEC_PER_USEC);
}

/* When t is to be warned. Nobody is who has not run at all. */
static uint64_t rt_warning(const struct task *t)
{
	uint64_t soft =
		limit_ns(READ_ONCE(t->process->limits[RLIMIT_RTTIME].rlim_cur), NSEC_PER_USEC);

	return MAX(MAX(soft, t->sched.rt_time.next), 1u);
}

/* What t has earned by now: SIGKILL, SIGXCPU, or 0. rq, its own, locked. */
static int rt_due(struct runq *rq, struct task *t)
{
	uint64_t used, due = rt_warning(t);

	if (!t->sched.rt_time.counts)
		return 0;
	if (rq->curr == t)
		runq_account(rq, time_now());
	used = t->sched.runtime - t->sched.rt_time.mark;
	if (used >= rt_hard(t))
		return SIGKILL;
	if (used < due)
		return 0;
	t->sched.rt_time.next = next_warning(due, used);
	return SIGXCPU;
}

/* Sees to the next look at t, or to none. t's run queue is locked, t has been charged. */
static void rt_watch(struct task *t)
{
	uint64_t soft = READ_ONCE(t->process->limits[RLIMIT_RTTIME].rlim_cur), at, used;
	bool rt = t->sched.policy == SCHED_FIFO || t->sched.policy == SCHED_RR;
	bool limited = soft != RLIM64_INFINITY && !t->exiting, pending;

	if (t->sched.rt_time.counts != (rt && limited)) {
		t->sched.rt_time.counts = rt && limited;
		t->sched.rt_time.mark = t->sched.runtime - t->sched.rt_time.mark;
	}
	t->sched.rt_limited = limited;
	if (!limited)
		t->sched.rt_time.mark = 0;
	pending = timer_try_cancel(&t->sched.rt_time.timer);
	if (rt && limited) {
		if (!pending)
			task_get(t);
		used = t->sched.runtime - t->sched.rt_time.mark;
		at = MIN(rt_warning(t), rt_hard(t));
		at = MAX(at > used ? at - used : 0, LOOK_MIN);
		timer_start(&t->sched.rt_time.timer, time_after(time_now(), at));
	} else if (pending) {
		task_put(t);
	}
}

static void rt_expired(struct timer *timer)
{
	struct task *t = container_of(timer, struct task, sched.rt_time.timer);
	struct cpu_limit *l = &t->process->cpu_limit;
	struct runq *rq = runq_lock_task(t);
	int signo = rt_due(rq, t);

	rt_watch(t);
	spin_unlock_raw(&rq->lock);
	if (signo == SIGKILL) {
		(void)signal_send_process(t->process, SIGKILL, NULL);
	} else if (signo != 0) {
		uint64_t old = spin_lock_irq(&l->lock);

		if (!l->ended)
			sigqueue_send(&l->signal, t->process, NULL, 0);
		spin_unlock_irq(&l->lock, old);
	}
	task_put(t);
}

static void changed(struct task *t, bool limit)
{
	uint64_t old = hw_irq_save();
	struct runq *rq = runq_lock_task(t);

	if (!t->sched.rt_time.timer.expire)
		timer_init(&t->sched.rt_time.timer, rt_expired);
	if (rq->curr == t)
		runq_account(rq, time_now());
	if (limit) /* warnings begin anew */
		t->sched.rt_time.next = 0;
	rt_watch(t);
	spin_unlock_raw(&rq->lock);
	hw_irq_restore(old);
}

void rt_time_changed(struct task *t)
{
	changed(t, false);
}

void rt_limit_changed(struct task *t)
{
	changed(t, true);
}
