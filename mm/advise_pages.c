// SPDX-License-Identifier: MIT
/*
 * The advice of madvise(2) that is about pages and not about areas: that they are not needed soon
 * (COLD, PAGEOUT), that they are needed now (POPULATE_READ, POPULATE_WRITE), that a file's are not
 * needed at all (REMOVE).
 *
 * Only the page daemon evicts, so PAGEOUT does not write anything: it puts the pages where eviction
 * begins. Pages that others use too are left alone, as in Linux.
 */
#include "mm/aspace_internal.h"

/* Does nobody but this entry, and the cache that p is in, use p? Its table's lock is held. */
static bool page_is_ours(struct page *p)
{
	uint32_t refs = atomic_load(&p->refs);

	if (p->type == PAGE_FILE)
		return refs == 1 && rmap_count(p) == 1;
	return refs == (page_flag(p, PAGE_SWAPCACHE) ? 2 : 1);
}

static void cool_entry(struct pte *pte, bool oldest)
{
	struct pte_view v;

	pte_view(pte, &v);
	if (v.state != PTE_PRESENT || (v.prot & (PTE_SPECIAL | PTE_LOCKED)) ||
	    !page_is_ours(v.page))
		return;
	(void)pte_test_clear_young(pte);
	lru_deactivate(v.page, oldest);
}

int advise_cold(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end, bool oldest)
{
	virt_addr_t va;

	if (a->flags & (AREA_LOCKED | AREA_HUGETLB))
		return -EINVAL;
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va, end)) {
		virt_addr_t stop = MIN(leaf_end(va, end), va + CHUNK_ENTRIES * PAGE_SIZE);
		struct pte *pte = pmap_entry_lock(&as->pmap, va);

		for (int i = 0; i < (int)bytes_to_pages(stop - va); i++)
			cool_entry(pte_next(pte, i), oldest);
		pmap_entry_unlock(pte);
		va = stop;
	}
	return 0;
}

int advise_populate(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
		    unsigned access)
{
	int err;

	if (!(a->flags & (access == FAULT_WRITE ? AREA_WRITE : AREA_RIGHTS)))
		return -EINVAL;
	mutex_unlock(&as->mutex);
	err = populate_range(as, start, end, access);
	mutex_lock(&as->mutex);
	/* Beyond a file (-ENXIO), unreadable, or unmapped by somebody meanwhile. */
	return err == 0 || err == -ENOMEM || err == -EINTR ? err : -EFAULT;
}

int advise_remove(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	uint32_t first = area_index(a, start), last = area_index(a, end - PAGE_SIZE);
	struct object *o = a->object;
	void *file = a->file;
	int err = 0;

	if (o == NULL || (a->flags & AREA_LOCKED))
		return -EINVAL;
	if ((a->flags & (AREA_SHARED | AREA_WRITE)) != (AREA_SHARED | AREA_WRITE))
		return -EACCES;
	if ((a->flags & AREA_HUGETLB) && !IS_ALIGNED(start | end, HUGE_SIZE))
		return -EINVAL;
	object_get(o);
	if (file != NULL)
		area_file_ops->get(file);
	mutex_unlock(&as->mutex);
	if (file != NULL) {
		err = area_file_ops->punch(file, (uint64_t)first << PAGE_SHIFT, end - start);
		area_file_ops->put(file);
	} else if (object_is_huge(o)) {
		huge_object_cut(o, first, last);
	} else {
		object_punch(o, first, last);
	}
	object_put(o);
	mutex_lock(&as->mutex);
	return err;
}
