// SPDX-License-Identifier: MIT
// Least frequently used: counts grow by use, are halved by disuse, and have an end.
// SOURCES: mm/lru.c mm/scan.c mm/workingset.c mm/vmevent.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/replace/replace_test.h"

static unsigned looks_survived(struct page *p)
{
	unsigned n = 0;

	while (!replace_lfu.due(p, false))
		n++;
	return n;
}

static void test_counts(void **state)
{
	struct page *p = page_on_list(0);

	(void)state;
	p->u.lru.uses = 12345; /* from before: does not count */
	assert_int_equal(looks_survived(p), 0);
	assert_false(replace_lfu.due(p, true));
	assert_int_equal(looks_survived(p), 1);
	for (unsigned i = 0; i < 4; i++)
		assert_false(replace_lfu.due(p, true));
	assert_int_equal(looks_survived(p), 3); /* 4, 2, 1 */
	for (unsigned i = 0; i < 1000; i++)
		assert_false(replace_lfu.due(p, true));
	assert_int_equal(looks_survived(p), 4); /* 15, 7, 3, 1 */
}

/* The flag may come from elsewhere, with any count. */
static void test_foreign_count(void **state)
{
	struct page *p = page_on_list(PAGE_REFERENCED);

	(void)state;
	p->u.lru.uses = UINT16_MAX;
	assert_true(looks_survived(p) <= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counts),
		TEST(test_foreign_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
