// SPDX-License-Identifier: MIT
/*
 * Reverse map: page locks, and taking anonymous pages out of maps. Which entries map such a frame
 * is a set in one word (rmap_set.c); objects' pages are in rmap_file.c.
 *
 * The page daemon starts from a page: it holds the page lock, under which no entry can leave the
 * set, so the entry's table cannot go either; it then tries the table's lock, which whoever
 * changes an entry holds before it asks for the page lock.
 */
#include "mm/rmap.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "mm/rmap_set.h"
#include "mm/swap.h"

void rmap_init(void)
{
	rmap_set_init();
}

int rmap_reserve(void)
{
	return rmap_set_reserve();
}

/* ---- From entries ---- */

int rmap_add(struct page *p, struct pte *pte)
{
	int err;

	page_lock(p);
	err = rmap_set_add(&p->rmap, pte);
	page_unlock(p);
	return err;
}

int rmap_add_file(struct page *p, const struct object *o)
{
	int err = -ESTALE;

	page_lock(p);
	if (p->u.file.object == o) {
		rmap_file_add(p);
		err = 0;
	}
	page_unlock(p);
	return err;
}

void rmap_free(uintptr_t gone)
{
	rmap_set_free(gone);
}

void rmap_remove(struct page *p, struct pte *pte)
{
	uintptr_t gone = 0;

	page_lock(p);
	rmap_set_remove(&p->rmap, pte, &gone);
	page_unlock(p);
	if (unlikely(gone != 0))
		rmap_set_free(gone);
}

/* An anonymous page. Most often nobody else has it, nor can get it then, so no daemon looks at its
 * set: that is cheaper to find out than a lock. */
static inline void taken_remove(struct page *p, struct pte *pte, uintptr_t *gone)
{
	bool mine = likely(page_claim_last(p));

	if (!mine)
		page_lock_raw(p); /* the table's lock keeps preemption off */
	rmap_set_remove(&p->rmap, pte, gone);
	if (!mine)
		page_unlock_raw(p);
}

uintptr_t rmap_remove_taken(const struct pte_taken *t, struct tlb_batch *b)
{
	uintptr_t gone = 0;

	for (unsigned i = 0; i < t->n; i++) {
		struct page *p = t->at[i].page;

		if (!t->file || p->type != PAGE_FILE)
			taken_remove(p, t->at[i].pte, &gone);
		else if (likely(!rmap_file_remove(p)))
			continue;
		tlb_batch_page(b, p);
	}
	return gone;
}

COLD int rmap_move(struct page *p, struct pte *from, struct pte *to)
{
	int err;

	page_lock(p);
	err = rmap_set_move(&p->rmap, from, to);
	page_unlock(p);
	return err;
}

COLD unsigned rmap_count(struct page *p)
{
	unsigned n;

	if (p->type == PAGE_FILE)
		return rmap_file_count(p);
	page_lock(p);
	n = rmap_set_count(p->rmap);
	page_unlock(p);
	return n;
}

#define SHARERS_SAMPLE 56

/* An entry cannot leave its table, nor the table go, without the page lock. */
static unsigned entry_sharers(const struct pte *pte)
{
	return table_sharers(pte_table(pte));
}

COLD unsigned rmap_sharers(struct page *p, const struct pte *pte)
{
	struct pte *ptes[SHARERS_SAMPLE];
	unsigned sum = 0, n, all;

	if (p->type == PAGE_FILE)
		return rmap_file_count(p) - 1 + entry_sharers(pte);
	page_lock(p);
	all = rmap_set_count(p->rmap);
	n = rmap_set_sample(p->rmap, ptes, SHARERS_SAMPLE);
	for (unsigned i = 0; i < n; i++)
		sum += entry_sharers(ptes[i]);
	page_unlock(p);
	/* Of a page with more entries, those looked at stand for all. */
	return n < all && n > 0 ? (unsigned)((uint64_t)sum * all / n) : sum;
}

/* ---- From pages ---- */

/* Looks at one entry; the page lock held. */
static int young_one(struct page *p, struct pte *pte, unsigned *young, bool *locked)
{
	struct page *table = pte_table(pte);
	struct pte_view v;

	if (!pmap_table_trylock(table))
		return -EAGAIN;
	pte_view(pte, &v);
	if (v.prot & PTE_LOCKED) {
		page_set_flag(
			p, PAGE_UNEVICTABLE); /* here, so that an munlock(2) after it clears it */
		*locked = true;
	}
	if (pte_test_clear_young(pte))
		(*young)++;
	pmap_table_unlock(table);
	return 0;
}

/* How many entries are asked: a sample that bounds the time under the page lock. */
#define YOUNG_SAMPLE 21

int rmap_test_clear_young(struct page *p, bool *locked)
{
	struct pte *ptes[YOUNG_SAMPLE];
	unsigned young = 0, n;
	int err = 0;

	*locked = false;
	if (p->type == PAGE_FILE)
		return rmap_file_young(p, locked);
	page_lock(p);
	n = rmap_set_sample(p->rmap, ptes, YOUNG_SAMPLE);
	for (unsigned i = 0; i < n && err == 0; i++)
		err = young_one(p, ptes[i], &young, locked);
	page_unlock(p);
	return err ? err : (int)young;
}

struct unmap {
	uint32_t slot; /* entries become swapped(slot); 0: none, while p is clean */
	uintptr_t gone;
	struct tlb_batch batch;
};

/* Takes p out of one entry; the page lock held. The TLBs forget it before the table's lock goes:
 * who finds the entry changed then may copy the page, and nobody writes to it behind his back. */
static int unmap_one(struct page *p, struct pte *pte, struct unmap *u)
{
	struct page *table = pte_table(pte);
	struct pte_view v;

	if (!pmap_table_trylock(table))
		return -EAGAIN;
	pte_view(pte, &v);
	/* Who makes p dirty holds the lock of its entry's table. */
	if ((v.prot & PTE_LOCKED) || (u->slot == 0 && page_flag(p, PAGE_DIRTY))) {
		pmap_table_unlock(table);
		return -EBUSY;
	}
	if (u->slot != 0) {
		slot_get(u->slot);
		pte_swap_out(pte, u->slot, &u->batch);
	} else {
		pte_clear(pte, &u->batch);
	}
	tlb_flush_only(&u->batch);
	rmap_set_remove(&p->rmap, pte, &u->gone);
	pmap_table_unlock(table);
	return 0;
}

/* Entry by entry, so that the page lock is held for a bounded time however many there are. The
 * caller's reference keeps p. */
int rmap_unmap_to_slot(struct page *p, uint32_t slot)
{
	struct unmap u = { .slot = slot };
	struct pte *pte;
	int err = 0;

	tlb_batch_init(&u.batch, NULL);
	for (;;) {
		page_lock(p);
		pte = rmap_set_any(p->rmap);
		if (pte != NULL)
			err = unmap_one(p, pte, &u);
		page_unlock(p);
		rmap_set_free(u.gone);
		u.gone = 0;
		if (pte == NULL)
			return 0;
		if (err)
			return -EAGAIN;
		page_put(p);
	}
}
