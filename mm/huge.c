// SPDX-License-Identifier: MIT
/*
 * Blocks of 2 MB for private anonymous memory (transparent huge pages), and runs of 64 KB. A block
 * is made in one place: by the first fault in 2 MB that lie whole in one area which wants it, when
 * nothing is linked there yet and the buddy has a whole block to spare. The fault fills a leaf
 * table with 512 entries, and links it folded (mm/pmap.h): the hardware sees a block.
 *
 *    no table --huge_fault--> folded --any change of an entry--> 512 ordinary pages
 *                                ^                                       |
 *                                +-------huge_refold, huge_claimed-------+
 *
 * The 512 frames are single frames from the start, each with a reference and a reverse map of its
 * own, on the LRU lists: a block is how they are shown, not what they are. So whoever pages out,
 * unmaps, protects, forks or moves a part of it does what it does with pages; pmap unfolds at the
 * first change, in bounded time, without memory. That is also how reclaim takes a block: the page
 * daemon asks a page whether it was used, which a block cannot tell of its pages.
 *
 * Blocks come back where a call went over all of the 2 MB and left equal entries (mprotect), and
 * where a fork's other side has gone. Nobody collects scattered pages into blocks.
 *
 * Where no block can be had or does not fit, and in locked memory, which is filled at once anyway,
 * 16 pages are entered together as a run with the contiguous bit, if the buddy has them in one
 * piece. They too are single pages; pmap takes the bit away before one of them changes.
 *
 * A block costs a leaf table all the same, 0.2 % of its memory: that is what makes splitting it
 * infallible.
 */
#include "mm/huge.h"

#include "mm/aspace_internal.h"
#include "mm/buddy.h"

unsigned thp_mode = THP_MADVISE;

/* Are tables of a to be folded? */
static bool area_wants_blocks(const struct area *a)
{
	unsigned mode = READ_ONCE(thp_mode);

	if (a->flags & AREA_HUGETLB)
		return true;
	if (atomic_load(&a->aspace->marks) & SPACE_NO_HUGE)
		return false;
	if (a->object != NULL || (a->flags & (AREA_GROWSDOWN | AREA_STACK | AREA_NOHUGEPAGE)))
		return false;
	return mode == THP_ALWAYS || (mode == THP_MADVISE && (a->flags & AREA_HUGEPAGE));
}

static bool area_spans_leaf(const struct area *a, virt_addr_t va)
{
	virt_addr_t base = leaf_base(va);

	return a->start <= base && a->end >= base + LEAF_SPAN_BYTES;
}

bool area_may_have_block(const struct area *a)
{
	return !(a->flags & AREA_HUGETLB) && area_wants_blocks(a) &&
	       area_spans_leaf(a, ALIGN_UP(a->start, LEAF_SPAN_BYTES));
}

/* ---- Making blocks ---- */

bool block_possible(struct pmap *pm, virt_addr_t va)
{
	struct page *p;

	while (!pmap_uppers_present(pm, va) || !pmap_blocks_possible(pm, va)) {
		p = page_alloc(ALLOC_USER | ALLOC_ZERO);
		if (p == NULL)
			return false;
		if (!pmap_uppers_present(pm, va))
			pmap_table_add(pm, va, p);
		else
			pmap_blocks_enable(pm, va, p);
	}
	return true;
}

void block_fill(struct page *leaf, virt_addr_t base, struct page *frames, unsigned area_flags)
{
	unsigned prot = prot_of_flags(area_flags) | (area_flags & AREA_WRITE ? PTE_WRITE : 0);

	pmap_table_prepare(leaf, base);
	for (unsigned i = 0; i < HUGE_PAGES; i++) {
		struct page *p = frames + i;
		struct pte *pte = pmap_table_entry(leaf, i);

		p->type = PAGE_ANON;
		page_set_flag(p, PAGE_DIRTY);
		rmap_set_first(p, pte);
		pte_enter(pte, p, prot);
	}
}

/* The pages are on no list before the block is linked, so nobody takes one away from it
 * meanwhile. */
static void block_link(struct fault *f, struct page *leaf, struct page *frames)
{
	virt_addr_t base = leaf_base(f->va);

	block_fill(leaf, base, frames, f->area->flags);
	pmap_block_add(&f->as->pmap, base, leaf);
	for (unsigned i = 0; i < HUGE_PAGES; i++) {
		fault_mark_locked(f, frames + i);
		lru_add(frames + i);
	}
}

