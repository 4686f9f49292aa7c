// SPDX-License-Identifier: MIT
// Faults on objects' pages: shared, private, map-around, the end of the file, paging out.
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

static void test_file_mappings(void **state)
{
	struct object *o = object_create_anon(8 * PAGE_SIZE + 100);
	struct aspace *as = space();
	uint8_t byte = 3;

	(void)state;
	assert_int_equal(object_write(o, 0, &byte, 1, false), 1);
	assert_int_equal(object_write(o, PAGE_SIZE, &byte, 1, false), 1);
	map_object(as, BASE, 16 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + MB, 16 * PAGE_SIZE, RW, o);
	run(as);
	/* Reading maps the neighbours that are cached. */
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(look(as, BASE + PAGE_SIZE).state, PTE_PRESENT);
	assert_int_equal(look(as, BASE + 2 * PAGE_SIZE).state, PTE_NONE);
	/* Private: sees the file until written, then has its own. */
	assert_int_equal(peek(BASE + MB), 3);
	assert_int_equal(poke(BASE + MB, 4), 0);
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(poke(BASE, 5), 0);
	assert_int_equal(peek(BASE + MB), 4);
	assert_int_equal(object_read(o, 0, &byte, 1, false), 1);
	assert_int_equal(byte, 5);
	/* Write straight to a private page that was never read. */
	assert_int_equal(poke(BASE + MB + PAGE_SIZE + 1, 6), 0);
	assert_int_equal(peek(BASE + MB + PAGE_SIZE), 3);
	/* Up to the end of the last page, not beyond. */
	assert_int_equal(poke(BASE + 9 * PAGE_SIZE - 1, 1), 0);
	assert_int_equal(peek(BASE + 9 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	check(as);
	end(as);
	object_put(o);
}

static unsigned mapped_from(struct aspace *as, unsigned first)
{
	unsigned n = 0;

	while (look(as, BASE + (first + n) * PAGE_SIZE).state == PTE_PRESENT)
		n++;
	return n;
}

/* How many neighbours come along: eight, twice that for who reads on, two for a fork's copy at first. */
static void test_windows(void **state)
{
	struct object *o = object_create_anon(64 * PAGE_SIZE);
	struct aspace *as = space(), *child;
	uint8_t byte = 3;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(object_write(o, i * PAGE_SIZE, &byte, 1, false), 1);
	map_object(as, BASE, 64 * PAGE_SIZE, AREA_READ, o);
	run(as);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(as, 0), 8);
	assert_int_equal(peek(BASE + 8 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(as, 0), 24);
	assert_int_equal(peek(BASE + 63 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(as, 56), 8);
	check(as);
	child = aspace_fork(as);
	assert_non_null(child);
	run(child);
	assert_int_equal(peek(BASE + 33 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(child, 32), 2);
	check(child);
	end(child);
	end(as);
	object_put(o);
}

static void test_truncation_under_a_mapping(void **state)
{
	struct object *o = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space(), *child;

	(void)state;
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(as);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE + 50, 1), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(object_truncate(o, 2 * PAGE_SIZE + 10), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE + 50), 1);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE + 50), 0);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(object_truncate(o, 8 * PAGE_SIZE), 0);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE + 50), 0);
	check(as);
	check(child);
	end(as);
	end(child);
	object_put(o);
}

static void test_shared_pages_swap(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + MB, 4 * PAGE_SIZE, AREA_READ | AREA_SHARED, o);
	run(as);
	assert_int_equal(poke(BASE + 1, 77), 0);
	assert_int_equal(peek(BASE + MB + 1), 77);
	assert_true(evict(as, BASE));
	assert_int_equal(look(as, BASE).state, PTE_NONE);
	assert_int_equal(look(as, BASE + MB).state, PTE_NONE);
	assert_int_equal(o->nr_swapped, 1);
	assert_int_equal(peek(BASE + MB + 1), 77);
	assert_int_equal(o->nr_swapped, 0);
	assert_true(evict(as, BASE + MB));
	end(as);
	object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_mappings),
		TEST(test_windows),
		TEST(test_truncation_under_a_mapping),
		TEST(test_shared_pages_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
