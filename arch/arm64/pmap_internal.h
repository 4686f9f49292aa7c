// SPDX-License-Identifier: MIT
// What pmap.c and pmap_share.c have in common.
#ifndef ARCH_ARM64_PMAP_INTERNAL_H
#define ARCH_ARM64_PMAP_INTERNAL_H

#include <arch_mmu.h>

#include "mm/pmap.h"

#define RUN_ENTRIES ((unsigned)PTE_RUN)
#define LINK_LEVEL  2 /* its entries, the links, point at leaf tables */

static inline struct pte *table_entries(const struct page *table)
{
	return page_to_virt(table);
}

static inline struct page *entry_target(uint64_t raw)
{
	return phys_to_page(pte_pa(raw));
}

/* The leaf table behind a link that shows a block (pmap_fold.c). */
struct page *leaf_folded(const struct pte *link);

/* The leaf table that a link stands for, or NULL. PTE_TABLE alone tells: a link that is being
 * broken names its table without PTE_VALID. */
static inline struct page *leaf_of(const struct pte *link)
{
	uint64_t raw = pte_load(link);

	if (likely(raw & PTE_TABLE))
		return entry_target(raw);
	return raw ? leaf_folded(link) : NULL;
}

/* A store to an upper table that walkers must see from here on (D8.2.6). */
static inline void upper_store(struct pte *e, uint64_t raw)
{
	pte_store(e, raw);
	dsb_ishst();
}

/* Makes a valid entry in an upper table that had none there. */
void upper_link(struct pte *e, uint64_t raw);
/* Empties an entry of an upper table, for good. */
void upper_unlink(struct pte *e);
/* The same for a link, for whoever finds tables without the mutex. */
void leaf_unlink(struct pmap *pm, struct pte *link);
/* The entry of va in its table of `level`; NULL when a table above is missing. */
struct pte *pmap_entry_at(const struct pmap *pm, virt_addr_t va, unsigned level);
/* An entry of a table with TABLE_FLAGS has changed, or is about to: the hardware sees the entries
 * again. Break-before-make, complete on return; without invalidation when the table's address space
 * is retired. The table's lock is held. */
void table_unfold(struct page *table, bool retired);
/* The 16 entries of a run, of which `pte` is one, lose the contiguous bit: break-before-make,
 * complete on return (retired: without invalidation). The table's lock is held. */
void run_split(const struct pte *pte, bool retired);
/* Takes the side table away from a level-2 table that is going, to be freed. */
struct page *side_remove(struct page *upper);
/* One sharer less, whose link is gone and flushed, or is nobody's to read. False, and nothing done,
 * when it was the only one. */
bool leaf_unshare(struct page *leaf) MUST_CHECK;

#endif
