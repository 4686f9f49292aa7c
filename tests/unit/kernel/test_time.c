// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Scaling of the counter, and timers on the simulated machine against a simple list.
 */
#include "tests/mock/sched_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/clock_event.h"
#include "kernel/clock_scale.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

/* ---- scaling ---- */

static const uint64_t frequencies[] = { 1000000,  19200000,  24000000,   54000000,
					62500000, 100000000, 1000000000, 999999937 };

static uint64_t random64(unsigned *seed)
{
	uint64_t v = 0;

	for (int i = 0; i < 5; i++)
		v = v << 15 ^ (uint64_t)rand_r(seed);
	return v >> rand_r(seed) % 64;
}

static void check_scale(uint64_t num, uint64_t den, uint64_t value)
{
	struct clock_scale s = clock_scale_make(num, den);
	unsigned __int128 exact = (unsigned __int128)value * num / den;

	if (exact >> 64 || value >= UINT64_MAX / den)
		return;
	assert_true(clock_scale_apply(s, value) == (uint64_t)exact);
}

static void test_scaling_is_exact(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(frequencies); f++) {
		for (uint64_t v = 0; v < 2000; v++)
			check_scale(NSEC_PER_SEC, frequencies[f], v);
		for (int i = 0; i < 20000; i++) {
			check_scale(NSEC_PER_SEC, frequencies[f], random64(&seed));
			check_scale(frequencies[f], NSEC_PER_SEC, random64(&seed));
		}
	}
}

static void test_scaling_lasts_for_centuries(void **state)
{
	uint64_t years = 300ull * 365 * 24 * 3600;

	(void)state;
	assert_true(clock_scale_apply(clock_scale_make(NSEC_PER_SEC, 54000000), years * 54000000) ==
		    years * NSEC_PER_SEC);
	assert_true(clock_scale_apply(clock_scale_make(NSEC_PER_SEC, 62500000), years * 62500000) ==
		    years * NSEC_PER_SEC);
	assert_true(clock_scale_apply(clock_scale_make(NSEC_PER_SEC, 1000000000),
				      years * 1000000000) == years * NSEC_PER_SEC);
}

/* ---- timers ---- */

struct test_timer {
	struct timer timer;
	uint64_t due;
	bool armed;
	unsigned fired;
};

static uint64_t last_due;

static void expire(struct timer *t)
{
	struct test_timer *tt = container_of(t, struct test_timer, timer);

	assert_true(hw_irqs_off());
	assert_true(tt->armed);
	assert_int_equal(time_now(), tt->due);
	assert_true(tt->due >= last_due);
	last_due = tt->due;
	tt->armed = false;
	tt->fired++;
}

static void random_timers_main(void *arg)
{
	static struct test_timer timers[50];
	unsigned seed = *(unsigned *)arg, started = 0, cancelled = 0, fired = 0, moved = 0;

	last_due = 0;
	for (int i = 0; i < 50; i++) {
		memset(&timers[i], 0, sizeof(timers[i]));
		timer_init(&timers[i].timer, expire);
	}
	for (int step = 0; step < 2000; step++) {
		struct test_timer *t = &timers[rand_r(&seed) % 50];
		uint64_t old = hw_irq_save(); /* the model's fields and the timer change together */

		if (rand_r(&seed) % 3 == 0) {
			assert_int_equal(timer_cancel(&t->timer), t->armed);
			cancelled += t->armed;
			t->armed = false;
		} else {
			moved += t->armed;
			started++;
			t->armed = true;
			t->due = time_now() + 1 + (unsigned)rand_r(&seed) % 1000000;
			timer_start(&t->timer, t->due);
		}
		hw_irq_restore(old);
		sim_work((unsigned)rand_r(&seed) % 50000 + 1);
	}
	sim_work(2 * MS);
	for (int i = 0; i < 50; i++) {
		assert_false(timers[i].armed);
		assert_false(timer_cancel(&timers[i].timer));
		fired += timers[i].fired;
	}
	assert_int_equal(fired + cancelled + moved, started);
	assert_true(fired > 100 && cancelled > 100 && moved > 10);
}

static void test_random_timers(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 6; seed++)
		sim_run(1, 10 * SECOND, random_timers_main, &seed);
}

