// SPDX-License-Identifier: MIT
/*
 * mremap(2): shrink, grow in place, move, or, from an old length of 0, map what is shared once
 * more. Moving carries the entries over: frames, slots and their reverse map follow, nothing is
 * copied and no reference changes. Between two entries under the locks of both leaf tables, taken
 * in order of address; both tables are this address space's own by then, and everybody else only
 * tries these locks.
 */
#include "mm/aspace_internal.h"

#include <linux/mman.h>

/* 0, or -ENOMEM when the reverse map lacks memory: nothing changed. */
static int move_entry(struct pte *from, struct pte *to, struct tlb_batch *b)
{
	struct pte_view v;
	int err;

	pte_view(from, &v);
	if (v.state == PTE_NONE)
		return 0;
	if (v.state == PTE_SWAPPED) {
		pte_clear(from, b);
		pte_enter_slot(to, v.slot);
		return 0;
	}
	/* Objects' pages have no list of entries: those who look for this one come by `to` later
	 * than by `from`. */
	if (!(v.prot & PTE_SPECIAL) && v.page->type == PAGE_ANON) {
		err = rmap_move(v.page, from, to);
		if (err)
			return err;
	}
	/* Stale TLB entries of the old address must be gone before the frame can change hands at
	 * the new one. */
	pte_clear(from, b);
	if (v.prot & PTE_WRITE)
		page_dirty(v.page); /* who cleans it may have missed it on its way */
	pte_enter(to, v.page, v.prot);
	return 0;
}

static void lock_both(struct page *a, struct page *b)
{
	pmap_table_lock(MIN(a, b));
	if (a != b)
		pmap_table_lock(MAX(a, b));
}

static void unlock_both(struct page *a, struct page *b)
{
	if (a != b)
		pmap_table_unlock(MAX(a, b));
	pmap_table_unlock(MIN(a, b));
}

/* Up to n entries that lie under one leaf table on either side; returns how many. The flush comes
 * before the locks go: afterwards the page daemon or copy-on-write may act on the new entry. */
static unsigned move_chunk(struct aspace *as, virt_addr_t from, virt_addr_t to, unsigned n)
{
	struct page *source = pmap_leaf(&as->pmap, from), *target = pmap_leaf(&as->pmap, to);
	struct tlb_batch b;
	unsigned i;

	/* Where both ranges share a leaf table, that may have been linked for the target, after the
	 * source was looked at: it has nothing of the source's. */
	if (target == NULL)
		return n;
	tlb_batch_init(&b, &as->pmap);
	lock_both(source, target);
	for (i = 0; i < n; i++)
		if (move_entry(pmap_table_entry(source, leaf_index(from) + i),
			       pmap_table_entry(target, leaf_index(to) + i), &b))
			break;
	tlb_flush_only(&b);
	unlock_both(source, target);
	return i;
}

/* How many entries from `from` on can be moved in one go. */
static unsigned chunk_size(virt_addr_t from, virt_addr_t to, virt_addr_t end)
{
	uint64_t n = bytes_to_pages(leaf_end(from, end) - from);

	n = MIN(n, bytes_to_pages(leaf_base(to) + LEAF_SPAN_BYTES - to));
	return (unsigned)MIN(n, (uint64_t)CHUNK_ENTRIES);
}

/* Links the tables that the entries of [from, from+length) will need at `to`: 0 or -ENOMEM. */
static int target_tables(struct aspace *as, virt_addr_t from, virt_addr_t to, uint64_t length)
{
	virt_addr_t va, end = from + length;

	for (va = pmap_next_leaf(&as->pmap, from, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va, end)) {
		if (entry_alloc(as, to + (va - from)) == NULL)
			return -ENOMEM;
		va += (virt_addr_t)chunk_size(va, to + (va - from), end) * PAGE_SIZE;
	}
	return 0;
}

/* The reverse map may have to wait for memory, entry by entry. What has not been moved when the
 * task is killed meanwhile goes with the old range: nobody will look for it. */
static void move_entries(struct aspace *as, virt_addr_t from, virt_addr_t to, uint64_t length)
{
	virt_addr_t va, end = from + length;

	for (va = pmap_next_leaf(&as->pmap, from, end); va < end;
	     va = pmap_next_leaf(&as->pmap, va, end)) {
		unsigned n = chunk_size(va, to + (va - from), end);
		unsigned moved = move_chunk(as, va, to + (va - from), n);

		if (moved < n && rmap_reserve() != 0 && task_killed(current()))
			return;
		va += (virt_addr_t)moved * PAGE_SIZE;
	}
}

struct remap {
	struct aspace *as;
	virt_addr_t old, new; /* new: demanded with MREMAP_FIXED */
	uint64_t old_len, new_len;
	unsigned flags;
	struct area *area; /* holds old */
};

