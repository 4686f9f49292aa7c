// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Wait queues on the simulated machine: order, one and all, deadlines, signals.
 */
#include "tests/mock/sched_sim.h"
#include "tests/mock/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

static struct waitq wq = WAITQ_INIT(wq);
static int tokens;

static int setup(void **state)
{
	(void)state;
	trail_begin();
	tokens = 0;
	waitq_init(&wq);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_true(list_empty(&wq.waiters));
	return 0;
}

struct sleeper {
	char mark;
	enum wait_mode mode;
	uint64_t deadline, woke_at;
	struct task *t;
	int result;
};

static void take_token(void *arg)
{
	struct sleeper *s = arg;

	s->result = wait_event(&wq, tokens > 0, s->mode, s->deadline);
	s->woke_at = sim_now();
	if (s->result == 0) {
		tokens--;
		mark(s->mark);
	}
	assert_int_equal(current()->state, TASK_RUNNABLE);
}

static void start(struct sleeper *s, char c, int prio)
{
	*s = (struct sleeper){
		.mark = c, .mode = WAIT_UNINTERRUPTIBLE, .deadline = WAIT_FOREVER, .result = 1
	};
	s->t = sim_task("s", take_token, s, prio ? SCHED_FIFO : SCHED_OTHER, prio, 0);
	sim_sleep(MS);
}

/* ---- order ---- */

static void one_main(void *arg)
{
	struct sleeper *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	start(&s[0], 'a', 0);
	start(&s[1], 'b', 10);
	start(&s[2], 'c', 20);
	start(&s[3], 'd', 0);
	start(&s[4], 'e', 10);
	for (int i = 0; i < 5; i++) {
		tokens++;
		waitq_wake_one(&wq);
		sim_sleep(MS);
		assert_int_equal(trail_len, i + 1);
	}
}

static void test_wake_one_by_priority_then_arrival(void **state)
{
	struct sleeper s[5];

	(void)state;
	sim_run(1, SECOND, one_main, s);
	assert_string_equal(trail, "cbead");
}

static void all_main(void *arg)
{
	struct sleeper *s = arg;

	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	for (int i = 0; i < 20; i++)
		start(&s[i], (char)('a' + i), 0);
	tokens = 12;
	waitq_wake_all(&wq); /* all look, eight find nothing and sleep again */
	sim_sleep(10 * MS);
	assert_int_equal(trail_len, 12);
	tokens = 8;
	waitq_wake_all(&wq);
}

static void test_wake_all(void **state)
{
	struct sleeper s[20];

	(void)state;
	sim_run(1, SECOND, all_main, s);
	assert_int_equal(trail_len, 20);
	setup(state);
	sim_run(4, SECOND, all_main, s);
	assert_int_equal(trail_len, 20);
}

/* ---- deadlines ---- */

static void deadline_main(void *arg)
{
	struct sleeper *s = arg;
	uint64_t due = sim_now() + 5 * MS + 1;

	assert_int_equal(wait_event(&wq, tokens > 0, WAIT_UNINTERRUPTIBLE, due), -ETIMEDOUT);
	assert_int_equal(sim_now(), due);
	/* One in the past does not sleep, and a true condition wins. */
	assert_int_equal(wait_event(&wq, tokens > 0, WAIT_UNINTERRUPTIBLE, due - 1), -ETIMEDOUT);
	assert_int_equal(sim_now(), due);
	tokens = 1;
	assert_int_equal(wait_event(&wq, tokens > 0, WAIT_UNINTERRUPTIBLE, due - 1), 0);
	tokens = 0;
	start(s, 'a', 0);
	s->deadline = 0;
	tokens = 1;
	waitq_wake_one(&wq);
}

static void test_deadlines(void **state)
{
	struct sleeper s;

	(void)state;
	sim_run(1, SECOND, deadline_main, &s);
	assert_string_equal(trail, "a");
}

/* A wait that ended before its deadline leaves nothing behind: neither a timer nor what it pointed
 * at. */
static __attribute__((noinline)) void scribble(void)
{
	volatile char buf[4096];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = 0; /* a timer there would be due */
}

static void early_sleeper(void *arg)
{
	(void)arg;
	assert_int_equal(wait_event(&wq, tokens > 0, WAIT_UNINTERRUPTIBLE, sim_now() + 20 * MS), 0);
	scribble();
	sim_work(50 * MS);
}

static void early_main(void *arg)
{
	(void)arg;
	sim_task("s", early_sleeper, NULL, SCHED_FIFO, 10, 0);
	tokens = 1;
	waitq_wake_one(&wq);
}

static void test_early_wake_ups_leave_no_timer(void **state)
{
	(void)state;
	sim_run(1, SECOND, early_main, NULL);
}

/* ---- signals ---- */

static void signal_task(struct task *t, uint32_t bits)
{
	atomic_fetch_or(&t->hot.pending, bits);
	sched_wake(t); /* harsher than needed: a wait that does not let the signal in must go on
			  sleeping */
}

