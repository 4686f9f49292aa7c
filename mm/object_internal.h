// SPDX-License-Identifier: MIT
// What object.c, object_evict.c and object_io.c share: the words of the index.
#ifndef MM_OBJECT_INTERNAL_H
#define MM_OBJECT_INTERNAL_H

#include "mm/object.h"
#include "mm/reading.h"

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

extern uint32_t object_pages[2]; /* in the indices: of shared memory, of disk files; atomic. Huge
				    pages count in their pool */
static inline void object_count(const struct page *p, uint32_t by)
{
	if (!page_flag(p, PAGE_HUGETLB))
		(void)atomic_fetch_add(&object_pages[page_flag(p, PAGE_DISK)], by);
}

/* Only index and caller have p. What others did to it before they let go of it is seen by what is
 * read of it afterwards. */
static inline bool object_page_idle(const struct page *p)
{
	return atomic_load_acquire(&p->refs) == 2 && atomic_load_acquire(&p->rmap) == 0;
}

/* A page being read, put into the hole at index, with a reference for the caller, who has noted r:
 * there it is entered before anybody finds it. NULL: no hole, no frame. */
struct page *object_page_expect(struct object *o, uint32_t index, struct reading *r);

/*
 * A page that copy(page, arg) has filled to its end, before anybody else sees it, put into the hole
 * at index where it would be read otherwise; clean, with a reference for the caller, who makes it
 * dirty. NULL: no hole, no frame, or copy failed: by the ordinary way then. May sleep; copy may
 * fault.
 */
struct page *object_page_whole(struct object *o, uint32_t index,
			       bool (*copy)(void *page, void *arg), void *arg);

/* A reference to o, whose memory is sure to stay for now, or NULL: its last one went. */
struct object *object_get_live(struct object *o);

/* ---- For mm/writeback.c ---- */

/* Of the objects that got their first dirty page, or were taken here, until `before`: the one that
 * waits longest, with a reference. NULL: none. */
struct object *object_dirty_take(uint64_t before);
/* When the one that waits longest was put on the list; UINT64_MAX: there is none. */
uint64_t object_dirty_since(void);
/* begun: there are dirty pages (page lock held); throttle: what object_throttle() does above `soft`
 * dirty pages. Once. */
struct object_watch {
	void (*begun)(void);
	void (*throttle)(void);
};
void object_watch(const struct object_watch *w);

/* Pages of o, which counts in a room or in none, went for good. */
void object_room_give(struct object *o, uint64_t pages);
/* Changes the size and clears what must not be seen (mm/object_size.c); pages behind a new end are
 * left to the caller. 0, or why the page at the edge could not be had. o's mutex is held. */
int object_resize_locked(struct object *o, uint64_t size) MUST_CHECK;
/* p, o's, is about to be written: what lies behind the end of the object is zeroes from here on,
 * but for new stores. */
void object_tail_clear(struct object *o, struct page *p);
/* Takes private copies of o's pages from `first` on away (mm/copies.c). May sleep; no mutex of mm
 * held, unless no area maps o. */
void copies_drop(struct object *o, uint32_t first);

/* Takes p, if it is o's still, out for good. */
void object_take_out(struct object *o, struct page *p);
/* Takes every page and slot of [first, last] out: unmapped everywhere, the cache's references
 * dropped. May sleep. */
void object_remove_pages(struct object *o, uint32_t first, uint32_t last);

#endif