static virt_addr_t remap_place(const struct remap *m)
{
	virt_addr_t at;

	if (m->flags & MREMAP_FIXED)
		return m->new;
	/* DONTUNMAP's address is a hint. */
	if ((m->flags & MREMAP_DONTUNMAP) && user_pages_ok(m->new, m->new_len) &&
	    area_first_in(m->as, m->new, m->new + m->new_len) == NULL)
		return m->new;
	at = area_find_gap(m->as, USER_MIN, m->as->mmap_base, m->new_len);
	return at != 0 ? at : area_find_gap(m->as, m->as->mmap_base, USER_TOP, m->new_len);
}

/* Tables on both sides our own and linked, the old range cut out as an area of its own: what can
 * fail. */
static int move_prepare(struct remap *m, virt_addr_t to)
{
	struct aspace *as = m->as;
	int err = unshare_range(as, m->old, m->old + m->old_len);

	if (err == 0)
		err = unshare_edges(as, to, to + m->new_len);
	if (err == 0)
		err = area_isolate(as, m->old, m->old + m->old_len);
	if (err == 0)
		err = target_tables(as, m->old, to, m->old_len);
	return err;
}

/* The old area goes before the new one comes, which might become one with it. With DONTUNMAP it
 * stays, to be filled anew, and is not locked any more. */
static void move_leave(struct remap *m)
{
	struct area *old = area_covering(m->as, m->old);

	if (m->flags & MREMAP_DONTUNMAP) {
		area_set_flags(m->as, old, old->flags & ~(unsigned)AREA_LOCK_BITS);
		return;
	}
	area_remove(m->as, old);
	area_free(old);
	zap_range(m->as, m->old, m->old + m->old_len);
}

/* A failed move leaves tables without an area behind: zap_range frees them. */
static int64_t move(struct remap *m)
{
	struct aspace *as = m->as;
	virt_addr_t to = remap_place(m);
	struct area like = *m->area, *moved;
	int err;

	if (to == 0)
		return -ENOMEM;
	like.offset += bytes_to_pages(m->old - like.start);
	like.start = to;
	like.end = to + m->new_len;
	moved = area_clone(&like);
	if (moved == NULL)
		return -ENOMEM;
	err = move_prepare(m, to);
	if (err) {
		area_free(moved);
		zap_range(as, to, to + m->new_len);
		area_merge_range(as, m->old, m->old + m->old_len);
		return err;
	}
	area_list_join(moved);
	move_entries(as, m->old, to, m->old_len);
	if (like.flags & AREA_HUGETLB)
		hugetlb_moved(as, to, to + m->old_len);
	move_leave(m);
	(void)area_add(as, &like, moved);
	area_merge_range(as, m->old, m->old + m->old_len);
	return (int64_t)to;
}

/* Into the free space right behind: the address, or 0. */
static int64_t grow_in_place(struct remap *m)
{
	struct aspace *as = m->as;
	virt_addr_t end = m->old + m->old_len, new_end = m->old + m->new_len;
	struct area *next = area_next(m->area);

	if (m->area->end != end || (m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) ||
	    new_end > USER_TOP)
		return 0;
	if (next != NULL &&
	    next->start < new_end + (next->flags & AREA_GROWSDOWN ? STACK_GUARD : 0))
		return 0;
	if (unshare_edges(as, end, new_end))
		return -ENOMEM;
	area_resize(as, m->area, m->area->start, new_end);
	(void)area_merge(as, m->area);
	return (int64_t)m->old;
}

/* Do limits and promises have room for what the mapping grows by? */
static int remap_more(struct remap *m)
{
	uint64_t more = m->flags & MREMAP_DONTUNMAP ? m->new_len : m->new_len - m->old_len;
	int err = limits_check(m->as, bytes_to_pages(more), 0, m->area->flags);

	if (err == 0 && (m->area->flags & AREA_ACCOUNT))
		err = commit_reserve(m->as, bytes_to_pages(more), bytes_to_pages(more));
	return err;
}

static int remap_check(struct remap *m)
{
	struct area *a = m->area;

	if (a == NULL || a->end - m->old < m->old_len)
		return -EFAULT;
	if (a->object != NULL &&
	    a->offset + bytes_to_pages(m->old - a->start) + bytes_to_pages(m->new_len) > UINT32_MAX)
		return -EINVAL;
	if (m->new_len > m->old_len || (m->flags & MREMAP_DONTUNMAP))
		return remap_more(m);
	return 0;
}

/* An old length of 0: the object of a shared area, from there on, is mapped at another place
 * too. */
