// SPDX-License-Identifier: MIT
// Areas of swap: what attaching may meet, priorities and turns, figures, switching off while pages
// are there, under way or unreadable.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/reclaim_test.h"

static void test_attaching(void **state)
{
	struct swap_area_stats st;

	(void)state;
	assert_true(swap_area_stats(0, &st));
	assert_string_equal(st.name, "mock");
	assert_int_equal(st.pages, SLOTS);
	assert_false(swap_area_stats(1, &st));
	assert_int_equal(swap_attach(&mock_medium, false, 0), -EBUSY);
	assert_int_equal(swap_detach(&mock_medium2), -EINVAL);
	swap_off();
	assert_false(swap_area_stats(0, &st));
	frames_at_start = frames_free();
	mock_store_reset(0);
	assert_int_equal(swap_attach(&mock_medium, false, 0), -ENOSPC);
	mock_store_reset(1000);
	assert_true(swap.limit < 1000);
	for (unsigned n = 1, limit = swap.limit;; n++) {
		mock_fail_allocation(n);
		if (swap_attach(&mock_medium, false, 0) == 0)
			break;
		assert_int_equal(frames_free(), frames_at_start);
		assert_int_equal(swap.limit, limit); /* other stores take no more */
		assert_int_equal(swap.total, 0);
		assert_false(swap_writable());
	}
	mock_fail_allocation(0);
	swap_off();
	swap_off();
	swap_on(SLOTS);
}

/* An area that promises more than there are slots leaves place for others all the same. */
static void test_more_than_slots(void **state)
{
	struct swap_area_stats st;

	(void)state;
	swap_off();
	mock_store_reset(UINT32_MAX);
	assert_int_equal(swap_attach(&mock_medium, false, 0), 0);
	assert_int_equal(swap.total, SLOTS_MOST);
	assert_non_null(strstr(mock_log(), "the most there can be"));
	mock_store.slots = 1000;
	assert_int_equal(swap_attach(&mock_medium2, false, 1), 0);
	assert_int_equal(swap.total, SLOTS_MOST);
	assert_true(swap_area_stats(0, &st));
	assert_int_equal(st.pages, SLOTS_MOST);
	assert_true(swap_area_stats(1, &st));
	assert_int_equal(st.pages, 1000);
	assert_int_equal(swap_detach(&mock_medium), 0);
	assert_int_equal(swap.total, 1000);
	mock_store.slots = UINT32_MAX;
	assert_int_equal(swap_attach(&mock_medium, false, 0), 0);
	assert_int_equal(swap_detach(&mock_medium2), 0);
	assert_int_equal(swap.total, SLOTS_MOST);
	swap_off();
	swap_on(SLOTS);
}

/* What the i-th area in use has. */
static uint64_t used_in(unsigned i)
{
	const struct swap_area *a = swap.areas;

	while (a->store == NULL || i-- > 0)
		a++;
	return a->used;
}

/* Priorities that nobody asked for: each below the one before, and those that are left close up. */
static void test_default_priorities(void **state)
{
	struct swap_area_stats st;
	int first;

	(void)state;
	assert_true(swap_area_stats(0, &st));
	first = st.prio;
	assert_true(first < 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(swap_attach(&mock_medium2, false, -1), 0);
		assert_true(swap_area_stats(1, &st));
		assert_int_equal(st.prio, first - 1);
		assert_int_equal(swap_detach(&mock_medium2), 0);
	}
	assert_int_equal(swap_attach(&mock_medium2, false, -1), 0);
	assert_int_equal(swap_detach(&mock_medium), 0);
	assert_true(swap_area_stats(0, &st));
	assert_int_equal(st.prio, first);
	assert_int_equal(swap_attach(&mock_medium, false, -1), 0);
	assert_int_equal(swap_detach(&mock_medium2), 0);
	assert_true(swap_area_stats(0, &st));
	assert_int_equal(st.prio, first);
}

/* The higher priority first, until it takes nothing more; equal ones by turns; what is written
 * again moves. */
