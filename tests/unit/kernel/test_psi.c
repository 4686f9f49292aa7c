// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
// LIBRARIES: m
/*
 * Pressure: what tasks on the simulated machine lose; the same by a model that looks at every task
 * anew after each step of a random sequence, to the nanosecond; averages by the documented formula;
 * triggers in virtual time.
 */
#include "tests/mock/sched_sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/fs/poll.h"
#include "kernel/psi_internal.h"
#include "kernel/runq.h"
#include "tests/mock/mock.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC
#define SLACK  20000 /* ns that switches take in the simulation */

static uint64_t total_of(struct psi *p, unsigned state)
{
	struct psi_figures f;

	psi_figures(p, &f);
	return f.total[state];
}

static void assert_about(uint64_t value, uint64_t expected)
{
	assert_in_range(value + SLACK, expected, expected + 2 * SLACK);
}

/* ---- tasks on the machine ---- */

static void wait_for_io(void *arg)
{
	bool io = psi_io_begin();

	sim_sleep(*(uint64_t *)arg);
	psi_io_end(io);
}

static void wait_for_memory(void *arg)
{
	bool memory = psi_memory_begin();

	assert_true(memory);
	assert_false(psi_memory_begin());
	psi_memory_end(false);
	sim_sleep(*(uint64_t *)arg);
	psi_memory_end(memory);
	assert_about(current()->sched.memory_ns, *(uint64_t *)arg);
}

static void compute(void *arg)
{
	sim_work(*(uint64_t *)arg);
}

static void one_cpu_main(void *arg)
{
	uint64_t t300 = 300 * MS, t100 = 100 * MS, waited;
	struct task *io;

	(void)arg;
	io = sim_task("io", wait_for_io, &t300, SCHED_OTHER, 0, 0);
	sim_join(io);
	assert_about(io->sched.io_ns, 300 * MS);
	assert_about(total_of(&psi_machine, PSI_SOME(PSI_IO)), 300 * MS);
	assert_about(total_of(&psi_machine, PSI_FULL(PSI_IO)), 300 * MS);
	/* While another task computes it is not all that is lost. */
	io = sim_task("memory", wait_for_memory, &t300, SCHED_OTHER, 0, 0);
	sim_join(sim_task("work", compute, &t100, SCHED_OTHER, 0, 0));
	sim_join(io);
	assert_about(total_of(&psi_machine, PSI_SOME(PSI_MEMORY)), 300 * MS);
	assert_about(total_of(&psi_machine, PSI_FULL(PSI_MEMORY)), 200 * MS);
	assert_about(total_of(&psi_machine, PSI_SOME(PSI_IO)), 300 * MS);
	/* Two that compute share the CPU: one waits as long as both are there. */
	waited = total_of(&psi_machine, PSI_SOME(PSI_CPU));
	io = sim_task("a", compute, &t100, SCHED_OTHER, 0, 0);
	sim_join(sim_task("b", compute, &t100, SCHED_OTHER, 0, 0));
	sim_join(io);
	waited = total_of(&psi_machine, PSI_SOME(PSI_CPU)) - waited;
	assert_in_range(waited, 190 * MS, 210 * MS);
	assert_int_equal(total_of(&psi_machine, PSI_FULL(PSI_CPU)), 0);
}

static void test_one_cpu(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, one_cpu_main, NULL);
}

/* A CPU that computes and one whose only task waits lose half; an idle one does not count. */
static void two_cpus_main(void *arg)
{
	uint64_t t300 = 300 * MS;
	struct task *t;

	(void)arg;
	t = sim_task("memory", wait_for_memory, &t300, SCHED_OTHER, 0, 2);
	sim_work(300 * MS);
	sim_join(t);
	assert_in_range(total_of(&psi_machine, PSI_SOME(PSI_MEMORY)), 149 * MS, 151 * MS);
	assert_in_range(total_of(&psi_machine, PSI_FULL(PSI_MEMORY)), 149 * MS, 151 * MS);
}

