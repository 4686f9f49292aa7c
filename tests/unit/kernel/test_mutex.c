// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Mutexes on the simulated machine: exclusion, order, priority inheritance along chains, giving up.
 */
#include "tests/mock/sched_sim.h"
#include "tests/mock/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/block.h"
#include "kernel/errno.h"
#include "mm/reading.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

static struct mutex mutexes[200];

static int setup(void **state)
{
	(void)state;
	trail_begin();
	for (size_t i = 0; i < ARRAY_SIZE(mutexes); i++)
		mutex_init(&mutexes[i]);
	return 0;
}

/* Every mutex is free and forgotten by everybody. */
static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mutexes); i++) {
		assert_int_equal(mutexes[i].owner, 0);
		assert_true(list_empty(&mutexes[i].waiters));
		assert_null(mutexes[i].lender);
	}
	return 0;
}

static int prio_of(const struct task *t)
{
	return t->sched.prio;
}

/* ---- the simple things ---- */

static void simple_main(void *arg)
{
	struct mutex *m = &mutexes[0];

	(void)arg;
	assert_false(mutex_held(m));
	mutex_lock(m);
	assert_true(mutex_held(m));
	assert_ptr_equal(mutex_owner(m), current());
	assert_false(mutex_trylock(m));
	mutex_unlock(m);
	assert_null(mutex_owner(m));
	assert_true(mutex_trylock(m));
	mutex_unlock(m);
	assert_int_equal(mutex_lock_killable(m), 0);
	mutex_unlock(m);
}

static void test_lock_trylock_unlock(void **state)
{
	(void)state;
	sim_run(1, SECOND, simple_main, NULL);
}

struct locker {
	struct mutex *m;
	char mark;
	uint64_t work, locked_at;
	struct task *t;
	int err;
};

static void lock_and_mark(void *arg)
{
	struct locker *l = arg;

	mutex_lock(l->m);
	l->locked_at = sim_now();
	mark(l->mark);
	sim_work(l->work);
	mutex_unlock(l->m);
}

static void order_main(void *arg)
{
	struct locker *l = arg;
	static const int prios[] = { 10, 30, 0, 20, 10, 0 };

	mutex_lock(&mutexes[0]);
	for (int i = 0; i < 6; i++) {
		l[i].t = sim_task("w", lock_and_mark, &l[i], prios[i] ? SCHED_FIFO : SCHED_OTHER,
				  prios[i], 0);
		sim_sleep(MS);
	}
	assert_int_equal(prio_of(current()), 30);
	mutex_unlock(&mutexes[0]);
	assert_int_equal(prio_of(current()), 0);
}

