// SPDX-License-Identifier: MIT
/*
 * The pool of huge pages, in units of 2 MB, that is set aside (/proc/sys/vm/nr_hugepages).
 *
 *     buddy --resize, overcommit--> pool: free ------ unit_take ------> 512 frames, each with
 *       ^                             ^  `reserved` of it is promised      |  references of its own
 *       +------- more than wanted ----+------ the last of the 512 is put --+
 *
 * The frames of a unit are PAGE_HUGETLB and on no LRU list. page_put() of the last reference to one
 * brings it here (hugetlb_put); the first frame counts in `prev` how many are still in use, and
 * with the last of them the unit is free. So whoever holds a reference to a part only delays that.
 *
 * Locks: pool.lock, a leaf, for a few words; units are made and returned to the buddy without it.
 *
 *   (1) reserved <= free <= total; surplus <= total. What is wanted of the pool is total - surplus.
 *   (2) surplus is what lies above nr_hugepages: made for promises under nr_overcommit_hugepages,
 *       or left over when the pool shrank. It goes back to the buddy as soon as it is neither in
 *       use nor promised.
 */
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/buddy.h"
#include "mm/huge_pool.h"

static struct {
	struct spinlock lock;
	pfn_t head; /* free units, through page->next */
	struct huge_stats n;
} pool = { .lock = SPINLOCK_INIT, .head = PFN_NONE };

/* ---- The pool ---- */

static struct page *pool_pop_locked(void)
{
	struct page *p = pfn_to_page(pool.head);

	ASSERT(pool.n.free > 0);
	pool.head = p->next;
	pool.n.free--;
	return p;
}

static void pool_push_locked(struct page *p)
{
	p->next = pool.head;
	pool.head = page_to_pfn(p);
	pool.n.free++;
}

/* Out of the buddy, if that can be had at once. */
static struct page *unit_make(void)
{
	return page_alloc_order(HUGE_ORDER, ALLOC_NOWAIT);
}

/* Gives back what is above the pool's size and neither used nor promised. */
static void pool_trim(void)
{
	struct page *p;

	do {
		p = NULL;
		spin_lock(&pool.lock);
		if (pool.n.surplus > 0 && pool.n.free > pool.n.reserved) {
			p = pool_pop_locked();
			pool.n.surplus--;
			pool.n.total--;
		}
		spin_unlock(&pool.lock);
		if (p != NULL)
			page_free(p, HUGE_ORDER);
	} while (p != NULL);
}

void huge_stats(struct huge_stats *s)
{
	spin_lock(&pool.lock);
	*s = pool.n;
	spin_unlock(&pool.lock);
}

int huge_size_check(unsigned log2)
{
	switch (log2) {
	case 0:
	case HUGE_SHIFT: return 0;
	case 16: /* 64 KB: runs of entries; 32 MB: runs of blocks; 1 GB */
	case 25:
	case 30: return -ENOMEM;
	default: return -EINVAL;
	}
}

void huge_set_overcommit(uint64_t units)
{
	spin_lock(&pool.lock);
	pool.n.overcommit = units;
	spin_unlock(&pool.lock);
}

/* Makes one unit more, as surplus or for good. False: no block, or no more surplus is allowed. */
static bool pool_grow(bool surplus)
{
	struct page *p = unit_make();
	bool may;

	if (p == NULL)
		return false;
	spin_lock(&pool.lock);
	may = !surplus || pool.n.surplus < pool.n.overcommit;
	if (may) {
		pool_push_locked(p);
		pool.n.total++;
		pool.n.surplus += surplus;
	}
	spin_unlock(&pool.lock);
	if (!may)
		page_free(p, HUGE_ORDER);
	return may;
}

void huge_pool_resize(uint64_t units)
{
	uint64_t missing;

	/* Surplus counts as wanted, or the other way round, as far as it goes. */
	spin_lock(&pool.lock);
	missing = units - MIN(units, pool.n.total);
	pool.n.surplus = pool.n.total - MIN(units, pool.n.total);
	spin_unlock(&pool.lock);
	while (missing > 0 && !task_killed(current()) && pool_grow(false))
		missing--;
	pool_trim();
}

struct page *unit_take(bool promised)
{
	struct page *p = NULL;

	do {
		spin_lock(&pool.lock);
		if (promised || pool.n.free > pool.n.reserved)
			p = pool_pop_locked();
		if (promised)
			pool.n.reserved--;
		spin_unlock(&pool.lock);
	} while (p == NULL && pool_grow(true));
	return p;
}

void unit_prepare(struct page *unit, enum page_type type)
{
	for (unsigned i = 0; i < HUGE_PAGES; i++) {
		unit[i].type = type;
		unit[i].flags = PAGE_HUGETLB;
		atomic_store(&unit[i].refs, 1);
	}
	unit->prev = HUGE_PAGES;
}

void unit_untake(struct page *unit, bool promised)
{
	spin_lock(&pool.lock);
	pool_push_locked(unit);
	pool.n.reserved += promised;
	spin_unlock(&pool.lock);
	pool_trim();
}

/* The last reference to one of a unit's frames has gone. */
void hugetlb_put(struct page *p)
{
	struct page *first = pfn_to_page(ALIGN_DOWN(page_to_pfn(p), HUGE_PAGES));

	ASSERT(p->rmap == 0);
	if (atomic_dec(&first->prev) > 0)
		return;
	spin_lock(&pool.lock);
	pool_push_locked(first);
	spin_unlock(&pool.lock);
	pool_trim();
}

/* ---- Promises ---- */

int units_reserve(uint64_t n)
{
	bool enough;

	do {
		spin_lock(&pool.lock);
		enough = pool.n.free - pool.n.reserved >= n;
		if (enough)
			pool.n.reserved += n;
		spin_unlock(&pool.lock);
	} while (!enough && pool_grow(true));
	if (!enough)
		pool_trim();
	return enough ? 0 : -ENOMEM;
}

void units_unreserve(uint64_t n)
{
	spin_lock(&pool.lock);
	ASSERT(pool.n.reserved >= n);
	pool.n.reserved -= n;
	spin_unlock(&pool.lock);
	pool_trim();
}
