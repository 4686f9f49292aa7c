// SPDX-License-Identifier: MIT
/*
 * The fault path. aspace_fault: area -> rights -> entry, then by the entry's state:
 *
 *    none, anonymous   read: the frame of zeroes     write: a zeroed frame
 *    none, file        fault_file.c
 *    swapped           in the swap cache: enter it   else: drop the mutex, read, come back
 *    present, write    private: the only user writes on, else copy    shared: let through
 *    present           young again, or a stale TLB entry
 *
 * A write under a leaf table that others share parts with it first (share.c).
 *
 * One struct fault carries what has been prepared so far (a frame, a copy, a page that was read); a
 * write prepares what it most likely needs before the table is locked. A step that lacks something
 * unlocks the table, gets it and asks for another look at the entry (-EAGAIN); a step that must
 * read asks for the mutex to be dropped (-EINPROGRESS). Either way everything is decided anew, from
 * the area on if the mutex was dropped, so whatever others did meanwhile is seen. What was prepared
 * in vain is given back at the end.
 *
 * Frames are allocated with the mutex held but never under a table lock: the page daemon needs
 * table locks, not the mutex.
 */
#include "kernel/nofault.h"
#include "mm/aspace_internal.h"
#include "mm/memcg.h"

/* ---- What a fault holds ---- */

int fault_frame(struct fault *f, bool zero)
{
	if (f->copied != NULL) {
		page_put(f->copied);
		f->copied = NULL;
	}
	if (f->frame == NULL) {
		f->frame = page_alloc(ALLOC_USER | ALLOC_GROWS | (zero ? ALLOC_ZERO : 0));
		if (f->frame == NULL)
			return -ENOMEM;
		f->frame_zeroed = zero;
	}
	if (zero && !f->frame_zeroed) {
		hw_clear_page(page_to_virt(f->frame));
		f->frame_zeroed = true;
	}
	return 0;
}

int fault_copy(struct fault *f, struct page *p)
{
	int err = fault_frame(f, false);

	if (err)
		return err;
	hw_copy_page(page_to_virt(f->frame), page_to_virt(p));
	f->frame_zeroed = false;
	page_get(p);
	f->copied = p;
	return 0;
}

void fault_drop_page(struct fault *f)
{
	/* The slot first: dropping the page looks whether it is still named. */
	if (f->slot != 0)
		slot_put(f->slot);
	f->slot = 0;
	if (f->page != NULL)
		page_put(f->page);
	f->page = NULL;
}

void fault_release(struct fault *f)
{
	if (f->page != NULL || f->slot != 0)
		fault_drop_page(f);
	if (f->copied != NULL)
		page_put(f->copied);
	if (f->frame != NULL)
		page_put(f->frame);
}

/* ---- Entries ---- */

struct pte *entry_alloc(struct aspace *as, virt_addr_t va)
{
	struct pte *pte;
	bool shared;

	while (unlikely((pte = pmap_entry(&as->pmap, va, &shared)) == NULL)) {
		struct page *table = page_alloc(ALLOC_USER | ALLOC_ZERO);

		if (table == NULL)
			return NULL;
		pmap_table_add(&as->pmap, va, table);
	}
	return pte;
}

/* The table's lock is held: once it is dropped, only a frame that is on no list yet is sure to
 * stay. */
void fault_mark_locked(const struct fault *f, struct page *p)
{
	if (unlikely(f->area->flags & AREA_LOCKED))
		lru_set_unevictable(p, true);
}

/* f->frame becomes an anonymous page that only this entry will map. */
static struct page *take_frame(struct fault *f, unsigned flags)
{
	struct page *p = f->frame;

	p->type = PAGE_ANON;
	p->flags = (uint16_t)flags; /* nobody else sees it yet */
	f->frame = NULL;
	area_note_anon(f->area);
	return p;
}

static inline unsigned fault_prot(const struct fault *f)
{
	return prot_of_flags(f->area->flags);
}

void fault_enter_anon(struct fault *f, struct pte *pte)
{
	struct page *p = take_frame(f, PAGE_DIRTY);

	rmap_set_first(p, pte);
	pte_enter(pte, p, fault_prot(f) | (f->area->flags & AREA_WRITE ? PTE_WRITE : 0));
	fault_mark_locked(f, p);
	pmap_entry_unlock(pte);
	lru_add(p);
}

