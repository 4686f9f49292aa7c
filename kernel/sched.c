// SPDX-License-Identifier: MIT
/*
 * The scheduler's core: giving up the CPU, its turns, and the ends of tasks. Waking is
 * kernel/sched_wake.c.
 *
 * Every CPU has a run queue (kernel/runq.h has its invariants and the lock order). The running task
 * is not linked in it. schedule() charges the running task, puts it back if it can go on, takes the
 * most urgent one - the first real-time task of the highest priority, else the ordinary task with
 * the least virtual run time (kernel/sched_fair.c), else the idle task - and switches, all under
 * the run queue's lock, which the next task drops in sched_finish_switch().
 *
 * A task goes to sleep by setting its state, testing its condition, and calling schedule(). When it
 * is preempted in between, it stays runnable whatever its state says: only its own call of
 * schedule() takes it off.
 *
 * There is no tick. A turn has an end (time_arm_slice) only while another task of the same rank
 * waits.
 *
 * Which CPU a task wakes up on, and how CPUs help each other, is kernel/balance.c; policies and
 * priorities change in kernel/sched_policy.c.
 */
#include "kernel/clock_event.h"
#include "kernel/irq.h"
#include "kernel/latency.h"
#include "kernel/log.h"
#include "kernel/runq.h"
#include "kernel/task_alloc.h"

/* A real-time task that runs this long lets other CPUs have the ordinary tasks that wait behind it:
 * idle ones, or busy ones. */
#define RT_GUARD_IDLE (1 * NSEC_PER_MSEC)
#define RT_GUARD_BUSY (10 * NSEC_PER_MSEC)

struct runq runqs[NR_CPUS_MAX];
uint64_t cpus_online, cpus_idle, cpus_rt_waiting;

void runq_link(struct runq *rq, struct task *t, bool front)
{
	DEBUG_ASSERT(!t->sched.queued && t != rq->idle && t->sched.cpu == rq->cpu);
	t->sched.queued = true;
	if (t->sched.prio > PRIO_FAIR)
		rt_link(rq, t, front);
	else
		fair_link(rq, t);
}

void runq_unlink(struct runq *rq, struct task *t)
{
	DEBUG_ASSERT(t->sched.queued && t->sched.cpu == rq->cpu);
	t->sched.queued = false;
	if (t->sched.prio > PRIO_FAIR)
		rt_unlink(rq, t);
	else
		fair_unlink(rq, t);
}

void runq_resched(struct runq *rq)
{
	uint32_t old = atomic_fetch_or(&rq->curr->hot.pending, TASK_NEED_RESCHED);

	if (rq->cpu != (int)hw_cpu() && !(old & TASK_NEED_RESCHED))
		ipi_send((unsigned)rq->cpu, IPI_RESCHEDULE);
}

bool runq_turn_has_end(const struct runq *rq, const struct task *t)
{
	if (t->sched.prio == PRIO_FAIR)
		return rq->nr_fair > 0;
	if (rt_has_turns(t))
		return t != rq->idle && rq->waiting_rt == t->sched.prio;
	return t->sched.policy == SCHED_DEADLINE;
}

/* An earlier end that was set for somebody else stays: its interrupt finds the turn not over and
 * sets the right one. So tasks that alternate hardly ever touch the timer. */
static inline void arm_turn_until(struct runq *rq, uint64_t end)
{
	if (end < rq->turn_end) {
		rq->turn_end = end;
		time_arm_slice(end);
	}
}

/* t is urgent, and ordinary tasks wait. */
static NOINLINE void arm_urgent(struct runq *rq, const struct task *t)
{
	uint64_t end = t->sched.exec_start, others = atomic_load(&cpus_online) & ~rq->bit;

	if (!rq->guard_on && guarded(t))
		guard_begin(rq);
	if (runq_turn_has_end(rq, t))
		arm_turn_until(rq, end + t->sched.slice_left);
	else if (others)
		arm_turn_until(rq, end + (atomic_load(&cpus_idle) & others ? RT_GUARD_IDLE
									   : RT_GUARD_BUSY));
}

