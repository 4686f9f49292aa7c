// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Tasks on their way between two CPUs: they are on no run queue then, no lock is held, and
 * interrupts come in. What other CPUs do to them meanwhile, case by case; and at random, with the
 * invariants of kernel/runq.h looked at after each step.
 */
#include "tests/mock/sched_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/runq.h"
#include "kernel/waitq.h"

#define US NSEC_PER_USEC
#define MS NSEC_PER_MSEC

static void work_long(void *arg)
{
	(void)arg;
	sim_work(40 * MS);
}

static struct task *subject; /* the task that is on its way */

/* ---- its lead stays what it is when it changes class or cost on the way ---- */

static int64_t lead_of(const struct task *t)
{
	return (int64_t)(t->sched.vruntime - runqs[t->sched.cpu].min_vruntime);
}

static int64_t lead_before, lead_after;
static bool made_nicer;

static void make_it_nicer(void)
{
	assert_int_equal(sched_set(subject, SCHED_OTHER, 0, 1), 0);
	made_nicer = true;
}

static void while_it_moves(void)
{
	if (subject->sched.moving) {
		sim_as_cpu(2, make_it_nicer);
	} else if (made_nicer) {
		assert_int_equal(sim_cpu_of(subject), 1);
		lead_after = lead_of(subject);
		sim_while_let_in(NULL);
	}
}

static void work_longer(void *arg)
{
	(void)arg;
	sim_work(400 * MS);
}

static void lead_main(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	(void)sim_task("there", work_longer, NULL, SCHED_OTHER, 0, 0x2);
	sim_work(200 * MS);
	(void)sim_task("here", work_long, NULL, SCHED_OTHER, 0, 0x1);
	subject = sim_task("s", work_long, NULL, SCHED_OTHER, 0, 0x1);
	assert_int_equal(sched_set_affinity(subject, 0x3), 0);
	(void)sim_task("third", work_long, NULL, SCHED_OTHER, 0, 0x4);
	assert_true(subject->sched.queued);
	lead_before = lead_of(subject);
	sim_while_let_in(while_it_moves);
	sim_work(30 * MS);
	assert_true(made_nicer);
}

static void test_a_task_changed_on_its_way_keeps_its_place(void **state)
{
	(void)state;
	made_nicer = false;
	sim_run(3, NSEC_PER_SEC, lead_main, NULL);
	assert_in_range(lead_after - lead_before + 2 * (int64_t)MS, 0, 4 * MS);
}

/* ---- a CPU that sinks after its look at the others, before its switch ---- */

static uint64_t ran_at;

static void note(void *arg)
{
	(void)arg;
	ran_at = sim_now();
	sim_work(1 * MS);
}

static struct task *sinks;

static void sink(void)
{
	sched_boost(sinks, 0);
}

static unsigned let_in;

/* The first time is before its look. */
static void sink_while_let_in(void)
{
	if (hw_cpu() != 1 || ++let_in == 1)
		return;
	sim_while_let_in(NULL);
	sim_as_cpu(2, sink);
}

static void look_around(void)
{
	atomic_fetch_or(&runqs[1].curr->hot.pending, TASK_NEED_RESCHED);
}

/* CPU 1 runs `sinks` at 60, CPUs 0 and 2 real-time tasks of 70; a task of 50 waits on CPU 0. */
static void sinking_main(void *arg)
{
	struct task *waits;
	uint64_t begun;

	(void)arg;
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	assert_int_equal(sched_set(current(), SCHED_FIFO, 80, 0), 0);
	sinks = sim_task("sinks", work_long, NULL, SCHED_OTHER, 0, 0x2);
	(void)sim_task("other", work_long, NULL, SCHED_FIFO, 70, 0x4);
	sim_sleep(1 * MS);
	sched_boost(sinks, 60);
	ran_at = 0;
	waits = sim_task("waits", note, NULL, SCHED_FIFO, 50, 0x1);
	assert_int_equal(sched_set_affinity(waits, 0x3), 0);
	begun = sim_now();
	sim_while_let_in(sink_while_let_in);
	sim_as_cpu(1, look_around);
	sim_work(10 * MS);
	assert_int_equal(ran_at, begun);
}

static void test_a_cpu_that_sinks_after_its_look_looks_again(void **state)
{
	(void)state;
	let_in = 0;
	sim_run(3, NSEC_PER_SEC, sinking_main, NULL);
	assert_int_not_equal(ran_at, 0);
}

