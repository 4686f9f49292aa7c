// SPDX-License-Identifier: MIT
/*
 * Refault distance. The eviction clock counts pages that went. A page that comes back when the
 * clock has gone on by less than the lists hold would have stayed, had they been used better: it is
 * counted, and the replacement policy hears of it.
 *
 *    shadow:  clock << 1 | was it active when it was here?
 *
 * Pages of disk files leave no slot behind. Theirs lie in a table of as many entries as there are
 * frames, four bytes each, four to a bucket; of a full bucket the oldest is forgotten:
 *
 *    31     30..17   16           15..0
 *    used   tag      was active   clock / unit
 *
 * Neighbours in a file share a bucket. The table grows by a frame at a time as buckets come to be
 * used, so without a disk it takes nothing, and it is bounded without any part in truncation: an
 * entry of a file that is gone is forgotten, or once in some thousand times taken for another's, a
 * wrong guess. The page daemon alone writes entries and adds frames; who finds his takes it out.
 */
#include "mm/workingset.h"

#include "mm/buddy.h"
#include "mm/replace/replace.h"
#include "mm/slab.h"
#include "mm/swap.h"

#define BUCKET     4u
#define PER_FRAME  ((uint32_t)(PAGE_SIZE / sizeof(uint32_t)))
#define USED       ((uint32_t)1 << 31)
#define TAG_SHIFT  17
#define TAG_MASK   ((uint32_t)0x3fff << TAG_SHIFT)
#define WAS_ACTIVE ((uint32_t)1 << 16)

static uint32_t evicted;         /* the clock: 31 bits; the daemon's, read by anyone */
static uint32_t cost[LRU_KINDS]; /* atomic */
static uint32_t halved;          /* the clock when cost[] was halved last; the daemon's */

/* The daemon's; frames and their number are written before `table`. */
static uint32_t **table;
static uint32_t frames, unit;

static uint32_t pages_held(void)
{
	return lru_size(LRU_INACTIVE_ANON) + lru_size(LRU_ACTIVE_ANON) +
	       lru_size(LRU_INACTIVE_FILE) + lru_size(LRU_ACTIVE_FILE);
}

uint32_t workingset_cost(enum lru_kind kind)
{
	return atomic_load(&cost[kind]);
}

uint32_t workingset_evictions(void)
{
	return READ_ONCE(evicted);
}

uint32_t workingset_evict(const struct page *p)
{
	uint32_t now = (evicted + 1) & INT32_MAX;

	WRITE_ONCE(evicted, now);
	if (((now - halved) & INT32_MAX) > pages_held() / 8) {
		halved = now;
		for (unsigned kind = 0; kind < LRU_KINDS; kind++)
			atomic_store(&cost[kind], atomic_load(&cost[kind]) / 2);
	}
	return now << 1 | page_flag(p, PAGE_WORKINGSET);
}

bool workingset_refault(struct page *p, uint32_t shadow)
{
	uint32_t distance = (READ_ONCE(evicted) - (shadow >> 1)) & INT32_MAX;
	const struct replacement *policy = replacement();
	enum lru_kind kind = lru_kind_of(p);

	vm_count(VM_REFAULT_ANON + kind, 1);
	if (distance >= pages_held())
		return false;
	(void)atomic_fetch_add(&cost[kind], 1);
	if (policy->admit == NULL || !policy->admit(p))
		return true;
	page_set_flag(p, PAGE_ACTIVE | PAGE_WORKINGSET);
	vm_count(VM_ACTIVATE_ANON + kind, 1);
	if (shadow & 1)
		vm_count(VM_RESTORE_ANON + kind, 1);
	return true;
}

/* ---- Pages of disk files ---- */

