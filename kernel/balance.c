// SPDX-License-Identifier: MIT
/*
 * Which CPU a task runs on. There is no periodic balancing: work moves when something happens.
 *
 *   a task wakes or starts    balance_select() picks the CPU: for an ordinary task its last one
 *                             when idle, else any idle one, else its last; for a real-time task its
 *                             last one when that runs nothing real-time (no interrupt to another
 *                             CPU, warm caches), else an idle one, else the one with the least
 *                             urgent task
 *   a CPU runs out of work,   balance_pull() fetches the most urgent task that waits elsewhere and
 *   or sinks in priority      may run here
 *   a real-time task has to   balance_push_rt() offers the most urgent that may go to a CPU that
 *   wait behind another       runs something less urgent
 *   a waiting task may run    sched_set_affinity() places it where it runs at once
 *   on more CPUs
 *   a turn ends while         balance_push_fair() evens out the number of ordinary tasks
 *   others wait
 *
 * All looks at other CPUs are without their locks: hints, checked again under the locks where it
 * matters. Affinity is respected by scanning at most SCAN_MAX candidates, RT_SCAN_MAX real-time
 * ones, so that the time under the locks is bounded.
 */
#include "kernel/runq.h"

/* tasks looked at to find one that may move */
#define SCAN_MAX    4
#define RT_SCAN_MAX 16
/* a CPU that runs a real-time task counts as one with so many ordinary ones */
#define RT_LOAD 64

static int first_cpu(uint64_t set)
{
	return __builtin_ctzll(set);
}

/* The CPU of the set with the least urgent task; among equals the one with fewest ordinary tasks
 * waiting. Not empty. */
static int least_urgent(uint64_t set)
{
	int best = first_cpu(set);

	for (set &= set - 1; set != 0; set &= set - 1) {
		int cpu = first_cpu(set);
		int prio = READ_ONCE(runqs[cpu].curr_prio);
		int best_prio = READ_ONCE(runqs[best].curr_prio);

		if (prio < best_prio ||
		    (prio == best_prio &&
		     READ_ONCE(runqs[cpu].nr_fair) < READ_ONCE(runqs[best].nr_fair)))
			best = cpu;
	}
	return best;
}

int balance_select(const struct task *t)
{
	uint64_t allowed = t->sched.affinity & atomic_load(&cpus_online);
	uint64_t idle = allowed & atomic_load(&cpus_idle);
	int last = t->sched.cpu, best;
	bool last_ok = allowed & cpu_bit(last);

	if (last_ok && allowed == cpu_bit(last))
		return last;
	if (last_ok && (idle & cpu_bit(last)))
		return last;
	if (t->sched.prio > PRIO_FAIR && last_ok && READ_ONCE(runqs[last].curr_prio) <= PRIO_FAIR)
		return last;
	if (idle)
		return first_cpu(idle);
	if (last_ok && READ_ONCE(runqs[last].curr_prio) <= PRIO_FAIR)
		return last;
	best = least_urgent(allowed);
	if (last_ok && READ_ONCE(runqs[best].curr_prio) >= READ_ONCE(runqs[last].curr_prio))
		return last;
	return best;
}

static uint64_t other_cpus(const struct runq *rq)
{
	return atomic_load(&cpus_online) & ~rq->bit;
}

/* The CPU of the set from which something more urgent than prio should be fetched, or NULL. */
static struct runq *pull_source(uint64_t cpus, int prio)
{
	struct runq *best = NULL;
	unsigned most = 0;

	for (uint64_t set = cpus & atomic_load(&cpus_rt_waiting); set != 0; set &= set - 1) {
		struct runq *from = &runqs[first_cpu(set)];
		int waiting = READ_ONCE(from->waiting_rt);

		if (waiting > prio) {
			best = from;
			prio = waiting;
		}
	}
	if (best || prio != PRIO_IDLE)
		return best;
	for (uint64_t set = cpus; set != 0; set &= set - 1) {
		struct runq *from = &runqs[first_cpu(set)];

		if (READ_ONCE(from->nr_fair) > most) {
			best = from;
			most = READ_ONCE(from->nr_fair);
		}
	}
	return best;
}

bool balance_look(const struct runq *rq, int prio)
{
	return pull_source(other_cpus(rq), prio);
}