static void test_waiters_by_priority(void **state)
{
	struct locker l[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		l[i] = (struct locker){ .m = &mutexes[0], .mark = (char)('a' + i), .work = MS };
	sim_run(1, SECOND, order_main, l);
	assert_string_equal(trail, "bdaecf");
}

/* ---- inheritance ---- */

static void medium(void *arg)
{
	(void)arg;
	sim_work(100 * MS);
	mark('m');
}

/* The textbook case: low holds, high waits, medium must not run before both are done. */
static void inversion_main(void *arg)
{
	struct locker *l = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	l[0].t = sim_task("low", lock_and_mark, &l[0], SCHED_OTHER, 0, 0);
	sim_sleep(MS);
	sim_task("medium", medium, NULL, SCHED_FIFO, 20, 0);
	l[1].t = sim_task("high", lock_and_mark, &l[1], SCHED_FIFO, 50, 0);
	sim_sleep(MS);
	assert_int_equal(prio_of(l[0].t), 50);
	sim_sleep(20 * MS);
	assert_int_equal(prio_of(l[0].t), 0);
}

static void test_no_priority_inversion(void **state)
{
	struct locker l[2] = { { .m = &mutexes[0], .mark = 'l', .work = 10 * MS },
			       { .m = &mutexes[0], .mark = 'h', .work = MS } };

	(void)state;
	sim_run(1, SECOND, inversion_main, l);
	assert_string_equal(trail, "lhm");
	assert_int_equal(l[1].locked_at / MS, 10);
}

/* Task i holds mutex i and waits for mutex i - 1: the last one's priority reaches the first. */
struct link {
	int i;
	struct task *t;
};

static void chain_link(void *arg)
{
	struct link *c = arg;

	mutex_lock(&mutexes[c->i]);
	if (c->i > 0) {
		mutex_lock(&mutexes[c->i - 1]);
		mutex_unlock(&mutexes[c->i - 1]);
	} else {
		sim_sleep(50 * MS);
	}
	mutex_unlock(&mutexes[c->i]);
}

static void chain_main(void *arg)
{
	struct link *c = arg;
	struct task *high;
	struct locker l = { .m = &mutexes[9], .mark = 'h' };

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	for (int i = 0; i < 10; i++) {
		c[i].i = i;
		c[i].t = sim_task("link", chain_link, &c[i], SCHED_OTHER, 0, 0);
		sim_sleep(MS);
	}
	high = sim_task("high", lock_and_mark, &l, SCHED_FIFO, 40, 0);
	sim_sleep(MS);
	for (int i = 0; i < 10; i++)
		assert_int_equal(prio_of(c[i].t), 40);
	/* A change of the waiter's own priority follows the chain as well, up and down. */
	assert_int_equal(sched_set(high, SCHED_FIFO, 60, 0), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(prio_of(c[i].t), 60);
	assert_int_equal(sched_set(high, SCHED_FIFO, 5, 0), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(prio_of(c[i].t), 5);
	sched_boost(c[5].t, 33);
	for (int i = 0; i < 10; i++)
		assert_int_equal(prio_of(c[i].t), i <= 5 ? 33 : 5);
	sched_boost(c[5].t, 0);
	assert_int_equal(prio_of(c[0].t), 5);
	sim_sleep(200 * MS);
	for (int i = 0; i < 10; i++)
		assert_int_equal(prio_of(c[i].t), 0);
}

static void test_chain_of_ten(void **state)
{
	struct link c[10];

	(void)state;
	sim_run(1, SECOND, chain_main, c);
	assert_string_equal(trail, "h");
}

static void test_chain_of_ten_on_four_cpus(void **state)
{
	struct link c[10];

	(void)state;
	sim_run(4, SECOND, chain_main, c);
}

/* As long as users may make them. */
static struct link links[200];

static void long_chain_main(void *arg)
{
	struct locker l = { .m = &mutexes[ARRAY_SIZE(links) - 1], .mark = 'h' };
	int n = ARRAY_SIZE(links);

	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	for (int i = 0; i < n; i++) {
		links[i].i = i;
		links[i].t = sim_task("link", chain_link, &links[i], SCHED_OTHER, 0, 0);
		sim_sleep(MS / 50);
	}
	sim_task("high", lock_and_mark, &l, SCHED_FIFO, 40, 0);
	sim_sleep(MS);
	assert_int_equal(prio_of(links[n - 1].t), 40);
	assert_int_equal(prio_of(links[n / 2].t), 40);
	assert_int_equal(prio_of(links[0].t), 40);
	sim_sleep(200 * MS);
}

static void test_long_chain(void **state)
{
	(void)state;
	sim_run(1, 2 * SECOND, long_chain_main, NULL);
	assert_string_equal(trail, "h");
}

/* ---- what lies beyond mutexes ---- */

static const struct task *hurried;
static int hurried_to;

void block_hurry(const struct task *t, int prio)
{
	if (t->block_queue) {
		hurried = t;
		hurried_to = prio;
	}
}

static struct task *reader;
static struct page *read_page;
static int lent;

/* Of the one page there is. */
struct task *reading_lend(const struct page *p, const void *of, int prio)
{
	assert_ptr_equal(p, read_page);
	assert_ptr_equal(of, &lent);
	if (prio <= lent)
		return NULL;
	lent = prio;
	reader->sched.boost = prio;
	return task_get(reader);
}

/* Sleeps for a disk, with a mutex. */
static void disk_reader(void *arg)
{
	static char queue;

	(void)arg;
	mutex_lock(&mutexes[1]);
	current()->block_queue = (struct block_queue *)&queue;
	sim_sleep(50 * MS);
	current()->block_queue = NULL;
	mutex_unlock(&mutexes[1]);
}

/* Reads the page, for which it needs that mutex. */
static void page_reader(void *arg)
{
	(void)arg;
	mutex_lock(&mutexes[1]);
	mutex_unlock(&mutexes[1]);
	sched_boost(current(), 0);
}

/* Waits for the page, with another mutex. */
static void page_waiter(void *arg)
{
	(void)arg;
	mutex_lock(&mutexes[0]);
	sched_wait_page(read_page, &lent);
	sim_join(reader);
	sched_wait_page(NULL, NULL);
	mutex_unlock(&mutexes[0]);
}

static void beyond_main(void *arg)
{
	struct locker l = { .m = &mutexes[0], .mark = 'h' };
	struct task *disk, *waits;

	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	disk = sim_task("disk", disk_reader, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(MS);
	reader = sim_task("reader", page_reader, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(MS);
	waits = sim_task("waits", page_waiter, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(MS);
	assert_null(hurried);
	sim_task("high", lock_and_mark, &l, SCHED_FIFO, 40, 0);
	sim_sleep(MS);
	assert_int_equal(prio_of(waits), 40);
	assert_int_equal(prio_of(reader), 40);
	assert_int_equal(prio_of(disk), 40);
	assert_ptr_equal(hurried, disk);
	assert_int_equal(hurried_to, 40);
	/* Who becomes urgent while it waits. */
	assert_int_equal(sched_set(waits, SCHED_FIFO, 70, 0), 0);
	assert_int_equal(prio_of(disk), 70);
	assert_int_equal(hurried_to, 70);
	sim_sleep(100 * MS);
	assert_int_equal(prio_of(disk), 0);
	assert_int_equal(reader->refs, waits->refs);
}

static void test_beyond(unsigned cpus)
{
	static struct page page;

	read_page = &page;
	hurried = NULL;
	lent = 0;
	sim_run(cpus, SECOND, beyond_main, NULL);
	assert_string_equal(trail, "h");
}

static void test_page_and_disk(void **state)
{
	(void)state;
	test_beyond(1);
}

static void test_page_and_disk_on_four_cpus(void **state)
{
	(void)state;
	test_beyond(4);
}

/* An owner of two mutexes keeps the higher of what their waiters lend, and loses each with its
 * mutex. */
static void two_owner(void *arg)
{
	(void)arg;
	mutex_lock(&mutexes[0]);
	mutex_lock(&mutexes[1]);
	sim_work(10 * MS);
	assert_int_equal(prio_of(current()), 30);
	mutex_unlock(&mutexes[1]);
	assert_int_equal(prio_of(current()), 20);
	mutex_unlock(&mutexes[0]);
	assert_int_equal(prio_of(current()), 0);
}

static void two_main(void *arg)
{
	struct locker *l = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	sim_task("owner", two_owner, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(MS);
	sim_task("a", lock_and_mark, &l[0], SCHED_FIFO, 20, 0);
	sim_task("b", lock_and_mark, &l[1], SCHED_FIFO, 30, 0);
	sim_sleep(MS);
}

static void test_two_mutexes(void **state)
{
	struct locker l[2] = { { .m = &mutexes[0], .mark = 'a' },
			       { .m = &mutexes[1], .mark = 'b' } };

	(void)state;
	sim_run(1, SECOND, two_main, l);
	assert_string_equal(trail, "ba");
}

/* ---- giving up ---- */

static void killable(void *arg)
{
	struct locker *l = arg;

	l->err = mutex_lock_killable(l->m);
	if (l->err == 0)
		mutex_unlock(l->m);
}

static void kill_task(struct task *t)
{
	atomic_fetch_or(&t->hot.pending, TASK_KILLED);
	sched_wake_if(t, SCHED_STATE(TASK_SLEEPING_KILLABLE));
}

static void kill_main(void *arg)
{
	struct locker *l = arg;

	mutex_lock(&mutexes[0]);
	l[0].t = sim_task("a", killable, &l[0], SCHED_FIFO, 20, 0);
	l[1].t = sim_task("b", killable, &l[1], SCHED_FIFO, 10, 0);
	assert_int_equal(prio_of(current()), 20);
	kill_task(l[0].t);
	sim_sleep(MS);
	assert_int_equal(l[0].err, -EINTR);
	assert_int_equal(prio_of(current()), 10);
	kill_task(l[1].t);
	sim_sleep(MS);
	assert_int_equal(l[1].err, -EINTR);
	assert_int_equal(prio_of(current()), 0);
	assert_ptr_equal(mutex_owner(&mutexes[0]), current());
	mutex_unlock(&mutexes[0]);
	assert_true(mutex_is_free(&mutexes[0])); /* nobody waits: the short way is open again */
}

static void test_killed_waiters_leave(void **state)
{
	struct locker l[2] = { { .m = &mutexes[0], .err = 1 }, { .m = &mutexes[0], .err = 1 } };

	(void)state;
	sim_run(1, SECOND, kill_main, l);
}

/* The one woken for the free mutex is killed before it runs: the wake-up goes on to the next. */
static void killed_heir_main(void *arg)
{
	struct locker *l = arg;

	mutex_lock(&mutexes[0]);
	l[0].t = sim_task("a", killable, &l[0], SCHED_OTHER, 0, 0);
	l[1].t = sim_task("b", killable, &l[1], SCHED_OTHER, 0, 0);
	sim_sleep(MS);
	preempt_disable();
	mutex_unlock(&mutexes[0]);
	assert_true(mutex_trylock(
		&mutexes[0])); /* an ordinary task may take it back before the heir runs */
	kill_task(l[0].t);
	preempt_enable();
	sim_sleep(MS);
	assert_int_equal(l[0].err, -EINTR);
	assert_int_equal(l[1].err, 1);
	mutex_unlock(&mutexes[0]);
	sim_sleep(MS);
	assert_int_equal(l[1].err, 0);
}

static void test_killed_heir_passes_it_on(void **state)
{
	struct locker l[2] = { { .m = &mutexes[0], .err = 1 }, { .m = &mutexes[0], .err = 1 } };

	(void)state;
	sim_run(1, SECOND, killed_heir_main, l);
}

/* The same when nobody takes it back: it goes to one of the two, whoever was killed. */
static void killed_owner_to_be_main(void *arg)
{
	struct locker *l = arg;

	mutex_lock(&mutexes[0]);
	l[0].err = l[1].err = l[2].err = 1;
	for (int i = 0; i < 3; i++)
		l[i].t = sim_task("k", killable, &l[i], i == 2 ? SCHED_FIFO : SCHED_OTHER,
				  i == 2 ? 5 : 0, 0);
	sim_sleep(MS);
	preempt_disable();
	mutex_unlock(&mutexes[0]);
	kill_task(l[0].t);
	kill_task(l[2].t);
	preempt_enable();
	sim_sleep(MS);
	assert_int_not_equal(l[0].err, 1);
	assert_int_equal(l[1].err, 0);
	assert_int_not_equal(l[2].err, 1);
}

static void test_killed_owner_to_be(void **state)
{
	struct locker l[3] = { { .m = &mutexes[0] }, { .m = &mutexes[0] }, { .m = &mutexes[0] } };

	(void)state;
	sim_run(1, SECOND, killed_owner_to_be_main, l);
	sim_run(2, SECOND, killed_owner_to_be_main, l);
}

/* ---- taking turns ---- */

/* A task that takes and drops the mutex all the time does not starve an ordinary waiter: having
 * lost once, it is handed the mutex. */
static void greedy_main(void *arg)
{
	struct locker l = { .m = &mutexes[0], .mark = 'w' };
	int rounds = 0;

	(void)arg;
	mutex_lock(&mutexes[0]);
	sim_task("waiter", lock_and_mark, &l, SCHED_OTHER, 0, 0);
	while (trail_len == 0) {
		sim_work(MS);
		mutex_unlock(&mutexes[0]);
		rounds++;
		mutex_lock(&mutexes[0]);
	}
	mutex_unlock(&mutexes[0]);
	assert_in_range(rounds, 1, 12); /* a turn or two, then it is handed over */
}

static void test_no_starvation_by_stealing(void **state)
{
	(void)state;
	sim_run(1, SECOND, greedy_main, NULL);
	setup(state);
	sim_run(2, SECOND, greedy_main, NULL);
}

/* A real-time waiter gets it from the unlock itself. */
static void handover_main(void *arg)
{
	struct locker l = { .m = &mutexes[0], .mark = 'w' };

	(void)arg;
	mutex_lock(&mutexes[0]);
	sim_task("waiter", lock_and_mark, &l, SCHED_FIFO, 1, 0);
	preempt_disable();
	mutex_unlock(&mutexes[0]);
	assert_false(mutex_trylock(&mutexes[0]));
	preempt_enable();
	mark('.');
}

static void test_real_time_waiters_are_handed_it(void **state)
{
	(void)state;
	sim_run(1, SECOND, handover_main, NULL);
	assert_string_equal(trail, "w.");
}

/* ---- mistakes ---- */

static void self_main(void *arg)
{
	(void)arg;
	mutex_lock(&mutexes[0]);
	mutex_lock(&mutexes[0]);
}

static void circle_link(void *arg)
{
	int i = *(int *)arg;

	mutex_lock(&mutexes[i]);
	sim_sleep(10 * MS);
	mutex_lock(&mutexes[(i + 1) % 4]);
}

static void circle_main(void *arg)
{
	static int numbers[] = { 0, 1, 2, 3 };

	(void)arg;
	for (int i = 0; i < 4; i++)
		sim_task("c", circle_link, &numbers[i], SCHED_OTHER, 0, 0);
}

static void stranger(void *arg)
{
	(void)arg;
	mutex_unlock(&mutexes[0]);
}

static void stranger_main(void *arg)
{
	(void)arg;
	mutex_lock(&mutexes[0]);
	sim_task("s", stranger, NULL, SCHED_FIFO, 1, 0);
}

static void test_mistakes_panic(void **state)
{
	sim_run_panics(1, SECOND, self_main, NULL, "mutex_owner(m) != me");
	setup(state);
	sim_run_panics(1, SECOND, circle_main, NULL, "closes_circle");
	setup(state);
	sim_run_panics(1, SECOND, stranger_main, NULL, "mutex_owner(m) == me");
	setup(state);
}

/* ---- many tasks at random ---- */

static unsigned long counters[4];
static int inside[4];

static void random_locker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < 60; i++) {
		unsigned a = (unsigned)rand_r(&seed) % 4, b = (unsigned)rand_r(&seed) % 4;
		struct mutex *first = &mutexes[MIN(a, b)], *second = &mutexes[MAX(a, b)];

		mutex_lock(first);
		assert_int_equal(inside[MIN(a, b)]++, 0);
		sim_work((unsigned)rand_r(&seed) % 50000 + 1);
		if (a != b) {
			mutex_lock(second);
			assert_int_equal(inside[MAX(a, b)]++, 0);
			sim_work((unsigned)rand_r(&seed) % 50000 + 1);
			counters[MAX(a, b)]++;
			inside[MAX(a, b)]--;
			mutex_unlock(second);
		}
		counters[MIN(a, b)]++;
		inside[MIN(a, b)]--;
		mutex_unlock(first);
		if (rand_r(&seed) % 4 == 0)
			sim_sleep((unsigned)rand_r(&seed) % 100000);
	}
	assert_int_equal(current()->sched.prio, current()->sched.rt_priority);
	assert_true(list_empty(&current()->pi_lenders));
	assert_null(current()->blocked_on);
}

static void random_main(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	for (unsigned i = 0; i < 12; i++) {
		int prio = i % 3 == 0 ? 0 : (int)i;

		sim_task("r", random_locker, (void *)(uintptr_t)(seed * 100 + i),
			 prio ? SCHED_FIFO : SCHED_OTHER, prio, 0);
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 12; seed++)
		sim_run(1 + seed % 4, 100 * SECOND, random_main, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lock_trylock_unlock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiters_by_priority, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_priority_inversion, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_of_ten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_of_ten_on_four_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page_and_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page_and_disk_on_four_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_mutexes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_waiters_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_heir_passes_it_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_owner_to_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_starvation_by_stealing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_real_time_waiters_are_handed_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_mistakes_panic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