static int64_t duplicate(struct remap *m)
{
	struct aspace *as = m->as;
	struct area like = *m->area;
	virt_addr_t to;
	int err;

	like.offset += bytes_to_pages(m->old - like.start);
	if (like.offset + bytes_to_pages(m->new_len) > UINT32_MAX)
		return -EINVAL;
	if (!(m->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	to = remap_place(m);
	like.start = to;
	like.end = to + m->new_len;
	err = to == 0 ? -ENOMEM : limits_check(as, bytes_to_pages(m->new_len), 0, like.flags);
	if (err == 0 && as->area_count >= READ_ONCE(area_limit))
		err = -ENOMEM;
	if (err == 0)
		err = unshare_edges(as, like.start, like.end);
	if (err == 0 && area_add(as, &like, NULL) == NULL)
		err = -ENOMEM;
	return err ? err : (int64_t)to;
}

/* Makes room: what lies at the new place goes. Where `old` lies is known afresh afterwards. */
static int remap_clear(struct remap *m)
{
	int err = 0;

	if (m->flags & MREMAP_FIXED)
		err = unmap_locked(m->as, m->new, m->new + m->new_len);
	m->area = area_covering(m->as, m->old);
	return err;
}

/* Whole units, which do not become more: their number was promised. */
static int remap_huge(struct remap *m)
{
	m->old_len = ALIGN_UP(m->old_len, HUGE_SIZE);
	m->new_len = ALIGN_UP(m->new_len, HUGE_SIZE);
	if (!IS_ALIGNED(m->old, HUGE_SIZE) || m->new_len > m->old_len ||
	    (m->flags & MREMAP_DONTUNMAP) ||
	    ((m->flags & MREMAP_FIXED) && !IS_ALIGNED(m->new, HUGE_SIZE)))
		return -EINVAL;
	return 0;
}

static int64_t remap_locked(struct remap *m)
{
	int64_t at;
	int err;

	m->area = area_covering(m->as, m->old);
	err = m->area == NULL ? -EFAULT : 0;
	if (err == 0 && (m->area->flags & AREA_HUGETLB))
		err = remap_huge(m);
	if (err == 0 && m->old_len == 0) {
		if (!(m->area->flags & AREA_SHARED) || (m->flags & MREMAP_DONTUNMAP))
			return -EINVAL;
		err = remap_clear(m);
		return err ? err : duplicate(m);
	}
	if (err == 0 && m->new_len < m->old_len) {
		err = unmap_locked(m->as, m->old + m->new_len, m->old + m->old_len);
		m->old_len = m->new_len;
	}
	/* Nothing more to do, whether one area is there or several, as Linux sees it. */
	if (err == 0 && m->new_len == m->old_len && !(m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
		return (int64_t)m->old;
	if (err == 0)
		err = remap_clear(m);
	if (err == 0)
		err = remap_check(m);
	if (err)
		return err;
	at = grow_in_place(m);
	if (at != 0)
		return at;
	return m->flags & MREMAP_MAYMOVE ? move(m) : -ENOMEM;
}

static int arguments_check(const struct remap *m)
{
	if (m->flags & ~(unsigned)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(m->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((m->flags & MREMAP_DONTUNMAP) && m->old_len != m->new_len)
		return -EINVAL;
	if (!user_pages_ok(m->old, MAX(m->old_len, PAGE_SIZE)) || m->new_len == 0)
		return -EINVAL;
	if (m->new_len > USER_TOP - USER_MIN)
		return -ENOMEM;
	if (!(m->flags & MREMAP_FIXED))
		return 0;
	if (m->new < USER_MIN)
		return -EPERM; /* as mmap(2) of it */
	if (!user_pages_ok(m->new, m->new_len) ||
	    (m->new < m->old + m->old_len && m->old < m->new + m->new_len))
		return -EINVAL;
	return 0;
}

int64_t aspace_remap(struct aspace *as, virt_addr_t old, uint64_t old_len, uint64_t new_len,
		     unsigned flags, virt_addr_t new_addr)
{
	struct remap m = { .as = as, .old = old, .new = new_addr, .flags = flags };
	bool populate;
	int64_t at;

	if (old_len > USER_TOP || new_len > USER_TOP)
		return -EINVAL;
	m.old_len = old_len = ALIGN_UP(old_len, PAGE_SIZE);
	m.new_len = new_len = ALIGN_UP(new_len, PAGE_SIZE);
	at = arguments_check(&m);
	if (at < 0)
		return at;
	aspace_mutex_lock_call(as);
	at = remap_locked(&m);
	commit_settle(as);
	populate = at > 0 && new_len > old_len &&
		   (area_covering(as, (virt_addr_t)at)->flags & AREA_LOCK_BITS) == AREA_LOCKED;
	mutex_unlock(&as->mutex);
	if (populate)
		(void)!populate_locked(as, (virt_addr_t)at + old_len, (virt_addr_t)at + new_len);
	return at;
}
