// SPDX-License-Identifier: MIT
/*
 * Reading ahead of those who read a disk file. Each open file has a window, [start, start + size)
 * in pages, the last that was begun for it; the page from which `ahead` pages of it are left
 * carries PAGE_AHEAD:
 *
 *        start                marker            start + size
 *          |--- asked for ------|---- ahead -------|--- the next window --->
 *
 * Who comes to the marker begins the next window, twice as large, and does not wait for it: so the
 * device works while the reader does. A page that is not there begins a new window if the file is
 * read in sequence, and none if it is not: then what was asked for is read alone, and the window is
 * forgotten. What was asked for goes to the device before, and apart from, what is ahead of it.
 *
 * Faults keep no window, for a mapping has many readers: around the page of a fault its aligned 64
 * KB are read, or, where the page before it is there or MADV_SEQUENTIAL was said, READAHEAD_PAGES
 * from it on, with a mark in the middle. Such a page is not mapped around a fault: whoever touches
 * it comes to a fault of his own, clears it and begins the next window. With MADV_RANDOM the page
 * alone is read.
 *
 * Frames are taken without waiting, and none are while memory is short: a reader who finds nothing
 * read ahead reads himself.
 */
#include "mm/buddy.h"
#include "mm/memcg.h"
#include "mm/object_internal.h"
#include "mm/swap.h"

#define WINDOW_FIRST 4u /* pages, at least */

/* Reads the holes of [first, first + n) within the file, as many at once as lie together; the page
 * `marker` gets PAGE_AHEAD. */
static void begin(struct object *o, uint32_t first, uint32_t n, uint32_t marker)
{
	uint64_t end = MIN((uint64_t)first + n, DIV_ROUND_UP(READ_ONCE(o->size), PAGE_SIZE));
	struct page *pages[OBJECT_RUN_MAX];
	struct reading r;
	unsigned all = 0;

	reading_note(&r, o, pages, 0, NULL);
	for (uint64_t i = first; i < end && frames_free() > watermarks.high; i++) {
		struct page *p = object_page_expect(o, (uint32_t)i, &r);

		if (p != NULL && i == marker)
			page_set_flag(p, PAGE_AHEAD);
		if (r.n > 0 && (p == NULL || r.n == OBJECT_RUN_MAX)) {
			o->ops->read_pages(o, pages, r.n);
			all += r.n;
			atomic_store_release(&r.n, 0);
		}
	}
	if (r.n > 0)
		o->ops->read_pages(o, pages, r.n);
	vm_count(VM_READAHEAD, all + r.n);
	reading_over(&r);
	memcg_breathe();
}

void object_read_ahead(struct object *o, uint32_t first, uint32_t n)
{
	if (o->ops->read_pages != NULL)
		begin(o, first, n, UINT32_MAX);
}

void readahead_fault(struct object *o, uint32_t first, uint32_t n)
{
	if (o->ops->read_pages != NULL)
		begin(o, first, n, n > READAHEAD_AROUND ? first + READAHEAD_MARK : UINT32_MAX);
}

static uint32_t window_next(const struct readahead *ra)
{
	return MIN(MAX(ra->size * (ra->size < ra->max / 8 ? 4 : 2), WINDOW_FIRST), ra->max);
}

/* Begins ra's window, of which `asked` pages are wanted now. */
static void window_begin(struct object *o, struct readahead *ra, uint32_t asked)
{
	uint32_t marker = ra->start + ra->size - ra->ahead;

	if (asked > 0)
		begin(o, ra->start, MIN(asked, ra->size), marker);
	if (asked < ra->size)
		begin(o, ra->start + asked, ra->size - asked, marker);
}

void readahead_miss(struct object *o, struct readahead *ra, uint32_t index, uint32_t asked)
{
	bool follows = index == ra->start + ra->size && ra->size > 0;

	if (!object_is_hole(o, index))
		return; /* on its way */
	asked = MIN(asked, MAX(ra->max, 1u));
	if (ra->max == 0 ||
	    (!follows && index != 0 && index != ra->last && index != ra->last + 1)) {
		ra->size = 0;
		if (asked > 1)
			begin(o, index, asked, UINT32_MAX);
		return;
	}
	ra->size = follows ? window_next(ra) : MIN(MAX(2 * asked, WINDOW_FIRST), ra->max);
	ra->start = index;
	ra->ahead = ra->size > asked ? ra->size - asked : ra->size;
	window_begin(o, ra, asked);
}

void readahead_hit(struct object *o, struct readahead *ra, uint32_t index)
{
	bool ours = ra->size > 0 && index == ra->start + ra->size - ra->ahead;

	vm_count(VM_READAHEAD_HIT, 1);
	if (ra->max == 0)
		return;
	/* Another reader's: behind it, what is not there yet. */
	ra->start = ours ? ra->start + ra->size : index + 1;
	ra->size = window_next(ra);
	ra->ahead = ra->size;
	window_begin(o, ra, 0);
}
