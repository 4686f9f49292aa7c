// SPDX-License-Identifier: MIT
// mprotect: areas split and merge, entries gain and lose rights.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/huge.c mm/hugetlb.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/fault.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_write.c mm/object_io.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

static void test_protect(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)i), 0);
	assert_int_equal(aspace_protect(as, BASE + 2 * PAGE_SIZE, 2 * PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(as->area_count, 3);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 9), -EFAULT);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 2);
	assert_int_equal(aspace_protect(as, BASE + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 0), 0);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
	assert_int_equal(aspace_protect(as, BASE, 8 * PAGE_SIZE, RW), 0);
	assert_int_equal(as->area_count, 1);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 2);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 9), 0);
	assert_int_equal(aspace_protect(as, BASE + 7 * PAGE_SIZE, 2 * PAGE_SIZE, AREA_READ),
			 -ENOMEM);
	check(as);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_protect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
