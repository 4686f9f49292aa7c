// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c
// SOURCES: kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Tasks with deadlines, and the guard against real-time tasks that never let go, on a simulated
 * machine.
 */
#include "tests/mock/sched_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/runq.h"

#define US     NSEC_PER_USEC
#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

static void to_user_mode(void)
{
	if (current()->hot.pending & TASK_WORK) {
		atomic_fetch_and(&current()->hot.pending, ~(uint32_t)TASK_WORK);
		sched_deadline_wait();
	}
}

/* Computes for ns in small steps, each followed by what the way to user mode does. */
static void user_work_for(uint64_t ns)
{
	for (; ns > 0; ns -= MIN(ns, 50 * US)) {
		sim_work(MIN(ns, 50 * US));
		to_user_mode();
	}
}

static int admit(uint64_t runtime, uint64_t deadline, uint64_t period)
{
	struct sched_deadline d = { runtime, deadline, period };

	return sched_set_deadline(current(), &d);
}

static void rules_main(void *arg)
{
	struct sched_deadline d = { 10 * MS, 20 * MS, 0 };

	(void)arg;
	assert_int_equal(admit(0, 10 * MS, 10 * MS), -EINVAL);
	assert_int_equal(admit(1000, 10 * MS, 10 * MS), -EINVAL);
	assert_int_equal(admit(11 * MS, 10 * MS, 10 * MS), -EINVAL);
	assert_int_equal(admit(MS, 10 * MS, 9 * MS), -EINVAL);
	assert_int_equal(admit(2000, 5000, 50 * US), -EINVAL);
	assert_int_equal(admit(MS, MS, 5 * SECOND), -EINVAL);
	assert_int_equal(sched_set_deadline(current(), &d), 0);
	assert_int_equal(d.period, 20 * MS);
	assert_int_equal(current()->sched.prio, PRIO_DEADLINE);
	/* 95 % of the one CPU, what the caller has itself given back first. */
	assert_int_equal(admit(19 * MS + 100, 20 * MS, 20 * MS), -EBUSY);
	assert_int_equal(current()->sched.dl.runtime, 10 * MS);
	assert_int_equal(admit(19 * MS - 100, 20 * MS, 20 * MS), 0);
	assert_int_equal(rt_guard_set(900000, -2), -EBUSY);
	assert_int_equal(rt_guard_set(2000000, -2), -EINVAL);
	assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
	assert_int_equal(current()->sched.prio, PRIO_FAIR);
	assert_int_equal(rt_guard_set(-1, -2), 0);
	assert_int_equal(admit(20 * MS, 20 * MS, 20 * MS), 0);
	assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
	assert_int_equal(rt_guard_set(950000, -2), 0);
}

static void test_rules_and_admission(void **state)
{
	(void)state;
	sim_run(1, SECOND, rules_main, NULL);
}

static void nothing(void *arg)
{
	(void)arg;
}

/* Nobody would give back what it got. */
static void ended_main(void *arg)
{
	struct sched_deadline d = { 19 * MS - 100, 20 * MS, 20 * MS };
	struct task *t = sim_task("ends", nothing, NULL, SCHED_OTHER, 0, 0);

	(void)arg;
	sim_join(t);
	assert_int_equal(sched_set_deadline(t, &d), -ESRCH);
	assert_int_equal(sched_set_deadline(current(), &d), 0);
	assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
}

static void test_a_task_that_has_ended_gets_nothing(void **state)
{
	(void)state;
	sim_run(1, SECOND, ended_main, NULL);
}

static uint64_t fair_ran;

static void spinner(void *arg)
{
	uint64_t until = *(uint64_t *)arg;

	while (sim_now() < until)
		user_work_for(100 * US);
}

static void fair_work(void *arg)
{
	uint64_t until = *(uint64_t *)arg;

	while (sim_now() < until)
		sim_work(10 * US);
	fair_ran = current()->sched.runtime;
}

/* 3 of every 10 ms, and no more, though it would take everything; nobody's FIFO task comes before
 * it. */
static void greedy(void *arg)
{
	assert_int_equal(admit(3 * MS, 10 * MS, 10 * MS), 0);
	spinner(arg);
	assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
}

