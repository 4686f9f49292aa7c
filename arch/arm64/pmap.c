// SPDX-License-Identifier: MIT
/*
 * The pmap: translation tables of one address space and how they are linked, shared and taken apart
 * (mm/pmap.h is the contract). The entries of leaf tables are pte.c's, invalidation tlb.c's, ASIDs
 * and TTBR0 asid.c's.
 *
 *    level 0           level 1          level 2             level 3: leaf tables, 2 MB each
 *   root of A ------> table ---------> table --[link]-----> T (sharers 1)
 *                                        \----[link, RO]--> S (sharers 2)
 *   root of B ------> table ---------> table --[link, RO]---/
 *
 * A link is the level-2 descriptor that points at a leaf table. A fork makes two links to one table
 * and sets APTable[1] in both (DDI 0487, D8.4.2 "Hierarchical control of data access permissions"):
 * whatever the entries say, nobody can store, so one write protects 512 pages. A store faults; mm/
 * then claims the table (last sharer: the bit is cleared again) or replaces the link by a link to a
 * copy.
 *
 * Locks. Links and the tables above them: the address space's mutex; each address space has its own
 * upper tables. Leaf entries, counts and sharers: the leaf table's spin lock (u.table.lock). A leaf
 * table stays linked while the mutex of one of its address spaces is held or its lock is held by
 * somebody who found an entry in the reverse map.
 *
 * Invariants
 *   (1) u.table.sharers of a leaf table is the number of links to it; with more than one, every
 *       link has APTable[1].
 *   (2) u.table.present and swapped count its entries in these states; kinds counts what of the
 *       present is not anonymous.
 *   (3) An upper table that is linked has at least been given its contents and a DSB before
 *       (D8.2.6): a walk never sees its past.
 *   (4) Before a sharer gives up its link for good (sharers falls), no TLB holds anything it read
 *       through that link. So whoever remains alone may invalidate by its own ASID.
 *   (5) A table leaves its address space only after, or on a batch that is freed only after, its
 *       walk-cache entries were invalidated.
 *   (6) An upper table's groups has a bit per eight entries, set when one of them may be valid:
 *       walks over sparse tables skip the rest, and all behind the last entry that was ever used,
 *       u.table.base. Changed under the mutex; readers without it (pmap_usage) may be late.
 *
 * Sharing is in pmap_share.c, blocks are in pmap_fold.c.
 */
#include <arch_mmu.h>

#include "arch/arm64/asid.h"
#include "arch/arm64/pmap_internal.h"
#include "arch/arm64/tlb.h"
#include "kernel/log.h"
#include "mm/pmap.h"

struct pte *pmap_entry_at(const struct pmap *pm, virt_addr_t va, unsigned level)
{
	struct pte *table = pm->top;

	for (unsigned l = 0; l < level; l++) {
		uint64_t raw = pte_load(&table[table_index(va, l)]);

		if (!(raw & PTE_VALID))
			return NULL;
		table = phys_to_virt(pte_pa(raw));
	}
	return &table[table_index(va, level)];
}

/* ---- Upper tables ---- */

#define GROUP 8u /* entries per bit of groups: 64 bits for 512 entries */

static unsigned entry_index(const struct pte *e)
{
	return ((uintptr_t)e & (PAGE_SIZE - 1)) / sizeof(*e);
}

void upper_link(struct pte *e, uint64_t raw)
{
	struct page *table = virt_to_page(e);

	WRITE_ONCE(table->groups, table->groups | (uint64_t)1 << entry_index(e) / GROUP);
	if (entry_index(e) > table->u.table.base)
		WRITE_ONCE(table->u.table.base, entry_index(e));
	upper_store(e, raw);
}

void upper_unlink(struct pte *e)
{
	struct page *table = virt_to_page(e);
	unsigned group = entry_index(e) / GROUP;
	const struct pte *first = table_entries(table) + group * GROUP;

	upper_store(e, 0);
	for (unsigned i = 0; i < GROUP; i++)
		if (pte_load(&first[i]) != 0)
			return;
	WRITE_ONCE(table->groups, table->groups & ~((uint64_t)1 << group));
}

/* ---- Building ---- */

static void table_init(struct page *table)
{
	table->type = PAGE_TABLE;
	atomic_inc(&table_frames);
	table->groups = 0;
	table->u.table.base = 0;
	table->u.table.present = table->u.table.swapped = 0;
	table->u.table.sharers = 1;
	table->kinds.fold = 0;
	spin_init(&table->u.table.lock);
}

void pmap_init(struct pmap *pm, struct page *root)
{
	table_init(root);
	pm->root = root;
	pm->top = table_entries(root);
	pm->context = 0;
	spin_init(&pm->links);
	dsb_ishst(); /* its zeroes, before TTBR0 can point at it */
}

