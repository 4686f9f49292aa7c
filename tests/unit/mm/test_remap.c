// SPDX-License-Identifier: MIT
// mremap: in place, moved, fixed, left behind.
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

static void test_remap(void **state)
{
	struct aspace *as = space();
	int64_t at;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
	assert_true(evict(as, BASE + PAGE_SIZE));
	/* In place, then blocked and moved. */
	assert_int_equal(aspace_remap(as, BASE, 4 * PAGE_SIZE, 6 * PAGE_SIZE, 0, 0), BASE);
	map_at(as, BASE + 6 * PAGE_SIZE, PAGE_SIZE, AREA_READ);
	assert_int_equal(aspace_remap(as, BASE, 6 * PAGE_SIZE, 8 * PAGE_SIZE, 0, 0), -ENOMEM);
	at = aspace_remap(as, BASE, 6 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
	assert_true(at > 0 && at != (int64_t)BASE);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(peek((virt_addr_t)at + i * PAGE_SIZE), i + 1);
	assert_int_equal(peek((virt_addr_t)at + 7 * PAGE_SIZE), 0);
	assert_int_equal(peek(BASE), -1);
	assert_int_equal(aspace_remap(as, (virt_addr_t)at, 8 * PAGE_SIZE, 2 * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 3 * MB - PAGE_SIZE),
			 BASE + 3 * MB - PAGE_SIZE);
	assert_int_equal(peek(BASE + 3 * MB - PAGE_SIZE), 1);
	assert_int_equal(peek(BASE + 3 * MB), 2);
	at = aspace_remap(as, BASE + 3 * MB - PAGE_SIZE, 2 * PAGE_SIZE, 2 * PAGE_SIZE,
			  MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	assert_true(at > 0);
	assert_int_equal(peek((virt_addr_t)at), 1);
	assert_int_equal(peek(BASE + 3 * MB - PAGE_SIZE), 0);
	assert_int_equal(aspace_remap(as, BASE + 32 * MB, PAGE_SIZE, PAGE_SIZE, 0, 0), -EFAULT);
	assert_int_equal(aspace_remap(as, BASE + 1, PAGE_SIZE, PAGE_SIZE, 0, 0), -EINVAL);
	assert_int_equal(aspace_remap(as, BASE, PAGE_SIZE, 0, 0, 0), -EINVAL);
	check(as);
	end(as);
}

/* Down to right below itself: a table that is linked for the end of the target is also the source's
 * first one, which was not there. */
static void test_shared_table(void **state)
{
	struct aspace *as = space();
	const virt_addr_t from = BASE + 5 * MB;

	(void)state;
	map_at(as, from, 4 * MB, RW);
	run(as);
	assert_int_equal(poke(from + 3 * MB, 7), 0);
	assert_int_equal(aspace_remap(as, from, 4 * MB, 4 * MB, MREMAP_MAYMOVE | MREMAP_FIXED,
				      from - 4 * MB),
			 from - 4 * MB);
	assert_int_equal(peek(from - MB), 7);
	assert_int_equal(peek(from - 4 * MB), 0);
	assert_int_equal(peek(from + 3 * MB), -1);
	check(as);
	end(as);
}

/* What stays behind, to be filled anew, is not locked any more: what it held has moved, and is. */
static void test_locked(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 2 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(aspace_lock(as, BASE, 2 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_remap(as, BASE, 2 * PAGE_SIZE, 2 * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, BASE + MB),
			 BASE + MB);
	assert_int_equal(as->locked_pages, 2);
	assert_int_equal(area_find(as, BASE)->flags & AREA_LOCK_BITS, 0);
	assert_int_equal(area_find(as, BASE + MB)->flags & AREA_LOCK_BITS, AREA_LOCKED);
	assert_int_equal(poke(BASE, 1), 0);
	assert_true(evict(as, BASE));
	assert_false(evict(as, BASE + MB));
	check(as);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_remap),
		TEST(test_shared_table),
		TEST(test_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
