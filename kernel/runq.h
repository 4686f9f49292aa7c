// SPDX-License-Identifier: MIT
/*
 * The scheduler's own types: one run queue per CPU, shared by kernel/sched*.c, kernel/balance.c and
 * kernel/idle.c.
 *
 * Invariants, with rq->lock held
 *  (1) A task that can run is linked in exactly one queue (sched.queued), or is the `curr` of one,
 *      or is on its way between two (sched.moving: the one who moves it will queue it; sched.cpu
 *      names the one that it goes to, and that lock guards it). Its state may say that it sleeps,
 *      when it was preempted on its way there: who wakes it then changes the state alone.
 *  (2) curr and the idle task are never linked.
 *  (3) sched.cpu changes under the lock of the run queue it names, and only for a task that is
 *      neither linked nor curr.
 *  (4) The lock is held from the choice of the next task until sched_finish_switch() on that task's
 *      stack: who holds it never sees a task half switched, so a task that is neither linked nor
 *      curr has all its registers saved and may be run elsewhere.
 *  (5) waiting_rt is the highest real-time priority linked here, or 0. While real-time tasks wait
 *      here behind what runs, this CPU's bit in cpus_rt_waiting is set; not while one was just
 *      linked that is to run at once.
 *
 * Lock order: a room's spin locks, wait queue, mutex.lock > task.pi_lock > runq.lock > timer queue.
 * Nobody has two run-queue locks. All are held with interrupts off and for bounded work.
 */
#ifndef KERNEL_RUNQ_H
#define KERNEL_RUNQ_H

#include "kernel/pi.h"
#include "kernel/psi.h"
#include "kernel/sched.h"

#define PRIO_IDLE  (-1) /* runq.curr_prio of a CPU that runs its idle task */
#define RT_LISTS   (PRIO_DEADLINE + 1)
#define RT_SLICE   (100 * NSEC_PER_MSEC)
#define FAIR_SLICE (4 * NSEC_PER_MSEC)

struct runq {
	struct spinlock lock;
	int cpu;
	uint64_t bit; /* of cpu */
	struct task *curr, *idle;

	uint64_t rt_bitmap[2];   /* priorities whose list is not empty */
	unsigned nr_rt, nr_fair; /* linked tasks; read by others as a hint */
	struct task *fair_first; /* least vruntime; not in the tree */
	struct rb_root fair;     /* the others, by vruntime */
	uint64_t min_vruntime;   /* of the tasks here; never falls */
	uint64_t turn_end;       /* when sched_slice_expired() comes; UINT64_MAX: it will not */
	bool hold;               /* curr, a real-time task, is put aside: kernel/sched_guard.c */
	bool uneven; /* a turn has ended: the next preemption evens out the numbers of ordinary
			tasks. By this CPU only */

	/* Read by other CPUs without the lock, as hints: what is decided by them is checked again
	 * under it. */
	int curr_prio;
	int waiting_rt;

	/* What sched_finish_switch() has still to do for the task switched away from. */
	enum { AFTER_NOTHING, AFTER_DEAD, AFTER_MIGRATE } after;

	uint64_t busy_ns, idle_ns, switches; /* switches: written by this CPU only */
	uint64_t fair_ns;                    /* of busy_ns, ordinary tasks' */

	/* kernel/sched_guard.c */
	struct timer guard;
	struct list held; /* tasks put aside, by rt_link; they are `moving` */
	uint64_t guard_seen;
	bool guard_on;
	bool guard_late; /* a window has ended while a task with a deadline ran: the next one that
			    is guarded is looked at as soon as it runs */

	/* Pressure (kernel/psi.c). Somebody waits for this CPU: since when, 0: nobody; how long of
	 * late; ticks of hw_counter(). */
	uint64_t wait_since, waited;
	uint64_t psi_busy; /* busy_ns when that was last collected */
	uint32_t psi_slow; /* tasks counted here, and PSI_GROUPS; 0: a switch need not tell psi.c */
	struct list rt[RT_LISTS];
} __attribute__((aligned(64)));

extern struct runq runqs[NR_CPUS_MAX];
/* Bit per CPU, atomic: runs tasks; runs its idle task; has real-time tasks waiting. */
extern uint64_t cpus_online, cpus_idle, cpus_rt_waiting;

static inline uint64_t cpu_bit(int cpu)
{
	return (uint64_t)1 << cpu;
}

static inline struct runq *runq_of(int cpu)
{
	struct runq *rq = &runqs[cpu];

	/* Else compilers multiply by the size again at every use: 60 instructions a switch. */
	__asm__("" : "+r"(rq));
	return rq;
}