static void test_priorities(void **state)
{
	static uint8_t page[PAGE_SIZE] = { 1 };
	uint32_t slot[6];

	(void)state;
	assert_int_equal(swap_attach(&mock_medium2, false, 5), 0);
	assert_int_equal(swap.total, 2 * SLOTS);
	for (unsigned i = 0; i < 6; i++)
		slot[i] = slot_alloc(0);
	assert_int_equal(swap_write(slot[0], page), 0);
	assert_int_equal(swap_write(slot[1], page), 0);
	assert_int_equal(swap_commit(NULL, NULL), 0);
	assert_int_equal(used_in(0), 0);
	assert_int_equal(used_in(1), 2);
	/* Both areas refuse: swap is full until a slot is freed. */
	mock_store.fail_append = 1;
	mock_store.append_error = -ENOSPC;
	assert_int_equal(swap_write(slot[1], page), -ENOSPC);
	assert_false(slot_written(slot[1]));
	assert_false(swap_writable());
	mock_store.fail_append = 0;
	slot_put(slot[5]);
	assert_true(swap_writable());
	/* One refuses: the other takes what comes, and what is written again leaves the first. */
	swap.refusing = 2;
	assert_int_equal(swap_write(slot[0], page), 0);
	assert_int_equal(swap_write(slot[2], page), 0);
	assert_int_equal(used_in(0), 2);
	assert_int_equal(used_in(1), 0);
	slot_put(slot[0]);
	assert_int_equal(swap_write(slot[3], page), 0);
	assert_int_equal(used_in(1), 1);
	/* Equals take turns, a batch each. */
	swap.areas[1].prio = swap.areas[0].prio;
	assert_int_equal(swap_commit(NULL, NULL), 0);
	assert_int_equal(swap_write(slot[1], page), 0);
	assert_int_equal(swap_commit(NULL, NULL), 0);
	assert_int_equal(swap_write(slot[4], page), 0);
	assert_int_equal(swap_commit(NULL, NULL), 0);
	assert_int_equal(used_in(0), 2);
	assert_int_equal(used_in(1), 2);
	for (unsigned i = 1; i < 5; i++)
		slot_put(slot[i]);
	/* All of a batch goes to one of them. */
	for (unsigned batch = 0; batch < 3; batch++) {
		for (unsigned i = 0; i < 4; i++) {
			slot[i] = slot_alloc(0);
			assert_int_equal(swap_write(slot[i], page), 0);
		}
		assert_int_equal(swap_commit(NULL, NULL), 0);
		assert_int_equal(used_in(0) + used_in(1), 4);
		assert_int_equal(used_in(batch % 2), 4);
		for (unsigned i = 0; i < 4; i++)
			slot_put(slot[i]);
	}
	assert_int_equal(swap_detach(&mock_medium2), 0);
}

/* What /proc/swaps says of the areas: all that are used, first of the highest priority, but what
 * another one has. */
static void assert_shown(uint64_t first, uint64_t second)
{
	struct swap_area_stats a, b;
	struct swap_stats all;

	assert_true(swap_area_stats(0, &a) && swap_area_stats(1, &b));
	assert_int_equal(a.used, first);
	assert_int_equal(b.used, second);
	swap_stats(&all);
	assert_int_equal(all.slots_used, first + second);
	assert_int_equal(all.slots_total, a.pages + b.pages);
}

static void test_counts(void **state)
{
	static uint8_t page[PAGE_SIZE] = { 1 };
	uint32_t slot[6];
	uint64_t day;
	int64_t left;

	(void)state;
	assert_int_equal(swap_attach(&mock_medium2, false, 5), 0);
	assert_shown(0, 0);
	for (unsigned i = 0; i < 6; i++)
		slot[i] = slot_alloc(0);
	assert_shown(0, 6);
	swap.refusing = 2;
	assert_int_equal(swap_write(slot[0], page), 0);
	assert_int_equal(swap_write(slot[1], page), 0);
	assert_shown(2, 4);
	/* What the stores cannot hold any more is not there any more. */
	mock_store.slots = 3;
	assert_int_equal(swap_commit(NULL, NULL), 0);
	assert_shown(3, 3);
	assert_false(swap_writable());
	mock_store.slots = 2;
	assert_int_equal(swap_commit(NULL, NULL), 0);
	assert_shown(2, 2);
	for (unsigned i = 0; i < 6; i++)
		slot_put(slot[i]);
	assert_shown(0, 0);
	assert_int_equal(swap_area_allow("mock2", (struct swap_allowance){ true, 7, 3 }), 0);
	assert_true(mock_medium2.budget.own && mock_medium2.budget.day == 7);
	assert_false(mock_medium.budget.own);
	/* As it was when it was written to last, of those that have one. */
	swap_budget_figures(&day, &left);
	assert_int_equal(day, 0);
	assert_int_equal(swap_commit(NULL, NULL), 0);
	swap_budget_figures(&day, &left);
	assert_int_equal(day, 7);
	assert_int_equal(left, 3);
	assert_int_equal(swap_area_allow("mock", (struct swap_allowance){ false, 0, 0 }), 0);
	assert_int_equal(swap_area_allow("mock3", (struct swap_allowance){ true, 7, 3 }), -ENODEV);
	assert_int_equal(swap_detach(&mock_medium2), 0);
	assert_int_equal(swap.total, 2);
	mock_store.slots = SLOTS;
	assert_int_equal(swap_detach(&mock_medium), 0);
	assert_int_equal(swap_attach(&mock_medium, false, -1), 0);
}

