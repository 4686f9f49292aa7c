// SPDX-License-Identifier: MIT
/*
 * What a real-time task takes when its part of the reserve has ended. It waits for no medium, and
 * so not for the page daemon, which may be in the middle of a write; it takes for itself, in its
 * own time and no more than it needs:
 *
 *  - pages whose contents can be had again, as they lie: clean ones of files, anonymous ones whose
 *    slot has them, those that MADV_FREE gave up;
 *  - when CLAIM_LOOKS looks find none: what a victim of the OOM policy has. Choosing one and taking
 *    back is done by two threads, which have the task's priority meanwhile (mm/oom/oom.c), as the
 *    task may hold locks that they need.
 *
 * Either is bounded for each frame: a look costs some 300 instructions, a decision some 50,000, and
 * that brings memory by the megabyte. A page that would have to be written first is worth less than
 * a real-time task's time: its owner may be ended although swap has room. Only where nobody who
 * has memory to give may be ended it waits for swap, or for dirty pages of files (mm/oom/oom.c).
 * vm.rt_reserve_kb, made larger, keeps that from coming up.
 *
 * What protects groups from each other, memory.min and memory.low, does not protect them from a
 * real-time task.
 *
 * Pages that were looked at go to the new end of their list, so that the next look finds others.
 */
#include "kernel/task.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/memcg.h"
#include "mm/oom.h"
#include "mm/reclaim_internal.h"
#include "mm/swap.h"

/* As many pages that would have to be written first: 8 MB. No dearer than a decision of the OOM
 * policy. */
#define CLAIM_LOOKS  2048
#define CLAIM_BATCH  16u
#define SEARCH_HOLDS (10 * NSEC_PER_MSEC) /* twenty times what it takes */

/* A hint: who takes the page out of its maps looks again. */
static bool is_clean(const struct page *p)
{
	return !page_flag(p, PAGE_DIRTY | PAGE_READING | PAGE_WRITEBACK);
}

/* Whatever its group's memory.min and memory.low: of the latter it is told. */
static void claim_page(struct evict_batch *b, struct page *p)
{
	if (unlikely(p->u.lru.group != 0))
		(void)memcg_spares(p->u.lru.group, NULL, true);
	evict_page(b, p);
}

/* Looks at n pages (at most CLAIM_BATCH) of a list. Returns frames freed. */
static unsigned claim_some(enum lru_list list, unsigned n)
{
	struct page *pages[CLAIM_BATCH];
	struct evict_batch b;

	evict_begin(&b, NULL);
	n = lru_isolate(list, pages, n);
	vm_count(VM_PGSCAN_DIRECT, n);
	for (unsigned i = 0; i < n; i++)
		if (is_clean(pages[i]))
			claim_page(&b, pages[i]);
		else
			evict_keep(&b, pages[i]);
	n = evict_finish(&b);
	vm_count(VM_PGSTEAL_DIRECT, n);
	return n;
}

static bool search(void)
{
	static const uint8_t lists[] = { LRU_INACTIVE_FILE, LRU_ACTIVE_FILE, LRU_INACTIVE_ANON,
					 LRU_ACTIVE_ANON };
	unsigned looks = CLAIM_LOOKS;

	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		unsigned left = MIN(lru_size(lists[i]), looks);

		looks -= left;
		for (unsigned n; left > 0; left -= n) {
			n = MIN(left, CLAIM_BATCH);
			if (claim_some(lists[i], n) > 0)
				return true;
		}
	}
	return false;
}

/* While a victim's memory is on its way, one search that finds nothing is enough for a time; but
 * one there is: the victim may be a group's, or slow to come by. */
static bool claim_clean(void)
{
	static uint64_t fruitless; /* when the last search was that; a hint */

	if (oom_under_way() && time_now() - READ_ONCE(fruitless) < SEARCH_HOLDS)
		return false;
	if (search())
		return true;
	WRITE_ONCE(fruitless, time_now());
	return false;
}

bool reclaim_claim(unsigned alloc_flags)
{
	const struct task *t = current();

	if (claim_clean())
		return true;
	/* Frames are there, but no two of them together: more of them, from a victim, might be no
	 * better. */
	if (alloc_flags >> ALLOC_ORDER_SHIFT > 0 && frames_free() > watermarks.min)
		return false;
	/* Nobody is ended for a thread of the kernel, nor for who dies himself. */
	return t->process != NULL && !READ_ONCE(t->oom_victim) && !task_killed(t) &&
	       oom_kill(alloc_flags, NULL);
}
