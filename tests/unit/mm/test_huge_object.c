// SPDX-License-Identifier: MIT
// Objects of huge pages: promises and their undoing, shared mappings, private copies, what
// truncation and punching leave; each allocation refused once.
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
// TIMEOUT: 180
#include "tests/unit/mm/huge_test.h"

#include "mm/huge_object.h"

#define PRIVATE (RW | AREA_MAY_WRITE | AREA_HUGETLB)
#define SHARED  (PRIVATE | AREA_SHARED)

static int64_t map_units(struct aspace *as, virt_addr_t at, uint64_t units, unsigned flags,
			 struct object *o, uint64_t from)
{
	struct map_request r = { .addr = at,
				 .length = units * UNIT,
				 .flags = flags,
				 .fixed = true,
				 .object = o,
				 .offset = from * UNIT };

	return aspace_map(as, &r);
}

static void test_shared_anonymous(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	huge_pool_resize(3);
	assert_int_equal(map_units(as, BASE, 2, SHARED, NULL, 0), BASE);
	assert_pool(3, 3, 2, 0);
	assert_int_equal(map_units(as, BASE + 8 * UNIT, 2, SHARED, NULL, 0), -ENOMEM);
	assert_pool(3, 3, 2, 0);
	run(as);
	assert_int_equal(poke(BASE + 5, 1), 0);
	assert_pool(3, 2, 1, 0);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE)));
	assert_int_equal(commit_sum(), 0);
	child = aspace_fork(as);
	run(child);
	assert_int_equal(peek(BASE + 5), 1);
	assert_int_equal(poke(BASE + 6, 2), 0);
	assert_int_equal(poke(BASE + UNIT, 3), 0);
	assert_pool(3, 1, 0, 0);
	check(child);
	end(child);
	run(as);
	assert_int_equal(peek(BASE + 6), 2);
	assert_int_equal(peek(BASE + UNIT), 3);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE + UNIT)));
	/* Rights that were taken and given back come with the whole unit. */
	assert_int_equal(aspace_protect(as, BASE, UNIT, AREA_READ), 0);
	assert_int_equal(peek(BASE + 6), 2);
	assert_int_not_equal(poke(BASE + 6, 2), 0);
	assert_int_equal(aspace_protect(as, BASE, UNIT, RW), 0);
	assert_int_equal(poke(BASE + 6, 4), 0);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE)));
	check(as);
	assert_int_equal(aspace_unmap(as, BASE, UNIT), 0);
	assert_pool(3, 1, 0, 0); /* the object has it still */
	end(as);
	assert_pool(3, 3, 0, 0);
}

/* Promises are the object's, once for each unit; a call that fails takes back only its own. */
static void test_promises(void **state)
{
	struct object *o = huge_object_create(3 * UNIT);
	struct aspace *as = space();

	(void)state;
	huge_pool_resize(3);
	assert_int_equal(map_units(as, BASE, 2, SHARED, o, 1), BASE);
	assert_pool(3, 3, 2, 0);
	assert_int_equal(map_units(as, BASE + 8 * UNIT, 2, SHARED, o, 0), BASE + 8 * UNIT);
	assert_pool(3, 3, 3, 0);
	as->limit.as = 5 * UNIT;
	assert_int_equal(map_units(as, BASE + 16 * UNIT, 3, SHARED, o, 0), -ENOMEM);
	assert_pool(3, 3, 3, 0);
	/* A hole where nothing was takes no promise from those who mapped it. */
	huge_object_punch(o, 0, HUGE_PAGES - 1);
	assert_pool(3, 3, 3, 0);
	assert_int_equal(map_units(as, BASE + 16 * UNIT, 2, SHARED, o, 0), -ENOMEM);
	assert_pool(3, 3, 3, 0);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_pool(3, 2, 2, 0);
	end(as);
	assert_pool(3, 2, 2, 0);
	/* More than there are is refused whole. */
	huge_object_grow(o, 9 * UNIT);
	assert_int_equal(huge_object_reserve_all(o), -ENOMEM);
	assert_pool(3, 2, 2, 0);
	assert_int_equal(huge_object_fill(o, 0, 9 * HUGE_PAGES - 1), -ENOSPC);
	assert_pool(3, 0, 0, 0);
	object_put(o);
	assert_pool(3, 3, 0, 0);
}

