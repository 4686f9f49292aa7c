// SPDX-License-Identifier: MIT
/*
 * Frames by group. A group has no lists of its frames: whoever wants them goes through the array of
 * all frames, RUN at a time under the lock, preemptible in between, some five instructions for each
 * that is somebody else's. That is seldom (a group at its limit, one that is removed, memory.stat),
 * and saves every page its links and every list of the LRU a copy for each group. A frame is looked
 * at from its number alone, so what is read of one that nobody pays for is garbage: such garbage is
 * no group's number, or the frame is on no list.
 *
 * Eviction for a group's own limit goes around with a hand, as a clock: a page that was used since
 * the hand came by is passed once.
 */
#include "mm/lru.h"
#include "mm/memblock.h"
#include "mm/memcg_internal.h"
#include "mm/reclaim_internal.h"

#define RUN       64u
#define COUNT_RUN 16u /* of the group that is asked about, each costs a hundred */

/* The frames [first, end) of RAM at or above `at`, RUN at most; false: there are none. */
static bool ram_run(pfn_t at, pfn_t *first, pfn_t *end)
{
	struct memblock_range r;

	for (unsigned i = 0; memblock_ram(i, &r); i++) {
		pfn_t start = (pfn_t)(r.base >> PAGE_SHIFT);
		pfn_t stop = (pfn_t)((r.base + r.size) >> PAGE_SHIFT);

		if (at >= stop)
			continue;
		*first = MAX(at, start);
		*end = MIN(*first + RUN, stop);
		return true;
	}
	return false;
}

uint32_t memcg_span(void)
{
	return (uint32_t)(memblock_ram_total() >> PAGE_SHIFT);
}

/* Does m, or one below it, pay for p? m NULL: true. Lock held. */
static bool pays_locked(const struct memcg *m, const struct page *p)
{
	struct memcg *of = m == NULL ? NULL : memcg_of_locked(page_group(p));

	return m == NULL || (of != NULL && memcg_is_below(of, m));
}

/* ---- Eviction ---- */

unsigned memcg_isolate(struct memcg *m, struct page **pages, unsigned n, uint32_t *left)
{
	struct page *found[RUN];
	unsigned got = 0;

	while (got<n && * left> 0) {
		unsigned some = 0;
		pfn_t at, end;

		if (!ram_run(m->hand, &at, &end)) {
			m->hand = 0;
			continue;
		}
		end = MIN(end, at + (n - got));
		*left -= MIN(*left, end - at);
		m->hand = end;
		spin_lock(&memcg_lock);
		for (; at < end; at++)
			if (page_flag(pfn_to_page(at), PAGE_LRU) && pays_locked(m, pfn_to_page(at)))
				found[some++] = pfn_to_page(at);
		spin_unlock(&memcg_lock);
		/* One that changed hands meanwhile is a wrong guess, no harm. */
		for (unsigned i = 0; i < some; i++)
			if (lru_isolate_page(found[i]))
				pages[got++] = found[i];
	}
	return got;
}

/* ---- Handing over ---- */

static void hand_over_run(struct memcg *m, struct memcg *heir, pfn_t at, pfn_t end)
{
	uint16_t to = heir == NULL ? 0 : heir->id;
	uint32_t n = 0;

	spin_lock(&memcg_lock);
	for (; at < end; at++) {
		struct page *p = pfn_to_page(at);

		if (page_group(p) != m->id)
			continue;
		page_set_group(p, to);
		n++;
	}
	memcg_moved_locked(m, heir, n, 0);
	spin_unlock(&memcg_lock);
}

void memcg_hand_over(struct memcg *m, struct memcg *heir)
{
	pfn_t at = 0, end;

	for (; READ_ONCE(m->own) > 0 && ram_run(at, &at, &end); at = end)
		hand_over_run(m, heir, at, end);
	if (READ_ONCE(m->own_swap) > 0)
		swap_owner_hand_over(m, heir);
}

/* ---- Figures ---- */

static void count_page(const struct page *p, struct memcg_stat *st)
{
	uint32_t flags = READ_ONCE(p->flags);
	bool disk = flags & PAGE_DISK;

	switch (READ_ONCE(p->type)) {
	case PAGE_ANON:
		st->anon++;
		st->swapcached += (flags & PAGE_SWAPCACHE) != 0;
		break;
	case PAGE_FILE:
		st->file++;
		st->shmem += !disk;
		st->file_mapped += READ_ONCE(p->rmap) != 0;
		st->file_dirty += disk && (flags & PAGE_DIRTY);
		st->file_writeback += (flags & PAGE_WRITEBACK) != 0;
		break;
	case PAGE_TABLE: st->pagetables++; break;
	case PAGE_SLAB: st->slab++; break;
	case PAGE_KERNEL: st->kernel++; break;
	default: return;
	}
	if (flags & PAGE_UNEVICTABLE)
		st->lists[LRU_UNEVICTABLE]++;
	else if (flags & PAGE_LRU)
		st->lists[lru_list_of(disk ? LRU_FILE : LRU_ANON, flags & PAGE_ACTIVE)]++;
}

static void count_tasks(const struct memcg *m, struct memcg_stat *st)
{
	struct memcg *below;
	bool more = m != NULL;

	for (unsigned i = 0; more; i++) {
		spin_lock(&memcg_lock);
		more = memcg_next_locked(i, &below);
		if (below != NULL && memcg_is_below(below, m))
			st->kernel_stack += below->tasks * MEMCG_TASK_FRAMES;
		spin_unlock(&memcg_lock);
	}
}

void memcg_stat(const struct memcg *m, struct memcg_stat *st)
{
	pfn_t at = 0, end;

	*st = (struct memcg_stat){ 0 };
	count_tasks(m, st);
	while (ram_run(at, &at, &end)) {
		end = MIN(end, at + COUNT_RUN);
		spin_lock(&memcg_lock);
		for (; at < end; at++)
			if (pays_locked(m, pfn_to_page(at)))
				count_page(pfn_to_page(at), st);
		spin_unlock(&memcg_lock);
	}
}

/* ---- The check ---- */

static uint32_t frames_that_carry(unsigned id)
{
	uint32_t n = 0;
	pfn_t at = 0, end;

	for (; ram_run(at, &at, &end); at = end)
		for (pfn_t i = at; i < end; i++)
			n += page_group(pfn_to_page(i)) == id;
	return n;
}

/* What the groups right below m have together: memcg.c (1), (2). */
static bool sums_hold_locked(const struct memcg *m)
{
	uint32_t usage = m->own + m->tasks * MEMCG_TASK_FRAMES, swap = m->own_swap, min = 0,
		 low = 0;
	struct memcg *below;

	for (unsigned i = 0; memcg_next_locked(i, &below); i++) {
		if (below == NULL || below->parent != m)
			continue;
		usage += below->usage;
		swap += below->swap;
		min += MIN(below->usage, below->min);
		low += MIN(below->usage, below->low);
	}
	return usage == m->usage && swap == m->swap && min == m->min_kept && low == m->low_kept;
}

bool memcg_check(void)
{
	bool good = true, more = true;

	for (unsigned i = 1; more && good; i++) {
		struct memcg *m;
		uint32_t own;

		spin_lock(&memcg_lock);
		more = memcg_next_locked(i, &m);
		good = m == NULL || sums_hold_locked(m);
		own = m == NULL ? 0 : m->own;
		spin_unlock(&memcg_lock);
		good = good && (m == NULL || own == frames_that_carry(i));
	}
	return good;
}
