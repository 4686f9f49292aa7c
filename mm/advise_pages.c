// SPDX-License-Identifier: MIT
/*
 * The advice of madvise(2) that is about pages and not about areas: that they are not needed soon
 * (COLD, PAGEOUT) or their contents not at all (FREE), that they are needed now (POPULATE_READ,
 * POPULATE_WRITE), that a file's are not needed at all (REMOVE).
 *
 * Pages that others use too are left alone, as in Linux.
 *
 * PAGEOUT takes the pages off their lists, and the page daemon, who alone evicts, takes it from
 * there while the caller waits: a batch at a time, with nothing locked.
 *
 * FREE leaves a page where it is, clean and without a slot, which no other page is: when its turn
 * comes it is dropped (mm/evict.c). Its entry may not write, so the next store faults, finds the
 * page its entry's alone and makes it dirty: from then on it is as any other.
 */
#include "mm/aspace_internal.h"
#include "mm/reclaim_internal.h"

/* Does nobody but this entry, and the cache that p is in, use p? Its table's lock is held. */
static bool page_is_ours(struct page *p)
{
	uint32_t refs = atomic_load(&p->refs);

	if (p->type == PAGE_FILE)
		return refs == 1 && rmap_count(p) == 1;
	return refs == (page_flag(p, PAGE_SWAPCACHE) ? 2 : 1);
}

/* The page of an entry that advice may concern: it is nobody else's. */
static struct page *page_to_advise(struct pte *pte, struct pte_view *v)
{
	pte_view(pte, v);
	return v->state == PTE_PRESENT && !(v->prot & (PTE_SPECIAL | PTE_LOCKED)) &&
			       page_is_ours(v->page)
		       ? v->page
		       : NULL;
}

typedef void (*advise_fn)(struct pte *pte, void *arg);

/* Calls fn for the entries of a chunk that begins at va: returns where it ends. */
static virt_addr_t advise_chunk(struct aspace *as, virt_addr_t va, virt_addr_t end, advise_fn fn,
				void *arg)
{
	virt_addr_t stop = MIN(leaf_end(va, end), va + CHUNK_ENTRIES * PAGE_SIZE);
	struct pte *pte = pmap_entry_lock(&as->pmap, va);

	for (int i = 0; i < (int)bytes_to_pages(stop - va); i++)
		fn(pte_next(pte, i), arg);
	pmap_entry_unlock(pte);
	return stop;
}

/* ---- Not needed soon ---- */

static void cool_entry(struct pte *pte, void *arg)
{
	struct pte_view v;
	struct page *p = page_to_advise(pte, &v);

	(void)arg;
	if (p == NULL)
		return;
	(void)pte_test_clear_young(pte);
	lru_deactivate(p, false);
}

int advise_cold(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	virt_addr_t va;

	if (a->flags & (AREA_LOCKED | AREA_HUGETLB))
		return -EINVAL;
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va, end))
		va = advise_chunk(as, va, end, cool_entry, NULL);
	return 0;
}

struct pageout {
	struct page *pages[EVICT_BATCH];
	unsigned n;
};

static void pageout_entry(struct pte *pte, void *arg)
{
	struct pageout *out = arg;
	struct pte_view v;
	struct page *p = page_to_advise(pte, &v);

	if (p != NULL && lru_isolate_page(p))
		out->pages[out->n++] = p;
}

static void pageout_flush(struct aspace *as, struct pageout *out)
{
	if (out->n == 0)
		return;
	mutex_unlock(&as->mutex); /* the daemon may need what others who want it hold */
	reclaim_pages(out->pages, out->n);
	out->n = 0;
	aspace_mutex_lock_call(as);
}

int advise_pageout(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	struct pageout out = { .n = 0 };
	virt_addr_t va;

	if (a->flags & (AREA_LOCKED | AREA_HUGETLB))
		return -EINVAL;
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end && !task_killed(current());
	     va = pmap_next_leaf(&as->pmap, va, end)) {
		va = advise_chunk(as, va, end, pageout_entry, &out);
		if (out.n + CHUNK_ENTRIES > EVICT_BATCH)
			pageout_flush(as, &out);
	}
	pageout_flush(as, &out);
	return 0;
}

/* ---- Needed soon ---- */

