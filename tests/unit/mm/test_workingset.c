// SPDX-License-Identifier: MIT
// Refault distance: who is counted, what is remembered of files' pages, and what it costs.
// SOURCES: mm/lru.c mm/scan.c mm/workingset.c mm/vmevent.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/replace/replace_test.h"

static struct page *page_off_list(unsigned flags)
{
	struct page *p = page_on_list(flags);

	lru_remove(p);
	page_clear_flag(p, PAGE_ACTIVE | PAGE_WORKINGSET);
	return p;
}

static void clock_runs(const struct page *p, unsigned n)
{
	while (n-- > 0)
		(void)workingset_evict(p);
}

static void test_distance(void **state)
{
	uint64_t refaults = vm_events(VM_REFAULT_ANON), active = vm_events(VM_ACTIVATE_ANON);
	struct page *p = page_off_list(0);
	uint32_t shadow;

	(void)state;
	pages_on_list(100, 0);
	shadow = workingset_evict(p);
	clock_runs(p, 99);
	(void)workingset_refault(p, shadow);
	assert_true(page_flag(p, PAGE_ACTIVE) && page_flag(p, PAGE_WORKINGSET));
	page_clear_flag(p, PAGE_ACTIVE | PAGE_WORKINGSET);
	shadow = workingset_evict(p);
	clock_runs(p, 100);
	(void)workingset_refault(p, shadow);
	assert_false(page_flag(p, PAGE_ACTIVE));
	assert_int_equal(vm_events(VM_REFAULT_ANON) - refaults, 2);
	assert_int_equal(vm_events(VM_ACTIVATE_ANON) - active, 1);
	page_gone(p);
}

static void test_restored(void **state)
{
	uint64_t restored = vm_events(VM_RESTORE_ANON);
	struct page *p = page_off_list(0);

	(void)state;
	pages_on_list(100, 0);
	(void)workingset_refault(p, workingset_evict(p));
	assert_int_equal(vm_events(VM_RESTORE_ANON), restored);
	page_set_flag(p, PAGE_WORKINGSET);
	(void)workingset_refault(p, workingset_evict(p));
	assert_int_equal(vm_events(VM_RESTORE_ANON), restored + 1);
	page_gone(p);
}

/* What came back long ago does not count any more. */
static void test_cost_fades(void **state)
{
	struct page *p = page_off_list(PAGE_DISK);

	(void)state;
	pages_on_list(100, 0);
	clock_runs(p, 100);
	for (unsigned i = 0; i < 64; i++)
		(void)workingset_refault(p, workingset_evict(p));
	assert_true(workingset_cost(LRU_FILE) > 10);
	assert_int_equal(workingset_cost(LRU_ANON), 0);
	clock_runs(p, 200);
	assert_int_equal(workingset_cost(LRU_FILE), 0);
	page_gone(p);
}

/* ---- Files ---- */

static struct object objects[2];

static bool comes_back(struct page *p, struct object *o, uint32_t index)
{
	uint64_t before = vm_events(VM_REFAULT_FILE);

	p->u.file.object = o;
	p->u.file.index = index;
	(void)workingset_refault_file(p);
	return vm_events(VM_REFAULT_FILE) > before;
}

static void test_files_are_remembered(void **state)
{
	struct page *p = page_off_list(PAGE_DISK);
	unsigned back = 0, wrong = 0;

	(void)state;
	pages_on_list(100, PAGE_DISK);
	assert_false(comes_back(p, &objects[0], 5)); /* nothing went yet */
	for (uint32_t i = 0; i < 1000; i++)
		workingset_evict_file(&objects[0], i, p);
	for (uint32_t i = 0; i < 1000; i++)
		wrong += comes_back(p, &objects[1], i) + comes_back(p, &objects[0], i + 1000);
	for (uint32_t i = 0; i < 1000; i++)
		back += comes_back(p, &objects[0], i);
	assert_true(back > 900);
	assert_true(wrong < 20);
	assert_false(comes_back(p, &objects[0], 999)); /* once */
	page_gone(p);
}

static void test_files_distance(void **state)
{
	struct page *p = page_off_list(PAGE_DISK);

	(void)state;
	pages_on_list(500, PAGE_DISK);
	for (unsigned turn = 0; turn < 300; turn++) { /* the kept part of the clock wraps */
		workingset_evict_file(&objects[0], 7, p);
		clock_runs(p, 450);
		page_clear_flag(p, PAGE_ACTIVE);
		assert_true(comes_back(p, &objects[0], 7));
		assert_true(page_flag(p, PAGE_ACTIVE));
		workingset_evict_file(&objects[0], 7, p);
		clock_runs(p, 520);
		page_clear_flag(p, PAGE_ACTIVE);
		assert_true(comes_back(p, &objects[0], 7));
		assert_false(page_flag(p, PAGE_ACTIVE));
	}
	page_gone(p);
}

/* Of more than there is room for, the latest are kept; the memory has an end. */
static void test_room(void **state)
{
	struct page *p = page_off_list(PAGE_DISK);
	uint32_t most = 4 * frames_total(), free, back = 0;

	(void)state;
	for (uint32_t i = 0; i < most; i++)
		workingset_evict_file(&objects[0], i, p);
	free = frames_free();
	for (uint32_t i = 0; i < most; i++)
		workingset_evict_file(&objects[0], i, p);
	assert_int_equal(frames_free(), free);
	for (uint32_t i = most - frames_total() / 4; i < most; i++)
		back += comes_back(p, &objects[0], i);
	assert_true(back > frames_total() / 4 / 10 * 9);
	page_gone(p);
}

/* Without memory nothing is remembered, and nothing else happens. */
static void test_no_memory(void **state)
{
	struct page *p = page_off_list(PAGE_DISK);

	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		mock_fail_allocation(n);
		workingset_evict_file(&objects[0], 1, p);
		assert_true(mock_failed_allocation());
		assert_false(comes_back(p, &objects[0], 1));
		mock_fail_allocation(0);
	}
	workingset_evict_file(&objects[0], 1, p);
	assert_true(comes_back(p, &objects[0], 1));
	page_gone(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_distance),       TEST(test_restored),
		TEST(test_cost_fades),     TEST(test_files_are_remembered),
		TEST(test_files_distance), TEST(test_room),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