static void budget_main(void *arg)
{
	uint64_t until = sim_now() + 200 * MS;
	struct task *t, *f;

	(void)arg;
	t = sim_task("deadline", greedy, &until, SCHED_OTHER, 0, 0);
	sim_sleep(MS); /* so that it comes to ask */
	f = sim_task("fifo", spinner, &until, SCHED_FIFO, 99, 0);
	sim_sleep(250 * MS);
	assert_in_range(t->sched.runtime, 57 * MS, 66 * MS);
	assert_in_range(f->sched.runtime, 120 * MS, 143 * MS);
}

static void test_a_budget_is_kept_and_given(void **state)
{
	(void)state;
	sim_run(1, SECOND, budget_main, NULL);
}

/* Alone on its CPU it may run on; the first period ends as planned, for the task that starts it
 * waits then. */
static void alone_main(void *arg)
{
	uint64_t until = sim_now() + 100 * MS;
	struct task *t = sim_task("deadline", greedy, &until, SCHED_OTHER, 0, 0);

	(void)arg;
	sim_sleep(120 * MS);
	assert_in_range(t->sched.runtime, 92 * MS, 101 * MS);
}

static void test_nobody_waits(void **state)
{
	(void)state;
	sim_run(1, SECOND, alone_main, NULL);
}

/* Periodic work that fits: every job is done by its deadline, though two others and an ordinary
 * task want the CPU. */
struct periodic {
	uint64_t work, period;
	unsigned jobs, late;
};

static void periodic(void *arg)
{
	struct periodic *p = arg;
	uint64_t next;

	assert_int_equal(admit(p->work + 300 * US, p->period, p->period), 0);
	next = sim_now();
	for (unsigned i = 0; i < 20; i++) {
		user_work_for(p->work);
		next += p->period;
		p->jobs++;
		p->late += sim_now() > next;
		if (sim_now() < next)
			sim_sleep(next - sim_now());
	}
}

static void edf_main(void *arg)
{
	struct periodic p[] = { { 2 * MS, 10 * MS, 0, 0 },
				{ 5 * MS, 17 * MS, 0, 0 },
				{ 4 * MS, 31 * MS, 0, 0 } };
	uint64_t until = sim_now() + 700 * MS;

	(void)arg;
	sim_task("fair", spinner, &until, SCHED_OTHER, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		sim_task("periodic", periodic, &p[i], SCHED_OTHER, 0, 0);
	sim_sleep(800 * MS);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(p[i].jobs, 20);
		assert_int_equal(p[i].late, 0);
	}
}

static void test_earliest_deadline_first(void **state)
{
	(void)state;
	sim_run(1, 2 * SECOND, edf_main, NULL);
}

/* ---- Who goes first ---- */

/* A job of `work` with a deadline; it is released, and maybe awaited, at `at`. */
struct job {
	uint64_t at, work, deadline;
	uint64_t began, done;
};

static void one_job(void *arg)
{
	struct job *j = arg;

	assert_int_equal(admit(j->work + 100 * US, j->deadline, j->deadline), 0);
	if (sim_now() < j->at)
		sim_sleep(j->at - sim_now());
	j->began = sim_now();
	sim_work(j->work);
	j->done = sim_now();
	assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
}

static void start_job(struct job *j)
{
	sim_task("job", one_job, j, SCHED_FIFO, 50, 0);
}

/* Three come to wait behind one that is before them all. */
static void queue_main(void *arg)
{
	struct job j[] = { { 5 * MS, 2 * MS, 30 * MS, 0, 0 },
			   { 5 * MS + 1, 2 * MS, 10 * MS, 0, 0 },
			   { 5 * MS + 2, 2 * MS, 20 * MS, 0, 0 } };

	(void)arg;
	for (unsigned i = 0; i < 3; i++)
		start_job(&j[i]);
	sim_sleep(4 * MS);
	sched_boost(current(), PRIO_DEADLINE);
	sim_work(2 * MS);
	sched_boost(current(), 0);
	sim_sleep(20 * MS);
	assert_int_equal(j[1].began, 6 * MS);
	assert_int_equal(j[2].began, j[1].done);
	assert_int_equal(j[0].began, j[2].done);
}

static void test_the_earliest_of_those_that_wait_is_next(void **state)
{
	(void)state;
	sim_run(1, SECOND, queue_main, NULL);
}

