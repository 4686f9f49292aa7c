// SPDX-License-Identifier: MIT
// Pages on their way through the tiers: eviction and page-in over real slots and the real pool,
// with a store in host memory.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/reclaim_test.h"

#include "kernel/time.h"
#include "mm/swap/pool.h"

#define PAGES 60u

static int tiers_setup(void **state)
{
	int err = swap_setup(state);

	swap_pool_percent = 25;
	return err;
}

static int tiers_teardown(void **state)
{
	struct swap_pool_stats st;
	int err;

	run(NULL);
	err = swap_teardown(state);
	swap_pool_stats(&st);
	assert_int_equal(st.frames + st.pieces + st.bytes, 0);
	return err;
}

/* ---- Pages of all kinds: one word, packs, does not pack ---- */

static unsigned distinct(unsigned i, unsigned seed)
{
	return i % 3 == 0 ? 0 : i % 3 == 1 ? 100 + (i + seed) * 37 % 2000 : PAGE_SIZE;
}

static uint8_t byte_of(unsigned i, unsigned seed, unsigned at)
{
	uint32_t x = (i * 4096 + at) * 2654435761u + seed * 40503u;

	return at < distinct(i, seed) ? (uint8_t)(x >> 13 ^ x >> 23) : (uint8_t)(i + seed);
}

static void write_page(unsigned i, unsigned seed)
{
	uint8_t page[PAGE_SIZE];

	for (unsigned at = 0; at < PAGE_SIZE; at++)
		page[at] = byte_of(i, seed, at);
	assert_int_equal(mock_user_write(BASE + i * PAGE_SIZE, page, PAGE_SIZE), 0);
}

static void verify_page(unsigned i, unsigned seed)
{
	uint8_t page[PAGE_SIZE];

	assert_int_equal(mock_user_read(BASE + i * PAGE_SIZE, page, PAGE_SIZE), 0);
	for (unsigned at = 0; at < PAGE_SIZE; at++)
		assert_int_equal(page[at], byte_of(i, seed, at));
}

static void verify(unsigned seed)
{
	for (unsigned i = 0; i < PAGES; i++)
		verify_page(i, seed);
	check_slots();
}

static struct aspace *filled_space(unsigned seed)
{
	struct aspace *as = space();

	map_at(as, BASE, PAGES * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < PAGES; i++)
		write_page(i, seed);
	return as;
}

static unsigned kept(enum slot_kept how)
{
	unsigned n = 0;

	for (uint32_t slot = 1; slot <= swap.limit; slot++)
		n += *slot_chunk(slot) != NULL && slot_at(slot)->kept == how &&
		     !(*slot_word_of(slot) >> slot % 64 & 1);
	return n;
}

static void nothing_lost(uint32_t slot, void *arg)
{
	(void)arg;
	fail_msg("slot %u lost", slot);
}

/* ---- The ways ---- */

/* Each kind goes where it belongs and comes back; only what does not pack is written. */
static void test_where_pages_go(void **state)
{
	struct aspace *as = filled_space(1);

	(void)state;
	assert_int_equal(evict_all(), PAGES);
	assert_int_equal(kept(KEPT_WORD), PAGES / 3);
	assert_int_equal(kept(KEPT_POOL), PAGES / 3);
	assert_int_equal(mock_store_records(), PAGES / 3);
	assert_int_equal(mock_store.packed, 0);
	verify(1);
	assert_int_equal(mock_store.reads, PAGES / 3);
	end(as);
}

/* What is written again leaves the place it was in. */
static void test_rewritten(void **state)
{
	struct aspace *as = filled_space(1);

	(void)state;
	for (unsigned seed = 2; seed < 8; seed++) {
		assert_int_equal(evict_all(), PAGES);
		verify(seed - 1);
		for (unsigned i = 0; i < PAGES; i++)
			write_page(i, seed);
	}
	assert_int_equal(evict_all(), PAGES);
	verify(7);
	end(as);
}

