// SPDX-License-Identifier: MIT
/*
 * Leaf tables shared by address spaces, and how they part.
 *
 * fork(2) links the parent's leaf tables into the child; both links are read-only for the hardware
 * (APTable). The first write, or change of layout, in such a 2 MB range comes here: the last sharer
 * claims the table (one write), anyone else gets a copy of its own, in which private entries that
 * were writable are read-only, in the original too, so that ordinary copy-on-write takes over.
 *
 * Entries of objects' pages are not copied, a fault finds those again: while a table is linked
 * nowhere nobody who looks for such a page's entries (rmap_file.c) could find them there.
 *
 * While a copy is made, chunk by chunk, the original lives on: its other sharers may read-fault
 * pages in, the page daemon may swap out, in either table. That changes no contents: an entry
 * copied as `none` reads as zeroes or from the object again, one copied as swapped names the same
 * slot. Writes and removals cannot happen in a shared table (6). When all other sharers leave
 * meanwhile, the original has become ours and is emptied in the end.
 *
 * Entries made read-only here need no TLB flush when the table is shared: no TLB holds them
 * writable since fork flushed.
 */
#include "mm/aspace_internal.h"

/* Entries copied under one hold of both locks: up to 260 instructions each. */
#define COPY_CHUNK (CHUNK_ENTRIES / 2)
/* Hot pages of one area under one table that a fork copies. */
#define HOT_MAX 16

/* How an area's entries are copied. */
struct copying {
	bool private;
	unsigned hot;       /* pages that may still get a frame of their own for being hot */
	unsigned prot;      /* of an entry that maps such a frame */
	struct page *frame; /* for the next of them; NULL: none */
	struct tlb_batch *b;
};

/* `frame` becomes a copy of p that pte, in a locked table, maps. Its contents stand still: some 350
 * instructions. */
static NOINLINE void enter_copy(struct pte *pte, struct page *frame, struct page *p, unsigned prot)
{
	hw_copy_page(page_to_virt(frame), page_to_virt(p));
	frame->type = PAGE_ANON;
	frame->flags = PAGE_DIRTY;
	rmap_set_first(frame, pte);
	pte_enter(pte, frame, prot);
	lru_add(frame);
}

/* Copies one entry between two locked tables. 0; -ENOMEM: rmap_reserve and again; -EBUSY: the page
 * is hot, and a frame is wanted. */
static int copy_entry(struct pte *from, struct pte *to, struct copying *c)
{
	struct pte_view v;
	unsigned prot;
	int err;

	pte_view(from, &v);
	if (v.state == PTE_NONE)
		return 0;
	if (v.state == PTE_SWAPPED) {
		slot_get(v.slot);
		pte_enter_slot(to, v.slot);
		return 0;
	}
	prot = v.prot & ~(unsigned)PTE_LOCKED;
	if (c->private)
		prot &= ~(unsigned)(PTE_WRITE | PTE_OWN);
	if (!(v.prot & PTE_SPECIAL)) {
		bool owned = c->private && (v.prot & (PTE_WRITE | PTE_OWN));

		if (v.page->type == PAGE_FILE)
			return 0;

		if (c->private && c->hot > 0 && page_flag(v.page, PAGE_HOT)) {
			if (c->frame == NULL)
				return -EBUSY;
			enter_copy(to, c->frame, v.page, c->prot);
			c->frame = NULL;
			c->hot--;
			return 0;
		}
		err = rmap_add(v.page, to);
		if (err)
			return err;
		page_get(v.page);
		if (owned)
			pte_protect(from, v.prot & ~(unsigned)(PTE_WRITE | PTE_OWN), c->b);
		if (page_flag(v.page, PAGE_HOT))
			page_clear_flag(v.page, PAGE_HOT);
	}
	pte_enter(to, v.page, prot);
	return 0;
}

/* Copies up to COPY_CHUNK of [*i, end), one hot page at most: *i says how far. -ENOMEM: a reverse
 * map chunk is missing. -EBUSY: the page at *i is hot. */
static int copy_chunk(struct page *from, struct page *to, unsigned *i, unsigned end,
		      struct copying *c)
{
	unsigned room = c->frame != NULL ? COPY_CHUNK / 2 : COPY_CHUNK;
	int err = 0;

	pmap_table_lock(from);
	pmap_table_lock(to);
	while (room-- > 0 && (*i = pmap_table_next(from, *i, end)) < end) {
		err = copy_entry(pmap_table_entry(from, *i), pmap_table_entry(to, *i), c);
		if (err)
			break;
		(*i)++;
		if (preempt_wanted())
			break;
	}
	pmap_table_unlock(to);
	pmap_table_unlock(from);
	return err;
}

/* The rights of an entry that maps a frame of its own in an area with `flags`. */
static unsigned own_prot(unsigned flags)
{
	return prot_of_flags(flags & ~(unsigned)AREA_LOCKED) | (flags & AREA_WRITE ? PTE_WRITE : 0);
}

/* A private page of locked memory that could be written to: the copy gets a frame of its own, now.
 * The original's entry stays as it is: its owner never notices. 0; -ENOENT: no such page;
 * -ENOMEM. */