static void signal_main(void *arg)
{
	struct sleeper *s = arg;
	static const enum wait_mode modes[] = { WAIT_UNINTERRUPTIBLE, WAIT_KILLABLE,
						WAIT_INTERRUPTIBLE };

	for (int i = 0; i < 3; i++) {
		s[i] = (struct sleeper){ .mark = (char)('a' + i),
					 .mode = modes[i],
					 .deadline = WAIT_FOREVER,
					 .result = 1 };
		s[i].t = sim_task("s", take_token, &s[i], SCHED_FIFO, 10, 0);
	}
	for (int i = 0; i < 3; i++)
		signal_task(s[i].t, TASK_SIGNAL);
	sim_sleep(MS);
	assert_int_equal(s[0].result, 1);
	assert_int_equal(s[1].result, 1);
	assert_int_equal(s[2].result, -EINTR);
	for (int i = 0; i < 2; i++)
		signal_task(s[i].t, TASK_SIGNAL | TASK_KILLED);
	sim_sleep(MS);
	assert_int_equal(s[0].result, 1);
	assert_int_equal(s[1].result, -EINTR);
	tokens = 1;
	waitq_wake_one(&wq);
	sim_sleep(MS);
	assert_int_equal(s[0].result, 0);
}

static void test_signals(void **state)
{
	struct sleeper s[3];

	(void)state;
	sim_run(1, SECOND, signal_main, s);
	setup(state);
	sim_run(2, SECOND, signal_main, s);
}

/* Killed and woken at once: the wake-up counts, or it would be lost for the others. */
static void both_main(void *arg)
{
	struct sleeper *s = arg;

	start(&s[0], 'a', 10);
	s[0].mode = WAIT_KILLABLE;
	preempt_disable();
	tokens = 1;
	waitq_wake_one(&wq);
	signal_task(s[0].t, TASK_KILLED);
	preempt_enable();
	sim_sleep(MS);
	assert_int_equal(s[0].result, 0);
}

static void test_wake_up_wins_over_signal(void **state)
{
	struct sleeper s[1];

	(void)state;
	sim_run(1, SECOND, both_main, s);
}

static void sleep_raw(void *arg)
{
	struct waiter w;

	waitq_prepare(&wq, &w, WAIT_KILLABLE);
	*(int *)arg = waitq_sleep(&w, WAIT_KILLABLE, WAIT_FOREVER);
	waitq_finish(&wq, &w);
}

static void raw_main(void *arg)
{
	struct task *t = sim_task("raw", sleep_raw, arg, SCHED_FIFO, 10, 0);

	preempt_disable();
	signal_task(t, TASK_KILLED);
	waitq_wake_one(&wq);
	preempt_enable();
}

static void test_the_pieces_agree(void **state)
{
	int result = 1;

	(void)state;
	sim_run(1, SECOND, raw_main, &result);
	assert_int_equal(result, 0);
}

/* ---- the window between test and sleep ---- */

static void preempted_before_sleep(void *arg)
{
	struct waiter w;

	(void)arg;
	waitq_prepare(&wq, &w, WAIT_UNINTERRUPTIBLE);
	assert_int_equal(tokens, 0);
	sim_work(10 * MS); /* loses the CPU here, with the state saying that it sleeps */
	assert_int_equal(waitq_sleep(&w, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER), 0);
	waitq_finish(&wq, &w);
	mark('w');
}

static void window_main(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	sim_task("w", preempted_before_sleep, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(5 * MS);
	tokens = 1;
	waitq_wake_one(&wq); /* while it is preempted in the window */
	mark('1');
	sim_sleep(20 * MS);
}

static void test_no_lost_wake_up_when_preempted_in_the_window(void **state)
{
	(void)state;
	sim_run(1, SECOND, window_main, NULL);
	assert_string_equal(trail, "1w");
}

/* One that loses the CPU there and then finds the condition true goes on without anybody's help. */
static void finds_it_true(void *arg)
{
	struct waiter w;

	(void)arg;
	waitq_prepare(&wq, &w, WAIT_UNINTERRUPTIBLE);
	sim_work(10 * MS);
	waitq_finish(&wq, &w);
	mark('w');
}

static void unaided_main(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 99, 0), 0);
	sim_task("w", finds_it_true, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(5 * MS);
	mark('1');
}

static void test_preempted_in_the_window_is_still_runnable(void **state)
{
	(void)state;
	sim_run(1, SECOND, unaided_main, NULL);
	assert_string_equal(trail, "1w");
}

/* ---- watchers ---- */

#define WATCHERS 20

static struct counted {
	struct watcher watcher;
	unsigned told;
} watched[WATCHERS], late;
static struct waitq bell = WAITQ_INIT(bell);
static bool rung;
static unsigned told_at_once, told_at_once_most, breaths;
static void (*at_breath)(unsigned n);

static void told(struct watcher *w)
{
	container_of(w, struct counted, watcher)->told++;
	assert_true(hw_irqs_off());
	told_at_once++;
	told_at_once_most = MAX(told_at_once_most, told_at_once);
	rung = true;
	waitq_wake_one(&bell); /* as poll's does */
}