void pmap_table_prepare(struct page *table, virt_addr_t va)
{
	table_init(table);
	table->u.table.base = (uint32_t)(va >> LEAF_SHIFT);
}

void pmap_table_add(struct pmap *pm, virt_addr_t va, struct page *table)
{
	struct pte *e = NULL;
	unsigned level;

	ASSERT(va < USER_TOP);
	for (level = 0; level <= LINK_LEVEL; level++) {
		e = pmap_entry_at(pm, va, level);
		if (pte_load(e) == 0)
			break;
	}
	ASSERT(level <= LINK_LEVEL);
	if (level == LINK_LEVEL)
		pmap_table_prepare(table, va);
	else
		table_init(table);
	dsb_ishst(); /* contents before the link: invariant (3) */
	upper_link(e, page_to_phys(table) | PTE_TYPE_TABLE);
}

/* ---- Finding ---- */

/* Apart, so that the common path needs no stack frame for it. */
static __attribute__((noinline)) struct pte *entry_lock_folded(const struct pte *link,
							       virt_addr_t va)
{
	struct page *leaf = leaf_folded(link);

	pmap_table_lock(leaf);
	return table_entries(leaf) + table_index(va, 3);
}

struct pte *pmap_entry_lock(struct pmap *pm, virt_addr_t va)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);
	uint64_t raw = link ? pte_load(link) : 0;

	DEBUG_ASSERT(va < USER_TOP && IS_ALIGNED(va, PAGE_SIZE));
	if (unlikely(!(raw & PTE_TABLE)))
		return raw ? entry_lock_folded(link, va) : NULL;
	pmap_table_lock(entry_target(raw));
	return (struct pte *)phys_to_virt(pte_pa(raw)) + table_index(va, 3);
}

struct pte *pmap_entry(struct pmap *pm, virt_addr_t va, bool *shared)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);
	uint64_t raw = link ? pte_load(link) : 0;

	*shared = raw & TABLE_AP_READONLY;
	if (unlikely(!(raw & PTE_TABLE))) {
		if (raw == 0)
			return NULL;
		*shared = false;
		raw = page_to_phys(leaf_folded(link));
	}
	return (struct pte *)phys_to_virt(pte_pa(raw)) + table_index(va, 3);
}

void pmap_entry_unlock(struct pte *pte)
{
	pmap_table_unlock(pte_table(pte));
}

void pmap_table_unlock(struct page *table)
{
	dsb_ishst(); /* what was entered is there for every walker (D8.2.6) before the faulting
			instruction runs again */
	spin_unlock(&table->u.table.lock);
}

struct pte *pmap_table_entry(struct page *table, unsigned i)
{
	DEBUG_ASSERT(i < TABLE_ENTRIES);
	return table_entries(table) + i;
}

struct page *pmap_leaf(struct pmap *pm, virt_addr_t va)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);

	return link ? leaf_of(link) : NULL;
}

struct page *pmap_leaf_lock(struct pmap *pm, virt_addr_t va)
{
	struct page *leaf;

	spin_lock(&pm->links);
	leaf = pmap_leaf(pm, va);
	if (leaf)
		pmap_table_lock(leaf);
	else
		spin_unlock(&pm->links);
	return leaf;
}

void pmap_leaf_unlock(struct pmap *pm, struct page *table)
{
	pmap_table_unlock(table);
	spin_unlock(&pm->links);
}

/* Empties a link to a leaf table. Upper tables stay as long as pm, so nobody else is kept
 * waiting. */
void leaf_unlink(struct pmap *pm, struct pte *link)
{
	spin_lock(&pm->links);
	upper_unlink(link);
	spin_unlock(&pm->links);
}

bool pmap_uppers_present(struct pmap *pm, virt_addr_t va)
{
	return pmap_entry_at(pm, va, LINK_LEVEL) != NULL;
}

/* The first valid entry of an upper table from index i on; TABLE_ENTRIES: none. Empty groups are
 * skipped by invariant (6). */
static unsigned table_next(const struct pte *table, unsigned i)
{
	/* Groups from i's on that may have something; of the first the part behind i alone
	 * counts. */
	const struct page *p = virt_to_page(table);
	uint64_t groups = i <= READ_ONCE(p->u.table.base)
				  ? READ_ONCE(p->groups) >> i / GROUP << i / GROUP
				  : 0;

	for (; groups != 0; groups &= groups - 1) {
		unsigned first = (unsigned)__builtin_ctzll(groups) * GROUP;

		for (i = MAX(i, first); i < first + GROUP; i++)
			if (pte_load(&table[i]) != 0)
				return i;
	}
	return TABLE_ENTRIES;
}

/* Down from the root as long as there are tables; at a table's end up again, to the entry behind
 * the one that led there. */
