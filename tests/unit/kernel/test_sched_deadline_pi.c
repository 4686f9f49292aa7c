// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c
// SOURCES: kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
/*
 * Deadlines that the owner of a mutex inherits, on a simulated machine. Built as the product is:
 * with CONFIG_DEBUG chains of owners are followed further than they need be.
 */
#include "tests/mock/sched_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/runq.h"

#define US     NSEC_PER_USEC
#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

static struct mutex locks[2];

struct test {
	void (*fn)(void);
};

/* All of its tasks are there from 0 on. */
static void urgent(void *arg)
{
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	((struct test *)arg)->fn();
}

static void machine(unsigned cpus, void (*fn)(void))
{
	struct test t = { fn };

	mutex_init(&locks[0]);
	mutex_init(&locks[1]);
	sim_run(cpus, 4 * SECOND, urgent, &t);
}

/* Work of so many ms, begun at `at`, with a deadline (0: a task of SCHED_FIFO), under one of the
 * locks, or both, or none. */
struct job {
	unsigned at, work, deadline;
	struct mutex *outer, *inner;
	uint64_t done; /* us */
};

static void run_job(void *arg)
{
	struct job *j = arg;
	struct sched_deadline d = { j->work * MS + 100 * US, j->deadline * MS, j->deadline * MS };

	if (j->deadline != 0)
		assert_int_equal(sched_set_deadline(current(), &d), 0);
	if (sim_now() < j->at * MS)
		sim_sleep(j->at * MS - sim_now());
	if (j->outer)
		mutex_lock(j->outer);
	if (j->inner)
		mutex_lock(j->inner);
	sim_work(j->work * MS);
	j->done = sim_now() / US;
	if (j->inner)
		mutex_unlock(j->inner);
	if (j->outer)
		mutex_unlock(j->outer);
	if (j->deadline != 0)
		assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
}

static void run_jobs(struct job *j, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sim_task("job", run_job, &j[i], SCHED_FIFO, 50 + (int)j[i].at % 40, 0);
	sim_sleep(100 * MS);
}

/* An owner without one comes before whose deadline is later than its waiter's, and behind whose is
 * earlier. */
static void without_main(void)
{
	struct job j[] = { { 0, 10, 0, &locks[0], NULL, 0 },
			   { 2, 1, 30, &locks[0], NULL, 0 },
			   { 4, 2, 10, NULL, NULL, 0 },
			   { 4, 2, 60, NULL, NULL, 0 } };

	run_jobs(j, ARRAY_SIZE(j));
	assert_int_equal(j[2].done, 6000);
	assert_int_equal(j[0].done, 12000);
	assert_int_equal(j[1].done, 13000);
	assert_int_equal(j[3].done, 15000);
}

static void test_an_owner_without_one_has_its_waiters_deadline(void **state)
{
	(void)state;
	machine(1, without_main);
}

/* An owner with a late deadline of its own, its waiter with an early one, and one between. */
static void late_main(void)
{
	struct job j[] = { { 1, 4, 200, &locks[0], NULL, 0 },
			   { 2, 1, 12, &locks[0], NULL, 0 },
			   { 3, 10, 50, NULL, NULL, 0 } };

	run_jobs(j, ARRAY_SIZE(j));
	assert_int_equal(j[0].done, 5000);
	assert_int_equal(j[1].done, 6000);
	assert_int_equal(j[2].done, 16000);
}

static void test_an_owner_with_a_later_deadline_inherits(void **state)
{
	(void)state;
	machine(1, late_main);
}

/* Its own is the earlier one: it keeps that. */
static void early_main(void)
{
	struct job j[] = { { 1, 4, 20, &locks[0], NULL, 0 },
			   { 2, 1, 90, &locks[0], NULL, 0 },
			   { 3, 10, 50, NULL, NULL, 0 } };

	run_jobs(j, 1);
	assert_int_equal(j[0].done, 5000);
	j[0] = (struct job){ 101, 6, 20, &locks[0], NULL, 0 };
	j[1].at = 102;
	j[2].at = 103;
	run_jobs(j, ARRAY_SIZE(j));
	assert_int_equal(j[0].done, 107000);
	assert_int_equal(j[2].done, 117000);
	assert_int_equal(j[1].done, 118000);
}