int huge_fault(struct fault *f)
{
	struct page *leaf, *frames;

	if (f->area->flags & AREA_HUGETLB)
		return hugetlb_fault(f);
	if (!area_wants_blocks(f->area) || !area_spans_leaf(f->area, f->va))
		return -EAGAIN;
	if (!block_possible(&f->as->pmap, f->va))
		return -EAGAIN;
	leaf = page_alloc(ALLOC_USER | ALLOC_ZERO);
	if (leaf == NULL)
		return -EAGAIN;
	frames = page_alloc_spare(HUGE_ORDER);
	if (frames == NULL) {
		page_put(leaf);
		vm_count(VM_THP_FAULT_FALLBACK, 1);
		return -EAGAIN;
	}
	block_link(f, leaf, frames);
	vm_count(VM_THP_FAULT_ALLOC, 1);
	return 0;
}

/* ---- Runs ---- */

#define RUN_ORDER 4
#define RUN_BYTES ((virt_addr_t)PTE_RUN * PAGE_SIZE)
_Static_assert(1 << RUN_ORDER == PTE_RUN, "a run is a block of the buddy");

/* May 16 pages be entered together around f's entry, which is none? */
static bool run_fits(const struct fault *f, const struct pte *pte)
{
	const struct area *a = f->area;
	virt_addr_t start = ALIGN_DOWN(f->va, RUN_BYTES);
	unsigned i = leaf_index(start);

	if ((a->flags & AREA_EXEC) || start < a->start || start + RUN_BYTES > a->end)
		return false;
	if (!(a->flags & AREA_LOCKED) ? !area_wants_blocks(a) : a->flags & AREA_LOCK_ON_FAULT)
		return false;
	return pmap_table_next(pte_table(pte), i, i + PTE_RUN) == i + PTE_RUN;
}

/* Entries that are none stay that while the mutex is held, so what run_fits() said holds with the
 * lock dropped. */
int huge_run(struct fault *f, struct pte *pte)
{
	struct page *table = pte_table(pte), *frames;
	int err;

	if (!run_fits(f, pte))
		return fault_single(f, pte);
	pmap_entry_unlock(pte);
	frames = page_alloc_spare(RUN_ORDER);
	if (frames == NULL) {
		err = fault_frame(f, true);
		if (err)
			return err;
		pmap_table_lock(table);
		fault_enter_anon(f, pte);
		return 0;
	}
	pte = pmap_table_entry(table, leaf_index(ALIGN_DOWN(f->va, RUN_BYTES)));
	for (unsigned i = 0; i < PTE_RUN; i++) {
		frames[i].type = PAGE_ANON;
		page_set_flag(frames + i, PAGE_DIRTY);
		rmap_set_first(frames + i, pte_next(pte, (int)i));
	}
	f->area->has_anon = true;
	pmap_table_lock(table);
	pte_enter_joined(pte, frames, prot_of_flags(f->area->flags) | PTE_WRITE);
	for (unsigned i = 0; i < PTE_RUN; i++)
		fault_mark_locked(f, frames + i);
	pmap_table_unlock(table);
	for (unsigned i = 0; i < PTE_RUN; i++)
		lru_add(frames + i);
	return 0;
}

/* ---- Folding again ---- */

void huge_refold(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	virt_addr_t va = ALIGN_UP(start, LEAF_SPAN_BYTES);

	for (va = pmap_next_leaf(&as->pmap, va, end); va < end && end - va >= LEAF_SPAN_BYTES;
	     va = pmap_next_leaf(&as->pmap, va + LEAF_SPAN_BYTES, end)) {
		struct area *a = area_covering(as, va);

		if (a != NULL && area_wants_blocks(a) && area_spans_leaf(a, va))
			(void)pmap_fold(&as->pmap, va);
	}
}

virt_addr_t huge_next(struct aspace *as, virt_addr_t va)
{
	struct page *leaf = pmap_leaf(&as->pmap, va);

	return leaf != NULL && table_folded(leaf) ? leaf_base(va) + LEAF_SPAN_BYTES
						  : va + PAGE_SIZE;
}

void huge_claimed(struct aspace *as, virt_addr_t va)
{
	struct area *a = area_covering(as, va);
	virt_addr_t base = leaf_base(va);

	if (table_resident(pmap_leaf(&as->pmap, va)) < HUGE_PAGES || a == NULL ||
	    !area_wants_blocks(a) || !area_spans_leaf(a, va))
		return;
	/* Those who have parted left the entries read-only. */
	protect_entries(as, base, base + LEAF_SPAN_BYTES, a->flags);
	(void)pmap_fold(&as->pmap, va);
}
