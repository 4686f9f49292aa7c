// SPDX-License-Identifier: MIT
/*
 * CPU time of processes, and its limit.
 *
 * The scheduler adds what a task ran to its process's sums whenever it charges the task (process_charge()), so a process's time costs a look at each CPU,
 * however many threads it has: only what its running threads have not been charged for yet is missing from the sums.
 *
 * Nothing in the scheduler knows of CPU-time timers and limits, and who has none pays nothing for them. Each is a kernel timer that goes off when
 * the process can have used up what is left at the earliest, all CPUs at work, looks, and starts itself anew when it has not (cpu_look_again()). While the
 * process sleeps, looks are further apart. So an expiry is late by a few ms at most, and exact for what runs without a break.
 *
 * RLIMIT_CPU: SIGXCPU at the soft limit and at every further second of CPU time, SIGKILL at the hard one (getrlimit(2)).
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
	uint64_t online = sched_cpus_online();

	for (int cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		if (online & cpu_bit(cpu))
			settle_cpu(cpu, p);
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

/* ---- RLIMIT_CPU ---- */

static uint64_t limit_ns(uint64_t seconds)
{
	return seconds > UINT64_MAX / NSEC_PER_SEC ? UINT64_MAX : seconds * NSEC_PER_SEC;
}

/* Looks, and sees to the next look. lock held. */
static void look_locked(struct process *p)
{
	struct cpu_limit *l = &p->cpu_limit;
	uint64_t hard = limit_ns(READ_ONCE(p->limits[RLIMIT_CPU].rlim_max));
	uint64_t soft = limit_ns(READ_ONCE(p->limits[RLIMIT_CPU].rlim_cur));
	uint64_t used, user, next = MAX(soft, l->next);

	if (MIN(next, hard) == UINT64_MAX)
		return;
	process_cpu_time(p, &used, &user);
	if (used >= hard) {
		(void)signal_send_process(p, SIGKILL, NULL);
		return;
	}
	if (used >= next) {
		(void)sigqueue_send(&l->signal, p, NULL);
		next = l->next = time_after(next, (used - next) / NSEC_PER_SEC * NSEC_PER_SEC +
							  NSEC_PER_SEC);
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
