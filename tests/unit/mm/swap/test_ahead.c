// SPDX-License-Identifier: MIT
// Reading swap ahead: rows that grow with hits and end without, what is left alone, errors, no
// memory. The thread's turns are taken by the tests.
// SOURCES: mm/reading.c mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/reclaim_test.h"

#include <linux/mman.h>

#include "mm/swap/ahead.h"

#define PAGES 48u

void sched_wait_page(const struct page *p, const void *of)
{
	struct task *lent = p ? reading_lend(p, of, current()->sched.prio) : NULL;

	if (lent)
		task_put(lent);
}

static struct aspace *as;
static unsigned stalls; /* that were counted */

bool psi_memory_begin(void)
{
	stalls++;
	return false;
}

/* All pages on the medium, in the order of their addresses. */
static int ahead_setup(void **state)
{
	int err = swap_setup(state);

	mock_medium.distant = true;
	swap_page_cluster = 3;
	as = space();
	map_at(as, BASE, PAGES * PAGE_SIZE, RW);
	run(as);
	fill(BASE, PAGES, 1);
	assert_int_equal(evict_all(), PAGES);
	mock_store.rows = 0;
	while (swap_ahead_turn())
		;
	return err;
}

static int ahead_teardown(void **state)
{
	int err;

	end(as);
	while (swap_ahead_turn())
		;
	err = swap_teardown(state);
	mock_medium.distant = false;
	return err;
}

static uint64_t read_ahead, hits;

static void figures(void)
{
	read_ahead = vm_events(VM_SWAP_RA) - read_ahead;
	hits = vm_events(VM_SWAP_RA_HIT) - hits;
}

/* Touches page i, then the thread has time. True: it was read for this. */
static bool touch(unsigned i)
{
	unsigned majors = as->majflt;

	assert_int_equal(peek(BASE + i * PAGE_SIZE), (uint8_t)(1 + i));
	while (swap_ahead_turn())
		;
	check_slots();
	return as->majflt != majors;
}

/* One after the other: two are waited for, then rows of 2, 4, 8 and 8 come before they are
 * wanted. */
static void test_in_order(void **state)
{
	unsigned waited = 0;

	(void)state;
	read_ahead = hits = 0;
	figures();
	for (unsigned i = 0; i < PAGES; i++)
		waited += touch(i);
	figures();
	assert_int_equal(waited, 2);
	assert_int_equal(hits, PAGES - 2);
	assert_int_equal(read_ahead, PAGES - 2);
	assert_true(mock_store.rows <= 2 + (PAGES - 8) / 8 + 2);
	assert_int_equal(mock_store.row_n, 8);
	assert_int_equal(mock_store.reads, PAGES);
}

static void test_limit(void **state)
{
	(void)state;
	swap_page_cluster = 0;
	for (unsigned i = 0; i < PAGES / 2; i++)
		assert_true(touch(i));
	assert_int_equal(mock_store.rows, 0);
	swap_page_cluster = 1;
	for (unsigned i = PAGES / 2; i < PAGES; i++)
		(void)touch(i);
	assert_int_equal(mock_store.row_n, 2);
}

/* In no order: nothing is read that nobody wants. */
static void test_at_random(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PAGES; i++)
		(void)touch((i * 29 + 7) % PAGES);
	assert_true(mock_store.rows <= 2);
}

static struct task *reader, *urgent;
static int lent;

static void give_up(void)
{
	urgent->hot.pending |= TASK_KILLED;
}

/* A more urgent task comes for the page that is being read; it is killed, as it cannot wait in
 * here. */
static void somebody_urgent(uint32_t slot)
{
	bool major = false;
	int err = 0;

	mock_store.on_read = NULL;
	urgent = mock_task("urgent");
	reader = hw_current();
	urgent->sched.prio = 50;
	mock_set_current(urgent);
	mock_on_block = give_up;
	assert_null(swap_in(slot, &err, &major));
	assert_int_equal(err, -EINTR);
	mock_on_block = NULL;
	mock_set_current(reader);
	lent = reader->sched.boost;
}

/* Who reads has the priority of who waits, as long as that lasts. */
static void test_priority_is_lent(void **state)
{
	(void)state;
	mock_store.on_read = somebody_urgent;
	assert_true(touch(5));
	assert_int_equal(lent, 50);
	assert_int_equal(reader->sched.boost, PRIO_FAIR);
}

/* What follows is not used: the rows end, and begin again with the next two that follow each
 * other. */
static void test_collapse(void **state)
{
	(void)state;
	read_ahead = hits = 0;
	assert_true(touch(0) && touch(1));
	assert_int_equal(mock_store.rows, 1); /* 2 and 3 */
	assert_true(touch(4));
	assert_int_equal(mock_store.rows, 1);
	assert_true(touch(5));
	assert_int_equal(mock_store.rows, 2); /* 6 and 7 */
	assert_false(touch(6));
	assert_false(touch(7));
	assert_int_equal(mock_store.rows, 3);
	assert_int_equal(mock_store.row_n, 4);
}

/* Two programs at a time do not disturb each other. */
static void test_two_streams(void **state)
{
	unsigned waited = 0;

	(void)state;
	for (unsigned i = 0; i < PAGES / 2; i++)
		waited += touch(i) + touch(PAGES / 2 + i);
	assert_in_range(waited, 3, 4); /* the first leads into the second */
}

