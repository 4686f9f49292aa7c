// SPDX-License-Identifier: MIT
/*
 * Figures about scheduling for /proc and sysinfo(2): CPU times, switches, and the load averages,
 * which are sampled every five seconds by a timer (the only periodic one in the kernel).
 */
#include "kernel/runq.h"

#define LOAD_PERIOD (5 * NSEC_PER_SEC)
#define LOAD_SHIFT  16

/* 1 - e^(-5s/T) for T = 1, 5, 15 minutes, times 2^16. */
static const uint64_t load_weight[3] = { 5240, 1083, 363 };
static uint64_t load_average[3]; /* written by the timer's handler only */
static struct timer load_timer;

static void load_sample(struct timer *t)
{
	int64_t now = (int64_t)sched_running() << LOAD_SHIFT;

	for (int i = 0; i < 3; i++) {
		int64_t step = (now - (int64_t)load_average[i]) * (int64_t)load_weight[i];

		atomic_store(&load_average[i], load_average[i] + (uint64_t)(step >> LOAD_SHIFT));
	}
	timer_start(t, t->deadline + LOAD_PERIOD);
}

void load_init(void)
{
	timer_init(&load_timer, load_sample);
	timer_start(&load_timer, time_now() + LOAD_PERIOD);
}

void sched_loadavg(uint64_t load[3])
{
	for (int i = 0; i < 3; i++)
		load[i] = atomic_load(&load_average[i]);
}

uint64_t sched_cpus_online(void)
{
	return atomic_load(&cpus_online);
}

unsigned sched_running(void)
{
	unsigned n = 0;

	for (int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		const struct runq *rq = &runqs[cpu];

		if (!(sched_cpus_online() & cpu_bit(cpu)))
			continue;
		n += READ_ONCE(rq->nr_rt) + READ_ONCE(rq->nr_fair);
		n += READ_ONCE(rq->curr_prio) > PRIO_IDLE;
	}
	return n;
}

uint64_t sched_switches(void)
{
	uint64_t n = 0;

	for (int cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		n += atomic_load(&runqs[cpu].switches);
	return n;
}

void sched_cpu_times(unsigned cpu, uint64_t *busy, uint64_t *idle)
{
	struct runq *rq = &runqs[cpu];
	uint64_t old;

	*busy = *idle = 0;
	if (!(sched_cpus_online() & cpu_bit((int)cpu)))
		return;
	old = spin_lock_irq(&rq->lock);
	runq_account(rq, time_now());
	*busy = rq->busy_ns;
	*idle = rq->idle_ns;
	spin_unlock_irq(&rq->lock, old);
}

uint64_t sched_runtime(struct task *t)
{
	uint64_t old, runtime;
	struct runq *rq;

	old = hw_irq_save();
	rq = runq_lock_task(t);
	if (rq->curr == t)
		runq_account(rq, time_now());
	runtime = t->sched.runtime;
	spin_unlock_raw(&rq->lock);
	preempt_irq_restore(old);
	return runtime;
}
