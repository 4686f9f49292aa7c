// SPDX-License-Identifier: MIT
/*
 * The word of a frame:
 *
 *    0                       mapped nowhere
 *    address of a pte        mapped once: most private pages, most of their life
 *    address of a chunk | 1  mapped more often, up to 56 times:
 *
 *        word -> [next, 3|pte pte pte  .  .  .  .] -> [next, 7|pte pte pte pte pte pte pte] -> NULL
 *                head: filled from the front            all others: full
 *
 *    address of a table | 2  mapped more often than that: 61 words of the same kind, chosen by the
 *                            entry's address, and the chain that was there before the table
 *                            (`stray`)
 *
 * Adding to a chain is O(1); removing looks through at most eight chunks and fills the hole from
 * the head. A chain that has become longer is put under a table as it is, and later entries go to
 * the buckets; buckets grow into tables in turn, by the next digits of the address. So a lookup
 * passes one table per factor of 61, and at each of them one chain: 60,000 mappings of a page,
 * three.
 *
 * A chunk that comes down to one entry is kept, up to a limit of such chunks: pages that were
 * shared by a fork are shared by the next. Chunks and tables are taken under two spin locks, so
 * they come from their caches without waiting; for chunks there is a small reserve, which
 * rmap_set_reserve() refills where sleeping is allowed. Without memory for a table the chain grows
 * on.
 */
#include "mm/rmap_set.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "mm/slab.h"

/* prime, so that tables of 512 entries spread over all of them */
#define TABLE_BUCKETS 61u
#define DEPTH_MAX     11 /* tables on the way to an entry */
#define RESERVE_LOW   4  /* rmap_set_reserve fills up to this */

#define TAG_TABLE ((uintptr_t)2)

#define BEHIND_MAX 7u

struct rmap_table {
	uint32_t count;  /* entries in stray and buckets */
	uint32_t cursor; /* where the next look begins: a bucket, or TABLE_BUCKETS for stray */
	uintptr_t stray; /* a chain or one entry */
	uintptr_t bucket[TABLE_BUCKETS];
	uintptr_t gone; /* the next that is to be freed */
};

_Static_assert(sizeof(struct rmap_chunk) == CHUNK_ALIGN, "the low bits of an address are free");
_Static_assert(sizeof(struct rmap_table) == 512, "a table fills its object");

static struct kmem_cache *chunk_cache, *table_cache;
uint32_t rmap_lone_chunks;

static struct {
	struct spinlock lock;
	struct rmap_chunk *chunks;
	unsigned count;
} reserve = { .lock = SPINLOCK_INIT };

void rmap_set_init(void)
{
	chunk_cache = kmem_cache_create("rmap_chunk", sizeof(struct rmap_chunk), CHUNK_ALIGN);
	table_cache = kmem_cache_create("rmap_table", sizeof(struct rmap_table), CHUNK_ALIGN);
	if (chunk_cache == NULL || table_cache == NULL)
		panic("no memory for the caches of the reverse map");
}

/* ---- Chunks ---- */

static inline struct rmap_chunk *chunk_next(const struct rmap_chunk *c)
{
	return (struct rmap_chunk *)(c->link & ~(CHUNK_ALIGN - 1));
}

static inline unsigned chunk_behind(const struct rmap_chunk *c)
{
	return c->link >> BEHIND_SHIFT & BEHIND_MAX;
}

