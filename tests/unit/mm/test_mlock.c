// SPDX-License-Identifier: MIT
// mlock and mlockall: what is locked is there, stays, and never faults.
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

static int64_t map_over(struct aspace *as, uint64_t pages, unsigned flags)
{
	struct map_request r = {
		.addr = BASE, .length = pages * PAGE_SIZE, .flags = flags, .fixed = true
	};

	return aspace_map(as, &r);
}

/* What is to be locked counts whole: nothing goes off it for what a mapping replaces, be that
 * locked or not, nor for holes. For the other limits, what is replaced goes. */
static void test_limit(void **state)
{
	struct aspace *as = space();

	(void)state;
	run(as);
	as->limit.memlock = 4 * PAGE_SIZE;
	as->limit.as = 10 * PAGE_SIZE;
	map_at(as, BASE, 8 * PAGE_SIZE, 0);
	assert_int_equal(map_over(as, 8, RW | AREA_LOCKED), -EAGAIN);
	assert_int_equal(as->locked_pages, 0);
	assert_int_equal(map_over(as, 8, RW), BASE);
	assert_int_equal(map_over(as, 3, RW | AREA_LOCKED), BASE);
	assert_int_equal(map_over(as, 3, RW | AREA_LOCKED), -EAGAIN);
	assert_int_equal(map_over(as, 1, RW | AREA_LOCKED), BASE);
	assert_int_equal(as->locked_pages, 3);
	as->limit.memlock = 7 * PAGE_SIZE;
	assert_int_equal(aspace_lock_all(as, AREA_LOCKED, 0), -ENOMEM);
	assert_int_equal(aspace_unmap(as, BASE + 4 * PAGE_SIZE, 2 * PAGE_SIZE), 0);
	assert_int_equal(aspace_lock(as, BASE, 8 * PAGE_SIZE, AREA_LOCKED), -ENOMEM);
	assert_int_equal(as->locked_pages, 3);
	assert_int_equal(aspace_lock_all(as, AREA_LOCKED, 0), 0);
	assert_int_equal(as->locked_pages, 6);
	/* A limit that was lowered holds for what is locked already, too. */
	as->limit.memlock = 2 * PAGE_SIZE;
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), -ENOMEM);
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

/* Shared memory too, however it gets there; of a file that grows, once it is locked again. */
static void test_lock_shared(void **state)
{
	struct object *o = object_create_anon(2 * PAGE_SIZE);
	const unsigned flags = RW | AREA_SHARED | AREA_MAY_WRITE;
	struct aspace *as = space();
	uint64_t faults;

	(void)state;
	run(as);
	as->cap_ipc_lock = true;
	assert_int_equal(aspace_lock_all(as, AREA_LOCKED, AREA_LOCKED), 0);
	map_at(as, BASE + 8 * MB, 4 * PAGE_SIZE, flags);
	map_object(as, BASE, 4 * PAGE_SIZE, flags, o);
	assert_int_equal(aspace_remap_file(as, BASE, PAGE_SIZE, 1, true), 0);
	faults = as->minflt;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(poke(BASE + 8 * MB + i * PAGE_SIZE, 1), 0);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(poke(BASE + PAGE_SIZE, 1), 0);
	assert_int_equal(as->minflt, faults);
	assert_int_equal(object_truncate(o, 4 * PAGE_SIZE), 0);
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, AREA_LOCKED), 0);
	faults = as->minflt;
	for (unsigned i = 2; i < 4; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
	assert_int_equal(as->minflt, faults);
	check(as);
	end(as);
	object_put(o);
}

/* A real-time task with everything locked: what it maps and what gets rights later is there, and a
 * fault that comes all the same is told. */
static void test_no_faults(void **state)
{
	extern unsigned mock_nofaults;
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	map_at(as, BASE + 64 * MB, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	run(as);
	current()->sched.prio = PRIO_RT_MIN;
	as->limit.stack = 8 * MB;
	mock_nofaults = 0;
	assert_int_equal(aspace_lock_all(as, AREA_LOCKED, 0), 0);
	assert_int_equal(poke(BASE + 64 * MB - 40 * PAGE_SIZE, 1), 0);
	assert_int_equal(mock_nofaults, 0); /* it has not asked for the future */
	assert_int_equal(aspace_lock_all(as, AREA_LOCKED, AREA_LOCKED), 0);
	map_at(as, BASE + 8 * MB, 4 * PAGE_SIZE, 0);
	assert_int_equal(aspace_protect(as, BASE + 8 * MB, 2 * PAGE_SIZE, RW), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(poke(BASE + 8 * MB + i * PAGE_SIZE, 1), 0);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(mock_nofaults, 0);
	assert_int_equal(poke(BASE + 64 * MB - 100 * PAGE_SIZE, 1),
			 0); /* deeper than was made ready */
	assert_int_equal(mock_nofaults, 1);
	current()->sched.prio = PRIO_FAIR;
	assert_int_equal(poke(BASE + 64 * MB - 200 * PAGE_SIZE, 1), 0);
	current()->sched.prio = PRIO_RT_MIN;
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, 0), 0);
	assert_int_equal(poke(BASE + 64 * MB - 300 * PAGE_SIZE, 1), 0);
	assert_int_equal(mock_nofaults, 1);
	current()->sched.prio = PRIO_FAIR;
	check(as);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lock),     TEST(test_limit),       TEST(test_unmapping_unlocks),
		TEST(test_lock_all), TEST(test_lock_shared), TEST(test_no_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