static void test_an_owner_with_an_earlier_deadline_keeps_it(void **state)
{
	(void)state;
	machine(1, early_main);
}

/* Of two that wait, who came second has the earlier deadline: the mutex is its first. */
static void order_main(void)
{
	struct job j[] = { { 0, 6, 0, &locks[0], NULL, 0 },
			   { 2, 1, 50, &locks[0], NULL, 0 },
			   { 3, 1, 20, &locks[0], NULL, 0 },
			   { 4, 5, 30, NULL, NULL, 0 } };

	run_jobs(j, ARRAY_SIZE(j));
	assert_int_equal(j[0].done, 6000);
	assert_int_equal(j[2].done, 7000);
	assert_int_equal(j[3].done, 12000);
	assert_int_equal(j[1].done, 13000);
}

static void test_the_earliest_deadline_gets_the_mutex(void **state)
{
	(void)state;
	machine(1, order_main);
}

/* The second waiter brings an earlier deadline along a chain of two owners that have the priority
 * already. */
static void chain_main(void)
{
	struct job j[] = { { 0, 8, 0, &locks[0], NULL, 0 },
			   { 1, 1, 0, &locks[1], &locks[0], 0 },
			   { 3, 1, 90, &locks[1], NULL, 0 },
			   { 4, 1, 20, &locks[1], NULL, 0 },
			   { 5, 9, 60, NULL, NULL, 0 } };

	run_jobs(j, ARRAY_SIZE(j));
	assert_int_equal(j[0].done, 8000);
	assert_int_equal(j[1].done, j[0].done + 1000);
	assert_int_equal(j[3].done, j[1].done + 1000);
	assert_int_equal(j[4].done, j[3].done + 9000);
	assert_int_equal(j[2].done, j[4].done + 1000);
}

static void test_a_deadline_goes_along_a_chain(void **state)
{
	(void)state;
	machine(1, chain_main);
}

/* 6 ms of work with both locks, 4 with the first alone. */
static void one_by_one(void *arg)
{
	mutex_lock(&locks[0]);
	mutex_lock(&locks[1]);
	sim_work(6 * MS);
	mutex_unlock(&locks[1]);
	sim_work(4 * MS);
	*(uint64_t *)arg = sim_now() / US;
	mutex_unlock(&locks[0]);
}

/* Of two deadlines it has the earlier one, until it gives that one's lock back; whose lock that was
 * goes on elsewhere. */
static void two_main(void)
{
	struct job j[] = { { 2, 1, 90, &locks[0], NULL, 0 },
			   { 3, 1, 20, &locks[1], NULL, 0 },
			   { 4, 3, 50, NULL, NULL, 0 } };
	uint64_t done = 0;

	sim_task("two", one_by_one, &done, SCHED_FIFO, 50, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(j); i++)
		sim_task("job", run_job, &j[i], SCHED_FIFO, 60, i == 1 ? 2 : 1);
	sim_sleep(100 * MS);
	assert_int_equal(j[1].done, 7000);
	assert_int_equal(j[2].done, 9000);
	assert_int_equal(done, 13000);
	assert_int_equal(j[0].done, 14000);
}

static void test_each_lock_has_its_deadline(void **state)
{
	(void)state;
	machine(2, two_main);
}

/* ---- A mutex that is free ---- */

static void gives_it_back(void *arg)
{
	(void)arg;
	mutex_lock(&locks[0]);
	sim_work(4 * MS);
	mutex_unlock(&locks[0]);
	sim_work(20 * MS);
}

static void waits_with_another(void *arg)
{
	mutex_lock(&locks[1]);
	mutex_lock(&locks[0]);
	*(uint64_t *)arg = sim_now() / US;
	mutex_unlock(&locks[0]);
	mutex_unlock(&locks[1]);
}

/* The first lock becomes free at 4, for an ordinary task that cannot run yet: another one with a
 * deadline has its CPU. Then that task is lent a late deadline by its other lock, and one with an
 * earlier deadline comes for the first. */
