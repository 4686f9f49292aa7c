// SPDX-License-Identifier: MIT
/*
 * mlock and its family, and populating. Locking marks the areas, then the entries that are there
 * (PTE_LOCKED, and their pages go to the unevictable list), then faults in what is missing: for
 * writing where the area is private and writable, so that copy-on-write is over, too, and no fault
 * ever comes again. Leaf tables are unshared first (7).
 */
#include "mm/aspace_internal.h"

/* What has to be asked for so that no later access of a kind the area allows faults. */
static unsigned populate_access(unsigned flags)
{
	if (flags & AREA_WRITE)
		return FAULT_WRITE;
	return FAULT_READ;
}

int populate_range(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned access)
{
	virt_addr_t va, next;
	int err = 0;

	for (va = start; va < end && err == 0; va = next) {
		struct fault f;

		if (task_killed(current()))
			return -EINTR;
		fault_begin(&f, as, va, access);
		mutex_lock(&as->mutex);
		err = fault_handle(&f);
		next = va == start || leaf_index(va) == 0 ? huge_next(as, va) : va + PAGE_SIZE;
		mutex_unlock(&as->mutex);
		fault_release(&f);
	}
	return err;
}

int aspace_populate(struct aspace *as, virt_addr_t addr, uint64_t len, bool write)
{
	virt_addr_t start = addr & PAGE_MASK, end;
	int err;

	if (len == 0)
		return 0;
	if (addr < USER_MIN || addr >= USER_TOP || len > USER_TOP - addr)
		return -EFAULT;
	end = ALIGN_UP(addr + len, PAGE_SIZE);
	err = populate_range(as, start, end, write ? FAULT_WRITE : FAULT_READ);
	return err == 0 || err == -ENOMEM || err == -EINTR ? err : -EFAULT;
}

/* ---- Marking ---- */

static void mark_entry(struct pte *pte, bool lock, struct tlb_batch *b)
{
	struct pte_view v;

	pte_view(pte, &v);
	if (v.state != PTE_PRESENT || !!(v.prot & PTE_LOCKED) == lock)
		return;
	pte_protect(pte, v.prot ^ PTE_LOCKED, b);
	if (!(v.prot & PTE_SPECIAL))
		lru_set_unevictable(v.page, lock);
}

static void mark_entries(struct aspace *as, virt_addr_t start, virt_addr_t end, bool lock)
{
	struct tlb_batch b;
	virt_addr_t va;

	tlb_batch_init(&b, &as->pmap);
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va, end)) {
		virt_addr_t stop = MIN(leaf_end(va, end), va + CHUNK_ENTRIES * PAGE_SIZE);
		struct pte *pte = pmap_entry_lock(&as->pmap, va);

		for (int i = 0; i < (int)bytes_to_pages(stop - va); i++)
			mark_entry(pte_next(pte, i), lock, &b);
		pmap_entry_unlock(pte);
		va = stop;
	}
	tlb_flush(&b);
}

static int lock_area(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
		     unsigned lock_flags)
{
	unsigned flags = (a->flags & ~(unsigned)AREA_LOCK_BITS) | lock_flags;
	int err = 0;

	if (flags == a->flags || (a->flags & AREA_HUGETLB)) /* never paged out anyway */
		return 0;
	if (lock_flags)
		err = unshare_range(as, start, end);
	if (err == 0)
		err = area_isolate(as, start, end);
	if (err)
		return err;
	area_set_flags(as, area_covering(as, start), flags);
	mark_entries(as, start, end, lock_flags != 0);
	return 0;
}

/* Pages of [start, end) that are not locked yet. */
static uint64_t pages_unlocked(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *a = area_first_in(as, start, end);
	uint64_t pages = 0;

	for (; a != NULL && a->start < end; a = area_next(a))
		if (!(a->flags & AREA_LOCKED))
			pages += bytes_to_pages(MIN(a->end, end) - MAX(a->start, start));
	return pages;
}

