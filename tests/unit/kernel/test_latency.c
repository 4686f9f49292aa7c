// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * What is late and by how much, on a simulated machine where it is known to the nanosecond.
 */
#include "kernel/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "tests/mock/sched_sim.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

static void nothing(struct timer *t)
{
	(void)t;
}

static uint64_t longest(enum latency_kind kind, unsigned i)
{
	struct latency_delay d;

	return latency_delay(0, kind, i, &d) ? d.ns : 0;
}

/* Interrupts are off from now on for ns, and a timer is due after `due`. The handler comes in at
 * `site`. */
static void irqs_off(uint64_t due, uint64_t ns, virt_addr_t site)
{
	struct timer t;
	uint64_t old;

	sim_interrupted = site;
	timer_init(&t, nothing);
	timer_start(&t, time_now() + due);
	old = hw_irq_save();
	sim_pass(ns);
	hw_irq_restore(old);
	sim_work(1);
	timer_cancel(&t);
}

static void irqs_main(void *arg)
{
	struct latency_delay d;

	(void)arg;
	latency_init();
	irqs_off(1000, 1000 + LATENCY_FLOOR, 0x1000);
	assert_int_equal(longest(LATENCY_IRQS_OFF, 0), 0);
	irqs_off(1000, 3000, 0x1000);
	irqs_off(1000, 5000, 0x2000);
	irqs_off(1000, 2500, 0x1000);
	assert_true(latency_delay(0, LATENCY_IRQS_OFF, 0, &d));
	assert_int_equal(d.ns, 4000);
	assert_int_equal(d.site, 0x2000);
	assert_int_equal(longest(LATENCY_IRQS_OFF, 1), 2000);
	assert_int_equal(longest(LATENCY_IRQS_OFF, 2), 0);
	assert_int_equal(longest(LATENCY_PREEMPT_OFF, 0), 0);
	/* The shortest gives way. */
	for (unsigned i = 0; i < LATENCY_KEPT; i++)
		irqs_off(1000, 11000 + 1000 * i, 0x3000 + i);
	assert_int_equal(longest(LATENCY_IRQS_OFF, 0), 10000 + 1000 * (LATENCY_KEPT - 1));
	assert_int_equal(longest(LATENCY_IRQS_OFF, LATENCY_KEPT - 1), 10000);
	assert_false(latency_delay(0, LATENCY_IRQS_OFF, LATENCY_KEPT, &d));
	latency_reset();
	assert_int_equal(longest(LATENCY_IRQS_OFF, 0), 0);
}

static void test_interrupts_off(void **state)
{
	(void)state;
	sim_run(1, SECOND, irqs_main, NULL);
}

/* A timer that was started late is not late. */
static void past_main(void *arg)
{
	struct timer t;

	(void)arg;
	latency_init();
	sim_work(MS);
	timer_init(&t, nothing);
	timer_start(&t, time_now() - MS / 2);
	sim_work(MS);
	assert_int_equal(longest(LATENCY_IRQS_OFF, 0), 0);
}

static void test_started_in_the_past(void **state)
{
	(void)state;
	sim_run(1, SECOND, past_main, NULL);
}

static bool rt_ran;

static void sleep_once(void *arg)
{
	sim_sleep(*(const uint64_t *)arg);
	rt_ran = true;
}

static void preempt_main(void *arg)
{
	uint64_t sleep = 2000;
	struct latency_delay d;

	(void)arg;
	latency_init();
	rt_ran = false;
	sim_task("rt", sleep_once, &sleep, SCHED_FIFO, 10, 0);
	preempt_disable();
	sim_pass(2000); /* it wakes, and has to wait */
	sim_pass(1500);
	assert_false(rt_ran);
	preempt_enable();
	assert_true(rt_ran);
	assert_true(latency_delay(0, LATENCY_PREEMPT_OFF, 0, &d));
	assert_int_equal(d.ns, 1500);
	assert_int_not_equal(d.site, 0);
	assert_int_equal(current()->hot.pending & TASK_DELAYED, 0);
	/* Nobody waits: nobody is late. */
	latency_reset();
	preempt_disable();
	sim_pass(5000);
	preempt_enable();
	assert_int_equal(longest(LATENCY_PREEMPT_OFF, 0), 0);
}

static void test_preemption_off(void **state)
{
	(void)state;
	sim_run(1, SECOND, preempt_main, NULL);
}

