// SPDX-License-Identifier: MIT
/*
 * madvise, mincore, msync: what a program says and asks about its pages.
 *
 * Advice that would change nothing here (NORMAL aside) is not accepted: -EINVAL, so
 * that nobody counts on it.
 */
#include "mm/aspace_internal.h"

#include <linux/mman.h>

#include "kernel/lib/string.h"
#include "mm/usercopy.h"

/* ---- madvise ---- */

/* Sets and clears flags on the part [start, end) of a. */
static int change_flags(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
			unsigned set, unsigned clear)
{
	unsigned flags = (a->flags & ~clear) | set;
	int err;

	if (flags == a->flags)
		return 0;
	err = area_isolate(as, start, end);
	if (err == 0)
		area_set_flags(as, area_covering(as, start), flags);
	return err;
}

static int advise_huge(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
		       unsigned set)
{
	if (a->flags & AREA_HUGETLB)
		return -EINVAL;
	return change_flags(as, a, start, end, set, (AREA_HUGEPAGE | AREA_NOHUGEPAGE) & ~set);
}

static int drop_pages(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	int err;

	if (a->flags & AREA_HUGETLB)
		return hugetlb_drop(as, start, end);
	if (a->flags & AREA_LOCKED)
		return -EINVAL;
	err = unshare_edges(as, start, end);
	if (err == 0)
		zap_range(as, start, end);
	return err;
}

/* The mutex is dropped for reading ahead: the area may be gone afterwards. Anonymous pages in swap,
 * private copies among them, are read by a thread. */
static int will_need(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	struct object *o = a->object;
	uint32_t index = area_index(a, start), last = area_index(a, end - PAGE_SIZE);
	bool major;
	int err = 0;

	if (a->flags & AREA_HUGETLB)
		return 0;
	if (o != NULL)
		object_get(o);
	advise_want(as, start, end);
	if (o == NULL)
		return 0;
	mutex_unlock(&as->mutex);
	object_read_ahead(o, index, last - index + 1);
	/* What no disk backs is brought in here. */
	for (; o->ops->read_pages == NULL && index <= last && err == 0; index++) {
		struct page *p = object_get_page(o, index, OBJECT_READ, &err, &major);

		if (p != NULL)
			page_put(p);
	}
	object_put(o);
	aspace_mutex_lock_call(as);
	return err == -EINTR ? err : 0;
}

static int advise_area(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
		       int advice)
{
	switch (advice) {
	case MADV_NORMAL: return change_flags(as, a, start, end, 0, AREA_RANDOM | AREA_SEQUENTIAL);
	case MADV_RANDOM: return change_flags(as, a, start, end, AREA_RANDOM, AREA_SEQUENTIAL);
	case MADV_SEQUENTIAL: return change_flags(as, a, start, end, AREA_SEQUENTIAL, AREA_RANDOM);
	case MADV_DONTFORK: return change_flags(as, a, start, end, AREA_DONTFORK, 0);
	case MADV_DOFORK: return change_flags(as, a, start, end, 0, AREA_DONTFORK);
	case MADV_KEEPONFORK: return change_flags(as, a, start, end, 0, AREA_WIPEONFORK);
	case MADV_HUGEPAGE: return advise_huge(as, a, start, end, AREA_HUGEPAGE);
	case MADV_NOHUGEPAGE: return advise_huge(as, a, start, end, AREA_NOHUGEPAGE);
	case MADV_DONTDUMP: return change_flags(as, a, start, end, AREA_DONTDUMP, 0);
	case MADV_DODUMP: return change_flags(as, a, start, end, 0, AREA_DONTDUMP);
	case MADV_WIPEONFORK:
		if (a->object != NULL || (a->flags & AREA_HUGETLB))
			return -EINVAL;
		return change_flags(as, a, start, end, AREA_WIPEONFORK, 0);
	case MADV_DONTNEED: return drop_pages(as, a, start, end);
	case MADV_FREE: return advise_free(as, a, start, end);
	case MADV_WILLNEED: return will_need(as, a, start, end);
	case MADV_COLD: return advise_cold(as, a, start, end);
	case MADV_PAGEOUT: return advise_pageout(as, a, start, end);
	case MADV_POPULATE_READ: return advise_populate(as, a, start, end, FAULT_READ);
	case MADV_POPULATE_WRITE: return advise_populate(as, a, start, end, FAULT_WRITE);
	case MADV_REMOVE: return advise_remove(as, a, start, end);
	default: return -EINVAL;
	}
}

static bool advice_known(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP: return true;
	default: return false;
	}
}

/* Holes are passed over and reported in the end, as madvise(2) says. */
static int advise_locked(struct aspace *as, virt_addr_t start, virt_addr_t end, int advice)
{
	virt_addr_t va = start;
	bool hole = false;
	int err = 0;

	while (va < end && err == 0) {
		struct area *a = area_find(as, va);
		virt_addr_t from, stop;

		if (a == NULL || a->start >= end)
			return -ENOMEM;
		hole |= a->start > va;
		from = MAX(a->start, va);
		stop = MIN(a->end, end);
		err = advise_area(as, a, from, stop, advice);
		va = stop;
	}
	return err ? err : hole ? -ENOMEM : 0;
}

