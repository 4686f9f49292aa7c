// SPDX-License-Identifier: MIT
/*
 * What kernel/psi.c counts, made into figures: totals, and averages over 10, 60 and 300 seconds, by
 * Linux's arithmetic (Documentation/accounting/psi.rst).
 *
 * Collecting takes each CPU's times since the last time. A state's time in the group is their mean,
 * weighted by how long each CPU had anything to do at all: what an idle CPU loses nothing by does
 * not count. It is done in steps, each in an interrupt of its own: a CPU's times are taken, then
 * added, CPU by CPU; then come the averages. However many CPUs and groups there are, a step has
 * some 250 instructions, beside up to 650 of the interrupt and its timer. Between the steps is a
 * pause, so that they do not come one after the other to the same section with preemption off. Who
 * wants the figures goes on where another stopped.
 *
 * Every two seconds, as long as something was going on, the share of a state in them, a whole
 * percent, moves each average by its weight, all in units of 1/2048. Periods that nobody looked at,
 * since nothing happened, count as zero. The timer is started by whoever makes a CPU busy or a task
 * wait (psi_wake_up) and ends by itself after a period of nothing; so an idle machine stays idle.
 *
 * Locks: psi->lock (interrupts off) > run queues.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/psi_internal.h"
#include "kernel/runq.h"
#include "mm/slab.h"

#define PERIOD         (2 * NSEC_PER_SEC)
#define UNIT           2048u /* 1 in the averages */
#define STATES_AT_ONCE 2     /* averaged in one interrupt, some 90 instructions each */
_Static_assert(PSI_STATES % STATES_AT_ONCE == 0, "the last step is a whole one");
/* UNIT * e^(-2s / 10, 60, 300 s), rounded. */
static const uint32_t decay[3] = { 1677, 1981, 2034 };
/* More than ever passes between two looks; keeps products in 64 bits. */
#define SPAN_MAX   ((uint64_t)1 << 34)
#define WEIGHT_MAX ((uint64_t)1 << 25)

/* ---- Collecting ---- */

/* One CPU's times since the last time; the last is how long it had anything to do. */
static void take_cpu(const struct psi *p, struct runq *rq, uint64_t ns[PSI_STATES + 1])
{
	struct psi_cpu *c = &p->cpus[rq->cpu];
	uint64_t old = spin_lock_irq(&rq->lock), now = time_now();

	psi_charge(c, now);
	memcpy(ns, c->ns, sizeof(c->ns));
	memset(c->ns, 0, sizeof(c->ns));
	if (p->parent == NULL) {
		runq_account(rq, now);
		ns[PSI_STATES] += rq->busy_ns - rq->psi_busy;
		rq->psi_busy = rq->busy_ns;
		if (rq->wait_since != 0) {
			runq_wait_end(rq);
			runq_wait_begin(rq);
		}
		ns[PSI_SOME(PSI_CPU)] = time_of_ticks(rq->waited);
		rq->waited = 0;
	}
	spin_unlock_irq(&rq->lock, old);
}

/* The sums become totals. */
static void conclude(struct psi *p)
{
	for (unsigned s = 0; p->weights != 0 && s < PSI_STATES; s++) {
		p->figures.total[s] += p->sum[s] / p->weights;
		p->sum[s] = 0;
	}
	p->weights = 0;
	p->collected = 0;
}

/* The times of the first CPU that is not in the sums. There is one: none ever leaves. */
static void take(struct psi *p)
{
	p->collected += (unsigned)__builtin_ctzll(atomic_load(&cpus_online) >> p->collected);
	take_cpu(p, runq_of((int)p->collected), p->taken);
}

/* Adds them. True: that was the last CPU. */
static bool add_taken(struct psi *p)
{
	uint64_t weight = MIN(DIV_ROUND_UP(p->taken[PSI_STATES], 1024), WEIGHT_MAX);

	p->busy += p->taken[PSI_STATES];
	p->weights += weight;
	for (unsigned s = 0; s < PSI_STATES; s++)
		p->sum[s] += MIN(p->taken[s], SPAN_MAX) * weight;
	p->collected++;
	if (atomic_load(&cpus_online) >> p->collected)
		return false;
	conclude(p);
	return true;
}

bool psi_collect_step_locked(struct psi *p)
{
	DEBUG_ASSERT(spin_held(&p->lock));
	p->half = !p->half;
	if (!p->half)
		return add_taken(p);
	take(p);
	return false;
}

void psi_collect(struct psi *p)
{
	/* What another has begun may lack a CPU's last moments. */
	unsigned rounds = 0;

	do {
		uint64_t old = spin_lock_irq(&p->lock);

		if (rounds == 0)
			rounds = p->collected != 0 || p->half ? 2 : 1;
		rounds -= psi_collect_step_locked(p);
		spin_unlock_irq(&p->lock, old);
	} while (rounds > 0);
}

/* ---- Averages ---- */

/* x^n, in units. */
static uint64_t power(uint64_t x, uint64_t n)
{
	uint64_t result = UNIT;

	for (; n != 0; n >>= 1) {
		if (n & 1)
			result = (result * x + UNIT / 2) / UNIT;
		x = (x * x + UNIT / 2) / UNIT;
	}
	return result;
}

/* An average of percents moves on by a period of `now`, in units; rising it is rounded up, so that
 * it comes to its end. */
static uint32_t move_on(uint64_t avg, uint64_t factor, uint64_t now)
{
	uint64_t sum = avg * factor + now * (UNIT - factor);

	return (uint32_t)((now >= avg ? sum + UNIT - 1 : sum) / UNIT);
}

