// SPDX-License-Identifier: MIT
/*
 * Areas of huge pages (AREA_HUGETLB): private anonymous memory, and mappings of objects of huge
 * pages (huge_object.c), shared or private. Units of the pool (huge_pool.c) are promised when they
 * are mapped, and never paged out.
 *
 * A unit is mapped like any block: by a leaf table with 512 entries, folded (mm/huge.c). Units are
 * never mapped, unmapped, protected or moved by parts, for areas begin and end on 2 MB borders
 * (area_split asks). A leaf table maps
 *
 *     own frames       (PAGE_ANON) of a private area: the unit that its promise was for. A fork
 *                      shares the table; the first who writes gets a copy of the whole unit, in a
 *                      table of its own, or SIGBUS when the pool is empty
 *     object's frames  (PAGE_FILE), each entry counted like any of an object's page; of a private
 *                      area read-only, until a store makes a copy
 *     nothing any more, when truncation took the object's frames, or a private area's own ones: the
 *                      next fault finds the table so and makes another
 *
 * Promises of private areas. One with AREA_HUGE_OWNER was promised its units by mmap(2); those that
 * have no own frames yet are in the pool's `reserved`. Nothing else is stored: making own frames
 * uses a promise up, unmapping the area gives those back that were left. A child of a fork owns no
 * promises, and neither does what MADV_DONTNEED has emptied, or an area that truncation took copies
 * from: they get what is free and not promised, or SIGBUS. Shared areas have promises with their
 * object.
 */
#include "mm/aspace_internal.h"
#include "mm/huge_object.h"

/* ---- Promises ---- */

static bool area_of_object(const struct area *a)
{
	return a->object != NULL && !area_is_private(a);
}

int hugetlb_promise(struct area *like, uint64_t *call)
{
	int err;

	if (like->flags & AREA_NORESERVE)
		return 0;
	if (area_of_object(like))
		return huge_object_reserve(like->object, area_index(like, like->start),
					   area_units(like), call);
	err = units_reserve(area_units(like));
	if (err == 0)
		like->flags |= AREA_HUGE_OWNER;
	return err;
}

void hugetlb_promise_undo(const struct area *like, uint64_t call)
{
	if (like->flags & AREA_HUGE_OWNER)
		units_unreserve(area_units(like));
	else if (area_of_object(like))
		huge_object_unreserve(like->object, call);
}

/* Does va's leaf table map frames that a private area has for itself? */
static bool unit_is_own(struct pmap *pm, virt_addr_t va)
{
	struct page *leaf = pmap_leaf(pm, va);
	struct pte_view v;

	if (leaf == NULL)
		return false;
	pte_view(pmap_table_entry(leaf, 0), &v);
	return v.state == PTE_PRESENT && v.page->type == PAGE_ANON;
}

uint64_t hugetlb_promised(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *a = area_first_in(as, start, end);
	uint64_t n = 0;

	for (; a != NULL && a->start < end; a = area_next(a)) {
		virt_addr_t va = MAX(a->start, start), stop = MIN(a->end, end);

		if (!(a->flags & AREA_HUGE_OWNER))
			continue;
		n += (stop - va) >> HUGE_SHIFT;
		for (va = pmap_next_leaf(&as->pmap, va, stop); va < stop;
		     va = pmap_next_leaf(&as->pmap, va + HUGE_SIZE, stop))
			n -= unit_is_own(&as->pmap, va);
	}
	return n;
}

void hugetlb_forgo(uint64_t units)
{
	if (units > 0)
		units_unreserve(units);
}

void hugetlb_disown(struct aspace *as, struct area *a)
{
	hugetlb_forgo(hugetlb_promised(as, a->start, a->end));
	area_set_flags(as, a, a->flags & ~(unsigned)AREA_HUGE_OWNER);
}

/* ---- Faults and copies ---- */

/* A leaf table for base, not linked, that maps a unit which was taken for it. NULL: no memory. */
static struct page *own_table(struct area *a, virt_addr_t base, struct page *unit)
{
	struct page *leaf = page_alloc(ALLOC_USER | ALLOC_ZERO);

	if (leaf == NULL)
		return NULL;
	page_set_flag(leaf, PAGE_HUGETLB);
	unit_prepare(unit, PAGE_ANON);
	block_fill(leaf, base, unit, a->flags);
	area_note_anon(a);
	return leaf;
}

/* The same for a unit of a's object, whose mutex is held. */
static struct page *object_table(struct area *a, virt_addr_t base, struct page *unit)
{
	bool write = (a->flags & AREA_WRITE) && !area_is_private(a);
	struct page *leaf = page_alloc(ALLOC_USER | ALLOC_ZERO);

	if (leaf == NULL)
		return NULL;
	page_set_flag(leaf, PAGE_HUGETLB);
	pmap_table_prepare(leaf, base);
	for (unsigned i = 0; i < HUGE_PAGES; i++) {
		rmap_file_add(unit + i);
		pte_enter(pmap_table_entry(leaf, i), unit + i,
			  prot_of_flags(a->flags) | (write ? PTE_WRITE : 0));
	}
	return leaf;
}

/* Own frames for f's unit, with what `from` holds (NULL: zeroes), in *leaf. 0, -ENOMEM, -ENXIO (the
 * pool is empty). */
