// SPDX-License-Identifier: MIT
/*
 * Faults on pages of an object, where the entry is none. The page comes from the object's cache,
 * without dropping the aspace mutex when it is resident. Then
 *
 *    private write    its contents are copied to an anonymous frame, itself it is not mapped
 *    shared write     entered writable and marked dirty
 *    read, execute    entered read-only, and so are its neighbours in the same 32 KB that are
 *                     in the cache already
 *
 * Between finding the page and entering it, the object may be truncated or the page evicted: the
 * entry is made only if the page still belongs to the object when the reverse map learns of it
 * (rmap_add_file), or, for pages and their neighbours that are read, all happens under the object's
 * lock.
 */
#include "mm/aspace_internal.h"

/* Map-around window, aligned. Entering and emptying an entry costs a third of a fault, and about
 * every second page of a program's text is used. */
#define AROUND_PAGES 8
/* The same for the first faults of a copy that a fork made: it is about to exec or to end, more
 * often than not. */
#define AROUND_FORKED 2
#define FORKED_FAULTS 8

static bool page_is_here(struct object *o, uint32_t index)
{
	struct page *p = object_lookup(o, index);

	if (p != NULL)
		page_put(p);
	return p != NULL;
}

/* Which pages to read with that of the fault, as far as the area goes: what lies around it, or a
 * window of those behind it for who reads on; if that page was the mark in a window, the next
 * one. */
static void file_ahead(struct fault *f, bool mark)
{
	const struct area *a = f->area;
	uint32_t first = area_index(a, a->start), last = area_index(a, a->end - PAGE_SIZE), n;
	bool forward = mark || (a->flags & AREA_SEQUENTIAL) ||
		       (f->index > 0 && page_is_here(a->object, f->index - 1));

	f->ahead = mark      ? f->index + READAHEAD_PAGES - READAHEAD_MARK
		   : forward ? f->index
			     : ALIGN_DOWN(f->index, (uint32_t)READAHEAD_AROUND);
	n = forward ? READAHEAD_PAGES : READAHEAD_AROUND;
	last = MIN(last, f->ahead + n - 1);
	f->ahead = MAX(f->ahead, first);
	f->nahead = (a->flags & AREA_RANDOM) || last < f->ahead ? 0 : last - f->ahead + 1;
}

/* Finds the page of the fault, or makes it if it is a hole that needs no reading: -EAGAIN with
 * f->page set, -EINPROGRESS when it must be read, or is the mark of a window, -ENXIO beyond the
 * end, -ENOMEM, -ENOSPC. */
static int file_page(struct fault *f)
{
	struct object *o = f->area->object;
	uint32_t index = area_index(f->area, f->va);
	int err = -EAGAIN;
	bool mark;

	fault_drop_page(f);
	f->page = object_lookup(o, index);
	mark = f->page != NULL && page_flag(f->page, PAGE_AHEAD);
	if (f->page != NULL && !mark)
		return -EAGAIN;
	if (index >= DIV_ROUND_UP(READ_ONCE(o->size), PAGE_SIZE))
		return -ENXIO;
	if (mark) {
		page_clear_flag(f->page, PAGE_AHEAD);
		fault_drop_page(f);
		vm_count(VM_READAHEAD_HIT, 1);
	} else {
		f->page = object_make_page(o, index, &err);
		if (f->page != NULL)
			return -EAGAIN;
		if (err != -EAGAIN)
			return err;
	}
	f->object = object_get(o);
	f->index = index;
	f->nahead = 0;
	if (o->ops->read_pages != NULL)
		file_ahead(f, mark);
	return -EINPROGRESS;
}

/* True when f->page is what belongs here. A stale answer is caught later: rmap_add_file. */
static bool file_page_fits(const struct fault *f)
{
	const struct page *p = f->page;

	return p != NULL && p->type == PAGE_FILE &&
	       READ_ONCE(p->u.file.object) == f->area->object &&
	       p->u.file.index == area_index(f->area, f->va);
}

int fault_prepare_file(struct fault *f)
{
	int err;

	if (f->area->flags & AREA_HUGETLB)
		return 0;
	if (!file_page_fits(f)) {
		err = file_page(f);
		if (err != -EAGAIN)
			return err;
	}
	return area_is_private(f->area) && f->copied != f->page ? fault_copy(f, f->page) : 0;
}

/* Pages of the fault's area and leaf table. */
struct around {
	uint32_t first;     /* index of the first in the object */
	unsigned count, at; /* how many, and which of them the fault is about */
	unsigned more;      /* that are wanted behind them: the next window */
};