static bool table_ready(void)
{
	uint32_t **t;

	if (table != NULL)
		return true;
	frames = DIV_ROUND_UP(frames_total(), PER_FRAME);
	unit = MAX(frames * PER_FRAME / 8192, 1u);
	t = kmalloc(frames * sizeof(*t), ALLOC_ZERO | ALLOC_NOWAIT);
	hw_wmb(); /* whoever sees the table finds its size and nothing in it */
	WRITE_ONCE(table, t);
	return t != NULL;
}

/* Where o's page at index is remembered. */
struct place {
	uint32_t **frame;
	uint32_t bucket; /* its first entry in the frame */
	uint32_t tag;    /* USED and the tag */
};

static struct place place_of(const struct object *o, uint32_t index)
{
	uint64_t key = ((uintptr_t)o >> 4 ^ (uint64_t)(index / BUCKET) << 32) * 0x9e3779b97f4a7c15;
	uint32_t hash = (uint32_t)(key >> 32); /* above for the bucket, below for the tag */
	uint32_t entry =
		(uint32_t)((uint64_t)hash * (frames * (PER_FRAME / BUCKET)) >> 32) * BUCKET;

	return (struct place){ .frame = &table[entry / PER_FRAME],
			       .bucket = entry % PER_FRAME,
			       .tag = USED | (hash * BUCKET + index % BUCKET) << TAG_SHIFT };
}

/* Units since an entry was made; longest for an empty one. */
static uint32_t age_of(uint32_t entry, uint32_t now)
{
	return entry & USED ? (now - entry) & UINT16_MAX : UINT32_MAX;
}

/* The entry of a bucket that goes: an empty one, or the oldest. */
static uint32_t *entry_for(uint32_t *bucket, uint32_t now)
{
	uint32_t *best = bucket;

	for (unsigned i = 1; i < BUCKET; i++)
		if (age_of(READ_ONCE(bucket[i]), now) > age_of(READ_ONCE(*best), now))
			best = &bucket[i];
	return best;
}

void workingset_evict_file(const struct object *o, uint32_t index, const struct page *p)
{
	uint32_t shadow = workingset_evict(p), now;
	struct place at;

	if (!table_ready())
		return;
	at = place_of(o, index);
	if (*at.frame == NULL) {
		struct page *frame = page_alloc(ALLOC_ZERO | ALLOC_NOWAIT);

		if (frame == NULL)
			return;
		hw_wmb(); /* zeroes before the frame is seen */
		WRITE_ONCE(*at.frame, page_to_virt(frame));
	}
	now = (shadow >> 1) / unit & UINT16_MAX;
	WRITE_ONCE(*entry_for(&(*at.frame)[at.bucket], now),
		   at.tag | (shadow & 1 ? WAS_ACTIVE : 0) | now);
}

/* What the clock said, from as much of it as was kept. */
static uint32_t shadow_of(uint32_t entry)
{
	uint32_t now = READ_ONCE(evicted), units = age_of(entry, now / unit & UINT16_MAX);

	return (now - units * unit) << 1 | ((entry & WAS_ACTIVE) != 0);
}

bool workingset_refault_file(struct page *p)
{
	struct place at;
	uint32_t *frame;

	if (READ_ONCE(table) == NULL || !page_flag(p, PAGE_DISK))
		return false;
	at = place_of(p->u.file.object, p->u.file.index);
	frame = READ_ONCE(*at.frame);
	for (unsigned i = 0; frame != NULL && i < BUCKET; i++) {
		uint32_t *entry = &frame[at.bucket + i], seen = READ_ONCE(*entry);

		if ((seen & (USED | TAG_MASK)) != at.tag)
			continue;
		WRITE_ONCE(*entry, 0);
		return workingset_refault(p, shadow_of(seen));
	}
	return false;
}

void workingset_forget(void)
{
	for (uint32_t i = 0; table != NULL && i < frames; i++)
		if (table[i] != NULL)
			page_free(virt_to_page(table[i]), 0);
	kfree(table);
	table = NULL;
	for (unsigned kind = 0; kind < LRU_KINDS; kind++)
		cost[kind] = 0;
}