static int lock_limit(struct aspace *as, uint64_t pages)
{
	if (as->cap_ipc_lock)
		return 0;
	if (as->limit.memlock == 0)
		return -EPERM;
	return pages > 0 && as->locked_pages + pages > bytes_to_pages(as->limit.memlock) ? -ENOMEM
											 : 0;
}

/* Holes are skipped when `sparse`, else they end it with -ENOMEM. */
static int lock_locked(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned lock_flags,
		       bool sparse)
{
	virt_addr_t va = start;
	int err = lock_flags ? lock_limit(as, pages_unlocked(as, start, end)) : 0;

	while (va < end && err == 0) {
		struct area *a = area_find(as, va);
		virt_addr_t stop;

		if (a == NULL || a->start >= end)
			return sparse ? 0 : -ENOMEM;
		if (a->start > va && !sparse)
			return -ENOMEM;
		stop = MIN(a->end, end);
		err = lock_area(as, a, MAX(a->start, va), stop, lock_flags);
		va = stop;
	}
	return err;
}

/* Faults in every locked area of [start, end). Where memory ends: -ENOMEM; so it is at areas
 * without rights, and pages beyond a file, unless these are to be left out (`all`: mlockall). */
static int populate_areas(struct aspace *as, virt_addr_t start, virt_addr_t end, bool all)
{
	virt_addr_t va = start;
	int err = 0;

	while (va < end && err == 0) {
		struct area *a;
		virt_addr_t from, stop;
		unsigned flags;

		mutex_lock(&as->mutex);
		a = area_first_in(as, va, end);
		from = a != NULL ? MAX(a->start, va) : end;
		stop = a != NULL ? MIN(a->end, end) : end;
		flags = a != NULL ? a->flags : 0;
		mutex_unlock(&as->mutex);
		if ((flags & AREA_LOCK_BITS) == AREA_LOCKED)
			err = populate_range(as, from, stop, populate_access(flags));
		if (err && err != -ENOMEM && err != -EINTR)
			err = all ? 0 : -ENOMEM;
		va = stop;
	}
	return err;
}

int aspace_lock(struct aspace *as, virt_addr_t addr, uint64_t length, unsigned lock_flags)
{
	virt_addr_t start = addr & PAGE_MASK, end;
	int err;

	if (length == 0)
		return 0;
	if (addr >= USER_TOP || length > USER_TOP - addr)
		return -ENOMEM;
	end = ALIGN_UP(addr + length, PAGE_SIZE);
	mutex_lock(&as->mutex);
	err = lock_locked(as, start, end, lock_flags & AREA_LOCK_BITS, false);
	area_merge_range(as, start, end);
	mutex_unlock(&as->mutex);
	if (err == 0 && lock_flags == AREA_LOCKED)
		err = populate_areas(as, start, end, false);
	return err;
}

/* How far a growing stack is extended when everything is locked: what a real-time task may use
 * below its present frame without a fault. */
#define LOCKED_STACK_ROOM ((uint64_t)128 << 10)

static void grow_stacks(struct aspace *as)
{
	for (struct area *a = area_first(as); a != NULL; a = area_next(a))
		if ((a->flags & AREA_GROWSDOWN) && a->start > USER_MIN + LOCKED_STACK_ROOM)
			(void)!stack_grow(as, a, a->start - LOCKED_STACK_ROOM);
}

int aspace_lock_all(struct aspace *as, unsigned current_flags, unsigned future_flags)
{
	int err = 0;

	mutex_lock(&as->mutex);
	if (current_flags == AREA_LOCKED)
		grow_stacks(as);
	if (current_flags || !future_flags)
		err = lock_locked(as, USER_MIN, USER_TOP, current_flags & AREA_LOCK_BITS, true);
	if (err == 0)
		as->mlock_future = future_flags & AREA_LOCK_BITS;
	area_merge_range(as, USER_MIN, USER_TOP);
	mutex_unlock(&as->mutex);
	if (err == 0 && current_flags == AREA_LOCKED)
		err = populate_areas(as, USER_MIN, USER_TOP, true);
	return err;
}
