// SPDX-License-Identifier: MIT
/*
 * Objects: the page cache. An index holds one of
 *
 *    0                     a hole: zeroes, or what ops->read_page supplies
 *    struct page *         resident, or being read (PAGE_READING); the cache owns one reference
 *    slot << 1 | 1         swapped out (objects whose backing is swap)
 *
 * Whoever fills an index inserts the page first, with PAGE_READING, and reads then; others find it
 * and wait, so every page is read once. Contents and index agree only while the object lock is
 * held: after sleeping, look again.
 *
 * Truncation sets the size under the object lock, and insertions check it there, so no page appears
 * beyond the end afterwards. Then page by page: out of the index, u.file.object = NULL under the
 * page lock (from here on no new mapping: rmap_add_file), out of every map. The frame lives on
 * while somebody holds a reference.
 */
#include "mm/object.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/psi.h"
#include "kernel/task.h"
#include "mm/buddy.h"
#include "mm/commit.h"
#include "mm/lru.h"
#include "mm/object_internal.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/workingset.h"

void object_init(struct object *o, const struct object_ops *ops, uint64_t size)
{
	mutex_init(&o->mutex);
	spin_init(&o->lock);
	radix_init(&o->pages);
	o->size = size;
	o->growing = 0;
	o->nr_pages = o->nr_swapped = 0;
	o->room = NULL;
	o->refs = 1;
	o->writers = 0;
	o->keep = false;
	spin_init(&o->areas_lock);
	list_init(&o->areas);
	o->committed = 0;
	list_init(&o->copies);
	o->ops = ops;
}

static void anon_release(struct object *o)
{
	kfree(o);
}

static const struct object_ops anon_ops = { .release = anon_release };

struct object *object_create_anon(uint64_t size)
{
	struct object *o = kmalloc(sizeof(*o), ALLOC_USER);

	if (o != NULL)
		object_init(o, &anon_ops, size);
	return o;
}

struct object *object_get(struct object *o)
{
	atomic_inc(&o->refs);
	return o;
}

void object_put(struct object *o)
{
	if (atomic_dec(&o->refs) > 0)
		return;
	object_remove_pages(o, 0, UINT32_MAX);
	ASSERT(o->nr_pages == 0 && o->nr_swapped == 0);
	commit_give(o->committed);
	if (o->ops->release != NULL)
		o->ops->release(o);
}

/* ---- Writers ---- */

int object_writer_get(struct object *o)
{
	int32_t n = atomic_load(&o->writers);

	while (n >= 0)
		if (atomic_compare_exchange(&o->writers, &n, n + 1))
			return 0;
	return -EPERM;
}

void object_writer_put(struct object *o)
{
	int32_t left = atomic_dec(&o->writers);

	ASSERT(left >= 0);
}

int object_deny_writers(struct object *o)
{
	int32_t n = 0;

	return atomic_compare_exchange(&o->writers, &n, -1) || n < 0 ? 0 : -EBUSY;
}

/* ---- Finding ---- */

struct page *object_lookup(struct object *o, uint32_t index)
{
	struct page *p;

	spin_lock(&o->lock);
	p = word_page(radix_get(&o->pages, index));
	if (p != NULL && page_flag(p, PAGE_READING | PAGE_ERROR))
		p = NULL;
	if (p != NULL)
		page_get(p);
	spin_unlock(&o->lock);
	hw_rmb(); /* contents after PAGE_READING: pairs with page_end_reading */
	return p;
}

void object_lookup_run(struct object *o, uint32_t first, unsigned count, struct page **pages)
{
	const uintptr_t *words;
	unsigned n;

	ASSERT(count <= OBJECT_RUN_MAX);
	spin_lock(&o->lock);
	for (; count > 0; count -= n, first += n, pages += n) {
		words = radix_run(&o->pages, first, count, &n);
		for (unsigned i = 0; i < n; i++) {
			struct page *p = words != NULL ? word_page(words[i]) : NULL;

			if (p != NULL && likely(!page_flag(p, PAGE_READING | PAGE_ERROR)))
				page_get(p);
			else
				p = NULL;
			pages[i] = p;
		}
	}
	spin_unlock(&o->lock);
	hw_rmb(); /* contents after PAGE_READING: pairs with page_end_reading */
}

unsigned object_map_run(struct object *o, uint32_t first, unsigned mask, bool exec,
			struct page **pages)
{
	const unsigned ready = exec ? PAGE_FETCHABLE : 0;
	unsigned n;