static int own_unit(struct fault *f, struct page *from, struct page **leaf)
{
	bool promised = f->area->flags & AREA_HUGE_OWNER;
	struct page *unit = unit_take(promised);

	if (unit == NULL)
		return -ENXIO;
	for (unsigned i = 0; i < HUGE_PAGES; i++)
		if (from != NULL)
			hw_copy_page(page_to_virt(unit + i), page_to_virt(from + i));
		else
			hw_clear_page(page_to_virt(unit + i));
	*leaf = own_table(f->area, leaf_base(f->va), unit);
	if (*leaf == NULL)
		unit_untake(unit, promised);
	return *leaf != NULL ? 0 : -ENOMEM;
}

/* A table for f's unit of an object, whose mutex is held. */
static int object_unit(struct fault *f, struct page **leaf)
{
	bool private = area_is_private(f->area);
	struct object *o = f->area->object;
	struct page *unit;
	int err;

	unit = huge_object_unit_locked(o, area_index(f->area, leaf_base(f->va)), !private, &err);
	if (err == 0 && private && (unit == NULL || (f->access & FAULT_WRITE))) {
		err = own_unit(f, unit, leaf);
	} else if (err == 0) {
		*leaf = object_table(f->area, leaf_base(f->va), unit);
		err = *leaf != NULL ? 0 : -ENOMEM;
	}
	return err;
}

/* Likewise, and links it. */
static int unit_enter(struct fault *f, virt_addr_t base)
{
	struct page *leaf;
	int err = f->area->object != NULL ? object_unit(f, &leaf) : own_unit(f, NULL, &leaf);

	if (err)
		return err;
	/* What maps the object's frames, or nothing any more. */
	if (pmap_leaf(&f->as->pmap, base) != NULL)
		zap_range(f->as, base, base + LEAF_SPAN_BYTES);
	pmap_block_add(&f->as->pmap, base, leaf);
	return 0;
}

int hugetlb_fault(struct fault *f)
{
	struct object *o = f->area->object;
	virt_addr_t base = leaf_base(f->va);
	int err;

	if (!block_possible(&f->as->pmap, base))
		return -ENOMEM;
	/* All who change its pages hold it: the unit stays, and who truncates finds the table. */
	if (o != NULL)
		mutex_lock(&o->mutex);
	err = unit_enter(f, base);
	if (o != NULL)
		mutex_unlock(&o->mutex);
	return err;
}

/* As long as the table is shared nobody can write: the contents stand still. */
int hugetlb_unshare(struct aspace *as, struct area *a, virt_addr_t va)
{
	virt_addr_t base = leaf_base(va);
	struct page *unit, *copy, *old;
	struct pte_view v;

	/* What is not a private area's own can be had again. */
	if (!unit_is_own(&as->pmap, va)) {
		zap_range(as, base, base + LEAF_SPAN_BYTES);
		return 0;
	}
	unit = unit_take(false);
	if (unit == NULL)
		return -ENXIO;
	pte_view(pmap_table_entry(pmap_leaf(&as->pmap, va), 0), &v);
	for (unsigned i = 0; i < HUGE_PAGES; i++)
		hw_copy_page(page_to_virt(unit + i), page_to_virt(v.page + i));
	copy = own_table(a, base, unit);
	if (copy == NULL) {
		unit_untake(unit, false);
		return -ENOMEM;
	}
	vm_count(VM_UNSHARE, 1);
	old = pmap_leaf_replace(&as->pmap, va, copy);
	if (old != NULL)
		table_discard(as, old);
	if (block_possible(&as->pmap, va))
		(void)pmap_fold(&as->pmap, va);
	return 0;
}

/* ---- Calls ---- */

bool hugetlb_may_cut(struct aspace *as, virt_addr_t at)
{
	struct area *a = IS_ALIGNED(at, HUGE_SIZE) ? NULL : area_covering(as, at);

	return a == NULL || a->start == at || !(a->flags & AREA_HUGETLB);
}

virt_addr_t hugetlb_place(struct aspace *as, virt_addr_t hint, uint64_t length)
{
	virt_addr_t at = ALIGN_UP(hint, HUGE_SIZE), room = length + HUGE_SIZE - PAGE_SIZE;

	if (hint != 0 && user_pages_ok(at, length) && area_first_in(as, at, at + length) == NULL)
		return at;
	at = area_find_gap(as, USER_MIN, as->mmap_base, room);
	if (at == 0)
		at = area_find_gap(as, as->mmap_base, USER_TOP, room);
	return at != 0 ? ALIGN_DOWN(at + HUGE_SIZE - PAGE_SIZE, HUGE_SIZE) : 0;
}

/* The units go; what is faulted in afterwards is not promised any more. */
int hugetlb_drop(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	int err;

	end = ALIGN_DOWN(end, HUGE_SIZE);
	if (!IS_ALIGNED(start, HUGE_SIZE))
		return -EINVAL;
	if (start >= end)
		return 0;
	err = area_isolate(as, start, end);
	if (err)
		return err;
	hugetlb_disown(as, area_covering(as, start));
	zap_range(as, start, end);
	return 0;
}

void hugetlb_moved(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	for (virt_addr_t va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va + HUGE_SIZE, end)) {
		page_set_flag(pmap_leaf(&as->pmap, va), PAGE_HUGETLB);
		if (block_possible(&as->pmap, va))
			(void)pmap_fold(&as->pmap, va);
	}
}