/* One that wakes up goes before one that runs, if its deadline is earlier. */
static void preempt_main(void *arg)
{
	struct job runs = { 5 * MS, 6 * MS, 40 * MS, 0, 0 }, sooner = { 7 * MS, MS, 10 * MS, 0, 0 },
		   later = { 8 * MS, MS, 50 * MS, 0, 0 };

	(void)arg;
	start_job(&runs);
	start_job(&sooner);
	start_job(&later);
	sim_sleep(30 * MS);
	assert_int_equal(runs.began, 5 * MS);
	assert_int_equal(sooner.began, 7 * MS);
	assert_int_equal(sooner.done, 8 * MS);
	assert_int_equal(runs.done, 12 * MS);
	assert_int_equal(later.began, runs.done);
}

static void test_an_earlier_deadline_preempts(void **state)
{
	(void)state;
	sim_run(1, SECOND, preempt_main, NULL);
}

/* Has run for 1 ms of its 3, and comes back when its deadline is near. */
static void comes_back(void *arg)
{
	uint64_t *done = arg;

	assert_int_equal(admit(3 * MS + 100 * US, 10 * MS, 10 * MS), 0);
	sim_work(MS);
	sim_sleep(9 * MS - sim_now());
	sim_work(2 * MS);
	*done = sim_now();
}

/* With 2 ms left of it and 1 ms to go that one would ask for more than its third of the CPU: so it
 * gets a new deadline, behind that of the one that runs. */
static void wake_up_main(void *arg)
{
	struct job other = { 0, 9 * MS, 15 * MS, 0, 0 };
	uint64_t done = 0;

	(void)arg;
	sim_task("comes back", comes_back, &done, SCHED_FIFO, 50, 0);
	start_job(&other);
	sim_sleep(30 * MS);
	assert_int_equal(other.done, 10 * MS);
	assert_int_equal(done, 12 * MS);
}

static void test_who_slept_brings_no_more_than_its_share(void **state)
{
	(void)state;
	sim_run(1, SECOND, wake_up_main, NULL);
}

/* With a deadline before its period's end, who comes after it waits for the next period. */
static void after_its_deadline(void *arg)
{
	uint64_t begin = sim_now();

	(void)arg;
	assert_int_equal(admit(2 * MS, 4 * MS, 20 * MS), 0);
	user_work_for(MS);
	sim_sleep(6 * MS);
	to_user_mode();
	assert_int_equal(sim_now(), begin + 20 * MS);
	user_work_for(2 * MS);
	assert_int_equal(sim_now(), begin + 22 * MS);
}

static void test_who_comes_after_its_deadline_waits(void **state)
{
	(void)state;
	sim_run(1, SECOND, after_its_deadline, NULL);
}

/* ---- In the kernel ---- */

/* Admitted 2 of 20 ms, this one is in the kernel for 30: until it has slept for what it took. */
static void overdraws(void *arg)
{
	uint64_t begin;

	sim_sleep(MS);
	begin = sim_now();
	assert_int_equal(admit(2 * MS, 20 * MS, 20 * MS), 0);
	sim_work(30 * MS);
	*(uint64_t *)arg = sim_now() - begin;
	to_user_mode();
	assert_int_equal(sim_now(), begin + 300 * MS);
	user_work_for(MS);
	assert_int_equal(sim_now(), begin + 301 * MS);
}

/* 5 of every 10 ms are another's all the time, and what is left an ordinary one's after that. */
static void overdrawn_main(void *arg)
{
	uint64_t until = sim_now() + 310 * MS, took = 0;
	struct periodic p = { 5 * MS, 10 * MS, 0, 0 };

	(void)arg;
	sim_task("overdraws", overdraws, &took, SCHED_FIFO, 50, 0);
	sim_task("periodic", periodic, &p, SCHED_FIFO, 50, 0);
	sim_task("fair", fair_work, &until, SCHED_OTHER, 0, 0);
	sim_sleep(320 * MS);
	assert_int_equal(p.jobs, 20);
	assert_int_equal(p.late, 0);
	assert_in_range(took, 55 * MS, 65 * MS);
	assert_in_range(fair_ran, 175 * MS, 185 * MS);
}

static void test_who_overdraws_in_the_kernel_goes_behind_and_pays(void **state)
{
	(void)state;
	sim_run(1, SECOND, overdrawn_main, NULL);
}

