// SPDX-License-Identifier: MIT
/*
 * Folding: a leaf table whose 512 entries map one aligned 2 MB of frames, in order and with equal
 * rights, need not be shown to the hardware entry by entry. Its link may be a block descriptor of
 * level 2 instead (DDI 0487, D8.3.1), which one TLB entry holds.
 *
 *      level-2 table            side table                leaf table
 *      [table descriptor] -----------------------------> 512 entries            not folded
 *      [block: 2 MB]  . . . . . [frame of the leaf] ---> 512 entries, hidden    TABLE_FOLDED
 *           ^                                               | kinds.fold
 *           +-----------------------------------------------+
 *
 * The entries stay and stay true: the reverse map points at them, pte_view() reads them, the counts
 * count them. So nobody but this file, and whoever follows a link (leaf_of), knows of blocks.
 * Unfolding gives the link back: one break-before-make, no memory, no failure, whatever the number
 * of pages. pte.c does it when an entry changes in a way that hardware must see; a test for that
 * costs nothing, for TABLE_FOLDED lies in the word that says whether the table is shared, which is
 * asked anyway.
 *
 *       none --pmap_block_add--> folded --table_unfold--> unfolded --pmap_fold--> folded
 *       folded --pmap_block_remove--> none
 *
 * A link's states, as walkers (bit 0) and software (bit 1) read them:
 *
 *       0                  none
 *       table | 3          the entries are walked
 *       table | 2          being broken: hardware faults, software finds the table all the same
 *       block | 1          folded
 *
 * Runs are the small way to do the same: 16 entries of a leaf table, aligned, whose frames are
 * aligned and in order, may have the contiguous bit (D8.6.1), and the CPU one TLB entry for the 64
 * KB. They get it when they are entered together (pte_enter_joined), where nothing was, and lose it
 * all at once before one of them changes (run_split): all 16 invalid, each page's TLB entry
 * invalidated, since it is only a hint, and written again without the bit.
 *
 * Locks. Under the mutex of the address space any of these becomes any other. Who has a folded
 * table's lock alone (the page daemon, truncation) may unfold: so a link must not be changed
 * without either knowing that it shows no block, or that lock.
 *
 * Invariants
 *   (1) A folded table has one link, of which kinds.fold names the table; all its entries are
 *       present, young, and equal but for the frame's number, which counts up, and for what
 *       software alone keeps there.
 *   (2) While a block is live no TLB holds an entry of the table it stands for, nor the other way
 *       round: two sizes for one address are a TLB conflict (D8.14.1, "Using break-before-make").
 *       Folding live entries invalidates the ASID; unfolding invalidates the block by one address
 *       of it, which takes whatever the CPU made of its descriptor (D8.14.5).
 *   (3) A side table, once there, stays until its level-2 table goes; what it says of a link that
 *       shows no block is out of date.
 */
#include <arch_mmu.h>

#include "arch/arm64/pmap_internal.h"
#include "arch/arm64/tlb.h"
#include "kernel/log.h"

/* entries compared under one hold of the lock, five instructions each */
#define CHECK_CHUNK 64

uint32_t table_blocks, table_unfolds;

/* ---- Side tables ---- */

static pfn_t *side_entry(const struct pte *link)
{
	const struct page *upper = virt_to_page(link);
	pfn_t *side = page_to_virt(pfn_to_page(READ_ONCE(upper->kinds.fold)));

	return &side[((uintptr_t)link & (PAGE_SIZE - 1)) / sizeof(*link)];
}

struct page *leaf_folded(const struct pte *link)
{
	return pfn_to_page(READ_ONCE(*side_entry(link)));
}

struct page *side_remove(struct page *upper)
{
	struct page *side = pfn_to_page(upper->kinds.fold);

	upper->kinds.fold = 0;
	return side;
}

bool pmap_blocks_possible(struct pmap *pm, virt_addr_t va)
{
	const struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);

	return link && virt_to_page(link)->kinds.fold != 0;
}

void pmap_blocks_enable(struct pmap *pm, virt_addr_t va, struct page *side)
{
	struct page *upper = virt_to_page(pmap_entry_at(pm, va, LINK_LEVEL));

	ASSERT(upper->kinds.fold == 0);
	side->type = PAGE_TABLE;
	atomic_inc(&table_frames);
	WRITE_ONCE(upper->kinds.fold, page_to_pfn(side));
}

/* ---- Folding ---- */

#define SOFT_BITS (PTE_SW_LOCKED | PTE_SW_SPECIAL | PTE_SW_OWN | PTE_SW_FILE)

/* May an entry like this begin a block? */
static bool block_begins(uint64_t raw)
{
	return (raw & PTE_VALID) && (raw & PTE_AF) && !(raw & (PTE_SW_SPECIAL | PTE_CONT)) &&
	       IS_ALIGNED(pte_pa(raw), LEAF_SPAN);
}

/* The link's block for a table with this first entry; the table's lock is held, or nobody knows it.
 * The caller stores it. */
static uint64_t block_make(struct pte *link, struct page *leaf, uint64_t first)
{
	ASSERT(leaf->u.table.present == TABLE_ENTRIES && table_sharers(leaf) == 1);
	WRITE_ONCE(*side_entry(link), page_to_pfn(leaf));
	leaf->kinds.fold = page_to_pfn(virt_to_page(link));
	leaf->u.table.sharers = 1 | TABLE_FOLDED;
	if (!page_flag(leaf, PAGE_HUGETLB))
		atomic_inc(&table_blocks);
	dsb_ishst(); /* the side table, for readers without the mutex, and what the frames hold */
	return (first & ~(SOFT_BITS | PTE_TYPE_MASK)) | PTE_TYPE_BLOCK;
}