/* ---- a task with a deadline that waits and is fetched has the deadline that it had ---- */

static const struct sched_deadline soon = { 7 * MS, 8 * MS, 20 * MS };
static const struct sched_deadline later = { 5 * MS, 10 * MS, 10 * MS };

static void give_deadline(struct task *t, struct sched_deadline d)
{
	assert_int_equal(sched_set_deadline(t, &d), 0);
}

static uint64_t end_seen;
static unsigned seen_on;

static void work_and_see(void *arg)
{
	(void)arg;
	sim_work(1 * MS);
	end_seen = current()->sched.dl_end;
	seen_on = hw_cpu();
}

/* CPU 1 has both, and the later one waits. CPU 0 comes for it when half of its time is over. */
static void deadline_main(void *arg)
{
	uint64_t end;

	(void)arg;
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	sched_boost(current(), PRIO_DEADLINE);
	subject = sim_task("later", work_and_see, NULL, SCHED_OTHER, 0, 0x2);
	give_deadline(subject, later);
	end = subject->sched.dl_end;
	assert_int_equal(end, sim_now() + 10 * MS);
	give_deadline(sim_task("soon", work_long, NULL, SCHED_OTHER, 0, 0x2), soon);
	assert_int_equal(sched_set_affinity(subject, 0x3), 0);
	sim_work(6 * MS);
	assert_int_equal(sim_cpu_of(subject), 1);
	sched_boost(current(), 0);
	sim_sleep(3 * MS);
	assert_int_equal(seen_on, 0);
	assert_int_equal(end_seen, end);
}

static void test_a_deadline_that_is_fetched_stays(void **state)
{
	(void)state;
	seen_on = UINT32_MAX;
	sim_run(2, NSEC_PER_SEC, deadline_main, NULL);
}

/* ---- tasks that may not move hide none that may ---- */

static void run_pinned(int prio, uint64_t cpu)
{
	(void)sim_task("pinned", work_long, NULL, SCHED_FIFO, prio, cpu);
}

/* A task of 70 waits on CPU 0 behind some of its own that are pinned there, and may run on CPU 1,
 * too, where this one is. */
static void fetched_main(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	assert_int_equal(sched_set_affinity(current(), 0x2), 0);
	for (int prio = 70; prio < 80; prio++)
		run_pinned(prio, 0x1);
	subject = sim_task("s", note, NULL, SCHED_FIFO, 70, 0x1);
	assert_int_equal(sched_set_affinity(subject, 0x3), 0);
	sim_work(5 * MS);
	assert_int_equal(ran_at, 0);
	sim_sleep(1 * MS);
}

/* The most urgent task that waits is on CPU 0 and pinned; one that may run on CPU 1 is on CPU 2. */
static void other_source_main(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	assert_int_equal(sched_set_affinity(current(), 0x2), 0);
	for (int i = 0; i < 2; i++) {
		run_pinned(80, 0x1);
		run_pinned(75, 0x4);
	}
	subject = sim_task("s", note, NULL, SCHED_FIFO, 70, 0x4);
	assert_int_equal(sched_set_affinity(subject, 0x6), 0);
	sim_work(5 * MS);
	assert_int_equal(ran_at, 0);
	sim_sleep(1 * MS);
}

/* It may run on a CPU that idles, from now on. */
static void freed_main(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	subject = sim_task("s", note, NULL, SCHED_FIFO, 70, 0x1);
	sim_work(5 * MS);
	assert_int_equal(ran_at, 0);
	assert_int_equal(sched_set_affinity(subject, 0x3), 0);
	sim_work(1 * MS);
}

/* It is lent more than what CPU 1 runs has. */
static void lent_main(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	run_pinned(50, 0x2);
	run_pinned(98, 0x1);
	subject = sim_task("s", note, NULL, SCHED_FIFO, 10, 0x1);
	assert_int_equal(sched_set_affinity(subject, 0x3), 0);
	sim_work(5 * MS);
	assert_int_equal(ran_at, 0);
	sched_boost(subject, 80);
	sim_work(1 * MS);
}

/* Two that are pinned wake where this one runs: it is behind both, and goes to CPU 1. */
static void displaced_main(void *arg)
{
	uint64_t begun;

	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 70, 0), 0);
	run_pinned(60, 0x2);
	sim_work(1 * MS);
	assert_int_equal(hw_cpu(), 0);
	begun = sim_now();
	preempt_disable();
	run_pinned(80, 0x1);
	run_pinned(90, 0x1);
	preempt_enable();
	assert_int_equal(hw_cpu(), 1);
	assert_int_equal(sim_now(), begun);
	ran_at = begun;
}

