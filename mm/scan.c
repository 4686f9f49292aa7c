// SPDX-License-Identifier: MIT
/*
 * Choosing what goes, for the page daemon. A round looks at batches of the inactive lists, oldest
 * first, until a batch of frames is free or everything has been looked at often enough:
 *
 *    kind      anonymous or file: by what there is, what comes back, and swappiness
 *    balance   the policy moves what it likes between the kind's lists
 *    look      locked, being read or written: back. Else the policy says whether the page goes
 *    evict     mm/evict.c
 *
 * File or anonymous. A clean page of a file costs a read when it comes back, an anonymous one a
 * write to the flash besides. So while the pages of files that went do not come back, as those of a
 * file that is read once from end to end, they alone go, whatever their number. Else each kind is
 * looked at in proportion to its pages, to swappiness (200 - swappiness for files), and to what the
 * other kind's refaults cost lately (mm/workingset.h).
 *
 * By force, pages go as they lie, used or not: a task would have to be ended otherwise.
 */
#include "mm/memcg.h"
#include "mm/reclaim.h"
#include "mm/replace/replace.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/swap/slots.h"
#include "mm/workingset.h"

unsigned reclaim_swappiness = 60;
uint32_t reclaim_rounds;

struct round {
	bool force;
	uint32_t pages[LRU_KINDS]; /* that may go, when it began */
	uint32_t scanned;
};

/* Whom a batch is for. */
struct choice {
	bool force;         /* as pages lie */
	bool all;           /* protected ones, too: somebody wants these pages out */
	struct memcg *root; /* for this group's limit, by use alone; NULL: for the machine, as the
			       policy has it */
};

static bool page_was_used(struct page *p, bool young)
{
	bool used = young || page_flag(p, PAGE_REFERENCED);

	page_clear_flag(p, PAGE_REFERENCED);
	return used;
}

/* Is p, isolated, to go? Else its flags say where it belongs. */
static bool page_is_due(struct page *p, const struct choice *c)
{
	bool locked = false;
	int young;

	if (page_flag(p, PAGE_READING | PAGE_WRITEBACK))
		return false;
	if (unlikely(p->u.lru.group != 0) && !c->all &&
	    memcg_spares(p->u.lru.group, c->root, c->force))
		return false;
	young = rmap_test_clear_young(p, &locked);
	if (locked)
		vm_count(VM_PGCULLED, 1);
	if (locked || young < 0)
		return false;
	if (!c->force && c->root == NULL)
		return replacement()->due(p, young > 0);
	return !page_was_used(p, young > 0) || c->force;
}

/* Evicts of n isolated pages those that are due. Returns frames freed. */
static unsigned evict_due(struct page **pages, unsigned n, const struct choice *c)
{
	static struct victim victims[EVICT_BATCH]; /* the daemon's alone, and large for a stack */
	struct evict_batch b;

	evict_begin(&b, victims);
	for (unsigned i = 0; i < n; i++)
		if (page_is_due(pages[i], c))
			evict_page(&b, pages[i]);
		else
			evict_keep(&b, pages[i]);
	return evict_finish(&b);
}

void reclaim_evict(struct page **pages, unsigned n)
{
	(void)evict_due(pages, n, &(struct choice){ .force = true, .all = true });
}

unsigned reclaim_group_round(struct memcg *m, unsigned want, bool force)
{
	struct choice c = { .force = force, .root = m };
	uint32_t left = (force ? 1 : 2) * memcg_span();
	struct page *pages[EVICT_BATCH];
	unsigned freed = 0, n;

	reclaim_rounds++;
	while (freed < want && (n = memcg_isolate(m, pages, EVICT_BATCH, &left)) > 0) {
		unsigned some = evict_due(pages, n, &c);

		memcg_count_reclaim(m, n, some);
		vm_count(VM_PGSCAN, n);
		vm_count(VM_PGSTEAL, some);
		freed += some;
		reclaim_look_at_waiters();
	}
	return freed;
}

/* Looks at a batch of kind. Returns frames freed. */
static unsigned shrink(struct round *r, enum lru_kind kind)
{
	struct page *pages[EVICT_BATCH];
	unsigned n, freed;

	replacement()->balance(kind);
	n = lru_isolate(lru_list_of(kind, false), pages, EVICT_BATCH);
	freed = evict_due(pages, n, &(struct choice){ .force = r->force });
	r->scanned += n;
	vm_count(VM_PGSCAN, n);
	vm_count(VM_PGSCAN_ANON + kind, n);
	vm_count(VM_PGSTEAL, freed);
	vm_count(VM_PGSTEAL_ANON + kind, freed);
	return freed;
}

static uint32_t kind_size(enum lru_kind kind)
{
	return lru_size(lru_list_of(kind, false)) + lru_size(lru_list_of(kind, true));
}

/* Pages that may go. Without room in swap, anonymous pages may when their slot has the contents. */
static uint32_t candidates(enum lru_kind kind)
{
	struct swap_stats s;

	swap_stats(&s);
	return kind == LRU_FILE || swap_writable() || s.cached > 0 ? kind_size(kind) : 0;
}

/* Pages of files alone go: they do not come back, there are enough, and it frees some. */
static bool files_suffice(const struct round *r, uint32_t few)
{
	return !r->force && r->scanned < r->pages[LRU_FILE] && lru_size(LRU_INACTIVE_FILE) > few &&
	       workingset_cost(LRU_FILE) <= few;
}

static enum lru_kind next_kind(const struct round *r)
{
	static uint32_t debt; /* of file pages, in 65,536ths of a batch; the daemon's */
	uint64_t anon = r->pages[LRU_ANON], file = r->pages[LRU_FILE];
	uint32_t swappiness = READ_ONCE(reclaim_swappiness);
	uint32_t few = (uint32_t)(anon + file) / 64 + 1;

	if (files_suffice(r, few))
		return LRU_FILE;
	if (r->force || r->scanned > 2 * file)
		swappiness = MAX(swappiness, 1u); /* 0: not while files' pages can go */
	file *= (uint64_t)(SWAPPINESS_MOST - swappiness) * (workingset_cost(LRU_ANON) + few);
	anon *= (uint64_t)swappiness * (workingset_cost(LRU_FILE) + few);
	debt += (uint32_t)(file / ((anon + file) / 65536 + 1));
	if (debt < 65536 && anon > 0)
		return LRU_ANON;
	debt = debt < 65536 ? 0 : debt - 65536;
	return LRU_FILE;
}

unsigned reclaim_round(bool force)
{
	struct round r = { .force = force,
			   .pages = { candidates(LRU_ANON), candidates(LRU_FILE) } };
	/* Each page may be looked at three times: deactivated, marked, evicted; and batches may
	 * come up empty. */
	uint32_t limit = 3 * (r.pages[LRU_ANON] + r.pages[LRU_FILE]);
	uint32_t batches = limit / EVICT_BATCH + 4;
	unsigned slabs = slab_reap(), evicted = 0;

	reclaim_rounds++;
	while (slabs + evicted < EVICT_BATCH && r.scanned < limit && batches-- > 0) {
		evicted += shrink(&r, next_kind(&r));
		reclaim_look_at_waiters();
	}
	/* A few slabs say nothing: who waits for the second of two frames gives the first one back
	 * as such, each time. */
	return evicted + (force || slabs < EVICT_BATCH ? 0 : slabs);
}
