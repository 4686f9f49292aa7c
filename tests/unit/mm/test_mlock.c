// SPDX-License-Identifier: MIT
// mlock and mlockall: what is locked is there, stays, and never faults.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c
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

static void test_lock(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE), 0);
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(as->locked_pages, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct pte_view v = look(as, BASE + i * PAGE_SIZE);

		assert_int_equal(v.prot & (PTE_LOCKED | PTE_WRITE | PTE_SPECIAL),
				 PTE_LOCKED | PTE_WRITE);
		assert_true(page_flag(v.page, PAGE_UNEVICTABLE));
		assert_false(evict(as, BASE + i * PAGE_SIZE));
	}
	check(as);
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, 0), 0);
	assert_int_equal(as->area_count, 1);
	assert_true(evict(as, BASE));
	/* What is locked already does not count again. */
	as->limit.memlock = 4 * PAGE_SIZE;
	assert_int_equal(aspace_lock(as, BASE, 3 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_lock(as, BASE + PAGE_SIZE, 4 * PAGE_SIZE, AREA_LOCKED), -ENOMEM);
	assert_int_equal(aspace_lock(as, BASE + PAGE_SIZE, 3 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(as->locked_pages, 4);
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, 0), 0);
	as->limit.memlock = 2 * PAGE_SIZE;
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, AREA_LOCKED), -ENOMEM);
	as->limit.memlock = 0;
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, AREA_LOCKED), -EPERM);
	check(as);
	end(as);
}

/* A page of an object outlives its locked mapping, and can be evicted then. */
static void test_unmapping_unlocks(void **state)
{
	struct object *o = object_create_anon(2 * PAGE_SIZE);
	struct aspace *as = space();
	struct page *p;

	(void)state;
	map_object(as, BASE, 2 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), 0);
	p = look(as, BASE).page;
	assert_true(page_flag(p, PAGE_UNEVICTABLE));
	assert_int_equal(aspace_unmap(as, BASE, PAGE_SIZE), 0);
	assert_false(page_flag(p, PAGE_UNEVICTABLE));
	end(as);
	object_put(o);
}

/* mlockall, then no fault ever again: also for what is mapped later, and after a fork. */
static void test_lock_all(void **state)
{
	struct aspace *as = space(), *child;
	uint64_t faults;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	map_at(as, BASE + 64 * MB, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	run(as);
	assert_int_equal(aspace_lock_all(as, AREA_LOCKED, AREA_LOCKED), 0);
	map_at(as, BASE + 8 * MB, 4 * PAGE_SIZE, RW);
	child = aspace_fork(as);
	assert_non_null(child);
	faults = as->minflt;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
		assert_int_equal(poke(BASE + 8 * MB + i * PAGE_SIZE, 1), 0);
		assert_int_equal(poke(BASE + 64 * MB - (i + 1) * PAGE_SIZE, 1), 0);
	}
	assert_int_equal(as->minflt, faults);
	assert_int_equal(child->locked_pages, 0);
	run(child);
	assert_int_equal(peek(BASE), 0);
	assert_int_equal(poke(BASE, 2), 0);
	check(as);
	check(child);
	end(child);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lock),
		TEST(test_unmapping_unlocks),
		TEST(test_lock_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
