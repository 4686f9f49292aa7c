// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * The scheduler on a simulated machine (tests/mock/sched_sim.h): who runs, where, for how long.
 */
#include "tests/mock/sched_sim.h"
#include "tests/mock/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/runq.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

static int setup(void **state)
{
	(void)state;
	trail_begin();
	return 0;
}

/* ---- real-time order ---- */

static void leave_mark(void *arg)
{
	sim_work(1 * MS);
	mark(*(const char *)arg);
}

static void rt_order(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	sim_task("c", leave_mark, "c", SCHED_FIFO, 10, 0);
	sim_task("a", leave_mark, "a", SCHED_FIFO, 30, 0);
	sim_task("f", leave_mark, "f", SCHED_OTHER, 0, 0);
	sim_task("b", leave_mark, "b", SCHED_FIFO, 20, 0);
	sim_task("d", leave_mark, "d", SCHED_FIFO, 10, 0);
	sim_work(5 * MS);
	mark('.');
}

static void test_fifo_by_priority_then_arrival(void **state)
{
	(void)state;
	sim_run(1, SECOND, rt_order, NULL);
	assert_string_equal(trail, ".abcdf");
}

/* ---- preemption ---- */

static void late_rt(void *arg)
{
	uint64_t due = *(uint64_t *)arg;

	assert_int_equal(time_sleep_until(due, WAIT_UNINTERRUPTIBLE), 0);
	assert_int_equal(sim_now(), due);
	mark('R');
	sim_work(1 * MS);
	mark('r');
}

static void preempted(void *arg)
{
	uint64_t due = sim_now() + 3 * MS + 12345;

	(void)arg;
	sim_task("rt", late_rt, &due, SCHED_FIFO, 1, 0);
	sim_work(10 * MS);
	mark('o');
}

static void test_rt_wakes_at_its_nanosecond_and_preempts(void **state)
{
	(void)state;
	sim_run(1, SECOND, preempted, NULL);
	assert_string_equal(trail, "Rro");
}

static void preempt_off(void *arg)
{
	uint64_t due = sim_now() + 3 * MS;

	struct task *rt;

	(void)arg;
	rt = sim_task("rt", leave_mark, "R", SCHED_OTHER, 0, 0);
	(void)due;
	preempt_disable();
	assert_int_equal(sched_set(rt, SCHED_FIFO, 5, 0), 0);
	mark('1');
	preempt_enable(); /* here */
	mark('2');
}

static void test_preemption_waits_for_the_count(void **state)
{
	(void)state;
	sim_run(1, SECOND, preempt_off, NULL);
	assert_string_equal(trail, "1R2");
}

/* Sinking below somebody who waits gives the CPU away at once. */
static void sink(void *arg)
{
	(void)arg;
	sched_boost(current(), 50);
	sim_task("a", leave_mark, "a", SCHED_FIFO, 20, 0);
	mark('1');
	sched_boost(current(), 0);
	mark('2');
	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	sim_task("b", leave_mark, "b", SCHED_FIFO, 20, 0);
	mark('3');
	assert_int_equal(sched_set(current(), SCHED_FIFO, 10, 0), 0);
	mark('4');
}

static void test_sinking_tasks_give_way(void **state)
{
	(void)state;
	sim_run(1, SECOND, sink, NULL);
	assert_string_equal(trail, "1a23b4");
}

/* A waiting task whose priority falls goes before those that have waited at it (POSIX,
 * pthread_setschedprio). */
static void sink_in_queue(void *arg)
{
	struct task *c;

	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 60, 0), 0);
	sim_task("a", leave_mark, "a", SCHED_FIFO, 10, 0);
	sim_task("b", leave_mark, "b", SCHED_FIFO, 10, 0);
	c = sim_task("c", leave_mark, "c", SCHED_FIFO, 10, 0);
	sched_boost(c, 40);
	sched_boost(c, 0);
	c = sim_task("d", leave_mark, "d", SCHED_FIFO, 5, 0);
	sched_boost(c, 10); /* rises: behind them */
	mark('.');
}

static void test_who_sinks_goes_first(void **state)
{
	(void)state;
	sim_run(1, SECOND, sink_in_queue, NULL);
	assert_string_equal(trail, ".cabd");
}

/* ---- turns ---- */

static void worker(void *arg)
{
	sim_work(*(uint64_t *)arg);
}

struct share {
	struct task *t;
	uint64_t work, at;
};

static void until_done(void *arg)
{
	struct share *s = arg;

	sim_work(s->work);
	s->at = sim_now();
}

static void rr_main(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	for (int i = 0; i < 3; i++)
		s[i].t = sim_task("rr", until_done, &s[i], SCHED_RR, 10, 0);
}

