// SPDX-License-Identifier: MIT
/*
 * fork(2): the child gets copies of the areas and links to the parent's leaf tables. Per 2 MB that
 * is one link and one read-only bit on either side, however many pages there are; see share.c for
 * what follows.
 *
 * Tables are copied at once, entry by entry, where the two address spaces must differ: a 2 MB range
 * with areas that the child does not get (MADV_DONTFORK), gets empty (MADV_WIPEONFORK), or whose
 * pages are locked in the parent (locks are not inherited, and the parent's entries stay writable:
 * a real-time task may fork and still never fault). They are also copied where that is cheaper than
 * sharing them and parting at the first write, which for stacks and data comes at once: in 2 MB
 * with few pages that can be private. Of these, the pages that a fault had to copy after an earlier
 * fork (PAGE_HOT: stack, data) are copied themselves, as they would be by a fault after this one,
 * unless other threads could write to them meanwhile. Entries of objects' pages are never copied: a
 * fault finds those again.
 *
 * What is cheaper is known from the last time. A table that had hot pages, or had to part, is hot:
 * it is copied again. One that was copied and had none is quiet: it is shared, until it has to
 * part. Of an unknown one only so many pages are copied that it costs little to be wrong: what a
 * fork costs must not depend on whether a large area's edges happen to lie among few pages.
 */
#include "mm/aspace_internal.h"

#include "kernel/lib/string.h"

#define FORKS_HOT  16
#define COPY_FLAGS (AREA_DONTFORK | AREA_WIPEONFORK | AREA_LOCKED)

static int fork_areas(struct aspace *parent, struct aspace *child)
{
	struct area *a, *copy, *last = NULL;
	bool merge = false;

	for (a = area_first(parent); a != NULL; a = area_next(a)) {
		if (a->flags & AREA_DONTFORK)
			continue;
		copy = area_clone(a);
		if (copy == NULL)
			return -ENOMEM;
		copy->flags &= ~(unsigned)(AREA_LOCK_BITS | AREA_HUGE_OWNER);
		area_append(child, copy, last);
		last = copy;
		if (copy->flags != a->flags) /* without these it may equal its neighbours */
			merge = true;
	}
	if (merge)
		area_merge_range(child, USER_MIN, USER_TOP);
	return 0;
}

/* One leaf table of the parent's and what the child gets for it. */
struct forking {
	struct aspace *parent, *child;
	virt_addr_t base;
	struct area *first; /* of the parent's under it */
	struct page *table;
	struct tlb_batch *b;
};

static int child_table_add(const struct forking *f)
{
	struct page *table = page_alloc(ALLOC_USER | ALLOC_ZERO);

	if (table == NULL)
		return -ENOMEM;
	pmap_table_add(&f->child->pmap, f->base, table);
	return 0;
}

/* Pages that can be private under one leaf table up to which it may be copied at once, and those
 * that are there, if it is not known to be worth it. */
#define COPY_AT_ONCE 64
#define COPY_UNKNOWN 16

/* Is table, with so many pages that can be private, one to be copied? Its counts may be late. */
static bool copying_pays(const struct page *table, uint64_t pages)
{
	unsigned here = READ_ONCE(table->u.table.present) - READ_ONCE(table->kinds.file);

	return pages <= COPY_AT_ONCE && !page_flag(table, PAGE_QUIET) &&
	       (here <= COPY_UNKNOWN || page_flag(table, PAGE_HOT));
}

static int copy_table(const struct forking *f)
{
	/* While the only task that could write to them is here. Now and then it must show anew
	 * which are hot. */
	unsigned hot = atomic_load(&f->parent->users) == 1 && f->parent->forks % FORKS_HOT != 0
			       ? COPY_HOT
			       : 0;
	virt_addr_t top = f->base + LEAF_SPAN_BYTES;
	struct page *to;
	int err = 0;

	while ((to = pmap_leaf(&f->child->pmap, f->base)) == NULL)
		if (child_table_add(f))
			return -ENOMEM;
	if (hot)
		page_clear_flag(f->table, PAGE_HOT);
	for (struct area *a = f->first; err == 0 && a != NULL && a->start < top; a = area_next(a))
		if (!(a->flags & (AREA_DONTFORK | AREA_WIPEONFORK)) && area_may_hold_anon(a))
			err = copy_entries(f->table, to, MAX(a->start, f->base), MIN(a->end, top),
					   a->flags | hot, f->b);
	if (hot && !page_flag(f->table, PAGE_HOT) && f->parent->forks > 1)
		page_set_flag(f->table, PAGE_QUIET);
	return err;
}