static void free_main(void)
{
	struct job j[] = { { 2, 10, 50, NULL, NULL, 0 },
			   { 5, 1, 90, &locks[1], NULL, 0 },
			   { 6, 1, 20, &locks[0], NULL, 0 } };
	uint64_t at = 0;

	sim_task("gives back", gives_it_back, NULL, SCHED_OTHER, 0, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(j); i++)
		sim_task("job", run_job, &j[i], SCHED_FIFO, 50, i == 0 ? 1 : 2);
	sim_sleep(MS);
	sim_task("waits", waits_with_another, &at, SCHED_OTHER, 0, 1);
	sim_sleep(100 * MS);
	assert_int_equal(j[2].done, 7000);
	assert_int_equal(j[0].done, 12000);
	assert_int_equal(at, 12000);
	assert_int_equal(j[1].done, 13000);
}

static void test_a_free_mutex_is_taken_by_who_comes_first(void **state)
{
	(void)state;
	machine(2, free_main);
}

static void is_raised(void)
{
	current()->sched.boost = 60;
	sched_set_effective(current(), 60, 0);
	spin_unlock_raw(&current()->pi_lock);
}

/* Its priority rises between its look at the mutex and its coming to wait for it. */
static void raised_on_the_way(void *arg)
{
	sim_sleep(6 * MS - sim_now());
	spin_lock_raw(&current()->pi_lock); /* another CPU, which is about to raise it */
	sim_while_spinning(is_raised);
	mutex_lock(&locks[0]);
	*(uint64_t *)arg = sim_now() / US;
	mutex_unlock(&locks[0]);
}

/* The first lock is free from 4 on, for a task that cannot run yet. */
static void raised_main(void)
{
	struct job other = { 2, 10, 50, NULL, NULL, 0 };
	uint64_t at[2] = { 0, 0 };
	struct task *t;

	sim_task("gives back", gives_it_back, NULL, SCHED_OTHER, 0, 2);
	sim_task("job", run_job, &other, SCHED_FIFO, 50, 1);
	sim_task("raised", raised_on_the_way, &at[0], SCHED_FIFO, 10, 2);
	sim_sleep(MS);
	t = sim_task("waits", waits_with_another, &at[1], SCHED_OTHER, 0, 1);
	sim_sleep(4 * MS);
	sched_boost(t, 40);
	sim_sleep(100 * MS);
	assert_int_equal(at[0], 6000);
	assert_int_equal(at[1], 12000);
}

static void test_who_is_raised_on_its_way_to_a_free_mutex_gets_it(void **state)
{
	(void)state;
	machine(2, raised_main);
}

/* ---- Budgets ---- */

static void to_user_mode(void)
{
	if (current()->hot.pending & TASK_WORK) {
		atomic_fetch_and(&current()->hot.pending, ~(uint32_t)TASK_WORK);
		sched_deadline_wait();
	}
}

static void user_work(unsigned ms)
{
	for (unsigned i = 0; i < 20 * ms; i++) {
		sim_work(50 * US);
		to_user_mode();
	}
}

/* Admitted 1 of 50 ms, it works for 6 with the lock. */
static void spends(void *arg)
{
	struct sched_deadline d = { MS, 50 * MS, 50 * MS };
	uint64_t *at = arg;

	assert_int_equal(sched_set_deadline(current(), &d), 0);
	mutex_lock(&locks[0]);
	user_work(6);
	at[0] = sim_now();
	mutex_unlock(&locks[0]);
	to_user_mode();
	at[1] = sim_now();
	assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
}

static void ordinary(void *arg)
{
	(void)arg;
	while (sim_now() < 900 * MS)
		sim_work(50 * US);
}

/* It sleeps, having spent its budget, when somebody comes to wait: so it goes on until the lock is
 * free, and then sleeps for each ms that it took. */
