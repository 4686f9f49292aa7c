// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Two CPUs inside the scheduler at once. The simulated machine runs one at a time, so what the
 * other does in a window of a few instructions is called from a place within it.
 */
#include "tests/mock/sched_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernel/runq.h"
#include "kernel/waitq.h"

#define MS NSEC_PER_MSEC

static struct waitq wq = WAITQ_INIT(wq);
static uint64_t ran_at;
static unsigned ran_on;

/* ---- a wake-up of a task that is being moved ---- */

static void preempted_before_sleep(void *arg)
{
	struct waiter w;

	(void)arg;
	waitq_prepare(&wq, &w, WAIT_UNINTERRUPTIBLE);
	sim_work(10 * MS); /* loses the CPU here, with the state saying that it sleeps */
	assert_int_equal(waitq_sleep(&w, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER), 0);
	waitq_finish(&wq, &w);
	ran_on = hw_cpu();
}

/* The mover waits for the lock of CPU 1's queue, its ticket drawn. The waker is the one before it,
 * who has the lock. */
static void wake_before_the_mover(void)
{
	struct spinlock *l = &runq_of(1)->lock;

	l->next = l->owner;
	waitq_wake_one(&wq);
	assert_int_equal(l->next, l->owner);
	l->next++;
}

static void moved_main(void *arg)
{
	struct task *t;

	(void)arg;
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	t = sim_task("w", preempted_before_sleep, NULL, SCHED_OTHER, 0, 0x1);
	sim_sleep(5 * MS);
	assert_true(t->sched.queued);
	spin_lock_raw(&runq_of(1)->lock);
	sim_while_spinning(wake_before_the_mover);
	assert_int_equal(sched_set_affinity(t, 0x2), 0);
	sim_join(t);
}

static void test_a_task_is_woken_while_it_moves(void **state)
{
	(void)state;
	ran_on = 0;
	sim_run(2, NSEC_PER_SEC, moved_main, NULL);
	assert_int_equal(ran_on, 1);
}

/* ---- a task that has to wait while a CPU falls asleep ---- */

static struct task *late;

static void sleep_once(void *arg)
{
	(void)arg;
	sched_set_state(TASK_SLEEPING);
	schedule();
	ran_at = sim_now();
	ran_on = hw_cpu();
}

static void work_a_little(void *arg)
{
	(void)arg;
	sim_work(MS / 10); /* less than CPU 0 waits before it gives ordinary tasks away */
}

/* CPU 0 has chosen to queue the task there before it could see that CPU 1 has nothing to do. */
static void queue_late(void)
{
	unsigned was = sim_on_cpu(0);
	uint64_t old = hw_irq_save();

	spin_lock_raw(&runq_of(0)->lock);
	late->state = TASK_RUNNABLE;
	(void)runq_place(runq_of(0), late, 0);
	hw_irq_restore(old);
	(void)sim_on_cpu(was);
}

/* The first pass after another task ran is always followed by a second one. */
static void skip_a_pass(void)
{
	sim_while_idle(queue_late);
}

static void asleep_main(void *arg)
{
	uint64_t begun;

	(void)arg;
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	late = sim_task("late", sleep_once, NULL, SCHED_OTHER, 0, 0x1);
	sim_sleep(1 * MS);
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	assert_int_equal(sched_set_affinity(late, 0x3), 0);
	begun = sim_now();
	sim_task("x", work_a_little, NULL, SCHED_OTHER, 0, 0x2);
	sim_while_idle(skip_a_pass);
	sim_work(10 * MS);
	assert_int_equal(ran_at, begun + MS / 10);
	assert_int_equal(ran_on, 1);
}

static void test_a_cpu_about_to_sleep_looks_again(void **state)
{
	(void)state;
	sim_run(2, NSEC_PER_SEC, asleep_main, NULL);
}

/* ---- a real-time task that is queued where it has to wait, while another CPU sinks in priority
 * ---- */

static struct task *boosted;

static void until_done(void *arg)
{
	(void)arg;
	sim_work(20 * MS);
}

/* CPU 1's task sinks while the waker, who has chosen CPU 0, waits for its lock. */
static void sink_meanwhile(void)
{
	sched_boost(boosted, 0);
	spin_unlock_raw(&runq_of(0)->lock);
}

static void sinking_main(void *arg)
{
	struct task *t;
	uint64_t begun;

	(void)arg;
	assert_int_equal(sched_set_affinity(current(), 0x1), 0);
	t = sim_task("t", sleep_once, NULL, SCHED_FIFO, 40, 0x2);
	sim_sleep(1 * MS);
	assert_int_equal(sched_set_affinity(t, 0x3), 0);
	boosted = sim_task("b", until_done, NULL, SCHED_OTHER, 0, 0x2);
	sim_sleep(1 * MS);
	sched_boost(boosted, 60);
	assert_int_equal(sched_set(current(), SCHED_FIFO, 50, 0), 0);
	begun = sim_now();
	spin_lock_raw(&runq_of(0)->lock);
	sim_while_spinning(sink_meanwhile);
	assert_true(sched_wake(t));
	sim_work(5 * MS);
	assert_int_equal(ran_at, begun);
	assert_int_equal(ran_on, 1);
}

static void test_a_cpu_that_sinks_takes_who_waits_elsewhere(void **state)
{
	(void)state;
	sim_run(2, NSEC_PER_SEC, sinking_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_task_is_woken_while_it_moves),
		cmocka_unit_test(test_a_cpu_about_to_sleep_looks_again),
		cmocka_unit_test(test_a_cpu_that_sinks_takes_who_waits_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
