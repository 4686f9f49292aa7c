// SPDX-License-Identifier: MIT
// What the files of eviction share: the lists from the daemon's side (lru.c), evicting a batch
// (evict.c), choosing (scan.c), the daemon (reclaim.c), what real-time tasks take (claim.c).
#ifndef MM_RECLAIM_INTERNAL_H
#define MM_RECLAIM_INTERNAL_H

#include "mm/lru.h"

struct memcg;

enum lru_list {
	LRU_INACTIVE_ANON,
	LRU_ACTIVE_ANON,
	LRU_INACTIVE_FILE,
	LRU_ACTIVE_FILE,
	LRU_UNEVICTABLE,
	LRU_LISTS
};

enum lru_kind { LRU_ANON, LRU_FILE, LRU_KINDS };

static inline enum lru_list lru_list_of(enum lru_kind kind, bool active)
{
	return (enum lru_list)(kind * 2 + active);
}

/* FILE: of a disk file, whose contents can be had again. Shared memory goes to swap as anonymous
 * pages do. */
static inline enum lru_kind lru_kind_of(const struct page *p)
{
	return page_flag(p, PAGE_DISK) ? LRU_FILE : LRU_ANON;
}

#define EVICT_BATCH 32 /* pages that are written and committed together */

/* Takes up to n (at most EVICT_BATCH) pages off the list's old end, each with a reference for
 * the caller; returns how many. While a page is off the lists nobody else frees or evicts it;
 * lru_put_back() ends that. */
unsigned lru_isolate(enum lru_list list, struct page **pages, unsigned n);
/* Takes p, which the caller knows to be somebody's, off its list, with a reference, unless it is on
 * none or unevictable. The page's table lock may be held. */
bool lru_isolate_page(struct page *p);
/* Puts isolated pages at the new end of the lists their flags name, and drops the caller's
 * references. */
void lru_put_back(struct page **pages, unsigned n);
uint32_t lru_size(enum lru_list list);

/* A page on its way out. */
struct victim {
	struct page *page;     /* isolated, with the daemon's reference */
	struct object *object; /* file page: pinned; NULL: anonymous */
	uint32_t index;        /* file page: where in object */
	uint32_t slot;         /* pinned (slot_get) */
	bool lost;             /* could not be written */
};

struct evict_batch {
	struct victim *victims; /* EVICT_BATCH, unmapped, waiting to be written; NULL: nothing is
				   written, what would have to be stays */
	unsigned count;
	struct page *keep[EVICT_BATCH]; /* to be put back */
	unsigned kept;
	unsigned freed;
};

/* Takes p (isolated) out of every map, if need be with room in swap for it: frees it at once,
 * when its contents are to be had again, or leaves it to evict_finish, or has it put back. Task
 * context; with victims the page daemon alone. */
void evict_page(struct evict_batch *b, struct page *p);
/* Writes what waits, commits, frees the frames that nobody took back meanwhile, puts back all
 * others. Returns frames freed since the batch began. */
unsigned evict_finish(struct evict_batch *b);
static inline void evict_begin(struct evict_batch *b, struct victim *victims)
{
	b->victims = victims;
	b->count = b->kept = b->freed = 0;
}
static inline void evict_keep(struct evict_batch *b, struct page *p)
{
	b->keep[b->kept++] = p;
}

/* ---- scan.c ---- */

/* One round: scans until a batch of frames is free or everything has been looked at often
 * enough. force: pages in use go, too. Returns frames freed, those of slabs only when they are many
 * and nothing was forced. For the daemon and for tests. */
unsigned reclaim_round(bool force);
/* Evicts n isolated pages (at most EVICT_BATCH), used or not, as far as they can go; the others are
 * put back. The daemon's. */
void reclaim_evict(struct page **pages, unsigned n);

/* Evicts pages that group m or one below pays for, until `want` frames are free or its hand has
 * been around (twice, without force: pages used since it came by last are passed then). Returns
 * frames freed. The daemon's. */
unsigned reclaim_group_round(struct memcg *m, unsigned want, bool force);

/* ---- reclaim.c ---- */

/* Between batches: the daemon borrows the highest priority among those who wait, and wakes who need
 * not. */
void reclaim_look_at_waiters(void);
/* The daemon's step: a round, by force when the last one freed nothing (*force, kept by the
 * caller); a pause when that was fruitless as well. False: nothing comes and nobody waits.
 * Sleeps. */
bool reclaim_step(bool *force);
/* Has the daemon evict n isolated pages (at most EVICT_BATCH), used or not, and waits for that:
 * what cannot go is put back. May sleep; no locks held. */
void reclaim_pages(struct page **pages, unsigned n);
/* Has the daemon do a round for group m, which the caller has pinned, and waits for that, unless it
 * is to die, or becomes real-time meanwhile by what it holds. Returns frames freed, 0 if it did not
 * wait. May sleep; no locks that the daemon takes. */
unsigned reclaim_group(struct memcg *m, unsigned want, bool force);
/* The daemon's part in it. */
void reclaim_serve(void);
/* Evicts for those who wait for a block, if anybody does, and tells them. The daemon's; sleeps. */
void reclaim_make_block(void);

#endif
