// SPDX-License-Identifier: MIT
// Leaf tables shared by a fork: what they cost, how they part, what may happen in place.
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

/* Counting VM_UNSHARE is the moment when the copy's frame is there, nothing is copied, and no spin
 * lock is held: what others may do then. */
static void (*on_unshare)(void);
static unsigned counts[VM_EVENTS];

void vm_count(enum vm_event e, unsigned n)
{
	void (*callback)(void) = on_unshare;

	counts[e] += n;
	if (e != VM_UNSHARE || callback == NULL)
		return;
	on_unshare = NULL;
	callback();
}

uint64_t vm_events(enum vm_event e)
{
	return counts[e];
}

static int share_setup(void **state)
{
	memset(counts, 0, sizeof(counts));
	on_unshare = NULL;
	return space_setup(state);
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, share_setup, space_teardown)

static void test_tables_are_shared_and_claimed(void **state)
{
	struct aspace *as = space(), *child;
	uint32_t frames;

	(void)state;
	map_at(as, BASE, 512 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)i), 0);
	frames = frames_free();
	child = aspace_fork(as);
	assert_non_null(child);
	/* The child costs its root, upper tables and nothing per page. */
	assert_int_equal(frames - frames_free(), 3);
	assert_ptr_equal(pmap_leaf(&as->pmap, BASE), pmap_leaf(&child->pmap, BASE));
	run(child);
	assert_int_equal(peek(BASE + 5 * PAGE_SIZE), 5);
	assert_int_equal(frames - frames_free(), 3);
	/* One write: one table, one page. */
	assert_int_equal(poke(BASE + 5 * PAGE_SIZE, 77), 0);
	assert_int_equal(frames - frames_free(), 5);
	run(as);
	assert_int_equal(peek(BASE + 5 * PAGE_SIZE), 5);
	assert_int_equal(poke(BASE + 6 * PAGE_SIZE, 66), 0);
	run(child);
	assert_int_equal(peek(BASE + 6 * PAGE_SIZE), 6);
	end(child);
	run(as);
	assert_int_equal(vm_events(VM_UNSHARE), 1);
	/* Alone again: written in place. */
	assert_int_equal(poke(BASE + 7 * PAGE_SIZE, 1), 0);
	assert_int_equal(vm_events(VM_COW), 2);
	end(as);
}

/* What one sharer maps into a hole of the shared 2 MB is nobody else's. */
static void test_new_mapping_under_a_shared_table(void **state)
{
	struct map_request r = { .addr = BASE + MB + PAGE_SIZE, .length = PAGE_SIZE, .flags = RW };
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, MB, RW);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	child = aspace_fork(as);
	assert_ptr_equal(pmap_leaf(&as->pmap, BASE), pmap_leaf(&child->pmap, BASE));
	/* Where the kernel chooses the place: a look, and both have a table of their own. */
	assert_int_equal(aspace_map(child, &r), BASE + MB + PAGE_SIZE);
	assert_ptr_not_equal(pmap_leaf(&as->pmap, BASE), pmap_leaf(&child->pmap, BASE));
	end(child);
	/* A heap. */
	child = aspace_fork(as);
	assert_ptr_equal(pmap_leaf(&as->pmap, BASE), pmap_leaf(&child->pmap, BASE));
	child->brk_start = child->brk = BASE + MB + 8 * PAGE_SIZE;
	assert_int_equal(aspace_brk(child, BASE + MB + 9 * PAGE_SIZE), BASE + MB + 9 * PAGE_SIZE);
	assert_ptr_not_equal(pmap_leaf(&as->pmap, BASE), pmap_leaf(&child->pmap, BASE));
	end(child);
	/* An address that is demanded. */
	child = aspace_fork(as);
	map_at(as, BASE + MB, PAGE_SIZE, RW);
	assert_int_equal(peek(BASE + MB), 0);
	run(child);
	assert_int_equal(peek(BASE + MB), -1);
	assert_int_equal(last_outcome, FAULT_NOT_MAPPED);
	check(child);
	end(child);
	end(as);
}

static void test_page_in_under_a_shared_table(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, MB, RW);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	child = aspace_fork(as);
	assert_true(evict(as, BASE));
	assert_int_equal(look(child, BASE).state, PTE_SWAPPED);
	run(child);
	assert_int_equal(peek(BASE), 1);
	assert_int_equal(look(as, BASE).state, PTE_PRESENT);
	assert_true(evict(child, BASE));
	/* A write parts: the parent still finds its byte on swap. */
	assert_int_equal(poke(BASE, 2), 0);
	run(as);
	assert_int_equal(peek(BASE), 1);
	run(child);
	assert_int_equal(peek(BASE), 2);
	check(as);
	check(child);
	end(as);
	end(child);
}

/* ---- Parting while the other does something too ---- */

static struct aspace *the_other;

/* Parent and child share 1 MB of pages with their number in them; one page is on swap. */
static struct aspace *family(void)
{
	struct aspace *as = space();

	map_at(as, BASE, MB, RW);
	run(as);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)i), 0);
	assert_true(evict(as, BASE + 9 * PAGE_SIZE));
	the_other = aspace_fork(as);
	assert_non_null(the_other);
	assert_ptr_equal(pmap_leaf(&as->pmap, BASE), pmap_leaf(&the_other->pmap, BASE));
	return as;
}

static void assert_pages(struct aspace *as, unsigned written, int byte)
{
	run(as);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(peek(BASE + i * PAGE_SIZE), i == written ? byte : (int)i);
	check(as);
}

static void other_exits(void)
{
	end(the_other);
	the_other = NULL;
}

static void test_other_exits_meanwhile(void **state)
{
	struct aspace *as = family();

	(void)state;
	on_unshare = other_exits;
	assert_int_equal(poke(BASE + 5 * PAGE_SIZE, 200), 0);
	assert_null(the_other);
	assert_pages(as, 5, 200);
	end(as);
}

static void other_writes(void)
{
	struct aspace *self = running;

	mock_on_cpu(1);
	run(the_other);
	assert_int_equal(poke(BASE + 6 * PAGE_SIZE, 100), 0);
	run(NULL);
	mock_on_cpu(0);
	running = self;
}

static void test_other_parts_meanwhile(void **state)
{
	struct aspace *as = family();

	(void)state;
	on_unshare = other_writes;
	assert_int_equal(poke(BASE + 5 * PAGE_SIZE, 200), 0);
	assert_int_equal(vm_events(VM_UNSHARE), 2);
	assert_pages(as, 5, 200);
	assert_pages(the_other, 6, 100);
	end(as);
	end(the_other);
}

static void daemon_works(void)
{
	for (unsigned i = 20; i < 60; i++)
		assert_true(evict(the_other, BASE + i * PAGE_SIZE));
	mock_on_cpu(1);
	assert_int_equal(aspace_fault(the_other, BASE + 9 * PAGE_SIZE, FAULT_READ), FAULT_RESOLVED);
	mock_on_cpu(0);
}

static void test_pages_move_meanwhile(void **state)
{
	struct aspace *as = family();

	(void)state;
	on_unshare = daemon_works;
	assert_int_equal(poke(BASE + 30 * PAGE_SIZE, 200), 0);
	assert_pages(as, 30, 200);
	assert_pages(the_other, 256, 0);
	end(the_other);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tables_are_shared_and_claimed),
		TEST(test_new_mapping_under_a_shared_table),
		TEST(test_page_in_under_a_shared_table),
		TEST(test_other_exits_meanwhile),
		TEST(test_other_parts_meanwhile),
		TEST(test_pages_move_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