static void test_rr_takes_turns_of_100_ms(void **state)
{
	struct share s[3] = { { .work = 250 * MS }, { .work = 150 * MS }, { .work = 99 * MS } };

	(void)state;
	sim_run(1, SECOND, rr_main, s);
	/* 0: 0-100, 1: 100-200, 2: 200-299, 0: 299-399, 1: 399-449, 0: 449-499 */
	assert_int_equal(s[2].at / MS, 299);
	assert_int_equal(s[1].at / MS, 449);
	assert_int_equal(s[0].at / MS, 499);
}

/* Who sinks to the priority of one that waits has a turn of that one's kind from then on. */
static void sinks_to_its_equal(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	s[0].t = sim_task("rr", until_done, &s[0], SCHED_RR, 10, 0);
	assert_int_equal(sched_set(current(), SCHED_RR, 10, 0), 0);
	sim_work(400 * MS);
}

static void test_turns_end_after_sinking(void **state)
{
	struct share s[1] = { { .work = 50 * MS } };

	(void)state;
	sim_run(1, SECOND, sinks_to_its_equal, s);
	assert_in_range(s[0].at, 49 * MS, 160 * MS);
}

static void fair_main(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	for (int i = 0; i < 3; i++) {
		s[i].t = sim_task("fair", worker, &s[i].work, SCHED_OTHER, 0, 0);
		if (s[i].at)
			assert_int_equal(sched_set(s[i].t, SCHED_OTHER, 0, (int)s[i].at), 0);
	}
	sim_sleep(600 * MS);
	for (int i = 0; i < 3; i++)
		s[i].at = sched_runtime(s[i].t);
}

static void test_fair_shares_evenly(void **state)
{
	struct share s[3] = { { .work = 500 * MS }, { .work = 500 * MS }, { .work = 500 * MS } };

	(void)state;
	sim_run(1, 10 * SECOND, fair_main, s);
	for (int i = 0; i < 3; i++)
		assert_in_range(s[i].at, 195 * MS, 205 * MS);
}

static void test_fair_shares_by_nice(void **state)
{
	/* 5 levels are a factor of 3.05: 1 of 7.1, 3.05 of 7.1 */
	struct share s[3] = { { .work = SECOND }, { .work = SECOND, .at = 5 }, { .work = SECOND } };

	(void)state;
	sim_run(1, 10 * SECOND, fair_main, s);
	assert_in_range(s[0].at, 248 * MS, 268 * MS);
	assert_in_range(s[2].at, 248 * MS, 268 * MS);
	assert_in_range(s[1].at, 74 * MS, 94 * MS);
}

/* A task that sleeps most of the time is served soon, yet gets no more than its share. */
static uint64_t worst_delay;

static void sleeper(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		uint64_t due = sim_now() + 10 * MS;

		sim_sleep(10 * MS);
		worst_delay = MAX(worst_delay, sim_now() - due);
		sim_work(MS / 10);
	}
}

static void sleeper_main(void *arg)
{
	static uint64_t work = 800 * MS;

	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	for (int i = 0; i < 3; i++)
		sim_task("hog", worker, &work, SCHED_OTHER, 0, 0);
	sim_task("sleeper", sleeper, NULL, SCHED_OTHER, 0, 0);
}

static void test_sleepers_are_not_starved(void **state)
{
	(void)state;
	worst_delay = 0;
	sim_run(1, 10 * SECOND, sleeper_main, NULL);
	assert_in_range(worst_delay, 0, 13 * MS); /* three hogs' turns at the very most */
}

/* Beside a single hog it is served at once: waking up gives a little credit. */
static void one_hog_main(void *arg)
{
	static uint64_t work = 600 * MS;

	(void)arg;
	sim_task("hog", worker, &work, SCHED_OTHER, 0, 0);
	sim_task("sleeper", sleeper, NULL, SCHED_OTHER, 0, 0);
}

static void test_a_sleeper_preempts_a_hog(void **state)
{
	(void)state;
	worst_delay = 0;
	sim_run(1, 10 * SECOND, one_hog_main, NULL);
	assert_int_equal(worst_delay, 0);
}

/* Also when it wakes while nobody's turn it is and others wait. */
static uint64_t served_at;

static void one_sleep(void *arg)
{
	(void)arg;
	sim_sleep(20 * MS);
	served_at = sim_now();
}

