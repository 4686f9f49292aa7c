// SPDX-License-Identifier: MIT
/*
 * Life and death of an address space. Two counts: `users` are the tasks that run on it, and when
 * the last one leaves, areas and frames go, in chunks, preemptibly. `refs` keeps the structure and
 * its upper tables for those who only look (/proc, the reaper); the last one frees them. Users hold
 * a reference each.
 *
 * Nobody can start to use an address space whose users reached zero: aspace_use is called by its
 * users alone.
 */
#include "mm/aspace_internal.h"

#include "kernel/lib/string.h"

static struct kmem_cache *aspace_cache;
const struct area_file_ops *area_file_ops;

void aspace_init(void)
{
	area_init();
	aspace_cache = kmem_cache_create("aspace", sizeof(struct aspace), 0);
	if (aspace_cache == NULL)
		panic("no memory for the cache of address spaces");
}

struct aspace *aspace_create(void)
{
	struct aspace *as = kmem_cache_alloc(aspace_cache, ALLOC_USER | ALLOC_ZERO);
	struct page *root;

	if (as == NULL)
		return NULL;
	root = page_alloc(ALLOC_USER | ALLOC_ZERO);
	if (root == NULL) {
		kmem_cache_free(aspace_cache, as);
		return NULL;
	}
	mutex_init(&as->mutex);
	pmap_init(&as->pmap, root);
	as->refs = as->users = 1;
	as->mmap_base = ALIGN_DOWN(USER_TOP / 4 * 3, PAGE_SIZE); /* until exec decides */
	as->limit.as = as->limit.data = as->limit.stack = as->limit.memlock = UINT64_MAX;
	return as;
}

struct aspace *aspace_get(struct aspace *as)
{
	atomic_inc(&as->refs);
	return as;
}

void aspace_put(struct aspace *as)
{
	if (atomic_dec(&as->refs) > 0)
		return;
	ASSERT(as->areas.node == NULL);
	pmap_destroy(&as->pmap, page_put);
	kmem_cache_free(aspace_cache, as);
}

struct aspace *aspace_use(struct aspace *as)
{
	atomic_inc(&as->users);
	return aspace_get(as);
}

/* The last user has gone: nobody faults here any more. */
static void aspace_empty(struct aspace *as)
{
	void *exe_file;
	uint64_t rss;
	bool quiet;

	aspace_mutex_lock(as);
	if (as->hugetlb)
		hugetlb_forgo(hugetlb_promised(as, USER_MIN, USER_TOP));
	quiet = !pmap_loaded(&as->pmap);
	rss = quiet ? zap_all(as) : aspace_rss(as);
	as->peak_rss = MAX(as->peak_rss, rss);
	area_free_all(as);
	if (!quiet)
		zap_range(as, USER_MIN, USER_TOP);
	commit_settle(as);
	as->brk = as->brk_start;
	/* Under the mutex: readers of /proc/PID/exe take their reference there. */
	exe_file = as->exe_file;
	as->exe_file = NULL;
	mutex_unlock(&as->mutex);
	if (exe_file != NULL && area_file_ops != NULL)
		area_file_ops->put(exe_file);
}

uint64_t aspace_unuse(struct aspace *as)
{
	uint64_t peak;

	if (atomic_dec(&as->users) == 0) {
		aspace_empty(as);
		peak = as->peak_rss;
	} else {
		peak = MAX(READ_ONCE(as->peak_rss), aspace_rss(as));
	}
	aspace_put(as);
	return peak;
}

uint64_t aspace_rss(struct aspace *as)
{
	struct pmap_usage usage;

	pmap_usage(&as->pmap, &usage);
	return usage.present;
}

/* ---- Files of areas ---- */

void aspace_set_file_ops(const struct area_file_ops *ops)
{
	area_file_ops = ops;
}

int area_name(const struct area *a, char *buf, size_t size)
{
	const char *name = "";

	if (a->file != NULL && area_file_ops != NULL)
		return area_file_ops->path(a->file, buf, size);
	if (a->flags & AREA_HEAP)
		name = "[heap]";
	else if (a->flags & AREA_STACK)
		name = "[stack]";
	else if (a->flags & AREA_VDSO)
		name = "[vdso]";
	else if (a->flags & AREA_HUGETLB)
		name = "/anon_hugepage (deleted)";
	else if (a->flags & AREA_SHARED)
		name = "/dev/zero (deleted)";
	else if (a->label != NULL)
		return format(buf, size, "[anon:%s]", label_text(a->label));
	return (int)string_copy(buf, name, size);
}

