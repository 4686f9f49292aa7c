// SPDX-License-Identifier: MIT
// Which kind of pages goes: by what there is, swappiness and what comes back; what is never looked
// at.
// SOURCES: mm/lru.c mm/scan.c mm/workingset.c mm/vmevent.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/replace/replace_test.h"

/* n file pages that went come back. */
static void files_come_back(unsigned n)
{
	struct page *p = page_on_list(PAGE_DISK);

	lru_remove(p);
	while (n-- > 0)
		(void)workingset_refault(p, workingset_evict(p));
	lru_add(p);
}

static void rounds(unsigned n)
{
	while (n-- > 0)
		(void)reclaim_round(false);
}

/* A file read once from end to end takes nothing from programs. */
static void test_files_alone(void **state)
{
	(void)state;
	assert_int_equal(replacement_choose("fifo"), 0);
	pages_on_list(3000, 0);
	pages_on_list(600, PAGE_DISK);
	rounds(10);
	assert_true(evicted_pages[LRU_FILE] >= 320);
	assert_int_equal(evicted_pages[LRU_ANON], 0);
}

/* Few pages of files are not squeezed out for many others. */
static void test_few_files(void **state)
{
	(void)state;
	assert_int_equal(replacement_choose("fifo"), 0);
	pages_on_list(3000, 0);
	pages_on_list(30, PAGE_DISK);
	rounds(10);
	assert_true(evicted_pages[LRU_ANON] >= 288);
}

static void test_files_that_come_back(void **state)
{
	(void)state;
	assert_int_equal(replacement_choose("fifo"), 0);
	pages_on_list(1000, 0);
	pages_on_list(1000, PAGE_DISK);
	files_come_back(500);
	rounds(6);
	assert_true(evicted_pages[LRU_ANON] > 4 * evicted_pages[LRU_FILE]);
}

/* What comes back costs its kind, whichever it is. */
static void test_anonymous_pages_that_come_back(void **state)
{
	struct page *p = page_on_list(0);

	(void)state;
	assert_int_equal(replacement_choose("fifo"), 0);
	pages_on_list(1000, 0);
	pages_on_list(1000, PAGE_DISK);
	for (unsigned i = 0; i < 500; i++)
		(void)workingset_refault(p, workingset_evict(p));
	files_come_back(100);
	reclaim_swappiness = SWAPPINESS_MOST / 2;
	rounds(8);
	assert_true(evicted_pages[LRU_FILE] > evicted_pages[LRU_ANON]);
}

/* Pages of files suffice in number, and none of them can go. */
static void test_files_that_cannot_go(void **state)
{
	(void)state;
	assert_int_equal(replacement_choose("fifo"), 0);
	pages_on_list(100, 0);
	for (unsigned i = 0; i < 600; i++)
		page_on_list(PAGE_DISK)->rmap = LOCKED;
	assert_true(reclaim_round(false) > 0);
}

static void test_swappiness(void **state)
{
	(void)state;
	assert_int_equal(replacement_choose("fifo"), 0);
	pages_on_list(1000, 0);
	pages_on_list(1000, PAGE_DISK);
	files_come_back(100);
	reclaim_swappiness = 0;
	rounds(6);
	assert_int_equal(evicted_pages[LRU_ANON], 0);
	reclaim_swappiness = SWAPPINESS_MOST;
	files_come_back(100);
	evicted_pages[LRU_FILE] = 0;
	rounds(6);
	assert_int_equal(evicted_pages[LRU_FILE], 0);
	assert_true(evicted_pages[LRU_ANON] >= 6 * EVICT_BATCH);
}

/* Swappiness 0, and no page of a file can go: the others do. */
static void test_no_way_but_swap(void **state)
{
	(void)state;
	assert_int_equal(replacement_choose("fifo"), 0);
	pages_on_list(100, 0);
	for (unsigned i = 0; i < 200; i++)
		page_on_list(PAGE_DISK)->rmap = LOCKED;
	reclaim_swappiness = 0;
	assert_true(reclaim_round(false) > 0);
	assert_true(evicted_pages[LRU_ANON] > 0);
}

static void test_without_swap(void **state)
{
	(void)state;
	swap_has_room = false;
	pages_on_list(100, 0);
	pages_on_list(10, PAGE_DISK);
	while (reclaim_round(true) > 0)
		;
	assert_int_equal(evicted_pages[LRU_ANON], 0);
	assert_int_equal(evicted_pages[LRU_FILE], 10);
}

static void test_spared(void **state)
{
	struct page *p[3] = { page_on_list(PAGE_READING), page_on_list(PAGE_WRITEBACK),
			      page_on_list(0) };

	(void)state;
	p[2]->rmap = LOCKED;
	while (reclaim_round(true) > 0)
		;
	assert_int_equal(evicted_pages[LRU_ANON], 0);
}

/* Use does not help when a task would have to be ended. */
static void test_force(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++)
		page_on_list(PAGE_REFERENCED)->rmap = USED;
	assert_int_equal(reclaim_round(true), 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files_alone),
		TEST(test_few_files),
		TEST(test_files_that_come_back),
		TEST(test_anonymous_pages_that_come_back),
		TEST(test_files_that_cannot_go),
		TEST(test_swappiness),
		TEST(test_no_way_but_swap),
		TEST(test_without_swap),
		TEST(test_spared),
		TEST(test_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
