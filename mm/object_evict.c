// SPDX-License-Identifier: MIT
/*
 * How pages leave an object: truncation (object_size.c) and hole punching take them away for good,
 * the page daemon replaces them by a swap slot or by nothing. See object.c for the index and its
 * rules.
 */
#include "kernel/errno.h"
#include "kernel/log.h"
#include "mm/huge_pool.h"
#include "mm/lru.h"
#include "mm/object_internal.h"
#include "mm/rmap.h"
#include "mm/swap.h"

/* ---- Removal ---- */

/* p has left the index. From here on nobody maps it; then those who do lose it. */
static void page_orphan(struct object *o, struct page *p)
{
	/* A word stands for a whole huge page. */
	unsigned frames = page_flag(p, PAGE_HUGETLB) ? HUGE_PAGES : 1;

	for (; frames > 0; frames--, p++) {
		page_forget(o, p);
		(void)!rmap_unmap_file(o, p, true);
		/* An area that is just going may have entries still. */
		if (rmap_file_orphan(p))
			page_put(p);
	}
}

/* Takes the first word in [*index, last] out of the index. 0: there is none. */
static uintptr_t word_take(struct object *o, uint32_t *index, uint32_t last)
{
	uintptr_t word;

	spin_lock(&o->lock);
	if (!radix_next(&o->pages, index, &word) || *index > last) {
		word = 0;
	} else {
		radix_remove(&o->pages, *index);
		if (word_page(word) != NULL) {
			o->nr_pages--;
			object_count(word_page(word), (uint32_t)-1);
		} else {
			o->nr_swapped--;
		}
		object_room_give(o, 1);
	}
	spin_unlock(&o->lock);
	return word;
}

void object_remove_pages(struct object *o, uint32_t first, uint32_t last)
{
	uint32_t index = first;
	uintptr_t word;

	while ((word = word_take(o, &index, last)) != 0) {
		if (word_page(word) != NULL)
			page_orphan(o, word_page(word));
		else
			slot_put(word_slot(word));
		if (index++ == last)
			break;
	}
}

COLD void object_take_out(struct object *o, struct page *p)
{
	uint32_t index = p->u.file.index;
	bool there;

	spin_lock(&o->lock);
	there = radix_get(&o->pages, index) == (uintptr_t)p;
	if (there) {
		radix_remove(&o->pages, index);
		o->nr_pages--;
		object_room_give(o, 1);
		object_count(p, (uint32_t)-1);
	}
	spin_unlock(&o->lock);
	if (there)
		page_orphan(o, p);
}

/* ---- The page daemon ---- */

struct object *object_get_live(struct object *o)
{
	uint32_t refs = atomic_load(&o->refs);

	while (refs != 0)
		if (atomic_compare_exchange(&o->refs, &refs, refs + 1))
			return o;
	return NULL;
}

struct object *object_pin(struct page *p)
{
	struct object *o;

	page_lock(p);
	o = p->u.file.object;
	/* refs 0: on its way out, but not freed before it had this page's lock. */
	if (o != NULL)
		o = object_get_live(o);
	page_unlock(p);
	return o;
}

/* Puts `word` (0: nothing) where p is, if only cache and caller hold p. */
static bool page_evict(struct object *o, uint32_t index, struct page *p, uintptr_t word)
{
	bool ok;

	spin_lock(&o->lock);
	/* References come from the index, under o->lock, and from mappings: neither can be added
	 * now. */
	ok = radix_get(&o->pages, index) == (uintptr_t)p && object_page_idle(p) &&
	     !page_flag(p, PAGE_DIRTY | PAGE_READING | PAGE_UNEVICTABLE);
	if (ok) {
		if (word != 0)
			radix_replace(&o->pages, index, word);
		else
			radix_remove(&o->pages, index);
		o->nr_pages--;
		o->nr_swapped += word != 0;
		if (word == 0)
			object_room_give(o, 1);
		object_count(p, (uint32_t)-1);
		page_forget(o, p);
	}
	spin_unlock(&o->lock);
	if (ok)
		page_put(p);
	return ok;
}

bool object_swap_out(struct object *o, uint32_t index, struct page *p, uint32_t slot)
{
	slot_get(slot);
	if (page_evict(o, index, p, slot_word(slot)))
		return true;
	slot_put(slot);
	return false;
}

bool object_drop_clean(struct object *o, uint32_t index, struct page *p)
{
	return page_evict(o, index, p, 0);
}