/* With no share left the pool empties into the store, oldest first, packed as it is. */
static uint32_t appended[PAGES];
static unsigned appends;

static void note_append(uint32_t slot)
{
	assert_true(appends < PAGES);
	appended[appends++] = slot;
}

static void test_write_back(void **state)
{
	uint64_t before = vm_events(VM_ZSWPWB);
	struct aspace *as = filled_space(1);
	uint32_t ages[PAGES], n = 0, handle;

	(void)state;
	assert_int_equal(evict_all(), PAGES);
	for (handle = pool_oldest(&ages[0]); handle != POOL_NONE;)
		handle = pool_next(handle, &ages[++n]);
	assert_int_equal(n, PAGES / 3);
	appends = 0;
	mock_store.on_append = note_append;
	swap_pool_percent = 0;
	assert_int_equal(swap_commit(nothing_lost, NULL), 0);
	assert_int_equal(appends, PAGES / 3);
	assert_memory_equal(appended, ages, n * sizeof(ages[0]));
	assert_int_equal(kept(KEPT_POOL), 0);
	assert_int_equal(pool_oldest(&ages[0]), POOL_NONE);
	assert_int_equal(mock_store.packed, PAGES / 3);
	assert_int_equal(vm_events(VM_ZSWPWB) - before, PAGES / 3);
	verify(1);
	end(as);
}

/* A page that is back to stay gives its packed copy up; one that may go again soon keeps it. */
static void test_in_ram_once(void **state)
{
	static const char *const policies[] = { "clock", "refault" };

	(void)state;
	swap_off();
	swap_on(4 * PAGES); /* slots are not scarce */
	swap_pool_percent = 25;
	for (unsigned active = 0; active < 2; active++) {
		struct aspace *as = filled_space(1);

		assert_int_equal(replacement_choose(policies[active]), 0);
		assert_int_equal(evict_all(), PAGES);
		assert_int_equal(kept(KEPT_POOL), PAGES / 3);
		map_at(as, BASE + 4 * MB, 2 * PAGES * PAGE_SIZE, RW);
		fill(BASE + 4 * MB, 2 * PAGES, 1); /* RAM holds more than what went */
		verify(1);
		if (active)
			assert_true(kept(KEPT_POOL) <= PAGES / 3 / 2);
		else
			assert_int_equal(kept(KEPT_POOL), PAGES / 3);
		check_slots();
		(void)evict_all();
		verify(1);
		end(as);
	}
}

/* Records that the commit lost, or that the store did not take: the pool still has the pages. */
static void test_write_back_fails(void **state)
{
	struct aspace *as = filled_space(1);

	(void)state;
	assert_int_equal(evict_all(), PAGES);
	swap_pool_percent = 0;
	mock_store.lose = 2;
	assert_int_equal(swap_commit(nothing_lost, NULL), -EIO);
	assert_int_equal(kept(KEPT_POOL), PAGES / 6);
	mock_store.lose = 0;
	swap.refusing = 0; /* as when a slot is freed */
	mock_store.fail_append = 4;
	mock_store.append_error = -ENOSPC;
	assert_int_equal(swap_commit(nothing_lost, NULL), 0);
	assert_int_equal(kept(KEPT_POOL), PAGES / 6 - 3);
	mock_store.fail_append = 0;
	verify(1);
	end(as);
}

/* The write budget is spent: what the pool takes still goes, what must be written stays in RAM.
 * Without room there swap is full; after a second it is asked again. */