void runq_arm_turn(struct runq *rq, const struct task *t)
{
	if (t->sched.prio > PRIO_FAIR && rq->nr_fair > 0)
		arm_urgent(rq, t);
	else if (runq_turn_has_end(rq, t))
		arm_turn_until(rq, t->sched.exec_start + t->sched.slice_left);
}

/* A CPU stops counting as idle when it is given a task, not only when it runs it, so that of
 * several tasks that wake at once each finds a CPU of its own. */
void runq_change_idle(const struct runq *rq, bool idle)
{
	if (idle)
		atomic_fetch_or(&cpus_idle, rq->bit);
	else
		atomic_fetch_and(&cpus_idle, ~rq->bit);
}

/* A round-robin turn that has been used up; the next one is granted when t runs again. */
static bool turn_over(const struct task *t)
{
	return rt_has_turns(t) && t->sched.slice_left == 0;
}

/* prev can go on, and is urgent, but it is next's turn. */
static NOINLINE struct task *hold(struct runq *rq, struct task *prev, struct task *next)
{
	prev->sched.moving = prev->sched.held = true;
	list_push_back(&rq->held, &prev->sched.rt_link);
	runq_unlink(rq, next);
	return next;
}

/* prev goes where next was waiting. front: before others of its priority. */
static void change_places(struct runq *rq, struct task *prev, struct task *next, bool front)
{
	int prio = prev->sched.prio;

	/* Who takes turns with others finds the place as it is to be. */
	if (prio == next->sched.prio && prio != PRIO_DEADLINE && (prio == PRIO_FAIR || !front)) {
		next->sched.queued = false;
		prev->sched.queued = true;
		if (prio != PRIO_FAIR)
			rt_exchange(rq, prev, next);
		else if (rq->fair.node == NULL)
			rq->fair_first = prev;
		else
			fair_exchange(rq, prev);
		return;
	}
	runq_unlink(rq, next);
	runq_link(rq, prev, front);
}

/* prev can go on and next waits: switches their places unless prev keeps the CPU. Returns who
 * runs. */
static inline struct task *compare(struct runq *rq, struct task *prev, struct task *next,
				   bool yields)
{
	int prio = prev->sched.prio, lead = prio - next->sched.prio;
	bool front = !yields && !turn_over(prev);

	if (unlikely(rq->hold) && lead >= 0 && guarded(prev))
		return hold(rq, prev, next);
	if (lead > 0)
		return prev;
	if (lead == 0 && prio == PRIO_FAIR) {
		if (yields)
			fair_yield(rq, prev);
		if (fair_before(prev, next))
			return prev;
	} else if (lead == 0 && front && (prio != PRIO_DEADLINE || !deadline_before(next, prev))) {
		return prev;
	}
	change_places(rq, prev, next, front);
	return next;
}

static void set_curr(struct runq *rq, struct task *next, uint64_t now)
{
	rq->curr = next;
	rq->switches++;
	next->sched.on_cpu = true;
	next->sched.exec_start = now;
	WRITE_ONCE(rq->curr_prio, next->sched.prio);
}

/* This CPU has sunk in priority, or was asked to after its look. A real-time task that came to wait
 * elsewhere after the look, when this CPU was not yet seen to have sunk, has nobody else to find
 * it; one that comes later finds this CPU. The idle loop does the same for itself. */
static void look_again(struct runq *rq)
{
	hw_mb(); /* curr_prio before the look; pairs with the one in runq_check_preempt() */
	if (balance_wanted(rq, rq->curr_prio))
		runq_resched(rq);
}

/* The switch that t was asked for, if it was, is being made. */
static bool take_request(struct task *t)
{
	uint32_t pending = READ_ONCE(t->hot.pending);

	if (!(pending & TASK_NEED_RESCHED))
		return false;
	if (unlikely(pending & TASK_DELAYED))
		latency_switch_comes(__builtin_frame_address(0));
	atomic_fetch_and(&t->hot.pending, ~(uint32_t)TASK_NEED_RESCHED);
	return true;
}

/* The most urgent task that waits here, or NULL. */
static inline struct task *first_waiting(const struct runq *rq)
{
	struct task *t = rt_first(rq);

	return t ? t : rq->fair_first;
}

/* Why the running task gives up the CPU. Only who sleeps goes by its state; the others can go on,
 * whatever it says. */
