// SPDX-License-Identifier: MIT
// What the frame allocator calls of lists and swap, for tests that have none of them: no frame is
// on a list or in the swap cache.
#ifndef TESTS_UNIT_MM_NO_LISTS_H
#define TESTS_UNIT_MM_NO_LISTS_H

#include "mm/lru.h"
#include "mm/swap.h"
#include "tests/mock/mock.h"

void lru_remove(struct page *p)
{
	(void)p;
	fail();
}

void lru_remove_batch(struct page **pages, unsigned n)
{
	while (n > 0)
		lru_remove(pages[--n]);
}

void swap_cache_trim(struct page *p)
{
	(void)p;
	fail();
}

#endif