static inline struct rmap_table *table_of(uintptr_t word)
{
	return word & TAG_TABLE ? (struct rmap_table *)(word & ~TAG_TABLE) : NULL;
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

int rmap_set_reserve(void)
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

/* ---- Chains: words that hold no table ---- */

static int chain_add(uintptr_t *word, uintptr_t pte)
{
	struct rmap_chunk *head = chunk_of(*word), *c;

	if (*word == 0) {
		*word = pte;
		return 0;
	}
	if (head != NULL && chunk_used(head) < CHUNK_PTES) {
		rmap_head_add(head, pte);
		return 0;
	}
	c = chunk_alloc();
	if (c == NULL)
		return -ENOMEM;
	if (head == NULL) {
		c->ptes[0] = *word;
		c->ptes[1] = pte;
		c->link = 2;
	} else {
		c->ptes[0] = pte;
		c->link = (uintptr_t)head |
			  (uintptr_t)MIN(chunk_behind(head) + 1, BEHIND_MAX) << BEHIND_SHIFT | 1;
	}
	*word = (uintptr_t)c | TAG_CHUNK;
	return 0;
}

/* Where the chain holds pte, or NULL. Whoever came last goes first, most often. */
static uintptr_t *chain_find(uintptr_t *word, uintptr_t pte)
{
	struct rmap_chunk *c = chunk_of(*word);

	if (c == NULL)
		return *word == pte ? word : NULL;
	for (; c != NULL; c = chunk_next(c))
		for (unsigned i = chunk_used(c); i-- > 0;)
			if (c->ptes[i] == pte)
				return &c->ptes[i];
	return NULL;
}

/* head has come down to `left` entries: gives itself up where that pays. */
static void chunk_shrink(uintptr_t *word, struct rmap_chunk *head, unsigned left, uintptr_t *gone)
{
	if (chunk_next(head) != NULL) {
		*word = (uintptr_t)chunk_next(head) | TAG_CHUNK;
	} else if (left == 0) {
		*word = 0;
		atomic_dec(&rmap_lone_chunks);
	} else if (READ_ONCE(rmap_lone_chunks) < LONE_MAX) {
		atomic_inc(&rmap_lone_chunks);
		return;
	} else {
		*word = head->ptes[0];
	}
	head->link = *gone;
	*gone = (uintptr_t)head | TAG_CHUNK;
}

/* False: it is not there. */
static bool chain_remove(uintptr_t *word, uintptr_t pte, uintptr_t *gone)
{
	struct rmap_chunk *head = chunk_of(*word);
	uintptr_t *hole = chain_find(word, pte);
	unsigned left;

	if (hole == NULL)
		return false;
	if (head == NULL) {
		*word = 0;
		return true;
	}
	head->link--;
	left = chunk_used(head);
	*hole = head->ptes[left];
	if (left == 0 || head->link == 1)
		chunk_shrink(word, head, left, gone);
	return true;
}

static unsigned chain_copy(uintptr_t word, struct pte **ptes, unsigned max)
{
	const struct rmap_chunk *c = chunk_of(word);
	unsigned n = 0;

	if (c == NULL && word != 0 && max > 0)
		ptes[n++] = (struct pte *)word;
	for (; c != NULL && n < max; c = chunk_next(c))
		for (unsigned i = 0; i < chunk_used(c) && n < max; i++)
			ptes[n++] = (struct pte *)c->ptes[i];
	return n;
}

static unsigned chain_count(uintptr_t word)
{
	const struct rmap_chunk *c = chunk_of(word);
	unsigned n = 0;

	if (c == NULL)
		return word != 0;
	for (; c != NULL; c = chunk_next(c))
		n += chunk_used(c);
	return n;
}

/* ---- Tables ---- */

/* The words that hold the tables between the frame's word and an entry's bucket. */
struct path {
	uintptr_t *words[DEPTH_MAX];
	unsigned n;
};

static uintptr_t *descend(uintptr_t *word, uintptr_t pte, struct path *path)
{
	uint64_t key = pte / sizeof(uint64_t);
	struct rmap_table *t;

	for (path->n = 0; (t = table_of(*word)) != NULL; key /= TABLE_BUCKETS) {
		path->words[path->n++] = word;
		word = &t->bucket[key % TABLE_BUCKETS];
	}
	return word;
}

static bool chain_is_long(uintptr_t word)
{
	const struct rmap_chunk *head = chunk_of(word);

	return head != NULL && chunk_used(head) == CHUNK_PTES && chunk_behind(head) == BEHIND_MAX;
}

/* Puts a table above the chain. False: no memory, or no digits of the address are left. */
static bool chain_grow(uintptr_t *word, const struct path *path)
{
	struct rmap_table *t = NULL;

	if (path->n < DEPTH_MAX)
		t = kmem_cache_alloc(table_cache, ALLOC_NOWAIT | ALLOC_ZERO);
	if (t == NULL)
		return false;
	t->count = chain_count(*word);
	t->stray = *word;
	*word = (uintptr_t)t | TAG_TABLE;
	return true;
}

/* The next word of t that holds something, from the cursor on; t is not empty. */
static uintptr_t table_look(struct rmap_table *t)
{
	uintptr_t word = 0;

	while (word == 0) {
		word = t->cursor == TABLE_BUCKETS ? t->stray : t->bucket[t->cursor];
		if (word == 0)
			t->cursor = t->cursor == TABLE_BUCKETS ? 0 : t->cursor + 1;
	}
	return word;
}

/* ---- The set ---- */

int rmap_set_add_slow(uintptr_t *word, struct pte *pte)
{
	struct path path;
	uintptr_t *bucket;
	int err;

	do
		bucket = descend(word, (uintptr_t)pte, &path);
	while (unlikely(chain_is_long(*bucket)) && chain_grow(bucket, &path));
	err = chain_add(bucket, (uintptr_t)pte);
	for (unsigned i = 0; i < path.n && err == 0; i++)
		table_of(*path.words[i])->count++;
	return err;
}

static void table_gone(struct rmap_table *t, uintptr_t *gone)
{
	t->gone = *gone;
	*gone = (uintptr_t)t | TAG_TABLE;
}

/* Takes one entry off the counts of n tables; empty ones go. */
static void path_removed(const struct path *path, unsigned n, uintptr_t *gone)
{
	while (n-- > 0) {
		struct rmap_table *t = table_of(*path->words[n]);

		if (--t->count > 0)
			continue;
		*path->words[n] = 0;
		table_gone(t, gone);
	}
}

static NOINLINE void set_remove(uintptr_t *word, struct pte *pte, uintptr_t *gone)
{
	uintptr_t *at;
	struct path path;
	unsigned tables;

	at = descend(word, (uintptr_t)pte, &path);
	tables = path.n;
	/* Not in its bucket: it was there before one of the tables on the way. */
	for (unsigned i = path.n; !chain_remove(at, (uintptr_t)pte, gone); tables = i + 1) {
		if (i-- == 0)
			panic("reverse map: entry %p is not in the set", (const void *)pte);
		at = &table_of(*path.words[i])->stray;
	}
	path_removed(&path, tables, gone);
}

void rmap_set_remove_slow(uintptr_t *word, struct pte *pte, uintptr_t *gone)
{
	if (likely(!(*word & TAG_TABLE)) || table_of(*word)->count > 1) {
		set_remove(word, pte, gone);
		return;
	}
	/* A table's only entry is not looked for: there may be sixteen in one hold of a leaf
	 * table's lock. */
	DEBUG_ASSERT(rmap_set_any(*word) == pte);
	table_gone(table_of(*word), gone);
	*word = 0;
}

static void chunk_free(uintptr_t word)
{
	kmem_cache_free(chunk_cache, (void *)(word - TAG_CHUNK));
}

/* With the one entry that it may still have. */
static void table_free(struct rmap_table *t)
{
	while (t != NULL) {
		uintptr_t word = t->count > 0 ? table_look(t) : 0;

		kmem_cache_free(table_cache, t);
		t = table_of(word);
		if (word & TAG_CHUNK) {
			atomic_dec(&rmap_lone_chunks);
			chunk_free(word);
		}
	}
}

void rmap_set_free(uintptr_t gone)
{
	while (gone != 0) {
		uintptr_t word = gone;

		if (likely(word & TAG_CHUNK)) {
			gone = ((struct rmap_chunk *)(word - TAG_CHUNK))->link;
			chunk_free(word);
		} else {
			gone = table_of(word)->gone;
			table_free(table_of(word));
		}
	}
}

int rmap_set_move(uintptr_t *word, struct pte *from, struct pte *to)
{
	uintptr_t *at;
	uintptr_t gone = 0;
	int err;

	if (table_of(*word) == NULL) {
		at = chain_find(word, (uintptr_t)from);
		if (at == NULL)
			panic("reverse map: entry %p is not in the set", (const void *)from);
		*at = (uintptr_t)to;
		return 0;
	}
	err = rmap_set_add(word, to);
	if (err == 0)
		rmap_set_remove(word, from, &gone);
	rmap_set_free(gone);
	return err;
}

struct pte *rmap_set_any(uintptr_t word)
{
	struct rmap_table *t;
	struct pte *pte = NULL;

	while ((t = table_of(word)) != NULL)
		word = table_look(t);
	(void)chain_copy(word, &pte, 1);
	return pte;
}

unsigned rmap_set_count(uintptr_t word)
{
	return table_of(word) != NULL ? table_of(word)->count : chain_count(word);
}

unsigned rmap_set_sample(uintptr_t word, struct pte **ptes, unsigned max)
{
	unsigned n = 0, looks = 0;

	do {
		uintptr_t at = word;
		struct rmap_table *t;

		while ((t = table_of(at)) != NULL) {
			at = table_look(t);
			t->cursor = t->cursor == TABLE_BUCKETS ? 0 : t->cursor + 1;
		}
		n += chain_copy(at, ptes + n, max - n);
	} while (table_of(word) != NULL && n < max && ++looks < 4);
	return n;
}
