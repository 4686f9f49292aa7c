// SPDX-License-Identifier: MIT
// What the tests of eviction share: address spaces over real lists, slots and page-in, with a
// store in host memory.
#ifndef TESTS_UNIT_MM_RECLAIM_TEST_H
#define TESTS_UNIT_MM_RECLAIM_TEST_H

#include "tests/unit/mm/aspace_test.h"

#include "kernel/errno.h"
#include "kernel/sched.h"
#include "mm/lru.h"
#include "mm/oom.h"
#include "mm/reclaim.h"
#include "mm/reclaim_internal.h"
#include "mm/swap/slots.h"
#include "mm/swap/swap_internal.h"
#include "mm/swap/tiers.h"
#include "mm/workingset.h"
#include "tests/mock/store.h"

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, swap_setup, swap_teardown)
#define SLOTS   64

/* ---- The kernel around the daemon ---- */

static struct task *daemon_task;
static unsigned oom_kills;
static bool oom_answer_is, oom_busy;
static unsigned slabs_reaped; /* that each look at the caches gives back */

unsigned slab_reap(void)
{
	return slabs_reaped;
}

struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				int priority)
{
	(void)fn, (void)arg, (void)policy, (void)priority;
	return daemon_task = mock_task(name);
}

void sched_boost(struct task *t, int prio)
{
	t->sched.boost = prio;
}

#ifndef REAL_OOM
void oom_init(void) {}

bool oom_under_way(void)
{
	return oom_busy;
}

bool oom_kill(unsigned alloc_flags, struct cgroup *group)
{
	(void)alloc_flags, (void)group;
	oom_kills++;
	return oom_answer_is;
}
#endif

/* ---- Swap on and off ---- */

/* Frames of slots: they stay once they have come to be used. */
static uint32_t slot_frames(void)
{
	uint32_t n = 0;

	for (unsigned part = 0; part < SWAP_PARTS; part++)
		for (unsigned i = 0; swap.parts[part].chunks && i <= PART_SLOTS / SLOTS_PER_CHUNK;
		     i++)
			n += swap.parts[part].chunks[i] != NULL;
	return n;
}

static inline void swap_on(uint32_t slots)
{
	memset(&swap, 0, sizeof(swap));
	swap_pool_percent =
		0; /* what is written reaches the store; test_tiers.c is about the rest */
	mock_store_reset(slots);
	assert_int_equal(swap_attach(&mock_medium, false, -1), 0);
	frames_kept = slot_frames;
	frames_at_start = frames_free();
	objects_at_start = mock_objects_out();
}

static inline void swap_off(void)
{
	for (unsigned part = 0; part < SWAP_PARTS; part++) {
		struct swap_part *s = &swap.parts[part];

		for (unsigned i = 0; s->chunks && i <= PART_SLOTS / SLOTS_PER_CHUNK; i++)
			if (s->chunks[i] != NULL)
				page_free(virt_to_page(s->chunks[i]), 0);
		kfree(s->chunks);
		kfree(s->free);
	}
	frames_kept = NULL;
	memset(&swap, 0, sizeof(swap));
	mock_store_reset(0);
}

/* slots.c (1) to (3) for every slot. */
static inline void check_slots(void)
{
	uint32_t used = 0, cached = 0;

	for (uint32_t nr = 1; nr <= swap.limit; nr++) {
		bool exists = *slot_chunk(nr) != NULL;
		struct slot *s = exists ? slot_at(nr) : NULL;
		bool is_free = !exists || (s->entries == 0 && s->frame == PFN_NONE);

		assert_int_equal(is_free, *slot_word_of(nr) >> nr % 64 & 1);
		used += !is_free;
		if (!exists || s->frame == PFN_NONE)
			continue;
		cached++;
		assert_true(page_flag(pfn_to_page(s->frame), PAGE_SWAPCACHE));
		assert_int_equal(pfn_to_page(s->frame)->u.anon.slot, nr);
		assert_true(pfn_to_page(s->frame)->refs > 0);
	}
	assert_int_equal(swap.used, used);
	assert_int_equal(swap.cached, cached);
	assert_true(mock_store_records() <= used);
}

static inline int swap_setup(void **state)
{
	int err = space_setup(state);

	reclaim_init();
	assert_int_equal(replacement_choose("refault"), 0); /* nothing learnt */
	oom_kills = 0;
	oom_answer_is = oom_busy = false;
	swap_on(SLOTS);
	return err;
}

static inline void assert_swap_empty(void)
{
	check_slots();
	assert_int_equal(swap.used, 0);
	assert_int_equal(mock_store_records(), 0);
	assert_int_equal(lru_size(LRU_INACTIVE_ANON) + lru_size(LRU_ACTIVE_ANON) +
				 lru_size(LRU_INACTIVE_FILE) + lru_size(LRU_ACTIVE_FILE) +
				 lru_size(LRU_UNEVICTABLE),
			 0);
}

static inline int swap_teardown(void **state)
{
	int err;

	run(NULL);
	page_store_rest();
	workingset_forget();
	assert_nothing_left();
	assert_swap_empty();
	err = space_teardown(state);
	swap_off();
	return err;
}

/* Evicts until nothing more goes, with force. Returns frames freed. */
static inline unsigned evict_all(void)
{
	unsigned sum = 0, n;

	while ((n = reclaim_round(true)) > 0)
		sum += n;
	return sum;
}

static inline void fill(virt_addr_t at, unsigned pages, uint8_t seed)
{
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(poke(at + i * PAGE_SIZE, (uint8_t)(seed + i)), 0);
}

static inline void assert_filled(virt_addr_t at, unsigned pages, uint8_t seed)
{
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(peek(at + i * PAGE_SIZE), (uint8_t)(seed + i));
}

#endif