static void budget_main(void)
{
	struct job j = { 3, 2, 20, &locks[0], NULL, 0 };
	uint64_t at[2] = { 0, 0 };

	sim_task("ordinary", ordinary, NULL, SCHED_OTHER, 0, 0);
	sim_task("spends", spends, at, SCHED_FIFO, 50, 0);
	run_jobs(&j, 1);
	assert_in_range(at[0], 8 * MS, 8 * MS + 100 * US);
	assert_in_range(j.done, 10000, 10200);
	assert_int_equal(at[1], 0);
	sim_sleep(400 * MS);
	assert_in_range(at[1], 250 * MS, 300 * MS + 100 * US);
}

static void test_who_is_waited_for_needs_no_budget_and_pays_later(void **state)
{
	(void)state;
	machine(1, budget_main);
}

/* It does without the rest of a period, and goes on all the same, as somebody waits for it: with
 * the deadline of the next period. */
static void yields(void *arg)
{
	struct sched_deadline d = { 6 * MS, 20 * MS, 20 * MS };

	assert_int_equal(sched_set_deadline(current(), &d), 0);
	sim_sleep(MS);
	mutex_lock(&locks[0]);
	sim_work(4 * MS);
	sched_deadline_yield();
	sim_work(MS);
	*(uint64_t *)arg = sim_now() / US;
	mutex_unlock(&locks[0]);
	assert_int_equal(sched_set(current(), SCHED_OTHER, 0, 0), 0);
}

static void yield_main(void)
{
	struct job j[] = { { 2, 1, 90, &locks[0], NULL, 0 }, { 3, 2, 30, NULL, NULL, 0 } };
	uint64_t done = 0;

	sim_task("yields", yields, &done, SCHED_FIFO, 60, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(j); i++)
		sim_task("job", run_job, &j[i], SCHED_FIFO, 50, i == 0 ? 2 : 1);
	sim_sleep(100 * MS);
	assert_int_equal(j[1].done, 7000);
	assert_int_equal(done, 8000);
	assert_int_equal(j[0].done, 9000);
}

static void test_a_yield_goes_behind_earlier_deadlines(void **state)
{
	(void)state;
	machine(2, yield_main);
}

/* ---- The guard ---- */

static void fifo_holds(void *arg)
{
	mutex_lock(&locks[0]);
	sim_work(12 * MS);
	*(uint64_t *)arg = sim_now();
	mutex_unlock(&locks[0]);
}

/* A task of SCHED_FIFO is put aside for half of each 20 ms; the one with the deadline wants its
 * lock meanwhile. */
static void guard_main(void)
{
	struct job j = { 12, 1, 20, &locks[0], NULL, 0 };
	uint64_t done = 0;

	assert_int_equal(rt_guard_set(10000, 20000), 0);
	sim_task("ordinary", ordinary, NULL, SCHED_OTHER, 0, 0);
	sim_task("fifo", fifo_holds, &done, SCHED_FIFO, 50, 0);
	run_jobs(&j, 1);
	assert_in_range(done, 14 * MS, 14 * MS + 200 * US);
	assert_in_range(j.done, 15000, 15200);
	assert_int_equal(rt_guard_set(950000, 1000000), 0);
}

static void test_who_was_put_aside_comes_back_for_a_deadline(void **state)
{
	(void)state;
	machine(1, guard_main);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_owner_without_one_has_its_waiters_deadline),
		cmocka_unit_test(test_an_owner_with_a_later_deadline_inherits),
		cmocka_unit_test(test_an_owner_with_an_earlier_deadline_keeps_it),
		cmocka_unit_test(test_the_earliest_deadline_gets_the_mutex),
		cmocka_unit_test(test_a_deadline_goes_along_a_chain),
		cmocka_unit_test(test_each_lock_has_its_deadline),
		cmocka_unit_test(test_a_free_mutex_is_taken_by_who_comes_first),
		cmocka_unit_test(test_who_is_raised_on_its_way_to_a_free_mutex_gets_it),
		cmocka_unit_test(test_a_yield_goes_behind_earlier_deadlines),
		cmocka_unit_test(test_who_is_waited_for_needs_no_budget_and_pays_later),
		cmocka_unit_test(test_who_was_put_aside_comes_back_for_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
