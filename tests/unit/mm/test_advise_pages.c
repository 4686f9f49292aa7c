// SPDX-License-Identifier: MIT
// madvise: pages that are not needed soon, needed now, not needed at all.
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

#include <linux/mman.h>

static bool young(struct aspace *as, virt_addr_t va)
{
	struct pte *pte = pmap_entry_lock(&as->pmap, va);
	struct pte_view v = { .young = false };

	if (pte != NULL) {
		pte_view(pte, &v);
		pmap_entry_unlock(pte);
	}
	return v.young;
}

static void test_cold(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	run(as);
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	assert_int_equal(aspace_populate(as, BASE, 4 * PAGE_SIZE, true), 0);
	assert_true(young(as, BASE));
	assert_int_equal(aspace_advise(as, BASE, PAGE_SIZE, MADV_COLD), 0);
	assert_false(young(as, BASE));
	assert_true(young(as, BASE + PAGE_SIZE));
	assert_true(young(as, BASE + 2 * PAGE_SIZE));
	/* What a child has too stays as it is. */
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(aspace_advise(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, MADV_COLD), 0);
	assert_true(young(as, BASE + 2 * PAGE_SIZE));
	end(child);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_advise(as, BASE, 2 * PAGE_SIZE, MADV_COLD), -EINVAL);
	end(as);
}

static struct page *page_at(struct aspace *as, virt_addr_t va)
{
	struct pte_view v = look(as, va);

	assert_int_equal(v.state, PTE_PRESENT);
	return v.page;
}

/* Clean, without a slot and not writable, until somebody stores; not what a child has too, nor what
 * is locked. */
static void test_free_lazily(void **state)
{
	uint64_t counted = vm_events(VM_PGLAZYFREE);
	struct aspace *as = space(), *child;

	(void)state;
	run(as);
	map_at(as, BASE, 40 * PAGE_SIZE, RW);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
	assert_int_equal(aspace_advise(as, BASE, 40 * PAGE_SIZE, MADV_FREE), 0);
	assert_int_equal(vm_events(VM_PGLAZYFREE) - counted, 40);
	for (unsigned i = 0; i < 40; i++) {
		assert_true(page_is_lazy(page_at(as, BASE + i * PAGE_SIZE)));
		assert_false(young(as, BASE + i * PAGE_SIZE));
		assert_int_equal(peek(BASE + i * PAGE_SIZE), i + 1);
	}
	assert_int_equal(poke(BASE, 99), 0);
	assert_false(page_is_lazy(page_at(as, BASE)));
	assert_int_equal(aspace_protect(as, BASE, 2 * PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(aspace_advise(as, BASE, PAGE_SIZE, MADV_FREE), 0);
	assert_true(page_is_lazy(page_at(as, BASE)));
	assert_int_equal(aspace_protect(as, BASE, 2 * PAGE_SIZE, RW), 0);
	assert_int_equal(poke(BASE, 98), 0);
	assert_false(page_is_lazy(page_at(as, BASE)));
	assert_int_equal(poke(BASE + 3 * PAGE_SIZE, 4), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(aspace_advise(as, BASE + 3 * PAGE_SIZE, PAGE_SIZE, MADV_FREE), 0);
	assert_false(page_is_lazy(page_at(as, BASE + 3 * PAGE_SIZE)));
	check(as);
	end(child);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_advise(as, BASE, PAGE_SIZE, MADV_FREE), -EINVAL);
	check(as);
	end(as);
}

static void test_populate(void **state)
{
	struct object *o = object_create_anon(PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	run(as);
	map_at(as, BASE, 2 * PAGE_SIZE, RW);
	map_at(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, AREA_READ);
	map_at(as, BASE + 3 * PAGE_SIZE, PAGE_SIZE, 0);
	map_object(as, BASE + 8 * PAGE_SIZE, 2 * PAGE_SIZE, RW | AREA_SHARED, o);
	assert_int_equal(aspace_advise(as, BASE, 2 * PAGE_SIZE, MADV_POPULATE_WRITE), 0);
	assert_int_equal(aspace_rss(as), 2);
	assert_int_equal(aspace_advise(as, BASE, 3 * PAGE_SIZE, MADV_POPULATE_READ), 0);
	assert_int_equal(aspace_advise(as, BASE, 3 * PAGE_SIZE, MADV_POPULATE_WRITE), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE, 4 * PAGE_SIZE, MADV_POPULATE_READ), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE + 4 * PAGE_SIZE, PAGE_SIZE, MADV_POPULATE_READ),
			 -ENOMEM);
	assert_int_equal(aspace_advise(as, BASE + 8 * PAGE_SIZE, PAGE_SIZE, MADV_POPULATE_WRITE),
			 0);
	assert_int_equal(aspace_advise(as, BASE + 8 * PAGE_SIZE, 2 * PAGE_SIZE, MADV_POPULATE_READ),
			 -EFAULT);
	end(as);
	object_put(o);
}

static void test_remove(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	run(as);
	map_at(as, BASE, PAGE_SIZE, RW);
	map_object(as, BASE + 2 * PAGE_SIZE, 4 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + 8 * PAGE_SIZE, PAGE_SIZE, RW, o);
	map_object(as, BASE + 9 * PAGE_SIZE, PAGE_SIZE, AREA_READ | AREA_SHARED, o);
	assert_int_equal(aspace_populate(as, BASE + 2 * PAGE_SIZE, 4 * PAGE_SIZE, true), 0);
	assert_int_equal(o->nr_pages, 4);
	assert_int_equal(aspace_advise(as, BASE, PAGE_SIZE, MADV_REMOVE), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE + 8 * PAGE_SIZE, PAGE_SIZE, MADV_REMOVE), -EACCES);
	assert_int_equal(aspace_advise(as, BASE + 9 * PAGE_SIZE, PAGE_SIZE, MADV_REMOVE), -EACCES);
	assert_int_equal(aspace_advise(as, BASE + 3 * PAGE_SIZE, 2 * PAGE_SIZE, MADV_REMOVE), 0);
	assert_int_equal(o->nr_pages, 2);
	assert_int_equal(aspace_lock(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_advise(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, MADV_REMOVE), -EINVAL);
	end(as);
	object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_cold), TEST(test_free_lazily),
					    TEST(test_populate), TEST(test_remove) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
