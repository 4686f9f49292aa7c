// SPDX-License-Identifier: MIT
// What object.c, object_evict.c and object_io.c share: the words of the index.
#ifndef MM_OBJECT_INTERNAL_H
#define MM_OBJECT_INTERNAL_H

#include "mm/object.h"

static inline struct page *word_page(uintptr_t word)
{
	return word & 1 ? NULL : (struct page *)word;
}

static inline uint32_t word_slot(uintptr_t word)
{
	return (uint32_t)(word >> 1);
}

static inline uintptr_t slot_word(uint32_t slot)
{
	return (uintptr_t)slot << 1 | 1;
}

/* Takes every page and slot of [first, last] out: unmapped everywhere, the cache's references
 * dropped. May sleep. */
void object_remove_pages(struct object *o, uint32_t first, uint32_t last);

#endif