static void test_cpus_count_by_what_they_do(void **state)
{
	(void)state;
	sim_run(3, 10 * SECOND, two_cpus_main, NULL);
}

/* Pages that the daemon makes room for bring nobody on: whoever works to get memory loses as who
 * sleeps. */
static void work_for_memory(void *arg)
{
	bool memory = psi_memory_begin();

	sim_work(*(uint64_t *)arg);
	psi_memory_end(memory);
}

static void working_main(void *arg)
{
	uint64_t t100 = 100 * MS;

	(void)arg;
	sim_join(sim_task("daemon", work_for_memory, &t100, SCHED_OTHER, 0, 0));
	assert_about(total_of(&psi_machine, PSI_FULL(PSI_MEMORY)), 100 * MS);
}

static void test_working_for_memory_is_lost(void **state)
{
	(void)state;
	sim_run(1, SECOND, working_main, NULL);
}

/* The timer that moves averages ends with what goes on. */
static void quiet_main(void *arg)
{
	unsigned before;

	(void)arg;
	sim_work(5 * SECOND);
	sim_sleep(10 * SECOND);
	assert_int_equal(psi_machine.armed, PSI_AVERAGE); /* awake again */
	before = sim_timer_interrupts();
	sim_sleep(100 * SECOND);
	/* A look or two at pressure, in steps, load averages every five seconds, the sleeper's
	 * own. */
	assert_in_range(sim_timer_interrupts() - before, 20, 30);
}

static void test_idle_machine_stays_idle(void **state)
{
	(void)state;
	sim_run(1, 200 * SECOND, quiet_main, NULL);
}

/* ---- random sequences against a model ---- */

#define CPUS   3
#define TASKS  9
#define GROUPS 3
#define STEPS  4000

/* CPUs 4..6 of a machine whose real tasks have CPU 0: made by hand. */
#define FIRST 4

enum where { ASLEEP, QUEUED, RUNNING };

static struct {
	struct task tasks[TASKS], idle[CPUS];
	enum where where[TASKS];
	struct psi groups[GROUPS]; /* 1 is below 0, 2 beside 0 */
	/* By group (the last: the machine) and CPU. */
	uint64_t ns[GROUPS + 1][CPUS][PSI_STATES + 1];
	uint64_t at;
} m;

static bool counts_for(const struct task *t, unsigned group)
{
	const struct psi *p = t->sched.psi;

	if (group == GROUPS)
		return true;
	while (p && p != &m.groups[group])
		p = p->parent;
	return p != NULL;
}

static uint32_t model_state(unsigned group, int cpu)
{
	unsigned runs = 0, on_cpu = 0, io = 0, memory = 0, memory_runs = 0;
	bool curr_waits = false, busy;
	uint32_t s = 0;

	for (unsigned i = 0; i < TASKS; i++) {
		const struct task *t = &m.tasks[i];

		if (t->sched.cpu != cpu + FIRST || !counts_for(t, group))
			continue;
		runs += m.where[i] != ASLEEP;
		on_cpu += m.where[i] == RUNNING;
		io += m.where[i] == ASLEEP && (t->sched.stall & STALL_IO);
		memory += (t->sched.stall & STALL_MEMORY) != 0;
		memory_runs += m.where[i] != ASLEEP && (t->sched.stall & STALL_MEMORY);
		curr_waits |= m.where[i] == RUNNING && (t->sched.stall & STALL_MEMORY);
	}
	s |= (uint32_t)(io > 0) << PSI_SOME(PSI_IO);
	s |= (uint32_t)(io > 0 && runs == 0) << PSI_FULL(PSI_IO);
	s |= (uint32_t)(memory > 0) << PSI_SOME(PSI_MEMORY);
	s |= (uint32_t)(memory > 0 && (runs == memory_runs || curr_waits)) << PSI_FULL(PSI_MEMORY);
	s |= (uint32_t)(runs > on_cpu) << PSI_SOME(PSI_CPU);
	s |= (uint32_t)(runs > 0 && on_cpu == 0 && group != GROUPS) << PSI_FULL(PSI_CPU);
	/* The machine's weight is what its CPUs ran; one that is about to is idle yet. */
	busy = io > 0 || memory > 0 || (group == GROUPS ? on_cpu > 0 : runs > 0);
	return s | (uint32_t)busy << PSI_STATES;
}