static inline struct runq *runq_this(void)
{
	return runq_of((int)hw_cpu());
}

/* A task more, or one fewer, waits for rq's CPU. rq->lock held. */
static inline void runq_wait_begin(struct runq *rq)
{
	if (rq->wait_since == 0)
		rq->wait_since = hw_counter();
}
static inline void runq_wait_end(struct runq *rq)
{
	if (rq->wait_since == 0)
		return;
	rq->waited += hw_counter() - rq->wait_since;
	rq->wait_since = 0;
}

static inline bool runq_allowed(const struct runq *rq, const struct task *t)
{
	return t->sched.affinity & rq->bit;
}

/* Tasks of policy SCHED_RR share a priority's list by turns, unless a borrowed priority made them
 * come here. */
static inline bool rt_has_turns(const struct task *t)
{
	return t->sched.policy == SCHED_RR && t->sched.prio == t->sched.rt_priority;
}

/* kernel/sched_rt.c and kernel/sched_fair.c: the two classes. All with rq->lock held, interrupts
 * off. */
void rt_link(struct runq *rq, struct task *t, bool front);
void rt_unlink(struct runq *rq, struct task *t);
/* next, which runs now, gives its place in the queue to prev of the same priority, at the end of
 * its list. Not with deadlines. */
void rt_exchange(struct runq *rq, struct task *prev, struct task *next);
static inline struct task *rt_first(const struct runq *rq) /* NULL: none */
{
	if (rq->waiting_rt == 0)
		return NULL;
	return list_first(&rq->rt[rq->waiting_rt], struct task, sched.rt_link);
}
/* The highest priority below prio whose list is not empty, or 0. */
int rt_below(const struct runq *rq, int prio);
/* Tells other CPUs that real-time tasks wait here while another one runs. */
void rt_set_waiting(const struct runq *rq);
/* kernel/sched_deadline.c: tasks of SCHED_DEADLINE. */
/* Fills in the period; false: nobody can be given that. */
bool deadline_valid(struct sched_deadline *d);
/* A task's claim changes from old to new: 0 or -EBUSY. pi_lock of the task. */
int deadline_admit(const struct sched_deadline *old, const struct sched_deadline *new) MUST_CHECK;
/* What was admitted is still within the guard's settings. */
bool deadline_fits(void);
/* A new period of t begins. rq->lock held, as in the rest. */
void deadline_begin(struct task *t, uint64_t start);
/* t, of PRIO_DEADLINE, is about to be queued after sleep, or after the guard has let it go; not
 * when it only changes CPUs. */
void deadline_place(struct task *t);
void deadline_link(struct runq *rq, struct task *t);
/* t has used up its budget, maybe several times, and others wait; or does without the rest. It gets
 * the next period's. */
void deadline_spend(struct task *t);

/* kernel/sched_guard.c. Settings, ns; a runtime of -1: none. */
extern struct rt_guard {
	int64_t runtime;
	uint64_t period;
} rt_guard;
/* Changes them, us; -2: this one stays. 0, -EINVAL (runtime above the period), -EBUSY: deadlines
 * were promised that need more. */
int rt_guard_set(int64_t runtime, int64_t period);
void guard_init(struct runq *rq);
/* t, which the guard has put aside from rq, goes on; it may have been given another place
 * meanwhile. Drops rq->lock. */
void guard_let_go(struct runq *rq, struct task *t);
/* Tasks with deadlines were admitted within the guard's settings. */
static inline bool guarded(const struct task *t)
{
	return t->sched.prio > PRIO_FAIR && t->sched.prio < PRIO_DEADLINE;
}
/* A task that is guarded runs and ordinary ones wait. This CPU's, rq->lock held. */
void guard_begin(struct runq *rq);
/* runtime / period, times 2^shift. */
uint64_t rt_share(unsigned shift);

