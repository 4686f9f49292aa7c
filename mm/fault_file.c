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

/* Map-around window, aligned. Entering and emptying an entry costs a sixth of a fault, and about every
 * second page of a program's text is used. */
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
	unsigned count, at;               /* pages, and which of them the fault is about */
	struct page *pages[AROUND_PAGES]; /* references; NULL: not resident */
};

/* The pages of va's window that area and leaf table hold, from the cache. */
static void around_find(struct fault *f, struct around *n)
{
	struct area *a = f->area;
	virt_addr_t window = ALIGN_DOWN(f->va, AROUND_PAGES * PAGE_SIZE);
	virt_addr_t end = MIN(window + AROUND_PAGES * PAGE_SIZE, a->end);

	n->start = MAX(window, a->start);
	n->count = (unsigned)bytes_to_pages(end - n->start);
	n->at = (unsigned)bytes_to_pages(f->va - n->start);
	object_lookup_run(a->object, area_index(a, n->start), n->count, n->pages);
}

/* Which of them may be entered: bits. What will be executed is made ready for it here, where no lock
 * is held. */
static unsigned around_mask(const struct around *n, bool exec)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < n->count; i++) {
		struct page *p = n->pages[i];

		if (p == NULL)
			continue;
		mask |= 1u << i;
		if (exec && unlikely(!page_flag(p, PAGE_FETCHABLE)))
			pmap_make_fetchable(p);
	}
	return mask;
}

/* Enters what is there and still fits; pte is the entry of the fault. The references of the others are
 * dropped. 0, or -EAGAIN: the fault's own page is not among them. */
static int around_enter(struct fault *f, struct around *n, struct pte *pte)
{
	bool exec = f->area->flags & AREA_EXEC;
	unsigned mask = around_mask(n, exec);

	pte = pte_next(pte, -(int)n->at);
	pmap_table_lock(pte_table(pte));
	mask &= pte_none_run(pte, n->count);
	mask = rmap_add_file_run(n->pages, pte, mask, f->area->object, exec);
	pte_enter_run(pte, n->pages, mask, prot_of_flags(f->area->flags));
	pmap_entry_unlock(pte);
	for (unsigned i = 0; i < n->count; i++)
		if (n->pages[i] != NULL && !(mask & 1u << i))
			page_put(n->pages[i]);
	return mask & 1u << n->at ? 0 : -EAGAIN;
}

/* A page that is read, and its neighbours. No table lock. */
static int file_enter_around(struct fault *f, struct pte *pte)
{
	struct around n;
	int err;

	around_find(f, &n);
	if (n.pages[n.at] != NULL) {
		err = around_enter(f, &n, pte);
		return err && rmap_reserve() ? -ENOMEM : err;
	}
	for (unsigned i = 0; i < n.count; i++)
		if (n.pages[i] != NULL)
			page_put(n.pages[i]);
	return file_page(f);
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
		fault_dirty(f, p);
	pte_enter(pte, p, prot_of_flags(f->area->flags) | (write ? PTE_WRITE : 0));
	fault_mark_locked(f, p);
	pmap_entry_unlock(pte);
	return 0;
}

int fault_none_file(struct fault *f, struct pte *pte)
{
	int err;

	if (!(f->access & FAULT_WRITE) && !(f->area->flags & (AREA_LOCKED | AREA_RANDOM))) {
		pmap_entry_unlock(pte);
		return file_enter_around(f, pte);
	}
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