void pmap_block_add(struct pmap *pm, virt_addr_t va, struct page *leaf)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);
	uint64_t first = pte_load(table_entries(leaf));

	ASSERT(pte_load(link) == 0 && leaf->u.table.base == va >> LEAF_SHIFT);
	ASSERT(block_begins(first));
	upper_link(link, block_make(link, leaf, first));
}

/* Are entries [i, i + n) those of a block whose first is `first`? */
static bool run_fits(const struct pte *e, unsigned i, unsigned n, uint64_t first)
{
	uint64_t want = first + (uint64_t)i * PAGE_SIZE, differ = 0;

	for (unsigned end = i + n; i < end; i++, want += PAGE_SIZE)
		differ |= pte_load(&e[i]) ^ want;
	return (differ & ~(PTE_SW_LOCKED | PTE_SW_OWN)) == 0;
}

/* Replaces the entries by the block: the table's lock is held. */
static void fold_live(struct pmap *pm, struct pte *link, struct page *leaf, uint64_t first)
{
	pte_store(link, page_to_phys(leaf) | PTE_TABLE);
	tlb_flush_pmap(pm); /* the walk cache's entry and up to 512 pages: invariant (2) */
	upper_store(link, block_make(link, leaf, first));
}

bool pmap_fold(struct pmap *pm, virt_addr_t va)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL), *e;
	struct page *leaf = link ? leaf_of(link) : NULL;
	bool fits = false;
	uint64_t first;

	if (!leaf || virt_to_page(link)->kinds.fold == 0)
		return false;
	e = table_entries(leaf);
	for (unsigned i = 0; i < TABLE_ENTRIES; i += CHECK_CHUNK) {
		pmap_table_lock(leaf);
		first = pte_load(e);
		if (i == 0 && leaf->u.table.sharers == 1 &&
		    leaf->u.table.present == TABLE_ENTRIES && block_begins(first))
			leaf->u.table.sharers |= TABLE_CHECKED;
		/* Whoever changed an entry since the first look has taken the flag away. */
		fits = (leaf->u.table.sharers & TABLE_CHECKED) &&
		       run_fits(e, i, CHECK_CHUNK, first);
		if (fits && i == TABLE_ENTRIES - CHECK_CHUNK)
			fold_live(pm, link, leaf, first);
		if (!fits)
			leaf->u.table.sharers &= (uint16_t)~TABLE_CHECKED;
		pmap_table_unlock(leaf);
		if (!fits)
			break;
	}
	return fits;
}

/* ---- Unfolding ---- */

/* leaf's link does not show a block any more. */
static void block_gone(struct page *leaf)
{
	leaf->kinds.fold = 0;
	leaf->u.table.sharers = 1;
	if (!page_flag(leaf, PAGE_HUGETLB))
		atomic_dec(&table_blocks);
}

struct page *pmap_block_remove(struct pmap *pm, virt_addr_t va, struct tlb_batch *b)
{
	struct page *leaf = pmap_leaf(pm, va);
	bool folded;

	spin_lock(&pm->links);
	pmap_table_lock(leaf);
	folded = table_folded(leaf);
	if (folded) {
		upper_unlink(pmap_entry_at(pm, va, LINK_LEVEL));
		block_gone(leaf);
		if (!b->retired)
			tlb_batch_add(b, ALIGN_DOWN(va, LEAF_SPAN));
	}
	pmap_table_unlock(leaf);
	spin_unlock(&pm->links);
	return folded ? leaf : NULL;
}

void table_unfold(struct page *leaf, bool retired)
{
	struct page *upper = pfn_to_page(leaf->kinds.fold);
	struct pte *link = table_entries(upper) + leaf->u.table.base % TABLE_ENTRIES;
	uint64_t raw = page_to_phys(leaf) | PTE_TYPE_TABLE;

	if (leaf->u.table.sharers & TABLE_FOLDED) {
		pte_store(link, raw & ~PTE_VALID);
		if (retired)
			dsb_ishst(); /* no TLB knows anything of this address space; hidden entries
					before their table */
		else
			tlb_flush_page_all((virt_addr_t)leaf->u.table.base << LEAF_SHIFT);
		upper_store(link, raw);
		block_gone(leaf);
		atomic_inc(&table_unfolds);
	}
	leaf->u.table.sharers &= (uint16_t)~TABLE_FLAGS;
}

/* ---- Runs ---- */

void run_split(const struct pte *pte, bool retired)
{
	struct pte *e = (struct pte *)ALIGN_DOWN((uintptr_t)pte, RUN_ENTRIES * sizeof(*pte));
	uint64_t raw[RUN_ENTRIES];

	for (unsigned i = 0; i < RUN_ENTRIES; i++) {
		raw[i] = pte_load(&e[i]);
		ASSERT(raw[i] & PTE_CONT);
		pte_store(&e[i], 0);
	}
	if (!retired)
		tlb_flush_run_all(pte_address(e), RUN_ENTRIES);
	for (unsigned i = 0; i < RUN_ENTRIES; i++)
		pte_store(&e[i], raw[i] & ~PTE_CONT);
}