enum leave { SLEEPS, PREEMPTED, YIELDS };

static inline bool can_stay(const struct task *t, enum leave how)
{
	return how != SLEEPS || READ_ONCE(t->state) == TASK_RUNNABLE;
}

/* Takes the task to run next off its queue, and puts prev, which gives up the CPU, where it
 * belongs. */
static inline struct task *choose(struct runq *rq, struct task *prev, enum leave how)
{
	struct task *next = first_waiting(rq);
	bool stays = can_stay(prev, how);

	if (stays && likely(runq_allowed(rq, prev)))
		return next ? compare(rq, prev, next, how == YIELDS) : prev;
	if (unlikely(stays))
		rq->after = AFTER_MIGRATE;
	else if (unlikely(prev->state == TASK_DEAD))
		rq->after = AFTER_DEAD;
	if (!next)
		return rq->idle;
	runq_unlink(rq, next);
	return next;
}

/* The same while this CPU idles. Without a task nothing is switched, and a request that came since
 * the look at other CPUs stays. */
static NOINLINE struct task *choose_after_idling(struct runq *rq)
{
	struct task *next = first_waiting(rq);

	if (!next)
		return rq->idle;
	(void)take_request(rq->idle);
	runq_unlink(rq, next);
	return next;
}

/* prev, from which rq's CPU is switched, is not to go on later: it sleeps, or has ended. */
static bool has_left(const struct runq *rq, const struct task *prev)
{
	return !prev->sched.queued && !prev->sched.moving && rq->after != AFTER_MIGRATE &&
	       prev != rq->idle;
}

/* Other CPUs may have something better than what this CPU would have. */
static inline bool looks_elsewhere(const struct runq *rq, enum leave how)
{
	return (how != YIELDS && rq->nr_rt + rq->nr_fair == 0) || unlikely(rt_waits_elsewhere(rq));
}

/* Fetches a task from another CPU when one waits there that is better than what this CPU has: its
 * running task, unless that goes to sleep, and what is queued. Without locks these are hints. What
 * is missed is found by the idle loop, or by look_again(). */
static NOINLINE void fetch_better(struct runq *rq, enum leave how)
{
	struct task *t = current();
	int prio = can_stay(t, how) ? t->sched.prio : PRIO_IDLE;

	(void)take_request(t);
	hw_mb(); /* before the look: rouse() asks without the lock, after queuing */
	prio = MAX(prio, rq->waiting_rt > 0 ? rq->waiting_rt
			 : rq->nr_fair > 0  ? PRIO_FAIR
					    : PRIO_IDLE);
	if (prio == PRIO_IDLE || rt_waits_elsewhere(rq)) {
		balance_pull(rq, prio);
		preempt_let_in();
	}
}

/* Interrupts off. */
static void switch_task(enum leave how)
{
	struct runq *rq = runq_this();
	struct task *prev = current(), *next;
	bool asked = false, rt_waits;
	uint64_t now;

	if (looks_elsewhere(rq, how))
		fetch_better(rq, how);
	now = time_now();
	spin_lock_raw(&rq->lock);
	runq_account(rq, now);
	if (likely(prev != rq->idle)) {
		asked = take_request(prev); /* made under rq->lock only */
		next = choose(rq, prev, how);
	} else {
		next = choose_after_idling(rq);
	}
	rq->hold = false;
	if (next->sched.slice_left == 0 && next->sched.policy != SCHED_DEADLINE)
		next->sched.slice_left = next->sched.prio > PRIO_FAIR ? RT_SLICE : FAIR_SLICE;
	if (next != prev) {
		set_curr(rq, next, now);
		if (unlikely(rq->psi_slow | prev->sched.watched)) {
			bool sleeps = has_left(rq, prev);

			if (sleeps && prev->sched.rt_limited)
				rt_time_slept(prev);
			psi_switch(rq, prev, next, sleeps, now);
		}
	}
	if (unlikely(next == rq->idle || prev == rq->idle)) {
		runq_set_idle(rq, next == rq->idle);
		psi_wake_up(&psi_machine);
	} else if (next->sched.prio < prev->sched.prio ||
		   (asked && unlikely(rt_waits_elsewhere(rq)))) {
		look_again(rq);
	}
	if (unlikely(rq->waiting_rt > 0))
		rt_set_waiting(rq);
	if (rq->nr_fair + rq->nr_rt > 0)
		runq_arm_turn(rq, next);
	else
		runq_wait_end(rq);
	if (next == prev) {
		rt_waits = rq->waiting_rt > 0;
		spin_unlock_raw(&rq->lock);
		if (unlikely(rt_waits))
			balance_push_rt(rq);
		return;
	}
	sched_finish_switch(arch_switch(prev, next));
}