static void test_pinned_tasks_hide_none(void **state)
{
	static const struct {
		unsigned cpus;
		void (*main)(void *arg);
		uint64_t by;
	} cases[] = {
		{ 2, fetched_main, 7 * MS },   { 3, other_source_main, 7 * MS },
		{ 2, freed_main, 6 * MS },     { 2, lent_main, 6 * MS },
		{ 2, displaced_main, 2 * MS },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		ran_at = 0;
		sim_run(cases[i].cpus, NSEC_PER_SEC, cases[i].main, NULL);
		assert_in_range(ran_at, 1, cases[i].by);
	}
}

/* ---- at random ---- */

#define TASKS 24
#define STEPS 120

static struct {
	struct task *t;
	bool over;
} tasks[TASKS];
static struct waitq wq = WAITQ_INIT(wq);
static struct mutex mutexes[3] = { MUTEX_INIT(mutexes[0]), MUTEX_INIT(mutexes[1]),
				   MUTEX_INIT(mutexes[2]) };
static unsigned moves_seen, changes_on_the_way;

static unsigned below(unsigned n)
{
	return (unsigned)rand() % n;
}

/* Where a task is linked is told by `places`, by its number; others than those of the test are left
 * out. */
static unsigned places[TASKS];

static void found(const struct runq *rq, const struct task *t)
{
	assert_true(t->sched.queued);
	assert_false(t->sched.moving);
	assert_int_equal(t->sched.cpu, rq->cpu);
	assert_true(t->sched.affinity & rq->bit);
	assert_ptr_not_equal(t, rq->curr);
	for (unsigned i = 0; i < TASKS; i++)
		places[i] += tasks[i].t == t;
}

static void check_fair(struct runq *rq)
{
	const struct task *last = rq->fair_first;
	unsigned n = last != NULL;

	if (last)
		found(rq, last);
	for (struct rb_node *node = rb_first(&rq->fair); node; node = rb_next(node), n++) {
		const struct task *t = rb_entry(node, struct task, sched.fair_node);

		found(rq, t);
		assert_int_equal(t->sched.prio, PRIO_FAIR);
		assert_false(fair_before(t, last));
		assert_in_range(
			lead_of(t) + 3 * (int64_t)MS, 0,
			400 * MS); /* a turn of 100 ms, if it had a priority lent, at nice 5 */
		last = t;
	}
	assert_int_equal(n, rq->nr_fair);
}

static void check_rt(struct runq *rq)
{
	unsigned n = 0;
	int highest = 0;
	struct task *t;

	for (int prio = PRIO_RT_MIN; prio < RT_LISTS; prio++) {
		list_for_each (t, &rq->rt[prio], sched.rt_link) {
			found(rq, t);
			assert_int_equal(t->sched.prio, prio);
			highest = prio;
			n++;
		}
		assert_int_equal(rq->rt_bitmap[prio / 64] >> (prio % 64) & 1,
				 !list_empty(&rq->rt[prio]));
	}
	assert_int_equal(n, rq->nr_rt);
	assert_int_equal(highest, rq->waiting_rt);
}

/* No run queue is locked. Who can run is in one place, and who cannot in none. */
static void check(void)
{
	unsigned held = 0;
	struct task *t;

	for (unsigned i = 0; i < TASKS; i++)
		places[i] = 0;
	for (int cpu = 0; cpu < SIM_CPUS_MAX; cpu++) {
		struct runq *rq = &runqs[cpu];

		assert_int_equal(rq->lock.owner, rq->lock.next);
		check_fair(rq);
		check_rt(rq);
		assert_int_equal(rq->curr_prio, rq->curr->sched.prio);
		list_for_each (t, &rq->held, sched.rt_link)
			assert_true(++held > 0 && t->sched.moving && !t->sched.queued);
	}
	for (unsigned i = 0; i < TASKS; i++) {
		struct sched *s;
		unsigned runs;

		if (!tasks[i].t || tasks[i].over)
			continue;
		s = &tasks[i].t->sched;
		runs = runqs[s->cpu].curr == tasks[i].t;
		assert_int_equal(s->queued, places[i]);
		assert_true(s->queued + s->moving + runs <= 1);
		if (tasks[i].t->state == TASK_RUNNABLE)
			assert_int_equal(s->queued + s->moving + runs, 1);
	}
}

