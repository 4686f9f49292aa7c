// SPDX-License-Identifier: MIT
// First in, first out: in order, used or not.
// SOURCES: mm/lru.c mm/scan.c mm/workingset.c mm/vmevent.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/replace/replace_test.h"

static void test_use_does_not_count(void **state)
{
	struct page *p = page_on_list(PAGE_REFERENCED);

	(void)state;
	assert_true(replace_fifo.due(p, true));
	assert_true(replace_fifo.due(p, false));
}

static void test_one_list(void **state)
{
	(void)state;
	pages_on_list(10, PAGE_ACTIVE);
	replace_fifo.balance(LRU_ANON);
	assert_int_equal(lru_size(LRU_ACTIVE_ANON), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_use_does_not_count),
		TEST(test_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