	spin_lock_raw(&o->lock); /* the table's lock keeps preemption off */
	for (unsigned at = 0; mask >> at != 0; at += n) {
		const uintptr_t *words = radix_run(&o->pages, first + at, OBJECT_RUN_MAX, &n);
		unsigned todo = mask & ((1u << n) - 1) << at;

		if (words == NULL)
			mask &= ~todo;
		for (; words != NULL && todo != 0; todo &= todo - 1) {
			unsigned i = (unsigned)__builtin_ctz(todo);
			struct page *p = pages[i] = word_page(words[i - at]);

			if (p == NULL || (READ_ONCE(p->flags) & (PAGE_READING | PAGE_ERROR |
								 PAGE_AHEAD | ready)) != ready)
				mask &= ~(1u << i);
			else
				rmap_file_add(p);
		}
	}
	spin_unlock_raw(&o->lock);
	hw_rmb(); /* contents after PAGE_READING: pairs with page_end_reading */
	return mask;
}

/* ---- Filling ---- */

/* A frame for index, to be inserted: FILE, refs 2 (the cache's and the caller's). */
static struct page *page_create(struct object *o, uint32_t index, unsigned flags)
{
	struct page *p = page_alloc(ALLOC_USER | flags);

	if (p == NULL)
		return NULL;
	p->type = PAGE_FILE;
	p->u.file.object = o;
	p->u.file.index = index;
	if (o->ops->write_pages != NULL)
		page_set_flag(p, PAGE_DISK);
	page_get(p);
	return p;
}

/* Never seen by anybody else. */
static void page_discard(struct page *p)
{
	p->u.file.object = NULL;
	page_put(p);
	page_put(p);
}

/* Puts p at index if that still holds `expected` and lies within the object. */
static bool insert_locked(struct object *o, struct page *p, uintptr_t expected,
			  struct radix_reserve *nodes)
{
	uint32_t index = p->u.file.index;

	if (radix_get(&o->pages, index) != expected ||
	    (uint64_t)index << PAGE_SHIFT >= object_reach(o))
		return false;
	if (expected == 0)
		radix_set(&o->pages, index, (uintptr_t)p, nodes);
	else
		radix_replace(&o->pages, index, (uintptr_t)p);
	o->nr_pages++;
	o->nr_swapped -= expected != 0;
	object_count(p, 1);
	return true;
}

static bool page_insert(struct object *o, struct page *p, uintptr_t expected,
			struct radix_reserve *nodes)
{
	bool fits;

	spin_lock(&o->lock);
	fits = insert_locked(o, p, expected, nodes);
	spin_unlock(&o->lock);
	return fits;
}

/* Takes a page that could not be read out again. */
static void page_failed(struct object *o, struct page *p)
{
	page_end_reading(p, true);
	object_take_out(o, p);
}

/* Puts p into the hole at its index, with nodes if it takes any. 0; -ENOMEM; -EAGAIN: no hole any
 * more, or beyond the end. */
static COLD int hole_insert(struct object *o, struct page *p)
{
	struct radix_reserve nodes;
	bool inserted;
	int err;

	spin_lock(&o->lock);
	inserted = radix_ready(&o->pages, p->u.file.index) && insert_locked(o, p, 0, NULL);
	spin_unlock(&o->lock);
	if (inserted)
		return 0;
	err = radix_prepare(&nodes);
	if (err)
		return err;
	inserted = page_insert(o, p, 0, &nodes);
	radix_unprepare(&nodes);
	return inserted ? 0 : -EAGAIN;
}

/* ---- Room ---- */

void object_room_give(struct object *o, uint64_t pages)
{
	if (o->room == NULL)
		return;
	(void)__atomic_sub_fetch(&o->room->used, pages, __ATOMIC_RELAXED);
	if (o->committed == 0)
		commit_give(pages);
}

/* The room stays while anybody can come here. */
static bool room_take(struct object *o)
{
	struct object_room *room = o->room;

	if (room == NULL)
		return true;
	if (__atomic_add_fetch(&room->used, 1, __ATOMIC_RELAXED) <= room->limit(room) &&
	    (o->committed != 0 || commit_take(1, 0) == 0))
		return true;
	(void)__atomic_sub_fetch(&room->used, 1, __ATOMIC_RELAXED);
	return false;
}