int fault_single(struct fault *f, struct pte *pte)
{
	int err;

	if (f->frame != NULL && f->frame_zeroed) {
		fault_enter_anon(f, pte);
		return 0;
	}
	pmap_entry_unlock(pte);
	err = fault_frame(f, true);
	return err ? err : -EAGAIN;
}

static int fault_none(struct fault *f, struct pte *pte)
{
	if (f->area->object != NULL)
		return fault_none_file(f, pte);
	if (!(f->access & FAULT_WRITE)) {
		pte_enter(pte, zero_page, fault_prot(f) | PTE_SPECIAL);
		pmap_entry_unlock(pte);
		return 0;
	}
	if (unlikely(f->area->flags & (AREA_HUGEPAGE | AREA_LOCKED)))
		return huge_run(f, pte);
	return fault_single(f, pte);
}

/* Rule (8): does nobody but this entry use anonymous page p? Its table's lock is held. */
static bool page_sole_user(struct page *p)
{
	uint32_t refs = atomic_load(&p->refs);

	if (refs == 1)
		return true;
	/* Whoever comes by the cache would be counted only when he is there: it looks itself. */
	return refs == 2 && page_flag(p, PAGE_SWAPCACHE) && swap_cache_detach(p);
}

/* Enters swap cache page p, whose reference becomes the entry's. A write to a page that others use
 * too still has to copy it: -EAGAIN, the entry is present now. */
static int enter_swapped(struct fault *f, struct pte *pte, struct page *p, uint32_t slot)
{
	bool write = f->access & FAULT_WRITE, mine;
	unsigned prot = fault_prot(f);
	int err = rmap_add(p, pte);

	if (err) {
		pmap_entry_unlock(pte);
		page_put(p);
		if (f->access & FAULT_PARALLEL) /* may not wait for memory */
			return -ENOMEM;
		return rmap_reserve() ? -ENOMEM : -EAGAIN;
	}
	pte_enter(pte, p, prot);
	slot_put(slot);
	mine = write && page_sole_user(p);
	if (mine) {
		page_set_flag(p, PAGE_DIRTY);
		pte_protect(pte, prot | PTE_WRITE, NULL);
	}
	fault_mark_locked(f, p);
	pmap_entry_unlock(pte);
	return write && !mine ? -EAGAIN : 0;
}

static int fault_swapped(struct fault *f, struct pte *pte, uint32_t slot)
{
	struct page *p;

	if (f->page != NULL && f->slot == slot) {
		p = f->page;
		f->page = NULL;
		slot_put(f->slot); /* the entry's own reference keeps the slot */
		f->slot = 0;
	} else {
		p = swap_cache_lookup(slot);
	}
	if (p != NULL)
		return enter_swapped(f, pte, p, slot);
	slot_get(slot);
	pmap_entry_unlock(pte);
	fault_drop_page(f);
	f->slot = slot;
	return -EINPROGRESS;
}

/* ---- Writing ---- */

/* The entry maps a page it may not write: replaces it by f->frame, which has the contents. */
static void replace_page(struct fault *f, struct pte *pte, const struct pte_view *v)
{
	bool counted = !(v->prot & PTE_SPECIAL);
	struct page *p = take_frame(f, counted ? PAGE_DIRTY | PAGE_HOT : PAGE_DIRTY);

	bool file = counted && v->page->type == PAGE_FILE;

	if (counted && !file) {
		page_set_flag(v->page, PAGE_HOT); /* for the next fork of those who have it */
		rmap_remove(v->page, pte);
	}
	rmap_set_first(p, pte);
	pte_replace(pte, p, fault_prot(f) | PTE_WRITE);
	if (file) /* the TLBs have forgotten it */
		counted = rmap_file_remove(v->page);
	fault_mark_locked(f, p);
	pmap_entry_unlock(pte);
	if (counted)
		page_put(v->page);
	lru_add(p);
	vm_count(VM_COW, 1);
}