/* Many at one moment: all come, in the order they were started, over several interrupts. */
static int order[40], ordered;

static void note_order(struct timer *t)
{
	order[ordered++] = (int)(uintptr_t)container_of(t, struct test_timer, timer)->due;
}

static void same_moment_main(void *arg)
{
	static struct test_timer timers[40];
	uint64_t due = time_now() + MS;

	(void)arg;
	ordered = 0;
	for (int i = 0; i < 40; i++) {
		timer_init(&timers[i].timer, note_order);
		timers[i].due = (uint64_t)i;
		timer_start(&timers[i].timer, due);
	}
	sim_work(2 * MS);
	assert_int_equal(ordered, 40);
	for (int i = 0; i < 40; i++)
		assert_int_equal(order[i], i);
	assert_in_range(sim_timer_interrupts(), 40, 41); /* one each */
}

static void test_many_at_one_moment(void **state)
{
	(void)state;
	sim_run(1, SECOND, same_moment_main, NULL);
}

/* A handler may start its timer again: no drift. */
static void again(struct timer *t)
{
	struct test_timer *tt = container_of(t, struct test_timer, timer);

	assert_int_equal(time_now(), tt->due);
	tt->due += MS;
	tt->fired++;
	timer_start(t, tt->due);
}

static void periodic_main(void *arg)
{
	struct test_timer t = { .due = time_now() + MS };

	(void)arg;
	timer_init(&t.timer, again);
	timer_start(&t.timer, t.due);
	sim_work(100 * MS + 500);
	assert_int_equal(t.fired, 100);
	assert_true(timer_try_cancel(&t.timer));
	assert_false(timer_try_cancel(&t.timer));
	sim_work(10 * MS);
	assert_int_equal(t.fired, 100);
	timer_start(&t.timer, UINT64_MAX); /* never */
	sim_work(10 * MS);
	assert_true(timer_cancel(&t.timer));
}

static void test_periodic(void **state)
{
	(void)state;
	sim_run(1, SECOND, periodic_main, NULL);
}

/* A timer moves with its starter; the CPU it left stays quiet. */
static void move_main(void *arg)
{
	struct test_timer t = { .armed = true };

	(void)arg;
	timer_init(&t.timer, expire);
	assert_int_equal(sched_set_affinity(current(), 1), 0);
	timer_start(&t.timer, time_now() + 5 * MS);
	assert_int_equal(t.timer.cpu, 0);
	assert_int_equal(sched_set_affinity(current(), 2), 0);
	t.due = time_now() + 10 * MS;
	last_due = 0;
	timer_start(&t.timer, t.due);
	assert_int_equal(t.timer.cpu, 1);
	sim_work(20 * MS);
	assert_int_equal(t.fired, 1);
	assert_int_equal(t.timer.cpu, ~1);
}

static void test_timers_move_between_cpus(void **state)
{
	(void)state;
	sim_run(2, SECOND, move_main, NULL);
}

/* ---- the wall clock ---- */

static void wall_main(void *arg)
{
	uint64_t then = 1700000000 * SECOND;

	(void)arg;
	time_set_wall(then);
	assert_int_equal(time_wall(), then);
	sim_work(MS);
	assert_int_equal(time_wall(), then + MS);
	/* What programs reckon is the same. */
	assert_int_equal(clock_scale_apply(sim_shown_clock.scale, hw_counter()), time_now());
	assert_int_equal(sim_shown_clock.wall_offset, time_wall() - time_now());
}

static void test_wall_clock(void **state)
{
	(void)state;
	sim_run(1, SECOND, wall_main, NULL);
}

/* Timers by either clock, started and cancelled on any CPU, while the wall clock is set back and
 * forth: none comes early, and none is still there when it is due. */
static uint64_t by_its_clock(const struct test_timer *t)
{
	return t->due & TIME_WALL ? TIME_WALL | time_wall() : time_now();
}

static void expire_when_due(struct timer *t)
{
	struct test_timer *tt = container_of(t, struct test_timer, timer);

	assert_true(hw_irqs_off());
	assert_true(tt->armed);
	assert_true(by_its_clock(tt) >= tt->due);
	tt->armed = false;
	tt->fired++;
}