static void test_private(void **state)
{
	struct object *o = huge_object_create(2 * UNIT);
	struct aspace *as = space(), *child;

	(void)state;
	huge_pool_resize(4);
	run(as);
	assert_int_equal(map_units(as, BASE, 2, SHARED, o, 0), BASE);
	assert_int_equal(map_units(as, BASE + 8 * UNIT, 2, PRIVATE, o, 0), BASE + 8 * UNIT);
	assert_pool(4, 4, 4, 0);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(peek(BASE + 8 * UNIT), 1);
	assert_pool(4, 3, 3, 0);
	/* A store copies; a hole of the file is the area's own at once. */
	assert_int_equal(poke(BASE + 8 * UNIT + 1, 2), 0);
	assert_int_equal(peek(BASE + 1), 0);
	assert_pool(4, 2, 2, 0);
	assert_int_equal(peek(BASE + 9 * UNIT), 0);
	assert_pool(4, 1, 1, 0);
	assert_int_equal(poke(BASE + UNIT, 3), 0);
	assert_int_equal(peek(BASE + 9 * UNIT), 0);
	assert_pool(4, 0, 0, 0);
	check(as);
	/* A child has none for a copy of its own. */
	child = aspace_fork(as);
	run(child);
	assert_int_equal(peek(BASE + 8 * UNIT + 1), 2);
	assert_int_not_equal(poke(BASE + 8 * UNIT, 9), 0);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(poke(BASE + 1, 7), 0);
	check(child);
	end(child);
	run(as);
	assert_int_equal(peek(BASE + 1), 7);
	assert_int_equal(peek(BASE + 8 * UNIT + 1), 2);
	end(as);
	assert_pool(4, 2, 0, 0);
	object_put(o);
}

/* A table that maps the object's pages is shared by a fork: who writes has a copy made all the
 * same, of its promise if it has one. */
static void test_private_forked(void **state)
{
	struct object *o = huge_object_create(2 * UNIT);
	struct aspace *as = space(), *child;

	(void)state;
	huge_pool_resize(5);
	assert_int_equal(huge_object_fill(o, 0, 2 * HUGE_PAGES - 1), 0);
	run(as);
	assert_int_equal(map_units(as, BASE, 2, PRIVATE, o, 0), BASE);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(peek(BASE + UNIT), 0);
	assert_pool(5, 2, 1, 0);
	child = aspace_fork(as);
	assert_int_equal(poke(BASE + UNIT, 2), 0);
	assert_pool(5, 1, 0, 0);
	run(child);
	assert_int_equal(poke(BASE + UNIT, 3), 0);
	assert_pool(5, 0, 0, 0);
	check(as);
	check(child);
	end(child);
	end(as);
	object_put(o);
}

/* Pages leave from under mappings: SIGBUS behind the end, zeroes in a hole, and what is mapped then
 * is whole again. */
static void test_truncation(void **state)
{
	struct object *o = huge_object_create(2 * UNIT);
	struct aspace *as = space(), *copier = space();

	(void)state;
	huge_pool_resize(4);
	assert_int_equal(map_units(copier, BASE, 2, PRIVATE, o, 0), BASE);
	run(copier);
	assert_int_equal(poke(BASE + UNIT, 5), 0);
	assert_int_equal(map_units(as, BASE, 2, SHARED, o, 0), BASE);
	assert_int_equal(map_units(as, BASE + 4 * UNIT, 1, SHARED, o, 1), BASE + 4 * UNIT);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(poke(BASE + UNIT, 2), 0);
	assert_int_equal(peek(BASE + 4 * UNIT), 2);
	assert_pool(4, 1, 1, 0);
	assert_int_equal(object_truncate(o, UNIT), 0);
	assert_pool(4, 3, 0, 0); /* the copier has lost what it was promised too */
	assert_int_equal(peek(BASE), 1);
	assert_int_equal(peek(BASE + UNIT), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(peek(BASE + 4 * UNIT), -1);
	run(copier);
	assert_int_equal(peek(BASE + UNIT), -1);
	assert_int_equal(peek(BASE), 1);
	run(as);
	huge_object_grow(o, 2 * UNIT);
	assert_int_equal(peek(BASE + 4 * UNIT), 0);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE + 4 * UNIT)));
	huge_object_punch(o, 0, HUGE_PAGES - 1);
	assert_int_equal(peek(BASE), 0);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE)));
	assert_pool(4, 2, 0, 0);
	check(as);
	check(copier);
	end(copier);
	end(as);
	object_put(o);
}

static void allocations(void)
{
	struct object *o = huge_object_create(2 * UNIT);
	struct aspace *as = aspace_create();

	if (o != NULL && as != NULL) {
		run(as);
		if (map_units(as, BASE, 2, SHARED, o, 0) > 0 &&
		    map_units(as, BASE + 4 * UNIT, 2, PRIVATE, o, 0) > 0) {
			(void)poke(BASE, 1);
			(void)peek(BASE + 4 * UNIT);
			(void)poke(BASE + 4 * UNIT, 1);
			(void)poke(BASE + 5 * UNIT, 1);
		}
	}
	run(NULL);
	mock_fail_allocation(0);
	if (as != NULL)
		aspace_unuse(as);
	if (o != NULL)
		object_put(o);
	assert_pool(4, 4, 0, 0);
}

static void test_allocation_failures(void **state)
{
	(void)state;
	huge_pool_resize(4);
	allocations();
	for (unsigned n = 1; n <= 60; n++) {
		mock_fail_allocation(n);
		allocations();
		assert_int_equal(rmap_reserve(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_shared_anonymous), TEST(test_promises),   TEST(test_private),
		TEST(test_private_forked),   TEST(test_truncation), TEST(test_allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
