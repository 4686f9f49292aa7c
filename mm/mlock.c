// SPDX-License-Identifier: MIT
/*
 * mlock and its family, and populating. Locking marks the areas, then the entries that are there
 * (PTE_LOCKED, and their pages go to the unevictable list), then faults in what is missing: for
 * writing where the area is writable, so that copy-on-write is over, too, and no fault ever comes
 * again. Leaf tables are unshared first (7).
 *
 * But for writing into files of a disk: the first store after a page was written back has to be
 * told of, so it faults whatever was done here, and who locks a large file does not want all of it
 * written.
 */
#include "mm/aspace_internal.h"

/* What has to be asked for so that no later access of a kind the area allows faults. */
static unsigned populate_access(const struct area *a)
{
	bool tells = (a->flags & AREA_SHARED) && a->object->ops->write_pages;

	return (a->flags & AREA_WRITE) && !tells ? FAULT_WRITE : FAULT_READ;
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
		aspace_mutex_lock_call(as);
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

/* Entries changed under one hold of the table's lock: each page goes to another list, some 280
 * instructions. */
#define MARK_CHUNK 6

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
		virt_addr_t stop = MIN(leaf_end(va, end), va + MARK_CHUNK * PAGE_SIZE);
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

/* Would the limit allow [start, end) to be locked? Holes count as if they were mapped; of all there
 * is (`sparse`), what is mapped. */
static int lock_limit(struct aspace *as, virt_addr_t start, virt_addr_t end, bool sparse)
{
	uint64_t pages = as->total_pages;

	if (as->cap_ipc_lock)
		return 0;
	if (as->limit.memlock == 0)
		return -EPERM;
	if (!sparse)
		pages = as->locked_pages + bytes_to_pages(end - start) -
			pages_mapped(as, start, end, AREA_LOCKED);
	return pages > bytes_to_pages(as->limit.memlock) ? -ENOMEM : 0;
}

/* Holes are skipped when `sparse`, else they end it with -ENOMEM. */
static int lock_locked(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned lock_flags,
		       bool sparse)
{
	virt_addr_t va = start;
	int err = lock_flags ? lock_limit(as, start, end, sparse) : 0;

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
		unsigned flags, access;

		aspace_mutex_lock_call(as);
		a = area_first_in(as, va, end);
		from = a != NULL ? MAX(a->start, va) : end;
		stop = a != NULL ? MIN(a->end, end) : end;
		flags = a != NULL ? a->flags : 0;
		access = a != NULL ? populate_access(a) : 0;
		mutex_unlock(&as->mutex);
		if ((flags & AREA_LOCK_BITS) == AREA_LOCKED)
			err = populate_range(as, from, stop, access);
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
	aspace_mutex_lock_call(as);
	as->nofault &= lock_flags == AREA_LOCKED;
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

int populate_locked(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	return populate_areas(as, start, end, true);
}

int aspace_lock_all(struct aspace *as, unsigned current_flags, unsigned future_flags)
{
	int err = 0;

	aspace_mutex_lock_call(as);
	as->nofault = false;
	if (future_flags && as->limit.memlock == 0 && !as->cap_ipc_lock) {
		mutex_unlock(&as->mutex);
		return -EPERM;
	}
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
	if (err == 0 && current_flags == AREA_LOCKED && future_flags == AREA_LOCKED) {
		aspace_mutex_lock_call(as);
		as->nofault = as->mlock_future == AREA_LOCKED;
		mutex_unlock(&as->mutex);
	}
	return err;
}
