// SPDX-License-Identifier: MIT
/*
 * Pressure, as Linux measures it (its Documentation/accounting/psi.rst): how much of the time tasks could not go on for want of memory, of I/O,
 * of a CPU. This file says at any moment, for each CPU and group, what is so; kernel/psi_average.c makes figures of it.
 *
 *    some io      a task waits for I/O, asleep                full io      and no task of the group can run on this CPU
 *    some memory  a task is between psi_memory_begin(),end()  full memory  and every one that can run here is so, or the one that runs is
 *    some cpu     a task waits for the CPU                    full cpu     and none of the group has it
 *
 * A sleeping task counts where it last ran. Tasks are counted by CPU under the lock of its run queue; whenever a count changes, the time of the state until then
 * is added up. A machine whose tasks all run pays next to nothing:
 *
 *    waiting for a CPU  needs no counts: runq.wait_since, set when the first one is queued, cleared by the switch that leaves none
 *    everything else    is told here only while a task is counted on the CPU, or groups exist: runq.psi_slow
 *
 * A task of a group counts there and in all groups above. What it counts as is in t->sched.psi_counted, so that all of it is taken back whatever happened
 * meanwhile. Full cpu of the whole machine cannot be and stays 0.
 */
#include "kernel/psi.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/runq.h"
#include "mm/memcg.h"
#include "mm/slab.h"

#define BIT(n)     (1u << (n))
#define PSI_GROUPS BIT(31) /* of runq.psi_slow */
#define BUSY       BIT(PSI_STATES)
#define SOME(r)    BIT(PSI_SOME(r))
#define FULL(r)    BIT(PSI_FULL(r))

static struct psi_cpu machine_cpus[NR_CPUS_MAX];
struct psi psi_machine = { .cpus = machine_cpus };

/* The waits of programs for memory: their number in the low COUNT_BITS, above them, modulo its width, the sum of ends less beginnings, in units of 1,024 ns. So one addition
 * is a beginning or an end, and who reads it knows of the waits that last. */
#define COUNT_BITS 16
#define UNIT_BITS  10
static uint64_t memory_waits; /* atomic */

/* ---- The state of a group on a CPU ---- */

void psi_charge(struct psi_cpu *c, uint64_t now)
{
	uint64_t ns = now - c->since;

	if ((int64_t)ns <= 0) /* read before the lock was taken, and before what another CPU read */
		return;
	c->since = now;
	for (uint32_t state = c->state; state != 0; state &= state - 1)
		c->ns[__builtin_ctz(state)] += ns;
}

static uint32_t state_of(const struct psi_cpu *c, uint32_t runs, bool on_cpu, bool curr_waits)
{
	uint32_t state = 0;

	if (c->count[PSI_WAITS_IO] > 0)
		state |= runs > 0 ? SOME(PSI_IO) : SOME(PSI_IO) | FULL(PSI_IO);
	if (c->count[PSI_WAITS_MEMORY] > 0) {
		state |= SOME(PSI_MEMORY);
		if (runs == c->count[PSI_RUNS_FOR_MEMORY] || (on_cpu && curr_waits))
			state |= FULL(PSI_MEMORY);
	}
	if (runs > on_cpu)
		state |= on_cpu ? SOME(PSI_CPU) : SOME(PSI_CPU) | FULL(PSI_CPU);
	return state != 0 || runs > 0 ? state | BUSY : 0;
}

/* The machine's: the run queue counts its tasks, and the time in which it was busy or somebody waited for it. */
static uint32_t machine_state(const struct psi_cpu *c, const struct runq *rq, bool curr_waits)
{
	bool on_cpu = rq->curr != rq->idle;
	uint32_t state = state_of(c, rq->nr_fair + rq->nr_rt + on_cpu, on_cpu, curr_waits);

	state &= ~(SOME(PSI_CPU) | FULL(PSI_CPU) | BUSY);
	return state != 0 && !on_cpu ? state | BUSY : state;
}

/* The counts of p on rq's CPU may have changed. */
static void look(struct psi *p, const struct runq *rq, uint64_t now)
{
	struct psi_cpu *c = &p->cpus[rq->cpu];
	bool curr_waits = rq->curr->sched.stall & STALL_MEMORY;
	uint32_t state;

	if (p->parent != NULL)
		state = state_of(c, c->count[PSI_RUNS], c->on_cpu, curr_waits);
	else
		state = machine_state(c, rq, curr_waits);
	if (state == c->state)
		return;
	psi_charge(c, now);
	c->since = now;
	c->state = state;
	if (state == 0)
		return;
	psi_wake_up(p);
	if (unlikely(state & READ_ONCE(p->polled)))
		psi_arm(p, PSI_POLL);
}

/* ---- Tasks ---- */

static struct psi *group_of(const struct task *t)
{
	return t->sched.psi != NULL ? t->sched.psi : &psi_machine;
}

static void look_at_groups_of(const struct task *t, const struct runq *rq, uint64_t now)
{
	for (struct psi *p = group_of(t); p != NULL; p = p->parent)
		look(p, rq, now);
}

static void set_on_cpu(const struct task *t, const struct runq *rq, bool on_cpu)
{
	for (struct psi *p = t->sched.psi; p != NULL; p = p->parent)
		p->cpus[rq->cpu].on_cpu = on_cpu;
}

/* As what t counts that can run. */
static unsigned counts_running(const struct task *t)
{
	unsigned counts = t->sched.psi != NULL ? BIT(PSI_RUNS) : 0;

	if (t->sched.stall & STALL_MEMORY)
		counts |= BIT(PSI_WAITS_MEMORY) | BIT(PSI_RUNS_FOR_MEMORY);
	return counts;
}

