// SPDX-License-Identifier: MIT
// For the tests of huge pages: RAM with blocks to spare, and a pool that must be empty in the end.
// Included once a test.
#ifndef TESTS_UNIT_MM_HUGE_TEST_H
#define TESTS_UNIT_MM_HUGE_TEST_H

#include "mm/huge.h"
#include "tests/unit/mm/aspace_test.h"

#define UNIT HUGE_SIZE

static int pool_setup(void **state)
{
	struct page *empty;

	space_setup(state);
	mock_options.ram = 512 * MB; /* the model's allocator does not put freed blocks together */
	mock_reset();
	mock_swap_reset();
	empty = page_alloc(ALLOC_ZERO);
	asid_init(page_to_phys(empty));
	page_init();
	assert_int_equal(rmap_reserve(), 0);
	frames_at_start = frames_free();
	run(NULL);
	return 0;
}

static int pool_teardown(void **state)
{
	struct huge_stats n;

	run(NULL);
	huge_set_overcommit(0);
	huge_pool_resize(0);
	huge_stats(&n);
	assert_int_equal(n.total + n.free + n.reserved + n.surplus, 0);
	return space_teardown(state);
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, pool_setup, pool_teardown)

static inline void assert_pool(uint64_t total, uint64_t free, uint64_t reserved, uint64_t surplus)
{
	struct huge_stats n;

	huge_stats(&n);
	assert_int_equal(n.total, total);
	assert_int_equal(n.free, free);
	assert_int_equal(n.reserved, reserved);
	assert_int_equal(n.surplus, surplus);
}

#endif