static void want_entry(struct pte *pte, void *arg)
{
	bool *full = arg;
	struct pte_view v;

	pte_view(pte, &v);
	if (v.state == PTE_SWAPPED && !*full)
		*full = !swap_want(v.slot);
}

void advise_want(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	bool full = false;

	for (virt_addr_t va = pmap_next_leaf(&as->pmap, start, end); va < end && !full;
	     va = pmap_next_leaf(&as->pmap, va, end))
		va = advise_chunk(as, va, end, want_entry, &full);
	mutex_unlock(&as->mutex);
	swap_want_go();
	aspace_mutex_lock_call(as);
}

/* ---- Contents not needed ---- */

struct freeing {
	struct page *pages[CHUNK_ENTRIES]; /* clean once the TLBs know that nobody may write */
	unsigned n;
	struct tlb_batch tlbs;
};

static void free_entry(struct pte *pte, void *arg)
{
	struct freeing *f = arg;
	struct pte_view v;
	struct page *p = page_to_advise(pte, &v);

	if (p == NULL || p->type != PAGE_ANON)
		return;
	if (page_flag(p, PAGE_SWAPCACHE) && !swap_cache_detach(p))
		return;
	(void)pte_test_clear_young(pte);
	pte_protect(pte, v.prot & ~(unsigned)(PTE_WRITE | PTE_OWN), &f->tlbs);
	f->pages[f->n++] = p;
}

/* The lock of the entries' table is held: nobody makes them dirty meanwhile. */
static void free_settle(struct freeing *f)
{
	tlb_flush_only(&f->tlbs);
	for (unsigned i = 0; i < f->n; i++) {
		page_clear_flag(f->pages[i], PAGE_DIRTY);
		lru_deactivate(f->pages[i], true);
	}
	vm_count(VM_PGLAZYFREE, f->n);
	f->n = 0;
}

/* A chunk of [va, end) in a leaf table of our own. Returns where it ended. */
static virt_addr_t free_chunk(struct aspace *as, virt_addr_t va, virt_addr_t end, struct freeing *f)
{
	virt_addr_t stop = MIN(leaf_end(va, end), va + CHUNK_ENTRIES * PAGE_SIZE);
	unsigned n = (unsigned)bytes_to_pages(stop - va), swapped = 0;
	struct pte *pte = pmap_entry_lock(&as->pmap, va);

	for (unsigned i = 0; i < n; i++) {
		struct pte_view v;

		pte_view(pte_at(pte, i), &v);
		swapped |= (v.state == PTE_SWAPPED ? 1u : 0) << i;
		free_entry(pte_at(pte, i), f);
	}
	free_settle(f);
	pmap_entry_unlock(pte);
	/* What is in swap goes at once: it costs nothing to do without. */
	for (; swapped != 0; swapped &= swapped - 1)
		zap_table(pmap_leaf(&as->pmap, va),
			  leaf_index(va) + (unsigned)__builtin_ctz(swapped),
			  leaf_index(va) + (unsigned)__builtin_ctz(swapped) + 1, &f->tlbs);
	tlb_flush(&f->tlbs);
	return stop;
}

int advise_free(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	struct freeing f = { .n = 0 };
	virt_addr_t va;

	if ((a->flags & (AREA_LOCKED | AREA_HUGETLB)) || a->object != NULL)
		return -EINVAL;
	tlb_batch_init(&f.tlbs, &as->pmap);
	for (va = pmap_next_leaf(&as->pmap, start, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va, end))
		va = pmap_leaf_shared(&as->pmap, va) && !pmap_leaf_claim(&as->pmap, va)
			     ? leaf_end(va, end)
			     : free_chunk(as, va, end, &f);
	return 0;
}

/* ---- Needed now, or not at all ---- */

int advise_populate(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
		    unsigned access)
{
	int err;

	if (!(a->flags & (access == FAULT_WRITE ? AREA_WRITE : AREA_RIGHTS)))
		return -EINVAL;
	mutex_unlock(&as->mutex);
	err = populate_range(as, start, end, access);
	aspace_mutex_lock_call(as);
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
	/* Who might make it writable may as well do this. */
	if ((a->flags & (AREA_SHARED | AREA_MAY_WRITE)) != (AREA_SHARED | AREA_MAY_WRITE))
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
		huge_object_punch(o, first, last);
	} else {
		object_punch(o, first, last);
	}
	object_put(o);
	aspace_mutex_lock_call(as);
	return err;
}
