// SPDX-License-Identifier: MIT
/*
 * Sharing leaf tables between parent and child (mm/pmap.h, "Sharing leaf tables"; the drawing and
 * the invariants are in pmap.c), and the question a fault asks first: whether the tables allow the
 * access already.
 *
 *                    pmap_share_leaf             pmap_leaf_claim (last sharer)
 *    private ------------------------> shared ----------------------------> private
 *    link RW                           links RO  \
 *                                                 |--- pmap_leaf_replace: link to a private copy,
 *                                                 |    sharers - 1
 *                                                 \--- pmap_table_remove, pmap_destroy: link goes,
 *                                                      sharers - 1
 *
 * APTable is a permission, so setting and clearing it needs no break-before-make; setting it needs
 * an invalidation of everything read through the link, walk caches included (DDI 0487, D8.14.1;
 * D8.14.5: VALE1IS would leave them). Replacing the link changes an output address and does.
 */
#include "arch/arm64/asid.h"
#include "arch/arm64/pmap_internal.h"
#include "arch/arm64/tlb.h"
#include "kernel/log.h"

/* The link to va's leaf table, which must be there. */
static struct pte *link_of(const struct pmap *pm, virt_addr_t va)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);

	ASSERT(link && pte_load(link) != 0);
	return link;
}

bool leaf_unshare(struct page *leaf)
{
	bool others;

	pmap_table_lock(leaf);
	others = leaf->u.table.sharers > 1;
	if (others)
		leaf->u.table.sharers--;
	pmap_table_unlock(leaf);
	return others;
}

void pmap_share_leaf(struct pmap *parent, struct pmap *child, virt_addr_t va, struct tlb_batch *b)
{
	struct pte *from = link_of(parent, va), *to = pmap_entry_at(child, va, LINK_LEVEL);
	struct page *leaf = leaf_of(from);
	uint64_t raw;

	ASSERT(to && pte_load(to) == 0);
	pmap_table_lock(leaf);
	if (leaf->u.table.sharers & TABLE_FLAGS)
		table_unfold(leaf, false);
	ASSERT(table_sharers(leaf) < TABLE_CHECKED - 1);
	leaf->u.table.sharers++;
	pmap_table_unlock(leaf);
	raw = pte_load(from);
	if (!(raw & TABLE_AP_READONLY)) {
		raw |= TABLE_AP_READONLY;
		pte_store(from, raw);
		b->all = true;
	}
	upper_link(to, raw);
}

bool pmap_leaf_shared(struct pmap *pm, virt_addr_t va)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);

	return link && (pte_load(link) & TABLE_AP_READONLY);
}

/* Only our own mutex, which the caller holds, could let a new sharer in. */
bool pmap_leaf_claim(struct pmap *pm, virt_addr_t va)
{
	struct pte *link = link_of(pm, va);
	struct page *leaf = leaf_of(link);
	bool last;

	pmap_table_lock(leaf);
	last = leaf->u.table.sharers == 1;
	pmap_table_unlock(leaf);
	if (last)
		upper_store(link, pte_load(link) & ~TABLE_AP_READONLY); /* more rights: no flush */
	return last;
}

COLD struct page *pmap_leaf_replace(struct pmap *pm, virt_addr_t va, struct page *copy)
{
	struct pte *link = link_of(pm, va);
	struct page *old = leaf_of(link);

	ASSERT(copy->u.table.base == va >> LEAF_SHIFT && copy->u.table.sharers == 1);
	spin_lock(&pm->links);
	pte_store(link, 0);
	spin_unlock(&pm->links);
	tlb_flush_pmap(pm); /* break-before-make of the link, and invariant (4) for the old table;
			       orders the copy's entries too */
	upper_store(link, page_to_phys(copy) | PTE_TYPE_TABLE);
	if (leaf_unshare(old))
		return NULL;
	pmap_table_lock(old);
	old->u.table.sharers = 0;
	pmap_table_unlock(old);
	return old;
}

/* Rights that the tables grant on va, of PTE_READ, PTE_WRITE and PTE_EXEC; 0 when an access would
 * fault for another reason. */
static unsigned rights_at(struct pmap *pm, virt_addr_t va)
{
	struct pte *link = pmap_entry_at(pm, va, LINK_LEVEL);
	uint64_t raw = link ? pte_load(link) : 0;
	struct pte_view v;

	if (raw == 0)
		return 0;
	pte_view(table_entries(leaf_of(link)) + table_index(va, 3), &v);
	if (v.state != PTE_PRESENT || !v.young)
		return 0;
	return raw & TABLE_AP_READONLY ? v.prot & ~(unsigned)PTE_WRITE : v.prot;
}

bool pmap_fault_spurious(struct pmap *pm, virt_addr_t va, unsigned prot_needed)
{
	ASSERT(prot_needed != 0);
	if (prot_needed & ~rights_at(pm, va))
		return false;
	preempt_disable();
	if (asid_of(pm))
		tlb_flush_local(pm, va);
	preempt_enable();
	return true;
}
