// SPDX-License-Identifier: MIT
/*
 * Reverse map: from a frame to the leaf entries that map it. One word per frame: 0, the address of
 * the only entry, or a set of entry addresses (rmap_set.c draws it). The entry's table
 * gives the virtual address (pte_address), so neither area nor address space is needed to take a
 * frame out of every map.
 *
 * Lock order: table lock -> page lock. rmap_add and rmap_remove are called with the entry's table
 * lock held. Whoever comes from the page (the daemon) holds the page lock and only *tries* the
 * table locks; an entry found under the page lock cannot vanish, because rmap_remove needs that
 * lock too.
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
/* As rmap_add for a file page, provided that it still belongs to o: else -ESTALE (truncated or
 * evicted meanwhile). */
int rmap_add_file(struct page *p, struct pte *pte, const struct object *o) MUST_CHECK;
/* rmap_add_file() for the pages[i] of the bits in `mask`, at pte_at(pte, i), as far as there is memory, with a reference for each entry. Returns the
 * bits of those that were added. o's lock is held too: they are its pages. */
unsigned rmap_add_file_run(struct page **pages, struct pte *pte, unsigned mask,
			   const struct object *o);
/* The mapping moves from one entry to another; both table locks held. 0 or -ENOMEM as rmap_add (only
 * for pages with more mappings than a few dozen): nothing changed. */
int rmap_move(struct page *p, struct pte *from, struct pte *to) MUST_CHECK;
/* Makes sure the next rmap_add on this CPU's path can have a chunk. May sleep. 0 or -ENOMEM. */
int rmap_reserve(void) MUST_CHECK;
void rmap_remove(struct page *p, struct pte *pte);
/* rmap_remove() for all that pte_take_run() took; the table's lock still held. */
void rmap_remove_taken(const struct pte_taken *t);

/* Number of entries that map p; a snapshot without the page lock. */
unsigned rmap_count(struct page *p);

/* How many address spaces' entries map p: each entry of the reverse map as often as its table is
 * shared. Looks at some dozens of entries, which bounds the time, and takes them for all where there are
 * more; a snapshot. Takes the page lock; table locks may be held. */
unsigned rmap_sharers(struct page *p);

/* Tests and clears the young state of the entries, of a bounded number when there are many. Returns
 * how many were young; *locked tells whether one of them is PTE_LOCKED: then p, which the caller has
 * taken off the lists, is PAGE_UNEVICTABLE. -EAGAIN when a table lock
 * could not be had. Takes the page lock. */
int rmap_test_clear_young(struct page *p, bool *locked);

/* Takes an anonymous page out of every map: each entry becomes swapped(slot), slot references + 1
 * each, page references - 1 each. All or nothing is not promised: 0 when no entry is left; -EAGAIN
 * when a table was busy or an entry is locked (entries done stay done). Flushes before return. */
int rmap_unmap_to_slot(struct page *p, uint32_t slot);
/* Takes PTE_WRITE from every entry of p, locked ones too; the TLBs forget it before the entry's table is unlocked. Waits for busy tables. Who gives
 * or copies that right meanwhile calls page_dirty() for it (mm/object.h). Takes the page lock, for some entries at a time. */
void rmap_clean(struct page *p);
/* Takes a file page out of every map (entries become none). Same returns. *dirty: some entry had
 * been written through. force (truncation): locked entries too, and busy tables are waited for, so
 * that it returns 0; page locks are not held meanwhile. */
int rmap_unmap_file(struct page *p, bool *dirty, bool force);

#endif
