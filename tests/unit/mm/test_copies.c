// SPDX-License-Identifier: MIT
// Private copies of pages that a truncation cut off: gone from every area that had some, however it
// came to be, and from nowhere else.
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

#define PAGES 16

static unsigned listed(struct object *o)
{
	unsigned n = 0;
	struct area *a;

	list_for_each (a, &o->copies, copies) {
		assert_ptr_equal(a->object, o);
		assert_true(a->has_anon);
		n++;
	}
	return n;
}

static bool gone(struct aspace *as, unsigned page)
{
	return look(as, BASE + page * PAGE_SIZE).state == PTE_NONE;
}

/* Copies of all pages, one of them in swap. */
static struct aspace *copier(struct object *o)
{
	struct aspace *as = space();

	map_object(as, BASE, PAGES * PAGE_SIZE, RW | AREA_MAY_WRITE, o);
	run(as);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
	assert_true(evict(as, BASE + 6 * PAGE_SIZE));
	return as;
}

static void test_truncation(void **state)
{
	struct object *o = object_create_anon(PAGES * PAGE_SIZE);
	struct aspace *as = copier(o), *reader = space();

	(void)state;
	/* Who only reads is not on the list. */
	map_object(reader, BASE, PAGES * PAGE_SIZE, RW | AREA_MAY_WRITE, o);
	run(reader);
	assert_int_equal(peek(BASE), 0);
	assert_int_equal(listed(o), 1);
	run(as);
	assert_int_equal(object_truncate(o, 5 * PAGE_SIZE + 1), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(peek(BASE + i * PAGE_SIZE), i + 1);
	for (unsigned i = 6; i < PAGES; i++) {
		assert_true(gone(as, i));
		assert_int_not_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
		assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	}
	/* They do not come back with the pages. */
	assert_int_equal(object_truncate(o, PAGES * PAGE_SIZE), 0);
	assert_int_equal(peek(BASE + 7 * PAGE_SIZE), 0);
	/* A hole leaves copies alone. */
	object_punch(o, 0, 5);
	assert_int_equal(peek(BASE), 1);
	check(as);
	end(as);
	end(reader);
	assert_int_equal(listed(o), 0);
	object_put(o);
}

/* Cut into areas, moved, and made one again: the list follows. */
static void test_areas(void **state)
{
	struct object *o = object_create_anon(PAGES * PAGE_SIZE);
	struct aspace *as = copier(o);

	(void)state;
	assert_int_equal(aspace_protect(as, BASE + 8 * PAGE_SIZE, PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(listed(o), 3);
	assert_int_equal(aspace_protect(as, BASE + 8 * PAGE_SIZE, PAGE_SIZE, RW), 0);
	assert_int_equal(listed(o), 1);
	assert_int_equal(aspace_remap(as, BASE + 8 * PAGE_SIZE, 8 * PAGE_SIZE, 8 * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + MB),
			 BASE + MB);
	assert_int_equal(listed(o), 2);
	assert_int_equal(object_truncate(o, 10 * PAGE_SIZE), 0);
	assert_int_equal(peek(BASE + MB + PAGE_SIZE), 10);
	assert_int_equal(peek(BASE + MB + 2 * PAGE_SIZE), -1);
	assert_int_equal(peek(BASE + 7 * PAGE_SIZE), 8);
	assert_int_equal(aspace_unmap(as, BASE, 8 * PAGE_SIZE), 0);
	assert_int_equal(listed(o), 1);
	/* The whole area lies behind the end. */
	assert_int_equal(object_truncate(o, 1), 0);
	assert_int_equal(peek(BASE + MB), -1);
	check(as);
	end(as);
	object_put(o);
}

/* A fork's table is shared, or copied: the copies go from both sides. */
static void test_forks(void **state)
{
	(void)state;
	for (unsigned pages = PAGES; pages <= 200; pages += 184) {
		struct object *o = object_create_anon(pages * PAGE_SIZE);
		struct aspace *as = space(), *child;

		map_object(as, BASE, pages * PAGE_SIZE, RW | AREA_MAY_WRITE, o);
		run(as);
		for (unsigned i = 0; i < pages; i++)
			assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
		child = aspace_fork(as);
		assert_non_null(child);
		assert_int_equal(listed(o), 2);
		assert_int_equal(object_truncate(o, 2 * PAGE_SIZE), 0);
		assert_true(gone(as, 2) && gone(child, 2) && gone(as, pages - 1));
		assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
		assert_int_equal(peek(BASE), 1);
		run(child);
		assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
		assert_int_equal(poke(BASE, 2), 0);
		check(as);
		check(child);
		end(child);
		run(as);
		assert_int_equal(peek(BASE), 1);
		end(as);
		object_put(o);
	}
}

/* An area with copies becomes part of one that had none. */
static void test_absorbed(void **state)
{
	struct object *o = object_create_anon(PAGES * PAGE_SIZE);
	struct aspace *as = copier(o);

	(void)state;
	assert_int_equal(aspace_remap(as, BASE + 8 * PAGE_SIZE, 8 * PAGE_SIZE, 8 * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + MB),
			 BASE + MB);
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_MAY_WRITE, o);
	assert_int_equal(listed(o), 1);
	assert_int_equal(aspace_remap(as, BASE + MB, 8 * PAGE_SIZE, 8 * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 8 * PAGE_SIZE),
			 BASE + 8 * PAGE_SIZE);
	assert_int_equal(as->area_count, 1);
	assert_int_equal(listed(o), 1);
	assert_int_equal(object_truncate(o, 9 * PAGE_SIZE), 0);
	assert_true(!gone(as, 8) && gone(as, 9));
	end(as);
	object_put(o);
}

/* While the walk waits for the second address space, all that the third has is moved elsewhere, and
 * cut: it is not passed by. */
static struct aspace *second, *third;

static void rearrange(void)
{
	mock_on_block = NULL;
	second->mutex.owner = 0;
	assert_int_equal(aspace_remap(third, BASE, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + MB),
			 BASE + MB);
	assert_int_equal(aspace_protect(third, BASE + MB + 4 * PAGE_SIZE, PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(aspace_unmap(third, BASE + MB, 2 * PAGE_SIZE), 0);
}

static void test_areas_change_meanwhile(void **state)
{
	struct object *o = object_create_anon(PAGES * PAGE_SIZE);
	struct aspace *as = copier(o);

	(void)state;
	second = copier(o);
	third = copier(o);
	run(NULL);
	second->mutex.owner = 1; /* somebody */
	mock_on_block = rearrange;
	assert_int_equal(object_truncate(o, 3 * PAGE_SIZE), 0);
	assert_null(mock_on_block);
	assert_true(gone(as, 3) && !gone(as, 2) && gone(second, 3) && !gone(second, 2));
	for (unsigned i = 3; i < PAGES; i++)
		assert_int_equal(look(third, BASE + MB + i * PAGE_SIZE).state, PTE_NONE);
	assert_int_not_equal(look(third, BASE + MB + 2 * PAGE_SIZE).state, PTE_NONE);
	end(as);
	end(second);
	end(third);
	object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_truncation),
		TEST(test_areas),
		TEST(test_forks),
		TEST(test_absorbed),
		TEST(test_areas_change_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
