// SPDX-License-Identifier: MIT
// The pool of huge pages by itself: promises, surplus, growing and shrinking, and units that come
// back frame by frame.
// TIMEOUT: 180
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
#include "mm/huge_pool.h"
#include "tests/unit/mm/huge_test.h"

/* A unit goes back with the last reference to any of its frames. */
static void drop(struct page *unit)
{
	for (unsigned i = 0; i < HUGE_PAGES; i++)
		page_put(&unit[i]);
}

static void test_take_and_give(void **state)
{
	struct page *a, *b;

	(void)state;
	assert_null(unit_take(false));
	huge_pool_resize(2);
	assert_pool(2, 2, 0, 0);
	assert_int_equal(units_reserve(1), 0);
	a = unit_take(false);
	assert_non_null(a);
	assert_true(IS_ALIGNED(page_to_pfn(a), HUGE_PAGES));
	assert_pool(2, 1, 1, 0);
	/* What is left is promised to somebody else. */
	assert_null(unit_take(false));
	assert_int_equal(units_reserve(1), -ENOMEM);
	b = unit_take(true);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	assert_pool(2, 0, 0, 0);
	unit_untake(b, true);
	assert_pool(2, 1, 1, 0);
	units_unreserve(1);
	unit_prepare(a, PAGE_FILE);
	for (unsigned i = 0; i < HUGE_PAGES; i++)
		assert_true(page_flag(&a[i], PAGE_HUGETLB) && a[i].refs == 1 &&
			    a[i].type == PAGE_FILE);
	page_get(&a[7]);
	drop(a);
	assert_pool(2, 1, 0, 0);
	page_put(&a[7]);
	assert_pool(2, 2, 0, 0);
}

/* Beyond the pool, as far as is allowed; surplus goes as soon as it is free. */
static void test_surplus(void **state)
{
	struct page *p[3];

	(void)state;
	huge_pool_resize(1);
	huge_set_overcommit(1);
	assert_int_equal(units_reserve(3), -ENOMEM);
	assert_pool(1, 1, 0, 0);
	assert_int_equal(units_reserve(2), 0);
	assert_pool(2, 2, 2, 1);
	p[0] = unit_take(true);
	p[1] = unit_take(true);
	p[2] = unit_take(false);
	assert_non_null(p[0]);
	assert_non_null(p[1]);
	assert_null(p[2]);
	unit_untake(p[0], false);
	assert_pool(1, 0, 0, 0);
	unit_untake(p[1], false);
	assert_pool(1, 1, 0, 0);
}

/* What is in use or promised stays until it comes back, as surplus. */
static void test_resize(void **state)
{
	uint32_t before = frames_free();
	struct page *used;

	(void)state;
	huge_pool_resize(4);
	assert_pool(4, 4, 0, 0);
	assert_int_equal(frames_free(), before - 4 * HUGE_PAGES);
	used = unit_take(false);
	assert_int_equal(units_reserve(1), 0);
	huge_pool_resize(1);
	assert_pool(2, 1, 1, 1);
	unit_untake(used, false);
	assert_pool(1, 1, 1, 0);
	units_unreserve(1);
	/* As many as there are blocks for. */
	huge_pool_resize(100000);
	assert_true(frames_free() < before);
	huge_pool_resize(0);
	assert_pool(0, 0, 0, 0);
	assert_int_equal(frames_free(), before);
}

static void test_sizes(void **state)
{
	(void)state;
	assert_int_equal(huge_size_check(0), 0);
	assert_int_equal(huge_size_check(21), 0);
	assert_int_equal(huge_size_check(16), -ENOMEM);
	assert_int_equal(huge_size_check(25), -ENOMEM);
	assert_int_equal(huge_size_check(30), -ENOMEM);
	assert_int_equal(huge_size_check(20), -EINVAL);
	assert_int_equal(huge_size_check(63), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_take_and_give),
		TEST(test_surplus),
		TEST(test_resize),
		TEST(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