/* Time passes; the model adds it up by the states as they are. */
static void let_pass(uint64_t ns)
{
	uint32_t states[GROUPS + 1][CPUS];

	for (unsigned g = 0; g <= GROUPS; g++)
		for (int cpu = 0; cpu < CPUS; cpu++)
			states[g][cpu] = model_state(g, cpu);
	sim_work(ns);
	ns = sim_now() - m.at;
	m.at += ns;
	for (unsigned g = 0; g <= GROUPS; g++)
		for (int cpu = 0; cpu < CPUS; cpu++)
			for (unsigned s = 0; s <= PSI_STATES; s++)
				if (states[g][cpu] >> s & 1)
					m.ns[g][cpu][s] += ns;
}

static unsigned random_below(unsigned n)
{
	return (unsigned)rand() % n;
}

static struct runq *rq_at(int cpu)
{
	return &runqs[cpu + FIRST];
}

/* As kernel/sched_wake.c does it. */
static void wake(unsigned i, int cpu)
{
	struct task *t = &m.tasks[i];
	struct runq *rq = rq_at(cpu);

	if (t->sched.cpu != cpu + FIRST && t->sched.psi_counted)
		psi_leave(&runqs[t->sched.cpu], t);
	t->sched.cpu = cpu + FIRST;
	runq_wait_begin(rq);
	rq->nr_fair++;
	t->sched.queued = true;
	m.where[i] = QUEUED;
	if (rq->psi_slow | t->sched.stall)
		psi_enter(rq, t);
}

/* As kernel/sched.c does it. */
static void switch_at(int cpu, bool sleeps)
{
	struct runq *rq = rq_at(cpu);
	struct task *prev = rq->curr, *next = rq->idle;
	unsigned i = random_below(TASKS);

	runq_account(rq, time_now());
	for (unsigned n = 0; n < TASKS; n++, i = (i + 1) % TASKS)
		if (m.where[i] == QUEUED && m.tasks[i].sched.cpu == cpu + FIRST)
			next = &m.tasks[i];
	sleeps &= prev != rq->idle;
	if (prev != rq->idle && !sleeps) {
		prev->sched.queued = true;
		rq->nr_fair++;
	}
	if (prev != rq->idle)
		m.where[prev - m.tasks] = sleeps ? ASLEEP : QUEUED;
	if (next == rq->idle && !sleeps && prev != rq->idle)
		next = prev;
	if (next != rq->idle) {
		next->sched.queued = false;
		rq->nr_fair--;
		m.where[next - m.tasks] = RUNNING;
	}
	rq->curr = next;
	next->sched.exec_start = time_now();
	prev->state = sleeps ? TASK_SLEEPING : TASK_RUNNABLE;
	if (next != prev && (rq->psi_slow | prev->sched.stall))
		psi_switch(rq, prev, next, sleeps, time_now());
	if (rq->nr_fair + rq->nr_rt == 0)
		runq_wait_end(rq);
}

/* The task that runs there begins or ends a wait. */
static void toggle(int cpu, uint8_t stall)
{
	struct task *t = rq_at(cpu)->curr;
	unsigned was;

	if (t == rq_at(cpu)->idle)
		return;
	if (stall == STALL_IO) {
		t->sched.stall ^= STALL_IO;
		return;
	}
	was = sim_on_cpu((unsigned)cpu + FIRST);
	cpu_locals[cpu + FIRST].current = t;
	if (t->sched.stall & STALL_MEMORY)
		psi_memory_end(true);
	else
		assert_true(psi_memory_begin());
	(void)sim_on_cpu(was);
}

