// SPDX-License-Identifier: MIT
// Growing stacks: limit and guard.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

static void test_stack(void **state)
{
	virt_addr_t top = BASE + 64 * MB;
	struct aspace *as = space();

	(void)state;
	as->limit.stack = 8 * MB;
	map_at(as, top - PAGE_SIZE, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	run(as);
	assert_int_equal(poke(top - 5 * PAGE_SIZE, 1), 0);
	assert_int_equal(area_first(as)->start, top - 5 * PAGE_SIZE);
	assert_int_equal(poke(top - 8 * MB, 1), 0);
	assert_int_equal(poke(top - 8 * MB - 1, 1), -EFAULT);
	assert_int_equal(last_outcome, FAULT_NOT_MAPPED);
	check(as);
	end(as);
}

static void test_stack_guard(void **state)
{
	virt_addr_t top = BASE + 64 * MB;
	struct aspace *as = space();

	(void)state;
	map_at(as, top - PAGE_SIZE, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	map_at(as, top - 2 * MB, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(top - 2 * MB + PAGE_SIZE + STACK_GUARD, 1), 0);
	assert_int_equal(poke(top - 2 * MB + PAGE_SIZE + STACK_GUARD - 1, 1), -EFAULT);
	check(as);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stack),
		TEST(test_stack_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
