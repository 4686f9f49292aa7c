// SPDX-License-Identifier: MIT
// Faults without the mutex: which, what they leave to the way with it, and who waits for whom.
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

#include <setjmp.h>

#define OTHER (BASE + LEAF_SPAN_BYTES)

static struct aspace *space_of_threads(void)
{
	struct aspace *as = space();

	map_at(as, BASE, 2 * LEAF_SPAN_BYTES, RW);
	aspace_make_parallel(as);
	run(as);
	return as;
}

/* Faults that took the mutex since last asked. */
static uint64_t with_mutex(struct aspace *as)
{
	static uint64_t last;
	uint64_t n = as->minflt + as->majflt - last;

	last += n;
	return n;
}

static void test_anonymous(void **state)
{
	struct aspace *as = space_of_threads();
	uint64_t before = current()->minflt;

	(void)state;
	(void)with_mutex(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(with_mutex(as), 1); /* a table is linked */
	assert_int_equal(poke(BASE + PAGE_SIZE, 2), 0);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 0);
	assert_ptr_equal(look(as, BASE + 2 * PAGE_SIZE).page, zero_page);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 3), 0);
	assert_int_equal(with_mutex(as), 0);
	assert_int_equal(current()->minflt - before, 4);
	assert_int_equal(peek(BASE), 1);
	assert_int_equal(peek(BASE + PAGE_SIZE), 2);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 3);
	assert_false(aspace_faults_on(as, hw_cpu()));
	check(as);
	end(as);
}

/* After a fork the table is shared, then there are copies. */
static void test_copies(void **state)
{
	struct aspace *as = space_of_threads(), *child;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 4), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	(void)with_mutex(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_int_equal(with_mutex(as), 1);
	assert_int_equal(poke(BASE + PAGE_SIZE, 6), 0);
	assert_int_equal(with_mutex(as), 0);
	assert_int_equal(vm_events(VM_COW), 2);
	run(child);
	assert_int_equal(peek(BASE), 4);
	assert_int_equal(peek(BASE + PAGE_SIZE), 4);
	end(child);
	run(as);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 7), 0); /* the only user is left */
	assert_int_equal(with_mutex(as), 0);
	assert_int_equal(vm_events(VM_COW), 2);
	check(as);
	end(as);
}

static void test_left_to_the_other_way(void **state)
{
	struct aspace *as = space_of_threads();

	(void)state;
	assert_int_equal(poke(BASE, 1), 0);
	assert_true(evict(as, BASE));
	(void)with_mutex(as);
	assert_int_equal(peek(BASE), 1);
	assert_int_equal(with_mutex(as), 1);
	mock_fail_allocation(1);
	assert_int_equal(poke(BASE + PAGE_SIZE, 1), 0);
	assert_int_equal(with_mutex(as), 1);
	assert_false(fault_parallel(as, BASE - PAGE_SIZE, FAULT_READ));
	assert_false(fault_parallel(as, BASE, FAULT_EXEC));
	assert_int_equal(peek(BASE - PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_NOT_MAPPED);
	check(as);
	end(as);
}

static void test_mutex_taken(void **state)
{
	struct aspace *as = space_of_threads();

	(void)state;
	assert_int_equal(poke(BASE, 1), 0);
	mock_on_cpu(1);
	aspace_mutex_lock(as);
	mock_on_cpu(0);
	assert_false(fault_parallel(as, BASE + PAGE_SIZE, FAULT_WRITE));
	mock_on_cpu(1);
	mutex_unlock(&as->mutex);
	mock_on_cpu(0);
	assert_true(fault_parallel(as, BASE + PAGE_SIZE, FAULT_WRITE));
	end(as);
}

/* ---- CPU 0 is in the middle of a fault, and waits for its table, which CPU 1 has ---- */

static struct aspace *shared;
static struct pte *held;
static jmp_buf waits;
static unsigned taker_waited;

static void still_waits(void)
{
	mock_on_relax = NULL;
	longjmp(waits, 1);
}

static void meanwhile(void)
{
	mock_on_relax = NULL;
	mock_on_cpu(1);
	assert_true(aspace_faults_on(shared, 0));
	/* Another thread's fault in another table goes on. */
	assert_true(fault_parallel(shared, OTHER + PAGE_SIZE, FAULT_WRITE));
	/* Who has the mutex waits. */
	mock_on_relax = still_waits;
	if (setjmp(waits) == 0)
		aspace_wait_faults(shared);
	else
		taker_waited++;
	pmap_entry_unlock(held);
	mock_on_cpu(0);
}

static void test_at_the_same_time(void **state)
{
	struct aspace *as = space_of_threads();

	(void)state;
	shared = as;
	taker_waited = 0;
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(poke(OTHER, 1), 0);
	mock_on_cpu(1);
	held = pmap_entry_lock(&as->pmap, BASE);
	mock_on_cpu(0);
	mock_on_relax = meanwhile;
	assert_true(fault_parallel(as, BASE + PAGE_SIZE, FAULT_WRITE));
	assert_int_equal(taker_waited, 1);
	aspace_wait_faults(as); /* nobody is at work any more */
	check(as);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_anonymous),
		TEST(test_copies),
		TEST(test_left_to_the_other_way),
		TEST(test_mutex_taken),
		TEST(test_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
