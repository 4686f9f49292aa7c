// SPDX-License-Identifier: MIT
/*
 * Pressure, as Linux measures it (its Documentation/accounting/psi.rst): how much of the time tasks
 * could not go on for want of memory, of I/O, of a CPU. This file says at any moment, for each CPU
 * and group, what is so; kernel/psi_average.c makes figures of it.
 *
 *    some io      a task waits for I/O, asleep
 *    full io      and no task of the group can run on this CPU
 *    some memory  a task is between psi_memory_begin(),end()
 *    full memory  and every one that can run here is so, or the one that runs is
 *    some cpu     a task waits for the CPU
 *    full cpu     and none of the group has it
 *
 * A sleeping task counts where it last ran. Tasks are counted by CPU under the lock of its run
 * queue; whenever a count changes, the time of the state until then is added up. A machine whose
 * tasks all run pays next to nothing:
 *
 *    waiting for a CPU  needs no counts: runq.wait_since, set when the first one is queued, cleared
 *                       by the switch that leaves none
 *    everything else    is told here only while a task is counted on the CPU, or groups exist:
 *                       runq.psi_slow
 *
 * A task of a group counts there and in all groups above. What it counts as is in
 * t->sched.psi_counted, so that all of it is taken back whatever happened meanwhile. Full cpu of
 * the whole machine cannot be and stays 0.
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

/* Of psi_cpu.counts. SPREAD: a task that counts as these bits, four of them, adds that. */
#define COUNT(counts, i) ((uint16_t)((counts) >> 16 * (i)))
#define SPREAD(bits)     ((bits)*0x0000200040008001 & 0x0001000100010001)

static struct psi_cpu machine_cpus[NR_CPUS_MAX];
struct psi psi_machine = { .cpus = machine_cpus };

/* The waits of programs for memory: their number in the low COUNT_BITS, above them, modulo its
 * width, the sum of ends less beginnings, in units of 1,024 ns. So one addition is a beginning or
 * an end, and who reads it knows of the waits that last. */
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

static uint32_t state_of(uint64_t counts, uint32_t runs, bool on_cpu, bool curr_waits)
{
	uint32_t state = 0;

	if (COUNT(counts, PSI_WAITS_IO) > 0)
		state |= runs > 0 ? SOME(PSI_IO) : SOME(PSI_IO) | FULL(PSI_IO);
	if (COUNT(counts, PSI_WAITS_MEMORY) > 0) {
		state |= SOME(PSI_MEMORY);
		if (runs == COUNT(counts, PSI_RUNS_FOR_MEMORY) || (on_cpu && curr_waits))
			state |= FULL(PSI_MEMORY);
	}
	if (runs > on_cpu)
		state |= on_cpu ? SOME(PSI_CPU) : SOME(PSI_CPU) | FULL(PSI_CPU);
	return state != 0 || runs > 0 ? state | BUSY : 0;
}

/* The machine's: the run queue counts its tasks, and the time in which it was busy or somebody
 * waited for it. */
static uint32_t machine_state(uint64_t counts, const struct runq *rq, bool curr_waits)
{
	bool on_cpu = rq->curr != rq->idle;
	uint32_t state;

	if (counts >> 16 * PSI_WAITS_IO == 0)
		return 0;
	state = state_of(counts, rq->nr_fair + rq->nr_rt + on_cpu, on_cpu, curr_waits);
	state &= ~(SOME(PSI_CPU) | FULL(PSI_CPU) | BUSY);
	return on_cpu ? state : state | BUSY;
}

/* The counts of p on rq's CPU change by that; or something else that its state depends on has
 * changed. */
static void change(struct psi *p, const struct runq *rq, uint64_t counts, uint64_t now)
{
	struct psi_cpu *c = &p->cpus[rq->cpu];
	bool curr_waits = rq->curr->sched.stall & STALL_MEMORY;
	uint32_t state;

	counts = c->counts += counts;
	if (p->parent != NULL)
		state = state_of(counts, COUNT(counts, PSI_RUNS), c->on_cpu, curr_waits);
	else
		state = machine_state(counts, rq, curr_waits);
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

/* The same for p and all above it. */
static void change_all(struct psi *p, const struct runq *rq, uint64_t counts, uint64_t now)
{
	for (; p != NULL; p = p->parent)
		change(p, rq, counts, now);
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

/* From now on t, on rq, counts as that. Returns what its groups' counts change by. */
static uint64_t count_as(struct runq *rq, struct task *t, unsigned counts, uint64_t now)
{
	unsigned before = t->sched.psi_counted, changes = before ^ counts;

	if (changes & counts & BIT(PSI_WAITS_IO))
		t->sched.io_since = now;
	else if (changes & BIT(PSI_WAITS_IO))
		t->sched.io_ns += now - t->sched.io_since;
	t->sched.psi_counted = (uint8_t)counts;
	rq->psi_slow += (uint32_t)(counts != 0) - (before != 0);
	return SPREAD((uint64_t)counts) - SPREAD((uint64_t)before);
}

/* Each group is looked at once: those of next alone, those of prev alone, and those of both, where
 * a task had the CPU and one has it now. */
void psi_switch(struct runq *rq, struct task *prev, struct task *next, bool sleeps, uint64_t now)
{
	uint64_t counts = sleeps ? count_as(rq, prev, counts_asleep(prev), now) : 0;
	struct psi *both = group_of(next), *p;

	for (; both->parent != NULL && !both->cpus[rq->cpu].on_cpu; both = both->parent) {
		both->cpus[rq->cpu].on_cpu = true;
		change(both, rq, 0, now);
	}
	for (p = group_of(prev); p != both; p = p->parent) {
		p->cpus[rq->cpu].on_cpu = false;
		change(p, rq, counts, now);
	}
	change_all(both, rq, counts, now);
}

void psi_leave(struct runq *rq, struct task *t)
{
	uint64_t now = time_now();

	change_all(group_of(t), rq, count_as(rq, t, 0, now), now);
}

void psi_enter(struct runq *rq, struct task *t)
{
	uint64_t now = time_now();

	change_all(group_of(t), rq, count_as(rq, t, counts_running(t), now), now);
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
	change_all(group_of(t), rq, count_as(rq, t, counts_running(t), now), now);
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
	if (rq->curr == t)
		set_on_cpu(t, rq, false);
	change_all(group_of(t), rq, count_as(rq, t, 0, now), now);
	t->sched.psi = to->parent != NULL ? to : NULL;
	if (rq->curr == t)
		set_on_cpu(t, rq, true);
	counts = runs ? counts_running(t) : counts;
	change_all(group_of(t), rq, count_as(rq, t, counts, now), now);
	spin_unlock_raw(&rq->lock);
	hw_irq_restore(old);
}
