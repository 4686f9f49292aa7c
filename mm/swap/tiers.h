// SPDX-License-Identifier: MIT
// What a page goes through on its way to a store.
#ifndef MM_SWAP_TIERS_H
#define MM_SWAP_TIERS_H

#include "mm/swap/store.h"

/* Appends the page to the store, packed where that makes it a quarter smaller. As store_append(). The page daemon alone. */
int page_store(struct store *s, uint32_t slot, const void *page) MUST_CHECK;
/* Frees what page_store() keeps until it is called next; nobody is in it. */
void page_store_rest(void);

#endif
