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
 * (rmap_add_file).
 */
#include "mm/aspace_internal.h"

/* Map-around window, aligned. Entering and emptying an entry costs a third of a fault, and about
 * every second page of a program's text is used: eight cost an exec least. */
#define AROUND_PAGES 8

/* Finds the page of the fault: -EAGAIN with f->page set, -EINPROGRESS when it must be read, -ENXIO
 * beyond the end. */
static int file_page(struct fault *f)
{
	struct object *o = f->area->object;
	uint32_t index = area_index(f->area, f->va);

	fault_drop_page(f);
	f->page = object_lookup(o, index);
	if (f->page != NULL)
		return -EAGAIN;
	if (index >= DIV_ROUND_UP(READ_ONCE(o->size), PAGE_SIZE))
		return -ENXIO;
	f->object = object_get(o);
	f->index = index;
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

struct around {
	virt_addr_t start;
	unsigned count;
	struct page *pages[AROUND_PAGES]; /* references; NULL: not resident */
};

/* The neighbours in va's window that area and leaf table hold, from the cache. */
static void around_find(struct fault *f, struct around *n)
{
	struct area *a = f->area;
	virt_addr_t window = ALIGN_DOWN(f->va, AROUND_PAGES * PAGE_SIZE);
	virt_addr_t end = MIN(window + AROUND_PAGES * PAGE_SIZE, a->end);

	n->start = MAX(window, a->start);
	n->count = (unsigned)bytes_to_pages(end - n->start);
	object_lookup_run(a->object, area_index(a, n->start), n->count, n->pages);
}

/* Enters what fits of [from, to); the rest of the references stay in n. pte is the entry of the
 * fault. */
static void around_enter(struct fault *f, struct around *n, struct pte *pte, unsigned from,
			 unsigned to)
{
	int at = (int)bytes_to_pages(f->va - n->start);
	struct pte_view v;

	for (unsigned i = from; i < to; i++) {
		struct pte *neighbour = pte_next(pte, (int)i - at);

		if (n->pages[i] == NULL)
			continue;
		pte_view(neighbour, &v);
		if (v.state != PTE_NONE || rmap_add_file(n->pages[i], neighbour, f->area->object))
			continue;
		pte_enter(neighbour, n->pages[i], prot_of_flags(f->area->flags));
		n->pages[i] = NULL;
	}
}

/* A page of code may need cache maintenance when it is entered: fewer of them under one lock. */
static void map_around(struct fault *f)
{
	unsigned step = f->area->flags & AREA_EXEC ? AROUND_PAGES / 2 : AROUND_PAGES;
	struct around n;
	struct pte *pte;

	around_find(f, &n);
	for (unsigned i = 0; i < n.count; i += step) {
		pte = pmap_entry_lock(&f->as->pmap, f->va);
		if (pte == NULL)
			break;
		around_enter(f, &n, pte, i, MIN(i + step, n.count));
		pmap_entry_unlock(pte);
	}
	for (unsigned i = 0; i < n.count; i++)
		if (n.pages[i] != NULL)
			page_put(n.pages[i]);
}

/* Enters f->page itself. */
static int file_enter(struct fault *f, struct pte *pte)
{
	struct page *p = f->page;
	bool write = f->access & FAULT_WRITE;
	int err = rmap_add_file(p, pte, f->area->object);

	if (err) {
		pmap_entry_unlock(pte);
		if (err == -ESTALE)
			return file_page(f);
		return rmap_reserve() ? -ENOMEM : -EAGAIN;
	}
	f->page = NULL;
	if (write)
		page_dirty(p);
	pte_enter(pte, p, prot_of_flags(f->area->flags) | (write ? PTE_WRITE : 0));
	fault_mark_locked(f, p);
	pmap_entry_unlock(pte);
	if (!write && !(f->area->flags & (AREA_LOCKED | AREA_RANDOM)))
		map_around(f);
	return 0;
}

int fault_none_file(struct fault *f, struct pte *pte)
{
	int err;

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
