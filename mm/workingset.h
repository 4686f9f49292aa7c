// SPDX-License-Identifier: MIT
/*
 * What is remembered of a page that went, so that it can be told how soon it came back: the value
 * of the eviction clock, which counts pages that went. A shadow is that and a bit, in the swap slot
 * of an anonymous page and of one of shared memory, and in a table for pages of disk files.
 */
#ifndef MM_WORKINGSET_H
#define MM_WORKINGSET_H

#include "mm/reclaim_internal.h"

/* p goes: the page daemon alone. Returns its shadow. */
uint32_t workingset_evict(const struct page *p);
/* p, on no list yet, is back: counted, and the policy decides where it begins. True: there are as
 * many pages in RAM as went since, so it is want of memory that it has to be brought back. Any
 * context without sleeping. */
bool workingset_refault(struct page *p, uint32_t shadow);

/* The same for o's page at index, whose shadow is remembered here. It may be forgotten at any time,
 * and now and then one is taken for another. */
void workingset_evict_file(const struct object *o, uint32_t index, const struct page *p);
/* p may be back, or has never been here (false). */
bool workingset_refault_file(struct page *p);

/* Forgets everything, and gives back the memory for it, for tests: nobody faults or evicts
 * meanwhile. */
void workingset_forget(void);

/* Pages that went since boot, in 31 bits. */
uint32_t workingset_evictions(void);
/* How many pages of that kind came back lately though there are as many pages in RAM as went since:
 * of the last evictions, about a quarter of what the lists hold, the latest counting most. */
uint32_t workingset_cost(enum lru_kind kind);

#endif