static int fault_cow(struct fault *f, struct pte *pte, const struct pte_view *v)
{
	bool zero = v->prot & PTE_SPECIAL, ready;
	int err;

	if (unlikely(v->page->type == PAGE_FILE && (f->area->flags & AREA_HUGETLB))) {
		pmap_entry_unlock(pte);
		return hugetlb_fault(f);
	}
	if (!zero && v->page->type == PAGE_ANON && page_sole_user(v->page)) {
		page_set_flag(v->page, PAGE_DIRTY);
		pte_protect(pte, (v->prot & ~(unsigned)PTE_OWN) | PTE_WRITE, NULL);
		pmap_entry_unlock(pte);
		return 0;
	}
	/* While the entry has a reference, or we, nobody becomes the sole user, so an anonymous
	 * page cannot change under the copy. */
	ready = f->frame != NULL && (zero ? f->frame_zeroed : f->copied == v->page);
	if (!ready && f->frame != NULL && !zero && f->copied == NULL) {
		hw_copy_page(page_to_virt(f->frame), page_to_virt(v->page));
		ready = true;
	}
	if (ready) {
		replace_page(f, pte, v);
		return 0;
	}
	if (!zero)
		page_get(v->page);
	pmap_entry_unlock(pte);
	err = zero ? fault_frame(f, true) : fault_copy(f, v->page);
	if (!zero)
		page_put(v->page);
	return err ? err : -EAGAIN;
}

static int fault_present(struct fault *f, struct pte *pte, const struct pte_view *v)
{
	unsigned needed = PTE_READ;

	if (f->access & FAULT_WRITE) {
		needed |= PTE_WRITE;
		if (!(v->prot & PTE_WRITE)) {
			if (area_is_private(f->area))
				return fault_cow(f, pte, v);
			fault_dirty(f, v->page);
			pte_protect(pte, (v->prot & ~(unsigned)PTE_OWN) | PTE_WRITE, NULL);
			pmap_entry_unlock(pte);
			return 0;
		}
	}
	if (f->access & FAULT_EXEC)
		needed |= PTE_EXEC;
	if (!v->young)
		pte_set_young(pte);
	pmap_entry_unlock(pte);
	(void)pmap_fault_spurious(&f->as->pmap, f->va, needed);
	return 0;
}

/* ---- The driver ---- */

/* The area of the fault, if it allows the access: 0, -EFAULT, -EACCES. */
static int fault_area(struct fault *f)
{
	struct area *a = area_find(f->as, f->va);
	unsigned needed = AREA_RIGHTS;

	if (unlikely(a == NULL))
		return -EFAULT;
	if (unlikely(f->va < a->start) &&
	    (f->access & FAULT_PARALLEL || !(a->flags & AREA_GROWSDOWN) ||
	     stack_grow(f->as, a, f->va)))
		return -EFAULT;
	if (f->access & FAULT_WRITE)
		needed = AREA_WRITE;
	else if (f->access & FAULT_EXEC)
		needed = AREA_EXEC;
	f->area = a;
	return a->flags & needed ? 0 : -EACCES;
}

/* One look at the entry, whose table is locked. */
static int fault_entry(struct fault *f, struct pte *pte)
{
	struct pte_view v;

	pte_view(pte, &v);
	if (v.state == PTE_NONE)
		return fault_none(f, pte);
	if (v.state == PTE_SWAPPED)
		return fault_swapped(f, pte, v.slot);
	return fault_present(f, pte, &v);
}

/* A write: what it most likely needs, before the table's lock is taken. The entry may be something
 * else then, so nothing depends on it. 0, or as the steps. */
static int fault_prepare(struct fault *f, const struct pte *pte)
{
	struct pte_view v;

	if (pte_is_none(pte))
		return f->area->object == NULL ? fault_frame(f, true) : fault_prepare_file(f);
	pte_view(pte, &v);
	if (v.state != PTE_PRESENT || (v.prot & (PTE_WRITE | PTE_OWN)) ||
	    (f->area->flags & (AREA_SHARED | AREA_HUGETLB)))
		return 0;
	if (v.prot & PTE_SPECIAL)
		return fault_frame(f, true);
	return v.page->type == PAGE_FILE || atomic_load(&v.page->refs) > 1 ? fault_frame(f, false)
									   : 0;
}