/* The segments of all areas in a row: any part of it, also across areas. */
static void test_segments(void **state)
{
	struct store_segment map[8];

	(void)state;
	assert_int_equal(swap_segments(0, map, 8), 3);
	assert_int_equal(swap_attach(&mock_medium2, false, 5), 0);
	for (uint32_t first = 0; first < 8; first++)
		for (uint32_t n = 0; n < 8; n++) {
			uint32_t got = swap_segments(first, map, n);

			assert_int_equal(got, MIN(n, first < 6 ? 6 - first : 0));
			for (uint32_t i = 0; i < got; i++) {
				assert_int_equal(map[i].area, (first + i) / 3);
				assert_int_equal(map[i].number, (first + i) % 3);
			}
		}
	assert_int_equal(swap_detach(&mock_medium2), 0);
	swap_off();
	assert_int_equal(swap_segments(0, map, 8), 0);
	swap_on(SLOTS);
}

/* Everything comes back to RAM with its contents, and from there goes to another area. */
static void test_detach(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 40 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 40, 3);
	assert_int_equal(evict_all(), 40);
	assert_int_equal(used_in(0), 40);
	/* No frame is to be had: what came back until then does not matter, the area stays. */
	mock_fail_allocation(10);
	assert_int_equal(swap_detach(&mock_medium), -ENOMEM);
	mock_fail_allocation(0);
	assert_int_equal(oom_kills, 0);
	assert_int_equal(swap.total, SLOTS);
	assert_int_equal(used_in(0), 31);
	check_slots();
	assert_int_equal(evict_all(), 9);
	assert_int_equal(swap_attach(&mock_medium2, false, -1), 0);
	assert_int_equal(swap_detach(&mock_medium), 0);
	assert_int_equal(swap.total, SLOTS);
	assert_int_equal(used_in(0), 0);
	check_slots();
	assert_filled(BASE, 20, 3);
	assert_int_equal(evict_all(), 40);
	assert_int_equal(used_in(0), 40);
	assert_filled(BASE, 20, 3);
	/* And the last area, with nowhere to go. */
	assert_int_equal(swap_detach(&mock_medium2), 0);
	assert_int_equal(swap.total, 0);
	assert_int_equal(evict_all(), 0);
	assert_filled(BASE, 40, 3);
	check(as);
	end(as);
	assert_int_equal(swap.used, 0);
}

/* What switching an area off does to a page that the daemon has written and not committed. */
static void take_back(void)
{
	for (uint32_t slot = 1; slot <= SLOTS; slot++) {
		if (*slot_chunk(slot) == NULL)
			continue;
		spin_lock(&swap.lock);
		slot_unstore_locked(slot, slot_at(slot));
		spin_unlock(&swap.lock);
	}
}

static void test_detach_within_a_batch(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 5 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 5, 7);
	mock_store.on_commit = take_back;
	assert_int_equal(evict_all(), 0);
	mock_store.on_commit = NULL;
	assert_int_equal(used_in(0), 0);
	assert_int_equal(evict_all(), 5);
	assert_filled(BASE, 5, 7);
	end(as);
}

/* Somebody else would have to end for want of memory: the area stays. */
static void keep(uint32_t slot)
{
	static unsigned n;

	(void)slot;
	if (++n % 10 == 0) {
		assert_true(swap_keep());
		assert_false(swap_keep());
	}
}

