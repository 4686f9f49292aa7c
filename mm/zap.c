// SPDX-License-Identifier: MIT
/*
 * Emptying entries: munmap, exit, MADV_DONTNEED, the reaper. A range is walked leaf table by leaf
 * table, and each table in chunks of CHUNK_ENTRIES under its lock, so that no lock is held long.
 * Frames go on a batch and are freed only after the TLBs have forgotten them.
 *
 * A leaf table that other address spaces share is not emptied: this address space drops its link,
 * and the last sharer finds the table its own.
 */
#include "mm/aspace_internal.h"

/* Giving a slot up takes about three times as long as a page: 190 instructions. */
#define SLOT_COST 3

/* Empties one entry; its table's lock is held and the batch has room. Returns what that cost, in
 * pages; 0: it was none. */
static inline int zap_entry(struct pte *pte, struct tlb_batch *b)
{
	struct pte_view v;

	pte_take(pte, &v, b);
	if (v.state == PTE_NONE)
		return 0;
	if (v.state == PTE_SWAPPED) {
		slot_put(v.slot);
		return SLOT_COST;
	}
	if (!(v.prot & PTE_SPECIAL)) {
		/* Once the reverse map has lost the entry the page may be cleaned: no CPU may store through it then. */
		if (unlikely((v.prot & PTE_WRITE) && page_flag(v.page, PAGE_DISK)))
			tlb_flush_only(b);
		rmap_remove(v.page, pte);
		if (v.prot & PTE_LOCKED)
			lru_set_unevictable(v.page, false);
		tlb_batch_page(b, v.page);
	}
	return 1;
}

void zap_table(struct page *table, unsigned from, unsigned to, struct tlb_batch *b)
{
	while (from < to) {
		int room = CHUNK_ENTRIES, cost;

		if (b->npages + CHUNK_ENTRIES > TLB_BATCH_PAGES)
			tlb_flush(b);
		pmap_table_lock(table);
		while (room > 0 && from < to) {
			if (table->u.table.present + table->u.table.swapped == 0)
				from = to; /* the rest is none, without looking */
			else if ((cost = zap_entry(pmap_table_entry(table, from++), b)) > 0)
				room -= cost;
			else
				from = pmap_table_next(table, from, to);
		}
		pmap_table_unlock(table);
	}
}

/* Unlinks the leaf table of va; what is to be freed goes on the batch. */
static void table_unlink(struct aspace *as, virt_addr_t va, struct tlb_batch *b)
{
	struct page *table;

	if (tlb_batch_full(b))
		tlb_flush(b);
	table = pmap_table_remove(&as->pmap, va, b);
	if (table != NULL)
		tlb_batch_page(b, table);
}

/* Drops as's link to the leaf table of va when others share it. True: it is gone. */
static bool table_drop_shared(struct aspace *as, virt_addr_t va, struct tlb_batch *b)
{
	/* The last other sharer may go between the two questions: then ask again. */
	while (pmap_leaf_shared(&as->pmap, va) && !pmap_leaf_claim(&as->pmap, va)) {
		table_unlink(as, va, b);
		if (pmap_leaf(&as->pmap, va) == NULL)
			return true;
	}
	return false;
}

/* Empties all of va's 2 MB if they are a block, and frees its table: one TLB invalidation for 512 pages. False: they are none. */
static bool zap_block(struct aspace *as, virt_addr_t va, struct tlb_batch *b)
{
	bool retired = b->retired;
	struct page *table;

	if (!table_folded(pmap_leaf(&as->pmap, va)))
		return false;
	table = pmap_block_remove(&as->pmap, va, b);
	if (table == NULL)
		return false;
	tlb_flush(b);
	b->retired = true; /* of what the table holds no TLB knows anything */
	zap_table(table, 0, (unsigned)bytes_to_pages(LEAF_SPAN_BYTES), b);
	tlb_flush(b);
	b->retired = retired;
	page_put(table);
	return true;
}

/* True when no area lies in the 2 MB of va's leaf table. */
static bool table_vacant(struct aspace *as, virt_addr_t va)
{
	return area_first_in(as, leaf_base(va), leaf_base(va) + LEAF_SPAN_BYTES) == NULL;
}

void zap_range(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct tlb_batch b;
	virt_addr_t va, stop;

	tlb_batch_init(&b, &as->pmap);
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, stop, end)) {
		unsigned from = leaf_index(va);

		stop = leaf_end(va, end);
		if (table_drop_shared(as, va, &b) ||
		    (stop - va == LEAF_SPAN_BYTES && zap_block(as, va, &b)))
			continue;
		zap_table(pmap_leaf(&as->pmap, va), from,
			  from + (unsigned)bytes_to_pages(stop - va), &b);
		/* Without a table the next fault may make a block. */
		if (stop - va == LEAF_SPAN_BYTES || table_vacant(as, va))
			table_unlink(as, va, &b);
	}
	tlb_flush(&b);
}

/* True when a is the last area under the leaf table that ends at `top`. */
static bool last_in_table(struct area *a, virt_addr_t top)
{
	struct area *next = a->end < top ? area_next(a) : NULL;

	return next == NULL || next->start >= top;
}

/* Empties what a maps, and frees the tables of which it is the last user. Returns pages that were
 * resident, those of shared tables counted where their first area is. */
static uint64_t zap_area(struct aspace *as, struct area *a, struct tlb_batch *b)
{
	virt_addr_t va, stop, end = a->end;
	uint64_t pages = 0;

	for (va = pmap_next_leaf(&as->pmap, a->start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, stop, end)) {
		struct page *table = pmap_leaf(&as->pmap, va);
		unsigned from = leaf_index(va), present = table_resident(table);

		stop = leaf_end(va, end);
		if (table_drop_shared(as, va, b) ||
		    (stop - va == LEAF_SPAN_BYTES && zap_block(as, va, b))) {
			pages += present;
			continue;
		}
		zap_table(table, from, from + (unsigned)bytes_to_pages(stop - va), b);
		pages += present - table_resident(table);
		if (last_in_table(a, leaf_base(va) + LEAF_SPAN_BYTES))
			table_unlink(as, va, b);
	}
	return pages;
}

uint64_t zap_all(struct aspace *as)
{
	uint64_t pages = 0;
	struct tlb_batch b;

	pmap_retire(&as->pmap);
	tlb_batch_init(&b, &as->pmap);
	b.retired = true;
	for (struct area *a = area_first(as); a != NULL; a = area_next(a))
		pages += zap_area(as, a, &b);
	tlb_flush(&b);
	return pages;
}