static void queue_jump_main(void *arg)
{
	static uint64_t work = 100 * MS;
	uint64_t until;

	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	sim_task("sleeper", one_sleep, NULL, SCHED_OTHER, 0, 0);
	for (int i = 0; i < 3; i++)
		sim_task("hog", worker, &work, SCHED_OTHER, 0, 0);
	sim_sleep(15 * MS);
	sim_work(10 * MS); /* the sleeper wakes behind this */
	until = sim_now();
	sim_sleep(MS);
	assert_int_equal(served_at, until);
}

static void test_a_sleeper_goes_before_waiting_hogs(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, queue_jump_main, NULL);
}

/* But a task that slept for long may not make up for all of it. */
static void late_hog(void *arg)
{
	struct share *s = arg;

	sim_sleep(SECOND);
	sim_work(s->work);
}

static void comeback_main(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	s[0].t = sim_task("late", late_hog, &s[0], SCHED_OTHER, 0, 0);
	s[1].t = sim_task("hog", worker, &s[1].work, SCHED_OTHER, 0, 0);
	sim_sleep(1100 * MS);
	s[0].at = sched_runtime(s[0].t);
	s[2].t = sim_task("new", worker, &s[2].work, SCHED_OTHER, 0, 0);
	sim_sleep(150 * MS);
	s[2].at = sched_runtime(s[2].t);
}

static void test_the_past_gives_no_credit(void **state)
{
	struct share s[3] = { { .work = SECOND }, { .work = 3 * SECOND }, { .work = SECOND } };

	(void)state;
	sim_run(1, 10 * SECOND, comeback_main, s);
	assert_in_range(s[0].at, 46 * MS, 56 * MS); /* of 100 ms for two */
	assert_in_range(s[2].at, 44 * MS, 56 * MS); /* of 150 ms for three */
}

static void yielder(void *arg)
{
	for (int i = 0; i < 3; i++) {
		sim_work(1000);
		mark(*(const char *)arg);
		sched_yield_cpu();
	}
}

static void yield_main(void *arg)
{
	int policy = *(int *)arg, prio = policy == SCHED_FIFO ? 5 : 0;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	sim_task("a", yielder, "a", policy, prio, 0);
	sim_task("b", yielder, "b", policy, prio, 0);
	sim_task("c", yielder, "c", policy, prio, 0);
}

static void test_yield(void **state)
{
	int fifo = SCHED_FIFO, other = SCHED_OTHER;

	sim_run(1, SECOND, yield_main, &fifo);
	assert_string_equal(trail, "abcabcabc");
	setup(state);
	sim_run(1, SECOND, yield_main, &other);
	assert_string_equal(trail, "abcabcabc");
}

/* A task that is far behind the others and yields lets the next one run all the same. */
static void polite(void *arg)
{
	uint64_t before;

	(void)arg;
	sim_sleep(10 * MS);
	before = sim_now();
	sched_yield_cpu();
	assert_in_range(sim_now() - before, 1 * MS, 5 * MS);
}

static void polite_main(void *arg)
{
	static uint64_t work = 50 * MS;

	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	sim_task("polite", polite, NULL, SCHED_OTHER, 0, 0);
	sim_task("hog", worker, &work, SCHED_OTHER, 0, 0);
}

static void test_yield_with_credit(void **state)
{
	(void)state;
	sim_run(1, SECOND, polite_main, NULL);
}

/* ---- several CPUs ---- */

static void spread_main(void *arg)
{
	struct share *s = arg;

	for (int i = 0; i < 3; i++)
		s[i].t = sim_task("w", until_done, &s[i], SCHED_OTHER, 0, 0);
	sim_work(100 * MS);
	s[3].at = sim_now();
}

static void test_four_tasks_use_four_cpus(void **state)
{
	struct share s[4] = { { .work = 100 * MS }, { .work = 100 * MS }, { .work = 100 * MS } };

	(void)state;
	sim_run(4, SECOND, spread_main, s);
	for (int i = 0; i < 4; i++)
		assert_in_range(s[i].at, 100 * MS, 101 * MS);
}

static void pull_main(void *arg)
{
	struct share *s = arg;

	/* Five tasks bound to CPU 0, then set free: idle CPUs fetch them. */
	for (int i = 0; i < 5; i++)
		s[i].t = sim_task("w", until_done, &s[i], SCHED_OTHER, 0, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sched_set_affinity(s[i].t, 0xf), 0);
	sim_sleep(1);
}

static void test_idle_cpus_pull(void **state)
{
	struct share s[5];
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		s[i] = (struct share){ .work = 40 * MS };
	sim_run(4, SECOND, pull_main, s);
	for (int i = 0; i < 5; i++)
		last = MAX(last, s[i].at);
	assert_in_range(last, 50 * MS, 90 * MS); /* 200 ms of work on four CPUs */
}

