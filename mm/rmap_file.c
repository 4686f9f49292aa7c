// SPDX-License-Identifier: MIT
/*
 * The reverse map of objects' pages. Such a page counts its entries and has no list of them: the
 * object knows the areas that map it, and where an area has a page follows from the page's index.
 * So making and emptying an entry, which exec and exit do by the hundred, costs one addition;
 * whoever wants a page's entries (eviction, truncation, cleaning) walks the object's areas.
 *
 *    object --> area --> area --> marker --> area
 *                 | to its address space's tables, by start + (index - offset)
 *                 +-----> leaf table, if there is one --> entry, if it maps the page
 *
 * Entries hold no references, the count alone keeps a page from being freed while it is mapped:
 *   (1) An entry is counted before it is made, under its table's lock, while the page belongs to
 *       its object (rmap_add_file, object_map_run).
 *   (2) It is counted off when the TLBs have forgotten it, before its table's lock goes.
 *   (3) A page that leaves its object mapped is an orphan: the object's reference goes with the
 *       last entry. Nobody makes entries of it.
 *
 * And every entry is found, by whoever begins to look after it was made or makes sure that no other
 * is (a truncated page is no object's any more):
 *   (4) An area is on the list before it has entries. When it has left, its entries are about to be
 *       emptied; the count still knows them.
 *   (5) An area that grows goes to the end of the list, as does one that is new, before another may
 *       go or be cut whose entries become its own; and entries move only from an area to a later
 *       one. So no walk passes an entry by. It ends, for areas come slower than it goes.
 *
 * The list's lock is held for some areas at a time; a marker, an area without pages, keeps a walk's
 * place. Tables are found without the address space's mutex, under pmap's own lock.
 */
#include "mm/aspace_internal.h"
#include "mm/object_internal.h"

/* ---- The object's areas ---- */

void area_list_join(struct area *a)
{
	struct object *o = a->object;

	if (o == NULL)
		return;
	spin_lock(&o->areas_lock);
	list_remove(&a->object_link);
	list_push_back(&o->areas, &a->object_link);
	spin_unlock(&o->areas_lock);
}

void area_list_leave(struct area *a)
{
	struct object *o = a->object;

	spin_lock(&o->areas_lock);
	list_remove(&a->object_link);
	spin_unlock(&o->areas_lock);
}

void area_list_resize(struct area *a, virt_addr_t start, virt_addr_t end, uint64_t offset)
{
	struct object *o = a->object;

	spin_lock(&o->areas_lock);
	if (start < a->start || end > a->end) {
		list_remove(&a->object_link);
		list_push_back(&o->areas, &a->object_link);
	}
	a->start = start;
	a->end = end;
	a->offset = offset;
	spin_unlock(&o->areas_lock);
}

/* ---- Walks ---- */

/* areas looked at under one hold of the lock: most do not have the page, a visit takes some 150
 * instructions */
#define AREAS_HOLD 8

struct walk {
	struct object *object;
	struct page *page;
	/* An entry of the page, its table locked. False: the walk is over. */
	bool (*visit)(struct walk *w, struct pte *pte);
	struct area marker;
	struct tlb_batch batch;
	unsigned young, seen;
	bool locked, force;
};

static bool visit_area(struct walk *w, const struct area *a)
{
	uint64_t page = (uint64_t)w->page->u.file.index - a->offset; /* wraps when it lies before */
	struct pmap *pm;
	struct page *table;
	struct pte_view v;
	struct pte *pte;
	bool more = true;
	virt_addr_t va;

	if (page >= area_pages(a))
		return true;
	va = a->start + (page << PAGE_SHIFT);
	pm = &a->aspace->pmap;
	table = pmap_leaf_lock(pm, va);
	if (table == NULL)
		return true;
	pte = pmap_table_entry(table, leaf_index(va));
	pte_view(pte, &v);
	if (v.state == PTE_PRESENT && v.page == w->page)
		more = w->visit(w, pte);
	pmap_leaf_unlock(pm, table);
	return more;
}

/* Some areas behind the marker. False: there are no more, or not needed. areas_lock is held. */
static bool walk_some(struct walk *w)
{
	struct list *here = &w->marker.object_link;

	for (unsigned i = 0; i < AREAS_HOLD; i++) {
		struct list *next = here->next;

		if (next == &w->object->areas || rmap_file_count(w->page) == 0)
			return false;
		list_remove(here);
		list_insert_before(next->next, here);
		if (!visit_area(w, list_entry(next, struct area, object_link)))
			return false;
	}
	return true;
}

static void walk(struct walk *w)
{
	struct object *o = w->object;
	bool more;

	if (rmap_file_count(w->page) == 0)
		return;
	w->marker.start = w->marker.end = 0;
	w->marker.offset = 0;
	spin_lock(&o->areas_lock);
	list_push_front(&o->areas, &w->marker.object_link);
	do {
		more = walk_some(w);
		if (!more)
			list_remove(&w->marker.object_link);
		spin_unlock(&o->areas_lock);
		if (more)
			spin_lock(&o->areas_lock);
	} while (more);
}

/* ---- What walks are for ---- */

#define YOUNG_SAMPLE 21 /* entries asked for their age at most */

static bool visit_young(struct walk *w, struct pte *pte)
{
	struct pte_view v;

	pte_view(pte, &v);
	if (v.prot & PTE_LOCKED) {
		page_set_flag(
			w->page,
			PAGE_UNEVICTABLE); /* here, so that an munlock(2) after it clears it */
		w->locked = true;
	}
	w->young += pte_test_clear_young(pte);
	return ++w->seen < YOUNG_SAMPLE;
}

int rmap_file_young(struct page *p, bool *locked)
{
	struct walk w = { .page = p, .visit = visit_young };

	if (rmap_file_count(p) == 0)
		return 0;
	w.object = object_pin(p);
	if (w.object == NULL)
		return 0;
	walk(&w);
	object_put(w.object);
	*locked = w.locked;
	return (int)w.young;
}

static bool visit_unmap(struct walk *w, struct pte *pte)
{
	struct pte_view v;

	pte_view(pte, &v);
	if ((v.prot & PTE_LOCKED) && !w->force) {
		w->locked = true;
		return false;
	}
	pte_clear(pte, &w->batch);
	tlb_flush_only(&w->batch);
	ASSERT(!rmap_file_remove(w->page));
	return true;
}

int rmap_unmap_file(struct object *o, struct page *p, bool force)
{
	struct walk w = { .object = o, .page = p, .visit = visit_unmap, .force = force };

	tlb_batch_init(&w.batch, NULL);
	walk(&w);
	return rmap_file_count(p) == 0 ? 0 : -EAGAIN;
}

static bool visit_clean(struct walk *w, struct pte *pte)
{
	if (pte_write_protect(pte, &w->batch))
		tlb_flush_only(&w->batch);
	return true;
}

void rmap_clean(struct object *o, struct page *p)
{
	struct walk w = { .object = o, .page = p, .visit = visit_clean };

	/* Marked clean before entries are counted: who makes one counts it before it looks whether
	 * the page is dirty. */
	hw_mb();
	tlb_batch_init(&w.batch, NULL);
	walk(&w);
}
