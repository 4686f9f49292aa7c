// SPDX-License-Identifier: MIT
/*
 * The lists the page daemon chooses from: active and inactive, for pages of disk files and for all
 * others, and the unevictable list. A page on a list has PAGE_LRU; the list it is on follows from
 * its flags.
 */
#ifndef MM_LRU_H
#define MM_LRU_H

#include "mm/page.h"

/* Puts a page that just became resident at the new end of the list its flags name: inactive without
 * PAGE_ACTIVE, unevictable with PAGE_UNEVICTABLE. Caller holds a reference. */
void lru_add(struct page *p);
/* Takes p off whatever list it is on. Called by page_put for the last reference, and before a page
 * is given away. */
void lru_remove(struct page *p);
/* lru_remove() of n pages that nobody holds any more. */
void lru_remove_batch(struct page **pages, unsigned n);
/* Marks p used from the kernel side (read/write of a cached page). */
void lru_mark_accessed(struct page *p);
/* Nobody needs p soon: it goes to the inactive list, when `oldest` to the end where eviction
 * begins. Any context. */
void lru_deactivate(struct page *p, bool oldest);
/* Moves between the evictable lists and the unevictable one, by PAGE_UNEVICTABLE. */
void lru_set_unevictable(struct page *p, bool on);

struct lru_stats {
	uint32_t active_anon, inactive_anon, active_file, inactive_file, unevictable;
};
void lru_stats(struct lru_stats *s);

#endif
