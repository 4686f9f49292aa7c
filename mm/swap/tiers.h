// SPDX-License-Identifier: MIT
// What a page goes through on its way to a store. All but tier_read() are the page daemon's alone.
#ifndef MM_SWAP_TIERS_H
#define MM_SWAP_TIERS_H

#include "mm/swap/store.h"

/* The pool may have more than it has. Any context. */
bool tier_has_room(void);
/* Of a slot that has nothing: keeps the page in RAM if it is one word over and over, or if it packs
 * and the pool may have it. False: it is to be written. */
bool tier_keep(uint32_t slot, const void *page) MUST_CHECK;
/* The contents of the slot, which is bound to a frame with PAGE_READING, if RAM has them: 0;
 * -ENOENT: it has not; -EIO: damaged. Any task; sleeps and waits for nothing. */
int tier_read(uint32_t slot, void *page) MUST_CHECK;
/* Appends the page to the store, packed where that makes it a quarter smaller. As
 * store_append(). */
int page_store(struct store *s, uint32_t slot, const void *page) MUST_CHECK;

/* While the pool has more than its share: appends a batch of its oldest pieces, by a function that
 * tells to which area. Then come the commits, which tell tier_lost() what was lost (true: the pool
 * has it still, nothing is), and tier_written_back(), which takes out of the pool what the store
 * has now. */
typedef int append_fn(uint32_t slot, const void *data, uint16_t n, unsigned *area);
void tier_write_back(append_fn *append);
bool tier_lost(uint32_t slot) MUST_CHECK;
void tier_written_back(void);

/* Frees the memory for packing until it is needed next; nobody packs. */
void page_store_rest(void);

#endif
