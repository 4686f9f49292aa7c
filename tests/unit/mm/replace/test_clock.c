// SPDX-License-Identifier: MIT
// Clock: one second chance, no more.
// SOURCES: mm/lru.c mm/scan.c mm/workingset.c mm/vmevent.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/replace/replace_test.h"

static void test_second_chance(void **state)
{
	struct page *p = page_on_list(0);

	(void)state;
	assert_false(replace_clock.due(p, true));
	assert_true(replace_clock.due(p, false));
	page_set_flag(p, PAGE_REFERENCED); /* by a system call */
	assert_false(replace_clock.due(p, false));
	assert_true(replace_clock.due(p, false));
}

static void test_one_list(void **state)
{
	(void)state;
	pages_on_list(40, PAGE_ACTIVE);
	replace_clock.balance(LRU_ANON);
	replace_clock.balance(LRU_ANON);
	assert_int_equal(lru_size(LRU_ACTIVE_ANON), 0);
	assert_int_equal(lru_size(LRU_INACTIVE_ANON), 40);
	assert_null(replace_clock.admit);
	assert_false(replace_clock.promotes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_second_chance),
		TEST(test_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