static void step(void)
{
	int cpu = (int)random_below(CPUS);
	unsigned i = random_below(TASKS);

	switch (random_below(6)) {
	case 0:
	case 1:
		if (m.where[i] == ASLEEP)
			wake(i, cpu);
		break;
	case 2: switch_at(cpu, true); break;
	case 3: switch_at(cpu, false); break;
	case 4: toggle(cpu, random_below(2) ? STALL_IO : STALL_MEMORY); break;
	default:
		if (random_below(4) == 0)
			psi_move(&m.tasks[i],
				 random_below(4) ? &m.groups[random_below(GROUPS)] : &psi_machine);
	}
}

/* Each state's mean over the CPUs, by their weights; and a base that was there before. */
static void compare(unsigned group, struct psi *p, const uint64_t *base)
{
	struct psi_figures f;

	psi_figures(p, &f);
	for (unsigned s = 0; s < PSI_STATES; s++) {
		uint64_t sum = 0, weights = 0;

		/* The machine's own tasks have CPU 0, which is busy all the time. */
		if (group == GROUPS)
			weights = DIV_ROUND_UP(m.at - base[PSI_STATES], 1024);
		for (int cpu = 0; cpu < CPUS; cpu++) {
			uint64_t weight = DIV_ROUND_UP(m.ns[group][cpu][PSI_STATES], 1024);

			sum += m.ns[group][cpu][s] * weight;
			weights += weight;
		}
		sum = weights ? sum / weights : 0;
		/* To the last, but for the machine's waits for CPUs, which are told in ticks. */
		if (f.total[s] - base[s] != sum &&
		    (group != GROUPS || llabs((long long)(f.total[s] - base[s] - sum)) > 1000))
			fail_msg("group %u state %u: %llu, not %llu", group, s,
				 (unsigned long long)(f.total[s] - base[s]),
				 (unsigned long long)sum);
	}
}

static void machine_by_hand(void)
{
	memset(&m, 0, sizeof(m));
	for (int cpu = 0; cpu < CPUS; cpu++) {
		m.idle[cpu].sched.cpu = cpu + FIRST;
		m.idle[cpu].sched.prio = PRIO_IDLE;
		m.idle[cpu].sched.exec_start = sim_now();
		rq_at(cpu)->idle = rq_at(cpu)->curr = &m.idle[cpu];
	}
	for (unsigned i = 0; i < TASKS; i++)
		m.tasks[i].sched.cpu = FIRST + (int)(i % CPUS);
	for (unsigned g = 0; g < GROUPS; g++)
		assert_int_equal(psi_create(&m.groups[g], g == 1 ? &m.groups[0] : &psi_machine), 0);
}

static void random_main(void *arg)
{
	uint64_t base[PSI_STATES + 1];
	struct psi_figures f;

	srand(*(unsigned *)arg);
	atomic_fetch_or(&cpus_online, (uint64_t)((1 << CPUS) - 1) << FIRST);
	machine_by_hand();
	sim_work(1); /* the counter stands at 0, which says that nobody waits */
	psi_figures(&psi_machine, &f);
	memcpy(base, f.total, sizeof(f.total));
	base[PSI_STATES] = m.at = sim_now();
	for (unsigned i = 0; i < STEPS; i++) {
		step();
		let_pass(1 + random_below(400000));
	}
	for (unsigned g = 0; g < GROUPS; g++)
		compare(g, &m.groups[g], (const uint64_t[PSI_STATES + 1]){ 0 });
	compare(GROUPS, &psi_machine, base);
	/* All of it is taken back. */
	for (unsigned i = 0; i < TASKS; i++) {
		psi_move(&m.tasks[i], &psi_machine);
		if (m.tasks[i].sched.psi_counted)
			psi_leave(&runqs[m.tasks[i].sched.cpu], &m.tasks[i]);
	}
	for (int cpu = 0; cpu < CPUS; cpu++) {
		for (unsigned g = 0; g < GROUPS; g++)
			assert_int_equal(m.groups[g].cpus[cpu + FIRST].counts, 0);
		rq_at(cpu)->curr = rq_at(cpu)->idle;
	}
	for (unsigned g = GROUPS; g-- > 0;)
		psi_destroy(&m.groups[g]);
	for (int cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(rq_at(cpu)->psi_slow, 0);
	atomic_fetch_and(&cpus_online, ~((uint64_t)((1 << CPUS) - 1) << FIRST));
}

static void test_random_sequences(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++)
		sim_run(1, 10 * SECOND, random_main, &seed);
}