void object_enter_room(struct object *o, struct object_room *room)
{
	ASSERT(o->nr_pages + o->nr_swapped == 0);
	o->room = room;
}

COLD void object_leave_room(struct object *o)
{
	uint64_t pages;

	spin_lock(&o->lock);
	pages = (uint64_t)o->nr_pages + o->nr_swapped;
	if (o->room != NULL && o->committed == 0)
		o->committed = pages; /* they stay promised as long as they are there */
	object_room_give(o, pages);
	o->room = NULL;
	spin_unlock(&o->lock);
}

/* Fills a hole. The page, or NULL: *err, -EAGAIN when somebody else was faster. */
static struct page *fill_hole(struct object *o, uint32_t index, int *err, bool *major)
{
	bool read = o->ops->read_page != NULL;
	struct reading r;
	struct page *p;
	bool waits;

	if (!room_take(o)) {
		*err = -ENOSPC;
		return NULL;
	}
	p = page_create(o, index, read ? 0 : ALLOC_ZERO | ALLOC_GROWS);
	if (p == NULL) {
		object_room_give(o, 1);
		*err = -ENOMEM;
		return NULL;
	}
	if (read) {
		page_set_flag(p, PAGE_READING);
		reading_note_page(&r, o, p);
	}
	*err = hole_insert(o, p);
	if (*err) {
		if (read)
			reading_over(&r);
		object_room_give(o, 1);
		page_discard(p);
		return NULL;
	}
	waits = workingset_refault_file(p) && read && psi_memory_begin();
	lru_add(p);
	if (!read)
		return p;
	*major = true;
	*err = o->ops->read_page(o, p);
	psi_memory_end(waits);
	if (*err)
		page_failed(o, p);
	else
		page_end_reading(p, false);
	reading_over(&r);
	if (*err) {
		page_put(p);
		p = NULL;
	}
	return p;
}

struct page *object_make_page(struct object *o, uint32_t index, int *err)
{
	struct page *p = NULL;
	bool major;

	*err = -EAGAIN;
	if (o->ops->read_page == NULL && READ_ONCE(o->nr_swapped) == 0 &&
	    (uint64_t)index << PAGE_SHIFT < object_reach(o))
		p = fill_hole(o, index, err, &major);
	return p;
}

COLD bool object_is_hole(struct object *o, uint32_t index)
{
	bool hole;

	spin_lock(&o->lock);
	hole = radix_get(&o->pages, index) == 0;
	spin_unlock(&o->lock);
	return hole;
}

COLD bool object_next_swapped(struct object *o, uint32_t *index, uint32_t last)
{
	uintptr_t word = 0;
	bool found;

	do {
		spin_lock(&o->lock);
		found = o->nr_swapped > 0 && radix_next(&o->pages, index, &word) && *index <= last;
		spin_unlock(&o->lock);
	} while (found && word_page(word) != NULL && (*index)++ < last);
	return found && word_page(word) == NULL;
}

/* Puts p into its hole; NULL, and p is gone: there is none any more, or no memory. */
static COLD struct page *page_enter(struct object *o, struct page *p)
{
	if (hole_insert(o, p)) {
		page_discard(p);
		return NULL;
	}
	(void)workingset_refault_file(p);
	lru_add(p);
	return p;
}

COLD struct page *object_page_expect(struct object *o, uint32_t index, struct reading *r)
{
	struct page *p;

	p = object_is_hole(o, index) ? page_create(o, index, ALLOC_NOWAIT) : NULL;
	if (p == NULL)
		return NULL;
	page_set_flag(p, PAGE_READING);
	r->pages[r->n] = p;
	atomic_store_release(&r->n, r->n + 1);
	p = page_enter(o, p);
	if (p == NULL)
		atomic_store_release(&r->n, r->n - 1);
	return p;
}

COLD struct page *object_page_whole(struct object *o, uint32_t index,
				    bool (*copy)(void *page, void *arg), void *arg)
{
	struct page *p = NULL;

	if (o->ops->read_page != NULL && o->room == NULL && object_is_hole(o, index))
		p = page_create(o, index, 0);
	if (p == NULL)
		return NULL;
	if (copy(page_to_virt(p), arg))
		return page_enter(o, p);
	page_discard(p);
	return NULL;
}

void object_read_ended(struct object *o, struct page *p, int err)
{
	/* Out before those who wait look again: they read it themselves, and hear what is wrong. */
	if (err)
		object_take_out(o, p);
	page_end_reading(p, false);
	page_put(p);
}

