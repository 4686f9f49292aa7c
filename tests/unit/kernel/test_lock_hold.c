// SPDX-License-Identifier: MIT
// SOURCES: kernel/lock_hold.c tests/mock/machine.c tests/mock/kernel.c
/*
 * Spin locks by class: takings, waits and holds, in whatever order locks are given back.
 */
#include "kernel/lock_hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/hw.h"
#include "kernel/time.h"

static const char first[] = "a.c &first", second[] = "b.c &second";
static int locks[20];

uint64_t time_of_ticks(uint64_t ticks)
{
	return ticks;
}

static struct lock_class class_named(const char *name)
{
	struct lock_class c, found = { .name = NULL };
	unsigned seen = 0;

	for (unsigned i = 0; lock_class_get(i, &c); i++)
		if (c.name == name) {
			found = c;
			seen++;
		}
	assert_int_equal(seen, 1);
	return found;
}

static void take(int *lock, const char *name)
{
	lock_taken(lock, name, false, 0);
}

static void test_waits_and_holds(void **state)
{
	uint64_t began = hw_counter();
	struct lock_class c;

	(void)state;
	lock_classes_reset();
	lock_taken(&locks[0], first, true, began);
	lock_dropped(&locks[0]);
	take(&locks[1], first);
	(void)hw_counter();
	(void)hw_counter();
	lock_dropped(&locks[1]);
	c = class_named(first);
	assert_int_equal(c.waits.count, 1);
	assert_int_equal(c.waits.least, c.waits.most);
	assert_int_equal(c.waits.sum, c.waits.most);
	assert_true(c.waits.most > 0);
	assert_int_equal(c.holds.count, 2);
	assert_true(c.holds.least < c.holds.most);
	assert_int_equal(c.holds.sum, c.holds.least + c.holds.most);
	lock_classes_reset();
	assert_int_equal(class_named(first).holds.count, 0);
}

/* The outer one is given back first: each hold goes to its own class. */
static void test_crossed(void **state)
{
	(void)state;
	lock_classes_reset();
	take(&locks[0], first);
	take(&locks[1], second);
	(void)hw_counter();
	lock_dropped(&locks[0]);
	assert_int_equal(class_named(first).holds.count, 1);
	assert_int_equal(class_named(second).holds.count, 0);
	lock_dropped(&locks[1]);
	assert_int_equal(class_named(second).holds.count, 1);
}

/* Deeper than there is room for: the outer ones are measured, and nothing is left behind. */
static void test_deep(void **state)
{
	(void)state;
	lock_classes_reset();
	for (unsigned i = 0; i < 20; i++)
		take(&locks[i], first);
	for (unsigned i = 20; i-- > 0;)
		lock_dropped(&locks[i]);
	assert_int_equal(class_named(first).holds.count, 16);
	take(&locks[0], second);
	lock_dropped(&locks[0]);
	assert_int_equal(class_named(second).holds.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_and_holds),
		cmocka_unit_test(test_crossed),
		cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