int aspace_advise(struct aspace *as, virt_addr_t addr, uint64_t length, int advice)
{
	int err;

	if (!advice_known(advice) || !IS_ALIGNED(addr, PAGE_SIZE) || length > USER_TOP)
		return -EINVAL;
	length = ALIGN_UP(length, PAGE_SIZE);
	if (length == 0)
		return 0;
	if (!user_pages_ok(addr, length))
		return addr + length < addr ? -EINVAL : -ENOMEM;
	aspace_mutex_lock_call(as);
	err = advise_locked(as, addr, addr + length, advice);
	area_merge_range(as, addr, addr + length);
	mutex_unlock(&as->mutex);
	return err;
}

/* ---- mincore ---- */

#define INCORE_PIECE 256 /* pages looked at between two copies to the user */

static bool resident(struct aspace *as, struct area *a, virt_addr_t va)
{
	struct pte *pte = pmap_entry_lock(&as->pmap, va);
	struct pte_view v = { .state = PTE_NONE };
	struct page *p = NULL;

	if (pte != NULL) {
		pte_view(pte, &v);
		if (v.state == PTE_SWAPPED)
			p = swap_cache_lookup(v.slot);
		pmap_entry_unlock(pte);
	}
	if (v.state == PTE_NONE && a->object != NULL && !(a->flags & AREA_HUGETLB))
		p = object_lookup(a->object, area_index(a, va));
	if (p != NULL)
		page_put(p);
	return v.state == PTE_PRESENT || p != NULL;
}

/* One piece into vec, up to a hole: how many pages. */
static unsigned incore_piece(struct aspace *as, virt_addr_t start, virt_addr_t end, uint8_t *vec)
{
	unsigned n = 0;

	aspace_mutex_lock_call(as);
	for (virt_addr_t va = start; va < end; va += PAGE_SIZE) {
		struct area *a = area_covering(as, va);

		if (a == NULL)
			break;
		vec[n++] = resident(as, a, va);
	}
	mutex_unlock(&as->mutex);
	return n;
}

int aspace_incore(struct aspace *as, virt_addr_t addr, uint64_t length, virt_addr_t vec)
{
	uint8_t piece[INCORE_PIECE];
	virt_addr_t va, end, stop;
	unsigned n;

	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (length == 0)
		return 0;
	if (length > USER_TOP || !user_pages_ok(addr, ALIGN_UP(length, PAGE_SIZE)))
		return -ENOMEM;
	end = addr + ALIGN_UP(length, PAGE_SIZE);
	for (va = addr; va < end; va = stop) {
		stop = MIN(end, va + INCORE_PIECE * PAGE_SIZE);
		n = incore_piece(as, va, stop, piece);
		if (copy_to_user(vec + bytes_to_pages(va - addr), piece, n))
			return -EFAULT;
		if (n < bytes_to_pages(stop - va))
			return -ENOMEM;
	}
	return 0;
}

/* ---- msync ---- */

/* Writes one area's part back, with the mutex dropped. A file does it itself, which knows what
 * leads to its data on the medium. */
static int sync_area(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	struct object *o = a->object;
	uint32_t first = area_index(a, start), last = area_index(a, end - PAGE_SIZE);
	void *file = a->file;
	int err;

	if (o == NULL || o->ops->write_pages == NULL || !(a->flags & AREA_SHARED))
		return 0;
	object_get(o);
	if (file != NULL)
		area_file_ops->get(file);
	mutex_unlock(&as->mutex);
	if (file != NULL) {
		err = area_file_ops->sync(file, first, last);
		area_file_ops->put(file);
	} else {
		err = object_sync(o, first, last);
	}
	object_put(o);
	aspace_mutex_lock_call(as);
	return err;
}

static int sync_locked(struct aspace *as, virt_addr_t start, virt_addr_t end, int flags)
{
	virt_addr_t va = start;
	bool hole = false;
	int err = 0;

	while (va < end && err == 0) {
		struct area *a = area_find(as, va);
		virt_addr_t from, stop;

		if (a == NULL || a->start >= end)
			return -ENOMEM;
		hole |= a->start > va;
		from = MAX(a->start, va);
		stop = MIN(a->end, end);
		if ((flags & MS_INVALIDATE) && (a->flags & AREA_LOCKED))
			return -EBUSY;
		if (flags & MS_SYNC)
			err = sync_area(as, a, from, stop);
		va = stop;
	}
	return err ? err : hole ? -ENOMEM : 0;
}

int aspace_sync(struct aspace *as, virt_addr_t addr, uint64_t length, int flags)
{
	int err;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC) || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (length == 0)
		return 0;
	if (length > USER_TOP || !user_pages_ok(addr, ALIGN_UP(length, PAGE_SIZE)))
		return -ENOMEM;
	aspace_mutex_lock_call(as);
	err = sync_locked(as, addr, addr + ALIGN_UP(length, PAGE_SIZE), flags);
	mutex_unlock(&as->mutex);
	return err;
}