/* Those of the CPUs that run something less urgent than prio. */
static uint64_t less_urgent(uint64_t cpus, int prio)
{
	for (uint64_t set = cpus; set != 0; set &= set - 1) {
		int cpu = first_cpu(set);

		if (READ_ONCE(runqs[cpu].curr_prio) >= prio)
			cpus &= ~cpu_bit(cpu);
	}
	return cpus;
}

/* The most urgent real-time task waiting on rq, of a priority above `above`, that may run on one of
 * the CPUs, or if it is to be offered, on one of them that runs something less urgent; NULL: none
 * among those looked at. rq->lock held. */
static struct task *movable_rt(const struct runq *rq, uint64_t cpus, int above, bool offered)
{
	int seen = 0;

	for (int prio = rq->waiting_rt; prio > above && cpus; prio = rt_below(rq, prio)) {
		bool narrowed = !offered;
		struct task *t;

		list_for_each (t, &rq->rt[prio], sched.rt_link) {
			if ((t->sched.affinity & cpus) && !narrowed) {
				cpus = less_urgent(cpus, prio);
				narrowed = true;
			}
			if (t->sched.affinity & cpus)
				return t;
			if (++seen == RT_SCAN_MAX)
				return NULL;
		}
	}
	return NULL;
}

static struct task *movable_fair(const struct runq *rq, uint64_t cpus)
{
	struct rb_node *n = rb_first(&rq->fair);
	struct task *t = rq->fair_first;

	for (int seen = 1; t; seen++) {
		if (t->sched.affinity & cpus)
			return t;
		if (!n || seen == SCAN_MAX)
			break;
		t = rb_entry(n, struct task, sched.fair_node);
		n = rb_next(n);
	}
	return NULL;
}

/* t, linked on from, goes to that CPU's queue; NULL: nobody. Drops from->lock. Leaving a queue and
 * coming to another have each a section with interrupts off of its own. Returns what runq_place()
 * does. */
static struct runq *move(struct runq *from, struct task *t, int cpu)
{
	if (!t) {
		spin_unlock_raw(&from->lock);
		return NULL;
	}
	runq_unlink(from, t);
	runq_send(from, t, cpu);
	preempt_let_in();
	return runq_receive(t);
}

void balance_pull(struct runq *rq, int prio)
{
	uint64_t cpus = other_cpus(rq);
	struct runq *from;

	while (from = pull_source(cpus, prio), from) {
		struct task *t;

		spin_lock_raw(&from->lock);
		t = movable_rt(from, rq->bit, MAX(prio, PRIO_FAIR), false);
		if (!t && prio == PRIO_IDLE)
			t = movable_fair(from, rq->bit);
		(void)move(from, t, rq->cpu); /* the switch that follows offers who has to wait */
		if (t)
			break;
		preempt_let_in();
		cpus &= ~from->bit;
	}
}

void balance_offer_rt(struct runq *rq)
{
	uint64_t others = other_cpus(rq);
	struct task *t;
	int cpu;

	spin_lock_raw(&rq->lock);
	t = movable_rt(rq, others, PRIO_FAIR, true);
	if (t) {
		cpu = least_urgent(t->sched.affinity & others);
		if (READ_ONCE(runqs[cpu].curr_prio) < t->sched.prio) {
			runq_unlink(rq, t);
			(void)runq_place(rq, t, cpu);
			return;
		}
	}
	spin_unlock_raw(&rq->lock);
}

/* Ordinary tasks that want this CPU, as far as can be seen. One that runs a real-time task has
 * nothing to give. */
static unsigned fair_load(const struct runq *rq)
{
	int prio = READ_ONCE(rq->curr_prio);

	return READ_ONCE(rq->nr_fair) + (prio > PRIO_FAIR ? RT_LOAD : prio == PRIO_FAIR ? 1 : 0);
}

void balance_push_fair(struct runq *rq)
{
	uint64_t others = other_cpus(rq);
	struct runq *to = NULL;

	for (; others != 0; others &= others - 1) {
		struct runq *other = &runqs[first_cpu(others)];

		if (!to || fair_load(other) < fair_load(to))
			to = other;
	}
	if (!to || fair_load(to) + 2 > fair_load(rq))
		return;
	spin_lock_raw(&rq->lock);
	to = move(rq, movable_fair(rq, to->bit), to->cpu);
	if (unlikely(to)) /* it was lent a priority on the way */
		balance_push_rt(to);
}