/* From table to entry, until it is resolved, failed, or must read. While the mutex is held the
 * table stays linked and is not shared anew. */
static int fault_table(struct fault *f)
{
	bool shared;
	struct pte *pte = pmap_entry(&f->as->pmap, f->va, &shared);
	int err;

	if (unlikely(shared) && (f->access & FAULT_WRITE)) {
		if (f->access & FAULT_PARALLEL)
			return -EBUSY;
		err = unshare_table(f->as, f->va);
		if (err)
			return err;
		pte = pmap_entry(&f->as->pmap, f->va, &shared);
	}
	if (unlikely(pte == NULL)) {
		if (f->access & FAULT_PARALLEL)
			return -EBUSY;
		err = huge_fault(f);
		if (err != -EAGAIN)
			return err;
		pte = entry_alloc(f->as, f->va);
		if (pte == NULL)
			return -ENOMEM;
	}
	if (f->access & FAULT_WRITE) {
		err = fault_prepare(f, pte);
		if (err)
			return err;
	}
	do
		pmap_table_lock(pte_table(pte));
	while ((err = fault_entry(f, pte)) == -EAGAIN);
	return err;
}

/* Reads what fault_swapped or fault_none_file asked for, with the mutex dropped. */
static int fault_wait(struct fault *f)
{
	struct object *o = f->object;
	bool major = false;
	int err = 0;

	mutex_unlock(&f->as->mutex);
	if (f->slot != 0) {
		f->page = swap_in(f->slot, &err, &major);
	} else {
		if (f->nahead > 1)
			readahead_fault(o, f->ahead, f->nahead);
		f->page = object_get_page(o, f->index, OBJECT_MAP, &err, &major);
		object_put(o);
		f->object = NULL;
	}
	f->major |= major;
	aspace_mutex_lock(f->as);
	return err;
}

int fault_handle(struct fault *f)
{
	int err;

	for (;;) {
		err = fault_area(f);
		if (err == 0)
			err = fault_table(f);
		if (err != -EINPROGRESS || (f->access & FAULT_PARALLEL))
			return err;
		err = fault_wait(f);
		if (err)
			return err;
	}
}

static enum fault_outcome outcome_of(int err)
{
	switch (err) {
	case 0: return FAULT_RESOLVED;
	case -EFAULT: return FAULT_NOT_MAPPED;
	case -EACCES: return FAULT_PROTECTION;
	case -ENXIO:
	case -ENOSPC: /* a hole, and the file's mount is full */ return FAULT_BEYOND_FILE;
	case -EIO: return FAULT_IO_ERROR;
	default: return FAULT_NO_MEMORY; /* -ENOMEM; -EINTR: killed while waiting */
	}
}

enum fault_outcome aspace_fault(struct aspace *as, virt_addr_t va, unsigned access)
{
	struct task *t = current();
	struct fault f;
	bool nofault;
	int err;

	if (unlikely(va < USER_MIN || va >= USER_TOP))
		return FAULT_NOT_MAPPED;
	if (unlikely(as->parallel) && fault_parallel(as, va, access))
		return FAULT_RESOLVED;
	fault_begin(&f, as, va & PAGE_MASK, access);
	aspace_mutex_lock(as);
	err = fault_handle(&f);
	if (f.major) {
		as->majflt++;
		t->majflt++;
	} else {
		as->minflt++;
		t->minflt++;
	}
	nofault = as->nofault;
	mutex_unlock(&as->mutex);
	if (unlikely(nofault) && err == 0 && task_is_rt(t))
		nofault_broken(va);
	if (f.frame != NULL || f.copied != NULL || f.page != NULL || f.slot != 0)
		fault_release(&f);
	if (unlikely(f.dirtied))
		object_throttle();
	vm_count(VM_PGFAULT, 1);
	if (unlikely(memory_group() != 0))
		memcg_count_fault(f.major);
	if (f.major)
		vm_count(VM_PGMAJFAULT, 1);
	return likely(err == 0) ? FAULT_RESOLVED : outcome_of(err);
}
