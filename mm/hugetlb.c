// SPDX-License-Identifier: MIT
/*
 * MAP_HUGETLB: private anonymous memory in units of 2 MB out of a pool that is set aside (/proc/sys/vm/nr_hugepages), promised when it is mapped
 * and never paged out.
 *
 *     buddy --resize, overcommit--> pool: free ------------ fault, copy -----------> 512 frames mapped by one leaf table
 *       ^                             ^  `reserved` of it is promised                  |
 *       +------- more than wanted ----+------------- the last of the 512 is put -------+
 *
 * A unit is mapped like any block: by a leaf table with 512 entries, folded (mm/huge.c). Its frames are PAGE_HUGETLB, each with a reference of its own,
 * and on no LRU list. page_put() of the last reference to one brings it here (hugetlb_put); the first frame counts in `prev` how many are
 * still in use, and with the last of them the unit is free. So whoever holds a reference to a part only delays that.
 *
 * In an area with AREA_HUGETLB a leaf table is there, with all of its entries, or it is not: units are never mapped, unmapped, protected or moved by
 * parts, for areas begin and end on 2 MB borders (area_split asks). A fork shares the table; the first who writes gets a copy of the whole unit, in a table
 * of its own, or SIGBUS when the pool is empty.
 *
 * Promises. An area with AREA_HUGE_OWNER was promised its units by mmap(2); those that have no table yet are in pool.reserved. Nothing else is
 * stored: mapping one uses its promise up, unmapping the area gives those back that were left. A child of a fork owns no promises,
 * and neither does what MADV_DONTNEED has emptied: they get what is free and not promised, or SIGBUS.
 *
 * Locks: pool.lock, a leaf, for a few words; units are cleared, built and returned to the buddy without it.
 *
 *   (1) reserved <= free <= total; surplus <= total. What is wanted of the pool is total - surplus.
 *   (2) surplus is what lies above nr_hugepages: made for promises under nr_overcommit_hugepages, or left over when the pool shrank. It goes
 *       back to the buddy as soon as it is neither in use nor promised.
 */
#include "mm/aspace_internal.h"
#include "mm/buddy.h"

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

/* A unit for use, promised before or not; NULL: there is none. */
static struct page *unit_take(bool promised)
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

/* Promises n units, making as many as are missing where overcommitting allows it. 0 or -ENOMEM. */
static int units_reserve(uint64_t n)
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

static void units_unreserve(uint64_t n)
{
	spin_lock(&pool.lock);
	ASSERT(pool.n.reserved >= n);
	pool.n.reserved -= n;
	spin_unlock(&pool.lock);
	pool_trim();
}

int hugetlb_promise(struct area *like)
{
	int err = like->flags & AREA_NORESERVE ? 0 : units_reserve(area_units(like));

	if (err == 0 && !(like->flags & AREA_NORESERVE))
		like->flags |= AREA_HUGE_OWNER;
	return err;
}

void hugetlb_promise_undo(const struct area *like)
{
	if (like->flags & AREA_HUGE_OWNER)
		units_unreserve(area_units(like));
}

uint64_t hugetlb_promised(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *a = area_first_in(as, start, end);
	uint64_t n = 0;

	for (; a != NULL && a->start < end; a = area_next(a)) {
		virt_addr_t va = MAX(a->start, start), stop = MIN(a->end, end);

		if (!(a->flags & AREA_HUGE_OWNER))
			continue;
		n += (stop - va) >> HUGE_SHIFT;
		for (va = pmap_next_leaf(&as->pmap, va, stop); va < stop;
		     va = pmap_next_leaf(&as->pmap, va + HUGE_SIZE, stop))
			n--;
	}
	return n;
}

void hugetlb_forgo(uint64_t units)
{
	if (units > 0)
		units_unreserve(units);
}

/* ---- Faults and copies ---- */

/* A leaf table for base with entries for the unit, not linked. NULL: no memory. */
static struct page *unit_table(const struct area *a, virt_addr_t base, struct page *unit)
{
	struct page *leaf = page_alloc(ALLOC_USER | ALLOC_ZERO);