static void set_clocks_main(void *arg)
{
	static struct test_timer timers[20];
	unsigned seed = *(unsigned *)arg, fired = 0, cancelled = 0;

	time_set_wall(1700000000 * SECOND);
	for (int i = 0; i < 20; i++) {
		memset(&timers[i], 0, sizeof(timers[i]));
		timer_init(&timers[i].timer, expire_when_due);
	}
	for (int step = 0; step < 3000; step++) {
		struct test_timer *t = &timers[rand_r(&seed) % 20];
		uint64_t old = hw_irq_save();

		switch (rand_r(&seed) % 8) {
		case 0: time_set_wall(time_wall() + (unsigned)rand_r(&seed) % MS - MS / 2); break;
		case 1:
			assert_int_equal(timer_cancel(&t->timer), t->armed);
			cancelled += t->armed;
			t->armed = false;
			break;
		default:
			t->armed = true;
			t->due = (rand_r(&seed) % 4 ? TIME_WALL | time_wall() : time_now()) +
				 (unsigned)rand_r(&seed) % MS;
			timer_start(&t->timer, t->due);
		}
		hw_irq_restore(old);
		if (rand_r(&seed) % 8 == 0)
			assert_int_equal(sched_set_affinity(current(),
							    1 + (uint64_t)rand_r(&seed) % 3),
					 0);
		sim_work((unsigned)rand_r(&seed) % 50000 + 1000);
		for (int i = 0; i < 20; i++)
			assert_true(!timers[i].armed ||
				    timers[i].due + 1000 > by_its_clock(&timers[i]));
	}
	sim_work(2 * MS);
	for (int i = 0; i < 20; i++) {
		assert_false(timers[i].armed);
		fired += timers[i].fired;
	}
	assert_true(fired > 100 && cancelled > 100);
}

static void test_clock_set_under_timers(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 6; seed++)
		sim_run(2, 10 * SECOND, set_clocks_main, &seed);
}

/* While a handler runs, another timer comes due on another CPU: it is not lost, and does not come
 * in between, for who cancels the first waits for one handler. */
static struct test_timer second;

static void second_elsewhere(struct timer *t)
{
	unsigned cpu = sim_on_cpu(1);

	(void)t;
	timer_start(&second.timer, second.due);
	clock_event_expired();
	assert_int_equal(second.fired, 0);
	(void)sim_on_cpu(cpu);
}

static void wall_at_once_main(void *arg)
{
	struct timer first;

	(void)arg;
	second = (struct test_timer){ .armed = true, .due = TIME_WALL | time_wall() };
	timer_init(&first, second_elsewhere);
	timer_init(&second.timer, expire_when_due);
	assert_int_equal(sched_set_affinity(current(), 1), 0);
	timer_start(&first, second.due + MS);
	sim_work(2 * MS);
	assert_int_equal(second.fired, 1);
	assert_false(timer_cancel(&first));
}

static void test_wall_timers_one_by_one(void **state)
{
	(void)state;
	sim_run(2, SECOND, wall_at_once_main, NULL);
}

/* Never is never, and a time of long ago is now. */
static void wall_ends_main(void *arg)
{
	struct test_timer t = { .armed = true, .due = TIME_WALL };

	(void)arg;
	timer_init(&t.timer, expire_when_due);
	timer_start(&t.timer, UINT64_MAX);
	time_set_wall(TIME_WALL - 1000 * SECOND);
	sim_work(10 * MS);
	assert_int_equal(t.fired, 0);
	timer_start(&t.timer, TIME_WALL);
	sim_work(MS);
	assert_int_equal(t.fired, 1);
}

static void test_wall_clock_ends(void **state)
{
	(void)state;
	sim_run(1, SECOND, wall_ends_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scaling_is_exact),
		cmocka_unit_test(test_scaling_lasts_for_centuries),
		cmocka_unit_test(test_random_timers),
		cmocka_unit_test(test_many_at_one_moment),
		cmocka_unit_test(test_periodic),
		cmocka_unit_test(test_timers_move_between_cpus),
		cmocka_unit_test(test_wall_clock),
		cmocka_unit_test(test_clock_set_under_timers),
		cmocka_unit_test(test_wall_timers_one_by_one),
		cmocka_unit_test(test_wall_clock_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
