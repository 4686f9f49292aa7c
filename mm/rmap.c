// SPDX-License-Identifier: MIT
/*
 * Reverse map. The word of a frame is
 *
 *    0                       mapped nowhere
 *    address of a pte        mapped once: most private pages, most of their life
 *    address of a chunk | 1  mapped more often:
 *
 *        rmap -> [next, 3|pte pte pte  .  .  .  .] -> [next, 7|pte pte pte pte pte pte pte] -> NULL
 *                 head: filled from the front            all others: full
 *
 * A chunk that comes down to one entry is kept, up to a limit of such chunks: pages that were
 * shared by a fork are shared by the next. Adding is O(1); removing looks through the chain and
 * fills the hole from the head. Chunks are 64 bytes, and are taken under two spin locks, so they
 * come from the cache without waiting or else from a small reserve, which rmap_reserve() refills
 * where sleeping is allowed.
 *
 * The page daemon starts from a page: it holds the page lock, under which no entry can leave the
 * word, so the entry's table cannot go either; it then tries the table's lock, which whoever
 * changes an entry holds before it asks for the page lock.
 */
#include "mm/rmap.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "mm/slab.h"
#include "mm/swap.h"

#define CHUNK_PTES  7
#define RESERVE_LOW 4 /* rmap_reserve fills up to this */
#define CHUNK_TAG   ((uintptr_t)1)

struct rmap_chunk {
	uintptr_t link; /* the next chunk's address, and in the low bits the number of entries */
	struct pte *ptes[CHUNK_PTES]; /* the first of them; the rest is anything */
};

#define CHUNK_ALIGN ((uintptr_t)64)

static struct kmem_cache *chunk_cache;

/* Chunks kept with a single entry, for the next fork; approximate. */
#define LONE_MAX 1024
static uint32_t lone_chunks;

static struct {
	struct spinlock lock;
	struct rmap_chunk *chunks;
	unsigned count;
} reserve;

void rmap_init(void)
{
	chunk_cache = kmem_cache_create("rmap_chunk", sizeof(struct rmap_chunk), 64);
	if (chunk_cache == NULL)
		panic("no memory for the cache of reverse map chunks");
}

/* ---- Chunks ---- */

static inline struct rmap_chunk *chunk_next(const struct rmap_chunk *c)
{
	return (struct rmap_chunk *)(c->link & ~(CHUNK_ALIGN - 1));
}

static inline unsigned chunk_used(const struct rmap_chunk *c)
{
	return c->link & (CHUNK_ALIGN - 1);
}

static struct rmap_chunk *chunk_alloc(void)
{
	struct rmap_chunk *c = kmem_cache_alloc(chunk_cache, ALLOC_NOWAIT);

	if (c != NULL)
		return c;
	spin_lock(&reserve.lock);
	c = reserve.chunks;
	if (c != NULL) {
		reserve.chunks = chunk_next(c);
		reserve.count--;
	}
	spin_unlock(&reserve.lock);
	return c;
}

int rmap_reserve(void)
{
	while (READ_ONCE(reserve.count) < RESERVE_LOW) {
		struct rmap_chunk *c = kmem_cache_alloc(chunk_cache, ALLOC_USER);

		if (c == NULL)
			return -ENOMEM;
		spin_lock(&reserve.lock);
		c->link = (uintptr_t)reserve.chunks;
		reserve.chunks = c;
		reserve.count++;
		spin_unlock(&reserve.lock);
	}
	return 0;
}

static inline struct rmap_chunk *chunk_of(uintptr_t word)
{
	return word & CHUNK_TAG ? (struct rmap_chunk *)(word & ~CHUNK_TAG) : NULL;
}

/* ---- The word; the page lock held ---- */

static int add_locked(struct page *p, struct pte *pte)
{
	struct rmap_chunk *head = chunk_of(p->rmap), *c;
	unsigned used;

	if (p->rmap == 0) {
		p->rmap = (uintptr_t)pte;
		return 0;
	}
	if (head != NULL) {
		used = chunk_used(head);
		if (used < CHUNK_PTES) {
			if (head->link == 1) /* alone, with one entry */
				atomic_dec(&lone_chunks);
			head->ptes[used] = pte;
			head->link++;
			return 0;
		}
	}
	c = chunk_alloc();
	if (c == NULL)
		return -ENOMEM;
	if (head == NULL) {
		c->ptes[0] = (struct pte *)p->rmap;
		c->ptes[1] = pte;
		c->link = 2;
	} else {
		c->ptes[0] = pte;
		c->link = (uintptr_t)head | 1;
	}
	p->rmap = (uintptr_t)c | CHUNK_TAG;
	return 0;
}

/* Where the chain names pte. */
static struct pte **chain_find(struct rmap_chunk *c, const struct pte *pte)
{
	for (; c != NULL; c = chunk_next(c))
		for (unsigned i = chunk_used(c); i-- > 0;)
			if (c->ptes[i] == pte)
				return &c->ptes[i];
	panic("reverse map: entry %p is not in the chain", (const void *)pte);
}

/* head has come down to `left` entries: gives itself up where that pays. */
static void chunk_shrink(struct page *p, struct rmap_chunk *head, unsigned left)
{
	if (chunk_next(head) != NULL) {
		p->rmap = (uintptr_t)chunk_next(head) | CHUNK_TAG;
	} else if (left == 0) {
		p->rmap = 0;
		atomic_dec(&lone_chunks);
	} else if (READ_ONCE(lone_chunks) < LONE_MAX) {
		atomic_inc(&lone_chunks);
		return;
	} else {
		p->rmap = (uintptr_t)head->ptes[0];
	}
	kmem_cache_free(chunk_cache, head);
}