static void affinity_main(void *arg)
{
	struct share *s = arg;

	s[0].t = sim_task("w", until_done, &s[0], SCHED_OTHER, 0, 0x4);
	s[1].t = sim_task("w", until_done, &s[1], SCHED_OTHER, 0, 0x4);
	sim_sleep(10 * MS);
	assert_int_equal(sim_cpu_of(s[0].t), 2);
	assert_int_equal(sim_cpu_of(s[1].t), 2);
	assert_int_equal(sched_set_affinity(s[1].t, 0x8), 0);
	sim_sleep(1 * MS);
	assert_int_equal(sim_cpu_of(s[1].t), 3);
	assert_int_equal(sched_set_affinity(current(), 0x2), 0);
	assert_int_equal(hw_cpu(), 1);
	assert_int_equal(sched_set_affinity(current(), 0x10), -EINVAL);
}

static void test_affinity(void **state)
{
	struct share s[2] = { { .work = 20 * MS }, { .work = 20 * MS } };

	(void)state;
	sim_run(4, SECOND, affinity_main, s);
	assert_in_range(s[0].at, 23 * MS, 27 * MS); /* 10 ms shared, the rest alone */
	assert_in_range(s[1].at, 23 * MS, 27 * MS);
}

/* Four CPUs, five real-time tasks: at every moment the four most urgent run. */
static void rt_load(void *arg)
{
	struct share *s = arg;

	sim_work(s->work);
	s->at = sim_now();
}

static void rt_global_main(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	for (int i = 0; i < 8; i++)
		s[i].t = sim_task("rt", rt_load, &s[i], SCHED_FIFO, 10 + i, 0);
}

static void test_rt_runs_the_most_urgent_everywhere(void **state)
{
	struct share s[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		s[i] = (struct share){ .work = 10 * MS };
	sim_run(4, SECOND, rt_global_main, s);
	for (int i = 0; i < 8; i++)
		assert_int_equal(s[i].at / MS, i >= 4 ? 10 : 20);
}

/* A preempted real-time task moves to a CPU with something less urgent. */
static void push_main(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	s[2].t = sim_task("fair", rt_load, &s[2], SCHED_OTHER, 0, 0x2);
	s[0].t = sim_task("low", rt_load, &s[0], SCHED_FIFO, 10, 0x1);
	sim_sleep(1 * MS);
	assert_int_equal(sched_set_affinity(s[0].t, 0x3), 0);
	s[1].t = sim_task("high", rt_load, &s[1], SCHED_FIFO, 20, 0x1);
	sim_sleep(50 * MS);
}

static void test_preempted_rt_is_pushed(void **state)
{
	struct share s[3] = { { .work = 10 * MS }, { .work = 10 * MS }, { .work = 10 * MS } };

	(void)state;
	sim_run(2, SECOND, push_main, s);
	assert_int_equal(s[0].at / MS, 10); /* as if alone */
	assert_int_equal(s[1].at / MS, 11);
	assert_int_equal(s[2].at / MS, 19); /* made room for 9 ms */
}

/* An ordinary task is not left behind a long real-time one while other CPUs idle. */
static void guard_main(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	s[0].t = sim_task("fair", rt_load, &s[0], SCHED_OTHER, 0, 0x2);
	sim_sleep(1 * MS);
	assert_int_equal(sched_set_affinity(s[0].t, 0x3), 0);
	s[1].t = sim_task("rt", rt_load, &s[1], SCHED_FIFO, 20, 0x2);
	sim_sleep(100 * MS);
}

static void test_ordinary_tasks_leave_a_busy_rt_cpu(void **state)
{
	struct share s[2] = { { .work = 10 * MS }, { .work = 50 * MS } };

	(void)state;
	sim_run(2, SECOND, guard_main, s);
	assert_int_equal(s[1].at / MS, 51);
	assert_in_range(s[0].at, 10 * MS, 13 * MS);
}

/* Nor is it starved when all other CPUs are busy with ordinary tasks. */
static void busy_main(void *arg)
{
	struct share *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	s[0].t = sim_task("fair", rt_load, &s[0], SCHED_OTHER, 0, 0x2);
	s[1].t = sim_task("hog", rt_load, &s[1], SCHED_OTHER, 0, 0x1);
	sim_sleep(1 * MS);
	assert_int_equal(sched_set_affinity(s[0].t, 0x3), 0);
	s[2].t = sim_task("rt", rt_load, &s[2], SCHED_FIFO, 20, 0x2);
}

static void test_ordinary_tasks_are_not_starved_by_rt(void **state)
{
	struct share s[3] = { { .work = 10 * MS }, { .work = 200 * MS }, { .work = 500 * MS } };

	(void)state;
	sim_run(2, SECOND, busy_main, s);
	assert_int_equal(s[2].at / MS, 501);
	assert_in_range(s[0].at, 20 * MS, 40 * MS);
}

static void test_policy_values_are_checked(void **state)
{
	struct task t = { .hot = { 0 } };

	(void)state;
	assert_int_equal(sched_set(&t, SCHED_FIFO, 0, 0), -EINVAL);
	assert_int_equal(sched_set(&t, SCHED_FIFO, 100, 0), -EINVAL);
	assert_int_equal(sched_set(&t, SCHED_RR, -1, 0), -EINVAL);
	assert_int_equal(sched_set(&t, SCHED_OTHER, 1, 0), -EINVAL);
	assert_int_equal(sched_set(&t, SCHED_OTHER, 0, 20), -EINVAL);
	assert_int_equal(sched_set(&t, SCHED_OTHER, 0, -21), -EINVAL);
	assert_int_equal(sched_set(&t, 4, 0, 0), -EINVAL);
}

/* A signal for a task that computes on another CPU interrupts it; one for a task that waits, or is
 * here, interrupts nobody. */
static void signal_main(void *arg)
{
	struct share *s = arg;
	unsigned ipis;

	s[0].t = sim_task("w", until_done, &s[0], SCHED_OTHER, 0, 0x2);
	sim_sleep(MS);
	ipis = sim_ipis();
	assert_false(sched_wake_if(s[0].t, SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE)));
	assert_int_equal(sim_ipis(), ipis + 1);
	assert_false(sched_wake(s[0].t));
	assert_false(sched_wake_if(current(), SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE)));
	s[1].t = sim_task("w", until_done, &s[1], SCHED_OTHER, 0, 0x1);
	ipis = sim_ipis();
	assert_false(sched_wake_if(s[1].t, SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE)));
	assert_int_equal(sim_ipis(), ipis);
}

