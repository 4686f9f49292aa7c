// SPDX-License-Identifier: MIT
// Choosing a policy by name, and what policies share: looks at active pages.
// SOURCES: mm/lru.c mm/scan.c mm/workingset.c mm/vmevent.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/replace/replace_test.h"

#include "kernel/errno.h"

static unsigned in_force(void)
{
	unsigned which = UINT32_MAX;
	bool on;

	for (unsigned i = 0; replacement_name(i, &on) != NULL; i++)
		if (on) {
			assert_int_equal(which, UINT32_MAX);
			which = i;
		}
	return which;
}

static void test_names(void **state)
{
	const char *name;
	bool on;

	(void)state;
	for (unsigned i = 0; (name = replacement_name(i, &on)) != NULL; i++) {
		assert_int_equal(replacement_choose(name), 0);
		assert_int_equal(in_force(), i);
		assert_string_equal(replacement()->name, name);
		assert_int_equal(replacement_choose("none"), -EINVAL);
		assert_int_equal(replacement_choose(""), -EINVAL);
		assert_int_equal(in_force(), i);
	}
}

static void test_looks_at_active_pages(void **state)
{
	struct page *unused = page_on_list(PAGE_ACTIVE), *used = page_on_list(PAGE_ACTIVE);
	struct page *read = page_on_list(PAGE_ACTIVE | PAGE_REFERENCED);
	uint64_t refilled = vm_events(VM_PGREFILL), moved = vm_events(VM_PGDEACTIVATE);

	(void)state;
	used->rmap = USED;
	assert_int_equal(active_age(LRU_ANON, 3, false), 1);
	assert_int_equal(lru_size(LRU_ACTIVE_ANON), 2);
	assert_false(page_flag(unused, PAGE_ACTIVE));
	assert_true(page_flag(used, PAGE_ACTIVE) && page_flag(read, PAGE_ACTIVE));
	assert_false(page_flag(used, PAGE_REFERENCED) || page_flag(read, PAGE_REFERENCED));
	used->rmap = USED;
	assert_int_equal(active_age(LRU_ANON, 8, true), 2);
	assert_true(page_flag(used, PAGE_REFERENCED)); /* its next sighting makes it active again */
	assert_false(page_flag(read, PAGE_REFERENCED));
	assert_int_equal(vm_events(VM_PGREFILL) - refilled, 5);
	assert_int_equal(vm_events(VM_PGDEACTIVATE) - moved, 3);
}

/* Whatever one policy leaves, the next one gets all pages out. */
static void test_change_of_policy(void **state)
{
	const char *name;
	bool on;

	(void)state;
	for (unsigned i = 0; (name = replacement_name(i, &on)) != NULL; i++) {
		assert_int_equal(replacement_choose(name), 0);
		pages_on_list(40, PAGE_ACTIVE | PAGE_REFERENCED);
		pages_on_list(40, PAGE_REFERENCED);
		evicted_pages[LRU_ANON] = 0;
		for (unsigned rounds = 0; rounds < 20 && evicted_pages[LRU_ANON] < 80; rounds++)
			(void)reclaim_round(false);
		assert_int_equal(evicted_pages[LRU_ANON], 80);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_looks_at_active_pages),
		TEST(test_change_of_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