static void samples_main(void *arg)
{
	unsigned interrupts;

	(void)arg;
	latency_init();
	assert_int_equal(latency_set_sampling(10), -EINVAL);
	assert_int_equal(latency_set_sampling(7000), 0);
	assert_int_equal(latency_sampling(), 7000);
	for (unsigned i = 0; i < 400; i++) {
		uint64_t old;

		preempt_disable();
		for (unsigned k = 0; k < 40; k++)
			sim_pass(100);
		preempt_enable();
		sim_work(1 + 1231 * i % 7000);
		old = hw_irq_save();
		sim_pass(2000);
		hw_irq_restore(old);
		sim_work(1);
	}
	/* Nearly the whole of what nobody had to wait for. */
	assert_in_range(longest(LATENCY_PREEMPT_OFF, 0), 3700, 4000);
	assert_in_range(longest(LATENCY_IRQS_OFF, 0), 1800, 2000);
	assert_int_equal(latency_set_sampling(0), 0);
	sim_work(MS);
	interrupts = sim_timer_interrupts();
	sim_work(MS);
	assert_int_equal(sim_timer_interrupts(), interrupts);
}

static void test_samples(void **state)
{
	(void)state;
	sim_run(1, SECOND, samples_main, NULL);
}

static void everywhere_main(void *arg)
{
	uint64_t home = current()->sched.affinity;

	(void)arg;
	latency_init();
	assert_int_equal(latency_set_sampling(100000), 0);
	assert_int_equal(current()->sched.affinity, home);
	sim_work(10 * MS);
	assert_true(sim_timer_interrupts() >
		    3 * 60); /* 10 ms on three CPUs, 150 us at most between two */
	assert_int_equal(latency_set_sampling(0), 0);
}

static void test_samples_of_every_cpu(void **state)
{
	(void)state;
	sim_run(3, SECOND, everywhere_main, NULL);
}

/* ---- Wake-ups ---- */

static void sleeper(void *arg)
{
	for (unsigned i = 0; i < *(unsigned *)arg; i++)
		sim_sleep(1000);
}

static bool wakeups_named(const char *name, struct latency_wakeups *w)
{
	for (unsigned i = 0; latency_wakeups(i, w); i++)
		if (strcmp(w->name, name) == 0)
			return true;
	return false;
}

static void wakeups_main(void *arg)
{
	unsigned times = 3;
	struct latency_wakeups w;
	struct task *rt;

	(void)arg;
	latency_init();
	rt = sim_task("rt", sleeper, &times, SCHED_FIFO, 10, 0);
	sim_task("fair", sleeper, &times, SCHED_OTHER, 0, 0);
	preempt_disable();
	sim_pass(1000);
	sim_pass(600); /* the first is 600 ns late */
	preempt_enable();
	sim_join(rt);
	sim_work(MS);
	assert_false(wakeups_named("fair", &w));
	assert_true(wakeups_named("rt", &w));
	assert_null(w.task);
	assert_int_equal(w.prio, 10);
	assert_int_equal(w.worst, 600);
	assert_int_equal(w.bucket[0], 2); /* on time */
	assert_int_equal(w.bucket[2], 1); /* 512 to 1023 */
	latency_reset();
	assert_true(wakeups_named("rt", &w));
	assert_int_equal(w.worst, 0);
	assert_int_equal(w.bucket[0] + w.bucket[2], 0);
}

static void test_wakeups(void **state)
{
	(void)state;
	sim_run(1, SECOND, wakeups_main, NULL);
}

/* Of those that have ended a few are kept. */
static void many_main(void *arg)
{
	unsigned once = 1, n = 0;
	struct latency_wakeups w;

	(void)arg;
	latency_init();
	for (char name[] = "a"; name[0] <= 'p'; name[0]++)
		sim_join(sim_task(name, sleeper, &once, SCHED_RR, 1, 0));
	while (latency_wakeups(n, &w))
		n++;
	assert_in_range(n, 2, 15);
	assert_true(wakeups_named("p", &w));
	assert_false(wakeups_named("a", &w));
}

static void test_few_ended_tasks_are_kept(void **state)
{
	(void)state;
	sim_run(2, SECOND, many_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupts_off),
		cmocka_unit_test(test_started_in_the_past),
		cmocka_unit_test(test_preemption_off),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_samples_of_every_cpu),
		cmocka_unit_test(test_wakeups),
		cmocka_unit_test(test_few_ended_tasks_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