/* Who has a thousandth of a millisecond is not interrupted each time that is over. */
static void least(void *arg)
{
	(void)arg;
	assert_int_equal(admit(1024, 100 * US, 100 * US), 0);
	sim_work(5 * MS);
}

static void least_main(void *arg)
{
	uint64_t until = sim_now() + 10 * MS;
	unsigned before = sim_timer_interrupts();

	(void)arg;
	sim_task("least", least, NULL, SCHED_FIFO, 50, 0);
	sim_task("fair", fair_work, &until, SCHED_OTHER, 0, 0);
	sim_sleep(11 * MS);
	assert_in_range(sim_timer_interrupts() - before, 50, 60);
}

static void test_small_budgets_do_not_come_one_by_one(void **state)
{
	(void)state;
	sim_run(1, SECOND, least_main, NULL);
}

static void yields(void *arg)
{
	unsigned *periods = arg;

	assert_int_equal(admit(5 * MS, 10 * MS, 10 * MS), 0);
	for (unsigned i = 0; i < 10; i++) {
		sim_work(1 * MS);
		sched_deadline_yield();
		++*periods;
	}
}

static void yield_main(void *arg)
{
	unsigned periods = 0;

	(void)arg;
	sim_task("yields", yields, &periods, SCHED_OTHER, 0, 0);
	sim_sleep(55 * MS);
	assert_in_range(periods, 5, 6);
	sim_sleep(60 * MS);
	assert_int_equal(periods, 10);
}

static void test_yield_waits_for_the_next_period(void **state)
{
	(void)state;
	sim_run(1, SECOND, yield_main, NULL);
}

/* Whose job takes all of its budget goes on in the next period as well. */
static void all_of_it(void *arg)
{
	uint64_t begin = sim_now();

	(void)arg;
	assert_int_equal(admit(2 * MS, 10 * MS, 10 * MS), 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(sim_now(), begin + i * 10 * MS);
		sim_work(2 * MS);
		sched_deadline_yield();
	}
}

static void all_main(void *arg)
{
	uint64_t until = sim_now() + 110 * MS;

	(void)arg;
	sim_task("all", all_of_it, NULL, SCHED_FIFO, 50, 0);
	sim_task("fair", fair_work, &until, SCHED_OTHER, 0, 0);
	sim_sleep(120 * MS);
}

static void test_yield_at_the_end_of_the_budget(void **state)
{
	(void)state;
	sim_run(1, SECOND, all_main, NULL);
}

/* A period begins when it is due, with all of its budget, though its task wakes up late. */
static void woken_late(void *arg)
{
	uint64_t begin;

	(void)arg;
	sim_sleep(MS);
	begin = sim_now();
	assert_int_equal(admit(2 * MS, 10 * MS, 10 * MS), 0);
	sim_work(MS);
	sched_deadline_yield();
	assert_int_equal(sim_now(), begin + 10 * MS + 100 * US);
	assert_int_equal(current()->sched.slice_left, 2 * MS);
	sim_work(MS);
	sched_deadline_yield();
	assert_int_equal(sim_now(), begin + 20 * MS);
}

static void late_main(void *arg)
{
	uint64_t irqs;

	(void)arg;
	sim_task("late", woken_late, NULL, SCHED_FIFO, 50, 0);
	sim_sleep(10 * MS + 900 * US);
	irqs = hw_irq_save();
	sim_pass(200 * US);
	hw_irq_restore(irqs);
	sim_work(MS);
}

static void test_a_late_wake_up_moves_no_period(void **state)
{
	(void)state;
	sim_run(1, SECOND, late_main, NULL);
}

/* Who has another policy, or other times, does not wait for the end of the old period. */
static void throttled(void *arg)
{
	uint64_t *back = arg;

	assert_int_equal(admit(MS, SECOND, SECOND), 0);
	sim_work(MS);
	sched_deadline_yield();
	*back = sim_now();
	sim_work(MS);
}

static void freed_main(void *arg)
{
	struct sched_deadline d = { MS, 10 * MS, 10 * MS };
	uint64_t back[2] = { 0, 0 };
	struct task *a = sim_task("a", throttled, &back[0], SCHED_FIFO, 50, 0);
	struct task *b = sim_task("b", throttled, &back[1], SCHED_FIFO, 50, 0);

	(void)arg;
	sim_sleep(20 * MS);
	assert_int_equal(sched_set(a, SCHED_OTHER, 0, 0), 0);
	assert_int_equal(sched_set_deadline(b, &d), 0);
	sim_sleep(20 * MS);
	assert_in_range(back[0], 20 * MS, 24 * MS);
	assert_in_range(back[1], 20 * MS, 24 * MS);
	assert_int_equal(sched_set(b, SCHED_OTHER, 0, 0), 0);
}