/* What was read ahead and not used is clean and goes without being written. */
static void test_unused_goes_first(void **state)
{
	unsigned appends;

	(void)state;
	assert_true(touch(0) && touch(1));
	assert_int_equal(swap.cached, 4);
	appends = mock_store.appends;
	assert_true(evict_all() >= 2);
	assert_int_equal(mock_store.appends, appends);
	assert_filled(BASE, PAGES, 1);
}

/* A slot that cannot be read: its owner is told when it comes, nobody else is. */
static void test_bad_slot(void **state)
{
	uint8_t byte;

	(void)state;
	mock_store.bad_slot = 3;
	mock_store.read_error = -EIO;
	assert_true(touch(0) && touch(1));
	assert_int_equal(mock_user_read(BASE + 2 * PAGE_SIZE, &byte, 1), -EFAULT);
	assert_false(touch(3));
	mock_store.bad_slot = 0;
}

/* Without a frame nothing is read ahead, and that is no error. */
static void test_no_frame(void **state)
{
	(void)state;
	assert_true(touch(10) && peek(BASE + 11 * PAGE_SIZE));
	mock_fail_allocation(1);
	while (swap_ahead_turn())
		;
	mock_fail_allocation(0);
	assert_int_equal(mock_store.rows, 1);
	assert_int_equal(swap.cached, 3);
	assert_filled(BASE, PAGES, 1);
}

/* Slots that are free, or in a frame already, are passed over. */
static void test_holes(void **state)
{
	(void)state;
	assert_true(touch(3));
	assert_int_equal(aspace_unmap(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	assert_true(touch(0) && touch(1));
	assert_false(touch(3));
	(void)touch(4);
	check_slots();
}

static void advise(unsigned first, unsigned n)
{
	assert_int_equal(aspace_advise(as, BASE + first * PAGE_SIZE, n * PAGE_SIZE, MADV_WILLNEED),
			 0);
}

/* Advice: all that was named comes in rows, wherever it is kept, and nobody waits; later nobody has
 * to. */
static void test_wanted(void **state)
{
	unsigned rows = 0;

	(void)state;
	swap_page_cluster = 0; /* this is about guesses */
	mock_medium.distant = false;
	assert_int_equal(aspace_unmap(as, BASE + 17 * PAGE_SIZE, PAGE_SIZE), 0);
	mock_store.reads = 0;
	advise(0, 10);
	advise(10, 7);
	advise(18, PAGES - 18);
	assert_int_equal(mock_store.reads, 0);
	stalls = 0;
	while (swap_ahead_turn())
		rows++;
	assert_int_equal(rows, 3 + 4);
	assert_int_equal(stalls, 0);
	assert_int_equal(mock_store.reads, PAGES - 1);
	for (unsigned i = 0; i < PAGES; i++)
		if (i * 31 % PAGES != 17)
			assert_false(touch(i * 31 % PAGES));
	advise(0, 17); /* they are there */
	assert_false(swap_ahead_turn());
}

/* Downwards it is rows as well, of what follows each other. */
static void test_wanted_downwards(void **state)
{
	unsigned rows = 0;

	(void)state;
	swap_page_cluster = 0;
	mock_store.reads = 0;
	for (unsigned i = 20; i-- > 0;)
		advise(i, 1);
	while (swap_ahead_turn())
		rows++;
	assert_int_equal(rows, 3);
	assert_int_equal(mock_store.reads, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_false(touch(i));
}

/* However often and in whatever order: what was named last still comes. */
static void test_wanted_in_no_order(void **state)
{
	uint32_t free = frames_free();

	(void)state;
	swap_page_cluster = 0;
	for (unsigned i = 0; i < 100 * PAGES; i++)
		advise(i * 7 % (PAGES - 1), 1);
	advise(PAGES - 1, 1);
	assert_in_range(free - frames_free(), 2, 100 * PAGES / 500 + 1);
	while (swap_ahead_turn())
		;
	assert_int_equal(free - frames_free(), PAGES);
	for (unsigned i = 0; i < PAGES; i++)
		assert_false(touch(i));
}

/* What is noted has an end, and needs frames. */
static void test_wanted_bounded(void **state)
{
	uint32_t free = frames_free(), noted = 0;

	(void)state;
	mock_fail_allocation(1);
	assert_false(swap_want(1));
	mock_fail_allocation(0);
	assert_false(swap_ahead_turn());
	while (swap_want(1 + 2 * (noted & 1)))
		noted++;
	assert_in_range(noted, 500, 256 * 512);
	assert_true(free - frames_free() <= 256);
	while (swap_ahead_turn())
		;
	assert_int_equal(free - frames_free(), 2);
}

int main(void)
{
#define AHEAD(f) cmocka_unit_test_setup_teardown(f, ahead_setup, ahead_teardown)
	const struct CMUnitTest tests[] = {
		AHEAD(test_in_order),
		AHEAD(test_limit),
		AHEAD(test_at_random),
		AHEAD(test_priority_is_lent),
		AHEAD(test_collapse),
		AHEAD(test_two_streams),
		AHEAD(test_unused_goes_first),
		AHEAD(test_bad_slot),
		AHEAD(test_no_frame),
		AHEAD(test_holes),
		AHEAD(test_wanted),
		AHEAD(test_wanted_downwards),
		AHEAD(test_wanted_in_no_order),
		AHEAD(test_wanted_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