static unsigned counts_asleep(const struct task *t)
{
	unsigned counts = t->sched.stall & STALL_IO ? BIT(PSI_WAITS_IO) : 0;

	if (t->state == TASK_DEAD)
		return 0;
	return t->sched.stall & STALL_MEMORY ? counts | BIT(PSI_WAITS_MEMORY) : counts;
}

/* From now on t, on rq, counts as that. */
static void count_as(struct runq *rq, struct task *t, unsigned counts, uint64_t now)
{
	unsigned before = t->sched.psi_counted, changes = before ^ counts;

	if (changes == 0)
		return;
	if (changes & counts & BIT(PSI_WAITS_IO))
		t->sched.io_since = now;
	else if (changes & BIT(PSI_WAITS_IO))
		t->sched.io_ns += now - t->sched.io_since;
	t->sched.psi_counted = (uint8_t)counts;
	rq->psi_slow += (uint32_t)(counts != 0) - (before != 0);
	for (struct psi *p = group_of(t); p != NULL; p = p->parent)
		for (unsigned left = changes; left != 0; left &= left - 1) {
			unsigned i = (unsigned)__builtin_ctz(left);

			p->cpus[rq->cpu].count[i] += counts & BIT(i) ? 1u : -1u;
		}
}

void psi_switch(struct runq *rq, struct task *prev, struct task *next, bool sleeps, uint64_t now)
{
	if (sleeps)
		count_as(rq, prev, counts_asleep(prev), now);
	set_on_cpu(prev, rq, false);
	set_on_cpu(next, rq, true);
	look_at_groups_of(prev, rq, now);
	if (next->sched.psi != NULL)
		look_at_groups_of(next, rq, now);
}

void psi_leave(struct runq *rq, struct task *t)
{
	uint64_t now = time_now();

	count_as(rq, t, 0, now);
	look_at_groups_of(t, rq, now);
}

void psi_enter(struct runq *rq, struct task *t)
{
	uint64_t now = time_now();

	count_as(rq, t, counts_running(t), now);
	look_at_groups_of(t, rq, now);
}

/* ---- Waiting for memory ---- */

/* Changes current()'s STALL_MEMORY. Returns time_now(). */
static uint64_t set_memory_stall(uint8_t stall)
{
	struct task *t = current();
	uint64_t old = hw_irq_save(), now;
	struct runq *rq = runq_this();

	spin_lock_raw(&rq->lock);
	now = time_now();
	t->sched.stall = (uint8_t)((t->sched.stall & ~STALL_MEMORY) | stall);
	count_as(rq, t, counts_running(t), now);
	look_at_groups_of(t, rq, now);
	spin_unlock_raw(&rq->lock);
	hw_irq_restore(old);
	return now;
}

static uint64_t wait_units(uint64_t ns)
{
	return ns >> UNIT_BITS << COUNT_BITS;
}

bool psi_memory_begin(void)
{
	struct task *t = current();

	if (t->sched.stall & STALL_MEMORY)
		return false;
	t->sched.memory_since = set_memory_stall(STALL_MEMORY);
	t->sched.memory_counts = t->process != NULL && !memcg_tight();
	if (t->sched.memory_counts)
		(void)atomic_fetch_add(&memory_waits, 1 - wait_units(t->sched.memory_since));
	return true;
}

void psi_memory_end(bool began)
{
	struct task *t = current();
	uint64_t now;

	if (!began)
		return;
	now = set_memory_stall(0);
	WRITE_ONCE(t->sched.memory_ns, t->sched.memory_ns + now - t->sched.memory_since);
	if (t->sched.memory_counts)
		(void)atomic_fetch_add(&memory_waits, wait_units(now) - 1);
}

uint64_t psi_memory_waited(void)
{
	uint64_t waits = atomic_load_acquire(
		&memory_waits); /* before the clock, which none of them is ahead of */
	uint64_t under_way = waits & ((1u << COUNT_BITS) - 1);

	return (waits + under_way * wait_units(time_now())) >> COUNT_BITS << UNIT_BITS;
}

/* ---- Groups ---- */

static struct mutex groups_mutex = MUTEX_INIT(groups_mutex);
static unsigned ngroups; /* groups_mutex */

/* From now on, or no longer, every switch tells. */
static void set_groups(bool exist)
{
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		struct runq *rq = &runqs[cpu];
		uint64_t old = spin_lock_irq(&rq->lock);

		rq->psi_slow = exist ? rq->psi_slow | PSI_GROUPS : rq->psi_slow & ~PSI_GROUPS;
		spin_unlock_irq(&rq->lock, old);
	}
}

void psi_groups_add(int n)
{
	unsigned before;

	mutex_lock(&groups_mutex);
	before = ngroups;
	ngroups += (unsigned)n;
	if ((before == 0) != (ngroups == 0))
		set_groups(ngroups != 0);
	mutex_unlock(&groups_mutex);
}

void psi_move(struct task *t, struct psi *to)
{
	uint64_t old = hw_irq_save(), now;
	struct runq *rq = runq_lock_task(t);
	bool runs = t->sched.queued || rq->curr == t;
	unsigned counts = t->sched.psi_counted & ~BIT(PSI_RUNS);

	now = time_now();
	count_as(rq, t, 0, now);
	if (rq->curr == t)
		set_on_cpu(t, rq, false);
	look_at_groups_of(t, rq, now);
	t->sched.psi = to->parent != NULL ? to : NULL;
	if (rq->curr == t)
		set_on_cpu(t, rq, true);
	count_as(rq, t, runs ? counts_running(t) : counts, now);
	look_at_groups_of(t, rq, now);
	spin_unlock_raw(&rq->lock);
	hw_irq_restore(old);
}