void fair_link(struct runq *rq, struct task *t);
/* Sets t's cost per ns by its policy and nice value. */
void fair_set_cost(struct task *t);
void fair_unlink(struct runq *rq, struct task *t);
/* The first of several, which runs now, gives its place to prev, wherever that is. */
void fair_exchange(struct runq *rq, struct task *prev);
/* Bounds the vruntime of t, new on rq, so that it is neither starved nor hogs the CPU. */
void fair_place(struct runq *rq, struct task *t);
/* Whether t, linked on rq, should run instead of its ordinary curr. */
bool fair_preempts(const struct runq *rq, const struct task *t);
void fair_yield(const struct runq *rq, struct task *t);
/* a before b; vruntimes wrap after 500 years of a nice 0 task's run time, differences never. */
static inline bool fair_before(const struct task *a, const struct task *b)
{
	return (int64_t)(a->sched.vruntime - b->sched.vruntime) < 0;
}
/* Charges curr, of whichever class, for what it ran since last asked. */
void runq_account(struct runq *rq, uint64_t now);
/* t, a thread of a process, has been charged with ns: so is the process (kernel/cputime.c).
 * rq->lock held. */
void process_charge(struct task *t, uint64_t ns);
/* t goes to sleep: for RLIMIT_RTTIME it begins anew. rq->lock held. */
static inline void rt_time_slept(struct task *t)
{
	t->sched.rt_time.mark = t->sched.rt_time.counts ? t->sched.runtime : 0;
	t->sched.rt_time.next = 0;
}

/* kernel/sched.c. With rq->lock held. */
void runq_link(struct runq *rq, struct task *t, bool front);
void runq_unlink(struct runq *rq, struct task *t);
/* Sets curr's TASK_NEED_RESCHED and interrupts its CPU if that is another one. */
void runq_resched(struct runq *rq);
/* Whether others wait that share the CPU with t by turns. */
bool runq_turn_has_end(const struct runq *rq, const struct task *t);
/* Sees to it that the turn of t, which runs on this CPU, ends in time. */
void runq_arm_turn(struct runq *rq, const struct task *t);
/* The CPU's bit in cpus_idle. */
void runq_change_idle(const struct runq *rq, bool idle);
static inline void runq_set_idle(const struct runq *rq, bool idle)
{
	if (unlikely(!(atomic_load(&cpus_idle) & rq->bit) == idle))
		runq_change_idle(rq, idle);
}

/* kernel/sched_wake.c. With rq->lock held where there is one. */
/* t was linked: makes rq's CPU reschedule if t should run instead of curr, or curr's turn end some
 * time if not. */
void runq_check_preempt(struct runq *rq, struct task *t);
/* The run queue of t, locked; interrupts off. */
struct runq *runq_lock_task(struct task *t);
/* Queues t, which is runnable, neither linked nor curr and of rq, on that CPU or, when its affinity
 * has changed meanwhile, another. rq is locked; no lock is held on return: that of the queue where
 * t, a real-time task, has to wait, for balance_push_rt(), or NULL. Interrupts off. */
struct runq *runq_place(struct runq *rq, struct task *t, int cpu);
/* The same in two steps, without a lock in between: t is on its way to that CPU, and rq unlocked;
 * then the caller, and nobody else, queues it there. */
void runq_send(struct runq *rq, struct task *t, int cpu);
struct runq *runq_receive(struct task *t);
/* schedule() for a task that did not ask: it stays runnable. Preemption on; interrupts may be off,
 * and come in between all the same. For kernel/preempt.c. */
void sched_preempt(void);
/* kernel/preempt.c: with interrupts off, those that are pending come. They see a count above zero,
 * and leave their switch to the caller. */
void preempt_let_in(void);

/* kernel/load.c: starts sampling. Once, from sched_init(). */
void load_init(void);

/* kernel/balance.c: which CPU. No lock needed: hints. */
int balance_select(const struct task *t);
static inline bool rt_waits_elsewhere(const struct runq *rq)
{
	return atomic_load(&cpus_rt_waiting) & ~rq->bit;
}
/* A better task than prio waits on another CPU, as far as can be seen without locks. */
bool balance_look(const struct runq *rq, int prio);
static inline bool balance_wanted(const struct runq *rq, int prio)
{
	if (prio != PRIO_IDLE && likely(!rt_waits_elsewhere(rq)))
		return false;
	return balance_look(rq, prio);
}
/* Brings one task of more than prio from another CPU to rq, this CPU's, if there is one. No lock
 * held; interrupts off, and on in between. */
void balance_pull(struct runq *rq, int prio);
/* Moves one waiting ordinary task to a CPU with much less to do. No lock held; interrupts off, and
 * on in between. */
void balance_push_fair(struct runq *rq);
/* Offers a waiting real-time task to a CPU that runs something less urgent. No lock held;
 * interrupts off. */
void balance_offer_rt(struct runq *rq);
static inline void balance_push_rt(struct runq *rq)
{
	if (atomic_load(&cpus_online) & ~rq->bit)
		balance_offer_rt(rq);
}

#endif