static void change_somebody(void)
{
	static const int policies[] = { SCHED_OTHER, SCHED_OTHER, SCHED_BATCH,
					SCHED_BATCH, SCHED_FIFO,  SCHED_RR };
	struct sched_deadline d = { 1 * MS, 4 * MS, 4 * MS };
	unsigned i = below(TASKS);
	struct task *t = tasks[i].t;
	int policy = policies[below(6)],
	    prio = policy == SCHED_FIFO || policy == SCHED_RR ? 1 + (int)below(5) : 0;

	for (unsigned k = 0; k < TASKS && hw_irqs_off(); k++)
		if (tasks[k].t && !tasks[k].over && tasks[k].t->sched.moving && below(2))
			t = tasks[k].t, i = k;
	if (!t || tasks[i].over)
		return;
	changes_on_the_way += t->sched.moving;
	switch (below(7)) {
	case 0:
	case 1: assert_int_equal(sched_set_affinity(t, 1 + below(15)), 0); break;
	case 2:
	case 3: assert_int_equal(sched_set(t, policy, prio, (int)below(11) - 5), 0); break;
	case 4: sched_boost(t, below(2) ? 1 + (int)below(6) : 0); break;
	case 5: (void)!sched_set_deadline(t, &d); break;
	default: (void)waitq_wake_one(&wq);
	}
}

static void in_between(void)
{
	check();
	for (unsigned i = 0; i < TASKS; i++)
		moves_seen += tasks[i].t && tasks[i].t->sched.moving;
	if (below(2))
		sim_as_cpu((hw_cpu() + 1 + below(3)) % SIM_CPUS_MAX, change_somebody);
	check();
}

static void wait_for_somebody(void)
{
	struct waiter w;

	waitq_prepare(&wq, &w, WAIT_UNINTERRUPTIBLE);
	if (below(2))
		sim_work(below(3000) * US); /* may lose the CPU with a state that says it sleeps */
	assert_int_equal(waitq_sleep(&w, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER), 0);
	waitq_finish(&wq, &w);
}

static void random_task(void *arg)
{
	struct mutex *m = &mutexes[below(3)];

	for (unsigned steps = STEPS / 2 + below(STEPS); steps > 0; steps--) {
		switch (below(8)) {
		case 0: sim_sleep(below(2000) * US); break;
		case 1: wait_for_somebody(); break;
		case 2: sched_yield_cpu(); break;
		case 3:
			mutex_lock(m);
			sim_work(below(500) * US);
			mutex_unlock(m);
			break;
		case 4:
		case 5: change_somebody(); break;
		default: sim_work(below(2000) * US);
		}
		check();
	}
	*(bool *)arg = true;
}

static void random_main(void *arg)
{
	unsigned left = TASKS;

	srand(*(unsigned *)arg);
	assert_int_equal(rt_guard_set(1000, 2000), 0);
	sim_while_let_in(in_between);
	for (unsigned i = 0; i < TASKS; i++) {
		tasks[i].over = false;
		tasks[i].t = sim_task("r", random_task, &tasks[i].over, SCHED_OTHER, 0, 0);
	}
	while (left > 0) {
		sim_sleep(300 * US);
		waitq_wake_all(&wq);
		left = 0;
		for (unsigned i = 0; i < TASKS; i++)
			left += !tasks[i].over;
	}
	sim_while_let_in(NULL);
	for (unsigned i = 0; i < TASKS; i++)
		tasks[i].t = NULL;
}

static void test_at_random_each_task_is_in_one_place(void **state)
{
	(void)state;
	moves_seen = changes_on_the_way = 0;
	for (unsigned seed = 1; seed <= 10; seed++)
		sim_run(SIM_CPUS_MAX, 60 * NSEC_PER_SEC, random_main, &seed);
	assert_in_range(moves_seen, 200, UINT32_MAX);
	assert_in_range(changes_on_the_way, 50, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_task_changed_on_its_way_keeps_its_place),
		cmocka_unit_test(test_a_cpu_that_sinks_after_its_look_looks_again),
		cmocka_unit_test(test_a_deadline_that_is_fetched_stays),
		cmocka_unit_test(test_pinned_tasks_hide_none),
		cmocka_unit_test(test_at_random_each_task_is_in_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