static void test_keep(void **state)
{
	struct aspace *as = space();

	(void)state;
	assert_false(swap_keep());
	map_at(as, BASE, 20 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 20, 9);
	assert_int_equal(evict_all(), 20);
	mock_store.on_read = keep;
	assert_int_equal(swap_detach(&mock_medium), -ENOMEM);
	mock_store.on_read = NULL;
	assert_int_equal(used_in(0), 10);
	assert_int_equal(swap.total, SLOTS);
	assert_int_equal(evict_all(), 10);
	assert_filled(BASE, 20, 9);
	end(as);
}

/* Segments of an area that is leaving are retired, and it stays: what it promised is no more all
 * there is, and its share is taken once. */
static void shrink_and_keep(uint32_t slot)
{
	(void)slot;
	mock_store.on_read = NULL;
	mock_store.slots = SLOTS / 2;
	assert_int_equal(swap_commit(NULL, NULL), 0);
	assert_int_equal(swap.total, 0);
	assert_true(swap_keep());
}

static void test_shrinks_while_leaving(void **state)
{
	uint8_t page[PAGE_SIZE] = { 1 };
	uint32_t slot = slot_alloc(0);

	(void)state;
	assert_int_equal(swap_write(slot, page), 0);
	assert_int_equal(swap_commit(NULL, NULL), 0);
	mock_store.on_read = shrink_and_keep;
	assert_int_equal(swap_detach(&mock_medium), -ENOMEM);
	assert_null(mock_store.on_read);
	assert_int_equal(swap.total, SLOTS / 2);
	slot_put(slot);
}

/* A medium that came back as another's is asked nothing more, whatever is freed, however long it
 * is, until it is switched on again. */
static void test_lost(void **state)
{
	uint8_t page[PAGE_SIZE] = { 1 };
	uint32_t slot = slot_alloc(0);

	(void)state;
	mock_store.fail_append = 1;
	mock_store.append_error = -ENODEV;
	assert_int_equal(swap_write(slot, page), -ENODEV);
	mock_medium.lost = true;
	assert_int_equal(mock_store.appends, 1);
	slot_put(slot);
	mock_time_advance(10 * NSEC_PER_SEC);
	slot = slot_alloc(0);
	assert_int_equal(swap_write(slot, page), -ENOSPC);
	assert_int_equal(mock_store.appends, 1);
	assert_false(swap_accepts());
	mock_store.fail_append = 0;
	assert_int_equal(swap_detach(&mock_medium), 0);
	mock_medium.lost = false; /* its owner makes it anew */
	assert_int_equal(swap_attach(&mock_medium, false, 0), 0);
	assert_int_equal(swap_write(slot, page), 0);
	assert_int_equal(swap_commit(NULL, NULL), 0);
	slot_put(slot);
}

/* A medium that is gone keeps its area. A record that cannot be read does not: its users hear of
 * it, now as before. */
static void test_detach_unreadable(void **state)
{
	uint8_t page[PAGE_SIZE] = { 1 };
	uint32_t slot = slot_alloc(0);
	bool major;
	int err;

	(void)state;
	assert_int_equal(swap_write(slot, page), 0);
	assert_int_equal(swap_commit(NULL, NULL), 0);
	mock_store.bad_slot = slot;
	mock_store.read_error = -ENODEV;
	assert_int_equal(swap_detach(&mock_medium), -ENODEV);
	assert_int_equal(swap.total, SLOTS);
	assert_null(swap_in(slot, &err, &major));
	assert_int_equal(err, -EIO); /* what a program is told of it */
	assert_int_equal(swap_detach(&mock_medium), -ENODEV);
	mock_store.read_error = -EIO;
	assert_int_equal(swap_detach(&mock_medium), 0);
	assert_null(swap_in(slot, &err, &major));
	assert_int_equal(err, -EIO);
	slot_put(slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_attaching),
		TEST(test_more_than_slots),
		TEST(test_default_priorities),
		TEST(test_priorities),
		TEST(test_counts),
		TEST(test_segments),
		TEST(test_detach),
		TEST(test_keep),
		TEST(test_lost),
		TEST(test_shrinks_while_leaving),
		TEST(test_detach_within_a_batch),
		TEST(test_detach_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