static void remove_locked(struct page *p, struct pte *pte)
{
	struct rmap_chunk *head = chunk_of(p->rmap);
	unsigned left;

	if (head == NULL) {
		ASSERT(p->rmap == (uintptr_t)pte);
		p->rmap = 0;
		return;
	}
	/* Whoever came last goes first, most often. */
	head->link--;
	left = chunk_used(head);
	if (head->ptes[left] != pte) {
		struct pte *last = head->ptes[left];

		*chain_find(head, pte) = last;
	}
	if (left == 0 || head->link == 1)
		chunk_shrink(p, head, left);
}

static struct pte *first_locked(const struct page *p)
{
	struct rmap_chunk *head = chunk_of(p->rmap);

	return head != NULL ? head->ptes[0] : (struct pte *)p->rmap;
}

/* ---- From entries ---- */

int rmap_add(struct page *p, struct pte *pte)
{
	int err;

	page_lock(p);
	err = add_locked(p, pte);
	page_unlock(p);
	return err;
}

int rmap_add_file(struct page *p, struct pte *pte, const struct object *o)
{
	int err;

	page_lock(p);
	err = p->u.file.object == o ? add_locked(p, pte) : -ESTALE;
	page_unlock(p);
	return err;
}

void rmap_remove(struct page *p, struct pte *pte)
{
	page_lock(p);
	remove_locked(p, pte);
	page_unlock(p);
}

void rmap_move(struct page *p, struct pte *from, struct pte *to)
{
	struct rmap_chunk *head;

	page_lock(p);
	head = chunk_of(p->rmap);
	if (head == NULL) {
		ASSERT(p->rmap == (uintptr_t)from);
		p->rmap = (uintptr_t)to;
	} else {
		*chain_find(head, from) = to;
	}
	page_unlock(p);
}

unsigned rmap_count(struct page *p)
{
	struct rmap_chunk *head;
	unsigned n = 0;

	page_lock(p);
	head = chunk_of(p->rmap);
	if (head == NULL)
		n = p->rmap != 0;
	else
		for (; head != NULL; head = chunk_next(head))
			n += chunk_used(head);
	page_unlock(p);
	return n;
}

#define SHARERS_CHUNKS 8

/* An entry cannot leave its table, nor the table go, without the page lock. */
static unsigned entry_sharers(const struct pte *pte)
{
	return READ_ONCE(pte_table(pte)->u.table.sharers);
}

unsigned rmap_sharers(struct page *p)
{
	struct rmap_chunk *c;
	unsigned sum = 0;

	page_lock(p);
	c = chunk_of(p->rmap);
	if (c == NULL && p->rmap != 0)
		sum = entry_sharers((struct pte *)p->rmap);
	for (unsigned n = 0; c != NULL && n < SHARERS_CHUNKS; n++, c = chunk_next(c))
		for (unsigned i = 0; i < chunk_used(c); i++)
			sum += entry_sharers(c->ptes[i]);
	page_unlock(p);
	return sum;
}

/* ---- From pages ---- */

/* Looks at one entry; the page lock held. */
static int young_one(struct pte *pte, unsigned *young, bool *locked)
{
	struct page *table = pte_table(pte);
	struct pte_view v;

	if (!pmap_table_trylock(table))
		return -EAGAIN;
	pte_view(pte, &v);
	if (v.prot & PTE_LOCKED)
		*locked = true;
	if (pte_test_clear_young(pte))
		(*young)++;
	pmap_table_unlock(table);
	return 0;
}

/* How many chunks of entries are asked: a sample that bounds the time under the page lock. */
#define YOUNG_CHUNKS 3

int rmap_test_clear_young(struct page *p, bool *locked)
{
	struct rmap_chunk *c;
	unsigned young = 0;
	int err = 0;

	*locked = false;
	page_lock(p);
	c = chunk_of(p->rmap);
	if (c == NULL && p->rmap != 0)
		err = young_one((struct pte *)p->rmap, &young, locked);
	for (unsigned n = 0; c != NULL && err == 0 && n < YOUNG_CHUNKS; n++, c = chunk_next(c))
		for (unsigned i = 0; i < chunk_used(c) && err == 0; i++)
			err = young_one(c->ptes[i], &young, locked);
	page_unlock(p);
	return err ? err : (int)young;
}

struct unmap {
	uint32_t slot; /* entries become swapped(slot); 0: none */
	bool force;    /* locked entries too */
	bool dirty;    /* out: an entry had PTE_WRITE */
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
	if ((v.prot & PTE_LOCKED) && !u->force) {
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
	u->dirty |= (v.prot & PTE_WRITE) != 0;
	remove_locked(p, pte);
	pmap_table_unlock(table);
	return 0;
}

/* Entry by entry, so that the page lock is held for a bounded time however many there are. The
 * caller's reference keeps p. */
static int unmap_all(struct page *p, struct unmap *u)
{
	struct pte *pte;
	int err = 0;

	tlb_batch_init(&u->batch, NULL);
	for (;;) {
		page_lock(p);
		pte = first_locked(p);
		if (pte != NULL)
			err = unmap_one(p, pte, u);
		page_unlock(p);
		if (pte == NULL || (err && !u->force))
			break;
		if (err)
			hw_relax(); /* the table's holder is on another CPU with preemption off:
				       soon */
		else
			page_put(p);
	}
	return pte == NULL ? 0 : -EAGAIN;
}

int rmap_unmap_to_slot(struct page *p, uint32_t slot)
{
	struct unmap u = { .slot = slot };

	return unmap_all(p, &u);
}

int rmap_unmap_file(struct page *p, bool *dirty, bool force)
{
	struct unmap u = { .force = force };
	int err = unmap_all(p, &u);

	*dirty = u.dirty;
	return err;
}