static void test_budget_spent(void **state)
{
	struct aspace *as = filled_space(1);
	unsigned asked;

	(void)state;
	mock_time_advance(NSEC_PER_SEC);
	mock_store.fail_append = 1;
	mock_store.append_error = -EDQUOT;
	(void)evict_all();
	assert_true(kept(KEPT_WORD) >= 2 && kept(KEPT_POOL) >= 2);
	assert_int_equal(mock_store_records(), 0);
	assert_non_null(strstr(mock_log(), "write budget of mock is spent"));
	assert_true(swap_accepts());
	assert_null(swap_refusal());
	verify(1);

	mock_log_clear();
	swap_pool_percent = 0;
	(void)evict_all();
	assert_false(swap_accepts());
	assert_string_equal(swap_refusal(), "its write budget is spent");
	asked = mock_store.appends;
	(void)evict_all();
	assert_int_equal(mock_store.appends, asked);
	assert_null(strstr(mock_log(), "write budget")); /* said already */
	verify(1);

	mock_store.fail_append = 0; /* more has come in */
	mock_time_advance(NSEC_PER_SEC - 1);
	assert_false(swap_accepts());
	mock_time_advance(1);
	assert_true(swap_accepts());
	assert_true(evict_all() > PAGES / 2);
	assert_true(mock_store_records() > PAGES / 2);
	assert_true(swap_accepts());
	assert_null(swap_refusal());
	verify(1);
	end(as);
}

/* The medium is gone: the pool goes on, swap is full without it; after a second it is asked again,
 * though no slot was freed. */
static void test_medium_gone(void **state)
{
	static const int errors[] = { -ENODEV, -EROFS };
	struct aspace *as = filled_space(1);

	(void)state;
	swap_pool_percent = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		mock_time_advance(NSEC_PER_SEC);
		mock_store.fail_append = 1;
		mock_store.append_error = errors[i];
		(void)evict_all();
		assert_false(swap_accepts());
		assert_string_equal(swap_refusal(), "its medium is gone");
		mock_store.fail_append = 0;
		mock_time_advance(NSEC_PER_SEC - 1);
		assert_false(swap_accepts());
		mock_time_advance(1);
		assert_true(swap_accepts());
		assert_true(evict_all() > 0);
		assert_null(swap_refusal());
		verify(1);
	}
	assert_true(mock_store_records() > PAGES / 2);
	end(as);
}

/* The piece of a page that is being read stays until another time. */
static void test_read_while_written_back(void **state)
{
	struct aspace *as = filled_space(1);
	struct slot *s;
	uint32_t slot;
	struct page *p = page_alloc(0);

	(void)state;
	assert_int_equal(evict_all(), PAGES);
	assert_true(pool_oldest(&slot) != POOL_NONE);
	s = slot_at(slot);
	p->type = PAGE_ANON;
	page_set_flag(p, PAGE_READING);
	spin_lock(&swap.lock);
	slot_bind_locked(p, slot, s);
	spin_unlock(&swap.lock);
	swap_pool_percent = 0;
	assert_int_equal(swap_commit(nothing_lost, NULL), 0);
	assert_int_equal(kept(KEPT_POOL), 1);
	assert_int_equal(s->kept, KEPT_POOL);
	assert_int_equal(s->written, 0);
	assert_int_equal(tier_read(slot, page_to_virt(p)), 0);
	spin_lock(&swap.lock);
	slot_unbind_locked(p, slot, s);
	spin_unlock(&swap.lock);
	page_clear_flag(p, PAGE_READING);
	page_put(p);
	page_put(p);
	assert_int_equal(swap_commit(nothing_lost, NULL), 0);
	assert_int_equal(kept(KEPT_POOL), 0);
	verify(1);
	end(as);
}

/* Without a frame for the pool, or without memory for packing, pages reach the store. */
static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 12; n++) {
		struct aspace *as = filled_space(n);

		page_store_rest();
		mock_fail_allocation(n);
		(void)evict_all();
		mock_fail_allocation(0);
		verify(n);
		end(as);
	}
}

int main(void)
{
#define TIERS(f) cmocka_unit_test_setup_teardown(f, tiers_setup, tiers_teardown)
	const struct CMUnitTest tests[] = {
		TIERS(test_where_pages_go),
		TIERS(test_rewritten),
		TIERS(test_in_ram_once),
		TIERS(test_write_back),
		TIERS(test_write_back_fails),
		TIERS(test_no_memory),
		TIERS(test_read_while_written_back),
		TIERS(test_budget_spent),
		TIERS(test_medium_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
