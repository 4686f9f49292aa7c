// SPDX-License-Identifier: MIT
// SOURCES: kernel/lock_stat.c tests/mock/machine.c tests/mock/kernel.c
/*
 * Waits for locks are added up by place, as many places as there is room for and the others
 * together.
 */
#include "kernel/lock_stat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernel/time.h"

#define SITE(i) (0xffffffff80000000 + 4 * (virt_addr_t)(i))

uint64_t time_of_ticks(uint64_t ticks)
{
	return ticks;
}

static uint64_t waits_of(virt_addr_t site, virt_addr_t caller, struct lock_waits *found)
{
	struct lock_waits w;
	uint64_t sum = 0;

	for (unsigned i = 0; lock_waits(i, &w); i++)
		if (w.site == site && w.caller == caller && w.waits > 0) {
			*found = w;
			sum += w.waits;
		}
	return sum;
}

static void test_sums(void **state)
{
	struct lock_waits w;

	(void)state;
	lock_waited(LOCK_SPIN, SITE(1), SITE(7), 100);
	lock_waited(LOCK_SPIN, SITE(1), SITE(7), 300);
	lock_waited(LOCK_SPIN, SITE(1), SITE(7), 200);
	lock_waited(LOCK_SPIN, SITE(1), SITE(8), 50);
	lock_waited(LOCK_MUTEX, SITE(2), 0, 9);
	assert_int_equal(waits_of(SITE(1), SITE(7), &w), 3);
	assert_int_equal(w.kind, LOCK_SPIN);
	assert_int_equal(w.ns, 600);
	assert_int_equal(w.longest, 300);
	assert_int_equal(waits_of(SITE(1), SITE(8), &w), 1);
	assert_int_equal(waits_of(SITE(2), 0, &w), 1);
	assert_int_equal(w.kind, LOCK_MUTEX);
	assert_int_equal(w.longest, 9);
	lock_waits_reset();
	assert_int_equal(waits_of(SITE(1), SITE(7), &w), 0);
}

/* A place that finds no room among the few it may have counts with the others: nothing is lost, and
 * nobody searches for long. */
static void test_more_places_than_room(void **state)
{
	struct lock_waits w;
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < 400; i++)
		lock_waited(LOCK_SPIN, SITE(i), SITE(3 * i + 1), 5);
	for (unsigned i = 0; i < 400; i++)
		known += waits_of(SITE(i), SITE(3 * i + 1), &w) == 1;
	assert_in_range(known, 96, 128);
	assert_int_equal(waits_of(0, 0, &w), 400 - known);
	assert_int_equal(w.ns, 5 * (400 - known));
	lock_waits_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_more_places_than_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