static void test_signals_interrupt_running_tasks(void **state)
{
	struct share s[2] = { { .work = 10 * MS }, { .work = MS } };

	(void)state;
	sim_run(2, SECOND, signal_main, s);
}

/* No timer interrupts while a task is alone on its CPU, but for a look at pressure in two seconds,
 * in four steps. */
static void tickless_main(void *arg)
{
	(void)arg;
	sim_work(4 * SECOND);
	assert_int_equal(sched_switches(), 0);
	assert_in_range(sim_timer_interrupts(), 0, 8);
}

static void test_no_tick_for_a_single_task(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, tickless_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fifo_by_priority_then_arrival, setup),
		cmocka_unit_test_setup(test_rt_wakes_at_its_nanosecond_and_preempts, setup),
		cmocka_unit_test_setup(test_preemption_waits_for_the_count, setup),
		cmocka_unit_test_setup(test_sinking_tasks_give_way, setup),
		cmocka_unit_test_setup(test_who_sinks_goes_first, setup),
		cmocka_unit_test_setup(test_rr_takes_turns_of_100_ms, setup),
		cmocka_unit_test_setup(test_turns_end_after_sinking, setup),
		cmocka_unit_test_setup(test_fair_shares_evenly, setup),
		cmocka_unit_test_setup(test_fair_shares_by_nice, setup),
		cmocka_unit_test_setup(test_sleepers_are_not_starved, setup),
		cmocka_unit_test_setup(test_a_sleeper_preempts_a_hog, setup),
		cmocka_unit_test_setup(test_a_sleeper_goes_before_waiting_hogs, setup),
		cmocka_unit_test_setup(test_the_past_gives_no_credit, setup),
		cmocka_unit_test_setup(test_yield, setup),
		cmocka_unit_test_setup(test_yield_with_credit, setup),
		cmocka_unit_test_setup(test_four_tasks_use_four_cpus, setup),
		cmocka_unit_test_setup(test_idle_cpus_pull, setup),
		cmocka_unit_test_setup(test_affinity, setup),
		cmocka_unit_test_setup(test_rt_runs_the_most_urgent_everywhere, setup),
		cmocka_unit_test_setup(test_preempted_rt_is_pushed, setup),
		cmocka_unit_test_setup(test_ordinary_tasks_leave_a_busy_rt_cpu, setup),
		cmocka_unit_test_setup(test_ordinary_tasks_are_not_starved_by_rt, setup),
		cmocka_unit_test_setup(test_policy_values_are_checked, setup),
		cmocka_unit_test_setup(test_signals_interrupt_running_tasks, setup),
		cmocka_unit_test_setup(test_no_tick_for_a_single_task, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
