// SPDX-License-Identifier: MIT
// madvise, mincore, msync.
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

static void test_advice(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 4 * MB, RW);
	run(as);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(poke(BASE + i * MB, 9), 0);
	assert_int_equal(aspace_advise(as, BASE + MB, MB, MADV_DONTFORK), 0);
	assert_int_equal(aspace_advise(as, BASE + 2 * MB, MB, MADV_WIPEONFORK), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	run(child);
	assert_int_equal(peek(BASE), 9);
	assert_int_equal(peek(BASE + MB), -1);
	assert_int_equal(peek(BASE + 2 * MB), 0);
	assert_int_equal(peek(BASE + 3 * MB), 9);
	check(as);
	check(child);
	end(child);
	run(as);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, MADV_DONTNEED), 0);
	assert_int_equal(peek(BASE), 0);
	assert_int_equal(aspace_rss(as), 0);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, MADV_DOFORK), 0);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, MADV_KEEPONFORK), 0);
	assert_int_equal(as->area_count, 1);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, 12345), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE, 5 * MB, MADV_NORMAL), -ENOMEM);
	assert_int_equal(aspace_advise(as, BASE + 1, MB, MADV_NORMAL), -EINVAL);
	end(as);
}

static void test_incore_and_sync(void **state)
{
	struct aspace *as = space();
	uint8_t vec[4];

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	map_at(as, BASE + MB, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE + PAGE_SIZE, 1), 0);
	assert_int_equal(poke(BASE + 3 * PAGE_SIZE, 1), 0);
	assert_true(evict(as, BASE + 3 * PAGE_SIZE));
	assert_int_equal(aspace_incore(as, BASE, 4 * PAGE_SIZE, BASE + MB), 0);
	assert_int_equal(mock_user_read(BASE + MB, vec, 4), 0);
	assert_memory_equal(vec, "\0\1\0\0", 4);
	assert_int_equal(aspace_incore(as, BASE, 5 * PAGE_SIZE, BASE + MB), -ENOMEM);
	assert_int_equal(aspace_incore(as, BASE, PAGE_SIZE, BASE + 2 * MB), -EFAULT);
	assert_int_equal(aspace_sync(as, BASE, PAGE_SIZE, MS_SYNC), 0);
	assert_int_equal(aspace_sync(as, BASE, 5 * PAGE_SIZE, MS_SYNC), -ENOMEM);
	assert_int_equal(aspace_sync(as, BASE, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_advice),
		TEST(test_incore_and_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
