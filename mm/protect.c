// SPDX-License-Identifier: MIT
/*
 * mprotect: the area's rights change, then those of the entries that are there. Write is given to
 * an entry only where nobody else uses the page (invariant 8); other pages get it, or a copy, at
 * the next write fault.
 */
#include "mm/aspace_internal.h"

/* Invariant (8), without giving up a swap cache for a write that may never come. */
static bool may_write(struct page *p)
{
	if (p->type != PAGE_ANON || atomic_load(&p->refs) != 1)
		return false;
	if (!page_flag(p, PAGE_DIRTY))
		page_set_flag(p, PAGE_DIRTY);
	return true;
}

/* n entries from `from` on. */
static void protect_table(struct page *table, unsigned from, unsigned n, unsigned prot,
			  struct tlb_batch *b)
{
	/* Pages that become executable may each need instruction cache maintenance. */
	unsigned chunk = prot & PTE_EXEC ? CHUNK_ENTRIES / 4 : CHUNK_ENTRIES, part;

	for (; n > 0; n -= part, from += part) {
		part = MIN(n, chunk);
		pmap_table_lock(table);
		pte_protect_run(pmap_table_entry(table, from), part, prot, may_write, b);
		pmap_table_unlock(table);
	}
}

void protect_entries(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned flags)
{
	unsigned prot = prot_of_flags(flags) | (flags & AREA_WRITE ? PTE_WRITE : 0);
	virt_addr_t va, stop;
	struct tlb_batch b;

	tlb_batch_init(&b, &as->pmap);
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, stop, end)) {
		stop = leaf_end(va, end);
		protect_table(pmap_leaf(&as->pmap, va), leaf_index(va),
			      (unsigned)bytes_to_pages(stop - va), prot, &b);
	}
	tlb_flush(&b);
}

/* May the part [start, end) of a get these rights? */
static int protect_check(struct aspace *as, const struct area *a, uint64_t pages, unsigned flags)
{
	if ((flags & AREA_WRITE) && (a->flags & (AREA_SHARED | AREA_MAY_WRITE)) == AREA_SHARED)
		return -EACCES;
	if ((flags & ~a->flags & AREA_WRITE) &&
	    !(a->flags & (AREA_SHARED | AREA_STACK | AREA_GROWSDOWN)) &&
	    as->data_pages + pages > bytes_to_pages(as->limit.data))
		return -ENOMEM;
	if ((flags & ~a->flags & AREA_LOCKED) && !as->cap_ipc_lock &&
	    as->locked_pages + pages > bytes_to_pages(as->limit.memlock))
		return -ENOMEM;
	return 0;
}

static int protect_area(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
			unsigned prot)
{
	unsigned flags = (a->flags & ~(unsigned)AREA_RIGHTS) | prot;
	uint64_t pages = bytes_to_pages(end - start);
	int err;

	/* Private memory counts as promised from the first time that it is writable. */
	if (flags & ~a->flags & AREA_WRITE)
		flags |= commit_flags(flags) & AREA_ACCOUNT;
	if (flags == a->flags)
		return 0;
	/* mlockall(MCL_FUTURE) leaves out what is mapped without rights until it gets some: a
	 * reservation, a new thread's stack. */
	if (!(a->flags & (AREA_RIGHTS | AREA_LOCK_BITS)) && !(flags & AREA_HUGETLB))
		flags |= as->mlock_future;
	err = protect_check(as, a, pages, flags);
	if (err == 0 && (flags & ~a->flags & AREA_ACCOUNT))
		err = commit_reserve(as, pages, pages);
	if (err == 0)
		err = unshare_range(as, start, end);
	if (err == 0)
		err = area_isolate(as, start, end);
	if (err)
		return err;
	a = area_covering(as, start);
	area_set_flags(as, a, flags);
	/* Shared huge pages are mapped with all the rights of their area at once. */
	if ((flags & (AREA_HUGETLB | AREA_SHARED)) == (AREA_HUGETLB | AREA_SHARED))
		zap_range(as, start, end);
	else
		protect_entries(as, start, end, flags);
	if (end - start >= LEAF_SPAN_BYTES)
		huge_refold(as, start, end);
	return 0;
}

/* Area by area; a hole ends it with -ENOMEM, what comes before stays changed (mprotect(2)). */
static int protect_locked(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned prot)
{
	virt_addr_t va = start;
	int err = 0;

	while (va < end && err == 0) {
		struct area *a = area_covering(as, va);
		virt_addr_t stop;

		if (a == NULL)
			return -ENOMEM;
		stop = MIN(a->end, end);
		err = protect_area(as, a, va, stop, prot);
		va = stop;
	}
	return err;
}

/* With PROT_GROWSDOWN the range begins where its stack does: 0, -ENOMEM, -EINVAL (no stack). */
static int protect_from_start(struct aspace *as, virt_addr_t *addr, virt_addr_t end)
{
	struct area *a = area_first_in(as, *addr, end);

	if (a == NULL)
		return -ENOMEM;
	if (!(a->flags & AREA_GROWSDOWN))
		return -EINVAL;
	*addr = a->start;
	return 0;
}

int aspace_protect(struct aspace *as, virt_addr_t addr, uint64_t length, unsigned prot)
{
	virt_addr_t end;
	bool locked;
	int err = 0;

	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (length == 0)
		return 0;
	if (length > USER_TOP)
		return -ENOMEM;
	length = ALIGN_UP(length, PAGE_SIZE);
	if (!user_pages_ok(addr, length))
		return -ENOMEM;
	end = addr + length;
	aspace_mutex_lock(as);
	if (prot & AREA_GROWSDOWN)
		err = protect_from_start(as, &addr, end);
	if (err == 0)
		err = protect_locked(as, addr, end, prot & AREA_RIGHTS);
	area_merge_range(as, addr, end);
	commit_settle(as);
	locked = as->locked_pages > 0;
	mutex_unlock(&as->mutex);
	/* What could not be there without these rights. Only faults are to be spared: who gets no
	 * memory now has got the rights. */
	if (unlikely(locked) && err == 0 && (prot & AREA_RIGHTS))
		(void)!populate_locked(as, addr, end);
	return err;
}