/* Runs as soon as the waker lets go of the lock. */
static void breath_main(void *arg)
{
	(void)arg;
	for (;;) {
		(void)wait_event(&bell, rung, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		rung = false;
		told_at_once = 0;
		breaths++;
		if (at_breath)
			at_breath(breaths);
	}
}

static void watch_all(void (*meanwhile)(unsigned n))
{
	at_breath = meanwhile;
	told_at_once = told_at_once_most = breaths = 0;
	rung = false;
	waitq_init(&bell);
	for (unsigned i = 0; i < WATCHERS; i++) {
		watched[i] = (struct counted){ .watcher.notify = told };
		waitq_watch(&wq, &watched[i].watcher);
	}
	late = (struct counted){ .watcher.notify = told };
	list_init(&late.watcher.link);
	sim_daemon("breath", breath_main, NULL, SCHED_FIFO, 50);
	sim_sleep(MS);
}

static void unwatch_all(void)
{
	for (unsigned i = 0; i < WATCHERS; i++)
		waitq_unwatch(&wq, &watched[i].watcher);
	waitq_unwatch(&wq, &late.watcher);
	assert_true(list_empty(&wq.watchers)); /* no bookmark is left */
}

static void watched_main(void *arg)
{
	(void)arg;
	watch_all(NULL);
	waitq_wake_one(&wq);
	for (unsigned i = 0; i < WATCHERS; i++)
		assert_int_equal(watched[i].told, 1);
	waitq_wake_all(&wq);
	for (unsigned i = 0; i < WATCHERS; i++)
		assert_int_equal(watched[i].told, 2);
	assert_int_equal(told_at_once_most, 1);
	unwatch_all();
}

static void test_watchers_are_told_in_batches(void **state)
{
	(void)state;
	sim_run(1, SECOND, watched_main, NULL);
}

/* Between batches: who is told next goes, as does one told already; a newcomer, who sees what has
 * changed by itself, keeps coming. */
static void come_and_go(unsigned n)
{
	if (n == 1) {
		waitq_unwatch(&wq, &watched[0].watcher);
		waitq_unwatch(&wq, &watched[3].watcher);
		waitq_unwatch(&wq, &watched[4].watcher);
		waitq_unwatch(&wq, &watched[WATCHERS - 1].watcher);
	}
	waitq_unwatch(&wq, &late.watcher);
	waitq_watch(&wq, &late.watcher);
	assert_true(n < WATCHERS);
}

static void changing_main(void *arg)
{
	(void)arg;
	watch_all(come_and_go);
	waitq_wake_one(&wq);
	for (unsigned i = 0; i < WATCHERS; i++)
		assert_int_equal(watched[i].told, i != 3 && i != 4 && i != WATCHERS - 1);
	assert_int_equal(late.told, 0);
	unwatch_all();
}

static void test_watchers_come_and_go_meanwhile(void **state)
{
	(void)state;
	sim_run(1, SECOND, changing_main, NULL);
}

/* A second wake-up between the batches of the first tells everyone, and the first goes on after
 * it. */
static void wake_again(unsigned n)
{
	at_breath = NULL;
	(void)n;
	waitq_wake_all(&wq);
	for (unsigned i = 0; i < WATCHERS; i++)
		assert_int_equal(watched[i].told, i < 1 ? 2 : 1);
}

static void nested_main(void *arg)
{
	(void)arg;
	watch_all(wake_again);
	waitq_wake_one(&wq);
	for (unsigned i = 0; i < WATCHERS; i++)
		assert_int_equal(watched[i].told, 2);
	unwatch_all();
}

static void test_wake_ups_overlap(void **state)
{
	(void)state;
	sim_run(1, SECOND, nested_main, NULL);
}

/* ---- many ---- */

static int produced, consumed;

static void producer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		sim_work((uint64_t)(i * 37 % 11 + 1) * 1000);
		tokens++;
		produced++;
		waitq_wake_one(&wq);
	}
}

static void consumer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(wait_event(&wq, tokens > 0, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER),
				 0);
		tokens--;
		consumed++;
		sim_work((uint64_t)(i * 53 % 17 + 1) * 1000);
	}
}

static void many_main(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		sim_task("p", producer, NULL, i ? SCHED_FIFO : SCHED_OTHER, i, 0);
	for (int i = 0; i < 6; i++)
		sim_task("c", consumer, NULL, i % 2 ? SCHED_RR : SCHED_OTHER, i % 2 ? i : 0, 0);
}

static void test_producers_and_consumers(void **state)
{
	for (unsigned cpus = 1; cpus <= 4; cpus++) {
		setup(state);
		produced = consumed = 0;
		sim_run(cpus, 10 * SECOND, many_main, NULL);
		assert_int_equal(produced, 600);
		assert_int_equal(consumed, 600);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wake_one_by_priority_then_arrival, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_wake_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_early_wake_ups_leave_no_timer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wake_up_wins_over_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_pieces_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_lost_wake_up_when_preempted_in_the_window,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_preempted_in_the_window_is_still_runnable,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_watchers_are_told_in_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watchers_come_and_go_meanwhile, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_wake_ups_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_producers_and_consumers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