/* Somebody reads on: the fault is on the first page of a window, and the one before is mapped. Then
 * two windows are. */
static bool around_goes_on(const struct fault *f, struct pte *pte)
{
	return IS_ALIGNED(f->va, AROUND_PAGES * PAGE_SIZE) && f->va > f->area->start &&
	       leaf_index(f->va) > 0 && !pte_is_none(pte_next(pte, -1));
}

static struct around around_of(const struct fault *f, struct pte *pte)
{
	const struct area *a = f->area;
	bool early = f->as->forked && f->as->minflt < FORKED_FAULTS;
	uint64_t size = (early ? AROUND_FORKED : AROUND_PAGES) * PAGE_SIZE;
	virt_addr_t window = ALIGN_DOWN(f->va, size), start = MAX(window, a->start);
	virt_addr_t stop = leaf_end(f->va, a->end), end = MIN(window + size, stop);

	return (struct around){
		.first = area_index(a, start),
		.count = (unsigned)bytes_to_pages(end - start),
		.at = (unsigned)bytes_to_pages(f->va - start),
		.more = around_goes_on(f, pte)
				? (unsigned)bytes_to_pages(MIN(end + size, stop) - end)
				: 0,
	};
}

/* Nothing could be entered for the fault's own page: it is not resident, the mark of a window, or
 * not known to be fit for execution. */
static int around_prepare(struct fault *f, const struct around *n)
{
	struct page *pages[AROUND_PAGES];
	bool resident;

	object_lookup_run(f->area->object, n->first, n->count, pages);
	resident = pages[n->at] != NULL && !page_flag(pages[n->at], PAGE_AHEAD);
	for (unsigned i = 0; i < n->count; i++) {
		if (pages[i] == NULL)
			continue;
		if (f->area->flags & AREA_EXEC)
			pmap_make_fetchable(pages[i]);
		page_put(pages[i]);
	}
	return resident ? -EAGAIN : file_page(f);
}

/* Enters n's pages, the first of them at pte, whose table is locked. The bits of those that are
 * there now. */
static unsigned around_enter(struct fault *f, const struct around *n, struct pte *pte)
{
	struct page *pages[AROUND_PAGES];
	unsigned mask;

	mask = object_map_run(f->area->object, n->first, pte_none_run(pte, n->count),
			      f->area->flags & AREA_EXEC, pages);
	pte_enter_run(pte, pages, mask, prot_of_flags(f->area->flags));
	return mask;
}

/* A page that is read, and its neighbours. The table's lock is held, and dropped. */
static int file_enter_around(struct fault *f, struct pte *pte)
{
	struct around n = around_of(f, pte), next;
	unsigned mask;

	pte = pte_next(pte, -(int)n.at);
	mask = around_enter(f, &n, pte);
	pmap_entry_unlock(pte);
	if (!(mask & 1u << n.at))
		return around_prepare(f, &n);
	if (n.more > 0) {
		next = (struct around){ .first = n.first + n.count, .count = n.more };
		pte = pte_next(pte, (int)n.count);
		pmap_table_lock(pte_table(pte));
		(void)around_enter(f, &next, pte);
		pmap_entry_unlock(pte);
	}
	return 0;
}

/* Enters f->page itself. */
static int file_enter(struct fault *f, struct pte *pte)
{
	struct page *p = f->page;
	bool write = f->access & FAULT_WRITE;

	if (rmap_add_file(p, f->area->object)) {
		pmap_entry_unlock(pte);
		return file_page(f);
	}
	if (write)
		fault_dirty(f, p);
	pte_enter(pte, p, prot_of_flags(f->area->flags) | (write ? PTE_WRITE : 0));
	fault_mark_locked(f, p);
	pmap_entry_unlock(pte);
	return 0; /* f's reference goes with f */
}

int fault_none_file(struct fault *f, struct pte *pte)
{
	int err;

	if (unlikely(f->area->flags & AREA_HUGETLB)) {
		pmap_entry_unlock(pte);
		return hugetlb_fault(f);
	}
	if (!(f->access & FAULT_WRITE) && !(f->area->flags & (AREA_LOCKED | AREA_RANDOM)))
		return file_enter_around(f, pte);
	if (!file_page_fits(f)) {
		pmap_entry_unlock(pte);
		return file_page(f);
	}
	if (!area_is_private(f->area) || !(f->access & FAULT_WRITE))
		return file_enter(f, pte);
	if (f->frame != NULL && f->copied == f->page) {
		fault_enter_anon(f, pte);
		return 0;
	}
	pmap_entry_unlock(pte);
	err = fault_copy(f, f->page);
	return err ? err : -EAGAIN;
}