void psi_average_faded(uint64_t missed, uint32_t faded[3])
{
	/* By then the slowest is nothing, and the work is bounded. */
	missed = MIN(missed, UNIT - 1u);
	for (unsigned i = 0; i < 3; i++)
		faded[i] = (uint32_t)power(decay[i], missed);
}

void psi_average_step(uint32_t avg[3], const uint32_t faded[3], uint64_t ns, uint64_t period)
{
	uint64_t percent = ns * 100 / period * UNIT;

	for (unsigned i = 0; i < 3; i++)
		avg[i] = move_on(move_on(avg[i], faded[i], 0), decay[i], percent);
}

/* A period has ended: it is to be averaged. */
static void average_begin(struct psi *p, uint64_t now)
{
	uint64_t missed = (now - p->average_next) / PERIOD;

	p->average_next += (1 + missed) * PERIOD;
	/* All that was found happened in what is left when the periods without a look are taken
	 * off. */
	p->period = now - (p->averaged_at + missed * PERIOD);
	p->averaged_at = now;
	psi_average_faded(missed, p->faded);
}

/* Goes on to bring the averages up to now, if a period has ended, by some of the states. True: they
 * are. */
static bool average_step_locked(struct psi *p, uint64_t now)
{
	if (p->averaged_states == 0) {
		if (now < p->average_next)
			return true;
		average_begin(p, now);
	}
	for (unsigned n = STATES_AT_ONCE; n > 0; n--) {
		unsigned s = p->averaged_states;
		uint64_t ns = MIN(p->figures.total[s] - p->averaged[s], p->period);

		p->averaged[s] += ns;
		psi_average_step(p->figures.avg[s], p->faded, ns, p->period);
		p->averaged_states = (s + 1) % PSI_STATES;
	}
	return p->averaged_states == 0;
}

void psi_figures(struct psi *p, struct psi_figures *f)
{
	bool over = false;

	psi_collect(p);
	while (!over) {
		uint64_t old = spin_lock_irq(&p->lock);

		over = average_step_locked(p, time_now());
		*f = p->figures;
		spin_unlock_irq(&p->lock, old);
	}
}

/* ---- The timers ---- */

void psi_arm(struct psi *p, uint32_t timers)
{
	uint64_t now;

	timers &= ~READ_ONCE(p->armed);
	if (timers == 0)
		return;
	now = time_now();
	timers &= ~atomic_fetch_or(&p->armed, timers); /* who sets the bit has the timer */
	if (timers & PSI_AVERAGE)
		timer_start(&p->average, now + PERIOD);
	if (timers & PSI_POLL)
		timer_start(&p->poll, now + MIN(READ_ONCE(p->poll_period), PERIOD));
}

/* What the timer is for is going on just now. Without locks: a hint, and whoever changes it
 * afterwards arms the timer himself. */
static bool is_busy(const struct psi *p, uint32_t timer)
{
	uint64_t cpus = atomic_load(&cpus_online);
	uint32_t states = timer == PSI_POLL ? READ_ONCE(p->polled) : UINT32_MAX;

	if ((states & PSI_CPU_STATES) && p->parent == NULL && (cpus & ~atomic_load(&cpus_idle)))
		return true;
	for (; cpus != 0; cpus &= cpus - 1)
		if (READ_ONCE(p->cpus[__builtin_ctzll(cpus)].state) & states)
			return true;
	return false;
}

void psi_timer_again(struct psi *p, uint32_t timer, bool again, uint64_t deadline)
{
	if (!again) {
		atomic_fetch_and(&p->armed, ~timer);
		hw_mb(); /* the bit before the look: who came to work earlier saw it set, and is
			    seen */
		if (is_busy(p, timer))
			psi_arm(p, timer);
		return;
	}
	timer_start(timer == PSI_AVERAGE ? &p->average : &p->poll, deadline);
}

static void average_expired(struct timer *t)
{
	struct psi *p = container_of(t, struct psi, average);
	uint64_t now = time_now(), next = now + PSI_STEP_PAUSE;
	bool busy = true;

	spin_lock_raw(&p->lock);
	if (!p->averaging) {
		p->averaging = psi_collect_step_locked(p);
	} else if (average_step_locked(p, now)) {
		p->averaging = false;
		next = p->average_next;
		busy = p->busy != 0;
		p->busy = 0;
	}
	spin_unlock_raw(&p->lock);
	psi_timer_again(p, PSI_AVERAGE, busy, next);
}

/* ---- Groups ---- */

static void init(struct psi *p)
{
	list_init(&p->triggers);
	timer_init(&p->average, average_expired);
	timer_init(&p->poll, psi_poll_expired);
	p->averaged_at = time_now();
	p->average_next = p->averaged_at + PERIOD;
}

void psi_init(void)
{
	init(&psi_machine);
	psi_arm(&psi_machine, PSI_AVERAGE);
}

int psi_create(struct psi *p, struct psi *parent)
{
	unsigned cpus = 64 - (unsigned)__builtin_clzll(atomic_load(&cpus_online));

	*p = (struct psi){ .parent = parent };
	p->cpus = kmalloc(cpus * sizeof(*p->cpus), ALLOC_ZERO);
	if (p->cpus == NULL)
		return -ENOMEM;
	init(p);
	psi_groups_add(1);
	return 0;
}

void psi_destroy(struct psi *p)
{
	DEBUG_ASSERT(list_empty(&p->triggers));
	psi_groups_add(-1);
	/* No state, no task: nobody arms them any more. A handler that runs may start its timer
	 * once more. */
	while (atomic_load(&p->armed)) {
		if (timer_cancel(&p->average))
			atomic_fetch_and(&p->armed, ~(uint32_t)PSI_AVERAGE);
		if (timer_cancel(&p->poll))
			atomic_fetch_and(&p->armed, ~(uint32_t)PSI_POLL);
	}
	kfree(p->cpus);
}
