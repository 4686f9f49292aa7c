// SPDX-License-Identifier: MIT
// Two lists with refault distance: what becomes active and what stays so; a cycle longer than RAM
// comes to rest.
// SOURCES: mm/lru.c mm/scan.c mm/workingset.c mm/vmevent.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/replace/replace_test.h"

static void test_used_twice(void **state)
{
	struct page *p = page_on_list(0);

	(void)state;
	pages_on_list(100, 0);
	assert_false(replace_refault.due(p, true));
	assert_false(page_flag(p, PAGE_ACTIVE));
	assert_true(replace_refault.due(p, false)); /* once is not enough */
	assert_false(replace_refault.due(p, true));
	lru_remove(p);
	assert_false(replace_refault.due(p, true));
	assert_true(page_flag(p, PAGE_ACTIVE) && page_flag(p, PAGE_WORKINGSET));
	lru_add(p);
}

/* Who comes back soon is active at once, and some that were next to go stay. */
static void test_a_refault_spares(void **state)
{
	struct page *p = page_on_list(0);
	unsigned spared = 0;

	(void)state;
	pages_on_list(200, 0);
	lru_remove(p);
	assert_true(replace_refault.admit(p));
	page_set_flag(p, PAGE_ACTIVE);
	lru_add(p);
	(void)reclaim_round(false);
	spared = lru_size(LRU_ACTIVE_ANON) - 1;
	assert_true(spared >= 8 && spared <= 64);
	assert_int_equal(evicted_pages[LRU_ANON] + spared + lru_size(LRU_INACTIVE_ANON), 200);
}

/* The inactive list keeps a share, whatever comes back. */
static void test_growth_is_bounded(void **state)
{
	struct page *p = page_on_list(0);

	(void)state;
	pages_on_list(640, 0);
	for (unsigned i = 0; i < 10000; i++)
		(void)replace_refault.admit(p);
	for (unsigned i = 0; i < 10; i++)
		(void)reclaim_round(false);
	assert_true(evicted_pages[LRU_ANON] > 0);
	assert_true(lru_size(LRU_INACTIVE_ANON) >= lru_size(LRU_ACTIVE_ANON) / 40);
}

/* Active pages that are not used give way. */
static void test_unused_active_pages_go(void **state)
{
	(void)state;
	pages_on_list(300, PAGE_ACTIVE);
	pages_on_list(100, 0);
	while (lru_size(LRU_ACTIVE_ANON) + lru_size(LRU_INACTIVE_ANON) > 32)
		assert_true(reclaim_round(false) > 0);
	assert_true(lru_size(LRU_ACTIVE_ANON) <= 32);
}

/* ---- A cycle ---- */

#define FRAMES 1024
#define CYCLE  (FRAMES + FRAMES / 16)

static struct page *at[CYCLE];
static uint32_t shadow[CYCLE];

static bool resident(unsigned i)
{
	return at[i] != NULL && page_flag(at[i], PAGE_LRU) && at[i]->u.anon.slot == i;
}

static bool touch(unsigned i)
{
	bool there = resident(i);

	if (!there) {
		if (at[i] != NULL)
			shadow[i] = 1;
		while (lru_size(LRU_INACTIVE_ANON) + lru_size(LRU_ACTIVE_ANON) >= FRAMES)
			(void)reclaim_round(false);
		at[i] = page_alloc(0);
		at[i]->type = PAGE_ANON;
		at[i]->u.anon.slot = i;
		if (shadow[i] && replace_refault.admit(at[i]))
			page_set_flag(at[i], PAGE_ACTIVE);
		lru_add(at[i]);
	}
	at[i]->rmap = USED;
	return !there;
}

static void test_a_cycle_comes_to_rest(void **state)
{
	unsigned faults[3] = { 0 };

	(void)state;
	memset(at, 0, sizeof(at));
	memset(shadow, 0, sizeof(shadow));
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < CYCLE; i++)
			faults[round] += touch(i);
	assert_int_equal(faults[0], CYCLE);
	assert_true(faults[1] < CYCLE / 3); /* each of them without this */
	assert_true(faults[2] < CYCLE / 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_used_twice),
		TEST(test_a_refault_spares),
		TEST(test_growth_is_bounded),
		TEST(test_unused_active_pages_go),
		TEST(test_a_cycle_comes_to_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