static int fork_table(struct forking *f)
{
	virt_addr_t top = f->base + LEAF_SPAN_BYTES;
	uint64_t pages = 0;
	unsigned flags = 0;

	f->first = area_first_in(f->parent, f->base, top);
	for (struct area *a = f->first; a != NULL && a->start < top; a = area_next(a)) {
		flags |= a->flags;
		if (area_may_hold_anon(a))
			pages += bytes_to_pages(MIN(a->end, top) - MAX(a->start, f->base));
	}
	if (pages == 0)
		return 0;
	f->table = pmap_leaf(&f->parent->pmap, f->base);
	if ((flags & COPY_FLAGS) || copying_pays(f->table, pages))
		return copy_table(f);
	while (!pmap_uppers_present(&f->child->pmap, f->base))
		if (child_table_add(f))
			return -ENOMEM;
	pmap_share_leaf(&f->parent->pmap, &f->child->pmap, f->base, f->b);
	return 0;
}

static int fork_tables(struct aspace *parent, struct aspace *child)
{
	struct tlb_batch b;
	struct forking f = { .parent = parent, .child = child, .b = &b };
	virt_addr_t va;
	int err = 0;

	tlb_batch_init(&b, &parent->pmap);
	for (va = pmap_next_leaf(&parent->pmap, USER_MIN, USER_TOP); va < USER_TOP && err == 0;
	     va = pmap_next_leaf(&parent->pmap, leaf_end(va, USER_TOP), USER_TOP)) {
		f.base = leaf_base(va);
		err = fork_table(&f);
	}
	/* Also on failure: entries and links have lost rights. */
	tlb_flush(&b);
	return err;
}

static void fork_settings(struct aspace *parent, struct aspace *child)
{
	child->mmap_base = parent->mmap_base;
	child->brk_start = parent->brk_start;
	child->brk = parent->brk;
	child->stack_top = parent->stack_top;
	child->vdso = parent->vdso;
	child->arg_start = parent->arg_start;
	child->arg_end = parent->arg_end;
	child->env_start = parent->env_start;
	child->env_end = parent->env_end;
	child->code_start = parent->code_start;
	child->code_end = parent->code_end;
	child->data_start = parent->data_start;
	child->data_end = parent->data_end;
	child->forked = true;
	child->limit = parent->limit;
	child->cap_ipc_lock = parent->cap_ipc_lock;
	child->cap_sys_admin = parent->cap_sys_admin;
	child->marks = atomic_load(&parent->marks);
	child->hugetlb = parent->hugetlb;
	memcpy(child->auxv, parent->auxv, sizeof(child->auxv));
	child->auxv_len = parent->auxv_len;
	child->exe_file = parent->exe_file;
	if (child->exe_file != NULL && area_file_ops != NULL)
		area_file_ops->get(child->exe_file);
}

struct aspace *aspace_fork(struct aspace *parent)
{
	struct aspace *child = aspace_create();
	int err;

	if (child == NULL)
		return NULL;
	aspace_mutex_lock(parent);
	aspace_mutex_lock(child);
	fork_settings(parent, child);
	parent->forks++;
	parent->shares = child->shares = true;
	err = fork_areas(parent, child);
	/* Each area was asked about when it came; here only the sum counts. */
	if (err == 0)
		err = commit_reserve(child, child->committed, 0);
	if (err == 0)
		err = fork_tables(parent, child);
	mutex_unlock(&child->mutex);
	mutex_unlock(&parent->mutex);
	if (err) {
		aspace_unuse(child);
		return NULL;
	}
	return child;
}
