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

/* The reverse map loses the entry, empty already, that mapped p. True: there is a reference of p to
 * drop. */
static inline bool entry_forget(struct page *p, struct pte *pte, struct tlb_batch *b)
{
	if (p->type == PAGE_FILE) {
		tlb_flush_only(b); /* nothing but the count keeps it */
		return rmap_file_remove(p);
	}
	rmap_remove(p, pte);
	return true;
}

/* Empties one entry that does not go in a run; its table's lock is held and the batch has room.
 * Giving a slot up takes 1,200 instructions and more, when what was packed goes and the page that
 * was bound. */
static void zap_entry(struct pte *pte, struct tlb_batch *b)
{
	struct pte_view v;

	pte_take(pte, &v, b);
	if (v.state == PTE_SWAPPED) {
		slot_put(v.slot);
	} else if (v.state != PTE_NONE && !(v.prot & PTE_SPECIAL)) {
		if (v.prot & PTE_LOCKED)
			lru_set_unevictable(v.page, false);
		if (entry_forget(v.page, pte, b))
			tlb_batch_page(b, v.page);
	}
}

/* Empties a chunk of [from, to), the table's lock held: returns where it ended. Most often all of
 * it are present entries, one like the other; of what else there is one at a time. What the reverse
 * map needs no more is *gone. */
static unsigned zap_chunk(struct page *table, unsigned from, unsigned to, struct tlb_batch *b,
			  uintptr_t *gone)
{
	struct pte_taken taken;

	from = pte_take_run(table, from, to, &taken, b);
	if (taken.file)
		tlb_flush_only(b); /* as in entry_forget() */
	*gone = rmap_remove_taken(&taken, b);
	if (likely(!taken.odd) || taken.cost > CHUNK_ENTRIES / 2)
		return from;
	zap_entry(pmap_table_entry(table, from), b);
	return from + 1;
}

void zap_table(struct page *table, unsigned from, unsigned to, struct tlb_batch *b)
{
	/* Nobody makes entries meanwhile, so what is none stays none. */
	while ((from = pmap_table_next(table, from, to)) < to) {
		uintptr_t gone;

		if (b->npages + CHUNK_ENTRIES > TLB_BATCH_PAGES)
			tlb_flush(b);
		pmap_table_lock(table);
		from = zap_chunk(table, from, to, b, &gone);
		pmap_table_unlock(table);
		if (unlikely(gone != 0))
			rmap_free(gone);
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
	while (as->shares && pmap_leaf_shared(&as->pmap, va) && !pmap_leaf_claim(&as->pmap, va)) {
		table_unlink(as, va, b);
		if (pmap_leaf(&as->pmap, va) == NULL)
			return true;
	}
	return false;
}

/* Empties all of va's 2 MB if they are a block, and frees its table: one TLB invalidation for 512
 * pages. False: they are none. */
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

/* The table of va is empty and no area needs it. One such table is kept, the last: who maps and
 * unmaps a page again and again comes back to it. */
static void table_spare(struct aspace *as, virt_addr_t va, struct tlb_batch *b)
{
	virt_addr_t base = leaf_base(va), spare = as->spare_table;

	if (spare != 0 && spare != base && pmap_leaf(&as->pmap, spare) != NULL &&
	    table_vacant(as, spare))
		table_unlink(as, spare, b);
	as->spare_table = base;
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
		if (stop - va == LEAF_SPAN_BYTES)
			table_unlink(as, va, &b);
		else if (table_vacant(as, va))
			table_spare(as, va, &b);
	}
	tlb_flush(&b);
}

uint64_t zap_all(struct aspace *as)
{
	uint64_t pages = 0;
	struct tlb_batch b;
	virt_addr_t va;

	pmap_retire(&as->pmap);
	tlb_batch_init(&b, &as->pmap);
	b.retired = true;
	for (va = pmap_next_leaf(&as->pmap, USER_MIN, USER_TOP); va < USER_TOP;
	     va = pmap_next_leaf(&as->pmap, leaf_end(va, USER_TOP), USER_TOP)) {
		struct page *table = pmap_leaf(&as->pmap, va);

		pages += table_resident(table);
		if (table_drop_shared(as, va, &b) || zap_block(as, va, &b))
			continue;
		zap_table(table, 0, LEAF_SPAN_BYTES / PAGE_SIZE, &b); /* the table goes with pmap */
	}
	tlb_flush(&b);
	return pages;
}
