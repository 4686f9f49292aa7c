// SPDX-License-Identifier: MIT
// Faults on anonymous memory: demand-zero, bad accesses, swap, what changes while a page is read.
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

static void test_demand_zero(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(peek(BASE), 0);
	assert_ptr_equal(look(as, BASE).page, zero_page);
	assert_int_equal(aspace_rss(as), 0); /* nobody's frame */
	assert_int_equal(poke(BASE, 7), 0);
	assert_ptr_not_equal(look(as, BASE).page, zero_page);
	assert_int_equal(aspace_rss(as), 1);
	assert_int_equal(peek(BASE), 7);
	assert_int_equal(poke(BASE + PAGE_SIZE, 9), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE), 9);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE - 1), 0);
	assert_int_equal(as->minflt, 3);
	assert_int_equal(as->majflt, 0);
	check(as);
	end(as);
}

static void test_bad_access(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, AREA_READ);
	map_at(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, 0);
	run(as);
	assert_int_equal(poke(BASE, 1), -EFAULT);
	assert_int_equal(last_outcome, FAULT_PROTECTION);
	assert_int_equal(peek(BASE + PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_NOT_MAPPED);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_PROTECTION);
	assert_int_equal(aspace_fault(as, 0, FAULT_READ), FAULT_NOT_MAPPED);
	assert_int_equal(aspace_fault(as, USER_TOP, FAULT_READ), FAULT_NOT_MAPPED);
	assert_int_equal(aspace_fault(as, UINTPTR_MAX, FAULT_READ), FAULT_NOT_MAPPED);
	assert_int_equal(aspace_fault(as, BASE, FAULT_EXEC), FAULT_PROTECTION);
	end(as);
}

static void test_swap_round_trip(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 2 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	assert_int_equal(look(as, BASE).state, PTE_SWAPPED);
	assert_int_equal(peek(BASE), 5);
	assert_int_equal(as->majflt, 1);
	/* Read: stays in the swap cache, clean, so that it can be dropped without writing. */
	assert_true(page_flag(look(as, BASE).page, PAGE_SWAPCACHE));
	assert_false(look(as, BASE).prot & PTE_WRITE);
	assert_true(evict(as, BASE));
	assert_int_equal(peek(BASE), 5);
	/* Written: the slot is given up, the page is not copied. */
	assert_int_equal(poke(BASE, 6), 0);
	assert_int_equal(mock_slots_used(), 0);
	assert_int_equal(vm_events(VM_COW), 0);
	assert_true(evict(as, BASE));
	assert_int_equal(poke(BASE, 8), 0);
	assert_int_equal(peek(BASE), 8);
	assert_int_equal(mock_slots_used(), 0);
	assert_true(evict(as, BASE));
	check(as);
	end(as);
}

static void test_swap_unreadable(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	mock_swap_unreadable = true;
	assert_int_equal(peek(BASE), -1);
	assert_int_equal(last_outcome, FAULT_IO_ERROR);
	end(as);
}

/* A frame that has been prepared with a page's contents, and is needed for zeroes then. */
static void test_a_copy_that_nobody_wants(void **state)
{
	struct page *page = page_alloc(ALLOC_USER);
	struct fault f = { .access = FAULT_WRITE };
	const uint8_t *bytes;

	(void)state;
	memset(page_to_virt(page), 7, PAGE_SIZE);
	assert_int_equal(fault_copy(&f, page), 0);
	bytes = page_to_virt(f.frame);
	assert_int_equal(bytes[100], 7);
	assert_int_equal(page->refs, 2); /* the copy's source is kept as long */
	assert_int_equal(fault_frame(&f, true), 0);
	assert_int_equal(page->refs, 1);
	assert_true(f.frame_zeroed);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(bytes[i], 0);
	fault_release(&f);
	page_put(page);
}

static struct aspace *other_space;

static void unmap_meanwhile(void)
{
	assert_int_equal(aspace_unmap(other_space, BASE, PAGE_SIZE), 0);
	map_at(other_space, BASE, PAGE_SIZE, RW);
}

/* The mutex is free while a page is read: what changes meanwhile is seen. */
static void test_unmapped_while_reading(void **state)
{
	struct aspace *as = other_space = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	mock_on_swap_in = unmap_meanwhile;
	assert_int_equal(peek(BASE), 0);
	mock_on_swap_in = NULL;
	assert_int_equal(mock_slots_used(), 0);
	check(as);
	end(as);
}

static void page_out_meanwhile(void)
{
	(void)evict(other_space, BASE + 1);
}

/* While a frame for the copy is waited for, the page may be paged out: it stays as long as it is
 * copied. */
static void test_paged_out_while_copied(void **state)
{
	struct aspace *as = other_space = space(), *child;

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE + 1, 7), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	mock_on_page_alloc = page_out_meanwhile;
	assert_int_equal(poke(BASE, 8), 0);
	assert_null(mock_on_page_alloc);
	assert_int_equal(peek(BASE), 8);
	assert_int_equal(peek(BASE + 1), 7);
	run(child);
	assert_int_equal(peek(BASE), 0);
	assert_int_equal(peek(BASE + 1), 7);
	check(as);
	check(child);
	end(child);
	end(as);
}

static void fault_in_meanwhile(void)
{
	mock_on_swap_in = NULL;
	assert_int_equal(aspace_fault(other_space, BASE, FAULT_WRITE), FAULT_RESOLVED);
}

static void test_read_twice_at_once(void **state)
{
	struct aspace *as = other_space = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	mock_on_swap_in = fault_in_meanwhile;
	assert_int_equal(peek(BASE), 5);
	check(as);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_demand_zero),
		TEST(test_bad_access),
		TEST(test_swap_round_trip),
		TEST(test_swap_unreadable),
		TEST(test_a_copy_that_nobody_wants),
		TEST(test_paged_out_while_copied),
		TEST(test_unmapped_while_reading),
		TEST(test_read_twice_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
