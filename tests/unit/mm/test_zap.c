// SPDX-License-Identifier: MIT
// Emptying ranges: frames and tables come back, sharers keep theirs, other CPUs forget.
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

/* The leaf tables of what was unmapped go with it, however far apart the pages were; but for the
 * last. */
static void test_sparse(void **state)
{
	struct aspace *as = space();
	uint32_t free;

	(void)state;
	run(as);
	map_at(as, BASE, PAGE_SIZE, RW);
	assert_int_equal(poke(BASE, 1), 0);
	free = frames_free();
	for (unsigned i = 1; i <= 200; i++) {
		map_at(as, BASE + i * 2 * MB, PAGE_SIZE, RW);
		assert_int_equal(poke(BASE + i * 2 * MB, 1), 0);
		assert_int_equal(aspace_unmap(as, BASE + i * 2 * MB, PAGE_SIZE), 0);
	}
	assert_int_equal(frames_free(), free - 1);
	/* It serves again, and goes when it was needed meanwhile no more than when it was not. */
	map_at(as, BASE + 400 * MB, PAGE_SIZE, RW);
	assert_int_equal(poke(BASE + 400 * MB, 1), 0);
	assert_int_equal(frames_free(), free - 2);
	map_at(as, BASE + 2 * MB, PAGE_SIZE, RW);
	assert_int_equal(poke(BASE + 2 * MB, 1), 0);
	assert_int_equal(aspace_unmap(as, BASE + 2 * MB, PAGE_SIZE), 0);
	assert_int_equal(peek(BASE + 400 * MB), 1);
	assert_int_equal(aspace_unmap(as, BASE + 400 * MB, PAGE_SIZE), 0);
	assert_null(pmap_leaf(&as->pmap, BASE + 2 * MB));
	assert_non_null(pmap_leaf(&as->pmap, BASE + 400 * MB));
	assert_int_equal(frames_free(), free - 1);
	check(as);
	end(as);
}

/* What a terabyte touched in a thousand places takes, but for the pages themselves. */
static void test_tables_of_a_terabyte(void **state)
{
	const uint64_t terabyte = (uint64_t)1 << 40, places = 1000;
	struct aspace *as = space();
	uint64_t tables;

	(void)state;
	run(as);
	map_at(as, BASE, terabyte, RW | AREA_NORESERVE);
	tables = frames_free();
	for (uint64_t i = 0; i < places; i++)
		assert_int_equal(poke(BASE + terabyte / places / PAGE_SIZE * PAGE_SIZE * i, 1), 0);
	tables -= frames_free() + places;
	assert_true(tables * PAGE_SIZE < 9 * MB);
	end(as);
}

/* A leaf table stays while any area lies under it. */
static void test_neighbours(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 16 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
	for (unsigned i = 0; i < 16; i += 2)
		assert_int_equal(aspace_unmap(as, BASE + i * PAGE_SIZE, PAGE_SIZE), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(peek(BASE + i * PAGE_SIZE), i % 2 ? (int)i + 1 : -1);
	assert_non_null(pmap_leaf(&as->pmap, BASE));
	assert_int_equal(aspace_unmap(as, BASE, 2 * MB), 0);
	assert_null(pmap_leaf(&as->pmap, BASE));
	end(as);
}

/* One of two sharers unmaps all of the 2 MB: its link goes, the pages stay. Then the other. */
static void test_shared_table_is_dropped(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 2 * MB, RW);
	run(as);
	for (unsigned i = 0; i < 512; i += 3)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 5), 0);
	child = aspace_fork(as);
	assert_int_equal(aspace_unmap(as, BASE, 2 * MB), 0);
	assert_int_equal(peek(BASE), -1);
	run(child);
	for (unsigned i = 0; i < 512; i += 3)
		assert_int_equal(peek(BASE + i * PAGE_SIZE), 5);
	assert_int_equal(aspace_rss(child), 171);
	check(child);
	end(as);
	end(child);
}

/* Unmapping while another CPU runs the same address space: no frame is freed that it can still
 * reach. */
static void test_other_cpu(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 64 * PAGE_SIZE, RW);
	mock_on_cpu(1);
	run(as);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
	mock_on_cpu(0);
	run(as);
	assert_int_equal(aspace_advise(as, BASE, 32 * PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(aspace_unmap(as, BASE + 32 * PAGE_SIZE, 32 * PAGE_SIZE), 0);
	mock_on_cpu(1);
	assert_int_equal(peek(BASE), 0);
	assert_int_equal(peek(BASE + 40 * PAGE_SIZE), -1);
	run(NULL);
	mock_on_cpu(0);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sparse),     TEST(test_tables_of_a_terabyte),
		TEST(test_neighbours), TEST(test_shared_table_is_dropped),
		TEST(test_other_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