static COLD NOINLINE int copy_page(struct page *from, struct page *to, unsigned i, unsigned prot)
{
	struct pte *pte = pmap_table_entry(from, i);
	struct pte_view v;
	struct page *frame;
	bool mine;

	if (!pte_is_owned(pte))
		return -ENOENT;
	frame = page_alloc(ALLOC_USER);
	if (frame == NULL)
		return -ENOMEM;
	pmap_table_lock(from);
	pmap_table_lock(to);
	mine = pte_is_owned(pte);
	if (mine) {
		pte_view(pte, &v);
		enter_copy(pmap_table_entry(to, i), frame, v.page, prot);
	}
	pmap_table_unlock(to);
	pmap_table_unlock(from);
	if (mine)
		return 0;
	page_put(frame);
	return -ENOENT;
}

/* A hot page had to be copied after an earlier fork, by a fault on either side, and so it will have
 * to be after this one. What cannot be had without waiting is left to the fault. */
int copy_entries(struct page *from, struct page *to, virt_addr_t start, virt_addr_t end,
		 unsigned flags, struct tlb_batch *b)
{
	unsigned i = leaf_index(start), last = i + (unsigned)bytes_to_pages(end - start);
	struct copying c = { .private = !(flags & AREA_SHARED),
			     .hot = flags & COPY_HOT ? HOT_MAX : 0,
			     .prot = own_prot(flags),
			     .b = b };
	bool locked = c.private && (flags & AREA_LOCKED);
	int err = 0;

	while (i < last && err == 0) {
		if (locked) {
			err = copy_page(from, to, i, c.prot);
			i += err == 0;
			if (err != -ENOENT)
				continue;
		}
		err = copy_chunk(from, to, &i, locked ? i + 1 : last, &c);
		if (err == -EBUSY) {
			page_set_flag(from, PAGE_HOT);
			c.frame = page_alloc(ALLOC_USER | ALLOC_NOWAIT);
			if (c.frame == NULL)
				c.hot = 0;
			err = 0;
		} else if (err) {
			err = rmap_reserve();
		}
	}
	if (c.frame != NULL)
		page_put(c.frame);
	return err;
}

/* Copies what as's areas have under the leaf table of va. */
static COLD int copy_areas(struct aspace *as, virt_addr_t va, struct page *from, struct page *to)
{
	virt_addr_t base = leaf_base(va), top = base + LEAF_SPAN_BYTES;
	struct area *a = area_first_in(as, base, top);
	struct tlb_batch unused;
	int err = 0;

	tlb_batch_init(&unused, &as->pmap);
	for (; a != NULL && a->start < top && err == 0; a = area_next(a))
		err = copy_entries(from, to, MAX(a->start, base), MIN(a->end, top),
				   a->flags & ~(unsigned)AREA_LOCK_BITS, &unused);
	return err;
}

void table_discard(struct aspace *as, struct page *table)
{
	struct tlb_batch b;

	tlb_batch_init(&b, &as->pmap);
	zap_table(table, 0, 512, &b);
	tlb_flush(&b);
	page_put(table);
}

COLD int unshare_table(struct aspace *as, virt_addr_t va)
{
	struct page *copy, *old;
	struct area *a;
	int err;

	if (!pmap_leaf_shared(&as->pmap, va))
		return 0;
	if (pmap_leaf_claim(&as->pmap, va)) {
		huge_claimed(as, va);
		return 0;
	}
	a = area_first_in(as, leaf_base(va), leaf_base(va) + LEAF_SPAN_BYTES);
	if (a != NULL && (a->flags & AREA_HUGETLB))
		return hugetlb_unshare(as, a, va);
	copy = page_alloc(ALLOC_USER | ALLOC_ZERO);
	if (copy == NULL)
		return -ENOMEM;
	pmap_table_prepare(copy, leaf_base(va));
	vm_count(VM_UNSHARE, 1);
	err = copy_areas(as, va, pmap_leaf(&as->pmap, va), copy);
	if (err) {
		table_discard(as, copy);
		return err;
	}
	page_set_flag(copy, PAGE_HOT); /* both: mm/fork.c */
	page_set_flag(pmap_leaf(&as->pmap, va), PAGE_HOT);
	page_clear_flag(pmap_leaf(&as->pmap, va), PAGE_QUIET);
	old = pmap_leaf_replace(&as->pmap, va, copy);
	if (old != NULL)
		table_discard(as, old);
	return 0;
}

COLD int unshare_range(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	virt_addr_t va;
	int err = 0;

	if (!as->shares)
		return 0;
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end && err == 0;
	     va = pmap_next_leaf(&as->pmap, leaf_end(va, end), end))
		err = unshare_table(as, va);
	return err == -ENXIO ? -ENOMEM : err; /* a huge page, and the pool is empty */
}

/* True when an area outside of [start, end) lies in the 2 MB of va's leaf table. */
static bool table_needed_outside(struct aspace *as, virt_addr_t va, virt_addr_t start,
				 virt_addr_t end)
{
	virt_addr_t base = leaf_base(va), top = base + LEAF_SPAN_BYTES;

	return (base < start && area_first_in(as, base, start) != NULL) ||
	       (top > end && area_first_in(as, end, top) != NULL);
}

int unshare_edges(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	virt_addr_t last = end - PAGE_SIZE;
	int err = 0;

	if (!as->shares)
		return 0;
	if (pmap_leaf_shared(&as->pmap, start) && table_needed_outside(as, start, start, end))
		err = unshare_table(as, start);
	if (err == 0 && leaf_base(last) != leaf_base(start) && pmap_leaf_shared(&as->pmap, last) &&
	    table_needed_outside(as, last, start, end))
		err = unshare_table(as, last);
	return err;
}
