// SPDX-License-Identifier: MIT
// The slot table alone: numbers handed out, pins, bindings.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/reclaim_test.h"

/* Every number once, neighbours in a row, never 0; none left; freed ones come again, after those
 * not used for longer. */
static void test_numbers(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= SLOTS; i++)
		assert_int_equal(slot_alloc(0), i);
	assert_int_equal(slot_alloc(0), 0);
	assert_false(swap_writable());
	slot_put(60);
	slot_put(7);
	slot_put(3);
	assert_int_equal(slot_alloc(0), 3);
	assert_int_equal(slot_alloc(0), 7);
	slot_put(5);
	assert_int_equal(slot_alloc(0), 60);
	assert_int_equal(slot_alloc(0), 5);
	check_slots();
	for (uint32_t i = 1; i <= SLOTS; i++)
		slot_put(i);
}

/* Swap that nobody uses takes no frames, and where none is left there is no slot for now. */
static void test_frames_on_demand(void **state)
{
	(void)state;
	assert_int_equal(slot_frames(), 0);
	mock_fail_allocation(1);
	assert_int_equal(slot_alloc(0), 0);
	assert_true(mock_failed_allocation());
	mock_fail_allocation(0);
	check_slots();
	assert_int_equal(slot_alloc(0), 1);
	assert_int_equal(slot_alloc(0), 2);
	assert_int_equal(slot_frames(), 1);
	slot_put(1);
	slot_put(2);
}

/* More slots than a chunk and a word of the map hold. */
static void test_many(void **state)
{
	(void)state;
	swap_off();
	swap_on(1000);
	for (uint32_t i = 1; i <= 1000; i++) {
		assert_int_equal(slot_alloc(0), i);
		assert_int_equal(slot_entries(i), 1);
	}
	slot_get(1000);
	assert_int_equal(slot_entries(1000), 2);
	slot_put(1000);
	assert_int_equal(swap.used, 1000);
	for (uint32_t i = 1; i <= 1000; i++)
		slot_put(i);
}

/* Much swap of which little is in use: its numbers begin again, and it costs what is in use, not
 * what ever was. */
static void test_numbers_begin_again(void **state)
{
	uint32_t most = 0, first, frames;

	(void)state;
	swap_off();
	swap_on(200000);
	first = slot_alloc(0);
	for (uint32_t i = 0; i < 150000; i++) {
		uint32_t slot = slot_alloc(0);

		assert_int_not_equal(slot, 0);
		most = MAX(most, slot);
		slot_put(slot);
	}
	assert_true(most > 30000 && most < 33000);
	frames = slot_frames();
	for (uint32_t i = 0; i < 40000; i++)
		slot_put(slot_alloc(0));
	assert_int_equal(slot_frames(), frames);
	slot_put(first);
}

static void test_discard_with_the_last_reference(void **state)
{
	static uint8_t page[PAGE_SIZE] = { 1 };
	uint32_t slot = slot_alloc(0), other = slot_alloc(0);

	(void)state;
	assert_int_equal(swap_write(slot, page), 0);
	slot_get(slot);
	slot_put(slot);
	assert_int_equal(mock_store.discards, 0);
	slot_put(slot);
	assert_int_equal(mock_store.discards, 1);
	slot_put(other); /* never written: nothing to discard */
	assert_int_equal(mock_store.discards, 1);
}

/* A page bound to a slot: pinned by the daemon nobody may write it; unpinned its only user takes
 * it out. */
static void test_binding(void **state)
{
	struct aspace *as = space();
	struct page *p;
	uint32_t slot;
	bool fresh;

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	fill(BASE, 1, 5);
	assert_int_equal(lru_isolate(LRU_INACTIVE_ANON, &p, 1), 1);
	slot = slot_pin_page(p, &fresh);
	assert_true(slot != 0 && fresh);
	assert_int_equal(p->refs, 3); /* entry, daemon, binding */
	assert_ptr_equal(swap_cache_lookup(slot), p);
	page_put(p);
	assert_false(swap_cache_detach(p));
	assert_int_equal(slot_pin_page(p, &fresh), slot);
	assert_false(fresh);
	assert_false(slot_unbind(p, slot)); /* two name it */
	slot_put(slot);
	assert_true(slot_unbind(p, slot));
	slot_put(slot);
	assert_int_equal(p->refs, 2);
	assert_false(page_flag(p, PAGE_SWAPCACHE));
	slot = slot_pin_page(p, &fresh);
	slot_put(slot);
	assert_true(page_flag(p, PAGE_SWAPCACHE));
	/* Somebody else has it, who may be about to enter it: found in the cache while a swapped
	 * entry still named the slot. */
	assert_false(swap_cache_detach(p));
	lru_put_back(&p, 1);
	assert_true(swap_cache_detach(p));
	assert_true(page_flag(p, PAGE_DIRTY));
	assert_int_equal(swap.used, 0);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_numbers),
		TEST(test_frames_on_demand),
		TEST(test_many),
		TEST(test_numbers_begin_again),
		TEST(test_discard_with_the_last_reference),
		TEST(test_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