static void test_another_policy_ends_the_wait(void **state)
{
	(void)state;
	sim_run(1, 2 * SECOND, freed_main, NULL);
}

/* ---- The guard ---- */

/* What an ordinary task has beside so many others, in `length`. */
static uint64_t left_by(unsigned spinners, int policy, uint64_t length)
{
	uint64_t until = sim_now() + length;

	fair_ran = 0;
	sim_task("fair", fair_work, &until, SCHED_OTHER, 0, 0);
	for (unsigned i = 0; i < spinners; i++)
		sim_task("spinner", spinner, &until, policy, 50, 0);
	sim_sleep(length + length / 10);
	return fair_ran;
}

static void guard_main(void *arg)
{
	(void)arg;
	assert_in_range(left_by(1, SCHED_FIFO, 4 * SECOND), 150 * MS, 210 * MS);
	assert_in_range(left_by(3, SCHED_FIFO, 4 * SECOND), 150 * MS, 210 * MS);
	assert_in_range(left_by(2, SCHED_RR, 4 * SECOND), 150 * MS, 210 * MS);
	assert_int_equal(rt_guard_set(-1, -2), 0);
	assert_in_range(left_by(1, SCHED_FIFO, 4 * SECOND), 0, MS);
	assert_int_equal(rt_guard_set(950000, -2), 0);
}

static void test_the_guard_leaves_ordinary_tasks_their_part(void **state)
{
	(void)state;
	sim_run(1, 60 * SECOND, guard_main, NULL);
}

/* Of every 60 ms this one has the first 48. So others begin after 48, and whenever the guard looks,
 * 950 ms later, it runs. */
static void most_of_it(void *arg)
{
	uint64_t until = *(uint64_t *)arg, begin = sim_now();

	assert_int_equal(admit(49 * MS, 60 * MS, 60 * MS), 0);
	for (uint64_t at = begin; at < until; at += 60 * MS) {
		assert_in_range(sim_now(), at, at + 100 * US);
		user_work_for(48 * MS);
		assert_in_range(sim_now(), at, at + 48 * MS + 100 * US);
		sim_sleep(at + 60 * MS - sim_now());
	}
}

static void guard_and_deadlines_main(void *arg)
{
	uint64_t until = sim_now() + 4 * SECOND;

	(void)arg;
	sim_task("deadline", most_of_it, &until, SCHED_OTHER, 0, 0);
	sim_sleep(MS); /* so that it comes to ask */
	assert_in_range(left_by(2, SCHED_FIFO, 4 * SECOND), 150 * MS, 210 * MS);
}

static void test_the_guard_puts_no_deadline_aside(void **state)
{
	(void)state;
	sim_run(1, 60 * SECOND, guard_and_deadlines_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_and_admission),
		cmocka_unit_test(test_a_task_that_has_ended_gets_nothing),
		cmocka_unit_test(test_a_budget_is_kept_and_given),
		cmocka_unit_test(test_nobody_waits),
		cmocka_unit_test(test_earliest_deadline_first),
		cmocka_unit_test(test_the_earliest_of_those_that_wait_is_next),
		cmocka_unit_test(test_an_earlier_deadline_preempts),
		cmocka_unit_test(test_who_slept_brings_no_more_than_its_share),
		cmocka_unit_test(test_who_comes_after_its_deadline_waits),
		cmocka_unit_test(test_who_overdraws_in_the_kernel_goes_behind_and_pays),
		cmocka_unit_test(test_small_budgets_do_not_come_one_by_one),
		cmocka_unit_test(test_yield_waits_for_the_next_period),
		cmocka_unit_test(test_yield_at_the_end_of_the_budget),
		cmocka_unit_test(test_a_late_wake_up_moves_no_period),
		cmocka_unit_test(test_another_policy_ends_the_wait),
		cmocka_unit_test(test_the_guard_leaves_ordinary_tasks_their_part),
		cmocka_unit_test(test_the_guard_puts_no_deadline_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
