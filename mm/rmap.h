// SPDX-License-Identifier: MIT
/*
 * Reverse map: from a frame to the leaf entries that map it. One word per frame.
 *
 * Anonymous pages: 0, the address of the only entry, or a set of entry addresses (rmap_set.c draws
 * it). The entry's table gives the virtual address (pte_address), so neither area nor address space
 * is needed to take a frame out of every map. Lock order: table lock -> page lock. rmap_add and
 * rmap_remove are called with the entry's table lock held. Whoever comes from the page (the daemon)
 * holds the page lock and only *tries* the table locks; an entry found under the page lock cannot
 * vanish, because rmap_remove needs that lock too.
 *
 * Objects' pages: a count; the entries are found by the areas that map the object (rmap_file.c).
 * They hold no references.
 */
#ifndef MM_RMAP_H
#define MM_RMAP_H

#include "mm/pmap.h"

void rmap_init(void);
/* Records that pte maps p. 0, or -ENOMEM when a chunk is needed and the cache is empty: drop the
 * table lock, call rmap_reserve(), try again. */
int rmap_add(struct page *p, struct pte *pte) MUST_CHECK;
/* As rmap_add for a fresh frame that nobody else can see yet: no lock, cannot fail. */
static inline void rmap_set_first(struct page *p, struct pte *pte)
{
	p->rmap = (uintptr_t)pte;
}
/* The mapping moves from one entry to another; both table locks held. 0 or -ENOMEM as rmap_add
 * (only for pages with more mappings than a few dozen): nothing changed. */
int rmap_move(struct page *p, struct pte *from, struct pte *to) MUST_CHECK;
/* Makes sure the next rmap_add on this CPU's path can have a chunk. May sleep. 0 or -ENOMEM. */
int rmap_reserve(void) MUST_CHECK;
void rmap_remove(struct page *p, struct pte *pte);
/* rmap_remove() for all that pte_take_run() took, rmap_file_remove() for objects' pages, which the
 * TLBs have forgotten; the table's lock still held. The pages of which there is a reference to drop
 * go on b, which has room for all of t. Returns what rmap_free() frees when that lock is not. */
uintptr_t rmap_remove_taken(const struct pte_taken *t, struct tlb_batch *b) MUST_CHECK;
void rmap_free(uintptr_t gone);

/* Number of entries that map p; a snapshot without the page lock. */
unsigned rmap_count(struct page *p);

/* How many address spaces' entries map p, which pte maps: each entry of the reverse map as often as
 * its table is shared. Of an anonymous page looks at some dozens of entries, which bounds the time,
 * and takes them for all where there are more; of an object's at this one's table alone. A
 * snapshot. Takes the page lock; table locks may be held. */
unsigned rmap_sharers(struct page *p, const struct pte *pte);

/* Tests and clears the young state of the entries, of a bounded number when there are many. Returns
 * how many were young; *locked tells whether one of them is PTE_LOCKED: then p, which the caller
 * has taken off the lists, is PAGE_UNEVICTABLE. -EAGAIN when a table lock could not be had. Takes
 * the page lock. */
int rmap_test_clear_young(struct page *p, bool *locked);

/* Takes an anonymous page out of every map: each entry becomes swapped(slot), slot references + 1
 * each, page references - 1 each. All or nothing is not promised: 0 when no entry is left; -EAGAIN
 * when a table was busy or an entry is locked (entries done stay done). Flushes before return. */
int rmap_unmap_to_slot(struct page *p, uint32_t slot);
/* The same for a page whose contents nobody needs (mm/advise_pages.c): entries become none; -EAGAIN
 * also when it is dirty by now. */
static inline int rmap_unmap_lazy(struct page *p)
{
	return rmap_unmap_to_slot(p, 0);
}

/* ---- Pages of objects (rmap_file.c) ---- */

/* with the count: the page has left its object, whose reference goes with the last entry */
#define RMAP_ORPHAN ((uintptr_t)1 << 31)

static inline unsigned rmap_file_count(const struct page *p)
{
	return (unsigned)(atomic_load(&p->rmap) & (RMAP_ORPHAN - 1));
}
/* An entry of p is about to be made: its table's lock held, and that of p's object or of p, to
 * which it still belongs. */
static inline void rmap_file_add(struct page *p)
{
	(void)atomic_inc(&p->rmap);
}
/* rmap_file_add() provided that p still belongs to o: 0, -ESTALE (truncated or evicted meanwhile).
 * Takes the page lock. */
int rmap_add_file(struct page *p, const struct object *o) MUST_CHECK;
/* An entry of p is gone, from the TLBs too; its table's lock held. True: p was an orphan, and the
 * caller has a reference of it to drop. */
static inline bool rmap_file_remove(struct page *p)
{
	if (likely(atomic_dec(&p->rmap) != RMAP_ORPHAN))
		return false;
	p->rmap = 0;
	return true;
}
/* p has left its object, whose reference the caller has: true, it is still his to drop. False: it
 * goes with the last entry. */
static inline bool rmap_file_orphan(struct page *p)
{
	if (atomic_fetch_or(&p->rmap, RMAP_ORPHAN) != 0)
		return false;
	p->rmap = 0;
	return true;
}
/* Takes PTE_WRITE from every entry of p, o's, locked ones too; the TLBs forget it before the
 * entry's table is unlocked. Waits for busy tables. Who gives or moves that right meanwhile calls
 * page_dirty() for it (mm/object.h). Takes the lock of o's areas, and those behind it; so does the
 * next. */
void rmap_clean(struct object *o, struct page *p);
/* Takes p, o's, which stays alive, out of every map (entries become none). 0, or -EAGAIN: some
 * entry is locked, or belongs to an area that is going. force (truncation): locked entries too. */
int rmap_unmap_file(struct object *o, struct page *p, bool force);
/* rmap_test_clear_young() for such pages. */
int rmap_file_young(struct page *p, bool *locked);

#endif
