// SPDX-License-Identifier: MIT
// What the tests of choosing share: the real lists over frames that nothing maps. A frame's word
// for the reverse map says whether it was used, and eviction frees.
#ifndef TESTS_UNIT_MM_REPLACE_REPLACE_TEST_H
#define TESTS_UNIT_MM_REPLACE_REPLACE_TEST_H

#include <string.h>

#include "tests/mock/mock.h"

#include "mm/buddy.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/replace/replace.h"
#include "mm/rmap.h"
#include "mm/swap/slots.h"
#include "mm/workingset.h"

#define USED   1u
#define LOCKED 2u

static bool swap_has_room = true;
static unsigned evicted_pages[LRU_KINDS];

int rmap_test_clear_young(struct page *p, bool *locked)
{
	bool used = p->rmap & USED;

	*locked = p->rmap & LOCKED;
	p->rmap &= ~(uintptr_t)USED;
	return used;
}

void swap_cache_relax(struct page *p)
{
	(void)p;
}

bool swap_writable(void)
{
	return swap_has_room;
}

void swap_stats(struct swap_stats *s)
{
	*s = (struct swap_stats){ 0 };
}

unsigned slab_reap(void)
{
	return 0;
}

void reclaim_look_at_waiters(void) {}

static inline void page_gone(struct page *p)
{
	p->rmap = 0;
	lru_remove(p);
	while (p->refs > 1)
		page_put(p);
	page_put(p);
}

void evict_page(struct evict_batch *b, struct page *p)
{
	evicted_pages[lru_kind_of(p)]++;
	(void)workingset_evict(p);
	page_put(p); /* the list's */
	page_gone(p);
	b->freed++;
}

unsigned evict_finish(struct evict_batch *b)
{
	lru_put_back(b->keep, b->kept);
	b->kept = 0;
	return b->freed;
}

/* A page that is on its list, with one reference, not used. */
static inline struct page *page_on_list(unsigned flags)
{
	struct page *p = page_alloc(0);

	assert_non_null(p);
	p->type = flags & PAGE_DISK ? PAGE_FILE : PAGE_ANON;
	page_set_flag(p, flags);
	lru_add(p);
	return p;
}

static inline void pages_on_list(unsigned n, unsigned flags)
{
	while (n-- > 0)
		(void)page_on_list(flags);
}

static inline int replace_setup(void **state)
{
	int err = mock_setup(state);

	swap_has_room = true;
	reclaim_swappiness = 60;
	evicted_pages[LRU_ANON] = evicted_pages[LRU_FILE] = 0;
	assert_int_equal(replacement_choose("refault"), 0);
	return err;
}

static inline int replace_teardown(void **state)
{
	struct page *p;

	for (unsigned list = 0; list < LRU_LISTS; list++)
		while (lru_isolate((enum lru_list)list, &p, 1) == 1) {
			page_put(p);
			page_gone(p);
		}
	workingset_forget();
	return mock_teardown(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, replace_setup, replace_teardown)

#endif