/* prev, from which rq's CPU was switched, cannot stay here: it has ended, or may not run here.
 * Drops rq->lock. What becomes of a task that has ended is not the switch's business: interrupts
 * come in between. */
static NOINLINE void send_off(struct runq *rq, struct task *prev)
{
	bool dead = rq->after == AFTER_DEAD;

	rq->after = AFTER_NOTHING;
	if (dead) {
		spin_unlock_raw(&rq->lock);
		preempt_disable();
		hw_irq_enable();
		task_retire(prev);
		hw_irq_disable();
		if (--current()->hot.preempt_count == 0 && preempt_wanted())
			ipi_send((unsigned)rq->cpu,
				 IPI_RESCHEDULE); /* came meanwhile: when they are on again */
	} else {
		(void)runq_place(rq, prev, balance_select(prev));
	}
	if (READ_ONCE(rq->waiting_rt) > 0)
		balance_push_rt(rq);
}

void sched_finish_switch(struct task *prev)
{
	struct runq *rq = runq_this();
	bool rt_waits = rq->waiting_rt > 0;

	WRITE_ONCE(prev->sched.on_cpu, false);
	if (unlikely(rq->after != AFTER_NOTHING)) {
		send_off(rq, prev);
		return;
	}
	spin_unlock_raw(&rq->lock);
	if (unlikely(rt_waits))
		balance_push_rt(rq);
}

void schedule(void)
{
	uint64_t old = hw_irq_save();

	DEBUG_ASSERT(current()->hot.preempt_count <= 1);
	switch_task(SLEEPS);
	hw_irq_restore(old);
}

void sched_yield_cpu(void)
{
	uint64_t old = hw_irq_save();

	switch_task(YIELDS);
	hw_irq_restore(old);
}

void sched_preempt(void)
{
	uint64_t old = hw_irq_save();
	struct runq *rq = runq_this();

	if (unlikely(rq->uneven)) {
		rq->uneven = false;
		balance_push_fair(rq);
		preempt_let_in();
	}
	switch_task(PREEMPTED);
	hw_irq_restore(old);
}

void sched_exit(void)
{
	latency_task_ends(current());
	spin_lock(&current()->pi_lock);
	current()->sched.ended = true;
	spin_unlock(&current()->pi_lock);
	if (current()->sched.policy == SCHED_DEADLINE)
		(void)!sched_set(current(), SCHED_OTHER, 0, 0);
	if (current()->sched.rt_limited)
		rt_time_changed(current());
	(void)hw_irq_save();
	WRITE_ONCE(current()->state, TASK_DEAD);
	switch_task(SLEEPS);
	panic("a dead task runs again");
}

/* The end of a turn. What it lets other CPUs have goes with the preemption, which a real-time task
 * is asked for to that end alone. */
void sched_slice_expired(void)
{
	struct runq *rq = runq_this();
	uint64_t now = time_now();
	struct task *curr;

	spin_lock_raw(&rq->lock);
	runq_account(rq, now);
	rq->turn_end = UINT64_MAX;
	rq->uneven = rq->nr_fair > 0;
	curr = rq->curr;
	if (curr->sched.policy == SCHED_DEADLINE && curr->sched.slice_left == 0) {
		deadline_spend(curr);
		runq_resched(rq); /* others may be before it now */
	} else if ((curr->sched.prio > PRIO_FAIR && rq->uneven) ||
		   (curr->sched.slice_left == 0 && runq_turn_has_end(rq, curr))) {
		runq_resched(rq);
	} else {
		runq_arm_turn(rq, curr);
	}
	spin_unlock_raw(&rq->lock);
}