/* Brings a page back from swap: its contents are copied, so that the swap cache's frame can serve
 * others. Returns as fill_hole; the slot has been pinned. */
static struct page *fill_swapped(struct object *o, uint32_t index, uint32_t slot, int *err,
				 bool *major)
{
	struct page *from = swap_in(slot, err, major), *p = NULL;

	if (from != NULL) {
		p = page_create(o, index, 0);
		*err = p != NULL ? 0 : -ENOMEM;
	}
	if (p != NULL) {
		hw_copy_page(page_to_virt(p), page_to_virt(from));
		page_set_flag(p, PAGE_DIRTY | (atomic_load(&from->flags) &
					       (PAGE_ACTIVE | PAGE_WORKINGSET)));
		if (page_insert(o, p, slot_word(slot), NULL)) {
			slot_put(slot); /* the index's */
			lru_add(p);
		} else {
			page_discard(p);
			p = NULL;
		}
	}
	slot_put(slot); /* before the page: the last reference to that looks whether the slot is
			   still named */
	if (from != NULL)
		page_put(from);
	return p;
}

/* Waits until p, found at its index, can be used. 0; -EAGAIN: look again, it has gone since:
 * truncated, or what was to be read ahead was not and there is nothing in it. */
static int page_settle(struct object *o, struct page *p, bool *major)
{
	int err;

	if (page_flag(p, PAGE_READING)) {
		*major = true;
		err = page_wait_reading(p, o);
		if (err)
			return err;
	}
	hw_rmb(); /* contents, and whose they are, after PAGE_READING: pairs with
		     page_end_reading */
	if (page_flag(p, PAGE_ERROR))
		return -EIO;
	return READ_ONCE(p->u.file.object) == o ? 0 : -EAGAIN;
}

/* One look at the index. The page, or NULL: *err 0 (again), a hole's verdict, or an error. */
static struct page *page_once(struct object *o, uint32_t index, enum object_want want, int *err,
			      bool *major)
{
	uintptr_t word;
	struct page *p;

	spin_lock(&o->lock);
	word = radix_get(&o->pages, index);
	p = word_page(word);
	if (p != NULL)
		page_get(p);
	else if (word != 0)
		slot_get(word_slot(word));
	spin_unlock(&o->lock);
	if (p != NULL) {
		*err = page_settle(o, p, major);
		if (*err == 0)
			return p;
		page_put(p);
		return NULL;
	}
	if (word != 0)
		return fill_swapped(o, index, word_slot(word), err, major);
	if (want == OBJECT_READ && o->ops->read_page == NULL) {
		*err = -ENOENT;
		return NULL;
	}
	return fill_hole(o, index, err, major);
}

struct page *object_get_page(struct object *o, uint32_t index, enum object_want want, int *err,
			     bool *major)
{
	struct page *p = NULL;

	*major = false;
	*err = 0;
	while (p == NULL) {
		if ((uint64_t)index << PAGE_SHIFT >= object_reach(o)) {
			*err = -ENXIO;
			return NULL;
		}
		p = page_once(o, index, want, err, major);
		if (*err == -EAGAIN)
			*err = 0;
		if (*err)
			break;
	}
	if (*err == -ENOENT)
		*err = 0;
	if (p != NULL && want == OBJECT_WRITE)
		page_dirty(p);
	return p;
}

COLD int object_adopt(struct object *o, uint32_t index, struct page *p)
{
	struct radix_reserve nodes;
	bool fits;
	int err = radix_prepare(&nodes);

	if (err)
		return err;
	p->type = PAGE_FILE;
	p->u.file.object = o;
	p->u.file.index = index;
	page_set_flag(p, PAGE_DIRTY);
	spin_lock(&o->lock);
	fits = radix_get(&o->pages, index) == 0 && (o->room == NULL || commit_take(1, 0) == 0);
	if (fits) {
		radix_set(&o->pages, index, (uintptr_t)p, &nodes);
		o->nr_pages++;
		if (o->room != NULL)
			atomic_inc(&o->room->used);
		object_count(p, 1);
		o->size = MAX(o->size, ((uint64_t)index + 1) << PAGE_SHIFT);
	}
	spin_unlock(&o->lock);
	radix_unprepare(&nodes);
	if (!fits) {
		p->type = PAGE_KERNEL;
		p->u.file.object = NULL;
		return -EEXIST;
	}
	lru_add(p);
	return 0;
}
