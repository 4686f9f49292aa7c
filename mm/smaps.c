// SPDX-License-Identifier: MIT
/*
 * Measuring areas by a walk over their leaf entries.
 *
 * How many share a page: the entries in its reverse map, each as often as its table is shared after
 * a fork. Counting stops after a few dozen entries (rmap_sharers), which bounds the time under the
 * locks: Pss comes out too large for a page that more entries map.
 */
#include "mm/smaps.h"

#include "kernel/log.h"
#include "mm/rmap.h"
#include "mm/swap.h"

/* entries under one hold of a table's lock: the sharers of each are counted, up to some 56 */
#define BATCH      2u
#define LEAF_SPAN  ((virt_addr_t)1 << 21)
#define LEAF_PAGES (LEAF_SPAN >> PAGE_SHIFT)

static void measure_present(struct area_usage *u, const struct pte *pte, const struct pte_view *v,
			    bool disk)
{
	const struct page *p = v->page;
	bool anon = p->type == PAGE_ANON;
	bool dirty = v->prot & PTE_WRITE || page_flag(p, PAGE_DIRTY);
	unsigned sharers = MAX(rmap_sharers(v->page, pte), 1u);
	uint64_t part = ((uint64_t)PAGE_SIZE << PSS_SHIFT) / sharers;

	u->rss += PAGE_SIZE;
	u->pss += part;
	u->referenced += v->young ? PAGE_SIZE : 0;
	u->anonymous += anon ? PAGE_SIZE : 0;
	u->lazy_free += anon && page_is_lazy(p) ? PAGE_SIZE : 0;
	u->pss_dirty += dirty ? part : 0;
	if (anon)
		u->pss_anon += part;
	else if (disk)
		u->pss_file += part;
	else
		u->pss_shmem += part;
	if (sharers > 1)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += PAGE_SIZE;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += PAGE_SIZE;
}

static void measure_entry(struct area_usage *u, const struct pte *pte, bool disk)
{
	struct pte_view v;

	pte_view(pte, &v);
	if (v.state == PTE_SWAPPED) {
		unsigned tables = table_sharers(pte_table(pte));
		unsigned sharers = MAX(slot_entries(v.slot) + tables - 1, 1u);

		u->swap += PAGE_SIZE;
		u->swap_pss += ((uint64_t)PAGE_SIZE << PSS_SHIFT) / sharers;
	} else if (v.state == PTE_PRESENT && !(v.prot & PTE_SPECIAL)) {
		measure_present(u, pte, &v, disk);
	}
}

static void measure_unit(struct area_usage *u, struct page *leaf)
{
	struct pte *pte = pmap_table_entry(leaf, 0);
	struct pte_view v;

	pmap_table_lock(leaf);
	pte_view(pte, &v);
	if (v.state == PTE_PRESENT)
		*(rmap_sharers(v.page, pte) > 1 ? &u->shared_huge : &u->private_huge) += LEAF_SPAN;
	pmap_table_unlock(leaf);
}

/* Huge pages are there as units: a fork shares them by the table, mappings of a file by the
 * frames. */
static void measure_huge(const struct area *a, struct area_usage *u)
{
	struct pmap *pm = &a->aspace->pmap;

	for (virt_addr_t va = pmap_next_leaf(pm, a->start, a->end); va < a->end;
	     va = pmap_next_leaf(pm, va + LEAF_SPAN, a->end))
		measure_unit(u, pmap_leaf(pm, va));
}

/* Files that no disk backs count as shared memory. */
static bool area_of_disk(const struct area *a)
{
	return a->object && a->object->ops->read_page;
}

static bool entry_is_none(const struct area *a, virt_addr_t va)
{
	struct pte *pte = pmap_entry_lock(&a->aspace->pmap, va);
	bool none = !pte || pte_is_none(pte);

	if (pte)
		pmap_entry_unlock(pte);
	return none;
}