virt_addr_t pmap_next_leaf(struct pmap *pm, virt_addr_t va, virt_addr_t end)
{
	const struct pte *tables[LINK_LEVEL + 1] = { pm->top };
	unsigned level = 0;

	while (va < end) {
		unsigned first = table_index(va, level), i;
		uint64_t raw = pte_load(&tables[level][first]);

		if (raw == 0) {
			i = table_next(tables[level], first + 1);
			va = ALIGN_DOWN(va, LEVEL_SIZE(level)) + (i - first) * LEVEL_SIZE(level);
			if (i == TABLE_ENTRIES) {
				do
					if (level-- == 0)
						return end;
				while (table_index(va, level) == 0);
				continue;
			}
			raw = pte_load(&tables[level][i]);
		}
		if (level == LINK_LEVEL)
			return MIN(va, end);
		tables[++level] = phys_to_virt(pte_pa(raw));
	}
	return end;
}

COLD void pmap_usage(struct pmap *pm, struct pmap_usage *u)
{
	*u = (struct pmap_usage){ .present = 0 };
	for (virt_addr_t va = pmap_next_leaf(pm, 0, USER_TOP); va < USER_TOP;
	     va = pmap_next_leaf(pm, ALIGN_DOWN(va, LEAF_SPAN) + LEAF_SPAN, USER_TOP)) {
		struct page *leaf = pmap_leaf(pm, va);

		if (!leaf) /* a racy reader met its removal */
			continue;
		u->tables++;
		if (page_flag(leaf, PAGE_HUGETLB)) {
			u->huge += READ_ONCE(leaf->u.table.present);
			continue;
		}
		u->present += table_resident(leaf);
		u->file += READ_ONCE(leaf->kinds.file);
		u->swapped += READ_ONCE(leaf->u.table.swapped);
	}
}

/* ---- Taking apart ---- */

/* All of table's entries are none: whoever gets the frame next need not clear it. */
static void table_mark_empty(struct page *table)
{
	page_set_flag(table, PAGE_ZEROED);
}

static bool leaf_is_empty(const struct page *leaf)
{
	return leaf->u.table.present == 0 && leaf->u.table.swapped == 0;
}

struct page *pmap_table_remove(struct pmap *pm, virt_addr_t va, struct tlb_batch *b)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);
	struct page *leaf = link ? leaf_of(link) : NULL;

	if (!leaf)
		return NULL;
	if (table_sharers(leaf) > 1) {
		uint64_t raw = pte_load(link); /* no block, and nobody makes one of it */

		leaf_unlink(pm, link);
		tlb_flush_pmap(pm); /* invariant (4) */
		if (!leaf_unshare(leaf))
			upper_link(
				link,
				raw); /* the others left meanwhile: the entries are ours to empty */
		return NULL;
	}
	/* Alone, and the mutex keeps others from sharing: the counts can only fall. */
	if (!leaf_is_empty(leaf))
		return NULL;
	leaf_unlink(pm, link);
	table_mark_empty(leaf);
	tlb_batch_add(b, ALIGN_DOWN(va, LEAF_SPAN));
	b->tables = true;
	return leaf;
}

/* Makes sure that no CPU walks pm: from then on nothing of it can be cached any more. */
void pmap_retire(struct pmap *pm)
{
	uint64_t irqs = hw_irq_save();

	if (cpu_local()->pmap == pm)
		pmap_activate(NULL);
	hw_irq_restore(irqs);
	ASSERT(!pmap_loaded(pm));
	if (pm->context) {
		tlb_flush_pmap(pm);
		atomic_store(&pm->context, 0); /* its ASID waits for the roll-over */
	}
}

/* pm's link to a leaf table goes: the table when it is to be freed, NULL when others have it. */
static struct page *leaf_drop(const struct pte *link)
{
	struct page *leaf = leaf_of(link);

	if (table_sharers(leaf) > 1 && leaf_unshare(leaf))
		return NULL;
	ASSERT(leaf_is_empty(leaf));
	table_mark_empty(leaf);
	return leaf;
}

/* The tables that an upper table's entries lead to, and a side table. Nobody walks them any more,
 * so stores need no order. */
static void upper_empty(struct page *table, unsigned level, void (*gone)(struct page *table))
{
	struct pte *entries = table_entries(table);

	for (unsigned i = table_next(entries, 0); i < TABLE_ENTRIES;
	     i = table_next(entries, i + 1)) {
		struct page *below = level == LINK_LEVEL ? leaf_drop(&entries[i])
							 : entry_target(pte_load(&entries[i]));

		if (level < LINK_LEVEL)
			upper_empty(below, level + 1, gone);
		pte_store(&entries[i], 0);
		if (below)
			gone(below);
	}
	if (table->kinds.fold)
		gone(side_remove(table));
	table_mark_empty(table);
}

void pmap_destroy(struct pmap *pm, void (*gone)(struct page *table))
{
	pmap_retire(pm);
	upper_empty(pm->root, 0, gone);
	gone(pm->root);
	pm->root = NULL;
}
