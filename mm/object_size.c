// SPDX-License-Identifier: MIT
/*
 * How an object's size changes.
 *
 *     0              edge            end of its page
 *     |---- stays ----|---- zeroes ----|---- whole pages: gone ----
 *
 * The edge is the smaller of the old and the new size. What lies behind it must not be seen when
 * the object is longer again: neither what was cut off (ftruncate(2)) nor what a program stored
 * beyond the end through a mapping, as far as the last page goes (mmap(2)). So the rest of that
 * page is cleared in the same hold of the object's lock that sets the size: who sees the new size
 * stores after it. Writing back clears it too, and so nothing of it reaches the medium, and a clean
 * page of a disk file, or one that is not here, ends in zeroes already.
 *
 * Whole pages behind a new end go from the index and from every map, and so do private copies of
 * them (mm/copies.c).
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/object_internal.h"

/* Zeroes what lies behind byte `from` in its page p. The object's lock is held. */
static void tail_clear(struct page *p, uint64_t from)
{
	size_t used = from & (PAGE_SIZE - 1);

	memset((uint8_t *)page_to_virt(p) + used, 0, PAGE_SIZE - used);
}

void object_tail_clear(struct object *o, struct page *p)
{
	uint64_t end;
	bool ends;

	spin_lock(&o->lock);
	end = object_reach(o);
	ends = end >> PAGE_SHIFT == p->u.file.index && end % PAGE_SIZE != 0;
	if (ends)
		tail_clear(p, end);
	spin_unlock(&o->lock);
	if (ends)
		page_changed(p);
}

/* The page that holds the edge, if there is something behind it to clear; NULL: *err. */
static struct page *edge_page(struct object *o, uint64_t size, uint64_t edge, int *err)
{
	uint32_t index = (uint32_t)(edge >> PAGE_SHIFT);
	struct page *p;
	bool major;

	*err = 0;
	if (edge % PAGE_SIZE == 0)
		return NULL;
	if (size == edge || o->ops->write_pages == NULL)
		return object_get_page(o, index, OBJECT_READ, err, &major);
	p = object_lookup(o, index);
	if (p != NULL && !page_flag(p, PAGE_DIRTY | PAGE_WRITEBACK)) {
		page_put(p);
		p = NULL;
	}
	return p;
}

int object_resize_locked(struct object *o, uint64_t size)
{
	uint64_t edge = MIN(size, o->size);
	struct page *p;
	int err;

	ASSERT(mutex_held(&o->mutex));
	p = edge_page(o, size, edge, &err);
	if (err)
		return err;
	spin_lock(&o->lock);
	o->size = size;
	object_grown(o);
	if (p != NULL)
		tail_clear(p, edge);
	spin_unlock(&o->lock);
	if (p == NULL)
		return 0;
	page_changed(p);
	page_dirty(p);
	page_put(p);
	return 0;
}

int object_truncate(struct object *o, uint64_t size)
{
	uint32_t first = (uint32_t)DIV_ROUND_UP(size, PAGE_SIZE);
	bool shrinks;
	int err;

	if (size >> PAGE_SHIFT >= UINT32_MAX)
		return -EFBIG;
	mutex_lock(&o->mutex);
	shrinks = size < o->size;
	err = object_resize_locked(o, size);
	if (err == 0 && shrinks)
		object_remove_pages(o, first, UINT32_MAX);
	mutex_unlock(&o->mutex);
	if (err == 0 && shrinks)
		copies_drop(o, first);
	return err;
}

void object_punch(struct object *o, uint32_t first, uint32_t last)
{
	if (first <= last)
		object_remove_pages(o, first, last);
}
