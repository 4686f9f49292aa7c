// SPDX-License-Identifier: MIT
// mprotect: areas split and merge, entries gain and lose rights.
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

static unsigned prot_at(struct aspace *as, virt_addr_t va)
{
	struct pte *pte = pmap_entry_lock(&as->pmap, va);
	struct pte_view v;

	assert_non_null(pte);
	pte_view(pte, &v);
	pmap_entry_unlock(pte);
	return v.prot;
}

/* A page that lost write to mprotect and gets it back is writable at once. Between the two the
 * entry owns it. */
static void test_write_comes_back(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE), 0);
	assert_int_equal(aspace_protect(as, BASE, 4 * PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(prot_at(as, BASE), PTE_READ | PTE_OWN);
	assert_int_equal(prot_at(as, BASE + PAGE_SIZE), PTE_READ | PTE_SPECIAL);
	assert_int_equal(aspace_protect(as, BASE, 4 * PAGE_SIZE, 0), 0);
	assert_int_equal(prot_at(as, BASE), PTE_OWN);
	assert_int_equal(aspace_protect(as, BASE, 4 * PAGE_SIZE, RW), 0);
	assert_int_equal(prot_at(as, BASE), PTE_READ | PTE_WRITE);
	assert_int_equal(prot_at(as, BASE + PAGE_SIZE), PTE_READ | PTE_SPECIAL);
	assert_int_equal(poke(BASE + PAGE_SIZE, 2), 0);
	check(as);
	end(as);
}

/* Who owned a page before a fork does not any more, neither here nor there. */
static void test_owned_and_forked(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(aspace_protect(as, BASE, 4 * PAGE_SIZE, AREA_READ), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(prot_at(as, BASE), PTE_READ);
	assert_int_equal(prot_at(child, BASE), PTE_READ);
	assert_int_equal(aspace_protect(as, BASE, 4 * PAGE_SIZE, RW), 0);
	assert_int_equal(poke(BASE, 2), 0);
	run(child);
	assert_int_equal(peek(BASE), 1);
	assert_int_equal(aspace_protect(child, BASE, 4 * PAGE_SIZE, RW), 0);
	assert_int_equal(poke(BASE, 3), 0);
	run(as);
	assert_int_equal(peek(BASE), 2);
	check(as);
	check(child);
	end(child);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_protect),
		TEST(test_write_comes_back),
		TEST(test_owned_and_forked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