/* Pages of shared memory that are in swap have no entries: the object knows of them. */
static void measure_swapped(const struct area *a, struct area_usage *u)
{
	uint32_t first = (uint32_t)a->offset, index = first;
	uint32_t last = first + (uint32_t)((a->end - a->start) >> PAGE_SHIFT) - 1;

	for (; object_next_swapped(a->object, &index, last); index++) {
		if (entry_is_none(a, a->start + ((virt_addr_t)(index - first) << PAGE_SHIFT)))
			u->swap += PAGE_SIZE;
		if (index == last)
			break;
	}
}

void area_measure(const struct area *a, struct area_usage *u)
{
	bool disk = area_of_disk(a);
	struct pmap *pm = &a->aspace->pmap;
	virt_addr_t va = pmap_next_leaf(pm, a->start, a->end);

	if (a->flags & AREA_HUGETLB) {
		measure_huge(a, u);
		return;
	}
	while (va < a->end) {
		virt_addr_t end = MIN(ALIGN_DOWN(va, LEAF_SPAN) + LEAF_SPAN, a->end);
		unsigned n = (unsigned)MIN((end - va) >> PAGE_SHIFT, (virt_addr_t)BATCH);
		struct pte *pte = pmap_entry_lock(pm, va);

		if (!pte) {
			va = pmap_next_leaf(pm, end, a->end);
			continue;
		}
		if (table_folded(pte_table(pte)))
			u->blocks += (uint64_t)n << PAGE_SHIFT;
		for (unsigned i = 0; i < n; i++)
			measure_entry(u, pte_next(pte, (int)i), disk);
		pmap_entry_unlock(pte);
		va += (virt_addr_t)n << PAGE_SHIFT;
		if (va == end)
			va = pmap_next_leaf(pm, va, a->end);
	}
	if (a->object && !disk)
		measure_swapped(a, u);
}

/* Entries of a that map pages of its object. */
static uint64_t file_entries(const struct area *a)
{
	struct pmap *pm = &a->aspace->pmap;
	uint64_t n = 0;

	for (virt_addr_t va = pmap_next_leaf(pm, a->start, a->end); va < a->end;
	     va = pmap_next_leaf(pm, va + PAGE_SIZE, a->end)) {
		struct pte *pte = pmap_entry_lock(pm, va);
		struct pte_view v;

		pte_view(pte, &v);
		n += v.state == PTE_PRESENT && v.page->type == PAGE_FILE;
		pmap_entry_unlock(pte);
	}
	return n;
}

uint64_t aspace_shmem(struct aspace *as)
{
	struct pmap_usage usage;
	bool disk = false;
	uint64_t n = 0;

	for (struct area *a = area_first(as); a; a = area_next(a))
		disk |= area_of_disk(a);
	pmap_usage(&as->pmap, &usage);
	if (!disk)
		return usage.file;
	for (struct area *a = area_first(as); a; a = area_next(a))
		if (a->object && !area_of_disk(a) && !(a->flags & AREA_HUGETLB))
			n += file_entries(a);
	return n;
}

static void place_of(const struct pte *pte, struct page_place *place)
{
	struct pte_view v;

	pte_view(pte, &v);
	if (v.state == PTE_SWAPPED) {
		place->swapped = true;
		place->slot = v.slot;
	} else if (v.state == PTE_PRESENT) {
		place->present = true;
		place->pfn = page_to_pfn(v.page);
		place->file = v.page->type == PAGE_FILE;
		place->exclusive = !(v.prot & PTE_SPECIAL) && rmap_sharers(v.page, pte) == 1;
	}
}

void aspace_places(struct aspace *as, virt_addr_t va, unsigned n, struct page_place *place)
{
	ASSERT((va >> PAGE_SHIFT) % LEAF_PAGES + n <= LEAF_PAGES);
	for (unsigned done = 0; done < n;) {
		unsigned part = MIN(n - done, BATCH);
		struct pte *pte =
			pmap_entry_lock(&as->pmap, va + ((virt_addr_t)done << PAGE_SHIFT));

		for (unsigned i = 0; i < part; i++) {
			place[done + i] = (struct page_place){ 0 };
			if (pte)
				place_of(pte_next(pte, (int)i), &place[done + i]);
		}
		if (pte)
			pmap_entry_unlock(pte);
		done += part;
	}
}