/* ---- in steps ---- */

static bool collects(void)
{
	uint64_t old = spin_lock_irq(&psi_machine.lock);
	bool over = psi_collect_step_locked(&psi_machine);

	spin_unlock_irq(&psi_machine.lock, old);
	return over;
}

static void poll_once(void)
{
	uint64_t old = hw_irq_save();

	psi_poll_expired(&psi_machine.poll);
	hw_irq_restore(old);
}

/* Taking a CPU's times, adding them, or a few triggers are what one interrupt does; who wants
 * figures meanwhile has them whole. */
static void steps_main(void *arg)
{
	static const unsigned left[] = { 14, 8, 2, 0 };
	struct psi_trigger *t[20];
	uint64_t t300 = 300 * MS;
	struct task *io;

	(void)arg;
	for (unsigned step = 1; step < 2 * 4; step++)
		assert_false(collects());
	assert_true(collects());
	assert_false(collects());
	io = sim_task("io", wait_for_io, &t300, SCHED_OTHER, 0, 1);
	sim_work(300 * MS);
	sim_join(io);
	assert_about(total_of(&psi_machine, PSI_SOME(PSI_IO)), 300 * MS);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = psi_trigger_create(&psi_machine, PSI_IO, "some 150000 1000000", false);
	assert_int_equal(psi_machine.collected, 0);
	for (unsigned step = 0; step < 2 * 4; step++) {
		assert_int_equal(psi_machine.unlooked, 0);
		poll_once();
	}
	assert_int_equal(psi_machine.unlooked, 20);
	for (unsigned i = 0; i < ARRAY_SIZE(left); i++) {
		poll_once();
		assert_int_equal(psi_machine.unlooked, left[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		psi_trigger_destroy(t[i]);
}

static void test_interrupts_take_steps(void **state)
{
	(void)state;
	sim_run(4, 10 * SECOND, steps_main, NULL);
}

/* ---- averages ---- */

static void moves_on(uint32_t avg[3], uint64_t missed, uint64_t ns, uint64_t period)
{
	uint32_t faded[3];

	psi_average_faded(missed, faded);
	psi_average_step(avg, faded, ns, period);
}

/* avg * e^(-2s/T) + share * (1 - e^(-2s/T)), in percent. */
static void test_averages_by_the_formula(void **state)
{
	static const double seconds[3] = { 10, 60, 300 };
	double model[3] = { 0 };
	uint32_t avg[3] = { 0 };

	(void)state;
	srand(1);
	for (unsigned n = 0; n < 2000; n++) {
		uint64_t missed = random_below(20) ? 0 : random_below(100);
		uint64_t period = 2 * SECOND - random_below(100 * MS);
		uint64_t ns = random_below(3) ? (uint64_t)random_below(1000) * period / 1000 : 0;
		double share = floor(100.0 * (double)ns / (double)period);

		moves_on(avg, missed, ns, period);
		for (unsigned i = 0; i < 3; i++) {
			model[i] *= exp(-2.0 * (double)missed / seconds[i]);
			model[i] += (share - model[i]) * (1 - exp(-2.0 / seconds[i]));
			if (fabs(avg[i] / 2048.0 - model[i]) > 0.35)
				fail_msg("period %u, avg%.0f: %f, not %f", n, seconds[i],
					 avg[i] / 2048.0, model[i]);
		}
	}
}

static void test_averages_as_linux(void **state)
{
	uint32_t avg[3] = { 0 };

	(void)state;
	moves_on(avg, 0, 2 * SECOND, 2 * SECOND); /* 18.11, 3.27, 0.68 */
	assert_int_equal(avg[0], 37100);
	assert_int_equal(avg[1], 6700);
	assert_int_equal(avg[2], 1400);
	for (unsigned i = 0; i < 3000; i++)
		moves_on(avg, 0, 2 * SECOND, 2 * SECOND);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(avg[i], 100 * 2048);
	moves_on(avg, 10000, 0, 2 * SECOND);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(avg[i], 0);
}

/* ---- triggers ---- */

struct half { /* a task that waits for `wait` in each `period` */
	uint64_t wait, period;
	unsigned times;
};

static void waits_often(void *arg)
{
	const struct half *h = arg;

	for (unsigned i = 0; i < h->times; i++) {
		bool memory = psi_memory_begin();

		sim_sleep(h->wait);
		psi_memory_end(memory);
		sim_sleep(h->period - h->wait);
	}
}

static unsigned fired;
static uint64_t fired_last;

/* Looks every 10 ms for as long; counts events, which are never closer together than a window. */
static void count_events(struct psi_trigger *t, uint64_t ns)
{
	uint64_t end = sim_now() + ns;

	fired = 0;
	while (sim_now() < end) {
		unsigned ready = psi_trigger_poll(t, NULL);

		assert_true(ready & POLLIN && ready & POLLOUT);
		if (ready & POLLPRI) {
			if (fired++ > 0)
				assert_true(sim_now() - fired_last >= t->window - 10 * MS);
			fired_last = sim_now();
			assert_false(psi_trigger_poll(t, NULL) & POLLPRI);
		}
		sim_sleep(10 * MS);
	}
}

static void trigger_main(void *arg)
{
	struct half h = { 200 * MS, 1000 * MS, 10 };
	struct psi_trigger *t =
		psi_trigger_create(&psi_machine, PSI_MEMORY, "some 150000 1000000\n", false);
	struct task *task;

	(void)arg;
	assert_false(IS_ERR(t));
	count_events(t, 2 * SECOND);
	assert_int_equal(fired, 0);
	task = sim_task("waits", waits_often, &h, SCHED_OTHER, 0, 0);
	count_events(t, 10 * SECOND);
	assert_in_range(fired, 9, 10);
	sim_join(task);
	h.wait = 30 * MS; /* not enough, even with what is taken over from the window before */
	count_events(t, 3 * SECOND);
	task = sim_task("waits", waits_often, &h, SCHED_OTHER, 0, 0);
	count_events(t, 10 * SECOND);
	assert_int_equal(fired, 0);
	sim_join(task);
	psi_trigger_destroy(t);
	assert_int_equal(psi_machine.polled, 0);
	sim_sleep(3 * SECOND);
	assert_false(psi_machine.armed & PSI_POLL);
}

/* What a group waits for at a limit of its own is nobody's sign that the machine thrashes. */
static bool at_own_limit;

bool memcg_tight(void)
{
	return at_own_limit;
}

static void own_limit_main(void *arg)
{
	static uint64_t somebody; /* a process that nobody looks into */

	(void)arg;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t before = psi_memory_waited();
		bool memory;

		at_own_limit = i;
		current()->process = (struct process *)&somebody;
		memory = psi_memory_begin();
		current()->process = NULL;
		sim_sleep(10 * MS);
		assert_about(psi_memory_waited() - before, i ? 0 : 10 * MS); /* before its end */
		sim_sleep(10 * MS);
		psi_memory_end(memory);
		sim_sleep(10 * MS);
		assert_about(psi_memory_waited() - before, i ? 0 : 20 * MS);
	}
	assert_about(current()->sched.memory_ns, 40 * MS);
}

static void test_own_limit(void **state)
{
	(void)state;
	sim_run(1, SECOND, own_limit_main, NULL);
}

static void test_triggers(void **state)
{
	(void)state;
	sim_run(1, 60 * SECOND, trigger_main, NULL);
}

static void cpu_trigger_main(void *arg)
{
	uint64_t second = SECOND;
	struct psi_trigger *t;

	(void)arg;
	t = psi_trigger_create(&psi_machine, PSI_CPU, "some 300000 500000", false);
	sim_sleep(5 * SECOND);
	(void)sim_task("a", compute, &second, SCHED_OTHER, 0, 0);
	(void)sim_task("b", compute, &second, SCHED_OTHER, 0, 0);
	count_events(t, 2 * SECOND);
	assert_in_range(fired, 3, 4);
	psi_trigger_destroy(t);
}

static void test_trigger_of_cpus(void **state)
{
	(void)state;
	sim_run(1, 60 * SECOND, cpu_trigger_main, NULL);
}

static void bad_main(void *arg)
{
	static const char *const bad[] = {
		"",
		"some",
		"some 1",
		"some 0 1000000",
		"some 1000001 1000000",
		"some 100000 499999",
		"some 100000 10000001",
		"half 100000 1000000",
		"some -1 1000000",
		"some 1x 1000000",
		"some 99999999999999999999 1000000",
	};
	static const char *const not_ordinary[] = {
		"some 100000 500000",  "some 100000 1000000", "some 100000 2000001",
		"some 100000 3000000", "some 0 2000000",      "some 100000 12000000",
	};
	struct psi_trigger *t[PSI_TRIGGERS_MAX];

	(void)arg;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_ptr_equal(psi_trigger_create(&psi_machine, PSI_IO, bad[i], false),
				 ERR_PTR(-EINVAL));
	for (unsigned i = 0; i < ARRAY_SIZE(not_ordinary); i++)
		assert_ptr_equal(psi_trigger_create(&psi_machine, PSI_IO, not_ordinary[i], true),
				 ERR_PTR(-EINVAL));
	for (unsigned i = 0; i < PSI_TRIGGERS_MAX; i++) {
		bool ordinary = i < PSI_TRIGGERS_MAX / 2;

		t[i] = psi_trigger_create(&psi_machine, PSI_IO,
					  ordinary ? "full 500000 4000000" : "full 500000 500000",
					  ordinary);
		assert_false(IS_ERR(t[i]));
		if (i >= PSI_TRIGGERS_MAX / 2 - 1) /* the other half is for the privileged */
			assert_ptr_equal(psi_trigger_create(&psi_machine, PSI_IO, "full 1 2000000",
							    true),
					 ERR_PTR(-ENOSPC));
	}
	assert_ptr_equal(psi_trigger_create(&psi_machine, PSI_IO, "full 1 500000", false),
			 ERR_PTR(-ENOSPC));
	for (unsigned i = 0; i < PSI_TRIGGERS_MAX; i++)
		psi_trigger_destroy(t[i]);
}

static void test_bad_triggers(void **state)
{
	(void)state;
	sim_run(1, SECOND, bad_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_cpu),
		cmocka_unit_test(test_cpus_count_by_what_they_do),
		cmocka_unit_test(test_working_for_memory_is_lost),
		cmocka_unit_test(test_idle_machine_stays_idle),
		cmocka_unit_test(test_random_sequences),
		cmocka_unit_test(test_interrupts_take_steps),
		cmocka_unit_test(test_averages_by_the_formula),
		cmocka_unit_test(test_averages_as_linux),
		cmocka_unit_test(test_triggers),
		cmocka_unit_test(test_own_limit),
		cmocka_unit_test(test_trigger_of_cpus),
		cmocka_unit_test(test_bad_triggers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