/* ---- Access from outside ---- */

/* Copies up to the end of va's page; the entry is present and allows it. 0: it does not (any more).
 * The table lock is held for one copy of at most a page, so that neither copy-on-write nor the page
 * daemon comes in between. */
static size_t access_page(struct aspace *as, virt_addr_t va, uint8_t *kva, size_t n, bool write)
{
	size_t offset = va & (PAGE_SIZE - 1), done = MIN(n, PAGE_SIZE - offset);
	struct pte *pte = pmap_entry_lock(&as->pmap, va & PAGE_MASK);
	struct pte_view v;

	if (pte == NULL)
		return 0;
	pte_view(pte, &v);
	if (v.state != PTE_PRESENT || !(v.prot & PTE_READ) || (write && !(v.prot & PTE_WRITE)) ||
	    (write && pmap_leaf_shared(&as->pmap, va & PAGE_MASK))) {
		done = 0;
	} else {
		uint8_t *page = page_to_virt(v.page);

		memcpy(write ? page + offset : kva, write ? kva : page + offset, done);
		if (write)
			page_dirty(v.page);
		if (write && (v.prot & PTE_EXEC))
			hw_icache_sync(page + offset, done);
	}
	pmap_entry_unlock(pte);
	return done;
}

COLD int64_t aspace_access(struct aspace *as, virt_addr_t va, void *kva, size_t n, bool write)
{
	struct fault f;
	size_t done = 0, part;
	int err = 0;

	aspace_mutex_lock_call(as);
	while (done < n && va + done >= USER_MIN && va + done < USER_TOP && err == 0) {
		part = access_page(as, va + done, (uint8_t *)kva + done, n - done, write);
		done += part;
		if (part > 0)
			continue;
		fault_begin(&f, as, (va + done) & PAGE_MASK, write ? FAULT_WRITE : FAULT_READ);
		err = fault_handle(&f);
		fault_release(&f);
	}
	mutex_unlock(&as->mutex);
	return done > 0 || n == 0 ? (int64_t)done : -EFAULT;
}

/* ---- The reaper ---- */

/* Private memory in tables of its own is taken back; shared tables would free nothing now. */
static void reap_area(struct aspace *as, struct area *a, void (*step)(void))
{
	uint64_t left = aspace_rss(as);
	virt_addr_t va, stop;
	struct tlb_batch b;

	tlb_batch_init(&b, &as->pmap);
	for (va = pmap_next_leaf(&as->pmap, a->start, a->end); va < a->end;
	     va = pmap_next_leaf(&as->pmap, stop, a->end)) {
		unsigned from = leaf_index(va);

		stop = leaf_end(va, a->end);
		if (!pmap_leaf_shared(&as->pmap, va) || pmap_leaf_claim(&as->pmap, va))
			zap_table(pmap_leaf(&as->pmap, va), from,
				  from + (unsigned)bytes_to_pages(stop - va), &b);
		WRITE_ONCE(as->reaped_pages, as->reaped_pages + (uint32_t)(left - aspace_rss(as)));
		left = aspace_rss(as);
		if (step != NULL)
			step();
	}
	tlb_flush(&b);
}

COLD void aspace_reap(struct aspace *as, void (*step)(void))
{
	struct area *a;

	/* The victim may sleep on memory with the mutex held: its allocations end, as it is
	 * killed. */
	aspace_mutex_lock_call(as);
	as->peak_rss = MAX(as->peak_rss, aspace_rss(as));
	for (a = area_first(as); a != NULL; a = area_next(a))
		if (area_is_private(a) && !(a->flags & AREA_HUGETLB)) {
			reap_area(as, a, step);
			/* Whoever still copies from here for the dying gets an error, not
			 * zeroes. */
			area_set_flags(as, a, a->flags & ~(unsigned)AREA_RIGHTS);
		}
	mutex_unlock(&as->mutex);
}