	if (leaf == NULL)
		return NULL;
	page_set_flag(leaf, PAGE_HUGETLB);
	for (unsigned i = 0; i < HUGE_PAGES; i++) {
		unit[i].flags = PAGE_HUGETLB;
		atomic_store(&unit[i].refs, 1);
	}
	unit->prev = HUGE_PAGES;
	block_fill(leaf, base, unit, a->flags);
	return leaf;
}

/* Gives a unit back that nobody has used. */
static void unit_untake(struct page *unit, bool promised)
{
	spin_lock(&pool.lock);
	pool_push_locked(unit);
	pool.n.reserved += promised;
	spin_unlock(&pool.lock);
	pool_trim();
}

int hugetlb_fault(struct fault *f)
{
	bool promised = f->area->flags & AREA_HUGE_OWNER;
	virt_addr_t base = leaf_base(f->va);
	struct page *unit, *leaf;

	if (!block_possible(&f->as->pmap, base))
		return -ENOMEM;
	unit = unit_take(promised);
	if (unit == NULL)
		return -ENXIO;
	for (unsigned i = 0; i < HUGE_PAGES; i++)
		hw_clear_page(page_to_virt(unit + i));
	leaf = unit_table(f->area, base, unit);
	if (leaf == NULL) {
		unit_untake(unit, promised);
		return -ENOMEM;
	}
	pmap_block_add(&f->as->pmap, base, leaf);
	return 0;
}

/* As long as the table is shared nobody can write: the contents stand still. */
int hugetlb_unshare(struct aspace *as, struct area *a, virt_addr_t va)
{
	virt_addr_t base = leaf_base(va);
	struct page *unit = unit_take(false), *copy, *old;
	struct pte_view v;

	if (unit == NULL)
		return -ENXIO;
	pte_view(pmap_table_entry(pmap_leaf(&as->pmap, va), 0), &v);
	for (unsigned i = 0; i < HUGE_PAGES; i++)
		hw_copy_page(page_to_virt(unit + i), page_to_virt(v.page + i));
	copy = unit_table(a, base, unit);
	if (copy == NULL) {
		unit_untake(unit, false);
		return -ENOMEM;
	}
	vm_count(VM_UNSHARE, 1);
	old = pmap_leaf_replace(&as->pmap, va, copy);
	if (old != NULL)
		table_discard(as, old);
	if (block_possible(&as->pmap, va))
		(void)pmap_fold(&as->pmap, va);
	return 0;
}

/* ---- Calls ---- */

bool hugetlb_may_cut(struct aspace *as, virt_addr_t at)
{
	struct area *a = IS_ALIGNED(at, HUGE_SIZE) ? NULL : area_covering(as, at);

	return a == NULL || a->start == at || !(a->flags & AREA_HUGETLB);
}

virt_addr_t hugetlb_place(struct aspace *as, virt_addr_t hint, uint64_t length)
{
	virt_addr_t at = ALIGN_UP(hint, HUGE_SIZE), room = length + HUGE_SIZE - PAGE_SIZE;

	if (hint != 0 && user_pages_ok(at, length) && area_first_in(as, at, at + length) == NULL)
		return at;
	at = area_find_gap(as, USER_MIN, as->mmap_base, room);
	if (at == 0)
		at = area_find_gap(as, as->mmap_base, USER_TOP, room);
	return at != 0 ? ALIGN_DOWN(at + HUGE_SIZE - PAGE_SIZE, HUGE_SIZE) : 0;
}

/* The units go; what is faulted in afterwards is not promised any more. */
int hugetlb_drop(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	uint64_t promised;
	struct area *a;
	int err;

	end = ALIGN_DOWN(end, HUGE_SIZE);
	if (!IS_ALIGNED(start, HUGE_SIZE))
		return -EINVAL;
	if (start >= end)
		return 0;
	err = area_isolate(as, start, end);
	if (err)
		return err;
	promised = hugetlb_promised(as, start, end);
	a = area_covering(as, start);
	area_set_flags(as, a, a->flags & ~(unsigned)AREA_HUGE_OWNER);
	zap_range(as, start, end);
	hugetlb_forgo(promised);
	return 0;
}

void hugetlb_moved(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	for (virt_addr_t va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va + HUGE_SIZE, end)) {
		page_set_flag(pmap_leaf(&as->pmap, va), PAGE_HUGETLB);
		if (block_possible(&as->pmap, va))
			(void)pmap_fold(&as->pmap, va);
	}
}
